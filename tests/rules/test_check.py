"""What a condition may compare: each refusal by an example, with the character and the remedy that it names."""

import pytest

from selector.errors import ConfigError
from selector.rules import Condition, Vocabulary
from selector.rules._check import MOST_PATTERNS


def refused(text, vocabulary=None):
    with pytest.raises(ConfigError) as caught:
        Condition.of(text, vocabulary=vocabulary)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("priorty == 0", 1, "did you mean 'priority'?"),
        ("task_type == coding", 14, "a text stands in quotes"),
        ("task.lables contains 'a'", 1, "a task has no 'lables'; did you mean 'labels'?"),
        ("task.prompt contains 'a'", 1, "a task has no 'prompt'"),
        ("task.metadata.user == 'a'", 1, "write metadata.user"),
        ("task == 'a'", 1, "such as task.id"),
        ("metadata == 1", 1, "such as metadata.user"),
        ("metadata.a.b == 1", 1, "with one name"),
        ("session.a.b == 1", 1, "such as session.turn"),
        ("session.trun == 1", 1, "a session has no 'trun'; did you mean 'turn'?"),
        ("session.turns > 3", 1, "a session has no 'turns'; did you mean 'turn'?"),
        ("session.user == 'a'", 1, "a session has no 'user'"),
        ("hour.utc == 1", 1, "hour has no parts"),
        ("provider_status == 'up'", 1, "provider_status['NAME']"),
        ("provider_status['a'].x == 'up'", 1, "provider_status['NAME']"),
        ("quota['a'] < 0.1", 1, "quota['NAME'].remaining"),
        ("quota['a'].left < 0.1", 1, "a quota has no 'left'"),
        ("budget['a'].spent < 0.1", 1, "budget['NAME'].remaining"),
        ("quota[' '].remaining < 0.1", 1, "quota['NAME'].remaining"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest(text, column, said):
    message = refused(text)
    assert message.startswith(f"column {column} of the condition: ")
    assert said in message


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("hour == 'x'", 9, "hour is a number, and 'x': they are never equal"),
        ("hour == true", 9, "never equal"),
        ("task_type == 1", 14, "task_type is a text, and 1"),
        ("task_type < 1", 13, "compares two numbers or two texts"),
        ("labels == 'a'", 11, "write labels contains 'a'"),
        ("labels != 'a'", 11, "write not labels contains 'a'"),
        ("labels == ['a', 1]", 11, "holds something else"),
        ("labels < 'a'", 10, "labels is a list of texts"),
        ("labels in ['a']", 1, "labels contains 'a'"),
        ("labels contains ['a', 'b']", 17, "write 'contains' once for each"),
        ("labels contains 1", 17, "labels is a list of texts, and contains no 1"),
        ("labels starts_with 'a'", 1, "write contains"),
        ("labels matches 'a'", 1, "asked of a text"),
        ("purpose == ['a']", 12, "write in"),
        ("purpose in 'lead'", 12, "write ['lead']"),
        ("'a' in task.id", 8, "task.id contains 'a'"),
        ("1 in labels", 1, "holds no 1"),
        ("null in ['a']", 1, "null is no member"),
        ("purpose in [null]", 13, "a list holds"),
        ("purpose in [task.id]", 13, "a list holds"),
        ("purpose in [['a']]", 13, "a list holds"),
        ("purpose in []", 12, "the list is empty"),
        ("purpose in ['a', 1]", 12, "purpose is a text, not 1"),
        ("priority contains 1", 1, "priority is a number"),
        ("task.id contains 1", 18, "task.id is a text"),
        ("task.id starts_with 1", 21, "followed by a text"),
        ("task.id matches purpose", 17, "a pattern in quotes"),
        ("task.explore == 1", 17, "never equal"),
        ("task.explore in [1]", 17, "task.explore is true or false"),
        ("priority == null", 1, "priority is always there"),
        ("null != labels", 9, "labels is always there"),
        ("priority < null", 12, "compares two numbers or two texts"),
        ("session.turn == 'lead'", 17, "session.turn is a number, and 'lead': they are never equal"),
        ("session.phase == 1", 18, "session.phase is a text, and 1"),
        ("priority", 1, "as in priority == 1"),
        ("labels", 1, "as in labels contains 'a'"),
        ("not task_type", 5, "as in task_type == 'a'"),
        ("labels contains 'a' or 'b'", 24, "write the whole comparison"),
        ("hour == 1 or 2", 14, "write the whole comparison"),
        ("true and null", 10, "alone is no condition"),
        ("['a']", 1, "a list alone is no condition"),
        ("(hour == 1) == true", 7, "no value to compare"),
        ("hour == (1 or 2)", 10, "no value to compare"),
    ],
)
def test_values_that_cannot_meet_are_refused_with_the_remedy(text, column, said):
    message = refused(text)
    assert said in message
    assert message.startswith(f"column {column} of the condition: ")


