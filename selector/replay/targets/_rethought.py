"""Our own policy at what was believed when each decision was made: with models removed, or at another price."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError, UnknownModelError
from selector.replay.estimates._logged import LoggedArrays
from selector.replay.targets._simple import Target
from selector.replay.targets._winning import Sampling, Wins, wins_of

__all__ = ["departure", "named", "ours", "places_of", "prices_of", "sampled", "spread_evenly"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
SAMPLING = Sampling()


def ours(
    *,
    without: Sequence[str] = (),
    price: float | None = None,
    dearer: float = 0.0,
    sampling: Sampling = SAMPLING,
) -> Target:
    """Choose as the selector does, by Thompson sampling, from what it believed when it made each decision.

    Beliefs, expected costs and who was eligible are those of the log, so nothing that came later is in a choice. As
    under a budget, the model is taken whose draw of success, less the price times its expected cost, is the greatest;
    its probability is the share of draws that it wins.

    What is held as it was: the beliefs, which another policy would have formed from other outcomes, and the price path.
    A budget's price answers to what was spent before; here it does not, so that without a model the spend may be
    another (`for_budget` finds the constant that brings it to a given one). Exploration beyond sampling is left out
    unless `sampling` has a floor; so are the prices of other limited resources, what waiting costs, and what rules
    prefer. It is not what the selector does for an objective other than the most success for the budget: `departure`
    shows how far it is from the log.

    Where nothing was published before a decision, as where a rule left no choice, it chooses as was chosen. Where all
    who were eligible are removed, any of the others is taken, which shows as uncovered.

    Parameters
    ----------
    without
        Models that are never chosen.
    price
        Successes per dollar, at every decision; None: as logged with each ("held"), 0 where none was.
    dearer
        What is added to the price, successes per dollar; it may be below 0, the sum never is.
    sampling
        How beliefs are sampled.

    Returns
    -------
    Target
        Of any piece of a log; the same decision has the same probabilities in each.

    Raises
    ------
    DataError
        A number cannot be; and, when it is called, if the log does not say how strong beliefs were.
    UnknownModelError
        When it is called, if a model to be removed is not in the log.

    Examples
    --------
    >>> log = believed_example()
    >>> ours()(log).round(1)                        # .5 for 1 cent, or .9 for 3, where a dollar is worth 5 successes
    array([[0., 1.],
           [1., 0.]])
    >>> ours(dearer=14.0)(log).round(1)
    array([[0.4, 0.6],
           [1. , 0. ]])
    """
    names = named(without)
    if price is not None and not 0 <= price < np.inf:
        raise DataError(f"price: {price} is not at least 0; give successes per dollar, 0 where money does not count")
    if np.isnan(dearer):
        raise DataError("dearer: it is nan; give successes per dollar, such as 20")

    def probabilities(log: LoggedArrays) -> Floats:
        places = places_of(names, log.models)
        strength = _strengths(log)
        held = prices_of(log) if price is None else np.full(log.n, price)
        believed = replace(log, strength=strength, shadow_price=np.maximum(held + dearer, 0.0))
        return sampled(believed, places, wins_of(len(log.models), sampling), _removed(log, places))

    return probabilities


def departure(log: LoggedArrays, target: Target | None = None) -> float:
    """Measure how far a policy's probabilities are from those of the log.

    Where the log was made by the default policy, `ours` departs from it by the noise of the draws of both and by the
    floor: some .03 to .06. Much more says that choices were made for another objective or by another policy, or that
    prices of other resources or rules had a part in them; what `ours` would have earned is then what sampling these
    beliefs would have, and not a change to what was done.

    Parameters
    ----------
    log
        What was logged.
    target
        The policy; None: `ours`.

    Returns
    -------
    float
        How much probability lies elsewhere (the total variation distance), averaged over decisions that had a choice,
        in [0, 1]: the mean of max(0, 1 - p/e) over what was chosen, e its propensity, p the policy's probability.

    Examples
    --------
    >>> departure(believed_example())
    1.0
    """
    own = ours() if target is None else target
    total, n = 0.0, 0
    for _, piece in log.chunks():
        some = piece.take(piece.propensity < 1)
        if some.n:
            p = own(some)[np.arange(some.n), some.arm]
            total += float(np.maximum(1 - p / some.propensity, 0).sum())
            n += some.n
    return total / max(n, 1)


def sampled(log: LoggedArrays, places: Sequence[int], wins: Wins, otherwise: Floats) -> Floats:
    """Choose among the models of which something is believed, by draws less the price times expected cost.

    Parameters
    ----------
    log
        With `strength`, nan where nothing is believed, and `shadow_price`, finite.
    places
        Models that are never chosen.
    wins
        What counts.
    otherwise
        The probabilities where nothing is believed of any that may be chosen; the rest of it is overwritten.
    """
    assert log.strength is not None  # noqa: S101 - said above
    assert log.shadow_price is not None  # noqa: S101 - said above
    may = log.may & ~np.isnan(log.strength)
    may[:, places] = False
    able = np.flatnonzero(may.any(1))
    paid = log.shadow_price[able, None] * log.mean_cost_usd[able]
    p = wins.shares(log.mean_reward[able], log.strength[able], paid, may[able])
    floor = wins.sampling.floor
    otherwise[able] = (1 - floor) * p + floor * spread_evenly(may[able], places) if floor else p
    return otherwise


def places_of(names: Sequence[str], models: Sequence[str]) -> list[int]:
    """Find models that are to be removed.

    Raises
    ------
    UnknownModelError
        One is not there; it names the nearest.
    DataError
        None would be left.
    """
    for name in names:
        if name not in models:
            raise UnknownModelError.of(name, models, key="without")
    places = sorted({list(models).index(name) for name in names})
    if len(places) == len(models):
        raise DataError(f"without: {list(names)} are all models of the log; leave at least one")
    return places


def prices_of(log: LoggedArrays) -> Floats:
    """Return the price logged with each decision, 0 where none was, shape (n,)."""
    return np.zeros(log.n) if log.shadow_price is None else np.nan_to_num(log.shadow_price)


def spread_evenly(may: Bools, places: Sequence[int]) -> Floats:
    """Choose any of those who may, but for some models; where none is left, any but those.

    Examples
    --------
    >>> spread_evenly(np.array([[True, True, False], [True, False, False]]), [0])
    array([[0. , 1. , 0. ],
           [0. , 0.5, 0.5]])
    """
    left = np.array(may)
    left[:, places] = False
    none = np.flatnonzero(~left.any(1))
    left[none] = True
    left[none[:, None], places] = False
    p: Floats = left / left.sum(1, keepdims=True)
    return p


def _removed(log: LoggedArrays, places: Sequence[int]) -> Floats:
    """Choose as was chosen, but never some models."""
    p = np.array(log.probabilities, np.float64)
    if not places:
        return p
    p[:, places] = 0.0
    total = p.sum(1, keepdims=True)
    lost = total[:, 0] <= 0
    p[lost] = spread_evenly(log.may[lost], places)
    p /= np.where(total > 0, total, 1.0)
    return p


def named(without: Sequence[str]) -> tuple[str, ...]:
    """Refuse a text where a list of names is needed."""
    if isinstance(without, str):
        raise DataError(f"without: {without!r} is a text; give the names of models as a list, as [{without!r}]")
    return tuple(without)


def _strengths(log: LoggedArrays) -> Floats:
    if log.strength is None or (np.isnan(log.strength).all() and (log.propensity < 1).any()):
        raise DataError(
            "strength: the log does not say how strong beliefs were, so they cannot be sampled again; of another "
            "program's log take greedy_at(log, row), frozen(mean_reward, mean_cost_usd) with means of an earlier part, "
            "without_model(NAME) or fixed_model(NAME)"
        )
    return log.strength


def believed_example() -> LoggedArrays:
    """Return two decisions between two models with what was believed; the second could not serve the second task."""
    zero = np.zeros(2, np.intp)
    return LoggedArrays(
        arm=zero,
        reward=np.ones(2),
        cost_usd=np.full(2, 0.01),
        propensity=np.array([0.5, 1.0]),
        probabilities=np.array([[0.5, 0.5], [1.0, 0.0]]),
        mean_reward=np.array([[0.5, 0.9], [0.5, 0.9]]),
        mean_cost_usd=np.array([[0.01, 0.03], [0.01, 0.03]]),
        type=zero,
        models=("small", "large"),
        task_types=("chat",),
        strength=np.array([[20.0, 20.0], [20.0, np.nan]]),
        shadow_price=np.array([5.0, 5.0]),
    )
