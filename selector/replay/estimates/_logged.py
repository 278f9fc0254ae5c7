"""Logged bandit feedback as plain arrays: what estimators read, checked once, cut into pieces."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError

__all__ = ["LoggedArrays"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_PER_ROW = ("arm", "reward", "cost_usd", "propensity", "probabilities", "mean_reward", "mean_cost_usd", "type")
_WIDE = ("probabilities", "mean_reward", "mean_cost_usd")
_AS_THEY_ARE = ("eligible", "strength", "shadow_price")
_SUM_TOLERANCE = 1e-6  # of probabilities that were written down with single precision


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedArrays:
    """Decisions with what came of them, one row each, in the order in which they were made.

    The unit is the decision: its first arm, the success of the decision, the cost of all its attempts. Means are what
    the logging policy believed *before* the decision; estimates are unbiased under adaptive logging only because
    nothing that came later is in them.

    Parameters
    ----------
    arm
        Index of the chosen model, shape (n,).
    reward
        Success in [0, 1], nan where nobody judged, shape (n,).
    cost_usd
        Dollars of all attempts, nan where unknown, shape (n,).
    propensity
        Probability with which the arm was chosen, in (0, 1], shape (n,).
    probabilities
        The logging policy's probabilities of all models, shape (n, n_models).
    mean_reward, mean_cost_usd
        What was expected of each model when the decision was made, finite, shape (n, n_models).
    type
        Index of each decision's task type, shape (n,).
    models, task_types
        Names.
    eligible
        Which models could have been chosen, shape (n, n_models); None: those with a probability above 0. A model that
        could serve may have none: where a budget is tight, nothing is explored.
    strength
        How many outcomes what was believed of each model was worth, its prior included, nan where nothing was
        published, shape (n, n_models); with the means it gives the beliefs back. None: unknown.
    shadow_price
        Successes that a dollar more was worth at each decision, nan where unknown, shape (n,). None: unknown.
    known_propensities
        False: they were estimated afterwards; nothing then is called supported.
    corrected
        True: rewards are corrected scores (`human_corrected`), which may lie outside [0, 1].

    Examples
    --------
    >>> wide = np.full((3, 2), 0.5)
    >>> log = LoggedArrays(
    ...     arm=np.array([0, 1, 1]), reward=np.array([1.0, 0.0, np.nan]), cost_usd=np.array([0.1, 0.2, 0.2]),
    ...     propensity=np.full(3, 0.5), probabilities=wide, mean_reward=wide, mean_cost_usd=wide,
    ...     type=np.zeros(3, int), models=("small", "large"), task_types=("chat",))
    >>> log.checked().n, log.take(np.array([True, False, True])).n
    (3, 2)
    """

    arm: Ints
    reward: Floats
    cost_usd: Floats
    propensity: Floats
    probabilities: Floats
    mean_reward: Floats
    mean_cost_usd: Floats
    type: Ints
    models: tuple[str, ...]
    task_types: tuple[str, ...]
    eligible: NDArray[np.bool_] | None = None
    strength: Floats | None = None
    shadow_price: Floats | None = None
    known_propensities: bool = True
    corrected: bool = False

    @property
    def n(self) -> int:
        """How many decisions there are."""
        return len(self.arm)

    def take(self, rows: NDArray[np.bool_] | Ints | slice) -> LoggedArrays:
        """Keep some decisions; a slice copies nothing."""
        given = [name for name in _AS_THEY_ARE if getattr(self, name) is not None]
        return replace(self, **{name: getattr(self, name)[rows] for name in (*_PER_ROW, *given)})

    @property
    def may(self) -> NDArray[np.bool_]:
        """Which models could have been chosen, shape (n, n_models)."""
        return self.probabilities > 0 if self.eligible is None else self.eligible

    def chunks(self, size: int = 16_384) -> Iterator[tuple[slice, LoggedArrays]]:
        """Cut the log into pieces that share its memory, with where each is."""
        for begin in range(0, self.n, size):
            rows = slice(begin, min(begin + size, self.n))
            yield rows, self.take(rows)

    def checked(self) -> LoggedArrays:
        """Check every value; numbers are brought to double precision, arms and types to indices.

        Returns
        -------
        LoggedArrays
            This very log where nothing had to be changed.

        Raises
        ------
        DataError
            A shape or a value cannot be; it says which row, and what to do.
        """
        if not self.n:
            raise DataError("the log is empty: there is no decision to estimate from; widen its filters")
        if len(self.models) < 2:
            raise DataError(f"models: only one arm, {self.models}; there is no other policy to compare with")
        self._check_shapes()
        log = self._brought_to_type()
        _check_indices(log)
        _check_probabilities(log)
        _check_outcomes(log)
        return log

    def _check_shapes(self) -> None:
        n, k = self.n, len(self.models)
        for name in _PER_ROW:
            wanted = (n, k) if name in _WIDE else (n,)
            shape = np.shape(getattr(self, name))
            if shape != wanted:
                raise DataError(f"{name}: its shape is {shape}, and {wanted} is needed: {n} decisions, {k} models")
        for name, wanted in (("strength", (n, k)), ("shadow_price", (n,))):
            value = getattr(self, name)
            if value is not None and value.shape != wanted:
                raise DataError(f"{name}: its shape is {value.shape}, and {wanted} is needed, or None")
        if self.eligible is not None and (self.eligible.shape != (n, k) or self.eligible.dtype != bool):
            raise DataError(f"eligible: true or false is needed for each of {n} decisions and {k} models")

    def _brought_to_type(self) -> LoggedArrays:
        changed: dict[str, Any] = {}
        for field in fields(self):
            if field.name in _PER_ROW:
                value = getattr(self, field.name)
                same = np.asarray(value, np.intp if field.name in {"arm", "type"} else np.float64)
                if field.name in {"arm", "type"} and not np.array_equal(same, value):
                    raise DataError(f"{field.name}: not whole numbers; give indices of names")
                if same is not value:
                    changed[field.name] = same
        return replace(self, **changed) if changed else self


def _check_indices(log: LoggedArrays) -> None:
    for name, names, what in (("arm", log.models, "models"), ("type", log.task_types, "task types")):
        value = getattr(log, name)
        _refuse((value < 0) | (value >= len(names)), name, value, f"an index of one of {len(names)} {what}")


def _check_probabilities(log: LoggedArrays) -> None:
    p, e = log.propensity, log.probabilities
    remedy = "above 0 and at most 1; leave out decisions whose probability was not logged, or estimate it"
    _refuse(~((p > 0) & (p <= 1 + _SUM_TOLERANCE)), "propensity", p, remedy)
    total = e @ np.ones(e.shape[1])
    off = ~(np.abs(total - 1.0) <= _SUM_TOLERANCE)
    _refuse(off, "probabilities", total, "a sum of 1 over the models, 0 where one was not eligible", "sum to")
    if e.min() < 0:
        _refuse(e.min(1) < 0, "probabilities", e.min(1), "at least 0")
    if log.eligible is not None:
        never = np.asarray(~log.eligible.any(1) | ((e > 0) & ~log.eligible).any(1))
        _refuse(
            never,
            "eligible",
            never.astype(np.intp),
            "0, that is: every model with a probability is eligible, and one at least",
        )
    own = e[np.arange(log.n), log.arm]
    off = np.abs(own - p) > _SUM_TOLERANCE
    _refuse(off, "propensity", p, "the chosen arm's own entry in probabilities; log both from one decision")


def _check_outcomes(log: LoggedArrays) -> None:
    reward, cost = log.reward, log.cost_usd
    if log.corrected:
        _refuse(np.isinf(reward), "reward", reward, "a finite score, or nan where nobody judged")
    else:
        _refuse((reward < 0) | (reward > 1), "reward", reward, "in [0, 1], or nan where nobody judged")
    _refuse((cost < 0) | np.isinf(cost), "cost_usd", cost, "at least 0, or nan where unknown")
    for name in ("mean_reward", "mean_cost_usd"):
        value = getattr(log, name)
        if not np.isfinite(value.sum()):
            bad = ~np.isfinite(value).all(1)
            remedy = "finite for every model; where nothing was believed, give any one number, such as 0.5"
            _refuse(bad, name, value.sum(1), remedy)


def _refuse(bad: NDArray[np.bool_], name: str, value: Floats | Ints, remedy: str, verb: str = "is") -> None:
    """Raise for the first row that is bad."""
    count = int(np.count_nonzero(bad))
    if count:
        row = int(bad.argmax())
        more = f" (and {count - 1} more rows)" if count > 1 else ""
        raise DataError(f"{name}: row {row} {verb} {value[row].item()}{more}; it must be {remedy}")
