"""Epsilon-greedy: the best mean, and now and then any arm."""

from __future__ import annotations

from selector.policies._base import Scored
from selector.policies._view import Floats, View

__all__ = ["EpsilonGreedy"]


class EpsilonGreedy(Scored):
    """Choose the arm with the best posterior mean, and with probability ``epsilon`` any eligible arm, uniformly.

    The baseline that most routers ship. It does not know what it does not know: it tries a hopeless arm as often as a
    promising one, for ever.

    Parameters
    ----------
    epsilon
        In [0, 1].

    Examples
    --------
    >>> import numpy as np
    >>> view = View.of(alpha=[8.0, 6.0], beta=[2.0, 4.0], rng=np.random.default_rng(0))
    >>> EpsilonGreedy(0.1).probabilities(view).round(3).tolist()
    [0.95, 0.05]

    References
    ----------
    .. [1] Sutton, Barto (2018). "Reinforcement learning: an introduction", section 2.2.
       http://incompleteideas.net/book/the-book-2nd.html
    """

    name = "epsilon_greedy"

    def __init__(self, epsilon: float = 0.1) -> None:
        if not 0 <= epsilon <= 1:
            raise ValueError(f"epsilon must be in [0, 1], not {epsilon}")
        self.epsilon = epsilon

    def scores(self, view: View) -> Floats:
        """Return the posterior means."""
        return view.mean[..., None, :]

    def mix(self, shares: Floats, view: View) -> Floats:
        """Spread epsilon over the eligible arms."""
        n = view.eligible.sum(-1, keepdims=True)
        uniform = view.eligible / n.clip(min=1)
        mixed: Floats = (1 - self.epsilon) * shares + self.epsilon * uniform
        return mixed

    def least(self, view: View) -> Floats:
        """Promise ``epsilon / n``."""
        least: Floats = self.epsilon / view.eligible.sum(-1).clip(min=1)
        return least
