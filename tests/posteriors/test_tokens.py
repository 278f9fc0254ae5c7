"""Tokens, tails and ratios, small enough to verify by hand."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.posteriors import (
    Beliefs,
    Cells,
    Event,
    Evidence,
    Priors,
    Tokens,
    lognormal_quantile,
    output_token_equivalents,
    shrunk_ratio,
)


def test_the_mean_of_tokens_by_hand():
    """Catalogue 100; type 0: 200 and 400; type 1: none. m = (600 + 2 100) / (2 + 2) = 200, f = 2600 / 2400."""
    tokens = Tokens(Evidence(2, (1, 2, 1), np.inf), np.array([[100.0]]))
    assert tokens.mean[0, :, 0].tolist() == [100.0, 100.0]
    for used in (200.0, 400.0):
        tokens.add(Cells(*np.zeros((3, 1), int)), np.array([used]), at=0.0)
    tokens.refresh(0.0)
    np.testing.assert_allclose(tokens.mean[0, :, 0], [(600 + 3 * 200 * 13 / 12) / 5, 200.0])


def test_what_a_type_takes_of_one_model_is_expected_of_another_there_and_only_there():
    """m_0 = (1600 + 200) / 10 = 180; ten outcomes hold the factor: (1600 + 1800) / (1440 + 1800) = 340 / 324."""
    tokens = Tokens(Evidence(2, (1, 2, 2), np.inf), np.array([[100.0, 70.0]]))
    for _ in range(8):
        tokens.add(Cells(*np.zeros((3, 1), int)), np.array([200.0]), at=0.0)
    tokens.refresh(0.0)
    np.testing.assert_allclose(tokens.mean[0, :, 1], [70 * 340 / 324, 70.0])


def test_old_tokens_count_half_after_a_half_life_and_the_catalogue_always_counts():
    """One outcome of 700 at half weight: m = (350 + 200) / 2.5 = 220, f = (350 + 2200) / (110 + 2200)."""
    tokens = Tokens(Evidence(2, (1, 1, 1), 10.0), np.array([[100.0]]))
    tokens.add(Cells(*np.zeros((3, 1), int)), np.array([700.0]), at=0.0)
    tokens.refresh(10.0)
    assert tokens.mean[0, 0, 0] == pytest.approx((350 + 3 * 220 * 255 / 231) / 3.5)
    tokens.refresh(10_000.0)
    assert tokens.mean[0, 0, 0] == pytest.approx(100.0)


def test_answers_learnt_elsewhere_count_beside_ones_own_by_hand():
    """Elsewhere 4 of 1200 together, of one's own 200: m = (1400 + 200) / 7, f = (1400 + 10 m) / 15 m."""
    tokens = Tokens(
        Evidence(2, (1, 1, 1), np.inf), np.array([[100.0]]), learnt=np.array([4.0, 1200.0]).reshape(2, 1, 1)
    )
    tokens.add(Cells(*np.zeros((3, 1), int)), np.array([200.0]), at=0.0)
    tokens.refresh(0.0)
    m = 1600 / 7
    assert tokens.mean[0, 0, 0] == pytest.approx((1400 + 3 * m * (1400 + 10 * m) / (15 * m)) / 8)


def learnt_of(n, each):
    """Return the sums of n answers of so many tokens each, of the second of two models on the first of two types."""
    learnt = np.zeros((2, 2, 2))
    learnt[:, 0, 1] = n, n * each
    return learnt


def test_answers_learnt_elsewhere_are_never_forgotten_where_ones_own_are():
    tokens = Tokens(Evidence(2, (1, 2, 2), 10.0), np.array([[100.0, 100.0]]), learnt=learnt_of(50.0, 900.0))
    before = tokens.mean.copy()
    tokens.add(Cells(*np.array([[0], [0], [1]])), np.array([9.0]), at=0.0)
    tokens.refresh(0.0)
    assert (tokens.mean != before).any()
    tokens.refresh(10_000.0)
    np.testing.assert_allclose(tokens.mean, before, rtol=1e-12)


def test_neither_a_new_prompt_nor_a_model_that_is_forgotten_takes_back_what_was_learnt_elsewhere():
    priors = Priors(tokens=np.array([[100.0, 100.0]]), learnt_tokens=learnt_of(50.0, 900.0))
    beliefs = Beliefs((1, 2, 2), priors)
    before = beliefs.tokens.mean.copy()
    assert before[0, 0, 1] == pytest.approx(900, rel=0.05)
    beliefs.apply(Event("version", 0.0, 0, 0.0))
    beliefs.apply(Event("reset", 0.0, 1, 0.0))
    beliefs.refresh(1.0)
    np.testing.assert_array_equal(beliefs.tokens.mean, before)
    assert beliefs.tokens.evidence.now(1.0).tolist() == np.zeros((2, 1, 2, 2)).tolist()


sums = st.tuples(st.floats(0, 1e4), st.floats(0, 1e6))


@given(st.lists(sums, min_size=4, max_size=4), st.floats(0.01, 1))
def test_an_answer_learnt_elsewhere_counts_as_its_weight_of_ones_own(cells, weight):
    learnt = weight * np.array(cells).T.reshape(2, 2, 2)
    catalogue = np.array([[100.0, 2000.0], [7.0, 30.0]])
    own = Tokens(Evidence(2, (2, 2, 2), np.inf), catalogue)
    every = Cells(*(axis.reshape(-1) for axis in np.indices((2, 2, 2))))
    own.evidence.add(every, np.tile(learnt.reshape(2, 4), 2), 0.0)
    own.refresh(0.0)
    elsewhere = Tokens(Evidence(2, (2, 2, 2), 10.0), catalogue, learnt=learnt)
    np.testing.assert_allclose(elsewhere.mean, own.mean, rtol=1e-12)


