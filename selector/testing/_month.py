"""A state folder as twenty days of work leave it: late outcomes, a model that gets worse, outages, a tight budget."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from selector._clients import Selector
from selector.errors import BudgetExceededError, DataError
from selector.records import Failure, Outcome, Task
from selector.replay import World, published_prices, published_world
from selector.testing._clock import HandClock

if TYPE_CHECKING:
    import os

    from selector.records import Decision

__all__ = ["DemoState", "demo_state"]

DAY = 86_400.0
_START = 1_772_409_600.0  # 2026-03-02, a Monday, 00:00 UTC
_BUDGET = 0.35  # mean dollars per task once the pilot is over
_PILOT = 0.1  # share of the tasks, at the beginning, that go to all models alike and have no budget
_EXPLORED = 0.15  # share of the tasks that try other models afterwards, so that "always this one" can be judged
_MOST = 2.0  # dollars that any one task may take
_CAP = 1.3  # the hard daily budget, times the mean
_SOURCES = ("tests", "human", "judge:gpt-5.4")
_TESTED = frozenset({"coding", "bug_fixing", "test_writing"})
_WORSE = ("gpt-5.4", 12.0, 0.3)  # which model gets worse without a word, on which day, to which share
_OUTAGE = ("kimi-k2.6", 7.3, 7.8)  # whose provider is down, from and to which day
_FAULTS = (Failure.OVERLOADED, Failure.RATE_LIMITED, Failure.TIMEOUT)
_FAULT_RATE = 0.02
_PER_FLUSH = 100
_NEVER_JUDGED = 0.15
_NOTICED_S, _SLOW_S = 3 * 3600.0, 30 * 3600.0  # mean delay of a judgement; of the tenth that takes long


@dataclass(frozen=True, slots=True)
class DemoState:
    """What was left in a demonstration's state folder.

    Examples
    --------
    >>> DemoState(Path("demo"), 3_000, 2_550, 61, 40).n_tasks
    3000
    """

    path: Path
    n_tasks: int
    n_judged: int
    n_fallbacks: int
    n_refused: int
    """Tasks for which a day's money was gone."""


def demo_state(
    folder: str | os.PathLike[str],
    *,
    n_tasks: int = 3_000,
    days: float = 20.0,
    seed: int = 0,
    models: tuple[str, ...] | None = None,
) -> DemoState:
    """Leave a realistic state behind, to look at and to try analyses on.

    A team tries all models alike on the first tenth of the tasks of `published_world`; then a selector decides within a
    budget, and goes on exploring with some of them. More tasks come by day than by night, and fewer at weekends. It is
    told what was used at once; what the answer was worth, hours or days later, or
    never. One model gets worse after twelve days of twenty and nobody says so; one provider is down for half a day; a
    mean and a hard daily budget bind. Every number comes from the seed, the time from a clock of its own, and nothing
    from a network: the same seed leaves the same log, but for the names of its decisions. The configuration lies in the
    folder, too, as ``selector.yaml``.

    Parameters
    ----------
    folder
        Where to; it must be empty or not be there.
    n_tasks
        How many, >= 1.
    days
        Over how many days, > 0.
    seed
        Of the world and of all choices, >= 0.
    models
        Of the published ones; None: all eleven that are published on all nine types.

    Returns
    -------
    DemoState
        What is in the folder.

    Raises
    ------
    DataError
        The folder holds something, or a number cannot be.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> with TemporaryDirectory() as folder:
    ...     demo_state(Path(folder) / "state", n_tasks=20, days=2).n_tasks
    20
    """
    import yaml

    place = Path(folder)
    if place.exists() and (not place.is_dir() or any(place.iterdir())):
        raise DataError(f"{place} is not empty; name a new folder, or remove what is in it")
    if n_tasks < 1 or not days > 0:
        raise DataError(f"n_tasks is {n_tasks} and days is {days:g}; at least one task and some time are needed")
    world = published_world(n_tasks, np.random.default_rng([seed, 1]), models=models)
    month = _Month(world, n_tasks, days, np.random.default_rng([seed, 2]))
    config = _config(world, n_tasks / days)
    pilot = {**config, "policy": "uniform", "objective": "most_success", "budgets": []}
    with Selector.open(pilot, state=place, seed=seed, clock=month.clock) as selector:
        month.go(selector, range(int(_PILOT * n_tasks)))
    with Selector.open(config, state=place, seed=seed + 1, clock=month.clock) as selector:
        month.go(selector, range(int(_PILOT * n_tasks), n_tasks))
        month.end(selector)
    (place / "selector.yaml").write_text(yaml.safe_dump(config | {"state": "."}, sort_keys=False), encoding="utf-8")
    return DemoState(place, n_tasks, month.n_judged, month.n_fallbacks, month.n_refused)


