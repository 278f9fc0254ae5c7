"""A month with a limit of its own and one per day, hour by hour: the selector's pace beside greed and a fixed rate."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from selector.budgets import NANO, InFlight, Pace, Till
from selector.config import BudgetConfig
from selector.decision import Board, Decider, Odds, Setup
from selector.posteriors import Cells, Priors

__all__ = ["PLAYERS", "Month", "Played", "play", "run_month"]

_RATE = np.array([0.62, 0.70, 0.78, 0.84, 0.90])  # success of five models, cheapest first
_COST = np.array([0.0004, 0.001, 0.003, 0.009, 0.03])  # their mean cost, USD
_MOST = 4.0  # what a call can cost at most, in means: the log-normal is cut there
_N_TYPES = 5
_BEGIN_S = datetime(2026, 6, 1, tzinfo=UTC).timestamp()  # a Monday, of a month of 30 days
_DAY_S, _HOUR_S = 86_400.0, 3_600.0
_WEEK = np.array([1.1, 1.25, 1.25, 1.15, 1.0, 0.6, 0.55])  # Monday to Sunday

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """How long, how busy, how much."""

    n_days: int = 30
    n_seeds: int = 5
    requests: int = 400
    """On a mean day; the busiest has three times as many as the quietest, the busiest hour four times."""
    usd_per_request: float = 0.004
    """What a request may cost where a month's limit is spread evenly over a usual month."""
    day: float = 1.25
    """A day's limit over what the month's leaves a mean day."""
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Played:
    """What came of one month under one way to pace."""

    n_over: int
    """Windows over their hard limit, of all."""
    spent: float
    """Share of the limit that binds: the month's, or all days' together where that is less."""
    day: float
    """Mean share of a day's limit."""
    refused: float
    """Share of requests that nothing fitted."""
    reward: float
    """Mean success of all requests."""


@dataclass(frozen=True, slots=True)
class _World:
    """One month's traffic and luck, the same for everybody."""

    at_s: Floats
    type_: NDArray[np.intp]
    luck: Floats
    z: Floats
    u: Floats
    rate: Floats
    guess: Floats
    limits: tuple[BudgetConfig, BudgetConfig]
    usual_usd: float


def run_month(settings: Month = Month(), players: Sequence[str] = ()) -> dict[str, list[Played]]:
    """Play every way to pace on the same months, one for each seed.

    Examples
    --------
    >>> found = run_month(Month(n_days=2, n_seeds=1, requests=40), ["ours"])
    >>> found["ours"][0].n_over
    0
    """
    found: dict[str, list[Played]] = {}
    for seed in range(settings.n_seeds):
        world = _world(settings, np.random.default_rng([settings.seed, seed]))
        for name in players or PLAYERS:
            found.setdefault(name, []).append(play(name, world, seed))
    return found


def play(name: str, world: _World, seed: int) -> Played:
    """Serve one month's requests as they come."""
    return _oracle(world) if name == "oracle" else _Game(name, world, seed).played()


