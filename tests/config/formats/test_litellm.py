"""The reader of LiteLLM's configurations: what each documented key becomes, or why it goes nowhere."""

import json

import pytest

from selector.config import Config
from selector.config._yaml import read_yaml
from selector.config.formats import imported, recognised
from selector.errors import ConfigError
from tests.config.formats.litellm_documents import DOCUMENTS, ENVIRON, SECRET


def read(text, environ=ENVIRON):
    return imported(read_yaml(text).value if isinstance(text, str) else text, environ=environ)


def leaves(value, path=""):
    """List the leaves of a document as a person counts them: a list of plain values is one."""
    if isinstance(value, dict) and value:
        return [leaf for key, each in value.items() for leaf in leaves(each, f"{path}.{key}" if path else key)]
    if isinstance(value, list) and any(isinstance(each, (dict, list)) for each in value):
        return [leaf for n, each in enumerate(value) for leaf in leaves(each, f"{path}[{n}]")]
    return [path]


def places(value, path=""):
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in members:
        yield from places(each, f"{path}[{key}]" if isinstance(key, int) else f"{path}.{key}" if path else key)


def one(name="gpt", model="openai/gpt-4o", info=None, **params):
    """Write an entry of `model_list`."""
    return {"model_name": name, "litellm_params": {"model": model, **params}, "model_info": info or {"id": "i"}}


def lines(result):
    return {line.place: (line.what, line.word) for line in result.lines}


@pytest.mark.parametrize("name", DOCUMENTS)
class TestEachExample:
    def test_is_recognised_and_loads_directly(self, name, tmp_path, monkeypatch):
        for variable, value in ENVIRON.items():
            monkeypatch.setenv(variable, value)
        file = tmp_path / "config.yaml"
        file.write_text(DOCUMENTS[name], encoding="utf-8")
        assert Config.load(file).digest == Config.load(read(DOCUMENTS[name]).config).digest

    def test_has_exactly_one_line_for_each_key(self, name):
        document = read_yaml(DOCUMENTS[name]).value
        found = [line.place for line in read(document).lines]
        assert [place for place in found if not place.startswith("(")] == leaves(document)
        assert len(set(found)) == len(found)

    def test_has_no_key_that_nobody_knows(self, name):
        assert [line.place for line in read(DOCUMENTS[name]).lines if line.word == "not known to this format"] == []

    def test_says_of_what_was_translated_where_it_is(self, name):
        result = read(DOCUMENTS[name])
        there = set(places(result.config))
        for line in result.lines:
            to = line.word.partition(";")[0]
            if line.what == "translated" and "*" not in to:
                assert to in there, line

    def test_becomes_a_native_document(self, name):
        result = read(DOCUMENTS[name])
        assert recognised(result.config) is None
        assert json.loads(json.dumps(result.config)) == result.config

    def test_forces_a_default_and_says_which_line_takes_that_back(self, name):
        result = read(DOCUMENTS[name])
        forcing = result.config["rules"][-1] if "rules" in result.config else result.config
        assert forcing["model" if "rules" in result.config else "default_model"] in result.config["models"]
        several = sum("of" not in model for model in result.config["models"].values()) > 1
        assert result.adaptive.startswith("delete " if several else "add another model")
        left = {key: value for key, value in result.config.items() if key != "default_model"}
        assert Config.load({**left, "rules": result.config.get("rules", [])[:-1]}).default_model is None

    def test_repeats_no_secret(self, name):
        result = read(DOCUMENTS[name])
        assert SECRET[8:] not in repr(result)
        assert "sk-1234" not in repr(result)


def test_prices_are_those_per_token_to_the_digit():
    models = read(DOCUMENTS["priced"]).config["models"]
    cheap, dear = models["cheap"], models["dear"]
    assert (cheap["usd_per_mtok_in"], cheap["usd_per_mtok_out"], cheap["usd_per_mtok_cache_read"]) == (
        0.14,
        0.28,
        0.014,
    )
    assert (dear["usd_per_mtok_in"], dear["usd_per_mtok_out"]) == (15, 75)
    assert dear["tiers"] == [{"above_tokens": 200_000, "usd_per_mtok_in": 30, "usd_per_mtok_out": 100}]


