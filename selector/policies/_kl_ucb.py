"""KL-UCB: the best upper bound that the evidence does not refute."""

from __future__ import annotations

import numpy as np

from selector.policies._base import Scored
from selector.policies._view import Floats, View

__all__ = ["KLUCB", "kl_upper_bound"]


class KLUCB(Scored):
    """Choose the arm whose largest plausible mean is largest: ``max q with n kl(mean, q) <= ln t``, dollars counted.

    Tighter than UCB1 near 0 and 1, where models that nearly always succeed live. As in `UCB1`, n counts the prior's
    pseudo-outcomes.

    Parameters
    ----------
    c
        Factor on ln t, >= 0; 1 is textbook.

    Examples
    --------
    >>> view = View.of(alpha=[80.0, 6.0], beta=[20.0, 4.0], rng=np.random.default_rng(0))
    >>> view.n_decisions = 100.0
    >>> KLUCB().probabilities(view).tolist()
    [0.0, 1.0]

    Notes
    -----
    Optimal for stationary Bernoulli arms; scores in (0, 1) are covered too, but then it is not the tightest.

    References
    ----------
    .. [1] Garivier, Cappé (2011). "The KL-UCB algorithm for bounded stochastic bandits and beyond." COLT.
       https://proceedings.mlr.press/v19/garivier11a.html
    """

    name = "kl_ucb"

    def __init__(self, c: float = 1.0) -> None:
        if not 0 <= c < np.inf:
            raise ValueError(f"c must be a number >= 0, not {c}")
        self.c = c

    def scores(self, view: View) -> Floats:
        """Return the upper bounds."""
        level = self.c * np.log(max(view.n_decisions, 1.0)) / view.n_believed
        return kl_upper_bound(view.mean, level)[..., None, :]


def kl_upper_bound(mean: Floats, level: Floats) -> Floats:
    """Return the largest q in [mean, 1] with ``kl(mean, q) <= level``, by bisection.

    Examples
    --------
    >>> kl_upper_bound(np.array([0.5]), np.array([0.1])).round(3).tolist()     # 0.1 = ln(1 / (4 q (1 - q))) / 2
    [0.713]
    """
    p = np.clip(mean, 1e-9, 1 - 1e-9)
    low, high = p.copy(), np.ones_like(p)
    for _ in range(32):
        q = (low + high) / 2
        inside = np.clip(q, 1e-12, 1 - 1e-12)
        kl = p * np.log(p / inside) + (1 - p) * np.log((1 - p) / (1 - inside))
        low, high = np.where(kl <= level, q, low), np.where(kl <= level, high, q)
    return low