class _Game:
    """One month under one way to pace: choose, hold, settle, learn, as a live selector does."""

    def __init__(self, name: str, world: _World, seed: int) -> None:
        self.world, self.name = world, name
        self.tills = [Till(limit, "UTC", _BEGIN_S) for limit in world.limits]
        self.pace = Pace(world.limits, "UTC", _BEGIN_S, world.usual_usd) if name == "ours" else None
        pacer = {"ours": self.pace, "fixed rate": _Fixed(world), "greedy": None}[name]
        self.decider = Decider(Setup(priors=Priors(tokens=world.guess[None]), n_types=_N_TYPES), [seed], pacer)
        self.holds = np.ceil(_COST * _MOST * NANO).astype(np.int64)
        self.reserved = [0, 0]
        self.boards: dict[int, tuple[Board, Odds]] = {}
        self.lessons: list[tuple[int, int, float, float, int]] = []
        self.closed: list[tuple[int, int]] = []
        self.came = np.zeros(_N_TYPES)

    def played(self) -> Played:
        """Serve everybody."""
        world, reward, refused = self.world, 0.0, 0
        for i, at in enumerate(world.at_s.tolist()):
            type_ = int(world.type_[i])
            self._pass(at, i)
            arm = self._choose(type_, world.u[i])
            if self.pace is not None:
                self.pace.arrived += 1
            self.came[type_] += 1
            if arm < 0:
                refused += 1
                continue
            cost = min(_COST[arm] * math.exp(0.6 * world.z[i] - 0.18), _COST[arm] * _MOST)
            score = float(world.luck[i] < world.rate[type_, arm])
            reward += score
            self._settle(arm, cost, at)
            self._learn((type_, arm, score, cost, i), at)
        self.closed += [(till.spent, till.limit) for till in self.tills]
        return self._told(reward / len(world.at_s), refused / len(world.at_s))

    def _pass(self, at: float, now: int) -> None:
        """Let windows end."""
        for till in self.tills:
            if at >= till.ends:
                self.closed.append((till.spent, till.limit))
                till.roll(at)
        if self.pace is not None and at >= self.pace.ends:
            self._advance(at)
            self._refresh(now, whole=True)

    def _choose(self, type_: int, u: float) -> int:
        """Choose among those whose worst case fits, and of these among those who leave enough for the rest."""
        if type_ not in self.boards:
            board = Board(self.decider, type_)
            self.boards[type_] = board, board.everyone
        board, odds = self.boards[type_]
        room = min(till.room for till in self.tills)
        spare = min(till.room - kept for till, kept in zip(self.tills, self.reserved, strict=True))
        if self.holds[-1] > room or board.cost[-1] * NANO > spare:
            may = self.holds <= room
            if not may.any():
                return -1
            lasting = may & ((board.cost * NANO <= spare) | (board.cost <= board.cost[may].min()))
            odds = board.among(lasting if self.pace is not None else may)
        return odds.choose(u)[0]

    def _settle(self, arm: int, cost: float, at: float) -> None:
        held, nano = int(self.holds[arm]), round(cost * NANO)
        for till in self.tills:
            till.hold(held, at)
            till.settle(held, nano, at)
        if self.pace is not None:
            self.pace.pay(cost)

    def _learn(self, lesson: tuple[int, int, float, float, int], at: float) -> None:
        """Take in an outcome; where it is time, publish anew."""
        self.lessons.append(lesson)
        n, now = len(self.lessons), lesson[-1] + 1
        if n < self.decider.until_refresh:
            return
        self._advance(at)
        self._arrive()
        type_, arm, score, cost, when = (np.array(each) for each in zip(*self.lessons, strict=True))
        self.lessons = []
        self.boards.clear()
        cells = Cells(np.zeros(n, np.intp), type_, arm)
        self.decider.observe(cells, at=when.astype(float), now=now, score=score, tokens=cost, n_outcomes=n)
        self._plan()

    def _refresh(self, now: int, *, whole: bool) -> None:
        self._arrive()
        self.decider.refresh(now, whole=whole)
        self.boards.clear()
        self._plan()

    def _arrive(self) -> None:
        for type_, n in enumerate(self.came):
            self.decider.arrive(type_, n)
        self.came[:] = 0

    def _advance(self, at: float) -> None:
        if self.pace is not None:
            self.pace.fly(InFlight())
            self.pace.advance(at)

    def _plan(self) -> None:
        """Keep enough of each limit for the cheapest models to serve what is still to come in its window."""
        if self.pace is not None:
            cheapest = float(self.decider.cheapest_usd[0]) * NANO
            remaining = [self.pace.remaining_of(till.label) or 0.0 for till in self.tills]
            self.reserved = [int(max(n - 1, 0.0) * cheapest) for n in remaining]

    def _told(self, reward: float, refused: float) -> Played:
        over = sum(spent > limit for spent, limit in self.closed)
        month, days = self.closed[-1], [each for each in self.closed if each[1] == self.tills[0].limit]
        most = min(month[1], sum(limit for _, limit in days))
        return Played(over, month[0] / most, float(np.mean([s / limit for s, limit in days])), refused, reward)


