"""Forgetting: an outcome's weight depends on its decision's time, and on nothing that came between."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.posteriors import Cells, Evidence, Priors, Success

CELL = Cells(*np.zeros((3, 1), int))


def one(half_life):
    return Evidence(1, (1, 1, 1), half_life)


def add(evidence, value, at, scale=1.0):
    evidence.add(CELL, np.array([[value]]), at, scale)


def read(evidence, now):
    return float(evidence.now(now)[0, 0, 0, 0])


@given(st.floats(0.1, 1e6), st.floats(0, 1e7), st.integers(0, 60))
def test_a_weight_halves_with_every_half_life(half_life, at, n):
    evidence = one(half_life)
    add(evidence, 3.0, at)
    assert read(evidence, at + n * half_life) == pytest.approx(3.0 * 0.5**n, rel=1e-6)
    assert float(evidence.weight(at, at + half_life)) == pytest.approx(0.5, rel=1e-6)


def test_nothing_is_forgotten_with_an_infinite_half_life():
    evidence = one(np.inf)
    add(evidence, 3.0, 0.0)
    add(evidence, 4.0, 1e12)
    assert read(evidence, 1e15) == 7.0


@pytest.mark.parametrize("half_life", [0.0, -1.0, float("nan")])
def test_a_half_life_must_be_positive(half_life):
    with pytest.raises(ValueError, match="half_life must be positive"):
        one(half_life)


times = st.lists(st.floats(0, 1e7), min_size=1, max_size=30)


@given(times, st.sampled_from([1.0, 50.0, 3500.0]))
def test_the_frame_of_reference_moves_without_a_trace(at, half_life):
    """Decision numbers up to ten million, in any order: the sums are those of the definition."""
    evidence, now = one(half_life), max(at)
    for i, t in enumerate(at):
        add(evidence, 1.0 + i, t)
    expected = sum((1.0 + i) * 2.0 ** ((t - now) / half_life) for i, t in enumerate(at))
    assert np.isfinite(evidence.now(now)).all()
    assert read(evidence, now) == pytest.approx(expected, rel=1e-9)


def test_ten_million_decisions_leave_the_geometric_sum():
    """One outcome every 500 decisions at half-life 3500: 1 / (1 - 2^(-1/7)) in the end."""
    evidence = one(3500.0)
    for at in range(0, 10_000_000, 500):
        add(evidence, 1.0, float(at))
    assert read(evidence, 9_999_500.0) == pytest.approx(1 / (1 - 0.5 ** (1 / 7)), rel=1e-9)


@given(times, st.randoms(use_true_random=False))
def test_outcomes_commute(at, random):
    shuffled = list(at)
    random.shuffle(shuffled)
    straight, mixed = one(3500.0), one(3500.0)
    for t in at:
        add(straight, 1.0, t)
    for t in shuffled:
        add(mixed, 1.0, t)
    assert read(mixed, 1e7) == pytest.approx(read(straight, 1e7), rel=1e-9)


def test_taking_back_is_adding_with_the_sign_changed():
    evidence = one(3500.0)
    for t in range(100):
        add(evidence, 0.7, float(t))
    before = read(evidence, 9_000.0)
    for t in (3.0, 8_000.0, 90.0):
        add(evidence, 0.3, t)
    for t in (90.0, 3.0, 8_000.0):
        add(evidence, 0.3, t, -1.0)
    assert read(evidence, 9_000.0) == pytest.approx(before, rel=1e-9)


def test_the_prior_is_never_discounted():
    """After a thousand half-lives every outcome is forgotten, and what was believed before them is left."""
    evidence = Evidence(3, (1, 1, 2), 10.0)
    priors = Priors(tokens=np.ones((1, 2)), quality=np.array([np.nan, 0.9]), weight=np.array([0.0, 4.0]))
    success = Success(evidence, priors)
    before = success.alpha.copy(), success.beta.copy()
    for _ in range(50):
        evidence.add(CELL, np.array([[1.0], [0.0], [0.0]]), 5.0)
    success.refresh(5.0)
    assert success.mean[0, 0, 0] < 0.1
    success.refresh(10_005.0)
    np.testing.assert_allclose((success.alpha, success.beta), before, rtol=1e-12)
    np.testing.assert_allclose(success.mean[0, 0], [0.75, 0.9], rtol=1e-12)


def test_outcomes_of_one_cell_in_one_call_all_count():
    evidence = Evidence(2, (1, 1, 2), 10.0)
    cells = Cells(np.zeros(3, int), np.zeros(3, int), np.array([1, 0, 1]))
    evidence.add(cells, np.array([[1.0, 1.0, 1.0], [0.5, 0.2, 0.25]]), np.array([10.0, 0.0, 0.0]))
    np.testing.assert_allclose(evidence.now(10.0)[:, 0, 0], [[0.5, 1.5], [0.1, 0.625]])


def test_keep_multiplies_a_model_over_all_types_or_a_type_over_all_models():
    evidence = Evidence(1, (2, 2, 2), np.inf)
    evidence.add(Cells(*(i.ravel() for i in np.indices((2, 2, 2)))), np.ones((1, 8)), at=0.0)
    evidence.keep(0.5, seed=0, model=1)
    evidence.keep(0.1, seed=1, type_=0)
    assert evidence.now(0.0)[0].tolist() == [[[1.0, 0.5], [1.0, 0.5]], [[0.1, 0.1], [1.0, 1.0]]]


def test_growing_keeps_what_is_known_where_it_is():
    evidence = Evidence(1, (1, 1, 2), np.inf)
    evidence.add(Cells(np.zeros(2, int), np.zeros(2, int), np.arange(2)), np.array([[3.0, 5.0]]), at=0.0)
    evidence.grow(2, 3)
    assert evidence.now(0.0)[0, 0].tolist() == [[3.0, 5.0, 0.0], [0.0, 0.0, 0.0]]
    assert evidence.shape == (1, 2, 3)
