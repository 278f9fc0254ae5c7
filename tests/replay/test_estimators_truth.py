"""Over many logs of a policy that learns, estimates hit the truth as often, and as closely, as they say."""

import math
from dataclasses import replace

import numpy as np
import pytest

from selector.errors import DataError, UnknownModelError
from selector.replay import (
    JudgingRates,
    LoggedArrays,
    evaluate,
    fixed_model,
    frozen,
    human_corrected,
    logging_policy,
    uniform,
    without_model,
)

RATE = np.array([[0.9, 0.6, 0.5], [0.1, 0.4, 0.3]])  # of three models, on two types
N, N_LOGS = 1000, 400


def learnt_logs(n_logs=N_LOGS, n=N, seed=0):
    """Draw logs of a policy that leans to what has done best so far on each type, with a floor; means are its own."""
    rng = np.random.default_rng(seed)
    every, k = np.arange(n_logs), 3
    wins, tries = np.full((2, n_logs, 2, k), 0.5) * np.array([1.0, 2.0])[:, None, None, None]
    arms, types, rewards = np.empty((3, n, n_logs), int)
    p, mean = np.empty((2, n, n_logs, k))
    for t in range(n):
        types[t] = x = rng.integers(2, size=n_logs)
        mean[t] = wins[every, x] / tries[every, x]
        lean = np.exp(8 * mean[t])
        p[t] = 0.85 * lean / lean.sum(1, keepdims=True) + 0.05
        arms[t] = a = (p[t].cumsum(1) > rng.random(n_logs)[:, None]).argmax(1)
        rewards[t] = r = rng.random(n_logs) < RATE[x, a]
        wins[every, x, a] += r
        tries[every, x, a] += 1
    rows = np.arange(n)
    for i in range(n_logs):
        yield LoggedArrays(
            arm=arms[:, i],
            reward=rewards[:, i].astype(float),
            cost_usd=np.array([0.01, 0.02, 0.03])[arms[:, i]],
            propensity=p[rows, i, arms[:, i]],
            probabilities=p[:, i],
            mean_reward=mean[:, i],
            mean_cost_usd=np.tile([0.01, 0.02, 0.03], (n, 1)),
            type=types[:, i],
            models=("a", "b", "c"),
            task_types=("easy", "hard"),
        )


@pytest.fixture(scope="module")
def learnt():
    """Return what was found on each of 400 logs: value, se and verdict, by target and estimator."""
    targets = {"a": fixed_model("a"), "b": fixed_model("b"), "even": uniform, "best": frozen(RATE, 0 * RATE)}
    found = {}
    for log in learnt_logs():
        evaluation = evaluate(log, targets)
        for name in targets:
            for estimator in ("ips", "snips", "dr", "clipped_dr", "sn_dr", "aw_dr"):
                e = evaluation.estimate(name, estimator=estimator)
                found.setdefault((name, estimator), []).append((e.value, e.se, e.verdict.word == "supported"))
    return {key: np.array(rows) for key, rows in found.items()}


TRUTH = {"a": RATE[:, 0].mean(), "b": RATE[:, 1].mean(), "even": RATE.mean(), "best": (0.9 + 0.4) / 2}


@pytest.mark.parametrize("estimator", ["ips", "dr"])
@pytest.mark.parametrize("target", TRUTH)
def test_estimates_from_an_adaptive_log_are_unbiased(learnt, target, estimator):
    """400 logs of 1,000; mean error within 3.5 standard errors (a false alarm in .05 % of cells, .4 % of all 8)."""
    error = learnt[target, estimator][:, 0] - TRUTH[target]
    assert abs(error.mean()) < 3.5 * error.std(ddof=1) / math.sqrt(len(error))


@pytest.mark.parametrize("target", TRUTH)
def test_adaptive_weights_bias_by_less_than_a_third_of_the_spread(learnt, target):
    """They are a ratio, whose weights depend on the past, and right in the limit only."""
    error = learnt[target, "aw_dr"][:, 0] - TRUTH[target]
    assert abs(error.mean()) < error.std() / 3


@pytest.mark.parametrize("target", TRUTH)
def test_intervals_cover_where_they_are_supported(learnt, target):
    """95 % intervals of supported estimates cover in .925 to .975 of them, give or take 3 standard errors of 400."""
    value, se, supported = learnt[target, "dr"].T
    yes = supported > 0
    assert yes.sum() > 40 or target in {"a", "b"}
    if not yes.any():
        return
    inside = np.abs(value - TRUTH[target])[yes] <= 1.96 * se[yes]
    slack = 3 * math.sqrt(0.05 * 0.95 / yes.sum())
    assert 0.925 - slack <= inside.mean() <= 0.975 + slack