@pytest.mark.parametrize(
    ("text", "column", "said"),
    [
        ("hour > 24", 8, "hour is a whole number from 0 to 23, not 24"),
        ("hour < 24", 8, "from 0 to 23, not 24"),
        ("24 > hour", 1, "from 0 to 23, not 24"),
        ("hour > 23", 8, "hour > 23 never holds"),
        ("hour < 0", 8, "hour < 0 never holds"),
        ("23 < hour", 1, "hour > 23 never holds"),
        ("hour == 6.5", 9, "a whole number from 0 to 23, not 6.5"),
        ("hour in [22, 23, 24]", 9, "not 24"),
        ("hour in [true, 'x']", 9, "from 0 to 23, not True"),
        ("hour not in [25]", 13, "not 25"),
        ("hour == -1", 9, "not -1"),
        ("priority == -1", 13, "a whole number of at least 0, not -1"),
        ("priority < 0", 12, "never holds"),
        ("retry_count == .5", 16, "not 0.5"),
        ("task.max_output_tokens < 1", 26, "never holds"),
        ("quota['home'].remaining < 10", 27, "a number from 0 to 1, not 10"),
        ("budget['company'].remaining > 1", 31, "never holds"),
        ("weekday == 'mno'", 12, "did you mean 'mon'?"),
        ("weekday == 'Montag'", 12, "weekday is one of 'mon', 'tue'"),
        ("weekday in ['sat', 'son']", 12, "did you mean 'sun'?"),
        ("weekday == 1", 12, "never equal"),
        ("weekday < 'fri'", 1, "no order"),
        ("weekday starts_with 's'", 1, "write == or in"),
        ("weekday contains 's'", 1, "write == or in"),
        ("provider_status['a'] == 'dwon'", 25, "did you mean 'down'?"),
        ("'Mno' == weekday", 1, "did you mean 'mon'?"),
    ],
)
def test_what_can_never_be_is_refused(text, column, said):
    message = refused(text)
    assert said in message
    assert message.startswith(f"column {column} of the condition: ")


@pytest.mark.parametrize(
    "text", ["hour >= 0", "hour < 6.5", "hour <= 23", "quota['a'].remaining <= 1", "priority >= 0"]
)
def test_what_can_be_is_not_refused(text):
    assert not Condition.of(text).is_constant


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("(", "missing )"),
        ("a**", "bad repetition operator"),
        ("(?<=a)b", "invalid perl operator"),
        (r"(a)\\1", "invalid escape sequence"),
        ("a{1001}", "invalid repetition size"),
        ("((a{100}){100}){100}", "invalid repetition size"),
        (r"\pL{900}", "too large"),
        (".{900}", "instructions"),
    ],
)
def test_a_bad_pattern_is_refused_with_its_place(pattern, said, capfd):
    message = refused(f"task.id matches '{pattern}'")
    assert message.startswith("column 17 of the condition: the pattern ")
    assert said in message
    assert capfd.readouterr().err == ""


def test_the_number_of_patterns_is_limited():
    one = "task.id matches 'a'"
    assert Condition.of(" or ".join([one] * MOST_PATTERNS)).names == {"task.id"}
    assert f"at most {MOST_PATTERNS} patterns" in refused(" or ".join([one] * (MOST_PATTERNS + 1)))


class TestVocabulary:
    VALID = Vocabulary(providers=["claude-cli", "work"], quotas=["home"], budgets=["company"])

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("provider_status['claude-clj'] == 'up'", "no provider is called 'claude-clj'; did you mean 'claude-cli'?"),
            ("hour < 6 or quota['hom'].remaining < 0.1", "no quota is called 'hom'; did you mean 'home'?"),
            ("budget['x'].remaining < 0.1", "no budget is called 'x'; valid: company"),
        ],
    )
    def test_what_is_not_configured_is_refused(self, text, said):
        assert said in refused(text, self.VALID)

    def test_what_is_configured_is_known(self):
        text = "provider_status['work'] == 'up' and quota['home'].remaining < budget['company'].remaining"
        assert len(Condition.of(text, vocabulary=self.VALID).names) == 3
