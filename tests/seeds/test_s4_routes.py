"""S4.1 to S4.4: two accounts register one model; which of them serves is by quota, in turn or by rule."""

from collections import Counter
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from selector import Outcome, Selector, Task
from selector.catalog import Catalog
from selector.config import Config
from selector.testing import FakeProvider, Fault, Reply
from tests.clients.conftest import Clock
from tests.config.formats.fragments import plain

NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)  # a Tuesday
ACCOUNTS = {name: {"kind": "openai", "base_url": "http://127.0.0.1:9"} for name in ("personal", "work")}
PRICED = {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15, "max_output_tokens": 1_000}
ASK = Task("coding", input_tokens=1_000)


@pytest.fixture
def clock():
    return Clock(NOON.timestamp())


@pytest.fixture
def opened(tmp_path, clock):
    """Open selectors of one model at two accounts, or of a whole document."""
    with ExitStack() as stack:

        def open_(document=None, fakes=None, **sections):
            sonnet = {**PRICED, "routes": {"personal": {}, "work": {}}, **sections.pop("sonnet", {})}
            config = document or {"providers": ACCOUNTS, "models": {"sonnet": sonnet}, **sections}
            opening = Selector.open(config, state=tmp_path / "state", seed=1, clock=clock, providers=fakes)
            return stack.enter_context(opening)

        yield open_


def with_quota(**quota):
    return {**ACCOUNTS, "personal": {**ACCOUNTS["personal"], "quotas": [quota]}}


def use(selector):
    decision = selector.select(ASK)
    selector.record(decision, Outcome(input_tokens=1_000, output_tokens=100))
    return decision


def served(selector, n=20):
    return Counter(selector.select(ASK).provider for _ in range(n))


def test_s4_1_two_accounts_register_one_model_and_the_index_gives_its_routes(opened, monkeypatch):
    monkeypatch.setenv("PERSONAL_KEY", "none")
    monkeypatch.setenv("WORK_KEY", "none")
    catalog = Catalog.of(Config.load(plain("registry.yaml")))
    assert [route.name for route in catalog.routes("sonnet")] == ["sonnet@personal", "sonnet@work"]
    assert {route.id for route in catalog.routes("sonnet")} == {"claude-sonnet-4-20250514"}
    fakes = {"personal": FakeProvider(Fault("quota_exhausted")), "work": FakeProvider("by work")}
    run = opened(plain("registry.yaml"), fakes).run(Task("chat", prompt="hi"))
    assert (run.text, [each.route for each in run.attempts]) == ("by work", ["sonnet@personal", "sonnet@work"])


@pytest.mark.parametrize(
    ("sections", "expected"),
    [
        ({"providers": with_quota(requests=100, per="5h", use_or_lose=True)}, {"personal": 20}),
        ({"sonnet": {"route_by": "round_robin"}}, {"personal": 10, "work": 10}),
        ({"rules": [{"condition": "priority >= 0", "only": ["*@work"]}]}, {"work": 20}),
        ({"rules": [{"condition": "task_type == 'coding'", "model": "sonnet@work"}]}, {"work": 20}),
    ],
    ids=["budget-aware", "round-robin", "rule-based", "rule-forced"],
)
def test_s4_2_a_strategy_chooses_among_the_routes(opened, sections, expected):
    """Whether a route answers is drawn from what is believed of it, so that now and then the other is asked."""
    found = served(opened(**sections))
    assert all(abs(found[name] - expected.get(name, 0)) <= 4 for name in ACCOUNTS)


@pytest.mark.parametrize(
    ("quota", "back"),
    [
        ({"requests": 2, "per": "5h"}, timedelta(hours=5)),
        ({"tokens": 2_200, "per": "day"}, timedelta(hours=12)),
        ({"tokens": 2_200, "per": "week", "resets": "Thu 09:00"}, timedelta(days=1, hours=21)),
        ({"usd": 0.0075, "per": "month"}, timedelta(days=21, hours=12)),
    ],
    ids=str,
)
def test_s4_3_a_declared_quota_is_counted_in_its_window_and_is_whole_again_at_its_reset(opened, clock, quota, back):
    """A window that rolls is counted in sixtieths: five minutes of five hours."""
    selector = opened(providers=with_quota(**quota), sonnet={"route_by": "priority"})
    first = [use(selector).provider for _ in range(4)]
    assert (first[0], first[-1]) == ("personal", "work")
    clock.now = (NOON + back).timestamp() - 60
    assert use(selector).provider == "work"
    clock.now += 60 + 301
    assert use(selector).provider == "personal"


def test_s4_3_a_quota_that_nobody_declared_is_learnt_from_what_the_provider_says(opened, clock):
    """The account says when it has room again; until then the other serves."""
    said = Fault("quota_exhausted", message="limit reached", retry_after_s=3_600)
    fakes = {"personal": FakeProvider([said, Reply("mine")]), "work": FakeProvider(Reply("theirs"))}
    selector = opened(fakes=fakes, sonnet={"route_by": "priority"})
    texts = [selector.run(Task("chat", prompt="hi")).text for _ in range(3)]
    assert texts == ["theirs"] * 3
    clock.now += 3_700
    assert selector.run(Task("chat", prompt="hi")).text == "mine"


def test_s4_4_rules_see_what_is_left(opened):
    selector = opened(
        providers=with_quota(requests=10, per="day"),
        sonnet={"route_by": "priority"},
        rules=[{"condition": "quota['personal'].remaining < 0.5", "forbid": ["*@personal"]}],
    )
    used = [use(selector) for _ in range(8)]
    assert [decision.provider for decision in used] == ["personal"] * 6 + ["work"] * 2
    assert "by rules[0]" in selector.explain(used[-1])


def test_s4_4_the_chain_passes_over_a_spent_quota(opened):
    """Two calls are left of the seat: the paid account's third failure finds nobody there, and goes on to haiku."""
    models = {
        "sonnet": {**PRICED, "routes": {"work": {}, "personal": {}}, "route_by": "priority"},
        "haiku": {**PRICED, "provider": "other"},
    }
    fakes = {"work": FakeProvider(Fault(500)), "personal": FakeProvider("mine"), "other": FakeProvider("haiku")}
    selector = opened(
        fakes=fakes,
        providers={**with_quota(requests=2, per="day"), "other": ACCOUNTS["work"]},
        models=models,
        default_model="sonnet",
        chains={"default": ["haiku"]},
        fallback={"retries": 0},
    )
    routes = [[each.route for each in selector.run(Task("chat", prompt="hi")).attempts] for _ in range(3)]
    assert routes == [["sonnet@work", "sonnet@personal"]] * 2 + [["sonnet@work", "haiku@other"]]
