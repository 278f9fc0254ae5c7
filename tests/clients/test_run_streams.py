"""Streams: typed events in their order, what is shown of a fallback, and who leaves early pays for what was used."""

import asyncio
import gc
import time
from contextlib import suppress

import pytest

from selector import AsyncSelector, DoneEvent, Failure, Selector, SwitchedEvent, Task, TextEvent, ToolCall, Usage
from selector.errors import AllAttemptsFailedError
from selector.testing import FakeOpenAI, FakeProvider, Fault, Reply

TASK = Task("coding", prompt="Count to five.")
WORDS = ["one ", "two ", "three ", "four ", "five"]
WHOLE = "".join(WORDS)
USED = Usage(input_tokens=10, output_tokens=5)


def config(names=("haiku", "opus"), url="http://127.0.0.1:9/v1", **sections):
    priced = {"usd_per_mtok_in": 1_000, "usd_per_mtok_out": 10_000, "max_output_tokens": 100, "context_tokens": 10_000}
    return {
        "providers": {"work": {"kind": "openai", "base_url": url}},
        "models": {name: {"provider": "work", **priced} for name in names},
        "default_model": names[0],
        "chains": {"default": list(names[1:])},
        "fallback": {"retries": 0},
        "budgets": [{"usd": 1_000, "per": "day"}],
        **sections,
    }


@pytest.fixture
def begin(folder, clock):
    """Open selectors on one folder that call a script."""
    opened = []

    def build(script, midstream="raise", **sections):
        fake = FakeProvider(script)
        fallback = {"retries": 0, "on_midstream_failure": midstream}
        whole = config(**{"fallback": fallback} | sections)
        opened.append(Selector.open(whole, state=folder, seed=1, clock=clock, providers={"work": fake}))
        return opened[-1], fake

    yield build
    for selector in opened:
        selector.close()


@pytest.fixture
def served(folder):
    """Open a selector of a real server, and give both."""
    opened = []

    def build(server, kind="openai", **sections):
        whole = config(url=server.base_url, **sections)
        whole["providers"]["work"]["kind"] = kind
        opened.append(Selector.open(whole, state=folder, seed=1))
        return opened[-1]

    yield build
    for selector in opened:
        selector.close()


def held(selector):
    words = selector.status().budgets[0].replace(",", "").split()
    return float(words[words.index("held") - 1])


def spent(selector):
    words = selector.status().budgets[0].replace(",", "").split()
    return float(words[words.index("spent") - 1])


def kinds(events):
    return [event.type for event in events]


def read(events):
    """Read a stream as its user does: what was said before it began anew is forgotten."""
    text = ""
    for event in events:
        if isinstance(event, SwitchedEvent) and event.restarted:
            text = ""
        elif isinstance(event, TextEvent):
            text += event.text
    return text


def until_done(condition):
    """Wait for what happens in another thread."""
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_events_come_in_order_and_the_last_is_the_run(begin):
    selector, _ = begin(Reply(chunks=WORDS, usage=USED))
    with selector.stream(TASK) as stream:
        assert stream.run is None
        events = list(stream)
    assert kinds(events) == ["text"] * 5 + ["usage", "done"]
    assert (events[-2].usage, events[-2].estimated) == (USED, False)
    assert events[-1].run is stream.run
    assert (stream.run.text, stream.run.status) == (WHOLE, "answered")
    assert list(stream) == []


def test_tools_are_called_whole_and_after_the_text(begin):
    call = ToolCall(id="call_1", name="add", arguments='{"a": 1}')
    selector, _ = begin(Reply("Let me see", tool_calls=[call], usage=USED))
    events = list(selector.stream(TASK))
    assert kinds(events) == ["text"] * 3 + ["tool_call", "usage", "done"]
    assert events[3].tool_call == call
    assert events[-1].run.tool_calls == (call,)


def test_nothing_happens_before_the_first_event_is_asked_for(begin):
    selector, fake = begin("fine")
    selector.stream(TASK).close()
    stream = selector.stream(TASK)
    assert (fake.requests, selector.status().n_decisions) == ([], 0)
    assert read(stream) == "fine"


def test_the_run_of_a_stream_is_the_run_of_a_call(begin):
    """All but ids and times is the same, with a fallback before it."""
    script = {"haiku": Failure.OVERLOADED, "opus": Reply(chunks=WORDS, usage=USED)}
    selector, _ = begin(script)
    run = selector.run(TASK, check="not_empty")
    done = list(selector.stream(TASK, check="not_empty"))[-1].run
    for name in ("text", "message", "tool_calls", "cost_usd", "status"):
        assert getattr(done, name) == getattr(run, name)
    shown = [
        [(a.model, a.failure, a.score, a.selected_by, a.usage.output_tokens) for a in r.attempts] for r in (run, done)
    ]
    assert shown[0] == shown[1]


