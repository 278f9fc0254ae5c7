"""Matrices of posterior draws, one column per model: what a Thompson choice picks its row from."""

from __future__ import annotations

import numpy as np

from selector.posteriors._evidence import Cells, Floats

__all__ = ["Draws", "column_draws"]

_MASK = (1 << 64) - 1


def column_draws(key: int, number: int, alpha: Floats, beta: Floats, n_rows: int) -> Floats:
    """Draw columns again from what a log names: the key, the batch's number, and the batch's posteriors.

    Philox is a counter-based generator: the batch's number is its counter, so that every batch can be drawn again on
    its own, in any order.

    Parameters
    ----------
    key
        The selector's key, 128 bits.
    number
        Which batch of columns of that selector it was, from 0.
    alpha, beta
        The concentrated posteriors of the batch, > 0, shape (n,).
    n_rows
        How many draws per column.

    Returns
    -------
    array
        Shape (n, n_rows).

    References
    ----------
    .. [1] Salmon et al. (2011). "Parallel random numbers: as easy as 1, 2, 3." https://doi.org/10.1145/2063384.2063405

    Examples
    --------
    >>> draws = Draws([7], (1, 1, 2), n_rows=64)
    >>> cells, alpha, beta = Cells(np.zeros(2, int), np.zeros(2, int), np.arange(2)), np.full(2, 20.0), np.full(2, 5.0)
    >>> draws.redraw(cells, alpha, beta)
    >>> bool((draws.matrix[0, 0] == column_draws(7, 0, alpha, beta, 64)).all())
    True
    """
    generator = np.random.Generator(np.random.Philox(key=key, counter=[0, 0, 0, number]))
    return generator.beta(alpha[:, None], beta[:, None], (len(alpha), n_rows))


class Draws:
    """Cached posterior draws per (seed, task type): M rows, one column per model.

    A choice picks a row uniformly, with replacement, and takes the row's best model; given the matrix, a model's
    probability is then exactly the share of rows that it wins.

    Parameters
    ----------
    keys
        One 128-bit key per seed.
    shape
        (n_seeds, n_types, n_models).
    n_rows
        M, >= 32.

    Attributes
    ----------
    matrix
        Shape (n_seeds, n_types, n_models, M); swap the last two axes for rows by models.
    number
        How many batches of columns each seed has drawn: the next batch's number.

    Examples
    --------
    >>> draws = Draws([1], (1, 1, 2), n_rows=64)
    >>> cells = Cells(np.zeros(2, int), np.zeros(2, int), np.arange(2))
    >>> draws.redraw(cells, np.array([80.0, 50.0]), np.array([20.0, 50.0]))
    >>> draws.matrix.mean(-1).round(1).tolist()
    [[[0.8, 0.5]]]
    """

    __slots__ = ("_generators", "_state", "keys", "matrix", "n_rows", "number")

    def __init__(self, keys: list[int], shape: tuple[int, int, int], n_rows: int) -> None:
        self.keys, self.n_rows = keys, n_rows
        self.matrix: Floats = np.full((*shape, n_rows), 0.5)
        self.number = [0] * len(keys)
        self._generators = [np.random.Generator(np.random.Philox(key=key)) for key in keys]
        self._state = [generator.bit_generator.state for generator in self._generators]

    def redraw(self, cells: Cells, alpha: Floats, beta: Floats) -> None:
        """Draw the columns of some cells anew from their (concentrated) posteriors: one batch per seed.

        The cells of one seed must stand together.
        """
        ends = np.flatnonzero(np.diff(cells.seed, append=-1)) + 1
        start, a, b = 0, alpha[:, None], beta[:, None]
        for end in ends.tolist():
            at = slice(start, end)
            seed = int(cells.seed[start])
            drawn = self._next(seed).beta(a[at], b[at], (end - start, self.n_rows))
            self.matrix[seed, cells.type[at], cells.model[at]] = drawn
            start = end

    def grow(self, n_types: int, n_models: int) -> None:
        """Make room for more task types and models; their columns must be drawn before they are used."""
        seeds, types, models, rows = self.matrix.shape
        larger = np.full((seeds, n_types, n_models, rows), 0.5)
        larger[:, :types, :models] = self.matrix
        self.matrix = larger

    def _next(self, seed: int) -> np.random.Generator:
        generator, state = self._generators[seed], self._state[seed]
        state["state"]["counter"][3] = self.number[seed] & _MASK
        self.number[seed] += 1
        generator.bit_generator.state = state
        return generator
