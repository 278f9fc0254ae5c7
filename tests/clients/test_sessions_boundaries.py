"""What ends a session's hold on its model: routes that fail, quotas, boundaries, savings, rules; and what does not."""

import json

import pytest

from selector import Failure, Outcome, Selector, Task, Usage
from selector.errors import AllAttemptsFailedError, BudgetExceededError
from selector.execution import CallFailed
from selector.records import Basis
from selector.testing import FakeProvider, Fault, Reply
from tests.clients.conftest import Clock, Log
from tests.clients.test_sessions import GOOD, PRICE, config, opened, select

DOWN = CallFailed(Failure.RATE_LIMITED, "slow down", status=429, retry_after_s=120)
SPENT = Fault(429, retry_after_s=3_600, message="usage limit reached")
NO_PHASES = {"sessions": None, "purposes": {}}


class Down:
    """A provider's script in which some models fail."""

    def __init__(self, *models):
        self.models = set(models)
        self.how = DOWN

    def __call__(self, request):
        return self.how if request.route.model in self.models else GOOD


def other_of(session):
    return {"haiku": "sonnet", "sonnet": "haiku"}[session.model]


def test_a_route_that_fails_is_left_and_the_one_that_answered_is_kept(tmp_path):
    down, clock = Down(), Clock()
    with opened(tmp_path, down, clock=clock) as selector:
        session = selector.session(purpose="worker")
        session.run("x")
        first, other = session.model, other_of(session)
        down.models.add(first)
        assert session.run("x").attempts[-1].model == other
        assert session.events[-1].reason == "fallback: rate_limited"
        down.models.clear()
        clock.now += 3_600
        for _ in range(3):
            run = session.run("x")
            assert (run.decision.model, run.decision.reason) == (other, Basis.SESSION)
        assert len(session.events) == 2


def test_a_fallback_that_leads_out_of_the_purpose_is_not_kept(tmp_path):
    purposes = {"lead": ["opus"], "worker": ["haiku"]}
    down = Down("haiku")
    with opened(tmp_path, down, config(chains={"default": ["opus"]}, purposes=purposes), clock=Clock()) as selector:
        session = selector.session(purpose="worker")
        assert session.run("x").attempts[-1].model == "opus"
        down.models.clear()
        selector._core.engine.clock.now += 3_600
        run = session.run("x")
        assert run.decision.model == "haiku"
        assert run.decision.reason is not Basis.SESSION
        assert session.events[-1].reason == "route failure: haiku@w: rate_limited"


@pytest.mark.parametrize(
    ("how", "n", "said"),
    [(DOWN, 1, "over_quota"), (SPENT, 1, "over_quota"), (Failure.CONNECTION, 5, "unhealthy")],
)
def test_a_route_that_is_known_to_be_out_is_left_at_the_next_choice(tmp_path, how, n, said):
    """Other tasks find out that the route is out; the session decides again without calling it."""
    down, clock = Down(), Clock()
    with opened(
        tmp_path, down, config(purposes={"worker": ["haiku", "sonnet"]}, sessions=None), clock=clock
    ) as selector:
        session = selector.session(purpose="worker")
        while session.model != "haiku":
            session.boundary("again")
            session.run("x")
        down.models, down.how = {"haiku"}, how
        for _ in range(n):
            with pytest.raises(AllAttemptsFailedError):
                selector.run(Task("x", prompt="y", only=["haiku"]))
        decision = session.select("x")
        assert decision.model == "sonnet"
        assert decision.reason is not Basis.SESSION
        assert session.events[-1].reason.startswith(f"haiku@w is out: {said}")
        clock.now += 7_200
        assert session.select("x").model == "sonnet"


