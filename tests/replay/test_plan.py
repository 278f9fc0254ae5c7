"""A plan's numbers come true: so many decisions have that power, and a floor that variance."""

import math
from dataclasses import replace

import numpy as np
import pytest

from selector.errors import DataError
from selector.replay import EvidencePlan, Goal, LoggedArrays, evaluate, fixed_model, plan_evidence, uniform
from selector.replay.switching._needs import Burden, explored, needed_for, sample_size, with_floor
from selector.replay.switching._paired import gain_of

RATE = np.array([0.60, 0.66])
COST = np.array([0.01, 0.03])


def drawn(n, seed, e=(0.7, 0.3), rate=RATE, floor=0.0):
    """Log decisions of a policy that never changes, under beliefs that are right."""
    rng = np.random.default_rng(seed)
    p = (1 - floor) * np.array(e) + floor / len(e)
    arm = rng.choice(len(e), size=n, p=p)
    return LoggedArrays(
        arm=arm,
        reward=(rng.random(n) < rate[arm]).astype(float),
        cost_usd=COST[arm],
        propensity=p[arm],
        probabilities=np.tile(p, (n, 1)),
        mean_reward=np.tile(rate, (n, 1)),
        mean_cost_usd=np.tile(COST, (n, 1)),
        type=rng.choice(2, size=n, p=[0.75, 0.25]),
        models=("small", "large"),
        task_types=("chat", "code"),
    )


def test_so_many_decisions_show_the_difference_as_often_as_the_plan_says():
    """200 logs of the planned length: power .8, within 4 standard errors of .028 (a false alarm in .006 %)."""
    truth = 0.7 * (RATE[1] - RATE[0])
    need = plan_evidence(drawn(4000, 0), {"large": fixed_model("large")}, goal=Goal(detect=truth)).of("large")
    assert need.because == "difference"
    shown = 0
    for seed in range(200):
        (d,) = evaluate(drawn(int(need.decisions), 100 + seed), {"large": fixed_model("large")}).differences()
        shown += d.p < 0.05
    assert shown / 200 == pytest.approx(0.8, abs=0.113)


def test_a_higher_floor_has_the_variance_that_the_plan_foretells():
    """One log of 40,000 under the floor: its variance of a decision within 10 %, four standard errors or more."""
    log, targets = drawn(4000, 1, e=(0.98, 0.02)), {"large": fixed_model("large")}
    plan = plan_evidence(log, targets, per_day=1000, goal=Goal(detect=0.05, days=5))
    need, floor = plan.of("large"), plan.of("large").floor
    assert floor is not None
    assert need.days > 5 >= floor.days
    assert floor.decisions == pytest.approx(1000 * floor.days, abs=1)
    held = drawn(40_000, 2, e=(0.98, 0.02), floor=floor.floor)
    gain = gain_of(evaluate(held, targets), "large")
    planned = floor.decisions * 0.05**2 / (1.959964 + 0.841621) ** 2
    assert gain.n * gain.se**2 == pytest.approx(planned, rel=0.1)
    each = floor.floor * 0.48 * (COST[1] - COST[0]), floor.floor * 0.48 * (RATE[1] - RATE[0])
    assert (floor.usd, -floor.successes) == pytest.approx([floor.decisions * one for one in each], rel=0.01)


def test_a_rarer_type_takes_as_many_decisions_and_so_more_days_and_dollars_are_what_its_decisions_cost():
    plan = plan_evidence(drawn(4000, 3), {"large": fixed_model("large")}, per_day=400, goal=Goal(detect=0.01))
    chat, code, whole = (plan.of("large", type_) for type_ in ("chat", "code", None))
    assert chat.decisions == pytest.approx(code.decisions, rel=0.2)
    assert code.days > 2 * chat.days > 2 * whole.days
    assert whole.days == pytest.approx(whole.more / 400)
    assert whole.usd == pytest.approx(whole.more * drawn(4000, 3).cost_usd.mean())
    assert whole.more == whole.decisions - 4000
    assert (whole.judged, whole.n) == (1.0, 4000)


