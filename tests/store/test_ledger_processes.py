"""Real processes spend one budget: never a cent over, hardly a cent left, whoever is killed or stopped meanwhile."""

import fcntl
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from selector.store._ledger import Ledger
from selector.store._ledger_terms import Known, Others

CENT = 10_000_000
LIMIT = 1_000 * CENT

WORKER = """
import fcntl, os, sys, threading, time
import numpy as np
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from test_ledger_processes import CENT, LIMIT, is_alive, settled_of
from selector.store._ledger import Ledger
from selector.store._ledger_terms import Lack, Others
from selector.store._leases import Leases

folder, name, seconds, boot = Path(sys.argv[2]), sys.argv[3], float(sys.argv[4]), sys.argv[5]
lock = os.open(folder / f"{name}.lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
fcntl.flock(lock, fcntl.LOCK_EX)
journal = os.open(folder / f"{name}.log", os.O_CREAT | os.O_APPEND | os.O_WRONLY | os.O_CLOEXEC)
others = Others(lambda owner: is_alive(folder, owner), lambda row: settled_of(folder, row))
ledger = Ledger.open(folder, lambda: name, others, boot=boot)
wake = threading.Event()
leases = Leases(ledger, time.monotonic, wake.set)

def write(*words):
    os.write(journal, (" ".join(map(str, words)) + "\\n").encode())

def tend():
    while True:
        wake.wait(0.5)
        wake.clear()
        leases.tend()

def spend(thread):
    rng = np.random.default_rng([int(name), thread])
    total, i = leases.of("total", 0, limit=LIMIT, most=LIMIT), 0
    while time.monotonic() < ends:
        amount = int(rng.uniform(0.5, 2) * CENT)
        hold = leases.reserve([(total, amount)])
        if isinstance(hold, Lack):
            time.sleep(0.01)
            continue
        i += 1
        write("hold", f"{thread}-{i}", amount)
        time.sleep(rng.exponential(0.03))
        used = int(amount * rng.uniform(0.2, 1))
        write("cost", f"{thread}-{i}", used)
        write("settle", f"{thread}-{i}", leases.settle(hold, [used]), used)

print("ready", flush=True)
sys.stdin.readline()
ends = time.monotonic() + seconds
threading.Thread(target=tend, daemon=True).start()
threads = [threading.Thread(target=spend, args=(thread,)) for thread in range(4)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
leases.close()
"""


def lines(folder, name):
    """Read the whole lines of a journal."""
    whole = (folder / f"{name}.log").read_text().split("\n")[:-1]
    return [line.split() for line in whole]


def is_alive(folder, owner):
    """Tell whether a worker holds its lock."""
    with (folder / f"{owner}.lock").open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def settled_of(folder, row):
    """Read in a journal what was settled since the ledger was told, and what is held."""
    settled, held = 0, {}
    for kind, call, *rest in lines(folder, row.owner):
        if kind == "hold":
            held[call] = int(rest[0])
        elif kind == "settle":
            del held[call]
            settled += int(rest[1]) if int(rest[0]) > row.seq else 0
    return Known(settled, sum(held.values()))


def spending(folder):
    """Add up what all calls cost that were acknowledged, and the most that those in flight can have cost."""
    settled, flying = 0, 0
    for path in folder.glob("*.log"):
        held = {}
        for kind, call, *rest in lines(folder, path.stem):
            if kind == "hold":
                held[call] = int(rest[0])
            elif kind == "settle":
                del held[call]
                settled += int(rest[1])
        flying += sum(held.values())
    return settled, flying


@pytest.fixture
def start(tmp_path):
    running = []

    def build(seconds, boot="boot-1"):
        command = [sys.executable, "-c", WORKER, str(Path(__file__).parent), tmp_path, str(len(running)), str(seconds)]
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [*command, boot],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        running.append(process)
        return process

    yield build
    for process in running:
        process.kill()
        process.communicate()


def go(*workers):
    """Let workers begin at the same time, once all are ready."""
    for worker in workers:
        assert worker.stdout.readline() == "ready\n"
    for worker in workers:
        worker.stdin.write("go\n")
        worker.stdin.flush()


@pytest.fixture
def look(tmp_path):
    """Open the ledger as one more process, which takes back what the dead had."""
    opened = []

    def build(boot="boot-1"):
        ledger = Ledger.open(
            tmp_path,
            lambda: "looker",
            Others(lambda owner: is_alive(tmp_path, owner), lambda row: settled_of(tmp_path, row)),
            boot=boot,
        )
        opened.append(ledger)
        return ledger

    yield build
    for ledger in opened:
        ledger.close()


def total(ledger):
    (account,) = ledger.accounts()
    return account.spent, account.leased


