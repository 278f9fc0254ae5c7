"""What answers took in one's own evaluations is what a call is expected to cost, from the first choice on."""

import json
from datetime import UTC, datetime

import pytest

from selector import Outcome, Selector, Task

CONFIG = """\
version: 1
models:
  counted: {usd_per_mtok_in: 1, usd_per_mtok_out: 4}
  billed: {usd_per_mtok_in: 3, usd_per_mtok_out: 15}
  unpriced: {}
  unknown: {usd_per_mtok_in: 1, usd_per_mtok_out: 4}
task_types: {coding: {}, chat: {}}
"""
MEAN = {"counted": 0.008, "billed": 0.06, "unpriced": 0.5}
UNKNOWN = {"unknown": 500 * 4e-6}
DAY_S = 86_400.0
pytestmark = pytest.mark.filterwarnings("ignore:no price is known of unpriced")


class Clock:
    """A clock that a test sets."""

    def __init__(self, now=1.7e9):
        self.now = now

    def __call__(self):
        return self.now


@pytest.fixture
def evals(shop):
    """Write a table in which an answer takes 2,000 tokens of one model, .06 USD of another, .5 USD of a third."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    (shop / "selector.yaml").write_text(CONFIG, encoding="utf-8")
    rows = [
        {"task_type": "coding", "model": model, "score": 1.0, "output_tokens": tokens, "cost_usd": usd}
        for model, tokens, usd in (("counted", 2000, 3.0), ("billed", None, 0.06), ("unpriced", None, 0.5))
        for _ in range(400)
    ]
    path = shop / "evals.parquet"
    pq.write_table(pa.Table.from_pylist(rows), path)
    return path


@pytest.fixture
def begin(shop):  # noqa: ARG001 - it stands there
    """Open a selector in the folder, at a time."""

    def opened(clock=None):
        return Selector.open(seed=1, clock=clock)

    return opened


def expected(selector, task):
    return {each.model: each.cost_usd for each in selector.select(task).candidates}


def believed(selector):
    rows = selector.beliefs().to_pylist()
    return {row["model"]: row["expected_cost_usd"] for row in rows if row["task_type"] == "coding"}


def near(costs, wanted=MEAN):
    assert {model: costs[model] for model in wanted} == pytest.approx(wanted, rel=0.02)


def test_the_first_decision_expects_what_the_evaluations_cost(run, begin, evals):  # noqa: ARG001
    with begin() as selector:
        before = expected(selector, Task("coding"))
    assert run("learn", "evals.parquet", "--weight", ".3")[0] == 0
    with begin() as selector:
        decision = selector.select(Task("coding", only=["billed"]))
        assert decision.expected_cost_usd == pytest.approx(0.06, rel=0.02)
        assert "$0.06" in selector.explain(decision)
        near(expected(selector, Task("coding")))
        near(believed(selector))
    assert before["billed"] == pytest.approx(0.0075)
    rows = json.loads(run("beliefs", "--json")[1])["beliefs"]
    near({row["model"]: row["expected_cost_usd"] for row in rows if row["task_type"] == "coding"})


def test_a_model_that_was_not_evaluated_is_expected_to_cost_what_it_was_before(run, begin, evals):  # noqa: ARG001
    """500 tokens: nothing was evaluated but coding, so that nothing says that this takes more than other types."""
    run("learn", "evals.parquet")
    with begin() as selector:
        near(expected(selector, Task("coding")), UNKNOWN)


def test_a_type_that_nobody_configured_costs_what_its_evaluations_did_when_it_comes(shop, run, begin, evals):  # noqa: ARG001
    (shop / "selector.yaml").write_text(CONFIG.replace("task_types: {coding: {}, chat: {}}\n", ""), encoding="utf-8")
    run("learn", "evals.parquet")
    with begin() as selector:
        near(expected(selector, Task("coding")))


def test_the_lighter_they_weigh_the_less_is_expected_of_them(run, begin, evals):  # noqa: ARG001
    costs = []
    for weight in (".001", ".01", "1"):
        run("learn", "evals.parquet", "--weight", weight)
        with begin() as selector:
            costs.append(expected(selector, Task("coding"))["billed"])
    assert 0.0075 < costs[0] < costs[1] < costs[2] < 0.0601


def test_a_task_of_usual_length_costs_what_the_evaluations_did_once_it_is_known_how_long_that_is(run, begin, evals):  # noqa: ARG001
    """5,000 tokens are .015 USD of the .06: what is left is the answer's, also where it is opened anew."""
    run("learn", "evals.parquet", "--weight", "1")
    task = Task("coding", input_tokens=5000, only=["counted", "billed"])
    with begin() as selector:
        decision = selector.select(task)
        selector.record(decision, Outcome(success=True, output_tokens=2000))
        rows = {row["model"]: row for row in selector.beliefs().to_pylist() if row["task_type"] == "coding"}
        assert rows["billed"]["expected_output_tokens"] == pytest.approx(3000, rel=0.02)
        assert rows["billed"]["expected_cost_usd"] == pytest.approx(0.06, rel=0.02)
        before = believed(selector)
    with begin() as selector:
        assert believed(selector) == pytest.approx(before, rel=1e-6)
        assert expected(selector, task)["billed"] == pytest.approx(0.06, rel=0.02)
        selector.select(Task("poems"))  # a type that comes leaves the others where they are
        assert believed(selector) == pytest.approx(before, rel=1e-6)
        assert expected(selector, task)["billed"] == pytest.approx(0.06, rel=0.02)


