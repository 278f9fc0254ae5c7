"""What is true of every format."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from selector.catalog import Route
from selector.errors import ConfigError
from selector.execution import CallFailed, Request
from selector.execution._estimate import read_of
from selector.execution._format import format_of
from selector.records import Message

KINDS = ["openai", "openai-responses", "anthropic"]
KEYS = [
    *("type", "index", "choices", "delta", "message", "content", "text", "model", "usage", "finish_reason", "role"),
    *("tool_calls", "function", "name", "arguments", "id", "reasoning", "output", "item", "response", "content_block"),
    *("thinking", "signature", "partial_json", "stop_reason", "error", "status", "summary", "prompt_tokens_details"),
]
TYPES = [
    *("message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta", "text"),
    *("tool_use", "thinking", "text_delta", "thinking_delta", "input_json_delta", "signature_delta", "message"),
    *("response.output_item.added", "response.output_item.done", "response.completed", "response.failed", "reasoning"),
    *("function_call", "response.function_call_arguments.delta", "response.output_text.delta", "output_text", "error"),
]
USER = {"role": "user", "content": "hi"}
LEAF = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=3) | st.sampled_from(TYPES)
JSON = st.recursive(
    LEAF,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)
        | st.builds(
            lambda type_, rest: {**rest, "type": type_},
            st.sampled_from(TYPES),
            st.dictionaries(st.sampled_from(KEYS), inner),
        )
    ),
    max_leaves=20,
)
MESSAGES = st.lists(
    st.fixed_dictionaries(
        {
            "role": st.sampled_from(["system", "developer", "user", "assistant", "tool"]),
            "content": st.none()
            | st.text(max_size=5)
            | st.lists(
                st.sampled_from(
                    [
                        {"type": "text", "text": "a"},
                        {"type": "text", "text": ""},
                        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}},
                        {"type": "thinking", "thinking": "hm", "signature": "s"},
                        {"type": "reasoning", "encrypted_content": "x"},
                        {"type": "tool_use", "id": "t", "name": "f", "input": {}},
                        {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "2"}]},
                    ]
                ),
                max_size=3,
            ),
        },
        optional={
            "tool_calls": st.just([{"id": "", "type": "function", "function": {"name": "f", "arguments": "{broken"}}]),
            "tool_call_id": st.just("t"),
        },
    ),
    min_size=1,
    max_size=4,
)


def request(*messages, **more):
    return Request(
        route=Route(model="m", id="m"), messages=tuple(Message.of(each) for each in messages or (USER,)), **more
    )


def test_a_kind_that_nobody_speaks_is_refused_with_the_nearest():
    with pytest.raises(ConfigError, match="did you mean 'openai'"):
        format_of("opnai")


@pytest.mark.parametrize("kind", KINDS)
@given(JSON)
def test_no_body_is_so_strange_that_it_breaks_the_reader(kind, body):
    try:
        answer = format_of(kind).answer(body)
    except CallFailed:
        return
    assert answer.text.strip() or answer.tool_calls


@pytest.mark.parametrize("kind", KINDS)
@given(st.lists(st.tuples(st.sampled_from(["", "error", "message_start"]), JSON), max_size=5))
def test_no_stream_is_so_strange_that_it_breaks_the_reader(kind, events):
    decoder = format_of(kind).decoder(request())
    try:
        for event, said in events:
            decoder.feed(event, json.dumps(said))
        answer = decoder.answer()
    except CallFailed:
        return
    assert decoder.began
    assert answer.text.strip() or answer.tool_calls


@pytest.mark.parametrize("kind", KINDS)
@given(MESSAGES, st.booleans(), st.sampled_from(["", "So "]))
@settings(max_examples=60)
def test_every_conversation_can_be_written_as_json_and_estimated(kind, messages, without, prefix):
    asked = request(*messages, without_reasoning=without, prefix=prefix)
    sent = json.loads(json.dumps(format_of(kind).encode(asked, stream=True)))
    assert sent["stream"] is True
    assert sent["model"] == "m"
    assert read_of(asked) >= 0
    written = json.dumps(sent)
    assert not (without and ("thinking" in written or "encrypted" in written))


@pytest.mark.parametrize("kind", KINDS)
def test_a_request_is_not_changed_by_writing_it(kind):
    params = {"stop": ["a"], "reasoning_effort": "low", "tool_choice": {"type": "any"}, "text": {"verbosity": "low"}}
    schema = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "required": ["a"]}
    tools = ({"name": "f", "input_schema": {"type": "object"}},)
    before = json.dumps([params, schema, tools])
    asked = request(params=params, response_schema=schema, tools=tools, prefix="So")
    first = format_of(kind).encode(asked, stream=False)
    assert format_of(kind).encode(asked, stream=False) == first
    assert json.dumps([params, schema, tools]) == before
