"""Three models learn; then a fourth arrives, and how often it is chosen is counted from then on."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from experiments._outcomes import default_settings, load
from experiments._stream import Stream, prompts_in
from experiments._sweep import Result
from selector.replay import Matrix, Settings

__all__ = ["BIN", "OVER", "Config", "run"]

BIN, OVER = 10, 5
"""Decisions that are counted together, and how many such bins a share is measured over."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One budget, and what was published before."""

    usd: float
    """Per request."""
    published: Literal["none", "right", "wrong"]
    """Nothing; of every model the success that it has where the learning takes place; or this of all but the new
    model, and of the new one as far below the worst as that is below the best."""
    newcomer: str = "google/gemini-2.5-flash"
    file: str = "paretobandit_k4"
    learn: str = "val"
    """What is learnt from before it arrives."""
    measure: str = "test"
    """What comes after."""
    seeds: int = 20


def run(config: Config) -> Result:
    """Return the newcomer's share and the reward after its arrival, by bins of decisions."""
    matrix = load(config.file)
    before, after = (prompts_in(matrix, name) for name in (config.learn, config.measure))
    k = matrix.models.index(config.newcomer)
    stream = Stream(matrix, config.usd, list(range(config.seeds)), _settings(config, matrix, before, k))
    stream.serve(np.arange(len(matrix.models)) != k)
    early = stream.go(stream.shuffled(before))
    stream.serve(np.ones(len(matrix.models), bool))
    late = stream.go(stream.shuffled(after))
    n = len(after) // BIN
    chosen = (late.arm[: n * BIN] == k).reshape(n, BIN, -1).mean(1)
    reward = late.score[: n * BIN].reshape(n, BIN, -1).mean((1, 2))
    return {
        "chosen_before": float((early.arm == k).mean()),
        "share": chosen.mean(1).tolist(),
        "se": _error(chosen).tolist(),
        "reward": reward.tolist(),
        "used": float(late.cost_usd.mean() / config.usd),
        "models": dict(zip(matrix.models, late.share.mean(0).tolist(), strict=True)),
    }


def _error(chosen: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the standard error over seeds of the share in the bins from each one on that a share is measured over."""
    n = chosen.shape[0] - OVER + 1
    moving = np.stack([chosen[i : i + OVER].mean(0) for i in range(n)])
    error: NDArray[np.float64] = moving.std(1, ddof=1) / chosen.shape[1] ** 0.5
    return error


def _settings(config: Config, matrix: Matrix, before: NDArray[np.intp], newcomer: int) -> Settings:
    settings = default_settings(matrix)
    if config.published == "none":
        return settings
    success = matrix.score[before].mean(0)
    figure = np.log(success / (1 - success))
    if config.published == "wrong":
        others = np.delete(figure, newcomer)
        figure[newcomer] = 2 * others.min() - others.max()
    return replace(settings, published=np.broadcast_to(figure, (len(matrix.task_types), len(figure))).copy())
