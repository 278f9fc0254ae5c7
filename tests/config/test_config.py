"""What the user wrote, checked: every mistake is named with its file, line, key, value and remedy."""

import json
import re
import traceback
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.catalog import Catalog
from selector.config import (
    BudgetConfig,
    Config,
    HalfLife,
    ModeConfig,
    ModelConfig,
    ObjectiveConfig,
    PolicyConfig,
    ProviderConfig,
    PurposeConfig,
    Reference,
    RouteConfig,
    RuleConfig,
    TaskTypeConfig,
)
from selector.errors import ConfigError, UnknownModelError

CONFIGS = Path(__file__).parents[2] / "experiments" / "configs"

FULL = """\
version: 1
timezone: Europe/Berlin
policy: {name: thompson, floor: .02, concentration: 4, half_life: 3500 decisions}
objective: {no_worse_than: {model: opus, by: .02}, confidence: .5, usd_per_second: .0001}
last_resort: llama
providers:
  work: {kind: anthropic, api_key: env:WORK_KEY}
  local: {kind: openai, base_url: http://localhost:11434/v1/}
  openrouter: {kind: openai, base_url: https://openrouter.ai/api/v1, api_key: "file:keys.env#OPENROUTER"}
models:
  opus: {provider: work, id: claude-opus-4-8, family: claude, capabilities: [tools, vision]}
  sonnet:
    family: claude
    capabilities: [tools, vision]
    context_tokens: 200000
    max_output_tokens: 16000
    usd_per_mtok_in: 3
    usd_per_mtok_out: 15
    usd_per_mtok_cache_read: .3
    tiers: [{above_tokens: 200000, usd_per_mtok_in: 6}]
    prices: [{from: 2026-07-30, usd_per_mtok_in: 2}]
    prior: {quality: .8, weight: 5}
    routes:
      work: {id: claude-sonnet-4-6}
      openrouter: {id: anthropic/claude-sonnet-4.6, usd_per_mtok_in: 3.15}
  sonnet-high: {of: sonnet, params: {reasoning_effort: high}}
  grok: {provider: openrouter, id: x-ai/grok-4, tags: [external], enabled: true, was: grok-beta}
  llama: {provider: local, id: llama3.3, usd_per_mtok_in: 0, usd_per_mtok_out: 0}
task_types:
  coding: {needs: [tools], worth_usd: .50}
  research: {min_success: .7, max_latency_s: 60}
  email: {only: [opus, sonnet@work, tag:external], explore: false}
budgets:
  - {name: company, usd: 300, per: month, warn_at: [50%, .8]}
  - {name: external, tokens: 1000000, per: day, hard: false}
  - {name: user, requests: 10, per: 24h}
  - {name: pace, usd_per_request: .02}
"""


def load(tmp_path, text, name="selector.yaml"):
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return Config.load(file)


def refused(tmp_path, text, name="selector.yaml"):
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, text, name)
    return caught.value


