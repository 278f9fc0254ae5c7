"""Fixed: one arm, else the next of a list."""

from __future__ import annotations

import numpy as np

from selector.policies._base import Scored
from selector.policies._view import Floats, View

__all__ = ["Fixed"]


class Fixed(Scored):
    """Choose the first eligible arm of a list; ignore beliefs, costs and prices.

    What most programs do today, and so what a saving is measured against.

    Parameters
    ----------
    order
        Arms by index, best first. Eligible arms that are not listed serve when none of the listed can.

    Examples
    --------
    >>> view = View.of(alpha=[8.0, 6.0, 5.0], beta=[2.0, 4.0, 5.0], rng=np.random.default_rng(0))
    >>> view.eligible = np.array([True, False, True])
    >>> Fixed(1, 2).probabilities(view).tolist()
    [0.0, 0.0, 1.0]

    Notes
    -----
    As a log it says nothing about the arms it never chose.

    References
    ----------
    .. [1] Dudík et al. (2014). "Doubly robust policy evaluation and optimization." Statistical Science 29(4).
       https://doi.org/10.1214/14-STS500
    """

    name = "fixed"
    budgeted = False

    def __init__(self, *order: int) -> None:
        if not order:
            raise ValueError("fixed needs at least one arm: fixed:MODEL")
        self.order = order

    def scores(self, view: View) -> Floats:
        """Return ranks: the first of the list highest."""
        n_arms = view.eligible.shape[-1]
        rank = np.full(n_arms, 0.0)
        for place, arm in enumerate(self.order):
            rank[arm] = max(rank[arm], float(len(self.order) - place))
        return np.broadcast_to(rank, (*view.eligible.shape[:-1], 1, n_arms))

    def mix(self, shares: Floats, view: View) -> Floats:
        """Take the ranks alone, whatever the price."""
        del shares
        rank = np.where(view.eligible, self.scores(view)[..., 0, :], -1.0)
        first = (rank == rank.max(-1, keepdims=True)) & view.eligible
        chosen: Floats = first / first.sum(-1, keepdims=True).clip(min=1)
        return chosen
