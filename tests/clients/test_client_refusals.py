"""What a client in place of OpenAI's cannot do is refused with parameter, value and remedy, before a call is made."""

import openai
import pytest
from openai.types.chat import ChatCompletionMessage
from pydantic import BaseModel

from selector import Selector, create_client
from selector._clients.openai_client._answer import LEFT_OUT
from selector._clients.openai_client._asked import PASSED
from selector.catalog import Route
from selector.errors import ConfigError
from selector.execution import Request, format_of
from selector.records import Message
from selector.testing import FakeProvider, Reply

ASKED = [{"role": "user", "content": "The capital of France?"}]
TOOLS = [{"type": "function", "function": {"name": "add"}}]
MODEL = {"provider": "work", "usd_per_mtok_in": 1, "usd_per_mtok_out": 5, "capabilities": ["tools"]}


class Person(BaseModel):
    name: str


@pytest.fixture
def begin(folder):
    """Open clients over one scripted provider of a kind."""
    opened = []

    def build(script="Paris", kind="openai", **sections):
        fake = FakeProvider(script)
        config = {"providers": {"work": {"kind": kind}}, "models": {"haiku": MODEL}, "fallback": {"retries": 0}}
        opened.append(Selector.open({**config, **sections}, state=folder, seed=1, providers={"work": fake}))
        return create_client(selector=opened[-1]), fake

    yield build
    for selector in opened:
        selector.close()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"n": 2}, "n: is 2, which is not supported: a call has one answer"),
        ({"n": True}, "n: is True"),
        ({"logprobs": True}, "logprobs: is True"),
        ({"top_logprobs": 3}, "top_logprobs: is 3"),
        ({"audio": {"voice": "x"}}, "audio: is {'voice': 'x'}"),
        ({"modalities": ["text", "audio"]}, "modalities: is ['text', 'audio']"),
        ({"moderation": {"model": "m"}}, "moderation: is"),
        ({"functions": [{"name": "add"}]}, "functions: is [{'name': 'add'}], which is not supported: it is the old"),
        ({"function_call": "auto"}, "it is the old word for tool_choice"),
        ({"extra_headers": {"x-a": "1"}}, "extra_headers: is {'x-a': '1'}"),
        ({"extra_query": {"a": "1"}}, "extra_query: is"),
        ({"temprature": 1}, "unknown parameter 'temprature'; did you mean 'temperature'?; what one provider alone"),
        ({"top_k": 1}, "goes into extra_body"),
        ({"extra_body": "x"}, "extra_body: must be a mapping"),
        ({"extra_body": {"n": 3}}, "n: is 3"),
        ({"extra_body": {"stream": True}}, "extra_body.stream: is a parameter of its own; give it as stream="),
        ({"extra_body": {"selector": ["x"]}}, "extra_body.selector: must be a mapping"),
        ({"extra_body": {"selector": {"needs": "vision"}}}, "extra_body.selector.needs: must be a list of words"),
        ({"extra_body": {"selector": {"priority": -1}}}, "Task.priority must be a whole number"),
        ({"tool_choice": "auto"}, "tool_choice: says how tools are called, and there are no tools"),
        ({"parallel_tool_calls": False}, "parallel_tool_calls: says how"),
        ({"tools": "add"}, "tools: must be a list of tools, not a str"),
        ({"tools": ["add"]}, "tools.0: must be a mapping, not a str"),
        ({"tools": [{"type": "function"}]}, "tools.0: must be {'type': 'function'"),
        ({"tools": [{"type": "custom", "custom": {"name": "a"}}]}, "tools.0: is of type 'custom'"),
        ({"response_format": "json"}, "response_format: must be of type text, json_object or json_schema, not 'json'"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema: must hold"),
        ({"response_format": Person}, "Person.model_json_schema()"),
        ({"max_tokens": 0}, "max_tokens: must be a whole number of at least 1, not 0"),
        ({"max_completion_tokens": "5"}, "max_completion_tokens: must be a whole number"),
        ({"max_tokens": 1, "max_completion_tokens": 2}, "max_tokens: is 1, and max_completion_tokens is 2"),
        ({"timeout": 0}, "timeout: must be seconds for the whole call"),
        ({"timeout": "30"}, "timeout: must be seconds"),
        ({"timeout": float("inf")}, "timeout: must be seconds"),
        ({"timeout": openai.Timeout(30, connect=5)}, "timeout: must be seconds for the whole call"),
        ({"stream": "yes"}, "stream: must be True or False, not 'yes'"),
        ({"stream_options": {"include_usage": True}}, "stream_options: says how an answer is streamed"),
        ({"stream": True, "stream_options": {"usage": True}}, "'usage' is not supported; include_usage is"),
        ({"stream": True, "stream_options": {"include_usage": 1}}, "stream_options: must be like"),
        ({"metadata": ["x"]}, "metadata: must be a mapping"),
        ({"metadata": {"task_type": 3}}, "metadata.task_type: must be a word"),
        ({"user": 7}, "user: must be a text"),
        ({"messages": []}, "messages: must hold at least one message"),
        ({"messages": "hi"}, "messages: must be a list of messages, not a str"),
        ({"messages": None}, "messages: is missing"),
        ({"messages": [*ASKED, "hi"]}, "messages.1: must be a mapping with role and content, not a str"),
        ({"messages": [{"role": "usr", "content": "hi"}]}, "messages.0: a message's role must be"),
    ],
)
def test_what_cannot_be_done_is_refused_before_a_call(begin, given, words):
    client, fake = begin()
    with pytest.raises(ConfigError) as refused:
        client.chat.completions.create(**{"messages": ASKED, **given})
    assert words in str(refused.value)
    assert fake.requests == []


