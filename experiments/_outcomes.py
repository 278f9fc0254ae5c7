"""Experiments on real outcome matrices: settings as data, one table, floors that are met or not."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from selector.replay import Matrix, Protocol, Settings, Study, load_matrix, run_study, settings_of

__all__ = ["Sweep", "data_folder", "run"]


@dataclass(frozen=True, slots=True)
class Sweep:
    """One experiment's settings, as its `sweep.yaml` has them."""

    file: str
    """The table, without its ending."""
    budgets: list[dict[str, float]]
    """Each with `usd`, and what it is compared with: `floor`, `prototype`, `published`."""
    models: list[str] | None = None
    """Which, in this order; None: all."""
    learn: str | None = None
    measure: str | None = None
    passes: int = 1
    seeds: int = 20

    @classmethod
    def read(cls, folder: Path) -> Sweep:
        """Read `sweep.yaml` of an experiment's folder."""
        import yaml

        return cls(**yaml.safe_load((folder / "sweep.yaml").read_text()))

    def protocols(self, data: Path, *, hard: bool = False) -> list[Protocol]:
        """Load the table; one protocol per budget."""
        matrix = load_matrix(data / f"{self.file}.parquet", tuple(self.models) if self.models else None)
        measured = matrix if self.measure is None else matrix.in_split(self.measure)
        learnt = None if self.learn is None else matrix.in_split(self.learn)
        return [
            Protocol(measured=measured, learnt=learnt, passes=self.passes, budget_usd=b["usd"], hard=hard)
            for b in self.budgets
        ]


def data_folder() -> Path:
    """Return where the outcome matrices are: SELECTOR_DATA, else ../shared/data beside the checkout."""
    return Path(os.environ.get("SELECTOR_DATA", Path(__file__).parents[1] / ".." / "shared" / "data"))


def default_settings(matrix: Matrix) -> Settings:
    """Return every default on: the one configuration of all experiments."""
    return settings_of("thompson", matrix, None, budget=True)[0]


def run(folder: Path, *, seeds: int | None = None, jobs: int = 1, hard: bool = False) -> tuple[Study, bool]:
    """Run an experiment; print its table; say whether every floor is met by mean + 2 standard errors."""
    sweep = Sweep.read(folder)
    protocols = sweep.protocols(data_folder(), hard=hard)
    n = seeds or sweep.seeds
    study = run_study([default_settings(protocols[0].measured)], protocols, list(range(n)), jobs=jobs)
    met = _print(folder.name, sweep, study)
    return study, met


def _print(name: str, sweep: Sweep, study: Study) -> bool:
    compared = [key for key in ("floor", "prototype", "published") if any(key in b for b in sweep.budgets)]
    print(f"{name}: {study.n_decisions} decisions measured, {study.seeds} seeds, {len(study.models)} models")
    heads = ["USD/request", "reward", "2 se", *compared, "best fixed", "hull", "optimum", "used", "most used", "over"]
    print(" ".join(f"{head:>11}" for head in heads))
    met = True
    points = {(r.name, r.budget_usd_per_request): r.mean_reward for r in study.references}
    for budget in sweep.budgets:
        row = next(
            r for r in study.rows if r.budget_usd_per_request == budget["usd"] and r.pass_ == max(1, sweep.passes)
        )
        usd, margin = budget["usd"], 2 * (row.se_reward or 0.0)
        met &= row.mean_reward + margin >= budget.get("floor", 0.0)
        numbers: list[Any] = [row.mean_reward, margin, *(budget.get(key) for key in compared)]
        numbers += [points[key, usd] for key in ("best_fixed", "static_hull", "type_optimum")]
        shown = [f"{usd:.4g}", *("-" if x is None else f"{x:.4f}" for x in numbers)]
        shown += [f"{row.utilisation:.3f}", f"{row.max_utilisation:.2f}", str(row.seeds_over_cap)]
        print(" ".join(f"{cell:>11}" for cell in shown))
    print(f"floors met: {met}; {study.decisions_per_second:,.0f} decisions a second")
    return met
