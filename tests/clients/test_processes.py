"""Several processes on one state folder: they learn from each other, or one keeps the others out."""

import os
import signal
import threading
import time

import orjson
import pytest

from selector import Outcome, Selector, Task
from selector.errors import StateError
from selector.store import State

OTHER = """
import json, sys
import orjson
from selector import Outcome, Selector, Task
from selector.errors import SelectorError

try:
    selector = Selector.open(json.loads(sys.argv[2]), state=sys.argv[1], seed=2)
except SelectorError as error:
    print(json.dumps({"error": f"{type(error).__name__}: {error}"}), flush=True)
    raise SystemExit
print(json.dumps({"writer": selector.status().writer}), flush=True)
for line in sys.stdin:
    what, *given = json.loads(line)
    said = None
    if what == "work":
        n, tokens, score = given
        said = []
        for i in range(n):
            decision = selector.select(Task(("coding", "chat")[i % 2], input_tokens=200 + i))
            said.append(decision.id)
            selector.record(decision, Outcome(output_tokens=tokens + i, latency_s=0.5))
            selector.record(decision.id, Outcome(score=score, source="tests"))
    elif what == "select":
        said = selector.select(Task("coding", input_tokens=200)).id
        selector.flush()
    elif what == "record":
        selector.record(given[0], Outcome(**given[1]))
    elif what == "status":
        said = {name: value for name, value in dict(selector.status()).items() if isinstance(value, int)}
    elif what == "beliefs":
        selector.status()
        rows = selector.beliefs().drop_columns(["updated_at"]).to_pylist()
        said = sorted(rows, key=lambda row: (row["model"], row["task_type"]))
    elif what == "flush":
        selector.flush()
    elif what == "close":
        selector.close()
    print(json.dumps(said), flush=True)
"""


class Other:
    """A selector in another process."""

    def __init__(self, start, folder, config):
        self.process = start(OTHER, folder, orjson.dumps(config).decode())
        self.hello = orjson.loads(self.process.stdout.readline())
        self.pid = self.process.pid

    def __call__(self, *words):
        self.process.stdin.write(orjson.dumps(words).decode() + "\n")
        self.process.stdin.flush()
        return orjson.loads(self.process.stdout.readline())

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def other(start, folder, soft):
    return lambda config=None: Other(start, folder, config or soft)


def waits_for(found, wanted, seconds):
    """Ask again and again until what is found is what is wanted, for some seconds at most."""
    end = time.monotonic() + seconds
    while (now := found()) != wanted and time.monotonic() < end:
        threading.Event().wait(0.02)
    return now


def n_believed(selector):
    return sum(selector.beliefs()["n_outcomes"].to_pylist())


def work(selector, n, tokens, score):
    for i in range(n):
        decision = selector.select(Task(("coding", "chat")[i % 2], input_tokens=200 + i))
        selector.record(decision, Outcome(output_tokens=tokens + i, latency_s=0.5))
        selector.record(decision.id, Outcome(score=score, source="tests"))


def as_table(rows):
    import pyarrow as pa

    return pa.Table.from_pylist(rows)


def test_processes_learn_from_each_other_within_a_second_without_being_asked(other, open_selector):
    """The background threads read what the other wrote."""
    here, there = open_selector(), other()
    here.select(Task("coding"))  # the background thread begins with the first choice
    there("work", 30, 100, 1)
    assert waits_for(lambda: n_believed(here), 30, 2) == 30
    work(here, 20, 300, 0)
    assert waits_for(lambda: sum(row["n_outcomes"] for row in there("beliefs")), 50, 2) == 50
    assert there("status")["n_outcomes"] == here.status().n_outcomes == 50


def test_a_process_that_only_looks_hears_of_the_others(other, open_selector):
    """One that has neither selected nor recorded yet."""
    here, there = open_selector(), other()
    there("work", 10, 100, 1)
    there("flush")
    assert here.status().n_outcomes == 10
    assert n_believed(here) == 10


