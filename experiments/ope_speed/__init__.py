"""How long all estimators with normal intervals take on a million decisions, and what memory they need beside them."""

from __future__ import annotations

import math
import resource
import time
import tracemalloc
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.replay import Evaluation, Evaluator, LoggedArrays, Target, evaluate

__all__ = ["Settings", "Speed", "drawn_log", "measure", "run", "stream"]

Floats = NDArray[np.float64]

_FOLDER = Path(__file__).parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How much is evaluated."""

    rounds: int = 1_000_000
    streamed: int = 10_000_000
    piece: int = 250_000
    models: int = 10
    task_types: int = 10


class Speed(NamedTuple):
    """What it took."""

    rounds: int
    seconds: float
    arrays_mb: float
    """The log and the target's probabilities."""
    above_mb: float
    """The most that numpy and Python held beside these at any time."""


def drawn_log(settings: Settings, n: int, seed: int) -> tuple[LoggedArrays, Floats]:
    """Draw a log whose probabilities differ in every row, and the probabilities of a target policy."""
    rng, k = np.random.default_rng(seed), settings.models
    e = rng.standard_exponential((n, k))
    e *= 0.98 / e.sum(1, keepdims=True)
    e += 0.02 / k
    arm = np.minimum((e.cumsum(1) < rng.random(n)[:, None]).sum(1), k - 1)
    type_ = rng.integers(settings.task_types, size=n)
    rate = np.random.default_rng(0).uniform(0.4, 0.95, (settings.task_types, k))
    target = rng.standard_exponential((n, k))
    target /= target.sum(1, keepdims=True)
    log = LoggedArrays(
        arm=arm,
        reward=(rng.random(n) < rate[type_, arm]).astype(float),
        cost_usd=rng.standard_exponential(n) * 0.001 * (arm + 1),
        propensity=e[np.arange(n), arm],
        probabilities=e,
        mean_reward=np.clip(rate[type_] + 0.02, 0.0, 1.0),
        mean_cost_usd=np.tile(0.001 * np.arange(1, k + 1), (n, 1)),
        type=type_,
        models=tuple(f"model-{i}" for i in range(k)),
        task_types=tuple(f"type-{i}" for i in range(settings.task_types)),
    )
    return log, target


def _everything(found: Evaluation) -> int:
    """Read every estimator of every outcome with its interval; return how many there are."""
    return sum(len(found.estimates(outcome)) for outcome in ("success", "cost", "utility"))


def measure(settings: Settings, *, repeats: int = 3) -> Speed:
    """Evaluate one log in one piece: the fastest of some runs, and another one's memory."""
    log, target = drawn_log(settings, settings.rounds, 1)
    targets: dict[str, Target | Floats] = {"target": target}
    seconds = []
    for _ in range(repeats):
        begin = time.perf_counter()
        _everything(evaluate(log, targets, price=1.0))
        seconds.append(time.perf_counter() - begin)
    tracemalloc.start()
    _everything(evaluate(log, targets, price=1.0))
    above = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    names = ("arm", "reward", "cost_usd", "propensity", "probabilities", "mean_reward", "mean_cost_usd", "type")
    held = sum(getattr(log, name).nbytes for name in names) + target.nbytes
    return Speed(settings.rounds, min(seconds), held / 2**20, above / 2**20)


def stream(settings: Settings) -> tuple[Speed, Evaluation]:
    """Evaluate a long log of which one piece at a time is in memory; drawing the pieces is not counted."""
    pieces = range(math.ceil(settings.streamed / settings.piece))
    first, _ = drawn_log(settings, 1, 0)
    clip = math.sqrt(settings.streamed)
    evaluator = Evaluator(["target"], first.models, first.task_types, clip=clip)
    seconds, most = 0.0, 0
    for i in pieces:
        n = min(settings.piece, settings.streamed - i * settings.piece)
        log, target = drawn_log(settings, n, 2 + i)
        if i == 0:
            tracemalloc.start()
            evaluator.add(log, {"target": target})
            most = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
            evaluator = Evaluator(["target"], first.models, first.task_types, clip=clip)
        begin = time.perf_counter()
        evaluator.add(log, {"target": target})
        seconds += time.perf_counter() - begin
    begin = time.perf_counter()
    found = evaluator.result(price=1.0)
    _everything(found)
    seconds += time.perf_counter() - begin
    held = settings.piece * (5 + 4 * settings.models) * 8 / 2**20
    return Speed(settings.streamed, seconds, held, most / 2**20), found


def run(*, quick: bool = False) -> bool:
    """Print seconds and memory; say whether a million decisions took less than 1 s and 200 MB beside the arrays."""
    import yaml

    settings = Settings(**yaml.safe_load((_FOLDER / "sweep.yaml").read_text()))
    if quick:
        settings = Settings(rounds=100_000, streamed=300_000, piece=100_000)
    streamed, found = stream(settings)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    whole = measure(settings)
    print(f"{'':<10}{'decisions':>12}{'seconds':>9}{'arrays MB':>11}{'above MB':>10}")
    for name, speed in (("one piece", whole), ("streamed", streamed)):
        numbers = f"{speed.rounds:>12,}{speed.seconds:>9.2f}{speed.arrays_mb:>11.0f}{speed.above_mb:>10.1f}"
        print(f"{name:<10}{numbers}")
    print(f"the largest resident size while streaming, everything included: {peak:.0f} MB")
    e = found.estimate("target")
    print(f"streamed estimate {e.value:.5f} +- {(e.high - e.low) / 2:.5f}, {e.verdict.word}")
    return whole.seconds * 1e6 / whole.rounds < 1.0 and whole.above_mb < 200
