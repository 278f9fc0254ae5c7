"""Budgets of one class of tokens: what is held and booked of it is what a call reads, keeps, writes or thinks."""

import pytest

from selector import Outcome, Selector, Task
from selector.errors import BudgetExceededError
from tests.clients.conftest import Clock

MODEL = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 10, "context_tokens": 50_000, "max_output_tokens": 1_000}
USED = {"input_tokens": 300, "cache_read_tokens": 200, "cache_write_tokens": 100, "output_tokens": 70}
USED |= {"reasoning_tokens": 40}
AMOUNT = {"input": 300, "cache_read": 200, "cache_write": 100, "output": 70, "reasoning": 40, None: 710}
HOLD = {"input": 600, "cache_read": 600, "cache_write": 600, "output": 500, "reasoning": 500, None: 1_100}
TASK = Task("coding", input_tokens=600, max_output_tokens=500)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def opened(folder, clock):
    def opened(*budgets, **more):
        return Selector.open({"models": {"m": MODEL}, "budgets": [*budgets], **more}, state=folder, seed=1, clock=clock)

    return opened


def account(selector, name="b"):
    found = selector._core.budget.accounts[name][1]
    return found.spent, found.held


@pytest.mark.parametrize("class_", AMOUNT)
@pytest.mark.parametrize("per", ["day", "24h", "total"])
def test_a_call_holds_and_takes_its_tokens_of_the_class(opened, class_, per):
    budget = {"name": "b", "tokens": 10_000, "per": per} | ({"token_class": class_} if class_ else {})
    with opened(budget) as selector:
        decision = selector.select(TASK)
        assert account(selector) == (0, HOLD[class_])
        selector.record(decision, Outcome(**USED))
        assert account(selector) == (AMOUNT[class_], 0)
        waiting = selector.select(TASK)
    with opened(budget) as again:
        assert account(again) == (AMOUNT[class_], HOLD[class_])
        again.record(waiting.id, Outcome(**USED))
        assert account(again) == (2 * AMOUNT[class_], 0)


def test_a_long_input_does_not_count_against_what_may_be_written(opened):
    """40,000 tokens read a call, under a limit of 2,000 written: four calls of 500 fit, and no fifth."""
    with opened({"name": "b", "tokens": 2_000, "token_class": "output", "per": "day"}) as selector:
        for _ in range(4):
            decision = selector.select(Task("coding", input_tokens=40_000, max_output_tokens=500))
            selector.record(decision, Outcome(input_tokens=40_000, output_tokens=500))
        with pytest.raises(BudgetExceededError, match="b"):
            selector.select(Task("coding", input_tokens=1, max_output_tokens=1))


def test_what_is_learnt_later_of_a_call_is_booked_by_class(opened):
    with opened({"name": "b", "tokens": 9_000, "token_class": "output", "per": "day"}) as selector:
        decision = selector.select(TASK)
        selector.record(decision, Outcome(input_tokens=600))
        selector.record(decision, Outcome(output_tokens=90))
        assert account(selector) == (90, 0)


def test_a_hold_that_expires_is_charged_by_class_and_corrected_later(opened, clock):
    budget = {"name": "b", "tokens": 9_000, "token_class": "output", "per": "total"}
    with opened(budget, hold_expires_s=60) as selector:
        decision = selector.select(TASK)
        clock.now += 120
        selector._core.tick()
        assert account(selector) == (500, 0)
    with opened(budget, hold_expires_s=60) as again:
        assert account(again) == (500, 0)
        again.record(decision.id, Outcome(**USED))
        assert account(again) == (70, 0)


def test_an_account_of_each_user_counts_a_class_too(opened):
    each = {"name": "b", "tokens": 1_000, "token_class": "input", "per": "day", "each": "metadata.user"}
    task = Task("coding", input_tokens=600, max_output_tokens=500, metadata={"user": "ada"})
    with opened(each) as selector:
        selector.record(selector.select(task), Outcome(**USED))
        selector.record(selector.select(task), Outcome(**USED))
        with pytest.raises(BudgetExceededError, match="b/ada"):
            selector.select(task)
        assert selector.select(Task("coding", input_tokens=600, max_output_tokens=500)).model == "m"
