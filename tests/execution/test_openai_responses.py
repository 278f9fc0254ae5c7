"""OpenAI's Responses API, as its documentation writes it.

Samples after https://platform.openai.com/docs/api-reference/responses/object and /responses-streaming,
https://developers.openai.com/api/docs/guides/reasoning.
"""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.catalog import Route
from selector.execution import CallFailed, Request
from selector.execution._format import format_of
from selector.execution._openai_usage import responses_usage
from selector.records import Failure, Message, TextEvent

FORM = format_of("openai-responses")
USER = {"role": "user", "content": "hi"}
CALL = {"id": "c1", "type": "function", "function": {"name": "add", "arguments": '{"a": 1}'}}
THOUGHT = {
    "id": "rs_1",
    "type": "reasoning",
    "summary": [{"type": "summary_text", "text": "hm"}],
    "encrypted_content": "x",
}
USAGE = {"input_tokens": 37, "input_tokens_details": {"cached_tokens": 7}, "output_tokens": 11,
         "output_tokens_details": {"reasoning_tokens": 4}, "total_tokens": 48}  # fmt: skip


def request(*messages, id="gpt-5", **more):  # noqa: A002
    said = tuple(Message.of(each) for each in messages or (USER,))
    return Request(route=Route(model="m", id=id), messages=said, **more)


def encoded(*messages, **more):
    return FORM.encode(request(*messages, **more), stream=False)


def text(said):
    content = [{"type": "output_text", "text": said, "annotations": []}]
    return {"id": "msg_1", "type": "message", "status": "completed", "role": "assistant", "content": content}


def called(arguments='{"a": 1}'):
    return {"id": "fc_1", "type": "function_call", "call_id": "c1", "name": "add", "arguments": arguments}


def body(*output, status="completed", **more):
    return {"id": "resp_1", "object": "response", "status": status, "error": None, "model": "gpt-5-2025-08-07",
            "output": list(output), "usage": USAGE, **more}  # fmt: skip


def fed(decoder, *events):
    return [found for each in events for found in decoder.feed(each["type"], json.dumps(each))]


def over(*output, kind="completed", **more):
    return {"type": f"response.{kind}", "response": body(*output, **{"status": kind, **more})}


def say(piece):
    return {"type": "response.output_text.delta", "item_id": "msg_1", "delta": piece}


def test_a_request_is_sent_whole_and_nothing_is_stored():
    params = {"reasoning_effort": "low", "stop": "END", "seed": 1, "verbosity": "low", "temperature": 1,
              "tool_choice": {"type": "function", "function": {"name": "add"}}}  # fmt: skip
    sent = FORM.encode(
        request({"role": "developer", "content": "b"}, USER, system="a", max_output_tokens=9, params=params),
        stream=True,
    )
    assert sent == {
        "model": "gpt-5",
        "input": [
            {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "b"}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "hi"}]},
        ],
        "instructions": "a",
        "store": False,
        "max_output_tokens": 9,
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "low"},
        "text": {"verbosity": "low"},
        "temperature": 1,
        "tool_choice": {"type": "function", "name": "add"},
        "stream": True,
    }


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        ({"type": "json_object"}, {"type": "json_object"}),
        (
            {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}, "strict": True}},
            {"type": "json_schema", "name": "a", "schema": {"type": "object"}, "strict": True},
        ),
    ],
)
def test_the_form_of_an_answer_has_this_apis_shape(form, sent):
    found = encoded(params={"response_format": form, "verbosity": "low"})
    assert found["text"] == {"verbosity": "low", "format": sent}
    assert "response_format" not in found


@pytest.mark.parametrize(
    ("id_", "includes"), [("gpt-5-mini", True), ("o3", True), ("gpt-4o", False), ("gpt-5-chat-latest", False)]
)
def test_encrypted_reasoning_is_asked_of_models_that_reason(id_, includes):
    assert ("include" in encoded(id=id_)) is includes


def test_a_schema_and_tools_have_this_apis_shape():
    sent = encoded(
        response_schema={"title": "My answer"}, tools=(CALL | {"function": {"name": "add", "parameters": {"a": 1}}},)
    )
    assert sent["text"] == {
        "format": {"type": "json_schema", "name": "My_answer", "schema": {"title": "My answer"}, "strict": True}
    }
    assert sent["tools"] == [{"type": "function", "name": "add", "parameters": {"a": 1}, "strict": False}]
    hosted = {"type": "web_search"}
    assert encoded(tools=(hosted,))["tools"] == [hosted]


def test_calls_results_images_and_a_prefix_become_items():
    picture = {"type": "image_url", "image_url": {"url": "https://e.org/c.png", "detail": "low"}}
    sent = encoded(
        {"role": "user", "content": [picture]},
        {"role": "assistant", "content": "so", "tool_calls": [CALL]},
        {"role": "tool", "content": "2", "tool_call_id": "c1"},
        prefix="The",
    )["input"]
    assert sent[0]["content"] == [{"type": "input_image", "image_url": "https://e.org/c.png", "detail": "low"}]
    assert sent[1:4] == [
        {"type": "message", "role": "assistant", "content": "so"},
        {"type": "function_call", "call_id": "c1", "name": "add", "arguments": '{"a": 1}'},
        {"type": "function_call_output", "call_id": "c1", "output": "2"},
    ]
    assert [(item["role"], item["type"]) for item in sent[4:]] == [("assistant", "message"), ("user", "message")]


def test_a_whole_answer_is_read_in_disjoint_classes():
    found = FORM.answer(body(THOUGHT, text("Paris"), called()))
    usage = found.usage
    assert (found.text, found.finish, found.snapshot, found.estimated) == (
        "Paris",
        "tool_calls",
        "gpt-5-2025-08-07",
        False,
    )
    assert (usage.input_tokens, usage.cache_read_tokens, usage.output_tokens, usage.reasoning_tokens) == (30, 7, 7, 4)
    assert found.tool_calls[0].as_chat() == CALL


