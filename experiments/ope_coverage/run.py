"""One batch of logs of our own policy: what every estimator says of every target, beside the truth."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from experiments._logs import Logging, logs, matrix_of, targets_of
from experiments._sweep import Result
from selector.replay import ConfidenceSequence, Evaluation, LoggedArrays, Target, evaluate

__all__ = ["COLUMNS", "Config", "run"]

COLUMNS = ("dr", "dr_low", "dr_high", "snips", "aw_dr", "aw_low", "aw_high")
"""Beside these: ``supported``, and of confidence sequences ``sequence_wrong`` and ``sequence_half_width``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One batch; logs do not depend on those beside them, so that the batch's size changes nothing but the time."""

    file: str
    """Without its ending; ``synthetic``: a drawn world of 6 models and 5 types."""
    decisions: int = 2000
    floor: float = 0.02
    """Held throughout where there is no budget; else as much of it as the budget allows."""
    begin: int = 0
    """Decisions before the log begins, of the burn-in; 0: a log from the first decision on, without burn-in."""
    budget_usd: float | None = None
    """Mean per request; None: no budget, and a success is worth as many dollars as the targets' price says."""
    first_log: int = 0
    logs: int = 100
    """Side by side."""


def run(config: Config) -> Result:
    """Return the true value of every target, and per target the columns over the batch's logs."""
    matrix = matrix_of(config.file)
    targets = targets_of(matrix)
    how = {name: getattr(config, name) for name in ("decisions", "floor", "begin", "budget_usd")}
    world = Logging(**how)
    found: dict[str, dict[str, list[float | None]]] = {name: {} for name in targets}
    for log in logs(matrix, world, list(range(config.first_log, config.first_log + config.logs))):
        evaluation = evaluate(log, {name: target for name, (target, _) in targets.items()})
        for name, (target, truth) in targets.items():
            for column, value in (_estimates(evaluation, name) | _sequence(log, target, truth)).items():
                found[name].setdefault(column, []).append(value if math.isfinite(value) else None)
    return {"truth": {name: truth for name, (_, truth) in targets.items()}, "targets": found}


def _estimates(evaluation: Evaluation, target: str) -> dict[str, float]:
    dr, snips, aw = (evaluation.estimate(target, estimator=each) for each in ("dr", "snips", "aw_dr"))
    values = (dr.value, dr.low, dr.high, snips.value, aw.value, aw.low, aw.high)
    return dict(zip(COLUMNS, values, strict=True)) | {"supported": float(dr.verdict.word == "supported")}


def _sequence(log: LoggedArrays, target: Target, truth: float) -> dict[str, float]:
    sequence = ConfidenceSequence()
    wrong = np.any(sequence.excluded(log, target, truth))
    low, high = sequence.bounds()
    return {"sequence_wrong": float(wrong), "sequence_half_width": (high - low) / 2}
