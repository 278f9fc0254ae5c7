"""A client in place of OpenAI's: what its words name, what it asks of the task, what it records, how it closes."""

import asyncio

import pytest

from selector import AsyncSelector, Config, Outcome, Selector, create_async_client, create_client
from selector.errors import ConfigError, NoEligibleModelError, StateError, UnknownDecisionError, UnknownModelError
from selector.testing import FakeProvider, Reply

ASKED = [{"role": "user", "content": "The capital of France?"}]
PRICED = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 5, "max_output_tokens": 1_000}
TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object", "properties": {}}}}]
CONFIG = {
    "providers": {
        "work": {"kind": "openai", "base_url": "http://127.0.0.1:9/v1"},
        "home": {"kind": "openai", "base_url": "http://127.0.0.1:9/v1"},
    },
    "models": {
        "sonnet": {**PRICED, "capabilities": ["tools"], "routes": {"work": {"id": "claude-sonnet-4-6"}, "home": {}}},
        "haiku": {**PRICED, "provider": "work", "tags": ["cheap"]},
        "llama": {**PRICED, "provider": "home", "id": "llama3.3:70b", "tags": ["cheap"]},
    },
    "purposes": {"lead": ["sonnet"], "worker": ["haiku", "llama"]},
    "fallback": {"retries": 0},
}


@pytest.fixture
def begin(folder):
    """Open clients of one folder over scripted providers; give each with what its providers were asked."""
    opened = []

    def build(script="Paris", *, provider=None, timeout=None, **sections):
        fakes = {name: FakeProvider(script) for name in CONFIG["providers"]}
        selector = Selector.open({**CONFIG, **sections}, state=folder, seed=1, providers=fakes)
        opened.append(selector)
        return create_client(provider, selector=selector, timeout=timeout), fakes

    yield build
    for selector in opened:
        selector.close()


def ask(client, **more):
    return client.chat.completions.create(**{"messages": ASKED, **more})


def routes(client, n=12, **more):
    """Name the routes that some calls go to."""
    return {ask(client, **more).selector.route for _ in range(n)}


def last_request(fakes):
    return next(fake.requests[-1] for fake in fakes.values() if fake.requests)


@pytest.mark.parametrize(
    ("word", "served"),
    [
        ("sonnet", {"sonnet@work", "sonnet@home"}),
        ("sonnet@home", {"sonnet@home"}),
        ("*@work", {"sonnet@work", "haiku@work"}),
        ("purpose:lead", {"sonnet@work", "sonnet@home"}),
        ("worker", {"haiku@work", "llama@home"}),
        ("tag:cheap", {"haiku@work", "llama@home"}),
        ("llama3.3:70b", {"llama@home"}),
        ("claude-sonnet-4-6", {"sonnet@work"}),
        ("auto", {"sonnet@work", "sonnet@home", "haiku@work", "llama@home"}),
        ("auto:coding", {"sonnet@work", "sonnet@home", "haiku@work", "llama@home"}),
    ],
)
def test_only_what_the_word_names_may_serve(begin, word, served):
    client, _ = begin()
    found = routes(client, model=word)
    assert found <= served
    assert found == served or len(served) > 1


def test_a_models_name_counts_before_a_purposes_and_before_what_a_provider_calls_a_model(begin):
    models = {**CONFIG["models"], "worker": {**PRICED, "provider": "home", "id": "haiku"}}
    client, _ = begin(models=models)
    assert routes(client, 4, model="worker") == {"worker@home"}
    assert routes(client, 4, model="haiku") == {"haiku@work"}


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("sonet", "unknown model 'sonet'; did you mean 'sonnet'?"),
        ("workr", "did you mean 'worker'?"),
        ("purpose:led", "unknown purpose 'led'; did you mean 'lead'?"),
        ("sonnet@wrk", "'sonnet' has no route at 'wrk'; did you mean 'work'?"),
        ("tag:cheep", "no model has the tag 'cheep'; did you mean 'cheap'?"),
        ("llama3.3:80b", "did you mean 'llama3.3:70b'?"),
        ("autoo", "did you mean 'auto'?"),
        ("auto:", "names no task type"),
        ("", "must be a word"),
        (7, "must be a word"),
    ],
)
def test_a_word_that_names_nothing_is_refused_with_the_nearest(begin, word, words):
    client, fakes = begin()
    with pytest.raises(ConfigError, match=r"^model: ") as refused:
        ask(client, model=word)
    assert words in str(refused.value)
    assert not any(fake.requests for fake in fakes.values())


