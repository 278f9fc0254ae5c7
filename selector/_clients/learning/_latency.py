"""How long models take on each kind of task: log-normal, shrunk to what is known of the model."""

from __future__ import annotations

import math

import numpy as np

from selector.posteriors import Cells, Evidence, Floats

__all__ = ["Latency"]

_CELL_WEIGHT = 3.0  # outcomes that a model's own mean counts for on each kind of task
_PRIOR_VARIANCE, _VARIANCE_WEIGHT = 0.25, 3.0  # of the logarithm: a factor of 1.6 either way
_LEAST_S = 1e-3
_P95 = 1.6448536269514722


class Latency:
    """Beliefs of latency, for a limit on the 95th percentile; what nobody measured is not believed slow.

    Parameters
    ----------
    n_types, n_models
        How many there are.
    half_life
        In the unit of ``at``.

    Examples
    --------
    >>> latency = Latency(1, 2, math.inf)
    >>> for seconds in (9.0, 10.0, 11.0):
    ...     latency.see(0, 1, 0.0, seconds, 1.0)
    >>> latency.p95(0.0)[0].round(1).tolist()
    [nan, 18.0]
    """

    def __init__(self, n_types: int, n_models: int, half_life: float) -> None:
        self.sums = Evidence(3, (1, n_types, n_models), half_life)
        self._waiting: list[tuple[int, int, float, float, float]] = []

    def see(self, type_: int, model: int, at: float, seconds: float, sign: float) -> None:
        """Take in how long a call took; a sign of -1 takes it back."""
        self._waiting.append((type_, model, at, math.log(max(seconds, _LEAST_S)), sign))

    def grow(self, n_types: int, n_models: int) -> None:
        """Make room for task types that came later."""
        self.sums.grow(n_types, n_models)

    def now(self, now: float) -> Floats:
        """Read the sums: how many, of the logarithm, of its square; shape (3, n_types, n_models)."""
        if self._waiting:
            waiting, self._waiting = self._waiting, []
            types, models, at, log, sign = np.array(waiting).T
            cells = Cells(np.zeros(len(at), np.intp), types.astype(np.intp), models.astype(np.intp))
            self.sums.add(cells, np.stack([np.ones(len(at)), log, log * log]), at.copy(), sign)
        found: Floats = self.sums.now(now)[:, 0]
        return found

    def load(self, sums: Floats, now: float) -> None:
        """Take up sums that `now` gave."""
        _, n_types, n_models = sums.shape
        types, models = (each.reshape(-1) for each in np.indices((n_types, n_models)))
        cells = Cells(np.zeros(len(types), np.intp), types, models)
        self.sums.add(cells, sums.reshape(3, -1), now)

    def mean(self, now: float) -> Floats:
        """Return how many seconds a call is expected to take; as the others where it was never measured, else 0."""
        cell, variance = self._believed(now)
        seconds = np.exp(cell + variance / 2)
        known = ~np.isnan(seconds)
        others = np.where(known, seconds, 0.0).sum(1, keepdims=True) / np.maximum(known.sum(1, keepdims=True), 1)
        found: Floats = np.where(known, seconds, others)
        return found

    def p95(self, now: float) -> Floats:
        """Return within how many seconds 95 % of calls are expected to answer; nan: never measured."""
        cell, variance = self._believed(now)
        found: Floats = np.exp(cell + _P95 * np.sqrt(variance))
        return found

    def _believed(self, now: float) -> tuple[Floats, Floats]:
        """Return mean and variance of the logarithm; nan: never measured."""
        n, total, square = np.maximum(self.now(now), [[[0.0]], [[-np.inf]], [[0.0]]])
        overall = n.sum(0)
        mean = np.divide(total.sum(0), overall, out=np.full_like(overall, np.nan), where=overall > 1e-9)
        spread = np.maximum(square.sum(0) - overall * mean**2, 0.0)
        variance = (spread + _VARIANCE_WEIGHT * _PRIOR_VARIANCE) / (overall + _VARIANCE_WEIGHT)
        cell: Floats = (total + _CELL_WEIGHT * mean) / (n + _CELL_WEIGHT)
        return cell, np.broadcast_to(variance, cell.shape)
