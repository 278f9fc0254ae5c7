"""The most that a call costs: the route's, else the model's, else the provider's; tokens of commands bound nothing."""

import warnings
from datetime import UTC, datetime

import pytest

from selector.candidates import Screen
from selector.catalog import Catalog
from selector.config import Config
from selector.records import Task

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PRICED = {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15, "max_output_tokens": 2_000}
PROVIDERS = {
    "home": {"kind": "command", "preset": "claude-code", "max_usd_per_call": 2},
    "bare": {"kind": "command", "argv": ["agent"]},
    "work": {"kind": "openai"},
}


def of(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a price that nobody knows is what some of these are about
        return Config.load({"providers": PROVIDERS, "models": {"a": model}})


def routes(model):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Catalog.of(of(model)).model("a").routes


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ({"provider": "home"}, [2]),
        ({"provider": "home", "max_usd_per_call": 1}, [1]),
        ({"routes": {"home": {"max_usd_per_call": 0.5}, "bare": {}, "work": {}}, "max_usd_per_call": 1}, [0.5, 1, 1]),
        ({"routes": {"home": {}, "bare": {}, "work": {}}}, [2, None, None]),
        ({"provider": "home", "max_usd_per_call": 0}, [0]),
    ],
)
def test_the_nearest_word_counts(model, most):
    assert [route.max_usd_per_call for route in routes(model)] == most


def test_a_variant_has_its_origins():
    config = Config.load({"models": {"a": {**PRICED, "max_usd_per_call": 1}, "b": {"of": "a"}}})
    assert Catalog.of(config).model("b").route.max_usd_per_call == 1


@pytest.mark.parametrize(
    ("model", "input_tokens", "worst"),
    [
        ({**PRICED, "provider": "work"}, 1_000, 33_000_000),
        ({**PRICED, "provider": "work", "max_usd_per_call": 0.01}, 1_000, 10_000_000),
        ({**PRICED, "provider": "work", "max_usd_per_call": 5}, 1_000, 33_000_000),
        ({**PRICED, "provider": "work", "max_usd_per_call": 5}, None, 5_000_000_000),
        ({**PRICED, "provider": "bare"}, 1_000, None),
        ({**PRICED, "provider": "home"}, 1_000, 2_000_000_000),
        ({"provider": "home", "id": "nobody-knows"}, None, 2_000_000_000),
        ({"provider": "bare", "usd_per_mtok_in": 0, "usd_per_mtok_out": 0}, None, 0),
    ],
)
def test_a_hard_budget_holds_the_lesser_of_what_tokens_bound_and_the_most_of_a_call(model, input_tokens, worst):
    """A command line may call its model many times: its tokens bound nothing."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        screen = Screen.of(of(model))
    assert screen.worst_nano(Task("coding"), at=NOW, input_tokens=input_tokens) == (worst,)


def test_a_command_line_with_short_names_has_the_prices_of_the_same_model_elsewhere():
    home, work = routes({"routes": {"home": {"id": "short"}, "work": {"id": "gpt-6.1-terra"}}})
    assert home.prices == work.prices is not None
