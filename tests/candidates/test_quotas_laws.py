"""Laws of quotas: what any bookings and reports, in any order, leave of them."""

from datetime import UTC, datetime, timedelta
from threading import Barrier, Thread
from types import SimpleNamespace

from hypothesis import assume, given
from hypothesis import strategies as st

from selector.candidates._pools import pools_of
from selector.candidates._quota_windows import Rolling, reset_window
from selector.candidates._quotas import Quotas
from selector.catalog import Route
from selector.records import QuotaSeen

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR, DAY = 3_600.0, 86_400.0
ROUTES = tuple(Route(model=model, provider="home", id=model) for model in ("sonnet", "opus"))
WINDOWS = [(timedelta(hours=5), None), ("hour", None), ("day", "09:00"), ("week", "Mon 09:00"), ("month", "31 00:00")]
LIMIT = 1_000

windows = st.sampled_from(WINDOWS)
times = st.integers(0, 40 * 86_400).map(float)
names = st.sampled_from([route.name for route in ROUTES])
bookings = st.lists(st.tuples(names, st.integers(0, 600), times), max_size=12)
reports = st.builds(
    lambda route, at, resource, left, limit, reset, exhausted: QuotaSeen(
        route=route,
        at_s=at,
        resource=resource,
        remaining=left if limit == 1.0 else left * (limit or 1),
        limit=limit,
        resets_at_s=None if reset is None else at + reset,
        exhausted=exhausted,
    ),
    names,
    times,
    st.sampled_from(["", "tokens", "requests", "input_tokens", "unified", "unified_5h", "unified_7d", "mine"]),
    st.floats(0, 1),
    st.sampled_from([None, 1.0, 60.0, 1_000.0]),
    st.one_of(st.none(), st.floats(-10, 40 * DAY)),
    st.booleans(),
)
steps = st.lists(st.one_of(st.tuples(names, st.integers(0, 600), times), reports), max_size=12)
kept_for = st.sampled_from([{}, {"purpose:lead": 0.3}, {"task_type:coding": 0.1, "purpose:lead": 0.2}])


def board(window, kept=None, *, name=None, zone="Europe/Berlin"):
    per, resets = window
    declared = SimpleNamespace(name=name, requests=None, tokens=LIMIT, usd=None, share=False, per=per, resets=resets)
    declared.use_or_lose, declared.reserve_for, declared.pool = True, kept or {}, None
    return Quotas(pools_of(ROUTES, providers={"home": [declared]}), zone=zone)


def taken(quotas, all_steps):
    for step in all_steps:
        if isinstance(step, QuotaSeen):
            quotas.learn(step)
        else:
            quotas.use(step[0], 1, step[1], 0, at=step[2])
    return quotas


def moment(at):
    return EPOCH + timedelta(seconds=at)


@given(windows, steps, times)
def test_no_more_is_left_than_the_declared_limit_and_its_bookings_leave(window, some, now):
    plain = taken(board(window), [step for step in some if not isinstance(step, QuotaSeen)])
    quotas = taken(board(window, name="mine"), some)
    for name in ("home", "mine", *(route.name for route in ROUTES)):
        assert 0.0 <= quotas.remaining(name, now) <= plain.remaining("home", now) <= 1.0


@given(windows, steps, reports, times)
def test_a_newer_report_never_raises_what_was_left_without_any(window, some, report, now):
    told = taken(board(window), [*(step for step in some if not isinstance(step, QuotaSeen)), report])
    untold = taken(board(window), [step for step in some if not isinstance(step, QuotaSeen)])
    assert told.remaining(report.route, now) <= untold.remaining(report.route, now)


@given(windows, steps, st.floats(0, DAY))
def test_a_window_and_every_reset_later_all_of_it_is_back(window, some, later):
    quotas = taken(board(window, {"purpose:lead": 0.5}), some)
    at = 40 * DAY + 31 * DAY + 32 * DAY + later
    assert quotas.remaining("home", at) == 1.0
    assert all(quotas.excluded(route, moment(at)) is None for route in ROUTES)


