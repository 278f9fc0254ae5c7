"""S4.3, S4.4: a model at a subscription and at a paid account; its quota runs out on real refusals, and comes back."""

from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from selector import Failure, Selector, Task
from selector._clients import rebuild
from selector.testing import FakeOpenAI, Fault, Reply
from tests.clients.conftest import Clock

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)
WINDOW_S = 5 * 3_600
SERVED = 4  # calls that the subscription takes in its window


class Subscription:
    """A server's script: so many calls in five hours, by a clock, and then 429 with the seconds until the reset."""

    def __init__(self, clock):
        self._clock, self._begun, self._n = clock, None, 0

    def __call__(self, _body, _headers):
        now = self._clock()
        if self._begun is None or now >= self._begun + WINDOW_S:
            self._begun, self._n = now, 0
        self._n += 1
        if self._n <= SERVED:
            return Reply("by the subscription")
        return Fault(429, retry_after_s=self._begun + WINDOW_S - now, message="usage limit reached")


@pytest.fixture
def clock():
    return Clock(NOON.timestamp())


@pytest.fixture
def world(tmp_path, clock, monkeypatch):
    """Serve one model at two places, and open selectors of one folder over them."""
    monkeypatch.setenv("SEAT", "seat-key")
    monkeypatch.setenv("PAID", "paid-key")
    with ExitStack() as stack:
        seat = stack.enter_context(FakeOpenAI(Subscription(clock)))
        paid = stack.enter_context(FakeOpenAI("for money"))
        config = {
            "providers": {
                "seat": {
                    "kind": "openai",
                    "base_url": seat.base_url,
                    "api_key": "env:SEAT",
                    "quotas": [{"requests": SERVED + 2, "per": "5h", "use_or_lose": True}],
                },
                "paid": {"kind": "openai", "base_url": paid.base_url, "api_key": "env:PAID"},
            },
            "models": {
                "sonnet": {
                    "usd_per_mtok_in": 3,
                    "usd_per_mtok_out": 15,
                    "max_output_tokens": 1_000,
                    "routes": {"seat": {}, "paid": {}},
                },
                "haiku": {"usd_per_mtok_in": 1, "usd_per_mtok_out": 5, "max_output_tokens": 1_000, "provider": "paid"},
            },
            "rules": [
                {
                    "name": "spare",
                    "condition": "quota['seat'].remaining < 0.01 and labels contains 'cheap'",
                    "model": "haiku",
                },
                {"name": "all", "condition": "priority >= 0", "model": "sonnet"},
            ],
            "fallback": {"retries": 0},
        }

        def open_():
            return stack.enter_context(Selector.open(config, state=tmp_path / "state", seed=1, clock=clock))

        open_.seat, open_.paid, open_.config, open_.folder = seat, paid, config, tmp_path / "state"
        yield open_


def ask(selector, **more):
    return selector.run(Task("coding", prompt="Sort these.", **more))


def test_s4_3_work_moves_when_the_quota_is_spent_and_comes_back_at_the_reset(world, clock):
    selector = world()
    runs = [ask(selector) for _ in range(SERVED)]
    assert {run.attempts[-1].route for run in runs} == {"sonnet@seat"}

    refused = ask(selector)
    assert [(each.route, each.failure) for each in refused.attempts] == [
        ("sonnet@seat", Failure.QUOTA_EXHAUSTED),
        ("sonnet@paid", None),
    ]
    assert refused.text == "for money"
    n_asked = len(world.seat.requests)
    for _ in range(3):
        clock.now += 600
        assert [each.route for each in ask(selector).attempts] == ["sonnet@paid"]
    assert len(world.seat.requests) == n_asked, "a spent quota is no short cooling: nobody knocks before its reset"

    clock.now = NOON.timestamp() + WINDOW_S + 301
    back = ask(selector)
    assert [each.route for each in back.attempts] == ["sonnet@seat"]
    assert back.text == "by the subscription"


def test_s4_4_rules_see_the_quota_and_the_log_explains_each_switch(world):
    selector = world()
    for _ in range(SERVED + 1):
        last = ask(selector)
    assert ask(selector, labels=["cheap"]).decision.model == "haiku"
    after = ask(selector)
    selector.flush()
    assert "attempt 1 at sonnet@seat failed: quota_exhausted" in selector.explain(last.id)
    assert str(after.decision.reason) == "rule"
    assert any("sonnet@seat" in line and "17:00:00 UTC" in line for line in selector.status().health)
    assert any("seat" in line and "0 % left" in line for line in selector.status().quotas)


def test_s4_3_a_restart_knows_that_the_quota_is_spent_and_what_was_paid(world, clock):
    selector = world()
    for _ in range(SERVED + 2):
        ask(selector)
    selector.close()
    n_asked = len(world.seat.requests)
    clock.now += timedelta(hours=1).total_seconds()
    again = world()
    assert [each.route for each in ask(again).attempts] == ["sonnet@paid"]
    assert len(world.seat.requests) == n_asked
    again.close()
    assert rebuild(world.config, state=world.folder, clock=clock).is_equal


def test_s4_3_another_process_of_the_folder_hears_of_it(world):
    here, there = world(), world()
    for _ in range(SERVED + 1):
        ask(here)
    here.flush()
    there.status()
    assert [each.route for each in ask(there).attempts] == ["sonnet@paid"]