def test_an_unknown_model_is_an_error_of_its_own(begin):
    client, _ = begin()
    with pytest.raises(UnknownModelError):
        ask(client, model="gpt-9")


@pytest.mark.parametrize(
    ("word", "served"),
    [("auto", {"sonnet@home", "llama@home"}), ("sonnet", {"sonnet@home"}), ("worker", {"llama@home"})],
)
def test_a_provider_narrows_what_the_word_names(begin, word, served):
    restricted, _ = begin(provider="home")
    assert routes(restricted, model=word) <= served
    free = restricted.with_options(provider=None)
    assert routes(free, model=word, provider="home") <= served
    assert routes(free, model=word, extra_body={"provider": "home"}) <= served


def test_a_provider_of_one_call_stands_for_that_of_the_client(begin):
    client, _ = begin(provider="home")
    assert routes(client, 4, model="sonnet", provider="work") == {"sonnet@work"}
    assert routes(client, 4, model="sonnet") == {"sonnet@home"}


@pytest.mark.parametrize(
    ("word", "provider", "words"),
    [
        ("auto", "hom", "unknown provider 'hom'; did you mean 'home'?"),
        ("haiku", "home", "is 'home', which does not serve 'haiku'; leave it out, or give one of: work"),
        ("sonnet@work", "home", "leave it out, or give one of: work"),
        ("auto", 7, "must be a provider's name"),
    ],
)
def test_a_provider_that_cannot_serve_the_word_is_refused(begin, word, provider, words):
    client, _ = begin()
    with pytest.raises(ConfigError, match=r"^provider: ") as refused:
        ask(client, model=word, provider=provider)
    assert words in str(refused.value)


def test_an_unknown_provider_of_a_client_is_refused_when_it_is_made(folder):
    with pytest.raises(ConfigError, match="unknown provider 'wrk'; did you mean 'work'"):
        create_client("wrk", config=CONFIG, state=folder)
    with create_client("work", config=CONFIG, state=folder) as client:  # the folder was let go of
        assert client.with_options(timeout=3).selector is client.selector


def test_openrouters_own_word_for_providers_is_sent_to_it(begin):
    client, fakes = begin()
    wanted = {"order": ["a", "b"]}
    assert ask(client, model="haiku", extra_body={"provider": wanted}).model == "haiku"
    assert last_request(fakes).params == {"provider": wanted}


@pytest.mark.parametrize(
    ("more", "type_"),
    [
        ({}, "chat"),
        ({"model": "auto:coding"}, "coding"),
        ({"metadata": {"task_type": "research"}}, "research"),
        ({"model": "auto:coding", "metadata": {"task_type": "research"}}, "coding"),
        ({"model": "sonnet", "metadata": {"task_type": "research"}}, "research"),
    ],
)
def test_the_task_type_is_what_the_model_says_else_the_metadata_else_chat(begin, more, type_):
    client, _ = begin()
    assert ask(client, **more).selector.task_type == type_


def test_calls_with_tools_go_to_models_that_can_call_tools_alone(begin):
    client, fakes = begin()
    assert routes(client, tools=TOOLS) <= {"sonnet@work", "sonnet@home"}
    assert last_request(fakes).tools == tuple(TOOLS)
    results = [*ASKED, {"role": "tool", "tool_call_id": "call_1", "content": "4"}]
    assert routes(client, messages=results) <= {"sonnet@work", "sonnet@home"}


def test_where_no_model_that_is_named_can_call_tools_it_says_so(begin):
    client, _ = begin()
    with pytest.raises(NoEligibleModelError, match="tools") as refused:
        ask(client, model="worker", tools=TOOLS)
    assert set(refused.value.reasons) >= {"haiku", "llama"}


def test_a_rule_for_tasks_that_need_tools_sees_calls_with_tools(begin):
    rule = {"condition": "task.needs contains 'tools'", "model": "sonnet@home", "reason": "tools at home"}
    client, _ = begin(rules=[rule])
    assert routes(client, 6, tools=TOOLS) == {"sonnet@home"}
    assert ask(client, tools=TOOLS).selector.reason == "rule"


