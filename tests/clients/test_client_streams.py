"""Streams of a client in place of OpenAI's: begun before they are given, left early, broken off, judged."""

import asyncio
import gc
import time

import pytest

from selector import AsyncSelector, Failure, Selector, ToolCall, create_async_client, create_client
from selector.errors import APIConnectionError, CallCancelledError, RateLimitError
from selector.testing import FakeOpenAI, FakeProvider, Reply

ASKED = [{"role": "user", "content": "Count to five."}]
WORDS = ["one ", "two ", "three ", "four ", "five"]
MODEL = {"provider": "work", "usd_per_mtok_in": 1, "usd_per_mtok_out": 5, "max_output_tokens": 100}
SLOW = Reply(chunks=WORDS, gap_s=0.2)


def config(url="http://127.0.0.1:9/v1", **sections):
    return {
        "providers": {"work": {"kind": "openai", "base_url": url}},
        "models": {"haiku": {**MODEL, "capabilities": ["tools"]}, "sonnet": MODEL},
        "default_model": "haiku",
        "chains": {"default": ["sonnet"]},
        "fallback": {"retries": 0},
        "budgets": [{"usd": 1_000, "per": "day"}],
        **sections,
    }


@pytest.fixture
def begin(folder):
    """Open clients of one folder over a scripted provider."""
    opened = []

    def build(script, midstream="raise", **sections):
        fake = FakeProvider(script)
        fallback = {"retries": 0, "on_midstream_failure": midstream}
        whole = config(fallback=fallback, **sections)
        opened.append(Selector.open(whole, state=folder, seed=1, providers={"work": fake}))
        return create_client(selector=opened[-1]), fake

    yield build
    for selector in opened:
        selector.close()


def stream_of(client, **more):
    return client.chat.completions.create(messages=ASKED, stream=True, **more)


def said(chunks):
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


def until_done(condition):
    for _ in range(500):
        if condition():
            return True
        time.sleep(0.01)
    return False


def test_pieces_come_in_order_and_the_last_says_how_it_was_served(begin):
    client, _ = begin(Reply(chunks=WORDS))
    stream = stream_of(client, model="auto:counting")
    assert stream.selector is None
    chunks = list(stream)
    assert [chunk.choices[0].delta.role for chunk in chunks] == ["assistant"] + [None] * 6
    assert said(chunks) == "".join(WORDS)
    assert [chunk.choices[0].finish_reason for chunk in chunks] == [None] * 6 + ["stop"]
    assert [chunk.selector for chunk in chunks[:-1]] == [None] * 6
    assert chunks[-1].selector == stream.selector
    assert (stream.selector.task_type, stream.selector.model) == ("counting", "haiku")
    assert {chunk.decision_id for chunk in chunks} == {stream.decision_id} == {stream.selector.decision_id}
    assert list(stream) == []


def test_a_call_that_fails_before_its_first_piece_fails_where_it_was_made(begin):
    client, _ = begin(Failure.RATE_LIMITED)
    with pytest.raises(RateLimitError):
        stream_of(client)


def test_a_fallback_before_the_first_piece_is_not_seen(begin):
    client, _ = begin({"haiku": 500, "sonnet": Reply(chunks=WORDS)})
    chunks = list(stream_of(client))
    assert {chunk.model for chunk in chunks} == {"sonnet"}
    assert (said(chunks), chunks[-1].selector.n_attempts) == ("".join(WORDS), 2)


def test_one_that_breaks_off_raises_after_what_came(begin):
    client, _ = begin(Reply(chunks=WORDS, fail_after=2))
    stream = stream_of(client)
    chunks = [next(stream) for _ in range(3)]
    with pytest.raises(APIConnectionError):
        next(stream)
    assert said(chunks) == "one two "
    assert list(stream) == []


