"""The provider in memory: it answers from its script, fails where the script says, and keeps what it was asked."""

import asyncio
import itertools
import threading
import time

import pytest

from selector.catalog import Route
from selector.errors import ConfigError
from selector.execution import Answer, CallFailed, Patience, Provider, Request
from selector.records import Failure, Message, TextEvent, ToolCall, ToolCallEvent, Usage
from selector.testing import FakeProvider, Fault, Reply, flaky

FOREVER = Patience(connect_s=None, read_s=None, total_s=None)
ADD = ToolCall(id="call_1", name="add", arguments='{"a": 1}')


def request(text="The capital of France?", model="opus"):
    return Request(route=Route(model=model, id=f"{model}-1"), messages=(Message.of({"role": "user", "content": text}),))


async def collected(chunks):
    return [chunk async for chunk in chunks]


def call(provider, patience=FOREVER):
    return provider.call(request(), patience)


def acall(provider, patience=FOREVER):
    return asyncio.run(provider.acall(request(), patience))


def stream(provider, patience=FOREVER):
    return list(provider.stream(request(), patience))[-1]


def astream(provider, patience=FOREVER):
    return asyncio.run(collected(provider.astream(request(), patience)))[-1]


WAYS = pytest.mark.parametrize("way", [call, acall, stream, astream])
STREAMS = pytest.mark.parametrize("way", [stream, astream])


def test_it_keeps_the_protocol_of_providers():
    provider: Provider = FakeProvider("ok")
    members = [name for name in vars(Provider) if not name.startswith("_")]
    assert [name for name in members if not callable(getattr(provider, name, None))] == []


@WAYS
def test_all_ways_of_calling_give_the_same_answer(way):
    usage = Usage(input_tokens=3, cache_read_tokens=5, output_tokens=2, reasoning_tokens=7)
    provider = FakeProvider(Reply("Paris", tool_calls=[ADD], reasoning="hm", usage=usage, snapshot="opus-2026"))
    answer = way(provider)
    assert (answer.text, answer.tool_calls, answer.usage) == ("Paris", (ADD,), usage)
    assert (answer.snapshot, answer.finish, answer.estimated) == ("opus-2026", "tool_calls", False)
    assert [part.kind for part in answer.message.parts] == ["reasoning", "text"]
    assert (len(provider.requests), provider.n_open) == (1, 0)


def test_a_stream_brings_the_chunks_then_the_tools_then_the_answer():
    chunks = list(FakeProvider(Reply(chunks=["Par", "is"], tool_calls=[ADD])).stream(request(), FOREVER))
    assert chunks[:-1] == [TextEvent("Par"), TextEvent("is"), ToolCallEvent(ADD)]
    assert isinstance(chunks[-1], Answer)
    assert chunks[-1].text == "Paris"


def test_an_answer_of_the_script_is_given_as_it_is():
    whole = Answer(message=Message.of({"role": "assistant", "content": "Paris"}), usage=Usage(output_tokens=1))
    assert call(FakeProvider(whole)) is whole


@WAYS
def test_failures_are_raised_and_the_call_is_over(way):
    provider = FakeProvider([Failure.OVERLOADED, 429, CallFailed(Failure.AUTH, "no", status=401)])
    for failure, status in ((Failure.OVERLOADED, 503), (Failure.RATE_LIMITED, 429), (Failure.AUTH, 401)):
        with pytest.raises(CallFailed) as caught:
            way(provider)
        assert (caught.value.failure, caught.value.status) == (failure, status)
        assert provider.n_open == 0


def test_a_failure_of_the_script_is_raised_anew_each_time():
    given = CallFailed(Failure.RATE_LIMITED, retry_after_s=3.0)
    provider = FakeProvider(given)
    seen = []
    for _ in range(2):
        with pytest.raises(CallFailed) as caught:
            call(provider)
        seen.append(caught.value)
    assert seen[0] is not seen[1]
    assert [error.retry_after_s for error in seen] == [3.0, 3.0]
    assert given.__traceback__ is None


@STREAMS
def test_a_stream_that_breaks_off_carries_what_came(way):
    with pytest.raises(CallFailed) as caught:
        way(FakeProvider(Reply("one two three", fail_after=2, then=Failure.OVERLOADED)))
    assert caught.value.failure is Failure.OVERLOADED
    assert caught.value.partial.text == "one two "
    assert caught.value.partial.estimated
    assert caught.value.partial.usage.output_tokens == 2


def test_a_sequence_is_used_up_in_order_and_its_last_answer_repeated():
    provider = FakeProvider(["a", "b"])
    assert [call(provider).text for _ in range(4)] == ["a", "b", "b", "b"]


def test_a_cycle_goes_around_for_ever():
    provider = FakeProvider(itertools.cycle(["a", "b"]))
    assert [call(provider).text for _ in range(4)] == ["a", "b", "a", "b"]


def test_a_callable_sees_the_request():
    provider = FakeProvider(lambda asked: asked.messages[0].text.upper())
    assert provider.call(request("hi"), FOREVER).text == "HI"


