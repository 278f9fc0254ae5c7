"""How long a sealed log takes to load as tables beside reading its events one by one, and with how much memory."""

import math
import statistics
import subprocess
import sys
import time

import pytest

from selector.config import OutcomesConfig
from selector.replay.logs._state import Wish, table_of_events, table_of_parts
from selector.store import State

N = 50_000
MODELS = [f"model-{k}" for k in range(10)]
ALL = Wish(-math.inf, math.inf, None, OutcomesConfig().rank)
PEAK = """
import math, sys
from selector.config import OutcomesConfig
from selector.replay.logs._state import Wish, table_of_events, table_of_parts
from selector.store import State
import pyarrow.compute, pyarrow.parquet
def peak():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) / 1e3 for line in file if line.startswith("VmHWM"))
rank = OutcomesConfig().rank
before = peak()
with State.open(sys.argv[1], clock=lambda: 0.0, read_only=True) as state:
    wish = Wish(-math.inf, math.inf, None, rank)
    found = table_of_events(state.events(), wish) if sys.argv[2] == "events" else table_of_parts(state.parts(), wish)
print(peak() - before)
"""


def told(i):
    """Tell a decision, its usage and its judgement, and now and then what was on the table, as a live selector does."""
    name, at = f"018bcfe568007b3396372543f7b183dc-{i:08}", round(1.7e9 + i / 7, 6)
    deal = f"018bcfe568007b3396372543f7b183dc-{i - i % 16:08}"
    if i % 16 == 0:
        numbers = [1.0 + (i + k) % 7 / 8 for k in range(10)]
        values = dict.fromkeys(("alpha", "beta", "prior", "probability", "tokens", "answer_usd", "input_usd"), numbers)
        yield {"kind": "explained", "decision_id": name, "at": at, "models": MODELS, "usual_input": 900.0, **values}
    yield {
        "kind": "decision",
        "id": name,
        "at": at,
        "n": i,
        "task_type": f"type-{i % 6}",
        "model": MODELS[i % 10],
        "route": MODELS[i % 10],
        "reason": "policy",
        "propensity": 1 / (i % 255 + 1),
        "expected_cost_usd": 1e-4 * i,
        "shadow_price": i // 64 / 8,
        "policy": "thompson",
        "config_digest": "4a349f1873b99d81",
        "draw_row": i % 256,
        "input_tokens": i % 4_000,
        "deal": deal,
    }
    of = {"n": i, "at": at, "task_type": f"type-{i % 6}", "model": MODELS[i % 10], "route": MODELS[i % 10]}
    base = {"decision_id": name, "attempt": 1, "at": round(at + 50, 6)}
    late = {"of": of} if i % 2 else {}
    yield {
        "kind": "usage",
        **base,
        "output_tokens": i % 900,
        "latency_s": i % 97 / 13,
        "nano": i % 900 * 15_000,
        **late,
    }
    yield {"kind": "judgement", **base, "score": float(i % 10 < 7), "source": "tests"}


@pytest.fixture(scope="module")
def log(tmp_path_factory):
    folder = tmp_path_factory.mktemp("log") / "state"
    with State.open(folder, clock=time.monotonic) as state:
        for start in range(0, N, 1_000):
            state.append_all([event for i in range(start, start + 1_000) for event in told(i)])
        state.seal(current=True)
    return folder


def show(title, rows):
    print(f"\n{title}")  # noqa: T201 - a benchmark prints its table
    for name, value in rows:
        print(f"  {name:<28}{value}")  # noqa: T201 - likewise


def test_a_sealed_log_is_loaded_some_times_faster_than_event_by_event(log):
    """Fifty thousand decisions with usage and judgement each: processor time, median of three, side by side."""

    def measured(load):
        with State.open(log, clock=lambda: 0.0, read_only=True) as state:
            begin = time.process_time()
            table, _ = load(state)
            times[load].append(time.process_time() - begin)
        return table

    def events(state):
        return table_of_events(state.events(), ALL)

    def parts(state):
        return table_of_parts(state.parts(), ALL)

    times = {events: [], parts: []}
    for _ in range(3):
        assert measured(parts).equals(measured(events), check_metadata=True)
    slow, fast = (statistics.median(times[each]) for each in (events, parts))
    rows = [("event by event", f"{slow:>8.3f} s"), ("as tables", f"{fast:>8.3f} s"), ("ratio", f"{slow / fast:>8.1f}")]
    show(f"{N:,} decisions loaded", [*rows, ("decisions a second", f"{N / fast:>8,.0f}")])
    assert slow > 2.5 * fast


def test_it_takes_no_more_memory(log):
    """Each in a process of its own: what it needs at most, above what is there before."""

    def above_mb(how):
        done = subprocess.run([sys.executable, "-c", PEAK, str(log), how], check=True, capture_output=True, text=True)  # noqa: S603
        return float(done.stdout)

    slow, fast = above_mb("events"), above_mb("parts")
    show("memory above the start", [("event by event", f"{slow:>8.1f} MB"), ("as tables", f"{fast:>8.1f} MB")])
    assert fast < 1.25 * slow