def test_what_asks_for_nothing_is_let_pass(begin):
    client, fake = begin()
    nothing = {"n": 1, "logprobs": False, "top_logprobs": 0, "modalities": ["text"], "extra_headers": {}}
    marks = {"stop": openai.NOT_GIVEN, "tools": openai.NOT_GIVEN, "timeout": openai.NOT_GIVEN, "seed": openai.omit}
    more = {"functions": None, "response_format": {"type": "text"}, "extra_body": None, "stream": False}
    assert client.chat.completions.create(messages=ASKED, **nothing, **marks, **more).object == "chat.completion"
    assert fake.requests[0].params == {}


def test_messages_and_tools_may_be_objects_of_the_openai_package(begin):
    client, fake = begin()
    said = ChatCompletionMessage(role="assistant", content="Paris")
    client.chat.completions.create(messages=iter([*ASKED, said, *ASKED]), tools=iter(TOOLS), tool_choice="auto")
    request = fake.requests[0]
    assert [(m.role, m.text, m.extra) for m in request.messages][1] == ("assistant", "Paris", {})
    assert (request.tools, request.params) == (tuple(TOOLS), {"tool_choice": "auto"})


SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}, "required": ["name"]}


def test_an_answer_that_does_not_fit_its_schema_falls_back(begin):
    models = {"haiku": MODEL, "sonnet": MODEL}
    script = {"haiku": "no json", "sonnet": '{"name": "Ada"}'}
    client, fake = begin(script, models=models, default_model="haiku", chains={"default": ["sonnet"]})
    form = {"type": "json_schema", "json_schema": {"name": "person", "schema": SCHEMA, "strict": True}}
    answer = client.chat.completions.create(messages=ASKED, response_format=form)
    assert (answer.model, answer.choices[0].message.content) == ("sonnet", '{"name": "Ada"}')
    assert fake.requests[0].response_schema == {"title": "person", **SCHEMA}
    assert answer.selector.score is None  # it fits, and may be wrong


def test_an_answer_that_is_no_json_falls_back_and_one_that_is_is_not_called_right(begin):
    models = {"haiku": MODEL, "sonnet": MODEL}
    client, fake = begin(
        {"haiku": "Here: {}", "sonnet": "{}"}, models=models, default_model="haiku", chains={"default": ["sonnet"]}
    )
    answer = client.chat.completions.create(messages=ASKED, response_format={"type": "json_object"})
    assert (answer.model, answer.choices[0].message.content, answer.selector.score) == ("sonnet", "{}", None)
    assert fake.requests[0].params == {"response_format": {"type": "json_object"}}


def test_the_check_of_the_task_type_counts_before_the_form(begin):
    client, _ = begin('{"a": 1}', task_types={"chat": {"check": {"regex": "a"}}})
    answer = client.chat.completions.create(messages=ASKED, response_format={"type": "json_object"})
    assert answer.selector.score == 1


def test_what_a_provider_has_no_word_for_is_named(begin, caplog):
    client, _ = begin(kind="anthropic")
    for _ in range(2):
        answer = client.chat.completions.create(messages=ASKED, seed=1, temperature=0, user="ada")
        assert answer.selector.left_out == ["seed", "user"]
    assert [record.message for record in caplog.records] == [
        "haiku@work has no word for seed, user, and was asked without it"
    ]


VALUES = {
    "logit_bias": {"5": 1},
    "parallel_tool_calls": False,
    "prediction": {"type": "content", "content": "x"},
    "prompt_cache_options": {"mode": "x"},
    "reasoning_effort": "low",
    "response_format": {"type": "json_object"},
    "stop": ["END"],
    "tool_choice": "required",
    "web_search_options": {},
}


@pytest.mark.parametrize("kind", ["openai", "anthropic", "openai-responses"])
@pytest.mark.parametrize("name", sorted(PASSED | {"response_format"}))
def test_a_parameter_is_said_to_be_left_out_exactly_where_it_is(kind, name):
    asked = {"messages": (Message.of(ASKED[0]),), "tools": tuple(TOOLS), "max_output_tokens": 5_000}
    route = Route(model="m", id="claude-opus-4-8" if kind == "anthropic" else "gpt-4o")

    def body(params):
        return format_of(kind).encode(Request(route=route, params=params, **asked), stream=False)

    assert (body({name: VALUES.get(name, "x")}) == body({})) == (name in LEFT_OUT.get(kind, ()))


def test_a_command_knows_no_parameters(begin):
    command = {"kind": "command", "argv": ["./agent.sh", "{prompt_file}"], "max_usd_per_call": 1}
    client, _ = begin(Reply("Paris"), providers={"work": command}, models={"haiku": {**MODEL, "capabilities": []}})
    answer = client.chat.completions.create(messages=ASKED, temperature=0, top_p=1)
    assert answer.selector.left_out == ["temperature", "top_p"]
