"""One selector shared by threads: nothing lost, doubled or torn, and a hard budget exact to the call."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from selector import Outcome, Selector, Task
from selector.budgets import NANO
from selector.errors import BudgetExceededError
from selector.store import Limits

N_THREADS = 32
ONE = {"only": {"usd_per_mtok_in": 1, "usd_per_mtok_out": 10, "max_output_tokens": 1_000, "context_tokens": 50_000}}
WORST = 100 * 1_000 + 1_000 * 10_000  # nano-dollars of a call with 100 tokens of input


def together(work, n=N_THREADS):
    """Run a function in threads that begin at once, and give what each returned."""
    gate = threading.Barrier(n)

    def begin(thread):
        gate.wait()
        return work(thread)

    with ThreadPoolExecutor(n) as pool:
        return list(pool.map(begin, range(n)))


def account_of(selector):
    """Give the account of the only limit."""
    ((_, account),) = selector._core.budget.accounts.values()
    return account


def admitted(selector, n_tries, after=lambda _: None):
    """Try to select in every thread; give the decisions that were admitted, and how many were refused."""

    def work(_):
        found, n_refused = [], 0
        for _ in range(n_tries):
            try:
                found.append(selector.select(Task("coding", input_tokens=100)))
            except BudgetExceededError:
                n_refused += 1
            else:
                after(found[-1])
        return found, n_refused

    results = together(work)
    return [d for found, _ in results for d in found], sum(n for _, n in results)


def test_nothing_is_lost_doubled_or_torn_when_threads_select_and_record(
    folder, open_selector, read_log, folded_anew, differ
):
    """Decision ids are unique, their numbers have no gaps, and the log has every report once."""
    selector = open_selector()

    def work(thread):
        found = {}
        for i in range(40):
            decision = selector.select(Task(("coding", "chat", "math")[i % 3], input_tokens=100 + i))
            selector.record(decision, Outcome(output_tokens=1 + thread + i))
            selector.record(decision.id, Outcome(score=(thread + i) % 2, source="tests"))
            found[decision.id] = (decision.n, decision.model, 1 + thread + i, (thread + i) % 2)
        return found

    found = {id_: said for each in together(work) for id_, said in each.items()}
    assert len(found) == N_THREADS * 40
    assert sorted(n for n, *_ in found.values()) == list(range(N_THREADS * 40))
    status, beliefs = selector.status(), selector.beliefs()
    assert (status.n_decisions, status.n_outcomes, status.n_pending) == (len(found), len(found), 0)
    assert (status.n_doubled, status.n_orphans, status.n_unlogged, status.quarantined) == (0, 0, 0, 0)
    selector.close()
    log = read_log(folder)
    assert log.faults == []
    assert len(log.keys) == len(set(log.keys)) == 2 * len(found)
    assert len(log.decisions) == len({e["id"] for e in log.decisions}) == len(found)
    assert {e["id"]: (e["n"], e["model"]) for e in log.decisions} == {id_: said[:2] for id_, said in found.items()}
    tokens = {e["decision_id"]: e["output_tokens"] for e in log.reports if e["kind"] == "usage"}
    scores = {e["decision_id"]: e["score"] for e in log.reports if e["kind"] == "judgement"}
    assert {id_: (tokens[id_], scores[id_]) for id_ in found} == {id_: said[2:] for id_, said in found.items()}
    anew, anew_status = folded_anew(folder)
    assert differ(beliefs, anew) == []
    assert (anew_status.n_decisions, anew_status.n_outcomes) == (len(found), len(found))


def test_the_same_outcome_from_many_threads_counts_once(folder, open_selector, read_log):
    selector = open_selector()
    decision = selector.select(Task("coding"))
    together(lambda _: selector.record(decision, Outcome(output_tokens=70, score=1, source="tests")))
    assert selector.status().n_outcomes == 1
    assert selector.status().n_judged == 1
    selector.close()
    assert sorted(read_log(folder).keys, key=str) == [
        (decision.id, 1, "judgement", "tests"),
        (decision.id, 1, "usage", None),
    ]


def test_a_selector_has_one_background_thread_however_many_threads_begin(open_selector):
    before = set(threading.enumerate())
    selector = open_selector()
    together(lambda _: selector.select(Task("coding")))
    born = [thread for thread in set(threading.enumerate()) - before if thread.name == "selector-keeper"]
    assert len(born) == 1


@pytest.mark.parametrize("n", [1, 50])
@pytest.mark.parametrize("resource", ["usd", "requests", "tokens"])
def test_a_hard_budget_of_n_calls_admits_exactly_n_calls(resource, n, hard, open_selector):
    """However many threads want one, and whatever they leave unreported."""
    limit = {"usd": n * WORST / NANO, "requests": n, "tokens": n * 1_100}[resource]
    selector = open_selector(hard({resource: limit, "per": "total"}, **ONE))
    found, n_refused = admitted(selector, 4)
    assert len(found) == n
    assert n_refused == N_THREADS * 4 - n
    assert len({decision.id for decision in found}) == n
    assert sorted(decision.n for decision in found) == list(range(n))


def test_a_hard_budget_admits_what_settled_calls_left_and_no_more(folder, hard, open_selector, read_log):
    """Threads record half of the worst case at once: as many calls again fit, and never more."""
    selector = open_selector(hard({"usd": 40 * WORST / NANO, "per": "total"}, **ONE))
    half = Outcome(cost_usd=WORST / 2 / NANO)
    found, _ = admitted(selector, 8, after=lambda decision: selector.record(decision, half))
    while True:
        try:
            found.append(selector.select(Task("coding", input_tokens=100)))
        except BudgetExceededError:
            break
        selector.record(found[-1], half)
    account = account_of(selector)
    assert (account.spent, account.held) == (len(found) * WORST // 2, 0)
    assert len(found) == 79
    selector.close()
    assert sum(e["nano"] for e in read_log(folder).reports) == account.spent


def test_a_snapshot_while_threads_select_counts_every_decision_once(folder, soft, read_log):
    """What is chosen while beliefs are written down is neither counted twice nor forgotten at the next opening."""
    wrong = []
    for _ in range(5):
        selector = Selector.open(soft, state=folder, seed=1)
        done = threading.Event()

        def work(_, selector=selector, done=done):
            while not done.is_set():
                decision = selector.select(Task("coding", input_tokens=100))
                selector.record(decision, Outcome(output_tokens=50))

        def snapshots(selector=selector, done=done):
            for _ in range(5):
                selector._core.snapshot()
            done.set()

        together(lambda thread, work=work, snapshots=snapshots: work(thread) if thread else snapshots(), 5)
        selector.flush()
        selector._keeper.stop()
        selector._core.state.close()  # dies here: the snapshot is of the time before
        selector._closed = True
        with Selector.open(soft, state=folder, seed=1) as after:
            status, log = after.status(), read_log(folder)
            wrong += [(status.n_decisions, len(log.decided), status.n_outcomes, len(log.reported))]
    assert [(a - b, c - d) for a, b, c, d in wrong] == [(0, 0)] * 5


def test_a_decision_that_waits_while_beliefs_are_written_down_is_counted_once(folder, soft, read_log):
    """The snapshot counts it, and the log tells it later: it is one decision all the same."""
    selector = Selector.open(soft, state=folder, seed=1)
    core, scribe, write = selector._core, selector._core.scribe, selector._core.scribe.write

    def write_and_choose():
        write()
        core.engine.select(Task("coding"))

    scribe.write = write_and_choose
    core.snapshot()
    scribe.write = write
    selector.flush()
    core.state.close()
    selector._closed = True
    with Selector.open(soft, state=folder, seed=1) as after:
        assert after.status().n_decisions == len(read_log(folder).decided) == 1


def test_beliefs_status_and_explanations_can_be_asked_for_while_threads_work(
    open_selector, files_of_state, folder, read_log
):
    """Small parts are sealed all the while."""
    files_of_state(limits=Limits(n_events=50))
    selector = open_selector()
    asked = [selector.status, selector.beliefs, selector.flush, selector._core.state.seal, selector._core.snapshot]

    def work(thread):
        for i in range(10):
            decision = selector.select(Task(f"type-{thread}"))
            selector.record(decision, Outcome(output_tokens=10, score=1, source="tests"))
            asked[(thread + i) % 5]()
            assert selector.explain(decision.id)

    together(work, 6)
    status = selector.status()
    assert (status.n_outcomes, status.n_decisions, status.n_orphans) == (60, 60, 0)
    selector.close()
    log = read_log(folder)
    assert (len(log.decided), len(log.reported), log.faults) == (60, 60, [])
