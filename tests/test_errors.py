"""Errors say what is wrong, where, and what would be right."""

import pickle
from datetime import UTC, datetime

import pytest

import selector.errors as tree
from selector.errors import (
    BudgetExceededError,
    ConfigError,
    DataError,
    InvalidOutcomeError,
    NoEligibleModelError,
    SchemaVersionError,
    SelectorError,
    UnknownDecisionError,
    UnknownModelError,
    UnknownTaskTypeError,
    nearest,
)


@pytest.mark.parametrize(
    ("name", "valid", "told"),
    [
        ("opsu", ["haiku", "opus"], "; did you mean 'opus'?"),
        ("opus", ["opus"], "; did you mean 'opus'?"),
        ("x", ["opus", "haiku"], "; valid: haiku, opus"),
        ("x", [], ""),
        ("", ["opus"], "; valid: opus"),
        ("zzz", [f"model-{i}" for i in range(21)], ""),
        ("model-3x", [f"model-{i}" for i in range(21)], "; did you mean 'model-3'?"),
    ],
)
def test_the_nearest_name_is_told_else_the_few_there_are_else_nothing(name, valid, told):
    assert nearest(name, valid) == told
    assert nearest(name, iter(valid)) == told
    assert nearest(name, dict.fromkeys(valid)) == told


def test_the_nearest_name_does_not_depend_on_the_order_of_the_valid_ones():
    assert nearest("sonnet-4", ["sonnet-5", "sonnet-3"]) == nearest("sonnet-4", ["sonnet-3", "sonnet-5"])


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ({}, "is wrong"),
        ({"key": "models.opus"}, "models.opus: is wrong"),
        ({"file": "s.yaml", "line": 3, "key": "models.opus"}, "s.yaml:3: models.opus: is wrong"),
        ({"file": "s.yaml"}, "s.yaml: is wrong"),
    ],
)
def test_a_configuration_error_says_where(place, told):
    error = ConfigError("is wrong", **place)
    assert str(error) == told
    assert (error.file, error.line, error.key) == tuple(place.get(name) for name in ("file", "line", "key"))


@pytest.mark.parametrize(("kind", "word"), [(UnknownModelError, "model"), (UnknownTaskTypeError, "task type")])
def test_an_unknown_name_is_told_with_its_key_and_the_nearest(kind, word):
    error = kind.of("opsu", ["opus"], key="objective")
    assert str(error) == f"objective: unknown {word} 'opsu'; did you mean 'opus'?"
    assert (type(error), error.key) == (kind, "objective")


def test_where_every_model_was_excluded_the_reasons_stay():
    reasons = {"opus": "unhealthy"}
    error = NoEligibleModelError("nobody can do it", reasons)
    reasons["haiku"] = "later"
    assert (str(error), error.reasons) == ("nobody can do it", {"opus": "unhealthy"})
    assert NoEligibleModelError("nobody").reasons == {}


def test_an_exceeded_budget_says_which_and_when_it_resets():
    resets = datetime(2026, 1, 2, tzinfo=UTC)
    error = BudgetExceededError("too dear", budget="day", resets_at=resets, reasons={"opus": "budget"})
    assert (str(error), error.budget, error.resets_at, error.reasons) == ("too dear", "day", resets, {"opus": "budget"})
    assert BudgetExceededError("too dear", budget="total").resets_at is None


def test_an_unknown_decision_reads_as_its_message_and_not_as_its_repr():
    assert str(UnknownDecisionError("no decision 'x' was made here")) == "no decision 'x' was made here"
    assert str(UnknownDecisionError()) == ""


@pytest.mark.parametrize(
    ("kind", "builtin"),
    [
        (ConfigError, ValueError),
        (DataError, ValueError),
        (InvalidOutcomeError, ValueError),
        (UnknownDecisionError, KeyError),
    ],
)
def test_an_error_is_what_a_reader_of_plain_python_expects_too(kind, builtin):
    assert issubclass(kind, builtin)


def test_one_except_catches_everything():
    kinds = [getattr(tree, name) for name in tree.__all__ if isinstance(getattr(tree, name), type)]
    assert len(kinds) == 29
    assert all(issubclass(kind, SelectorError) for kind in kinds)


@pytest.mark.parametrize("error", [DataError("x"), SchemaVersionError("x"), UnknownDecisionError("x")])
def test_an_error_survives_the_way_from_another_process(error):
    found = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (type(found), str(found)) == (type(error), "x")


@pytest.mark.parametrize(
    "error",
    [
        ConfigError("x", file="s.yaml", line=3, key="models"),
        UnknownModelError.of("opsu", ["opus"], key="models"),
        NoEligibleModelError("x", {"opus": "unhealthy"}),
        BudgetExceededError("x", budget="day", reasons={"opus": "budget"}),
    ],
    ids=lambda x: type(x).__name__,
)
def test_an_error_with_attributes_survives_the_way_from_another_process_with_them(error):
    """A study runs in several processes: what a worker raises must reach the caller as it was."""
    found = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    assert (type(found), str(found), vars(found)) == (type(error), str(error), vars(error))
