"""Estimates agree with their formulas written as loops, with another library's record, and with the truth."""

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from selector.errors import DataError
from selector.replay import Evaluator, LoggedArrays, evaluate, fixed_model, logging_policy, uniform

ESTIMATORS = ("dm", "ips", "snips", "dr", "clipped_dr", "sn_dr", "aw_dr")


def drawn_log(n=400, k=4, n_types=3, seed=0):
    """Decisions with probabilities that differ from row to row, by types whose successes differ."""
    rng = np.random.default_rng(seed)
    e = 0.9 * rng.dirichlet(np.ones(k), n) + 0.1 / k
    arm = (e.cumsum(1) > rng.random(n)[:, None]).argmax(1)
    type_ = rng.integers(n_types, size=n)
    rate = np.linspace(0.2, 0.9, n_types * k).reshape(n_types, k)
    return LoggedArrays(
        arm=arm,
        reward=(rng.random(n) < rate[type_, arm]).astype(float),
        cost_usd=rng.exponential(0.01 * (arm + 1)),
        propensity=e[np.arange(n), arm],
        probabilities=e,
        mean_reward=np.clip(rate[type_] + rng.normal(0, 0.1, (n, k)), 0, 1),
        mean_cost_usd=np.tile(0.01 * np.arange(1, k + 1), (n, 1)),
        type=type_,
        models=tuple(f"model-{i}" for i in range(k)),
        task_types=tuple(f"type-{i}" for i in range(n_types)),
    )


def by_loops(log, target, outcome, clip):
    """All estimators written from their formulas, row by row, for logs in which nothing is missing."""
    y, means = (log.reward, log.mean_reward) if outcome == "success" else (log.cost_usd, log.mean_cost_usd)
    dm, ips, w, dr, clipped, h = [], [], [], [], [], []
    for i in range(log.n):
        a = log.arm[i]
        w.append(target[i, a] / log.propensity[i])
        dm.append(sum(target[i, b] * means[i, b] for b in range(len(log.models))))
        ips.append(w[i] * y[i])
        dr.append(dm[i] + w[i] * (y[i] - means[i, a]))
        clipped.append(dm[i] + min(w[i], clip) * (y[i] - means[i, a]))
        variance = sum(target[i, b] ** 2 / log.probabilities[i, b] for b in range(len(log.models)))
        h.append(1 / math.sqrt(variance))
    aw = 0.0
    for x in sorted(set(log.type.tolist())):
        rows = [i for i in range(log.n) if log.type[i] == x]
        aw += len(rows) / log.n * sum(h[i] * dr[i] for i in rows) / sum(h[i] for i in rows)
    n = log.n
    return {
        "dm": sum(dm) / n,
        "ips": sum(ips) / n,
        "snips": sum(ips) / sum(w),
        "dr": sum(dr) / n,
        "clipped_dr": sum(clipped) / n,
        "sn_dr": sum(dm) / n + (sum(dr) - sum(dm)) / sum(w),
        "aw_dr": aw,
    }


@pytest.mark.parametrize("outcome", ["success", "cost"])
def test_every_estimator_is_its_formula(outcome):
    log = drawn_log()
    target = np.random.default_rng(1).dirichlet(np.ones(4), log.n)
    found = evaluate(log, {"x": target}, clip=2.5)
    for name, value in by_loops(log, target, outcome, 2.5).items():
        assert found.estimate("x", outcome, name).value == pytest.approx(value, abs=1e-12)
        one = by_loops(log.take(log.type == 1), target[log.type == 1], outcome, 2.5)[name]
        assert found.estimate("x", outcome, name, task_type="type-1").value == pytest.approx(one, abs=1e-12)


def test_estimates_agree_with_open_bandit_pipeline():
    """Its release 0.5.7 computed these values from these arrays (obp_reference.py); here they agree to 1e-9.

    Of what both have, definitions agree in the direct method, IPS, SNIPS, DR, DR with clipped weights (its lambda_) and
    self-normalised DR. Its intervals are bootstrap, concentration bounds, and Student's: they are not compared.
    """
    record = json.loads(Path(__file__).with_name("obp_reference.json").read_text())
    arrays = {name: np.array(record[name]) for name in ("arm", "reward", "probabilities", "mean_reward", "target")}
    target, n = arrays.pop("target"), len(arrays["arm"])
    log = LoggedArrays(
        **arrays,
        propensity=arrays["probabilities"][np.arange(n), arrays["arm"]],
        cost_usd=np.zeros(n),
        mean_cost_usd=np.zeros((n, 4)),
        type=np.zeros(n, int),
        models=("a", "b", "c", "d"),
        task_types=("all",),
    )
    found = evaluate(log, {"x": target}, clip=record["clip"])
    assert record["made_with"] == "obp 0.5.7"
    assert set(record["values"]) == set(ESTIMATORS) - {"aw_dr"}
    for name, value in record["values"].items():
        assert found.estimate("x", estimator=name).value == pytest.approx(value, abs=1e-9)