@given(windows, st.data(), times, times)
def test_the_order_of_late_bookings_does_not_matter(window, data, looked, now):
    some = data.draw(bookings)
    mixed = data.draw(st.permutations(some))
    one, other = taken(board(window), some), board(window)
    middle = len(mixed) // 2
    taken(other, mixed[:middle])
    other.remaining("home", min(looked, now))
    taken(other, mixed[middle:])
    assert one.remaining("home", now) == other.remaining("home", now)
    assert abs(one.effective_share("opus@home", now) - other.effective_share("opus@home", now)) < 1e-9


@given(
    windows, kept_for, steps, times, st.sampled_from([None, "lead", "worker"]), st.sampled_from(["coding/a", "email"])
)
def test_a_route_is_excluded_exactly_when_its_quotas_are_spent_or_kept_for_others(window, kept, some, now, purpose, of):
    quotas = taken(board(window, kept), some)
    is_other = bool(kept) and purpose != "lead" and not ("task_type:coding" in kept and of == "coding/a")
    for route in ROUTES:
        found = quotas.excluded(route, moment(now), task_type=of, purpose=purpose)
        least, of_account = quotas.remaining(route.name, now), quotas.remaining("home", now)
        is_kept = is_other and of_account <= sum(kept.values())
        assert (found is not None) == (least <= 0 or is_kept)
        assert found is None or quotas.out


@given(windows, steps, times)
def test_the_price_is_a_share_and_whole_where_nothing_is_left(window, some, now):
    quotas = taken(board(window), some)
    price = quotas.effective_share("opus@home", now)
    assert 0.0 <= price <= 1.0
    assert price == 1.0 or quotas.remaining("opus@home", now) > 0


@given(windows, steps, times)
def test_what_was_written_down_is_what_is_known_again(window, some, now):
    quotas, again = taken(board(window), some), board(window)
    again.load(quotas.dump(now), now)
    for name in ("home", *(route.name for route in ROUTES)):
        assert again.remaining(name, now) == quotas.remaining(name, now)
    assert again.effective_share("opus@home", now) == quotas.effective_share("opus@home", now)


@given(windows, st.lists(reports, max_size=8), times)
def test_others_hear_what_is_spent(window, some, now):
    """A reset less than a minute away is over before they would hear of it."""
    assume(all(report.resets_at_s is None or report.resets_at_s >= report.at_s + 60 for report in some))
    here, there = board(window), board(window)
    for report in some:
        event = here.learn(report)
        if event is not None:
            there.fold(event)
    for route in ROUTES:
        mine, yours = here.remaining(route.name, now), there.remaining(route.name, now)
        assert (mine <= 0) == (yours <= 0)


@given(st.sampled_from([60.0, 5 * HOUR, DAY]), st.lists(st.tuples(st.integers(1, 9), times), max_size=20), times)
def test_a_rolling_window_holds_the_last_of_its_length_and_at_most_a_sixtieth_more(seconds, some, now):
    window = Rolling(seconds)
    some = [(amount, at) for amount, at in some if at <= now]
    for amount, at in some:
        window.book(amount, at)
    held = window.spent(now)
    assert sum(a for a, at in some if at > now - seconds) <= held
    assert held <= sum(a for a, at in some if at > now - seconds - seconds / 60 - 1e-6)


@given(
    st.sampled_from(
        [("day", "02:30"), ("day", None), ("week", "Sun 02:30"), ("month", "29 02:30"), ("month", "31 23:59")]
    ),
    st.integers(0, 5 * 366 * 24 * 60),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)
def test_windows_of_the_calendar_follow_each_other_without_a_gap(window, minute, zone):
    now = datetime(2024, 1, 1, tzinfo=UTC) + timedelta(minutes=minute)
    begin, end = reset_window(*window, now, zone)
    assert begin <= now < end
    assert reset_window(*window, begin, zone) == (begin, end)
    assert reset_window(*window, end - timedelta(microseconds=1), zone) == (begin, end)
    assert reset_window(*window, end, zone)[0] == end


def test_bookings_of_many_threads_all_count():
    quotas, start = board(("total", None)), Barrier(4)
    report = QuotaSeen(route="opus@home", at_s=1.0, resource="input_tokens", remaining=9.0, limit=9.0, resets_at_s=60.0)

    def book():
        start.wait()
        for _ in range(100):
            quotas.use("sonnet@home", 1, 1, 0, at=0.0)
            quotas.learn(report)

    threads = [Thread(target=book) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert quotas.remaining("home", 0.0) == 0.6