def wait_until(condition, seconds=30):
    for _ in range(int(seconds * 100)):
        if condition():
            return
        time.sleep(0.01)
    raise TimeoutError


@pytest.mark.slow
def test_eight_processes_of_four_threads_spend_ten_dollars_and_no_more(tmp_path, start, look):
    workers = [start(4) for _ in range(8)]
    go(*workers)
    for worker in workers:
        assert worker.wait(60) == 0
    settled, flying = spending(tmp_path)
    assert flying == 0
    assert total(look()) == (settled, 0)
    assert 0.97 * LIMIT <= settled <= LIMIT
    shares = [sum(line[0] == "settle" for line in lines(tmp_path, path.stem)) for path in tmp_path.glob("*.log")]
    print(f"\nspent {settled / LIMIT:.4f} of the limit; calls by process {sorted(shares)}")  # noqa: T201 - the figure


@pytest.mark.slow
def test_with_workers_killed_at_random_nothing_is_over_and_only_what_they_held_is_lost(tmp_path, start, look):
    rng = np.random.default_rng(5)
    workers = [start(5) for _ in range(8)]
    go(*workers)
    for worker in rng.permutation(8)[:5]:
        time.sleep(rng.uniform(0.05, 0.2))
        workers[worker].send_signal(signal.SIGKILL)
    codes = sorted(worker.wait(60) for worker in workers)
    assert codes == [-9] * 5 + [0] * 3
    settled, flying = spending(tmp_path)
    spent, leased = total(look())
    print(f"\nsettled {settled / LIMIT:.4f}, in flight when killed {flying / LIMIT:.4f}, charged {spent / LIMIT:.4f}")  # noqa: T201 - the figure
    assert leased == 0
    assert flying > 0
    assert settled + flying <= LIMIT
    assert settled <= spent <= settled + flying
    assert 0.97 * LIMIT <= spent <= LIMIT


@pytest.mark.slow
def test_a_stopped_process_keeps_its_lease_and_goes_on_with_it(tmp_path, start, look):
    stopped, other = start(3), start(4)
    go(stopped, other)
    wait_until(lambda: (tmp_path / "0.log").stat().st_size > 200)
    stopped.send_signal(signal.SIGSTOP)
    assert other.wait(60) == 0
    ledger = look()
    granted = {lease.owner: lease.granted for lease in ledger.leases()}
    assert set(granted) == {"0"}
    assert ledger.reclaim() == []
    before = spending(tmp_path)[0]
    stopped.send_signal(signal.SIGCONT)
    assert stopped.wait(60) == 0
    assert total(ledger) == (spending(tmp_path)[0], 0)
    assert before <= spending(tmp_path)[0] <= LIMIT


@pytest.mark.slow
@pytest.mark.parametrize(("boot", "whole"), [("boot-1", False), ("boot-2", True)])
def test_a_killed_worker_is_charged_its_whole_lease_only_after_another_boot(tmp_path, start, look, boot, whole):
    worker = start(30)
    go(worker)
    wait_until(lambda: (tmp_path / "0.log").stat().st_size > 2_000)
    worker.kill()
    worker.wait()
    database = Ledger.open(tmp_path, lambda: "reader", Others(lambda _: True, lambda _: None), boot="boot-1")
    (account,), (lease,) = database.accounts(), database.leases()
    database.close()
    settled, flying = spending(tmp_path)
    spent, leased = total(look(boot))
    assert leased == 0
    assert settled <= spent <= LIMIT
    if whole:
        assert spent == account.spent + lease.granted
    else:
        assert spent <= settled + flying


FORKING = """
import os, sys, threading, time
from selector.store._ledger import Ledger
from selector.store._ledger_terms import Others
from selector.store._leases import Leases

ledger = Ledger.open(sys.argv[1], lambda: str(os.getpid()), Others(lambda _: True, lambda _: None))
leases = Leases(ledger, time.monotonic)
children = []

def spend(n):
    day = leases.of("day", 0, limit=10**9, most=0)
    for _ in range(n):
        leases.settle(leases.reserve([(day, 5)]), [3])
        leases.flush()

thread = threading.Thread(target=spend, args=(300,))
thread.start()
for _ in range(6):
    child = os.fork()
    if child == 0:
        spend(50)
        leases.close()
        os._exit(0)
    children.append(child)
assert [os.waitpid(child, 0)[1] for child in children] == [0] * 6
thread.join()
leases.close()
print(*[(each.spent, each.leased) for each in ledger.accounts()][0])
"""


def test_children_forked_in_the_middle_of_transactions_spend_beside_their_parent(tmp_path):
    command = [sys.executable, "-W", "ignore::DeprecationWarning", "-c", FORKING, tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)  # noqa: S603 - ours
    assert (done.stdout.split(), done.stderr) == ([str(3 * (300 + 6 * 50)), "0"], "")
