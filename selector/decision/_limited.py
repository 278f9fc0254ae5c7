"""A resource that is limited beside the dollars of all work: what each model takes of it, and its price."""

from __future__ import annotations

from typing import Protocol

import numpy as np

from selector.decision._setup import Setup
from selector.policies import PriceSolver, View, expected_cost
from selector.posteriors import Floats, Seeds

__all__ = ["Case", "Limited", "Target"]

_MOST = 1e6  # of a price that matters: where two limits cannot both be met, neither price grows for ever
_FORCED = 0.1  # of what may be taken, exploration's part at most


class Target(Protocol):
    """Says how much of a resource may be taken per request."""

    def target(self) -> Floats:
        """Return what the next request may take on average, shape (n_seeds,)."""


class Limited:
    """One resource over one part of the work, as tokens of some models or dollars at one provider, and its price.

    What a call takes is linear in the output tokens that are believed, as its cost is. The price of each such resource
    is solved in turn given all others, as that of a dollar is. Where spend falls in steps, the two prices on either
    side of the target are in force by turns, from one refresh to the next.

    Parameters
    ----------
    label
        What it is called, as the budget that is tightest.
    pacer
        What may be taken per request, of all requests.
    shape
        (n_seeds, n_types, n_models).

    Attributes
    ----------
    per_token, fixed
        What a call takes for each output token, and besides, shape (n_types, n_models); 0 where it is not counted.
    use
        What a call is expected to take, shape (n_seeds, n_types, n_models).
    price
        What one more unit is worth now, in the objective's unit, shape (n_seeds,).

    Examples
    --------
    >>> from selector.budgets import PerRequest
    >>> calls = Limited("calls", PerRequest(0.1, 1), (1, 1, 2))
    >>> calls.charge(np.zeros((1, 2)), np.array([[0.0, 1.0]])); calls.measure(np.full((1, 1, 2), 500.0), slice(None))
    >>> calls.use.tolist(), calls.price.tolist()
    ([[[0.0, 1.0]]], [0.0])
    """

    __slots__ = ("_turn", "fixed", "label", "pacer", "per_token", "price", "solver", "use")

    def __init__(self, label: str, pacer: Target, shape: tuple[int, int, int]) -> None:
        seeds, types, models = shape
        self.label, self.pacer = label, pacer
        self.per_token: Floats = np.zeros((types, models))
        self.fixed: Floats = np.zeros((types, models))
        self.use: Floats = np.zeros(shape)
        self.solver = PriceSolver(np.zeros(seeds))
        self.price: Floats = np.zeros(seeds)
        self._turn: Floats = np.zeros(seeds)

    def charge(self, per_token: Floats, fixed: Floats) -> None:
        """Take in what calls take today, shape (n_types, n_models) each."""
        self.per_token, self.fixed = per_token, fixed

    def grow(self, n_types: int) -> None:
        """Make room for more task types, which count as the last one did until `charge` says otherwise."""
        more = ((0, n_types - len(self.fixed)), (0, 0))
        self.per_token, self.fixed = np.pad(self.per_token, more, "edge"), np.pad(self.fixed, more, "edge")
        self.use = np.pad(self.use, ((0, 0), *more), "edge")

    def measure(self, tokens: Floats, seeds: Seeds) -> None:
        """Work out what calls of some seeds are expected to take, from output tokens (..., n_types, n_models)."""
        self.use[seeds] = tokens * self.per_token + self.fixed

    def toll(self, seeds: Seeds) -> Floats:
        """Return what its use takes off the utility, shape (..., n_types, n_models)."""
        toll: Floats = self.price[seeds][..., None, None] * self.use[seeds]
        return toll

    def thin(self, f: Floats, q: Floats, weight: Floats, seeds: Seeds) -> tuple[Floats, Floats]:
        """Keep exploration to a tenth of what may be taken: what is not counted is explored in its place.

        Parameters
        ----------
        f, q
            How often a draw is forced, shape (..., n_types), and from what, shape (..., n_types, n_models).
        weight
            How common each type is, summing to one, shape (..., n_types).
        seeds
            Which.

        Returns
        -------
        tuple
            f and q anew.
        """
        use = self.use[seeds]
        forced = (weight * f * (q * use).sum(-1)).sum(-1)
        most = _FORCED * np.maximum(self.pacer.target()[seeds], 0.0)
        less = np.where(forced > most, most / np.where(forced > 0, forced, 1.0), 1.0)
        if (less == 1).all():
            return f, q
        kept = np.where(use > 0, q * less[..., None, None], q)
        total, left = q.sum(-1), kept.sum(-1)
        anew = np.where(left[..., None] > 0, kept / np.where(left > 0, left, 1.0)[..., None], q)
        return f * left / np.where(total > 0, total, 1.0), anew

    def forced(self, f: Floats, q: Floats, weight: Floats, seeds: Seeds) -> Floats:
        """Return what exploration is expected to take per request, shape (...)."""
        forced: Floats = (weight * f * (q * self.use[seeds]).sum(-1)).sum(-1)
        return forced

    def solve(self, case: Case, target: Floats, seeds: Seeds, *, whole: bool) -> None:
        """Find the price of some seeds given all other prices.

        Parameters
        ----------
        case
            What the policy sees, at the prices of everything else.
        target
            What it may take per request, shape (...).
        seeds
            Which.
        whole
            Whether to bisect from nothing.
        """
        use, weight, others = self.use[seeds], case.weight, case.view.toll

        def taken(price: Floats) -> Floats:
            toll = price[:, None, None] * use
            case.view.toll = toll if others is None else others + toll
            return case.taken(use)

        least = np.where(case.view.eligible, use, np.inf).min(-1)
        target = np.maximum(target, (weight * np.where(np.isfinite(least), least, 0.0)).sum(1) * 1.0001)
        scale = case.scale(use)
        solver = PriceSolver(self.solver.price[seeds])
        if whole:
            solver.solve(taken, target, scale)
        else:
            lost = solver.follow(taken, target, scale)
            if lost.any():
                solver.solve(taken, target, scale)
        case.view.toll = others
        low, high = np.minimum(solver.low, _MOST * scale), np.minimum(solver.high, _MOST * scale)
        self.solver.price[seeds] = np.minimum(solver.price, _MOST * scale)
        turn = self._turn[seeds] + solver.share
        self.price[seeds] = np.where(turn >= 1, low, high)
        self._turn[seeds] = turn % 1.0


