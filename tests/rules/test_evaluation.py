"""What holds: each comparison by examples, what is missing, and that no task makes a condition fail."""

import math
from enum import IntEnum, StrEnum
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.records import Task
from selector.rules import Condition, Facts, Surroundings
from selector.rules._compile import compiled
from selector.rules._quick import quick
from selector.rules._values import RELATIONS, plain


class Team(StrEnum):
    RED = "red"


class Level(IntEnum):
    HIGH = 3


def holds(text, **metadata):
    return Condition.of(text).holds(Facts.of(Task("coding", metadata=metadata)))


@pytest.mark.parametrize(
    ("text", "value", "expected"),
    [
        ("metadata.x == 'a'", "a", True),
        ("metadata.x == 'a'", "A", False),
        ("metadata.x == 1", 1, True),
        ("metadata.x == 1", 1.0, True),
        ("metadata.x == 1", True, False),
        ("metadata.x == true", 1, False),
        ("metadata.x == true", True, True),
        ("metadata.x", True, True),
        ("metadata.x", 1, False),
        ("metadata.x", "true", False),
        ("not metadata.x", False, True),
        ("metadata.x == 1", "1", False),
        ("metadata.x != 1", "1", True),
        ("metadata.x != 1", 1, False),
        ("metadata.x == [1, 'a']", [1, "a"], True),
        ("metadata.x == [1, 'a']", (1, "a"), True),
        ("metadata.x == [1, 'a']", [True, "a"], False),
        ("metadata.x != [1]", [1, 2], True),
        ("metadata.x == []", [], True),
        ("metadata.x < 2", 1, True),
        ("metadata.x < 2", "1", False),
        ("metadata.x >= 2", True, False),
        ("metadata.x >= 0", 10**400, True),
        ("metadata.x < 'b'", "a", True),
        ("metadata.x > 'b'", "b", False),
        ("metadata.x >= 'b'", "b", True),
        ("metadata.x <= 'b'", ["a"], False),
        ("metadata.x in ['a', 1]", 1, True),
        ("metadata.x in ['a', 1]", True, False),
        ("metadata.x in ['a']", ["a"], False),
        ("metadata.x not in ['a', 1]", "b", True),
        ("metadata.x not in ['a']", ["a"], True),
        ("'a' in metadata.x", ["b", "a"], True),
        ("'a' in metadata.x", "abc", False),
        ("'a' not in metadata.x", ["b"], True),
        ("'a' not in metadata.x", "b", False),
        ("metadata.x contains 'b'", "abc", True),
        ("metadata.x contains 'b'", ["abc"], False),
        ("metadata.x contains 2", [1, 2.0], True),
        ("metadata.x contains 2", "123", False),
        ("metadata.x starts_with 'ab'", "abc", True),
        ("metadata.x starts_with 'ab'", ["abc"], False),
        ("metadata.x ends_with 'bc'", "abc", True),
        ("metadata.x ends_with 'bc'", 7, False),
        ("metadata.x matches 'b+c'", "abbbc", True),
        ("metadata.x matches '^b+c'", "abbbc", False),
        (r"metadata.x matches '^\d+$'", "17", True),
        (r"metadata.x matches '^\d+$'", 17, False),
        ("metadata.x matches 'ü$'", "grün", False),
        ("metadata.x matches 'ü.$'", "grün", True),
        ("metadata.x matches 'a'", "\ud800a", True),
        ("metadata.x == 'red'", Team.RED, True),
        ("metadata.x starts_with 're'", Team.RED, True),
        ("metadata.x > 2", Level.HIGH, True),
        ("metadata.x > 2", np.int64(3), True),
        ("metadata.x > 2", np.float32(2.5), True),
        ("metadata.x > 2", np.float64(2.5), True),
        ("metadata.x", np.bool_(True), True),  # noqa: FBT003 - the value under test
        ("metadata.x contains 'a'", {"a"}, True),
    ],
)
def test_a_comparison_holds_for_a_value(text, value, expected):
    assert holds(text, x=value) is expected