def test_encrypted_reasoning_goes_back_unless_it_is_not_wanted():
    message = Message.of(FORM.answer(body(THOUGHT, text("Paris"))).message.as_chat())
    assert encoded(USER, message)["input"][1] == THOUGHT
    assert "reasoning" not in json.dumps(encoded(USER, message, without_reasoning=True))
    signed = {"type": "thinking", "thinking": "hm", "signature": "s"}
    assert "thinking" not in json.dumps(encoded(USER, {"role": "assistant", "content": [signed]}))


@pytest.mark.parametrize(
    ("said", "failure"),
    [
        (body(), Failure.EMPTY_ANSWER),
        (body(THOUGHT, status="incomplete", incomplete_details={"reason": "max_output_tokens"}), Failure.EMPTY_ANSWER),
        (body(status="incomplete", incomplete_details={"reason": "content_filter"}), Failure.CONTENT_POLICY),
        (body({"type": "message", "content": [{"type": "refusal", "refusal": "no"}]}), Failure.CONTENT_POLICY),
        (body(status="failed", error={"code": "rate_limit_exceeded", "message": "slow"}), Failure.RATE_LIMITED),
        (body(status="failed", error={"code": "server_error", "message": "x"}), Failure.SERVER_ERROR),
        (body(status="failed"), Failure.SERVER_ERROR),
        ({"output": None}, Failure.SERVER_ERROR),
        (7, Failure.SERVER_ERROR),
    ],
)
def test_what_is_no_answer_is_a_failure(said, failure):
    with pytest.raises(CallFailed) as caught:
        FORM.answer(said)
    assert caught.value.failure is failure


def test_a_stream_is_read_piece_by_piece():
    decoder = FORM.decoder(request())
    fed(decoder, {"type": "response.created", "response": body(status="in_progress")})
    assert not decoder.began
    fed(decoder, {"type": "response.output_item.added", "item": {"id": "rs_1", "type": "reasoning", "summary": []}})
    assert decoder.began
    fed(decoder, {"type": "response.output_item.done", "item": THOUGHT})
    assert fed(decoder, say("Pa"), say("ris")) == [TextEvent("Pa"), TextEvent("ris")]
    pieces = [
        {"type": "response.function_call_arguments.delta", "item_id": "fc_1", "delta": piece}
        for piece in ('{"a"', ": 1}")
    ]
    fed(decoder, {"type": "response.output_item.added", "item": called("")}, *pieces)
    events = fed(decoder, {"type": "response.output_item.done", "item": called()})
    assert [event.tool_call.parsed for event in events] == [{"a": 1}]
    assert decoder.partial().usage.reasoning_tokens == 1
    assert not decoder.whole
    assert fed(decoder, over(THOUGHT, text("Paris"), called())) == []
    found = decoder.answer()
    assert decoder.done
    assert (found.text, found.estimated, found.usage.input_tokens) == ("Paris", False, 30)
    assert found.message.parts[0].raw == THOUGHT


def test_an_answer_that_comes_only_with_the_end_is_told():
    decoder = FORM.decoder(request())
    assert fed(decoder, over(text("Paris"))) == [TextEvent("Paris")]
    assert decoder.answer().text == "Paris"


def test_an_end_without_output_keeps_what_was_streamed():
    decoder = FORM.decoder(request())
    fed(decoder, say("Paris"), over(kind="incomplete", incomplete_details={"reason": "max_output_tokens"}))
    found = decoder.answer()
    assert (found.text, found.finish, found.usage.output_tokens) == ("Paris", "length", 7)


@pytest.mark.parametrize(
    ("event", "failure"),
    [
        (over(kind="failed", error={"code": "server_is_overloaded", "message": "overloaded"}), Failure.OVERLOADED),
        (
            {"type": "error", "code": "insufficient_quota", "message": "You exceeded your current quota"},
            Failure.QUOTA_EXHAUSTED,
        ),
        ({"type": "error", "error": {"type": "server_error", "message": "died"}}, Failure.SERVER_ERROR),
    ],
)
def test_a_stream_that_fails_gives_what_came_before(event, failure):
    decoder = FORM.decoder(request())
    fed(decoder, say("12345678"))
    with pytest.raises(CallFailed) as caught:
        fed(decoder, event)
    partial = caught.value.partial
    assert (caught.value.failure, partial.text, partial.estimated, partial.usage.output_tokens) == (
        failure,
        "12345678",
        True,
        2,
    )


COUNT = st.integers(0, 10_000)


@given(COUNT, COUNT, COUNT, COUNT)
def test_no_token_is_counted_twice_and_none_is_lost(come, went, read, thought):
    said = {"input_tokens": come, "input_tokens_details": {"cached_tokens": read}, "output_tokens": went,
            "output_tokens_details": {"reasoning_tokens": thought}, "total_tokens": come + went}  # fmt: skip
    usage = responses_usage(said)
    if usage is not None and come + went:
        assert usage.context_tokens == come
        assert usage.output_tokens + usage.reasoning_tokens == went


@given(st.text().filter(str.strip), st.dictionaries(st.text(), st.integers(), max_size=3))
def test_an_answer_goes_out_again_as_it_came_in(said, arguments):
    output = [THOUGHT, text(said), called(json.dumps(arguments))]
    message = Message.of(FORM.answer(body(*output)).message.as_chat())
    assert encoded(message)["input"] == [
        THOUGHT,
        {"type": "message", "role": "assistant", "content": said},
        {key: value for key, value in output[2].items() if key != "id"},
    ]