def test_beliefs_of_two_processes_are_equal_and_equal_after_opening_again(
    other, open_selector, folder, folded_anew, differ, soft
):
    """After both wrote down what waited and read what the other wrote; also where they disagree of one decision."""
    here, there = open_selector(), other()
    ids = there("work", 40, 100, 1)
    there("flush")
    work(here, 40, 300, 0.5)
    here.status()
    for id_ in ids[:10]:
        here.record(id_, Outcome(score=0, source="tests"))  # a later word of the same source
        here.record(id_, Outcome(score=1, source="people"))  # another source
    here.flush()
    own, others = here.beliefs(), as_table(there("beliefs"))
    assert differ(own.drop_columns(["updated_at"]), others) == []
    assert there("status")["n_outcomes"] == here.status().n_outcomes == 80
    there("close")
    here.close()
    with Selector.open(soft, state=folder, seed=3) as after:
        assert differ(own, after.beliefs()) == []
        assert (after.status().n_outcomes, after.status().n_decisions) == (80, 80)
    assert differ(own, folded_anew(folder)[0]) == []


@pytest.mark.parametrize("first", ["here", "there"])
def test_two_processes_that_report_the_same_attempt_agree_on_what_counts(
    first, start, folder, soft, open_selector, folded_anew, differ
):
    """Neither knows of the other's report yet: the same one counts in both, and after opening again."""
    if first == "here":
        here, there = open_selector(), Other(start, folder, soft)
    else:
        there = Other(start, folder, soft)
        here = open_selector()
    ids = [there("select") for _ in range(10)]
    here.status()
    engine = here._core.engine
    with engine.lock:  # nothing is read from the other meanwhile
        for i, id_ in enumerate(ids):
            there("record", id_, {"output_tokens": 10 + i, "score": 1, "source": "tests"})
        tail, here._core.state.tail = here._core.state.tail, list
    for i, id_ in enumerate(ids):
        here.record(id_, Outcome(output_tokens=500 + i, score=0, source="tests"))
    here._core.state.tail = tail
    own, others = (here.status(), here.beliefs())[1], as_table(there("beliefs"))
    assert differ(own.drop_columns(["updated_at"]), others) == []
    assert here.status().n_outcomes == there("status")["n_outcomes"] == 10
    there.kill()
    anew, status = folded_anew(folder)
    assert differ(own, anew) == []
    assert (status.n_outcomes, status.n_orphans) == (10, 0)


@pytest.mark.parametrize("first", ["chooser", "reporter"])
def test_an_outcome_reported_by_another_process_counts_whichever_process_is_older(
    first, folder, open_selector, folded_anew
):
    """A log is read writer by writer: the report may come before the decision that it is of."""
    one, two = open_selector(seed=1), open_selector(seed=2)
    chooser, reporter = (one, two) if first == "chooser" else (two, one)
    decision = chooser.select(Task("coding", input_tokens=100))
    chooser.flush()
    reporter.status()
    reporter.record(decision.id, Outcome(output_tokens=10, score=1, source="tests"))
    assert chooser.status().n_outcomes == reporter.status().n_outcomes == 1
    _, status = folded_anew(folder)
    assert (status.n_outcomes, status.n_decisions, status.n_orphans) == (1, 1, 0)


@pytest.mark.parametrize("first", ["chooser", "reporter"])
def test_a_third_process_counts_an_outcome_whichever_of_the_others_is_older(first, open_selector):
    one, two, third = open_selector(seed=1), open_selector(seed=2), open_selector(seed=3)
    chooser, reporter = (one, two) if first == "chooser" else (two, one)
    decision = chooser.select(Task("coding", input_tokens=100))
    chooser.flush()
    reporter.status()
    reporter.record(decision.id, Outcome(output_tokens=10, score=1, source="tests"))
    assert (third.status().n_outcomes, third.status().n_orphans) == (1, 0)


