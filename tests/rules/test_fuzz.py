"""Any text is a condition or a documented error with its place, and a condition holds or not for any task."""

import os
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selector.errors import ConfigError
from selector.records import Task
from selector.rules import STATUSES, WEEKDAYS, Condition, Facts, Place, Rule, Rules, Surroundings
from selector.rules._values import RELATIONS

SOAK = bool(os.environ.get("SELECTOR_SOAK"))
MANY = settings(max_examples=10_000 if SOAK else 300)
PLACED = re.compile(r"^a\.yaml:\d+: rules\[0\]\.condition: column \d+( of (line \d+ of )?the condition)?: \S")

WORDS = [
    *("hour", "weekday", "priority", "labels", "metadata.x", "task.id", "session.phase", "quota['a'].remaining"),
    *("provider_status['b']", "task_type", "purpose", "task", "budget", "foo", "'a'", '"b"', "'mon'", "'", '"'),
    *("0", "23", "-1", ".5", "1e9", "1e999", "true", "false", "null", "and", "or", "not", "in", "not in", "contains"),
    *("starts_with", "ends_with", "matches", "==", "!=", "<", "<=", ">", ">=", "=", "&&", "(", ")", "[", "]", ","),
    *(".", "\n", "\\", "é", "%", "(", ")", "'[a-z]+'", "'('"),
]
SOUP = st.lists(st.sampled_from(WORDS), max_size=25).map(" ".join)


def read(text):
    """Read a text; return the condition, or None after looking at the error."""
    try:
        return Condition.of(text, where=Place("a.yaml", 3, None, "rules[0].condition"))
    except ConfigError as raised:
        error = raised
    assert PLACED.match(str(error)), str(error)
    assert error.line is not None
    assert len(str(error)) < 1_000
    return None


@MANY
@given(st.text() | SOUP | st.text(alphabet=st.characters(codec=None)))
def test_any_text_is_a_condition_or_an_error_with_its_place(text):
    condition = read(text)
    if condition is not None:
        assert Condition.of(str(condition)) == condition
        assert condition.holds(Facts()) in {True, False}


@MANY
@given(st.integers(0, 10_000), st.sampled_from(WORDS + list("([{'\"\\.-09a \n")), st.sampled_from(["", "hour < 6 or "]))
def test_repetition_of_anything_ends_well(times, unit, start):
    read(start + unit * times)
    read(start + f"{unit} " * times)


NUMBERS = st.integers(0, 23) | st.floats(0.25, 22.75)
TEXTS = st.text(max_size=4).filter(lambda text: not any("\ud800" <= c <= "\udfff" for c in text))


def quoted(text):
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


TEXT = TEXTS.map(quoted)
SCALAR = NUMBERS.map(repr) | TEXT | st.sampled_from(["true", "false"])
ANY = st.sampled_from(["metadata.x", "metadata['a b']", "metadata.y", "metadata.labels"])
NAMED_TEXT = st.sampled_from(["task_type", "purpose", "task.id", "task.version", "session.id", "session.phase"])
NUMBER_NAME = st.sampled_from(["hour", "priority", "retry_count", "input_tokens", "task.max_output_tokens"])
WORD_LIST = st.sampled_from(["labels", "task.needs", "task.labels"])


def joined(*parts):
    return st.tuples(*(st.just(part) if isinstance(part, str) else part for part in parts)).map(" ".join)


def listed(members):
    return st.lists(members, min_size=1, max_size=3).map(lambda parts: f"[{', '.join(parts)}]")


