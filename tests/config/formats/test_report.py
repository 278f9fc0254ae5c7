"""The report of an import: a line on each key and no more, a word on where it went, what would make it adaptive."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.config import Config
from selector.config.formats import Reading, imported, recognised
from selector.errors import ConfigError
from tests.config.formats.fragments import dumped, plain


def _leaves(value, path=""):
    """List the leaves of a document as a person counts them: a list of plain values is one."""
    if isinstance(value, dict) and value:
        return [leaf for key, each in value.items() for leaf in _leaves(each, f"{path}.{key}" if path else key)]
    if isinstance(value, list) and any(isinstance(each, (dict, list)) for each in value):
        return [leaf for n, each in enumerate(value) for leaf in _leaves(each, f"{path}[{n}]")]
    return [path]


def test_every_leaf_of_every_document_has_exactly_one_line(fragment):
    lines = imported(fragment).lines
    places = [line.place for line in lines]
    leaves = _leaves(plain(fragment.name))
    assert [place for place in places if place in leaves] == leaves
    assert len(set(places)) == len(places)


def test_every_document_loads_directly_and_as_it_is_imported(fragment):
    result = imported(fragment)
    direct, native = Config.load(fragment), Config.load(result.config)
    assert direct.digest == native.digest
    assert direct.model_dump() == native.model_dump()


def test_an_import_is_a_native_document_and_needs_no_second(fragment):
    _, written = dumped(imported(fragment).config)
    assert recognised(written) is None
    assert Config.load(written).digest == Config.load(fragment).digest


def test_no_line_is_without_a_word(fragment):
    assert all(line.word.strip() and line.place for line in imported(fragment).lines)


def test_what_went_somewhere_is_there(fragment):
    result = imported(fragment)
    there = set(_everything(result.config, ""))
    for line in result.lines:
        word = line.word.partition(";")[0].partition(":")[0]
        if line.what in {"kept", "translated"} and "*" not in word and "@" not in word and " " not in word:
            assert word in there, line


def _everything(value, path):
    yield path
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _everything(each, f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        for n, each in enumerate(value):
            yield from _everything(each, f"{path}[{n}]")


def test_what_makes_it_adaptive_makes_it_adaptive(fragment):
    result = imported(fragment)
    assert result.adaptive.startswith("delete default_model") == (
        "default_model" in result.config and len(result.config["models"]) > 1
    )


@pytest.mark.parametrize(
    "document",
    [
        {"models": {"opus": {"provider": "work"}}, "providers": {"work": {"kind": "anthropic"}}},
        {"version": 1},
        {"models": {"opus": {}}, "default_model": "opus", "chains": {"by_model": {}}},
        {"purposes": {"lead": ["opus"]}},
        {"providers": {"default": {"kind": "openai"}}, "models": {"a": {"provider": "default"}}},
        {"providers": {"mine": {"kind": "command", "argv": ["./agent"]}}},
        {},
        [],
        None,
        3,
    ],
)
def test_a_native_document_is_nobodys(document):
    assert recognised(document) is None


def test_a_document_of_no_format_is_refused_with_those_that_are_known():
    with pytest.raises(ConfigError, match=r"no known format has these keys; known: .*registry.*intents.*purposes"):
        imported({"colour": "red"})


def test_an_unknown_key_is_reported_as_ignored():
    lines = imported({"cto_model": "deepseek", "colour": {"dark": ["red", "blue"]}}).lines
    assert ("colour.dark", "ignored", "not known to this format") in lines


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(st.text(min_size=1, max_size=5), _VALUES, max_size=4))
def test_a_reading_of_anything_has_a_line_for_each_leaf(document):
    found = Reading(document).lines()
    assert len(found) == len([leaf for leaf in _leaves(document) if leaf or document])
    assert all(line.what == "ignored" for line in found)


def test_a_second_word_joins_the_first_and_the_graver_holds():
    reading = Reading({"a": {"b": 1, "c": [1, 2]}})
    reading.kept(("a", "b"), "x")
    reading.warned(("a", "b"), "look here")
    reading.translated(("a", "b"), "y")
    reading.translated(("a",), "z")
    reading.warned(("a", "c", 1), "an odd member")
    assert reading.lines() == (
        ("a.b", "warned", "x; look here; y"),
        ("a.c", "translated", "z"),
        ("a.c[1]", "warned", "an odd member"),
    )


def test_a_document_that_is_too_deep_or_has_no_word_for_a_key_is_refused():
    deep: dict[str, object] = {}
    deep["in"] = deep
    with pytest.raises(ConfigError, match=r"in\.in\.in: is nested too deeply"):
        imported({"cto_model": "a", **deep})
    with pytest.raises(ConfigError, match="has the key 3, which is not a word"):
        imported({"cto_model": "a", 3: 1})


def test_a_document_of_a_hundred_thousand_keys_is_no_configuration():
    wide = {"worker_models": {f"g{n}": {f"m{m}": {} for m in range(400)} for n in range(300)}}
    with pytest.raises(ConfigError, match="has more than 100,000 keys"):
        imported(wide)
