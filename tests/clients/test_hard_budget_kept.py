"""Hard budgets over time: windows, holds that nobody settles, what a close, a kill and a restart leave."""

import logging
import os
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selector import Outcome, Selector, Task
from selector.errors import BudgetExceededError, NoEligibleModelError

NANO = 10**9
SMALL = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 2, "max_output_tokens": 10_000, "context_tokens": 100_000}
LARGE = {**SMALL, "usd_per_mtok_in": 5, "usd_per_mtok_out": 20}
MODELS = {"small": SMALL, "large": LARGE}
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
BERLIN = ZoneInfo("Europe/Berlin")
TASK = Task("coding", input_tokens=10_000, only=["small"])  # at most 10,000 x 1 + 10,000 x 2 USD per million: .03


class Clock:
    """A clock that a test sets."""

    def __init__(self, now=NOON):
        self.now = now.timestamp()

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(tmp_path, clock):
    """Open selectors of one folder with some budgets, and close them when the test ends."""
    with ExitStack() as stack:

        def open_(*budgets, models=MODELS, **more):
            config = {"models": models, "budgets": list(budgets), **more}
            return stack.enter_context(Selector.open(config, state=tmp_path / "state", seed=1, clock=clock))

        yield open_


def accounts(selector):
    """Return limit, spent and held of every budget, in its own unit: nano-dollars, tokens, requests."""
    return {name: tuple(account) for name, (_, account) in selector._core.budget.accounts.items()}


def only_account(selector):
    (account,) = accounts(selector).values()
    return account


class TestWindows:
    def test_an_hour_ends_on_the_hour(self, opened, clock):
        selector = opened({"usd": 0.05, "per": "hour"})
        clock.now += 3_599
        selector.record(selector.select(TASK), Outcome(cost_usd=0.03))
        with pytest.raises(BudgetExceededError):
            selector.select(TASK)
        clock.now += 1
        assert selector.select(TASK).held_nano == 30_000_000

    @pytest.mark.parametrize(("day", "hours"), [((2026, 3, 29), 23), ((2026, 10, 25), 25), ((2026, 7, 1), 24)])
    def test_a_day_in_berlin_is_as_long_as_its_clocks_say(self, opened, clock, day, hours):
        clock.now = datetime(*day, tzinfo=BERLIN).timestamp()
        selector = opened({"usd": 0.05, "per": "day"}, timezone="Europe/Berlin")
        selector.record(selector.select(TASK), Outcome(cost_usd=0.03))
        clock.now += hours * 3_600 - 1
        with pytest.raises(BudgetExceededError) as refused:
            selector.select(TASK)
        assert refused.value.resets_at == datetime(*day, tzinfo=BERLIN) + timedelta(days=1)
        clock.now += 1
        selector.select(TASK)

    def test_a_rolling_window_frees_what_is_older_than_it_and_not_before(self, opened, clock):
        selector = opened({"usd": 0.05, "per": "5h"})
        selector.record(selector.select(TASK), Outcome(cost_usd=0.03))
        clock.now += 5 * 3_600 - 1
        with pytest.raises(BudgetExceededError) as refused:
            selector.select(TASK)
        assert refused.value.resets_at is not None
        clock.now += 5 * 60 + 2
        assert selector.select(TASK).held_nano == 30_000_000

    def test_what_is_settled_after_its_window_ended_does_not_count_in_the_next(self, opened, clock):
        selector = opened({"usd": 0.05, "per": "hour"})
        late = selector.select(TASK)
        clock.now += 3_600
        selector.record(selector.select(TASK), Outcome(cost_usd=0.01))
        selector.record(late, Outcome(cost_usd=0.03))
        assert only_account(selector) == (50_000_000, 10_000_000, 0)


class TestHoldsThatNobodySettles:
    def test_it_is_charged_after_an_hour_and_frees_nothing(self, opened, clock):
        selector = opened({"usd": 0.05, "per": "day"})
        selector.select(TASK)
        clock.now += 3_599
        selector.status()
        assert only_account(selector) == (50_000_000, 0, 30_000_000)
        clock.now += 1
        selector.status()
        assert only_account(selector) == (50_000_000, 30_000_000, 0)
        with pytest.raises(BudgetExceededError):
            selector.select(TASK)

    def test_a_cost_that_comes_after_all_takes_the_place_of_what_was_charged(self, opened, clock):
        selector = opened({"usd": 0.05, "per": "day"})
        decision = selector.select(TASK)
        clock.now += 3_600
        selector.status()
        selector.record(decision, Outcome(cost_usd=0.01))
        assert only_account(selector) == (50_000_000, 10_000_000, 0)

    def test_it_is_charged_once_whoever_opens_the_folder_next(self, opened, clock):
        with opened({"usd": 0.05, "per": "day"}) as first:
            first.select(TASK)
        clock.now += 3_600
        for _ in range(2):
            with opened({"usd": 0.05, "per": "day"}) as again:
                again.status()
                assert only_account(again) == (50_000_000, 30_000_000, 0)


