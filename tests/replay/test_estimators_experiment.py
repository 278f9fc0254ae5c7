"""The experiments on estimates: logs are what they say, and do not depend on their neighbours."""

import numpy as np
import pytest

from experiments._logs import Logging, logs, synthetic
from experiments.ope_coverage.analysis import cells
from experiments.ope_coverage.run import Config, run
from experiments.ope_speed.run import Config as SpeedConfig
from experiments.ope_speed.run import stream
from selector.replay import ConfidenceSequence, evaluate, uniform

SMALL = Logging(decisions=50)


def test_logged_probabilities_are_whole_and_never_below_the_floors_even_part():
    """Half of the floor of .02 is spread evenly over six models."""
    matrix = synthetic(300)
    for log in logs(matrix, SMALL, [0, 1]):
        assert log.checked() is log
        assert log.probabilities.min() >= 0.01 / 6 - 1e-12
        assert log.mean_reward.min() >= 0
        assert evaluate(log, {"even": uniform}).estimate("even").diagnostics.uncovered == 0


def test_a_log_that_begins_after_the_burn_in_has_some_probability_of_every_model():
    """Thirty outcomes at 10 % of decisions take some 300 of them, with a standard deviation of 50; 600 go before."""
    matrix = synthetic(300)
    (early,) = logs(matrix, Logging(begin=1, decisions=50), [0])
    assert (early.probabilities == 0).any()
    for log in logs(matrix, Logging(begin=600, decisions=50), [0, 1]):
        assert log.n == 50
        assert log.checked().probabilities.min() >= 0.01 / 6 - 1e-12


def test_a_log_does_not_depend_on_those_beside_it():
    matrix = synthetic(300)
    together, alone = list(logs(matrix, SMALL, [3, 4]))[1], next(logs(matrix, SMALL, [4]))
    for name in ("arm", "reward", "probabilities", "mean_reward"):
        assert np.array_equal(getattr(together, name), getattr(alone, name))


def test_under_a_budget_exploration_is_what_it_pays_for():
    log = next(logs(synthetic(300), Logging(budget_usd=0.002, decisions=50), [0]))
    assert (log.probabilities == 0).any()
    assert ConfidenceSequence().add(log, uniform).low[0] <= log.reward.mean()


def test_batches_put_together_are_the_logs_in_one():
    """However the logs are cut into batches, a cell is the same."""
    two = [Config(file="synthetic", decisions=50, logs=1, first_log=i) for i in (0, 1)]
    one = Config(file="synthetic", decisions=50, logs=2)
    apart, together = (cells([(each, run(each)) for each in configs]) for configs in (two, [one]))
    assert [cell.target for cell in together] == ["cheapest", "best", "uniform", "greedy", "softmax"]
    assert {cell.n_logs for cell in together} == {2}
    for here, there in zip(apart, together, strict=True):
        assert here[3:] == pytest.approx(there[3:], nan_ok=True)


def test_a_streamed_log_is_estimated_within_its_interval():
    """At 30,000 decisions, with a target drawn evenly in every row: within 4 standard errors of the mean of all."""
    speed, found = stream(SpeedConfig(streamed=30_000, piece=7_000))
    estimate = found.estimate("target")
    rate = np.random.default_rng(0).uniform(0.4, 0.95, (10, 10)).mean()
    assert speed.rounds == estimate.diagnostics.n == 30_000
    assert abs(estimate.value - rate) < 4 * estimate.se
