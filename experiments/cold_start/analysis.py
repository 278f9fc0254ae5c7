"""After how many decisions a newcomer has the share that it will have."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from experiments._picture import Curve, Panel, curves
from experiments._sweep import Finding, Result
from experiments.cold_start.run import BIN, OVER, Config

__all__ = ["analysis", "picture"]

_NEAR = 0.1
_LEAST = 0.02  # a steady share below this is none
_AIM = {"none": 150, "right": 0}
_AT = (0, 50, 100, 200)
_HEADS = ["USD", "published", "steady", *(f"at {at}" for at in _AT), "has .9", "by 2 se", "within .1"]
_HEADS += ["first 150", "reward", "used"]


def analysis(results: list[tuple[Config, Result]]) -> Finding:
    """Lay out when the newcomer first has .9 of its steady share, and when it is first within a tenth of it.

    The first is to be within 150 decisions, and at once where what is published is right; two standard errors of the
    share are allowed for.
    """
    config, _ = results[0]
    lines = [
        f"cold_start: {config.newcomer} arrives, {config.seeds} seeds; shares over {OVER * BIN} decisions",
        " ".join(f"{head:>9}" for head in _HEADS),
    ]
    met = True
    for config, found in results:
        reward, (moving, steady) = np.array(found["reward"]), _share(found)
        has, near = _first(moving >= (1 - _NEAR) * steady), _first(np.abs(moving - steady) <= _NEAR * steady)
        error = 2 * np.array(found["se"])[: len(moving)]
        may = _first(moving + error >= (1 - _NEAR) * steady)
        if steady < _LEAST:
            has = may = near = None
        elif config.published in _AIM:
            met &= may is not None and may <= _AIM[config.published]
        cells = [f"{config.usd:.3g}", config.published, f"{steady:.3f}"]
        cells += [f"{moving[at // BIN]:.2f}" if at // BIN < len(moving) else "-" for at in _AT]
        cells += ["-" if at is None else str(at) for at in (has, may, near)]
        cells += [f"{reward[: 150 // BIN].mean():.4f}", f"{reward.mean():.4f}", f"{found['used']:.2f}"]
        lines.append(" ".join(f"{cell:>9}" for cell in cells))
    return Finding("\n".join(lines), met)


def picture(results: list[tuple[Config, Result]], path: Path) -> None:
    """Draw the newcomer's share since it arrived, a panel a budget, a line for what was published."""
    panels: dict[float, list[Curve]] = {}
    for config, found in results:
        moving, steady = _share(found)
        panels.setdefault(config.usd, []).append(Curve(config.published, moving.tolist(), steady))
    title = "Share of a model that arrives midway, by what is published of it"
    note = f"Over {OVER * BIN} decisions each. Dashed, and the numbers: its steady share, that of the last third."
    drawn = [Panel(f"${usd:.3g} per request", of_it) for usd, of_it in panels.items()]
    curves(drawn, (title, "decisions since it arrived", note), path, step=BIN)


def _share(found: Result) -> tuple[np.ndarray, float]:
    """Return the newcomer's share from each bin on, and its steady one."""
    share = np.array(found["share"])
    return np.convolve(share, np.ones(OVER) / OVER, "valid"), float(share[-(len(share) // 3) :].mean())


def _first(holds: np.ndarray) -> int | None:
    return BIN * int(holds.argmax()) if holds.any() else None
