"""Sessions by turns: who serves which turn, what is kept, what fails, what is consulted; as calls and as streams."""

import logging
import threading

import pytest

from selector import Failure, Outcome, Selector, Task, Usage
from selector.errors import (
    AllAttemptsFailedError,
    BadRequestError,
    ConfigError,
    NoEligibleModelError,
    UnknownDecisionError,
)
from selector.execution import CallFailed
from selector.records import Basis
from selector.testing import FakeProvider, Reply
from tests.clients.conftest import Clock, Log

USED = Usage(input_tokens=1_000, output_tokens=50)
GOOD = Reply("fine", usage=USED)
PRICE = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 5, "usd_per_mtok_cache_read": 0.1}
LEAD_WORKER = {"start": "lead", "turns": 2, "then": "worker", "after_failures": 2, "back_for": 2}


def config(models=("opus", "haiku", "sonnet", "grok"), **sections):
    """Several models at one provider, three purposes, two of which take turns."""
    return {
        "providers": {"w": {"kind": "openai", "base_url": "http://127.0.0.1:9/v1"}},
        "models": {name: {**PRICE, "provider": "w"} for name in models},
        "purposes": {
            "lead": ["opus"],
            "worker": ["haiku", "sonnet"],
            "oracle": {"models": ["grok"], "metadata": {"on": "request", "depth": "deep"}},
        },
        "sessions": LEAD_WORKER,
        "fallback": {"retries": 0},
        **sections,
    }


def opened(folder, script=GOOD, found=None, **options):
    return Selector.open(found or config(), state=folder, seed=1, providers={"w": FakeProvider(script)}, **options)


@pytest.fixture
def selector(tmp_path):
    with opened(tmp_path) as found:
        yield found


def run(session, n=1):
    return [session.run("hello").decision for _ in range(n)]


def select(session, n=1):
    return [session.select(Task("coding")) for _ in range(n)]


def stream(session, n=1):
    found = []
    for _ in range(n):
        with session.stream("hello") as events:
            list(events)
        found.append(events.run.decision)
    return found


@pytest.mark.parametrize("ask", [run, select, stream])
def test_lead_serves_the_first_turns_and_worker_the_rest_each_decided_once(selector, ask):
    session = selector.session()
    models = [decision.model for decision in ask(session, 6)]
    assert models[:2] == ["opus"] * 2
    assert len(set(models[2:])) == 1
    assert models[2] in {"haiku", "sonnet"}
    assert (session.turn, session.phase, session.model, session.provider) == (6, "worker", models[2], "w")
    assert session.route == f"{models[2]}@w"


@pytest.mark.parametrize("ask", [run, select, stream])
def test_only_the_turn_that_decides_is_a_choice(selector, ask):
    """Those that keep its model have a reason of their own, and propensity 1."""
    decisions = ask(selector.session(), 5)
    assert [decision.reason for decision in decisions] == [
        Basis.ONLY_CANDIDATE,
        Basis.SESSION,
        decisions[2].reason,
        Basis.SESSION,
        Basis.SESSION,
    ]
    assert decisions[2].reason in {Basis.POLICY, Basis.EXPLORATION}
    assert 0 < decisions[2].propensity < 1
    assert [decisions[k].propensity for k in (1, 3, 4)] == [1.0] * 3
    assert "its session keeps the model" in str(decisions[1])


def test_the_log_says_which_turns_were_choices_and_what_changed(tmp_path):
    with opened(tmp_path) as selector:
        session = selector.session("mine")
        select(session, 4)
        told = selector.explain(session.select("more").id)
    assert "its session keeps the model" in told
    log = Log(tmp_path)
    assert [(e["reason"] == "session", e["propensity"] == 1, e["session"]) for e in log.decisions] == [
        (False, True, "mine"),
        (True, True, "mine"),
        (False, False, "mine"),
        (True, True, "mine"),
        (True, True, "mine"),
    ]
    turns = [event for event in log.events if event["kind"] == "session" and event["what"] == "turn"]
    assert [event["turn"] for event in turns] == [1, 2, 3, 4, 5]
    assert [event["switch"]["reason"] for event in turns if "switch" in event] == [
        "the session began",
        "2 turns of lead",
    ]


def test_within_a_purpose_the_choice_is_learnt(tmp_path):
    """Many sessions, in which one worker does well and the other does not: the good one gets the work."""
    chosen = []
    with opened(tmp_path, found=config(objective="most_success")) as selector:
        for _ in range(60):
            session = selector.session(task_type="coding")
            for decision in select(session, 3):
                selector.record(decision, Outcome(score=float(decision.model != "haiku"), output_tokens=50))
            chosen.append(session.model)
    assert chosen[30:].count("sonnet") > 25


