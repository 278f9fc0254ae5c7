"""One command answers why a model is never used, and what would have to change."""

import pytest

BASE = """\
models: {{small: {{usd_per_mtok_in: 1, usd_per_mtok_out: 1}}, large: {{usd_per_mtok_in: 9, usd_per_mtok_out: 9{}}}}}
{}"""


@pytest.fixture
def asked(run_json, shop):
    """Write a configuration, and ask why the large model is used or not."""

    def ask(model="", rest="", *arguments):
        (shop / "selector.yaml").write_text(BASE.format(model, rest), encoding="utf-8")
        found = run_json("why", "large", "-q", "--type", "coding", *arguments)
        return found["types"][0]

    return ask


@pytest.mark.parametrize(
    ("model", "rest", "reason", "remedy"),
    [
        (", enabled: false", "", "disabled", "models.large.enabled"),
        ("", "task_types: {coding: {needs: [vision]}}", "missing_capability (vision)", "models.large.capabilities"),
        ("", "task_types: {coding: {only: [small]}}", "not_in_only", "task_types.coding.only"),
        ("", "budgets: [{usd: 5, per: day}]", "unbounded_cost", "models.large.max_output_tokens"),
        (", max_output_tokens: 1000", "budgets: [{usd: 0.000001, per: day}]", "over_budget", "raise it"),
        ("", "budgets: [{usd_per_request: 0.000001}]", "too_dear", "raise the budget per request"),
    ],
)
def test_an_exclusion_is_named_with_its_remedy(asked, model, rest, reason, remedy):
    rest = rest if "task_types" in rest else f"task_types: {{coding: {{}}}}\n{rest}"
    found = asked(model, rest, "--input-tokens", "10")
    assert found["probability"] == 0
    assert found["excluded"].startswith(reason)
    assert remedy in found["remedy"]


def test_a_model_without_a_price_is_excluded_by_a_budget_in_dollars(run, shop):
    text = "models: {small: {usd_per_mtok_in: 1, usd_per_mtok_out: 1}, large: {}}\nbudgets: [{usd_per_request: 1}]\n"
    (shop / "selector.yaml").write_text(text, encoding="utf-8")
    code, out, _ = run("why", "large")
    assert code == 0
    assert "never chosen: unknown_cost" in out
    assert "give models.large.usd_per_mtok_in" in out


def test_a_model_that_is_no_better_and_dearer_is_told_the_cost_that_would_do(asked):
    found = asked("", "objective: {no_worse_than: {model: large}}")
    assert 0 < found["probability"] < 0.5
    assert found["best"]["model"] == "small"
    assert found["needed"]["cost_usd"] == pytest.approx(found["best"]["cost_usd"])


def test_a_model_below_the_bar_is_told_the_bar(run_json, run, shop, taught):
    rest = "objective: {no_worse_than: {model: large}}\npolicy: greedy\n"
    (shop / "selector.yaml").write_text(BASE.format("", rest), encoding="utf-8")
    taught(12, small=False, large=True)
    (found,) = run_json("why", "small")["types"]
    assert (found["best"]["model"], found["n_chosen"], found["n_recent"]) == ("large", 12, 24)
    assert found["needed"]["success"] == pytest.approx(found["best"]["success"] - 0.02)
    assert "it is not believed to reach the bar" in run("why", "small")[1]


def test_under_a_budget_it_is_told_the_success_that_would_do(run_json, shop, taught):
    (shop / "selector.yaml").write_text(BASE.format("", "objective: most_success\n"), encoding="utf-8")
    taught(20, small=True, large=False)
    (found,) = run_json("why", "large")["types"]
    assert found["best"]["model"] == "small"
    assert found["belief"]["success"] < found["best"]["success"] <= found["needed"]["success"] <= 1
    (best,) = run_json("why", "small")["types"]
    assert best["needed"] is None
    assert best["probability"] > found["probability"]
