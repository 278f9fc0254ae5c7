"""What a live selector believes: its decider, the task types that came, and what waits to be learnt."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector._clients._offer import Offer
from selector._clients._plan import Plan
from selector._clients._tariff import Tariff, Tariffs
from selector.budgets import Pacer
from selector.decision import Board, Decider
from selector.posteriors import Beliefs, Cells, Event, Floats, Learning, Priors, shrunk_ratio

__all__ = ["Lesson", "Mind", "Ratios"]

_NONE_YET = ""  # stands for the first task type until one comes
_RATIO_CALLS = 10.0  # usual calls that hold a ratio at one
_KEPT = 0.998  # a type's usual input is a moving average over some 500 tasks


class Lesson(NamedTuple):
    """What one attempt teaches, or is to be unlearnt of it."""

    type: str
    model: str
    at: float
    score: float
    tokens: float


class Ratios:
    """What was seen against what was expected, per model: dollars, the price of input, the length of input."""

    __slots__ = ("dollars", "inputs", "lengths")

    def __init__(self, n_models: int) -> None:
        self.dollars: Floats = np.zeros((2, n_models))
        self.inputs: Floats = np.zeros((2, n_models))
        self.lengths: Floats = np.zeros((2, n_models))


class Mind:
    """Beliefs, boards and prices of one live selector; its caller holds a lock.

    Parameters
    ----------
    plan
        How it decides.
    tariffs
        What calls cost.
    key
        128 bits, for the draws.
    types
        The task types that are known from the beginning.
    """

    def __init__(self, plan: Plan, tariffs: Tariffs, key: int, types: Sequence[str]) -> None:
        self.plan, self.tariffs = plan, tariffs
        self.types: list[str] = list(types) or [_NONE_YET]
        self.index = {name: i for i, name in enumerate(self.types) if name != _NONE_YET}
        self.models = {name: k for k, name in enumerate(plan.models)}
        self.models |= {m.was: self.models[m.name] for m in plan.catalog if m.was is not None}
        n = len(plan.models)
        self.ratios = Ratios(n)
        self.input_sums = np.zeros((2, len(self.types)))
        self.retired = Beliefs((1, 0, 0), Priors(tokens=np.empty((1, 0))), Learning(drift=False))
        self.retired_types: list[str] = []
        self.retired_models: list[str] = []
        self._waiting: list[tuple[bool, Lesson]] = []
        self._unlearn: list[Lesson] = []
        self.n_waiting = 0
        self.decider = Decider(plan.setup(self.types, self.tariff), [key])
        self.offers: dict[str, Offer] = {}
        self.version = 0

    @property
    def tariff(self) -> Tariff:
        """What short calls cost on each model's first route."""
        return self.tariffs.of(None, 0)

    @property
    def beliefs(self) -> Beliefs:
        """What is believed of the models that are configured."""
        return self.decider.beliefs

    def pace_by(self, pacer: Pacer | None, now: float) -> None:
        """Steer to a budget."""
        self.decider.pacer = pacer
        self.decider.refresh(now, whole=True)
        self._outdate()

    def type_of(self, name: str, now: float) -> int:
        """Find a task type, or make room for it."""
        found = self.index.get(name)
        if found is None:
            self.plan.admit(name, self.types)
            self._count_arrivals()
            if self.types == [_NONE_YET]:
                self.types.clear()
            else:
                self.input_sums = np.pad(self.input_sums, ((0, 0), (0, 1)))
            found = self.index[name] = len(self.types)
            self.types.append(name)
            self.decider.grow(self.plan.setup(self.types, self.tariff), now)
            self._charge()
            self._outdate()
        return found

    def board(self, name: str, now: float) -> Board:
        """Lay out what was published of a task type."""
        return Board(self.decider, self.type_of(name, now), now)

    def hear(self, lesson: Lesson) -> None:
        """Take in news: to be learnt, and listened to for drift."""
        self._waiting.append((True, lesson))

    def add(self, lesson: Lesson) -> None:
        """Take in what was heard before, or by somebody else."""
        self._waiting.append((False, lesson))

    def unlearn(self, lesson: Lesson) -> None:
        """Take back a lesson."""
        self._unlearn.append(lesson)

    @property
    def is_due(self) -> bool:
        """Whether enough waits for beliefs to be published anew."""
        return self.n_waiting >= self.decider.until_refresh

    def learn(self, now: float) -> list[Event]:
        """Learn what waits, publish anew where it is time, and return the alarms that rang."""
        if not (self._waiting or self._unlearn or self.n_waiting):
            return []
        waiting, unlearn, n = self._waiting, self._unlearn, self.n_waiting
        self._waiting, self._unlearn, self.n_waiting = [], [], 0
        for cells, at, score, tokens, beliefs in self._sorted(unlearn):
            beliefs.correct(cells, at=at, score=score, tokens=tokens)
        for cells, at, score, tokens, beliefs in self._sorted([lesson for heard, lesson in waiting if not heard]):
            beliefs.add(cells, at=at, score=score, tokens=tokens)
        n_events, due = len(self.beliefs.events), n >= self.decider.until_refresh
        heard = [lesson for is_heard, lesson in waiting if is_heard]
        for cells, at, score, tokens, beliefs in self._sorted(heard, always=True):
            if beliefs is not self.beliefs:
                beliefs.add(cells, at=at, score=score, tokens=tokens)
                continue
            if due:
                self._count_arrivals()
                self._charge()
            self.decider.observe(cells, at=at, now=now, score=score, tokens=tokens, n_outcomes=n)
        if due:
            self._outdate()
        return self.beliefs.events[n_events:]

    def refresh(self, now: float, *, whole: bool = False) -> None:
        """Publish anew."""
        self.learn(now)
        self._count_arrivals()
        self._charge()
        self.decider.refresh(now, whole=whole)
        self._outdate()

    def apply(self, event: Event, now: float) -> None:
        """Take in an event that made old evidence count less."""
        self.learn(now)
        self._count_arrivals()
        self.decider.apply(event, now)
        self._outdate()

    @property
    def n_since(self) -> int:
        """How many tasks were chosen for since the last time that beliefs were published."""
        return sum(len(offer.inputs) for offer in self.offers.values())

    def _count_arrivals(self) -> None:
        """Count tasks that were chosen for since, and how long their inputs were."""
        for offer in self.offers.values():
            self.decider.arrive(offer.board.type, len(offer.inputs))
            known = [n for n in offer.inputs if n is not None]
            if known:
                sums = self.input_sums[:, offer.board.type]
                sums *= _KEPT ** len(known)
                sums += (len(known), sum(known))
            offer.inputs.clear()

    def _outdate(self) -> None:
        """Let go of what was laid out: it no longer stands for what was published."""
        self.offers = {}
        self.version += 1

    def _charge(self) -> None:
        """Tell the decider what calls cost today, usual inputs included."""
        tariff, dollars, inputs = self.tariff, self.dollar_ratio(), self.input_ratio()
        n, total = self.input_sums
        usual = np.divide(total, n, out=np.zeros_like(total), where=n > 0)
        fixed = (usual[:, None] * (tariff.usd_in * inputs) + tariff.call_usd) * dollars
        self.decider.charge(tariff.usd_per_token * dollars, fixed, self.plan.serving(self.types, tariff))

    def dollar_ratio(self) -> Floats:
        """Return dollars that were billed over dollars by the price list, per model."""
        tariff = self.tariff
        weight = _RATIO_CALLS * (self.plan.guess(tariff) * tariff.usd_per_token + tariff.call_usd)
        return _ratio(self.ratios.dollars, np.maximum(weight, 1e-9))

    def input_ratio(self) -> Floats:
        """Return what input cost over what it would have cost without a prompt cache, per model."""
        return _ratio(self.ratios.inputs, np.maximum(self.tariff.usd_in * 10_000, 1e-9))

    def length_ratio(self) -> Floats:
        """Return input tokens over what was guessed from characters, per model."""
        return _ratio(self.ratios.lengths, np.full(len(self.plan.models), 10_000.0))

    def _sorted(
        self, lessons: list[Lesson], *, always: bool = False
    ) -> list[tuple[Cells, Floats, Floats, Floats, Beliefs]]:
        """Lay lessons out as arrays, those of configured models and those of others."""
        own = [lesson for lesson in lessons if lesson.model in self.models]
        found = []
        if own or always:
            places = [(self.type_of(each.type, each.at), self.models[each.model]) for each in own]
            found.append((*_arrays(places, own), self.beliefs))
        if len(own) < len(lessons):
            others = [lesson for lesson in lessons if lesson.model not in self.models]
            found.append(
                (*_arrays([self.retired_cell(each.type, each.model, each.at) for each in others], others), self.retired)
            )
        return found

    def retired_cell(self, type_: str, model: str, now: float) -> tuple[int, int]:
        """Find the cell of a model that is no longer configured, or make it."""
        types, models = self.retired_types, self.retired_models
        if type_ not in types or model not in models:
            types += [] if type_ in types else [type_]
            models += [] if model in models else [model]
            self.retired.grow(len(types), Priors(tokens=np.full((1, len(models)), 1.0)), now)
        return types.index(type_), models.index(model)


def _arrays(places: list[tuple[int, int]], lessons: list[Lesson]) -> tuple[Cells, Floats, Floats, Floats]:
    where: NDArray[np.intp] = np.array(places, np.intp).reshape(-1, 2)
    values = np.array([(each.at, each.score, each.tokens) for each in lessons], float).reshape(-1, 3)
    cells = Cells(np.zeros(len(lessons), np.intp), where[:, 0].copy(), where[:, 1].copy())
    return cells, values[:, 0].copy(), values[:, 1].copy(), values[:, 2].copy()


def _ratio(sums: Floats, weight: Floats) -> Floats:
    return shrunk_ratio(sums[0] / weight, sums[1] / weight, 1.0)
