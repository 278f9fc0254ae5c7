"""What rules cost: compared side by side with a yardstick, and growing with the text and no faster."""

import timeit
from time import perf_counter, thread_time

import numpy as np
import pytest
from coverage import Coverage

from selector.errors import ConfigError
from selector.records import Task
from selector.rules import Condition, Facts, Rule, Rules, Surroundings
from selector.rules._grammar import MOST_WORDS

TEN = {
    "priority == 0": {"model": "opus"},
    "labels contains 'documentation'": {"only": ["haiku", "tag:external"]},
    "hour >= 22 or hour <= 6": {"prefer": {"deepseek": 0.05}},
    "provider_status['claude-cli'] == 'down'": {"model": "sonnet"},
    "task.id ends_with '0'": {"model": "grok"},
    "quota['home'].remaining < 0.1 and priority > 1": {"forbid": ["*@home"]},
    "retry_count >= 2": {"explore": False},
    "weekday in ['sat', 'sun'] and task_type == 'email'": {"purpose": "worker"},
    "metadata.user == 'ada' or metadata.tier in ['gold', 'silver']": {"min_success": 0.9},
    "input_tokens > 100000": {"only": ["gemini"]},
}
NOON = Surroundings(clock=lambda: 1_785_400_000.0, provider_status=lambda _: "up", quota_remaining=lambda _: 0.5)
TASK = Task("coding", id="task-17", labels=["bug"], metadata={"user": "bob"}, input_tokens=1_200)


def best(run, number):
    """Time a run on the processor, whatever else the machine does."""
    return min(timeit.repeat(run, timer=thread_time, number=number, repeat=9)) / number


@pytest.mark.skipif(Coverage.current() is not None, reason="what counts lines slows one side of the comparison")
@pytest.mark.parametrize("match", ["first", "all"])
def test_ten_rules_that_read_everything_cost_little_beside_ten_draws(match):
    """They take about as long as ten beta draws at once, and three times that leaves room for a busy machine."""
    rules = Rules([Rule(condition=Condition.of(text), **effects) for text, effects in TEN.items()], match)
    generator, alpha = np.random.default_rng(0), np.full(10, 3.0)
    assert rules.apply(Facts.of(TASK, NOON), "task-17").fired == ()
    draws = best(lambda: generator.beta(alpha, alpha), 2_000)
    ten = best(lambda: rules.apply(Facts.of(TASK, NOON), "task-17"), 2_000)
    assert ten < 3 * draws


def test_the_longest_condition_is_read_in_time_linear_in_its_words():
    def read(words):
        return best(lambda: Condition.of(" or ".join([f"hour == {n % 24}" for n in range(words // 4)])), 1)

    read(16)
    assert read(MOST_WORDS) < 25 * read(MOST_WORDS // 8)


@pytest.mark.parametrize(
    "unit", ["(", "not ", "[", "'", "hour ", "hour < 6 or ", "hour<", "a.", "\\u0041", "['a'", "9"]
)
def test_what_is_refused_is_refused_no_later_than_the_longest_condition_is_read(unit):
    def refuse(text):
        started = perf_counter()
        with pytest.raises(ConfigError):
            Condition.of(text)
        return perf_counter() - started

    longest = " or ".join(["hour == 1"] * (MOST_WORDS // 4))
    reading = best(lambda: Condition.of(longest), 1)
    for times in (100, 900, 10_000):
        assert min(refuse(unit * times) for _ in range(3)) < 3 * reading


def test_a_pattern_takes_time_linear_in_the_text_however_it_backtracks_elsewhere():
    condition = Condition.of("task.id matches '^(a+)+$'")

    def search(length):
        facts = Facts({"task.id": "a" * length + "b"})
        return best(lambda: condition.holds(facts), 20)

    search(10)
    assert search(900) < 100 * search(30)