class TestLoad:
    def test_every_part_is_read_as_typed_values(self, tmp_path):
        config = load(tmp_path, FULL)
        assert config.timezone == "Europe/Berlin"
        assert config.policy.half_life == HalfLife(3500.0, "decisions")
        assert (config.objective.name, config.objective.no_worse_than.model) == ("no_worse_than", "opus")
        assert config.providers["local"].base_url == "http://localhost:11434/v1"
        assert config.models["sonnet"].prices[0].start == date(2026, 7, 30)
        assert config.models["sonnet"].tiers[0].usd_per_mtok_in == 6
        assert config.models["sonnet-high"].params == {"reasoning_effort": "high"}
        assert config.models["grok"].was == "grok-beta"
        assert config.task_types["email"].only == ("opus", "sonnet@work", "tag:external")
        assert [budget.resource for budget in config.budgets] == ["usd", "tokens", "requests", "usd_per_request"]
        assert [budget.is_hard for budget in config.budgets] == [True, False, True, False]
        assert config.budgets[0].warn_at == (0.5, 0.8)
        assert config.budgets[2].per == timedelta(hours=24)

    def test_the_same_values_in_json_toml_a_mapping_or_a_config_are_the_same_configuration(self, tmp_path):
        yaml_config = load(tmp_path, FULL)
        plain = yaml_config.model_dump(mode="json", by_alias=True, exclude_unset=True)
        plain["policy"]["half_life"] = "3500 decisions"
        plain["budgets"][2]["per"] = "86400s"
        assert Config.load(plain).digest == yaml_config.digest
        assert load(tmp_path, json.dumps(plain), "selector.json").digest == yaml_config.digest
        assert Config.load(str(tmp_path / "selector.json")) == yaml_config
        assert Config.load(yaml_config) is yaml_config
        toml = "[models.opus]\nusd_per_mtok_in = 5\nprices = [{from = 2026-07-30, usd_per_mtok_in = 4}]\n"
        same = {"models": {"opus": {"usd_per_mtok_in": 5, "prices": [{"from": "2026-07-30", "usd_per_mtok_in": 4}]}}}
        assert load(tmp_path, toml, "selector.toml").digest == Config.load(same).digest

    def test_short_forms_are_the_long_ones(self):
        short = {"models": {"a": None}, "policy": "greedy", "objective": "most_success", "task_types": ["coding"]}
        long = {
            "models": {"a": {}},
            "policy": {"name": "greedy"},
            "objective": {"name": "most_success"},
            "task_types": {"coding": {}},
        }
        assert Config.load(short).digest == Config.load(long).digest

    def test_defaults_are_those_of_the_design(self):
        config = Config.load({"models": {"a": {}}})
        assert (config.version, config.timezone, config.priors, config.objective) == (1, "UTC", "none", None)
        policy = config.policy
        assert (policy.name, policy.least, policy.sharpness, policy.draws) == ("thompson", 0.02, 4.0, 256)
        assert policy.half_life == HalfLife(3500.0, "decisions")
        assert Config.load({"models": {"a": {}}, "policy": {"half_life": None}}).policy.half_life is None

    @pytest.mark.parametrize("name", ["one", "three", "thirty"])
    def test_the_examples_load(self, name):
        count = {"one": 1, "three": 3, "thirty": 30}
        assert len(Config.load(CONFIGS / f"{name}.yaml").models) == count[name]

    def test_a_configuration_cannot_be_changed(self):
        config = Config.load({"models": {"a": {}}})
        with pytest.raises(ValueError, match="frozen"):
            config.timezone = "Europe/Berlin"

    @pytest.mark.parametrize(
        ("source", "said"),
        [
            (None, "not an object of type NoneType"),
            ([], "not an object of type list"),
            (b"selector.yaml", "not an object of type bytes"),
            ("nowhere.yaml", "no such file"),
            ("selector", "suffix ''; valid: .json, .toml, .yaml, .yml"),
            ("selector.jsn", "did you mean '.json'"),
            ("a\0b.yaml", "cannot be read"),
            ("a" * 5000 + ".yaml", "cannot be read"),
        ],
    )
    def test_what_cannot_be_read_is_said(self, source, said):
        with pytest.raises(ConfigError, match=re.escape(said)):
            Config.load(source)

    def test_a_folder_and_bytes_that_are_no_text_are_said(self, tmp_path):
        folder = tmp_path / "selector.yaml"
        folder.mkdir()
        with pytest.raises(ConfigError, match="cannot be read"):
            Config.load(folder)
        (tmp_path / "latin.yaml").write_bytes("models: {caf\u00e9: }".encode("latin-1"))
        with pytest.raises(ConfigError, match="is not UTF-8"):
            Config.load(tmp_path / "latin.yaml")

    def test_an_empty_file_is_every_default_and_names_no_model(self, tmp_path):
        """A simulation's configuration needs none: its table names them. Whoever builds a catalog is told."""
        (tmp_path / "selector.yaml").write_text("")
        config = Config.load(tmp_path / "selector.yaml")
        assert config == Config()
        with pytest.raises(ConfigError, match="models: must name at least one model"):
            Catalog.of(config)


