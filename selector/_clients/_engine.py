"""One choice: who may serve, what it costs, which row of draws, what is held; one critical section."""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock

import numpy as np

from selector._clients._budget import Budget
from selector._clients._careful import Careful, Choice
from selector._clients._fold import Fold
from selector._clients._mind import Mind
from selector._clients._offer import Offer, Terms
from selector.budgets import NANO
from selector.candidates import Screen
from selector.errors import StateError
from selector.records import Basis, Decision, Exclusion, Reason, Task

__all__ = ["Engine"]

_BLOCK = 256


class Engine:
    """Chooses; what it chose is for others to write down.

    Parameters
    ----------
    mind, budget, screen, fold
        What is believed, what may be spent, who may serve, what was decided.
    rng
        One uniform number of it is all the randomness of a choice.
    clock
        The time in seconds since 1970.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - the parts of the loop
        self,
        mind: Mind,
        budget: Budget,
        screen: Screen,
        fold: Fold,
        rng: np.random.Generator,
        clock: Callable[[], float],
    ) -> None:
        self.mind, self.budget, self.screen, self.fold = mind, budget, screen, fold
        self.lock = Lock()
        self.clock = clock
        self.unwritten: list[Decision] = []
        self.made: Callable[[Decision], None] = self.unwritten.append
        self.version: Callable[[Task, float], None] = lambda _task, _now: None
        self.prefix = ""
        self._rng = rng
        self._uniform: list[float] = []
        self._n = 0
        self._first_edge = mind.tariffs.first_edge()
        self._careful = Careful(mind, budget, screen)

    def fresh(self, rng: np.random.Generator, prefix: str) -> None:
        """Begin anew under another name, as after a fork."""
        self.lock, self._rng, self._uniform, self._n, self.prefix = Lock(), rng, [], 0, prefix
        self.unwritten.clear()

    def select(self, task: Task) -> Decision:
        """Choose a model for a task."""
        with self.lock:
            now = self.clock()
            if now >= self.budget.ends:
                self.budget.roll(now)
            offer = self.mind.offers.get(task.type)
            if offer is None:
                offer = self._offered(task.type, now)
            tokens = task.input_tokens
            if not (
                task.is_plain
                and offer.quick
                and (tokens is None or tokens <= self._first_edge)
                and (not self.budget.hard or self._all_fit(offer, task))
            ):
                self.version(task, now)
                choice = self._careful.choose(task, offer, self._uniform.pop() if self._uniform else self._next())
                if choice.reason is Basis.EXPLORATION:
                    self._pay(choice.usd)
                return self._decided(choice, offer, now)
            u = self._uniform.pop() if self._uniform else self._next()
            if tokens is None:
                cost = None
                arm, forced, row = offer.odds.choose(u)
                usd = offer.usd[arm]
            else:
                cost = offer.cost(tokens)
                arm, forced, row = offer.board.choose_at(u, cost, offer.odds)
                usd = float(cost[arm])
            reason = Basis.EXPLORATION if forced else Basis.POLICY
            if forced:
                self._pay(usd)
            elif offer.n_serving == 1:
                reason = Basis.ONLY_CANDIDATE
            held = 0
            if self.budget.hard:
                held = offer.tariff.worst_nano(arm, tokens, task.max_output_tokens) or 0
            terms = Terms(task, tokens, False, row, offer.odds, cost, None, None)  # noqa: FBT003 - a record
            return self._decided(Choice(terms, arm, reason, offer.routes[arm], usd, held), offer, now)

    def _decided(self, choice: Choice, offer: Offer, now: float) -> Decision:
        terms, arm, reason, route, usd, held = choice
        fold, budget = self.fold, self.budget
        n = fold.next_n
        self._n += 1
        id_ = f"{self.prefix}-{self._n:08x}"
        decision = Decision(id_, n, now, offer, arm, route, reason, usd, held, terms)
        if budget.tills:
            budget.hold(held, terms.held_tokens, now)
            try:
                self.made(decision)
            except StateError:
                budget.settle((held, terms.held_tokens), (0, 0), now, None)
                raise
        else:
            self.made(decision)
        if budget.pace is not None:
            budget.pace.arrive()
        offer.n_chosen += 1
        if terms.input_tokens is not None:
            offer.n_counted += 1
            offer.sum_tokens += terms.input_tokens
        fold.n_decisions += 1
        fold.next_n = n + 1
        fold.flying[id_] = usd
        fold.flying_usd += usd
        return decision

    def _next(self) -> float:
        self._uniform = self._rng.random(_BLOCK)[::-1].tolist()
        return self._uniform.pop()

    def _pay(self, usd: float) -> None:
        self.mind.decider.allowance.pay(np.zeros(1, np.intp), np.array([usd]))

    def _offered(self, task_type: str, now: float) -> Offer:
        mind = self.mind
        if mind.tariffs.fresh(now):
            mind.refresh(self.now(), whole=True)
        board = mind.board(task_type, float(self.fold.next_n))
        offer = Offer(mind.plan, board, task_type, mind.tariff, mind.beliefs.tokens.mean[0, board.type].copy())
        dollars = mind.dollar_ratio()
        offer.out_usd = offer.out_usd * dollars
        offer.usd_in = offer.usd_in * (dollars * mind.input_ratio())
        offer.exclusions = self._type_exclusions(task_type)
        offer.routes = [model.route.name for model in mind.plan.catalog]
        own = mind.plan.config.task_types.get(task_type)
        offer.explores = own is None or own.explore
        offer.budgets = self.budget.words
        mind.offers[task_type] = offer
        return offer

    def now(self) -> float:
        """Return the present in the unit in which evidence ages."""
        return self.clock() if self.mind.plan.by_clock else float(self.fold.next_n)

    def _type_exclusions(self, task_type: str) -> tuple[Exclusion | None, ...]:
        found = self.screen.of_type(task_type)
        plan = self.mind.plan
        if not plan.has_usd_budget:
            return found
        unknown = Exclusion(reason=Reason.UNKNOWN_COST, detail="there is a budget in dollars")
        known = self.mind.tariff.known
        return tuple(x if x is not None or known[k] else unknown for k, x in enumerate(found))

    def _all_fit(self, offer: Offer, task: Task) -> bool:
        """Tell whether any model's call would fit every hard budget, and leave enough for the rest."""
        bound = offer.bound(task.input_tokens, task.max_output_tokens)
        if bound is None:
            return False
        usd_most = offer.usd_most + (0.0 if task.input_tokens is None else float(offer.cost(task.input_tokens).max()))
        for till in self.budget.hard:
            if till.resource == "tokens":
                return False
            if till.resource == "usd" and (
                bound > till.room or usd_most * NANO > till.room - self.budget.reserve_nano
            ):
                return False
            if till.room < 1:
                return False
        return True
