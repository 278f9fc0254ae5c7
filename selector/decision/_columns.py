"""Which columns of draws no longer stand for what is believed, and their drawing anew."""

from __future__ import annotations

import numpy as np

from selector.posteriors import Cells, Draws, Floats, Ints, Seeds, Success

__all__ = ["Columns"]

_MOVED = 1.0  # a column is drawn anew when its mean moved by this much of its draws' standard deviation,
_GROWN = 0.02  # its own outcomes became more or fewer by this share, and by one,
_NARROWED = 0.1  # or its strength changed by this share, as when others' outcomes say how alike models are


class Columns:
    """Draws that keep up with beliefs, at a refresh and never between two.

    A column is drawn anew when its posterior moved or grew; all columns of a task type, when its rows were used as
    often as there are rows: redrawing the judged columns alone would starve a rare arm of new luck.

    Parameters
    ----------
    draws
        The matrices.
    sharpness
        Factor on alpha and beta when sampling, > 0.

    Examples
    --------
    >>> from selector.posteriors import Evidence, Priors
    >>> success = Success(Evidence(3, (1, 1, 2), np.inf), Priors(tokens=np.ones((1, 2))))
    >>> columns = Columns(Draws([1], (1, 1, 2), n_rows=64), sharpness=4.0)
    >>> columns.refresh(success, np.array([0])), columns.refresh(success, np.array([0]))
    (2, 0)
    """

    __slots__ = ("_mean", "_n", "_sharpness", "_strength", "_uses", "draws")

    def __init__(self, draws: Draws, sharpness: float) -> None:
        shape = draws.matrix.shape[:3]
        self.draws, self._sharpness = draws, sharpness
        self._uses: Floats = np.zeros(shape[:2])
        self._mean: Floats = np.full(shape, np.inf)
        self._strength: Floats = np.zeros(shape)
        self._n: Floats = np.zeros(shape)

    def wear(self, seeds: Seeds, uses: Floats) -> None:
        """Count how often each task type's rows were used, shape (..., n_types)."""
        self._uses[seeds] += uses

    def grow(self, n_types: int) -> None:
        """Make room for more task types, whose columns are drawn with the next refresh."""
        seeds, types, models = self._mean.shape
        mean, (strength, n) = np.full((seeds, n_types, models), np.inf), np.zeros((2, seeds, n_types, models))
        mean[:, :types], strength[:, :types], n[:, :types] = self._mean, self._strength, self._n
        self._mean, self._strength, self._n = mean, strength, n
        self._uses = np.pad(self._uses, ((0, 0), (0, n_types - types)))
        self.draws.grow(n_types, models)

    def refresh(self, success: Success, seeds: Ints) -> int:
        """Draw anew what no longer stands for the beliefs of some seeds; return how many columns."""
        alpha, beta = success.alpha[seeds], success.beta[seeds]
        strength = alpha + beta
        mean = alpha / strength
        sd = np.sqrt(mean * (1 - mean) / (self._sharpness * strength + 1))
        drawn, worn = self._strength[seeds], self._uses[seeds] >= self.draws.n_rows
        n, heard = success.n[seeds], self._n[seeds]
        stale = np.abs(n - heard) >= np.maximum(0.99, _GROWN * heard)
        stale |= np.abs(strength - drawn) > _NARROWED * drawn
        stale |= (np.abs(mean - self._mean[seeds]) > _MOVED * sd) | worn[..., None]
        of, types, models = np.nonzero(stale)
        if len(of):
            cells = Cells(seeds[of], types, models)
            self.draws.redraw(cells, self._sharpness * alpha[stale], self._sharpness * beta[stale])
            self._mean[cells], self._strength[cells], self._n[cells] = mean[stale], strength[stale], n[stale]
            self._uses[seeds] = np.where(worn, 0, self._uses[seeds])
        return len(of)
