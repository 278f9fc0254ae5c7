"""The price at which a policy is expected to spend what a budget gives, found from what was believed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from selector.errors import DataError
from selector.replay.estimates._logged import LoggedArrays
from selector.replay.targets._rethought import SAMPLING, ours, prices_of
from selector.replay.targets._simple import Target
from selector.replay.targets._winning import Sampling

__all__ = ["PriceFit", "for_budget", "meeting"]

_ROWS = 20_000  # decisions whose expected costs are enough to solve a price from
_CLOSE = 1e-3  # of the budget
_STEPS = 60
_DEAR = 1e12  # a price of some typical costs at which only cost counts


class PriceFit(NamedTuple):
    """What is added to a price so that a policy is expected to spend what a budget gives.

    Examples
    --------
    >>> print(PriceFit(dearer=12.5, believed_usd=0.02, budget_usd=0.02, binds=True, least_usd=0.01))
    a price of 12.5 successes per dollar more brings the expected cost to $0.02 per decision
    """

    dearer: float
    """Successes per dollar, below 0 where the budget is above what was spent."""
    believed_usd: float
    """What a decision is then expected to cost, on average."""
    budget_usd: float
    """What it may cost."""
    binds: bool
    """False: at a price of 0 it costs less already; `dearer` then brings every price to 0."""
    least_usd: float
    """What it would cost where only cost counted."""

    def __str__(self) -> str:
        if not self.binds:
            return (
                f"even at a price of 0, ${self.believed_usd:.4g} per decision is expected to be spent: "
                f"the budget of ${self.budget_usd:.4g} does not bind"
            )
        more = "more" if self.dearer >= 0 else "less"
        return (
            f"a price of {abs(self.dearer):.4g} successes per dollar {more} brings the expected cost to "
            f"${self.believed_usd:.4g} per decision"
        )


def for_budget(
    log: LoggedArrays,
    budget_usd: float,
    *,
    without: Sequence[str] = (),
    price: float | None = None,
    sampling: Sampling = SAMPLING,
) -> PriceFit:
    """Find what must be added to the price path so that `ours` is expected to cost a given sum per decision.

    One constant is added to the logged path, which keeps its shape: the live price would also have answered to what was
    spent so far, hour by hour, and beliefs would have become others. It is found from all contexts of the log, so that
    it knows the whole period's mix of tasks, which the live selector has to forecast. What is met is the *expected*
    cost, as believed before each decision; what was really paid may be another, and shows in the estimate. Of a log of
    more than 20,000 decisions, that many are looked at, evenly spaced.

    Parameters
    ----------
    log
        With beliefs.
    budget_usd
        Dollars per decision, on average.
    without, price, sampling
        As of `ours`.

    Returns
    -------
    PriceFit
        Its `dearer` is what `ours` takes. Where one price moves many choices at once, the expected cost is the nearest
        one below the budget.

    Raises
    ------
    DataError
        The budget is not above 0, or below what the cheapest eligible models cost; it says what these cost.

    Examples
    --------
    >>> from selector.replay.targets._rethought import believed_example
    >>> log = believed_example()
    >>> fit = for_budget(log, 0.015)
    >>> spent = (ours(dearer=fit.dearer)(log) * log.mean_cost_usd).sum(1).mean()
    >>> round(fit.believed_usd, 3), round(float(spent), 3)
    (0.015, 0.015)
    >>> for_budget(log, 0.005)
    Traceback (most recent call last):
    selector.errors.DataError: budget_usd: 0.005 per decision is below what the cheapest eligible models cost, 0.01...
    """
    held = prices_of(log) if price is None else np.full(1, price)

    def policy(dearer: float) -> Target:
        return ours(without=without, price=price, dearer=dearer, sampling=sampling)

    return meeting(policy, log, budget_usd, lowest=-float(held.max(initial=0.0)))


def meeting(policy: Callable[[float], Target], log: LoggedArrays, budget_usd: float, *, lowest: float) -> PriceFit:
    """Find the least price at which a policy is expected to cost no more than a budget.

    Parameters
    ----------
    policy
        By what is added to the price; its cost must not rise with it.
    log
        The contexts.
    budget_usd
        Dollars per decision.
    lowest
        What is added where money does not count, at most 0.
    """
    if not 0 < budget_usd < math.inf:
        raise DataError(f"budget_usd: {budget_usd} is not above 0; give dollars per decision, such as 0.01")
    some = log.take(np.linspace(0, log.n - 1, _ROWS).astype(np.intp)) if log.n > _ROWS else log

    def over(dearer: float) -> float:
        return _expected_usd(policy(dearer), some) - budget_usd

    scale = 1 / max(float(some.mean_cost_usd.mean()), 1e-12)
    least = over(_DEAR * scale)
    if least > 1e-6 * budget_usd:
        raise DataError(
            f"budget_usd: {budget_usd:g} per decision is below what the cheapest eligible models cost, "
            f"{least + budget_usd:.4g} on average; give at least that"
        )
    free = over(lowest)
    if free <= 0:
        return PriceFit(lowest, free + budget_usd, budget_usd, binds=False, least_usd=least + budget_usd)
    at = _root(over, (lowest, free), scale, _CLOSE * budget_usd)
    return PriceFit(at[0], at[1] + budget_usd, budget_usd, binds=True, least_usd=least + budget_usd)


def _expected_usd(target: Target, log: LoggedArrays) -> float:
    """Return what a decision is expected to cost on average."""
    total = sum(float((target(piece) * piece.mean_cost_usd).sum()) for _, piece in log.chunks())
    return total / log.n


def _root(over: Callable[[float], float], low: tuple[float, float], scale: float, close: float) -> tuple[float, float]:
    """Find where a falling function reaches 0, or the nearest place beyond it, and its value there.

    Each step goes where a line through both ends does, the stale end's value halved (the Illinois rule); each third
    one to the middle, for steps in the function.
    """
    width = scale / 4
    high = (0.0, over(0.0)) if low[0] < 0 else (low[0], low[1])
    while high[1] > 0 and width < _DEAR * scale:
        low, at = high, high[0] + width
        high, width = (at, over(at)), width * 4
    kept = [low[1], high[1]]
    for step in range(_STEPS):
        if abs(high[1]) <= close or high[0] - low[0] <= 1e-5 * max(abs(high[0]), 1e-3 * scale):
            break
        if abs(low[1]) <= close:
            return low
        share = 0.5 if step % 3 == 2 else kept[0] / (kept[0] - kept[1])
        at = low[0] + min(max(share, 0.01), 0.99) * (high[0] - low[0])
        value = over(at)
        if value > 0:
            low, kept = (at, value), [value, kept[1] / 2]
        else:
            high, kept = (at, value), [kept[0] / 2, value]
    return high
