"""What an event costs beside a bare write of the same bytes, and a million of them sealed and read."""

import os
import statistics
import time
from pathlib import Path

import pytest

from selector.store import Limits, State

N_EVENTS = 1_000_000
MODELS = [f"model-{k}" for k in range(12)]
TYPES = [f"type-{x}" for x in range(6)]


def event(i):
    """Make a decision or its usage, as a live selector would, with ids that do not compress."""
    name = f"{i // 2 * 0x9E3779B97F4A7C15 & (1 << 128) - 1:032x}"
    if i % 2 == 0:
        return {
            "kind": "decision",
            "id": name,
            "at": 1.7e9 + i / 7,
            "n": i // 2,
            "task_type": TYPES[i // 24 % 6],
            "model": MODELS[i // 2 % 12],
            "route": f"{MODELS[i // 2 % 12]}@work",
            "propensity": 1 / (i % 255 + 1),
            "held_nano": 1_000_000 + i,
            "draw_version": i // 256,
            "draw_row": i % 256,
        }
    return {
        "kind": "usage",
        "decision_id": name,
        "attempt": 1,
        "at": 1.7e9 + i / 7,
        "input_tokens": i % 4_000,
        "output_tokens": i % 900,
        "cost_usd": i % 900 * 1.5e-5,
        "latency_s": i % 97 / 13,
    }


def show(title, rows):
    print(f"\n{title}")  # noqa: T201 - a benchmark prints its table
    for name, value in rows:
        print(f"  {name:<34}{value}")  # noqa: T201 - likewise


def median_us(act, items, blocks=20):
    """Time blocks of calls and give the median of their means, in microseconds."""
    size = len(items) // blocks
    times = []
    for block in range(blocks):
        mine = items[block * size : (block + 1) * size]
        begin = time.perf_counter()
        for item in mine:
            act(item)
        times.append((time.perf_counter() - begin) / size * 1e6)
    return statistics.median(times)


@pytest.mark.parametrize(("durability", "n"), [("process", 40_000), ("power", 2_000)])
def test_an_append_beside_a_bare_write_of_the_same_bytes(durability, n, tmp_path):
    events = [event(i) for i in range(n)]
    with State.open(tmp_path / "state", clock=time.monotonic, durability=durability) as state:
        append = median_us(state.append, events)
        buffer = median_us(state.buffer, events)
    lines = b"".join(path.read_bytes() for path in sorted((tmp_path / "state/journal").iterdir())).splitlines(
        keepends=True
    )[:n]
    fd = os.open(tmp_path / "bare", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def bare(line):
        os.write(fd, line)
        if durability == "power":
            os.fdatasync(fd)

    alone = median_us(bare, lines)
    os.close(fd)
    rows = [("append", f"{append:.2f} us"), ("buffer", f"{buffer:.2f} us"), ("bare write", f"{alone:.2f} us")]
    show(f"durability {durability}, {len(lines[0])} bytes", [*rows, ("append / bare write", f"{append / alone:.1f}")])
    assert append < 40 * alone


def size_of(folder):
    return sum(path.stat().st_size for path in Path(folder).rglob("*") if path.is_file())


def test_a_million_events_sealed_and_read(tmp_path):
    rows = []

    def timed(name, act):
        begin = time.perf_counter()
        found = act()
        seconds = time.perf_counter() - begin
        rows.append((name, f"{seconds:7.2f} s  {N_EVENTS / seconds:>12,.0f} events/s"))
        return found

    def count(state):
        return sum(1 for _ in state.events())

    def write(state):
        for i in range(N_EVENTS):
            state.append(event(i))

    with State.open(tmp_path / "state", clock=time.monotonic, limits=Limits(n_bytes=2**26)) as state:
        timed("make and append", lambda: write(state))
        assert timed("read from journals", lambda: count(state)) == N_EVENTS
        in_journals = size_of(state.path)
        timed("seal", lambda: state.seal(current=True))
        assert timed("read from segments", lambda: count(state)) == N_EVENTS
        rows.append(("bytes in journals", f"{in_journals / 1e6:7.1f} MB"))
        rows.append(("bytes in segments", f"{size_of(state.path) / 1e6:7.1f} MB"))

        def columns():
            import pyarrow.parquet as pq

            table = pq.read_table(state.path / "log/decisions", columns=["model", "task_type", "propensity"])
            return table.group_by(["model", "task_type"]).aggregate([("propensity", "sum")])

        assert timed("group by with Arrow", columns).num_rows == 72
        assert size_of(state.path) < in_journals / 2
    show(f"{N_EVENTS:,} events", rows)
