"""Configurations of LiteLLM's, run against real servers of this machine: calls go where its documentation says."""

from collections import Counter
from contextlib import ExitStack

import pytest

from selector import Selector, Task
from selector.errors import AllAttemptsFailedError, BudgetExceededError, NoEligibleModelError
from selector.testing import FakeOpenAI, Fault
from tests.clients.conftest import Clock

pytestmark = pytest.mark.filterwarnings("ignore::selector.catalog.UnknownPriceWarning")


@pytest.fixture
def world(tmp_path, monkeypatch):
    """Start servers by their scripts, and open a selector over a document that is made of their addresses."""
    for name in ("KEY_A", "KEY_B", "KEY_C"):
        monkeypatch.setenv(name, f"value-of-{name}")
    with ExitStack() as stack:

        def open_(document, clock=None, folder="state"):
            opened = Selector.open(document, state=tmp_path / folder, seed=1, clock=clock)
            return stack.enter_context(opened)

        open_.serve = lambda script: stack.enter_context(FakeOpenAI(script))
        yield open_


def deployment(name, server, model="x", **more):
    """Write an entry of `model_list`."""
    params = {"model": f"openai/{model}", "api_base": server.base_url, "api_key": "os.environ/KEY_A"}
    info = {"model_info": more.pop("info")} if "info" in more else {}
    return {"model_name": name, "litellm_params": {**params, **more}, **info}


def ask(selector, **wishes):
    return selector.run(Task("chat", prompt="Hello?", **wishes))


def test_a_task_that_names_a_group_goes_there_and_one_that_names_none_to_the_first(world):
    a, b = world.serve("from a"), world.serve("from b")
    selector = world({"model_list": [deployment("one", a), deployment("two", b)]})
    assert [ask(selector).text, ask(selector, only=["two"]).text, ask(selector).text] == ["from a", "from b", "from a"]


def test_each_deployment_gets_its_own_key_name_and_parameters(world):
    a = world.serve("ok")
    document = {
        "model_list": [
            deployment("one", a, "first-model", temperature=0.25, max_tokens=7),
            deployment("two", a, "second-model", api_key="os.environ/KEY_B"),
            deployment("three", a, "third-model", api_key="none"),
        ]
    }
    selector = world(document)
    for name in ("one", "two", "three"):
        ask(selector, only=[name])
    first, second, third = a.requests
    assert (first.body["model"], first.body["temperature"], first.body["max_tokens"]) == ("first-model", 0.25, 7)
    assert (second.body["model"], "temperature" in second.body, "max_tokens" in second.body) == (
        "second-model",
        False,
        False,
    )
    assert [each.headers.get("authorization") for each in (first, second, third)] == [
        "Bearer value-of-KEY_A",
        "Bearer value-of-KEY_B",
        None,
    ]


def test_deployments_of_one_group_take_turns(world):
    a, b, c = world.serve("a"), world.serve("b"), world.serve("c")
    entries = [deployment("other", a), *(deployment("group", each) for each in (a, b, c))]
    selector = world({"model_list": entries, "router_settings": {"routing_strategy": "simple-shuffle"}})
    assert Counter(ask(selector, only=["group"]).text for _ in range(30)) == {"a": 10, "b": 10, "c": 10}


def test_a_deployment_that_fails_is_replaced_by_another_of_its_group_before_any_fallback(world):
    a, b, c = world.serve(500), world.serve("b"), world.serve("c")
    document = {
        "model_list": [deployment("group", a, order=1), deployment("group", b, order=2), deployment("other", c)],
        "litellm_settings": {"fallbacks": [{"group": ["other"]}], "num_retries": 1},
    }
    run = ask(world(document))
    assert (run.text, [each.selected_by for each in run.attempts]) == ("b", ["rule", "retry", "route"])
    assert c.requests == []


def test_the_order_holds_whatever_the_list_says_and_the_first_is_taken_as_long_as_it_serves(world):
    a, b = world.serve("a"), world.serve("b")
    entries = [deployment("group", b, order=2), deployment("group", a, order=1)]
    selector = world({"model_list": entries, "router_settings": {"enable_pre_call_checks": True}})
    assert [ask(selector).text for _ in range(5)] == ["a"] * 5


@pytest.mark.parametrize(("retries", "calls"), [(0, 1), (2, 3)])
def test_a_call_that_fails_is_tried_again_so_often_and_then_falls_back(world, retries, calls):
    a, b = world.serve(500), world.serve("b")
    document = {
        "model_list": [deployment("one", a), deployment("two", b)],
        "litellm_settings": {"fallbacks": [{"one": ["two"]}], "num_retries": retries},
    }
    assert ask(world(document)).text == "b"
    assert len(a.requests) == calls


