"""Normal intervals, Holm's correction, and confidence sequences that are right at all times at once."""

import math
from dataclasses import replace

import numpy as np
import pytest

from selector.errors import DataError
from selector.replay import (
    ConfidenceSequence,
    LoggedArrays,
    Scale,
    confidence_sequence,
    first_excluded,
    fixed_model,
    holm,
    normal_interval,
    uniform,
)
from selector.replay.intervals._normal import p_value
from selector.replay.intervals._sequence import _RHO, _boundary, _log_mixture

RATE = np.array([0.3, 0.8])


def drawn_log(n=2000, seed=0, rate=RATE, floor=0.2):
    rng = np.random.default_rng(seed)
    e = np.empty((n, 2))
    e[:, 0] = rng.uniform(floor, 1 - floor, n)
    e[:, 1] = 1 - e[:, 0]
    arm = (rng.random(n) < e[:, 1]).astype(int)
    return LoggedArrays(
        arm=arm,
        reward=(rng.random(n) < rate[arm]).astype(float),
        cost_usd=0.02 * rng.random(n) * (1 + arm),
        propensity=e[np.arange(n), arm],
        probabilities=e,
        mean_reward=np.tile(rate, (n, 1)),
        mean_cost_usd=np.tile([0.01, 0.02], (n, 1)),
        type=np.zeros(n, int),
        models=("small", "large"),
        task_types=("chat",),
    )


def test_normal_intervals_and_p_values_are_those_of_the_tables():
    low, high = normal_interval(0.5, 0.1, 0.9)
    assert (low, high) == pytest.approx((0.5 - 0.1644854, 0.5 + 0.1644854), abs=1e-7)
    assert normal_interval(0.0, 1.0).half_width == pytest.approx(1.959964, abs=1e-6)
    assert p_value(2.5758293, 1.0) == pytest.approx(0.01, abs=1e-8)
    assert math.isnan(p_value(math.nan, 1.0))
    with pytest.raises(DataError, match="level"):
        normal_interval(0.0, 1.0, 95)


def test_holm_is_never_below_the_raw_value_nor_above_bonferroni_and_keeps_the_order():
    rng = np.random.default_rng(0)
    for _ in range(100):
        p = rng.random(rng.integers(1, 8)) ** 3
        adjusted = holm(p)
        assert (adjusted >= p).all()
        assert (adjusted <= np.minimum(p * len(p), 1) + 1e-15).all()
        assert (np.diff(adjusted[np.argsort(p)]) >= 0).all()
    assert holm(np.array([0.01, np.nan, 0.02])).tolist() == pytest.approx([0.02, math.nan, 0.02], nan_ok=True)


@pytest.mark.parametrize(("s", "v"), [(0.0, 0.0), (1.0, 0.5), (5.0, 3.0), (20.0, 40.0), (100.0, 900.0)])
def test_the_mixture_is_the_integral_that_it_stands_for(s, v):
    """By the trapezoid rule over a million points of l in (0, 1), to 1e-6 of its logarithm."""
    l_ = (np.arange(1_000_000) + 0.5) / 1_000_000
    prior = (1 - l_) ** (_RHO - 1) * np.exp(-_RHO * (1 - l_))
    inner = np.exp(l_ * s - v * (-np.log1p(-l_) - l_) - s)
    assert _log_mixture(np.array(s), np.array(v)) == pytest.approx(
        math.log((prior * inner).sum() / prior.sum()) + s, abs=1e-6
    )


def test_the_boundary_is_where_the_mixture_reaches_its_threshold():
    v = np.concatenate([[0.0], np.geomspace(1e-3, 1e7, 50)])
    for threshold in (math.log(20), math.log(240), math.log(1e6)):
        s = _boundary(v, threshold)
        assert _log_mixture(s, v) == pytest.approx(threshold, abs=1e-6 * (1 + v.max() * 1e-6))
        assert (np.diff(s) > 0).all()


def test_exponential_inequality_behind_the_sequence():
    """exp(l y - y^2 (-log(1 - l) - l)) <= 1 + l y for y >= -1 and l in [0, 1) (Fan, Grama, Liu 2015)."""
    y, l_ = np.linspace(-1, 50, 2001)[:, None], np.linspace(0, 0.999, 200)
    assert (np.exp(l_ * y - y**2 * (-np.log1p(-l_) - l_)) <= 1 + l_ * y + 1e-12).all()


def test_bounds_hold_at_all_times_at_once():
    """300 logs of 1,000 decisions, alpha .2 so that misses show: at most .2 miss, plus 3 se (.1 % false alarm)."""
    scale, missed = Scale(alpha=0.2), 0
    for seed in range(300):
        missed += first_excluded(drawn_log(1000, seed, floor=0.05), fixed_model("large"), 0.8, scale) is not None
    assert missed / 300 <= 0.2 + 3 * math.sqrt(0.2 * 0.8 / 300)