def test_an_interval_that_is_narrow_by_luck_is_not_supported():
    """400 logs of 600: of intervals within .05 more than a fifth miss; what probabilities let expect is wider."""
    lucky = []
    for log in learnt_logs(400, n=600, seed=11):
        e = evaluate(log, {"a": fixed_model("a")}).estimate("a")
        if 1.96 * e.se <= 0.05 and e.diagnostics.effective_n >= 30 and e.diagnostics.largest_weight <= 0.2:
            lucky.append((abs(e.value - TRUTH["a"]) <= 1.96 * e.se, e.verdict.word))
    assert len(lucky) > 20
    assert np.mean([inside for inside, _ in lucky]) < 0.8
    assert {word for _, word in lucky} <= {"weak", "none"}


def test_doubly_robust_estimates_are_no_worse_than_self_normalised_ones(learnt):
    for target, truth in TRUTH.items():
        rmse = {e: np.sqrt(((learnt[target, e][:, 0] - truth) ** 2).mean()) for e in ("dr", "snips", "sn_dr", "aw_dr")}
        assert rmse["dr"] < 1.1 * rmse["snips"]
        assert rmse["aw_dr"] < 1.1 * rmse["dr"]


def test_standard_errors_are_the_spread_over_logs(learnt):
    """Within 15 %, which is four standard errors of a standard deviation over 400 logs."""
    for key, rows in learnt.items():
        assert rows[:, 1].mean() == pytest.approx(rows[:, 0].std(), rel=0.15), key


def test_what_nobody_judged_is_weighted_by_how_often_and_never_counts_as_failed():
    """Judged at rates from .3 to 1 by type and model: DR and AW within 3.5 se over 150 logs (.05 % each)."""
    rng, rate = np.random.default_rng(5), np.array([[1.0, 0.5, 0.3], [0.4, 0.6, 0.9]])
    errors = {"dr": [], "aw_dr": []}
    for log in learnt_logs(150, seed=1):
        judged = rng.random(log.n) < rate[log.type, log.arm]
        found = evaluate(replace(log, reward=np.where(judged, log.reward, np.nan)), {"even": uniform})
        for name, each in errors.items():
            each.append(found.estimate("even", estimator=name).value - TRUTH["even"])
        e = found.estimate("even")
        assert e.if_failed < e.value < e.if_succeeded
        assert e.diagnostics.n_seen == judged.sum()
    for name, each in errors.items():
        assert abs(np.mean(each)) < 3.5 * np.std(each, ddof=1) / math.sqrt(len(each)), name


def test_bounds_hold_where_judging_depends_on_how_it_went():
    """Where only failures are judged, the weighted estimate is wrong; the bounds have the truth between them."""
    log = next(learnt_logs(1, n=4000))
    seen = replace(log, reward=np.where((log.reward == 0) | (np.arange(log.n) % 2 == 0), log.reward, np.nan))
    full, e = evaluate(log, {"even": uniform}), evaluate(seen, {"even": uniform}).estimate("even")
    assert e.high < TRUTH["even"]
    assert e.if_failed < full.estimate("even").value <= e.if_succeeded


def test_a_difference_that_what_nobody_judged_could_turn_is_weak():
    log = next(learnt_logs(1, n=4000, seed=3))
    sure = evaluate(log, {"best": frozen(RATE, 0 * RATE)}).differences()[0]
    hide = (log.arm == RATE.argmax(1)[log.type]) & (np.arange(log.n) % 5 > 0)
    hidden = replace(log, reward=np.where(hide, np.nan, log.reward))
    unsure = evaluate(hidden, {"best": frozen(RATE, 0 * RATE)}).differences()[0]
    assert (sure.conclusion, sure.verdict.word) == ("higher", "supported")
    assert unsure.verdict.word == "weak"
    assert "with all unjudged outcomes failed or all succeeded it would be" in unsure.verdict.reasons[-1]


def test_missing_outcomes_are_counted_before_a_log_in_pieces():
    log = next(learnt_logs(1))
    some = replace(log, reward=np.where(np.arange(log.n) % 4 == 0, np.nan, log.reward))
    whole = JudgingRates.counted([some])
    parts = JudgingRates.counted(chunk for _, chunk in some.chunks(100))
    assert np.array_equal(whole.of_success(), parts.of_success())
    assert (whole.of_cost() == 1).all()
    with pytest.raises(DataError, match="the log is empty"):
        JudgingRates.counted([])


