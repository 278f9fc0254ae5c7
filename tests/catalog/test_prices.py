"""What a call costs: exact sums, tiers, dates, hours."""

from datetime import UTC, date, datetime, time, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.catalog import Prices
from selector.catalog._layers import Sheet
from selector.catalog._money import nano, usd
from selector.config import PricesConfig
from selector.errors import ConfigError
from selector.records import Usage

TODAY = date(2026, 7, 30)
CLASSES = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")

ALL = {
    "usd_per_mtok_in": 3,
    "usd_per_mtok_out": 15,
    "usd_per_mtok_cache_read": 0.3,
    "usd_per_mtok_cache_write": 3.75,
    "usd_per_mtok_reasoning": 20,
    "usd_per_call": 0.01,
}

usages = st.builds(Usage, **{name: st.none() | st.integers(0, 10**7) for name in CLASSES})
rates = st.floats(0, 1_000, allow_nan=False)
flat = st.fixed_dictionaries(dict.fromkeys(ALL, rates))


def test_each_class_has_its_price_and_the_call_its_fee():
    """1,000 x 3 + 10,000 x .3 + 2,000 x 3.75 + 500 x 15 + 200 x 20 dollars per million, and .01."""
    usage = Usage(
        input_tokens=1_000, cache_read_tokens=10_000, cache_write_tokens=2_000, output_tokens=500, reasoning_tokens=200
    )
    assert Prices.of(ALL).cost_usd(usage, at=TODAY) == pytest.approx(0.003 + 0.003 + 0.0075 + 0.0075 + 0.004 + 0.01)


def test_cached_input_costs_as_input_and_reasoning_as_output_unless_said():
    prices = Prices.of({"usd_per_mtok_in": 2, "usd_per_mtok_out": 8})
    cost = prices.cost_usd(Usage(cache_read_tokens=10**6, cache_write_tokens=10**6, reasoning_tokens=10**6), at=TODAY)
    assert cost == 2 + 2 + 8


def test_a_cost_is_rounded_up_to_a_nano_dollar_so_that_no_call_is_free_by_rounding():
    prices = Prices.of({"usd_per_mtok_in": 0.0001, "usd_per_mtok_out": 0})
    assert prices.cost_nano(Usage(input_tokens=1), at=TODAY) == 1
    assert prices.cost_nano(Usage(), at=TODAY) == 0


@given(flat, usages)
def test_cost_is_the_sum_over_the_token_classes(keys, usage):
    """Up to the one rounding at the end of each: at most a nano-dollar per part."""
    keys["usd_per_call"] = 0
    prices = Prices.of(keys)
    parts = [Usage(**{name: getattr(usage, name)}) for name in CLASSES]
    whole, summed = prices.cost_nano(usage, at=TODAY), sum(prices.cost_nano(part, at=TODAY) for part in parts)
    assert whole <= summed <= whole + len(parts)


@given(flat, usages, st.sampled_from(CLASSES), st.integers(0, 10**6))
def test_cost_never_falls_with_more_tokens(keys, usage, name, more):
    prices = Prices.of(keys)
    longer = Usage(**{each: getattr(usage, each) for each in CLASSES} | {name: (getattr(usage, name) or 0) + more})
    assert prices.cost_nano(usage, at=TODAY) <= prices.cost_nano(longer, at=TODAY)


@given(flat, usages, st.floats(1, 3), st.integers(0, 10**6), st.integers(0, 10**6))
def test_dearer_tiers_keep_cost_rising_with_the_input(keys, usage, factor, above, more):
    dearer = {key: price * factor for key, price in keys.items()}
    prices = Prices.of({**keys, "tiers": [{"above_tokens": above, **dearer}]})
    longer = Usage(input_tokens=(usage.input_tokens or 0) + more, output_tokens=usage.output_tokens)
    shorter = Usage(input_tokens=usage.input_tokens, output_tokens=usage.output_tokens)
    assert prices.cost_nano(shorter, at=TODAY) <= prices.cost_nano(longer, at=TODAY)


@given(st.decimals(0, 10**9, places=9))
def test_nano_dollars_keep_nine_places(amount):
    assert nano(amount) == int(amount * 10**9)


@given(st.integers(0, 10**15))
def test_dollars_and_back_up_to_a_million_dollars(nanos):
    assert nano(usd(nanos)) == nanos


def test_what_was_written_is_meant_and_not_its_binary_neighbour():
    assert nano(0.1) == 100_000_000
    assert nano(1e-9) == 1
    assert nano(5e-10) == 0
    assert nano(1.5e-9) == 2


