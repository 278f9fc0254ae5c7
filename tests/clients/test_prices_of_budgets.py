"""Several budgets at once: each that binds has a price of its own, soft ones pace too, and every price is told."""

import numpy as np
import pytest

from selector import Outcome, Selector, Task

HOUR_S = 3_600.0
BEGIN_S = 1_780_272_000.0  # midnight, UTC
RATE = {"small": {"chat": 0.7, "code": 0.3}, "other": {"chat": 0.75, "code": 0.6}, "big": {"chat": 0.8, "code": 0.9}}
TOKENS = 400
MODELS = {
    "small": {"usd_per_mtok_in": 0.1, "usd_per_mtok_out": 1},
    "other": {"usd_per_mtok_in": 0.5, "usd_per_mtok_out": 4},
    "big": {"usd_per_mtok_in": 1, "usd_per_mtok_out": 5, "tags": ["external"]},
}
LIMITED = {"name": "far", "tokens": 45_000, "per": "hour", "scope": {"tag": "external"}, "hard": False}


def config(*budgets, **more):
    models = {name: {**each, "context_tokens": 8_000, "max_output_tokens": 1_000} for name, each in MODELS.items()}
    types = {"chat": {}, "code": {}}
    return {"models": models, "task_types": types, "objective": "most_success", "budgets": [*budgets], **more}


class Clock:
    def __init__(self):
        self.now = BEGIN_S

    def __call__(self):
        return self.now


def serve(selector, clock, n, hours=1.0, seed=0, input_tokens=100):
    """Serve tasks evenly over some hours; give the models and the types."""
    rng, chosen = np.random.default_rng(seed), []
    begin = clock.now
    for i in range(n):
        clock.now = begin + (i + 0.5) / n * hours * HOUR_S
        type_ = ("chat", "code")[rng.integers(2)]
        decision = selector.select(Task(type_, input_tokens=input_tokens))
        score = float(rng.random() < RATE[decision.model][type_])
        usage = Outcome(input_tokens=input_tokens, output_tokens=TOKENS, score=score, source="tests")
        selector.record(decision, usage)
        chosen.append((decision.model, type_))
    clock.now = begin + hours * HOUR_S
    return chosen


@pytest.fixture
def opened(tmp_path):
    def open_(*budgets, name="state", clock=None, **more):
        clock = clock or Clock()
        return Selector.open(config(*budgets, **more), state=tmp_path / name, seed=1, clock=clock), clock

    return open_


def test_a_soft_budget_of_tokens_at_some_models_is_spent_and_hardly_more(opened):
    """90 of 300 calls an hour may go to the big model, and would all without a budget."""
    selector, clock = opened(LIMITED)
    with selector:
        serve(selector, clock, 300)
        second = [model for model, _ in serve(selector, clock, 300, seed=1)]
    used = second.count("big") * (TOKENS + 100) / LIMITED["tokens"]
    assert 0.85 < used < 1.1


def test_what_is_scarce_goes_where_it_brings_most(opened):
    selector, clock = opened(LIMITED)
    with selector:
        serve(selector, clock, 300)
        second = serve(selector, clock, 300, seed=1)
    assert second.count(("big", "code")) > 6 * second.count(("big", "chat"))


def test_status_and_explanation_say_what_one_more_unit_is_worth(opened):
    selector, clock = opened(LIMITED, {"usd": 0.39, "per": "hour"})
    with selector:
        serve(selector, clock, 300, hours=0.9)
        status, decision = selector.status(), selector.select(Task("chat"))
        assert len(status.prices) == 1
        assert status.prices[0].startswith("price far: one more million tokens is worth ")
        assert status.prices[0] in selector.explain(decision)
        assert status.shadow_price > 0


def test_a_budget_that_does_not_bind_has_no_price(opened):
    selector, clock = opened({**LIMITED, "tokens": 10**9})
    with selector:
        chosen = serve(selector, clock, 200, hours=0.9)
        assert selector.status().prices == ()
    assert sum(model == "big" for model, _ in chosen) > 120


