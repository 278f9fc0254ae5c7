"""The JSON Schema accepts what the loader accepts, and refuses what it refuses, as far as it can be said there."""

import json
import runpy
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator  # noqa: TID253 - what a schema means is asked of another reader

from selector.config import Config, Effective, found_in, json_schema, starter
from selector.config._yaml import read_yaml
from selector.errors import ConfigError

HERE = Path(__file__).parent
CONFIGS = HERE.parents[1] / "experiments" / "configs"
SCHEMA = json_schema()
CHECK = Draft202012Validator(SCHEMA)
BASIC, RULED, CALLS, CHAINS, JUNK = (
    runpy.run_path(str(HERE / f"test_{name}.py")) for name in ("config", "rules", "calls", "chains", "junk")
)

ONLY_THE_LOADER = (
    "did you mean 'work'",  # whether what is named exists
    "declare it under providers",
    "unknown provider",
    "no route at",
    "no model has the tag",
    "did you mean 'abc'",
    "did you mean 'opus'",
    "did you mean 'grok'",
    "did you mean 'home'",
    "did you mean 'lead'",
    "did you mean 'expensive'",
    "unknown purpose",
    "no provider's data",
    "leads back to itself",
    "a of c of b of a",
    "still the name of a model",
    "already the old name",
    "is the name of another rule",
    "'usd-per-day'",
    "no model that is enabled",
    "above the tier",  # what stands in order
    "after the entry",
    "date such as",
    "must be a time zone",
    "did you mean 'Europe/Berlin'",
    "is not a reference",  # what a text says
    "the reference",
    "must be one model",
    "wherever it is served",
    "path of task types",
    "'0h'",
    "not '0 decisions'",
    "not '110%'",
    "finite",  # what JSON has no word for
    "must be at least one day",
    "worth_usd",  # what one section asks of another
    "did you mean 'claude-code'",
    "is required where",
    "put {",
    "unknown model 'c'",
    "no model judges its own",
    "is no regular expression",  # what a text says
    "did you mean 'resets_at'",
    "is no JSON schema",
    "is not there",
    "nothing is fetched",
    "is not known",
    "holds what JSON cannot",
    "never stands in arguments",
    "unknown placeholder",
    "unknown model 'hiaku'",  # which names are there, and what they can do
    "unknown purpose",
    "did you mean 'big'",
    "did you mean 'far'",
    "did you mean 'haiku'",
    "did you mean 'by_model'",
    "did you mean 'default'",
    "did you mean 'coding'",
    "in its own chain",
    "again",
    " -> ",
    "can never serve",
    "only sonnet",
    "needs tools",
    "asks for data",
    "takes at most",
)


def accepted(plain):
    try:
        Config.load(plain)
    except ConfigError:
        return False
    return True


def test_it_is_a_schema_of_the_draft_that_it_names():
    Draft202012Validator.check_schema(SCHEMA)
    assert SCHEMA["$schema"] == "https://json-schema.org/draft/2020-12/schema"


EXAMPLES = {
    "full": BASIC["FULL"],
    "shop": RULED["SHOP"],
    "calls": CALLS["CALLS"],
    **{f"chains {place}": json.dumps({**CHAINS["SHOP"], "chains": each}) for place, each in enumerate(CHAINS["GOOD"])},
    **{path.stem: path.read_text(encoding="utf-8") for path in sorted(CONFIGS.glob("*.yaml"))},
    "starter": starter({}),
    "found": Effective.of(None, {"OPENAI_API_KEY": "x", "GROQ_API_KEY": "y"}).yaml(),
    "empty": "{}",
    "short": "{models: {a: null}, policy: null, state: ./s, mode: shadow, task_types: [x, y/z], outcomes: null}",
    "mode": "{mode: {share: 10%}, objective: {default_worth_usd: 1}, policy: kl_ucb}",
    "budget": "{budgets: [{usd: .5, per: total, hard: null}, {tokens: 5, per: 36h}]}",
    "long": "{mode: {name: share, share: .1}, budgets: [{usd_per_request: .1, usd: null, hard: false}]}",
}


@pytest.mark.parametrize("name", EXAMPLES)
def test_what_the_loader_takes_is_taken(name):
    plain = read_yaml(EXAMPLES[name]).value
    assert accepted(plain)
    assert [error.message for error in CHECK.iter_errors(plain)] == []
    again = Effective.of(plain, {}).plain()
    assert [error.message for error in CHECK.iter_errors(again)] == []


def test_a_configuration_found_in_the_environment_is_taken():
    plain = found_in({"OPENAI_API_KEY": "x", "OPENROUTER_API_KEY": "y"}).model_dump(mode="json", exclude_unset=True)
    assert CHECK.is_valid(plain)


WRONG = [
    *((text, said) for text, _, _, said in BASIC["WRONG"]),
    *((RULED["SHOP"] + text, said) for text, _, said in RULED["WRONG"]),
    *((text, said) for text, _, said in CALLS["WRONG"]),
    *((json.dumps({**CHAINS["SHOP"], "chains": chains}), said) for chains, _, said in CHAINS["WRONG"]),
]


@pytest.mark.parametrize(("text", "said"), WRONG)
def test_what_the_loader_refuses_is_refused_where_a_schema_can_tell(text, said):
    plain = read_yaml(text).value
    assert not accepted(plain)
    assert (
        CHECK.is_valid(plain) == any(each in said for each in ONLY_THE_LOADER) or plain.get("objective") == "worth_usd"
    )


@pytest.mark.parametrize("key", sorted(Config.later))
def test_what_later_versions_bring_is_refused(key):
    assert not CHECK.is_valid({"models": {"a": {}}, key: {}})


@given(st.dictionaries(JUNK["_KEYS"], JUNK["_JUNK"], max_size=4), JUNK["_JUNK"])
def test_what_the_schema_refuses_the_loader_refuses_too(plain, model):
    for source in (plain, {**plain, "models": {"a": model}}, {"models": {"a": {}}, **plain}):
        if accepted(source):
            assert [error.message for error in CHECK.iter_errors(source)] == []


def test_every_key_is_described():
    def keys(schema, path=()):
        if isinstance(schema, dict):
            for name, each in schema.get("properties", {}).items():
                if "description" in schema:
                    yield (*path, name), each
            for name, each in schema.items():
                yield from keys(each, (*path, name))
        elif isinstance(schema, list):
            for each in schema:
                yield from keys(each, path)

    found = dict(keys(SCHEMA))
    assert len(found) > 100
    assert [path for path, each in found.items() if not each.get("description", "").endswith(".")] == []
    assert not any("``" in each["description"] for each in found.values())
