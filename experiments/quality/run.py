"""Every default on, beside plainer policies, at one budget of one outcome matrix."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from experiments import _matrices
from experiments._matrices import matrix_of, points_of, protocol_of
from experiments._sweep import Result
from selector.replay import Matrix, Row, run_study, settings_of

__all__ = ["OTHERS", "Config", "run"]

OTHERS = ("uniform", "greedy", "epsilon_greedy", "ucb1", "kl_ucb")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(_matrices.Config):
    """One budget of one table."""

    merged: str | None = None
    """Task types that begin so count as one."""
    others: Sequence[str] = OTHERS
    """The policies it is compared with."""


def run(config: Config) -> Result:
    """Return what every default on earned on the first and on the last pass, and what the others did on the last."""
    matrix = matrix_of(config) if config.merged is None else _merged(matrix_of(config), config.merged)
    protocol = protocol_of(config, matrix)
    words = ["thompson", *config.others]
    settings = [settings_of(word, protocol.measured, None, budget=True)[0] for word in words]
    study = run_study(settings, [protocol], list(range(config.seeds)))
    last = {row.policy: row for row in study.rows if row.pass_ == config.passes}
    return {
        "rows": {word: _plain(last[word]) for word in words},
        "first_pass": study.rows[0].mean_reward,
        "points": points_of(protocol.measured, config.usd),
        "n_decisions": study.n_decisions,
        "n_models": len(study.models),
        "n_types": len(np.unique(protocol.measured.type)),
    }


def _plain(row: Row) -> Result:
    names = ("mean_reward", "se_reward", "utilisation", "max_utilisation", "hull_at_spend")
    return {name: getattr(row, name) for name in names}


def _merged(matrix: Matrix, prefix: str) -> Matrix:
    """Take all task types of a prefix as one."""
    names = [prefix if name.startswith(prefix) else name for name in matrix.task_types]
    types = tuple(dict.fromkeys(names))
    place = np.array([types.index(name) for name in names])
    return replace(matrix, type=place[matrix.type], task_types=types)
