"""Where a few heavy weights carry an estimate, its interval is Student's: wider by what its error is unsure."""

import math

import numpy as np
import pytest

from selector.replay import LoggedArrays, evaluate, normal_interval
from selector.replay.intervals._normal import p_value, quantile

RATE = np.array([0.3, 0.8])


def drawn_log(seed=0, n=1500, rare=0.02):
    """Draw a log in which the first of two models has a probability that mostly is small."""
    rng = np.random.default_rng(seed)
    e = np.empty((n, 2))
    e[:, 0] = rng.choice([rare, 0.5], p=[0.9, 0.1], size=n)
    e[:, 1] = 1 - e[:, 0]
    arm = (rng.random(n) < e[:, 1]).astype(int)
    return LoggedArrays(
        arm=arm,
        reward=(rng.random(n) < RATE[arm]).astype(float),
        cost_usd=0.02 * rng.random(n),
        propensity=e[np.arange(n), arm],
        probabilities=e,
        mean_reward=np.tile([0.4, 0.7], (n, 1)),
        mean_cost_usd=np.full((n, 2), 0.01),
        type=np.arange(n) % 2,
        models=("rare", "usual"),
        task_types=("chat", "code"),
    )


def rare_one(log):
    return np.tile([1.0, 0.0], (log.n, 1))


def by_hand(log, rows=slice(None)):
    """Return the degrees of freedom of success under `rare_one`, and of its difference from the logging policy."""
    w = (log.arm == 0) / log.propensity
    residual = log.reward - log.mean_reward[np.arange(log.n), log.arm]
    dm, dm0 = log.mean_reward[:, 0], (log.probabilities * log.mean_reward).sum(1)
    found = []
    for weight, predicted in ((w, dm), (w - 1, dm - dm0)):
        g = (predicted + weight * residual)[rows]
        found.append(2 * ((g - g.mean()) ** 2).sum() ** 2 / ((weight * residual)[rows] ** 4).sum())
    return found


def test_students_quantiles_and_p_values_are_those_of_the_tables():
    assert normal_interval(0.0, 1.0, df=10).half_width == pytest.approx(2.228139, abs=1e-6)
    assert p_value(2.228139, 1.0, 10) == pytest.approx(0.05, abs=1e-6)
    assert p_value(-2.228139, 1.0, 10) == pytest.approx(0.05, abs=1e-6)
    assert quantile(0.95, 1e9) == pytest.approx(quantile(0.95), abs=1e-6)


@pytest.mark.parametrize("task_type", [None, "code"])
def test_degrees_of_freedom_are_those_that_the_rows_fourth_powers_leave(task_type):
    log = drawn_log()
    rows = slice(None) if task_type is None else log.type == 1
    found = evaluate(log, {"rare": rare_one(log)})
    one = found.estimate("rare", task_type=task_type)
    df, df_paired = by_hand(log, rows)
    assert df < 60
    assert one.high - one.value == pytest.approx(quantile(0.95, df) * one.se, rel=1e-9)
    paired = found.differences(by_type=task_type is not None)[0 if task_type is None else 1]
    assert paired.high - paired.value == pytest.approx(quantile(0.95, df_paired) * paired.se, rel=1e-9)
    assert paired.p == pytest.approx(p_value(paired.value, paired.se, df_paired), rel=1e-9)


def test_utility_has_no_more_degrees_of_freedom_than_what_it_is_made_of_leaves():
    """With a price of zero it is success itself; costs that hardly matter hardly change it."""
    log = drawn_log()
    stretch = []
    for price in (0.0, 1e-3):
        found = evaluate(log, {"rare": rare_one(log)}, price=price, worth=2.0)
        one = found.estimate("rare", "utility")
        stretch.append((one.high - one.value) / one.se)
    assert stretch[0] == pytest.approx(quantile(0.95, by_hand(log)[0]), rel=1e-9)
    assert stretch[0] <= stretch[1] < stretch[0] * 1.001


def test_without_heavy_weights_and_by_other_estimators_intervals_are_normal():
    log = drawn_log(rare=0.5)
    found = evaluate(log, {"rare": rare_one(log)})
    for policy, estimator in (("logging", "dr"), ("rare", "aw_dr"), ("rare", "snips")):
        one = found.estimate(policy, estimator=estimator)
        assert one.high - one.value == pytest.approx(quantile(0.95) * one.se, rel=1e-9)
    even = found.estimate("rare")
    assert 1.0 <= (even.high - even.value) / even.se / quantile(0.95) < 1.002


def test_intervals_of_short_logs_with_heavy_weights_cover_what_they_promise():
    """1,000 logs of 1,500 decisions, some 27 of them of the rare model: .95 of the intervals to 4 standard errors."""
    truth, inside, normal = RATE[0], 0, 0
    for seed in range(1000):
        log = drawn_log(seed)
        one = evaluate(log, {"rare": rare_one(log)}).estimate("rare")
        inside += one.low <= truth <= one.high
        normal += abs(one.value - truth) <= quantile(0.95) * one.se
    assert abs(inside / 1000 - 0.95) < 4 * math.sqrt(0.95 * 0.05 / 1000)
    assert inside > normal