def test_a_hard_budget_of_requests_at_a_model_lasts_all_hour(opened):
    """Without a price it would be gone in half an hour; with one, the second half has its part."""
    selector, clock = opened({"requests": 60, "per": "hour", "scope": {"model": "big"}})
    with selector:
        serve(selector, clock, 240)
        second = [model for model, _ in serve(selector, clock, 240, seed=1)]
    assert second.count("big") <= 60
    assert second[120:].count("big") > 18


def test_two_limits_bind_at_once_and_both_are_kept_to(opened):
    """Dollars are short and so is the big model: what neither forbids is the model between."""
    selector, clock = opened({**LIMITED, "tokens": 24_000}, {"usd": 0.3, "per": "hour", "hard": False})
    with selector:
        serve(selector, clock, 300)
        second = [model for model, _ in serve(selector, clock, 300, seed=1)]
    tokens = second.count("big") * (TOKENS + 100)
    usd = sum((100 * MODELS[m]["usd_per_mtok_in"] + TOKENS * MODELS[m]["usd_per_mtok_out"]) / 1e6 for m in second)
    assert 0.8 < tokens / 24_000 < 1.15
    assert 0.9 < usd / 0.3 < 1.1
    assert second.count("other") > 30


def test_a_long_task_is_kept_from_tokens_that_are_scarce(opened):
    """What a task's own length takes is set against it, not what its type's usual one does."""
    selector, clock = opened({**LIMITED, "tokens": 36_000})
    with selector:
        serve(selector, clock, 300)
        long = [selector.select(Task("code", input_tokens=6_000)).model for _ in range(40)]
        short = [selector.select(Task("code", input_tokens=1)).model for _ in range(40)]
    assert long.count("big") < short.count("big")


def test_what_was_logged_is_the_probability_of_the_choice(opened):
    """Over 400 tasks of one length the logged propensities of the big model add up to how often it was chosen."""
    selector, clock = opened(LIMITED)
    with selector:
        serve(selector, clock, 300)
        decisions = [selector.select(Task("code", input_tokens=300)) for _ in range(400)]
        likely = {d.model: d.propensity for d in decisions if d.reason.value == "policy"}
        counted = [d.model for d in decisions]
    for model, p in likely.items():
        assert counted.count(model) / 400 == pytest.approx(p, abs=4 * (p * (1 - p) / 400) ** 0.5 + 0.02)


def test_prices_and_traffic_are_known_again_after_a_restart(opened):
    clock = Clock()
    selector, _ = opened(LIMITED, clock=clock)
    with selector:
        serve(selector, clock, 300)
        serve(selector, clock, 150, hours=0.5, seed=1)
        selector._core.snapshot()  # what waited is booked by then
        before = selector._core.budget.meters.dump()
    again, _ = opened(LIMITED, clock=clock)
    with again:
        meter = next(iter(again._core.budget.meters))
        assert meter.pace.remaining_of("far") == pytest.approx(150, rel=0.25)
        spent = [w.spent[0] for _, w in meter.pace._windows]
        assert spent == before["far"]["windows"]["far"]["spent"]
        assert again.status().prices


def test_the_spend_and_the_arrivals_of_another_process_count(tmp_path):
    """Two selectors of one folder see one stream of requests, not each its own half."""
    clock = Clock()
    one = Selector.open(config(LIMITED), state=tmp_path / "state", seed=1, clock=clock)
    two = Selector.open(config(LIMITED), state=tmp_path / "state", seed=2, clock=clock)
    with one, two:
        for i in range(200):
            selector = (one, two)[i % 2]
            clock.now = BEGIN_S + HOUR_S / 2 * (i + 0.5) / 200
            decision = selector.select(Task("code", input_tokens=100))
            selector.record(decision, Outcome(input_tokens=100, output_tokens=TOKENS, score=1.0, source="tests"))
            if i % 10 == 9:
                for each in (one, two):
                    each.flush()
                    each._core.tick()
        for each in (one, two):
            each._core.tick()
            each._core.budget.steer(clock.now, each._core.fold.flight.now)
        paces = [next(iter(each._core.budget.meters)).pace for each in (one, two)]
        came = [float(w.traffic._so_far[0]) for pace in paces for _, w in pace._windows]
        spent = [float(w.spent[0]) for pace in paces for _, w in pace._windows]
    assert came == [200, 200]
    assert spent[0] == spent[1] > 0
