"""One hard budget, many processes and threads, some killed, one whose clock jumps: never over, and spent to the end."""

import os
import signal
import time

import numpy as np
import orjson
import pytest

from selector import Selector
from selector.budgets import NANO
from selector.store import Ledger, Others

SOAK = bool(os.environ.get("SELECTOR_SOAK"))
N_PROCESSES, N_THREADS, USD = (16, 8, 10.0) if SOAK else (4, 3, 0.6)
CALL_USD = 0.01  # what a call holds
LEAST = 0.97 if SOAK else 0.9  # who is refused stops, though a call under way may leave room: a call is a sixtieth here
WORKER = """
import json, random, sys, threading, time
from selector import Outcome, Selector, Task
from selector.errors import BudgetExceededError

folder, config, n_threads, seed, jump = sys.argv[1], json.loads(sys.argv[2]), *map(int, sys.argv[3:])
begin = time.time()

def clock():
    return time.time() + jump * (time.time() - begin > 0.5)

selector = Selector.open(config, state=folder, seed=seed, clock=clock)

def work(k):
    rng = random.Random(100 * seed + k)
    while True:
        try:
            decision = selector.select(Task("coding", input_tokens=0, max_output_tokens=1000))
        except BudgetExceededError:
            return
        time.sleep(rng.uniform(0.001, 0.02))
        selector.record(decision, Outcome(output_tokens=rng.choice([200, 300, 500, 700, 900, 1000])))

threads = [threading.Thread(target=work, args=(k,)) for k in range(n_threads)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
selector.close()
print("done", flush=True)
"""


def config(per):
    model = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 10, "context_tokens": 10_000, "max_output_tokens": 1_000}
    return {"models": {"only": model}, "budgets": [{"name": "purse", "usd": USD, "per": per}]}


@pytest.fixture
def spend(start, folder):
    """Let processes spend until nothing fits any more; give what settled, and what is still held, in nano-dollars."""

    def spend(per, *, kills=0, jumps=()):
        settings = orjson.dumps(config(per)).decode()
        begin = [
            start(WORKER, folder, settings, N_THREADS, i, jumps[i] if i < len(jumps) else 0) for i in range(N_PROCESSES)
        ]
        killed, rng = [], np.random.default_rng(7)
        for i in range(kills):
            time.sleep(0.7)
            living = [each for each in begin if each.poll() is None]
            if not living:
                break
            victim = living[rng.integers(len(living))]
            os.kill(victim.pid, signal.SIGKILL)
            killed.append(victim)
            begin.append(start(WORKER, folder, settings, N_THREADS, N_PROCESSES + i, 0))
        for each in begin:
            assert each.stdout.read().endswith("done\n") or each in killed
        return len([each for each in killed if each.wait() == -signal.SIGKILL])

    return spend


def settled_and_held(log):
    used = {event["decision_id"]: event["nano"] for event in log.reports if event["kind"] == "usage"}
    return sum(used.values()), sum(e["held_nano"] for e in log.decisions if e["id"] not in used)


@pytest.mark.slow
@pytest.mark.parametrize(("per", "jumps"), [("total", ()), ("month", (7_200, -7_200))], ids=["plain", "clocks jump"])
def test_what_many_processes_spend_is_never_over_and_is_all_of_it(spend, folder, read_log, per, jumps):
    spend(per, jumps=jumps)
    settled, held = settled_and_held(read_log(folder))
    assert held == 0
    assert LEAST * USD * NANO <= settled <= USD * NANO


@pytest.mark.slow
def test_what_the_killed_still_held_is_charged_and_nothing_else_is_lost(spend, folder, read_log):
    n_killed = spend("total", kills=20 if SOAK else 2)
    settled, held = settled_and_held(read_log(folder))
    assert n_killed > 0
    assert settled + held <= USD * NANO
    assert settled + held >= LEAST * USD * NANO
    assert held <= n_killed * N_THREADS * CALL_USD * NANO
    with Selector.open(config("total"), state=folder) as selector:
        selector.status()
    with Ledger.open(folder, lambda: "", Others(lambda _: True, lambda _: None)) as ledger:
        (account,) = ledger.accounts()
    assert (account.spent, account.leased) == (settled + held, 0)
