"""What was acknowledged survives the death of the process, at any moment."""

import os
import signal
import struct
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from selector.store import State

CYCLES = 1_000 if os.environ.get("SELECTOR_SOAK") else 20

NURSERY = """
import os, struct, sys, threading
import pyarrow.parquet
from selector.store import Limits, State
names = ("decision", "attempt", "usage", "judgement", "explained")

def work(state, pipe, thread):
    i = 0
    while True:
        i += 1
        writer, seq = state.append({"kind": names[i % 5], "thread": thread, "i": i, "at": i / 3})
        os.write(pipe, bytes.fromhex(writer) + struct.pack("<qqq", seq, thread, i))

def live(pipe, seals):
    state = State.open(sys.argv[1], clock=lambda: 1.7e9, limits=Limits(n_events=150))
    for thread in range(3):
        threading.Thread(target=work, args=(state, pipe, thread), daemon=True).start()
    while True:
        state.seal() if seals else threading.Event().wait(1)

for fifo in sys.stdin:
    pipe = os.open(fifo.strip(), os.O_WRONLY)
    children = []
    for seals in (True, False):
        child = os.fork()
        if child == 0:
            live(pipe, seals)
        children.append(child)
    os.close(pipe)
    print(*children, flush=True)
    for child in children:
        os.waitpid(child, 0)
"""

ACK = struct.Struct("<16sqqq")


def acknowledged(pipe, into):
    """Read acknowledgements until every writer is dead."""
    with os.fdopen(pipe, "rb") as file:
        data = file.read()
    for writer, seq, thread, i in ACK.iter_unpack(data[: len(data) - len(data) % ACK.size]):
        assert (writer.hex(), seq) not in into
        into[writer.hex(), seq] = (thread, i)


def one_life(nursery, fifo, seconds, acked):
    """Let two processes write, and kill them."""
    os.mkfifo(fifo)
    pipe = os.open(fifo, os.O_RDONLY | os.O_NONBLOCK)
    os.set_blocking(pipe, True)
    nursery.stdin.write(f"{fifo}\n")
    nursery.stdin.flush()
    children = [int(word) for word in nursery.stdout.readline().split()]
    reader = threading.Thread(target=acknowledged, args=(pipe, acked))
    reader.start()
    time.sleep(seconds)
    for child in children:
        os.kill(child, signal.SIGKILL)
    reader.join()


def check(state, acked):
    """Give what is read, if all that was acknowledged is in it, once."""
    events = list(state.events())
    read = {(event["w"], event["s"]): (event["thread"], event["i"]) for event in events}
    assert len(read) == len(events)
    assert {key: value for key, value in acked.items() if read.get(key) != value} == {}
    assert [fault for fault in state.faults if fault.kind != "torn"] == []
    return read


@pytest.mark.slow
def test_nothing_acknowledged_is_lost_or_doubled_when_processes_are_killed(tmp_path):
    """Law 1: two processes of three threads, acknowledged over a pipe after the call returned, killed with SIGKILL."""
    rng = np.random.default_rng(7)
    total = n_read = 0
    nursery = None
    for cycle in range(CYCLES):
        if cycle % 5 == 0:
            folder, acked = tmp_path / f"state{cycle}", {}
            State.open(folder, clock=lambda: 1.7e9).close()
            if nursery is not None:
                nursery.communicate()
            nursery = subprocess.Popen(  # noqa: S603 - our own interpreter
                [sys.executable, "-c", NURSERY, str(folder)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                cwd=Path(__file__).parents[2],
            )
        before = len(acked)
        one_life(nursery, tmp_path / f"fifo{cycle}", rng.uniform(0.005, 0.025), acked)
        total += len(acked) - before
        with State.open(folder, clock=lambda: 1.7e9, read_only=True) as state:
            n_read = len(check(state, acked))
        if cycle % 5 == 4:
            with State.open(folder, clock=lambda: 1.7e9) as state:
                state.seal()
                assert len(check(state, acked)) == n_read
            assert list((folder / "journal").iterdir()) == []
    nursery.communicate()
    print(f"\n{total:,} acknowledged in {CYCLES} cycles of 2 processes")  # noqa: T201 - for the soak
    assert total > 10 * CYCLES