@pytest.mark.parametrize("how", ["session", "selector", "quality", "error"])
def test_failures_that_are_reported_bring_lead_back_for_some_turns(selector, how):
    session = selector.session()
    select(session, 2)
    for _ in range(2):
        decision = session.select("work")
        if how == "session":
            session.record(decision, Outcome(score=0.49))
        elif how == "selector":
            selector.record(decision.id, Outcome(success=False, source="tests"))
        elif how == "quality":
            session.record(decision.id, Outcome(quality=5))
        else:
            session.record(decision, Outcome(error=Failure.TIMEOUT))
    assert session.n_failures == 2
    assert [decision.model for decision in select(session, 2)] == ["opus"] * 2
    assert session.phase == "lead"
    assert select(session)[0].model in {"haiku", "sonnet"}
    assert [event.reason for event in session.events[2:]] == ["2 failures in a row", "2 turns of lead after failures"]


def test_a_score_of_a_half_is_no_failure_and_begins_the_count_anew(selector):
    session = selector.session()
    select(session, 2)
    for score in (0, 0.5, 0, 0.5):
        session.record(session.select("work"), Outcome(score=score))
    assert session.n_failures == 0
    assert session.phase == "worker"


def test_a_judgement_that_is_taken_back_counts_no_more(selector):
    session = selector.session()
    select(session, 2)
    for _ in range(2):
        decision = session.select("work")
        session.record(decision, Outcome(score=0, source="tests"))
    session.record(decision, Outcome(retracted=True, source="tests"))
    assert session.select("work").model != "opus"


def test_answers_that_a_check_refuses_bring_lead_back(tmp_path):
    """The worker's answer is refused, and another model's taken in its place: that is a failure of the turn."""
    found = config(fallback={"max_attempts": 2, "retries": 0}, purposes={"lead": ["opus"], "worker": ["haiku"]})
    script = {"haiku": Reply("bad", usage=USED), "*": Reply("good", usage=USED)}
    with opened(tmp_path, script, found, clock=Clock()) as selector:
        session = selector.session()
        for _ in range(2):
            session.run("x")
        for _ in range(2):
            with pytest.raises(AllAttemptsFailedError):
                session.run("x", check=lambda text: text == "good")
        assert session.run("x").decision.model == "opus"
        assert session.events[-1].reason == "2 failures in a row"


def test_what_is_not_the_models_doing_is_no_failure_of_its_turn(tmp_path):
    with opened(tmp_path, CallFailed(Failure.BAD_REQUEST, "no such tool", status=400)) as selector:
        session = selector.session()
        with pytest.raises(BadRequestError):
            session.run("x")
        session.record(session.select("x"), Outcome(error=Failure.CANCELLED))
        assert (session.turn, session.n_failures) == (2, 0)


@pytest.mark.parametrize("streaming", [False, True])
def test_an_escalation_is_seen_and_the_session_keeps_its_own_model(tmp_path, streaming):
    fallback = {"retries": 0, "on_midstream_failure": "restart"}
    found = config(chains={"default": ["opus"]}, purposes={"lead": ["opus"], "worker": ["haiku"]}, fallback=fallback)
    script = {"haiku": Reply("bad", usage=USED), "*": Reply("good", usage=USED)}
    with opened(tmp_path, script, found) as selector:
        session = selector.session(purpose="worker")
        if streaming:
            list(session.stream("x", check=lambda text: text == "good"))
        else:
            assert session.run("x", check=lambda text: text == "good").text == "good"
        assert (session.model, session.n_failures) == ("opus", 1)
        assert session.run("x").decision.reason is Basis.SESSION
        assert [(event.route, event.reason) for event in session.events] == [
            ("haiku@w", "the session began"),
            ("opus@w", "fallback: invalid_answer"),
            ("haiku@w", "its session keeps it"),
        ]


def test_an_oracle_is_consulted_without_a_turn_and_never_chosen(selector):
    session = selector.session(metadata={"user": "ada"})
    run(session)
    answer = session.consult("oracle", "is this right?")
    assert answer.decision.model == "grok"
    assert (session.turn, session.model, len(session.events)) == (1, "opus", 1)
    assert {decision.model for decision in run(session, 20)} <= {"opus", "haiku", "sonnet"}
    with pytest.raises(ConfigError, match=r"unknown purpose 'oracel'; did you mean 'oracle'\?"):
        session.consult("oracel", "?")


def test_without_phases_a_session_leaves_models_on_request_alone(tmp_path):
    found = config(models=("opus", "grok"), purposes={"oracle": {"models": ["grok"], "metadata": {"on": "request"}}})
    del found["sessions"]
    with opened(tmp_path, found=found) as selector:
        assert {selector.session().select("x").model for _ in range(30)} == {"opus"}
        assert selector.session().select(Task("x", only=["grok"])).model == "grok"
        assert selector.session(purpose="oracle").select("x").model == "grok"


