"""Draws: columns that can be drawn again from what a log names, each from its own posterior."""

import numpy as np
import pytest

from selector.posteriors import Cells, Draws, column_draws

SHAPE = (2, 2, 3)
EVERY_CELL = Cells(*(index.ravel() for index in np.indices(SHAPE)))


def drawn(n_rows=64, n_batches=1, keys=(3, 2**127 + 5)):
    rng = np.random.default_rng(0)
    draws, batches = Draws(list(keys), SHAPE, n_rows), []
    for _ in range(n_batches):
        alpha, beta = rng.uniform(0.5, 50, (2, 12))
        draws.redraw(EVERY_CELL, alpha, beta)
        batches.append((draws.matrix.copy(), alpha, beta))
    return draws, batches


def test_column_draws_reproduces_any_batch_in_any_order():
    """From the key, the batch's number and the batch's posteriors alone; one batch per seed and redraw."""
    draws, batches = drawn(n_batches=4)
    assert draws.number == [4, 4]
    for number in (2, 0, 3, 1):
        matrix, alpha, beta = batches[number]
        for seed, key in enumerate((3, 2**127 + 5)):
            own = slice(6 * seed, 6 * seed + 6)
            again = column_draws(key, number, alpha[own], beta[own], 64)
            assert (again == matrix[seed].reshape(6, 64)).all()


def test_a_batch_of_one_column_is_reproduced_and_leaves_the_others_alone():
    draws, batches = drawn()
    draws.redraw(Cells(*np.array([[1], [0], [2]])), np.array([7.0]), np.array([3.0]))
    assert draws.number == [1, 2]
    again = column_draws(2**127 + 5, 1, np.array([7.0]), np.array([3.0]), 64)[0]
    assert (draws.matrix[1, 0, 2] == again).all()
    rest = np.ones(SHAPE, bool)
    rest[1, 0, 2] = False
    assert (draws.matrix[rest] == batches[0][0][rest]).all()


def test_a_seeds_draws_do_not_depend_on_the_seeds_beside_it():
    both, _ = drawn(n_batches=3)
    swapped, _ = drawn(n_batches=3, keys=(2**127 + 5, 3))
    alone = Draws([3], (1, 2, 3), 64)
    rng = np.random.default_rng(0)
    cells = Cells(*(index.ravel() for index in np.indices((1, 2, 3))))
    for _ in range(3):
        alpha, beta = rng.uniform(0.5, 50, (2, 12))
        alone.redraw(cells, alpha[:6], beta[:6])
    assert (alone.matrix[0] == both.matrix[0]).all()
    assert not (swapped.matrix[0] == both.matrix[0]).any()


def test_marginals_of_redrawn_columns_are_beta():
    """36 columns of 4,096 rows from three batches: Kolmogorov-Smirnov, false alarms below 1e-6 together."""
    from scipy import stats

    _, batches = drawn(n_rows=4096, n_batches=3)
    for matrix, alpha, beta in batches:
        for column, a, b in zip(matrix.reshape(12, -1), alpha, beta, strict=True):
            assert stats.kstest(column, stats.beta(a, b).cdf).pvalue > 1e-6 / 36


def test_columns_are_independent_of_each_other_within_and_between_batches():
    """24 columns of 16,384 rows: rank correlations below 6.5 / sqrt(n), false alarms below 1e-7 together."""
    from scipy import stats

    _, batches = drawn(n_rows=16_384, n_batches=2)
    columns = np.vstack([matrix.reshape(12, -1) for matrix, _, _ in batches])
    correlation = stats.spearmanr(columns, axis=1).statistic
    assert abs(correlation[~np.eye(24, dtype=bool)]).max() < 6.5 / np.sqrt(16_384)


@pytest.mark.parametrize(("alpha", "beta"), [(0.16, 1e6), (1e6, 0.16), (1e-3, 1e-3)])
def test_draws_of_extreme_posteriors_stay_in_the_unit_interval(alpha, beta):
    column = column_draws(1, 0, np.array([alpha]), np.array([beta]), 1000)
    assert np.isfinite(column).all()
    assert ((column >= 0) & (column <= 1)).all()


def test_growing_keeps_what_was_drawn_and_goes_on_with_the_next_batch():
    draws, batches = drawn()
    draws.grow(3, 4)
    assert draws.matrix.shape == (2, 3, 4, 64)
    assert (draws.matrix[:, :2, :3] == batches[0][0]).all()
    draws.redraw(Cells(*np.array([[0], [2], [3]])), np.array([5.0]), np.array([5.0]))
    assert (draws.matrix[0, 2, 3] == column_draws(3, 1, np.array([5.0]), np.array([5.0]), 64)[0]).all()
