"""Experiments on real outcome matrices: one budget a configuration, one table, floors that are met or not."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from experiments._sweep import Finding, Result
from selector.errors import DataError
from selector.replay import Matrix, Protocol, Row, Settings, Study, load_matrix, run_study, settings_of

__all__ = ["Config", "analysis", "data_folder", "load", "run", "study_of"]

_COMPARED = ("floor", "prototype", "published")


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One budget."""

    file: str
    """The table, without its ending."""
    usd: float
    """Per request."""
    floor: float | None = None
    """The least reward that is expected of it."""
    prototype: float | None = None
    published: float | None = None
    """What it is compared with."""
    models: Sequence[str] | None = None
    """Which, in this order; None: all."""
    learn: str | None = None
    measure: str | None = None
    passes: int = 1
    seeds: int = 20
    hard: bool = False
    """Whether the total is a hard cap."""


def data_folder() -> Path:
    """Return where the outcome matrices are: SELECTOR_DATA, else ../shared/data beside the checkout."""
    return Path(os.environ.get("SELECTOR_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))


def load(file: str, models: Sequence[str] | None = None) -> Matrix:
    """Load a table by its name without ending.

    Raises
    ------
    DataError
        The folder is not there.
    """
    if not data_folder().is_dir():
        raise DataError(f"the outcome matrices are not at {data_folder()}; set SELECTOR_DATA")
    return load_matrix(data_folder() / f"{file}.parquet", tuple(models) if models else None)


def default_settings(matrix: Matrix) -> Settings:
    """Return every default on: the one configuration of all experiments."""
    return settings_of("thompson", matrix, None, budget=True)[0]


def study_of(config: Config, variants: Sequence[Settings] | None = None) -> Study:
    """Replay every default on, or some variants of it, at the configuration's budget."""
    matrix = load(config.file, config.models)
    measured = matrix if config.measure is None else matrix.in_split(config.measure)
    learnt = None if config.learn is None else matrix.in_split(config.learn)
    protocol = Protocol(measured=measured, learnt=learnt, passes=config.passes, budget_usd=config.usd, hard=config.hard)
    return run_study(list(variants or [default_settings(measured)]), [protocol], list(range(config.seeds)))


def run(config: Config) -> Result:
    """Return the last pass and the points it is compared with."""
    study = study_of(config)
    points = {r.name: r.mean_reward for r in study.references if r.budget_usd_per_request == config.usd}
    return {
        "row": study.rows[-1]._asdict(),
        "points": {name: points[name] for name in ("best_fixed", "static_hull", "type_optimum")},
        "n_decisions": study.n_decisions,
        "n_models": len(study.models),
        "speed": study.decisions_per_second,
    }


def analysis(name: str, results: list[tuple[Config, Result]]) -> Finding:
    """Lay out one row a budget; every floor is to be met by mean + 2 standard errors."""
    config, first = results[0]
    compared = [key for key in _COMPARED if any(getattr(one, key) is not None for one, _ in results)]
    head = f"{name}: {first['n_decisions']} decisions measured, {config.seeds} seeds, {first['n_models']} models"
    heads = ["USD/request", "reward", "2 se", *compared, "best fixed", "hull", "optimum", "used", "most used", "over"]
    lines, met = [head, " ".join(f"{head:>11}" for head in heads)], True
    for one, found in results:
        row = Row(**found["row"])
        margin = 2 * (row.se_reward or 0.0)
        met &= row.mean_reward + margin >= (one.floor or 0.0)
        numbers: list[Any] = [row.mean_reward, margin, *(getattr(one, key) for key in compared)]
        numbers += found["points"].values()
        shown = [f"{one.usd:.4g}", *("-" if x is None else f"{x:.4f}" for x in numbers)]
        shown += [f"{row.utilisation:.3f}", f"{row.max_utilisation:.2f}", str(row.seeds_over_cap)]
        lines.append(" ".join(f"{cell:>11}" for cell in shown))
    slowest = min(found["speed"] for _, found in results)
    lines.append(f"floors met: {met}; {slowest:,.0f} decisions a second")
    return Finding("\n".join(lines), met)
