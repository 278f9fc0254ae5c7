"""What was saved, at what difference in success, each with its interval over seeds."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from experiments._sweep import Finding, Result
from experiments.seventy_percent.run import Config

__all__ = ["analysis"]

_AIMS = {"no_worse_than": "no worse by .02", "budget": "30 % of the cost"}
_ALLOWED = -0.02
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
    from scipy.stats import t

    config, _ = results[0]
    lines = [
        f"seventy_percent: {config.seeds} seeds; {config.critical:.0%} of tasks critical, left out; 95 % intervals",
        " ".join(f"{head:>{width}}" for head, width in _COLUMNS.items()),
    ]
    met = True
    for config, found in results:
        half = float(t.ppf(0.975, config.seeds - 1)) if config.seeds > 1 else 0.0
        saved, less = (_interval(found[key], half) for key in ("saved", "difference"))
        if config.aim == "no_worse_than":
            met &= less[2] >= _ALLOWED
        equal, worse = found["most"]
        cells = [config.world, found["best"], _AIMS[config.aim]]
        cells.append(f"{saved[0]:.1%} [{saved[1]:.1%}, {saved[2]:.1%}]")
        cells.append(f"{less[0]:+.4f} [{less[1]:+.4f}, {less[2]:+.4f}]")
        cells += [f"{part:.0%}" for part in (found["at_best"], equal, worse, found["most_by_type"])]
        lines.append(" ".join(f"{cell:>{width}}" for cell, width in zip(cells, _COLUMNS.values(), strict=True)))
    return Finding("\n".join(lines), met)


def _interval(values: Sequence[float], half: float) -> tuple[float, float, float]:
    mean = float(np.mean(values))
    error = half * float(np.std(values, ddof=1)) / len(values) ** 0.5 if len(values) > 1 else 0.0
    return mean, mean - error, mean + error
