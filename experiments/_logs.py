"""Logs of our own policy on prompts whose outcomes are all known, and targets whose true values are known with them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from experiments._outcomes import load
from selector.budgets import PerRequest
from selector.decision import Decider
from selector.policies import Exploration, WorthUsd
from selector.posteriors import Cells
from selector.replay import (
    LoggedArrays,
    Matrix,
    Target,
    fixed_model,
    frozen,
    settings_of,
    uniform,
)

__all__ = ["Logging", "logs", "matrix_of", "price_of", "synthetic", "targets_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Logging:
    """How a log comes about."""

    decisions: int = 2000
    floor: float = 0.02
    """Held throughout where there is no budget; else as much of it as the budget allows."""
    begin: int = 0
    """Decisions before the log begins, not in it: of the burn-in by default, which gives every model five outcomes and
    takes all exploration for itself until then. 0: a log from the first decision on, without burn-in."""
    budget_usd: float | None = None
    """Mean per request; None: no budget, and a success is worth as many dollars as the targets' price says."""


def synthetic(n_prompts: int = 3000) -> Matrix:
    """Draw a world to stand in for the files: 6 models, 5 types, cheap ones good at some."""
    rng = np.random.default_rng(0)
    type_ = rng.integers(5, size=n_prompts)
    rate = np.clip(np.linspace(0.5, 0.85, 6) + rng.normal(0, 0.12, (5, 6)), 0.05, 0.97)
    score = (rng.random((n_prompts, 6)) < rate[type_]).astype(float)
    cost = np.geomspace(0.001, 0.05, 6) * np.exp(rng.normal(-0.125, 0.5, (n_prompts, 6)))
    return Matrix(score, cost, type_, tuple(f"model-{k}" for k in range(6)), tuple(f"type-{x}" for x in range(5)))


def targets_of(matrix: Matrix) -> dict[str, tuple[Target, float]]:
    """Return target policies with their true values; all choose by the task type, from the matrix's own means."""
    n_types, count = len(matrix.task_types), np.bincount(matrix.type)[:, None]
    score, cost = np.zeros((2, n_types, len(matrix.models)))
    np.add.at(score, matrix.type, matrix.score)
    np.add.at(cost, matrix.type, matrix.cost_usd)
    score, cost = score / count, cost / count
    mean = matrix.score.mean(0)
    price = price_of(matrix)
    targets = {
        "cheapest": fixed_model(matrix.models[int(matrix.cost_usd.mean(0).argmin())]),
        "best": fixed_model(matrix.models[int(mean.argmax())]),
        "uniform": uniform,
        "greedy": frozen(score, cost, price),
        "softmax": frozen(score, cost, price, temperature=0.05),
    }
    every = _everything(matrix)
    return {name: (target, float((target(every) * matrix.score).sum(1).mean())) for name, target in targets.items()}


def price_of(matrix: Matrix) -> float:
    """Return successes per dollar: what the dearest model costs is as much as the best has above the worst."""
    mean = matrix.score.mean(0)
    return float(mean.max() - mean.min()) / float(matrix.cost_usd.mean(0).max())


def _everything(matrix: Matrix) -> LoggedArrays:
    """Return all prompts as if each had been decided with equal probabilities."""
    shape = matrix.score.shape
    even = np.full(shape, 1.0 / shape[1])
    zero, one = np.zeros(shape[0], np.intp), np.ones(shape[0])
    return LoggedArrays(
        arm=zero,
        reward=one,
        cost_usd=one,
        propensity=even[:, 0],
        probabilities=even,
        mean_reward=even,
        mean_cost_usd=even,
        type=matrix.type,
        models=matrix.models,
        task_types=matrix.task_types,
    )


def logs(matrix: Matrix, world: Logging, seeds: list[int]) -> Iterator[LoggedArrays]:
    """Let Thompson sampling, as it is configured by default, decide on prompts drawn with replacement; log it."""
    n, k, s = world.begin + world.decisions, len(matrix.models), len(seeds)
    rngs = [np.random.default_rng([7, seed]) for seed in seeds]
    prompts = np.stack([rng.integers(matrix.n_prompts, size=n) for rng in rngs], axis=1)
    u = np.stack([rng.random(n) for rng in rngs], axis=1)
    guess = np.stack([matrix.cost_usd.mean(0) * np.exp(rng.normal(0, 0.4, k)) for rng in rngs])
    usual = settings_of("thompson", matrix, None, budget=True)[0]
    keys = [int(rng.integers(1 << 62)) for rng in rngs]
    setup = usual.setup(np.maximum(guess, 1e-12), len(matrix.task_types))
    if world.budget_usd is None:
        worth = np.full(len(matrix.task_types), 1.0 / price_of(matrix))
        held = Exploration(floor=world.floor) if world.begin else Exploration(floor=world.floor, burn_in=0)
        setup, pacer = replace(setup, objective=WorthUsd(), worth_usd=worth, exploration=held), None
    else:
        setup = replace(setup, exploration=Exploration(floor=world.floor))
        pacer = PerRequest(world.budget_usd, s)
    decider = Decider(setup, keys, pacer)
    every, arms = np.arange(s), np.empty((n, s), np.intp)
    p, mean, usd = np.empty((3, world.decisions, s, k))
    for t in range(n):
        types, place = matrix.type[prompts[t]], t - world.begin
        if place >= 0:
            p[place] = decider.probabilities(types, now=t)
            mean[place], usd[place] = decider.beliefs.success.mean[every, types], decider.cost[every, types]
        arms[t] = arm = decider.choose(types, u[t], now=t)
        score, cost = matrix.score[prompts[t], arm], matrix.cost_usd[prompts[t], arm]
        if pacer is not None:
            pacer.settle(cost)
        decider.observe(Cells(every, types, arm), at=float(t), now=t + 1, score=score, tokens=cost)
    for i in range(s):
        yield _log(matrix, prompts[world.begin :, i], arms[world.begin :, i], (p[:, i], mean[:, i], usd[:, i]))


def _log(matrix: Matrix, prompts: Ints, arm: Ints, believed: tuple[Floats, Floats, Floats]) -> LoggedArrays:
    p, mean, usd = believed
    return LoggedArrays(
        arm=arm,
        reward=matrix.score[prompts, arm],
        cost_usd=matrix.cost_usd[prompts, arm],
        propensity=p[np.arange(len(arm)), arm],
        probabilities=p,
        mean_reward=mean,
        mean_cost_usd=usd,
        type=matrix.type[prompts],
        models=matrix.models,
        task_types=matrix.task_types,
        eligible=np.ones(p.shape, bool),
    )


def matrix_of(file: str) -> Matrix:
    """Load a matrix by its file's name without ending; ``synthetic``: the drawn world."""
    return synthetic() if file == "synthetic" else load(file)
