"""Answers of a client in place of OpenAI's are those that the real package reads from the same server, by field."""

import asyncio
import json

import openai
import pytest
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from selector import Selector, ToolCall, Usage, create_async_client, create_client
from selector.testing import FakeOpenAI, Reply

ASKED = [{"role": "user", "content": "What is 2 + 2?"}]
TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}]
CALLS = [ToolCall(id=f"call_{n}", name="add", arguments=f'{{"a": {n}}}') for n in (1, 2)]
USED = Usage(input_tokens=20, cache_read_tokens=30, cache_write_tokens=0, output_tokens=5, reasoning_tokens=7)
REPLIES = {
    "a text": Reply("It is 4", usage=USED),
    "a text that was cut": Reply("It is", finish="length", usage=USED),
    "calls of tools": Reply(tool_calls=CALLS, usage=USED),
    "a text and a call": Reply("Let me see", tool_calls=CALLS[:1], usage=USED),
    "a filtered text": Reply("It", finish="content_filter", usage=USED),
}
OURS = {"id", "created", "model", "system_fingerprint", "service_tier", "selector"}
"""Fields that differ by nature: ids, times, names."""


@pytest.fixture
def served(folder):
    """Open a server of a script, and selectors that call it."""
    opened = []

    def build(server, kind="openai"):
        model = {"provider": "work", "id": "gpt-4o", "usd_per_mtok_in": 1, "usd_per_mtok_out": 5}
        config = {
            "providers": {"work": {"kind": kind, "base_url": server.base_url}},
            "models": {"haiku": {**model, "capabilities": ["tools"]}},
            "fallback": {"retries": 0},
        }
        opened.append(Selector.open(config, state=folder, seed=1))
        return opened[-1]

    yield build
    for selector in opened:
        selector.close()


def without(shape, fields=OURS):
    """Leave out some fields, and those that are empty: servers leave them out, or say null or 0, as they like."""
    if isinstance(shape, dict):
        kept = {name: without(value, fields) for name, value in shape.items() if name not in fields}
        return {name: value for name, value in kept.items() if value not in (None, [], {}, "", 0)}
    return [without(each, fields) for each in shape] if isinstance(shape, list) else shape


def real(server):
    return openai.OpenAI(base_url=server.base_url, api_key="none", max_retries=0)


def names_of(model):
    return set(model.model_dump())


@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_an_answer_is_the_one_that_the_real_client_reads_from_the_same_server(served, reply):
    given = {"messages": ASKED, "model": "gpt-4o", "tools": TOOLS}
    with FakeOpenAI(reply) as server:
        with real(server) as client:
            theirs = client.chat.completions.create(**given)
        ours = create_client(selector=served(server)).chat.completions.create(**given)
    assert without(ours.model_dump()) == without(theirs.model_dump())
    for mine, its in ((ours, theirs), (ours.choices[0], theirs.choices[0]), (ours.usage, theirs.usage)):
        assert names_of(mine) - {"selector"} <= names_of(its) | {"service_tier", "system_fingerprint"}
    assert names_of(ours.choices[0].message) <= names_of(theirs.choices[0].message)


@pytest.mark.parametrize("kind", ["openai", "anthropic", "openai-responses"])
@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_an_answer_of_any_provider_is_one_to_the_real_package(served, monkeypatch, kind, reply):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    with FakeOpenAI(reply) as server:
        client = create_client(selector=served(server, kind))
        ours = client.chat.completions.create(messages=ASKED, tools=TOOLS)
        chunks = list(client.chat.completions.create(messages=ASKED, tools=TOOLS, stream=True))
    for dump in (ours.model_dump(), ours.to_dict(), json.loads(ours.model_dump_json()), json.loads(ours.to_json())):
        theirs = ChatCompletion.model_validate(dump)
        assert theirs.id == ours.id
        assert theirs.choices[0].finish_reason == (reply.finish or ("tool_calls" if reply.tool_calls else "stop"))
        assert [call.function.name for call in theirs.choices[0].message.tool_calls or ()] == ["add"] * len(
            reply.tool_calls
        )
        assert theirs.usage.total_tokens == theirs.usage.prompt_tokens + theirs.usage.completion_tokens
    for chunk in chunks:
        assert ChatCompletionChunk.model_validate(chunk.model_dump()).id == chunk.id
        assert ChatCompletionChunk.model_validate(chunk.to_dict()).choices[0].delta == (
            ChatCompletionChunk.model_validate(chunk.model_dump()).choices[0].delta
        )


