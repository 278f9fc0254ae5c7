"""A price on waiting: what is slow is chosen less, by as much as its seconds cost, and no budget pays for them."""

import pytest

from selector import Outcome, Selector, Task

EQUAL = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 10, "context_tokens": 8_000, "max_output_tokens": 1_000}
MODELS = {"fast": EQUAL, "slow": EQUAL}
SECONDS = {"fast": 1.0, "slow": 11.0}
ALIKE = {"fast": 1.0, "slow": 1.0}
TASK = Task("chat", input_tokens=100)


@pytest.fixture
def opened(folder):
    def opened(objective, models=MODELS, **more):
        return Selector.open({"models": models, "objective": objective, **more}, state=folder, seed=1)

    return opened


def serve(selector, n=60, good=ALIKE, task_type="chat"):
    """Let each model serve so often, as well and as fast as it does."""
    for _ in range(n):
        for name, seconds in SECONDS.items():
            decision = selector.select(Task(task_type, input_tokens=100, only=[name]))
            used = Outcome(input_tokens=100, output_tokens=100, latency_s=seconds)
            selector.record(decision, used)
            selector.record(decision, Outcome(score=good[name], source="tests"))


def share(selector, name, n=60):
    return sum(selector.select(TASK).model == name for _ in range(n)) / n


@pytest.mark.parametrize(
    "objective",
    [
        {"name": "worth_usd", "default_worth_usd": 0.1},
        {"min_success": 0.5},
        {"no_worse_than": {"model": "slow", "by": 0.2}},
    ],
)
def test_of_two_that_are_alike_the_fast_one_serves(opened, objective):
    with opened(objective | {"usd_per_second": 0.001}) as selector:
        serve(selector)
        assert share(selector, "fast") > 0.9
    with opened(objective) as without:
        assert without.select(TASK).model in MODELS
        assert "waiting" not in without.explain(without.select(TASK))


@pytest.mark.parametrize(("usd_per_second", "chosen"), [(0.001, "slow"), (0.01, "fast")])
def test_ten_seconds_are_waited_for_where_they_cost_less_than_the_success_they_bring(opened, usd_per_second, chosen):
    """Slow succeeds .9 and fast .4: half a success is worth .05 USD, ten seconds cost .01 or .1."""
    objective = {"name": "worth_usd", "default_worth_usd": 0.1, "usd_per_second": usd_per_second}
    with opened(objective) as selector:
        serve(selector, 100, good={"fast": 0.4, "slow": 0.9})
        assert share(selector, chosen) > 0.9


def test_under_a_budget_waiting_is_weighed_and_not_paid(opened):
    objective = {"name": "most_success", "usd_per_second": 0.01}
    budget = {"name": "day", "usd": 0.5, "per": "day"}
    with opened(objective, budgets=[budget]) as selector:
        serve(selector)
        spent = selector._core.budget.accounts["day"][1].spent
        assert spent == 120 * (100 * 1 + 100 * 10) * 1_000


def test_the_explanation_and_the_status_say_what_a_second_costs(opened):
    with opened({"name": "worth_usd", "default_worth_usd": 0.1, "usd_per_second": 0.002}) as selector:
        serve(selector, 10)
        said = "waiting: a second counts as 0.002 USD, which no budget pays"
        assert said in selector.explain(selector.select(TASK))
        assert said in selector.status().prices


def test_what_was_logged_is_the_probability_of_the_choice(opened):
    objective = {"name": "worth_usd", "default_worth_usd": 0.1, "usd_per_second": 0.004}
    with opened(objective) as selector:
        serve(selector, 12, good={"fast": 0.4, "slow": 0.9})
        decisions = [selector.select(TASK) for _ in range(400)]
        (likely,) = {round(d.propensity, 9) for d in decisions if d.model == "slow" and d.reason.value == "policy"}
    found = sum(d.model == "slow" for d in decisions) / 400
    assert found == pytest.approx(likely, abs=4 * (likely * (1 - likely) / 400) ** 0.5 + 0.02)


def test_a_type_that_comes_later_and_a_model_that_nobody_timed_are_not_held_to_be_slow(opened):
    models = MODELS | {"new": EQUAL}
    with opened({"name": "worth_usd", "default_worth_usd": 0.1, "usd_per_second": 0.001}, models) as selector:
        serve(selector, 20)
        assert {selector.select(Task("prose", input_tokens=100)).model for _ in range(80)} >= {"new", "fast"}
