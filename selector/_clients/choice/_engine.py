"""One choice: who may serve, what it costs, which row of draws, what is held; one critical section."""

from __future__ import annotations

import math
from collections.abc import Callable
from threading import Lock
from zoneinfo import ZoneInfo

import numpy as np

from selector._clients.choice._bounds import most_tokens
from selector._clients.choice._careful import Asking, Careful, Choice
from selector._clients.choice._offer import Offer, Terms
from selector._clients.choice._offers import Offers
from selector._clients.choice._ruling import Ruled, Ruling
from selector._clients.learning._fold import Fold
from selector._clients.learning._mind import Mind
from selector._clients.money._budget import Budget
from selector._clients.money._parts import Worst
from selector.budgets import NANO
from selector.candidates import Screen, count_tokens
from selector.catalog import Catalog, Route
from selector.decision import COIN, Odds, split
from selector.errors import NoEligibleModelError, StateError
from selector.records import Basis, Decision, Task
from selector.rules import Surroundings

__all__ = ["Engine"]

_BLOCK = 256
_MOST_REDRAWS = 100
_MOST_RULED = 1_024  # different ways in which rules fire, of one offer


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

    def __init__(
        self,
        mind: Mind,
        budget: Budget,
        screen: Screen,
        fold: Fold,
        rng: np.random.Generator,
        clock: Callable[[], float],
    ) -> None:
        self.mind, self.budget, self.screen, self.fold = mind, budget, screen, fold
        self.roads, self.health = fold.roads, fold.roads.health
        self.lock = Lock()
        self.clock, self._tariffs = clock, mind.tariffs
        self.unwritten: dict[str, Decision] = {}
        self.made: Callable[[Decision], None] = lambda decision: self.unwritten.update({decision.id: decision})
        self.version: Callable[[Task, float], None] = lambda _task, _now: None
        self.session_fact: Callable[[str, str], object] = lambda _session, _name: None
        self.prefix = ""
        self.redrawn = False
        self._latest = -math.inf
        self._rng = rng
        self._luck: list[tuple[float, int, int]] = []
        self._n = 0
        self._shortest = min(mind.tariffs.first_edge(), _shortest(mind.plan.catalog))
        self._offers = Offers(mind, budget, screen, fold, self.now)
        self._idle = mind.plan.config.mode.name in {"off", "shadow"}
        plan = mind.plan
        around = Surroundings(
            clock=clock,
            zone=ZoneInfo(plan.config.timezone),
            provider_status=self.provider_status,
            quota_remaining=lambda name: self.roads.quotas.remaining(name, self.clock()),
            budget_remaining=budget.remaining,
            session_fact=lambda session, name: self.session_fact(session, name),  # noqa: PLW0108 - given later
        )
        self._ruling = Ruling(plan.config, screen, plan.models, plan.incumbent, around)
        self._careful = Careful(mind, budget, screen, fold.roads)

    def fresh(self, rng: np.random.Generator, prefix: str) -> None:
        """Begin anew under another name, as after a fork."""
        self.lock, self._rng, self._luck, self._n, self.prefix = Lock(), rng, [], 0, prefix
        self.unwritten.clear()

    def become(self, other: Engine) -> None:
        """Go on as another engine would, under one's own name and luck; nobody chooses meanwhile."""
        self.mind, self.budget, self.screen, self.fold = other.mind, other.budget, other.screen, other.fold
        self.roads, self.health = other.roads, other.health
        self._tariffs, self._shortest, self._idle = other._tariffs, other._shortest, other._idle
        self._ruling, self._careful = other._ruling, other._careful
        other.session_fact = self.session_fact  # the other's rules ask it
        self._offers = other._offers
        self._luck.clear()

    def select(self, task: Task) -> Decision:
        """Choose a model for a task."""
        with self.lock:
            found = self._select(task)
            return self._again(task) if found is None else found

    def _select(self, task: Task) -> Decision | None:
        """Choose; None: what was chosen does not fit a budget any more, which is known now."""
        now, budget, tokens = self.clock(), self.budget, task.input_tokens
        now = max(now, self._latest)
        self._latest = now
        if now >= budget.ends or now >= self._tariffs.ends:
            self.keep_time(now)
        offer = self.mind.offers.get(task.type) or self._offers.make(task.type)
        luck = self._luck.pop() if self._luck else self._next()
        ruled = self._ruled(task, offer) if self._ruling.any or offer.is_limited else None
        if (
            self._idle
            or self.redrawn
            or self.roads.out
            or not offer.quick
            or budget.scoped.any
            or self.roads.are_chosen
            or (tokens or 0) + (task.max_output_tokens or 0) > self._shortest
            or not (ruled is None or ruled.is_quick)
        ):
            return self._with_care(task, offer, luck[0], now)
        if task.is_text:
            return self._said(task, offer, luck, ruled, now)
        if not task.is_plain or (budget.hard and not self._all_fit(offer, tokens, task)):
            return self._with_care(task, offer, luck[0], now)
        return self._plainly(task, offer, luck, ruled, now)

    def _plainly(
        self, task: Task, offer: Offer, luck: tuple[float, int, int], ruled: Ruled | None, now: float
    ) -> Decision | None:
        """Choose for a task that says nothing, and asks for nothing but perhaps a length."""
        tokens, budget = task.input_tokens, self.budget
        u, coin, row = luck
        reason, odds = (offer.reason, offer.odds) if ruled is None else (ruled.reason, ruled.odds)
        if ruled is not None and ruled.forced is not None:
            arm, usd = ruled.forced, offer.expected_usd(ruled.forced, tokens)
        elif coin < odds.forced_below:
            arm, usd = self._explored(offer, odds, u, tokens)
            reason = Basis.EXPLORATION
        elif tokens is None:
            arm = odds.winners[row] if odds.winners else odds.choose(u)[0]
            if arm < 0:
                arm = odds.choose(u)[0]
            usd = offer.usd[arm]
        else:
            lines = odds.lines
            if lines is None or lines.may_tie or lines.price_usd is not offer.usd_in:
                arm = offer.board.choose_at(u, offer.cost(tokens), odds)[0]
            else:
                slope = lines.low if row < offer.n_low else lines.high
                arm = int((lines.net[row] - tokens * slope).argmax())
            usd = offer.out_each[arm] + tokens * offer.in_each[arm]
        held = self._held(offer, arm, tokens, task) if budget.hard else 0
        stand = budget.stand() if budget.tills else ()
        chosen = (arm, reason, offer.routes[arm], usd, held)
        return self._decided((task, row, stand, ruled), offer, chosen, now)

    def _said(
        self, task: Task, offer: Offer, luck: tuple[float, int, int], ruled: Ruled | None, now: float
    ) -> Decision | None:
        """Choose for a task that says something, and asks for nothing else."""
        tokens, guessed = count_tokens(task) or 0, task.input_tokens is None
        hard = bool(self.budget.hard)
        bound = most_tokens(task) if hard else tokens
        is_long = bound + (task.max_output_tokens or 0) > self._shortest
        if is_long or (hard and not self._all_fit(offer, bound, task)):
            return self._with_care(task, offer, luck[0], now)
        u, coin, row = luck
        reason, odds = (offer.reason, offer.odds) if ruled is None else (ruled.reason, ruled.odds)
        cost = offer.cost(tokens, guessed=guessed)
        if ruled is not None and ruled.forced is not None:
            arm = ruled.forced
        else:
            arm = offer.board.choose_at(u, cost, odds)[0]
            if coin < odds.forced_below:
                reason = Basis.EXPLORATION
        usd = float(cost.fixed_usd[arm] + tokens * cost.price_usd[arm])
        if reason is Basis.EXPLORATION:
            self._pay(usd)
        exclusions = None if ruled is None else ruled.exclusions
        stand = self.budget.stand() if self.budget.tills else ()
        terms = Terms(task, tokens, guessed, row, odds, cost, exclusions, None, (0,), stand, ruled)
        held = self._held(offer, arm, bound, task) if hard else 0
        return self._decided(terms, offer, (arm, reason, offer.routes[arm], usd, held), now)

    def _held(self, offer: Offer, arm: int, tokens: int | None, task: Task) -> int:
        """Return the most that a call can cost whose input is no longer than so many tokens."""
        if tokens is None:
            return self._tariffs.most_nano[arm] or 0
        return offer.tariff.worst_nano(arm, tokens, task.max_output_tokens) or 0

    def keep_time(self, now: float) -> None:
        """Let windows end, and prices change."""
        self.budget.roll(now)
        if self._tariffs.fresh(now):
            self.mind.refresh(self.now(), whole=True)

    def _with_care(self, task: Task, offer: Offer, u: float, now: float) -> Decision | None:
        """Choose where a task has wishes, or not everybody fits the budgets."""
        self.version(task, now)
        offer = self.mind.offers.get(task.type) or self._offers.make(task.type)
        ruled = self._ruled(task, offer)
        several = self.roads.are_chosen
        timed = several or self.roads.out or self.budget.scoped.any or self.budget.gate is not None
        at = now if timed else 0.0
        ask = Asking(task, offer, ruled, at, self._rng.random() if several else 0.0)
        choice = self._as_today(ask, u) if self._idle else self._careful.choose(ask, u)
        if choice.reason is Basis.EXPLORATION:
            self._pay(choice.usd)
        terms = choice.terms._replace(redrawn=True) if self.redrawn else choice.terms
        if task.session is not None and several:
            self.roads.went(task.session, offer.models[choice.arm], choice.route)
        chosen = (choice.arm, choice.reason, choice.route, choice.usd, choice.held_nano)
        return self._decided(terms, offer, chosen, now, terms.held_tokens, choice.keys)

    def again(self, task: Task, tried: frozenset[str]) -> tuple[Route, float] | None:
        """Let the policy choose among the models that were not tried; None: it is not in charge, or nobody is left."""
        with self.lock:
            if self._idle:
                return None
            now = self.clock()
            self.keep_time(now)
            offer = self.mind.offers.get(task.type) or self._offers.make(task.type)
            ruled = self._ruled(task, offer)
            u = (self._luck.pop() if self._luck else self._next())[0]
            choice = self._careful.again(Asking(task, offer, ruled, now, self._rng.random()), u, tried)
            if choice is None or choice.terms.routes is None:
                return None
            return choice.terms.routes[choice.arm], choice.terms.likely(choice.arm, choice.reason)

    def worst_of(self, route: Route, task: Task) -> Worst:
        """Return the most that a call of a task at a route can take."""
        with self.lock:
            return self._careful.worst_of(route, task)

    def _as_today(self, ask: Asking, u: float) -> Choice:
        """Let the model of today serve; where the selector watches, note what it would have chosen."""
        plan = self.mind.plan
        assert plan.incumbent is not None  # noqa: S101 - the plan insists on one
        shadow: Choice | str | None = None
        if plan.config.mode.name == "shadow":
            try:
                shadow = self._careful.choose(ask, u)
            except NoEligibleModelError as error:
                shadow = str(error)
        return self._careful.as_today(ask, plan.incumbent, shadow)

    def _ruled(self, task: Task, offer: Offer) -> Ruled | None:
        """Find out what rules make of an offer for a task; the same for all tasks for which the same rules fire."""
        applied = self._ruling.apply(task, f"{self.prefix}-{self._n + 1:08x}")
        if applied is None and not offer.is_limited:
            return None
        found = offer.ruled.get(id(applied))
        if found is None:
            board, type_ = offer.board, offer.task_type
            found = self._ruling.ruled(applied, board, type_, offer.bar, offer.exclusions)
            if len(offer.ruled) >= _MOST_RULED:
                offer.ruled.clear()
            offer.ruled[id(applied)] = found
        return found

    def _explored(self, offer: Offer, odds: Odds, u: float, tokens: int | None) -> tuple[int, float]:
        """Let exploration choose, and pay for it."""
        arm = odds.choose(u)[0]
        usd = offer.expected_usd(arm, tokens)
        self._pay(usd)
        return arm, usd

    def _decided(
        self,
        terms: object,
        offer: Offer,
        chosen: tuple[int, Basis, str, float, int],
        now: float,
        held_tokens: tuple[int, ...] = (0,),
        keys: tuple[str, ...] = (),
    ) -> Decision | None:
        fold, budget, usd = self.fold, self.budget, chosen[3]
        n, own = fold.next_n, self._n + 1
        id_, gate = f"{self.prefix}-{own:08x}", budget.gate
        held = (chosen[4], *held_tokens) if budget.tills or keys else ()
        is_held = gate is None or (not keys and gate.hold_here(id_, held, now))
        if not is_held and self._is_refused(id_, chosen, held, now, keys):
            return None
        self._n = own
        decision = Decision(id_, n, now, offer, chosen, terms)
        if held:
            budget.hold(held, now, keys)
            try:
                self.made(decision)
            except StateError:
                budget.let_go(id_, held, now, keys)
                raise
        else:
            self.unwritten[id_] = decision
        if budget.pace is not None:
            budget.pace.arrived += 1
        if budget.is_metered:
            budget.meters.come(1)
        offer.n_chosen += 1
        fold.n_decisions += 1
        fold.next_n = n + 1
        flight = fold.flight
        flight.ids[id_] = usd
        flight.usd += usd
        return decision

    def _again(self, task: Task) -> Decision:
        """Choose anew where another process was quicker, and less is left than was known; no choice to evaluate by."""
        self.redrawn = True
        try:
            for _ in range(_MOST_REDRAWS):
                found = self._select(task)
                if found is not None:
                    return found
        finally:
            self.redrawn = False
        raise StateError("what is left of a hard budget changes faster than a choice is made; try again")

    def _is_refused(
        self,
        id_: str,
        chosen: tuple[int, Basis, str, float, int],
        held: tuple[int, ...],
        now: float,
        keys: tuple[str, ...],
    ) -> bool:
        """Hold what a choice can cost in all processes, or tell that it does not fit any more."""
        is_held = False
        try:
            is_held = self.budget.reserve(id_, held, now, keys, always=self._idle) is None
        finally:
            if not is_held and chosen[1] is Basis.EXPLORATION:
                self._pay(-chosen[3])
        return not is_held

    def _next(self) -> tuple[float, int, int]:
        """Draw a block of uniform numbers, each with its coin and its row."""
        u = self._rng.random(_BLOCK)[::-1]
        coin, v = split(u)
        rows = (v * self.mind.decider.setup.n_rows).astype(np.intp).tolist()
        self._luck = list(zip(u.tolist(), (coin * COIN).astype(np.intp).tolist(), rows, strict=True))
        return self._luck.pop()

    def provider_status(self, provider: str) -> str:
        """Say whether any route of a provider may be called: rules can ask."""
        if not self.roads.out:
            return "up"
        routes = [r.name for model in self.mind.plan.catalog for r in model.routes if r.provider == provider]
        now = self.clock()
        return "down" if routes and all(self.health.wait_s(name, now) > 0 for name in routes) else "up"

    def _pay(self, usd: float) -> None:
        self.mind.decider.allowance.pay(np.zeros(1, np.intp), np.array([usd]))

    def now(self) -> float:
        """Return the present in the unit in which evidence ages."""
        return self.clock() if self.mind.plan.by_clock else float(self.fold.next_n)

    def _all_fit(self, offer: Offer, tokens: int | None, task: Task) -> bool:
        """Tell whether any model's call would fit every hard budget, and leave enough for the rest."""
        budget = self.budget
        bound = offer.bound(tokens, task.max_output_tokens)
        if bound is None or budget.counts_tokens or budget.room_requests < 1 or bound > budget.room_nano:
            return False
        usd_most = offer.usd_most + (0.0 if tokens is None else offer.in_most * tokens)
        fits: bool = usd_most * NANO <= budget.room_nano - budget.reserve_nano
        return fits


def _shortest(catalog: Catalog) -> int:
    """Return how many tokens fit every model's first route, as far as that is known."""
    known = [model.route.context_tokens for model in catalog if model.enabled]
    return min((tokens for tokens in known if tokens is not None), default=2**62)
