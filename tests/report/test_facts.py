"""Every fact of a report can be counted by hand from the log."""

import json
import math
import shutil
from datetime import UTC, date, datetime

import numpy as np
import pytest

from selector import Selector
from selector.cli._output import write_json
from selector.config import Config
from selector.errors import DataError, StateError, UnknownModelError
from selector.replay import load_lean
from selector.report import Measured, facts
from selector.report.counted._beliefs import Alarm
from selector.report.counted._log import Columns, score_interval, scores, sharpness_of
from selector.report.counted._trouble import drift_of
from selector.store import Limits
from selector.testing import demo_state

BEGIN, DAY, HOUR = 1_772_409_600.0, 86_400.0, 3_600.0
THREE = ("deepseek-v4-pro", "minimax-m3", "claude-fable-5")


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    """Leave a small realistic state behind."""
    folder = tmp_path_factory.mktemp("demo") / "state"
    demo_state(folder, n_tasks=160, days=4, models=THREE)
    return folder


@pytest.fixture(scope="module")
def found(demo):
    """Gather its facts."""
    return facts(demo, config=Config.load(demo / "selector.yaml"))


def plain(found):
    """Print facts as a program gets them, and read them again."""
    return json.loads(write_json(found.as_dict()))


def test_the_period_is_counted_whole(log):
    log.decide(usd=0.1, score=1)
    log.decide(usd=0.3, score=0, at=BEGIN + DAY)
    log.decide(usd=0.2, at=BEGIN + 2 * DAY)
    log.decide(at=BEGIN + 3 * DAY)
    t = log.facts().totals
    assert (t.n, t.n_reported, t.n_judged, t.n_unanswered, t.n_fallbacks, t.n_costless) == (4, 3, 2, 0, 0, 0)
    assert t.spent_usd == pytest.approx(0.6)
    assert (t.usd_per_decision.value, t.usd_per_decision.n) == (pytest.approx(0.2), 3)
    assert t.usd_per_decision.high == pytest.approx(0.2 + 1.96 * 0.1 / math.sqrt(3), abs=1e-4)
    assert (t.success.value, t.success.n) == (0.5, 2)
    assert (t.first_at, t.last_at) == (datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 5, tzinfo=UTC))


def test_days_are_those_of_utc_and_targets_the_least_that_a_budget_allows(log):
    log.decide(usd=0.1, at=BEGIN + DAY - 1, shadow_price=2.0)
    log.decide("large", usd=0.4, at=BEGIN + DAY, shadow_price=1.0, reason="exploration", score=1)
    log.decide("large", usd=0.5, at=BEGIN + DAY + 1, shadow_price=4.0)
    free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
    budgets = [{"usd": 31.0, "per": "month"}, {"usd_per_request": 0.6}, {"tokens": 5, "per": "day"}]
    budgets.append({"usd": 0.01, "per": "day", "scope": {"label": "x"}})  # of one label alone
    config = Config.load({"models": {"small": free, "large": free | {"family": "big"}}, "budgets": budgets})
    found = log.facts(config=config)
    first, second = found.days
    assert (first.day, second.day) == (date(2026, 3, 2), date(2026, 3, 3))
    assert (first.target_usd, second.target_usd) == (0.6, 1.0)
    assert (second.spent_usd, second.shadow_price) == (pytest.approx(0.9), 2.5)
    assert (second.explored, second.explored_usd) == (0.5, pytest.approx(0.4))
    assert (first.n_by_model, second.n_by_model) == ((1, 0), (0, 2))
    assert (second.n_judged, second.success.value, math.isnan(first.success.value)) == (1, 1.0, True)
    assert found.families == {"small": "small-inc", "large": "big"}
    assert math.isnan(log.facts().days[0].target_usd)


