"""The configuration in force: all of it, loadable, with the origin of each value, and nothing secret."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.config import Config, Effective
from selector.config._writing import Leaf, written
from selector.config._yaml import read_yaml
from selector.errors import ConfigError

TEXT = """\
mode: {share: 10%}
policy: greedy
objective: {min_success: .7}
presets: [cost-aware]
providers:
  work: {kind: anthropic, api_key: env:WORK_KEY, data: [eu]}
models:
  opus:
    provider: work
    tags: [expensive]
    prices: [{from: 2026-07-30, usd_per_mtok_in: 4}]
  kimi: {tags: [text-only], params: {api_token: abc, effort: high, nested: {x: sk-live-4f9a}}}
task_types: [coding, research/web]
budgets:
  - {usd: 5, per: 36h, warn_at: [50%]}
rules:
  - {condition: "hour >= 22", prefer: {kimi: .05}}
purposes: {lead: [opus]}
last_resort: kimi
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "selector.yaml"
    path.write_text(TEXT, encoding="utf-8")
    return path


def test_each_value_knows_its_line_its_preset_or_that_it_is_the_default(file):
    found = Effective.of(file, {}).origins()
    lines = {
        "mode": 1,
        "policy.name": 2,
        "objective.name": 3,
        "objective.min_success": 3,
        "providers.work.data": 6,
        "models.opus.tags": 10,
        "models.opus.prices[0].from": 11,
        "models.kimi.params": 12,
        "budgets[0].per": 15,
        "rules[0].prefer.kimi": 17,
        "purposes.lead.models": 18,
        "last_resort": 19,
    }
    assert {key: found[key] for key in lines} == {key: f"{file}:{line}" for key, line in lines.items()}
    assert {found[f"rules[1].{key}"] for key in ("name", "condition", "only", "reason")} == {"preset cost-aware"}
    defaults = ("version", "timezone", "policy.draws", "objective.confidence", "models.opus.enabled", "state.path")
    assert {found[key] for key in defaults} == {"default"}
    assert "models.opus.family" not in found


def test_every_value_of_the_configuration_is_there_but_for_what_holds_nothing(file):
    config, found = Config.load(file), Effective.of(file, {}).plain()
    assert found["policy"] == {"name": "greedy", "half_life": "7000 decisions", "draws": 256}
    assert found["budgets"] == [{"usd": 5.0, "per": "36h", "warn_at": [0.5]}]
    assert [rule.get("name") for rule in found["rules"]] == [None, "cost-aware-research", "cost-aware-routine"]
    assert list(found["task_types"]) == list(config.task_types)
    assert "presets" not in found


def test_what_is_printed_loads_and_decides_the_same(file):
    safe = file.with_name("safe.yaml")
    safe.write_text(TEXT.replace("api_token: abc, ", "").replace(", nested: {x: sk-live-4f9a}", ""), encoding="utf-8")
    for origin in (False, True):
        again = file.with_name("again.yaml")
        again.write_text(Effective.of(safe, {}).yaml(origin=origin), encoding="utf-8")
        assert Config.load(again).digest == Config.load(safe).digest


def test_the_comments_say_where_each_value_comes_from(file):
    text = Effective.of(file, {}).yaml(origin=True)
    (share,) = [line for line in text.splitlines() if line.startswith("mode:")]
    assert share.split(" # ")[1] == f"{file}:1"
    (floor,) = [line for line in text.splitlines() if "floor" in line]
    assert floor.split() == ["#", "floor:", "0.0", "#", "default"]
    values = [line for line in text.splitlines() if not line.rstrip().endswith(":")]
    assert all(" # " in line for line in values)


def test_nothing_secret_is_printed(file):
    found = Effective.of(file, {"WORK_KEY": "sk-the-key-itself"})
    for text in (found.yaml(), found.yaml(origin=True), str(found.plain())):
        assert "env:WORK_KEY" in text
        assert [secret for secret in ("abc", "sk-live", "sk-the-key") if secret in text] == []
    assert found.plain()["models"]["kimi"]["params"] == {
        "api_token": "<hidden>",
        "effort": "high",
        "nested": {"x": "<hidden>"},
    }


def test_a_token_in_the_path_of_an_address_is_hidden_and_the_rest_is_not():
    urls = {"a": "https://x.org/0123456789abcdef0123456789abcdef/v1", "b": "https://openrouter.ai/api/v1"}
    plain = {
        "models": {"m": {}},
        "providers": {name: {"kind": "openai", "base_url": url} for name, url in urls.items()},
    }
    found = Effective.of(plain, {}).plain()["providers"]
    assert {name: entry["base_url"] for name, entry in found.items()} == {
        "a": "https://x.org/hidden/v1",
        "b": urls["b"],
    }


