"""The reward of each variant at each budget, as a difference to every default on."""

from __future__ import annotations

from experiments._sweep import Finding, Result
from experiments.defaults.run import VARIANTS, Config
from selector.replay import Difference, Row

__all__ = ["analysis"]


def analysis(results: list[tuple[Config, Result]]) -> Finding:
    """Lay out one table an experiment, a column a budget; nothing is expected of it."""
    lines = []
    for name in dict.fromkeys(config.name for config, _ in results):
        own = [(config, found) for config, found in results if config.name == name]
        seeds = own[0][0].seeds
        lines.append(
            f"{name}, {seeds} seeds: reward, then differences in thousandths (standard error), used of the budget"
        )
        lines.append(f"{'':28}" + "".join(f"{config.usd:>20.4g}" for config, _ in own))
        for label in VARIANTS:
            cells = [_shown(label, found) for _, found in own]
            lines.append(f"{label:28}" + "".join(f"{cell:>20}" for cell in cells))
    return Finding("\n".join(lines), met=True)


def _shown(label: str, found: Result) -> str:
    row = next(Row(**each) for each in found["rows"] if each["policy"] == label)
    paired = [Difference(**each) for each in found["differences"] if each["minus"] == label]
    return _cell(row, paired[0] if paired else None)


def _cell(row: Row, paired: Difference | None) -> str:
    reward, used = row.mean_reward, row.utilisation
    if paired is None:
        return f"{reward:.4f} u{used:.2f}"
    half = (paired.high - paired.low) / 4
    return f"{-1000 * paired.mean_reward:+.1f}({1000 * half:.1f}) u{used:.2f}"
