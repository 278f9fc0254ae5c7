"""A forked child is a selector of its own: another name, nothing of the parent's, and no claim on its money."""

import os
import select
import signal
import threading

import pytest

from selector import Outcome, Selector, Task
from selector.errors import StateError
from selector.store import Ledger, Others

PATIENCE_S = 60


def prefix(decision):
    return decision.id.rpartition("-")[0]


def forked(work, beside=lambda: None):
    """Fork a child that runs a function and ends; give what it said, or None if it hung."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            said = str(work())
        except BaseException as error:  # noqa: BLE001 - the child tells its parent, whatever it is
            said = f"{type(error).__name__}: {error}"
        os.write(writes, said.encode()[:4_000])
        os._exit(0)
    os.close(writes)
    beside()
    with os.fdopen(reads, "rb") as pipe:
        answers, _, _ = select.select([pipe], [], [], PATIENCE_S)
        said = pipe.read(4_000).decode() if answers else None
    if said is None:
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return said


def dies(selector):
    """Let go of a folder as the dead do: nothing is summed up."""
    selector._keeper.stop()
    selector._core.state.close()
    selector._closed = True


@pytest.fixture
def unhurried(monkeypatch):
    """Let no background thread write anything down: what waits, waits."""

    def wait(selector):
        monkeypatch.setattr(selector._keeper, "start", lambda: None)
        return selector

    return wait


@pytest.mark.parametrize("ends", ["dies", "closes"])
def test_parent_and_child_go_on_under_different_names_and_write_nothing_twice(
    ends, folder, soft, open_selector, read_log
):
    """What the parent was about to write is the parent's alone."""
    parent = open_selector()
    before = [parent.select(Task("coding", input_tokens=100)) for _ in range(20)]

    def child():
        found = [parent.select(Task("coding", input_tokens=100)) for _ in range(10)]
        for decision in found:
            parent.record(decision, Outcome(output_tokens=30, score=1, source="tests"))
        parent.close() if ends == "closes" else parent.flush()
        return " ".join(decision.id for decision in found)

    theirs = forked(child).split()
    after = [parent.select(Task("coding", input_tokens=100)) for _ in range(10)]
    for decision in [*before, *after]:
        parent.record(decision, Outcome(output_tokens=50, score=0, source="tests"))
    status = parent.status()
    parent.close()
    ours = {decision.id for decision in [*before, *after]}
    assert len({prefix(decision) for decision in [*before, *after]}) == 1
    assert len({id_.rpartition("-")[0] for id_ in theirs}) == 1
    assert len(set(theirs) | ours) == 40
    assert not {id_.rpartition("-")[0] for id_ in theirs} & {prefix(before[0]), ""}
    log = read_log(folder)
    assert sorted(event["id"] for event in log.decisions) == sorted(ours | set(theirs))
    assert len(log.keys) == len(set(log.keys)) == 80
    assert (status.n_decisions, status.n_outcomes, status.n_orphans) == (40, 40, 0)
    with Selector.open(soft, state=folder, seed=3) as later:
        assert (later.status().n_decisions, later.status().n_outcomes) == (40, 40)


@pytest.mark.parametrize("ends", ["at once", "after a choice"])
def test_a_child_that_closes_counts_what_its_parent_was_about_to_write_once(
    ends, folder, soft, open_selector, unhurried, read_log
):
    """Its summary must not have what the log tells later."""
    parent = unhurried(open_selector())
    for _ in range(10):
        parent.select(Task("coding"))

    def child():
        if ends == "after a choice":
            parent.select(Task("coding"))
        parent.close()

    assert forked(child) == "None"
    parent.flush()
    dies(parent)
    with Selector.open(soft, state=folder, seed=3) as later:
        assert later.status().n_decisions == len(read_log(folder).decided) == 10 + (ends == "after a choice")


def test_parent_and_child_learn_from_each_other(open_selector):
    parent = open_selector()
    decision = parent.select(Task("coding"))

    def child():
        parent.record(decision.id, Outcome(score=1, source="people"))
        parent.record(parent.select(Task("coding")), Outcome(score=1, source="tests"))
        parent.flush()
        return parent.status().n_outcomes

    assert forked(child) == "2"
    assert parent.status().n_outcomes == 2
    assert sum(parent.beliefs()["n_outcomes"].to_pylist()) == 2


def test_a_grandchild_has_a_name_of_its_own(open_selector):
    parent = open_selector()
    own = prefix(parent.select(Task("coding")))

    def child():
        mine = prefix(parent.select(Task("coding")))
        return f"{mine} {forked(lambda: prefix(parent.select(Task('coding'))))}"

    names = [own, *forked(child).split()]
    assert len(set(names)) == 3
    assert "" not in names


