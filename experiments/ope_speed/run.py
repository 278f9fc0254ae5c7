"""How long all estimators with normal intervals take on a million decisions, and what memory they need beside them."""

from __future__ import annotations

import math
import resource
import time
import tracemalloc
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments._sweep import Result
from selector.replay import Evaluation, Evaluator, LoggedArrays, Target, evaluate

__all__ = ["Config", "Speed", "drawn_log", "measure", "run", "stream"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
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


def drawn_log(config: Config, n: int, seed: int) -> tuple[LoggedArrays, Floats]:
    """Draw a log whose probabilities differ in every row, and the probabilities of a target policy."""
    rng, k = np.random.default_rng(seed), config.models
    e = rng.standard_exponential((n, k))
    e *= 0.98 / e.sum(1, keepdims=True)
    e += 0.02 / k
    arm = np.minimum((e.cumsum(1) < rng.random(n)[:, None]).sum(1), k - 1)
    type_ = rng.integers(config.task_types, size=n)
    rate = np.random.default_rng(0).uniform(0.4, 0.95, (config.task_types, k))
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
        task_types=tuple(f"type-{i}" for i in range(config.task_types)),
    )
    return log, target


def _everything(found: Evaluation) -> int:
    """Read every estimator of every outcome with its interval; return how many there are."""
    return sum(len(found.estimates(outcome)) for outcome in ("success", "cost", "utility"))


def measure(config: Config, *, repeats: int = 3) -> Speed:
    """Evaluate one log in one piece: the fastest of some runs, and another one's memory."""
    log, target = drawn_log(config, config.rounds, 1)
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
    return Speed(config.rounds, min(seconds), held / 2**20, above / 2**20)


def stream(config: Config) -> tuple[Speed, Evaluation]:
    """Evaluate a long log of which one piece at a time is in memory; drawing the pieces is not counted."""
    pieces = range(math.ceil(config.streamed / config.piece))
    first, _ = drawn_log(config, 1, 0)
    clip = math.sqrt(config.streamed)
    evaluator = Evaluator(["target"], first.models, first.task_types, clip=clip)
    seconds, most = 0.0, 0
    for i in pieces:
        n = min(config.piece, config.streamed - i * config.piece)
        log, target = drawn_log(config, n, 2 + i)
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
    held = config.piece * (5 + 4 * config.models) * 8 / 2**20
    return Speed(config.streamed, seconds, held, most / 2**20), found


def run(config: Config) -> Result:
    """Return seconds and memory of a log in one piece and of a longer one that is streamed."""
    streamed, found = stream(config)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    whole, e = measure(config), found.estimate("target")
    estimate = {"value": e.value, "half_width": (e.high - e.low) / 2, "verdict": e.verdict.word}
    return {"whole": whole._asdict(), "streamed": streamed._asdict(), "peak_mb": peak, "estimate": estimate}