def test_a_mapping_has_a_script_for_each_model_and_finds_no_other():
    provider = FakeProvider({"opus-1": ["a", "b"], "haiku-1": "c"})
    assert [provider.call(request(model=m), FOREVER).text for m in ("opus", "haiku", "opus")] == ["a", "c", "b"]
    with pytest.raises(CallFailed, match="not_found"):
        provider.call(request(model="sonnet"), FOREVER)
    assert FakeProvider({"*": "d"}).call(request(), FOREVER).text == "d"


@WAYS
def test_a_delay_beyond_the_patience_is_a_timeout_after_that_time(way):
    began = time.monotonic()
    with pytest.raises(CallFailed) as caught:
        way(FakeProvider(Reply("late", delay_s=60)), Patience(total_s=0.05))
    took = time.monotonic() - began
    assert caught.value.failure is Failure.TIMEOUT
    assert 0.04 < took < 30


@WAYS
def test_a_delay_within_the_patience_is_waited_for(way):
    began = time.monotonic()
    assert way(FakeProvider(Reply("in time", delay_s=0.05)), Patience(total_s=60)).text == "in time"
    assert time.monotonic() - began > 0.04


@STREAMS
def test_the_first_token_has_a_patience_of_its_own(way):
    with pytest.raises(CallFailed, match="timeout"):
        way(FakeProvider(Reply("late", delay_s=60)), Patience(first_token_s=0.01))
    slow_after = Reply("one two", gap_s=0.03)
    assert way(FakeProvider(slow_after), Patience(first_token_s=0.01)).text == "one two"


@STREAMS
def test_a_gap_beyond_the_patience_carries_what_came(way):
    with pytest.raises(CallFailed) as caught:
        way(FakeProvider(Reply("one two", gap_s=60)), Patience(read_s=0.02))
    assert caught.value.failure is Failure.TIMEOUT
    assert caught.value.partial.text == "one "


@WAYS
@pytest.mark.parametrize("kind", ["stall", "stall_body"])
def test_a_stall_lasts_as_long_as_the_patience(way, kind):
    with pytest.raises(CallFailed, match="timeout"):
        way(FakeProvider(Fault(kind)), Patience(total_s=0.02))


@WAYS
@pytest.mark.parametrize(
    ("kind", "failure"),
    [("cut", "connection"), ("reset", "connection"), ("malformed_sse", "server_error"), ("empty", "empty_answer")],
)
def test_a_fault_of_the_wire_is_the_failure_that_it_looks_like(way, kind, failure):
    with pytest.raises(CallFailed, match=failure):
        way(FakeProvider(Fault(kind)))


def test_a_fault_that_goes_well_in_the_end_is_an_answer():
    assert call(FakeProvider(Fault("trickle", text="a b", gap_s=0))).text == "a b"
    assert call(FakeProvider(Fault("no_usage"))).estimated


def test_reasoning_of_another_model_is_refused_as_such():
    with pytest.raises(CallFailed) as caught:
        call(FakeProvider(Fault("foreign_reasoning")))
    assert caught.value.failure is Failure.BAD_REQUEST
    assert caught.value.of_reasoning


def test_a_stream_under_way_is_open_until_it_is_closed():
    provider = FakeProvider("one two three")
    chunks = provider.stream(request(), FOREVER)
    next(chunks)
    assert provider.n_open == 1
    chunks.close()
    assert provider.n_open == 0


def test_cancelling_a_call_ends_it():
    provider = FakeProvider(Reply("late", delay_s=60))

    async def main():
        task = asyncio.create_task(provider.acall(request(), FOREVER))
        await asyncio.sleep(0.01)
        assert provider.n_open == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert provider.n_open == 0


def test_once_closed_it_refuses_calls():
    provider = FakeProvider("ok")
    provider.close()
    asyncio.run(provider.aclose())
    with pytest.raises(CallFailed, match="closed"):
        call(provider)
    assert provider.n_closes == 2
    assert provider.requests == []


def test_threads_share_a_script_without_losing_a_step():
    provider = FakeProvider([str(i) for i in range(400)])
    said = []

    def work():
        said.extend([call(provider).text for _ in range(50)])

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(said, key=int) == [str(i) for i in range(400)]
    assert (len(provider.requests), provider.n_open) == (400, 0)


def test_a_flaky_script_fails_about_its_share_and_always_the_same_calls():
    def failed(seed):
        script = flaky(0.3, seed, fault=Failure.OVERLOADED)
        return [isinstance(script(), Fault) for _ in range(2_000)]

    assert 500 < sum(failed(1)) < 700
    assert failed(1) == failed(1) != failed(2)


@pytest.mark.parametrize("script", [[], 3.5, [None], [object()], {"opus-1": []}])
def test_a_script_that_makes_no_sense_is_refused(script):
    with pytest.raises(ConfigError):
        call(FakeProvider(script))


@pytest.mark.parametrize(
    "build",
    [
        lambda: Fault("stal"),
        lambda: Fault(200),
        lambda: Reply("a", chunks=["b"]),
        lambda: Reply("a", delay_s=-1),
        lambda: flaky(1.5, 0),
    ],
)
def test_a_record_that_makes_no_sense_is_refused(build):
    with pytest.raises(ConfigError):
        build()


def test_one_misspelt_step_says_what_it_might_have_been():
    with pytest.raises(ConfigError, match="did you mean 'stall'"):
        Fault("stal")
