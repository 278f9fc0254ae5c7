"""Health: when a breaker opens and closes, what cools a route and for how long, and the laws of both."""

import json
from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.candidates import Health
from selector.candidates._breaker import AT_ONCE, COUNTED, Closed, HalfOpen, Open
from selector.candidates._cooling import FREE
from selector.catalog import Route
from selector.config import BreakerConfig
from selector.records import Failure, HealthSeen, QuotaSeen

LIMITS = BreakerConfig(failures=3, within_s=60, open_s=30)
ROUTE = Route(model="sonnet", provider="work", id="claude-sonnet-4-6")
NAME = ROUTE.name
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
DAY = 86_400.0
OF_TASK = [failure for failure in Failure if not failure.of_route]


def health():
    return Health({"work": LIMITS})


def ended(at, failure=None, until=None, route=NAME):
    return HealthSeen(route=route, at_s=at, failure=failure, until_s=until)


def opened(at=100.0):
    found = health()
    found.seen(ended(at, Failure.AUTH))
    return found


def said(found, at):
    return str(found.excluded(ROUTE, EPOCH + timedelta(seconds=at)))


class TestBreaker:
    def test_it_opens_after_so_many_failures_in_so_many_seconds(self):
        state = Closed(LIMITS).failed(0.0).failed(30.0)
        assert isinstance(state, Closed)
        assert isinstance(state.failed(60.0), Open)
        assert isinstance(state.failed(60.1), Closed), "the first is too long ago"

    def test_a_success_starts_the_count_anew(self):
        state = Closed(LIMITS).failed(0.0).failed(1.0).succeeded(2.0).failed(3.0).failed(4.0)
        assert isinstance(state, Closed)

    @pytest.mark.parametrize("failure", sorted(AT_ONCE))
    def test_what_does_not_heal_by_itself_opens_at_once(self, failure):
        assert isinstance(Closed(LIMITS).failed(0.0, failure), Open)

    def test_calls_that_began_before_it_opened_change_nothing_while_it_is_open(self):
        state = Closed(LIMITS).failed(0.0, Failure.AUTH)
        assert state.failed(10.0) is state.succeeded(20.0) is state.undecided(29.0) is state

    def test_the_first_call_after_the_time_tries_and_no_other(self):
        state = Closed(LIMITS).failed(0.0, Failure.AUTH)
        assert state.probing(29.9) is state
        tried = state.probing(30.0)
        assert isinstance(tried, HalfOpen)
        assert tried.probing(59.9) is tried

    def test_a_call_that_never_reports_frees_its_place(self):
        tried = Closed(LIMITS).failed(0.0, Failure.AUTH).probing(30.0)
        assert tried.probing(60.0) is not tried
        assert tried.undecided(31.0).wait_s(31.0) == 0

    def test_it_opens_for_twice_as_long_each_time_up_to_sixteen_times(self):
        state, lasted = Closed(LIMITS).failed(0.0, Failure.AUTH), []
        for _ in range(7):
            lasted.append(state.until - state.since)
            state = state.probing(state.until).failed(state.until)
        assert lasted == [30, 60, 120, 240, 480, 480, 480]
        state = state.probing(state.until).succeeded(state.until).failed(9_000.0, Failure.AUTH)
        assert state.until == 9_030, "a success takes the doubling back"


