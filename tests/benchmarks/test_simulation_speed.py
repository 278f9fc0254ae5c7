"""How many decisions are simulated in a second, how that depends on the size of the world, and what limits it."""

import cProfile
import pstats
import tracemalloc
from statistics import median

import numpy as np
import pytest

from selector.replay import Matrix, Protocol, run_study, settings_of, simulate

N_PROMPTS = 3_000
BUDGET = 0.01


def drawn_world(n_models=10, n_types=10, n_prompts=N_PROMPTS):
    rng = np.random.default_rng(0)
    rate = rng.uniform(0.3, 0.95, (n_types, n_models))
    type_ = rng.integers(n_types, size=n_prompts)
    score = (rng.random((n_prompts, n_models)) < rate[type_]).astype(float)
    cost = np.geomspace(0.001, 0.1, n_models) * np.exp(rng.normal(-0.125, 0.5, (n_prompts, n_models)))
    models = tuple(f"model-{k}" for k in range(n_models))
    return Matrix(score, cost, type_, models, tuple(f"type-{x}" for x in range(n_types)))


def per_second(matrix, n_seeds, jobs=1, repeats=1):
    """Run Thompson at one budget; return the best of some runs, which the machine's other work disturbs least."""
    settings, _ = settings_of("thompson", matrix, None, budget=True)
    protocol = Protocol(measured=matrix, budget_usd=BUDGET)
    runs = [run_study([settings], [protocol], list(range(n_seeds)), jobs=jobs) for _ in range(repeats)]
    return max(study.decisions_per_second for study in runs)


def show(title, rows):
    print(f"\n{title}")  # noqa: T201 - a benchmark prints its table
    for name, value in rows:
        print(f"  {name:<28}{value}")  # noqa: T201 - likewise


def test_many_seeds_side_by_side_are_many_times_faster_than_one():
    matrix = drawn_world(n_prompts=1_000)
    speed = {n: per_second(matrix, n, repeats=2) for n in (1, 20, 100)}
    show("seeds side by side, 10 models, 10 types", [(n, f"{v:>10,.0f} decisions/s") for n, v in speed.items()])
    assert speed[100] >= 4 * speed[1]
    assert speed[20] > 2 * speed[1]


def test_the_time_of_a_decision_grows_more_slowly_than_the_world():
    by_models = {k: per_second(drawn_world(k, 10, 1_000), 50) for k in (3, 10, 30)}
    by_types = {x: per_second(drawn_world(10, x, 1_000), 50) for x in (1, 10, 30)}
    show("models, 10 types, 50 seeds", [(k, f"{v:>10,.0f} decisions/s") for k, v in by_models.items()])
    show("task types, 10 models, 50 seeds", [(x, f"{v:>10,.0f} decisions/s") for x, v in by_types.items()])
    assert by_models[3] < 10 * by_models[30]
    assert by_types[1] < 30 * by_types[30]


@pytest.mark.parametrize("n_prompts", [3_000, 5_000])
def test_two_processes_on_the_reference_world(n_prompts):
    """10 models, 10 types, 100 seeds: medians of three runs, the start of the processes included."""
    matrix = drawn_world(n_prompts=n_prompts)
    one, two = (median(per_second(matrix, 100, jobs=jobs) for _ in range(3)) for jobs in (1, 2))
    rows = [("1 process", f"{one:>10,.0f} decisions/s"), ("2 processes", f"{two:>10,.0f} decisions/s")]
    title = f"reference: 10 models, 10 types, 100 seeds, {n_prompts:,} prompts"
    show(title, [*rows, ("ratio", f"{two / one:>10.2f}")])
    assert two > 0.4 * one  # on busy cores a second process brings nothing, but it must not stand in the way


def test_what_limits_the_speed():
    """Shares of one profiled run; profiling adds to each call, so shares of many small calls are a little high."""
    matrix = drawn_world(n_prompts=1_000)
    settings, _ = settings_of("thompson", matrix, None, budget=True)
    profile = cProfile.Profile()
    profile.enable()
    simulate(lambda guess: settings.setup(guess, 10), Protocol(measured=matrix, budget_usd=BUDGET), list(range(100)))
    profile.disable()
    stats = pstats.Stats(profile)
    cumulative = {}
    for (file, _, name), (_, _, _, seconds, _) in stats.stats.items():
        if "selector" in file:
            cumulative[name] = max(cumulative.get(name, 0.0), seconds)
    total = cumulative["simulate"]
    parts = {
        "draws (redraw)": cumulative["redraw"],
        "price (_solve)": cumulative["_solve"],
        "choice (choose)": cumulative["choose"],
        "exploration (publish)": cumulative["publish"],
    }
    parts["rest: beliefs, bookkeeping"] = total - sum(parts.values())
    show("what limits it, 100 seeds", [(name, f"{value / total:>10.0%}") for name, value in parts.items()])
    assert parts["rest: beliefs, bookkeeping"] >= 0
    assert sum(parts.values()) == pytest.approx(total)


def test_memory_does_not_grow_with_the_number_of_decisions():
    """The peak of 4,000 prompts is at most twice that of 1,000, with the table itself left out."""
    peaks = {}
    for n in (1_000, 4_000):
        matrix = drawn_world(n_prompts=n)
        settings, _ = settings_of("thompson", matrix, None, budget=True)
        tracemalloc.start()
        protocol = Protocol(measured=matrix, budget_usd=BUDGET)
        simulate(lambda guess, s=settings: s.setup(guess, 10), protocol, list(range(20)))
        peaks[n] = tracemalloc.get_traced_memory()[1] / 2**20
        tracemalloc.stop()
    show("memory, 20 seeds", [(f"{n:,} prompts", f"{peak:>10.1f} MB peak") for n, peak in peaks.items()])
    assert peaks[4_000] < 2 * peaks[1_000]
