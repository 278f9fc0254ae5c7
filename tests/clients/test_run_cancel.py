"""Runs that are given up at any moment: what is held is let go of, nothing false is written, and the next run works."""

import asyncio
import threading
import time
from contextlib import suppress

import pytest

from selector import AsyncSelector, Failure, Selector, Task, Usage
from selector.errors import SelectorError, StateError
from selector.testing import FakeOpenAI, FakeProvider, Fault, Reply

TASK = Task("coding", prompt="Count to five.")
USED = Usage(input_tokens=10, output_tokens=5)
GOOD = Reply("fine", usage=USED)
WORDS = ["one ", "two ", "three ", "four ", "five"]


def config(url="http://127.0.0.1:9/v1", *, retries=0, **work):
    priced = {"usd_per_mtok_in": 1_000, "usd_per_mtok_out": 10_000, "max_output_tokens": 100, "context_tokens": 10_000}
    return {
        "providers": {"work": {"kind": "openai", "base_url": url, **work}},
        "models": {name: {"provider": "work", **priced} for name in ("haiku", "opus")},
        "default_model": "haiku",
        "chains": {"default": ["opus"]},
        "fallback": {"retries": retries},
        "budgets": [{"usd": 1_000, "per": "day"}],
        "policy": {"half_life": None},
    }


def money(selector):
    words = selector.status().budgets[0].replace(",", "").split()
    return float(words[words.index("spent") - 1]), float(words[words.index("held") - 1])


def believed(selector):
    return [
        (row["model"], row["evidence"], row["usage_evidence"])
        for row in selector.beliefs().to_pylist()
        if row["evidence"] or row["usage_evidence"]
    ]


async def until(condition):
    """Let others go on until something holds."""
    for _ in range(1_000):
        if condition():
            return
        await asyncio.sleep(0.002)
    pytest.fail("it never came to that")


def until_in_thread(condition):
    for _ in range(1_000):
        if condition():
            return
        time.sleep(0.002)
    pytest.fail("it never came to that")


async def cancelled(task):
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


class Scene:
    """A moment to cancel a run at, in memory."""

    def __init__(self, script, moment, *, check=None, retries=0, failures=("cancelled",), paid=False):
        self.script, self.check, self.retries = script, check, retries
        self.moment, self.failures, self.paid = moment, list(failures), paid


async def slow_check(_):
    await asyncio.sleep(30)
    return True


SCENES = {
    "in a call": Scene(Fault("stall"), lambda fake: fake.n_open == 1),
    "in the second call": Scene(
        {"haiku": 401, "opus": Fault("stall")}, lambda fake: len(fake.requests) == 2, failures=("auth", "cancelled")
    ),
    "in a wait": Scene(
        Fault(429, retry_after_s=4),
        lambda fake: len(fake.requests) == 1 and fake.n_open == 0,
        retries=1,
        failures=("rate_limited",),
    ),
    "in a check": Scene(
        GOOD,
        lambda fake: len(fake.requests) == 1 and fake.n_open == 0,
        check=slow_check,
        failures=(None,),
        paid=True,
    ),
    "in a judge's call": Scene(
        {"haiku": GOOD, "opus": Fault("stall")},
        lambda fake: len(fake.requests) == 2,
        check={"judge": "opus"},
        failures=("cancelled", None),
        paid=True,
    ),
}


async def given_up_by(way, run, now):
    """Await a run, in a time-out that is over when `now` is set."""
    if way == "cancel":
        return await run
    async with asyncio.timeout(None) as limit:
        watch = asyncio.create_task(now.wait())
        watch.add_done_callback(lambda _: limit.reschedule(0))
        return await run


