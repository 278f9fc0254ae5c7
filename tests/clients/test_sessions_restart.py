"""A session goes on where it was: in another process, from a sealed log, after a kill, in a forked child; in status."""

import json
import os
import signal

import pytest

from selector import Outcome, Selector, Task
from selector._clients import rebuild
from selector.cli import main
from selector.errors import ConfigError, StateError
from selector.records import Basis
from selector.store import State
from tests.clients.conftest import Clock, Log
from tests.clients.test_sessions import config, opened, select


def stands(session):
    return session.turn, session.phase, session.route, session.n_failures, session.events


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_a_session_takes_up_its_turn_phase_failures_and_model(tmp_path, n):
    with opened(tmp_path) as selector:
        session = selector.session("mine")
        for decision in select(session, n):
            session.record(decision, Outcome(score=0))
        before = stands(session)
        going = selector.session("mine")
        assert stands(going) == before
    with opened(tmp_path) as selector:
        session = selector.session("mine")
        assert stands(session) == before
        selector.session("another").select("x")
        decision = session.select("x")
        assert session.turn == n + 1
        assert session.phase == {1: "lead", 2: "worker", 3: "worker", 5: "lead"}[n]
        assert (decision.reason is Basis.SESSION) is (n in {1, 3})  # the others begin a phase


def test_a_session_that_nobody_knows_begins_and_two_names_are_two_sessions(tmp_path):
    with opened(tmp_path) as selector:
        first, other = selector.session("mine"), selector.session("yours")
        first.select("x")
        assert (first.turn, other.turn) == (1, 0)
        assert selector.session().id != selector.session().id


def test_a_judgement_that_comes_after_the_restart_counts(tmp_path):
    with opened(tmp_path) as selector:
        session = selector.session("mine")
        decisions = select(session, 4)
    with opened(tmp_path) as selector:
        session = selector.session("mine")
        for decision in decisions[2:]:
            selector.record(decision.id, Outcome(success=False))
        assert session.n_failures == 2
        assert session.select("x").model == "opus"


def test_what_another_process_judges_counts_too(tmp_path):
    """While the session lives, once its selector has heard of it, and after it is taken up again."""
    with opened(tmp_path) as selector:
        session = selector.session("mine")
        decisions = select(session, 4)
        selector.flush()
        with opened(tmp_path) as other:
            for decision in decisions[2:]:
                other.record(decision.id, Outcome(success=False, source="human"))
        selector.status()
        decisions = select(session, 4)
        assert [decision.model for decision in decisions[:2]] == ["opus"] * 2
    with opened(tmp_path) as other:
        other.record(decisions[2].id, Outcome(success=False, source="human"))
        other.record(decisions[3].id, Outcome(success=False, source="human"))
    with opened(tmp_path) as selector:
        assert selector.session("mine").select("x").model == "opus"


def test_a_long_row_of_failures_is_counted_across_a_restart_and_a_line_stays_short(tmp_path):
    found = config(sessions={"start": "lead", "turns": 1, "then": "worker", "after_failures": 40})
    with opened(tmp_path, found=found) as selector:
        session = selector.session("mine")
        for _ in range(20):
            session.record(session.select("x"), Outcome(score=1))
        for _ in range(30):
            session.record(session.select("x"), Outcome(score=0))
    with opened(tmp_path, found=found) as selector:
        session = selector.session("mine")
        assert session.n_failures == 30
        for _ in range(10):
            session.record(session.select("x"), Outcome(score=0))
        assert session.select("x").model == "opus"
        for _ in range(100):
            session.record(session.select("x"), Outcome(score=1))
    lines = [event for event in Log(tmp_path).events if event["kind"] == "session"]
    assert len(json.dumps(lines[-1])) < 1_000


