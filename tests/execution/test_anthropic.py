"""Anthropic's messages, as its documentation writes them.

Samples after https://platform.claude.com/docs/en/api/messages, /docs/en/build-with-claude/streaming,
/docs/en/build-with-claude/prompt-caching,
/docs/en/build-with-claude/structured-outputs and /docs/en/build-with-claude/effort.
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.catalog import Route
from selector.execution import CallFailed, Request
from selector.execution._anthropic import usage_of_messages
from selector.execution._anthropic_body import ANSWER_TOOL
from selector.execution._format import format_of
from selector.records import Failure, Message, TextEvent

FORM = format_of("anthropic")
NEW, OLD = "claude-opus-4-8", "claude-haiku-4-5-20251001"
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 1}}, "required": ["a"]}
USER = {"role": "user", "content": "hi"}
CALL = {"id": "t1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
THOUGHT = {"type": "thinking", "thinking": "hm", "signature": "sig"}


def request(*messages, id=NEW, most=None, **more):  # noqa: A002
    said = tuple(Message.of(each) for each in messages or (USER,))
    return Request(route=Route(model="m", id=id, max_output_tokens=most), messages=said, **more)


def encoded(*messages, **more):
    return FORM.encode(request(*messages, **more), stream=False)


def body(*content, reason="end_turn", usage=None):
    return {"id": "m1", "type": "message", "role": "assistant", "model": "claude-opus-4-8-20260101",
            "content": list(content), "stop_reason": reason, "usage": usage}  # fmt: skip


def fed(decoder, *events):
    return [found for each in events for found in decoder.feed(each["type"], json.dumps(each))]


def start(**usage):
    return {"type": "message_start", "message": {"model": "claude-opus-4-8-20260101", "usage": usage}}


def begin(index, **block):
    return {"type": "content_block_start", "index": index, "content_block": block}


def delta(index, **more):
    return {"type": "content_block_delta", "index": index, "delta": more}


def stop(index):
    return {"type": "content_block_stop", "index": index}


def over(reason="end_turn", **usage):
    return [{"type": "message_delta", "delta": {"stop_reason": reason}, "usage": usage}, {"type": "message_stop"}]


def test_all_system_text_goes_to_the_top():
    sent = encoded({"role": "developer", "content": "b"}, USER, {"role": "system", "content": "c"}, system="a")
    assert sent["system"] == "a\n\nb\n\nc"
    assert sent["messages"] == [{"role": "user", "content": [{"type": "text", "text": "hi"}]}]
    assert FORM.headers("k")["x-api-key"] == "k"


@pytest.mark.parametrize(
    ("more", "most"),
    [
        ({}, 4_096),
        ({"most": 64_000}, 64_000),
        ({"most": 64_000, "max_output_tokens": 10}, 10),
        ({"most": 8, "max_output_tokens": 10}, 8),
        ({"params": {"max_completion_tokens": 7}}, 7),
        ({"params": {"max_tokens": 7}, "max_output_tokens": 10}, 7),
        ({"params": {"max_tokens": None}}, 4_096),
    ],
)
def test_the_longest_answer_is_always_said(more, most):
    assert encoded(**more)["max_tokens"] == most


def test_openais_words_are_translated_or_left_out():
    params = {"stop": "END", "seed": 1, "logit_bias": {}, "temperature": 0.5, "top_k": 3, "tool_choice": "required",
              "parallel_tool_calls": False, "service_tier": None}  # fmt: skip
    sent = encoded(params=params, tools=({"type": "function", "function": {"name": "add", "parameters": {}}},))
    assert sent["stop_sequences"] == ["END"]
    assert sent["tool_choice"] == {"type": "any", "disable_parallel_tool_use": True}
    assert set(sent) == {
        "model",
        "max_tokens",
        "messages",
        "stop_sequences",
        "tools",
        "tool_choice",
        "temperature",
        "top_k",
    }
    assert sent["tools"] == [{"name": "add", "input_schema": {"type": "object", "properties": {}}}]


@pytest.mark.parametrize(
    ("id_", "effort", "thinking", "config"),
    [
        (NEW, "high", {"type": "adaptive"}, {"effort": "high"}),
        ("claude-sonnet-4-6", "minimal", {"type": "adaptive"}, {"effort": "low"}),
        ("claude-opus-4-6", "low", {"type": "adaptive"}, {"effort": "low"}),
        (OLD, "medium", {"type": "enabled", "budget_tokens": 5_000}, None),
        ("claude-sonnet-4-20250514", "low", {"type": "enabled", "budget_tokens": 2_000}, None),
        ("claude-3-5-haiku-latest", "high", None, None),
        (NEW, "none", None, None),
    ],
)
def test_effort_is_said_as_the_model_knows_it(id_, effort, thinking, config):
    sent = encoded(id=id_, max_output_tokens=10_000, params={"reasoning_effort": effort})
    assert (sent.get("thinking"), sent.get("output_config")) == (thinking, config)


def test_a_schema_binds_new_models_and_becomes_a_tool_for_others():
    sent = encoded(response_schema=SCHEMA, params={"reasoning_effort": "low"})["output_config"]
    fitted = {
        "type": "object",
        "properties": {"a": {"type": "integer"}},
        "required": ["a"],
        "additionalProperties": False,
    }
    assert sent == {"effort": "low", "format": {"type": "json_schema", "schema": fitted}}
    sent = encoded(response_schema=SCHEMA, id="claude-3-5-haiku-latest")
    assert sent["tool_choice"] == {"type": "tool", "name": ANSWER_TOOL}
    assert sent["tools"][0]["input_schema"] == SCHEMA
    assert "output_config" not in sent


def test_the_input_of_the_forced_tool_is_the_answers_text():
    use = {"type": "tool_use", "id": "t", "name": ANSWER_TOOL, "input": {"a": 1}}
    found = FORM.answer(body(use, reason="tool_use"))
    assert (found.text, found.tool_calls, found.finish) == ('{"a": 1}', (), "stop")
    decoder = FORM.decoder(request())
    opened = begin(0, type="tool_use", id="t", name=ANSWER_TOOL, input={})
    pieces = [delta(0, type="input_json_delta", partial_json=piece) for piece in ("", '{"a"', ": 1}")]
    events = fed(decoder, start(), opened, *pieces, stop(0), *over("tool_use", output_tokens=5))
    assert [event.text for event in events] == ['{"a"', ": 1}"]
    assert (decoder.answer().text, decoder.answer().finish) == ('{"a": 1}', "stop")


def test_tool_results_are_merged_into_one_turn_before_all_else():
    second = {**CALL, "id": "t:2"}
    sent = encoded(
        USER,
        {"role": "assistant", "content": None, "tool_calls": [CALL, second]},
        {"role": "tool", "content": "2", "tool_call_id": "t1"},
        {"role": "tool", "content": "3", "tool_call_id": "t:2"},
        {"role": "user", "content": "and?"},
    )["messages"]
    assert [turn["role"] for turn in sent] == ["user", "assistant", "user"]
    assert [block["id"] for block in sent[1]["content"]] == ["t1", "t_2"]
    assert [block.get("tool_use_id") for block in sent[2]["content"]] == ["t1", "t_2", None]
    assert sent[1]["content"][0]["input"] == {"a": 1}


@pytest.mark.parametrize(("thoughts", "thinks"), [([THOUGHT], True), ([], False)])
def test_a_budget_to_think_is_left_out_where_another_model_called_the_tools(thoughts, thinks):
    said = {"role": "assistant", "content": thoughts, "tool_calls": [CALL]}
    result = {"role": "tool", "content": "2", "tool_call_id": "t1"}
    assert ("thinking" in encoded(USER, said, result, id=OLD, params={"reasoning_effort": "high"})) is thinks
    assert "thinking" in encoded(USER, said, result, id=NEW, params={"reasoning_effort": "high"})


def test_images_have_a_source():
    parts = [
        {"type": "image_url", "image_url": {"url": url}}
        for url in ("https://e.org/c.png", "data:image/png;base64,AA==")
    ]
    sent = encoded({"role": "user", "content": parts})["messages"][0]["content"]
    assert [block["source"] for block in sent] == [
        {"type": "url", "url": "https://e.org/c.png"},
        {"type": "base64", "media_type": "image/png", "data": "AA=="},
    ]


def test_reasoning_goes_back_where_it_is_anthropics_own_and_is_wanted():
    foreign = {"type": "reasoning", "encrypted_content": "x"}
    said = {"role": "assistant", "content": [THOUGHT, foreign, {"type": "text", "text": "4"}]}
    assert encoded(USER, said, USER)["messages"][1]["content"] == [THOUGHT, {"type": "text", "text": "4"}]
    sent = encoded(USER, said, USER, without_reasoning=True)["messages"][1]["content"]
    assert sent == [{"type": "text", "text": "4"}]


def test_a_prefix_is_put_into_the_mouth_of_models_that_allow_it():
    old = encoded(USER, prefix="The sky ", id=OLD)["messages"]
    assert old[-1] == {"role": "assistant", "content": [{"type": "text", "text": "The sky"}]}
    new = encoded(USER, prefix="The sky ", id=NEW)["messages"]
    assert [turn["role"] for turn in new] == ["user", "assistant", "user"]
    decoder = FORM.decoder(request(prefix="The sky ", id=OLD))
    events = fed(decoder, start(), begin(0, type="text", text=""), delta(0, type="text_delta", text=" is"))
    assert [event.text for event in events] == ["is"]


def test_a_whole_answer_is_read_with_usage_as_it_is():
    use = {"type": "tool_use", "id": "t1", "name": "add", "input": {"a": 1}}
    usage = {"input_tokens": 5, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 7, "output_tokens": 9}
    found = FORM.answer(body(THOUGHT, {"type": "text", "text": "Paris"}, use, reason="tool_use", usage=usage))
    assert (found.text, found.finish, found.snapshot) == ("Paris", "tool_calls", "claude-opus-4-8-20260101")
    assert (found.usage.input_tokens, found.usage.context_tokens, found.usage.output_tokens) == (5, 112, 9)
    assert found.tool_calls[0].parsed == {"a": 1}
    assert encoded(USER, found.message)["messages"][1]["content"] == [THOUGHT, {"type": "text", "text": "Paris"}, use]


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        (body(), Failure.EMPTY_ANSWER),
        (body(THOUGHT, reason="max_tokens"), Failure.EMPTY_ANSWER),
        (body(reason="refusal"), Failure.CONTENT_POLICY),
        ({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}, Failure.OVERLOADED),
        ({"content": "text"}, Failure.SERVER_ERROR),
        ("", Failure.SERVER_ERROR),
    ],
)
def test_what_is_no_answer_is_a_failure(said, failure):
    with pytest.raises(CallFailed) as caught:
        FORM.answer(said)
    assert caught.value.failure is failure


def test_a_stream_is_read_piece_by_piece():
    decoder = FORM.decoder(request())
    fed(decoder, start(input_tokens=25, cache_read_input_tokens=3, output_tokens=1), {"type": "ping"})
    assert not decoder.began
    thinking = [delta(0, type="thinking_delta", thinking=piece) for piece in ("h", "m")]
    signed = delta(0, type="signature_delta", signature="sig")
    fed(decoder, begin(0, type="thinking", thinking="", signature=""), *thinking, signed, stop(0))
    assert decoder.began
    events = fed(decoder, begin(1, type="text", text=""), delta(1, type="text_delta", text="Paris"), stop(1))
    assert events == [TextEvent("Paris")]
    pieces = [delta(2, type="input_json_delta", partial_json=piece) for piece in ("", '{"a": ', "1}")]
    events = fed(decoder, begin(2, type="tool_use", id="t1", name="add", input={}), *pieces, stop(2))
    assert [event.tool_call.parsed for event in events] == [{"a": 1}]
    details = {"thinking_tokens": 4}
    fed(decoder, *over("tool_use", input_tokens=25, output_tokens=15, output_tokens_details=details))
    found = decoder.answer()
    assert decoder.done
    assert (found.text, found.finish, found.estimated) == ("Paris", "tool_calls", False)
    assert (found.usage.context_tokens, found.usage.output_tokens, found.usage.reasoning_tokens) == (28, 11, 4)
    assert found.message.parts[0].raw == THOUGHT


def test_a_stream_that_fails_says_what_was_used_so_far():
    decoder = FORM.decoder(request())
    fed(decoder, start(input_tokens=25, output_tokens=1), begin(0, type="text", text=""))
    fed(decoder, delta(0, type="text_delta", text="12345678" * 4))
    with pytest.raises(CallFailed) as caught:
        fed(decoder, {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
    usage = caught.value.partial.usage
    assert caught.value.failure is Failure.OVERLOADED
    assert (usage.input_tokens, usage.output_tokens, caught.value.partial.estimated) == (25, 8, True)


def test_a_refusal_in_a_stream_is_a_failure_unless_something_was_said():
    decoder = FORM.decoder(request())
    fed(decoder, start(input_tokens=5), *over("refusal", output_tokens=1))
    with pytest.raises(CallFailed) as caught:
        decoder.answer()
    assert caught.value.failure is Failure.CONTENT_POLICY
    decoder = FORM.decoder(request())
    fed(decoder, begin(0, type="text", text=""), delta(0, type="text_delta", text="I"), *over("refusal"))
    assert decoder.answer().finish == "content_filter"


COUNT = st.none() | st.integers(0, 10_000)


@given(COUNT, COUNT, COUNT, COUNT, COUNT)
def test_no_token_is_counted_twice_and_none_is_lost(come, read, written, went, thought):
    said = {"input_tokens": come, "cache_read_input_tokens": read, "cache_creation_input_tokens": written,
            "output_tokens": went, "output_tokens_details": {"thinking_tokens": thought}}  # fmt: skip
    usage = usage_of_messages(said)
    if usage is not None:
        assert usage.context_tokens == sum(each or 0 for each in (come, read, written))
        assert went is None or usage.output_tokens + (usage.reasoning_tokens or 0) == went


STRANGE = st.none() | st.integers() | st.floats() | st.text() | st.booleans() | st.lists(st.integers(), max_size=2)


@given(st.dictionaries(st.sampled_from(["input_tokens", "output_tokens", "cache_read_input_tokens"]), STRANGE))
def test_strange_usage_never_raises(usage):
    assert FORM.answer(body({"type": "text", "text": "x"}, usage=usage)).text == "x"


TURN = st.tuples(st.sampled_from(["system", "user", "assistant", "tool"]), st.text(max_size=3))


@given(st.lists(TURN, min_size=1, max_size=8), st.sampled_from(["", "The"]))
def test_turns_always_alternate_and_begin_with_the_user(turns, prefix):
    chat = [{"role": role, "content": text, "tool_call_id": "t" if role == "tool" else None} for role, text in turns]
    sent = encoded(*chat, prefix=prefix)["messages"]
    assert [turn["role"] for turn in sent] == [("user", "assistant")[number % 2] for number in range(len(sent))]
    assert all(block.get("text", "x").strip() for turn in sent for block in turn["content"])


@given(st.text().filter(str.strip), st.dictionaries(st.text(), st.integers(), max_size=3))
def test_an_answer_goes_out_again_as_it_came_in(text, arguments):
    content = [
        THOUGHT,
        {"type": "text", "text": text},
        {"type": "tool_use", "id": "t", "name": "f", "input": arguments},
    ]
    message = Message.of(FORM.answer(body(*content)).message.as_chat())
    assert encoded(USER, message)["messages"][1]["content"] == content
