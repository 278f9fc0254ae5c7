"""How long the facts of a state folder take beside loading its log, and how large that is."""

import statistics
import time

import numpy as np
import pytest

from selector.replay import load, load_lean
from selector.report import facts, html_page
from selector.store import State

N, N_DEALS = 100_000, 16
MODELS = [f"model-{k}" for k in range(10)]
DAY = 86_400.0


def told(i, rng):
    """Tell a decision with what was on the table, its usage and its judgement, and now and then an alarm."""
    name, at, model = f"018bcfe568007b3396372543f7b183dc-{i:08}", 1.7e9 + i * 20 * DAY / N, MODELS[i % 10]
    if i % N_DEALS == 0:
        numbers = (1.0 + rng.random(10)).tolist()
        values = dict.fromkeys(("alpha", "beta", "probability", "answer_usd", "input_usd"), numbers)
        yield {"kind": "explained", "decision_id": name, "at": at, "models": MODELS, "usual_input": 900.0, **values}
    line = {"id": name, "at": at, "n": i, "task_type": f"type-{i % 7}", "model": model, "route": model}
    more = {"propensity": 0.1, "expected_cost_usd": 1e-4, "shadow_price": i // 64 / 8, "input_tokens": i % 4_000}
    yield {"kind": "decision", **line, "reason": "policy", **more, "deal": f"{name[:33]}{i - i % N_DEALS:08}"}
    base = {"decision_id": name, "attempt": 1, "at": at + 50}
    yield {"kind": "usage", **base, "output_tokens": i % 900, "latency_s": 0.5, "nano": i % 900 * 15_000}
    yield {"kind": "judgement", **base, "score": float(rng.random() < 0.7), "source": "tests"}
    if i % (N // 50) == N // 100:
        yield {"kind": "drift", "at": at + 50, "n": float(i), "model": model, "keep": 0.05}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    rng = np.random.default_rng(5)
    folder = tmp_path_factory.mktemp("report") / "state"
    with State.open(folder, clock=time.monotonic) as state:
        for start in range(0, N, 1_000):
            state.append_all([event for i in range(start, start + 1_000) for event in told(i, rng)])
        state.seal(current=True)
    return folder


def show(title, rows):
    print(f"\n{title}")  # noqa: T201 - a benchmark prints its table
    for name, value in rows:
        print(f"  {name:<28}{value}")  # noqa: T201 - likewise


def test_counting_takes_little_beside_loading(folder):
    """Processor time, median of three, side by side: of all facts with their fifty alarms, and of the table alone."""
    times = {load: [], load_lean: [], facts: []}
    found = facts(folder)  # with imports, once
    for _ in range(3):
        for each, took in times.items():
            begin = time.process_time()
            each(folder)
            took.append(time.process_time() - begin)
    begin = time.process_time()
    page = html_page(found)
    drawn = time.process_time() - begin
    whole, lean, counted = (statistics.median(times[each]) for each in (load, load_lean, facts))
    rows = [("whole table", f"{whole:>8.3f} s"), ("lean table", f"{lean:>8.3f} s"), ("facts", f"{counted:>8.3f} s")]
    rows += [("facts / lean table", f"{counted / lean:>8.1f}"), ("decisions a second", f"{N / counted:>8,.0f}")]
    show(f"{N:,} decisions", [*rows, ("page", f"{drawn:>8.3f} s, {len(page) / 1e6:.2f} MB")])
    assert (found.totals.n, len(found.drift)) == (N, 50)
    assert lean < whole
    assert counted < 5 * lean  # savings take the same from here on, however long the log


def test_a_lean_log_is_much_smaller_than_the_whole(folder):
    """Of ten models: what was published of each is half of the table."""
    whole, lean = (table.nbytes / 1e6 for table in (load(folder), load_lean(folder).table))
    show("size", [("whole table", f"{whole:>8.1f} MB"), ("lean table", f"{lean:>8.1f} MB")])
    assert 1.5 * lean < whole