def test_parameters_are_sent_and_limits_are_the_tasks(begin):
    client, fakes = begin()
    given = {"temperature": 0.2, "top_p": 0.9, "seed": 7, "stop": ["END"], "frequency_penalty": 0.5}
    ask(client, model="haiku", max_tokens=50, reasoning_effort=None, extra_body={"top_k": 3}, **given)
    request = last_request(fakes)
    assert request.params == {**given, "top_k": 3}
    assert request.max_output_tokens == 50
    ask(client, model="haiku", max_completion_tokens=60)
    assert last_request(fakes).max_output_tokens == 60


def test_the_user_and_the_metadata_are_facts_of_the_task(begin):
    rule = {"condition": "metadata.user == 'ada' and metadata.team == 'x'", "model": "llama", "reason": "hers"}
    client, fakes = begin(rules=[rule])
    answers = [ask(client, user="ada", metadata={"team": "x"}) for _ in range(3)]
    assert {answer.selector.route for answer in answers} == {"llama@home"}
    assert last_request(fakes).params == {"user": "ada"}


def test_the_extra_body_says_more_of_the_task(begin):
    rule = {"condition": "labels contains 'nightly' and priority == 3", "model": "haiku", "reason": "at night"}
    client, _ = begin(rules=[rule])
    more = {"selector": {"labels": ["nightly"], "priority": 3}}
    assert routes(client, 3, extra_body=more) == {"haiku@work"}
    with pytest.raises(ConfigError, match=r"^extra_body.selector: unknown key 'label'; did you mean 'labels'\?"):
        ask(client, extra_body={"selector": {"label": ["nightly"]}})


def test_calls_that_name_a_session_are_its_turns_and_a_purpose_is_consulted(begin):
    sessions = {"start": "lead", "turns": 2, "then": "worker", "after_failures": 1, "back_for": 1}
    client, _ = begin(models={**CONFIG["models"], "haiku": {**PRICED, "provider": "work"}}, sessions=sessions)
    more = {"extra_body": {"selector": {"session": "repair-7"}}}
    assert ask(client, **more).model == "sonnet"
    assert ask(client, model="purpose:worker", **more).model in {"haiku", "llama"}
    assert [chunk.model for chunk in ask(client, stream=True, **more)][-1] == "sonnet"
    worker = ask(client, **more)
    assert worker.model in {"haiku", "llama"}
    assert {ask(client, **more).model for _ in range(8)} == {worker.model}, "it is kept"
    client.record(ask(client, **more), success=False)
    assert ask(client, **more).model == "sonnet"
    session = client.selector.session("repair-7")
    assert (session.turn, len(session.events)) == (13, 3)


def test_an_answer_names_its_decision_and_what_came_of_it_is_recorded(begin):
    client, _ = begin()
    answer = ask(client, model="auto:coding")
    assert answer.id == f"chatcmpl-{answer.decision_id}"
    assert answer.decision_id == answer.selector.decision_id == answer._request_id
    client.record(answer, score=1, source="tests")
    client.record(answer.id, Outcome(success=False, source="human"))
    client.record(answer.decision_id, quality=7, source="reader")
    assert client.selector.status().n_outcomes == 1


def test_an_outcome_after_a_fallback_is_of_the_model_that_answered(begin):
    client, _ = begin(
        {"haiku": 500, "llama3.3:70b": "Paris"}, default_model="haiku", chains={"default": ["llama"]}, purposes={}
    )
    answer = ask(client)
    assert (answer.model, answer.selector.n_attempts) == ("llama", 2)
    client.record(answer, score=1, source="tests")
    rows = {
        row["model"]: row["n_outcomes"] for row in client.selector.beliefs().to_pylist() if row["task_type"] == "chat"
    }
    assert (rows["llama"], rows["haiku"]) == (1, 0)


def test_what_was_never_answered_here_cannot_be_judged(begin):
    client, _ = begin()
    with pytest.raises(UnknownDecisionError):
        client.record("chatcmpl-nobody", score=1)
    with pytest.raises(ConfigError, match="names a call, not 7"):
        client.record(7, score=1)
    with pytest.raises(ConfigError, match="put all of it into one"):
        client.record(ask(client), Outcome(score=1), source="tests")


