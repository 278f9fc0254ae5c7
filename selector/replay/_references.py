"""What could have been had: the best fixed model, the static hull, the per-type optimum, the per-prompt oracle."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.replay._table import Matrix

__all__ = ["Reference", "best_fixed", "fixed_models", "prompt_oracle", "references", "static_hull", "type_optimum"]

Floats = NDArray[np.float64]


class Reference(NamedTuple):
    """One point to compare with."""

    name: str
    """``best_fixed``, ``static_hull``, ``type_optimum``, ``prompt_oracle``, or a model."""
    budget_usd_per_request: float | None
    """For which budget; None for a model."""
    mean_reward: float | None
    """Mean score; None where no choice of models meets the budget."""
    mean_cost_usd: float | None
    """Mean cost; None likewise."""


def references(matrix: Matrix, budgets: list[float | None]) -> list[Reference]:
    """Compute all references of a matrix at some budgets, and each model's own point.

    All but the models know every outcome in advance: they are bounds and baselines in hindsight, not competitors.

    Examples
    --------
    >>> score, cost = np.array([[0.0, 1.0], [1.0, 1.0]]), np.array([[1.0, 3.0], [1.0, 3.0]])
    >>> matrix = Matrix(score, cost, np.zeros(2, int), ("small", "large"), ("chat",))
    >>> for r in references(matrix, [2.0]):
    ...     print(r.name, r.mean_reward, r.mean_cost_usd)
    best_fixed 0.5 1.0
    static_hull 0.75 2.0
    type_optimum 0.75 2.0
    prompt_oracle 1.0 2.0
    small 0.5 1.0
    large 1.0 3.0
    """
    found = [f(matrix, b) for b in budgets for f in (best_fixed, static_hull, type_optimum, prompt_oracle)]
    return found + fixed_models(matrix)


def fixed_models(matrix: Matrix) -> list[Reference]:
    """Return each model's own point."""
    rows = zip(matrix.models, matrix.score.mean(0).tolist(), matrix.cost_usd.mean(0).tolist(), strict=True)
    return [Reference(name, None, reward, cost) for name, reward, cost in rows]


def best_fixed(matrix: Matrix, budget: float | None) -> Reference:
    """Return the single model with the best mean score among those whose mean cost is within the budget."""
    reward, cost = matrix.score.mean(0), matrix.cost_usd.mean(0)
    within = np.where(cost <= (np.inf if budget is None else budget), reward, -1.0)
    best = int(within.argmax())
    if within[best] < 0:
        return Reference("best_fixed", budget, None, None)
    return Reference("best_fixed", budget, float(reward[best]), float(cost[best]))


def static_hull(matrix: Matrix, budget: float | None) -> Reference:
    """Return the best random mix of single models at that mean cost, the same for every task."""
    reward, cost = matrix.score.mean(0)[None], matrix.cost_usd.mean(0)[None]
    return _mixed("static_hull", reward, cost, np.ones(1), budget)


def type_optimum(matrix: Matrix, budget: float | None) -> Reference:
    """Return the best mix of models per task type, all means of these very prompts known."""
    n_types = len(matrix.task_types)
    count = np.bincount(matrix.type, minlength=n_types).astype(float)
    present = count > 0
    reward, cost = (np.zeros((n_types, len(matrix.models))) for _ in range(2))
    np.add.at(reward, matrix.type, matrix.score)
    np.add.at(cost, matrix.type, matrix.cost_usd)
    share = count[present] / count.sum()
    mean_reward, mean_cost = (m[present] / count[present, None] for m in (reward, cost))
    return _mixed("type_optimum", mean_reward, mean_cost, share, budget)


def prompt_oracle(matrix: Matrix, budget: float | None) -> Reference:
    """Return the best choice per prompt, every outcome known: out of reach, an upper bound only."""
    share = np.full(matrix.n_prompts, 1 / matrix.n_prompts)
    return _mixed("prompt_oracle", matrix.score, matrix.cost_usd, share, budget)


def _mixed(name: str, reward: Floats, cost: Floats, share: Floats, budget: float | None) -> Reference:
    """Maximise the mean reward over mixes per group within a mean cost: a linear program."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    n_groups, n_models = reward.shape
    if budget is None:
        return _unlimited(name, reward, cost, share)
    groups = np.repeat(np.arange(n_groups), n_models)
    ones = csr_array((np.ones(groups.size), (groups, np.arange(groups.size))), shape=(n_groups, groups.size))
    paid = (share[:, None] * cost).ravel()
    unit = float(paid.max()) or 1.0  # the solver's tolerances are absolute, and dollars are small
    found = linprog(
        -(share[:, None] * reward).ravel(),
        A_ub=(paid / unit)[None],
        b_ub=[budget / unit],
        A_eq=ones,
        b_eq=np.ones(n_groups),
        method="highs",
    )
    if found.status != 0:
        return Reference(name, budget, None, None)
    return Reference(name, budget, float(-found.fun), float(paid @ found.x))


def _unlimited(name: str, reward: Floats, cost: Floats, share: Floats) -> Reference:
    best = reward.max(1)
    cheapest = np.where(reward == best[:, None], cost, np.inf).min(1)
    return Reference(name, None, float(share @ best), float(share @ cheapest))