@pytest.mark.parametrize("way", ["cancel", "timeout"])
@pytest.mark.parametrize("name", SCENES)
def test_cancelled_at_any_moment_it_lets_go_and_the_next_run_works(name, way, folder, read_log):
    """It is logged as it was: who was under way is cancelled, who had answered has answered, nobody is judged."""
    scene = SCENES[name]

    async def main():
        fake = FakeProvider(scene.script)
        opened = AsyncSelector.open(config(retries=scene.retries), state=folder, seed=1, providers={"work": fake})
        async with opened as selector:
            run = asyncio.create_task(given_up_by(way, selector.run(TASK, check=scene.check), now := asyncio.Event()))
            await until(lambda: scene.moment(fake))
            await asyncio.sleep(0.005)
            if way == "cancel":
                run.cancel()
            now.set()
            with pytest.raises(asyncio.CancelledError if way == "cancel" else TimeoutError):
                await run
            assert (fake.n_open, money(selector)[1]) == (0, 0)
            assert (money(selector)[0] > 0) == scene.paid
            assert [belief[1] for belief in believed(selector)] in ([], [0])
            assert selector.status().health == () or name in {"in the second call", "in a wait"}
            fake._steps = FakeProvider("fine")._steps
            assert (await selector.run(TASK)).text == "fine"

    asyncio.run(main())
    log = read_log(folder)
    logged = [event.get("failure") for event in log.events if event["kind"] == "attempt"][: len(scene.failures)]
    assert sorted(map(str, logged)) == sorted(map(str, scene.failures))
    assert not [event for event in log.events if event["kind"] == "judgement"]


def test_cancelled_before_its_first_step_nothing_was_chosen(folder):
    async def main():
        fake = FakeProvider(GOOD)
        async with AsyncSelector.open(config(), state=folder, seed=1, providers={"work": fake}) as selector:
            await cancelled(asyncio.create_task(selector.run(TASK)))
            assert (fake.requests, selector.status().n_decisions) == ([], 0)

    asyncio.run(main())


class TestAtARealServer:
    @pytest.mark.parametrize("kind", ["openai", "openai-responses", "anthropic"])
    @pytest.mark.parametrize("fault", [Fault("stall"), Fault("stall_body"), Fault("trickle", gap_s=0.5)])
    def test_the_connection_is_given_up_with_the_run(self, folder, kind, fault):
        async def main(server):
            whole = config(server.base_url)
            whole["providers"]["work"]["kind"] = kind
            async with AsyncSelector.open(whole, state=folder, seed=1) as selector:
                for ask in (selector.run(TASK), consumed(selector.stream(TASK))):
                    task = asyncio.create_task(ask)
                    await until(lambda: server.n_open == 1)
                    await asyncio.sleep(0.02)
                    await cancelled(task)
                    await until(lambda: server.n_open == 0)
                    assert money(selector)[1] == 0
                assert server.n_connections == 0
                assert [belief for belief in believed(selector) if belief[2]] == []

        with FakeOpenAI(fault) as server:
            asyncio.run(main(server))

    def test_who_waits_for_a_place_can_be_cancelled_and_takes_none_along(self, folder):
        """One call at a time: the second waits, is cancelled, and the third is served."""

        async def main(server):
            whole = config(server.base_url, max_concurrent=1)
            async with AsyncSelector.open(whole, state=folder, seed=1) as selector:
                first = asyncio.create_task(selector.run(TASK))
                await until(lambda: server.n_open == 1)
                second = asyncio.create_task(selector.run(TASK))
                await asyncio.sleep(0.02)
                await cancelled(second)
                third = asyncio.create_task(selector.run(TASK))
                assert [(await each).text for each in (first, third)] == ["fine", "fine"]
                assert money(selector)[1] == 0
                assert len(server.requests) == 2

        with FakeOpenAI(Reply("fine", delay_s=0.1)) as server:
            asyncio.run(main(server))

    def test_many_runs_are_given_up_together(self, folder):
        async def main(server):
            async with AsyncSelector.open(config(server.base_url), state=folder, seed=1) as selector:
                task = asyncio.create_task(selector.run_many([TASK] * 20, concurrency=8))
                await until(lambda: server.n_open == 8)
                await cancelled(task)
                await until(lambda: server.n_open == 0)
                assert money(selector) == (0, 0)
                assert len(server.requests) == 8
                assert selector.status().n_outcomes == 8

        with FakeOpenAI(Fault("stall")) as server:
            asyncio.run(main(server))


async def consumed(stream):
    return [event async for event in stream]


class Interrupted:
    """Raises what a signal would raise, in the midst of a call."""

    def __init__(self, error, *, at=1):
        self.error, self.at, self.n = error, at, 0

    def __call__(self, _):
        self.n += 1
        if self.n == self.at:
            raise self.error
        return Reply(chunks=WORDS, usage=USED)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, MemoryError])