WRONG = [
    ("models:\n  a: {usd_per_mtok_in: -3}", 2, "models.a.usd_per_mtok_in", "must be at least 0, not -3"),
    ("models:\n  a: {usd_per_mtok_in: '3'}", 2, "models.a.usd_per_mtok_in", "must be a number, not '3'"),
    ("models:\n  a: {usd_per_mtok_in: .nan}", 2, "models.a.usd_per_mtok_in", "finite number, not nan"),
    ("models:\n  a: {usd_per_mtok_in: 2e9}", 2, "models.a.usd_per_mtok_in", "must be at most"),
    ("models:\n  a:\n    usd_per_mtok_inn: 3", 3, "models.a.usd_per_mtok_inn", "did you mean 'usd_per_mtok_in'"),
    ("models:\n  a: {prior: {quality: 1.5}}", 2, "models.a.prior.quality", "must be at most 1, not 1.5"),
    ("models:\n  a: {prior: {quality: -.1}}", 2, "models.a.prior.quality", "must be at least 0, not -0.1"),
    ("models:\n  a: {prior: {quality: .5, weight: 0}}", 2, "models.a.prior.weight", "more than 0, not 0"),
    ("models:\n  a: {prior: {weight: 5}}", 2, "models.a.prior.quality", "is required"),
    ("models:\n  a: {enabled: on}", 2, "models.a.enabled", "must be true or false, not 'on'"),
    ("models:\n  a: {enabled: false}", 1, "models", "no model that is enabled"),
    ("models:\n  a: {context_tokens: 1.5}", 2, "models.a.context_tokens", "whole number, not 1.5"),
    ("models:\n  a: {max_output_tokens: 0}", 2, "models.a.max_output_tokens", "at least 1, not 0"),
    ("models:\n  a: {tags: eu}", 2, "models.a.tags", "must be a list, not 'eu'; write it in [brackets]"),
    ("models:\n  a: {tags: [eu, eu]}", 2, "models.a.tags[1]", "'eu' twice"),
    ("models:\n  a: {tags: [e@u]}", 2, "models.a.tags", "without '@'"),
    ("models:\n  a: {params: {x: .inf}}", 2, "models.a.params.x", "finite"),
    ("models:\n  a@b: {}", 2, "models.a@b", "without '@'"),
    ("models:\n  'tag:b': {}", 2, "models.tag:b", "begin like a reference"),
    ("models:\n  auto: {}", 2, "models.auto", "begin like a reference"),
    ("models:\n  ' a': {}", 2, "models. a", "without spaces around it"),
    (
        "models:\n  a: {provider: wrok}\nproviders:\n  work: {kind: openai}",
        2,
        "models.a.provider",
        "did you mean 'work'",
    ),
    ("models:\n  a: {provider: openai}", 2, "models.a.provider", "declare it under providers"),
    ("models:\n  a: {routes: {w: {}}}\nproviders:\n  work: {kind: openai}", 2, "models.a.routes.w", "unknown provider"),
    ("models:\n  a: {routes: {}}", 2, "models.a.routes", "at least one provider"),
    (
        "models:\n  a: {provider: w, routes: {w: {}}}\nproviders: {w: {kind: openai}}",
        2,
        "models.a.provider",
        "one of them",
    ),
    ("models:\n  a: {of: a}", 2, "models.a.of", "leads back to itself: a of a"),
    ("models:\n  a: {of: c}\n  b: {of: a}\n  c: {of: b}", 2, "models.a.of", "a of c of b of a"),
    ("models:\n  a: {was: b}\n  b: {}", 2, "models.a.was", "still the name of a model"),
    ("models:\n  a: {was: x}\n  b: {was: x}", 3, "models.b.was", "already the old name of 'a'"),
    (
        "models:\n  a: {tiers: [{above_tokens: 2}, {above_tokens: 2}]}",
        2,
        "models.a.tiers[1].above_tokens",
        "above the tier",
    ),
    ("models:\n  a: {tiers: [{usd_per_mtok_in: 2}]}", 2, "models.a.tiers[0].above_tokens", "is required"),
    (
        "models:\n  a: {prices: [{from: 2026-02-30}]}",
        2,
        "models.a.prices[0].from",
        "date such as 2026-07-30, not '2026-02-30'",
    ),
    (
        "models:\n  a: {prices: [{from: 2026-02-03}, {from: 2026-02-01}]}",
        2,
        "models.a.prices[1].from",
        "after the entry",
    ),
    ("models: {a: }\nmodel: {}", 2, "model", "did you mean 'models'"),
    ("models: [a]", 1, "models", "must be a mapping with keys, not a list"),
    ("models: {}", 1, "models", "at least one model"),
    ("version: 2\nmodels: {a: }", 1, "version", "must be 1, not 2"),
    ("models: {a: }\ntimezone: Europe/Berln", 2, "timezone", "did you mean 'Europe/Berlin'"),
    ("models: {a: }\ntimezone: Europe", 2, "timezone", "must be a time zone"),
    ("models: {a: }\npriors: published", 2, "priors", "'published' is not supported yet"),
    ("models: {a: }\npriors: some", 2, "priors", "must be 'none', not 'some'"),
    ("models: {a: }\npolicy: thomson", 2, "policy.name", "not 'thomson'; did you mean 'thompson'"),
    ("models: {a: }\npolicy:\n  floor: 2", 3, "policy.floor", "must be at most 1, not 2"),
    ("models: {a: }\npolicy:\n  flor: .2", 3, "policy.flor", "did you mean 'floor'"),
    ("models: {a: }\npolicy:\n  epsilon: .2", 3, "policy.epsilon", "parameter of epsilon_greedy, not of thompson"),
    ("models: {a: }\npolicy:\n  half_life: 30", 3, "policy.half_life", "'3500 decisions' or '14d', or null, not 30"),
    ("models: {a: }\npolicy:\n  half_life: 0 decisions", 3, "policy.half_life", "more than 0, not '0 decisions'"),
    ("models: {a: }\npolicy:\n  draws: 0", 3, "policy.draws", "at least 1, not 0"),
    ("models: {a: }\npolicy: fixed", 2, "policy.model", "is required"),
    ("models: {abc: }\npolicy: {name: fixed, model: abd}", 2, "policy.model", "did you mean 'abc'"),
    ("models: {a: }\nobjective: most_succes", 2, "objective.name", "did you mean 'most_success'"),
    ("models: {a: }\nobjective: min_success", 2, "objective.min_success", "is required"),
    (
        "models: {a: }\nobjective: {min_success: .7, no_worse_than: {model: a}}",
        2,
        "objective.no_worse_than",
        "belongs to",
    ),
    ("models: {a: }\nobjective: {name: most_success, confidence: .7}", 2, "objective.confidence", "belongs to"),
    (
        "models: {a: }\nobjective: {min_success: .7, default_worth_usd: 1}",
        2,
        "objective.default_worth_usd",
        "belongs to",
    ),
    ("models: {a: }\nobjective: worth_usd", 2, "objective.default_worth_usd", "is required"),
    ("models: {a: }\nobjective: worth_usd\ntask_types: {x: }", 3, "task_types.x.worth_usd", "is required"),
    (
        "models: {abc: }\nobjective: {no_worse_than: {model: abd}}",
        2,
        "objective.no_worse_than.model",
        "did you mean 'abc'",
    ),
    ("models: {abc: }\nlast_resort: abd", 2, "last_resort", "did you mean 'abc'"),
    ("models: {abc: }\nlast_resort: abc@work", 2, "last_resort", "has no route at 'work'"),
    ("models: {a: }\nproviders: {w: {kind: opnai}}", 2, "providers.w.kind", "not 'opnai'; did you mean 'openai'"),
    ("models: {a: }\nproviders: {w: {kind: command}}", 2, "providers.w.kind", "'command' is not supported yet"),
    ("models: {a: }\nproviders: {w: {}}", 2, "providers.w.kind", "is required"),
    ("models: {a: }\nproviders: {w@x: {kind: openai}}", 2, "providers.w@x", "without '@'"),
    (
        "models: {a: }\nproviders: {w: {kind: openai, base_url: x.org}}",
        2,
        "providers.w.base_url",
        "must be a URL such as",
    ),
    ("models: {a: }\ntask_types: [x, x]", 2, "task_types[1]", "'x' twice"),
    ("models: {a: }\ntask_types: [3]", 2, "task_types[0]", "must be a word"),
    ("models: {a: }\ntask_types: {x: {worth_usd: -1}}", 2, "task_types.x.worth_usd", "at least 0, not -1"),
    ("models: {a: }\ntask_types: {x: {max_latency_s: 0}}", 2, "task_types.x.max_latency_s", "more than 0, not 0"),
    ("models: {abc: }\ntask_types: {x: {only: [abd]}}", 2, "task_types.x.only[0]", "did you mean 'abc'"),
    (
        "models: {a: }\ntask_types: {x: {only: ['purpose:w']}}",
        2,
        "task_types.x.only[0]",
        "unknown purpose 'w'; declare it",
    ),
    ("models: {a: }\ntask_types: {x: {only: ['tag:w']}}", 2, "task_types.x.only[0]", "no model has the tag 'w'"),
    ("models: {a: }\ntask_types: {x: {only: ['@w']}}", 2, "task_types.x.only[0]", "is not a reference"),
    ("models: {a: }\nbudgets:\n  - {per: day}", 3, "budgets[0]", "exactly one of"),
    ("models: {a: }\nbudgets:\n  - {usd: 1}\n", 3, "budgets[0].per", "is required"),
    ("models: {a: }\nbudgets:\n  - {usd: 1, tokens: 1, per: day}", 3, "budgets[0].tokens", "usd and tokens are given"),
    ("models: {a: }\nbudgets:\n  - {usd: -1, per: day}", 3, "budgets[0].usd", "at least 0, not -1"),
    ("models: {a: }\nbudgets:\n  - {usd: 1, per: fortnight}", 3, "budgets[0].per", "not 'fortnight'"),
    ("models: {a: }\nbudgets:\n  - {usd: 1, per: 0h}", 3, "budgets[0].per", "not '0h'"),
    ("models: {a: }\nbudgets:\n  - {usd_per_request: 1, per: day}", 3, "budgets[0].per", "no meaning"),
    ("models: {a: }\nbudgets:\n  - {usd_per_request: 1, hard: true}", 3, "budgets[0].hard", "refuses nothing"),
    (
        "models: {a: }\nbudgets:\n  - {usd: 1, per: day, warn_at: [50]}",
        3,
        "budgets[0].warn_at[0]",
        "share such as '50%'",
    ),
    ("models: {a: }\nbudgets:\n  - {usd: 1, per: day}\n  - {usd: 2, per: day}", 4, "budgets[1].name", "'usd-per-day'"),
    ("models: {a: }\nbudgets: {usd: 1}", 2, "budgets", "must be a list, not a mapping"),
]


