"""Zero configuration: the keys in the environment make a configuration and the text of a first file."""

import re
import tempfile
import warnings
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.catalog import Catalog
from selector.config import Config, found_in, starter
from selector.config._known import MODELS, VENDORS
from selector.errors import ConfigError, UnknownModelError

KEYS = [key for vendor in VENDORS for key in vendor.keys]
SENTINEL = "sk-sentinel-5f3e"
EVERY = {key: f"{SENTINEL}-{key}" for key in KEYS}
NAMES = [model.name for model in MODELS]


def loaded(text):
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "selector.yaml"
        file.write_text(text, encoding="utf-8")
        return Config.load(file)


def uncommented(text):
    """Use every example: remove the # of the lines that hold no sentence."""
    return re.sub(r"(?m)^#(?! \S)", "", text)


def served(config):
    """Yield each model's name with its providers and what they call it."""
    for name, model in config.models.items():
        if model.routes is None:
            yield name, model.provider, model.id
        else:
            yield from ((name, provider, route.id) for provider, route in model.routes.items())


# What is found


def test_each_key_alone_brings_its_provider_and_two_to_four_models():
    for vendor in VENDORS:
        for key in vendor.keys:
            config = found_in({key: "x"})
            assert list(config.providers) == [vendor.name]
            assert config.providers[vendor.name].api_key == f"env:{key}"
            assert config.providers[vendor.name].kind == vendor.kind
            assert config.providers[vendor.name].base_url == vendor.base_url
            assert 2 <= len(config.models) <= 4
            assert {model.provider for model in config.models.values()} == {vendor.name}


def test_the_keys_that_the_vendors_document_are_known():
    assert set(KEYS) >= {
        "ANTHROPIC_API_KEY",
        "CEREBRAS_API_KEY",
        "DEEPSEEK_API_KEY",
        "FIREWORKS_API_KEY",
        "GEMINI_API_KEY",
        "GOOGLE_API_KEY",
        "GROQ_API_KEY",
        "MISTRAL_API_KEY",
        "OPENAI_API_KEY",
        "OPENROUTER_API_KEY",
        "TOGETHER_API_KEY",
        "XAI_API_KEY",
    }


def test_a_provider_of_many_makers_brings_models_of_different_makers():
    families = [model.family for model in found_in({"OPENROUTER_API_KEY": "x"}).models.values()]
    assert len(families) == len(set(families)) >= 3


def test_a_model_that_several_providers_serve_is_one_model_with_routes():
    config = found_in({"ANTHROPIC_API_KEY": "x", "OPENROUTER_API_KEY": "x"})
    assert [(p, i) for name, p, i in served(config) if name == "opus"] == [
        ("anthropic", "claude-opus-5-5"),
        ("openrouter", "anthropic/claude-opus-5.5"),
    ]
    assert config.models["opus"].provider is None
    assert config.models["sonnet"].provider == "anthropic"


def test_a_provider_with_two_keys_takes_the_first_that_is_not_empty():
    assert found_in({"GEMINI_API_KEY": "x", "GOOGLE_API_KEY": "x"}).providers["gemini"].api_key == "env:GEMINI_API_KEY"
    assert found_in({"GEMINI_API_KEY": "", "GOOGLE_API_KEY": "x"}).providers["gemini"].api_key == "env:GOOGLE_API_KEY"


def test_other_variables_change_nothing():
    others = {"PATH": "/bin", "OPENAI_BASE_URL": "http://elsewhere", "openai_api_key": "x"}
    assert found_in({"GROQ_API_KEY": "x", **others}).digest == found_in({"GROQ_API_KEY": "y"}).digest


def test_names_are_short_words_that_stand_once():
    assert len(NAMES) == len(set(NAMES))
    assert len(KEYS) == len(set(KEYS))
    assert all(re.fullmatch(r"[a-z0-9.-]{2,16}", name) for name in NAMES)


# Prices and limits


@pytest.mark.parametrize(
    "keys", [KEYS, *([key] for key in KEYS)], ids=lambda keys: keys[0] if len(keys) == 1 else "all"
)
def test_every_model_has_published_prices_and_the_lengths_that_a_hard_budget_needs(keys):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        catalog = Catalog.of(found_in(dict.fromkeys(keys, "x")))
    for model in catalog:
        assert model.enabled
        for route in model.routes:
            assert route.prices is not None, route.name
            assert route.max_output_tokens, route.name
            assert route.context_tokens >= route.max_output_tokens, route.name


@pytest.mark.parametrize("vendor", VENDORS, ids=lambda vendor: vendor.name)
def test_each_provider_brings_a_cheaper_and_a_dearer_model(vendor):
    catalog = Catalog.of(found_in({vendor.keys[0]: "x"}))
    rates = [model.routes[0].prices.rates(at=datetime(2026, 11, 21, tzinfo=UTC)) for model in catalog]
    assert min(rate.output for rate in rates) < max(rate.output for rate in rates)


# Baseline


def test_a_baseline_becomes_the_bar_and_without_one_no_objective_is_set():
    objective = found_in(EVERY, baseline="gpt-sol").objective
    assert (objective.name, objective.no_worse_than.model, objective.no_worse_than.by) == (
        "no_worse_than",
        "gpt-sol",
        0.02,
    )
    assert found_in(EVERY).objective is None


@pytest.mark.parametrize("build", [found_in, starter])
def test_an_unknown_baseline_is_refused_with_the_nearest(build):
    with pytest.raises(UnknownModelError, match=r"baseline: unknown model 'opsu'; did you mean 'opus'\?"):
        build({"ANTHROPIC_API_KEY": "x"}, baseline="opsu")