def test_fallbacks_are_tried_in_order_and_with_the_fallbacks_of_fallbacks(world):
    a, b, c, d, e = (world.serve(script) for script in (500, 401, 404, 503, "e"))
    document = {
        "model_list": [deployment(name, server) for name, server in zip("abcde", (a, b, c, d, e), strict=True)],
        "router_settings": {"fallbacks": [{"a": ["b", "d"]}, {"b": ["c"]}, {"d": ["e"]}], "num_retries": 0},
    }
    run = ask(world(document))
    assert run.text == "e"
    assert [each.model for each in run.attempts] == ["a", "b", "c", "d", "e"]


def test_without_a_fallback_no_other_group_is_asked(world):
    a, b = world.serve(500), world.serve("b")
    selector = world(
        {"model_list": [deployment("one", a), deployment("two", b)], "router_settings": {"num_retries": 0}}
    )
    with pytest.raises(AllAttemptsFailedError):
        ask(selector)
    assert b.requests == []


def test_fallbacks_in_both_directions_lead_both_ways(world):
    a, b = world.serve([500, "a"]), world.serve(["b", 500])
    document = {
        "model_list": [deployment("one", a), deployment("two", b)],
        "litellm_settings": {"fallbacks": [{"one": ["two"]}, {"two": ["one"]}], "num_retries": 0},
    }
    selector = world(document)
    there = ask(selector, only=["one", "two"])
    assert [each.model for each in there.attempts] == ["one", "two"]
    document["general_settings"] = {"completion_model": "two"}
    back = ask(world(document, folder="other"))
    assert ([each.model for each in back.attempts], back.text) == (["two", "one"], "a")


def test_a_default_fallback_follows_whoever_has_none_of_its_own(world):
    a, b, c = world.serve(500), world.serve("b"), world.serve("c")
    document = {
        "model_list": [deployment("one", a), deployment("two", a), deployment("three", b), deployment("four", c)],
        "litellm_settings": {"fallbacks": [{"two": ["three"]}], "default_fallbacks": ["four"], "num_retries": 0},
    }
    selector = world(document)
    assert ask(selector, only=["one", "four"]).text == "c"
    assert ask(selector, only=["two", "three"]).text == "b"


def test_a_task_that_is_too_long_goes_to_the_context_window_fallback(world):
    a, b, c = world.serve(Fault("context_too_long")), world.serve("b"), world.serve("c")
    document = {
        "model_list": [deployment("small", a), deployment("other", b), deployment("large", c)],
        "litellm_settings": {
            "fallbacks": [{"small": ["other"]}],
            "context_window_fallbacks": [{"small": ["large"]}],
        },
    }
    run = ask(world(document))
    assert (run.text, len(a.requests), b.requests) == ("c", 1, [])


def test_a_length_that_is_known_is_checked_before_the_call(world):
    a, b = world.serve("a"), world.serve("b")
    document = {
        "model_list": [
            deployment("group", a, info={"max_input_tokens": 100}),
            deployment("group", b, info={"max_input_tokens": 100_000}),
        ],
        "router_settings": {"enable_pre_call_checks": True},
    }
    selector = world(document)
    texts = {selector.run(Task("chat", prompt="word " * 1_000)).text for _ in range(4)}
    assert (texts, a.requests) == ({"b"}, [])


def test_declined_content_goes_to_the_content_policy_fallback(world):
    a, b, c = world.serve(Fault("content_policy")), world.serve("b"), world.serve("c")
    document = {
        "model_list": [deployment("strict", a), deployment("other", b), deployment("lax", c)],
        "litellm_settings": {
            "fallbacks": [{"strict": ["other"]}],
            "content_policy_fallbacks": [{"strict": ["lax"]}],
        },
    }
    assert ask(world(document)).text == "c"


def test_a_deployment_whose_requests_of_the_minute_are_used_up_is_left_out_until_they_are_free_again(world):
    clock = Clock()
    a, b = world.serve("a"), world.serve("b")
    entries = [deployment("group", a, order=1, rpm=3), deployment("group", b, order=2)]
    selector = world({"model_list": entries}, clock)
    assert [ask(selector).text for _ in range(6)] == ["a", "a", "a", "b", "b", "b"]
    clock.now += 61
    assert ask(selector).text == "a"


def test_an_alias_is_another_name_for_the_same_routes_and_limits(world):
    a, b = world.serve("a"), world.serve("b")
    document = {
        "model_list": [deployment("first", b), deployment("gpt-4o", a, rpm=2)],
        "router_settings": {"model_group_alias": {"gpt-4": "gpt-4o"}, "num_retries": 0},
    }
    selector = world(document, Clock())
    assert [ask(selector, only=["gpt-4"]).text, ask(selector, only=["gpt-4o"]).text] == ["a", "a"]
    for name in ("gpt-4", "gpt-4o"):
        with pytest.raises(NoEligibleModelError, match="quota"):
            ask(selector, only=[name])


