"""A client in place of OpenAI's over two vendors: tools go where tools can be called, answers of both read alike."""

import asyncio
import json
from contextlib import ExitStack

import pytest

from selector import AsyncSelector, Selector, ToolCall, Usage, create_async_client, create_client
from selector.cli import main
from selector.errors import NoEligibleModelError
from selector.testing import FakeOpenAI, FakeProvider, Reply

ASKED = [{"role": "user", "content": "Refactor this codebase."}]
TOOLS = [{"type": "function", "function": {"name": "apply_patch", "parameters": {"type": "object", "properties": {}}}}]
CALL = ToolCall(id="call_1", name="apply_patch", arguments='{"path": "a.py"}')
USED = Usage(input_tokens=100, cache_read_tokens=50, output_tokens=20)
PRICED = {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15, "max_output_tokens": 4_000}


def answers(body, _headers):
    """Answer as both vendors do: with a call where there are tools, else with a text."""
    return Reply(tool_calls=[CALL], usage=USED) if body.get("tools") else Reply("Done.", usage=USED)


AS_WRITTEN = """
providers:
  default: openai
  routing: {tool_use: openai, planning: anthropic, code_gen: anthropic, safety_check: ensemble}
  models:
    openai: {default: gpt-4o, tool_model: gpt-4o}
    anthropic: {default: claude-3-opus, planning_model: claude-3-opus}
"""