def test_parent_and_child_share_a_hard_budget(folder, hard, open_selector, read_log):
    """The child holds from a lease of its own, and the parent hears what it reports of its decisions."""
    parent = open_selector(hard())
    decision = parent.select(Task("coding", input_tokens=100))
    child = forked(lambda: parent.select(Task("coding", input_tokens=100)).id)
    assert child.rpartition("-")[0] != decision.id.rpartition("-")[0]
    assert forked(lambda: parent.record(decision, Outcome(cost_usd=0.002))) == "None"
    assert parent.select(Task("coding", input_tokens=100)).n >= 1
    assert parent.status().n_outcomes == 1
    ((_, account),) = parent._core.budget.accounts.values()
    held = sum(e["held_nano"] for e in read_log(folder).decisions if e["id"] != decision.id)
    assert (account.spent, account.held) == (2_000_000, held)
    with Ledger.open(folder, lambda: "", Others(lambda _: True, lambda _: None)) as ledger:
        (row,) = ledger.accounts()
        assert row.spent + row.leased >= 2_000_000 + held


def test_a_fork_while_threads_select_hangs_nobody(open_selector):
    """Eight threads choose and report all the while; each of twenty children chooses once."""
    parent = open_selector()
    done, ids = threading.Event(), [[] for _ in range(8)]

    def work(found):
        while not done.is_set():
            decision = parent.select(Task("coding", input_tokens=100))
            parent.record(decision, Outcome(output_tokens=10, score=1, source="tests"))
            found.append(decision.id)

    threads = [threading.Thread(target=work, args=(found,)) for found in ids]
    for thread in threads:
        thread.start()
    children = [forked(lambda: parent.select(Task("coding", input_tokens=100)).id) for _ in range(20)]
    done.set()
    for thread in threads:
        thread.join()
    ours = [id_ for found in ids for id_ in found]
    assert None not in children
    names = {id_.rpartition("-")[0] for id_ in children}
    assert len(names) == 20
    assert not names & {"", ours[0].rpartition("-")[0]}
    assert len(set(ours)) == len(ours)
    assert parent.status().n_outcomes == len(ours)


def test_threads_that_fork_at_the_same_time_each_get_a_child_of_its_own_name(open_selector):
    """What one fork let stand still is not let go by another."""
    parent = open_selector()
    own = prefix(parent.select(Task("coding")))
    names = []

    def work():
        for _ in range(15):
            said = forked(lambda: prefix(parent.select(Task("coding"))))
            names.append(said)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [name for name in names if name in {None, "", own}] == []
    assert len(set(names)) == 60
    assert prefix(parent.select(Task("coding"))) == own


def test_threads_that_begin_at_once_in_a_child_share_its_name(open_selector):
    """Nobody chooses before the child has a name, and one background thread begins."""
    parent = open_selector()
    own = prefix(parent.select(Task("coding")))

    def child():
        gate, names = threading.Barrier(16), []

        def work():
            gate.wait()
            names.append(prefix(parent.select(Task("coding"))) or "NOBODY")

        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        keepers = [thread for thread in threading.enumerate() if thread.name == "selector-keeper"]
        return " ".join([str(len(keepers)), str(len(names)), *sorted(set(names))])

    said = [forked(child).split() for _ in range(10)]
    assert [words[:2] for words in said] == [["1", "16"]] * 10
    assert [len(words) for words in said] == [3] * 10
    assert not {words[2] for words in said} & {own, "NOBODY"}


def test_a_child_keeps_other_hard_budgets_out_after_its_parent_is_gone(folder, open_selector, hard):
    """It goes on in the folder, and would spend beside them."""
    parent = open_selector()
    parent.select(Task("coding"))
    ready, go = os.pipe(), os.pipe()

    def child():
        mine = parent.select(Task("coding")).id
        os.write(ready[1], b"!")
        os.read(go[0], 1)
        return mine

    def beside():
        os.read(ready[0], 1)
        parent.close()
        try:
            with pytest.raises(StateError, match="under other hard budgets"):
                Selector.open(hard(), state=folder).close()
        finally:
            os.write(go[1], b"!")

    assert forked(child, beside)
    for fd in (*ready, *go):
        os.close(fd)


def test_a_fork_of_a_closed_selector_disturbs_nothing(open_selector):
    parent = open_selector()
    parent.select(Task("coding"))
    parent.close()
    said = forked(lambda: parent.select(Task("coding")))
    assert said.startswith("StateError")
    assert "closed" in said