@pytest.mark.parametrize("value", [None, math.nan, np.float64("nan"), {"a": 1}, object(), 1j, b"a"])
@pytest.mark.parametrize(
    "comparison",
    [
        *("== 'a'", "!= 'a'", "!= 1", "< 1", ">= 'a'", "in ['a']", "not in ['a']", "not in [1]", "contains 'a'"),
        *("starts_with 'a'", "ends_with 'a'", "matches '.*'", "== metadata.x", "!= metadata.x", "!= [1]", "!= true"),
    ],
)
def test_where_a_value_is_missing_no_comparison_holds_and_not_turns_that_around(value, comparison):
    """The value is missing whether nobody gave it or it has no place in a condition."""
    assert holds(f"metadata.x {comparison}", x=value) is False
    assert holds(f"not metadata.x {comparison}", x=value) is True
    assert holds(f"not (metadata.x {comparison})") is True


def test_null_asks_whether_a_value_is_missing():
    assert holds("metadata.x == null")
    assert holds("null == metadata.x")
    assert holds("metadata.x != null", x=0)
    assert not holds("null != metadata.x")
    assert not holds("metadata.x == null", x=False)
    assert holds("purpose == null and task.id == null and session.turn == null")


def test_not_equal_asks_for_another_value_and_not_of_equal_does_not():
    assert not holds("metadata.user != 'ada'")
    assert holds("not (metadata.user == 'ada')")
    assert holds("metadata.user != 'ada' and not metadata.user == 'ada'", user="bob")


@pytest.mark.parametrize("a", [True, False])
@pytest.mark.parametrize("b", [True, False])
@pytest.mark.parametrize("c", [True, False])
def test_not_binds_closest_then_and_then_or(a, b, c):
    """Python's own precedence is the oracle."""
    for text in ("a or b and not c", "not a or b and c", "(a or b) and not (b or c)", "not (not a and b) or c"):
        written = " ".join(_named(word) for word in text.split())
        assert holds(written, a=a, b=b, c=c) is eval(text, {"a": a, "b": b, "c": c})  # noqa: S307 - our own text


def _named(word):
    core = word.strip("()")
    return word.replace(core, f"metadata.{core}") if core in {"a", "b", "c"} else word


class TestConstantParts:
    @pytest.mark.parametrize(
        ("text", "always"),
        [
            ("true", True),
            ("1 < 2 and 'a' in ['a']", True),
            ("'abc' matches 'b' and 'abc' contains 'c'", True),
            ("not (1 == 1.0)", False),
            ("null == null and null != 'a'", True),
            ("null == 1 or 1 != 1", False),
            ("false and hour < 6", False),
            ("hour < 6 or 2 > 1", True),
            ("1 == 2 or hour < 6", None),
            ("hour < 6 and true", None),
        ],
    )
    def test_are_worked_out_once(self, text, always):
        condition = Condition.of(text)
        assert condition.always is always
        assert condition.is_constant is (always is not None)
        assert condition.names == (frozenset() if condition.is_constant else {"hour"})
        if condition.is_constant:
            assert condition.holds(Facts()) is always

    def test_stay_in_what_is_printed(self):
        assert str(Condition.of("hour < 6 or 2 > 1")) == "hour < 6 or 2 > 1"