@pytest.mark.parametrize(("text", "line", "key", "said"), WRONG, ids=[f"{entry[2]}-{entry[3]}" for entry in WRONG])
def test_every_mistake_is_named_with_its_line_key_value_and_remedy(tmp_path, text, line, key, said):
    error = refused(tmp_path, text)
    assert error.file == str(tmp_path / "selector.yaml")
    assert (error.line, error.key) == (line, key)
    assert said in str(error)


@pytest.mark.parametrize("key", ["models.a.of", "policy.model", "objective.no_worse_than.model", "last_resort"])
def test_a_name_that_no_model_has_is_its_own_kind_of_error(key):
    plain = {"models": {"a": {}}}
    *above, last = key.split(".")
    inner = plain
    for part in above:
        inner = inner.setdefault(part, {})
    inner[last] = "b"
    if key == "policy.model":
        plain["policy"]["name"] = "fixed"
    with pytest.raises(UnknownModelError, match=re.escape(key)):
        Config.load(plain)


def test_json_and_toml_name_the_line_too(tmp_path):
    assert refused(tmp_path, '{"models": {"a":\n {"usd_per_call": -1}}}', "selector.json").line == 2
    assert refused(tmp_path, "[models.a]\nusd_per_call = -1", "selector.toml").line == 2


