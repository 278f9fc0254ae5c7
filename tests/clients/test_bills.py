"""What providers bill against the configured prices: which are off, by how much, and what would explain it."""

from datetime import UTC, datetime

import numpy as np
import pytest

from selector import Config, Outcome, Selector, Task
from selector._clients.bills._billed import ratio_of
from selector._clients.bills._bills import check_bills
from selector.catalog import Catalog, Prices
from selector.catalog import UnknownPriceWarning as Unknown
from selector.records import Usage
from selector.store import State

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
LIST = {
    "usd_per_mtok_in": 3,
    "usd_per_mtok_out": 15,
    "usd_per_mtok_cache_read": 0.3,
    "usd_per_mtok_cache_write": 3.75,
    "usd_per_mtok_reasoning": 20,
}
DATED = {**LIST, "prices": [{"from": "2026-03-11", "usd_per_mtok_in": 6, "usd_per_mtok_out": 30}]}
PLAIN = {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15}
BOUNDS = {"context_tokens": 1_000_000, "max_output_tokens": 10_000}
CLASSES = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")


def config_of(prices, **more):
    return {"models": {"m": {**BOUNDS, **prices}}, "policy": {"name": "fixed", "model": "m"}, **more}


class Shop:
    """A state folder that calls are recorded in, with what they were billed."""

    def __init__(self, folder, clock):
        self.folder, self.clock = folder, clock
        self.rng = np.random.default_rng(5)

    def usages(self, n, names=CLASSES):
        return [
            {name: int(k) for name, k in zip(names, row, strict=True)}
            for row in self.rng.integers(10, 5_000, (n, len(names)))
        ]

    def record(self, prices, usages, bill, *, step_s=3_600.0, config=None):
        """Record calls some time apart, each billed as a function of its usage and its time says."""
        with Selector.open(config or config_of(prices), state=self.folder, seed=1, clock=self.clock) as selector:
            for usage in usages:
                decision = selector.select(Task("coding", input_tokens=1_000))
                at = datetime.fromtimestamp(self.clock.now, UTC)
                selector.record(decision, Outcome(**usage, cost_usd=bill(Usage(**usage), at)))
                self.clock.now += step_s

    def check(self, prices, config=None, **options):
        catalog = Catalog.of(Config.load(config or config_of(prices)))
        with State.open(self.folder, clock=self.clock, read_only=True) as log:
            return check_bills(log.events(), catalog, **options)

    def one(self, prices, **options):
        (bill,) = self.check(prices, **options).routes
        return bill


def by(prices, factor=1.0, noise=None):
    """Bill by some prices, times a factor, with a random error of some share."""
    real = Prices.of(prices)

    def bill(usage, at):
        error = 1.0 if noise is None else 1 + noise[1] * float(noise[0].standard_normal())
        return real.cost_usd(usage, at=at) * factor * error

    return bill


@pytest.fixture
def shop(folder, clock):
    clock.now = NOON.timestamp()
    return Shop(folder, clock)


