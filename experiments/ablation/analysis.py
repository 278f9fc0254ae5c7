"""What each change earns more or less than the default, paired by seed, table by table."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from experiments._picture import Bar, bars
from experiments._sweep import Finding, Result
from experiments.ablation.run import Config

__all__ = ["analysis", "picture"]

_Results = list[tuple[Config, Result]]
_DEFAULT = "the default"


class _Cell(NamedTuple):
    """One change on one table, mean over its budgets, in points of reward."""

    more: float
    """Than the default."""
    se: float
    used: float
    """Of the budget."""
    above: float
    """The static hull at its own spend."""


def analysis(results: _Results) -> Finding:
    """Lay out one row a change, a column a table; nothing is expected of it."""
    cells, seeds = _cells(results), max(config.seeds for config, _ in results)
    files = list(dict.fromkeys(file for _, file in cells))
    lines = [f"{seeds} seeds: points of reward more than the default (standard error), mean over a table's budgets;"]
    lines.append("u: used of the budget; hull: points above the static hull at its own spend, more than the default")
    lines.append(f"{'':22}" + "".join(f"{file[:20]:>22}" for file in files) + f"{'mean':>14}{'u':>7}{'hull':>8}")
    for label in dict.fromkeys(label for label, _ in cells):
        own = {file: cells[label, file] for file in files if (label, file) in cells}
        shown = "".join(f"{_shown(label, own.get(file)):>22}" for file in files)
        mean = _mean(own)
        above = mean.above - _mean({file: cells[_DEFAULT, file] for file in own}).above
        whole = "" if label == _DEFAULT else f"{mean.more:+.2f}({mean.se:.2f})"
        lines.append(f"{label:22}{shown}{whole:>14}{mean.used:>7.2f}{above:>+8.2f}")
    return Finding("\n".join(lines), met=True)


def picture(results: _Results, path: Path) -> None:
    """Draw what each change earns more than the default, mean over the tables."""
    cells = _cells(results)
    rows = []
    for label in dict.fromkeys(label for label, _ in cells if label not in {_DEFAULT, "price 0"}):
        mean = _mean({file: cell for (own, file), cell in cells.items() if own == label})
        rows.append(Bar(label, mean.more, mean.se))
    title = "Points of reward more than the default, mean over seven tables, two standard errors"
    bars(rows, (title, "points", ""), path, line=(0.0, "default"))


def _label(change: Mapping[str, Any]) -> str:
    return ", ".join(f"{key} {value}" for key, value in change.items()) or _DEFAULT


def _cells(results: _Results) -> dict[tuple[str, str], _Cell]:
    default = {(config.file, config.usd): found for config, found in results if not config.change}
    every: dict[tuple[str, str], list[tuple[Config, Result]]] = {}
    for config, found in results:
        if (config.file, config.usd) in default:
            every.setdefault((_label(config.change), config.file), []).append((config, found))
    return {key: _cell(own, default) for key, own in every.items()}


def _cell(own: _Results, default: dict[tuple[str, float], Result]) -> _Cell:
    """Average over budgets seed by seed, so that the standard error is of the mean over budgets."""
    reward = np.array([found["reward"] for _, found in own])
    gain = 100 * (reward - np.array([default[config.file, config.usd]["reward"] for config, _ in own])).mean(0)
    used = [np.mean(found["cost_usd"]) / config.usd for config, found in own]
    above = [100 * (np.mean(found["reward"]) - _number(found["hull_at_spend"])) for _, found in own]
    se = float(gain.std(ddof=1) / len(gain) ** 0.5) if len(gain) > 1 else 0.0
    return _Cell(float(gain.mean()), se, float(np.mean(used)), float(np.mean(above)))


def _number(hull: float | None) -> float:
    return float("nan") if hull is None else hull


def _mean(cells: Mapping[str, _Cell]) -> _Cell:
    """Average over tables, whose noise is each its own."""
    more, se, used, above = np.array(list(cells.values())).T
    return _Cell(float(more.mean()), float(np.sqrt((se**2).sum()) / len(se)), float(used.mean()), float(above.mean()))


def _shown(label: str, cell: _Cell | None) -> str:
    if cell is None:
        return "-"
    if label == _DEFAULT:
        return f"u{cell.used:.2f} hull{cell.above:+.2f}"
    return f"{cell.more:+.2f}({cell.se:.2f}) u{cell.used:.2f}"
