"""Each peer beside the selector on the same stream at the same spend."""

from __future__ import annotations

import numpy as np

from experiments._sweep import Finding, Result
from experiments.peers.run import Config

__all__ = ["analysis"]

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
        more = ours - theirs
        error = 2 * float(more.std(ddof=1)) / len(more) ** 0.5 if len(more) > 1 else 0.0
        met &= bool(more.mean() + error >= 0)
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
        cells += [f"{more.mean():+.4f} ({error:.4f})", f"{hull:.4f}", f"{optimum:.4f}"]
        lines.append(" ".join(f"{cell:>{width}}" for cell, width in zip(cells, _COLUMNS.values(), strict=True)))
    return Finding("\n".join(lines), met)