class TestFacts:
    AROUND = Surroundings(
        clock=lambda: 1_785_448_800.0,
        zone=ZoneInfo("Europe/Berlin"),
        provider_status={"a": "up"}.get,
        quota_remaining={"home": 0.25}.get,
        budget_remaining={"company": 0.5}.get,
        session_fact=lambda session, name: f"{name} of {session}",
    )
    TASK = Task(
        "coding/python",
        id="t1",
        labels=["a"],
        needs=["tools"],
        only=["opus"],
        metadata={"user": "ada"},
        purpose="lead",
        session="s1",
        version="2",
        priority=3,
        retry_count=1,
        input_tokens=10,
        max_output_tokens=20,
        deadline_s=1.5,
        max_cost_usd=0.1,
        explore=False,
    )

    @pytest.mark.parametrize(
        "text",
        [
            "task_type == 'coding/python' and task.type starts_with 'coding/'",
            "task.id == 't1' and task.version == '2' and task.session == session.id",
            "labels == ['a'] and task.labels contains 'a' and task.needs contains 'tools' and task.only == ['opus']",
            "priority == 3 and task.priority == 3 and retry_count == 1 and task.retry_count == 1",
            "input_tokens == 10 and task.input_tokens == 10 and task.max_output_tokens == 20",
            "task.deadline_s == 1.5 and task.max_cost_usd == 0.1 and not task.explore and task.explore == false",
            "purpose == 'lead' and task.purpose == purpose",
            "metadata.user == 'ada' and metadata['user'] in ['ada']",
            "session.phase == 'phase of s1' and session.id == 's1'",
            "provider_status['a'] == 'up' and provider_status['b'] == null",
            "quota['home'].remaining == .25 and budget['company'].remaining > quota['home'].remaining",
            "hour == 0 and weekday == 'fri'",
            "purpose in ['lead', 'worker'] and 'tools' in task.needs",
        ],
    )
    def test_are_those_of_the_task_and_of_the_moment(self, text):
        assert Condition.of(text).explain(Facts.of(self.TASK, self.AROUND)).holds, Condition.of(text).explain(
            Facts.of(self.TASK, self.AROUND)
        )

    def test_a_counted_input_replaces_what_the_task_says(self):
        facts = Facts.of(Task("coding"), input_tokens=99)
        assert Condition.of("input_tokens == 99 and task.input_tokens == 99").holds(facts)

    def test_are_looked_up_only_when_read_and_once(self):
        asked = []
        around = Surroundings(clock=lambda: 0.0, provider_status=lambda name: asked.append(name) or "up")
        facts = Facts.of(Task("coding"), around)
        condition = Condition.of("priority == 0 and provider_status['a'] == 'up'")
        assert not condition.holds(facts)
        assert asked == []
        either = Condition.of("provider_status['a'] == 'down' or provider_status['a'] == 'up'")
        assert either.holds(facts)
        assert either.holds(facts)
        assert asked == ["a"]

    def test_hour_and_weekday_are_read_from_one_moment(self):
        """The clock passes midnight between two readings, and the task does not notice."""
        times = iter([86_399.0, 86_401.0])
        facts = Facts.of(Task("coding"), Surroundings(clock=lambda: next(times)))
        assert Condition.of("hour == 23 and weekday == 'thu'").holds(facts)

    def test_without_surroundings_what_lies_there_is_missing(self):
        names = ["hour", "weekday", "provider_status['a']", "quota['a'].remaining", "session.turn", "no such name", "("]
        facts = Facts.of(Task("coding", session="s"))
        assert [facts[name] for name in names] == [None] * len(names)

    def test_without_a_session_its_facts_are_missing(self):
        assert Facts.of(Task("coding"), self.AROUND)["session.turn"] is None


def test_an_explanation_shows_each_comparison_with_what_was_found():
    condition = Condition.of("not priority == 0 and (labels contains 'a' or metadata.user == null) and true")
    found = condition.explain(Facts.of(Task("coding", labels=["b"])))
    assert str(found).splitlines() == [
        "holds: not priority == 0 and (labels contains 'a' or metadata.user == null) and true",
        "  priority == 0: no (priority is 1)",
        "  labels contains 'a': no (labels is ['b'])",
        "  metadata.user == null: yes (metadata.user is missing)",
        "  true: yes",
    ]
    assert [leaf.holds for leaf in found.leaves] == [False, False, True, True]


def test_an_explanation_is_short_where_a_value_is_long():
    found = Condition.of("task.id == 'a'").explain(Facts.of(Task("coding", id="x" * 5_000)))
    assert len(str(found)) < 300


PLAIN = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=3)
VALUES = PLAIN | st.lists(PLAIN, max_size=3).map(tuple)


@given(st.sampled_from(sorted(RELATIONS)), VALUES, VALUES)
def test_the_short_ways_say_what_the_general_relation_says(op, left, right):
    """A name of any kind takes the short way for texts and lists; the relation is the oracle."""
    short = quick("x", op, right, typed=False)
    if short is not None and right is not None:
        assert bool(short({"x": left})) is RELATIONS[op](left, right)


@given(
    st.sampled_from(["==", "<", "<=", ">", ">="]), st.none() | st.integers() | st.floats(allow_nan=False), st.integers()
)
def test_the_short_way_for_numbers_says_what_the_general_relation_says(op, left, right):
    assert quick("x", op, right, typed=True)({"x": left}) is RELATIONS[op](left, right)


@given(st.recursive(VALUES | st.floats(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner)))
def test_a_plain_value_is_plain_already(value):
    once = plain(value)
    assert plain(once) == once
    hash(once)


def test_a_tree_of_constants_compiles_too():
    assert compiled(Condition.of("true").tree)(Facts()) is True
