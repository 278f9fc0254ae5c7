"""Sums of what was seen, each outcome weighted by the time of its decision alone."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["EVERY", "Cells", "Evidence", "Floats", "Ints", "Seeds"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]
Seeds = slice | Ints  # which seeds an operation means
EVERY = slice(None)

_FRAME = 64  # half-lives after which the frame of reference moves; 2**64 is far from overflow


class Cells(NamedTuple):
    """Which cells are meant: for each of n outcomes its seed, task type and model, as indices."""

    seed: Ints
    type: Ints
    model: Ints

    def flat(self, shape: tuple[int, int, int]) -> Ints:
        """Return where the cells lie in a flattened array: reading there is several times faster."""
        return (self.seed * shape[1] + self.type) * shape[2] + self.model


class Evidence:
    """Discounted sums per (seed, task type, model), in which late and out-of-order outcomes commute.

    An outcome of a decision at time ``t`` counts ``2 ** ((t - now) / half_life)`` at time ``now``: its weight depends
    on its own decision's time and on nothing that came between. The sums are kept in a fixed frame of reference, so
    that adding one is a single addition, and taking it back is the same addition with the sign changed. When the
    frame falls far behind it is moved by a whole power of two, which changes no digit.

    Parameters
    ----------
    fields
        How many sums are kept per cell.
    shape
        (n_seeds, n_types, n_models).
    half_life
        In the unit of ``at`` (decisions, or seconds); ``inf`` forgets nothing.

    Examples
    --------
    >>> e = Evidence(2, (1, 1, 2), half_life=10.0)
    >>> cell = Cells(*np.array([[0], [0], [1]]))
    >>> e.add(cell, np.array([[1.0], [0.5]]), at=0.0)
    >>> e.now(10.0)[:, 0, 0, 1].tolist()
    [0.5, 0.25]
    """

    __slots__ = ("_frame", "_sums", "half_life", "shape")

    def __init__(self, fields: int, shape: tuple[int, int, int], half_life: float) -> None:
        if not half_life > 0:
            raise ValueError(f"half_life must be positive, not {half_life}; inf forgets nothing")
        self.shape, self.half_life = shape, half_life
        self._sums: Floats = np.zeros((fields, *shape))
        self._frame = 0.0

    def weight(self, at: Floats | float, now: float) -> Floats | float:
        """Say what an outcome of a decision at ``at`` counts at ``now``."""
        return 1.0 if self.half_life == math.inf else 2.0 ** ((at - now) / self.half_life)

    def add(self, cells: Cells, values: Floats, at: Floats | float, scale: Floats | float = 1.0) -> None:
        """Add values, shape (fields, n), of decisions made at ``at``; a scale of -1 takes them back."""
        if not len(cells.seed):
            return
        if self.half_life != math.inf:
            newest = float(np.max(at)) if isinstance(at, np.ndarray) else at
            if newest - self._frame > _FRAME * self.half_life:
                self._move_frame(newest)
            scale = scale * 2.0 ** ((at - self._frame) / self.half_life)
        flat, values = cells.flat(self.shape), values * scale
        for sums, value in zip(self._sums.reshape(len(self._sums), -1), values, strict=True):
            np.add.at(sums, flat, value)

    def now(self, now: float, seeds: Seeds = EVERY) -> Floats:
        """Read all sums as they count at ``now``, shape (fields, n_seeds, n_types, n_models)."""
        found: Floats = self._sums[:, seeds] * self._to(now)
        return found

    def keep(
        self, share: float, *, seed: int, model: int | slice = slice(None), type_: int | slice = slice(None)
    ) -> None:
        """Multiply what was gathered so far in a model (over all types) or a type (over all models) by a share."""
        self._sums[:, seed, type_, model] *= share

    def multiply(self, factor: float, *, field: int, model: int) -> None:
        """Multiply one field of a model in every seed and type: a price that changed, where dollars were believed."""
        self._sums[field, :, :, model] *= factor

    def grow(self, n_types: int, n_models: int) -> None:
        """Make room for task types and models that came later; what is known stays where it is."""
        seeds, types, models = self.shape
        larger = np.zeros((len(self._sums), seeds, n_types, n_models))
        larger[:, :, :types, :models] = self._sums
        self._sums, self.shape = larger, (seeds, n_types, n_models)

    def _to(self, now: float) -> float:
        return 1.0 if self.half_life == math.inf else 2.0 ** ((self._frame - now) / self.half_life)

    def _move_frame(self, newest: float) -> None:
        steps = int((newest - self._frame) // (_FRAME * self.half_life))
        self._sums *= 2.0 ** (-_FRAME * min(steps, 16))
        self._frame += steps * _FRAME * self.half_life
