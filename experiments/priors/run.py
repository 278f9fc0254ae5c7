"""The default with published figures of the models: as they are, shuffled, inverted, or none."""

from __future__ import annotations

from contextlib import ExitStack
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

import numpy as np

from experiments import _matrices
from experiments._matrices import matrix_of, points_of, protocol_of
from experiments._outcomes import default_settings
from experiments._sweep import Result
from experiments.priors._figures import How, Source, figures_of
from selector.errors import ConfigError
from selector.posteriors import Floats
from selector.replay import Protocol, simulate

__all__ = ["Config", "run"]

_SEEDS_A_SHUFFLE = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(_matrices.Config):
    """One way to use what is published, at one budget of one table."""

    source: Source = "catalogue"
    how: How = "none"
    scaled: bool = False
    """Whether what is published of a task type's models is brought to a standard deviation of 1."""
    slope: float | None = None
    """Log-odds of success per unit of what is published, before anything was seen; None: the default's."""


def run(config: Config) -> Result:
    """Return each pass's rewards and spends, seed by seed, and the slope that was learnt in the end."""
    protocol = protocol_of(config, matrix_of(config))
    measured = protocol.measured
    seeds = list(range(config.seeds))
    figures = None if config.how == "none" else figures_of(config.source, config.file, measured)
    if figures is not None and config.scaled:
        figures /= np.nanstd(figures, axis=1, keepdims=True)
    parts = [seeds]
    if config.how == "shuffled":
        parts = [seeds[i : i + _SEEDS_A_SHUFFLE] for i in range(0, len(seeds), _SEEDS_A_SHUFFLE)]
    found = []
    with ExitStack() as stack:
        if config.slope is not None:
            stack.enter_context(patch("selector.posteriors._joint._SLOPE", config.slope))
        for i, part in enumerate(parts):
            used = None if figures is None else _as(config.how, figures, i)
            found.append(_simulated(protocol, used, part))
    reward, cost, slope = (np.concatenate(each, -1) for each in zip(*found, strict=True))
    points = points_of(measured, config.usd)
    return {
        "reward": reward.tolist(),
        "cost_usd": cost.tolist(),
        "slope": slope.tolist(),
        "known": 0 if figures is None else int((~np.isnan(figures)).any(0).sum()),
        "n_models": len(measured.models),
        "points": points,
    }


def _simulated(protocol: Protocol, figures: Floats | None, seeds: list[int]) -> tuple[Floats, Floats, Floats]:
    """Return rewards and spends, shape (n_passes, n_seeds), and the slopes at the end."""
    settings = replace(default_settings(protocol.measured), published=figures)
    n_types = len(protocol.measured.task_types)
    passes, decider = simulate(lambda guess: settings.setup(guess, n_types), protocol, seeds)
    slope: Any = decider.beliefs.success.slope
    return np.stack([each.reward for each in passes]), np.stack([each.cost_usd for each in passes]), slope


def _as(how: How, figures: Floats, turn: int) -> Floats:
    """Return the figures as they are, of another model each, or worst where best; nan stays where it is."""
    if how == "published":
        return figures
    if how == "inverted":
        return -figures
    if how == "shuffled":
        known = np.flatnonzero(~np.isnan(figures).all(0))
        moved = figures.copy()
        moved[:, known] = figures[:, np.random.default_rng([5, turn]).permutation(known)]
        return moved
    raise ConfigError(f"{how!r} is none of none, published, shuffled, inverted", key="how")
