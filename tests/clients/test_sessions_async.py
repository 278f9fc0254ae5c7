"""Sessions of asynchronous programs: the same table of turns through both, as calls and as streams."""

import asyncio
from contextlib import suppress

import pytest

from selector import AsyncSelector, AsyncSession, Failure, Outcome, Selector, Session, Task
from selector.errors import AllAttemptsFailedError, ConfigError
from selector.execution import CallFailed
from selector.records import Basis
from selector.testing import FakeProvider, Reply
from tests.clients.conftest import Clock
from tests.clients.test_sessions import GOOD, USED, config

SCRIPT = {"haiku": Reply("bad", usage=USED), "sonnet": 503, "*": GOOD}
STEPS = ["run", "stream", "select", "run", "stream", "fail", "fail", "run", "boundary", "consult", "run", "stream"]


def told(session, seen):
    events = [(event.turn, event.phase, event.left, event.route, event.reason) for event in session.events]
    return seen, events, session.turn, session.phase, session.route, session.n_failures


def turns(session, seen):
    """Have the turns, and note them; a call is handed out by its name, to be made in the one way or the other."""
    for step in STEPS:
        if step == "boundary":
            session.boundary("compaction")
        elif step in {"select", "fail"}:
            decision = session.select(Task("x"))
            if step == "fail":
                session.record(decision, Outcome(score=0))
            seen.append((step, decision.model, decision.reason))
        else:
            run = yield step
            seen.append((step, run.decision.model, run.decision.reason, run.text))


def opened(kind, folder):
    found = config(chains={"default": ["opus"]})
    return kind.open(found, state=folder, seed=3, clock=Clock(), providers={"w": FakeProvider(SCRIPT)})


def called(session, step):
    return session.consult("oracle", "x") if step == "consult" else session.run("x")


def plain(folder):
    with opened(Selector, folder) as selector:
        session, seen, run = selector.session("mine"), [], None
        calls = turns(session, seen)
        with suppress(StopIteration):
            while True:
                step = calls.send(run)
                if step == "stream":
                    with session.stream("x") as events:
                        list(events)
                    run = events.run
                else:
                    run = called(session, step)
        return told(session, seen)


async def on_a_loop(folder):
    async with opened(AsyncSelector, folder) as selector:
        session, seen, run = selector.session("mine"), [], None
        calls = turns(session, seen)
        with suppress(StopIteration):
            while True:
                step = calls.send(run)
                if step == "stream":
                    async with session.stream("x") as events:
                        async for _ in events:
                            pass
                    run = events.run
                else:
                    run = await called(session, step)
        return told(session, seen)


def test_both_come_to_the_same(tmp_path):
    assert plain(tmp_path / "plain") == asyncio.run(on_a_loop(tmp_path / "loop"))


def test_they_have_the_same_names():
    public = {name for name in dir(Session) if not name.startswith("_")} - {"live"}
    assert public == {name for name in dir(AsyncSession) if not name.startswith("_")}


def test_turns_at_once_on_a_loop_are_decided_once_per_phase(tmp_path):
    async def many():
        async with AsyncSelector.open(
            config(), state=tmp_path, seed=1, providers={"w": FakeProvider(GOOD)}
        ) as selector:
            session = selector.session()
            runs = await asyncio.gather(*(session.run("x") for _ in range(50)))
            return session, [run.decision for run in runs]

    session, decisions = asyncio.run(many())
    assert session.turn == 50
    assert sum(decision.reason is not Basis.SESSION for decision in decisions) == 2
    assert sum(decision.model == "opus" for decision in decisions) == 2


def test_a_cancelled_turn_leaves_the_session_usable(tmp_path):
    async def cancelled():
        slow = Reply("slow", delay_s=30)
        provider = FakeProvider([slow, GOOD])
        async with AsyncSelector.open(config(), state=tmp_path, seed=1, providers={"w": provider}) as selector:
            session = selector.session()
            turn = asyncio.ensure_future(session.run("x"))
            await asyncio.sleep(0.05)
            assert session.model == "opus"
            turn.cancel()
            with pytest.raises(asyncio.CancelledError):
                await turn
            run = await session.run("x")
            return session, run

    session, run = asyncio.run(cancelled())
    assert (run.text, run.decision.reason, session.turn, session.n_failures) == ("fine", Basis.SESSION, 2, 0)


def test_a_turn_that_waits_for_its_model_and_is_cancelled_was_none(tmp_path):
    """Its only model asks to be left alone for four seconds, so its turn waits, and went nowhere yet."""
    busy = CallFailed(Failure.RATE_LIMITED, "slow down", status=429, retry_after_s=4)

    async def cancelled():
        found = config(purposes={"lead": ["opus"], "worker": ["haiku"]}, chains={"default": ["haiku"]})
        provider = FakeProvider({"opus": [busy, GOOD], "*": GOOD})
        selector = AsyncSelector.open(found, state=tmp_path, seed=1, clock=Clock(), providers={"w": provider})
        async with selector:
            with pytest.raises(AllAttemptsFailedError):
                await selector.run(Task("x", prompt="y", only=["opus"]))
            session = selector.session("mine")
            turn = asyncio.ensure_future(session.run("x"))
            await asyncio.sleep(0.05)
            during = session.turn
            turn.cancel()
            with pytest.raises(asyncio.CancelledError):
                await turn
            return during, session

    during, session = asyncio.run(cancelled())
    assert (during, session.turn, session.events) == (1, 0, ())


def test_what_is_refused_is_refused_the_same(tmp_path):
    async def refused():
        async with AsyncSelector.open(config(), state=tmp_path, providers={"w": FakeProvider(GOOD)}) as selector:
            session = selector.session()
            with pytest.raises(ConfigError, match="did you mean 'oracle'"):
                await session.consult("oracel", "x")
            with pytest.raises(ConfigError, match="leave it out"):
                await session.run(Task("x", prompt="y", session="other"))
            assert repr(session).startswith("AsyncSession(")

    asyncio.run(refused())