class _Fixed:
    """The same mean for every request, told the month's true count, which nobody knows in advance."""

    def __init__(self, world: _World) -> None:
        self.mean_usd: Floats = np.array([world.limits[1].limit / len(world.at_s)])

    def target(self) -> Floats:
        return self.mean_usd

    def settle(self, cost_usd: Floats) -> None:
        """Learn nothing of it."""


def _world(settings: Month, rng: np.random.Generator) -> _World:
    """Draw one month: days by weekday and by luck, threefold in all, hours around two in the afternoon, fourfold."""
    at: list[Floats] = []
    for day in range(settings.n_days):
        busy = np.clip(_WEEK[day % 7] * rng.uniform(0.8, 1.2), 0.5, 1.5)
        for hour in range(24):
            mean = settings.requests / 24 * busy * (1 + 0.6 * np.cos(2 * np.pi * (hour + 0.5 - 14) / 24))
            begin = _BEGIN_S + day * _DAY_S + hour * _HOUR_S
            at.append(np.sort(rng.uniform(begin, begin + _HOUR_S, rng.poisson(mean))))
    at_s = np.concatenate(at)
    n = len(at_s)
    month = settings.usd_per_request * settings.requests * settings.n_days
    limits = (
        BudgetConfig(usd=month / settings.n_days * settings.day, per="day"),
        BudgetConfig(usd=month, per="month"),
    )
    return _World(
        at_s,
        rng.integers(_N_TYPES, size=n),
        rng.random(n),
        rng.normal(size=n),
        rng.random(n),
        np.clip(_RATE + rng.normal(0, 0.08, (_N_TYPES, len(_RATE))), 0.05, 0.98),
        _COST * np.exp(rng.normal(0, 0.4, len(_COST))),
        limits,
        float(np.median(_COST)),
    )


def _oracle(world: _World) -> Played:
    """Solve the linear program that knows every rate, cost and count."""
    from scipy.optimize import linprog
    from scipy.sparse import csr_array

    day = ((world.at_s - _BEGIN_S) // _DAY_S).astype(int)
    n_days, k = int(day.max()) + 1, len(_COST)
    counts = np.zeros((n_days, _N_TYPES))
    np.add.at(counts, (day, world.type_), 1)
    n = len(world.at_s)
    cells = n_days * _N_TYPES
    cost = (counts[..., None] * _mean_cost()).reshape(n_days, -1)
    a_ub = np.zeros((n_days + 1, cells * k))
    for d in range(n_days):
        a_ub[d, d * _N_TYPES * k : (d + 1) * _N_TYPES * k] = cost[d]
    a_ub[-1] = cost.reshape(-1)
    b_ub = [world.limits[0].limit] * n_days + [world.limits[1].limit]
    a_eq = np.kron(np.eye(cells), np.ones(k))
    gain = (counts[..., None] * world.rate).reshape(-1)
    found = linprog(-gain, csr_array(a_ub), b_ub, csr_array(a_eq), np.ones(cells), bounds=(0, 1))
    spent = a_ub @ found.x
    most = min(b_ub[-1], sum(b_ub[:-1]))
    return Played(0, spent[-1] / most, float(np.mean(spent[:-1] / b_ub[0])), 0.0, -found.fun / n)


def _mean_cost() -> Floats:
    """Return what a call costs on average, where the log-normal is cut."""
    z = np.linspace(-6, 6, 4001)
    weight = np.exp(-z * z / 2)
    factor = np.minimum(np.exp(0.6 * z - 0.18), _MOST)
    return _COST * float((weight * factor).sum() / weight.sum())


PLAYERS: tuple[str, ...] = ("ours", "greedy", "fixed rate", "oracle")