@pytest.mark.parametrize("build", [found_in, starter])
def test_a_baseline_whose_key_is_missing_is_refused_with_the_key_to_set(build):
    with pytest.raises(UnknownModelError, match="valid: haiku, opus, sonnet; to have it, set OPENAI_API_KEY or OPENR"):
        build({"ANTHROPIC_API_KEY": "x"}, baseline="gpt-sol")


# Nothing found


def test_without_keys_the_error_names_all_that_was_looked_for_and_what_to_do():
    with pytest.raises(ConfigError) as caught:
        found_in({"PATH": "/bin"})
    assert all(key in str(caught.value) for key in KEYS)
    assert "selector init" in str(caught.value)
    assert "selector.yaml" in str(caught.value)
    assert "empty" not in str(caught.value)


@pytest.mark.parametrize("value", ["", "  ", "\n"])
def test_an_empty_key_counts_as_absent_and_the_error_says_that_it_is_empty(value):
    with pytest.raises(ConfigError, match=r"\(XAI_API_KEY: set, but empty\)"):
        found_in({"XAI_API_KEY": value})
    assert list(found_in({"XAI_API_KEY": value, "GROQ_API_KEY": "x"}).providers) == ["groq"]
    assert starter({"XAI_API_KEY": value}) == starter({})


# The text


def some_keys(least):
    return st.dictionaries(
        st.sampled_from(KEYS), st.sampled_from(["", " ", f"{SENTINEL}-1", f"{SENTINEL}: {{#"]), min_size=least
    )


@given(some_keys(1), st.none() | st.sampled_from(NAMES))
def test_the_text_reads_back_as_what_was_found_whatever_the_keys(environ, baseline):
    try:
        found = found_in(environ, baseline=baseline)
    except UnknownModelError:
        with pytest.raises(UnknownModelError):
            starter(environ, baseline=baseline)
        return
    except ConfigError:
        assert not any(value.strip() for value in environ.values())
        assert loaded(starter(environ, baseline=baseline)).models
        return
    read = loaded(starter(environ, baseline=baseline))
    assert read.digest == found.digest
    assert list(read.models) == list(found.models)
    assert list(served(read)) == list(served(found))


@given(some_keys(0))
def test_no_keys_value_is_in_the_configuration_the_text_or_an_error(environ):
    assert SENTINEL not in starter(environ)
    try:
        assert SENTINEL not in repr(found_in(environ))
        found_in(environ, baseline="nobody's model")
    except ConfigError as error:
        assert SENTINEL not in str(error)  # noqa: PT017 - both ways out are right, and neither may tell


def test_without_keys_the_text_holds_one_example_that_loads_and_all_providers():
    text = starter({})
    assert list(loaded(text).providers) == ["anthropic"]
    assert loaded(text).digest == found_in({"ANTHROPIC_API_KEY": "x"}).digest
    assert all(vendor.keys[0] in text for vendor in VENDORS)


@pytest.mark.parametrize("baseline", NAMES)
def test_without_keys_the_example_is_the_provider_of_the_baseline(baseline):
    assert loaded(starter({}, baseline=baseline)).objective.no_worse_than.model == baseline


def test_without_keys_an_unknown_baseline_is_refused_with_the_nearest_of_all():
    with pytest.raises(UnknownModelError, match=r"unknown model 'gemini-argn'; did you mean 'gemini-argon'\?"):
        starter({}, baseline="gemini-argn")


@pytest.mark.parametrize(("environ", "baseline"), [({}, None), ({}, "glm"), (EVERY, None), (EVERY, "opus")])
def test_everything_that_is_commented_out_may_be_used(environ, baseline):
    config = loaded(uncommented(starter(environ, baseline=baseline)))
    assert list(config.task_types) == ["coding", "research"]
    assert [(budget.label, budget.is_hard) for budget in config.budgets] == [("pace", False), ("month", True)]
    assert config.last_resort == "llama"
    assert config.timezone == "Europe/Berlin"
    assert config.objective.no_worse_than.model in config.models
    assert set(config.providers) == {"local", *(vendor.name for vendor in VENDORS)}
    assert set(config.models) == {"llama", *NAMES}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        Catalog.of(config)


@pytest.mark.parametrize("name", [vendor.name for vendor in VENDORS[1:]])
def test_without_keys_a_provider_may_be_used_without_the_others(name):
    text = re.sub(rf"(?m)^#(  {name}: \{{kind|  \S+: \{{provider: {name},)", r"\1", starter({}))
    config = loaded(text)
    assert list(config.providers) == ["anthropic", name]
    makes = {model.name for model in MODELS if model.offers[0].vendor == name}
    assert set(config.models) == {"haiku", "sonnet", "opus", *makes}


def test_the_commented_policy_is_the_one_that_holds_anyway():
    config = loaded(re.sub(r"(?m)^#(policy:)", r"\1", starter(EVERY)))
    assert (config.policy.name, config.policy.least) == (Config().policy.name, Config().policy.least)


def test_each_section_is_explained_by_a_comment_before_it():
    lines = starter(EVERY, baseline="opus").splitlines()
    for section in ("objective", "providers", "models", "task_types", "budgets", "last_resort"):
        place = next(i for i, line in enumerate(lines) if re.match(rf"#?{section}:", line))
        assert re.match(r"# \S", lines[place - 1]), section
