"""Three phases of one stream: as it was, with a price or a model that changed, and as it was again."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from experiments._outcomes import load
from experiments._stream import Stream, prompts_in, settings_with
from experiments._sweep import Result

__all__ = ["MODELS", "Config", "run"]

MODELS = ("meta-llama/llama-3.1-8b-instruct", "mistralai/mistral-large-2512", "google/gemini-2.5-pro")
_PHASE = 608  # prompts in each
_CHEAPER = 0.1 / 5.625  # of its price, what the dearest model costs in the second phase
_WORSE = 0.75  # what the second model scores in it, whatever it answers

Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One change at one budget."""

    change: Literal["price", "quality"]
    """The dearest model's price drops and is told of, or the second model's answers get worse and nobody is told."""
    usd: float
    """Per request."""
    published: Sequence[float] | None = None
    """The reward of the published router in each phase."""
    half_life: float | Literal["never"] | None = None
    """After how many decisions an outcome counts half; None: the default."""
    file: str = "paretobandit_k3"
    phase: int = _PHASE
    """Prompts in each phase."""
    seeds: int = 20


def run(config: Config) -> Result:
    """Return reward, spend over budget and models' shares of each phase, seed by seed."""
    matrix = load(config.file, MODELS)
    stream = Stream(
        matrix,
        config.usd,
        list(range(config.seeds)),
        settings_with(matrix, math.inf if config.half_life == "never" else config.half_life),
    )
    learnt, measured = (prompts_in(matrix, name) for name in ("val", "test"))
    stream.go(stream.shuffled(learnt))
    prompts = stream.shuffled(measured)
    first, second = prompts[: config.phase], prompts[config.phase : 2 * config.phase]
    score, cost = matrix.score.copy(), matrix.cost_usd.copy()
    if config.change == "price":
        cost[:, 2] *= _CHEAPER
    else:
        score[:, 1] = _WORSE
    phases = []
    for number, part in enumerate((first, second, first)):
        if config.change == "price" and number:
            stream.reprice(2, _CHEAPER if number == 1 else 1 / _CHEAPER)
        stream.show(*((score, cost) if number == 1 else (matrix.score, matrix.cost_usd)))
        phases.append(stream.go(stream.mixed(part)))
    alarms = [sum(event.seed == seed for event in stream.decider.beliefs.events) for seed in range(config.seeds)]
    return {
        "reward": [phase.reward.tolist() for phase in phases],
        "used": [(phase.cost_usd / config.usd).tolist() for phase in phases],
        "share": [phase.share.mean(0).tolist() for phase in phases],
        "alarms": alarms,
    }
