"""What the live selector acknowledged survives the death of its processes, and no budget is exceeded."""

import os
import select
import signal
import threading
import time

import numpy as np
import orjson
import pytest

from selector import Selector, Task
from selector.budgets import NANO
from selector.errors import BudgetExceededError

CYCLES = 1_000 if os.environ.get("SELECTOR_SOAK") else 20
LIVES = 10  # cycles on one folder

NURSERY = """
import functools, itertools, json, os, sys, threading
import orjson, pyarrow.parquet, scipy.special
from selector import Outcome, Selector, Task
from selector.errors import BudgetExceededError
from selector.store import Limits, State

folder, config = sys.argv[1], json.loads(sys.argv[2])
State.open = functools.partial(State.open, limits=Limits(n_events=40))

def work(selector, pipe, thread):
    say = lambda *said: os.write(pipe, orjson.dumps(said) + b"\\n")
    for i in itertools.count():
        try:
            task = Task(("coding", "chat")[i % 2], input_tokens=100 + i % 50, max_output_tokens=1_000)
            decision = selector.select(task)
        except BudgetExceededError:
            say("refused")
            return
        used = 1 + (7 * i + thread) % 900
        selector.record(decision, Outcome(output_tokens=used, latency_s=used / 100))
        say(decision.id, "usage", used)
        score = (i * thread) % 3 / 2
        selector.record(decision.id, Outcome(score=score, source="tests"))
        say(decision.id, "judgement", score)

def try_to_work(selector, pipe, thread):
    try:
        work(selector, pipe, thread)
    except BaseException as error:
        os.write(pipe, orjson.dumps(("failed", repr(error))) + b"\\n")
        raise

def live(pipe, keeps):
    selector = Selector.open(config, state=folder, clock=lambda: 1.7e9)
    for thread in range(3):
        threading.Thread(target=try_to_work, args=(selector, pipe, thread), daemon=True).start()
    while True:
        if keeps:
            selector._core.state.seal()
            selector._core.snapshot()
        else:
            threading.Event().wait(1)

for line in sys.stdin:
    fifo, n = line.split()
    pipe = os.open(fifo, os.O_WRONLY)
    children = []
    for child in range(int(n)):
        pid = os.fork()
        if pid == 0:
            live(pipe, child == 0)
        children.append(pid)
    os.close(pipe)
    print(*children, flush=True)
    for pid in children:
        os.waitpid(pid, 0)
"""


class Nursery:
    """A warm process that forks the processes that are to be killed."""

    def __init__(self, start, folder, config, n_processes, tmp_path):
        self._process = start(NURSERY, folder, orjson.dumps(config).decode())
        self._n, self._tmp_path, self._lives = n_processes, tmp_path, 0

    def live_and_die(self, seconds, *, after_first_word):
        """Let processes live for a time, from their birth or from the first acknowledgement; give what was said."""
        self._lives += 1
        fifo = self._tmp_path / f"fifo-{self._process.pid}-{self._lives}"
        os.mkfifo(fifo)
        pipe = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
        os.set_blocking(pipe, True)
        self._process.stdin.write(f"{fifo} {self._n}\n")
        self._process.stdin.flush()
        children = [int(word) for word in self._process.stdout.readline().split()]
        if after_first_word:
            select.select([pipe], [], [], 60)
        said = []
        reader = threading.Thread(target=lambda: said.append(self._read(pipe)))
        reader.start()
        time.sleep(seconds)
        for child in children:
            os.kill(child, signal.SIGKILL)
        reader.join()
        words = [orjson.loads(line) for line in said[0].split(b"\n")[:-1]]
        assert [each for each in words if each[0] == "failed"] == []
        return words

    def close(self):
        self._process.communicate()

    @staticmethod
    def _read(pipe):
        with os.fdopen(pipe, "rb") as file:
            return file.read()


def value_of(event):
    return event["output_tokens"] if event["kind"] == "usage" else event["score"]