def test_what_answers_no_task_is_left_out_with_the_reason():
    result = read({"model_list": [one(), one("e", "azure/text-embedding-ada-002"), one("i", info={"mode": "rerank"})]})
    assert list(result.config["models"]) == ["gpt"]
    assert "by its name no model that answers tasks" in lines(result)["model_list[1].litellm_params.model"][1]
    assert "of the mode 'rerank'" in lines(result)["model_list[2].model_name"][1]
    with pytest.raises(ConfigError, match="model_list: names no model that answers tasks"):
        read({"model_list": [one("e", info={"mode": "embedding"})]})


@pytest.mark.parametrize(
    ("strategy", "by", "what"),
    [
        ("simple-shuffle", "round_robin", "translated"),
        ("least-busy", "round_robin", "warned"),
        ("usage-based-routing", "round_robin", "warned"),
        ("usage-based-routing-v2", "round_robin", "warned"),
        ("latency-based-routing", "fastest", "translated"),
        ("cost-based-routing", "cheapest", "translated"),
    ],
)
def test_each_strategy_is_the_nearest_way_to_choose_a_route(strategy, by, what):
    entries = [one(api_key="os.environ/A"), one(api_key="os.environ/B")]
    result = read({"model_list": entries, "router_settings": {"routing_strategy": strategy}})
    assert result.config["models"]["gpt"]["route_by"] == by
    assert lines(result)["router_settings.routing_strategy"][0] == what


def test_an_unknown_strategy_is_refused_with_the_nearest():
    with pytest.raises(
        ConfigError, match=r"routing_strategy: is no strategy of LiteLLM's; did you mean 'simple-shuffle'"
    ):
        read({"model_list": [one()], "router_settings": {"routing_strategy": "simple-shufle"}})


def test_what_the_router_says_stands_before_what_the_module_says():
    document = {
        "model_list": [one()],
        "router_settings": {"num_retries": 1, "timeout": 5, "allowed_fails": 7},
        "litellm_settings": {"num_retries": 4, "request_timeout": 9, "allowed_fails": 1, "fallbacks": []},
    }
    result = read(document)
    assert result.config["fallback"]["retries"]["server_error"] == 1
    assert result.config["providers"]["openai"]["timeout_s"] == 5
    assert result.config["providers"]["openai"]["breaker"]["failures"] == 8
    assert lines(result)["litellm_settings.request_timeout"] == (
        "ignored",
        "router_settings.timeout holds in its place",
    )


def test_deployments_at_one_account_are_routes_of_their_own():
    params = {"api_key": "os.environ/K", "api_base": "https://x.example/v1"}
    config = read({"model_list": [one(model="openai/a", **params), one(model="openai/b", **params)]}).config
    assert {name: route["id"] for name, route in config["models"]["gpt"]["routes"].items()} == {
        "openai": "a",
        "openai-2": "b",
    }
    assert config["providers"]["openai"] == config["providers"]["openai-2"]


def test_groups_at_one_account_share_its_provider():
    config = read({"model_list": [one("a"), one("b"), one("c", timeout=3)]}).config
    assert [model["provider"] for model in config["models"].values()] == ["openai", "openai", "openai-2"]


class TestKeys:
    def test_a_variable_stays_a_reference(self):
        config = read({"model_list": [one(api_key="os.environ/MINE")]}).config
        assert config["providers"]["openai"]["api_key"] == "env:MINE"

    def test_an_inline_key_at_another_address_never_becomes_the_vendors_own_variable(self):
        entries = [one(api_key=SECRET, api_base="https://example.com/v1"), one("b", api_key=SECRET)]
        config = read({"model_list": entries}).config
        assert config["providers"]["openai"]["api_key"] == "env:OPENAI_EXAMPLE_COM_API_KEY"
        assert config["providers"]["openai-2"]["api_key"] == "env:OPENAI_API_KEY"

    def test_an_inline_key_never_takes_a_variable_that_the_document_uses_for_another(self):
        entries = [one(api_key=SECRET), one("b", api_key="os.environ/OPENAI_API_KEY"), one("c", api_key=f"{SECRET}2")]
        result = read({"model_list": entries})
        keys = [each["api_key"] for each in result.config["providers"].values()]
        assert keys == ["env:OPENAI_OWN_API_KEY", "env:OPENAI_API_KEY", "env:OPENAI_OWN_2_API_KEY"]
        said = lines(result)["model_list[2].litellm_params.api_key"]
        assert (said[0], "set OPENAI_OWN_2_API_KEY to it" in said[1]) == ("warned", True)

    def test_a_word_that_is_no_key_is_none_at_a_server_of_ones_own_alone(self):
        local = one(api_key="fake-key", api_base="http://127.0.0.1:1/v1")
        config = read({"model_list": [local, one("b", api_key="none")]}).config
        assert "api_key" not in config["providers"]["openai"]
        assert config["providers"]["openai-2"]["api_key"] == "env:OPENAI_API_KEY"

    def test_without_a_word_the_vendors_own_variable_is_for_its_own_address_alone(self):
        entries = [one(model="groq/x"), one("b", model="groq/x", api_base="https://example.com")]
        keys = [each.get("api_key") for each in read({"model_list": entries}).config["providers"].values()]
        assert keys == ["env:GROQ_API_KEY", None]

    def test_a_reference_that_names_no_variable_is_refused_without_repeating_it(self):
        with pytest.raises(ConfigError, match=r"model_list\[0\].litellm_params.api_key: names no variable") as caught:
            read({"model_list": [one(api_key=f"os.environ/{SECRET} x")]})
        assert SECRET not in str(caught.value)


