"""A type's longest wait: whoever is not expected to answer in time 19 times of 20 does not serve it."""

import math

import numpy as np
import pytest

from selector import Outcome, Selector, Task
from selector._clients.learning._latency import Latency

PRICED = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 2, "max_output_tokens": 1_000, "context_tokens": 50_000}
CONFIG = {"models": {"quick": PRICED, "slow": PRICED}, "task_types": {"chat": {"max_latency_s": 5}, "batch": {}}}


@pytest.fixture
def opened(tmp_path):
    found = []

    def open_(config=CONFIG):
        found.append(Selector.open(config, state=tmp_path / "state", seed=1, clock=lambda: 1.7e9))
        return found[-1]

    yield open_
    for each in found:
        each.close()


def measured(selector):
    for model, seconds in (("quick", 1.0), ("slow", 20.0)):
        for i in range(12):
            decision = selector.select(Task("batch", only=[model]))
            selector.record(decision, Outcome(latency_s=seconds * (1 + i % 3 / 10), output_tokens=10, score=1))
    return selector


def test_who_is_too_slow_does_not_serve_and_the_reason_says_how_slow(opened):
    selector = measured(opened())
    for task in (Task("chat"), Task("chat", input_tokens=5), Task("chat", labels=["x"], prompt="Hello.")):
        decision = selector.select(task)
        assert set(decision.probabilities) == {"quick"}
        assert decision.exclusions["slow"].reason.value == "too_slow"
        assert "5 are allowed" in decision.exclusions["slow"].detail
    assert len(selector.select(Task("batch")).probabilities) == 2


def test_who_was_never_measured_is_not_believed_slow(opened):
    assert set(opened().select(Task("chat")).probabilities) == {"quick", "slow"}


def test_where_nobody_is_quick_enough_the_quickest_serves(opened):
    limits = {**CONFIG, "task_types": {"chat": {"max_latency_s": 0.01}, "batch": {}}}
    assert set(measured(opened(limits)).select(Task("chat")).probabilities) == {"quick"}


@pytest.mark.parametrize("ending", ["snapshot", "log"])
def test_it_is_known_after_a_restart(opened, tmp_path, ending):
    first = measured(opened())
    first.close()
    if ending == "log":
        for path in (tmp_path / "state").glob("posteriors.parquet*"):
            path.unlink()
    second = opened()
    assert set(second.select(Task("chat")).probabilities) == {"quick"}
    now = second._core.engine.now()
    np.testing.assert_allclose(second._core.mind.latency.now(now)[0], [[0, 0], [12, 12]], rtol=0.01)


def test_a_failed_call_says_nothing_of_how_long_answers_take(opened):
    selector = opened()
    for _ in range(10):
        selector.record(selector.select(Task("batch", only=["quick"])), Outcome(error="timeout", latency_s=60))
    assert not selector._core.mind.latency.now(0.0)[0].any()


def test_ninety_five_of_a_hundred_are_within_it():
    """4,000 log-normal waits: the share within is .95, give or take .015 (4 sd)."""
    rng = np.random.default_rng(4)
    latency, waits = Latency(1, 1, math.inf), rng.lognormal(1.0, 0.6, 4_000)
    for seconds in waits.tolist():
        latency.see(0, 0, 0.0, seconds, 1.0)
    assert abs((waits <= latency.p95(0.0)[0, 0]).mean() - 0.95) < 0.015
