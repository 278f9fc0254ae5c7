"""A decision explains itself, now and from the log, and its probabilities are those with which it was made."""

import re
from contextlib import ExitStack

import numpy as np
import pytest

from selector import Outcome, Selector, Task
from selector.records import Basis

PRICED = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 2, "max_output_tokens": 1_000, "context_tokens": 50_000}
MODELS = {
    "small": PRICED,
    "middle": {**PRICED, "usd_per_mtok_out": 8, "capabilities": ["tools"]},
    "large": {**PRICED, "usd_per_mtok_out": 20, "capabilities": ["tools"]},
    "off": {**PRICED, "enabled": False},
}
SOFT, HARD, MEAN = {"usd": 5, "per": "day", "hard": False}, {"usd": 5, "per": "day"}, {"usd_per_request": 0.005}
TASKS = [
    Task("coding"),
    Task("coding", input_tokens=1_200),
    Task("coding", prompt="Sort these."),
    Task("coding", needs=["tools"]),
    Task("coding", only=["small", "large"], input_tokens=40_000, max_output_tokens=10),
    Task("coding", explore=False),
    Task("coding", only=["middle"]),
]
NOW = 1.7e9
COLUMNS = {"believed": range(5), "cost": [5], "probability": [7]}


@pytest.fixture
def opened(tmp_path):
    """Open selectors, each of a folder of its own, and close them when the test ends."""
    with ExitStack() as stack:

        def open_(*budgets, folder="state", seed=1, **more):
            config = {"models": MODELS, "budgets": list(budgets), **more}
            return stack.enter_context(Selector.open(config, state=tmp_path / folder, seed=seed, clock=lambda: NOW))

        yield open_


def taught(selector, n=40):
    """Let a selector learn that the dearer models are better."""
    rng = np.random.default_rng(3)
    likely = {"small": 0.4, "middle": 0.7, "large": 0.9}
    for _ in range(n):
        decision = selector.select(Task("coding", input_tokens=500))
        score = float(rng.random() < likely[decision.model])
        selector.record(decision, Outcome(output_tokens=int(rng.integers(100, 900)), score=score))
    return selector


def table(text):
    """Read the rows of candidates of an explanation, by model."""
    lines = text.splitlines()
    begin = next(i for i, line in enumerate(lines) if "90 % interval" in line) + 1
    rows = [re.split(r"\s{2,}", line.strip("* ").strip()) for line in lines[begin : lines.index("", begin)]]
    return {cells[0]: cells[1:] for cells in rows}


class TestTold:
    @pytest.mark.parametrize("budget", [SOFT, HARD, MEAN], ids=["soft", "hard", "mean"])
    @pytest.mark.parametrize("task", TASKS, ids=range(len(TASKS)))
    def test_it_says_of_each_candidate_all_that_was_compared(self, opened, budget, task):
        decision = taught(opened(budget)).select(task)
        rows = table(str(decision))
        assert set(rows) == {c.model for c in decision.candidates}
        for c in decision.candidates:
            mean, interval, prior, n, tokens, cost, utility, probability = rows[c.model]
            assert (mean, prior, n) == (f"{c.mean:.2f}", f"{c.prior_share:.0%}", f"{c.n:,.0f}")
            assert interval == f"{c.interval[0]:.2f} to {c.interval[1]:.2f}"
            assert tokens == f"{c.tokens:,.0f}"
            assert float(cost.strip("$")) == pytest.approx(c.cost_usd, rel=0.01)
            assert float(probability) == pytest.approx(c.probability, abs=6e-4)
            assert utility == "?" or float(utility) == pytest.approx(c.utility, abs=6e-4)
            assert c.interval[0] <= c.mean <= c.interval[1]

    def test_it_says_who_may_not_serve_and_why(self, opened):
        decision = opened(HARD).select(Task("coding", needs=["tools"], only=["middle", "small"]))
        assert {name: x.reason.value for name, x in decision.exclusions.items()} == {
            "small": "missing_capability",
            "large": "not_in_only",
            "off": "disabled",
        }
        for name, why in decision.exclusions.items():
            assert f"{name} may not serve: {why}" in str(decision)

    @pytest.mark.parametrize("budget", [SOFT, HARD], ids=["soft", "hard"])
    def test_it_says_the_shadow_price_the_budgets_and_what_the_baseline_would_cost(self, opened, budget):
        selector = taught(opened(budget, MEAN, objective={"no_worse_than": {"model": "large"}}))
        text = str(selector.select(Task("coding", input_tokens=1_000)))
        assert "shadow price: one more dollar is worth" in text
        assert "budget usd-per-day" in text
        assert "of 5 USD" in text
        assert "0.005 USD per request on average" in text
        assert re.search(r"large, the model to compare with, would be expected to cost \$0\.0\d+", text)

    def test_it_does_not_change_with_what_was_learnt_since(self, opened):
        selector = taught(opened(MEAN))
        decision, same = selector.select(TASKS[1]), selector.select(TASKS[1])
        before = str(decision)
        taught(selector)
        assert str(decision) == before
        assert sum(same.probabilities.values()) == pytest.approx(1)
        assert {c.model: c.n for c in same.candidates} == {c.model: c.n for c in decision.candidates}

    def test_the_budgets_it_shows_are_those_of_when_it_was_made_whenever_it_is_read(self, opened):
        selector = opened(HARD)
        decision = selector.select(TASKS[1])
        for _ in range(5):
            selector.record(selector.select(TASKS[1]), Outcome(cost_usd=0.5))
        assert "0 spent" in str(decision)


