"""The loopback server: each vendor's words, faults as they look from outside, and books that add up."""

import json

import httpx  # noqa: TID253 - what is tested is what it sees
import pytest

from selector.errors import ConfigError
from selector.execution import CallFailed
from selector.records import Failure, ToolCall, Usage
from selector.testing import FakeOpenAI, Fault, Reply

PATHS = {"chat": "/chat/completions", "responses": "/responses", "messages": "/messages"}
FORMS = pytest.mark.parametrize("form", list(PATHS))
STREAMED = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
ADD = ToolCall(id="call_1", name="add", arguments='{"a": 1, "b": 2}')
USED = Usage(input_tokens=10, cache_read_tokens=20, cache_write_tokens=30, output_tokens=40, reasoning_tokens=50)


def body(form, *, streamed=False, text="The capital of France?", model="gpt"):
    asked = {"model": model, "stream": streamed}
    if form == "responses":
        return {**asked, "input": text}
    return {**asked, "messages": [{"role": "user", "content": text}], "stream_options": {"include_usage": True}}


@pytest.fixture
def client():
    with httpx.Client(timeout=10) as found:
        yield found


def post(client, server, form, **asked):
    return client.post(server.base_url + PATHS[form], json=body(form, **asked))


def sse(text):
    """Return the events of a stream as pairs of name and data."""
    found = []
    for block in text.strip().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        found.append((lines.get("event"), lines["data"] if lines["data"] == "[DONE]" else json.loads(lines["data"])))
    return found