@given(st.floats(0.01, 1), st.floats(1.1, 5), st.floats(200, 1e5))
def test_the_more_it_weighs_the_nearer_is_what_is_expected_to_what_was_learnt_elsewhere(weight, more, each):
    light, heavy = (
        Tokens(Evidence(2, (1, 2, 2), 10.0), np.full((1, 2), 100.0), learnt=learnt_of(20 * w, each)).mean[0, 0, 1]
        for w in (weight, weight * more)
    )
    assert 100 < light < heavy < each


def test_what_was_learnt_elsewhere_has_room_where_types_come_and_follows_a_price_that_changed():
    tokens = Tokens(Evidence(2, (1, 1, 1), 10.0), np.array([[0.01]]), learnt=np.array([3.0, 0.3]).reshape(2, 1, 1))
    tokens.grow(2, np.array([[0.01, 0.01]]), 0.0, learnt_of(20.0, 0.5)[:, :1])
    before = tokens.mean.copy()
    assert before[0, 0, 1] > 10 * before[0, 0, 0]
    tokens.reprice(1, 0.5)
    tokens.refresh(0.0)
    np.testing.assert_allclose(tokens.mean[0, :, 1], before[0, :, 1] / 2, rtol=1e-12)
    tokens.teach(None)
    tokens.refresh(0.0)
    np.testing.assert_allclose(tokens.mean, [[[0.01, 0.005], [0.01, 0.005]]], rtol=1e-12)


def predictive(p, logs, weights, location):
    """Return the predictive quantile of a normal-inverse-gamma model of weighted logs, from scipy's t."""
    from scipy import stats

    n, m0 = weights.sum(), np.log(location) - 0.32
    mean = (weights * logs).sum() / n if n else 0.0
    strength, shape = 3 + n, 2 + n / 2
    rate = 1.28 + 0.5 * ((weights * (logs - mean) ** 2).sum() + 3 * n * (mean - m0) ** 2 / strength)
    scale = np.sqrt(rate / shape * (1 + 1 / strength))
    return np.exp(stats.t.ppf(p, 2 * shape, loc=(3 * m0 + n * mean) / strength, scale=scale))


def quantile(p, logs, weights, location, cap=np.inf):
    moments = np.array([weights.sum(), (weights * logs).sum(), (weights * logs**2).sum()])[:, None]
    return float(lognormal_quantile(p, moments, np.array([location]), cap)[0])


@pytest.mark.parametrize("n", [0, 1, 2, 30])
@pytest.mark.parametrize("p", [0.05, 0.5, 0.95, 0.999])
def test_the_quantile_is_that_of_a_log_student_t(p, n):
    logs = np.random.default_rng(n).normal(6.5, 0.8, n)
    assert quantile(p, logs, np.ones(n), 900.0) == pytest.approx(predictive(p, logs, np.ones(n), 900.0), rel=1e-9)


@pytest.mark.parametrize("weight", [0.9, 0.5, 0.1, 1e-6])
def test_the_quantile_is_right_for_evidence_that_is_nearly_forgotten(weight):
    """One outcome that counts less than one: its spread about its own mean is zero, whatever its weight."""
    logs, weights = np.array([6.5]), np.array([weight])
    assert quantile(0.95, logs, weights, 900.0) == pytest.approx(predictive(0.95, logs, weights, 900.0), rel=1e-9)


def test_a_known_median_by_hand():
    """Nothing seen: the median of a log-normal with mean 1000 and log-variance .64 is 1000 exp(-.32)."""
    assert quantile(0.5, np.zeros(0), np.zeros(0), 1000.0) == pytest.approx(1000 * np.exp(-0.32))


@given(
    st.lists(st.floats(-5, 15), max_size=20).map(np.array),
    st.floats(1e-3, 1e6),
    st.floats(0.01, 0.98),
    st.floats(1e-3, 1e7),
)
def test_quantiles_rise_with_p_and_never_pass_the_cap(logs, location, p, cap):
    ones = np.ones(len(logs))
    low, high = (quantile(q, logs, ones, location) for q in (p, p + 0.01))
    assert 0 < low <= high < np.inf
    assert quantile(p, logs, ones, location, cap) == min(low, cap)


def test_dollars_without_tokens_are_output_token_equivalents():
    """By hand: (.02 - .005) / 15e-6 = 1000; below the priced input, and at an output price of zero: none."""
    cost, paid_input, price = np.array([0.02, 0.001, 0.02]), np.full(3, 0.005), np.array([15e-6, 15e-6, 0.0])
    np.testing.assert_allclose(output_token_equivalents(cost, paid_input, price), [1000.0, 0.0, 0.0])


def test_a_model_without_prices_is_believed_in_dollars_one_per_token():
    assert output_token_equivalents(np.array([0.03]), np.zeros(1), np.ones(1)).tolist() == [0.03]


@given(st.floats(0, 1e9), st.floats(0, 1e9), st.floats(1e-6, 1e6))
def test_a_shrunk_ratio_lies_between_one_and_what_was_seen(observed, expected, weight):
    ratio = float(shrunk_ratio(np.array(observed), np.array(expected), weight))
    seen = observed / expected if expected > 0 else np.inf if observed > 0 else 1.0
    assert min(1.0, seen) * (1 - 1e-12) <= ratio <= max(1.0, seen) * (1 + 1e-12)


def test_a_shrunk_ratio_is_half_of_the_way_when_the_expected_sum_is_the_weight():
    assert shrunk_ratio(np.array([300.0]), np.array([100.0]), 100.0).tolist() == [2.0]
    assert shrunk_ratio(np.array([3e9]), np.array([1e9]), 1.0)[0] == pytest.approx(3.0)
