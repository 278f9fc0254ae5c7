"""Means and products of columns per task type, added up chunk by chunk without loss of precision."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Moments"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(slots=True)
class Moments:
    """How many rows of each type, the columns' means, and the sums of products of deviations from them.

    Every estimate here is a mean of columns or a ratio of such means, so its value and its standard error at any price
    can be read off these, for any group of types, and two halves of a log merge by addition (Chan, Golub, LeVeque 1983,
    doi:10.1080/00031305.1983.10483115).

    Examples
    --------
    >>> moments = Moments.zero(n_types=1, n_columns=1)
    >>> moments.add(np.array([[1.0, 3.0]]), np.array([0, 0]))
    >>> moments.add(np.array([[5.0]]), np.array([0]))
    >>> moments.n, moments.mean, moments.scatter
    (array([3.]), array([[3.]]), array([[[8.]]]))
    """

    n: Floats
    """Shape (n_types,)."""
    mean: Floats
    """Shape (n_types, n_columns)."""
    scatter: Floats
    """Shape (n_types, n_columns, n_columns)."""

    @classmethod
    def zero(cls, n_types: int, n_columns: int) -> Moments:
        """Start with no rows."""
        return cls(np.zeros(n_types), np.zeros((n_types, n_columns)), np.zeros((n_types, n_columns, n_columns)))

    def add(self, columns: Floats, type_: Ints) -> None:
        """Take in rows.

        Parameters
        ----------
        columns
            Shape (n_columns, n).
        type_
            Shape (n,).
        """
        count = np.bincount(type_, minlength=len(self.n))
        present = np.flatnonzero(count)
        if len(present) > 1:
            small = type_.astype(np.uint16) if len(self.n) <= 1 << 16 else type_  # which are sorted without comparing
            columns = np.take(columns, np.argsort(small, kind="stable"), axis=1)
        ends = np.cumsum(count)
        for x in present.tolist():
            block = columns[:, ends[x] - count[x] : ends[x]]
            mean = block.mean(1)
            centred = block - mean[:, None]
            self.absorb(x, float(count[x]), mean, centred @ centred.T)

    def merge(self, other: Moments) -> None:
        """Take in all rows of another."""
        for x in np.flatnonzero(other.n).tolist():
            self.absorb(x, float(other.n[x]), other.mean[x], other.scatter[x])

    def absorb(self, x: int, n: float, mean: Floats, scatter: Floats) -> None:
        """Take in n rows of one type by their means and scatter."""
        total = self.n[x] + n
        off = mean - self.mean[x]
        self.scatter[x] += scatter + np.outer(off, off) * (self.n[x] * n / total)
        self.mean[x] += off * (n / total)
        self.n[x] = total

    def pooled(self) -> Moments:
        """Return those of all types together, as of one type."""
        whole = Moments.zero(1, self.mean.shape[1])
        for x in np.flatnonzero(self.n).tolist():
            whole.absorb(0, float(self.n[x]), self.mean[x], self.scatter[x])
        return whole

    def of(self, x: int) -> Moments:
        """Return those of one type."""
        return Moments(self.n[x : x + 1], self.mean[x : x + 1], self.scatter[x : x + 1])

    def spread(self, place: Sequence[int]) -> Moments:
        """Return those of other columns, each of which equals one of these."""
        at = np.asarray(place)
        return Moments(self.n, self.mean[:, at], self.scatter[:, at][:, :, at])

    def scaled(self, factor: Floats) -> Moments:
        """Return those of the columns times factors per type, shape (n_types, n_columns)."""
        return Moments(self.n, self.mean * factor, self.scatter * factor[:, :, None] * factor[:, None, :])