def test_what_epsilon_greedy_does_by_lot_is_exploration(log):
    """It does not say which choices were: those that are less likely than any lot among all models."""
    log.decide(usd=0.1, policy="epsilon_greedy", propensity=0.925)
    log.decide("large", usd=0.4, policy="epsilon_greedy", propensity=0.075)
    log.decide("large", usd=0.2, policy="thompson", propensity=0.075)
    [day] = log.facts().days
    assert (day.explored, day.explored_usd) == (pytest.approx(1 / 3), pytest.approx(0.4))


def test_work_is_shared_out_within_each_type(log):
    for model, kind, usd in (("small", "b", 0.1), ("large", "a", 0.2), ("small", "a", 0.3), ("large", "a", 0.4)):
        log.decide(model, kind, usd=usd, score=1)
    rows = log.facts().work
    assert [(row.task_type, row.model, row.n) for row in rows] == [
        ("a", "large", 2),
        ("a", "small", 1),
        ("b", "small", 1),
    ]
    assert [row.share for row in rows] == [pytest.approx(2 / 3), pytest.approx(1 / 3), 1.0]
    assert [row.spent_usd for row in rows] == pytest.approx([0.6, 0.3, 0.1])


def test_blocks_are_in_order_and_leave_nothing_out(found):
    assert sum(block.n for block in found.learning) == sum(day.n for day in found.days) == found.totals.n
    assert [block.first for block in found.learning] == np.cumsum([0, *(b.n for b in found.learning[:-1])]).tolist()
    assert all(a.last_at <= b.first_at for a, b in zip(found.learning, found.learning[1:], strict=False))
    assert sum(row.n for row in found.work) == found.totals.n
    assert sum(row.spent_usd for row in found.work) == pytest.approx(found.totals.spent_usd)


def test_wilsons_interval_is_the_published_one():
    low, high = score_interval(np.array([8.0, 0.0]), np.array([10.0, 0.0]))
    assert (low[0], high[0]) == (pytest.approx(0.4902, abs=1e-4), pytest.approx(0.9433, abs=1e-4))
    assert np.isnan(low[1])
    assert np.isnan(high[1])


def test_graded_scores_have_narrower_intervals_that_still_cover():
    """Of 2,000 means of 40 scores, .92 to .98 are covered: the chance of a false alarm is below 1e-6 each side."""
    rng = np.random.default_rng(5)
    graded = rng.beta(6, 2, (2_000, 40))
    sharp = sharpness_of(graded.reshape(-1), np.repeat(np.arange(2_000), 40))
    low, high = score_interval(graded.sum(1), np.full(2_000, 40.0), sharp)
    assert 0.92 < np.mean((low <= 0.75) & (high >= 0.75)) <= 1.0
    wide = score_interval(graded.sum(1), np.full(2_000, 40.0))
    assert np.all(high - low < wide[1] - wide[0])


def test_scores_that_all_agree_are_not_taken_for_sharp_ones():
    assert sharpness_of(np.ones(500), np.zeros(500, int)) == 1.0
    assert scores(np.ones(4), np.zeros(4, int), 1, 1.0)[0] == Measured(1.0, pytest.approx(0.5101, abs=1e-4), 1.0, 4)


def test_fallbacks_say_what_answered_and_what_they_cost(log):
    for score in (1, 0):
        id_ = log.decide("small", usd=0.01, expected_cost_usd=0.02)
        log.attempt(id_, 1, "small", "rate_limited")
        log.attempt(id_, 2, "large")
        log.use(id_, 0.5, attempt=2)
        log.judge(id_, score, at=BEGIN + DAY, attempt=2)
    id_ = log.decide("small", expected_cost_usd=0.02)
    log.attempt(id_, 1, "small", "timeout")
    log.attempt(id_, 2, "large", "timeout")
    id_ = log.decide("small", usd=0.02, score=0, expected_cost_usd=0.02)  # answered, and not well enough
    log.attempt(id_, 2, "large")
    log.use(id_, 0.3, attempt=2)
    found = log.facts()
    rows = {(row.failure, row.model, row.answered_by): row for row in found.fallbacks}
    row = rows["rate_limited", "small", "large"]
    assert (row.n, row.n_calls, row.success.value, row.success.n) == (2, 4, 0.5, 2)
    assert (row.cost_usd, row.expected_usd, row.failed_usd) == pytest.approx((1.02, 0.04, 0.02))
    assert row.failed_s == 4.0
    assert rows["timeout", "small", ""].n == rows["", "small", "large"].n == 1
    assert rows["", "small", "large"].cost_usd == pytest.approx(0.32)
    assert (found.totals.n_fallbacks, found.totals.n_unanswered) == (4, 1)
    assert sum(row.n for row in found.fallbacks) == 4


