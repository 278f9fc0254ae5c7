"""What is told of budgets: shares that are spent and calls that took more than was held, once each."""

import logging
import time

import pytest

from selector import BudgetWarning, Outcome, Selector, Task
from tests.clients.conftest import Clock

MODELS = {"m": {"usd_per_mtok_in": 0, "usd_per_mtok_out": 100, "context_tokens": 9_000, "max_output_tokens": 1_000}}
TASK = Task("coding", input_tokens=0, max_output_tokens=1_000)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(folder, clock):
    def opened(listener, **budget):
        config = {"models": MODELS, "budgets": [{"name": "b", "usd": 1, "warn_at": ["50%", "80%"], **budget}]}
        return Selector.open(config, state=folder, seed=1, clock=clock, on_warning=listener)

    return opened


def spend(selector, usd):
    selector.record(selector.select(TASK), Outcome(cost_usd=usd))


def test_each_share_is_told_once_in_each_window_and_logged(opened, clock, caplog):
    told = []
    with caplog.at_level(logging.WARNING, "selector"), opened(told.append, per="day") as selector:
        for _ in range(9):
            spend(selector, 0.1)
        clock.now += 86_400
        for _ in range(6):
            spend(selector, 0.1)
    assert [(each.share, round(each.spent, 9), each.limit) for each in told] == [
        (0.5, 0.5, 1.0),
        (0.8, 0.8, 1.0),
        (0.5, 0.5, 1.0),
    ]
    assert caplog.messages == [str(each) for each in told]
    assert str(told[0]) == "budget 'b': 50% is spent (50% was to be told)"


def test_a_rolling_window_that_fills_again_is_told_again(opened, clock):
    told = []
    with opened(told.append, per="10h") as selector:
        for _ in range(2):
            for _ in range(6):
                spend(selector, 0.1)
            clock.now += 12 * 3_600
            selector._core.tick()
    assert [each.share for each in told] == [0.5, 0.5]


def test_a_soft_budget_warns_and_refuses_nothing(opened):
    told = []
    with opened(told.append, per="day", hard=False) as selector:
        for _ in range(15):
            spend(selector, 0.1)
    assert [each.share for each in told] == [0.5, 0.8]


def test_a_call_that_took_more_than_was_held_is_told(opened):
    told = []
    with opened(told.append, per="day") as selector:
        spend(selector, 0.4)
    assert told == [BudgetWarning("b", "usd", None, 0.4, 0.1)]
    assert str(told[0]) == "overrun: a call took 0.4 USD of the budget 'b', and 0.1 was held for it"


def test_a_listener_may_ask_the_selector_and_is_called_while_work_goes_on(opened):
    asked = []
    with opened(lambda warning: asked.append((warning.share, selector.status().n_decisions)), per="day") as selector:
        for _ in range(5):
            spend(selector, 0.1)
        ends = time.monotonic() + 10
        while not asked and time.monotonic() < ends:
            time.sleep(0.01)
        assert asked == [(0.5, 5)]


def test_what_a_listener_raises_is_logged_and_stops_nothing(opened, caplog):
    def listener(_):
        raise LookupError("no such channel")

    with opened(listener, per="day") as selector:
        for _ in range(9):
            spend(selector, 0.1)
    assert [record.exc_info[0] for record in caplog.records if record.exc_info] == [LookupError, LookupError]