def test_an_address_in_a_variable_is_looked_up_and_one_that_is_not_set_leaves_no_route():
    entry = one(model="azure/x", api_base="os.environ/MY_BASE", api_key="os.environ/K")
    there = read({"model_list": [entry]}, {"MY_BASE": "https://mine.openai.azure.com/"})
    assert there.config["providers"]["azure"]["base_url"] == "https://mine.openai.azure.com/openai/v1"
    absent = read({"model_list": [entry]}, {})
    assert absent.config["models"]["gpt"] == {"id": "x", "capabilities": ["tools"]}
    assert "MY_BASE is not set" in lines(absent)["model_list[0].litellm_params.api_base"][1]
    assert Config.load(absent.config)


def test_who_cannot_be_called_is_known_and_is_not_the_default():
    result = read({"model_list": [one("a", "bedrock/x"), one("b", "vertex_ai/y"), one("c")]})
    assert list(result.config["models"]) == ["a", "b", "c"]
    assert result.config["default_model"] == "c"
    assert (
        "run cannot call it: selector does not speak the API of 'bedrock'"
        in (lines(result)["model_list[0].litellm_params.model"][1])
    )


def test_parameters_that_only_some_deployments_have_are_left_out_with_a_warning():
    entries = [one(temperature=0, seed=1, api_key="os.environ/A"), one(temperature=0, seed=2, api_key="os.environ/B")]
    result = read({"model_list": entries})
    assert result.config["models"]["gpt"]["params"] == {"temperature": 0}
    assert lines(result)["model_list[1].litellm_params.seed"][0] == "warned"


def test_an_ability_that_is_denied_keeps_tasks_away_and_what_is_not_said_does_not():
    entries = [one("a", info={"supports_vision": True}), one("b"), one("c", info={"supports_function_calling": False})]
    models = read({"model_list": entries}).config["models"]
    assert {name: model.get("capabilities") for name, model in models.items()} == {
        "a": ["tools", "vision"],
        "b": ["tools", "vision"],
        "c": ["vision"],
    }


class TestFallbacks:
    def test_a_name_that_is_not_listed_is_added_with_one_warning(self):
        result = read({"model_list": [one()], "litellm_settings": {"fallbacks": [{"gpt": ["claude-3-opus", "mine"]}]}})
        assert result.config["chains"]["by_model"] == {"gpt": ["claude-3-opus", "mine"]}
        assert result.config["models"]["claude-3-opus"]["provider"] == "anthropic"
        what, word = lines(result)["litellm_settings.fallbacks[0].gpt"]
        assert what == "warned"
        assert "'mine' is not listed in this document: added, enabled" in word
        assert "nobody is known to serve it: give models.mine.provider" in word

    def test_lists_for_one_reason_are_put_together_with_a_warning(self):
        said = {"context_window_fallbacks": [{"a": ["b"]}, {"b": ["c"]}]}
        result = read({"model_list": [one("a"), one("b"), one("c")], "litellm_settings": said})
        assert result.config["chains"]["by_reason"] == {"context_too_long": ["b", "c"]}
        assert "put together" in lines(result)["litellm_settings.context_window_fallbacks[0].a"][1]

    def test_one_that_takes_no_longer_task_is_left_out(self):
        entries = [one("a", info={"max_input_tokens": 9_000}), one("b", info={"max_input_tokens": 9_000})]
        said = {"context_window_fallbacks": [{"a": ["b"]}]}
        result = read({"model_list": entries, "litellm_settings": said})
        assert "chains" not in result.config
        assert "takes no longer task" in lines(result)["litellm_settings.context_window_fallbacks[0].a"][1]

    def test_of_a_fallback_with_its_own_messages_the_model_counts(self):
        said = {"fallbacks": [{"gpt": [{"model": "b", "messages": [{"role": "user", "content": "?"}]}]}]}
        result = read({"model_list": [one(), one("b")], "litellm_settings": said})
        assert result.config["chains"]["by_model"] == {"gpt": ["b"]}
        assert lines(result)["litellm_settings.fallbacks[0].gpt[0].messages[0].role"][0] == "ignored"

    def test_a_circle_of_any_length_is_a_configuration_that_loads(self):
        names = ["a", "b", "c", "d"]
        said = {"fallbacks": [{x: [y for y in names if y != x]} for x in names]}
        config = read({"model_list": [one(name) for name in names], "litellm_settings": said}).config
        chains = Config.load(config).chains.by_model
        plain = {x: [y.removeprefix("purpose:").removesuffix("-alone") for y in chain] for x, chain in chains.items()}
        assert plain == {x: [y for y in names if y != x] for x in names}


