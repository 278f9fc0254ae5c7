"""The conditions that routing files commonly hold, as they are written there: each must behave as its words say."""

from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from selector.records import Task
from selector.rules import Condition, Facts, Rule, Rules, Surroundings

BERLIN = ZoneInfo("Europe/Berlin")


def at(text, zone=BERLIN, **sources):
    """Stand at a moment of Berlin's clock."""
    moment = datetime.fromisoformat(text).replace(tzinfo=BERLIN)
    return Surroundings(clock=moment.timestamp, zone=zone, **sources)


def holds(text, task, around=None):
    return Condition.of(text).holds(Facts.of(task, around))


@pytest.mark.parametrize(("priority", "expected"), [(0, True), (1, False), (2, False)])
def test_priority_zero_is_critical(priority, expected):
    assert holds("priority == 0", Task("coding", priority=priority)) is expected


@pytest.mark.parametrize(
    ("labels", "expected"),
    [(["documentation"], True), (["bug", "documentation"], True), (["documentation-de"], False), ([], False)],
)
def test_a_label_is_a_whole_word_of_the_list(labels, expected):
    assert holds("labels contains 'documentation'", Task("coding", labels=labels)) is expected


@pytest.mark.parametrize(
    ("clock", "expected"),
    [
        ("2026-07-30T21:59:59", False),
        ("2026-07-30T22:00:00", True),
        ("2026-07-30T23:59:59", True),
        ("2026-07-31T00:00:00", True),
        ("2026-07-31T06:59:59", True),
        ("2026-07-31T07:00:00", False),
        ("2026-07-31T12:00:00", False),
    ],
)
def test_hours_over_midnight_are_those_of_the_configured_zone(clock, expected):
    assert holds("hour >= 22 or hour <= 6", Task("coding"), at(clock)) is expected


def test_the_same_moment_is_another_hour_in_another_zone():
    moment = "2026-07-30T22:30:00"
    assert holds("hour == 22", Task("coding"), at(moment))
    assert holds("hour == 20", Task("coding"), at(moment, zone=ZoneInfo("UTC")))
    assert holds("hour == 5 and weekday == 'fri'", Task("coding"), at(moment, zone=ZoneInfo("Asia/Tokyo")))


def test_the_hour_follows_summer_time():
    """At 01:30 UTC Berlin's clock shows 02:30 in winter and 03:30 in summer."""
    before = Surroundings(clock=datetime(2026, 3, 28, 1, 30, tzinfo=ZoneInfo("UTC")).timestamp, zone=BERLIN)
    after = Surroundings(clock=datetime(2026, 3, 29, 1, 30, tzinfo=ZoneInfo("UTC")).timestamp, zone=BERLIN)
    assert holds("hour == 2", Task("coding"), before)
    assert holds("hour == 3", Task("coding"), after)


@pytest.mark.parametrize("text", ["weekday in ['sat', 'sun']", "weekday == 'Saturday' or weekday == 'SUN'"])
@pytest.mark.parametrize(("day", "expected"), [(30, False), (31, False), (1, True), (2, True), (3, False)])
def test_the_weekday_is_that_of_the_configured_zone(text, day, expected):
    """2026-08-01 is a Saturday."""
    month = 7 if day >= 30 else 8
    assert holds(text, Task("coding"), at(f"2026-{month:02}-{day:02}T00:30:00")) is expected


@pytest.mark.parametrize(("status", "expected"), [("down", True), ("up", False), (None, False)])
def test_a_providers_status_moves_work_only_while_it_is_known_to_be_down(status, expected):
    around = at("2026-07-30T12:00:00", provider_status={"claude-cli": status}.get)
    assert holds("provider_status['claude-cli'] == 'down'", Task("coding"), around) is expected


def test_a_provider_that_comes_back_is_seen_by_the_next_task():
    status = {"claude-cli": "down"}
    around = at("2026-07-30T12:00:00", provider_status=status.get)
    rules = Rules([Rule(condition=Condition.of("provider_status['claude-cli'] == 'down'"), model="fallback")])
    assert rules.apply(Facts.of(Task("coding"), around), "1").model == "fallback"
    status["claude-cli"] = "up"
    assert rules.apply(Facts.of(Task("coding"), around), "2").model is None


@pytest.mark.parametrize(("task_id", "expected"), [("task-10", True), ("0", True), ("task-01", False), (None, False)])
def test_the_end_of_a_tasks_id(task_id, expected):
    assert holds("task.id ends_with '0'", Task("coding", id=task_id)) is expected


@pytest.mark.parametrize(("count", "expected"), [(0, False), (1, False), (2, True), (5, True)])
def test_how_often_a_task_was_tried_before(count, expected):
    assert holds("retry_count >= 2", Task("coding", retry_count=count)) is expected


@pytest.mark.parametrize(
    ("left", "priority", "expected"), [(0.05, 2, True), (0.05, 1, False), (0.1, 2, False), (None, 2, False)]
)
def test_what_is_left_of_a_quota(left, priority, expected):
    around = at("2026-07-30T12:00:00", quota_remaining={"home": left}.get)
    condition = "quota['home'].remaining < 0.1 and priority > 1"
    assert holds(condition, Task("coding", priority=priority), around) is expected


def test_the_rules_of_a_whole_file_are_looked_at_in_order():
    conditions = {
        "priority == 0": "opus",
        "labels contains 'documentation'": "haiku",
        "hour >= 22 or hour <= 6": "deepseek",
    }
    rules = Rules(
        [Rule(condition=Condition.of(text), model=model) for text, model in conditions.items()], default_model="sonnet"
    )

    def forced(clock, **task):
        return rules.apply(Facts.of(Task("coding", **task), at(clock)), "1").model

    noon, night = "2026-07-30T12:00:00", "2026-07-30T23:00:00"
    assert forced(night, priority=0, labels=["documentation"]) == "opus"
    assert forced(night, labels=["documentation"]) == "haiku"
    assert forced(night) == "deepseek"
    assert forced(noon) == "sonnet"
