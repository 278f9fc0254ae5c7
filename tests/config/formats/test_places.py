"""Errors of foreign documents name file, line and key: the readers' own, and those of the native document."""

import logging

import pytest

from selector.config import Config, Effective
from selector.config.formats import imported
from selector.errors import ConfigError
from tests.config.formats.fragments import CATALOGUE, ORCHESTRATOR, RULES


def _refused(file):
    with pytest.raises(ConfigError) as caught:
        Config.load(file)
    return caught.value


def test_a_readers_error_names_the_line(written):
    error = _refused(written("bad.toml", CATALOGUE.replace("0.14", '"cheap"')))
    assert (error.line, error.key) == (11, "models[1].cost_per_million_input")
    assert str(error).endswith("must be a number, not a text")


def test_an_error_of_the_native_document_names_the_line_it_came_from(written):
    error = _refused(written("bad.toml", RULES.replace("hour >= 22", "houre >= 22")))
    assert error.line == 15
    assert "did you mean 'hour'?" in str(error)
    assert error.key == "rules[2].condition"


@pytest.mark.parametrize(
    ("condition", "said"),
    [
        ("__import__('os').system('true')", "unexpected '('"),
        ("priority = 0", "write '==' to compare"),
        ("priority ==", "ends too early"),
        ("task.prompt contains 'x'", "a task has no 'prompt'"),
        ("provider_status['nobody'] == 'down'", "no provider is called 'nobody'"),
        ("", "is required of a rule"),
    ],
)
def test_an_unsafe_or_wrong_condition_is_refused_at_load_with_its_place(written, condition, said):
    error = _refused(written("bad.toml", RULES.replace("priority == 0", condition)))
    assert said in str(error)
    assert error.line == 5
    assert "rules[0].condition" in error.key


def test_a_chain_that_leads_back_is_refused_with_its_line(written):
    error = _refused(written("bad.json", ORCHESTRATOR.replace('"sonnet": ["opus"]', '"sonnet": ["haiku"]')))
    assert "leads back to itself" in str(error)
    assert error.line in {19, 20}


def test_where_a_value_comes_from_is_its_foreign_line(written):
    file = written("rules.toml")
    assert Effective.of(file, {}).origins()["default_model"] == f"{file}:2"


def test_what_is_warned_of_is_logged_once_when_it_is_loaded(written, caplog):
    file = written("rules.toml")
    with caplog.at_level(logging.WARNING, "selector"):
        Config.load(file)
    said = [record.getMessage() for record in caplog.records]
    added = [each for each in said if "is not listed in this document: added, enabled" in each]
    assert len(added) == 4
    assert all(str(file) in each for each in said)


def test_a_mapping_is_read_like_its_file(written):
    assert imported({"cto_model": "deepseek"}).config == imported(written("a.json", '{"cto_model": "deepseek"}')).config
