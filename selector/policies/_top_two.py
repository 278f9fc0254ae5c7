"""Top-two Thompson sampling: the believed best, and its best rival."""

from __future__ import annotations

import numpy as np

from selector.policies._base import Scored
from selector.policies._view import Floats, View

__all__ = ["TopTwoThompson"]


class TopTwoThompson(Scored):
    """Choose the arm that a draw puts first with probability ``leader``, else the first other arm that a draw prefers.

    It explores more than Thompson sampling where one arm is nearly certain: good for finding out which model is best
    (an evaluation), worse for earning meanwhile. With shares p of rows won, redrawing until another arm wins gives

        P_i = p_i (leader + (1 - leader) sum_{j != i} p_j / (1 - p_j))

    Parameters
    ----------
    leader
        Probability of keeping the leader, in (0, 1].

    Examples
    --------
    >>> view = View.of(alpha=[80.0, 60.0, 10.0], beta=[20.0, 40.0, 90.0], rng=np.random.default_rng(0), n_rows=4096)
    >>> TopTwoThompson().probabilities(view).round(2).tolist()
    [0.5, 0.5, 0.0]

    Notes
    -----
    The posterior converges on the best arm at the optimal rate for the best ``leader`` (for a budget-free problem);
    nothing is proven for a price on dollars.

    References
    ----------
    .. [1] Russo (2020). "Simple Bayesian algorithms for best-arm identification." Operations Research 68(6).
       https://doi.org/10.1287/opre.2019.1911
    """

    name = "top_two"
    explores = True
    uses_draws = True

    def __init__(self, leader: float = 0.5) -> None:
        if not 0 < leader <= 1:
            raise ValueError(f"leader must be in (0, 1], not {leader}")
        self.leader = leader

    def scores(self, view: View) -> Floats:
        """Return the draws."""
        return view.draws

    def mix(self, shares: Floats, view: View) -> Floats:
        """Give the rivals what the leader gives up; an arm that wins every row has no rival and keeps all."""
        del view
        rest = 1 - shares
        sole = rest < 1e-12
        ratio = np.where(sole, 0.0, shares / np.where(sole, 1.0, rest))
        others = ratio.sum(-1, keepdims=True) - ratio
        mixed = shares * (self.leader + (1 - self.leader) * others)
        return np.where(sole.any(-1, keepdims=True), shares, mixed)