def test_ones_own_outcomes_count_beside_them_and_are_kept_apart(run, begin, evals):  # noqa: ARG001
    """12 of the evaluations' weight at .06, 12 of one's own at .01: between, and what was taught is not saved twice."""
    run("learn", "evals.parquet", "--weight", ".03")
    with begin() as selector:
        for _ in range(12):
            decision = selector.select(Task("coding", only=["billed"]))
            selector.record(decision, Outcome(success=True, cost_usd=0.01))
        before = believed(selector)
        assert 0.025 < before["billed"] < 0.045
    for _ in range(2):
        with begin() as selector:
            assert believed(selector) == pytest.approx(before, rel=1e-6)
    run("learn", "--forget")
    with begin() as selector:
        (row,) = (r for r in selector.beliefs().to_pylist() if (r["model"], r["task_type"]) == ("billed", "coding"))
        assert row["usage_evidence"] == pytest.approx(12, rel=0.01)
        assert row["expected_cost_usd"] == pytest.approx(0.01, rel=0.05)


def test_what_was_learnt_is_expected_under_a_configuration_that_is_taken_over(shop, run, begin, evals):  # noqa: ARG001
    """At other prices: what was counted in tokens is cheaper, and what was paid in dollars is as many dollars."""
    run("learn", "evals.parquet", "--weight", "1")
    cheaper = CONFIG.replace("usd_per_mtok_out: 4", "usd_per_mtok_out: 2").replace("out: 15", "out: 5")
    clock = Clock()
    with begin(clock) as selector:
        near(believed(selector))
        (shop / "selector.yaml").write_text(cheaper, encoding="utf-8")
        for _ in range(2):  # a change is read a second time, to be sure that it held still
            clock.now += 2
            selector._reload.look()
        assert selector.status().config_version == 2
        near(believed(selector), MEAN | {"counted": 0.004})


def test_a_price_that_changes_by_its_date_acts_at_once_on_what_was_paid(shop, run, begin, evals):  # noqa: ARG001
    """What was paid is tokens at the prices of the day it was learnt on: at half the price they cost half."""
    prices = "[{from: 2020-01-01, usd_per_mtok_in: 3, usd_per_mtok_out: 15}, {from: 2099-01-01, usd_per_mtok_out: 7.5}]"
    dated = CONFIG.replace("{usd_per_mtok_in: 3, usd_per_mtok_out: 15}", f"{{prices: {prices}}}")
    assert dated != CONFIG
    (shop / "selector.yaml").write_text(dated, encoding="utf-8")
    run("learn", "evals.parquet", "--weight", "1")
    day = datetime(2098, 12, 31, 12, tzinfo=UTC).timestamp()
    clock = Clock(day)
    with begin(clock) as selector:
        near(expected(selector, Task("coding")))
        clock.now += DAY_S
        near(expected(selector, Task("coding")), MEAN | {"billed": 0.03})
        near(believed(selector), MEAN | {"billed": 0.03})
    with begin(clock) as selector:
        near(expected(selector, Task("coding")), MEAN | {"billed": 0.03})
