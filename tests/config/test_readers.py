"""YAML 1.2, JSON and TOML: the same values, with the line of each key."""

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.config._json import read_json
from selector.config._toml import read_toml
from selector.config._yaml import MOST_NODES, read_yaml
from selector.errors import ConfigError


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("on", "on"),
        ("off", "off"),
        ("yes", "yes"),
        ("no", "no"),
        ("Y", "Y"),
        ("true", True),
        ("TRUE", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("012", 12),
        ("-7", -7),
        ("+7", 7),
        ("0o14", 12),
        ("0xFF", 255),
        ("0b11", "0b11"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("1:2:3", "1:2:3"),
        ("2026-07-30", "2026-07-30"),
        (".02", 0.02),
        ("1.", 1.0),
        ("1e-3", 0.001),
        ("1e3", 1000.0),
        ("-.5E+2", -50.0),
        (".inf", math.inf),
        ("-.INF", -math.inf),
        (".", "."),
        ("+", "+"),
        ("1e", "1e"),
        ("'012'", "012"),
        ('"true"', "true"),
        ("<<", "<<"),
        ("=", "="),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(written, value):
    found = read_yaml(f"key: {written}").value["key"]
    assert found == value
    assert type(found) is type(value)


def test_not_a_number_is_read():
    assert math.isnan(read_yaml("key: .nan").value["key"])


@given(st.integers(-(10**30), 10**30))
def test_every_integer_is_read_back(number):
    assert read_yaml(f"- {number}").value == [number]


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_float_is_read_back(number):
    assert read_yaml(f"- {number!r}").value == [number]


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers()
        | st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126)),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner),
        max_leaves=10,
    )
)
def test_json_is_yaml(value):
    assert read_yaml(json.dumps(value)).value == value


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", 4, r"b\.c: stands twice, first in line 3"),
        ("a: 1\n? [x]\n: 2\n", 2, "key a sequence"),
        ("a: 1\n3: 2\n", 2, "key '3'"),
        ("true: 2\n", 1, "key 'true'"),
        ("a: 1\nb: !!python/object:os.system x\n", 2, "tag"),
        ("a: !secret x\n", 1, "tag !secret"),
        ("a: !!set {x}\n", 1, "tag !!set"),
        ("a: !!int x\n", 1, "tag !!int"),
        ("a: b: c\n", 1, "is not YAML"),
        ("a: [1\n", 2, "is not YAML"),
        ("\ta: 1\n", 1, "is not YAML"),
        ("a: 1\n---\nb: 2\n", 2, "is not YAML"),
        ("a: &x [*x]\n", 1, "holds itself"),
        ('a: "\\UFFFFFFFF"\n', None, "is not YAML"),
        ("a: \x01\n", None, "is not YAML"),
        (f"a: {'9' * 5000}\n", 1, "too many digits"),
        ("a: " + "[" * 60 + "]" * 60, 1, "nested too deeply"),
        ("a: " + "[" * 5000, None, "nested too deeply"),
    ],
)
def test_what_is_not_yaml_1_2_is_refused_with_its_line(text, line, said):
    with pytest.raises(ConfigError, match=said) as caught:
        read_yaml(text, "selector.yaml")
    assert caught.value.file == "selector.yaml"
    assert caught.value.line == line


def test_an_alias_is_read_and_a_bomb_of_aliases_is_refused():
    assert read_yaml("a: &x {k: 1}\nb: *x\n").value == {"a": {"k": 1}, "b": {"k": 1}}
    bomb = "a0: &a0 [1,1,1,1,1,1,1,1,1,1]\n"
    bomb += "".join(f"a{n}: &a{n} [{','.join([f'*a{n - 1}'] * 10)}]\n" for n in range(1, 9))
    with pytest.raises(ConfigError, match=f"{MOST_NODES:,} values"):
        read_yaml(bomb)


def test_an_error_of_syntax_does_not_repeat_the_line():
    """The line at fault may hold a key."""
    with pytest.raises(ConfigError) as caught:
        read_yaml("api_key: sk-live-1: 2\n", "selector.yaml")
    assert "sk-live" not in str(caught.value)
    assert caught.value.__cause__ is caught.value.__context__ is None


@given(st.text(alphabet=st.characters(codec="utf-8"), max_size=60))
def test_any_text_is_yaml_or_a_config_error(text):
    try:
        read_yaml(text)
    except ConfigError:
        return


@given(st.text(alphabet='{}[]",:&*!-? \n\t\\aU0.#|>%@', max_size=30))
def test_any_text_of_indicators_is_yaml_or_a_config_error(text):
    for reader in (read_yaml, read_json, read_toml):
        try:
            reader(text)
        except ConfigError:
            continue


def test_json_gives_the_line_of_each_key_and_member():
    text = '{"a": {"b, \\"}": 1,\n "c": [1,\n {"d": []}]},\n "e": {}\n}'
    document = read_json(text, "selector.json")
    assert document.value == {"a": {'b, "}': 1, "c": [1, {"d": []}]}, "e": {}}
    assert document.places.lines == {
        ("a",): 1,
        ("a", 'b, "}'): 1,
        ("a", "c"): 2,
        ("a", "c", 0): 2,
        ("a", "c", 1): 3,
        ("a", "c", 1, "d"): 3,
        ("e",): 4,
    }


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('{"a": {"b": 1,\n"b": 2}}', 2, r"a\.b: stands twice"),
        ('{"a":\n 1,}', 2, "is not JSON"),
        ('{"a": NaN}', None, "NaN is not a number"),
        ("[" * 100_000, None, "nested too deeply"),
    ],
)
def test_what_is_not_json_is_refused_with_its_line(text, line, said):
    with pytest.raises(ConfigError, match=said) as caught:
        read_json(text, "selector.json")
    assert caught.value.line == line


def test_toml_that_is_nested_too_deeply_is_refused():
    with pytest.raises(ConfigError, match="is nested too deeply"):
        read_toml("a = " + "[" * 5000 + "]" * 5000)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


def _paths(value, path=()):
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in items:
        yield (*path, key)
        yield from _paths(member, (*path, key))


@given(_JSON, st.sampled_from([None, 1]))
def test_every_path_of_a_json_document_has_a_line(value, indent):
    text = json.dumps(value, indent=indent, ensure_ascii=False)
    assert set(read_json(text).places.lines) == set(_paths(value))


def test_toml_gives_the_line_of_each_key_that_begins_one():
    text = """version = 1
[models."gpt-4.1"]   # a comment
usd_per_mtok_in = 2.0
prior.quality = 0.8
[[budgets]]
usd = 1
[[budgets]]
"usd" = 2
scope = {tag = "external"}
"""
    places = read_toml(text, "selector.toml").places
    assert places.line(("models", "gpt-4.1")) == 2
    assert places.line(("models", "gpt-4.1", "usd_per_mtok_in")) == 3
    assert places.line(("models", "gpt-4.1", "prior", "quality")) == 4
    assert places.line(("budgets", 0, "usd")) == 6
    assert places.line(("budgets", 1, "usd")) == 8
    assert places.line(("budgets", 1, "scope", "tag")) == 9


@pytest.mark.parametrize(("text", "line"), [("a = 1\na = 2\n", 2), ("a = \n", 1), ("[a\n", 1)])
def test_what_is_not_toml_is_refused_with_its_line(text, line):
    with pytest.raises(ConfigError, match="is not TOML") as caught:
        read_toml(text, "selector.toml")
    assert caught.value.line == line
