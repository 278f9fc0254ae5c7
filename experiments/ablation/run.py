"""The default with one thing other than it is, at one budget of one outcome matrix."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from experiments import _matrices
from experiments._matrices import matrix_of, points_of, protocol_of
from experiments._outcomes import default_settings
from experiments._sweep import Result
from experiments.ablation._changed import changed, setup_with
from selector.decision import Setup
from selector.posteriors import Floats
from selector.replay import simulate

__all__ = ["Config", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(_matrices.Config):
    """One change at one budget of one table."""

    change: Mapping[str, Any] = field(default_factory=dict)
    """What is other than the default, by its name; nothing: the default itself."""


def run(config: Config) -> Result:
    """Return what each seed earned and spent on the last pass."""
    protocol = protocol_of(config, matrix_of(config))
    measured, settings = protocol.measured, default_settings(protocol.measured)

    def setup(guess: Floats) -> Setup:
        return setup_with(settings.setup(guess, len(measured.task_types)), config.change)

    with changed(config.change, protocol):
        last = simulate(setup, protocol, list(range(config.seeds)))[0][-1]
    spent = float(np.mean(last.cost_usd))
    return {
        "reward": last.reward.tolist(),
        "cost_usd": last.cost_usd.tolist(),
        "optimum": points_of(measured, config.usd)["type_optimum"],
        "hull_at_spend": points_of(measured, spent)["static_hull"],
    }
