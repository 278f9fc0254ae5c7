"""Targets per request: an average is kept over time, within bounds that a burst cannot leave."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.budgets import Horizon, PerRequest, Traffic, Window, window_target

COSTS = st.lists(st.floats(0, 50), max_size=200)


@given(st.floats(1e-6, 10), COSTS)
def test_a_bank_stays_within_15_requests_saved_and_450_owed_and_the_target_within_a_fifth_and_thrice(mean, costs):
    pace = PerRequest(mean, 1)
    for cost in costs:
        pace.settle(np.array([cost * mean]))
        assert -450 * mean * (1 + 1e-12) <= pace.bank[0] <= 15 * mean * (1 + 1e-12)
        assert 0.2 * mean * (1 - 1e-12) <= pace.target()[0] <= 3 * mean * (1 + 1e-12)


def test_what_is_not_spent_is_banked_up_to_15_requests_only():
    pace = PerRequest(0.02, 2)
    for _ in range(100):
        pace.settle(np.array([0.0, 0.01]))
    assert pace.bank == pytest.approx([15 * 0.02] * 2)
    assert pace.target() == pytest.approx([0.02 * 1.1] * 2)  # a full bank is worked off over 150 requests


def test_what_is_owed_is_paid_back_over_300_requests_down_to_a_fifth_of_the_mean():
    pace = PerRequest(0.02, 3)
    pace.settle(np.array([0.02 * 31, 0.02 * 241, 0.02 * 10_000]))
    assert pace.bank == pytest.approx([-0.6, -4.8, -9.0])  # 450 requests' worth is the most that is remembered
    assert pace.target() == pytest.approx([0.018, 0.004, 0.004])


def test_who_spends_the_target_spends_the_mean_in_the_long_run():
    """After a debt of 100 requests, following the target brings the average back to the mean."""
    pace = PerRequest(1.0, 1)
    pace.settle(np.array([101.0]))
    spent = 101.0
    for _ in range(5_000):
        target = pace.target()
        spent += float(target[0])
        pace.settle(target)
    assert spent / 5_001 == pytest.approx(1.0, abs=1e-4)


def test_a_budget_of_nothing_is_a_target_of_nothing():
    pace = PerRequest(0.0, 2)
    pace.settle(np.array([0.0, 3.0]))
    assert pace.target().tolist() == [0.0, 0.0]
    assert pace.bank.tolist() == [0.0, 0.0]


def test_each_seed_is_paced_on_its_own():
    pace, alone = PerRequest(0.02, 2), PerRequest(0.02, 1)
    for cost in (0.0, 0.1, 0.03):
        pace.settle(np.array([0.7, cost]))
        alone.settle(np.array([cost]))
    assert pace.target()[1] == alone.target()[0]


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60))
def test_a_horizon_gives_what_is_left_over_what_remains_within_its_bounds(costs):
    pace = Horizon(float(len(costs)), len(costs), 1)
    for i, cost in enumerate(costs):
        left = len(costs) - sum(costs[:i])
        assert pace.target()[0] == pytest.approx(np.clip(left / (len(costs) - i), 0.05, 4.0), abs=1e-9)
        pace.settle(np.array([cost]))
    assert np.isfinite(pace.target()).all()  # after the last request, too


def test_a_horizon_followed_to_the_end_is_spent_to_the_last_cent():
    pace, spent = Horizon(1.0, 50, 1), 0.0
    for i in range(50):
        cost = 0.0 if i < 25 else float(pace.target()[0])
        spent += cost
        pace.settle(np.array([cost]))
    assert spent == pytest.approx(1.0)


def test_a_horizon_of_nothing_is_a_target_of_nothing():
    pace = Horizon(0.0, 10, 1)
    pace.settle(np.array([1.0]))
    assert pace.target().tolist() == [0.0]


@given(st.floats(-1e3, 1e3), st.floats(0, 1e3), st.floats(0, 10))
def test_a_window_target_stays_between_a_twentieth_and_four_times_the_windows_mean(left, remaining, mean):
    target = float(window_target(np.array([left]), np.array([remaining]), np.array([mean]))[0])
    assert 0.05 * mean <= target <= 4 * mean


def test_a_window_target_is_what_is_left_over_what_remains_between_its_bounds():
    left, remaining = np.array([5.0, 100.0, 0.01, -3.0]), np.array([100.0, 10.0, 100.0, 10.0])
    assert window_target(left, remaining, np.full(4, 0.1)).tolist() == pytest.approx([0.05, 0.4, 0.005, 0.005])


def test_a_forecast_starts_at_the_first_guess_and_ends_at_one():
    traffic = Traffic(np.array([100.0, 7.0]))
    assert traffic.remaining(0.0).tolist() == [100.0, 7.0]
    assert traffic.remaining(1.0).tolist() == [1.0, 1.0]


def test_a_wrong_first_guess_is_forgotten_in_a_few_windows():
    """Guesses of 10 and 10,000 both come within 1 % of the 300 that really come, after 12 windows."""
    traffic = Traffic(np.array([10.0, 10_000.0]))
    for _ in range(12):
        for i in range(300):
            traffic.arrive(i / 300)
        traffic.close()
    assert traffic.usual == pytest.approx([300, 300], rel=0.1)
    for _ in range(8):
        traffic.arrive(0.5, 300.0)
        traffic.close()
    assert traffic.usual == pytest.approx([300, 300], rel=0.01)


def test_a_first_guess_that_was_too_high_binds_no_target_once_requests_were_seen():
    """Half of a day's 100 requests have come: 2 % of what is left is a request's part, whatever was guessed."""
    for guess in (100.0, 10_000.0):
        pace = Window(10.0, Traffic(np.array([guess])))
        for i in range(50):
            pace.arrive(i / 100)
        assert pace.target()[0] == pytest.approx(0.2, rel=0.2)
        assert pace.mean_usd[0] == pytest.approx(0.1, rel=0.15)


def test_what_was_not_watched_is_not_taken_for_quiet():
    """Begun at three quarters, one request a hundredth: the forecast is of a day of 100, and little of it is left."""
    traffic = Traffic(np.array([100.0]))
    traffic.begin(0.75)
    assert traffic.remaining(0.75) == pytest.approx([25])
    for i in range(10):
        traffic.arrive(0.75 + i / 100)
    assert traffic.expected(0.85) == pytest.approx([100])
    assert traffic.remaining(0.85) == pytest.approx([15])
    again = Traffic(np.array([7.0]))
    again.load(traffic.dump())
    assert again.remaining(0.85) == pytest.approx([15])
    for i in range(15):
        traffic.arrive(0.85 + i / 100)
    traffic.close()
    assert traffic.usual == pytest.approx([100])
    assert traffic.past == []  # a quarter of a day is no day to compare others with
    assert traffic.remaining(0.5) == pytest.approx([4 / (4 / 100 + 0.5) * 0.5])  # now all of it is watched


def test_the_profile_of_a_window_is_learnt():
    """Where all requests come in the second quarter, half-time means that nothing more is to come."""
    traffic = Traffic(np.array([200.0]))
    for _ in range(12):
        for i in range(200):
            traffic.arrive(0.25 + 0.25 * i / 200)
        traffic.close()
    assert traffic.remaining(0.25)[0] == pytest.approx(200, rel=0.1)
    for i in range(200):
        traffic.arrive(0.25 + 0.25 * i / 200)
    assert traffic.remaining(0.5)[0] < 20


def test_a_busy_window_is_seen_and_a_quiet_one_too():
    busy, quiet, usual = (Traffic(np.array([100.0])) for _ in range(3))
    for i in range(150):
        busy.arrive(i / 300)
    for i in range(50):
        usual.arrive(i / 100)
    for i in range(10):
        quiet.arrive(i / 20)
    assert busy.remaining(0.5)[0] > 130
    assert usual.remaining(0.5)[0] == pytest.approx(50)
    assert quiet.remaining(0.5)[0] < 20


@given(st.lists(st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 30)), max_size=40), st.floats(0, 1))
def test_a_forecast_is_a_finite_number_of_one_or_more_whatever_came(arrivals, phase):
    traffic = Traffic(np.array([50.0, 1.0]))
    for i, (at, count) in enumerate(arrivals):
        traffic.arrive(at, float(count))
        if i % 7 == 6:
            traffic.close()
    remaining = traffic.remaining(phase)
    assert np.isfinite(remaining).all()
    assert (remaining >= 1).all()


def test_seeds_have_traffic_of_their_own():
    traffic = Traffic(np.array([100.0, 100.0]))
    for _ in range(20):
        traffic.arrive(0.1, np.array([5.0, 0.0]))
    assert traffic.remaining(0.2)[0] > 4 * traffic.remaining(0.2)[1]


def test_a_window_gives_what_is_left_over_the_forecast_and_begins_anew():
    pace = Window(6.0, Traffic(np.array([60.0, 60.0])))
    assert pace.mean_usd == pytest.approx([0.1, 0.1])
    assert pace.target() == pytest.approx([0.1, 0.1])
    for i in range(30):
        pace.arrive(i / 60)
        pace.settle(np.array([0.0, 0.2]))
    expected = window_target(np.array([6.0, 0.0]), pace.traffic.remaining(29 / 60), pace.mean_usd)
    assert pace.target() == pytest.approx(expected)
    assert pace.target()[0] > 1.8 * 0.1
    of_all = 34 / (4 / 60 + 29 / 60)  # so many are forecast, four of them by the guess
    assert pace.target()[1] == pytest.approx(0.05 * 6 / of_all)  # all is spent: the least target that there is
    pace.roll()
    assert pace.target()[0] == pace.target()[1] == pytest.approx(6.0 / 48)  # 30 came: .6 of 60 and .4 of 30 are usual


def test_a_window_of_nothing_is_a_target_of_nothing():
    pace = Window(0.0, Traffic(np.array([60.0])))
    pace.arrive(0.5)
    pace.settle(np.array([1.0]))
    assert pace.target().tolist() == [0.0]
