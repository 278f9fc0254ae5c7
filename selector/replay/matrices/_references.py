"""What could have been had: the best fixed model, the static hull, the per-type optimum, the per-prompt oracle."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.replay.matrices._table import Matrix

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
    """Maximise the mean reward over mixes per group within a mean cost.

    This linear program has one constraint besides the mixes', so that its dual has one variable, the price of a dollar:
    at the right price every group takes its best ``reward - price cost``, and the optimum mixes the two choices on
    either side of it. That is exact, and hundreds of times faster than a general solver on many prompts.

    References
    ----------
    .. [1] Sinha, Zoltners (1979). "The multiple-choice knapsack problem." Operations Research 27(3).
       https://doi.org/10.1287/opre.27.3.503
    """
    free = _at(0.0, reward, cost, share)
    if budget is None or free[1] <= budget:
        return Reference(name, budget, *free)
    least = _at(np.inf, reward, cost, share)
    if least[1] > budget * (1 + 1e-12):
        return Reference(name, budget, None, None)
    low, high, over, within = 0.0, 1.0 / float(cost.mean()), free, least
    for _ in range(2000):
        if high - low <= 1e-15 * high:
            break
        middle = (low + high) / 2 if within is not least else high
        found = _at(middle, reward, cost, share)
        if found[1] > budget:
            low, over = middle, found
            high = high if within is not least else 4 * middle
        else:
            high, within = middle, found
    mixed = (budget - within[1]) / (over[1] - within[1]) if over[1] > within[1] else 0.0
    return Reference(name, budget, within[0] + mixed * (over[0] - within[0]), within[1] + mixed * (over[1] - within[1]))


def _at(price: float, reward: Floats, cost: Floats, share: Floats) -> tuple[float, float]:
    """Return mean reward and cost where every group takes its best at a price, the cheapest of equals."""
    with np.errstate(over="ignore"):  # on the way to a price at which the cheapest are chosen
        value = -cost if np.isinf(price) else reward - price * cost
    best = value == value.max(1, keepdims=True)
    second = reward if np.isinf(price) else -cost
    arm = np.where(best, second, -np.inf).argmax(1)[:, None]
    paid = np.take_along_axis(cost, arm, 1)[:, 0]
    return float(share @ np.take_along_axis(reward, arm, 1)[:, 0]), float(share @ paid)