def _config(world: World, per_day: float) -> dict[str, Any]:
    prices = published_prices()
    families = dict(zip(world.matrix.models, world.families, strict=True))
    return {
        "models": {
            name: {
                "provider": families[name],
                "family": families[name],
                "usd_per_mtok_in": prices[name].usd_in,
                "usd_per_mtok_out": prices[name].usd_out,
                "max_usd_per_call": _MOST,
            }
            for name in world.matrix.models
        },
        "providers": {
            name: {"kind": "openai", "base_url": f"http://{name}.invalid/v1"} for name in sorted({*world.families})
        },
        "policy": {"name": "epsilon_greedy", "epsilon": _EXPLORED},
        "budgets": [
            {"name": "mean", "usd_per_request": _BUDGET},
            {"name": "daily", "usd": round(max(_CAP * _BUDGET * per_day, 5 * _MOST), 2), "per": "day", "hard": True},
        ],
    }


@dataclass(slots=True)
class _Month:
    world: World
    n_tasks: int
    days: float
    rng: np.random.Generator
    clock: HandClock = field(default_factory=lambda: HandClock(_START))
    n_judged: int = 0
    n_fallbacks: int = 0
    n_refused: int = 0
    _later: list[tuple[float, int, str, Outcome]] = field(default_factory=list)
    _order: Iterator[int] = field(default_factory=count)
    _at: np.ndarray[Any, np.dtype[np.float64]] = field(init=False)

    def __post_init__(self) -> None:
        self._at = self._arrivals()

    def go(self, selector: Selector, rows: range) -> None:
        """Let the days of some tasks pass, task by task."""
        for row in rows:
            at = float(self._at[row])
            self._judge(selector, until_s=at)
            self.clock.now_s = at
            self._task(selector, row)
            if row % _PER_FLUSH == 0:
                selector.flush()

    def end(self, selector: Selector) -> None:
        """Report what is still due within the days."""
        self._judge(selector, until_s=_START + self.days * DAY)

    def _arrivals(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Draw when tasks come: by thinning, most in the afternoon, a third at weekends."""
        found: list[float] = []
        while len(found) < self.n_tasks:
            t = self.rng.random(4 * self.n_tasks) * self.days
            hour, weekday = t % 1.0, np.floor(t).astype(int) % 7
            rate = (0.15 + 0.85 * np.exp(-(((hour - 0.6) / 0.16) ** 2))) * np.where(weekday < 5, 1.0, 0.35)
            found += t[self.rng.random(len(t)) < rate].tolist()
        return _START + DAY * np.sort(np.array(found[: self.n_tasks]))

    def _task(self, selector: Selector, row: int) -> None:
        matrix = self.world.matrix
        kind = matrix.task_types[matrix.type[row]]
        try:
            decision = selector.select(Task(kind, id=f"task-{row}", input_tokens=int(self.rng.integers(300, 4_000))))
        except BudgetExceededError:
            self.n_refused += 1
            return
        names = [decision.route, *decision.chain]
        for place, name in enumerate(names):
            model = name.partition("@")[0]
            broken = self._fault(model)
            if broken is not None and place + 1 < len(names):
                self.n_fallbacks += place == 0
                selector.record(decision, Outcome(route=name, error=broken, latency_s=float(self.rng.uniform(0.5, 30))))
                continue
            self._answered(selector, decision, (row, name))
            return

    def _fault(self, model: str) -> Failure | None:
        day = (self.clock.now_s - _START) / DAY * 20.0 / self.days
        if model == _OUTAGE[0] and _OUTAGE[1] <= day < _OUTAGE[2]:
            return Failure.OVERLOADED
        return _FAULTS[self.rng.integers(3)] if self.rng.random() < _FAULT_RATE else None

    def _answered(self, selector: Selector, decision: Decision, of: tuple[int, str]) -> None:
        """Report what was used now, and put by what will be said of the answer."""
        (row, name), matrix = of, self.world.matrix
        model = name.partition("@")[0]
        k = matrix.models.index(model)
        usd, price = min(float(matrix.cost_usd[row, k]), _MOST), published_prices()[model]
        tokens_in = int(min(usd / 3 / price.usd_in * 1e6, 4_000))
        tokens_out = int((usd - tokens_in * price.usd_in / 1e6) / price.usd_out * 1e6)
        seconds = float(2 + tokens_out / self.rng.uniform(60, 180))
        used = Outcome(route=name, input_tokens=tokens_in, output_tokens=tokens_out, latency_s=seconds)
        selector.record(decision, used)
        if self.rng.random() < _NEVER_JUDGED:
            return
        score = float(matrix.score[row, k])
        day = (self.clock.now_s - _START) / DAY * 20.0 / self.days
        if model == _WORSE[0] and day >= _WORSE[1] and self.rng.random() > _WORSE[2]:
            score = 0.0
        source = _SOURCES[0] if decision.task_type in _TESTED else _SOURCES[1 + row % 2]
        wait = self.rng.exponential(_SLOW_S if self.rng.random() < 0.1 else _NOTICED_S)
        said = Outcome(route=name, score=score, source=source)
        heapq.heappush(self._later, (self.clock.now_s + seconds + wait, next(self._order), decision.id, said))

    def _judge(self, selector: Selector, *, until_s: float) -> None:
        """Report the judgements that are due."""
        while self._later and self._later[0][0] <= until_s:
            at, _, id_, outcome = heapq.heappop(self._later)
            self.clock.now_s = at
            selector.record(id_, outcome)
            self.n_judged += 1