class TestBeforeTheFirstToken:
    @pytest.mark.parametrize("failure", [Failure.OVERLOADED, Failure.TIMEOUT, Failure.CONTEXT_TOO_LONG, 401])
    @pytest.mark.parametrize("midstream", ["raise", "restart", "continue"])
    def test_a_failure_shows_no_text_and_forgets_none(self, begin, failure, midstream):
        selector, _ = begin({"haiku": failure, "opus": Reply(chunks=WORDS)}, midstream)
        events = list(selector.stream(TASK))
        assert read(events) == WHOLE == "".join(event.text for event in events if isinstance(event, TextEvent))
        switched = [event for event in events if isinstance(event, SwitchedEvent)]
        assert [(event.left, event.route, event.restarted) for event in switched] == [
            ("haiku@work", "opus@work", False)
        ]

    def test_where_nobody_answers_it_raises_what_a_run_raises(self, begin):
        selector, _ = begin(401)
        stream = selector.stream(TASK)
        with pytest.raises(AllAttemptsFailedError) as caught:
            list(stream)
        assert [attempt.failure for attempt in caught.value.attempts] == [Failure.AUTH] * 2
        assert held(selector) == 0


BROKEN = Reply(chunks=WORDS, fail_after=2, then=Failure.CONNECTION)


class TestMidstream:
    def test_raise_gives_what_came_and_then_the_error(self, begin):
        selector, fake = begin({"haiku": BROKEN, "opus": "never"})
        stream, got = selector.stream(TASK), []
        with pytest.raises(AllAttemptsFailedError) as caught:
            got.extend(event.text for event in stream)
        (attempt,) = caught.value.attempts
        assert (attempt.failure, attempt.estimated, attempt.usage.output_tokens) == (Failure.CONNECTION, True, 2)
        assert len(fake.requests) == 1
        assert (held(selector), spent(selector) > 0) == (0, True)

    def test_restart_says_so_and_begins_anew(self, begin):
        selector, fake = begin({"haiku": BROKEN, "opus": Reply(chunks=WORDS)}, "restart")
        events = list(selector.stream(TASK))
        assert kinds(events) == ["text"] * 2 + ["switched"] + ["text"] * 5 + ["usage", "done"]
        assert (events[2].restarted, events[2].failure) == (True, Failure.CONNECTION)
        assert read(events) == events[-1].run.text == WHOLE
        assert [request.prefix for request in fake.requests] == ["", ""]

    def test_continue_goes_on_where_it_broke_off(self, begin):
        selector, fake = begin({"haiku": BROKEN, "opus": Reply(chunks=WORDS[2:])}, "continue")
        events = list(selector.stream(TASK))
        assert read(events) == events[-1].run.text == WHOLE
        assert [event.restarted for event in events if isinstance(event, SwitchedEvent)] == [False]
        assert [request.prefix for request in fake.requests] == ["", "one two "]

    def test_continue_at_the_same_route_shows_no_switch(self, begin):
        script = [BROKEN, Reply(chunks=WORDS[2:])]
        fallback = {"retries": 1, "on_midstream_failure": "continue"}
        selector, _ = begin(script, names=("haiku",), fallback=fallback)
        events = list(selector.stream(TASK))
        assert "switched" not in kinds(events)
        assert read(events) == events[-1].run.text == WHOLE

    @pytest.mark.parametrize("midstream", ["restart", "continue"])
    def test_twice_broken_still_reads_as_one_answer(self, begin, midstream):
        """The user's text is that of the run, however often it went on elsewhere."""
        later = {
            "restart": (BROKEN, Reply(chunks=WORDS)),
            "continue": (Reply(chunks=WORDS[2:], fail_after=1), Reply(chunks=WORDS[3:])),
        }
        script = dict(zip(("haiku", "sonnet", "opus"), (BROKEN, *later[midstream]), strict=True))
        selector, _ = begin(script, midstream, names=("haiku", "sonnet", "opus"))
        events = list(selector.stream(TASK))
        assert read(events) == events[-1].run.text == WHOLE

    @pytest.mark.parametrize("midstream", ["restart", "continue"])
    def test_a_step_that_fails_at_once_in_between_changes_nothing(self, begin, midstream):
        last = Reply(chunks=WORDS if midstream == "restart" else WORDS[2:])
        script = {"haiku": BROKEN, "sonnet": Failure.AUTH, "opus": last}
        selector, _ = begin(script, midstream, names=("haiku", "sonnet", "opus"))
        events = list(selector.stream(TASK))
        assert read(events) == events[-1].run.text == WHOLE

    @pytest.mark.parametrize("midstream", ["restart", "continue"])
    def test_an_answer_that_the_check_refused_is_no_beginning_to_go_on_from(self, begin, midstream):
        """It was whole: what follows begins anew."""
        script = {"haiku": Reply("wrong"), "opus": Reply(chunks=WORDS)}
        selector, fake = begin(script, midstream)
        events = list(selector.stream(TASK, check=lambda text: text == WHOLE))
        assert [request.prefix for request in fake.requests] == ["", ""]
        assert read(events) == events[-1].run.text == WHOLE