def test_a_spent_declared_quota_moves_the_session_to_the_other_route_of_its_model(tmp_path):
    found = {
        "providers": {
            "seat": {
                "kind": "openai",
                "base_url": "http://127.0.0.1:9/v1",
                "quotas": [{"requests": 2, "per": "5h", "use_or_lose": True}],
            },
            "paid": {"kind": "openai", "base_url": "http://127.0.0.1:9/v1"},
        },
        "models": {"opus": {**PRICE, "route_by": "priority", "routes": {"seat": {}, "paid": {}}}},
    }
    providers = {"seat": FakeProvider(GOOD), "paid": FakeProvider(GOOD)}
    with Selector.open(found, state=tmp_path, clock=Clock(), seed=1, providers=providers) as selector:
        session = selector.session()
        assert [session.run("x").decision.route for _ in range(4)] == ["opus@seat"] * 2 + ["opus@paid"] * 2
        assert session.events[-1].reason.startswith("opus@seat is out: over_quota")
        assert (session.model, session.provider) == ("opus", "paid")


def test_a_route_is_kept_where_the_model_has_several(tmp_path):
    routes = {name: {"usd_per_mtok_in": 1 + k} for k, name in enumerate("abc")}
    found = {
        "providers": {name: {"kind": "openai", "base_url": "http://127.0.0.1:9/v1"} for name in "abc"},
        "models": {"opus": {**PRICE, "route_by": "round_robin", "routes": routes}},
    }
    with Selector.open(found, state=tmp_path, seed=1) as selector:
        assert len({selector.select(Task("x")).route for _ in range(9)}) == 3
        session = selector.session()
        assert len({session.select("x").route for _ in range(9)}) == 1


def test_a_boundary_lets_the_next_turn_decide_and_a_change_says_why(tmp_path):
    with opened(tmp_path) as selector:
        session = selector.session(purpose="worker")
        reasons = set()
        for _ in range(40):
            session.boundary("compaction")
            assert session.select("x").reason is not Basis.SESSION
            assert session.select("x").reason is Basis.SESSION
        reasons = {event.reason for event in session.events[1:]}
    assert reasons == {"compaction"}
    noted = [event for event in Log(tmp_path).events if event["kind"] == "session" and event["what"] == "boundary"]
    assert len(noted) == 40


def test_a_model_that_is_cheaper_takes_over_when_it_saves_more_than_the_cache_is_worth(tmp_path):
    """Both do well. The dear one is kept while the conversation is long, as its cache is worth more than one turn."""
    dear = {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15, "usd_per_mtok_cache_read": 0.3}
    cheap = {"usd_per_mtok_in": 0.3, "usd_per_mtok_out": 1.5, "usd_per_mtok_cache_read": 0.03}
    found = {"models": {"dear": dear, "cheap": cheap}, "objective": "most_success", "policy": {"floor": 0}}
    with Selector.open(found, state=tmp_path, seed=1) as selector:
        for name in ("dear", "cheap"):
            for _ in range(64):
                decision = selector.select(Task("coding", only=[name]))
                selector.record(decision, Outcome(score=1, input_tokens=100, output_tokens=500))
        session = selector.session(task_type="coding")
        while session.model != "dear":
            session.boundary("again")
            decision = session.select(Task("coding", input_tokens=100))
        lost = 90_000 * 2.7e-6  # what the cache is worth
        session.record(decision, Outcome(input_tokens=90_000, output_tokens=0))
        turns = 0
        while (decision := session.select(Task("coding", input_tokens=90_000))).reason is Basis.SESSION:
            session.record(decision, Outcome(input_tokens=90_000, output_tokens=0))
            turns += 1
        saved = 500 * 13.5e-6 + 90_000 * 0.27e-6  # per turn, for as many turns as there were
        assert 3 < turns < 2 * lost / saved
    turn = [event for event in Log(tmp_path).events if event["kind"] == "session"][-1]
    assert turn["reason"].startswith("saving: cheap is expected to save more than the prompt cache of dear")


