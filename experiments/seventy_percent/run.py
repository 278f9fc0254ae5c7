"""Critical tasks at the best model, all others as the selector chooses: what these cost, and how they went."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from experiments._outcomes import default_settings, load
from experiments._stream import Stream, prompts_in
from experiments._sweep import Result
from selector.policies import NoWorseThan
from selector.replay import Matrix, published_world

__all__ = ["Config", "run"]

_BY = 0.02
_SHARE = 0.3  # of the best model's cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One world and one aim."""

    world: str
    """A table, without its ending; or ``published``: the simulation built from published figures."""
    aim: Literal["no_worse_than", "budget"]
    """As cheap as it gets at a success at most .02 below the best model's; or as much success as 30 % of the best
    model's cost buy."""
    models: Sequence[str] | None = None
    learn: str | None = None
    """The split that is learnt from first."""
    measure: str | None = None
    passes: int = 1
    """Through what is measured; the last one counts."""
    tasks: int = 4000
    """Of the published world."""
    critical: float = 0.2
    """The share of tasks that always go to the best model, without exploration."""
    seeds: int = 20


def run(config: Config) -> Result:
    """Return, seed by seed, what was saved of the best model's cost on all other tasks, and the success beside its."""
    matrix = _matrix(config)
    best = int(matrix.score.mean(0).argmax())
    everything = np.arange(matrix.n_prompts)
    measured = everything if config.measure is None else prompts_in(matrix, config.measure)
    critical = np.random.default_rng(0).random(matrix.n_prompts) < config.critical
    rest = measured[~critical[measured]]
    settings = default_settings(matrix)
    usd = None
    if config.aim == "budget":
        usd = _SHARE * float(matrix.cost_usd[rest, best].mean())
    else:
        settings = replace(settings, objective=NoWorseThan(best, _BY))
    stream = Stream(matrix, usd, list(range(config.seeds)), settings)
    parts = [measured] * config.passes
    if config.learn is not None:
        parts = [prompts_in(matrix, config.learn), *parts]
    for part in parts:
        prompts = stream.shuffled(part)
        found = stream.go(prompts, np.where(critical[prompts], best, -1))
    own = ~critical[prompts]
    cost = np.where(own, matrix.cost_usd[prompts, found.arm], 0.0).sum(0) / own.sum(0)
    score = np.where(own, found.score, 0.0).sum(0) / own.sum(0)
    cost_best, score_best = float(matrix.cost_usd[rest, best].mean()), float(matrix.score[rest, best].mean())
    return {
        "best": matrix.models[best],
        "success": score_best,
        "cost_usd": cost_best,
        "n": len(rest),
        "saved": (1 - cost / cost_best).tolist(),
        "difference": (score - score_best).tolist(),
        "at_best": float((found.arm == best)[own].mean()),
        "most": [1 - _least(matrix, rest, score_best - by) / cost_best for by in (0.0, _BY)],
        "most_by_type": 1 - _least_by_type(matrix, rest, best) / cost_best,
    }


def _matrix(config: Config) -> Matrix:
    if config.world == "published":
        return published_world(config.tasks, np.random.default_rng(0)).matrix
    return load(config.world, config.models)


def _least(matrix: Matrix, prompts: NDArray[np.intp], success: float) -> float:
    """Return the least mean cost of a mix of models per task type that has this success, all means known."""
    from scipy.optimize import linprog

    weight, score, cost = _by_type(matrix, prompts)
    n, k = score.shape
    whole = np.kron(np.eye(n), np.ones(k))
    found = linprog(
        (weight[:, None] * cost).ravel(),
        A_ub=-(weight[:, None] * score).reshape(1, -1),
        b_ub=[-success + 1e-12],
        A_eq=whole,
        b_eq=np.ones(n),
    )
    return float(found.fun)


def _least_by_type(matrix: Matrix, prompts: NDArray[np.intp], best: int) -> float:
    """Return the mean cost of each task type's cheapest model that is within .02 of the best one there."""
    weight, score, cost = _by_type(matrix, prompts)
    within = score >= score[:, [best]] - _BY
    return float(weight @ np.where(within, cost, np.inf).min(1))


def _by_type(matrix: Matrix, prompts: NDArray[np.intp]) -> tuple[NDArray[np.float64], ...]:
    """Return how common each task type is among some prompts, and each model's mean score and cost there."""
    types, type_ = np.unique(matrix.type[prompts], return_inverse=True)
    own = [prompts[type_ == x] for x in range(len(types))]
    score, cost = (np.stack([of[each].mean(0) for each in own]) for of in (matrix.score, matrix.cost_usd))
    return np.bincount(type_) / len(prompts), score, cost