def test_a_chat_completion_counts_cached_and_reasoning_tokens_within_the_others(client):
    with FakeOpenAI(Reply("Paris", tool_calls=[ADD], usage=USED)) as server:
        found = post(client, server, "chat").json()
    assert found["object"] == "chat.completion"
    choice = found["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == ("Paris", "tool_calls")
    assert choice["message"]["tool_calls"] == [ADD.as_chat()]
    usage = found["usage"]
    assert (usage["prompt_tokens"], usage["prompt_tokens_details"]["cached_tokens"]) == (60, 20)
    assert (usage["completion_tokens"], usage["completion_tokens_details"]["reasoning_tokens"]) == (90, 50)


def test_a_response_lists_reasoning_text_and_calls_as_items(client):
    with FakeOpenAI(Reply("Paris", tool_calls=[ADD], reasoning="hm", usage=USED)) as server:
        found = post(client, server, "responses").json()
    assert (found["object"], found["status"]) == ("response", "completed")
    assert [item["type"] for item in found["output"]] == ["reasoning", "message", "function_call"]
    assert found["output"][1]["content"][0]["text"] == "Paris"
    assert json.loads(found["output"][2]["arguments"]) == ADD.parsed
    usage = found["usage"]
    assert (usage["input_tokens"], usage["input_tokens_details"]["cached_tokens"]) == (60, 20)
    assert (usage["output_tokens"], usage["output_tokens_details"]["reasoning_tokens"]) == (90, 50)


def test_a_message_counts_cached_tokens_beside_the_others(client):
    with FakeOpenAI(Reply("Paris", tool_calls=[ADD], reasoning="hm", usage=USED)) as server:
        found = post(client, server, "messages").json()
    assert [block["type"] for block in found["content"]] == ["thinking", "text", "tool_use"]
    assert (found["content"][2]["input"], found["stop_reason"]) == (ADD.parsed, "tool_use")
    assert found["usage"] == {
        "input_tokens": 10,
        "cache_creation_input_tokens": 30,
        "cache_read_input_tokens": 20,
        "output_tokens": 90,
    }


@pytest.mark.parametrize(
    ("finish", "chat", "response", "message"),
    [
        (None, "stop", ("completed", None), "end_turn"),
        ("length", "length", ("incomplete", "max_output_tokens"), "max_tokens"),
        ("content_filter", "content_filter", ("incomplete", "content_filter"), "refusal"),
    ],
)
def test_each_vendor_has_its_own_word_for_the_end(client, finish, chat, response, message):
    with FakeOpenAI(Reply("Paris", finish=finish)) as server:
        found = {form: post(client, server, form).json() for form in PATHS}
    assert found["chat"]["choices"][0]["finish_reason"] == chat
    why = (found["responses"]["incomplete_details"] or {}).get("reason")
    assert (found["responses"]["status"], why) == response
    assert found["messages"]["stop_reason"] == message


def test_a_stream_of_chunks_is_the_answer_in_pieces(client):
    with FakeOpenAI(Reply(chunks=["Par", "is"], tool_calls=[ADD], reasoning="hm", usage=USED)) as server:
        found = [data for _, data in sse(post(client, server, "chat", streamed=True).text)]
    assert found[-1] == "[DONE]"
    assert (found[-2]["choices"], found[-2]["usage"]["prompt_tokens"]) == ([], 60)
    deltas = [chunk["choices"][0]["delta"] for chunk in found[:-2]]
    assert deltas[0]["role"] == "assistant"
    assert [delta["content"] for delta in deltas if delta.get("content")] == ["Par", "is"]
    calls = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert (calls[0]["id"], calls[0]["function"]["name"]) == ("call_1", "add")
    assert json.loads("".join(call["function"]["arguments"] for call in calls)) == ADD.parsed
    assert found[-3]["choices"][0]["finish_reason"] == "tool_calls"


def test_a_stream_of_chunks_tells_usage_only_where_it_is_asked_for(client):
    with FakeOpenAI("Paris") as server:
        asked = {**body("chat", streamed=True), "stream_options": None}
        text = client.post(server.base_url + PATHS["chat"], json=asked).text
        assert '"usage"' not in text
        assert server.billed == Usage(input_tokens=0, output_tokens=0)


def test_a_stream_of_response_events_is_numbered_and_ends_with_the_response(client):
    with FakeOpenAI(Reply(chunks=["Par", "is"], tool_calls=[ADD], reasoning="hm", usage=USED)) as server:
        found = sse(post(client, server, "responses", streamed=True).text)
    assert [name for name, _ in found] == [data["type"] for _, data in found]
    assert [data["sequence_number"] for _, data in found] == list(range(len(found)))
    assert [d["delta"] for n, d in found if n == "response.output_text.delta"] == ["Par", "is"]
    arguments = [d["delta"] for n, d in found if n == "response.function_call_arguments.delta"]
    assert json.loads("".join(arguments)) == ADD.parsed
    name, last = found[-1]
    assert (name, last["response"]["usage"]["input_tokens"]) == ("response.completed", 60)


def test_a_stream_of_message_events_begins_with_the_input_and_ends_with_the_output(client):
    with FakeOpenAI(Reply(chunks=["Par", "is"], tool_calls=[ADD], reasoning="hm", usage=USED)) as server:
        found = sse(post(client, server, "messages", streamed=True).text)
    assert [name for name, _ in found] == [data["type"] for _, data in found]
    assert found[0][1]["message"]["usage"]["input_tokens"] == 10
    deltas = [data["delta"] for name, data in found if name == "content_block_delta"]
    assert [delta["text"] for delta in deltas if delta["type"] == "text_delta"] == ["Par", "is"]
    calls = [delta["partial_json"] for delta in deltas if delta["type"] == "input_json_delta"]
    assert json.loads("".join(calls)) == ADD.parsed
    assert found[-2][1]["delta"]["stop_reason"] == "tool_use"
    assert found[-2][1]["usage"]["output_tokens"] == 90
    assert found[-1][0] == "message_stop"


def told(answer):
    return answer.status_code, answer.json()["error"]


@pytest.mark.parametrize(
    ("kind", "openai", "anthropic"),
    [
        ("context_too_long", (400, "context_length_exceeded"), (400, "prompt is too long")),
        ("content_policy", (400, "invalid_prompt"), (400, "content filtering policy")),
        ("quota_exhausted", (429, "insufficient_quota"), (400, "credit balance is too low")),
        ("foreign_reasoning", (400, "invalid_encrypted_content"), (400, "Invalid `signature`")),
        (401, (401, "invalid_api_key"), (401, "authentication_error")),
        (403, (403, "request_forbidden"), (403, "permission_error")),
        (404, (404, "model_not_found"), (404, "not_found_error")),
        (408, (408, "request_timeout"), (408, "timeout_error")),
        (413, (413, "request_too_large"), (413, "request_too_large")),
        (429, (429, "rate_limit_exceeded"), (429, "rate_limit_error")),
        (500, (500, "server_error"), (500, "api_error")),
        (Failure.OVERLOADED, (503, "overloaded"), (529, "overloaded_error")),
        (CallFailed(Failure.AUTH, "who are you"), (401, "who are you"), (401, "who are you")),
    ],
)
@STREAMED
def test_each_vendor_refuses_in_its_own_words(client, kind, openai, anthropic, streamed):
    step = kind if isinstance(kind, CallFailed) else Fault(kind)
    with FakeOpenAI(step) as server:
        for form, (status, words) in {"chat": openai, "responses": openai, "messages": anthropic}.items():
            found, error = told(post(client, server, form, streamed=streamed))
            assert found == status
            assert words in json.dumps(error)


def test_a_bad_gateway_is_a_page(client):
    with FakeOpenAI(502) as server:
        answer = post(client, server, "chat")
    assert (answer.status_code, answer.headers["content-type"]) == (502, "text/html")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"retry-after": "7"},
        {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"},
        {"retry-after-ms": "1500", "x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "6m0s"},
    ],
)
def test_a_fault_has_the_headers_that_it_is_given_and_no_wait_of_its_own(client, headers):
    with FakeOpenAI(Fault(429, headers=headers)) as server:
        found = post(client, server, "chat").headers
    assert {name: found[name] for name in headers} == headers
    assert ("retry-after" in found) == ("retry-after" in headers)