class TestHealth:
    def test_nothing_is_out_before_anything_was_seen(self):
        found = health()
        assert (found.out, said(found, 0.0), found.words(EPOCH), found.dump(0.0)) == (False, "None", (), [])

    @pytest.mark.parametrize("failure", sorted(COUNTED - AT_ONCE))
    def test_each_failure_of_the_route_counts(self, failure):
        found = health()
        events = [found.seen(ended(at, failure)) for at in (0.0, 1.0, 2.0)]
        assert events[:2] == [None, None]
        assert {key: events[2][key] for key in ("kind", "route", "state", "until", "reason")} == {
            "kind": "health",
            "route": NAME,
            "state": "open",
            "until": 32.0,
            "reason": failure.value,
        }
        why = f"unhealthy (sonnet@work: open until 00:00:32 UTC after 3 failures ({failure.value}))"
        assert (said(found, 31.9), said(found, 32.0)) == (why, "None")

    @pytest.mark.parametrize("failure", [*OF_TASK, Failure.RATE_LIMITED])
    def test_failures_of_the_task_and_limits_without_a_time_count_neither_way(self, failure):
        found = health()
        assert [found.seen(ended(at, failure)) for at in (0.0, 1.0, 2.0, 3.0)] == [None] * 4
        assert not found.out
        found.seen(ended(4.0, Failure.TIMEOUT))
        found.seen(ended(5.0, Failure.TIMEOUT))
        found.seen(ended(6.0, failure))
        assert found.seen(ended(7.0, Failure.TIMEOUT))["state"] == "open", "it was no success"

    def test_a_failure_of_the_task_frees_the_place_of_the_call_that_tries(self):
        found = opened(0.0)
        assert (found.admit(NAME, 30.0), found.admit(NAME, 31.0)) == (True, False)
        assert found.seen(ended(32.0, Failure.CONTENT_POLICY)) is None
        assert (found.admit(NAME, 32.0), found.admit(NAME, 33.0)) == (True, False)

    def test_the_call_that_tries_closes_the_breaker_or_opens_it_for_longer(self):
        found = opened(0.0)
        assert found.admit(NAME, 30.0)
        assert found.seen(ended(31.0, Failure.TIMEOUT))["until"] == 91.0
        assert found.wait_s(NAME, 61.0) == 30
        assert found.admit(NAME, 91.0)
        assert found.seen(ended(92.0))["state"] == "closed"
        assert (found.out, found.wait_s(NAME, 92.0), found.admit(NAME, 92.0)) == (False, 0, True)

    def test_a_call_that_began_before_the_one_that_tries_is_not_that_one(self):
        found = opened(0.0)
        found.admit(NAME, 30.0)
        assert found.seen(ended(31.0, Failure.TIMEOUT), began_s=-29.0) is None
        assert found.seen(ended(32.0), began_s=-20.0) is None
        assert found.seen(ended(33.0), began_s=30.0)["state"] == "closed"

    def test_who_never_claims_a_place_is_understood_all_the_same(self):
        found = opened(0.0)
        assert found.seen(ended(31.0, Failure.TIMEOUT))["until"] == 91.0
        assert found.seen(ended(95.0))["state"] == "closed"

    def test_each_provider_has_its_own_limits(self):
        found = Health({"home": BreakerConfig(failures=1, open_s=5), "work": LIMITS})
        found.seen(ended(0.0, Failure.TIMEOUT, route="a@b@home"))
        assert found.wait_s("a@b@home", 0.0) == 5
        found.seen(ended(0.0, Failure.TIMEOUT))
        assert found.wait_s(NAME, 0.0) == 0

    def test_many_threads_get_one_place_between_them(self):
        found, barrier, got = opened(0.0), Barrier(8), []

        def call():
            barrier.wait()
            got.append(found.admit(NAME, 30.0))

        threads = [Thread(target=call) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(got) == [False] * 7 + [True]


class TestCooling:
    def test_a_rush_is_waited_for_as_long_as_the_provider_asks(self):
        found = health()
        event = found.seen(ended(0.0, Failure.RATE_LIMITED, 20.0))
        assert (event["kind"], event["state"], event["until"]) == ("quota", "cooled", 20.0)
        words = "sonnet@work: asks to be left alone until 00:00:20 UTC (rate_limited)"
        assert said(found, 19.9) == f"over_quota ({words})"
        assert (found.admit(NAME, 19.9), found.wait_s(NAME, 15.0), found.words(EPOCH)) == (False, 5, (words,))
        assert (said(found, 20.0), found.out) == ("None", False)

    def test_the_later_deadline_stays(self):
        found = health()
        found.seen(ended(0.0, Failure.RATE_LIMITED, 60.0))
        assert found.seen(ended(1.0, Failure.RATE_LIMITED, 5.0)) is None
        assert found.wait_s(NAME, 10.0) == 50

    def test_a_broken_route_that_names_a_time_is_left_alone_until_then(self):
        found = health()
        assert found.seen(ended(0.0, Failure.OVERLOADED, 20.0))["kind"] == "health"
        assert said(found, 1.0).startswith("unhealthy (sonnet@work: asks to be left alone until 00:00:20")

    def test_a_spent_quota_is_out_until_its_reset_of_days(self):
        found = health()
        found.seen(ended(0.0, Failure.QUOTA_EXHAUSTED, 7 * DAY))
        assert said(found, 60.0) == "over_quota (sonnet@work: quota spent until 1970-01-08 00:00 UTC)"
        assert (said(found, 7 * DAY - 1)[:10], said(found, 7 * DAY)) == ("over_quota", "None")

    @pytest.mark.parametrize("until", [None, -5.0, 0.0, 32 * DAY, float("inf"), float("nan")])
    def test_a_reset_that_cannot_be_is_none(self, until):
        found = health()
        assert found.seen(ended(0.0, Failure.RATE_LIMITED, until)) is None
        found.seen(ended(0.0, Failure.QUOTA_EXHAUSTED, until))
        assert found.wait_s(NAME, 0.0) == 300

    def test_an_unknown_reset_is_waited_for_twice_as_long_each_time_up_to_an_hour(self):
        found, at, waits = health(), 0.0, []
        for _ in range(6):
            found.seen(ended(at, Failure.QUOTA_EXHAUSTED))
            found.seen(ended(at, Failure.QUOTA_EXHAUSTED))
            waits.append(found.wait_s(NAME, at))
            at += waits[-1]
        assert waits == [300, 600, 1_200, 2_400, 3_600, 3_600], "two calls that met the limit at once are one"
        found.seen(ended(at))
        found.seen(ended(at + 1, Failure.QUOTA_EXHAUSTED))
        assert found.wait_s(NAME, at + 1) == 300, "an answer starts anew"

    def test_an_answer_ends_a_cooling_only_if_its_call_began_after_that_was_told(self):
        found = health()
        found.seen(ended(100.0, Failure.RATE_LIMITED, 160.0))
        found.seen(ended(100.0, Failure.QUOTA_EXHAUSTED, 900.0))
        assert found.seen(ended(101.0)) is None
        assert found.seen(ended(101.0), began_s=99.0) is None
        assert found.wait_s(NAME, 101.0) == 799
        event = found.seen(ended(103.0), began_s=102.0)
        assert (event["kind"], event["state"], event["of"], found.out) == ("quota", "closed", "all", False)

    def test_a_limit_that_is_used_up_is_out_until_its_reset(self):
        found = health()
        seen = QuotaSeen(route=NAME, at_s=0.0, resource="output_tokens", remaining=0, resets_at_s=60.0)
        assert found.quota(seen)["of"] == "output_tokens"
        assert said(found, 1.0) == "over_quota (sonnet@work: output tokens spent until 00:01:00 UTC)"

    def test_room_ends_the_cooling_of_that_resource_alone(self):
        found = health()
        for resource, until in (("requests", 60.0), ("tokens", 30.0)):
            found.quota(QuotaSeen(route=NAME, at_s=0.0, resource=resource, remaining=0, resets_at_s=until))
        event = found.quota(QuotaSeen(route=NAME, at_s=1.0, resource="requests", remaining=7))
        assert (event["state"], event["of"], found.wait_s(NAME, 1.0)) == ("closed", "requests", 29)

    def test_a_limit_that_says_too_little_changes_nothing(self):
        found = health()
        assert found.quota(QuotaSeen(route=NAME, at_s=0.0, resource="tokens", remaining=0)) is None
        assert found.quota(QuotaSeen(route=NAME, at_s=0.0, resource="tokens", remaining=0, resets_at_s=1e13)) is None
        assert found.quota(QuotaSeen(route=NAME, at_s=0.0, resource="tokens", limit=5)) is None
        assert not found.out

    def test_a_refusal_for_a_limit_cools_even_without_a_reset(self):
        found = health()
        found.quota(QuotaSeen(route=NAME, at_s=0.0, exhausted=True))
        assert found.wait_s(NAME, 0.0) == 300


class TestOtherProcesses:
    def test_what_one_process_wrote_another_takes_over(self):
        here, there = health(), health()
        for at in (0.0, 1.0, 2.0):
            event = here.seen(ended(at, Failure.TIMEOUT))
        there.fold(json.loads(json.dumps(event)))
        assert there.words(EPOCH) == here.words(EPOCH) != ()
        there.admit(NAME, 40.0)
        here.fold(there.seen(ended(41.0)))
        assert not here.out

    def test_older_news_changes_nothing(self):
        here, there = health(), health()
        old = here.seen(ended(0.0, Failure.AUTH))
        here.admit(NAME, 30.0)
        closed = here.seen(ended(31.0))
        for event in (closed, old):
            there.fold(event)
        assert there.wait_s(NAME, 10.0) == 0

    def test_an_opening_tells_of_the_cooling_that_outlasts_it(self):
        here, there = health(), health()
        there.fold(here.seen(ended(0.0, Failure.AUTH, 200.0)))
        assert there.wait_s(NAME, 0.0) == here.wait_s(NAME, 0.0) == 200

    @pytest.mark.parametrize(
        "event",
        [
            {},
            {"kind": "drift", "route": NAME, "at": 0.0, "state": "open"},
            {"kind": "health", "route": 3, "at": 0.0, "state": "open"},
            {"kind": "health", "route": NAME, "at": "now", "state": "open"},
            {"kind": "health", "route": NAME, "at": 1e300, "state": "open"},
            {"kind": "health", "route": NAME, "at": 0.0, "state": "ajar"},
            {"kind": "quota", "route": NAME, "at": 0.0, "state": "cooled", "until": 1e300},
        ],
    )
    def test_what_is_no_news_of_health_changes_nothing(self, event):
        found = health()
        found.fold(event)
        assert not found.out


FAILURES = st.sampled_from([None, *Failure])
ENDS = st.lists(st.tuples(st.floats(0.0, 40.0), FAILURES, st.none() | st.floats(0.0, 200.0)), max_size=40)


def lived(steps):
    found, at = health(), 0.0
    for after, failure, until in steps:
        at += after
        if found.admit(NAME, at):
            found.seen(ended(at, failure, None if until is None else at + until), began_s=at)
    return found, at


class TestLaws:
    @given(st.lists(st.tuples(st.floats(0.0, 5.0), st.floats(10.0, 1e6)), min_size=1), st.randoms())
    def test_the_later_deadline_wins_in_any_order(self, deadlines, order):
        seen = [ended(at, Failure.RATE_LIMITED, until) for at, until in deadlines]
        order.shuffle(seen)
        cooling = FREE
        for each in seen:
            cooling = cooling.failed(each)
        assert cooling.until == max(until for _, until in deadlines)

    @given(ENDS, st.lists(st.floats(0.0, 29.9), min_size=1, max_size=20))
    def test_at_most_one_call_tries_at_a_time(self, steps, offsets):
        found, at = lived(steps)
        found.seen(ended(at, Failure.AUTH))
        at += found.wait_s(NAME, at) + 1.0
        assert sum(found.admit(NAME, at + each) for each in sorted(offsets)) == 1

    @given(st.lists(st.floats(0.0, 100.0)))
    def test_a_route_that_only_succeeds_is_never_out(self, times):
        found = health()
        assert not any(found.seen(ended(at)) or found.out or not found.admit(NAME, at) for at in times)

    @given(ENDS)
    def test_after_enough_time_every_route_is_admitted(self, steps):
        found, at = lived(steps)
        later = at + 32 * DAY
        assert found.excluded(ROUTE, EPOCH + timedelta(seconds=later)) is None
        assert found.admit(NAME, later)

    @given(ENDS, st.floats(0.0, 300.0))
    def test_what_says_no_says_for_how_long(self, steps, after):
        found, at = lived(steps)
        now = round(at + after, 3)
        wait = found.wait_s(NAME, now)
        assert (found.excluded(ROUTE, EPOCH + timedelta(seconds=now)) is not None) == (wait > 0)
        assert found.out or wait == 0
        assert found.admit(NAME, now + wait + 1e-3)

    @given(ENDS, st.floats(0.0, 300.0))
    def test_what_is_dumped_and_loaded_is_the_same(self, steps, after):
        found, at = lived(steps)
        again, now = health(), at + after
        again.load(json.loads(json.dumps(found.dump(now))))
        moment = EPOCH + timedelta(seconds=now)
        assert again.words(moment) == found.words(moment)
        assert again.wait_s(NAME, now) == found.wait_s(NAME, now)
        assert again.dump(now) == found.dump(now)
        assert again.admit(NAME, now) == found.admit(NAME, now)
        assert again.dump(now) == found.dump(now), "the place of the call that tries is taken"

    @given(st.lists(st.tuples(st.floats(0.0, 40.0), st.sampled_from(["failed", "succeeded", "undecided", "probing"]))))
    def test_no_breaker_closes_but_by_a_call_that_tried(self, steps):
        state, at = Closed(LIMITS), 0.0
        for after, name in steps:
            at += after
            before, state = state, getattr(state, name)(at)
            if isinstance(before, Open) and isinstance(state, Closed):
                assert at >= before.until
                assert name == "succeeded"
