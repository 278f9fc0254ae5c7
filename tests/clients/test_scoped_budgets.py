"""Budgets of a part of the work: who is charged for what, who is refused, and what a restart remembers."""

import logging
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta

import pytest

from selector import Failure, Outcome, Selector, Task, Usage
from selector._clients import rebuild
from selector.errors import BudgetExceededError
from selector.testing import FakeProvider, Reply
from tests.clients.conftest import Clock

NANO = 10**9
PRICED = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 10, "max_output_tokens": 1_000, "context_tokens": 100_000}
CONFIG = {
    "providers": {
        "work": {"kind": "openai", "base_url": "http://127.0.0.1:9"},
        "far": {"kind": "openai", "base_url": "http://127.0.0.1:9"},
    },
    "models": {
        "near": {**PRICED, "provider": "work"},
        "grok": {**PRICED, "provider": "far", "tags": ["external"]},
        "both": {**PRICED, "routes": {"work": {}, "far": {}}},
    },
    "purposes": {"lead": ["near", "grok", "both"]},
    "fallback": {"retries": 0},
}
WORST = 11_000_000  # of 1,000 tokens in and out, in nano-dollars
USED = Outcome(input_tokens=1_000, output_tokens=100)  # .002 USD
NOON = datetime(2026, 3, 10, 12, tzinfo=UTC)


@pytest.fixture
def clock():
    return Clock(NOON.timestamp())


@pytest.fixture
def opened(tmp_path, clock):
    """Open selectors of one folder with some budgets, and close them when the test ends."""
    with ExitStack() as stack:

        def open_(*budgets, providers=None, **more):
            config = {**CONFIG, "budgets": list(budgets), **more}
            opening = Selector.open(config, state=tmp_path / "state", seed=1, clock=clock, providers=providers)
            return stack.enter_context(opening)

        yield open_


def asked(type_="coding", only="near", **more):
    return Task(type_, input_tokens=1_000, only=[only], **more)


def accounts(selector):
    """Return limit, spent and held of every account of a scoped budget."""
    return {till.label: (till.limit, till.spent, till.held) for till in selector._core.budget.scoped.tills.values()}


SCOPES = {
    "model": ({"model": "grok"}, {"only": "grok"}, {"only": "near"}),
    "tag": ({"tag": "external"}, {"only": "grok"}, {"only": "near"}),
    "provider": ({"provider": "far"}, {"only": "both@far"}, {"only": "both@work"}),
    "route": ({"route": "both@far"}, {"only": "both@far"}, {"only": "grok"}),
    "task type": ({"task_type": "coding"}, {"type_": "coding/python"}, {"type_": "mail"}),
    "purpose": ({"purpose": "lead"}, {"purpose": "lead"}, {}),
    "label": ({"label": "docs"}, {"labels": ["docs", "x"]}, {"labels": ["x"]}),
    "session": ({"session": "s1"}, {"session": "s1"}, {"session": "s2"}),
    "metadata": (
        {"metadata": {"user": "ada", "team": "a"}},
        {"metadata": {"user": "ada", "team": "a"}},
        {"metadata": {"user": "ada"}},
    ),
}


@pytest.mark.parametrize(("scope", "inside", "outside"), SCOPES.values(), ids=SCOPES)
def test_a_scope_counts_what_it_names_and_nothing_else(opened, scope, inside, outside):
    selector = opened({"name": "part", "usd": 0.015, "per": "day", "scope": scope})
    for _ in range(5):
        selector.record(selector.select(asked(**outside)), USED)
    first = selector.select(asked(**inside))
    assert accounts(selector) == {"part": (15_000_000, 0, WORST)}
    with pytest.raises(BudgetExceededError) as caught:
        selector.select(asked(**inside))
    assert caught.value.budget == "part"
    assert caught.value.resets_at == datetime(2026, 3, 11, tzinfo=UTC)
    selector.record(first, USED)
    assert accounts(selector) == {"part": (15_000_000, 2_000_000, 0)}
    selector.select(asked(**outside))
    selector.select(asked(**inside))


EACH = {
    "user": ("metadata.user", {"metadata": {"user": "ada"}}, {"metadata": {"user": "bob"}}, {}),
    "session": ("session", {"session": "s1"}, {"session": "s2"}, {}),
    "task type": ("task_type", {"type_": "a"}, {"type_": "b"}, None),
    "model": ("model", {"only": "near"}, {"only": "grok"}, None),
    "provider": ("provider", {"only": "both@far"}, {"only": "both@work"}, None),
    "route": ("route", {"only": "both@far"}, {"only": "grok"}, None),
    "purpose": ("purpose", {"purpose": "lead"}, None, {}),
}


