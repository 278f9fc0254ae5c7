"""Policies frozen at a point of a log: what was believed then, and nothing learnt since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError
from selector.replay.estimates._logged import LoggedArrays
from selector.replay.targets._for_budget import PriceFit, meeting
from selector.replay.targets._rethought import SAMPLING, named, places_of, sampled, spread_evenly
from selector.replay.targets._simple import Target
from selector.replay.targets._winning import Sampling, wins_of

__all__ = ["FrozenPolicy", "frozen_at", "greedy_at", "price_before"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class FrozenPolicy:
    """A policy that goes by what was believed at one point of a log: a `Target`.

    Parameters
    ----------
    row
        It knows what was published with the decisions before this one.
    mean, strength
        What is believed of each model's success and how many outcomes that is worth, nan where nothing is, shape
        (n_types, n_models).
    price
        Successes per dollar.
    models, task_types
        Names.
    without
        Models that are never chosen.
    sampling
        How beliefs are sampled; None: the best mean is taken.
    floor
        Probability that is spread evenly over the eligible models where the best mean is taken.
    fit
        How the price was found; None: it was not solved for a budget.
    """

    row: int
    mean: Floats
    strength: Floats
    price: float
    models: tuple[str, ...]
    task_types: tuple[str, ...]
    without: tuple[str, ...] = ()
    sampling: Sampling | None = None
    floor: float = 0.0
    fit: PriceFit | None = None

    def __call__(self, log: LoggedArrays) -> Floats:
        """Return its probabilities of some decisions, shape (n, n_models)."""
        if (log.models, log.task_types) != (self.models, self.task_types):
            raise DataError(
                f"log: its models are {log.models} and its task types {log.task_types}; the policy was frozen on a log "
                f"with {self.models} and {self.task_types}; load both parts as one log, and cut that"
            )
        places = places_of(self.without, self.models)
        strength = self.strength[log.type]
        mean = np.where(np.isnan(strength), 0.0, self.mean[log.type])
        otherwise = spread_evenly(log.may, places)
        seen = replace(log, mean_reward=mean, strength=strength, shadow_price=np.full(log.n, self.price))
        if self.sampling is None:
            return self._best(seen, places, otherwise)
        return sampled(seen, places, wins_of(len(self.models), self.sampling), otherwise)

    def _best(self, log: LoggedArrays, places: Sequence[int], otherwise: Floats) -> Floats:
        assert log.strength is not None  # noqa: S101 - it was given
        may = log.may & ~np.isnan(log.strength)
        may[:, places] = False
        utility = np.where(may, log.mean_reward - self.price * log.mean_cost_usd, -np.inf)
        best = may & (utility == utility.max(1, keepdims=True))
        able = may.any(1)
        p = best[able] / best[able].sum(1, keepdims=True)
        otherwise[able] = (1 - self.floor) * p + self.floor * spread_evenly(may[able], places)
        return otherwise


def frozen_at(
    log: LoggedArrays,
    row: int,
    *,
    price: float | None = None,
    budget_usd: float | None = None,
    without: Sequence[str] = (),
    sampling: Sampling = SAMPLING,
) -> FrozenPolicy:
    """Choose by Thompson sampling from the beliefs as they stood at a point of the log: what learning since was worth.

    Beliefs are those last published of each task type and model with a decision before the row, and the price is one
    number. Only expected costs go with the decision: a longer task costs more, and what was learnt of tokens since is
    in them. It must be evaluated on later decisions alone, ``log.take(slice(row, None))``: on earlier ones it would
    know what came of them.

    A model of which nothing was published before is not chosen. Where that is so of all who are eligible, as for a task
    type that came later, any of the eligible is, all with the same probability.

    Parameters
    ----------
    log
        The whole log, in the order of time.
    row
        The point: the first decision that the policy makes.
    price
        Successes per dollar; None: the last one logged before the row.
    budget_usd
        Dollars per decision; the price is then the one at which the policy is expected to spend that on the contexts
        *before* the row, so that it could have been known. Where later tasks are others, so is the spend.
    without
        Models that are never chosen.
    sampling
        How beliefs are sampled.

    Returns
    -------
    FrozenPolicy
        A target, with its beliefs and its price.

    Raises
    ------
    DataError
        There is nothing before the row or after it, the log does not say how strong beliefs were, both a price and a
        budget are given, or the budget is below what the cheapest models cost.
    UnknownModelError
        A model to be removed is not in the log.

    Examples
    --------
    >>> from selector.replay.targets._rethought import believed_example
    >>> policy = frozen_at(believed_example(), 1)
    >>> policy.price, policy(believed_example().take(slice(1, None)))
    (5.0, array([[1., 0.]]))
    """
    _check(log, row)
    strength = log.strength
    if strength is None or np.isnan(strength[:row]).all():
        raise DataError(
            f"strength: the log does not say how strong beliefs were before row {row}, so they cannot be sampled; take "
            "greedy_at(log, row), which needs means alone, a later row, or fixed_model(NAME)"
        )
    policy = _believed(log, row, ~np.isnan(strength), without)
    return _priced(replace(policy, sampling=sampling), log, price, budget_usd)


def greedy_at(
    log: LoggedArrays,
    row: int,
    *,
    price: float | None = None,
    budget_usd: float | None = None,
    without: Sequence[str] = (),
    floor: float = 0.0,
) -> FrozenPolicy:
    """Choose the best believed success less the price times expected cost, by beliefs as they stood at a point.

    As `frozen_at`, but nothing is sampled: every task of a type goes to one model, unless its length moves its cost.
    Ties are shared. Where the log has no beliefs, as another program's, the running means of its outcomes stand in.

    Parameters
    ----------
    log, row, price, budget_usd, without
        As of `frozen_at`.
    floor
        Probability that is spread evenly over the eligible models, in [0, 1].

    Returns
    -------
    FrozenPolicy
        A target, with its beliefs and its price.

    Raises
    ------
    DataError
        As of `frozen_at`, or the floor is not in [0, 1].
    UnknownModelError
        A model to be removed is not in the log.

    Examples
    --------
    >>> from selector.replay.targets._rethought import believed_example
    >>> policy, log = greedy_at(believed_example(), 1, price=30.0), believed_example()
    >>> policy(log), greedy_at(log, 1, price=10.0)(log)
    (array([[1., 0.],
           [1., 0.]]), array([[0., 1.],
           [1., 0.]]))
    """
    _check(log, row)
    if not 0 <= floor <= 1:
        raise DataError(f"floor: {floor} is not in [0, 1]; the selector's own is .02")
    known = np.ones(log.mean_reward.shape, bool)
    if log.strength is not None and not np.isnan(log.strength[:row]).all():
        known = ~np.isnan(log.strength)
    return _priced(replace(_believed(log, row, known, without), floor=floor), log, price, budget_usd)


def price_before(log: LoggedArrays, row: int) -> float:
    """Return the last price logged before a row, in successes per dollar; 0 where none was.

    Examples
    --------
    >>> from selector.replay.targets._rethought import believed_example
    >>> price_before(believed_example(), 1), price_before(believed_example(), 0)
    (5.0, 0.0)
    """
    if log.shadow_price is None:
        return 0.0
    known = np.flatnonzero(~np.isnan(log.shadow_price[:row]))
    return float(log.shadow_price[known[-1]]) if len(known) else 0.0


def _check(log: LoggedArrays, row: int) -> None:
    if not 0 < row < log.n:
        raise DataError(
            f"row: {row} does not cut the log's {log.n:,} decisions in two; give one from 1 to {log.n - 1}, half-way "
            f"is {log.n // 2}"
        )


def _believed(log: LoggedArrays, row: int, known: NDArray[np.bool_], without: Sequence[str]) -> FrozenPolicy:
    """Take what was last published of each task type and model before a row."""
    names = named(without)
    places_of(names, log.models)
    shape = (len(log.task_types), len(log.models))
    last = np.full(shape, -1)
    rows, models = np.nonzero(known[:row])
    last[log.type[rows], models] = rows  # rows rise, so the last one stays
    some, k = last >= 0, np.arange(shape[1])
    strength = np.ones_like(log.mean_reward) if log.strength is None else log.strength
    found = {"mean": log.mean_reward[last, k], "strength": np.nan_to_num(strength[last, k], nan=1.0)}
    found = {name: np.where(some, each, np.nan) for name, each in found.items()}
    return FrozenPolicy(**found, row=row, price=0.0, models=log.models, task_types=log.task_types, without=names)


def _priced(policy: FrozenPolicy, log: LoggedArrays, price: float | None, budget_usd: float | None) -> FrozenPolicy:
    if price is not None and budget_usd is not None:
        raise DataError(f"price: {price}, and budget_usd: {budget_usd}; give one of them, since each says the other")
    if price is not None and not 0 <= price < np.inf:
        raise DataError(f"price: {price} is not at least 0; give successes per dollar, 0 where money does not count")
    if budget_usd is None:
        return replace(policy, price=price_before(log, policy.row) if price is None else float(price))

    def at(dearer: float) -> Target:
        return replace(policy, price=dearer)

    fit = meeting(at, log.take(slice(0, policy.row)), budget_usd, lowest=0.0)
    return replace(policy, price=fit.dearer, fit=fit)