def gathered(chunks):
    """Put a stream together as its users do."""
    text, calls, finish, usage, roles = "", {}, None, None, []
    for chunk in chunks:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            roles += [choice.delta.role] if choice.delta.role else []
            text += choice.delta.content or ""
            finish = choice.finish_reason or finish
            for call in choice.delta.tool_calls or ():
                known = calls.setdefault(call.index, {"id": call.id, "name": "", "arguments": ""})
                known["name"] += call.function.name or ""
                known["arguments"] += call.function.arguments or ""
    return text, calls, finish, None if usage is None else without(usage.model_dump()), roles


@pytest.mark.parametrize("include_usage", [True, False])
@pytest.mark.parametrize("reply", REPLIES.values(), ids=REPLIES)
def test_a_stream_comes_to_the_same_as_the_real_clients(served, reply, include_usage):
    given = {"messages": ASKED, "model": "gpt-4o", "tools": TOOLS, "stream": True}
    given["stream_options"] = {"include_usage": include_usage}
    with FakeOpenAI(reply) as server:
        with real(server) as client:
            theirs = list(client.chat.completions.create(**given))
        selector = served(server)
        ours = list(create_client(selector=selector).chat.completions.create(**given))

        async def read():
            client = create_async_client(selector=selector)
            return [chunk async for chunk in await client.chat.completions.create(**given)]

        again = asyncio.run(read())
    assert gathered(ours) == gathered(theirs)
    assert gathered(again) == gathered(ours)
    assert (ours[-1].choices == []) is include_usage
    assert len({chunk.id for chunk in ours}) == 1
    assert {name for chunk in ours for name in names_of(chunk)} - {"selector"} <= (
        {name for chunk in theirs for name in names_of(chunk)} | {"service_tier", "system_fingerprint", "usage"}
    )


def test_code_that_was_written_for_the_real_client_runs_unchanged(served):
    """The loop of every tutorial on tools: call, run what is wanted, put the results in, call again."""

    def converse(client):
        messages = list(ASKED)
        while True:
            response = client.chat.completions.create(model="gpt-4o", messages=messages, tools=TOOLS)
            message = response.choices[0].message
            if not message.tool_calls:
                return message.content
            messages.append(message)
            for call in message.tool_calls:
                result = str(2 + json.loads(call.function.arguments)["a"])
                messages.append({"role": "tool", "tool_call_id": call.id, "content": result})

    def script(body, _headers):
        results = [each["content"] for each in body["messages"] if each["role"] == "tool"]
        return f"They are {', '.join(results)}" if results else Reply(tool_calls=CALLS)

    with FakeOpenAI(script) as server:
        with real(server) as theirs:
            wanted = converse(theirs)
            asked = [without(each.body) for each in server.requests]
        assert converse(create_client(selector=served(server))) == wanted == "They are 3, 4"
        assert [without(each.body)["messages"] for each in server.requests[2:]] == [a["messages"] for a in asked]


def test_a_signed_thought_comes_back_to_the_provider_that_signed_it(served, monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
    with FakeOpenAI(Reply("4", reasoning="2 and 2", tool_calls=CALLS[:1])) as server:
        client = create_client(selector=served(server, "anthropic"))
        said = client.chat.completions.create(messages=ASKED, tools=TOOLS).choices[0].message
        result = {"role": "tool", "tool_call_id": "call_1", "content": "4"}
        client.chat.completions.create(messages=[*ASKED, said, result], tools=TOOLS)
        sent = server.requests[-1].body["messages"][1]["content"]
    assert [part["type"] for part in sent] == ["thinking", "text", "tool_use"]
    assert sent[0]["signature"]
    assert said.content == "4"
