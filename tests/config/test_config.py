"""What the user wrote, checked: every mistake is named with its file, line, key, value and remedy."""

import json
import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from selector.catalog import Catalog
from selector.config import (
    Config,
    HalfLife,
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
        assert (config.version, config.timezone, config.priors, config.objective) == (1, "UTC", "published", None)
        policy = config.policy
        assert (policy.name, policy.least, policy.concentration, policy.draws) == ("thompson", 0.02, None, 256)
        assert policy.half_life == HalfLife(7000.0, "decisions")
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
    ("models: {a: }\npriors: some", 2, "priors", "must be 'published' or 'none', not 'some'"),
    ("models: {a: }\ntask_types: {x: {kind: 3}}", 2, "task_types.x.kind", "must be"),
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
    ("models: {a: }\nproviders: {w: {kind: command}}", 2, "providers.w.argv", "is required of a command"),
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
