"""UCB1: the best upper bound."""

from __future__ import annotations

import numpy as np

from selector.policies._base import Scored
from selector.policies._view import Floats, View

__all__ = ["UCB1"]


class UCB1(Scored):
    """Choose the arm with the largest ``mean + c sqrt(2 ln t / n)``, dollars counted.

    Here the mean is the posterior's and n counts the prior's pseudo-outcomes too, so that an arm never tried has a
    finite bound: with a hundred (model, task type) cells, trying each dear one once first is not affordable.

    Parameters
    ----------
    c
        Width of the bound, >= 0; 1 is textbook, less explores less.

    Examples
    --------
    >>> view = View.of(alpha=[80.0, 6.0], beta=[20.0, 4.0], rng=np.random.default_rng(0))
    >>> view.n_decisions = 100.0
    >>> UCB1().probabilities(view).tolist(), UCB1(c=0.1).probabilities(view).tolist()
    ([0.0, 1.0], [1.0, 0.0])

    Notes
    -----
    The logarithmic regret bound is for c = 1 with empirical means of stationary arms, and for no budget. A choice is
    deterministic: it has no propensity to learn from off-line.

    References
    ----------
    .. [1] Auer, Cesa-Bianchi, Fischer (2002). "Finite-time analysis of the multiarmed bandit problem."
       Machine Learning 47. https://doi.org/10.1023/A:1013689704352
    """

    name = "ucb1"

    def __init__(self, c: float = 1.0) -> None:
        if not 0 <= c < np.inf:
            raise ValueError(f"c must be a number >= 0, not {c}")
        self.c = c

    def scores(self, view: View) -> Floats:
        """Return the upper bounds."""
        width = np.sqrt(2 * np.log(max(view.n_decisions, 1.0)) / view.n_believed)
        bound: Floats = (view.mean + self.c * width)[..., None, :]
        return bound