def test_the_usage_and_the_cost_are_of_the_call(begin):
    client, _ = begin(Reply("Paris", usage=None))
    answer = ask(client, model="haiku")
    used = answer.usage
    assert used.total_tokens == used.prompt_tokens + used.completion_tokens > 0
    assert answer.selector.cost_usd == pytest.approx((used.prompt_tokens + 5 * used.completion_tokens) / 1e6)


def test_a_clients_own_answer_goes_on_with_the_conversation(begin):
    client, fakes = begin("Paris")
    answer = ask(client, model="haiku").choices[0].message
    following = {"role": "user", "content": "And of Spain?"}
    for said in (answer, answer.model_dump(), answer.to_dict()):
        ask(client, model="haiku", messages=[*ASKED, said, following])
        assert [(m.role, m.text, m.extra) for m in last_request(fakes).messages][1] == ("assistant", "Paris", {})


def test_models_are_listed_by_the_words_that_name_them(begin):
    client, _ = begin()
    words = [model.id for model in client.models.list()]
    assert words == ["auto", "purpose:lead", "purpose:worker", "sonnet", "haiku", "llama"]
    assert client.models.list().data[3].owned_by == "work, home"
    assert all(ask(client, model=word).object == "chat.completion" for word in words)
    assert client.models.retrieve("haiku").object == "model"
    with pytest.raises(UnknownModelError, match="did you mean 'haiku'"):
        client.models.retrieve("hiku")


def test_options_hold_for_the_copy_alone(begin):
    client, _ = begin(Reply("Paris", delay_s=0.3))
    hurried = client.with_options(timeout=0.05, provider="work")
    with pytest.raises(TimeoutError):
        ask(hurried, model="haiku")
    assert ask(hurried, model="haiku", timeout=30).model == "haiku"
    assert ask(client, model="llama").model == "llama"


def test_retries_are_configured_and_the_refusal_says_where(begin):
    client, _ = begin()
    with pytest.raises(ConfigError, match=r"^max_retries: is 3, .* fallback: \{retries: 3\}"):
        client.with_options(max_retries=3)


def test_a_client_closes_the_selector_that_it_opened_and_no_other(folder, begin):
    with create_client(config=Config.load(CONFIG), state=folder) as own:
        assert own.models.list().data
    own.close()
    with pytest.raises(StateError, match="closed"):
        ask(own)
    client, _ = begin()
    client.close()
    assert ask(client).model


def test_a_selector_that_is_open_takes_no_other_configuration(begin):
    client, _ = begin()
    with pytest.raises(ConfigError, match=r"^selector: is open already"):
        create_client(config=CONFIG, selector=client.selector)
    with pytest.raises(ConfigError, match=r"^selector: must be a Selector, not a str"):
        create_client(selector="selector.yaml")
    with pytest.raises(ConfigError, match=r"^selector: must be an AsyncSelector, not a dict"):
        create_async_client(selector=CONFIG)


def test_an_asynchronous_client_answers_the_same(folder):
    async def main():
        fakes = {name: FakeProvider("Paris") for name in CONFIG["providers"]}
        async with AsyncSelector.open(CONFIG, state=folder, seed=1, providers=fakes) as selector:
            client = create_async_client("work", selector=selector, timeout=30)
            answer = await client.chat.completions.create(model="worker", messages=ASKED)
            client.record(answer, score=1)
            await client.close()
            listed = [model.id async for model in client.models.list()]
            assert [model.id for model in await client.models.list()] == listed
            assert (await client.models.retrieve("haiku")).id == "haiku"
            with pytest.raises(UnknownModelError):
                await client.with_options(timeout=3).chat.completions.create(model="hiku", messages=ASKED)
            return answer, selector.status().n_outcomes, client.selector.status().n_outcomes

    answer, *n_outcomes = asyncio.run(main())
    assert (answer.model, answer.choices[0].message.content, n_outcomes) == ("haiku", "Paris", [1, 1])


def test_an_asynchronous_client_closes_the_selector_that_it_opened(folder):
    async def main():
        async with create_async_client(config=CONFIG, state=folder) as client:
            assert "AsyncClient" in repr(client)
        with pytest.raises(StateError, match="closed"):
            await client.chat.completions.create(messages=ASKED)

    asyncio.run(main())