class TestFromTheLog:
    @pytest.mark.parametrize("column", COLUMNS)
    @pytest.mark.parametrize("budget", [SOFT, HARD], ids=["soft", "hard"])
    @pytest.mark.parametrize("task", TASKS, ids=range(len(TASKS)))
    def test_another_process_tells_the_same_of_every_candidate(self, opened, budget, task, column):
        with opened(budget) as first:
            decision = taught(first).select(task)
            text = str(decision)
        found = opened(budget).explain(decision.id)
        assert found.splitlines()[0] == text.splitlines()[0]
        live, read = ({m: [cells[i] for i in COLUMNS[column]] for m, cells in table(t).items()} for t in (text, found))
        assert read == live

    @pytest.mark.parametrize("budget", [SOFT, HARD], ids=["soft", "hard"])
    @pytest.mark.parametrize("task", [TASKS[0], TASKS[1], TASKS[3]], ids=["plain", "counted", "needs"])
    def test_another_process_tells_who_could_not_serve_and_why(self, opened, budget, task):
        with opened(budget) as first:
            decision = first.select(task)
            why = [line for line in str(decision).splitlines() if "may not serve" in line]
        found = opened(budget).explain(decision.id).splitlines()
        assert [line for line in found if "may not serve" in line] == why != []

    def test_another_process_tells_what_was_reported(self, opened):
        with opened() as first:
            decision = first.select(Task("coding", only=["small"]))
            first.record(decision, Outcome(error="timeout"))
            first.record(decision, Outcome(route="large", output_tokens=850, cost_usd=0.02))
            first.record(decision, Outcome(route="large", score=0.5, source="human"))
        text = opened().explain(decision.id)
        for word in ("timeout", "850", "0.02", "human", "0.5"):
            assert word in text

    @pytest.mark.parametrize("budget", [SOFT, HARD], ids=["soft", "hard"])
    def test_the_logged_propensity_is_that_of_the_decision(self, opened, budget):
        selector = taught(opened(budget))
        decisions = [selector.select(task) for task in TASKS * 5]
        selector.flush()
        for decision in decisions:
            events = selector._core.state.find(decision.id)
            said = [e["propensity"] for e in events if e.get("propensity") is not None]
            assert said
            assert said == [pytest.approx(decision.propensity, rel=1e-12)] * len(said)


class TestProbabilities:
    @pytest.mark.parametrize("budget", [None, SOFT, HARD, MEAN], ids=["none", "soft", "hard", "mean"])
    @pytest.mark.parametrize("task", TASKS, ids=range(len(TASKS)))
    def test_they_sum_to_one_over_those_who_may_serve(self, opened, budget, task):
        decision = taught(opened(*([] if budget is None else [budget]))).select(task)
        assert sum(decision.probabilities.values()) == pytest.approx(1, abs=1e-12)
        assert not set(decision.probabilities) & set(decision.exclusions)
        assert set(decision.probabilities) | set(decision.exclusions) == set(MODELS)
        assert decision.propensity == decision.probabilities[decision.model] > 0

    @pytest.mark.parametrize("budget", [None, SOFT, HARD, MEAN], ids=["none", "soft", "hard", "mean"])
    @pytest.mark.parametrize("task", [TASKS[1], TASKS[0], TASKS[3]], ids=["counted", "plain", "needs"])
    def test_choices_come_as_often_as_they_are_likely(self, opened, budget, task):
        """2,000 choices after a few outcomes; each model's count within 4.5 sd of its sum of probabilities.

        At most 3 counts in each of 12 cases: a false alarm in 1 of 4,000 seeds, and the seed is fixed.
        """
        selector = taught(opened(*([] if budget is None else [budget]), seed=5), n=12)
        expected, variance, count = (dict.fromkeys(MODELS, 0.0) for _ in range(3))
        for _ in range(2_000):
            decision = selector.select(task)
            count[decision.model] += 1
            for model, p in decision.probabilities.items():
                expected[model] += p
                variance[model] += p * (1 - p)
            if budget is HARD:
                selector.record(decision, Outcome(cost_usd=0))
        for model in MODELS:
            assert abs(count[model] - expected[model]) <= 4.5 * variance[model] ** 0.5 + 1e-6

    @pytest.mark.parametrize("budget", [None, HARD], ids=["none", "hard"])
    @pytest.mark.parametrize(
        ("task", "reason"),
        [(Task("coding", explore=False), Basis.BEST_BELIEVED), (Task("coding", only=["small"]), Basis.ONLY_CANDIDATE)],
        ids=["explore=False", "single"],
    )
    def test_where_there_is_no_choice_the_propensity_is_one(self, opened, budget, task, reason):
        selector = taught(opened(*([] if budget is None else [budget])))
        decisions = [selector.select(task) for _ in range(20)]
        assert {d.reason for d in decisions} == {reason}
        assert {d.propensity for d in decisions} == {1.0}
        assert len({d.model for d in decisions}) == 1

    def test_a_type_that_is_not_explored_takes_the_best_believed(self, opened):
        selector = taught(opened(task_types={"email": {"explore": False}, "coding": {}}))
        decision = selector.select(Task("email"))
        assert (decision.reason, decision.propensity) == (Basis.BEST_BELIEVED, 1.0)

    def test_exploration_keeps_a_floor_under_every_model(self, opened):
        selector = opened(policy={"floor": 0.2})
        decision = taught(selector, 100).select(Task("coding"))
        assert min(decision.probabilities.values()) > 0.2 / 2 / 3 / 2