EQUALITY, ORDER = st.sampled_from(["==", "!="]), st.sampled_from(["<=", ">="])
MEMBER, TEXTUAL = st.sampled_from(["in", "not in"]), st.sampled_from(["starts_with", "ends_with", "contains"])
COMPARISON = st.one_of(
    joined(NUMBER_NAME, EQUALITY, st.integers(1, 23).map(str)),
    joined(NUMBER_NAME, ORDER, st.integers(1, 23).map(str)),
    joined(NUMBER_NAME, ORDER, NUMBER_NAME),
    joined(NUMBER_NAME, MEMBER, listed(st.integers(1, 23).map(str))),
    joined(NAMED_TEXT, EQUALITY | TEXTUAL | ORDER, TEXT | NAMED_TEXT | ANY),
    joined(NAMED_TEXT, MEMBER, listed(TEXT)),
    joined(NAMED_TEXT | ANY, "matches", st.sampled_from([r"'^\d+$'", "'a|b'", "'(x+x+)+y'", "''"])),
    joined(WORD_LIST, "contains", TEXT | NAMED_TEXT | ANY),
    joined(TEXT | NAMED_TEXT | ANY, MEMBER, WORD_LIST | ANY),
    joined(ANY, EQUALITY, SCALAR | ANY | listed(SCALAR) | st.just("null") | WORD_LIST),
    joined(ANY, ORDER, TEXT | NUMBERS.map(repr) | ANY),
    joined(ANY, TEXTUAL, TEXT | ANY),
    joined(ANY, MEMBER, listed(SCALAR)),
    joined("weekday", MEMBER, listed(st.sampled_from(WEEKDAYS).map(quoted))),
    joined("provider_status['p']", EQUALITY, st.sampled_from(STATUSES).map(quoted)),
    joined("quota['q'].remaining", ORDER, st.floats(0, 1).map(repr)),
    joined(SCALAR, EQUALITY, "null"),
    ANY,
    st.sampled_from(["true", "false", "task.explore"]),
)
CONDITION = st.recursive(
    COMPARISON,
    lambda inner: joined("(", inner, st.sampled_from(["and", "or"]), inner, ")") | joined("not (", inner, ")"),
    max_leaves=8,
)
NASTY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.dates() | st.decimals(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner) | st.tuples(inner),
    max_leaves=5,
)
WORD = st.text(min_size=1, max_size=4).filter(
    lambda text: text.strip() and not any("\ud800" <= c <= "\udfff" for c in text)
)
TASKS = st.builds(
    Task,
    WORD,
    id=st.none() | WORD,
    labels=st.lists(WORD, max_size=3),
    needs=st.lists(WORD, max_size=3),
    metadata=st.dictionaries(st.sampled_from(["x", "a b", "labels", "other"]), NASTY),
    priority=st.integers(0, 25),
    purpose=st.none() | WORD,
    session=st.none() | WORD,
    version=st.none() | WORD,
    input_tokens=st.none() | st.integers(0, 10**15),
    max_output_tokens=st.none() | st.integers(1, 10**15),
    retry_count=st.integers(0, 25),
    explore=st.none() | st.booleans(),
)


@st.composite
def moments(draw):
    status, left, said = draw(st.none() | st.sampled_from(STATUSES)), draw(st.none() | st.floats(0, 1)), draw(NASTY)
    now = draw(st.floats(0, 4e9))
    return Surroundings(
        clock=lambda: now,
        provider_status=lambda _: status,
        quota_remaining=lambda _: left,
        budget_remaining=lambda _: left,
        session_fact=lambda _, __: said,
    )


@MANY
@given(CONDITION, TASKS, moments())
def test_a_condition_holds_or_not_for_any_task_and_not_is_the_opposite(text, task, around):
    condition = Condition.of(text)
    facts = Facts.of(task, around)
    held = condition.holds(facts)
    assert held in {True, False}
    assert Condition.of(f"not ({text})").holds(facts) is not held
    assert condition.explain(facts).holds is held


@MANY
@given(CONDITION)
def test_a_condition_prints_as_what_reads_back_as_the_same(text):
    condition = Condition.of(text)
    again = Condition.of(str(condition))
    assert again == condition
    assert (str(again), again.names, again.always) == (str(condition), condition.names, condition.always)


@settings(max_examples=1_000 if SOAK else 10, suppress_health_check=list(HealthCheck))
@given(st.lists(CONDITION, min_size=10, max_size=10), st.sampled_from(["first", "all"]), st.data())
def test_ten_rules_never_raise(texts, match, data):
    rules = Rules([Rule(condition=Condition.of(text), prefer={"a": 0.1}) for text in texts], match)
    for _ in range(10):
        facts = Facts.of(data.draw(TASKS), data.draw(moments()))
        fired = rules.apply(facts, "1").fired
        held = [one.rule for one in rules.trace(facts, "1") if one.why.holds]
        assert [one.rule for one in fired] == (held if match == "all" else held[:1])


@pytest.mark.parametrize("op", sorted(RELATIONS))
@given(left=NASTY, right=NASTY)
def test_two_values_of_any_kind_compare_without_an_error(op, left, right):
    facts = Facts({"metadata.a": left, "metadata.b": right})
    assert Condition.of(f"metadata.a {op} metadata.b").holds(facts) in {True, False}
