"""What is a condition and what is none: how it is read, how it prints, and which character an error names."""

import copy
import pickle

import pytest

from selector.errors import ConfigError
from selector.rules import Condition, Facts, Place
from selector.rules._grammar import MOST_CHARACTERS, MOST_DEPTH, MOST_WORDS


def refused(text, where=None):
    with pytest.raises(ConfigError) as caught:
        Condition.of(text, where=where)
    return str(caught.value)


@pytest.mark.parametrize(
    ("written", "printed"),
    [
        ("priority==0", "priority == 0"),
        ('labels contains "it\'s"', "labels contains 'it\\'s'"),
        ("(hour<6)or(hour>=22)", "hour < 6 or hour >= 22"),
        ("not (hour < 6 or true) and priority != .5e1", "not (hour < 6 or true) and priority != 5.0"),
        ("hour < 6 and (priority == 0 and true)", "hour < 6 and priority == 0 and true"),
        ("hour < 6 or (priority == 0 and true)", "hour < 6 or priority == 0 and true"),
        ("(hour < 6 or priority == 0) and true", "(hour < 6 or priority == 0) and true"),
        ("not not metadata.urgent", "not not metadata.urgent"),
        ("metadata['urgent'] == null", "metadata.urgent == null"),
        ("metadata['user id'] not   in ['a',\n'b']", "metadata['user id'] not in ['a', 'b']"),
        ("metadata['in'] == 1", "metadata['in'] == 1"),
        ("quota['a@b'].remaining<.1", "quota['a@b'].remaining < 0.1"),
        ("quota.home.remaining < 0.1", "quota['home'].remaining < 0.1"),
        ("metadata.n in [-1, 2.5, true]", "metadata.n in [-1, 2.5, true]"),
        ("weekday == 'Monday'", "weekday == 'mon'"),
        (r"task.id matches '^a\d+\.b$'", r"task.id matches '^a\\d+\\.b$'"),
        (r"task.id == 'a\\b\u00e9\n\ud83d\ude00'", "task.id == 'a\\\\bé\\n😀'"),
        ("true", "true"),
    ],
)
def test_a_condition_prints_in_one_way_that_reads_back_as_the_same(written, printed):
    condition = Condition.of(written)
    assert str(condition) == printed
    assert Condition.of(printed) == condition
    assert str(Condition.of(printed)) == printed


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("", 1, "the condition is empty"),
        (" \n ", 1, "the condition is empty"),
        ("priority = 0", 10, "write '=='"),
        ("priority == 0 && hour < 6", 15, "write 'and'"),
        ("priority == 0 || hour < 6", 15, "write 'or'"),
        ("!(hour < 6)", 1, "write 'not'"),
        ("priority == 0 AND hour < 6", 15, "did you mean 'and'?"),
        ("labels containz 'a'", 8, "did you mean 'contains'?"),
        ("labels contain 'a'", 8, "did you mean 'contains'?"),
        ("quota['home'].remaining < 10%", 29, "such as 0.1"),
        ("metadata.user-id == 1", 14, "metadata['user-id']"),
        ("metadata.in == 1", 10, "['in']"),
        ("labels contains 'a", 17, "has no end"),
        ('labels contains "a', 17, "has no end"),
        ("(hour < 6", 10, "')' is missing"),
        ("hour < 6)", 9, "unexpected ')'"),
        ("hour <", 7, "a name, a number, a text or a list is missing"),
        ("hour < 6 and", 13, "is missing"),
        ("hour in [1, 2", 14, "']' is missing"),
        ("contains 'a'", 1, "unexpected 'contains'"),
        ("priority + 1 == 2", 10, "unexpected '+'"),
        ("open('x')", 5, "unexpected '('"),
        ("__import__ ('os')", 12, "unexpected '('"),
        ("priority == 1e999", 13, "between -1e18 and 1e18"),
        (f"priority == {'9' * 41}", 13, "at most 40 digits"),
        ("task.id == 'a\\ud800'", 12, "half of a character"),
        ("task.id == '\ud800'", 12, "half of a character"),
        ("0 <= hour < 6", 11, "comparisons cannot be chained; write 0 <= hour and hour < 6"),
        ("task.id == 'a' == 'b' == 'c'", 16, "cannot be chained"),
    ],
)
def test_an_error_names_the_first_wrong_character_and_the_remedy(text, column, said):
    message = refused(text)
    assert message.startswith(f"column {column} of the condition: ")
    assert said in message


def test_an_error_names_file_line_column_and_key():
    place = Place("selector.yaml", 41, 17, "rules[0].condition")
    assert refused("hour > 5 and priorty == 0", place).startswith(
        "selector.yaml:41: rules[0].condition: column 30: unknown name 'priorty'; did you mean 'priority'?"
    )


def test_each_line_of_a_condition_counts():
    text = "hour > 5\n  and priorty == 0"
    message = refused(text, Place("selector.yaml", 41, 17, "rules[0].condition"))
    assert message.startswith("selector.yaml:42: rules[0].condition: column 7 of line 2 of the condition: ")


def test_a_key_alone_is_place_enough():
    assert refused("hour", where="rules[3].condition").startswith("rules[3].condition: column 1 of the condition: ")


def test_the_error_holds_file_line_and_key():
    with pytest.raises(ConfigError) as caught:
        Condition.of("x == 1", where=Place("a.yaml", 7, 1, "rules[0].condition"))
    assert (caught.value.file, caught.value.line, caught.value.key) == ("a.yaml", 7, "rules[0].condition")


@pytest.mark.parametrize("text", [None, 0, True, ["hour < 6"], b"hour < 6"])
def test_what_is_no_text_is_refused(text):
    assert "a condition is a text" in refused(text)


def test_length_is_limited():
    assert f"at most {MOST_CHARACTERS:,} characters" in refused("x" * (MOST_CHARACTERS + 1))
    longest = "task.id == '" + "x" * (MOST_CHARACTERS - 13) + "'"
    assert not Condition.of(longest).holds(Facts())


def test_the_number_of_words_is_limited():
    some = " or ".join(["true"] * (MOST_WORDS // 2))
    assert Condition.of(some).is_constant
    assert f"at most {MOST_WORDS:,} words and signs" in refused(f"{some} or true")


@pytest.mark.parametrize("opening", ["(", "not ", "not (", "(not not "])
def test_nesting_is_limited(opening):
    closing = ")" * opening.count("(")
    weight = opening.count("(") + opening.count("not")
    deepest = MOST_DEPTH // weight
    assert Condition.of(opening * deepest + "true" + closing * deepest).is_constant
    for deeper in (deepest + 1, 900 // weight):
        assert "deep in each other" in refused(opening * deeper + "true" + closing * deeper)


def test_long_flat_conditions_are_not_deep():
    many = " and ".join(f"(not hour == {n % 24})" for n in range(200))
    assert not Condition.of(many).holds(Facts({"hour": 3}))


def test_a_condition_can_be_copied_and_sent_to_another_process():
    condition = Condition.of("task.id matches '^a+$' or hour < 6", where=Place("a.yaml", 3))
    for again in (pickle.loads(pickle.dumps(condition)), copy.deepcopy(condition)):  # noqa: S301 - our own bytes
        assert again == condition
        assert again.where == condition.where
        assert again.holds(Facts({"task.id": "aaa"}))


def test_a_condition_shows_itself_as_the_code_that_makes_it():
    assert repr(Condition.of("hour<6")) == "Condition.of('hour < 6')"