def test_a_wildcard_stands_for_the_models_that_are_known_and_for_those_that_are_named():
    entries = [one(), {"model_name": "xai/*", "litellm_params": {"model": "xai/*", "api_key": "os.environ/K"}}]
    result = read({"model_list": entries, "litellm_settings": {"fallbacks": [{"gpt": ["xai/grok-beta"]}]}})
    assert result.config["models"]["xai/grok-beta"] == {"provider": "xai", "id": "grok-beta", "capabilities": ["tools"]}
    assert any(name.startswith("xai/grok-4") for name in result.config["models"])
    assert "a wildcard is no model: those that are known were added" in lines(result)["model_list[1].model_name"][1]


def test_a_star_stands_for_the_vendors_whose_keys_are_there():
    document = {"model_list": [{"model_name": "*", "litellm_params": {"model": "*"}}]}
    models = read(document, {"MISTRAL_API_KEY": "x"}).config["models"]
    assert models
    assert {model["provider"] for model in models.values()} == {"mistral"}
    with pytest.raises(ConfigError, match="names no model that answers tasks"):
        read(document, {})


def test_a_limit_of_money_is_hard_and_who_has_no_bound_is_named():
    result = read({"model_list": [one()], "litellm_settings": {"max_budget": 5, "budget_duration": "1mo"}})
    assert result.config["budgets"] == [{"name": "litellm", "usd": 5, "per": "month"}]
    what, word = lines(result)["litellm_settings.max_budget"]
    assert (what, "no call of gpt is let through whose task does not say max_output_tokens" in word) == ("warned", True)


@pytest.mark.parametrize(
    ("document", "told"),
    [
        ({"litellm_settings": {}}, "model_list: names no model"),
        ({"model_list": {}}, "model_list: must be a list"),
        ({"model_list": ["gpt"]}, r"model_list\[0\]: must be a mapping"),
        ({"model_list": [{"litellm_params": {"model": "x"}}]}, r"model_list\[0\].model_name: is required"),
        ({"model_list": [{"model_name": "x"}]}, r"model_list\[0\].litellm_params.model: is required"),
        ({"model_list": [one(rpm="many")]}, r"litellm_params.rpm: must be a number"),
        ({"model_list": [one(input_cost_per_token=-1)]}, r"input_cost_per_token: must be a number from 0"),
        ({"model_list": [one(max_budget=1, budget_duration="soon")]}, "budget_duration: must be a span of time"),
        ({"model_list": [one(litellm_credential_name="x")]}, "litellm_credential_name: names no credential"),
        ({"model_list": [one()], "litellm_settings": {"fallbacks": 3}}, "litellm_settings.fallbacks: must be a list"),
        ({"model_list": [one()], "litellm_settings": {"fallbacks": [{"gpt": [3]}]}}, r"gpt\[0\]: must be the name"),
        ({"model_list": [one()], "router_settings": {"model_group_alias": {"a": 3}}}, "model_group_alias.a: must be"),
    ],
)
def test_what_cannot_be_translated_is_refused_with_its_place(document, told):
    with pytest.raises(ConfigError, match=told):
        read(document)
