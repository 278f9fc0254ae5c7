"""Has a model changed: a two-sided CUSUM per model."""

from __future__ import annotations

import numpy as np

from selector.posteriors._evidence import Cells, Floats

__all__ = ["Cusum"]


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

    __slots__ = ("alarm", "down", "drift", "least", "up")

    def __init__(
        self, n_seeds: int, n_models: int, *, drift: float = 0.35, alarm: float = 12.0, least: float = 8.0
    ) -> None:
        self.drift, self.alarm, self.least = drift, alarm, least
        self.up: Floats = np.zeros((n_seeds, n_models))
        self.down: Floats = np.zeros((n_seeds, n_models))

    def step(self, cells: Cells, score: Floats, mean: Floats, n: Floats, kappa: Floats) -> np.ndarray:
        """Listen to outcomes, each of another seed or model; say for each whether its model's alarm rang."""
        sd = np.sqrt(np.maximum(mean * (1 - mean), 0.01) / kappa * (1 + 8 / (n + 9)))
        z = np.clip((score - mean) / sd, -3.0, 3.0)
        heard = n >= self.least
        at = (cells.seed, cells.model)
        up, down = self.up[at], self.down[at]
        up = np.where(heard, np.maximum(up + z - self.drift, 0.0), up)
        down = np.where(heard, np.maximum(down - z - self.drift, 0.0), down)
        rang: np.ndarray = heard & (np.maximum(up, down) > self.alarm)
        self.up[at], self.down[at] = np.where(rang, 0.0, up), np.where(rang, 0.0, down)
        return rang

    def grow(self, n_models: int) -> None:
        """Make room for more models."""
        more = n_models - self.up.shape[1]
        self.up, self.down = (np.pad(x, ((0, 0), (0, more))) for x in (self.up, self.down))