def test_without_a_word_on_what_was_read_nothing_is_said_to_be_saved(tmp_path):
    found = {"models": {"dear": {**PRICE, "usd_per_mtok_in": 100}, "cheap": PRICE}, "objective": "most_success"}
    with Selector.open(found, state=tmp_path, seed=1) as selector:
        session = selector.session()
        while session.model != "dear":
            session.boundary("again")
            session.select("x")
        assert {decision.model for decision in select(session, 100)} == {"dear"}


def test_what_a_rule_forces_goes_before_what_is_kept_for_that_turn_alone(tmp_path):
    rules = [{"name": "critical", "condition": "priority == 0", "model": "opus", "reason": "gets the best"}]
    with opened(tmp_path, found=config(rules=rules, **NO_PHASES)) as selector:
        session = selector.session()
        while session.model in {None, "opus"}:
            session.boundary("again")
            session.select("x")
        kept = session.model
        forced = session.select(Task("x", priority=0))
        assert (forced.model, forced.reason) == ("opus", Basis.RULE)
        assert session.events[-1].reason == "rule critical (gets the best)"
        after = session.select("x")
        assert (after.model, after.reason) == (kept, Basis.SESSION)
        assert session.events[-1].reason == "its session keeps it"


def test_a_rule_that_excludes_the_model_lets_the_session_decide_again(tmp_path):
    rules = [{"condition": "labels contains 'private'", "forbid": ["haiku"]}]
    purposes = {"worker": ["haiku", "sonnet"]}
    with opened(tmp_path, found=config(rules=rules, purposes=purposes, sessions=None)) as selector:
        session = selector.session(purpose="worker")
        while session.model != "haiku":
            session.boundary("again")
            session.select("x")
        assert session.select(Task("x", labels=["private"])).model == "sonnet"
        assert "forbidden_by_rule" in session.events[-1].reason
        assert session.select("x").model == "sonnet"


def test_an_experiment_is_not_drawn_anew_at_every_turn(tmp_path):
    rules = [{"name": "trial", "condition": "task_type == 'coding'", "share": "50%", "model": "grok"}]
    with opened(tmp_path, found=config(rules=rules, **NO_PHASES)) as selector:
        sides = set()
        for _ in range(12):
            session = selector.session(task_type="coding")
            decisions = select(session, 6)
            assert len({decision.model for decision in decisions}) == 1
            assert all(decision.propensity == 1 for decision in decisions[1:])
            sides.add(session.model)
    assert "grok" in sides
    assert len(sides) > 1


def test_a_default_model_does_not_move_a_session(tmp_path):
    with opened(tmp_path, found=config(default_model="haiku")) as selector:
        assert [each.model for each in select(selector.session(), 4)] == ["opus", "opus", "haiku", "haiku"]


def test_a_hard_budget_holds_for_turns_that_keep_their_model_too(tmp_path):
    """Each turn's worst case is held at the model that is kept, and the turn that does not fit is refused."""
    most = {"max_output_tokens": 1_000, "context_tokens": 10_000}
    found = {"models": {"only": {**PRICE, **most}}, "budgets": [{"usd": 0.0521, "per": "day"}]}
    with Selector.open(found, state=tmp_path, clock=Clock()) as selector:
        session = selector.session()
        held = [session.select(Task("x", input_tokens=100)).held_usd for _ in range(10)]
        assert held == [pytest.approx(0.0051)] * 10
        with pytest.raises(BudgetExceededError):
            session.select(Task("x", input_tokens=100))
        assert session.turn == 10
    assert [event["reason"] for event in Log(tmp_path).decisions] == ["only_candidate"] + ["session"] * 9


