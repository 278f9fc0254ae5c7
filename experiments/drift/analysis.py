"""Reward in each phase minus the published router's, and how half-lives compare."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments._picture import Bar, bars
from experiments._sweep import Finding, Result
from experiments.drift.run import Config

__all__ = ["analysis", "picture"]

_NEEDED = 16
_CELLS = 18
_CHANGED = {"price": "price drops, told", "quality": "quality drops, silent"}
_PHASES = ("before", "changed", "back")


def analysis(results: list[tuple[Config, Result]]) -> Finding:
    """Lay out every cell of the default, then one line a half-life; at least 16 of 18 are to be matched or beaten."""
    by_life: dict[float | str | None, list[tuple[Config, Result]]] = {}
    for config, found in results:
        by_life.setdefault(config.half_life, []).append((config, found))
    lines, met = [], True
    if own := by_life.pop(None, None):
        lines += _cells(own)
        n_won = int((_ahead(own)[0] >= 0).sum())
        met = n_won >= _NEEDED or 3 * len(own) < _CELLS
        lines += ["", f"{'half-life':>12}  matched  2 se above  2 se below  mean reward  minus the default (se)"]
        lines.append(_line("default", own, own))
        lines += [_line(str(life), found, own) for life, found in by_life.items()]
    return Finding("\n".join(lines), met)


def picture(results: list[tuple[Config, Result]], path: Path) -> None:
    """Draw every cell of the default: its reward minus the published one."""
    rows = []
    for config, found in results:
        if config.half_life is None:
            for phase, more, se in zip(_PHASES, *_ahead([(config, found)]), strict=True):
                group = f"{_CHANGED[config.change]}: {phase}"
                rows.append(Bar(f"${config.usd:.3g} per request", 100 * more, 100 * se, group=group))
    title = "Points of reward more than the published router, two standard errors"
    bars(rows, (title, "points", ""), path, line=(0.0, "published"))


def _cells(own: Sequence[tuple[Config, Result]]) -> list[str]:
    """Return a line a budget: what each phase earned, minus what was published, and what it used of the budget."""
    seeds = own[0][0].seeds
    lines = [f"drift: {seeds} seeds; of each phase the reward, minus the published one (standard error), used"]
    lines.append(f"{'':>22}{'USD':>9}" + "".join(f"{part:>30}" for part in _PHASES) + "  alarms")
    for config, found in own:
        reward, used = np.array(found["reward"]), np.array(found["used"])
        ahead, error = _ahead([(config, found)])
        shown = [
            f"{of:.4f} {by:+.4f} ({se:.4f}) {u:.2f}"
            for of, by, se, u in zip(reward.mean(1), ahead, error, used.mean(1), strict=True)
        ]
        alarms = float(np.mean(found["alarms"]))
        lines.append(
            f"{_CHANGED[config.change]:>22}{config.usd:>9.3g}" + "".join(f"{s:>30}" for s in shown) + f"{alarms:>8.1f}"
        )
    return lines


def _line(name: str, found: Sequence[tuple[Config, Result]], default: Sequence[tuple[Config, Result]]) -> str:
    ahead, error = _ahead(found)
    mine, usual = (np.array([r["reward"] for _, r in each]) for each in (found, default))
    paired = (mine - usual).mean((0, 1))
    se = float(paired.std(ddof=1)) / math.sqrt(len(paired)) if len(paired) > 1 else 0.0
    over, under = int((ahead > 2 * error).sum()), int((ahead < -2 * error).sum())
    matched = f"{int((ahead >= 0).sum())} of {len(ahead)}"
    return f"{name:>12}  {matched:>8}  {over:>9}  {under:>10}  {mine.mean():>11.5f}  {paired.mean():+.5f} ({se:.5f})"


def _ahead(found: Sequence[tuple[Config, Result]]) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean reward of every cell minus the published one, and its standard error."""
    reward = np.array([each["reward"] for _, each in found])
    published = np.array([config.published or (math.nan,) * 3 for config, _ in found])
    n = reward.shape[-1]
    error = reward.std(-1, ddof=1) / math.sqrt(n) if n > 1 else np.zeros(reward.shape[:-1])
    return (reward.mean(-1) - published).reshape(-1), error.reshape(-1)
