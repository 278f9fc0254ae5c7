"""The shadow price: the smallest at which the policy's own expected spend meets the target."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from selector.policies._base import Policy
from selector.policies._objective import Objective, narrowed
from selector.policies._view import Bools, Floats, View

__all__ = ["PriceSolver", "expected_cost"]

_STEP = 1.12  # how far from the last price the second evaluation looks
_LONGEST = 6.0  # how many such steps one move may take
_FAR = 0.1  # of the target: a price off by less than this is left to the next step
_FEW = 2_000  # rows below which one argmax is quicker than a comparison per model
_FULL, _PRECISION = (
    22,
    1e-3,
)  # evaluations of a whole bisection at most, beyond those that find the bracket; where it stops
_GRID = 40  # prices on the grid where spend is not monotone

Spend = Callable[[Floats], Floats]


def expected_cost(policy: Policy, view: View, objective: Objective, use: Floats | None = None) -> Floats:
    """Return what the policy is expected to spend on each choice, shape (...).

    Where the policy chooses by row only the winners' costs are averaged, model by model, which is several times
    faster than building every arm's probability; both give the same number.

    Parameters
    ----------
    policy, view, objective
        What chooses, what it sees, and what for.
    use
        What each arm takes of another resource, which is added up in place of dollars, shape (..., K).

    Examples
    --------
    >>> from selector.policies._greedy import Greedy
    >>> from selector.policies._objective import MostSuccess
    >>> view = View.of(alpha=[9.0, 6.0], beta=[1.0, 4.0], rng=np.random.default_rng(0), cost=[0.5, 0.1])
    >>> float(expected_cost(Greedy(), view, MostSuccess()))
    0.5
    """
    if not policy.by_row:
        spent: Floats = (policy.probabilities(view, objective) * (view.cost if use is None else use)).sum(-1)
        return spent
    seen = narrowed(objective, view)
    utility = objective.utility(seen.draws, seen)
    amount = seen.cost if use is None else use
    if not seen.eligible.all():
        utility = np.where(seen.eligible[..., None, :], utility, -np.inf)
    if utility.size <= _FEW * utility.shape[-1]:
        won = utility.argmax(-1)[..., None]
        paid = np.take_along_axis(np.broadcast_to(amount[..., None, :], utility.shape), won, -1)[..., 0]
        return np.where(seen.eligible.any(-1), paid.mean(-1), 0.0)
    best = utility[..., 0].copy()
    cost = np.broadcast_to(amount[..., 0, None], best.shape).copy()
    for k in range(1, utility.shape[-1]):
        better = utility[..., k] > best
        np.maximum(best, utility[..., k], out=best)
        np.copyto(cost, amount[..., k, None], where=better)
    mean: Floats = np.where(seen.eligible.any(-1), cost.mean(-1), 0.0)
    return mean


@dataclass(slots=True)
class PriceSolver:
    """Finds the price of every seed at once, and remembers where it was.

    For fixed draws the expected spend falls as the price rises, so that bisection is exact. Between whole bisections
    a few evaluations around the last price follow the slow changes of beliefs and budget. Where spend is not
    monotone in the price (`Objective.monotone`), a grid is scanned for the smallest price that meets the target.

    Parameters
    ----------
    price
        The last price, >= 0, shape (n_seeds,).

    Attributes
    ----------
    low, high, share
        Where beliefs are sharp, spend falls in steps, and no single price meets the target. Choosing at ``low`` with
        probability ``share``, else at ``high``, does: like the optimum of the linear program, which mixes the two
        choices on either side of its price. Shape (n_seeds,).

    Examples
    --------
    >>> solver = PriceSolver(np.zeros(1))
    >>> spend = lambda price: 2.0 / (1 + price)
    >>> solver.solve(spend, target=np.array([0.5]), scale=np.array([1.0])).round(3).tolist()
    [3.002]
    >>> solver.follow(spend, target=np.array([0.45]), scale=np.array([1.0])).tolist(), solver.price.round(1).tolist()
    ([False], [3.4])

    References
    ----------
    .. [1] Jasin, Kumar (2012). "A re-solving heuristic with bounded revenue loss for network revenue management with
       customer choice." Mathematics of Operations Research 37(2). https://doi.org/10.1287/moor.1120.0537
    """

    price: Floats
    low: Floats = field(init=False)
    high: Floats = field(init=False)
    share: Floats = field(init=False)

    def __post_init__(self) -> None:
        self._mix(self.price.copy(), self.price.copy(), np.zeros_like(self.price))

    def solve(self, spend: Spend, target: Floats, scale: Floats) -> Floats:
        """Bisect from nothing.

        Parameters
        ----------
        spend
            Expected spend per request at prices of shape (n_seeds,), the same shape.
        target
            What may be spent per request, USD, shape (n_seeds,).
        scale
            A price that matters: one success over a typical cost, > 0, shape (n_seeds,).
        """
        low, high = np.zeros_like(target), scale * 0.25
        at_low, at_high = spend(low), spend(high)
        free = at_low <= target
        for _ in range(30):
            over = ~free & (at_high > target)
            if not np.count_nonzero(over):
                break
            low, at_low = np.where(over, high, low), np.where(over, at_high, at_low)
            high = np.where(over, high * 4, high)
            at_high = np.where(over, spend(high), at_high)
        for _ in range(_FULL):
            wide = ~free & (high - low > _PRECISION * high)
            if not np.count_nonzero(wide):
                break
            middle = np.where(low > 0, np.sqrt(low * high), high / 2)
            spent = spend(middle)
            up, down = wide & (spent > target), wide & (spent <= target)
            low, at_low = np.where(up, middle, low), np.where(up, spent, at_low)
            high, at_high = np.where(down, middle, high), np.where(down, spent, at_high)
        self.price = np.where(free, 0.0, high)
        self._mix(np.where(free, 0.0, low), self.price, _between(target, at_low, at_high) * ~free)
        return self.price

    def follow(self, spend: Spend, target: Floats, scale: Floats) -> Bools:
        """Move from the last price with two evaluations: a secant step on logarithms, of limited length.

        Returns
        -------
        array
            Where the target lies further away than the longest step, shape (n_seeds,): bisect there.
        """
        least = scale * 1e-4  # a price that moves no choice stands for zero
        here = np.maximum(self.price, least)
        first = spend(here)
        over = first > target
        step = np.where(over, np.log(_STEP), -np.log(_STEP))
        there = here * np.exp(step)
        second = spend(there)
        fell = first - second
        length = np.divide(first - target, fell, out=np.full_like(fell, np.inf), where=np.abs(fell) > 1e-12 * first)
        price = here * np.exp(step * np.clip(length, 0.0, _LONGEST))
        self.price = np.where(price <= least, 0.0, price)
        crossed = over != (second > target)
        share = np.where(over, _between(target, first, second), _between(target, second, first))
        low, high = np.minimum(here, there), np.maximum(here, there)
        self._mix(np.where(crossed, low, self.price), np.where(crossed, high, self.price), share * crossed)
        far = (length > _LONGEST) & (np.abs(first - target) > _FAR * target)
        lost: Bools = far & (over | (here > least))
        return lost

    def scan(self, spend: Spend, target: Floats, scale: Floats) -> Floats:
        """Try a grid of prices and take the smallest that meets the target, else the one that spends least."""
        grid = np.concatenate(([0.0], np.geomspace(1e-3, 1e4, _GRID)))
        spent = np.stack([spend(scale * factor) for factor in grid])
        meets: Bools = spent <= target
        first = np.where(meets.any(0), meets.argmax(0), spent.argmin(0))
        self.price = scale * grid[first]
        self._mix(self.price, self.price, np.zeros_like(target))
        return self.price

    def _mix(self, low: Floats, high: Floats, share: Floats) -> None:
        self.low, self.high, self.share = low, high, share


def _between(target: Floats, over: Floats, within: Floats) -> Floats:
    """Return which share of a mix of two spends is the one over the target, so that the mix meets it, in [0, 1]."""
    gap = over - within
    share = np.divide(target - within, gap, out=np.zeros_like(gap), where=gap > 0)
    return np.clip(share, 0.0, 1.0)