@pytest.mark.parametrize("n", [63, 64, 65, 140])
def test_a_long_session_is_taken_up_exactly_from_a_few_lines(tmp_path, n):
    found = config(fallback={}, sessions={"start": "lead", "turns": 70, "then": "worker"})
    with opened(tmp_path, found=found) as selector:
        session = selector.session("mine")
        select(session, n)
        before = stands(session)
    with opened(tmp_path, found=found) as selector:
        read, find = [], selector._core.state.find
        selector._core.state.find = lambda key: read.extend(find(key)) or find(key)
        assert stands(selector.session("mine")) == before
        assert len(read) <= 2 * (64 + 200 // 64 + 2)


def test_a_boundary_and_a_purpose_before_the_restart_hold_after_it(tmp_path):
    with opened(tmp_path) as selector:
        session = selector.session("mine", purpose="worker")
        session.select("x")
        session.boundary("compaction")
    with opened(tmp_path) as selector:
        session = selector.session("mine")
        assert session.phase == "worker"
        decision = session.select("x")
        assert decision.model in {"haiku", "sonnet"}
        assert decision.reason is not Basis.SESSION
    found = config(purposes={"lead": ["opus"], "crew": ["haiku"]}, sessions=None)
    with opened(tmp_path, found=found) as selector:
        with pytest.raises(ConfigError, match="unknown purpose 'worker'"):
            selector.session("mine")
        assert selector.session("mine", purpose="crew").select("x").model == "haiku"


def test_what_was_said_of_a_turn_is_there_after_a_kill(tmp_path):
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        selector = opened(tmp_path)
        session = selector.session("mine", metadata={"user": "ada"})
        for _ in range(4):
            session.record(session.select("x"), Outcome(score=0))
        os.write(writer, session.route.encode())
        os.kill(os.getpid(), signal.SIGKILL)
    os.close(writer)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    with os.fdopen(reader) as said, opened(tmp_path) as selector:
        session, route = selector.session("mine"), said.read()
        assert route in {"haiku@w", "sonnet@w"}
        assert (session.turn, session.phase, session.route, session.n_failures) == (4, "worker", route, 2)
        assert session.select("x").model == "opus"


def test_a_forked_child_goes_on_with_a_session_of_its_parent(tmp_path):
    with opened(tmp_path) as selector:
        session = selector.session("mine")
        session.select("x")
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            decision = session.select("x")
            os.write(writer, f"{decision.model} {session.turn} {decision.reason.value}".encode())
            os._exit(0)
        os.waitpid(child, 0)
        assert os.read(reader, 100).decode() == "opus 2 session"
        os.close(reader)
        os.close(writer)


def test_a_model_that_is_not_configured_any_more_is_left(tmp_path):
    with opened(tmp_path) as selector:
        session = selector.session("mine", purpose="worker")
        session.select("x")
        gone, left = session.model, {"haiku": "sonnet", "sonnet": "haiku"}[session.model]
    found = config(models=("opus", left, "grok"))
    found["purposes"]["worker"] = [left]
    with opened(tmp_path, found=found) as selector:
        session = selector.session("mine", purpose="worker")
        assert (session.model, session.provider) == (f"{gone}@w", None)
        assert session.select("x").model == left
        assert session.events[-1].reason == f"{gone}@w is not configured any more"


def test_other_phases_in_the_configuration_hold_from_the_next_turn_on(tmp_path):
    with opened(tmp_path) as selector:
        select(selector.session("mine"), 4)
    found = config(sessions={"start": "worker", "turns": 1, "then": "lead"})
    with opened(tmp_path, found=found) as selector:
        assert selector.session("mine").select("x").model == "opus"


def test_the_log_folded_anew_is_what_is_believed(tmp_path):
    with opened(tmp_path) as selector:
        session = selector.session("mine")
        for n in range(30):
            run = session.run("x")
            session.record(run.id, Outcome(score=float(n % 3 > 0), source="tests"))
            if n % 7 == 0:
                session.consult("oracle", "?")
                session.boundary("compaction")
    found = rebuild(config(), state=tmp_path)
    assert found.is_equal, found
    assert found.n_decisions == 35


def test_a_session_is_found_in_a_sealed_log_without_reading_all_of_it(tmp_path):
    with opened(tmp_path) as selector:
        select(selector.session("mine"), 3)
    with State.open(tmp_path, clock=lambda: 1.7e9) as state:
        state.seal(current=True)
    assert list((tmp_path / "log" / "events").glob("*.parquet"))
    with opened(tmp_path) as selector:
        read = []
        selector._core.state.events = lambda *_: read.append(1)
        assert selector.session("mine").turn == 3
        assert not read


def test_the_name_of_a_session_can_be_forgotten(tmp_path):
    """What the log says of it names it in the field that `forget` takes out, and nowhere else."""
    with opened(tmp_path) as selector:
        select(selector.session("ada@example.org"), 3)
    for event in Log(tmp_path).events:
        event.pop("session", None)
        assert "ada@example.org" not in json.dumps(event, default=str)


def test_a_disk_that_is_full_does_not_end_a_session(tmp_path, monkeypatch, caplog):
    with opened(tmp_path) as selector:
        session = selector.session("mine")
        session.select("x")
        state = selector._core.state
        append = state.append

        def refuse(event):
            if event["kind"] == "session":
                raise StateError("no room")
            return append(event)

        monkeypatch.setattr(state, "append", refuse)
        assert session.select("x").model == "opus"
        assert session.turn == 2
    assert "session mine: its turn 2 is not in the log: no room" in caplog.messages


@pytest.mark.parametrize("as_json", [False, True])
def test_the_status_of_another_process_shows_the_last_lines_of_sessions(tmp_path, capsys, as_json, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "selector.json").write_text(json.dumps(config()), encoding="utf-8")
    with opened(tmp_path / "state") as selector:
        for name in ("one", "two"):
            select(selector.session(name), 3)
        lines = [f"{name}: {selector.session(name).events[-1]}" for name in ("one", "two")]
        assert main(["status", "--config", "selector.json", "--state", "state", *(["--json"] if as_json else [])]) == 0
    told = capsys.readouterr().out
    if as_json:
        assert json.loads(told)["sessions"] == lines
    else:
        assert [line for line in told.splitlines() if line.startswith("session: ")] == [f"session: {x}" for x in lines]


def test_many_sessions_are_let_go_of_and_taken_up_again(tmp_path, monkeypatch):
    from selector._clients.sessions import _sessions  # noqa: PLC0415 - for this test alone

    monkeypatch.setattr(_sessions, "_MOST_LIVE", 5)
    with opened(tmp_path, clock=Clock()) as selector:
        for n in range(20):
            selector.session(f"s{n}").select("x")
        assert len(selector._sessions._recent) == 5
        assert [selector.session(f"s{n}").turn for n in range(20)] == [1] * 20


def test_a_reloaded_configuration_holds_for_sessions_that_live(tmp_path):
    file = tmp_path / "selector.json"
    file.write_text(json.dumps(config()), encoding="utf-8")
    clock = Clock()
    with Selector.open(file, state=tmp_path / "state", clock=clock, seed=1) as selector:
        session = selector.session()
        assert session.select(Task("x")).model == "opus"
        found = config(sessions={"start": "lead", "turns": 1, "then": "oracle"})
        found["purposes"]["oracle"] = ["grok"]
        file.write_text(json.dumps(found), encoding="utf-8")
        clock.now += 10
        selector._look()
        assert session.select(Task("x")).model == "grok"