def test_a_judge_is_corrected_by_a_sample_of_labels_and_the_interval_is_wider_for_it():
    """A judge that calls a third of failures successes: its estimate is off; corrected, bias < 3.5 se over 200 logs."""
    rng, errors, inside = np.random.default_rng(9), [], []
    for log in learnt_logs(200, seed=4):
        fooled = (rng.random(log.n) < 1 / 3) & (log.reward == 0)
        judged = replace(log, reward=np.where(fooled, 1.0, log.reward))
        human = np.where(rng.random(log.n) < 0.3, log.reward, np.nan)
        raw = evaluate(judged, {"even": uniform}).estimate("even")
        e = evaluate(human_corrected(judged, human, 0.3), {"even": uniform}).estimate("even")
        assert e.se > raw.se
        errors.append(e.value - TRUTH["even"])
        inside.append(abs(errors[-1]) <= 1.96 * e.se)
        assert raw.value - TRUTH["even"] > 0.05
    assert abs(np.mean(errors)) < 3.5 * np.std(errors, ddof=1) / math.sqrt(len(errors))
    assert np.mean(inside) > 0.95 - 3 * math.sqrt(0.05 * 0.95 / 200)


def test_labels_that_cannot_correct_are_refused():
    log = next(learnt_logs(1))
    for human, words in (
        (np.full(3, 1.0), "its shape is"),
        (np.full(log.n, 7.0), "scale the labels first"),
        (np.full(log.n, np.nan), "label a random sample"),
    ):
        with pytest.raises(DataError, match=words):
            human_corrected(log, human)
    with pytest.raises(DataError, match="above 0 and at most 1"):
        human_corrected(log, log.reward, 0.0)


def test_policies_choose_as_they_say():
    log = next(learnt_logs(1))
    assert np.array_equal(logging_policy(log), log.probabilities)
    assert np.allclose(uniform(log), 1 / 3)
    p = without_model("b")(log)
    assert (p[:, 1] == 0).all()
    assert np.allclose(p[:, 0] / p[:, 2], log.probabilities[:, 0] / log.probabilities[:, 2])
    cost = np.tile([0.0, 1.0, 2.0], (2, 1))
    assert np.array_equal(frozen(RATE, cost, 0.0)(log).argmax(1), RATE.argmax(1)[log.type])
    assert (frozen(RATE, cost, 9.0)(log)[:, 0] == 1).all()
    soft = frozen(RATE, cost, 0.5, temperature=0.2)(log)
    utility = RATE - 0.5 * cost
    assert np.allclose(np.log(soft[:, 0] / soft[:, 1]), ((utility[:, 0] - utility[:, 1]) / 0.2)[log.type])
    tied = frozen(np.full((2, 3), 0.5), np.zeros((2, 3)))(log)
    assert np.allclose(tied, 1 / 3)


def test_only_eligible_models_are_chosen_and_what_the_log_never_tries_is_uncovered():
    log = next(learnt_logs(1))
    may = np.ones((log.n, 3), bool)
    may[:, 2] = log.arm == 2
    p = np.where(may, log.probabilities, 0.0)
    log = replace(log, probabilities=p / p.sum(1, keepdims=True), eligible=may)
    log = replace(log, propensity=log.probabilities[np.arange(log.n), log.arm])
    assert (uniform(log)[~may] == 0).all()
    assert (frozen(np.array([[0.0, 0.1, 0.9]] * 2), np.zeros((2, 3)))(log)[:, 2] == (log.arm == 2)).all()
    found = evaluate(log, {"c": fixed_model("c")}).estimate("c")
    assert found.diagnostics.uncovered == pytest.approx((log.arm != 2).mean())
    assert found.verdict.word == "none"
    with pytest.raises(UnknownModelError):
        evaluate(log, {"x": fixed_model("nobody")})
    with pytest.raises(DataError, match="its shape is"):
        evaluate(log, {"x": frozen(np.ones((5, 3)), np.ones((5, 3)))})
    with pytest.raises(DataError, match="below 0"):
        frozen(RATE, RATE, temperature=-1.0)


def test_a_little_probability_where_the_log_has_none_is_uncovered_and_does_not_undo_the_verdict():
    """Under a tight budget some models have no probability at all for a while."""
    log = next(learnt_logs(n_logs=1))
    none = np.arange(log.n) % 5 == 0
    log = log.take(~(none & (log.arm == 2)))
    none = np.arange(log.n) % 5 == 0
    none &= log.arm != 2
    p = log.probabilities.copy()
    p[none, 2] = 0.0
    p /= p.sum(1, keepdims=True)
    log = replace(log, probabilities=p, propensity=p[np.arange(log.n), log.arm])
    target = 0.98 * p + 0.02 * np.array([0.0, 0.0, 1.0])
    found = evaluate(log, {"near": target})
    estimate = found.estimate("near")
    assert 0 < estimate.diagnostics.uncovered < 0.01
    assert estimate.verdict.word == "supported", estimate.verdict
    assert found.differences()[0].verdict.word == "supported"