class TestVerdict:
    def test_what_is_billed_by_the_list_fits_it(self, shop):
        usages = shop.usages(30)
        shop.record(LIST, usages, by(LIST))
        bill = shop.one(LIST)
        assert (bill.n, bill.n_billed, bill.verdict, bill.causes) == (30, 30, "fits", ())
        assert bill.ratio == pytest.approx(1, abs=1e-6)
        expected = sum(by(LIST)(Usage(**each), NOON) for each in usages)
        assert (bill.billed_usd, bill.list_usd) == pytest.approx((expected, expected), rel=1e-6)

    def test_a_wrong_list_is_off_by_its_factor(self, shop):
        shop.record(LIST, shop.usages(30), by(LIST, 1.25))
        found = shop.check(LIST)
        assert found.off == ("m",)
        (bill,) = found.routes
        assert bill.ratio == pytest.approx(1.25, rel=1e-6)
        assert (bill.causes[0].name, bill.causes[0].usd["usd_per_mtok_in"]) == ("all", 3.75)
        assert len(bill.causes) == 1

    def test_a_list_that_was_corrected_is_right(self, shop):
        shop.record(LIST, shop.usages(30), by(LIST, 1.25))
        assert shop.one({name: usd * 1.25 for name, usd in LIST.items()}).verdict == "fits"

    def test_few_calls_have_a_ratio_and_no_verdict(self, shop):
        shop.record(LIST, shop.usages(9), by(LIST, 2))
        bill = shop.one(LIST)
        assert (bill.verdict, bill.causes) == ("too_few", ())
        assert bill.ratio == pytest.approx(2, rel=1e-6)
        shop.record(LIST, shop.usages(1), by(LIST, 2))
        assert shop.one(LIST).verdict == "off"

    def test_one_call_has_no_interval(self, shop):
        shop.record(LIST, shop.usages(1), by(LIST, 2))
        bill = shop.one(LIST)
        assert (bill.low, bill.high, bill.verdict) == (None, None, "too_few")

    def test_bills_that_vary_too_much_are_told_to_be_unclear(self, shop):
        bill = by(LIST)
        wild = iter([0.2, 2.2] * 10)
        shop.record(LIST, shop.usages(20), lambda usage, at: bill(usage, at) * next(wild))
        found = shop.one(LIST)
        assert found.verdict == "unclear"
        assert found.low < 1 < found.high

    def test_a_small_difference_beyond_doubt_is_off_only_beyond_the_tolerance(self, shop):
        shop.record(LIST, shop.usages(30), by(LIST, 1.04))
        assert shop.one(LIST).verdict == "fits"
        assert shop.one(LIST, tolerance=0.02).verdict == "off"

    def test_what_is_listed_as_free_and_billed_is_off(self, shop):
        free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
        shop.record(free, shop.usages(30, CLASSES[::3]), by(PLAIN))
        bill = shop.one(free)
        assert (bill.verdict, bill.ratio, bill.list_usd) == ("off", None, 0)
        assert bill.causes[0].usd == pytest.approx({"usd_per_mtok_in": 3, "usd_per_mtok_out": 15}, rel=1e-4)

    def test_what_is_free_and_billed_as_free_fits(self, shop):
        free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
        shop.record(free, shop.usages(12), lambda _usage, _at: 0.0)
        assert shop.one(free).verdict == "fits"

    def test_what_has_no_price_is_told_with_its_bill(self, shop):
        with pytest.warns(Unknown):
            shop.record({}, shop.usages(12), by(PLAIN))
        with pytest.warns(Unknown):
            bill = shop.one({})
        assert (bill.verdict, bill.list_usd, bill.n) == ("no_price", None, 12)
        assert bill.billed_usd > 0

    def test_a_model_that_is_no_longer_configured_is_told_and_never_off(self, shop):
        shop.record(LIST, shop.usages(12), by(LIST, 2))
        found = shop.check({}, config={"models": {"other": PLAIN}})
        assert [(bill.model, bill.verdict) for bill in found.routes] == [("m", "not_configured")]
        assert found.off == ()

    def test_a_model_that_was_renamed_is_billed_under_its_new_name(self, shop):
        shop.record(LIST, shop.usages(12), by(LIST, 2))
        found = shop.check({}, config={"models": {"new": {**LIST, "was": "m"}}})
        assert [(bill.model, bill.route, bill.verdict) for bill in found.routes] == [("new", "new", "off")]