@pytest.mark.parametrize(("each", "one", "other", "none"), EACH.values(), ids=EACH)
def test_each_has_an_account_of_its_own_and_who_has_no_value_has_none(opened, each, one, other, none):
    selector = opened({"name": "own", "usd": 0.015, "per": "24h", "each": each})
    selector.select(asked(**one))
    with pytest.raises(BudgetExceededError, match="own/"):
        selector.select(asked(**one))
    if other is not None:
        selector.select(asked(**other))
    if none is not None:
        for _ in range(3):
            selector.select(asked(**none))
    assert {held for _, _, held in accounts(selector).values()} == {WORST}
    assert len(accounts(selector)) == 1 + (other is not None)


def test_every_budget_that_applies_must_admit_the_task_and_the_tightest_is_named(opened):
    budgets = (
        {"name": "all", "usd": 100, "per": "day"},
        {"name": "external", "usd": 0.030, "per": "day", "scope": {"tag": "external"}},
        {"name": "user", "usd": 0.012, "per": "day", "each": "metadata.user"},
    )
    selector = opened(*budgets)
    selector.select(asked(only="grok", metadata={"user": "ada"}))
    with pytest.raises(BudgetExceededError) as caught:
        selector.select(asked(only="grok", metadata={"user": "ada"}))
    assert caught.value.budget == "user/ada"
    selector.select(asked(only="grok", metadata={"user": "bob"}))
    with pytest.raises(BudgetExceededError) as caught:
        selector.select(asked(only="grok", metadata={"user": "eve"}))
    assert caught.value.budget == "external"
    assert selector.select(asked(only="near", metadata={"user": "eve"})).model == "near"
    assert selector._core.budget.tills[0].held == 3 * WORST


def test_who_is_out_of_budget_leaves_the_work_to_others(opened):
    selector = opened({"usd": 0.012, "per": "day", "scope": {"tag": "external"}})
    models = [selector.select(Task("coding", input_tokens=1_000)).model for _ in range(40)]
    assert models.count("grok") == 1
    assert set(models) == {"near", "grok", "both"}


def test_a_soft_one_warns_and_refuses_nothing(opened, caplog):
    budget = {"name": "soft", "usd": 0.003, "per": "day", "hard": False, "warn_at": [0.5], "scope": {"tag": "external"}}
    selector = opened(budget)
    with caplog.at_level(logging.WARNING, "selector"):
        for _ in range(4):
            selector.record(selector.select(asked(only="grok")), USED)
    assert accounts(selector) == {"soft": (3_000_000, 8_000_000, 0)}
    assert [text for text in caplog.messages if "soft" in text] == ["budget 'soft': 67% is spent (50% was to be told)"]


def test_tokens_and_requests_have_scopes_too(opened):
    selector = opened(
        {"name": "tokens", "tokens": 2_500, "per": "day", "scope": {"label": "docs"}},
        {"name": "requests", "requests": 2, "per": "day", "each": "metadata.user"},
    )
    selector.record(selector.select(asked(labels=["docs"])), USED)
    assert accounts(selector) == {"tokens": (2_500, 1_100, 0)}
    with pytest.raises(BudgetExceededError, match="tokens"):
        selector.select(asked(labels=["docs"]))
    for _ in range(2):
        selector.record(selector.select(asked(metadata={"user": "ada"})), USED)
    with pytest.raises(BudgetExceededError, match="requests/ada"):
        selector.select(asked(metadata={"user": "ada"}))


class TestWindows:
    def test_an_account_has_room_again_when_its_window_ends(self, opened, clock):
        selector = opened({"name": "user", "usd": 0.012, "per": "24h", "each": "metadata.user"})
        selector.record(selector.select(asked(metadata={"user": "ada"})), USED)
        with pytest.raises(BudgetExceededError):
            selector.select(asked(metadata={"user": "ada"}))
        clock.now += timedelta(hours=25).total_seconds()
        selector.select(asked(metadata={"user": "ada"}))

    def test_what_comes_late_is_charged_to_the_window_of_the_call(self, opened, clock):
        selector = opened({"name": "part", "usd": 0.012, "per": "day", "scope": {"label": "docs"}})
        first = selector.select(asked(labels=["docs"]))
        clock.now += timedelta(hours=12, minutes=10).total_seconds()
        selector.select(asked(labels=["docs"]))
        selector.record(first, USED)
        assert accounts(selector) == {"part": (12_000_000, 0, WORST)}

    def test_a_budget_until_a_day_admits_nothing_after_it(self, opened, clock):
        selector = opened(
            {"name": "grant", "usd": 1, "per": "total", "until": "2026-03-10", "scope": {"label": "docs"}}
        )
        selector.select(asked(labels=["docs"]))
        clock.now = datetime(2026, 3, 11, 0, 1, tzinfo=UTC).timestamp()
        with pytest.raises(BudgetExceededError, match="grant"):
            selector.select(asked(labels=["docs"]))
        selector.select(asked())

    def test_a_hold_that_nobody_settles_is_charged_on_its_accounts_and_corrected_later(self, opened, clock):
        selector = opened({"name": "user", "usd": 1, "per": "day", "each": "metadata.user"})
        decision = selector.select(asked(metadata={"user": "ada"}))
        clock.now += 3_601
        selector.status()
        assert accounts(selector) == {"user/ada": (NANO, WORST, 0)}
        selector.record(decision, USED)
        assert accounts(selector) == {"user/ada": (NANO, 2_000_000, 0)}