def test_one_that_would_begin_anew_raises_before_it_is_paid_for_twice(begin):
    client, fake = begin({"haiku": Reply(chunks=WORDS, fail_after=2), "sonnet": Reply(chunks=WORDS)}, "restart")
    stream = stream_of(client)
    with pytest.raises(APIConnectionError, match=r"after 8 characters.*begin anew at sonnet@work.*continue"):
        list(stream)
    assert [request.route.model for request in fake.requests] == ["haiku"]


def test_one_that_is_continued_reads_as_one(begin):
    client, _ = begin({"haiku": Reply(chunks=WORDS, fail_after=2), "sonnet": Reply(chunks=WORDS[2:])}, "continue")
    chunks = list(stream_of(client))
    assert said(chunks) == "".join(WORDS)
    assert [chunk.choices[0].delta.role for chunk in chunks].count("assistant") == 1


def test_calls_of_tools_come_whole_with_their_places(begin):
    calls = [ToolCall(id=f"call_{n}", name="add", arguments=f'{{"a": {n}}}') for n in (1, 2)]
    client, _ = begin(Reply(tool_calls=calls))
    tools = [{"type": "function", "function": {"name": "add"}}]
    chunks = list(stream_of(client, tools=tools))
    told = [call for chunk in chunks for call in chunk.choices[0].delta.tool_calls or ()]
    assert [(call.index, call.id, call.function.arguments) for call in told] == [
        (0, "call_1", '{"a": 1}'),
        (1, "call_2", '{"a": 2}'),
    ]
    assert (chunks[0].choices[0].delta.content, chunks[-1].choices[0].finish_reason) == (None, "tool_calls")


@pytest.mark.parametrize("how", ["close", "with", "let go"])
def test_one_that_is_left_early_ends_its_call_and_may_be_judged(folder, how):
    with (
        FakeOpenAI(Reply(chunks=WORDS * 20, gap_s=0.05)) as server,
        Selector.open(config(server.base_url), state=folder, seed=1) as selector,
    ):
        client = create_client(selector=selector)
        stream = stream_of(client)
        next(stream)
        id_ = stream.decision_id
        if how == "with":
            with stream:
                next(stream)
        elif how == "close":
            stream.close()
            stream.close()
            assert list(stream) == []
        else:
            for chunk in stream:
                if chunk.choices[0].delta.content:
                    break
            del stream
            gc.collect()
        assert until_done(lambda: server.n_open == 0)
        assert server.n_served == 0
        client.record(id_, score=0, source="reader", route="haiku@work")
        assert selector.status().n_outcomes == 1


def test_one_whose_selector_is_closed_says_so(begin):
    client, _ = begin(SLOW)
    stream = stream_of(client)
    next(stream)
    client.selector.close()
    with pytest.raises(CallCancelledError, match="closed before the answer was whole"):
        list(stream)


def test_an_asynchronous_one_is_read_left_and_cancelled(folder):
    async def main():
        with FakeOpenAI(Reply(chunks=WORDS, gap_s=0.02)) as server:
            async with AsyncSelector.open(config(server.base_url), state=folder, seed=1) as selector:
                create = create_async_client(selector=selector).chat.completions.create
                whole = [chunk async for chunk in await create(messages=ASKED, stream=True)]
                async with await create(messages=ASKED, stream=True) as left:
                    await anext(left)
                await left.close()
                assert [chunk async for chunk in left] == []

                async def read():
                    return [chunk async for chunk in await create(messages=ASKED, stream=True)]

                reading = asyncio.create_task(read())
                await asyncio.sleep(0.05)
                reading.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await reading
                for _ in range(200):
                    if not server.n_open:
                        break
                    await asyncio.sleep(0.01)
                return whole, left.decision_id, server.n_open, server.n_served

    whole, id_, n_open, n_served = asyncio.run(main())
    assert (said(whole), n_open, n_served) == ("".join(WORDS), 0, 1)
    assert id_ is not None
    assert id_ != whole[0].decision_id