def check(log, acknowledged):
    """Compare what the log says with what was acknowledged; give how many were lost, doubled, torn."""
    assert [fault for fault in log.faults if fault.kind != "torn"] == []
    read = {(e["decision_id"], e["kind"]): value_of(e) for e in log.reports}
    lost = {key: value for key, value in acknowledged.items() if read.get(key) != value}
    return np.array([len(lost), len(log.keys) - len(set(log.keys)), len(log.faults)])


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_or_doubled_when_processes_are_killed(
    tmp_path, soft, start, read_log, folded_anew, differ
):
    """Two processes of three threads on one folder, one of which seals and sums up, are killed again and again."""
    rng, total, figures, wrong = np.random.default_rng(7), 0, np.zeros(3, int), []
    for first in range(0, CYCLES, LIVES):
        folder, acknowledged = tmp_path / f"state{first}", {}
        nursery = Nursery(start, folder, soft, 2, tmp_path)
        torn = np.zeros(3, int)
        for cycle in range(first, first + LIVES):
            said = nursery.live_and_die(rng.uniform(0.01, 0.05), after_first_word=cycle % 5 != 4)
            acknowledged |= {(id_, kind): value for id_, kind, value in said}
            torn = np.maximum(torn, check(read_log(folder), acknowledged))
        nursery.close()
        with Selector.open(soft, state=folder, seed=1, clock=lambda: 1.7e9) as selector:
            status, beliefs = selector.status(), selector.beliefs()
        log = read_log(folder)
        figures += np.maximum(torn, check(log, acknowledged))
        total += len(acknowledged)
        anew, anew_status = folded_anew(folder, clock=lambda: 1.7e9)
        counted = (status.n_outcomes, status.n_decisions, status.n_orphans, status.quarantined)
        told = (len(log.reported), len(log.decided), 0, 0)
        again = (anew_status.n_outcomes, anew_status.n_decisions, anew_status.n_orphans, anew_status.quarantined)
        wrong += [(folder.name, counted, told, again)] * (counted != told or again != told)
        wrong += differ(beliefs, anew)[:3]
    lost, doubled, n_torn = figures.tolist()
    print(f"\n{total:,} acknowledged in {CYCLES} cycles: {lost} lost, {doubled} doubled, {n_torn} torn")  # noqa: T201 - for the soak
    assert total > 10 * CYCLES
    assert (lost, doubled) == (0, 0)
    assert wrong == []


def spent_and_held(log):
    """Sum up what the log says of money: what usages cost, and what is still held."""
    cost = {e["decision_id"]: e["nano"] for e in log.reports if e["kind"] == "usage"}
    held = {e["id"]: e["held_nano"] for e in log.decisions}
    assert set(cost) <= set(held)
    return sum(cost.values()), sum(nano for id_, nano in held.items() if id_ not in cost)


def used_up(selector):
    """Choose until nothing more is admitted; tell whether that came."""
    for _ in range(1_000):
        try:
            selector.select(Task("coding", input_tokens=100, max_output_tokens=1_000))
        except BudgetExceededError:
            return True
    return False


@pytest.mark.slow
def test_a_hard_budget_is_never_exceeded_when_its_process_is_killed(tmp_path, hard, start, read_log):
    """What is settled and the worst case of what is open stay within the limit, and the next process counts it all."""
    rng, n_used_up, n_acknowledged = np.random.default_rng(8), 0, 0
    limit = 0.004
    config = hard({"usd": limit, "per": "day"})
    for first in range(0, CYCLES, LIVES):
        folder, acknowledged = tmp_path / f"state{first}", {}
        nursery = Nursery(start, folder, config, 1, tmp_path)
        for cycle in range(first, first + LIVES):
            said = nursery.live_and_die(rng.uniform(0.01, 0.05), after_first_word=cycle % 5 != 4)
            acknowledged |= {(words[0], words[1]): words[2] for words in said if len(words) == 3}
            log = read_log(folder)
            spent, held = spent_and_held(log)
            assert spent + held <= limit * NANO
            assert check(log, acknowledged)[:2].tolist() == [0, 0]
        nursery.close()
        with Selector.open(config, state=folder, seed=1, clock=lambda: 1.7e9) as selector:
            ((_, account),) = selector._core.budget.accounts.values()
            assert (account.spent, account.held) == (spent, held)
            assert selector.status().n_decisions == len(log.decided)
            assert selector.status().n_outcomes == len(log.reported)
            n_used_up += used_up(selector)
            ((_, account),) = selector._core.budget.accounts.values()
            assert account.spent + account.held <= limit * NANO
        n_acknowledged += len(acknowledged)
    assert n_acknowledged > CYCLES // 2
    assert n_used_up == CYCLES // LIVES
