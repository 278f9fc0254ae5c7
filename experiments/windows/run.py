"""Windows with a hard limit and traffic that nobody knows, or months with a limit of their own and one per day."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from experiments._sweep import Result
from experiments.windows._month import PLAYERS, Month, Played, run_month
from selector.budgets import NANO, Purse, Traffic, Window
from selector.decision import Decider, Setup
from selector.posteriors import Cells, Priors

__all__ = ["PLAYERS", "Config", "Month", "Played", "Settings", "run", "run_month", "run_windows"]

_RATE = np.array([0.62, 0.70, 0.78, 0.84, 0.90])  # success of five models, cheapest first
_COST = np.array([0.0004, 0.001, 0.003, 0.009, 0.03])  # their mean cost, USD
_N_TYPES = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How many windows, and how wild the traffic."""

    n_windows: int = 100
    """Per seed."""
    n_seeds: int = 10
    """Side by side, with the same traffic."""
    n_groups: int = 10
    """With traffic of their own."""
    requests: int = 300
    """In a mean window; the busiest has three times as many as the quietest."""
    usd_per_request: float = 0.004
    """What a request of a mean window may cost; a window's limit is this times `requests`."""
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """One of the two questions."""

    what: Literal["windows", "months"] = "windows"
    seeds: int | None = None
    """Of months: how many; None: 5."""


def run(config: Config) -> Result:
    """Return what came of all windows, or of every month under each way to pace."""
    if config.what == "windows":
        return dict(run_windows())
    found = run_month(Month(n_seeds=config.seeds or 5))
    return {name: [asdict(played) for played in each] for name, each in found.items()}


def run_windows(settings: Settings = Settings()) -> dict[str, float]:
    """Simulate the windows; say how many went over, and how much of the limits was spent.

    Traffic varies threefold from window to window, with a day's profile of two peaks; the first window's count is a
    guess that is 30 % too low. Each call holds the dearest outcome of its model.

    Returns
    -------
    dict
        n_windows, n_over, spent (share of all limits), least and most spent of any window after the first ten,
        refused (share of requests), and reward (mean success).
    """
    groups = [_group(settings, np.random.default_rng([settings.seed, g])) for g in range(settings.n_groups)]
    spent = np.concatenate([g[0] for g in groups], axis=1)
    settled = spent[min(10, settings.n_windows - 1) :]
    n_requests = sum(g[1] for g in groups)
    return {
        "n_windows": spent.size,
        "n_over": int((spent > 1).sum()),
        "spent": float(spent.mean()),
        "least_spent": float(settled.min()),
        "most_spent": float(spent.max()),
        "refused": sum(g[2] for g in groups) / n_requests,
        "reward": sum(g[3] for g in groups) / n_requests,
    }


def _group(settings: Settings, rng: np.random.Generator) -> tuple[NDArray[np.float64], int, int, float]:
    n, limit_usd = settings.n_seeds, settings.usd_per_request * settings.requests
    rate = np.clip(_RATE + rng.normal(0, 0.08, (_N_TYPES, len(_RATE))), 0.05, 0.98)
    guess = _COST * np.exp(rng.normal(0, 0.4, (n, len(_COST))))
    pacer = Window(limit_usd, Traffic(np.full(n, 0.7 * settings.requests)))
    setup = Setup(priors=Priors(tokens=guess), n_types=_N_TYPES, n_rows=64)
    decider = Decider(setup, [int(k) for k in rng.integers(1 << 62, size=n)], pacer)
    most = _COST * 4.0  # what one call can cost at most: the log-normal is cut there
    holds = np.ceil(most * NANO).astype(np.int64)
    spent, total, refused, reward, now = [], 0, 0, 0.0, 0
    for _ in range(settings.n_windows):
        purse = Purse(np.full(n, int(limit_usd * NANO)))
        for phase in _arrivals(settings.requests, rng):
            types = rng.integers(_N_TYPES, size=n)
            pacer.arrive(phase)
            arm = decider.choose(types, rng.random(n), purse.fits(holds), now=now)
            served = arm >= 0
            score = np.where(served, rng.random(n) < rate[types, arm], 0.0)
            drawn = _COST[arm] * np.exp(rng.normal(0, 0.6, n) - 0.18)
            cost = np.where(served, np.minimum(drawn, most[arm]), 0.0)
            now += 1
            if served.any():
                cells = Cells(np.flatnonzero(served), types[served], arm[served])
                decider.observe(cells, at=now - 1, now=now, score=score[served], tokens=cost[served])
            pacer.settle(cost)
            purse.book(np.round(cost * NANO).astype(np.int64))
            total, refused, reward = total + n, refused + int((~served).sum()), reward + float(score.sum())
        spent.append(purse.spent / purse.limit)
        pacer.roll()
        decider.refresh(now, whole=True)
    return np.array(spent), total, refused, reward


def _arrivals(mean: int, rng: np.random.Generator) -> list[float]:
    """Draw one window's arrival times: a threefold range of counts, two peaks in the day."""
    n = int(mean * rng.uniform(0.5, 1.5))
    peak = np.where(rng.random(n) < 0.6, 0.4, 0.7)
    return np.sort(np.clip(rng.normal(peak, 0.12), 0.0, 0.999)).tolist()  # type: ignore[no-any-return]  # a list of floats