class Case:
    """What solvers see of some seeds: the policy's view, how common each type is, and the prices of a dollar."""

    __slots__ = ("_objective", "_policy", "_worth", "dollars", "view", "weight")

    def __init__(self, setup: Setup, view: View, weight: Floats, dollars: PriceSolver) -> None:
        worth = np.ones(weight.shape[1]) if setup.worth_usd is None else setup.worth_usd
        self._policy, self._objective, self.view, self.weight = setup.policy, setup.objective, view, weight
        self._worth: Floats = np.maximum((weight * worth).sum(1), 1e-12)
        self.dollars = dollars

    def spend(self, price: Floats, use: Floats | None = None) -> Floats:
        """Return what a request is expected to cost, or to take of a resource, at prices of a dollar, shape (...)."""
        self.view.price = price[:, None]
        spent: Floats = (self.weight * expected_cost(self._policy, self.view, self._objective, use)).sum(1)
        return spent

    def taken(self, use: Floats) -> Floats:
        """Return what a request is expected to take of a resource at the two prices of a dollar, shape (...)."""
        low, high, share = self.dollars.low, self.dollars.high, self.dollars.share
        at_high = self.spend(high, use)
        return at_high if not share.any() else share * self.spend(low, use) + (1 - share) * at_high

    def scale(self, use: Floats | None = None) -> Floats:
        """Return a price that matters, > 0, shape (...): one success, or its worth, over a typical use."""
        cost = np.maximum((self.weight * self.view.cost.mean(-1)).sum(1), 1e-12)
        if use is None:
            return self._objective.price_scale(cost, self._worth)
        typical = np.maximum((self.weight * use.mean(-1)).sum(1), 1e-12)
        return self._objective.price_scale(typical, self._worth) if self._objective.monotone else cost / typical
