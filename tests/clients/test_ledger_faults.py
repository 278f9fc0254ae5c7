"""What hard budgets do while their ledger cannot be asked: nothing is admitted, unless the configuration says so."""

import logging
import sqlite3

import pytest

from selector import Outcome, Task
from selector.errors import BudgetExceededError, StateError
from selector.store import Ledger, Others

LIMIT = {"name": "purse", "usd": 1, "per": "total"}
TASK = Task("coding", input_tokens=100, max_output_tokens=1_000)


@pytest.fixture
def locked(folder):
    """Hold the ledger's lock, as a program does that reads it wrongly; call it to let go."""
    found = []

    def lock():
        found.append(sqlite3.connect(folder / "ledger.sqlite", isolation_level=None))
        found[0].execute("BEGIN EXCLUSIVE")
        return found[0].close

    yield lock
    for connection in found:
        connection.close()


@pytest.fixture
def impatient(monkeypatch):
    monkeypatch.setattr("selector.store._ledger_sql._PATIENCE_S", 0.05)


def served(selector, n):
    """Choose and report, so often."""
    for _ in range(n):
        selector.record(selector.select(TASK), Outcome(output_tokens=1_000))


def refused_in_the_end(selector, task):
    """Choose until nothing fits any more."""
    for _ in range(100):
        try:
            selector.select(task)
        except BudgetExceededError:
            return True
    return False


def spent(folder):
    with Ledger.open(folder, lambda: "", Others(lambda _: True, lambda _: None)) as ledger:
        return sum(row.spent + row.leased for row in ledger.accounts())


@pytest.mark.usefixtures("impatient")
def test_while_the_ledger_is_locked_nothing_is_admitted_and_the_error_says_what_to_write(
    open_selector, hard, locked, folder
):
    selector = open_selector(hard(LIMIT))
    selector.record(selector.select(TASK), Outcome(output_tokens=10))
    selector._core.tend(now=True)
    let_go = locked()
    said = r"hard budgets admit nothing until the ledger answers: write 'on_ledger_failure: allow'"
    with pytest.raises(StateError, match=said):
        served(selector, 2_000)
    refused = selector.status()
    assert selector._core.budget.accounts["purse"][1].held == 0
    let_go()
    selector.record(selector.select(TASK), Outcome(output_tokens=10))
    assert selector.status().n_decisions == refused.n_decisions + 1
    account = selector._core.budget.accounts["purse"][1]
    selector.close()
    assert spent(folder) == account.spent


@pytest.mark.usefixtures("impatient")
def test_where_the_configuration_allows_it_work_goes_on_and_is_told_later(open_selector, hard, locked, folder, caplog):
    selector = open_selector(hard(LIMIT) | {"on_ledger_failure": "allow"})
    selector.record(selector.select(TASK), Outcome(output_tokens=10))
    selector._core.tend(now=True)
    let_go = locked()
    with caplog.at_level(logging.WARNING, "selector"):
        served(selector, 12)
    assert any("locked" in message for message in caplog.messages)
    let_go()
    account = selector._core.budget.accounts["purse"][1]
    assert (account.held, selector.status().n_decisions) == (0, 13)
    selector.close()
    assert spent(folder) == account.spent > 0


@pytest.mark.parametrize(("on_failure", "works"), [("refuse", False), ("allow", True)])
def test_a_ledger_that_is_damaged_is_named(open_selector, hard, folder, on_failure, works):
    config = hard(LIMIT) | {"on_ledger_failure": on_failure}
    open_selector(config).close()
    (folder / "ledger.sqlite").write_bytes(b"not a database, but a text of some length" * 100)
    selector = open_selector(config)
    if works:
        assert selector.select(TASK).held_usd > 0
    else:
        with pytest.raises(StateError, match=r"ledger\.sqlite.*move the file aside"):
            selector.select(TASK)


def test_a_ledger_that_was_lost_is_made_again_from_the_log(open_selector, hard, folder):
    selector = open_selector(hard(LIMIT))
    selector.record(selector.select(TASK), Outcome(output_tokens=1_000))
    before = selector._core.budget.accounts["purse"][1].spent
    selector.close()
    for file in folder.glob("ledger.sqlite*"):
        file.unlink()
    again = open_selector(hard(LIMIT))
    again.select(TASK)
    again.close()
    assert spent(folder) > before > 0


def test_the_ledger_is_for_nobody_elses_eyes(open_selector, hard, folder):
    open_selector(hard(LIMIT)).select(TASK)
    assert {oct(file.stat().st_mode & 0o777) for file in folder.glob("ledger.sqlite*")} == {"0o600"}


def test_windows_that_ended_long_ago_are_dropped_from_the_ledger_and_totals_never(open_selector, hard, folder, clock):
    selector = open_selector(hard({"name": "hours", "usd": 1, "per": "hour"}, LIMIT), clock=clock)
    for _ in range(5):
        served(selector, 1)
        selector._core.tend(now=True)
        clock.now += 40 * 86_400
    selector._core.settling.tidy(clock.now)
    with Ledger.open(folder, lambda: "", Others(lambda _: True, lambda _: None)) as ledger:
        kept = [(row.key, (clock.now - row.window / 1_000) / 86_400) for row in ledger.accounts()]
    assert [key for key, _ in kept].count("purse") == 1
    assert 1 <= len([age for key, age in kept if key == "hours" and age < 101]) <= len(kept) - 1 <= 3


def test_what_is_left_of_an_account_is_asked_for_the_account_that_lacks_alone(open_selector, hard, monkeypatch):
    """A thousand accounts that are used up do not make a task of another dearer."""
    each = {"name": "user", "usd": 0.002, "per": "total", "each": "metadata.user"}
    selector = open_selector(hard(each))
    asked = []
    free = Ledger.free
    monkeypatch.setattr(Ledger, "free", lambda self, wants: asked.append(len(wants)) or free(self, wants))
    for user in range(30):
        task = Task("coding", input_tokens=100, max_output_tokens=100, metadata={"user": str(user)})
        assert refused_in_the_end(selector, task)
    assert asked
    assert max(asked) == 1