class TestWhatIsCompared:
    def test_calls_without_a_bill_are_left_out(self, shop):
        shop.record(LIST, shop.usages(12), by(LIST))
        with Selector.open(config_of(LIST), state=shop.folder, seed=1, clock=shop.clock) as selector:
            selector.record(selector.select(Task("coding")), Outcome(output_tokens=10**6))
        assert shop.one(LIST).n_billed == 12

    def test_a_bill_without_tokens_counts_as_a_bill_and_is_not_compared(self, shop):
        shop.record(LIST, [*shop.usages(12), {}], lambda usage, at: by(LIST)(usage, at) if usage.output_tokens else 9.0)
        bill = shop.one(LIST)
        assert (bill.n_billed, bill.n, bill.verdict) == (13, 12, "fits")
        assert bill.billed_usd < 9

    def test_an_input_that_was_guessed_is_not_compared_and_one_that_the_task_counted_is(self, shop):
        with Selector.open(config_of(PLAIN), state=shop.folder, seed=1, clock=shop.clock) as selector:
            for task in (Task("coding", prompt="word " * 100), Task("coding", input_tokens=1_000)):
                selector.record(selector.select(task), Outcome(output_tokens=100, cost_usd=0.0045))
        bill = shop.one(PLAIN)
        assert (bill.n_billed, bill.n) == (2, 1)
        assert bill.list_usd == pytest.approx(0.0045)

    def test_a_usage_in_pieces_is_one_bill(self, shop):
        with Selector.open(config_of(PLAIN), state=shop.folder, seed=1, clock=shop.clock) as selector:
            decision = selector.select(Task("coding"))
            for piece in ({"cost_usd": 0.0045}, {"input_tokens": 1_000}, {"output_tokens": 100}):
                selector.record(decision, Outcome(**piece))
        bill = shop.one(PLAIN)
        assert (bill.n_billed, bill.n, bill.billed_usd) == (1, 1, 0.0045)
        assert bill.list_usd == pytest.approx(0.0045)

    def test_only_decisions_since_a_time_count(self, shop):
        shop.record(LIST, shop.usages(20), by(LIST, 2))
        shop.record(LIST, shop.usages(15), by(LIST))
        assert shop.one(LIST).verdict == "off"
        since = shop.one(LIST, since_s=NOON.timestamp() + 20 * 3_600)
        assert (since.n, since.verdict) == (15, "fits")

    def test_a_tier_by_length_is_priced_as_it_is_billed(self, shop):
        tiered = {**LIST, "tiers": [{"above_tokens": 7_000, "usd_per_mtok_in": 6, "usd_per_mtok_out": 30}]}
        shop.record(tiered, shop.usages(40), by(tiered))
        assert shop.one(tiered).ratio == pytest.approx(1, abs=1e-6)
        assert shop.one(LIST).verdict == "changed"

    def test_routes_of_a_model_are_billed_apart_and_the_model_over_both(self, shop):
        providers = {"a": {"kind": "openai"}, "b": {"kind": "openai"}}
        models = {"m": {**BOUNDS, **PLAIN, "routes": {"a": {}, "b": {"usd_per_mtok_in": 6}}}}
        config = {"providers": providers, "models": models}
        with Selector.open(config, state=shop.folder, seed=1, clock=shop.clock) as selector:
            for n in range(24):
                usage = {"input_tokens": 1_000 * n, "output_tokens": 500}
                decision = selector.select(Task("coding", input_tokens=1_000))
                cost = by(PLAIN)(Usage(**usage), NOON)
                selector.record(decision, Outcome(**usage, cost_usd=cost, route=f"m@{'ab'[n % 2]}"))
        found = shop.check({}, config=config)
        assert [(each.route, each.n, each.verdict) for each in found.routes] == [
            ("m@a", 12, "fits"),
            ("m@b", 12, "off"),
        ]
        assert [(each.route, each.n) for each in found.models] == [(None, 24)]
        assert found.off == ("m",)
        assert [cause.usd for cause in found.routes[1].causes] == [{"usd_per_mtok_in": 3.0}]


class TestChangesOfPrice:
    def test_a_change_that_the_configuration_dates_fits_on_both_sides(self, shop):
        shop.record(DATED, shop.usages(40), by(DATED))
        bill = shop.one(DATED)
        assert (bill.verdict, bill.n) == ("fits", 40)
        assert bill.ratio == pytest.approx(1, abs=1e-6)

    def test_a_change_that_nobody_wrote_down_is_dated_by_the_bills(self, shop):
        shop.record(LIST, shop.usages(20), by(LIST))
        shop.record(LIST, shop.usages(20), by(LIST, 1.5))
        bill = shop.one(LIST)
        assert bill.verdict == "off"
        assert [cause.name for cause in bill.causes] == ["since"]
        assert bill.causes[0].changed_at_s == NOON.timestamp() + 20 * 3_600
        assert bill.causes[0].usd["usd_per_mtok_out"] == 22.5
        assert "as listed until 2026-03-11 08:00 UTC, 1.5 times the list since" in bill.causes[0].said

    def test_new_prices_written_without_their_date_are_told_apart_from_wrong_ones(self, shop):
        dearer = {name: 2 * usd for name, usd in LIST.items()}
        shop.record(LIST, shop.usages(20), by(LIST))
        assert shop.one(dearer).verdict == "changed"
        shop.record(dearer, shop.usages(20), by(dearer))
        assert shop.one(dearer).verdict == "changed"
        shop.record(dearer, shop.usages(60), by(LIST))
        found = shop.check(dearer)
        assert found.off == ("m",)

    def test_a_list_that_is_right_only_since_a_change_is_told_so(self, shop):
        shop.record(LIST, shop.usages(25), by(LIST, 0.5))
        shop.record(LIST, shop.usages(25), by(LIST))
        (cause,) = shop.one(LIST).causes
        assert (cause.name, cause.usd) == ("until", {})
        assert "0.5 times the list until 2026-03-11 13:00 UTC, as listed since" in cause.said


