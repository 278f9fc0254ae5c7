"""Calendar and rolling windows, and the worst case that a hard budget holds."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.budgets import RollingWindow, calendar_window, window_phase, worst_case_nano
from selector.catalog import Prices
from selector.config import PricesConfig
from selector.records import Usage

BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 7, 1), 24)])
def test_a_day_is_as_long_as_its_zone_makes_it(day, hours):
    begin, end = calendar_window("day", datetime(*day, 12, tzinfo=ZoneInfo(BERLIN)), BERLIN)
    assert (end - begin) == timedelta(hours=hours)


@given(
    st.datetimes(datetime(1990, 1, 1), datetime(2060, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - as it asks
    st.sampled_from(["hour", "day", "week", "month"]),
    st.sampled_from(["UTC", BERLIN, "Asia/Kolkata", "America/New_York", "Australia/Lord_Howe"]),
)
def test_every_moment_is_in_its_window_and_windows_follow_each_other(now, per, zone):
    begin, end = calendar_window(per, now, zone)
    assert begin <= now < end
    assert 0 <= window_phase(now, (begin, end)) < 1
    assert calendar_window(per, end, zone)[0] == end
    assert calendar_window(per, begin, zone) == (begin, end)


def test_weeks_begin_on_monday_and_months_on_their_first():
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    assert calendar_window("week", now)[0] == datetime(2026, 11, 16, tzinfo=UTC)
    assert calendar_window("month", now) == (datetime(2026, 11, 1, tzinfo=UTC), datetime(2026, 12, 1, tzinfo=UTC))


def test_a_time_without_a_zone_is_refused():
    with pytest.raises(ValueError, match="without a zone"):
        calendar_window("day", datetime(2026, 1, 1))  # noqa: DTZ001 - that is the point


def test_what_was_spent_falls_out_after_a_window_and_not_before():
    pace = RollingWindow(10.0, 3600.0, arrivals_per_s=0.1)
    pace.advance(60.0)
    pace.settle(np.array([4.0]))
    for now in (600.0, 1800.0, 3600.0, 3660.0 - 1e-6):
        pace.advance(now)
        assert pace.left_usd.tolist() == [6.0]
    pace.advance(3660.0 + 61.0)
    assert pace.left_usd.tolist() == [10.0]


def test_a_rolling_window_is_spent_and_kept_under_a_threefold_traffic():
    """30 hours, each three times as busy in its second half: never over, and at least .90 of the limits spent."""
    rng = np.random.default_rng(5)
    pace, now, spent, times = RollingWindow(10.0, 3600.0, arrivals_per_s=0.1), 0.0, [], []
    while now < 30 * 3600:
        now += rng.exponential(1 / (0.1 if now % 3600 < 1800 else 0.3))
        pace.arrive(now)
        cost = min(float(pace.target()[0]) * rng.uniform(0.5, 1.5), max(float(pace.left_usd[0]), 0.0))
        pace.settle(np.array([cost]))
        spent.append(cost)
        times.append(now)
    at, paid = np.array(times), np.array(spent)
    in_window = np.array([paid[(at > t - 3600) & (at <= t)].sum() for t in at[at > 7200][::50]])
    assert in_window.max() <= 10.0 + 1e-9
    assert paid[at > 7200].sum() / (28 * 10.0) >= 0.90


PRICES = Prices.of(
    PricesConfig.model_validate({"usd_per_mtok_in": 3, "usd_per_mtok_out": 15, "usd_per_mtok_cache_write": 3.75})
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
TOKENS = st.integers(0, 200_000)


@given(TOKENS, TOKENS, TOKENS, TOKENS, TOKENS)
def test_no_call_costs_more_than_its_worst_case(uncached, read, written, output, reasoning):
    usage = Usage(
        input_tokens=uncached,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=output,
        reasoning_tokens=reasoning,
    )
    most = worst_case_nano(PRICES, at=NOW, input_tokens=uncached + read + written, max_output_tokens=output + reasoning)
    assert PRICES.cost_nano(usage, at=NOW) <= most


def test_without_a_bound_there_is_no_worst_case():
    assert worst_case_nano(None, at=NOW, input_tokens=1, max_output_tokens=1) is None
    assert worst_case_nano(PRICES, at=NOW, input_tokens=None, max_output_tokens=1) is None
    free = Prices.of(PricesConfig.model_validate({"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}))
    assert worst_case_nano(free, at=NOW, input_tokens=None, max_output_tokens=None) == 0
