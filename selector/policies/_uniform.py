"""Uniform: any eligible arm."""

from __future__ import annotations

import numpy as np

from selector.policies._base import Scored
from selector.policies._view import Floats, View

__all__ = ["Uniform"]


class Uniform(Scored):
    """Choose every eligible arm equally often; ignore beliefs, costs and prices.

    The baseline that anything must beat, and the log that any policy can be judged from.

    Examples
    --------
    >>> view = View.of(alpha=[8.0, 6.0], beta=[2.0, 4.0], rng=np.random.default_rng(0))
    >>> Uniform().probabilities(view).tolist()
    [0.5, 0.5]

    References
    ----------
    .. [1] Li et al. (2011). "Unbiased offline evaluation of contextual-bandit-based news article recommendation
       algorithms." WSDM. https://doi.org/10.1145/1935826.1935878
    """

    name = "uniform"
    budgeted = False

    def scores(self, view: View) -> Floats:
        """Return nothing to choose by."""
        return np.zeros((*view.eligible.shape[:-1], 1, view.eligible.shape[-1]))

    def mix(self, shares: Floats, view: View) -> Floats:
        """Spread all over the eligible arms."""
        del shares
        spread: Floats = view.eligible / view.eligible.sum(-1, keepdims=True).clip(min=1)
        return spread

    def least(self, view: View) -> Floats:
        """Promise ``1 / n``."""
        least: Floats = 1.0 / view.eligible.sum(-1).clip(min=1)
        return least
