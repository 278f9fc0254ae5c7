"""No foreign document ends in anything but an import with its report, or an error that says where."""

import copy
import json
import os
import tomllib
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selector.cli._import import yaml_of
from selector.config import Config
from selector.config._places import dotted
from selector.config._yaml import read_yaml
from selector.config.formats import READERS, Imported, imported, recognised
from selector.errors import ConfigError
from tests.config.formats.fragments import FRAGMENTS
from tests.config.formats.litellm_documents import DOCUMENTS

SOAK = bool(os.environ.get("SELECTOR_SOAK"))
MANY = settings(
    max_examples=10_000 if SOAK else 150,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
)
PLANTED = "sk-planted-in-the-document-0123456789"
"""A key that must stand in no report, no native document and no error."""

_PARSERS = {"yaml": lambda text: read_yaml(text).value, "toml": tomllib.loads, "json": json.loads}
_SEEDS = [_PARSERS[name.rpartition(".")[2]](text) for name, text in sorted(FRAGMENTS.items())]
_BASES = [*_SEEDS, *(read_yaml(text).value for text in DOCUMENTS.values())]
_NAMED = {"api_key", "aws_secret_access_key", "azure_ad_token", "master_key", "database_url", "redis_password"}

_WORDS = st.sampled_from(
    [
        "", " ", "auto", "auto:x", "purpose:lead", "tag:x", "a@b", "a-b", "ensemble", "opus", "claude-3-opus", "gpt-4o",
        "default", "openai", "anthropic", "{prompt_file}", "{prompt}", "priority == 0", "o'clock\\", "enabled",
        "models",
        "x" * 300, "\n", "é", "purpose", "model", "name", "routing", "worker_models", "condition", "claude", "*", "**",
        "openai/*", "azure/x", "bedrock/x", "os.environ/X", "os.environ/", "os.environ/a b", "http://[::1]:1/v1",
        "http://x.example:99999999", "https://u:p@h", "model_name", "litellm_params", "model_info", "fallbacks", "rpm",
        "weight", "order", "1e999", "-1", "0", "1d", "13mo", "model_list", "litellm_settings", "router_settings",
        "a.b[0]", "gpt-4", "zephyr-beta", "\x1b[31m", "\ud800",
    ]
)  # fmt: skip
_SCALARS = st.none() | st.booleans() | st.integers(-5, 10**25) | st.floats() | _WORDS | st.text(max_size=8)
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_WORDS | st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)


def _places(value, path=()):
    yield path
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, each in members:
        yield from _places(each, (*path, key))


def _leaves(value, path=()):
    """List the leaves of a document as a person counts them: a list of plain values is one."""
    if isinstance(value, dict) and value:
        return [leaf for key, each in value.items() for leaf in _leaves(each, (*path, key))]
    if isinstance(value, list) and any(isinstance(each, (dict, list)) for each in value):
        return [leaf for n, each in enumerate(value) for leaf in _leaves(each, (*path, n))]
    return [dotted(path)]


def _inside(document, path):
    for part in path[:-1]:
        document = document[part]
    return document


def _change(draw, document, path):
    """Put anything in place of a part, rename it, double it, wrap it, or leave it out."""
    inside, key = _inside(document, path), path[-1]
    kind = draw(st.sampled_from(["value", "swap", "rename", "double", "wrap", "more", "key"]))
    if kind == "value":
        inside[key] = draw(_VALUES)
    elif kind == "swap":
        inside[key] = copy.deepcopy(_get(document, draw(st.sampled_from(list(_places(document))))))
    elif kind == "wrap":
        inside[key] = draw(st.sampled_from([[inside[key]], {"in": inside[key]}]))
    elif kind == "key":
        inside[key] = PLANTED
    elif isinstance(inside, list):
        inside.insert(key, copy.deepcopy(inside[key])) if kind == "double" else inside.pop(key)
    elif kind == "more":
        inside[draw(_WORDS)] = draw(_VALUES)
    else:
        inside[draw(_WORDS)] = inside.pop(key)


def _get(document, path):
    for part in path:
        document = document[part]
    return document


@st.composite
def _broken(draw, bases):
    """Take a document, and change a few of its parts."""
    document = copy.deepcopy(draw(st.sampled_from(bases)))
    for _ in range(draw(st.integers(1, 5))):
        paths = [each for each in _places(document) if each]
        if not paths:
            break
        _change(draw, document, draw(st.sampled_from(paths)))
    return document


def _secrets(value):
    """List the texts that stand where keys stand, and nowhere else."""
    texts = {True: set(), False: set()}
    for path in _places(value):
        found = _get(value, path)
        if isinstance(found, str) and len(found) > 12 and "os.environ/" not in found:
            texts[bool(path) and path[-1] in _NAMED].add(found)
    return [text for text in texts[True] if not any(text in other for other in texts[False])]


def _ends_well(document):
    kept, secrets = copy.deepcopy(document), _secrets(document)
    try:
        result = imported(document, environ={})
    except ConfigError as error:
        assert error.key or "no known format has these keys" in str(error), error  # noqa: PT017  # it is the finding
        assert not any(secret in str(error) for secret in secrets)  # noqa: PT017  # likewise
        return
    assert repr(document) == repr(kept), "what is read is not changed"
    assert isinstance(result, Imported)
    _report_is_whole(document, result)
    assert not any(secret in repr(result) for secret in secrets)
    try:
        Config.load(result.config)
    except ConfigError as error:
        assert error.key, error  # noqa: PT017  # likewise


def _report_is_whole(document, result):
    """Look for exactly one line on each leaf of the document, and for a word in each line."""
    counted = Counter(line.place for line in result.lines)
    leaves = Counter(_leaves(document))
    assert {leaf: counted[leaf] for leaf in leaves} == leaves
    assert all(line.word.strip() for line in result.lines)


@MANY
@given(_broken(_BASES))
def test_a_broken_document_of_any_format_is_imported_or_refused(document):
    _ends_well(document)


@MANY
@given(_broken(_BASES[len(_SEEDS) :]))
def test_a_broken_document_of_litellms_is_imported_or_refused(document):
    _ends_well(document)


@settings(MANY, max_examples=10_000 if SOAK else 30)
@given(_broken(_BASES))
def test_what_is_written_reads_as_what_was_translated(document):
    try:
        found = imported(document, environ={})
    except ConfigError:
        return
    try:
        Config.load(found.config)
    except ConfigError:
        return
    assert read_yaml(yaml_of(found, "old.yaml")).value == json.loads(json.dumps(found.config))


@given(st.dictionaries(_WORDS, _VALUES, min_size=1, max_size=4))
def test_any_document_is_imported_or_refused(document):
    _ends_well(document)


@given(st.sampled_from(_BASES), st.sampled_from(_BASES))
def test_two_documents_in_one_are_imported_or_refused(one, other):
    _ends_well({**copy.deepcopy(one), **copy.deepcopy(other)})


@pytest.mark.parametrize("reader", READERS, ids=lambda reader: reader.name)
def test_each_format_is_among_the_documents_that_are_broken(reader):
    assert any(recognised(document) is reader for document in _BASES)
