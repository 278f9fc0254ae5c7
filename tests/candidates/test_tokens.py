"""How long a task's input is where nobody counted it: a quarter of its characters."""

import json
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.candidates import count_tokens
from selector.records import Task

TOOL = {"name": "grep", "parameters": {"type": "object", "properties": {"für": {"type": "string"}}}}
COMPACT = '[{"name":"grep","parameters":{"type":"object","properties":{"für":{"type":"string"}}}}]'


def message(*parts, **keys):
    return Task("coding", messages=[{"role": "user", "content": list(parts), **keys}])


@pytest.mark.parametrize(
    ("task", "tokens"),
    [
        (Task("coding"), None),
        (Task("coding", tools=[], needs=["tools"], metadata={"a": "b" * 99}), None),
        (Task("coding", prompt=""), 0),
        (Task("coding", prompt="x"), 1),
        (Task("coding", prompt="x" * 8), 2),
        (Task("coding", prompt="x" * 9), 3),
        (Task("coding", prompt="日本語で書く"), 2),
        (Task("coding", prompt="xxx", system="yyyyy"), 2),
        (Task("coding", tools=[TOOL]), -(-len(COMPACT) // 4)),
        (Task("coding", response_schema={"type": "object"}), -(-len('{"type":"object"}') // 4)),
        (Task("coding", messages=[]), 0),
        (Task("coding", messages=[{"role": "user", "content": "x" * 8}, {"role": "x" * 99, "content": None}]), 2),
    ],
)
def test_characters_are_counted_in_quarters_and_rounded_up_once(task, tokens):
    assert count_tokens(task) == tokens


@pytest.mark.parametrize("given_tokens", [0, 7])
def test_the_callers_own_number_wins(given_tokens):
    assert count_tokens(Task("coding", prompt="x" * 400, input_tokens=given_tokens)) == given_tokens


@pytest.mark.parametrize(
    "binary",
    [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "x" * 4_000}},
        {"type": "image", "source": {"type": "base64", "data": "x" * 4_000}},
        {"type": "input_audio", "input_audio": {"data": "x" * 4_000}},
        {"type": "file", "file": {"file_data": "x" * 4_000}},
        b"x" * 4_000,
    ],
)
def test_what_is_no_text_is_not_counted(binary):
    assert count_tokens(message({"type": "text", "text": "x" * 8}, binary)) == 2


@pytest.mark.parametrize(
    "part",
    [
        "x" * 40,
        {"type": "input_text", "text": "x" * 40},
        {"type": "thinking", "thinking": "x" * 40},
        {"type": "tool_result", "content": "x" * 40},
        {"type": "tool_result", "content": [{"type": "text", "text": "x" * 40}, {"type": "image", "source": {}}]},
        {"type": "tool_use", "name": "grep", "input": {"q": "x" * 32}},
        MappingProxyType({"type": "text", "text": "x" * 40}),
    ],
)
def test_every_text_that_a_model_reads_is_counted(part):
    """In an agent's loop nearly all of the input is what tools were called with and what they answered."""
    assert count_tokens(message(part)) == 10


def test_calls_of_tools_beside_the_content_are_counted_as_json():
    calls = [{"id": "1", "type": "function", "function": {"name": "grep", "arguments": '{"q": "x"}'}}]
    task = Task("coding", messages=[{"role": "assistant", "content": None, "tool_calls": calls}])
    assert count_tokens(task) == -(-len(json.dumps(calls, separators=(",", ":"))) // 4)


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        ({"maximum": 2**70}, '{"maximum":1180591620717411303424}'),
        ({"of": MappingProxyType({"type": "object"})}, '{"of":{"type":"object"}}'),
        ({"of": MappingProxyType({"maximum": 2**70})}, '{"of":{"maximum":1180591620717411303424}}'),
        ({"kind": str}, '{"kind":"<class \'str\'>"}'),
        ({"title": "日本語" * 20}, '{"title":"' + "日本語" * 20 + '"}'),
        ({"mark": "\ud800 alone"}, '{"mark":"? alone"}'),
    ],
)
def test_json_of_any_kind_is_counted_by_its_characters(schema, text):
    assert count_tokens(Task("coding", response_schema=schema)) == -(-len(text) // 4)


@given(st.lists(st.text(max_size=30), min_size=1, max_size=6))
def test_a_text_counts_the_same_whole_or_in_messages_or_in_parts(texts):
    whole = count_tokens(Task("coding", prompt="".join(texts)))
    assert whole == count_tokens(Task("coding", messages=[{"role": "user", "content": text} for text in texts]))
    assert whole == count_tokens(message(*({"type": "text", "text": text} for text in texts)))