def test_metadata_of_session_and_purpose_is_seen_by_rules(tmp_path):
    rules = [
        {"condition": "metadata.team == 'legal'", "only": ["haiku", "opus"]},
        {"condition": "metadata.depth == 'deep'", "model": "sonnet"},
    ]
    purposes = {"lead": ["opus"], "worker": ["haiku", "sonnet"], "deep": {"models": ["sonnet", "grok"]}}
    purposes["deep"]["metadata"] = {"depth": "deep"}
    with opened(tmp_path, found=config(rules=rules, purposes=purposes)) as selector:
        for _ in range(10):
            session = selector.session(metadata={"team": "legal"})
            assert [each.model for each in select(session, 3)] == ["opus", "opus", "haiku"]
        assert {selector.session(purpose="deep").select("x").model for _ in range(10)} == {"sonnet"}
        assert selector.session().consult("deep", "x").decision.model == "sonnet"


def test_any_words_may_take_turns(tmp_path):
    found = config(
        purposes={"draft it": ["haiku"], "second-opinion": ["grok"]},
        sessions={"start": "draft it", "turns": 1, "then": "second-opinion"},
    )
    with opened(tmp_path, found=found) as selector:
        assert [each.model for each in select(selector.session(), 3)] == ["haiku", "grok", "grok"]


def test_one_model_needs_neither_purposes_nor_phases(tmp_path):
    with Selector.open({"models": {"only": PRICE}}, state=tmp_path) as selector:
        session = selector.session()
        decisions = [session.select("hello") for _ in range(3)]
        assert {decision.model for decision in decisions} == {"only"}
        assert (session.phase, session.model, session.provider, session.turn) == (None, "only", None, 3)
        session.record(decisions[0], Outcome(score=1, output_tokens=3))


def test_a_turn_that_finds_nobody_was_none(selector):
    session = selector.session()
    with pytest.raises(NoEligibleModelError):
        session.select(Task("x", needs=["vision"]))
    with pytest.raises(NoEligibleModelError):
        session.run(Task("x", prompt="y", needs=["vision"]))
    with pytest.raises(ConfigError):
        session.run(Task("x"))
    assert (session.turn, session.events) == (0, ())
    assert session.select("x").model == "opus"


def test_a_stream_that_ends_with_its_selector_ends_quietly(tmp_path):
    with opened(tmp_path, Reply("one two three four", usage=USED)) as selector:
        stream = selector.session().stream("x")
        next(stream)
    assert {event.type for event in stream} == {"text"}
    assert stream.run is None


def test_the_type_of_texts_stays_until_another_is_given(selector):
    assert selector.session("mine").select("x").task_type == "chat"
    assert selector.session("mine", task_type="coding").select("x").task_type == "coding"
    assert selector.session("mine").select("x").task_type == "coding"


def test_nothing_happens_before_a_streams_first_event(selector):
    session = selector.session()
    stream = session.stream("x")
    assert session.turn == 0
    list(stream)
    assert session.turn == 1


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (Task("x", session="other"), "Task.session is 'other'"),
        (Task("x", purpose="oracle"), r"session.consult\('oracle'"),
        (7, "a Task or a text, not a int"),
    ],
)
def test_a_task_that_is_anothers_is_refused_with_the_remedy(selector, given, said):
    session = selector.session("mine")
    with pytest.raises(ConfigError, match=said):
        session.select(given)
    assert session.turn == 0


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"id": ""}, "session.id must be a word"),
        ({"id": 7}, "session.id must be a word"),
        ({"purpose": "leed"}, "did you mean 'lead'"),
        ({"metadata": ["a"]}, "session.metadata must be a mapping"),
        ({"task_type": ""}, "Task.type"),
    ],
)
def test_a_session_that_is_none_is_refused(selector, given, said):
    with pytest.raises(ConfigError, match=said):
        selector.session(**given)


def test_a_boundary_must_have_a_reason(selector):
    with pytest.raises(ConfigError, match="compaction"):
        selector.session().boundary("")


def test_a_report_of_an_unknown_decision_is_refused_as_ever(selector):
    with pytest.raises(UnknownDecisionError):
        selector.session().record("nobody", Outcome(score=1))


def test_each_change_is_logged_and_in_the_status(selector, caplog):
    with caplog.at_level(logging.INFO, "selector"):
        session = selector.session("mine")
        select(session, 3)
    said = [record.message for record in caplog.records if record.message.startswith("session mine")]
    assert said == [f"session mine: {event}" for event in session.events]
    assert selector.status().sessions == (f"mine: {session.events[-1]}",)
    assert session.events[-1].at_s > 0


def test_one_session_shared_by_threads_counts_every_turn_and_decides_each_phase_once(tmp_path):
    n, decisions = 8, []
    with opened(tmp_path) as selector:
        session = selector.session("mine")

        def work():
            mine = selector.session("mine")
            for _ in range(25):
                decisions.append(mine.run("x").decision)
                decisions.append(mine.select("x"))

        threads = [threading.Thread(target=work) for _ in range(n)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert session.turn == n * 50
        assert sum(decision.reason is not Basis.SESSION for decision in decisions) == 2
        assert sum(decision.model == "opus" for decision in decisions) == 2
        assert len(session.events) == 2
