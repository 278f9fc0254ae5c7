"""Chat completions, as OpenAI and the servers like it write them.

Samples after https://platform.openai.com/docs/api-reference/chat/object and /chat-streaming,
https://api-docs.deepseek.com/guides/kv_cache, https://docs.x.ai/docs/guides/reasoning,
https://openrouter.ai/docs/use-cases/usage-accounting, https://docs.mistral.ai/capabilities/reasoning.
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.catalog import Route
from selector.execution import CallFailed, Request
from selector.execution._estimate import filled
from selector.execution._format import format_of
from selector.execution._openai_usage import chat_usage
from selector.records import Failure, Message, TextEvent, ToolCallEvent

CHAT = format_of("openai")
LOCAL = format_of("openai", "http://localhost:11434/v1/")
SCHEMA = {"type": "object", "properties": {"a": {"type": "integer"}}, "required": ["a"], "additionalProperties": False}


def request(*messages, id="gpt-5", route=None, **more):  # noqa: A002
    said = tuple(Message.of(each) for each in messages or ({"role": "user", "content": "hi"},))
    return Request(route=route or Route(model="m", id=id), messages=said, **more)


def body(message, finish="stop", usage=None, **more):
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish}
    return {"id": "c1", "object": "chat.completion", "model": "gpt-5-2025-08-07", "choices": [choice],
            "usage": usage, **more}  # fmt: skip


def chunk(delta=None, finish=None, **more):
    choices = [] if delta is None else [{"index": 0, "delta": delta, "finish_reason": finish}]
    return json.dumps({"object": "chat.completion.chunk", "model": "gpt-5-2025-08-07", "choices": choices, **more})


def fed(decoder, *chunks):
    return [event for each in chunks for event in decoder.feed("", each)]


def test_a_plain_request_has_the_words_that_every_server_knows():
    sent = CHAT.encode(request(system="be brief", max_output_tokens=9, params={"seed": 7, "stop": "END"}), stream=True)
    assert sent == {
        "model": "gpt-5",
        "messages": [{"role": "system", "content": "be brief"}, {"role": "user", "content": "hi"}],
        "max_completion_tokens": 9,
        "seed": 7,
        "stop": "END",
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert CHAT.headers("k")["Authorization"] == "Bearer k"
    assert "Authorization" not in LOCAL.headers(None)


@pytest.mark.parametrize(
    ("form", "id_", "cap"),
    [
        (CHAT, "gpt-4o", "max_completion_tokens"),
        (LOCAL, "llama3", "max_tokens"),
        (LOCAL, "gpt-oss:20b", "max_tokens"),
        (LOCAL, "gpt-5-mini", "max_completion_tokens"),
        (format_of("openai", "https://openrouter.ai/api/v1"), "openai/gpt-5", "max_tokens"),
    ],
)
def test_the_longest_answer_is_named_as_the_server_knows_it(form, id_, cap):
    sent = form.encode(request(id=id_, max_output_tokens=9), stream=False)
    assert [key for key in sent if key.startswith("max")] == [cap]


def test_a_variants_own_words_win_and_none_removes():
    params = {"max_tokens": 5, "stream_options": None, "tool_choice": {"type": "any"}}
    sent = CHAT.encode(request(max_output_tokens=9, params=params), stream=True)
    assert sent["max_tokens"] == 5
    assert "max_completion_tokens" not in sent
    assert "stream_options" not in sent
    assert sent["tool_choice"] == "required"


def test_no_more_is_asked_for_than_the_model_can_write():
    route = Route(model="m", id="gpt-5", max_output_tokens=100)
    assert CHAT.encode(request(route=route, max_output_tokens=500), stream=False)["max_completion_tokens"] == 100


def test_tools_of_any_vendor_become_functions():
    theirs = {"name": "add", "description": "adds", "input_schema": {"type": "object"}}
    flat = {"type": "function", "name": "add", "description": "adds", "parameters": {"type": "object"}}
    own = {"type": "function", "function": {"name": "add", "description": "adds", "parameters": {"type": "object"}}}
    assert CHAT.encode(request(tools=(theirs, flat, own)), stream=False)["tools"] == [own, own, own]


@pytest.mark.parametrize(
    ("schema", "is_strict"), [(SCHEMA, True), ({"type": "object", "properties": {"a": {}}}, False)]
)
def test_a_schema_is_kept_strictly_where_it_can_be(schema, is_strict):
    sent = CHAT.encode(request(response_schema=schema), stream=False)["response_format"]
    assert sent["json_schema"] == {"name": "answer", "schema": schema, "strict": is_strict}


def test_reasoning_is_never_sent_and_a_prefix_comes_last():
    thought = {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm", "signature": "s"},
                                                {"type": "text", "text": "4"}]}  # fmt: skip
    sent = LOCAL.encode(request({"role": "user", "content": "2+2?"}, thought, prefix="The"), stream=False)["messages"]
    assert sent[1:] == [{"role": "assistant", "content": "4"}, {"role": "assistant", "content": "The"}]


def test_messages_in_anthropics_shape_become_tool_calls_and_images():
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AA=="}}
    sent = CHAT.encode(
        request(
            {"role": "user", "content": [picture]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "add", "input": {"a": 1}}]},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t", "content": "2"}]},
        ),
        stream=False,
    )["messages"]
    assert sent[0]["content"] == [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA=="}}]
    assert sent[1]["tool_calls"][0]["function"] == {"name": "add", "arguments": '{"a": 1}'}
    assert sent[2] == {"role": "tool", "content": "2", "tool_call_id": "t"}


def test_mistral_gets_ids_of_nine_letters_that_still_match():
    call = {"id": "call_long_one", "type": "function", "function": {"name": "add", "arguments": "{}"}}
    said = ({"role": "assistant", "content": None, "tool_calls": [call]},
            {"role": "tool", "content": "2", "tool_call_id": "call_long_one"})  # fmt: skip
    sent = format_of("openai", "https://api.mistral.ai/v1").encode(request(*said), stream=False)["messages"]
    assert sent[0]["tool_calls"][0]["id"] == sent[1]["tool_call_id"]
    assert len(sent[1]["tool_call_id"]) == 9


def test_a_server_that_does_not_continue_is_asked_to():
    sent = CHAT.encode(request(prefix="The sky"), stream=False)["messages"]
    assert [turn["role"] for turn in sent] == ["user", "assistant", "user"]


def test_fields_that_are_not_known_go_out_but_for_those_of_answers_and_of_unwanted_reasoning():
    said = {"role": "assistant", "content": "x", "reasoning_content": "hm", "annotations": [1], "audio": {"id": "a"}}
    assert LOCAL.encode(request(said), stream=False)["messages"][0] == {
        key: said[key] for key in said if key != "annotations"
    }
    sent = LOCAL.encode(request(said, without_reasoning=True), stream=False)["messages"][0]
    assert set(sent) == {"role", "content", "audio"}


def test_mistral_is_spared_what_it_refuses():
    sent = format_of("openai", "https://api.mistral.ai/v1").encode(request(id="m", params={"seed": 1}), stream=True)
    assert set(sent) == {"model", "messages", "stream", "random_seed"}


def test_a_whole_answer_is_read():
    call = {
        "id": "c",
        "type": "function",
        "function": {"name": "add", "arguments": '{"a": 1}'},
        "extra_content": {"x": 1},
    }
    said = {"content": "Paris", "reasoning_content": "hm", "tool_calls": [call], "refusal": None, "annotations": []}
    found = CHAT.answer(body(said, "tool_calls", {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}))
    assert (found.text, found.snapshot, found.finish) == ("Paris", "gpt-5-2025-08-07", "tool_calls")
    assert (found.usage.input_tokens, found.usage.output_tokens, found.estimated) == (9, 3, False)
    assert found.tool_calls[0].as_chat() == call
    assert found.message.parts[0].kind == "reasoning"
    assert found.message.extra == {}


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        (body({"content": ""}), Failure.EMPTY_ANSWER),
        (body({"content": " \n", "reasoning_content": "hm"}, "length"), Failure.EMPTY_ANSWER),
        (body({"content": None}, "content_filter"), Failure.CONTENT_POLICY),
        (body({"content": None, "refusal": "I cannot"}), Failure.CONTENT_POLICY),
        (body({"content": "x"}, "error"), Failure.SERVER_ERROR),
        (body({"content": "x"}, "insufficient_system_resource"), Failure.OVERLOADED),
        ({"error": {"code": 502, "message": "upstream"}}, Failure.SERVER_ERROR),
        ({"choices": []}, Failure.SERVER_ERROR),
        ([1], Failure.SERVER_ERROR),
        (None, Failure.SERVER_ERROR),
    ],
)
def test_what_is_no_answer_is_a_failure(said, failure):
    with pytest.raises(CallFailed) as caught:
        CHAT.answer(said)
    assert caught.value.failure is failure


def test_an_empty_answer_still_says_what_it_used():
    with pytest.raises(CallFailed) as caught:
        CHAT.answer(body({"content": ""}, "length", {"prompt_tokens": 9, "completion_tokens": 3}))
    assert caught.value.partial.usage.input_tokens == 9


def test_usage_that_never_came_is_estimated_and_marked():
    found = filled(CHAT.answer(body({"content": "12345678"})), request({"role": "user", "content": "1234"}))
    assert (found.usage.input_tokens, found.usage.output_tokens, found.estimated) == (1, 2, True)


def test_a_stream_is_read_piece_by_piece():
    decoder = CHAT.decoder(request())
    events = fed(decoder, chunk({"role": "assistant", "content": ""}), chunk({"reasoning": "hm"}))
    assert (events, decoder.began) == ([], True)
    events = fed(decoder, chunk({"content": "Pa"}), chunk({"content": "ris"}), chunk({}, "stop"))
    assert [event.text for event in events] == ["Pa", "ris"]
    assert decoder.whole
    assert not decoder.done
    fed(decoder, chunk(usage={"prompt_tokens": 3, "completion_tokens": 2}), "[DONE]")
    found = decoder.answer()
    assert decoder.done
    assert (found.text, found.usage.input_tokens, found.estimated, found.finish) == ("Paris", 3, False, "stop")


def test_tool_calls_of_a_stream_are_told_once_and_whole():
    first = {"index": 0, "id": "a", "function": {"name": "add", "arguments": ""}}
    pieces = [{"index": 0, "function": {"arguments": '{"x"'}}, {"index": 0, "function": {"arguments": ": 1}"}}]
    second = {"index": 0, "id": "b", "function": {"name": "sub", "arguments": "{}"}}  # another call of the same number
    decoder = CHAT.decoder(request())
    deltas = [chunk({"tool_calls": [each]}) for each in (first, *pieces, second)]
    events = fed(decoder, *deltas, chunk({}, "tool_calls"), "[DONE]")
    assert [(event.tool_call.id, event.tool_call.arguments) for event in events] == [("a", '{"x": 1}'), ("b", "{}")]
    assert all(isinstance(event, ToolCallEvent) for event in events)
    assert [call.name for call in decoder.answer().tool_calls] == ["add", "sub"]


@pytest.mark.parametrize(
    ("event", "data", "failure"),
    [
        ("", '{"error": {"code": 529, "message": "Overloaded"}}', Failure.OVERLOADED),
        ("error", '{"message": "rate limit"}', Failure.RATE_LIMITED),
        ("", '{"choices": [{"delta"', Failure.SERVER_ERROR),
        ("", "[1]", Failure.SERVER_ERROR),
        ("", chunk({"content": ""}, "error"), Failure.SERVER_ERROR),
    ],
)
def test_a_stream_that_fails_gives_what_came_before(event, data, failure):
    decoder = CHAT.decoder(request())
    fed(decoder, chunk({"content": "12345678"}))
    with pytest.raises(CallFailed) as caught:
        decoder.feed(event, data)
    partial = caught.value.partial
    assert (caught.value.failure, partial.text, partial.estimated) == (failure, "12345678", True)
    assert (partial.usage.input_tokens, partial.usage.output_tokens) == (1, 2)


def test_a_stream_of_which_nothing_came_has_no_partial():
    decoder = CHAT.decoder(request())
    fed(decoder, chunk({"role": "assistant"}))
    assert decoder.partial() is None


def test_an_answer_that_was_whole_before_the_break_may_be_continued_with_nothing():
    decoder = CHAT.decoder(request(prefix="Paris."))
    fed(decoder, chunk({"content": ""}, "stop"), "[DONE]")
    assert decoder.answer().text == ""


def test_vendors_usage_comes_apart():
    deepseek = chat_usage({"prompt_cache_hit_tokens": 64, "prompt_cache_miss_tokens": 6, "completion_tokens": 5})
    assert (deepseek.input_tokens, deepseek.cache_read_tokens, deepseek.output_tokens) == (6, 64, 5)
    details = {"completion_tokens_details": {"reasoning_tokens": 100}}
    xai = chat_usage({"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 130, **details})
    assert (xai.output_tokens, xai.reasoning_tokens) == (20, 100)
    openai = chat_usage({"prompt_tokens": 10, "completion_tokens": 120, "total_tokens": 130, **details})
    assert (openai.output_tokens, openai.reasoning_tokens) == (20, 100)
    google = chat_usage({"prompt_tokens": 10, "completion_tokens": 20, "total_tokens": 130})
    assert (google.output_tokens, google.reasoning_tokens) == (20, 100)
    router = chat_usage({"prompt_tokens": 10, "completion_tokens": 2, "cost": 0.25})
    assert router.cost_usd == 0.25
    assert chat_usage({"prompt_tokens": 0, "completion_tokens": 0}) is None


COUNT = st.integers(0, 10_000)


@given(COUNT, COUNT, COUNT, COUNT, COUNT)
def test_no_token_is_counted_twice_and_none_is_lost(prompt, completion, read, written, thought):
    details = {"prompt_tokens_details": {"cached_tokens": read, "cache_write_tokens": written},
               "completion_tokens_details": {"reasoning_tokens": thought}}  # fmt: skip
    said = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion, **details}
    usage = chat_usage(said)
    if usage is not None and prompt + completion:
        assert usage.context_tokens == prompt
        assert usage.output_tokens + usage.reasoning_tokens == completion


STRANGE = st.none() | st.integers() | st.floats() | st.text() | st.booleans() | st.lists(st.integers(), max_size=2)


@given(
    st.fixed_dictionaries(
        {},
        optional=dict.fromkeys(
            ["prompt_tokens", "completion_tokens", "total_tokens", "cost", "prompt_tokens_details", "cached_tokens"],
            STRANGE,
        ),
    )
)
def test_strange_usage_never_raises(said):
    assert CHAT.answer(body({"content": "x"}, usage=said)).text == "x"


ROLES = st.sampled_from(["system", "user", "assistant"])


@given(st.lists(st.tuples(ROLES, st.text(min_size=1)), min_size=1, max_size=5))
def test_plain_messages_go_out_as_they_came_in(turns):
    chat = [{"role": role, "content": text} for role, text in turns]
    assert CHAT.encode(request(*chat), stream=False)["messages"] == chat


@given(st.text().filter(str.strip), st.dictionaries(st.text(), st.integers(), max_size=3))
def test_an_answer_goes_out_again_as_it_came_in(text, arguments):
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": json.dumps(arguments)}}
    said = {"role": "assistant", "content": text, "tool_calls": [call]}
    message = CHAT.answer(body(said)).message
    assert Message.of(message.as_chat()).as_chat() == CHAT.encode(request(message), stream=False)["messages"][0] == said


@given(st.text(min_size=1), st.data())
def test_a_stream_says_what_the_whole_says_however_it_is_cut(text, data):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=4)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    decoder = CHAT.decoder(request())
    events = fed(decoder, *[chunk({"content": piece}) for piece in pieces], chunk({}, "stop"), "[DONE]")
    assert "".join(event.text for event in events if isinstance(event, TextEvent)) == text
    assert decoder.partial().text == text
