"""Where a rule gives a share of tasks to a model, the log says how likely each model was: the share is part of it."""

import numpy as np
import pytest

from selector import Outcome, Selector, Task
from selector.replay import arrays, evaluate, fixed_model, load, models_of

RATE = {"small": 0.3, "middle": 0.6, "large": 0.9}


def prices(usd):
    return {"usd_per_mtok_in": usd, "usd_per_mtok_out": 2 * usd, "max_output_tokens": 1_000, "context_tokens": 50_000}


def worked(folder, clock, n=600, **task):
    """Let a tenth of the tasks be held out for the model that is hardly ever chosen; give what each decision says."""
    held_out = {"name": "held-out", "condition": "true", "model": "small", "share": 0.1}
    config = {"models": {name: prices(1) for name in RATE}, "objective": "most_success", "rules": [held_out]}
    rng, said = np.random.default_rng(0), []
    with Selector.open(config, state=folder, seed=1, clock=clock) as selector:
        for i in range(n):
            clock.now += 10
            decision = selector.select(Task("chat", id=f"task-{i}", **task))
            said.append(decision.probabilities)
            score = float(rng.random() < RATE[decision.model])
            selector.record(decision, Outcome(output_tokens=100, score=score))
    return said


class Clock:
    """A clock that a test sets."""

    def __init__(self):
        self.now = 1.7e9

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.mark.parametrize("task", [{}, {"input_tokens": 100}])
def test_probabilities_in_the_log_are_those_of_the_decisions(tmp_path, clock, task):
    said = worked(tmp_path / "state", clock, n=200, **task)
    table = load(tmp_path / "state")
    expected = np.array([[each.get(name, 0.0) for name in models_of(table)] for each in said])
    assert np.array(table["probabilities"].to_pylist()) == pytest.approx(expected, abs=2e-3)
    assert arrays(table).probabilities == pytest.approx(expected, abs=2e-3)
    assert np.mean(table["probabilities_exact"].to_numpy()) > 0.95


def test_what_was_held_out_covers_its_model(tmp_path, clock):
    """Six hundred tasks, a tenth of them given to the worst model: what it would have earned on all can be told."""
    worked(tmp_path / "state", clock)
    found = evaluate(arrays(load(tmp_path / "state")), {"small": fixed_model("small")}).estimate("small")
    assert found.diagnostics.uncovered == 0
    assert abs(found.value - RATE["small"]) < 3 * found.se