class TestWhatIsKept:
    @pytest.mark.parametrize("per", ["hour", "day", "week", "month", "total", "5h"])
    def test_what_was_spent_and_held_survives_a_close(self, opened, clock, per):
        budget = {"usd": 1, "per": per}
        with opened(budget) as first:
            first.record(first.select(TASK), Outcome(cost_usd=0.02))
            pending = first.select(TASK)
            before = only_account(first)
        clock.now += 60
        second = opened(budget)
        assert only_account(second) == before == (NANO, 20_000_000, 30_000_000)
        second.record(pending.id, Outcome(cost_usd=0.01))
        assert only_account(second) == (NANO, 30_000_000, 0)

    @pytest.mark.parametrize("per", ["day", "total", "5h"])
    def test_what_was_spent_and_held_survives_a_kill(self, tmp_path, opened, per):
        config = {"models": MODELS, "budgets": [{"usd": 1, "per": per}]}
        code = (
            "import os\nfrom selector import Outcome, Selector, Task\n"
            f"folder = {os.fspath(tmp_path / 'state')!r}\n"
            f"selector = Selector.open({config!r}, state=folder, clock=lambda: {NOON.timestamp()})\n"
            "task = Task('coding', input_tokens=10_000, only=['small'])\n"
            "selector.record(selector.select(task), Outcome(cost_usd=.02))\n"
            "selector.select(task)\nos._exit(1)\n"
        )
        died = subprocess.run([sys.executable, "-c", code], capture_output=True, check=False)  # noqa: S603 - our own
        assert (died.returncode, died.stderr) == (1, b"")
        selector = opened({"usd": 1, "per": per})
        assert only_account(selector) == (NANO, 20_000_000, 30_000_000)

    def test_a_changed_limit_keeps_what_was_spent(self, opened):
        with opened({"usd": 1, "per": "day"}) as first:
            first.record(first.select(TASK), Outcome(cost_usd=0.02))
        assert only_account(opened({"usd": 0.04, "per": "day"})) == (40_000_000, 20_000_000, 0)

    def test_overruns_are_still_known_after_a_restart(self, opened):
        with opened({"usd": 1, "per": "day"}) as first:
            first.record(first.select(TASK), Outcome(cost_usd=0.5))
        assert opened({"usd": 1, "per": "day"}).status().n_overruns == 1


def test_a_warning_is_given_once_at_each_share_and_window(opened, caplog):
    selector = opened({"usd": 0.1, "per": "hour", "warn_at": ["50%", "80%"]})
    said = []
    with caplog.at_level(logging.WARNING, "selector"):
        for cost in (0.02, 0.03, 0.01, 0.025, 0.001):
            selector.record(
                selector.select(Task("coding", input_tokens=1, max_output_tokens=1)), Outcome(cost_usd=cost)
            )
            said.append(sum("is spent" in each.message for each in caplog.records))
    assert said == [0, 1, 1, 2, 2]


TASKS = st.builds(
    lambda tokens, longest, only: Task("coding", input_tokens=tokens, max_output_tokens=longest, only=only),
    st.sampled_from([None, 0, 10_000, 90_000]),
    st.sampled_from([None, 1, 10_000]),
    st.sampled_from([(), ("small",), ("large",)]),
)
STEPS = st.lists(
    st.tuples(TASKS, st.integers(0, 5), st.floats(0, 1), st.sampled_from([0, 60, 1_800, 4_000])), max_size=12
)


@settings(max_examples=25)
@given(STEPS, st.floats(0, 2), st.sampled_from(["hour", "total", "5h"]))
def test_spent_and_held_together_never_exceed_the_limit(steps, usd, per):
    clock = Clock()
    config = {"models": MODELS, "budgets": [{"usd": usd, "per": per}, {"requests": 8, "per": per}]}
    with tempfile.TemporaryDirectory() as folder, Selector.open(config, state=folder, seed=1, clock=clock) as selector:
        waiting = []
        for task, place, share, later in steps:
            clock.now += later
            try:
                waiting.append(selector.select(task))
            except NoEligibleModelError:
                selector.status()
            if place < len(waiting):
                decision = waiting.pop(place)
                selector.record(decision, Outcome(cost_usd=int(decision.held_nano * share) / NANO))
            for limit, spent, held in accounts(selector).values():
                assert 0 <= spent + held <= limit
                assert min(spent, held) >= 0
