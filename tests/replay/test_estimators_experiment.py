"""The experiments on estimates: logs are what they say, do not depend on their neighbours, and are kept."""

import numpy as np

from experiments import ope_coverage, ope_speed
from experiments.ope_coverage import Settings, logs, measure, synthetic
from selector.replay import ConfidenceSequence, evaluate, uniform

SMALL = Settings(file="synthetic", logs=2, decisions=50)


def test_logged_probabilities_are_whole_and_never_below_the_floors_even_part():
    """Half of the floor of .02 is spread evenly over six models."""
    matrix = synthetic(300)
    for log in logs(matrix, SMALL, [0, 1]):
        assert log.checked() is log
        assert log.probabilities.min() >= 0.01 / 6 - 1e-12
        assert log.mean_reward.min() >= 0
        assert evaluate(log, {"even": uniform}).estimate("even").diagnostics.uncovered == 0


def test_a_log_does_not_depend_on_those_beside_it():
    matrix = synthetic(300)
    together, alone = list(logs(matrix, SMALL, [3, 4]))[1], next(logs(matrix, SMALL, [4]))
    for name in ("arm", "reward", "probabilities", "mean_reward"):
        assert np.array_equal(getattr(together, name), getattr(alone, name))


def test_under_a_budget_exploration_is_what_it_pays_for():
    log = next(logs(synthetic(300), Settings(file="synthetic", budget_usd=0.002, decisions=50), [0]))
    assert (log.probabilities == 0).any()
    assert ConfidenceSequence().add(log, uniform).low[0] <= log.reward.mean()


def test_batches_are_kept_and_taken_from_where_they_are(tmp_path):
    first = measure(SMALL, kept=tmp_path)
    kept = list(tmp_path.iterdir())
    written = [path.stat().st_mtime_ns for path in kept]
    assert len(kept) == 1
    assert str(measure(SMALL, kept=tmp_path)) == str(first)  # as text, where nan is nan
    assert [path.stat().st_mtime_ns for path in kept] == written


def test_a_streamed_log_is_estimated_within_its_interval():
    """At 30,000 decisions, with a target drawn evenly in every row: within 4 standard errors of the mean of all."""
    settings = ope_speed.Settings(streamed=30_000, piece=7_000)
    speed, found = ope_speed.stream(settings)
    estimate = found.estimate("target")
    rate = np.random.default_rng(0).uniform(0.4, 0.95, (10, 10)).mean()
    assert speed.rounds == estimate.diagnostics.n == 30_000
    assert abs(estimate.value - rate) < 4 * estimate.se
    assert ope_coverage.synthetic(10).n_prompts == 10