def test_of_several_mistakes_the_first_is_named_and_the_others_are_counted(tmp_path):
    error = refused(tmp_path, "models:\n  a: {usd_per_call: -1}\n  b: {usd_per_call: -2}\ntimezone: X")
    assert error.line == 2
    assert str(error).endswith("(and 2 more)")


LATER = [
    *(f"{key}" for key in sorted(Config.later)),
    *(f"providers.w.{key}" for key in sorted(ProviderConfig.later)),
    *(f"models.a.{key}" for key in sorted(ModelConfig.later)),
    *(f"models.a.routes.w.{key}" for key in sorted(RouteConfig.later)),
    *(f"task_types.x.{key}" for key in sorted(TaskTypeConfig.later)),
    *(f"budgets.{key}" for key in sorted(BudgetConfig.later)),
]


@pytest.mark.parametrize("key", LATER)
def test_a_key_of_a_later_version_is_refused_and_never_ignored(key):
    plain = {"models": {"a": {"routes": {"w": {}}}}, "providers": {"w": {"kind": "openai"}}, "task_types": {"x": {}}}
    if key.startswith("budgets."):
        plain["budgets"] = [{"usd": 1, "per": "day", key.removeprefix("budgets."): "x"}]
        key = key.replace("budgets", "budgets[0]")
    else:
        *above, last = key.split(".")
        inner = plain
        for part in above:
            inner = inner[part]
        inner[last] = "on"
    with pytest.raises(ConfigError) as caught:
        Config.load(plain)
    assert str(caught.value) == f"{key}: is not supported yet"


