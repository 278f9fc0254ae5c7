"""Drawn worlds, logs of our own policy in them, and switches whose true differences are known at every decision."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.decision import Decider
from selector.policies import Exploration, WorthUsd
from selector.posteriors import Cells
from selector.replay import LoggedArrays, Matrix, settings_of

__all__ = ["KINDS", "Switch", "World", "draw_world", "least_saving", "logs_in", "switch"]

Floats = NDArray[np.float64]

KINDS = ("better", "worse_everywhere", "worse_somewhere", "too_dear")
"""Equal in success and cheaper than asked; worse by the margin in every type, or in one and the best in the others;
equal in success, and saving exactly what is asked."""
_MODELS, _TYPES = 4, 2
_SHARES = (0.6, 0.4)
_WORTH_USD = 0.2
_SPARE = 0.1  # of the cost, that a switch saves beyond what is asked
_APART = 0.15  # in success, at least, is the model that is mixed in: the nearer, the more of it it takes


@dataclass(frozen=True, slots=True)
class World:
    """How often each model succeeds, and what it costs, per task type, shape (n_types, n_models)."""

    success: Floats
    cost_usd: Floats


class Switch(NamedTuple):
    """A policy that might take the logging policy's place, and what is true of it on a log."""

    target: Floats
    difference: Floats
    """In success, of each task type."""
    saving: float


def draw_world(seed: int) -> World:
    """Draw a world: one model is good for nothing, costs have nothing to do with quality."""
    rng = np.random.default_rng([11, seed])
    success = np.clip(rng.uniform(0.6, 0.85, _MODELS) + rng.normal(0, 0.05, (_TYPES, _MODELS)), 0.55, 0.95)
    success[:, rng.integers(_MODELS)] = rng.uniform(0.05, 0.12)
    cost = rng.permutation(np.geomspace(0.002, 0.02, _MODELS))
    return World(success, np.tile(cost, (_TYPES, 1)))


def logs_in(
    worlds: list[World], seeds: list[int], *, decisions: int, floor: float, judged: float
) -> Iterator[LoggedArrays]:
    """Let Thompson sampling, as it is configured by default, decide in each world; log it.

    Parameters
    ----------
    worlds, seeds
        Of each log.
    decisions
        Each log's.
    floor
        Held throughout.
    judged
        With what probability a decision is judged.
    """
    n, s = decisions, len(worlds)
    rngs = [np.random.default_rng([13, seed]) for seed in seeds]
    success, usd = (np.stack([getattr(world, name) for world in worlds]) for name in ("success", "cost_usd"))
    type_ = np.stack([rng.choice(_TYPES, size=n, p=_SHARES) for rng in rngs], axis=1)
    u, luck, seen = (np.stack([rng.random(n) for rng in rngs], axis=1) for _ in range(3))
    spread = np.stack([np.exp(rng.normal(-0.08, 0.4, n)) for rng in rngs], axis=1)
    decider = _decider(usd.mean(1), rngs, floor)
    every, arm, p, mean, cost = np.arange(s), np.empty((n, s), np.intp), *np.empty((3, n, s, _MODELS))
    for t in range(n):
        x = type_[t]
        p[t] = decider.probabilities(x, now=t)
        mean[t], cost[t] = decider.beliefs.success.mean[every, x], decider.cost[every, x]
        arm[t] = decider.choose(x, u[t], now=t)
        score = (luck[t] < success[every, x, arm[t]]).astype(float)
        decider.observe(Cells(every, x, arm[t]), at=float(t), now=t + 1, score=score, tokens=usd[every, x, arm[t]])
    rows = np.arange(n)
    for i in range(s):
        won = (luck[:, i] < success[i, type_[:, i], arm[:, i]]).astype(float)
        yield LoggedArrays(
            arm=arm[:, i],
            reward=np.where(seen[:, i] < judged, won, np.nan),
            cost_usd=usd[i, type_[:, i], arm[:, i]] * spread[:, i],
            propensity=p[rows, i, arm[:, i]],
            probabilities=p[:, i],
            mean_reward=mean[:, i],
            mean_cost_usd=cost[:, i],
            type=type_[:, i],
            models=tuple(f"model-{k}" for k in range(_MODELS)),
            task_types=tuple(f"type-{x}" for x in range(_TYPES)),
        )


def _decider(usd: Floats, rngs: list[np.random.Generator], floor: float) -> Decider:
    """Set our policy up, with a first guess of each cost; a success is worth so many dollars."""
    guess = np.stack([own * np.exp(rng.normal(0, 0.4, _MODELS)) for own, rng in zip(usd, rngs, strict=True)])
    names = tuple(f"model-{k}" for k in range(_MODELS)), tuple(f"type-{x}" for x in range(_TYPES))
    one = np.ones((_TYPES, _MODELS))
    usual = settings_of("thompson", Matrix(one, one, np.arange(_TYPES), *names), None, budget=True)[0]
    setup = usual.setup(guess, _TYPES)
    worth = np.full(_TYPES, _WORTH_USD)
    setup = replace(setup, objective=WorthUsd(), worth_usd=worth, exploration=Exploration(floor=floor, burn_in=0))
    return Decider(setup, [int(rng.integers(1 << 62)) for rng in rngs], None)


def switch(log: LoggedArrays, world: World, kind: str, margin: float) -> Switch:
    """Build a policy whose success differs by exactly so much from the logging policy's, at every decision.

    At each decision it takes the best model of the task type, or another that is clearly worse, in the proportion at
    which its success is the logging policy's there less the margin; it knows the logged probabilities, which are fixed
    before the decision, and nothing of the outcome. In types where it is to be better it takes the best model always.

    Parameters
    ----------
    log
        Of a policy in this world.
    world
        What is true.
    kind
        One of `KINDS`.
    margin
        How much worse it may be.
    """
    target, rows = np.zeros((log.n, _MODELS)), np.arange(log.n)
    lower = {"worse_everywhere": (margin, margin), "worse_somewhere": (margin, None)}.get(kind, (0.0, 0.0))
    now = (log.probabilities * world.success[log.type]).sum(1)
    for x, less in enumerate(lower):
        rate, own = world.success[x], log.type == x
        best = int(rate.argmax())
        if less is None:
            target[own, best] = 1.0
            continue
        wanted = now[own] - less
        below = np.where(rate <= wanted[:, None] - _APART, rate, rate.min() - 1.0)
        worse = np.where(below.max(1) >= rate.min(), below.argmax(1), rate.argmin())
        share = ((rate[best] - wanted) / (rate[best] - rate[worse])).clip(0.0, 1.0)
        target[own, best] = 1.0 - share
        target[rows[own], worse] = share
    gap = ((target - log.probabilities) * world.success[log.type]).sum(1)
    spent, was = ((each * world.cost_usd[log.type]).sum(1).sum() for each in (target, log.probabilities))
    difference = np.bincount(log.type, gap) / np.bincount(log.type)
    return Switch(target, difference, float(1.0 - spent / was))


def least_saving(found: Switch, kind: str) -> float:
    """Say what saving is asked of a switch: exactly its own, or well less."""
    return found.saving if kind == "too_dear" else found.saving - _SPARE
