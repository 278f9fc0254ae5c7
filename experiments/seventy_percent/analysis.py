"""What was saved, at what difference in success, each with its interval over seeds."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments._picture import Bar, bars
from experiments._sweep import Finding, Result
from experiments.seventy_percent.run import Config

__all__ = ["analysis", "picture"]

_AIMS = {"no_worse_than": "no worse by .02", "budget": "30 % of the cost"}
_ALLOWED = -0.02
_CLAIM = 70  # per cent
_COLUMNS = {
    "world": 15,
    "best model": 21,
    "aim": 16,
    "of its cost saved": 21,
    "success minus its": 26,
    "at it": 6,
    "could be: as good": 18,
    ".02 less": 9,
    "within .02 in each type": 24,
}


def analysis(results: list[tuple[Config, Result]]) -> Finding:
    """Lay out a line a world and aim; where at most .02 of success may be lost, no more is to be."""
    config, _ = results[0]
    lines = [
        f"seventy_percent: {config.seeds} seeds; {config.critical:.0%} of tasks critical, left out; 95 % intervals",
        " ".join(f"{head:>{width}}" for head, width in _COLUMNS.items()),
    ]
    met = True
    for config, found in results:
        saved, less = (_interval(found[key]) for key in ("saved", "difference"))
        if config.aim == "no_worse_than":
            met &= less[2] >= _ALLOWED
        equal, worse = found["most"]
        cells = [config.world, found["best"], _AIMS[config.aim]]
        cells.append(f"{saved[0]:.1%} [{saved[1]:.1%}, {saved[2]:.1%}]")
        cells.append(f"{less[0]:+.4f} [{less[1]:+.4f}, {less[2]:+.4f}]")
        cells += [f"{part:.0%}" for part in (found["at_best"], equal, worse, found["most_by_type"])]
        lines.append(" ".join(f"{cell:>{width}}" for cell, width in zip(cells, _COLUMNS.values(), strict=True)))
    return Finding("\n".join(lines), met)


def picture(results: list[tuple[Config, Result]], path: Path) -> None:
    """Draw what is saved in each world where at most .02 of success may be lost, beside what is claimed."""
    rows = []
    for config, found in results:
        if config.aim == "no_worse_than":
            mean, low, _ = _interval(found["saved"])
            name = "published figures" if config.world == "published" else config.world
            rows.append(Bar(name, 100 * mean, 50 * (mean - low), beside=100 * found["most_by_type"]))
    title = "Of the best model's cost saved, at most .02 less success, 95 % intervals"
    note = "who knows all means, within .02 in each task type"
    bars(rows, (title, "per cent", note), path, line=(_CLAIM, f"claim: {_CLAIM} %"))


def _interval(values: Sequence[float]) -> tuple[float, float, float]:
    from scipy.stats import t

    mean, n = float(np.mean(values)), len(values)
    error = float(t.ppf(0.975, n - 1) * np.std(values, ddof=1)) / n**0.5 if n > 1 else 0.0
    return mean, mean - error, mean + error