@pytest.mark.parametrize("streaming", [False, True])
def test_an_interrupt_in_a_call_surfaces_and_lets_go(folder, error, streaming, read_log):
    fake = FakeProvider(Interrupted(error))
    with Selector.open(config(), state=folder, seed=1, providers={"work": fake}) as selector:
        with pytest.raises(error):
            list(selector.stream(TASK)) if streaming else selector.run(TASK)
        assert (fake.n_open, money(selector)) == (0, (0, 0))
        assert believed(selector) == []
        assert selector.run(TASK).text == "".join(WORDS)
    first = next(event for event in read_log(folder).events if event["kind"] == "attempt")
    assert first["failure"] == "cancelled"


def test_an_interrupt_in_a_wait_surfaces_and_lets_go(folder, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    fake = FakeProvider([Failure.RATE_LIMITED, GOOD])
    with Selector.open(config(retries=1), state=folder, seed=1, providers={"work": fake}) as selector:
        with monkeypatch.context() as patched:
            patched.setattr("selector._clients.calls._drive.time.sleep", interrupted)
            with pytest.raises(KeyboardInterrupt):
                selector.run(TASK)
        assert money(selector) == (0, 0)
        assert selector.run(TASK).text == "fine"


def test_an_interrupt_among_many_runs_surfaces_and_lets_go(folder):
    fake = FakeProvider(Interrupted(KeyboardInterrupt, at=5))
    with Selector.open(config(), state=folder, seed=1, providers={"work": fake}) as selector:
        with pytest.raises(KeyboardInterrupt):
            selector.run_many([TASK] * 30, concurrency=3)
        assert (fake.n_open, money(selector)[1]) == (0, 0)


class TestClosing:
    @pytest.mark.parametrize("in_memory", [True, False])
    def test_while_runs_are_under_way_in_other_threads_each_ends_with_a_word(self, folder, in_memory, read_log):
        """Each answers or raises what is documented; what was written can be read and adds up."""
        ends, reply = [], Reply("fine", usage=USED, delay_s=0.15)

        def work():
            try:
                ends.append(selector.run(TASK).status)
            except SelectorError as error:
                ends.append(type(error).__name__)

        with FakeOpenAI(reply) as server:
            fake = {"work": FakeProvider(reply)} if in_memory else None
            selector = Selector.open(config(server.base_url), state=folder, seed=1, providers=fake)
            threads = [threading.Thread(target=work) for _ in range(6)]
            for thread in threads:
                thread.start()
            until_in_thread(lambda: (len(fake["work"].requests) if fake else len(server.requests)) == 6)
            selector.close()
            for thread in threads:
                thread.join(10)
        assert len(ends) == 6
        assert read_log(folder).faults == []
        with Selector.open(config(), state=folder, seed=1, providers={"work": FakeProvider(GOOD)}) as again:
            assert money(again)[1] == 0, "nothing is held for runs that are over"
            assert again.run(TASK).text == "fine"

    def test_while_a_run_is_awaited_it_ends_with_a_word(self, folder):
        async def main(server):
            selector = AsyncSelector.open(config(server.base_url), state=folder, seed=1)
            task = asyncio.create_task(selector.run(TASK))
            await until(lambda: server.n_open == 1)
            await selector.close()
            with suppress(SelectorError):
                await asyncio.wait_for(task, 5)
            await until(lambda: server.n_open == 0)

        with FakeOpenAI(Fault("stall")) as server:
            asyncio.run(main(server))
        with Selector.open(config(), state=folder, seed=1, providers={"work": FakeProvider(GOOD)}) as again:
            assert money(again)[1] == 0


def test_an_answer_that_cannot_be_written_down_is_on_the_error(tmp_path):
    """It was paid for: a full disk must not lose it."""
    config = {
        "providers": {"work": {"kind": "openai", "base_url": "http://127.0.0.1:9"}},
        "models": {"m": {"provider": "work", "usd_per_mtok_in": 1, "usd_per_mtok_out": 2}},
    }
    with Selector.open(config, state=tmp_path / "own", providers={"work": FakeProvider("Paris")}) as selector:
        append = selector._core.state.append_all

        def refuse(_events):
            raise StateError("no room on the disk")

        selector._core.state.append_all = refuse
        with pytest.raises(StateError) as caught:
            selector.run(Task("coding", prompt="The capital of France?"))
        selector._core.state.append_all = append
        assert caught.value.run.text == "Paris"
        assert selector.run(Task("coding", prompt="The capital of France?")).text == "Paris"
