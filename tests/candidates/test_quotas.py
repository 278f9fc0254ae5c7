"""Quotas: what is counted and learnt of them, who is excluded and until when, and what is told to others."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from zoneinfo import ZoneInfo

import pytest

from selector.candidates import Health
from selector.candidates._pools import Pool, pools_of
from selector.candidates._quota_windows import Fixed, reset_window, window_of
from selector.candidates._quotas import Quotas
from selector.catalog import NANO, Route
from selector.config import QuotaConfig
from selector.records import Failure, HealthSeen, QuotaSeen, Reason

HOUR, DAY = 3_600.0, 86_400.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
SONNET = Route(model="sonnet", provider="home", id="sonnet")
OPUS = Route(model="opus", provider="home", id="opus")
OTHER = Route(model="sonnet", provider="work", id="sonnet")
ROUTES = (SONNET, OPUS, OTHER)


def terms(**given):
    blank = {"name": None, "requests": None, "tokens": None, "usd": None, "share": False, "per": timedelta(hours=5)}
    blank |= {"resets": None, "use_or_lose": False, "reserve_for": {}, "pool": None}
    return SimpleNamespace(**(blank | given))


def home(*all_terms, zone="UTC"):
    return Quotas(pools_of(ROUTES, providers={"home": all_terms}), zone=zone)


def seen(at=0.0, route="sonnet@home", **given):
    return QuotaSeen(route=route, at_s=at, **given)


def share(left, at=0.0, until=5 * HOUR, route="sonnet@home"):
    return seen(at, route, resource="unified_5h", remaining=left, limit=1.0, resets_at_s=until)


def out(quotas, route, at, **task):
    return quotas.excluded(route, EPOCH + timedelta(seconds=at), **task)


class TestPools:
    def test_a_provider_s_quota_is_shared_by_its_routes_and_no_other(self):
        quotas = home(terms(requests=2))
        quotas.use("sonnet@home", 1, 10, 0, at=0.0)
        quotas.use("opus@home", 1, 10, 0, at=0.0)
        assert out(quotas, SONNET, 1.0).reason is Reason.OVER_QUOTA
        assert out(quotas, OPUS, 1.0) is not None
        assert out(quotas, OTHER, 1.0) is None

    def test_a_model_s_quota_holds_for_each_of_its_routes_unless_the_route_has_its_own(self):
        pools = pools_of(ROUTES, models={"sonnet": [terms(requests=3)]}, own={"sonnet@work": [terms(requests=9)]})
        assert {pool.owner: pool.limit for pool in pools} == {"sonnet@home": 3, "sonnet@work": 9}
        assert pools_of(ROUTES, models={"sonnet": [terms(requests=3)]}, own={"sonnet@work": []})[0].routes == {
            "sonnet@home"
        }

    def test_those_who_name_one_pool_share_one_quota_with_the_least_limit(self):
        first = terms(tokens=90, pool="team", reserve_for={"purpose:lead": 0.2})
        second = terms(tokens=60, pool="team", reserve_for={"purpose:lead": 0.1}, use_or_lose=True)
        (pool,) = pools_of(ROUTES, providers={"home": [first]}, own={"sonnet@work": [second]})
        assert (pool.limit, pool.reserve_for, pool.use_or_lose) == (60, {"purpose:lead": 0.2}, True)
        quotas = Quotas([pool])
        quotas.use("opus@home", 1, 45, 0, at=0.0)
        assert {quotas.remaining(name, 0.0) for name in ("team", "home", "sonnet@work", "opus@home")} == {0.25}

    def test_dollars_are_whole_nano_dollars(self):
        assert pools_of(ROUTES, providers={"home": [terms(usd=0.3)]})[0].limit == 300_000_000

    def test_several_quotas_hold_at_once_and_the_one_that_lasts_longest_is_named(self):
        quotas = home(terms(requests=1), terms(tokens=10, per="week", resets="Mon 09:00"))
        quotas.use("sonnet@home", 1, 10, 0, at=0.0)
        assert str(out(quotas, SONNET, 1.0)) == "over_quota (home: tokens-per-week spent until 1970-01-05 09:00 UTC)"
        assert quotas.remaining("home", 1.0) == 0.0


class TestWindows:
    def test_a_rolling_quota_comes_back_as_it_was_used(self):
        quotas = home(terms(tokens=100))
        quotas.use("sonnet@home", 1, 60, 0, at=10.0)
        quotas.use("sonnet@home", 1, 40, 0, at=2 * HOUR)
        assert str(out(quotas, SONNET, 2 * HOUR)) == "over_quota (home: tokens-per-5h spent until 05:05:00 UTC)"
        assert out(quotas, SONNET, 5 * HOUR + 300) is None
        assert quotas.remaining("home", 5 * HOUR + 300) == 0.6
        assert quotas.remaining("home", 7 * HOUR + 300) == 1.0

    @pytest.mark.parametrize(
        ("per", "resets", "now", "begin", "end"),
        [
            ("week", "Mon 09:00", "2026-03-30T08:59", "2026-03-23T09:00", "2026-03-30T09:00"),
            ("week", "Mon 09:00", "2026-03-30T09:00", "2026-03-30T09:00", "2026-04-06T09:00"),
            ("day", "09:00", "2026-03-29T08:00", "2026-03-28T09:00", "2026-03-29T09:00"),
            ("month", "31 00:00", "2026-03-01T00:00", "2026-02-28T00:00", "2026-03-31T00:00"),
            ("month", "15 06:30", "2026-01-15T06:29", "2025-12-15T06:30", "2026-01-15T06:30"),
            ("month", None, "2026-12-31T23:59", "2026-12-01T00:00", "2027-01-01T00:00"),
            ("week", None, "2026-01-01T00:00", "2025-12-29T00:00", "2026-01-05T00:00"),
        ],
    )
    def test_a_window_begins_at_its_reset_on_the_zone_s_own_clock(self, per, resets, now, begin, end):
        berlin = ZoneInfo("Europe/Berlin")
        now, begin, end = (datetime.fromisoformat(each).replace(tzinfo=berlin) for each in (now, begin, end))
        assert reset_window(per, resets, now, "Europe/Berlin") == (begin.astimezone(UTC), end.astimezone(UTC))

    @pytest.mark.parametrize(("month", "day", "hours"), [(3, 28, 24), (3, 29, 23), (10, 24, 24), (10, 25, 25)])
    def test_the_day_on_which_the_clock_is_changed_is_as_long_as_it_is(self, month, day, hours):
        begin, end = reset_window("day", "01:00", datetime(2026, month, day, 12, tzinfo=UTC), "Europe/Berlin")
        assert end - begin == timedelta(hours=hours)

    @pytest.mark.parametrize(
        ("per", "resets"),
        [("week", "09:00"), ("day", "Mon 09:00"), ("day", "24:00"), ("month", "0 09:00"), ("hour", "09:00")],
    )
    def test_a_reset_that_makes_no_sense_is_refused_at_once(self, per, resets):
        with pytest.raises(ValueError, match="resets"):
            Fixed(per, resets, "UTC")

    def test_a_span_of_a_day_with_a_reset_is_the_calendar_s_and_of_five_hours_is_none(self):
        assert isinstance(window_of(timedelta(days=1), "09:00", "UTC"), Fixed)
        with pytest.raises(ValueError, match="which rolls"):
            window_of(timedelta(hours=5), "09:00", "UTC")

    def test_a_late_booking_goes_to_the_window_of_its_call(self):
        quotas = home(terms(requests=2, per="day"))
        quotas.use("sonnet@home", 1, 0, 0, at=DAY + 5)
        assert quotas.remaining("home", DAY + 6) == 0.5
        quotas.use("sonnet@home", 1, 0, 0, at=DAY - 5)
        assert quotas.remaining("home", DAY + 6) == 0.5

    def test_a_booking_that_fell_out_of_a_rolling_window_already_changes_nothing(self):
        quotas = home(terms(requests=2))
        assert quotas.remaining("home", DAY) == 1.0
        quotas.use("sonnet@home", 2, 0, 0, at=HOUR)
        assert (quotas.remaining("home", DAY), quotas.out) == (1.0, False)

    def test_what_is_booked_ahead_of_the_reader_counts_when_its_window_begins(self):
        quotas = home(terms(requests=1, per="day"))
        quotas.use("sonnet@home", 1, 0, 0, at=DAY + 5)
        assert out(quotas, SONNET, DAY - 5) is None
        assert out(quotas, SONNET, DAY + 1) is not None

    def test_a_quota_of_nothing_is_never_open(self):
        assert str(out(home(terms(requests=0)), SONNET, 0.0)) == "over_quota (home: requests-per-5h spent for good)"


class TestReserve:
    KEPT = terms(tokens=100, per="day", reserve_for={"purpose:lead": 0.2, "task_type:coding": 0.1})

    def test_the_last_share_is_for_those_alone_for_whom_it_is_kept(self):
        quotas = home(self.KEPT)
        quotas.use("sonnet@home", 1, 69, 0, at=0.0)
        assert out(quotas, SONNET, 1.0) is None
        quotas.use("sonnet@home", 1, 1, 0, at=0.0)
        assert str(out(quotas, SONNET, 1.0, task_type="email")) == (
            "over_quota (home: tokens-per-day: the last 30 % kept for purpose lead, task_type coding "
            "until 1970-01-02 00:00 UTC)"
        )
        assert out(quotas, SONNET, 1.0, purpose="lead") is None
        assert out(quotas, SONNET, 1.0, task_type="coding/python") is None
        assert out(quotas, SONNET, 1.0, task_type="codingish") is not None
        quotas.use("sonnet@home", 1, 30, 0, at=0.0)
        assert "spent" in str(out(quotas, SONNET, 1.0, purpose="lead"))

    def test_it_is_out_only_while_something_is_near_its_end(self):
        quotas = home(self.KEPT)
        assert not quotas.out
        quotas.use("sonnet@home", 1, 70, 0, at=0.0)
        assert quotas.out
        assert out(quotas, SONNET, DAY) is None
        assert not quotas.out


class TestLearning:
    def test_a_share_lowers_the_declared_quota_of_the_same_length_for_the_whole_account(self):
        quotas = home(terms(tokens=1_000), terms(tokens=9_000, per="week"))
        quotas.learn(share(0.2))
        assert quotas.remaining("opus@home", 1.0) == 0.2
        assert [state.remaining for state in quotas.states(1.0)] == [0.2, 1.0]
        assert quotas.remaining("home", 5 * HOUR) == 1.0

    def test_what_is_used_after_a_report_is_taken_off_and_what_was_used_before_is_not(self):
        quotas = home(terms(requests=100))
        quotas.learn(seen(10.0, resource="requests", remaining=50.0, limit=100.0, resets_at_s=HOUR))
        quotas.use("sonnet@home", 1, 0, 0, at=9.0)
        assert quotas.remaining("home", 11.0) == 0.5
        quotas.use("sonnet@home", 10, 0, 0, at=11.0)
        assert quotas.remaining("home", 12.0) == 0.4

    def test_a_count_up_to_another_limit_is_the_route_s_own(self):
        quotas = home(terms(requests=100))
        quotas.learn(seen(resource="requests", remaining=1.0, limit=60.0, resets_at_s=30.0))
        assert (quotas.remaining("sonnet@home", 1.0), quotas.remaining("opus@home", 1.0)) == (1 / 60, 1.0)

    def test_tokens_per_share_are_learnt_between_reports_and_lower_what_is_left(self):
        quotas = home(terms(share=True))
        for step in range(5):
            quotas.learn(share(1.0 - 0.1 * step, at=100.0 * step))
            quotas.use("sonnet@home", 1, 1_000, 0, at=100.0 * step + 1)
        left = quotas.remaining("home", 500.0)
        assert 0.5 < left < 0.52, "a thousand tokens use a little less than the tenth that they seem to"
        quotas.use("sonnet@home", 1, 100_000, 0, at=500.0)
        assert quotas.remaining("home", 501.0) == 0.01, "an estimate does not spend it"
        assert out(quotas, SONNET, 501.0) is None

    def test_a_refusal_that_names_no_limit_is_of_the_shortest_window_that_fits_and_is_half_used(self):
        quotas = home(terms(tokens=100), terms(tokens=1_000, per="week"))
        quotas.use("sonnet@home", 1, 60, 0, at=0.0)
        quotas.learn(seen(10.0, exhausted=True, resets_at_s=2 * HOUR))
        assert str(out(quotas, OPUS, 11.0)) == "over_quota (home: tokens-per-5h spent until 02:00:00 UTC)"
        assert out(quotas, OPUS, 2 * HOUR) is None

    def test_a_refusal_that_comes_too_early_to_be_the_account_s_is_the_route_s(self):
        quotas = home(terms(tokens=100))
        quotas.learn(seen(10.0, exhausted=True, resets_at_s=2 * HOUR))
        assert str(out(quotas, SONNET, 11.0)) == "over_quota (sonnet@home: quota spent until 02:00:00 UTC)"
        assert out(quotas, OPUS, 11.0) is None

    @pytest.mark.parametrize("until", [None, -5.0, 1e12])
    def test_a_reset_that_cannot_be_believed_excludes_nobody(self, until):
        quotas = home(terms(tokens=100))
        assert quotas.learn(seen(exhausted=True, resets_at_s=until)) is None
        assert not quotas.out

    def test_a_newer_report_holds_and_an_older_one_changes_nothing(self):
        quotas = home(terms(tokens=1_000))
        quotas.learn(share(0.0, at=10.0))
        quotas.learn(share(0.4, at=9.0))
        assert out(quotas, SONNET, 11.0) is not None
        quotas.learn(share(0.4, at=11.0))
        assert out(quotas, SONNET, 12.0) is None


class TestPrice:
    LOSE = terms(tokens=24_000, per="day", use_or_lose=True)

    def test_a_quota_that_is_not_lost_costs_its_list_price(self):
        assert home(terms(tokens=100)).effective_share("sonnet@home", 0.0) == 1.0
        assert home(self.LOSE).effective_share("sonnet@work", 0.0) == 1.0

    def test_it_is_free_while_use_stays_under_what_is_left_and_rises_as_it_does_not(self):
        prices = []
        for per_hour in (500, 1_500, 2_000, 3_900):
            quotas = home(self.LOSE)
            for minute in range(6 * 60):
                quotas.use("sonnet@home", 1, per_hour // 60, 0, at=60.0 * minute)
            prices.append(quotas.effective_share("sonnet@home", 6 * HOUR))
        assert prices[0] == 0.0
        assert 0 < prices[1] < prices[2] < prices[3] < 1
        assert prices[3] > 0.9

    def test_it_is_the_whole_price_when_it_is_spent_and_nothing_after_a_reset_long_unused(self):
        quotas = home(self.LOSE)
        quotas.use("sonnet@home", 1, 24_000, 0, at=0.0)
        assert quotas.effective_share("sonnet@home", 1.0) == 1.0
        assert quotas.effective_share("sonnet@home", 3 * DAY) == 0.0

    def test_it_is_worked_out_anew_as_it_is_used_and_when_it_is_reset(self):
        quotas = home(self.LOSE)
        assert quotas.effective_share("sonnet@home", 0.0) == 0.0
        quotas.use("sonnet@home", 1, 23_000, 0, at=1.0)
        assert quotas.effective_share("sonnet@home", 2.0) > 0.9
        quotas.learn(seen(3.0, resource="tokens", remaining=0.0, limit=24_000.0, resets_at_s=5.0))
        assert quotas.effective_share("sonnet@home", 4.0) == 1.0
        assert quotas.effective_share("sonnet@home", 5 * DAY) == 0.0

    def test_a_rolling_quota_that_is_used_as_fast_as_it_comes_back_is_free(self):
        quotas = home(terms(tokens=60_000, use_or_lose=True))
        for minute in range(600):
            quotas.use("sonnet@home", 1, 150, 0, at=60.0 * minute)
        assert quotas.effective_share("sonnet@home", 600 * 60.0) == 0.0

    def test_a_share_alone_has_a_price_too(self):
        quotas = home(terms(share=True, use_or_lose=True))
        quotas.learn(share(0.9, at=2.5 * HOUR))
        assert quotas.effective_share("sonnet@home", 2.5 * HOUR) == 0.0
        quotas.learn(share(0.1, at=2.5 * HOUR + 1))
        assert quotas.effective_share("sonnet@home", 2.5 * HOUR + 1) > 0.5


class TestTelling:
    def test_other_processes_hear_what_was_learnt_and_say_it_no_further(self):
        here, there = home(terms(tokens=1_000)), home(terms(tokens=1_000))
        event = json.loads(json.dumps(here.learn(share(0.2))))
        there.fold(event)
        there.fold(event)
        assert there.remaining("home", 1.0) == 0.2
        assert there.learn(share(0.19, at=1.0)) is None
        assert there.learn(share(0.1, at=2.0)) is not None

    def test_a_refusal_is_of_the_same_quota_everywhere_whoever_has_counted_what(self):
        here, there = home(terms(tokens=100)), home(terms(tokens=100))
        here.use("sonnet@home", 1, 60, 0, at=0.0)
        there.fold(here.learn(seen(1.0, exhausted=True, resets_at_s=HOUR)))
        assert out(there, OPUS, 2.0) is not None

    def test_small_changes_and_short_windows_are_not_worth_a_line(self):
        quotas = Quotas()
        assert quotas.learn(share(0.97)) is None
        assert quotas.learn(seen(resource="requests", remaining=0.0, limit=60.0, resets_at_s=30.0)) is None
        assert (
            quotas.learn(seen(resource="requests", remaining=0.0, limit=60.0, at=31.0, resets_at_s=120.0)) is not None
        )

    def test_health_passes_its_events_over_and_those_of_health_are_understood(self):
        quotas, health = home(terms(tokens=100)), Health()
        told = Health()
        told.fold(quotas.learn(share(0.0)))
        assert not told.out
        again = home(terms(tokens=100))
        failed = HealthSeen(route="sonnet@home", at_s=5.0, failure=Failure.QUOTA_EXHAUSTED, until_s=HOUR)
        again.fold(health.seen(failed))
        assert "spent until 01:00:00" in str(out(again, SONNET, 6.0))
        again.fold(health.seen(HealthSeen(route="sonnet@home", at_s=9.0), began_s=8.0))
        assert out(again, SONNET, 10.0) is None

    @pytest.mark.parametrize(
        "event",
        [
            {},
            {"kind": "quota"},
            {"kind": "quota", "state": "learnt", "seen_by": 3, "at": 0.0, "until": 60.0},
            {"kind": "quota", "state": "learnt", "seen_by": "a@b", "at": "x", "until": 60.0, "spent": True},
            {"kind": "quota", "state": "learnt", "seen_by": "a@b", "at": 0.0, "until": 1e12, "spent": True},
            {
                "kind": "quota",
                "state": "learnt",
                "seen_by": "a@b",
                "at": 0.0,
                "until": 60.0,
                "remaining": -1,
                "limit": 1,
            },
            {"kind": "quota", "state": "closed", "route": None, "at": 0.0},
        ],
    )
    def test_what_is_no_such_event_changes_nothing(self, event):
        quotas = Quotas()
        quotas.fold(event)
        assert (quotas.out, quotas.words(EPOCH)) == (False, ())

    def test_all_that_is_known_is_kept_over_a_restart(self):
        def made():
            pools = pools_of(
                ROUTES,
                providers={"home": [terms(tokens=100), terms(usd=1, per="month"), terms(share=True, per="week")]},
            )
            return Quotas(pools, zone="Europe/Berlin")

        quotas = made()
        quotas.use("sonnet@home", 1, 60, NANO // 4, at=100.0)
        quotas.learn(seen(101.0, resource="unified_7d", remaining=0.5, limit=1.0, resets_at_s=DAY))
        quotas.use("sonnet@home", 1, 5, 0, at=102.0)
        quotas.learn(seen(103.0, exhausted=True, resets_at_s=HOUR, route="sonnet@work"))
        saved = json.loads(json.dumps(quotas.dump(110.0)))
        again = made()
        again.load(saved, 110.0)
        assert again.words(EPOCH) == quotas.words(EPOCH)
        assert str(out(again, OTHER, 110.0)) == str(out(quotas, OTHER, 110.0)) != "None"
        assert again.dump(110.0) == quotas.dump(110.0)

    def test_each_quota_is_a_line_for_people(self):
        quotas = home(
            terms(tokens=200, reserve_for={"purpose:lead": 0.25}), terms(name="calls", requests=3, per="total")
        )
        quotas.use("sonnet@home", 1, 50, 0, at=0.0)
        assert quotas.words(EPOCH) == (
            "home: tokens-per-5h: 75 % left, more from 05:05:00 UTC, the last 25 % kept for some",
            "home: calls: 67 % left",
        )

    def test_a_pool_answers_to_all_its_names_and_an_unknown_name_to_nothing(self):
        quotas = Quotas([Pool(owner="home", resource="requests", limit=4, name="calls", providers=frozenset({"home"}))])
        assert {quotas.remaining(name, 0.0) for name in ("home", "calls", "sonnet@home")} == {1.0}
        assert quotas.remaining("work", 0.0) is None

    def test_what_a_configuration_says_is_understood_as_it_stands(self):
        week = QuotaConfig(tokens=12_000_000, per="week", resets="Mon 09:00", reserve_for={"purpose:lead": "30%"})
        quotas = Quotas(pools_of(ROUTES, providers={"home": (QuotaConfig(share=True, per="5h"), week)}))
        assert [state.label for state in quotas.states(0.0)] == ["home: share-per-5h", "home: tokens-per-week"]
        assert [state.kept for state in quotas.states(0.0)] == [0.0, 0.3]
