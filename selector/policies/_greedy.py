"""Greedy: always the best mean."""

from __future__ import annotations

from selector.policies._base import Scored
from selector.policies._view import Floats, View

__all__ = ["Greedy"]


class Greedy(Scored):
    """Choose the arm with the best posterior mean, dollars counted; never explore.

    What a table of averages would do. It can settle on the wrong arm for ever, because it never tries the others
    again.

    Examples
    --------
    >>> import numpy as np
    >>> view = View.of(alpha=[8.0, 6.0, 8.0], beta=[2.0, 4.0, 2.0], rng=np.random.default_rng(0))
    >>> Greedy().probabilities(view).tolist()
    [0.5, 0.0, 0.5]

    References
    ----------
    .. [1] Sutton, Barto (2018). "Reinforcement learning: an introduction", section 2.2.
       http://incompleteideas.net/book/the-book-2nd.html
    """

    name = "greedy"

    def scores(self, view: View) -> Floats:
        """Return the posterior means."""
        return view.mean[..., None, :]