class TestCauses:
    @pytest.mark.parametrize(
        ("real", "name", "keys"),
        [
            ({"usd_per_mtok_cache_read": 3}, "cache_read_as_input", ["usd_per_mtok_cache_read"]),
            ({"usd_per_mtok_cache_write": 3}, "cache_write_as_input", ["usd_per_mtok_cache_write"]),
            (
                {"usd_per_mtok_cache_read": 3, "usd_per_mtok_cache_write": 3},
                "cache_as_input",
                ["usd_per_mtok_cache_read", "usd_per_mtok_cache_write"],
            ),
            ({"usd_per_mtok_reasoning": 0}, "reasoning_not_billed", ["usd_per_mtok_reasoning"]),
            ({"usd_per_mtok_reasoning": 15}, "reasoning_as_output", ["usd_per_mtok_reasoning"]),
            ({"usd_per_mtok_cache_write": 0}, "cache_write_not_billed", ["usd_per_mtok_cache_write"]),
            ({"usd_per_mtok_out": 22}, "price", ["usd_per_mtok_out"]),
            ({"usd_per_call": 0.02}, "price", ["usd_per_call"]),
            ({"usd_per_mtok_in": 9, "usd_per_mtok_out": 11}, "several", None),
        ],
        ids=str,
    )
    @pytest.mark.parametrize("noise", [0, 0.01])
    def test_the_price_that_is_wrong_is_named(self, shop, real, name, keys, noise):
        bill = by({**LIST, **real}, noise=(np.random.default_rng(2), noise))
        shop.record(LIST, shop.usages(80), bill, step_s=60.0)
        bill = shop.one(LIST, tolerance=0.01)
        assert bill.verdict == "off"
        assert [cause.name for cause in bill.causes] == [name]
        if keys is not None:
            assert [*bill.causes[0].keys] == keys
        for key, usd in real.items():
            assert bill.causes[0].usd[key] == pytest.approx(usd, rel=0.1, abs=1e-9)
        assert bill.causes[0].explained > (0.8 if noise else 0.9999)

    def test_input_that_holds_what_was_read_from_the_cache_is_named(self, shop):
        real = by(LIST)

        def bill(usage, at):
            own = Usage(
                input_tokens=usage.input_tokens - usage.cache_read_tokens,
                cache_read_tokens=usage.cache_read_tokens,
                output_tokens=usage.output_tokens,
            )
            return real(own, at)

        usages = shop.usages(60, ("input_tokens", "cache_read_tokens", "output_tokens"))
        for each in usages:
            each["input_tokens"] += each["cache_read_tokens"]
        shop.record(LIST, usages, bill)
        (cause,) = shop.one(LIST).causes
        assert (cause.name, cause.usd) == ("cache_read_in_input", {})

    def test_what_is_not_billed_at_all_is_said_to_be_so(self, shop):
        shop.record(LIST, shop.usages(40), lambda _usage, _at: 0.0)
        bill = shop.one(LIST)
        assert (bill.verdict, bill.ratio, bill.causes[0].said) == ("off", 0, "nothing is billed")

    def test_explanations_that_calls_of_one_shape_cannot_tell_apart_are_all_named(self, shop):
        usages = [{"input_tokens": 1_000, "output_tokens": 200}] * 30
        shop.record(PLAIN, usages, by(PLAIN, 1.5))
        causes = shop.one(PLAIN).causes
        assert {cause.keys for cause in causes} >= {
            ("usd_per_mtok_in", "usd_per_mtok_out"),
            ("usd_per_mtok_in",),
            ("usd_per_mtok_out",),
        }

    def test_bills_that_follow_nothing_of_the_usage_are_not_explained(self, shop):
        chance = np.random.default_rng(8)
        shop.record(LIST, shop.usages(80), lambda _usage, _at: float(chance.pareto(1.5)) + 0.2)
        bill = shop.one(LIST)
        assert (bill.verdict, bill.causes) == ("off", ())


class TestRatio:
    def test_its_interval_holds_the_truth_about_as_often_as_it_says(self):
        """Dollars of calls that differ tenfold, with errors of 30 %, twenty calls at a time."""
        rng, hits, n = np.random.default_rng(3), 0, 2_000
        for _ in range(n):
            listed = rng.lognormal(0, 0.8, 20)
            found = ratio_of(listed * 1.1 * (1 + 0.3 * rng.standard_normal(20)), listed)
            hits += found.low <= 1.1 <= found.high
        assert 0.92 <= hits / n <= 0.97

    def test_a_right_list_is_rarely_called_off(self):
        rng, wrong, n = np.random.default_rng(4), 0, 2_000
        for _ in range(n):
            listed = rng.lognormal(0, 0.8, 12)
            wrong += ratio_of(listed * (1 + 0.2 * rng.standard_normal(12)), listed).is_off(0.05)
        assert wrong / n <= 0.05