class TestUsage:
    @pytest.mark.parametrize("kind", ["openai", "openai-responses", "anthropic"])
    def test_a_server_that_never_says_what_was_used_is_estimated_and_marked(self, served, kind):
        with FakeOpenAI(Fault("no_usage", text=WHOLE)) as server:
            selector = served(server, kind)
            events = list(selector.stream(TASK))
            usage, done = events[-2:]
            assert usage.estimated
            assert done.run.attempts[0].estimated
            assert usage.usage.output_tokens > 0
            assert spent(selector) == pytest.approx(done.run.cost_usd, abs=1e-6)
            assert held(selector) == 0

    @pytest.mark.parametrize("kind", ["openai", "openai-responses", "anthropic"])
    def test_one_that_says_it_is_believed(self, served, kind):
        with FakeOpenAI(Reply(chunks=WORDS, usage=USED)) as server:
            events = list(served(server, kind).stream(TASK))
            assert (events[-2].usage.output_tokens, events[-2].estimated) == (5, False)
            assert server.billed.output_tokens == 5


def leave_by_break(stream):
    for event in stream:
        if event.text == "two ":
            break


def leave_by_close(stream):
    next(stream), next(stream)
    stream.close()
    stream.close()


def leave_by_with(stream):
    with stream:
        next(stream), next(stream)


def leave_by_exception(stream):
    with suppress(ZeroDivisionError), stream:
        next(stream), next(stream)
        raise ZeroDivisionError


class TestLeavingEarly:
    @pytest.mark.parametrize("leave", [leave_by_break, leave_by_close, leave_by_with, leave_by_exception])
    def test_what_was_used_is_settled_and_the_call_ends(self, begin, leave, folder, read_log):
        selector, fake = begin(Reply(chunks=WORDS))
        leave(selector.stream(TASK))
        gc.collect()
        assert (fake.n_open, held(selector)) == (0, 0)
        assert spent(selector) == pytest.approx(4 * 0.001 + 2 * 0.01)
        selector.close()
        attempt, usage = read_log(folder).reports
        assert (attempt["failure"], usage["estimated"], usage["output_tokens"]) == ("cancelled", True, 2)

    def test_before_the_first_piece_it_costs_nothing(self, begin):
        selector, fake = begin({"haiku": 401, "opus": Reply(chunks=WORDS)})
        stream = selector.stream(TASK)
        assert next(stream).type == "switched"
        stream.close()
        assert (len(fake.requests), spent(selector), held(selector)) == (1, 0, 0)

    def test_after_the_usage_it_is_that_of_the_provider(self, begin, folder, read_log):
        selector, _ = begin(Reply(chunks=WORDS, usage=USED))
        stream = selector.stream(TASK)
        while next(stream).type != "usage":
            pass
        stream.close()
        assert spent(selector) == pytest.approx(10 * 0.001 + 5 * 0.01)
        selector.close()
        assert read_log(folder).reports[0].get("failure") is None

    def test_the_connection_of_a_real_server_is_let_go_of(self, served):
        with FakeOpenAI(Reply(chunks=WORDS * 50, gap_s=0.02)) as server:
            selector = served(server)
            leave_by_break(selector.stream(TASK))
            gc.collect()
            assert until_done(lambda: server.n_open == 0 and server.n_connections == 0)
            assert held(selector) == 0
            assert spent(selector) > 0

    @pytest.mark.parametrize("how", ["break", "aclose", "with", "cancel"])
    def test_asynchronously_too(self, folder, how):
        async def main():
            fake = FakeProvider(Reply(chunks=WORDS, gap_s=0.005))
            async with AsyncSelector.open(config(), state=folder, seed=1, providers={"work": fake}) as selector:
                stream = selector.stream(TASK)
                await {"break": broken, "aclose": closed, "with": within, "cancel": cancelled}[how](stream)
                del stream
                for _ in range(5):
                    gc.collect()
                    await asyncio.sleep(0)
                return fake.n_open, held(selector), spent(selector)

        n_open, left, used = asyncio.run(main())
        assert (n_open, left) == (0, 0)
        assert used == pytest.approx(4 * 0.001 + 2 * 0.01)


async def broken(stream):
    async for event in stream:
        if event.text == "two ":
            break


async def closed(stream):
    await anext(stream), await anext(stream)
    await stream.aclose()
    await stream.aclose()


async def within(stream):
    async with stream:
        await anext(stream), await anext(stream)


async def cancelled(stream):
    async def consume():
        n = 0
        async for _ in stream:
            n += 1
            if n == 2:
                asyncio.current_task().cancel()

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(consume())


def test_an_asynchronous_stream_has_the_same_events(folder):
    async def main():
        fake = FakeProvider({"haiku": BROKEN, "opus": Reply(chunks=WORDS)})
        whole = config(fallback={"retries": 0, "on_midstream_failure": "restart"})
        async with AsyncSelector.open(whole, state=folder, seed=1, providers={"work": fake}) as selector:
            stream = selector.stream(TASK)
            return [event async for event in stream], stream.run

    events, run = asyncio.run(main())
    assert kinds(events) == ["text"] * 2 + ["switched"] + ["text"] * 5 + ["usage", "done"]
    assert isinstance(events[-1], DoneEvent)
    assert events[-1].run is run