@pytest.fixture
def vendors(monkeypatch):
    """Serve what stands in for OpenAI and for Anthropic, and give the configuration that routes by intent."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")
    monkeypatch.setenv("ANTHROPIC_API_KEY", "none")
    with ExitStack() as stack:
        servers = {name: stack.enter_context(FakeOpenAI(answers)) for name in ("openai", "anthropic")}
        config = {
            "providers": {name: {"kind": name, "base_url": server.base_url} for name, server in servers.items()},
            "models": {
                "gpt-4o": {"provider": "openai", "capabilities": ["tools"], **PRICED},
                "claude-opus": {"provider": "anthropic", "id": "claude-opus-4-8", **PRICED},
            },
            "default_model": "gpt-4o",
            "rules": [
                {"condition": "task_type == 'planning'", "model": "claude-opus", "reason": "planning_model"},
                {"condition": "task.needs contains 'tools'", "model": "gpt-4o", "reason": "tool_model"},
            ],
        }
        yield config, servers


@pytest.fixture
def begin(vendors, tmp_path):
    """Open clients of one folder over both vendors."""
    config, _ = vendors
    with ExitStack() as stack:

        def build(provider=None, **sections):
            selector = stack.enter_context(Selector.open({**config, **sections}, state=tmp_path / "state", seed=1))
            return create_client(provider, selector=selector)

        yield build


def ask(client, model="auto", **more):
    return client.chat.completions.create(model=model, messages=ASKED, **more)


def whole(stream):
    chunks = list(stream)
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    calls = [call for chunk in chunks for choice in chunk.choices for call in choice.delta.tool_calls or ()]
    return text, [(call.function.name, call.function.arguments) for call in calls]


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
def test_s2_2_a_client_of_one_provider_answers_in_openais_shape_with_streams_and_tools(begin, vendors, provider):
    config, servers = vendors
    models = {name: {**model, "capabilities": ["tools"]} for name, model in config["models"].items()}
    client = begin(provider, models=models, rules=[], default_model=None)
    said, called = ask(client), ask(client, tools=TOOLS)
    assert (said.choices[0].message.content, said.choices[0].finish_reason) == ("Done.", "stop")
    assert (called.choices[0].message.content, called.choices[0].finish_reason) == (None, "tool_calls")
    assert called.choices[0].message.tool_calls[0].function.arguments == '{"path": "a.py"}'
    assert whole(ask(client, stream=True)) == ("Done.", [])
    assert whole(ask(client, tools=TOOLS, stream=True)) == ("", [("apply_patch", '{"path": "a.py"}')])
    assert {said.selector.provider, called.selector.provider} == {provider}
    assert [len(server.requests) for name, server in servers.items() if name != provider] == [0]


def test_s2_2_an_asynchronous_client_does_the_same(vendors, tmp_path):
    config, _ = vendors

    async def main():
        async with AsyncSelector.open(config, state=tmp_path / "state", seed=1) as selector:
            create = create_async_client("openai", selector=selector).chat.completions.create
            said = await create(messages=ASKED)
            called = await create(messages=ASKED, tools=TOOLS)
            chunks = [chunk async for chunk in await create(messages=ASKED, stream=True)]
            calls = [chunk async for chunk in await create(messages=ASKED, tools=TOOLS, stream=True)]
            return said.choices[0].message.content, called.choices[0].finish_reason, whole(chunks), whole(calls)

    assert asyncio.run(main()) == ("Done.", "tool_calls", ("Done.", []), ("", [("apply_patch", '{"path": "a.py"}')]))


def test_s2_2_one_call_may_name_another_provider_and_another_model(begin):
    client = begin("openai")
    assert ask(client).selector.route == "gpt-4o@openai"
    assert ask(client, extra_body={"provider": "anthropic"}).selector.route == "claude-opus@anthropic"
    assert ask(client.with_options(provider=None), model="claude-opus").selector.route == "claude-opus@anthropic"


def test_s2_3_calls_with_tools_go_to_the_model_that_can_call_them_whatever_else_is_routed(begin, vendors):
    _, servers = vendors
    client = begin()
    assert ask(client, "auto:planning").model == "claude-opus"
    with_tools = ask(client, "auto:planning", tools=TOOLS)
    assert (with_tools.model, with_tools.choices[0].finish_reason) == ("gpt-4o", "tool_calls")
    results = [*ASKED, with_tools.choices[0].message, {"role": "tool", "tool_call_id": "call_1", "content": "ok"}]
    again = client.chat.completions.create(model="auto:planning", messages=results)
    assert (again.model, again.choices[0].message.content) == ("gpt-4o", "Done.")
    assert all("tools" not in request.body for request in servers["anthropic"].requests)


def test_s2_3_a_tool_model_is_the_rule_for_tasks_that_need_tools(begin, vendors):
    config, _ = vendors
    models = {name: {**model, "capabilities": ["tools"]} for name, model in config["models"].items()}
    rules = [{**config["rules"][1], "model": "claude-opus"}]
    client = begin(models=models, rules=rules)
    served = [ask(client, tools=TOOLS).selector for _ in range(3)]
    assert {(each.model, each.reason) for each in served} == {("claude-opus", "rule")}
    assert ask(client).model == "gpt-4o"


def test_s2_3_the_documents_own_routing_is_what_the_client_does(tmp_path):
    file = tmp_path / "config.yaml"
    file.write_text(AS_WRITTEN, encoding="utf-8")
    vendors = {name: FakeProvider("Done.") for name in ("openai", "anthropic")}
    with Selector.open(file, state=tmp_path / "state", seed=1, providers=vendors) as selector:
        client = create_client(selector=selector)
        asked = [{}, {"model": "auto:planning"}, {"model": "auto:code_gen"}, {"model": "auto:planning", "tools": TOOLS}]
        served = [ask(client, **each).selector.provider for each in asked]
        assert create_client("anthropic", selector=selector).models.list().data
    assert served == ["openai", "anthropic", "anthropic", "openai"]


def test_s2_3_where_no_model_can_call_tools_the_error_says_so(begin):
    with pytest.raises(NoEligibleModelError, match="tools"):
        ask(begin("anthropic"), tools=TOOLS)


@pytest.mark.filterwarnings("ignore::selector.catalog.UnknownPriceWarning")
def test_s2_5_the_command_line_takes_a_configuration_and_a_provider(vendors, tmp_path, monkeypatch, capsys):
    """And the environment says where the providers of the document are."""
    _, servers = vendors
    file = tmp_path / "safety-first.yaml"
    file.write_text(AS_WRITTEN, encoding="utf-8")
    for name, server in servers.items():
        monkeypatch.setenv(f"SELECTOR_PROVIDERS__{name.upper()}__BASE_URL", server.base_url)

    def run(task_type, *options):
        where = ["--config", str(file), "--state", str(tmp_path / "state"), "--json"]
        assert main(["run", "update dependencies", "--task-type", task_type, *where, *options]) == 0
        return json.loads(capsys.readouterr().out)["model"]

    assert run("chat") == "gpt-4o"
    assert run("planning") == "claude-3-opus"
    assert run("chat", "--provider", "anthropic") == "claude-3-opus"
    assert [len(server.requests) for server in servers.values()] == [1, 2]


def test_s2_6_answers_of_both_vendors_read_alike(begin):
    client = begin(default_model=None, rules=[])
    ours, theirs = (ask(client, model) for model in ("gpt-4o", "claude-opus"))
    differ = {"id", "created", "model", "selector"}
    assert ours.model_dump(exclude=differ) == theirs.model_dump(exclude=differ)
    assert (theirs.usage.prompt_tokens, theirs.usage.prompt_tokens_details.cached_tokens) == (150, 50)
    assert (ours.selector.cost_usd is None, theirs.selector.cost_usd is None) == (False, False)


def test_s2_6_an_experiment_between_providers_measures_latency_and_quality_of_each(begin, vendors, tmp_path, capsys):
    share = {"name": "vendors", "condition": "task_type == 'chat'", "share": "50%", "model": "claude-opus"}
    client = begin(rules=[share])
    seen = {}
    for n in range(40):
        answer = ask(client, extra_body={"selector": {"id": f"task-{n}"}})
        client.record(answer, success=answer.model == "claude-opus", source="tests")
        seen[answer.model] = seen.get(answer.model, 0) + 1
        assert answer.selector.latency_s > 0
    assert sorted(seen) == ["claude-opus", "gpt-4o"]
    assert min(seen.values()) >= 8
    rows = {row["model"]: row for row in client.selector.beliefs().to_pylist() if row["task_type"] == "chat"}
    assert {name: rows[name]["n_outcomes"] for name in seen} == seen
    assert {name: rows[name]["score_sum"] > rows[name]["evidence"] / 2 for name in seen} == {
        "claude-opus": True,
        "gpt-4o": False,
    }
    assert "vendors" in client.selector.explain(answer.decision_id)
    client.selector.close()
    file = tmp_path / "selector.json"
    file.write_text(json.dumps(vendors[0]), encoding="utf-8")
    assert main(["summary", "--json", "--config", str(file), "--state", str(tmp_path / "state")]) == 0
    told = json.loads(capsys.readouterr().out)["models"]
    assert {name: told[name]["success_rate"] for name in seen} == {"claude-opus": 1, "gpt-4o": 0}
    assert min(told[name]["mean_latency_s"] for name in seen) > 0