def test_bounds_hold_for_a_value_that_drifts():
    """The target is the mean so far; the value falls from .9 to .1, in 200 logs of 1,000; alpha .2 as above."""
    n, missed = 1000, 0
    rate = np.linspace(0.9, 0.1, n)
    so_far = np.cumsum(rate) / np.arange(1, n + 1)
    for seed in range(200):
        log = drawn_log(n, seed)
        reward = (np.random.default_rng([1, seed]).random(n) < rate).astype(float)
        missed += first_excluded(replace(log, reward=reward), uniform, so_far, Scale(alpha=0.2)) is not None
    assert missed / 200 <= 0.2 + 3 * math.sqrt(0.2 * 0.8 / 200)


def test_a_wrong_value_is_excluded_once_there_is_enough():
    log = drawn_log(5000)
    when = first_excluded(log, fixed_model("large"), 0.6)
    assert when is not None
    path = confidence_sequence(log, fixed_model("large"), times=np.array([when - 1, when, 5000]))
    assert path.low[0] <= 0.6 < path.low[1]
    assert path.low[2] < 0.8 < path.high[2]
    assert path.high[2] - path.low[2] < 0.15


def test_a_sequence_in_pieces_is_the_sequence_in_one():
    log = drawn_log(20_000)
    whole, sequence = confidence_sequence(log, uniform), ConfidenceSequence()
    for begin, end in ((0, 3), (3, 900), (900, 20_000)):
        sequence.add(log.take(slice(begin, end)), uniform)
    assert sequence.bounds() == pytest.approx((whole.low[-1], whole.high[-1]), rel=1e-12)
    assert ConfidenceSequence().bounds() == (0.0, 1.0)


def test_the_upper_bound_is_the_mirrored_lower_one():
    log = drawn_log()
    flipped = replace(log, reward=1 - log.reward, mean_reward=1 - log.mean_reward)
    one, other = confidence_sequence(log, uniform), confidence_sequence(flipped, uniform)
    assert one.low == pytest.approx(1 - other.high, abs=1e-12)
    assert one.high == pytest.approx(1 - other.low, abs=1e-12)


def test_good_predictions_make_it_narrow_and_bad_ones_do_not_make_it_wrong():
    """Rewards without noise, predicted exactly: narrower by half than with predictions that are all wrong."""
    log = drawn_log(3000)
    exact = replace(log, reward=RATE[log.arm])
    wrong = replace(exact, mean_reward=1 - exact.mean_reward)
    good, bad = (ConfidenceSequence() for _ in range(2))
    good.add(exact, uniform)
    bad.add(wrong, uniform)
    (low, high), (least, most) = good.bounds(), bad.bounds()
    assert high - low < 0.5 * (most - least)
    assert least < RATE.mean() < most


def test_what_was_never_tried_or_never_judged_stays_open():
    """Half of a policy's choices untried, or half of all outcomes unseen: no bound closes on what nobody knows."""
    log = drawn_log(5000)
    never = np.tile([1.0, 0.0], (5000, 1))
    small = replace(log, arm=np.zeros(5000, int), probabilities=never, propensity=np.ones(5000))
    small = replace(small, eligible=np.ones((5000, 2), bool))
    low, high = confidence_sequence(small, uniform).low[-1], confidence_sequence(small, uniform).high[-1]
    mean = small.reward.mean() / 2
    assert low <= mean
    assert high >= mean + 0.5
    unseen = replace(log, reward=np.where(np.arange(5000) % 2 == 0, log.reward, np.nan))
    path = confidence_sequence(unseen, uniform)
    assert path.low[-1] <= RATE.mean() / 2 <= path.high[-1] - 0.5


def test_costs_are_bounded_by_what_a_decision_can_cost():
    log = drawn_log(5000)
    path = confidence_sequence(log, fixed_model("large"), Scale("cost", 0.0, 0.04))
    assert path.low[-1] < 0.02 < path.high[-1] < 0.03
    with pytest.raises(DataError, match="some are outside"):
        confidence_sequence(log, uniform, Scale("cost", 0.0, 0.01))


def test_what_it_cannot_promise_it_refuses():
    log = drawn_log(50)
    for bad, words in (
        (replace(log, known_propensities=False), "those that were logged"),
        (replace(log, corrected=True), "corrected scores have no bounds"),
    ):
        with pytest.raises(DataError, match=words):
            confidence_sequence(bad, uniform)
    for scale in (Scale(alpha=0.0), Scale(low=1.0, high=0.0), Scale(high=math.inf), Scale("utility")):
        with pytest.raises(DataError):
            ConfidenceSequence(scale)
    with pytest.raises(DataError, match="times"):
        confidence_sequence(log, uniform, times=np.array([0, 5]))
