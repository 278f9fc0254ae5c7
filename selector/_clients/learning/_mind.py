"""What a live selector believes: its decider, the task types that came, and what waits to be learnt."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector._clients.choice._offer import Offer
from selector._clients.choice._plan import Plan
from selector._clients.choice._tariff import Tariff, Tariffs
from selector._clients.choice._tolls import Lengths, Tolls
from selector._clients.learning._book import Compared
from selector._clients.learning._latency import Latency
from selector.budgets import Meter
from selector.decision import Board, Decider
from selector.posteriors import Beliefs, Cells, Event, Evidence, Floats, Priors, shrunk_ratio

__all__ = ["Lesson", "Mind", "Ratios"]

_NONE_YET = ""  # stands for the first task type until one comes
_RATIO_CALLS = 10.0  # usual calls that hold a ratio at one
_RATIO_TOKENS = 10_000.0  # tokens that do
_CHEAPER = 1 - 1e-9  # of what a call cost: less than this is another price, and not rounding


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
        self.models |= {old: self.models[m.name] for m in plan.catalog for old in m.was}
        n = len(plan.models)
        self.ratios = Ratios(n)
        aging = plan.aging
        self.inputs = Evidence(2, (1, len(self.types), 1), aging.half_life)
        self.latency = Latency(len(self.types), n, aging.half_life)
        self._inputs: list[tuple[str, float, int]] = []
        self.retired = Beliefs((1, 0, 0), Priors(tokens=np.empty((1, 0))), replace(aging, drift=False))
        self.retired_types: list[str] = []
        self.retired_models: list[str] = []
        self._weighed: Tariff | None = None
        self._weight: Floats = np.empty(0)
        self.priced: Floats | None = None  # the prices that were last gone by
        self.rescues: dict[tuple[str, str], list[float]] = {}  # by type and model: how many, and the sum of scores
        self.alarms: list[Event] = []  # which rang, and which nobody wrote down yet
        self._waiting: list[tuple[bool, Lesson]] = []
        self._unlearn: list[Lesson] = []
        self._n_waiting = {"usage": 0, "judgement": 0}
        self.decider = Decider(plan.setup(self.types, self.tariff), [key])
        self.unpriced = self._unpriced()
        self.tolls = Tolls((), plan.catalog)
        self.offers: dict[str, Offer] = {}
        self.version = 0

    def limit(self, meters: Iterable[Meter]) -> None:
        """Take in what is limited beside the dollars of all work; the next `refresh` solves its prices."""
        self.tolls = Tolls(meters, self.plan.catalog)
        self.decider.limit(*self.tolls.limited(self.decider.setup.shape))
        self._outdate()

    @property
    def price_words(self) -> tuple[str, ...]:
        """What one more unit of everything that is limited beside the dollars of all work is worth, where it binds."""
        return (*self.tolls.words([float(each.price[0]) for each in self.decider.limited]), *self.plan.waiting_words)

    @property
    def tariff(self) -> Tariff:
        """What short calls cost on each model's first route."""
        return self.tariffs.short

    @property
    def beliefs(self) -> Beliefs:
        """What is believed of the models that are configured."""
        return self.decider.beliefs

    def type_of(self, name: str, now: float) -> int:
        """Find a task type, or make room for it."""
        found = self.index.get(name)
        if found is None:
            self._count_arrivals()
            if self.types == [_NONE_YET]:
                self.types.clear()
            found = self.index[name] = len(self.types)
            self.types.append(name)
            self.inputs.grow(len(self.types), 1)
            self.latency.grow(len(self.types), len(self.plan.models))
            usual = _mean(self.inputs.now(now)[:, 0, :, 0])  # of what was measured and learnt of already
            self.decider.grow(self.plan.setup(self.types, self.tariff, usual), now)
            self._charge(now)
            self._outdate()
        return found

    def believed(self, type_: str, model: str) -> float:
        """Return the mean success that was last published of a model on a kind of task; nan: of neither was any."""
        place, k, success = self.index.get(type_), self.models.get(model), self.beliefs.success
        if place is None or k is None:
            return math.nan
        alpha, beta = float(success.alpha[0, place, k]), float(success.beta[0, place, k])
        return alpha / (alpha + beta)

    def board(self, name: str, n_decisions: int, now: float) -> Board:
        """Lay out what was published of a task type."""
        return Board(self.decider, self.type_of(name, now), float(n_decisions))

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
        n_waiting = self._n_waiting
        return max(n_waiting["usage"], n_waiting["judgement"]) >= self.decider.until_refresh

    def count(self, kind: str) -> None:
        """Count a report among the outcomes after which beliefs are published: usage and judgement are one outcome."""
        if kind in self._n_waiting:
            self._n_waiting[kind] += 1

    def learn(self, now: float) -> None:
        """Learn what waits, and publish anew where it is time; alarms that ring are kept in `alarms`."""
        waiting, unlearn, n = self._waiting, self._unlearn, max(self._n_waiting.values())
        if not (waiting or unlearn or n):
            return
        self._waiting, self._unlearn, self._n_waiting = [], [], {"usage": 0, "judgement": 0}
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
                self._charge(now)
            self.decider.observe(cells, at=at, now=now, score=score, tokens=tokens, n_outcomes=n)
        if due:
            self._outdate()
        self.alarms += self.beliefs.events[n_events:]

    def refresh(self, now: float, *, whole: bool = False) -> None:
        """Publish anew."""
        self.learn(now)
        self._count_arrivals()
        self._charge(now)
        self._hear_prices(now)
        self.decider.refresh(now, whole=whole)
        self._outdate()

    def apply(self, event: Event, now: float) -> None:
        """Take in an event that made old evidence count less."""
        self.learn(now)
        self._count_arrivals()
        self.decider.apply(event, now)
        if event.kind == "version":
            of, _ = self.retired_cell(self.types[event.index], None, now)
            self.retired.apply(replace(event, index=of))
        self._outdate()

    @property
    def n_since(self) -> int:
        """How many tasks were chosen for since the last time that beliefs were published."""
        return sum(offer.n_chosen for offer in self.offers.values())

    def _count_arrivals(self) -> None:
        """Count tasks that were chosen for since."""
        for offer in self.offers.values():
            self.decider.arrive(offer.board.type, offer.n_chosen)
            offer.n_chosen = 0

    def measure(self, type_: str, at: float, input_tokens: int) -> None:
        """Take note of how long a task's input was."""
        self._inputs.append((type_, at, input_tokens))

    def wait(self, type_: str, model: str, at: float, seconds: float, sign: float = 1.0) -> None:
        """Take note of how long a call took."""
        k = self.models.get(model)
        if k is not None:
            self.latency.see(self.type_of(type_, at), k, at, seconds, sign)

    def usual_inputs(self, now: float) -> Floats:
        """Return how long inputs usually are, per task type; 0 where nobody said."""
        return _mean(self.input_sums(now))

    def learnt_tokens(self, now: float) -> Floats:
        """Return what the user's own evaluations say of answers, where inputs are as long as they usually are."""
        usual = self.usual_inputs(now)  # which may make room for types
        return self.plan.learnt_tokens(self.types, usual)

    def input_sums(self, now: float) -> Floats:
        """Return how many inputs were measured, and their tokens, per task type, aged like all evidence."""
        if self._inputs:
            waiting, self._inputs = self._inputs, []
            of = np.array([self.type_of(type_, at) for type_, at, _ in waiting], np.intp)
            at, tokens = np.array([each[1:] for each in waiting], float).T
            none = np.zeros(len(of), np.intp)
            self.inputs.add(Cells(none, of, none), np.stack([np.ones(len(of)), tokens]), at.copy())
        found: Floats = self.inputs.now(now)[:, 0, :, 0]
        return found

    def compare(self, model: str, before: Compared | None, after: Compared | None) -> None:
        """Take note of what was billed, and how input was priced and counted, against what was expected."""
        k = self.models.get(model)
        if k is None:
            return
        ratios = self.ratios
        for sums, place in ((ratios.dollars, 0), (ratios.inputs, 1), (ratios.lengths, 2)):
            if before is not None and before[place][1]:
                sums[0, k] -= before[place][0]
                sums[1, k] -= before[place][1]
            if after is not None and after[place][1]:
                sums[0, k] += after[place][0]
                sums[1, k] += after[place][1]

    def _outdate(self) -> None:
        """Let go of what was laid out: it no longer stands for what was published."""
        self.offers = {}
        self.version += 1

    def _charge(self, now: float) -> None:
        """Tell the decider what calls cost today, usual inputs included."""
        fixed = self.fixed_usd(now)  # which may make room for types that were measured and not learnt of yet
        tariff = self.tariff
        self.unpriced = self._unpriced()
        serving = self.plan.serving(self.types, tariff)
        per_token = tariff.usd_per_token * self.dollar_ratio()
        if self.plan.is_taught:
            self.beliefs.tokens.teach(self.learnt_tokens(now))
        self.decider.charge(per_token, fixed, serving)
        objective = self.plan.config.objective
        if objective is not None and objective.usd_per_second is not None:
            self.decider.wait(objective.usd_per_second * self.latency.mean(now))
        if self.decider.limited:
            output = np.where(tariff.known, self.beliefs.tokens.mean[0], np.nan)
            usual = np.broadcast_to(self.usual_inputs(now)[:, None], fixed.shape)
            self.tolls.charge(self.decider.limited, self.types, per_token, Lengths(output, fixed, tariff.usd_in, usual))

    @property
    def prices(self) -> Floats:
        """What a token of input, one of output, and a call itself cost, per model; nan: unknown; a copy."""
        tariff = self.tariff
        return np.where(tariff.known, np.array([tariff.usd_in, tariff.usd_per_token, tariff.call_usd]), np.nan)

    def _hear_prices(self, now: float) -> None:
        """Let models whose usual call became cheaper be explored anew, where little is left of what was known of them.

        As a simulation does where a price changes; what is believed is in tokens, and stays.
        """
        prices, before = self.prices, self.priced
        self.priced = prices
        if before is None or np.array_equal(before, prices, equal_nan=True):
            return
        mix, tokens = self.decider.mix[0], self.beliefs.tokens.mean[0]
        usual = np.array(np.broadcast_arrays(self.usual_inputs(now)[:, None], tokens, 1.0))
        was, is_ = ((mix[:, None] * (usual * each[:, None]).sum(0)).sum(0) for each in (before, prices))
        n = self.beliefs.success.evidence.now(now)[0].sum(1)
        for k in np.flatnonzero(is_ < was * _CHEAPER).tolist():
            self.decider.allowance.restart(k, n[:, k])

    def count_tried(self) -> None:
        """Take every model as tried as often as a whole log says: what was folded anew is not explored anew."""
        allowance = self.decider.allowance
        n = np.minimum(self.beliefs.n[0].sum(0), allowance.rules.burn_in)
        models = np.repeat(np.arange(len(n)), np.ceil(n).astype(np.intp))
        allowance.saw(np.zeros(len(models), np.intp), models)

    def fixed_usd(self, now: float) -> Floats:
        """Return what calls are expected to cost beside their answers, shape (n_types, n_models)."""
        tariff = self.tariff
        usual = self.usual_inputs(now)[:, None]
        fixed: Floats = (usual * (tariff.usd_in * self.input_ratio()) + tariff.call_usd) * self.dollar_ratio()
        return fixed

    def _unpriced(self) -> frozenset[str]:
        """Name the models that are believed in dollars."""
        known = self.tariff.known
        return frozenset(name for name, k in self.models.items() if not known[k])

    def dollar_ratio(self) -> Floats:
        """Return dollars that were billed over dollars by the price list, per model."""
        tariff = self.tariff
        if self._weighed is not tariff:
            weight = _RATIO_CALLS * (self.plan.guess(tariff) * tariff.usd_per_token + tariff.call_usd)
            self._weighed, self._weight = tariff, np.maximum(weight, 1e-9)
        return _ratio(self.ratios.dollars, self._weight)

    def input_ratio(self) -> Floats:
        """Return what input cost over what it would have cost without a prompt cache, per model."""
        return _ratio(self.ratios.inputs, np.full(len(self.plan.models), _RATIO_TOKENS))

    def length_ratio(self) -> Floats:
        """Return input tokens over what was guessed from characters, per model."""
        return _ratio(self.ratios.lengths, np.full(len(self.plan.models), _RATIO_TOKENS))

    def is_same(self, one: str | None, other: str) -> bool:
        """Tell whether two names are of one model, also an old and a new one; None is any model."""
        return one is None or self.models.get(one, one) == self.models.get(other, other)

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

    def retired_cell(self, type_: str | None, model: str | None, now: float) -> tuple[int, int]:
        """Find the cell of a model that is no longer configured, or make it; -1: of no one type, or no one model."""
        types, models = self.retired_types, self.retired_models
        if (type_ is not None and type_ not in types) or (model is not None and model not in models):
            types += [] if type_ is None or type_ in types else [type_]
            models += [] if model is None or model in models else [model]
            self.retired.grow(len(types), Priors(tokens=np.full((1, len(models)), 1.0)), now)
        return -1 if type_ is None else types.index(type_), -1 if model is None else models.index(model)


def _arrays(places: list[tuple[int, int]], lessons: list[Lesson]) -> tuple[Cells, Floats, Floats, Floats]:
    where: NDArray[np.intp] = np.array(places, np.intp).reshape(-1, 2)
    values = np.array([(each.at, each.score, each.tokens) for each in lessons], float).reshape(-1, 3)
    cells = Cells(np.zeros(len(lessons), np.intp), where[:, 0].copy(), where[:, 1].copy())
    return cells, values[:, 0].copy(), values[:, 1].copy(), values[:, 2].copy()


def _mean(sums: Floats) -> Floats:
    n, total = sums
    found: Floats = np.divide(total, n, out=np.zeros_like(total), where=n > 0)
    return found


def _ratio(sums: Floats, weight: Floats) -> Floats:
    return shrunk_ratio(sums[0] / weight, sums[1] / weight, 1.0)
