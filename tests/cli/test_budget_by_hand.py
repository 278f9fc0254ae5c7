"""`selector budget reset|set|adjust`: what a person changes counts at once, everywhere, and is written down."""

import re

import pytest

from selector import Outcome, Selector, Task
from selector.errors import BudgetExceededError
from selector.store import State

BUDGETS = """budgets:
  - {name: month, usd: 1, per: month}
  - {name: rolls, tokens: 4000000, per: 24h}
  - {name: user, usd: 0.5, per: day, each: metadata.user}
"""
ADA = Task("agent", input_tokens=9, metadata={"user": "ada"})


@pytest.fixture
def opened(shop):
    """Have hard budgets, and a selector that lives while a person changes them."""
    path = shop / "selector.yaml"
    path.write_text(re.sub(r"(?ms)^budgets:.*?(?=^state:)", BUDGETS, path.read_text()))
    with Selector.open("selector.yaml") as selector:
        selector.record(selector.select(ADA), Outcome(cost_usd=0.25, input_tokens=9, output_tokens=100))
        yield selector


@pytest.fixture
def stands(run_json, opened):
    """Say what is spent and left of a budget or an account, as the command says it."""

    def stands(name):
        opened.flush()
        opened._core.tick()
        found = run_json("budget")["budgets"]
        every = [*found, *(account for each in found for account in each["accounts"])]
        (one,) = (each for each in every if each["name"] == name)
        return one["spent"], one["left"]

    return stands


def changed(selector):
    """Read what the log says of changes by hand."""
    with State.open(selector._core.state.path, clock=lambda: 0.0, read_only=True) as state:
        return [event for event in state.events() if event["kind"] == "audit" and event.get("what") == "budget"]


@pytest.mark.parametrize(
    ("words", "name", "spent", "left"),
    [
        (("reset", "month"), "month", 0, 1),
        (("set", "month", "3"), "month", 0.25, 2.75),
        (("adjust", "month", "0.5"), "month", 0.75, 0.25),
        (("adjust", "month", "-0.125"), "month", 0.125, 0.875),
        (("adjust", "month", "-9"), "month", 0, 1),
        (("reset", "rolls"), "rolls", 0, 4_000_000),
        (("set", "rolls", "5000000"), "rolls", 109, 4_999_891),
        (("adjust", "rolls", "1000"), "rolls", 1109, 3_998_891),
        (("reset", "user/ada"), "user/ada", 0, 0.5),
        (("set", "user/ada", "0.75"), "user/ada", 0.25, 0.5),
        (("adjust", "user/ada", "0.125"), "user/ada", 0.375, 0.125),
        (("set", "user/eve", "0.75"), "user/eve", 0, 0.75),
    ],
)
def test_a_change_counts_at_once_and_the_log_says_so(run, opened, stands, words, name, spent, left):
    assert run("budget", *words)[0] == 0
    (said,) = changed(opened)
    assert said["change"] == words[0]
    assert stands(name) == pytest.approx((spent, left))
    opened._core.snapshot()
    assert stands(name) == pytest.approx((spent, left))


def test_what_is_set_to_less_refuses_and_to_more_admits_again_in_a_selector_that_lives(run, opened):
    assert run("budget", "set", "user/ada", "0.25")[0] == 0
    opened._core.tick()
    with pytest.raises(BudgetExceededError, match="user/ada"):
        opened.select(ADA)
    assert run("budget", "adjust", "user/ada", "-0.2")[0] == 0
    opened._core.tick()
    assert opened.select(ADA).model == "large"


def test_what_was_changed_is_so_after_the_log_is_read_anew(run, opened, stands):
    run("budget", "set", "month", "3")
    run("budget", "adjust", "rolls", "1000")
    run("budget", "reset", "user/ada")
    before = [stands(name) for name in ("month", "rolls", "user/ada")]
    opened.close()
    assert run("rebuild")[0] == 0
    with Selector.open("selector.yaml") as again:
        accounts = {line.split(" (")[0]: line for line in again.status().budgets}
    assert "0.25 spent, 0 held of 3 USD" in accounts["budget month"]
    assert "1,109 spent" in accounts["budget rolls"]
    assert before == [(0.25, 2.75), (1109, 3_998_891), (0, 0.5)]


@pytest.mark.usefixtures("opened")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("raise", "month"), "'raise' is no change of a budget; write one of reset, set, adjust"),
        (("reset",), "Name it: selector budget reset NAME"),
        (("reset", "mnth"), "there is no budget 'mnth'"),
        (("reset", "user"), "there is no budget 'user' with an account"),
        (("reset", "month", "3"), "reset takes no amount, not 3"),
        (("set", "month"), "set needs an amount, in dollars"),
        (("adjust", "rolls"), "adjust needs an amount, in tokens"),
        (("set", "month", "-1"), "a limit must be at least 0, not -1"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_written(run, opened, words, said):
    code, _, err = run("budget", *words)
    assert code == 2
    assert said in err
    assert changed(opened) == []
