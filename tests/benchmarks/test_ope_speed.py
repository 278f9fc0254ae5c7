"""How long estimates from a log take beside one pass over its arrays, and that memory does not grow with it."""

import time

import numpy as np

from experiments.ope_speed.run import Config, drawn_log, measure, stream
from selector.replay import ConfidenceSequence, evaluate


def best_of(run, repeats=3):
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        run()
        times.append(time.perf_counter() - begin)
    return min(times)


def show(title, rows):
    print(f"\n{title}")  # noqa: T201 - a benchmark prints its table
    for name, value in rows:
        print(f"  {name:<28}{value}")  # noqa: T201 - likewise


def test_all_estimators_take_some_tens_of_passes_over_the_arrays():
    """A million decisions among ten models: seven estimators of three outcomes, in all and with intervals."""
    speed = measure(Config(rounds=1_000_000))
    log, target = drawn_log(Config(), 1_000_000, 1)
    one_pass = best_of(lambda: np.einsum("ij,ij->i", target, log.mean_reward))
    rows = [("all estimators", f"{speed.seconds:>8.3f} s"), ("one weighted sum", f"{one_pass:>8.3f} s")]
    show("1,000,000 decisions, 10 models", [*rows, ("memory beside the arrays", f"{speed.above_mb:>8.1f} MB")])
    assert speed.seconds < 200 * one_pass
    assert speed.above_mb < 200


def test_memory_does_not_grow_with_the_length_of_a_log():
    short, long_ = (stream(Config(streamed=n, piece=100_000))[0] for n in (100_000, 1_000_000))
    show(
        "streamed",
        [(f"{s.rounds:,}", f"{s.seconds:>8.3f} s {s.above_mb:>6.1f} MB above a piece") for s in (short, long_)],
    )
    assert long_.above_mb < 1.5 * short.above_mb + 1
    assert long_.seconds < 30 * short.seconds


def test_a_confidence_sequence_takes_some_times_what_the_estimates_take():
    log, target = drawn_log(Config(), 200_000, 1)
    estimates = best_of(lambda: evaluate(log, {"target": target}))
    sequence = best_of(lambda: ConfidenceSequence().add(log, target))
    rows = [("estimates", f"{estimates:>8.3f} s"), ("confidence sequence", f"{sequence:>8.3f} s")]
    show("200,000 decisions, 10 models", rows)
    assert sequence < 50 * estimates
