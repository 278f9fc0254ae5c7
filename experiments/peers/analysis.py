"""Each peer beside the selector on the same stream at the same spend."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from experiments._picture import Bar, bars
from experiments._sweep import Finding, Result
from experiments.peers.run import Config

__all__ = ["analysis", "picture"]

_NAMES = {
    "bayesian_router": "bayesian-router",
    "bayesian_router_per_type": "bayesian-router per type",
    "litellm_per_type": "LiteLLM per type",
    "paretobandit_types": "paretobandit",
}
_COLUMNS = {
    "matrix": 16,
    "peer": 25,
    "its reward": 10,
    "its USD": 10,
    "ours": 7,
    "our USD": 10,
    "ours minus its (2 se)": 21,
    "hull": 7,
    "optimum": 7,
}


def analysis(results: list[tuple[Config, Result]]) -> Finding:
    """Lay out a line a peer; where one is cheaper or better than we are at its own spend, that is to be seen."""
    config, _ = results[0]
    lines = [
        f"peers: {config.seeds} seeds; the selector may spend what the peer spent, or has the same budget",
        " ".join(f"{head:>{width}}" for head, width in _COLUMNS.items()),
    ]
    met = True
    for config, found in results:
        if "skipped" in found:
            lines.append(f"{config.file:>16} {config.peer:>25}  not installed: {found['skipped']}")
            continue
        theirs, ours = np.array(found["theirs"]["reward"]), np.array(found["ours"]["reward"])
        more, se = _more(found)
        error = 2 * se
        met &= more + error >= 0
        usd = [float(np.mean(found[side]["cost_usd"])) for side in ("theirs", "ours")]
        hull, optimum = found["points"]["static_hull"], found["points"]["type_optimum"]
        cells = [
            config.file,
            config.peer,
            f"{theirs.mean():.4f}",
            f"{usd[0]:.4g}",
            f"{ours.mean():.4f}",
            f"{usd[1]:.4g}",
        ]
        cells += [f"{more:+.4f} ({error:.4f})", f"{hull:.4f}", f"{optimum:.4f}"]
        lines.append(" ".join(f"{cell:>{width}}" for cell, width in zip(cells, _COLUMNS.values(), strict=True)))
    return Finding("\n".join(lines), met)


def picture(results: list[tuple[Config, Result]], path: Path) -> None:
    """Draw what we earn more than each peer on the same stream."""
    rows = []
    for config, found in results:
        if "skipped" not in found:
            more, se = _more(found)
            name = _NAMES[config.peer] + ("" if config.usd is None else f", budget ${config.usd:.3g}")
            rows.append(Bar(name, 100 * more, 100 * se, group=config.file))
    title = "Points of reward more than other routers at the same spend or budget, two standard errors"
    bars(rows, (title, "points", ""), path, line=(0.0, "theirs"))


def _more(found: Result) -> tuple[float, float]:
    """Return our reward minus a peer's, and its standard error over seeds."""
    more = np.array(found["ours"]["reward"]) - np.array(found["theirs"]["reward"])
    return float(more.mean()), float(more.std(ddof=1)) / len(more) ** 0.5 if len(more) > 1 else 0.0