def test_utility_is_success_times_worth_less_price_times_cost_row_by_row():
    """With a worth per type: the estimate, and its standard error, are those of a log whose reward is the utility."""
    log, worth, price = drawn_log(), np.array([1.0, 3.0, 0.5]), 7.0
    target = np.random.default_rng(1).dirichlet(np.ones(4), log.n)
    direct = replace(
        log,
        reward=worth[log.type] * log.reward - price * log.cost_usd,
        mean_reward=worth[log.type][:, None] * log.mean_reward - price * log.mean_cost_usd,
        corrected=True,
    )
    found, wanted = (
        evaluate(log, {"x": target}, worth=worth, price=price, clip=3),
        evaluate(direct, {"x": target}, clip=3),
    )
    for name in ESTIMATORS:
        ours, theirs = found.estimate("x", "utility", name), wanted.estimate("x", "success", name)
        assert (ours.value, ours.se) == pytest.approx((theirs.value, theirs.se), rel=1e-9)


def same(one, other):
    for outcome in ("success", "cost", "utility"):
        for a, b in zip(one.estimates(outcome), other.estimates(outcome), strict=True):
            assert (a.value, a.se) == pytest.approx((b.value, b.se), rel=1e-10)
            assert (a.if_failed, a.if_succeeded) == pytest.approx((b.if_failed, b.if_succeeded), rel=1e-10)
            assert a.diagnostics == pytest.approx(b.diagnostics, rel=1e-10)
        for a, b in zip(one.differences(outcome, by_type=True), other.differences(outcome, by_type=True), strict=True):
            assert (a.value, a.se, a.p_holm) == pytest.approx((b.value, b.se, b.p_holm), rel=1e-7)


def test_a_log_in_pieces_gives_what_it_gives_in_one():
    """In uneven pieces, in another order, and added up by two evaluators that are merged."""
    log, targets = drawn_log(n=3000), {"even": uniform, "last": fixed_model("model-3")}
    whole = evaluate(log, targets, price=2.0)
    one, other = (Evaluator(["even", "last"], log.models, log.task_types, clip=math.sqrt(3000)) for _ in range(2))
    for begin, end, evaluator in ((1000, 1003, one), (0, 1000, other), (1003, 3000, one)):
        evaluator.add(log.take(slice(begin, end)), targets)
    one.merge(other)
    same(one.result(price=2.0), whole)


def test_a_result_does_not_change_with_what_is_added_later():
    log = drawn_log()
    evaluator = Evaluator([], log.models, log.task_types, clip=20.0)
    evaluator.add(log.take(slice(0, 200)), {})
    early = evaluator.result()
    before = early.estimate("logging")
    evaluator.add(log.take(slice(200, 400)), {})
    assert early.estimate("logging") == before
    assert evaluator.result().estimate("logging").diagnostics.n == 400


def test_the_logging_policy_earned_what_it_earned():
    """Its weights are one, and IPS of it is the mean of what was logged."""
    log = drawn_log()
    found = evaluate(log, {"again": logging_policy})
    for outcome, mean in (("success", log.reward.mean()), ("cost", log.cost_usd.mean())):
        for policy in found.policies:
            assert found.estimate(policy, outcome, "ips").value == pytest.approx(mean, rel=1e-12)
        assert found.differences(outcome)[0].value == pytest.approx(0.0, abs=1e-15)
    assert found.estimate("logging").diagnostics.effective_n == pytest.approx(log.n)