def test_what_the_environment_allows_names_the_variable_and_never_its_value():
    found = Effective.of(None, {"OPENAI_API_KEY": "sk-1", "GROQ_API_KEY": "gsk_2"})
    origins = found.origins()
    assert origins["providers.groq.base_url"] == "environment GROQ_API_KEY"
    assert {value for key, value in origins.items() if re.match(r"providers\.openai\.(?!breaker)", key)} == {
        "environment OPENAI_API_KEY"
    }
    model = next(name for name in found.config.models if found.config.models[name].provider == "groq")
    assert origins[f"models.{model}.id"] == "environment GROQ_API_KEY"
    assert origins["version"] == "default"
    assert "sk-1" not in found.yaml(origin=True)


def test_the_state_folder_that_is_given_stands_in_place_of_the_configured_one(file, tmp_path):
    found = Effective.of(file, {}, state=(str(tmp_path), "environment SELECTOR_STATE"))
    assert found.plain()["state"]["path"] == str(tmp_path)
    assert found.origins()["state.path"] == "environment SELECTOR_STATE"
    assert found.origins()["state.durability"] == "default"


@pytest.mark.parametrize("written_", ["1 decision", "2.5 decisions", "14d", "36 hours", "100s", "1w", "7.5m", None])
def test_spans_of_time_and_half_lives_come_back_as_they_were(written_):
    plain = {"models": {"a": {}}, "policy": {"half_life": written_}}
    if written_ is not None and "decision" not in written_:
        plain["budgets"] = [{"usd": 1, "per": written_}]
    assert Config.load(Effective.of(plain, {}).plain()) == Config.load(Effective.of(Config.load(plain), {}).plain())
    assert Config.load(Effective.of(plain, {}).plain()).digest == Config.load(plain).digest


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**62), 2**62) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
_TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.dictionaries(_TEXT, _JSON | _TEXT, min_size=1, max_size=5))
def test_whatever_is_written_is_read_back(plain):
    lines = written({key: Leaf(value, "here # there") for key, value in plain.items()}, origin=True)
    assert read_yaml("\n".join(lines)).value == plain


SIGNS = """on off yes no null Null ~ true 012 0o14 0x1f 1e3 .5 .inf .nan - -1 1_000 12:30 2026-07-30 3d 0xd * *a &a
!a @a a:b a: a# [a {a a,b 'a' "a" % | > ? = << <<: <hidden>"""


@pytest.mark.parametrize("text", [*SIGNS.split(), "", " ", "a #b", "a: b", "a\nb", "\x7f", "\xe9\U0001f600"])
def test_words_that_mean_something_in_yaml_are_read_back_as_they_are(text):
    assert read_yaml("\n".join(written({text or "x": Leaf([text, {text: text}], "")}))).value == {
        text or "x": [text, {text: text}]
    }


_WORDS = st.sampled_from(["a", "b", "tag:t", "purpose:p", "*@w", "a@w"])
_NUMBERS = st.sampled_from([0, 0.02, 0.1, 0.5, 1])
_SPANS = st.sampled_from(["14d", "36h", "90s", "month", "1.5s", "3 weeks"])
_PARTS = st.fixed_dictionaries(
    {"models": st.just({"a": {"provider": "w", "tags": ["t"]}, "b": {"of": "a", "was": "c"}})},
    optional={
        "mode": st.sampled_from(["off", "on", "shadow", {"share": "33%"}, {"share": 0.07}]),
        "policy": st.sampled_from(["ucb1", {"name": "fixed", "model": "a"}, {"floor": 0}, {"concentration": 3}]),
        "objective": st.sampled_from(["most_success", {"min_success": 0.5}, {"no_worse_than": {"model": "b"}}]),
        "budgets": st.lists(st.fixed_dictionaries({"usd": _NUMBERS, "per": _SPANS}), max_size=1),
        "purposes": st.just({"p": ["a", "tag:t"]}),
        "task_types": st.fixed_dictionaries(
            {"x": st.fixed_dictionaries({}, optional={"only": st.lists(_WORDS, unique=True), "min_success": _NUMBERS})}
        ),
        "rules": st.lists(
            st.fixed_dictionaries(
                {"condition": st.sampled_from(["priority == 0", "labels contains 'x' or hour > 3"])},
                optional={
                    "only": st.lists(_WORDS, unique=True),
                    "prefer": st.dictionaries(_WORDS, _NUMBERS),
                    "explore": st.booleans(),
                    "min_success": _NUMBERS,
                    "reason": st.text(min_size=1, max_size=20),
                },
            ),
            max_size=3,
        ),
        "state": st.sampled_from(["./s", {"keep": "400d"}]),
    },
)


@given(_PARTS)
def test_whatever_loads_is_printed_so_that_it_loads_and_decides_the_same(plain):
    plain["providers"] = {"w": {"kind": "openai"}}
    try:
        config = Config.load(plain)
    except ConfigError:
        return
    found = Effective.of(plain, {})
    assert read_yaml(found.yaml(origin=True)).value == found.plain()
    assert Config.load(found.plain()).digest == config.digest
    assert Effective.of(found.plain(), {}).plain() == found.plain()