SECRET = "sk-live-4f9a"  # noqa: S105  # not one


@pytest.mark.parametrize(
    "text",
    [
        f"models: {{a: }}\nproviders: {{w: {{kind: openai, api_key: {SECRET}}}}}",
        f"models: {{a: }}\nproviders: {{w: {{kind: openai, api_key: [{SECRET}]}}}}",
        f"models: {{a: }}\nproviders: {{w: {{kind: openai, api_kye: {SECRET}}}}}",
        f"models: {{a: }}\nproviders: {{w: {SECRET}}}",
        f"models: {{a: }}\nproviders: {SECRET}",
        f"models: {{a: }}\nproviders: [{SECRET}]",
        f"models: {{a: }}\nproviders: {{w: {{kind: {SECRET}}}}}",
        f"models: {{a: }}\nproviders: {{w: {{kind: openai, base_url: 'https://me:{SECRET}@x.org'}}}}",
        f"models: {{a: }}\nproviders: {{w: {{kind: openai, base_url: 'https://x.org/?key={SECRET}'}}}}",
        f"models: {{a: }}\nproviders: {{w: {{kind: openai, api_key: 'env:{SECRET}'}}}}",
        f"models: {{a: }}\nproviders: {{w: {{kind: openai, api_key: {SECRET}: x}}}}",
        f"models: {{a: {SECRET}}}",
    ],
)
def test_a_secret_is_refused_and_never_repeated(tmp_path, text):
    """Neither the message nor the traceback may hold what stands where a key belongs."""
    error = refused(tmp_path, text)
    assert SECRET not in "".join(traceback.format_exception(error, chain=True))
    assert error.__cause__ is error.__context__ is None


@pytest.mark.parametrize("reference", ["env:WORK_KEY", "file:/run/secrets/keys.env#WORK", "file:keys.txt"])
def test_a_key_is_given_by_reference(reference):
    assert ProviderConfig(kind="openai", api_key=reference).api_key == reference


@pytest.mark.parametrize("reference", ["env:", "env:A B", "file:", "file:#x", "WORK_KEY", "", None, 5])
def test_what_is_no_reference_to_a_key_is_refused(reference):
    with pytest.raises(ConfigError, match="never the key itself"):
        ProviderConfig.read(
            {"kind": "openai", "api_key": reference} if reference is not None else {"kind": "openai", "api_key": 0}
        )


class TestDigest:
    def test_it_changes_with_any_value(self):
        one = Config.load({"models": {"a": {"usd_per_mtok_in": 1}}})
        assert one.digest != Config.load({"models": {"a": {"usd_per_mtok_in": 1.5}}}).digest
        assert one.digest == Config.load({"models": {"a": {"usd_per_mtok_in": 1.0}}}).digest

    @given(st.randoms(use_true_random=False))
    def test_the_order_of_keys_does_not_matter(self, random):
        def shuffled(value):
            if not isinstance(value, dict):
                return value
            keys = list(value)
            random.shuffle(keys)
            return {key: shuffled(value[key]) for key in keys}

        plain = {
            "models": {"a": {"usd_per_mtok_in": 1, "id": "x"}, "b": {"of": "a"}, "c": {"params": {"p": 1, "q": 2}}},
            "policy": {"name": "thompson", "floor": 0.01},
            "task_types": {"coding": {"needs": ["tools"], "explore": False}, "email": {}},
        }
        assert Config.load(shuffled(plain)).digest == Config.load(plain).digest

    def test_it_is_pinned(self):
        """A change here is a change of what is logged: raise the format's version, or say so."""
        assert Config.load({"models": {"a": {}}}).digest == "1b2a600e6353d84f"


_KEYS = st.sampled_from(
    sorted(
        {"a", "b"}.union(
            Config.valid_keys(), Config.later, ModelConfig.valid_keys(), ProviderConfig.valid_keys()
        ).union(
            TaskTypeConfig.valid_keys(),
            BudgetConfig.valid_keys(),
            PolicyConfig.valid_keys(),
            ObjectiveConfig.valid_keys(),
            RuleConfig.valid_keys(),
            ModeConfig.valid_keys(),
            PurposeConfig.valid_keys(),
        )
    )
)
_JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["a", "day", "1h", "env:X", "priority == 0", "purpose:a", "*@a", "cost-aware", "shadow"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(_KEYS | st.text(max_size=4) | st.integers(), inner, max_size=4)
    ),
    max_leaves=15,
)