def test_a_decision_is_known_to_another_process_at_once_after_a_flush(other, open_selector):
    here, there = open_selector(), other()
    decision = here.select(Task("coding"))
    here.flush()
    there("record", decision.id, {"score": 1, "source": "tests"})
    assert here.status().n_outcomes == 1


def test_what_calls_are_expected_to_cost_is_the_same_in_every_process_and_after_opening_again(
    folder, open_selector, folded_anew, differ
):
    """Bills and lengths of input that one process saw are in the log for all."""
    here, there = open_selector(), open_selector(seed=2)
    for _ in range(30):
        decision = here.select(Task("coding", input_tokens=1_000))
        here.record(decision, Outcome(input_tokens=1_000, output_tokens=100, cost_usd=0.01))
    here.flush()
    there.status()
    assert differ(here.beliefs(), there.beliefs(), leave_out=("updated_at",)) == []
    assert differ(here.beliefs(), folded_anew(folder)[0], leave_out=("updated_at",)) == []


def test_other_hard_budgets_keep_a_process_out_and_name_the_first(other, hard, folder, soft, everything, open_selector):
    """What the one spends would not count on the other's budget."""
    holder = other(hard())
    before = everything(folder)
    with pytest.raises(StateError, match=f"process {holder.pid} under other hard budgets"):
        Selector.open(soft, state=folder)
    assert {name: each for name, each in everything(folder).items() if "budgets-" not in str(name)} == {
        name: each for name, each in before.items() if "budgets-" not in str(name)
    }
    assert holder("select")
    holder.kill()
    assert open_selector(soft).select(Task("coding", input_tokens=100)).n == 1


def test_the_same_hard_budget_admits_every_process(other, open_selector, hard):
    here, there = open_selector(hard()), other(hard())
    decision = here.select(Task("coding", input_tokens=200))
    assert there("select") != decision.id
    waits_for(lambda: here.status().n_decisions, 2, 2)
    ((_, account),) = here._core.budget.accounts.values()
    assert account.held > decision.held_nano


def test_another_configurations_task_types_do_not_stop_a_process(other, open_selector, hard):
    """What one process may not choose for, another did choose for: it is known, and the loop goes on."""
    models = hard()["models"]
    worth = {"models": models, "objective": "worth_usd", "task_types": {"coding": {"worth_usd": 1}}}
    here, there = open_selector(worth), other({"models": models})
    here.select(Task("coding"))
    there("work", 20, 100, 1)  # every other one is of the type 'chat'
    for _ in range(20):
        here.record(here.select(Task("coding")), Outcome(output_tokens=10, score=1, source="tests"))
    assert here.status().n_outcomes == 40
    here.beliefs()
    assert all(thread.is_alive() for thread in here._keeper._threads)


def test_a_folder_opens_under_a_configuration_that_knows_fewer_task_types(open_selector, hard, folder):
    models = hard()["models"]
    with Selector.open({"models": models}, state=folder, seed=1) as before:
        before.record(before.select(Task("poetry")), Outcome(output_tokens=10, score=1, source="tests"))
    after = open_selector({"models": models, "objective": "worth_usd", "task_types": {"coding": {"worth_usd": 1}}})
    assert after.status().n_outcomes == 1


def test_a_folder_opens_in_a_time_that_grows_no_faster_than_its_log(folder, soft, open_selector):
    """No report asks the log for its decision: they are read once."""
    with Selector.open(soft, state=folder, seed=1) as before:
        work(before, 100, 100, 1)
    for path in folder.glob("*.parquet*"):
        path.unlink()
    n_asked = 0

    def find(self, decision_id):
        nonlocal n_asked
        n_asked += 1
        return found(self, decision_id)

    found = State.find
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(State, "find", find)
        after = open_selector()
    assert after.status().n_outcomes == 100
    assert n_asked == 0