def test_failed_calls_count_whatever_place_they_had(log):
    for i in range(6):
        id_ = log.decide("small", at=BEGIN + (i // 4) * DAY)
        if i < 3:
            log.attempt(id_, 1, "small", "overloaded")
            log.attempt(id_, 2, "large", "timeout" if i == 0 else None)
        else:
            log.use(id_, 0.1)
    id_ = log.decide("small", at=BEGIN + DAY)
    log.attempt(id_, 1, "small", "overloaded")
    rows = {(row.model, row.failure): row for row in log.facts().failures}
    row = rows["small", "overloaded"]
    assert (row.n, row.n_calls, row.n_ended) == (4, 7, 1)
    assert (row.worst_day, row.n_worst_day) == (date(2026, 3, 2), 3)
    assert (rows["large", "timeout"].n, rows["large", "timeout"].n_calls, rows["large", "timeout"].n_ended) == (1, 3, 1)


def test_an_outcome_is_missing_only_when_it_is_old_enough(log):
    for i in range(20):
        log.decide(at=BEGIN + i * HOUR, score=1, after_s=HOUR)
    log.decide("small", at=BEGIN + HOUR)  # never judged
    log.decide("small", at=BEGIN + 19.5 * HOUR)  # may still be
    log.decide("small", "chat", at=BEGIN + 2 * HOUR, usd=0.1)
    found = log.facts()
    chat, coding = found.judging
    assert found.judging_takes_s == HOUR
    assert (coding.n, coding.n_judged, coding.n_due, coding.n_missing) == (22, 20, 21, 1)
    assert (coding.median_delay_s, coding.n_unreported) == (HOUR, 2)
    assert (chat.n, chat.n_judged, chat.n_due, chat.n_missing, chat.n_unreported) == (1, 0, 1, 1, 0)
    assert math.isnan(chat.median_delay_s)


def test_a_source_is_suspected_after_fifty_answers_without_a_fault(log):
    for i in range(50):
        id_ = log.decide(score=1, source="tests")
        log.judge(id_, 1.0 if i < 49 else 0.9, "judge:opus", at=BEGIN + DAY)
        if i < 49:
            log.judge(id_, 1, "human", at=BEGIN + DAY)
    rows = {row.source: row for row in log.facts().sources}
    assert {name: row.never_fails for name, row in rows.items()} == {"tests": True, "judge:opus": False, "human": False}
    assert (rows["judge:opus"].n, rows["judge:opus"].n_faults, rows["human"].n) == (50, 1, 49)
    assert rows["judge:opus"].mean == pytest.approx(0.998)
    assert sum(row.n_counted for row in rows.values()) == 50


@pytest.mark.parametrize("n_events", [50_000, 41])
def test_drift_shows_the_outcomes_that_rang_and_those_that_came_after(log, n_events):
    log.limits = Limits(n_events=n_events)  # all in the journal, or most of it in sealed parts
    for i in range(60):
        log.decide(score=float(i < 40), after_s=60)  # every hour, judged a minute later
    rang = BEGIN + 49 * HOUR + 61
    log.events.append({"kind": "drift", "at": rang, "n": 49.0, "model": "small", "keep": 0.05})
    log.events.append({"kind": "drift", "what": "version", "at": rang, "n": 49.0, "task_type": "coding", "keep": 0.2})
    log.events.append({"kind": "drift", "at": BEGIN - DAY, "n": 0.0, "model": "small", "keep": 0.05})
    (row,) = log.facts().drift
    assert any((log.folder / "log" / "events").iterdir()) == (n_events == 41)
    assert (row.at.timestamp(), row.n, row.model, row.keep) == (rang, 50, "small", 0.05)
    assert (row.recent.n, row.recent.value) == (30, pytest.approx(20 / 30))  # 20 to 49, of which 40 to 49 failed
    assert (row.since.n, row.since.value) == (10, 0.0)
    assert row.task_types == (("coding", 30),)
    assert math.isnan(row.believed)


def test_of_an_alarm_in_a_snapshot_the_time_is_that_of_a_judgement_of_the_model(log):
    for i in range(40):
        log.decide("small" if i % 2 else "large", score=1, after_s=1800)
    columns = Columns.of(load_lean(log.write()))
    (row,) = drift_of(columns, [Alarm("small", 0.05, np.nan, 31.0), Alarm("small", 0.05, np.nan, 40.0)])
    assert row.at.timestamp() == BEGIN + 31 * HOUR + 1800
    assert drift_of(columns, [Alarm("small", 0.05, np.nan, BEGIN + 31 * HOUR)]) == ((row,))


def test_savings_are_held_against_the_dearest_with_interval_and_verdict(drawn):
    """Of 600 tasks: 95 % intervals, so that each of the two checks fails by chance once in twenty seeds."""
    found = drawn().facts()
    assert (found.baseline.model, found.no_savings) == ("large", "")
    assert "dearest" in found.baseline.because
    large, small = found.savings
    assert (large.is_baseline, small.is_baseline) == (True, False)
    assert large.saved_usd_low <= 0.001 <= large.saved_usd_high  # half of .002 on every second task
    assert large.gained_low <= -0.15 <= large.gained_high
    assert small.gained_low <= 0.15 <= small.gained_high
    assert (large.saved_usd_conclusion, large.gained_conclusion) == ("saved", "lower")
    assert (small.saved_usd_conclusion, small.gained_conclusion) == ("spent more", "higher")
    assert (large.n, large.n_stands_for) == (600, 600)
    assert large.saved_total_usd == pytest.approx(
        (600 * large.saved_usd, 600 * large.saved_usd_low, 600 * large.saved_usd_high)
    )
    assert all(row.verdict in {"supported", "weak", "none"} for row in found.savings)
    assert all(bool(row.reasons) == (row.verdict != "supported") for row in found.savings)


def test_the_baseline_is_the_asked_the_configured_the_one_of_today_or_the_dearest(drawn):
    log = drawn(60)
    free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
    aim = {"no_worse_than": {"model": "small", "by": 0.02}}
    config = Config.load({"models": {"small": free, "large": free}, "objective": aim})
    folder = log.write()
    assert facts(folder, baseline="large", config=config).baseline.because == "as asked for"
    assert facts(folder, config=config).baseline.model == facts(folder, config=config).savings[0].model == "small"
    assert facts(folder).baseline.model == "large"
    with pytest.raises(UnknownModelError, match=r"baseline: unknown model 'larg'.*large"):
        facts(folder, baseline="larg")


def test_the_model_of_today_is_the_baseline_where_the_selector_only_watched(log):
    for i in range(4):
        log.decide("small", propensity=1.0, reason="incumbent", expected_cost_usd=0.1, usd=0.1)
        log.decide("large", propensity=0.5, expected_cost_usd=0.9, usd=0.9, score=i % 2)
    found = log.facts()
    assert found.baseline.model == "small"
    assert "today" in found.baseline.because


def test_of_a_long_log_some_decisions_stand_for_all(drawn, monkeypatch):
    monkeypatch.setattr("selector.report.counted._savings._WORK", 1.0)
    monkeypatch.setattr("selector.report.counted._savings._LEAST", 200)
    log = drawn()
    for _ in range(4):
        log.decide("small", usd=0.001)  # without a propensity
    folder = log.write()
    found = facts(folder)
    assert [row.is_baseline for row in found.savings] == [True, False]
    assert all(190 <= row.n <= 210 and row.n_stands_for == 600 for row in found.savings)
    assert [note.partition(":")[0] for note in found.savings_notes[:2]] == ["large", "the others"]
    assert found.savings_notes[2] == "4 of 604 decisions have no propensity and are not evaluated"
    whole = facts(folder, thorough=True)
    assert [row.n for row in whole.savings] == [600, 600]
    assert whole.savings_notes == found.savings_notes[2:]


def test_without_propensities_nothing_is_supported(drawn):
    found = drawn(propensity=None).facts()
    assert {row.verdict for row in found.savings} <= {"weak", "none"}
    assert "estimated" in " ".join(found.savings_notes)


def test_one_arm_alone_has_no_savings_and_says_why(log):
    for _ in range(3):
        log.decide(propensity=1.0, usd=0.1, score=1)
    found = log.facts()
    assert found.savings == ()
    assert "only one arm" in found.no_savings


@pytest.mark.parametrize("fields", [{}, {"usd": 0.1}, {"usd": 0.1, "score": 1, "propensity": 1.0}])
def test_a_single_decision_is_enough_for_a_report(log, fields):
    log.decide(**fields)
    found = log.facts()
    assert (found.totals.n, len(found.days), len(found.learning), len(found.work)) == (1, 1, 1, 1)
    assert found.no_savings
    assert plain(found)["totals"]["n"] == 1


def test_an_empty_state_says_that_it_is_empty(log, tmp_path):
    with pytest.raises(DataError, match="the log is empty"):
        log.facts()
    with pytest.raises(StateError):
        facts(tmp_path / "nowhere")


def test_beliefs_are_those_of_the_snapshot_and_thin_where_little_counts(demo, found, tmp_path):
    own = shutil.copytree(demo, tmp_path / "own")
    with Selector.open(own / "selector.yaml", state=own) as selector:
        told = {(row["task_type"], row["model"]): row for row in selector.beliefs().to_pylist()}
    assert len(found.beliefs) == len(told) == len(THREE) * len(found.task_types)
    for row in found.beliefs:
        own = told[row.task_type, row.model]
        assert row.mean == pytest.approx(own["success"])
        assert row.strength == pytest.approx(own["alpha"] + own["beta"])
        assert 0 <= row.low < row.mean < row.high <= 1
        assert ((row.task_type, row.model) in {(t.task_type, t.model) for t in found.thin}) == (own["evidence"] < 10)
    best = {row.task_type: row for row in reversed(found.beliefs)}
    assert all(
        (cell.best_model, cell.best_mean) == (best[cell.task_type].model, best[cell.task_type].mean)
        for cell in found.thin
    )


def test_beliefs_of_a_period_that_ended_earlier_are_those_published_then(demo, found):
    middle = found.days[1].day.isoformat()
    early = facts(demo, until=middle)
    assert early.totals.n == found.days[0].n
    assert early.beliefs_at == early.totals.last_at < found.beliefs_at
    assert {row.evidence for row in early.thin} != {row.evidence for row in found.thin}
    late = facts(demo, since=middle)
    assert late.totals.n == found.totals.n - early.totals.n
    assert late.beliefs == found.beliefs


def test_all_facts_are_plain_values_for_programs(found):
    said = plain(found)
    assert said["schema"] == "selector.report/1"
    assert said["totals"]["success"]["n"] == found.totals.n_judged
    assert [row["model"] for row in said["savings"]] == [row.model for row in found.savings]
    assert {row["verdict"] for row in said["savings"]} <= {"supported", "weak", "none"}
    assert said["days"][0]["day"] == found.days[0].day.isoformat()