@given(st.dictionaries(_KEYS, _JUNK, max_size=5), _JUNK)
def test_junk_raises_config_error_or_nothing(plain, model):
    for source in (plain, {**plain, "models": {"a": model}}, {"models": {"a": {}}, **plain}):
        try:
            config = Config.load(source)
        except ConfigError:
            continue
        assert len(config.digest) == 16


def test_values_that_hold_themselves_or_have_too_many_digits_are_config_errors():
    loop = {}
    loop["x"] = loop
    deep = []
    for _ in range(3000):
        deep = [deep]
    for bad in (loop, {"x": deep}, {"x": 10**5000}, {"x": object()}, {1: 2}):
        with pytest.raises(ConfigError, match=r"models\.a\.params"):
            Config.load({"models": {"a": {"params": bad}}})
    for key in ("usd_per_call", "context_tokens", "enabled", "id", "tags"):
        with pytest.raises(ConfigError, match=rf"models\.a\.{key}"):
            Config.load({"models": {"a": {key: 10**5000}}})


class TestUnits:
    @pytest.mark.parametrize(
        ("written", "amount", "unit"),
        [
            ("3500 decisions", 3500, "decisions"),
            ("1 decision", 1, "decisions"),
            ("30 days", 30, "days"),
            ("14d", 14, "days"),
            ("1 week", 7, "days"),
            ("2w", 14, "days"),
            ("12h", 0.5, "days"),
        ],
    )
    def test_half_lives(self, written, amount, unit):
        assert HalfLife.of(written) == HalfLife.of(HalfLife(amount, unit)) == HalfLife(amount, unit)

    def test_a_span_of_time_may_be_a_timedelta(self):
        assert BudgetConfig.read({"usd": 1, "per": timedelta(hours=5)}).per == timedelta(hours=5)
        with pytest.raises(ConfigError, match="per: must be"):
            BudgetConfig.read({"usd": 1, "per": timedelta(0)})

    @pytest.mark.parametrize("written", ["5", "h", "5 years", "-5h", "1e3h", "5hh", "5 m onths", "99999999 weeks"])
    def test_what_is_no_span_of_time_is_refused(self, written):
        with pytest.raises(ConfigError, match=r"\Aper: must be"):
            BudgetConfig.read({"usd": 1, "per": written})

    @pytest.mark.parametrize(("written", "share"), [("50%", 0.5), ("0.5 %", 0.005), (1, 1.0), ("100%", 1.0)])
    def test_shares(self, written, share):
        assert BudgetConfig.read({"usd": 1, "per": "day", "warn_at": [written]}).warn_at == (share,)

    @pytest.mark.parametrize("written", [0, "0%", "101%", 1.5, "half", True, None])
    def test_what_is_no_share_is_refused(self, written):
        with pytest.raises(ConfigError, match="warn_at"):
            BudgetConfig.read({"usd": 1, "per": "day", "warn_at": [written]})


class TestReference:
    @pytest.mark.parametrize(
        ("text", "reference"),
        [
            ("sonnet", Reference("sonnet")),
            ("sonnet@work", Reference("sonnet", "work")),
            ("qwen:7b", Reference("qwen:7b")),
            ("qwen:7b@local", Reference("qwen:7b", "local")),
            ("tag:external", Reference("external", None, "tag")),
            ("tagged", Reference("tagged")),
            ("purpose:lead", Reference("lead", None, "purpose")),
            ("*@home", Reference("*", "home", "provider")),
            ("automatic", Reference("automatic")),
        ],
    )
    def test_it_is_read_and_written_back(self, text, reference):
        assert Reference.parse(text) == reference
        assert str(reference) == text

    @pytest.mark.parametrize(
        "text", ["", " ", "@", "a@", "@b", "a@b@c", "tag:", "tag:a@b", "purpose:", "purpose:a@b", "*"]
    )
    def test_what_is_no_reference_is_refused(self, text):
        with pytest.raises(ConfigError, match="is not a reference"):
            Reference.parse(text)

    @pytest.mark.parametrize("text", ["auto", "auto:coding", "ensemble:safety"])
    def test_later_kinds_are_refused_as_such(self, text):
        with pytest.raises(ConfigError, match="not supported yet"):
            Reference.parse(text)
