"""`selector budget`: what is steered to, beside what was spent, and the accounts of budgets that have many."""

import re

import pytest

from selector import Outcome, Selector, Task

BUDGETS = """budgets:
  - {name: month, usd: 50, per: month}
  - {name: agents, usd: 9, per: day, scope: {task_type: agent}}
  - {name: user, usd: 1, per: day, each: metadata.user}
"""


@pytest.fixture
def scoped(shop):
    """Give each user a budget, and one to a kind of task; let two of three users spend."""
    path = shop / "selector.yaml"
    path.write_text(re.sub(r"(?ms)^budgets:.*?(?=^state:)", BUDGETS, path.read_text()))
    with Selector.open("selector.yaml") as selector:
        for user, usd in (("ada", 0.25), ("bob", 0.5)):
            decision = selector.select(Task("agent", input_tokens=9, metadata={"user": user}))
            selector.record(decision, Outcome(cost_usd=usd))
        selector.select(Task("prose", input_tokens=9))


@pytest.mark.usefixtures("scoped")
def test_a_budget_of_a_part_of_the_work_says_what_that_part_spent(run_json):
    month, agents, _ = run_json("budget")["budgets"]
    assert (agents["spent"], agents["left"], agents["accounts"]) == (0.75, 8.25, [])
    assert month["spent"] == 0.75
    assert month["held"] > 0 == agents["held"]


@pytest.mark.usefixtures("scoped")
def test_a_budget_of_each_user_lists_the_users_who_spent_the_tightest_first(run_json, run):
    (user,) = [each for each in run_json("budget")["budgets"] if each["name"] == "user"]
    assert user["spent"] is None
    found = [(each["name"], each["spent"], each["left"]) for each in user["accounts"]]
    assert found == [("user/bob", 0.5, 0.5), ("user/ada", 0.25, 0.75)]
    out = run("budget")[1]
    assert re.search(r"^user/bob +usd +0.5 +0 +0.5 +1 +hard +20", out, re.MULTILINE)


@pytest.mark.usefixtures("scoped")
def test_what_is_steered_to_is_said_to_people_and_to_programs(run_json, run):
    found = run_json("budget")
    assert found["forecast_requests"] > 0
    assert found["target_usd_per_request"] > 0
    status = run_json("status")
    assert found["below_cheapest"] == status["below_cheapest"]
    assert found["shadow_price"] == (None if status["below_cheapest"] else status["shadow_price"])
    out = run("budget")[1]
    assert re.search(r"^forecast until the windows end: about [\d,]+ requests?$", out, re.MULTILINE)
    assert re.search(r"^the next request may cost on average: \S+ USD", out, re.MULTILINE)
    assert ("below what the cheapest models cost" in out) == found["below_cheapest"]
    assert ("successes that one more dollar would bring" in out) != found["below_cheapest"]
    assert "forecast" not in run("budget", "-q")[1]


def test_what_nothing_is_steered_to_has_no_forecast(run, run_json, shop):
    path = shop / "selector.yaml"
    path.write_text(re.sub(r"(?ms)^budgets:.*?(?=^state:)", "budgets: [{requests: 9, per: day}]\n", path.read_text()))
    with Selector.open("selector.yaml"):
        pass
    found = run_json("budget")
    assert (found["forecast_requests"], found["target_usd_per_request"]) == (None, None)
    assert "forecast" not in run("budget")[1]