def test_a_difference_is_paired_row_by_row():
    """Its value and its standard error are those of the rows' own differences, in all and in a type."""
    log = drawn_log()
    target = 0.9 * log.probabilities + 0.1 * uniform(log)
    rows = np.arange(log.n)
    w = target[rows, log.arm] / log.propensity
    residual = log.reward - log.mean_reward[rows, log.arm]
    each = ((target - log.probabilities) * log.mean_reward).sum(1) + (w - 1) * residual
    found = evaluate(log, {"x": target})
    all_, *types = [*found.differences(), *found.differences(by_type=True)]
    assert all_.value == pytest.approx(each.mean(), abs=1e-12)
    assert all_.se == pytest.approx(each.std(ddof=1) / math.sqrt(log.n), rel=1e-9)
    assert all_.se < 0.3 * found.estimate("x").se
    own = each[log.type == 2]
    assert (types[2].value, types[2].se) == pytest.approx((own.mean(), own.std(ddof=1) / math.sqrt(len(own))))
    assert sum(t.share * t.value for t in types) == pytest.approx(all_.value)


def test_the_frontier_holds_whoever_no_other_beats():
    """A policy that is better for less is on it, one that is worse for more is not, nor one without support."""
    log = drawn_log(n=4000)
    log = replace(log, mean_cost_usd=np.tile(log.mean_cost_usd[:1], (log.n, 1)))
    never = np.zeros((log.n, 4))
    never[:, 0] = 1.0
    targets = {f"model-{k}": fixed_model(f"model-{k}") for k in range(4)}
    points = {p.policy: p for p in evaluate(log, targets).frontier()}
    assert [points[f"model-{k}"].on_frontier for k in range(4)] == [True, True, True, True]
    assert not points["logging"].on_frontier or points["logging"].cost_usd < points["model-3"].cost_usd
    few = evaluate(log.take(slice(0, 60)), {"model-0": fixed_model("model-0")}).frontier()
    assert [p.on_frontier for p in few if p.verdict.word == "none"] == [False] * sum(
        p.verdict.word == "none" for p in few
    )


REFUSED = [
    ({"propensity": (3, 0.0)}, "propensity: row 3 is 0.0; it must be above 0"),
    ({"propensity": (3, 1.5)}, "propensity: row 3 is 1.5"),
    ({"propensity": (3, 0.001)}, "the chosen arm's own entry in probabilities"),
    ({"probabilities": ((5, 0), 9.0)}, "probabilities: row 5 sum to"),
    ({"reward": (2, 7.0)}, "reward: row 2 is 7.0; it must be in [0, 1], or nan"),
    ({"cost_usd": (2, -1.0)}, "cost_usd: row 2 is -1.0; it must be at least 0"),
    ({"mean_reward": ((4, 1), math.nan)}, "mean_reward: row 4 is nan; it must be finite"),
    ({"arm": (1, 9)}, "arm: row 1 is 9; it must be an index of one of 4 models"),
    ({"type": (1, -1)}, "type: row 1 is -1"),
]


@pytest.mark.parametrize(("change", "message"), REFUSED, ids=lambda each: str(each)[:30])
def test_a_value_that_cannot_be_is_named_with_its_row_and_what_to_do(change, message):
    log = drawn_log()
    for name, (place, value) in change.items():
        array = getattr(log, name).copy()
        array[place] = value
        log = replace(log, **{name: array})
    with pytest.raises(DataError) as error:
        evaluate(log, {})
    assert message in str(error.value)


def test_logs_that_say_nothing_are_refused_in_words():
    log = drawn_log()
    with pytest.raises(DataError, match="the log is empty"):
        evaluate(log.take(slice(0, 0)), {})
    with pytest.raises(DataError, match="nan in every row"):
        evaluate(replace(log, reward=np.full(log.n, np.nan)), {})
    wide = np.ones((log.n, 1))
    one = dict.fromkeys(("probabilities", "mean_reward", "mean_cost_usd"), wide)
    with pytest.raises(DataError, match="only one arm"):
        evaluate(replace(log, **one, arm=np.zeros(log.n, int), propensity=np.ones(log.n), models=("a",)), {})
    evaluator = Evaluator([], log.models, ("another",), clip=1.0)
    with pytest.raises(DataError, match="evaluate logs of other names apart"):
        evaluator.add(log, {})
    with pytest.raises(DataError, match="there is no 'dx'; valid: aw_dr, clipped_dr"):
        evaluate(log, {}).estimate("logging", estimator="dx")
    with pytest.raises(DataError, match=r"row 0 has .* give probabilities that sum to 1"):
        evaluate(log, {"half": np.full((log.n, 4), 0.1)})
