"""What other policies would have earned and spent, estimated from logged decisions, all at once or chunk by chunk."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError
from selector.replay.estimates._columns import Rates, columns_of, layout_of
from selector.replay.estimates._logged import LoggedArrays
from selector.replay.estimates._missing import JudgingRates
from selector.replay.estimates._result import LOGGING, Evaluation, Tally
from selector.replay.estimates._spread import SPREAD, spread_of
from selector.replay.estimates._verdict import LIMITS, Limits
from selector.replay.targets._simple import Target, logging_policy, probabilities_of

__all__ = ["Evaluator", "evaluate"]

Floats = NDArray[np.float64]


class Evaluator:
    """Estimates from a log that comes in pieces; memory does not grow with its length.

    Two things are properties of the whole log and must be known before its first piece: how often outcomes were
    judged, where some were not (`JudgingRates.counted`, a first pass), and where clipped weights are cut. The result
    equals that of one piece to rounding, in any cut and order.

    Parameters
    ----------
    policies
        Names; the logging policy is always evaluated beside them, as ``logging``.
    models, task_types
        Those of every piece.
    clip
        Where `clipped_dr` cuts weights; `evaluate` takes the square root of the number of decisions.
    rates
        How often outcomes were seen; None: all of them.
    limits
        What is asked of a supported estimate.

    Examples
    --------
    >>> import numpy as np
    >>> rng, n = np.random.default_rng(0), 4000
    >>> arm, e = rng.integers(2, size=n), np.full((n, 2), 0.5)
    >>> log = LoggedArrays(
    ...     arm=arm, reward=(rng.random(n) < np.array([0.5, 0.9])[arm]).astype(float),
    ...     cost_usd=np.array([0.01, 0.03])[arm], propensity=np.full(n, 0.5), probabilities=e,
    ...     mean_reward=e, mean_cost_usd=np.full((n, 2), 0.02), type=np.zeros(n, int),
    ...     models=("small", "large"), task_types=("chat",))
    >>> evaluator = Evaluator(["large"], log.models, log.task_types, clip=63.0)
    >>> for _, chunk in log.chunks(1000):
    ...     evaluator.add(chunk, {"large": np.tile([0.0, 1.0], (chunk.n, 1))})
    >>> found = evaluator.result(price=5.0).estimate("large")
    >>> round(found.value, 2), round(found.low, 2), round(found.high, 2), found.verdict.word
    (0.91, 0.89, 0.93, 'supported')
    """

    def __init__(
        self,
        policies: Sequence[str],
        models: Sequence[str],
        task_types: Sequence[str],
        *,
        clip: float,
        rates: JudgingRates | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        self.policies = tuple(policies)
        self.models, self.task_types = tuple(models), tuple(task_types)
        if LOGGING in self.policies or len(set(self.policies)) < len(self.policies):
            raise DataError(f"policies: {list(self.policies)}; give each a name of its own, and none {LOGGING!r}")
        if not clip > 0:
            raise DataError(f"clip: {clip} is not above 0; the square root of the number of decisions is usual")
        self.clip, self.limits = float(clip), limits
        self._rates = Rates(_or_none(rates, 0), _or_none(rates, 1))
        self._layouts = {name: layout_of(self._rates, logging=name == LOGGING) for name in (LOGGING, *self.policies)}
        n_types = len(self.task_types)
        self._tallies = {name: Tally.zero(n_types, len(layout.kept)) for name, layout in self._layouts.items()}
        self._known = True

    def add(self, chunk: LoggedArrays, targets: Mapping[str, Target | Floats]) -> None:
        """Take in a piece of the log.

        Parameters
        ----------
        chunk
            Any number of decisions.
        targets
            Each policy's probabilities of these decisions, or a function that says them.

        Raises
        ------
        DataError
            A value cannot be, the names are others, or outcomes are missing and `rates` was not given.
        """
        chunk = chunk.checked()
        if (chunk.models, chunk.task_types) != (self.models, self.task_types):
            raise DataError(
                f"chunk: its models are {chunk.models} and its task types {chunk.task_types}; "
                f"those before had {self.models} and {self.task_types}: evaluate logs of other names apart"
            )
        if set(targets) != set(self.policies):
            raise DataError(f"targets: {sorted(targets)}; exactly these are needed: {sorted(self.policies)}")
        self._check_missing(chunk)
        self._known &= chunk.known_propensities
        for rows, piece in chunk.chunks():
            for name in (LOGGING, *self.policies):
                target = logging_policy if name == LOGGING else targets[name]
                self._count(name, piece, probabilities_of(target, piece, rows, name))

    def _check_missing(self, chunk: LoggedArrays) -> None:
        for name, rate in zip(("reward", "cost_usd"), self._rates, strict=True):
            if rate is None and np.isnan(getattr(chunk, name).sum()):
                raise DataError(
                    f"{name}: some are missing; count them first and give rates=JudgingRates.counted(chunks)"
                )

    def _count(self, name: str, log: LoggedArrays, p: Floats) -> None:
        tally, e, w = self._tallies[name], log.probabilities, p[np.arange(log.n), log.arm] / log.propensity
        tally.moments.add(columns_of(log, p, self._rates, self.clip, self._layouts[name].kept), log.type)
        for i, (y, rate) in enumerate(zip((log.reward, log.cost_usd), self._rates, strict=True)):
            seen = np.ones(log.n, bool) if rate is None else ~np.isnan(y)
            type_ = log.type[seen]
            weight = w if rate is None else w[seen] / rate[type_, log.arm[seen]]
            np.maximum.at(tally.largest[:, i], type_, weight)
            tally.n_seen[:, i] += np.bincount(type_, minlength=len(tally.n_seen))
        np.maximum.at(tally.largest_raw, log.type, w)
        if name != LOGGING:
            spread = spread_of(log, p, self._rates).reshape(-1, log.n)
            for place, each in enumerate(spread):
                outcome, part = divmod(place, len(SPREAD))
                tally.spread[:, outcome, part] += np.bincount(log.type, each, minlength=len(tally.n_seen))
        for sums, never in ((tally.uncovered, e < self.limits.least_probability), (tally.impossible, e <= 0)):
            if never.any():
                mass = np.einsum("ij,ij->i", p, never)
                sums[:] += np.bincount(log.type, mass, minlength=len(sums))

    def merge(self, other: Evaluator) -> None:
        """Take in what another has added up, of the same policies, models, task types and clip."""
        mine, theirs = ((o.policies, o.models, o.task_types, o.clip) for o in (self, other))
        if mine != theirs:
            raise DataError(f"other: it adds up {theirs}, and this one {mine}; only the same can be merged")
        if self._layouts != other._layouts:
            raise DataError("other: outcomes are missing in one and not in the other; give both the same rates")
        self._known &= other._known
        for name, tally in self._tallies.items():
            tally.merge(other._tallies[name])

    def result(self, *, worth: float | Floats = 1.0, price: float = 0.0, level: float = 0.95) -> Evaluation:
        """Return what was found so far.

        Parameters
        ----------
        worth
            What a success is worth in utility, for all task types or each, shape (n_types,).
        price
            What a dollar takes off the utility; 0: utility is success times worth.
        level
            Of the intervals.

        Raises
        ------
        DataError
            Nothing was added, or nothing of it was judged.
        """
        tally = self._tallies[LOGGING]
        if not tally.moments.n.any():
            raise DataError("the log is empty: there is no decision to estimate from; widen its filters")
        if not tally.n_seen[:, 0].any():
            raise DataError("reward: nan in every row, so nothing is known of success; record judgements first")
        return Evaluation(
            {name: tally.whole(self._layouts[name].place) for name, tally in self._tallies.items()},
            self.task_types,
            worth=np.broadcast_to(np.asarray(worth, float), (len(self.task_types),)),
            price=float(price),
            level=level,
            limits=self.limits,
            clip=self.clip,
            known_propensities=self._known,
        )


def evaluate(
    log: LoggedArrays,
    targets: Mapping[str, Target | Floats],
    *,
    worth: float | Floats = 1.0,
    price: float = 0.0,
    clip: float | None = None,
    limits: Limits = LIMITS,
) -> Evaluation:
    """Estimate what some policies would have earned and spent where another one chose.

    Doubly robust estimates are unbiased where propensities were logged, the means are those believed before each
    decision, and the log has some probability of all that a policy does; what it never tries is told by its mean alone,
    and shows as uncovered. Intervals are normal: right in the limit, and short of it too narrow where few large weights
    carry an estimate, which verdicts look out for. A policy's choices must not change what tasks come, or what a model
    does: the effect of a prompt cache, or of a user who comes back, is not in a log of single decisions. Adaptive
    weights have less spread, and a bias that vanishes as the log grows.

    Parameters
    ----------
    log
        What was logged.
    targets
        Each policy's probabilities, shape (n, n_models), or a function that says them of any piece of the log.
    worth, price
        Utility is worth times success, less price times dollars; worth for all task types or each.
    clip
        Where `clipped_dr` cuts weights; None: the square root of the number of decisions.
    limits
        What is asked of a supported estimate.

    Returns
    -------
    Evaluation
        Estimates, differences from the logging policy, and the frontier.

    Raises
    ------
    DataError
        The log is empty, nothing of it was judged, or a value cannot be; it says which, and what to do.

    Examples
    --------
    >>> from selector.replay.targets._simple import _example, fixed_model
    >>> found = evaluate(_example(), {"small": fixed_model("small")}).estimate("small")
    >>> found.value, found.verdict.word, found.verdict.reasons[0]
    (1.25, 'none', 'its effective sample size is 2, and 30 is the least')
    """
    if not log.n:
        log.checked()
    missing = bool(np.isnan(log.reward).any() or np.isnan(log.cost_usd).any())
    rates = JudgingRates.counted([log.checked()]) if missing else None
    clip = math.sqrt(log.n) if clip is None else clip
    evaluator = Evaluator(list(targets), log.models, log.task_types, clip=clip, rates=rates, limits=limits)
    evaluator.add(log, targets)
    return evaluator.result(worth=worth, price=price)


def _or_none(rates: JudgingRates | None, outcome: int) -> Floats | None:
    """Return the rates of an outcome; None where all of it was seen."""
    if rates is None or (rates.judged, rates.costed)[outcome].sum() == rates.n.sum():
        return None
    return rates.of_success() if outcome == 0 else rates.of_cost()
