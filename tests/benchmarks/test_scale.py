"""A folder of very many decisions: its size, how soon and in how much memory it opens, and how fast it goes on."""

import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from collections import deque
from pathlib import Path

import numpy as np

from selector import Outcome, Selector, Task

N = int(os.environ.get("SELECTOR_SCALE", "100000"))
MODELS = {f"model-{k}": {"usd_per_mtok_in": 0.1 * 1.6**k, "usd_per_mtok_out": 0.4 * 1.7**k} for k in range(10)}
CONFIG = {"models": MODELS, "budgets": [{"usd_per_request": 0.004}]}
TYPES = [f"type-{x}" for x in range(10)]
SECONDS_APART = 0.02
BLOCK = 2_000
IN_FLIGHT = 1_000  # an answer takes much longer than the writing of a decision

REOPEN = """
import json, re, sys, time
from pathlib import Path
from selector import Selector, Task
import pyarrow.parquet, scipy.special

folder, config, now = sys.argv[1], json.loads(sys.argv[2]), float(sys.argv[3])
memory = lambda name: int(re.search(name + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) * 1024
before = memory("VmRSS")
begin = time.perf_counter()
selector = Selector.open(config, state=folder, seed=2, clock=lambda: now)
opened = time.perf_counter() - begin
after, most, status = memory("VmRSS"), memory("VmHWM"), selector.status()
tasks = [Task(f"type-{i % 10}", input_tokens=500 + i % 1000) for i in range(4000)]
times = []
for first in range(0, 4000, 500):
    begin = time.perf_counter()
    for task in tasks[first:first + 500]:
        selector.select(task)
    times.append((time.perf_counter() - begin) / 500)
counted = [status.n_decisions, status.n_outcomes, status.n_judged]
print(json.dumps([opened, before, after, most, sorted(times)[4], *counted]))
selector._keeper.stop()
"""


class Clock:
    """A clock that goes on with every decision."""

    def __init__(self):
        self.now = 1.7e9

    def __call__(self):
        return self.now


def show(title, rows):
    print(f"\n{title}")  # noqa: T201 - a benchmark prints its table
    for name, value in rows:
        print(f"  {name:<36}{value}")  # noqa: T201 - likewise


def outcomes(rng):
    """Make the outcomes of calls: usage, and how lucky each was."""
    while True:
        answers = rng.lognormal(6, 0.7, BLOCK).astype(int).tolist()
        latencies = rng.lognormal(1, 0.6, BLOCK).round(3).tolist()
        yield from zip(answers, latencies, rng.random(BLOCK).tolist(), strict=True)


def live(folder, clock):
    """Decide and report `N` times; give the median seconds of a select in each block, and the seconds of it all."""
    rng = np.random.default_rng(5)
    rate = rng.uniform(0.5, 0.95, len(MODELS)).tolist()
    news, running, judged, blocks = outcomes(rng), deque(), deque(), []

    def report(at_most):
        while len(running) > at_most:
            decision = running.popleft()
            tokens, latency, luck = next(news)
            selector.record(decision, Outcome(output_tokens=tokens, latency_s=latency))
            judged.append((decision.id, luck < rate[int(decision.model[6:])]))
        while len(judged) > at_most:
            id_, good = judged.popleft()
            selector.record(id_, Outcome(success=good, source="tests"))

    begin = time.perf_counter()
    with Selector.open(CONFIG, state=folder, seed=1, clock=clock) as selector:
        for _ in range(N // BLOCK):
            took = []
            for i, tokens in enumerate(rng.lognormal(7, 1, BLOCK).astype(int).tolist()):
                clock.now += SECONDS_APART
                task = Task(TYPES[i % len(TYPES)], input_tokens=tokens)
                before = time.perf_counter()
                running.append(selector.select(task))
                took.append(time.perf_counter() - before)
                report(IN_FLIGHT)
            blocks.append(statistics.median(took))
        report(0)
        closing = time.perf_counter()
    return blocks, closing - begin, time.perf_counter() - closing


def reopened(folder, clock):
    """Open a copy of the folder in a process of its own, and give what that took."""
    copy = folder.with_name("copy")
    shutil.copytree(folder, copy)
    said = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", REOPEN, str(copy), json.dumps(CONFIG), repr(clock.now)],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        cwd=Path(__file__).parents[2],
    ).stdout
    shutil.rmtree(copy)
    return json.loads(said)


def sizes(folder):
    """Give the bytes of each folder of the state."""
    found = {}
    for path in sorted(Path(folder).rglob("*")):
        if path.is_file():
            name = path.parent.relative_to(folder).as_posix()
            name = path.name if name == "." else name
            found[name] = found.get(name, 0) + path.stat().st_size
    return found


def column_sizes(folder):
    """Give the bytes of each column of the sealed log, the largest first."""
    import pyarrow.parquet as pq

    found = {}
    for path in Path(folder, "log").rglob("*.parquet"):
        metadata = pq.read_metadata(path)
        for group in range(metadata.num_row_groups):
            for place in range(metadata.num_columns):
                column = metadata.row_group(group).column(place)
                name = f"{path.parent.name}.{column.path_in_schema}"
                found[name] = found.get(name, 0) + column.total_compressed_size
    return sorted(found.items(), key=lambda item: -item[1])


def test_a_folder_of_many_decisions_stays_small_and_opens_and_selects_as_fast_as_a_young_one(tmp_path, caplog):
    caplog.set_level("ERROR", "selector")
    folder, clock = tmp_path / "state", Clock()
    blocks, seconds, closing = live(folder, clock)
    few = max(1, min(10, len(blocks) // 4))
    start, end = statistics.median(blocks[:few]), statistics.median(blocks[-few:])
    by_folder = sizes(folder)
    n_bytes = sum(by_folder.values())
    opened, before, after, most, later, *counted = reopened(folder, clock)
    for path in folder.glob("posteriors.parquet*"):
        path.unlink()
    anew, _, _, most_anew, _, *counted_anew = reopened(folder, clock)
    n_events = 3 * len(blocks) * BLOCK
    show(
        f"{len(blocks) * BLOCK:,} decisions, each with a usage and a judgement",
        [
            ("select and two records", f"{seconds / N * 1e6:.1f} us"),
            ("close, with sealing", f"{closing:.1f} s"),
            ("state", f"{n_bytes / 1e6:.1f} MB, {n_bytes / N:.1f} bytes per decision"),
            *((f"  {name}", f"{size / 1e6:.2f} MB") for name, size in by_folder.items() if size > n_bytes / 1_000),
            *((f"    {name}", f"{size / N:.2f} bytes per decision") for name, size in column_sizes(folder)[:12]),
            ("reopen", f"{opened:.2f} s"),
            ("memory before, after, most", ", ".join(f"{size / 1e6:.0f} MB" for size in (before, after, most))),
            ("select at the start, at the end", f"{start * 1e6:.1f} us, {end * 1e6:.1f} us, ratio {end / start:.2f}"),
            ("select after reopening", f"{later * 1e6:.1f} us, ratio {later / start:.2f}"),
            ("reopen without a snapshot", f"{anew:.2f} s, {n_events / anew:,.0f} events/s, {most_anew / 1e6:.0f} MB"),
        ],
    )
    assert counted == counted_anew == [len(blocks) * BLOCK] * 3
    assert n_bytes < 60 * N
    assert after < 400e6
    assert end < 1.5 * start
