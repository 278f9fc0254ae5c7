"""Has a model changed: a two-sided CUSUM per model."""

from __future__ import annotations

import numpy as np

from selector.posteriors._evidence import Cells, Floats

__all__ = ["Cusum"]

_SIGNS = np.array([[1.0], [-1.0]])


class Cusum:
    """Sums of standardised surprises, one up and one down per (seed, model).

    Each judged outcome of a cell with at least 8 outcomes adds
    ``z = clip((r - M) / sd, -3, 3)`` with ``sd^2 = max(M (1 - M), .01) / kappa (1 + 8 / (n + 9))``, M and n of the
    cell before the update; the sums drift down by .35 an outcome and raise an alarm at 12.

    Parameters
    ----------
    n_seeds, n_models
        The shape of the sums.
    drift
        What each sum loses per outcome, in standard deviations.
    alarm
        The height at which it alarms.
    least
        Outcomes a cell needs before it is listened to.

    Attributes
    ----------
    sums
        One for better and one for worse than believed, shape (2, n_seeds, n_models).

    Notes
    -----
    The false-alarm rate holds for outcomes that are independent given the cell; task types that mix an easy and a
    hard population alarm more often.

    References
    ----------
    .. [1] Page (1954). "Continuous inspection schemes." Biometrika 41. https://doi.org/10.2307/2333009

    Examples
    --------
    >>> cusum = Cusum(1, 1)
    >>> cell = Cells(*np.zeros((3, 1), int))
    >>> bad = [cusum.step(cell, np.zeros(1), np.full(1, 0.9), np.full(1, 50.0), np.ones(1))[0] for _ in range(6)]
    >>> bad.index(True)
    4
    """

    __slots__ = ("alarm", "drift", "least", "sums")

    def __init__(
        self, n_seeds: int, n_models: int, *, drift: float = 0.35, alarm: float = 12.0, least: float = 8.0
    ) -> None:
        self.drift, self.alarm, self.least = drift, alarm, least
        self.sums: Floats = np.zeros((2, n_seeds, n_models))

    def step(self, cells: Cells, score: Floats, mean: Floats, n: Floats, kappa: Floats) -> np.ndarray:
        """Listen to outcomes, each of another seed or model; say for each whether its model's alarm rang."""
        sd = np.sqrt(np.maximum(mean * (1 - mean), 0.01) / kappa * (1 + 8 / (n + 9)))
        z = np.clip((score - mean) / sd, -3.0, 3.0)
        heard = n >= self.least
        before = self.sums[:, cells.seed, cells.model]
        after = np.where(heard, np.maximum(before + _SIGNS * z - self.drift, 0.0), before)
        rang: np.ndarray = heard & (after.max(0) > self.alarm)
        self.sums[:, cells.seed, cells.model] = np.where(rang, 0.0, after)
        return rang

    def grow(self, n_models: int) -> None:
        """Make room for more models."""
        more = n_models - self.sums.shape[2]
        self.sums = np.pad(self.sums, ((0, 0), (0, 0), (0, more)))
