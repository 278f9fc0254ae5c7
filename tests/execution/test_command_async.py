"""A command that is awaited says the same as one that is waited for, and is gone when nobody waits any more."""

import asyncio
import os
import sys
import threading
import time

import pytest

from selector.catalog import Route
from selector.config import ProviderConfig
from selector.execution import CallFailed, Patience, Request
from selector.execution._command import CommandProvider
from selector.records import Failure, Message

ASKED = Request(route=Route(model="m", id="m"), messages=(Message.of({"role": "user", "content": "hi"}),))
FOREVER = "import os, time; print(os.getpid(), flush=True); open('{0}', 'w').write(str(os.getpid())); time.sleep(600)"
IGNORING = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); " + FOREVER
CHATTY = "while 1: print('x' * 999)"


@pytest.fixture
def provider(tmp_path, monkeypatch):
    """Return what makes a provider of Python code; at the end no thread, folder or process may be left."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    made = []

    def build(code, **keys):
        argv = [sys.executable, "-c", code.replace("{0}", str(tmp_path / "pid"))]
        config = ProviderConfig.model_validate({"kind": "command", "argv": argv, **keys})
        made.append(CommandProvider("home", config, environ=lambda: os.environ, clock=time.monotonic, folder=tmp_path))
        return made[-1]

    yield build
    for each in made:
        each.close()
    assert list(scratch.iterdir()) == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("selector-command")]


async def started(path):
    """Wait until the process has said its number, and give it."""
    for _ in range(3000):
        if path.exists() and path.read_text():
            return int(path.read_text())
        await asyncio.sleep(0.01)
    raise AssertionError("it did not start")


def alive(number):
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    return True


def test_it_says_the_same_awaited(provider):
    made = provider("import sys; print(sys.stdin.read() * 300)")

    async def streamed():
        return [chunk async for chunk in made.astream(ASKED, Patience())]

    assert asyncio.run(made.acall(ASKED, Patience())) == made.call(ASKED, Patience())
    assert asyncio.run(streamed())[-1].text == "hi" * 300


@pytest.mark.parametrize(
    ("code", "patience", "failure"),
    [
        ("import sys; sys.exit('overloaded')", Patience(), Failure.OVERLOADED),
        (FOREVER, Patience(total_s=0.5), Failure.TIMEOUT),
        (CHATTY, Patience(), Failure.INVALID_ANSWER),
    ],
)
def test_it_fails_the_same_awaited(provider, code, patience, failure):
    made = provider(code, max_output_bytes=100_000)
    with pytest.raises(CallFailed) as caught:
        asyncio.run(made.acall(ASKED, patience))
    assert caught.value.failure is failure


@pytest.mark.parametrize("code", [FOREVER, IGNORING])
def test_who_is_cancelled_leaves_no_process(provider, tmp_path, code):
    """The process is gone when the cancellation comes out, though it ignores to be asked."""
    made = provider(code)

    async def cancelled():
        task = asyncio.create_task(made.acall(ASKED, Patience()))
        number = await started(tmp_path / "pid")
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return number

    assert not alive(asyncio.run(cancelled()))


def test_a_second_cancellation_does_not_hurry_it(provider, tmp_path):
    made = provider(IGNORING)

    async def cancelled():
        task = asyncio.create_task(made.acall(ASKED, Patience()))
        number = await started(tmp_path / "pid")
        task.cancel()
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return number

    assert not alive(asyncio.run(cancelled()))


def test_the_event_loop_goes_on_meanwhile(provider, tmp_path):
    made = provider(IGNORING)

    async def ticking():
        task = asyncio.create_task(made.acall(ASKED, Patience()))
        await started(tmp_path / "pid")
        task.cancel()
        ticks = 0
        while not task.done():
            await asyncio.sleep(0.001)
            ticks += 1
        return ticks

    assert asyncio.run(ticking()) > 20


def test_a_stream_that_is_left_leaves_no_process(provider):
    made = provider(CHATTY)

    async def left():
        chunks = made.astream(ASKED, Patience())
        await anext(chunks)
        await chunks.aclose()

    asyncio.run(left())


def test_who_waits_for_a_place_may_be_cancelled_and_the_place_is_not_lost(provider):
    made = provider(CHATTY, max_concurrent=1)

    async def waiting():
        chunks = made.astream(ASKED, Patience())
        await anext(chunks)
        tasks = [asyncio.create_task(made.acall(ASKED, Patience())) for _ in range(3)]
        await asyncio.sleep(0.05)
        for task in tasks:
            task.cancel()
        await chunks.aclose()
        again = made.astream(ASKED, Patience(total_s=60))
        await anext(again)
        await again.aclose()
        return await asyncio.gather(*tasks, return_exceptions=True)

    assert [type(each) for each in asyncio.run(waiting())] == [asyncio.CancelledError] * 3


def test_closing_ends_what_runs_and_refuses_what_comes(provider, tmp_path):
    made = provider(FOREVER, max_concurrent=1)

    async def closed():
        tasks = [asyncio.create_task(made.acall(ASKED, Patience())) for _ in range(2)]
        number = await started(tmp_path / "pid")
        await made.aclose()
        await made.aclose()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        return number, [each.failure for each in found]

    number, failures = asyncio.run(closed())
    assert not alive(number)
    assert failures == [Failure.CANCELLED] * 2
    with pytest.raises(CallFailed, match="closed"):
        made.call(ASKED, Patience())


def test_closing_ends_a_stream_that_nobody_reads(provider):
    made = provider(CHATTY)
    chunks = made.stream(ASKED, Patience())
    next(chunks)
    made.close()
    with pytest.raises(CallFailed):
        list(chunks)