@STREAMED
def test_an_answer_has_the_headers_that_it_is_given(client, streamed):
    with FakeOpenAI(Reply("Paris", headers={"x-ratelimit-remaining-tokens": "12"})) as server:
        found = post(client, server, "chat", streamed=streamed)
    assert found.headers["x-ratelimit-remaining-tokens"] == "12"


def test_a_fault_may_have_a_status_and_body_of_its_own(client):
    with FakeOpenAI(Fault("context_too_long", status=422, body={"error": "too much"})) as server:
        answer = post(client, server, "chat")
    assert (answer.status_code, answer.json()) == (422, {"error": "too much"})


@FORMS
@STREAMED
def test_the_books_hold_what_the_answers_told(client, form, streamed):
    with FakeOpenAI([Reply("a", usage=USED), 500, Reply("b", usage=USED)]) as server:
        for _ in range(3):
            post(client, server, form, streamed=streamed)
        billed, by_model = server.billed, server.billed_by_model
    assert billed.context_tokens == 2 * 60
    assert billed.output_tokens + billed.reasoning_tokens == 2 * 90
    assert by_model == {"gpt": billed}


def test_a_callable_decides_by_body_and_headers_and_a_mapping_by_model(client):
    def echo(asked, headers):
        return f"{asked['messages'][0]['content']} {headers['x-who']}"

    with FakeOpenAI({"gpt": echo, "mini": [500, "b"]}) as server:
        url = server.base_url + PATHS["chat"]
        said = client.post(url, json=body("chat", text="hi"), headers={"X-Who": "me"}).json()
        statuses = [post(client, server, "chat", model=m).status_code for m in ("mini", "mini", "other")]
        listed = client.get(f"{server.base_url}/models").json()
        anthropic = client.get(f"{server.base_url}/models", headers={"anthropic-version": "2023-06-01"}).json()
        assert [r.path for r in server.requests] == ["/v1/chat/completions"] * 4 + ["/v1/models"] * 2
        assert server.requests[0].body["messages"][0]["content"] == "hi"
        assert server.requests[0].headers["x-who"] == "me"
        assert "me" not in repr(server.requests[0])
    assert said["choices"][0]["message"]["content"] == "hi me"
    assert statuses == [500, 200, 404]
    assert [entry["id"] for entry in listed["data"]] == ["gpt", "mini"]
    assert anthropic["last_id"] == "mini"


def test_what_the_script_raises_surfaces_at_the_end(client):
    def script(asked, _):
        return asked["no such key"]

    with pytest.raises(KeyError, match="no such key"), FakeOpenAI(script) as server:
        assert post(client, server, "chat").status_code == 500


def test_a_failure_that_no_server_can_have_surfaces_at_the_end(client):
    cut = pytest.raises(httpx.RemoteProtocolError)
    with pytest.raises(ConfigError, match="cannot fail with 'budget'"), FakeOpenAI(Failure.BUDGET) as server, cut:
        post(client, server, "chat")


def test_a_body_that_is_no_json_is_a_bad_request(client):
    with FakeOpenAI() as server:
        assert client.post(server.base_url + PATHS["chat"], content=b"[1").status_code == 400
