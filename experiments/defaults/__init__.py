"""What does each default cost, and what does it bring: every default on, then one changed at a time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from experiments._outcomes import Sweep, data_folder, default_settings
from selector.policies import TopTwoThompson
from selector.posteriors import Learning
from selector.replay import Difference, Row, Settings, run_study

__all__ = ["VARIANTS", "run"]

VARIANTS: dict[str, Callable[[Settings], Settings]] = {
    "every default on": lambda s: s,
    "no floor, no burn-in": lambda s: replace(s, floor=0.0, concentration=4.0),
    "no forgetting": lambda s: replace(s, learning=Learning(half_life=np.inf)),
    "no drift detection": lambda s: replace(s, learning=Learning(drift=False)),
    "none of the three": lambda s: replace(
        s, floor=0.0, concentration=4.0, learning=Learning(half_life=np.inf, drift=False)
    ),
    "concentration 1 (textbook)": lambda s: replace(s, concentration=1.0),
    "concentration 2": lambda s: replace(s, concentration=2.0),
    "256 rows of draws": lambda s: replace(s, draws=256),
    "top-two": lambda s: replace(s, policy=TopTwoThompson()),
}


def run(*, seeds: int, jobs: int) -> None:
    """Print the mean reward of each variant at each budget of the three sweeps, as a difference to every default on."""
    for name in ("paretobandit", "coderouterbench", "openhands"):
        sweep = Sweep.read(Path(__file__).parents[1] / name)
        protocols = sweep.protocols(data_folder())
        base = default_settings(protocols[0].measured)
        variants = [replace(change(base), name=label) for label, change in VARIANTS.items()]
        study = run_study(variants, protocols, list(range(seeds)), jobs=jobs)
        rows = [row for row in study.rows if row.pass_ == sweep.passes]
        print(f"{name}, {seeds} seeds: reward, then differences in thousandths (standard error), used of the budget")
        print(f"{'':28}" + "".join(f"{b['usd']:>20.4g}" for b in sweep.budgets))
        paired = {(d.minus, d.budget_usd_per_request): d for d in study.differences if d.pass_ == sweep.passes}
        for label in VARIANTS:
            cells = [_cell(row, paired.get((label, row.budget_usd_per_request))) for row in rows if row.policy == label]
            print(f"{label:28}" + "".join(f"{cell:>20}" for cell in cells))


def _cell(row: Row, paired: Difference | None) -> str:
    reward, used = row.mean_reward, row.utilisation
    if paired is None:
        return f"{reward:.4f} u{used:.2f}"
    half = (paired.high - paired.low) / 4
    return f"{-1000 * paired.mean_reward:+.1f}({1000 * half:.1f}) u{used:.2f}"