def test_a_model_that_a_hard_budget_has_no_room_for_gives_way_to_one_that_fits(tmp_path):
    most = {"max_output_tokens": 1_000, "context_tokens": 10_000}
    dear = {**most, "usd_per_mtok_in": 10, "usd_per_mtok_out": 50}
    found = {"models": {"dear": dear, "cheap": {**PRICE, **most}}, "budgets": [{"usd": 0.2, "per": "day"}]}
    with Selector.open(
        found | {"purposes": {"any": ["dear", "cheap"]}}, state=tmp_path, seed=1, clock=Clock()
    ) as selector:
        session = selector.session()
        while session.model != "dear":
            session.boundary("again")
            session.select(Task("x", input_tokens=100))
        models = [session.select(Task("x", input_tokens=100)).model for _ in range(8)]
        assert models == sorted(models, reverse=True)
        assert models[-1] == "cheap"
        assert session.events[-1].reason.startswith("dear may not serve: over_budget")


@pytest.mark.parametrize("ask", ["select", "run"])
def test_a_budget_of_each_session_is_its_own_and_includes_what_is_consulted(tmp_path, ask):
    most = {"max_output_tokens": 1_000, "context_tokens": 10_000}
    budgets = [{"usd": 0.0205, "per": "day", "each": "session"}]
    found = config(sessions={"start": "lead"}, budgets=budgets)
    found["models"] = {name: {**model, **most} for name, model in found["models"].items()}
    dear = Reply("fine", usage=Usage(input_tokens=100, output_tokens=1_000))
    with opened(tmp_path, dear, found, clock=Clock()) as selector:
        one, other = selector.session("one"), selector.session("other")
        task = Task("x", prompt="hello", input_tokens=100)
        turn = one.select if ask == "select" else one.run
        for _ in range(3):
            turn(task)
        one.consult("oracle", task)
        with pytest.raises(BudgetExceededError, match="session"):
            turn(task)
        assert one.turn == 3
        assert other.run(task).text == "fine"


def test_rules_read_how_a_session_stands_and_do_so_after_a_reload(tmp_path):
    rules = [
        {"condition": "session.turn == 2 and session.phase == 'worker' and session.model == 'haiku'", "model": "opus"},
        {"condition": "session.n_failures >= 1 and session.id == 'mine'", "model": "grok"},
    ]
    found = config(purposes={"worker": ["haiku", "opus", "grok"]}, sessions={"start": "worker"}, rules=rules)
    found["rules"].append({"condition": "session.turn == 1", "model": "haiku"})
    file, clock = tmp_path / "selector.json", Clock()
    file.write_text(json.dumps(found), encoding="utf-8")
    with Selector.open(file, state=tmp_path / "state", clock=clock, seed=1) as selector:
        session = selector.session("mine")
        assert [decision.model for decision in select(session, 3)] == ["haiku", "opus", "haiku"]
        session.record(session.select("x"), Outcome(score=0))
        assert session.select("x").model == "grok"
        found["rules"][1]["model"] = "opus"
        file.write_text(json.dumps(found), encoding="utf-8")
        clock.now += 10
        selector._look()
        assert session.select("x").model == "opus"


def test_a_rule_that_forces_the_model_that_is_kept_is_the_reason(tmp_path):
    rules = [{"name": "critical", "condition": "priority == 0", "model": "opus"}]
    with opened(tmp_path, found=config(rules=rules)) as selector:
        session = selector.session()
        session.select("x")
        assert session.select(Task("x", priority=0)).reason is Basis.RULE
        assert len(session.events) == 1


def test_usage_that_an_answer_says_is_what_its_cache_is_thought_to_hold(tmp_path):
    used = Usage(input_tokens=10, cache_read_tokens=900, cache_write_tokens=90, output_tokens=50)
    with opened(tmp_path, Reply("fine", usage=used)) as selector:
        session = selector.session()
        session.run("x")
        assert session.live.cached_tokens == 1_050
        session.boundary("compaction")
        assert session.live.cached_tokens == 0


def test_where_the_selector_is_off_the_model_of_today_serves_all_turns(tmp_path):
    found = config(mode="off", objective={"no_worse_than": {"model": "opus"}})
    with opened(tmp_path, found=found) as selector:
        decisions = select(selector.session(), 5)
    assert {(decision.model, decision.reason) for decision in decisions} == {("opus", Basis.INCUMBENT)}
