"""What was earned at each budget, how far that is from what could be had, and whether the aims are met."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from experiments._picture import Bar, bars
from experiments._sweep import Finding, Result
from experiments.quality.run import Config

__all__ = ["AIM", "PROTOTYPE", "analysis", "picture"]

AIM = 2.5
PROTOTYPE = {
    "paretobandit_k3": 0.4,
    "coderouterbench": 2.5,
    "openhands_index": 3.3,
    "llmrouter_9m": 3.8,
    "routerbench_0shot_1pct": 4.9,
    "openllm_v2": 5.0,
    "swebench_verified_mini": 5.0,
}
"""Shortfall in points of the first algorithm of this shape, on the seven tables that the aim is about."""

_Results = list[tuple[Config, Result]]


def analysis(results: _Results) -> Finding:
    """Lay out one row a budget; the mean shortfall is to be within the aim, and no row below its static hull."""
    seeds = max(config.seeds for config, _ in results)
    lines = [f"every default on, {seeds} seeds; short of the per-type optimum and above the static hull in points"]
    heads = ["USD/request", "reward", "se", "1st pass", "used", "most", "fixed", "hull", "optimum"]
    heads += ["short", "over hull", "at its spend"]
    lines.append(f"{'':30}" + "".join(f"{head:>13}" for head in heads))
    lines += [f"{_name(config):30}" + "".join(f"{cell:>13}" for cell in _row(config, of)) for config, of in results]
    words = [word for word in results[0][1]["rows"] if word != "thompson"]
    lines += ["", "other policies: reward (used of the budget), points above the hull at their own spend"]
    lines.append(f"{'':30}{'USD/request':>12}" + "".join(f"{word:>22}" for word in ["thompson", *words]))
    for config, found in results:
        cells = [_other(found["rows"][word]) for word in ["thompson", *words]]
        lines.append(f"{_name(config):30}{config.usd:>12.4g}" + "".join(f"{cell:>22}" for cell in cells))
    text, met = _summary(results)
    return Finding("\n".join([*lines, "", text]), met)


def picture(results: _Results, path: Path) -> None:
    """Draw each table's shortfall beside the prototype's."""
    short = _short(results)
    rows = [Bar(name, value, beside=PROTOTYPE.get(name)) for name, value in short.items()]
    words = ("Points short of the per-type optimum, mean over a table's budgets", "points", "the prototype")
    bars(rows, words, path, line=(AIM, "aim"))


def _name(config: Config) -> str:
    return config.file + ("" if config.merged is None else f", {config.merged}*")


def _row(config: Config, found: Result) -> list[str]:
    row, points = found["rows"]["thompson"], found["points"]
    reward = row["mean_reward"]
    shown = [f"{config.usd:.4g}", f"{reward:.4f}", f"{row['se_reward'] or 0:.4f}", f"{found['first_pass']:.4f}"]
    shown += [f"{row['utilisation']:.3f}", f"{row['max_utilisation']:.2f}"]
    shown += ["-" if points[name] is None else f"{points[name]:.4f}" for name in points]
    shown.append(f"{100 * (points['type_optimum'] - reward):.2f}")
    return [*shown, f"{_over(found):+.2f}", _own(row, 2)]


def _over(found: Result) -> float:
    return 100.0 * float(found["rows"]["thompson"]["mean_reward"] - found["points"]["static_hull"])


def _other(row: dict[str, Any]) -> str:
    return f"{row['mean_reward']:.4f} ({row['utilisation']:.2f}) {_own(row, 1)}"


def _own(row: dict[str, Any], digits: int) -> str:
    """Say how many points above the hull a policy is at its own spend; below the cheapest model there is no hull."""
    hull = row["hull_at_spend"]
    return "-" if hull is None else f"{100 * (row['mean_reward'] - hull):+.{digits}f}"


def _short(results: _Results) -> dict[str, float]:
    """Return the mean shortfall of each table's budgets."""
    every: dict[str, list[float]] = {}
    for config, found in results:
        gap = found["points"]["type_optimum"] - found["rows"]["thompson"]["mean_reward"]
        every.setdefault(_name(config), []).append(100 * gap)
    return {name: float(np.mean(each)) for name, each in every.items()}


def _summary(results: _Results) -> tuple[str, bool]:
    short = _short(results)
    lines = ["points short of the per-type optimum, mean over a table's budgets (the prototype's):"]
    for name, value in short.items():
        lines.append(f"  {name:30}{value:5.2f}" + (f" ({PROTOTYPE[name]:.1f})" if name in PROTOTYPE else ""))
    seven = [short[name] for name in PROTOTYPE if name in short]
    mean, before = float(np.mean(seven)), float(np.mean([PROTOTYPE[name] for name in PROTOTYPE if name in short]))
    lines.append(f"  {f'mean of {len(seven)}':30}{mean:5.2f} ({before:.1f}); the aim is {AIM} over all seven")
    below = [(config, found) for config, found in results if _over(found) < 0]
    lines.append(f"below the static hull at the budget: {len(below)} of {len(results)} rows")
    for config, found in below:
        row = found["rows"]["thompson"]
        margin = 200 * (row["se_reward"] or 0)
        noise = " (within two standard errors)" if -_over(found) < margin else ""
        lines.append(f"  {_name(config)} at {config.usd:.4g}: {_over(found):+.2f}{noise}, at its spend {_own(row, 2)}")
    return "\n".join(lines), len(seven) == len(PROTOTYPE) and mean <= AIM and not below