def test_what_the_log_never_tries_takes_a_floor_and_what_could_not_serve_takes_more():
    log = drawn(4000, 4, e=(0.5, 0.5))
    never = np.tile([1.0, 0.0], (log.n, 1))
    log = replace(
        log, arm=np.zeros(log.n, int), propensity=np.ones(log.n), probabilities=never, cost_usd=np.ones(log.n)
    )
    eligible = replace(log, eligible=np.ones((log.n, 2), bool))
    need = plan_evidence(eligible, {"large": fixed_model("large")}, per_day=5000).of("large")
    assert (need.decisions, need.because, need.verdict) == (math.inf, "overlap", "none")
    assert need.floor is not None
    assert "no overlap: 100.0% of its choices are of models with no probability there" in need.note
    plan = plan_evidence(log, {"large": fixed_model("large")}, per_day=5000)
    assert plan.of("large").floor is None
    assert "could not serve, which no floor changes" in plan.answer("large")
    assert "no number of decisions" in plan.answer("large")


def test_too_little_traffic_says_how_long_the_best_floor_takes_and_no_pace_says_so():
    log, targets = drawn(1000, 5, e=(0.98, 0.02)), {"large": fixed_model("large")}
    need = plan_evidence(log, targets, per_day=10).of("large")
    assert need.floor is None
    assert "no floor gets there in 14 days: it takes" in need.note
    need = plan_evidence(log, targets).of("large")
    assert math.isnan(need.days)
    assert need.note == "how many decisions come a day is not known, so neither is a floor"


def test_enough_is_enough():
    plan = plan_evidence(drawn(4000, 6, e=(0.5, 0.5)), {"even": uniform}, per_day=100, goal=Goal(detect=0.05))
    need = plan.of("even")
    assert (need.more, need.usd, need.days, need.floor, need.note) == (0, 0, 0, None, "")
    assert plan.answer("even").startswith("the log has enough to see a difference of 0.05 in the success of even")


def test_verdicts_ask_for_weights_and_width_beside_the_difference():
    log = drawn(400, 7, e=(0.99, 0.01))
    wide = plan_evidence(log, {"large": fixed_model("large")}, goal=Goal(detect=0.5)).of("large")
    assert wide.because in {"weights", "width"}
    assert wide.decisions >= 30 / 0.01
    gone = Burden(variance=1.0, weight=1.0, uncovered=0.05)
    assert needed_for(gone, 1.0).because == "overlap"
    assert sample_size(1.0, 0.1, sides=1) < sample_size(1.0, 0.1)


def test_a_floor_goes_to_what_may_serve_and_was_tried_least():
    log = replace(drawn(3, 8), strength=np.array([[100.0, 9.0], [9.0, 9.0], [np.nan, np.nan]]))
    q = explored(log)
    assert q.sum(1) == pytest.approx(1.0)
    assert q[0, 1] == pytest.approx(0.25 + 0.5 * (1 / 10) / (1 / 10 + 1 / 101))
    assert q[1:] == pytest.approx(0.5)
    assert with_floor(log, 0.1) == pytest.approx(0.9 * log.probabilities + 0.1 * q)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"goal": Goal(detect=0.0)}, "detect: 0.0 is not between 0 and 1"),
        ({"goal": Goal(power=1.0)}, "power: 1.0 is not between 0 and 1"),
        ({"goal": Goal(days=0)}, "days: 0 is no number of days above 0"),
        ({"per_day": -1.0}, "per_day: -1.0 is no number of decisions above 0"),
    ],
)
def test_numbers_that_cannot_be_are_refused(options, said):
    with pytest.raises(DataError, match=said):
        plan_evidence(drawn(100, 9), {"even": uniform}, **options)


def test_a_policy_that_is_not_in_a_plan_is_named():
    plan = plan_evidence(drawn(400, 9), {"even": uniform})
    assert isinstance(plan, EvidencePlan)
    assert plan.policies == ("even",)
    with pytest.raises(DataError, match="the plan has no policy 'odd'"):
        plan.answer("odd")