def test_a_fallback_to_a_named_deployment_goes_to_its_route(world):
    a, b, c = world.serve(500), world.serve("b"), world.serve("c")
    document = {
        "model_list": [
            deployment("one", a),
            deployment("two", b),
            deployment("two", c, info={"id": "my-specific-model-id"}),
        ],
        "litellm_settings": {"fallbacks": [{"one": ["my-specific-model-id"]}], "num_retries": 0},
    }
    assert ask(world(document)).text == "c"


def test_a_deployment_that_failed_more_often_than_is_allowed_is_left_alone_for_the_cooling_time(world):
    clock = Clock()
    a, b = world.serve(500), world.serve("b")
    document = {
        "model_list": [deployment("group", a, order=1), deployment("group", b, order=2)],
        "router_settings": {"allowed_fails": 2, "cooldown_time": 40, "num_retries": 0},
    }
    selector = world(document, clock)
    for _ in range(6):
        assert ask(selector).text == "b"
    assert len(a.requests) == 3
    clock.now += 41
    ask(selector)
    assert len(a.requests) == 4


def test_a_deployment_whose_budget_is_spent_is_left_out_until_its_window_ends(world):
    clock = Clock()
    a, b = world.serve("a"), world.serve("b")
    priced = {"input_cost_per_token": 0, "output_cost_per_token": 1e-5, "info": {"max_output_tokens": 100}}
    once = {"max_budget": 0.001, "budget_duration": "1d"}
    document = {
        "model_list": [deployment("group", a, order=1, **priced, **once), deployment("group", b, order=2, **priced)]
    }
    selector = world(document, clock)
    assert [ask(selector).text for _ in range(3)] == ["a", "b", "b"]
    clock.now += 100_000
    assert [ask(selector).text for _ in range(2)] == ["a", "b"]


def test_a_provider_whose_budget_is_spent_gives_way_and_without_another_the_task_is_refused(world, monkeypatch):
    monkeypatch.setenv("GROQ_API_KEY", "value")
    a, b = world.serve("a"), world.serve("b")
    priced = {"input_cost_per_token": 0, "output_cost_per_token": 1e-5, "info": {"max_output_tokens": 100}}
    document = {
        "model_list": [deployment("group", a, order=1, **priced), deployment("group", b, order=2, **priced)],
        "router_settings": {"provider_budget_config": {"openai": {"budget_limit": 0.001, "time_period": "1d"}}},
    }
    document["model_list"][1]["litellm_params"]["model"] = "groq/x"
    selector = world(document, Clock())
    assert [ask(selector).text for _ in range(3)] == ["a", "b", "b"]
    alone = world({**document, "model_list": document["model_list"][:1]}, Clock(), folder="other")
    assert ask(alone).text == "a"
    with pytest.raises(BudgetExceededError):
        ask(alone)


@pytest.mark.parametrize(
    ("model", "key"), [("ollama/llama3", None), ("hosted_vllm/llama3", "KEY_B"), ("llama3", "KEY_A")]
)
def test_a_server_of_ones_own_is_called_at_its_api_base_by_the_models_own_name(world, model, key):
    a = world.serve("a")
    address = a.base_url.removesuffix("/v1") if model.startswith("ollama") else a.base_url
    params = {"model": model, "api_base": address, **({"api_key": f"os.environ/{key}"} if key else {})}
    assert ask(world({"model_list": [{"model_name": "mine", "litellm_params": params}]})).text == "a"
    assert (a.requests[0].path, a.requests[0].body["model"]) == ("/v1/chat/completions", "llama3")
    assert a.requests[0].headers.get("authorization") == (key and f"Bearer value-of-{key}")


def test_a_model_of_anthropics_is_called_as_anthropic_has_it(world):
    a = world.serve("a")
    params = {"model": "anthropic/claude-3-haiku-20240307", "api_base": a.base_url, "api_key": "os.environ/KEY_A"}
    params["max_tokens"] = 50
    assert ask(world({"model_list": [{"model_name": "haiku", "litellm_params": params}]})).text == "a"
    [request] = a.requests
    assert (request.path, request.headers["x-api-key"]) == ("/v1/messages", "value-of-KEY_A")
    assert (request.body["model"], request.body["max_tokens"]) == ("claude-3-haiku-20240307", 50)


def test_a_model_that_a_wildcard_stands_for_is_called_by_its_name_at_the_wildcards_address(world):
    a, b = world.serve(500), world.serve("b")
    params = {"model": "openai/*", "api_base": b.base_url, "api_key": "os.environ/KEY_B"}
    document = {
        "model_list": [deployment("one", a), {"model_name": "openai/*", "litellm_params": params}],
        "litellm_settings": {"fallbacks": [{"one": ["openai/gpt-4o"]}], "num_retries": 0},
    }
    assert ask(world(document)).text == "b"
    assert b.requests[0].body["model"] == "gpt-4o"
    assert b.requests[0].headers["authorization"] == "Bearer value-of-KEY_B"
