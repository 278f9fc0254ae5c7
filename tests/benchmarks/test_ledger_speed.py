"""What a hold and its settlement cost through leases, beside a SQLite transaction for each of the two."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from selector.store._leases import Leases
from selector.store._ledger import Ledger
from selector.store._ledger_terms import Others

CENT = 10_000_000
LIMIT = 20_000_000 * CENT
SECONDS = 1.5

WORKER = """
import json, sys
sys.path.insert(0, sys.argv[1])
import test_ledger_speed as bench
print("ready", flush=True)
sys.stdin.readline()
print(json.dumps(getattr(bench, sys.argv[2])(sys.argv[3], sys.argv[4])))
"""


def timed(pair):
    """Call for a while, and give the seconds of each call."""
    times, ends = [], time.perf_counter() + SECONDS
    while True:
        begin = time.perf_counter()
        pair()
        end = time.perf_counter()
        times.append(end - begin)
        if end > ends:
            return times


def shown(times):
    times = sorted(times)
    return {
        "p50": times[len(times) // 2] * 1e6,
        "p99": times[int(len(times) * 0.99)] * 1e6,
        "max": times[-1] * 1e6,
        "per_s": len(times) / SECONDS,
    }


def through_leases(folder, name, n_budgets=1):
    """Hold and settle through blocks of at most a dollar; what a journal takes is not in it."""
    ledger = Ledger.open(folder, lambda: name, Others(lambda _: True, lambda _: None))
    leases = Leases(ledger, time.monotonic)
    parts = [(leases.of(f"b{k}", 0, limit=LIMIT, most=100 * CENT), CENT) for k in range(n_budgets)]
    used = [CENT // 2] * n_budgets
    times = timed(lambda: leases.settle(leases.reserve(parts), used))
    leases.close()
    ledger.close()
    return shown(times)


def through_leases_and_a_journal(folder, name):
    """Hold and settle through blocks, and write a line for each of the two, as a live selector must."""
    fd = os.open(Path(folder) / f"{name}.log", os.O_CREAT | os.O_APPEND | os.O_WRONLY, 0o600)
    ledger = Ledger.open(folder, lambda: name, Others(lambda _: True, lambda _: None))
    leases = Leases(ledger, time.monotonic)
    parts, line = [(leases.of("b0", 0, limit=LIMIT, most=100 * CENT), CENT)], b"x" * 200 + b"\n"

    def pair():
        hold = leases.reserve(parts)
        os.write(fd, line)
        leases.settle(hold, [CENT // 2])
        os.write(fd, line)

    times = timed(pair)
    leases.close()
    ledger.close()
    os.close(fd)
    return shown(times)


def through_sqlite(folder, name):
    """Hold and settle in a transaction each, on the disk when it returns, with the same patience."""
    rng = np.random.default_rng(int(name))
    connection = sqlite3.connect(Path(folder) / "direct.sqlite", isolation_level=None, timeout=0)

    def transact(*statements):
        while True:
            try:
                connection.execute("BEGIN IMMEDIATE")
                break
            except sqlite3.OperationalError:
                time.sleep(rng.uniform(0, 0.004))
        for statement in statements:
            connection.execute(*statement)
        connection.execute("COMMIT")

    connection.execute("PRAGMA synchronous=FULL")

    def pair():
        transact(
            ("UPDATE budget SET held = held + ? WHERE spent + held + ? <= lim", (CENT, CENT)),
            ("INSERT OR REPLACE INTO hold VALUES (?, ?)", (name, CENT)),
        )
        transact(
            ("UPDATE budget SET held = held - ?, spent = spent + ?", (CENT, CENT // 2)),
            ("DELETE FROM hold WHERE id = ?", (name,)),
        )

    times = timed(pair)
    connection.close()
    return shown(times)


def together(way, folder, n):
    """Let processes do it at the same time."""
    workers = [
        subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", WORKER, str(Path(__file__).parent), way, folder, str(k)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        for k in range(n)
    ]
    for worker in workers:
        worker.stdout.readline()
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()
    return [json.loads(worker.communicate()[0]) for worker in workers]


def row(name, found):
    p50 = sorted(each["p50"] for each in found)[len(found) // 2]
    p99, most = (max(each[key] for each in found) for key in ("p99", "max"))
    pairs = sum(each["per_s"] for each in found)
    print(f"  {name:<34}{p50:>9.1f}{p99:>10.1f}{most / 1e3:>9.1f}{pairs:>11,.0f}")  # noqa: T201 - a benchmark prints
    return p50, p99


@pytest.mark.parametrize("n", [1, 8])
def test_a_hold_and_its_settlement_beside_direct_transactions(n, tmp_path):
    """With eight processes the median process's p50, and the worst process's p99."""
    with sqlite3.connect(tmp_path / "direct.sqlite") as direct:
        direct.execute("PRAGMA journal_mode=WAL")
        direct.execute("CREATE TABLE budget (lim INTEGER, spent INTEGER, held INTEGER)")
        direct.execute("CREATE TABLE hold (id TEXT PRIMARY KEY, amount INTEGER)")
        direct.execute("INSERT INTO budget VALUES (?, 0, 0)", (LIMIT,))
    direct.close()
    print(f"\n  {f'{n} processes':<34}   p50 us    p99 us   max ms    pairs/s")  # noqa: T201 - a benchmark prints
    leases = row("leases", together("through_leases", tmp_path, n))
    journal = row("leases, with two journal lines", together("through_leases_and_a_journal", tmp_path, n))
    sqlite = row("a transaction for each", together("through_sqlite", tmp_path, n))
    assert leases[0] * 5 < sqlite[0]
    assert journal[0] * 2 < sqlite[0]
    assert leases[1] < sqlite[1]


def test_many_budgets_at_once_cost_less_than_one_each(tmp_path):
    print("\n  one process                          p50 us    p99 us   max ms    pairs/s")  # noqa: T201 - likewise
    one = row("1 budget", [through_leases(tmp_path, "a", 1)])
    row("5 budgets", [through_leases(tmp_path, "b", 5)])
    twenty = row("20 budgets", [through_leases(tmp_path, "c", 20)])
    assert twenty[0] < 20 * one[0]