class TestRuns:
    def test_a_run_that_goes_on_elsewhere_is_charged_where_each_attempt_was_made(self, opened):
        fakes = {
            "work": FakeProvider(Reply("bad", usage=Usage(input_tokens=1_000, output_tokens=100))),
            "far": FakeProvider(Reply("fine", usage=Usage(input_tokens=1_000, output_tokens=300))),
        }
        budgets = (
            {"name": "far", "usd": 1, "per": "day", "scope": {"provider": "far"}},
            {"name": "user", "usd": 1, "per": "day", "each": "metadata.user"},
            {"name": "own", "usd": 1, "per": "day", "each": "model"},
        )
        more = {"chains": {"default": ["grok"]}, "default_model": "near"}
        selector = opened(*budgets, providers=fakes, **more)
        run = selector.run(Task("x", prompt="hi", metadata={"user": "ada"}), check=lambda text: text == "fine")
        assert [attempt.model for attempt in run.attempts] == ["near", "grok"]
        assert accounts(selector) == {
            "far": (NANO, 4_000_000, 0),
            "user/ada": (NANO, 6_000_000, 0),
            "own/near": (NANO, 2_000_000, 0),
            "own/grok": (NANO, 4_000_000, 0),
        }

    def test_a_chain_ends_where_the_next_ones_account_is_empty(self, opened):
        fakes = {"work": FakeProvider(Failure.AUTH), "far": FakeProvider("never")}
        budgets = [{"name": "far", "usd": 0.001, "per": "day", "scope": {"provider": "far"}}]
        selector = opened(*budgets, providers=fakes, chains={"default": ["grok"]}, default_model="near")
        with pytest.raises(BudgetExceededError) as caught:
            selector.run(Task("x", prompt="hi"))
        assert caught.value.budget == "far"
        assert fakes["far"].requests == []
        assert accounts(selector) == {}

    def test_the_limit_of_a_run_holds_for_all_of_its_attempts_together(self, opened):
        bad = Reply("bad", usage=Usage(input_tokens=1_000, output_tokens=900))
        fakes = {"work": FakeProvider(bad), "far": FakeProvider("never")}
        run_limit = {"name": "run", "usd": 0.0151, "per": "request"}
        selector = opened(run_limit, providers=fakes, chains={"default": ["grok"]}, default_model="near")
        for _ in range(3):  # it has no account: each run has it all
            with pytest.raises(BudgetExceededError) as caught:
                selector.run(Task("x", prompt="hi"), check=lambda _text: False)
            assert caught.value.budget == "run"
            assert [attempt.model for attempt in caught.value.attempts] == ["near"]
        assert fakes["far"].requests == []
        assert selector.select(Task("x", input_tokens=4_000)).held_usd == pytest.approx(0.014)
        with pytest.raises(BudgetExceededError, match="run"):
            selector.select(Task("x", input_tokens=6_000))


def test_a_restart_and_a_fold_anew_know_every_account(opened, tmp_path, clock):
    budgets = (
        {"name": "user", "usd": 1, "per": "day", "each": "metadata.user"},
        {"name": "external", "usd": 1, "per": "month", "scope": {"tag": "external"}},
    )
    selector = opened(*budgets)
    for user in ("ada", "bob", "ada"):
        selector.record(selector.select(asked(only="grok", metadata={"user": user})), USED)
    selector.select(asked(only="grok", metadata={"user": "eve"}))
    before = accounts(selector)
    assert before["user/ada"] == (NANO, 4_000_000, 0)
    assert before["user/eve"] == (NANO, 0, WORST)
    assert before["external"] == (NANO, 6_000_000, WORST)
    selector.close()
    again = opened(*budgets)
    assert accounts(again) == before
    again.close()
    config = {**CONFIG, "budgets": list(budgets)}
    assert rebuild(config, state=tmp_path / "state", clock=clock).is_equal
    assert accounts(opened(*budgets)) == before


def test_a_decision_says_which_accounts_it_is_on(opened):
    selector = opened({"name": "user", "usd": 1, "per": "day", "each": "metadata.user"})
    decision = selector.select(asked(metadata={"user": "ada"}))
    selector.flush()
    event = next(event for event in selector._core.state.find(decision.id) if event["kind"] == "decision")
    assert event["accounts"] == ["user\nada"]
    assert "budget user/ada (hard): 0 spent, 0.011 held of 1 USD" in " ".join(selector.status().budgets)
