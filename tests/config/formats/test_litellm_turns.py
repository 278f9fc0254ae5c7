"""Weights of LiteLLM's: deployments of one group are taken in their proportion, also where the group is the default."""

import json
from collections import Counter

import pytest

from selector import Selector, Task
from selector.config import Config
from selector.config.formats import imported
from selector.errors import ConfigError

pytestmark = pytest.mark.filterwarnings("ignore::selector.catalog.UnknownPriceWarning")


def entry(name, url, **params):
    return {"model_name": name, "litellm_params": {"model": "openai/x", "api_base": url, "api_key": "none", **params}}


@pytest.fixture
def turns(tmp_path):
    """Choose so often among deployments with such parameters; count which served, by their places."""

    def count(*params, named=False):
        entries = [entry("group", f"http://127.0.0.1:{place}", **more) for place, more in enumerate(params, 1)]
        if named:
            entries.insert(0, entry("other", "http://127.0.0.1:1"))
        with Selector.open({"model_list": entries}, state=tmp_path / "state", seed=1) as selector:
            task = Task("chat", prompt="Hello?", only=["group"] if named else [])
            routes = [selector.select(task).route for _ in range(40)]
        places = {"group@openai": "0", "group@openai-2": "1", "group@openai-3": "2"}
        return Counter(places[route] for route in routes)

    return count


@pytest.mark.parametrize("named", [True, False], ids=["asked for by name", "the default"])
def test_deployments_are_taken_in_the_proportion_of_their_weights(turns, named):
    assert turns({"weight": 3}, {"weight": 1}, named=named) == {"0": 30, "1": 10}


def test_without_a_weight_the_requests_per_minute_are_the_weight(turns):
    assert turns({"rpm": 900}, {"rpm": 100}) == {"0": 36, "1": 4}


def test_without_either_the_tokens_per_minute_are(turns):
    assert turns({"tpm": 10**6}, {"tpm": 3 * 10**6}) == {"0": 10, "1": 30}


def test_a_weight_stands_before_limits_and_who_has_none_is_not_taken_while_others_serve(turns):
    assert turns({"weight": 1, "rpm": 900}, {"weight": 1, "rpm": 100}, {"rpm": 5000}) == {"0": 20, "1": 20}


def test_deployments_alike_have_no_weight():
    entries = [entry("group", f"http://127.0.0.1:{port}", rpm=10) for port in (1, 2)]
    routes = imported({"model_list": entries}, environ={}).config["models"]["group"]["routes"]
    assert not any("weight" in route for route in routes.values())


def test_a_weight_under_another_strategy_is_ignored_with_the_reason():
    entries = [entry("group", f"http://127.0.0.1:{port}", weight=port) for port in (1, 2)]
    document = {"model_list": entries, "router_settings": {"routing_strategy": "latency-based-routing"}}
    lines = {line.place: line for line in imported(document, environ={}).lines}
    found = lines["model_list[0].litellm_params.weight"]
    assert (found.what, "only the strategy simple-shuffle weighs" in found.word) == ("ignored", True)


class TestNativeWeights:
    def test_a_route_without_a_weight_weighs_one(self, tmp_path):
        routes = {"a": {"weight": 3}, "b": {}}
        assert taken(tmp_path, {"m": {"route_by": "round_robin", "routes": routes}}) == {"m@a": 30, "m@b": 10}

    def test_a_variant_has_the_weights_of_what_it_is_a_variant_of(self, tmp_path):
        models = {"m": {"route_by": "round_robin", "routes": {"a": {"weight": 0.5}, "b": {"weight": 1.5}}}}
        assert taken(tmp_path, {**models, "n": {"of": "m"}}, only=["n"]) == {"n@a": 10, "n@b": 30}

    @pytest.mark.parametrize("more", [{}, {"route_by": "cheapest"}])
    def test_where_routes_take_no_turns_a_weight_is_refused_with_its_place(self, more):
        model = {"routes": {"a": {}, "b": {"weight": 2}}, **more}
        with pytest.raises(ConfigError, match=r"models\.m\.routes\.b\.weight: .*give models\.m\.route_by: round_robin"):
            Config.load({"providers": PLACES, "models": {"m": model}})

    @pytest.mark.parametrize("weight", [0, -1, "much"])
    def test_a_weight_is_a_number_above_zero(self, weight):
        model = {"route_by": "round_robin", "routes": {"a": {"weight": weight}}}
        with pytest.raises(ConfigError, match=r"models\.m\.routes\.a\.weight: must be"):
            Config.load({"providers": PLACES, "models": {"m": model}})

    @pytest.mark.parametrize("said", [{"default_model": "m"}, {"rules": [{"condition": "true", "model": "m"}]}])
    def test_a_model_that_is_forced_takes_turns_too_and_one_whose_route_is_named_does_not(self, said, tmp_path):
        model = {"m": {"route_by": "round_robin", "routes": {"a": {}, "b": {}}}}
        assert taken(tmp_path, model, **said) == {"m@a": 20, "m@b": 20}
        named = json.loads(json.dumps(said).replace('"m"', '"m@b"'))
        assert taken(tmp_path, model, folder="other", **named) == {"m@b": 40}


PLACES = {"a": {"kind": "openai"}, "b": {"kind": "openai"}}


def taken(tmp_path, models, only=(), folder="state", **more):
    with Selector.open({"providers": PLACES, "models": models, **more}, state=tmp_path / folder, seed=1) as selector:
        return Counter(selector.select(Task("chat", only=only)).route for _ in range(40))
