"""Random views of a choice, and views taken apart, put together and reordered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from selector.policies import View

__all__ = ["random_view", "reordered", "snapshot", "stacked"]

Floats = NDArray[np.float64]


def random_view(
    rng: np.random.Generator,
    n_arms: int = 5,
    *,
    n_rows: int = 32,
    share_eligible: float = 0.7,
    ties: bool = False,
) -> View:
    """Draw a view of one choice: from next to no evidence to much, from free to dear, with and without a price.

    Parameters
    ----------
    rng
        All the randomness.
    n_arms
        K, >= 1.
    n_rows
        Rows of posterior draws, >= 1.
    share_eligible
        How likely each arm is to be eligible, in [0, 1]; 0: nothing is.
    ties
        Whether arms are alike in pairs, in belief, draws and cost.

    Examples
    --------
    >>> view = random_view(np.random.default_rng(0), 3)
    >>> view.draws.shape, view.cost.shape, view.eligible.tolist()
    ((32, 3), (3,), [True, False, False])
    """
    strength = 10.0 ** rng.uniform(0.3, 4.0, n_arms)
    mean = rng.uniform(0.02, 0.98, n_arms)
    cost = np.where(rng.random(n_arms) < 0.15, 0.0, 10.0 ** rng.uniform(-6.0, 1.0, n_arms))
    twin = np.arange(n_arms) // 2 * 2 if ties else np.arange(n_arms)
    alpha, beta, cost = (strength * mean)[twin], (strength * (1 - mean))[twin], cost[twin]
    typical = max(float(cost.mean()), 1e-9)
    return View(
        belief=lambda: (alpha, beta),
        draws=rng.beta(alpha, beta, (n_rows, n_arms))[:, twin],
        cost=cost,
        eligible=rng.random(n_arms) < share_eligible,
        price=np.asarray(0.0 if rng.random() < 0.3 else 10.0 ** rng.uniform(-2.0, 2.0) / typical),
        worth_usd=np.asarray(typical * 10.0 ** rng.uniform(-1.0, 2.0)),
        n_decisions=float(rng.integers(1, 10_000)),
    )


def reordered(view: View, order: NDArray[np.intp]) -> View:
    """Return the view of one choice with arm ``order[j]`` in place j, in everything that an arm has."""
    alpha, beta = view.belief()
    return replace(
        view,
        belief=lambda: (alpha[order], beta[order]),
        draws=view.draws[:, order],
        cost=view.cost[order],
        eligible=view.eligible[order],
    )


def stacked(views: Sequence[View]) -> View:
    """Return views of one choice each as one view with a leading axis; they share the number of decisions."""
    beliefs = [view.belief() for view in views]
    alpha, beta = np.stack([a for a, _ in beliefs]), np.stack([b for _, b in beliefs])
    return View(
        belief=lambda: (alpha, beta),
        draws=np.stack([view.draws for view in views]),
        cost=np.stack([view.cost for view in views]),
        eligible=np.stack([view.eligible for view in views]),
        price=np.stack([view.price for view in views]),
        worth_usd=np.stack([view.worth_usd for view in views]),
        n_decisions=views[0].n_decisions,
    )


def snapshot(view: View) -> list[Floats]:
    """Copy every array that a view holds."""
    parts = (*view.belief(), view.draws, view.cost, view.eligible, view.price, view.worth_usd)
    return [np.array(part, float) for part in parts]