class TestTiers:
    def test_a_tier_prices_the_whole_call_by_all_its_input(self):
        prices = Prices.of({**ALL, "usd_per_call": 0, "tiers": [{"above_tokens": 1_000, "usd_per_mtok_out": 30}]})
        within = Usage(input_tokens=500, cache_read_tokens=500, output_tokens=1_000)
        above = Usage(input_tokens=500, cache_read_tokens=501, output_tokens=1_000)
        assert prices.cost_usd(within, at=TODAY) == 0.01665
        assert prices.cost_usd(above, at=TODAY) == 0.0316503

    def test_what_a_tier_does_not_name_stays_as_in_the_tier_below(self):
        keys = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 1}
        tiers = [{"above_tokens": 10, "usd_per_mtok_in": 2}, {"above_tokens": 20, "usd_per_mtok_out": 3}]
        rates = Prices.of({**keys, "tiers": tiers}).rates(at=TODAY, context_tokens=21).usd()
        assert (rates["usd_per_mtok_in"], rates["usd_per_mtok_out"]) == (2, 3)

    def test_a_flat_price_laid_over_tiers_holds_at_every_length(self):
        below = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 1, "tiers": [{"above_tokens": 10, "usd_per_mtok_in": 2}]}
        prices = Prices.of(below, {"usd_per_mtok_in": 5})
        assert prices.rates(at=TODAY, context_tokens=11).usd()["usd_per_mtok_in"] == 5


class TestDates:
    keys = PricesConfig.read(
        {
            "usd_per_mtok_in": 1,
            "usd_per_mtok_out": 6,
            "prices": [
                {"from": "2026-07-30", "usd_per_mtok_in": 0.2},
                {"from": "2026-09-01", "usd_per_mtok_out": 5},
            ],
        }
    )

    @pytest.mark.parametrize(
        ("at", "into", "out"),
        [
            (date(2026, 7, 29), 1, 6),
            (datetime(2026, 7, 29, 23, 59, 59, tzinfo=UTC), 1, 6),
            (date(2026, 7, 30), 0.2, 6),
            (datetime(2026, 7, 30, 1, tzinfo=timezone(timedelta(hours=2))), 1, 6),
            (date(2026, 9, 1), 0.2, 5),
            (date(2099, 1, 1), 0.2, 5),
        ],
    )
    def test_a_price_holds_from_its_day_on_in_utc_and_keeps_what_it_does_not_name(self, at, into, out):
        rates = Prices.of(self.keys).usd(at=at)
        assert (rates["usd_per_mtok_in"], rates["usd_per_mtok_out"]) == (into, out)

    def test_before_the_first_day_the_first_price_holds_for_lack_of_better(self):
        prices = Prices.of({"prices": [{"from": "2026-07-30", "usd_per_mtok_in": 1, "usd_per_mtok_out": 2}]})
        assert prices.usd(at=date(2020, 1, 1))["usd_per_mtok_out"] == 2

    def test_a_time_without_a_zone_is_refused(self):
        with pytest.raises(ValueError, match="tzinfo=UTC"):
            Prices.of(self.keys).cost_usd(Usage(), at=datetime(2026, 1, 1))  # noqa: DTZ001  # that is the point


@pytest.mark.parametrize(("hour", "price"), [(0, 2), (1, 1), (3, 1), (4, 2), (22, 2), (23, 3), (12, 2)])
def test_a_price_may_hold_for_a_part_of_the_day(hour, price):
    """Also for one that goes over midnight, where the later entry wins: 23:00 to 00:00 here."""
    keys = {"usd_per_mtok_out": 0.0}
    prices = Prices.of_sheets(
        [
            Sheet(keys={**keys, "usd_per_mtok_in": 2.0}),
            Sheet(keys={**keys, "usd_per_mtok_in": 1.0}, hours=(time(1), time(4))),
            Sheet(keys={**keys, "usd_per_mtok_in": 3.0}, hours=(time(23), time(0))),
        ]
    )
    assert prices.usd(at=datetime(2026, 7, 30, hour, tzinfo=UTC))["usd_per_mtok_in"] == price


@pytest.mark.parametrize("keys", [{}, {"usd_per_mtok_in": 1}, {"usd_per_mtok_out": 1}, {"usd_per_call": 1}])
def test_half_a_price_is_no_price(keys):
    with pytest.raises(ConfigError, match="both usd_per_mtok_in and usd_per_mtok_out"):
        Prices.of(keys)


def test_a_wrong_price_is_a_config_error():
    with pytest.raises(ConfigError, match="usd_per_mtok_in: must be at least 0, not -1"):
        Prices.of({"usd_per_mtok_in": -1, "usd_per_mtok_out": 1})


@pytest.mark.parametrize("key", sorted(ALL))
def test_free_means_that_nothing_costs_anything(key):
    free = dict.fromkeys(ALL, 0)
    assert Prices.of(free).is_free
    assert not Prices.of({**free, key: 1}).is_free
    assert not Prices.of({**free, "tiers": [{"above_tokens": 5, key: 1}]}).is_free
