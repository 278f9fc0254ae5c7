"""A budget that is configured on a folder with a past: what its window has spent counts, and what came before not."""

import pytest

from selector import Outcome, Selector, Task
from selector.errors import BudgetExceededError

PRICES = {"usd_per_mtok_in": 1.0, "usd_per_mtok_out": 2.0, "max_output_tokens": 1_000, "context_tokens": 50_000}
NOON = 1_700_049_600.0  # 2023-11-15, 12:00 UTC


def config(*budgets):
    models = {"small": PRICES, "large": PRICES}
    return {"models": models, "objective": "most_success", "policy": "thompson", "budgets": list(budgets)}


def work(selector, clock, n, usd):
    for _ in range(n):
        clock.now += 10
        selector.record(selector.select(Task("coding", input_tokens=10)), Outcome(cost_usd=usd, score=1))


@pytest.fixture
def pilot(folder, clock):
    """Spend 8 USD yesterday evening and .5 today before noon, without any budget."""
    clock.now = NOON - 16 * 3_600
    with Selector.open(config(), state=folder, seed=1, clock=clock) as selector:
        work(selector, clock, 16, 0.5)
        clock.now = NOON - 600
        work(selector, clock, 10, 0.05)
    clock.now = NOON
    return folder


@pytest.mark.parametrize(
    ("budget", "spent"),
    [
        ({"usd": 10, "per": "day"}, 0.5),
        ({"usd": 10, "per": "day", "hard": False}, 0.5),
        ({"usd": 10, "per": "month"}, 8.5),
        ({"usd": 10, "per": "2h"}, 0.5),
        ({"usd": 10, "per": "24h"}, 8.5),
    ],
)
def test_what_its_window_has_spent_counts_whether_the_log_is_folded_anew_or_not(pilot, clock, budget, spent):
    for anew in (False, True):
        if anew:
            (pilot / "posteriors.parquet").unlink()
        with Selector.open(config(budget), state=pilot, seed=2, clock=clock) as selector:
            ((_, account),) = selector._core.budget.accounts.values()
            assert account.spent == pytest.approx(spent * 1e9)
            each = selector._core.budget.pace.dump()
            found = [*each["windows"].values(), *each["rolling"].values()]
            total = found[0]["spent"][0]
            assert (sum(total) if isinstance(total, list) else total) == pytest.approx(spent)


def test_a_hard_budget_that_is_spent_already_refuses_the_first_task(pilot, clock):
    hard = {"usd": 0.5, "per": "day", "hard": True}
    with Selector.open(config(hard), state=pilot, seed=2, clock=clock) as selector:
        with pytest.raises(BudgetExceededError):
            selector.select(Task("coding", input_tokens=10))
        clock.now += 86_400
        assert selector.select(Task("coding", input_tokens=10)).model in {"small", "large"}


def test_what_is_under_way_is_held_and_settled_once(folder, clock):
    clock.now = NOON
    with Selector.open(config(), state=folder, seed=1, clock=clock) as selector:
        pending = selector.select(Task("coding", input_tokens=10))
    with Selector.open(config({"usd": 10, "per": "day"}), state=folder, seed=2, clock=clock) as selector:
        work(selector, clock, 3, 0.05)
        selector.record(pending.id, Outcome(cost_usd=0.25))
        ((_, account),) = selector._core.budget.accounts.values()
        assert (account.spent, account.held) == (400_000_000, 0)
    with Selector.open(config({"usd": 10, "per": "day"}), state=folder, seed=3, clock=clock) as selector:
        ((_, account),) = selector._core.budget.accounts.values()
        assert (account.spent, account.held) == (400_000_000, 0)


def test_a_budget_that_comes_with_an_edited_file_counts_what_was_spent_too(pilot, clock, tmp_path):
    import yaml

    file = tmp_path / "selector.yaml"
    file.write_text(yaml.safe_dump(config()))
    with Selector.open(file, state=pilot, seed=2, clock=clock) as selector:
        work(selector, clock, 2, 0.05)
        file.write_text(yaml.safe_dump(config({"usd": 10, "per": "day", "hard": False})))
        for _ in range(2):
            clock.now += 2
            selector._reload.look()
        ((_, account),) = selector._core.budget.accounts.values()
        assert account.spent == pytest.approx(0.6e9)


def test_a_mean_per_request_begins_with_nothing_owed(pilot, clock):
    with Selector.open(config({"usd_per_request": 0.02}), state=pilot, seed=2, clock=clock) as selector:
        assert selector._core.budget.pace.target().tolist() == [0.02]


def test_a_days_first_guess_of_its_traffic_binds_nothing_once_tasks_were_seen(folder, clock):
    """The guess is thousands of cheap calls, and 40 dear ones come by evening: a dime may still go to each."""
    clock.now = NOON
    budget = {"usd": 8, "per": "day", "hard": False}
    with Selector.open(config(budget), state=folder, seed=1, clock=clock) as selector:
        for _ in range(40):
            clock.now += 800
            selector.record(selector.select(Task("coding", input_tokens=10)), Outcome(cost_usd=0.05, score=1))
            selector._core.tick()
        assert selector._core.budget.pace.target()[0] > 0.05
