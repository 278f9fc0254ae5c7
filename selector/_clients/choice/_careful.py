"""A choice for a task with wishes, or where not every model fits the budgets: model by model, with reasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from selector._clients.choice._bounds import affordable, lacking, most_tokens
from selector._clients.choice._holds import held_arm, held_route, held_rules
from selector._clients.choice._offer import Offer, Terms
from selector._clients.choice._roads import Roads
from selector._clients.choice._ruling import Ruled, within_limits
from selector._clients.choice._tariff import Tariff
from selector._clients.learning._mind import Mind
from selector._clients.money._budget import Budget
from selector._clients.money._parts import Worst
from selector.budgets import NANO, Till
from selector.candidates import Costs, Screen, cost_exclusions, count_tokens
from selector.catalog import Route
from selector.config import Reference
from selector.decision import Cost, Odds, RouteAsk, RouteChoice
from selector.errors import BudgetExceededError, NoEligibleModelError
from selector.posteriors import Floats
from selector.records import Basis, Exclusion, Reason, Task
from selector.rules import Applied

__all__ = ["Careful", "Choice"]

_GOLDEN = 0.6180339887498949  # apart as evenly as can be, so that models' routes are not drawn alike
_EPOCH = datetime.fromtimestamp(0, UTC)


class Asking(NamedTuple):
    """What is chosen for, from what, when."""

    task: Task
    offer: Offer
    ruled: Ruled | None
    """What the rules made of the offer."""
    at_s: float
    """Seconds since 1970, where some route's health depends on them."""
    v: float = 0.0
    """A uniform number in [0, 1), for the choice among a model's routes."""

    @property
    def at(self) -> datetime:
        """The moment."""
        return datetime.fromtimestamp(self.at_s, UTC) if self.at_s > 0 else _EPOCH

    @property
    def applied(self) -> Applied | None:
        """What follows from the rules."""
        return None if self.ruled is None else self.ruled.applied


class Choice(NamedTuple):
    """What was chosen, before it has a name."""

    terms: Terms
    arm: int
    reason: Basis
    route: str
    usd: float
    held_nano: int

    @property
    def keys(self) -> tuple[str, ...]:
        """The accounts of scoped budgets that it is on."""
        return self.terms.keys


class _Case(NamedTuple):
    """One task's lengths, routes, costs."""

    task: Task
    tokens: int | None
    guessed: bool
    routes: tuple[Route, ...]
    tariff: Tariff
    line: Cost
    """What it is expected to cost, as it grows with its length."""
    cost: Floats
    """The same, in all."""
    worst: list[Worst]
    """The most that a call of each can take."""
    ruled: Ruled | None
    at: datetime
    on: tuple[tuple[int, str], ...]
    """The scoped budgets that the task may be charged to."""
    roads: dict[int, RouteChoice]
    """Why each model's route was chosen, of those that have several."""


class Careful:
    """Chooses with care.

    Parameters
    ----------
    mind, budget, screen, roads
        What is believed, what may be spent, who may serve, and where.
    """

    def __init__(self, mind: Mind, budget: Budget, screen: Screen, roads: Roads) -> None:
        self._mind, self._budget, self._screen, self._roads = mind, budget, screen, roads
        models = tuple(mind.plan.catalog)
        self._only_routes = tuple(m.route for m in models) if all(len(m.routes) == 1 for m in models) else None

    def choose(self, ask: Asking, u: float) -> Choice:
        """Choose a model for a task, of those who may serve it.

        Raises
        ------
        NoEligibleModelError
            If nobody may; BudgetExceededError, if it is for want of money.
        """
        task, offer, ruled = ask.task, ask.offer, ask.ruled
        case = self._case(ask)
        exclusions, tightest = self._exclusions(task, case), None
        if self._budget.is_hard:
            exclusions, tightest = self._fitting(case, exclusions)
        may = np.array([x is None for x in exclusions])
        if not may.any():
            return self._resort(case, offer, exclusions, tightest)
        forced = None if ruled is None else ruled.forced
        bonus = None if ruled is None else ruled.bonus
        held = held_arm(task, case.routes, exclusions, ruled)
        if held is not None:
            case = case._replace(ruled=held_rules(ruled))
            return self._choice(case, offer.among(may, bonus), (held, 0, Basis.SESSION), exclusions)
        if forced is not None and may[forced]:
            odds = offer.among(self._lasting(case, self._untreated(case, may)), bonus)
            return self._choice(case, odds, (forced, 0, Basis.RULE), exclusions)
        odds = offer.among(self._lasting(case, may), bonus)
        found = _taken(ask, case, odds, u)
        if may.sum() == 1:
            found = (*found[:2], Basis.ONLY_CANDIDATE)
        return self._choice(case, odds, found, exclusions)

    def _untreated(self, case: _Case, may: np.ndarray) -> np.ndarray:
        """Find who may serve where the experiment that forces a model leaves the choice to the policy."""
        base = None if case.ruled is None or case.ruled.applied is None else case.ruled.applied.otherwise
        if base is None:
            return may
        found = self._exclusions(case.task, case, base)
        if self._budget.is_hard:
            found, _ = self._fitting(case, found)
        left = np.array([x is None for x in found])
        return left if left.any() else may

    def again(self, ask: Asking, u: float, tried: frozenset[str]) -> Choice | None:
        """Choose for a task once more, among the models that were not tried; None: none of them may serve.

        Whether the choice fits the budgets is for the caller to ask, who holds something for the task already.
        """
        case = self._case(ask)
        used = Exclusion(reason=Reason.ALREADY_TRIED)
        named = zip(ask.offer.models, self._exclusions(ask.task, case), strict=True)
        exclusions = tuple(used if name in tried else why for name, why in named)
        may = np.array([why is None for why in exclusions])
        if not may.any():
            return None
        odds = ask.offer.among(may, None if ask.ruled is None else ask.ruled.bonus)
        found = _taken(ask, case, odds, u)
        if may.sum() == 1:
            found = (*found[:2], Basis.ONLY_CANDIDATE)
        choice = self._choice(case, odds, found, exclusions)
        return choice._replace(terms=choice.terms._replace(ruled=None))

    def as_today(self, ask: Asking, arm: int, shadow: Choice | str | None) -> Choice:
        """Let the model of today serve, whatever was chosen, and note that.

        Parameters
        ----------
        ask
            What it is about.
        arm
            The model of today.
        shadow
            What would have been chosen, or why nothing; None: nobody asked.
        """
        offer = ask.offer
        odds = shadow.terms.odds if isinstance(shadow, Choice) else offer.odds
        found = self._choice(self._case(ask._replace(ruled=None)), odds, (arm, 0, Basis.INCUMBENT), None)
        return found._replace(terms=found.terms._replace(shadow=_noted(shadow, offer)))

    def _choice(
        self,
        case: _Case,
        odds: Odds,
        found: tuple[int, int, Basis],
        exclusions: tuple[Exclusion | None, ...] | None,
    ) -> Choice:
        arm, row, reason = found
        worst = case.worst[arm] if self._budget.is_hard else Worst(0, 0)
        keys = self._budget.scoped.keys(case.on, case.routes[arm]) if case.on else ()
        terms = Terms(
            case.task,
            case.tokens,
            case.guessed,
            row,
            odds,
            case.line,
            exclusions,
            case.routes,
            worst.amounts[1:],
            self._budget.stand(),
            case.ruled,
            keys=keys,
            road=case.roads.get(arm),
        )
        return Choice(terms, arm, reason, case.routes[arm].name, float(case.cost[arm]), worst.nano or 0)

    def _case(self, ask: Asking) -> _Case:
        mind, task, offer = self._mind, ask.task, ask.offer
        guessed, tokens = False, task.input_tokens
        if tokens is None:
            tokens = count_tokens(task)
            guessed = tokens is not None
        bound = most_tokens(task) if guessed else tokens
        roads: dict[int, RouteChoice] = {}
        routes = self._only_routes or tuple(self._route(k, ask, tokens, roads) for k in range(len(offer.models)))
        tariff = mind.tariffs.of(routes, tokens or 0)
        if tariff is offer.tariff:
            line = offer.cost(offer.usual_input if tokens is None else tokens, guessed=guessed)
        else:
            line = self._line(offer, tariff, tokens, guessed=guessed)
        bounded = self._budget.is_hard or task.max_cost_usd is not None
        worst = [self._worst(k, task, bound, routes) for k in range(len(routes))] if bounded else []
        worst = worst or [Worst(most, None) for most in tariff.most_call]
        on = self._budget.scoped.of_task(task) if self._budget.scoped.any else ()
        return _Case(task, tokens, guessed, routes, tariff, line, line.usd, worst, ask.ruled, ask.at, on, roads)

    def _line(self, offer: Offer, tariff: Tariff, tokens: int | None, *, guessed: bool) -> Cost:
        """Say what a task costs on routes, or at a length, that are not its type's."""
        mind, lengths = self._mind, offer.usual_input if tokens is None else float(tokens)
        ratio = mind.dollar_ratio()
        price = tariff.usd_in * mind.input_ratio() * ratio
        if guessed:
            price = price * mind.length_ratio()
        fixed = (offer.tokens * tariff.usd_per_token + tariff.call_usd) * ratio
        return Cost(fixed, price, lengths, offer.toll(fixed, price, guessed=guessed))

    def _route(self, k: int, ask: Asking, tokens: int | None, roads: dict[int, RouteChoice]) -> Route:
        """Choose a model's route among those that may serve."""
        task, ruled = ask.task, ask.ruled
        model = self._mind.plan.catalog.model(self._mind.plan.models[k])
        if len(model.routes) == 1:
            return model.route
        if ruled is not None and ruled.forced == k:
            forced = self._screen.forced(ruled.applied, task, input_tokens=tokens, at=ask.at)
            if forced is not None and forced.route is not None and forced.is_of_route:
                return forced.route
        routes = self._screen.routes(k, task, input_tokens=tokens, applied=ask.applied, at=ask.at)
        routes = affordable(routes, task, self._budget, self.worst_of, ask.at_s)
        held = held_route(task, routes)
        if len(routes) < 2 or held is not None:
            return held or next(iter(routes), model.route)
        asked = RouteAsk(
            u=(ask.v + _GOLDEN * k) % 1.0,
            now_s=ask.at_s,
            input_tokens=ask.offer.usual_input if tokens is None else tokens,
            output_tokens=float(ask.offer.tokens[k]),
            incumbent=self._roads.incumbent(task.session, model.name),
        )
        found = roads[k] = self._roads.routing.choose(k, routes, asked)
        return found.route

    def _exclusions(self, task: Task, case: _Case, applied: Applied | None = None) -> tuple[Exclusion | None, ...]:
        """Say why models may not serve, before anybody looks at what is left; under other rules where any are given."""
        applied = applied or (None if case.ruled is None else case.ruled.applied)
        found = self._screen.of_task(task, input_tokens=case.tokens, applied=applied, at=case.at)
        if not self._budget.is_hard and task.max_cost_usd is None and case.tariff.all_limited:
            return within_limits(found, case.ruled)
        money = cost_exclusions(
            Costs(
                priced=case.tariff.known.tolist(),
                free=[route.prices is not None and route.prices.is_free for route in case.routes],
                worst_nano=[worst.nano for worst in case.worst],
                expected_usd=case.cost.tolist(),
            ),
            dollar_budget=self._mind.plan.has_usd_budget,
            hard_budget=self._budget.in_usd,
            max_cost_usd=task.max_cost_usd,
        )
        excluded = [a if a is not None else b for a, b in zip(found, money, strict=True)]
        if self._budget.is_hard and self._budget.counts_tokens:
            for k, worst in enumerate(case.worst):
                if worst.tokens is None and excluded[k] is None:
                    excluded[k] = Exclusion(
                        reason=Reason.UNBOUNDED_COST, detail="nothing bounds its tokens; give max_output_tokens"
                    )
        return within_limits(tuple(excluded), case.ruled)

    def _fitting(
        self, case: _Case, exclusions: tuple[Exclusion | None, ...]
    ) -> tuple[tuple[Exclusion | None, ...], Till | None]:
        """Exclude who does not fit a hard budget, and name the budget that is tightest."""
        found, tightest = list(exclusions), None
        for k, worst in enumerate(case.worst):
            if found[k] is not None:
                continue
            till = self._fits(case, k, worst)
            if till is not None:
                tightest = till
                found[k] = Exclusion(reason=Reason.OVER_BUDGET, detail=lacking(till, worst))
        return tuple(found), tightest

    def _fits(self, case: _Case, arm: int, worst: Worst) -> Till | None:
        """Name the tightest hard budget that a call of a model does not fit."""
        keys = self._budget.scoped.keys(case.on, case.routes[arm]) if case.on else ()
        return self._budget.fits(worst.amounts, keys, case.at.timestamp())

    def _lasting(self, case: _Case, may: np.ndarray) -> np.ndarray:
        """Of those who may serve, keep those who leave enough for the rest of the window, where there are any."""
        spare = self._budget.spare_nano()
        if spare is None:
            return may
        cheapest = case.cost[may].min()
        lasting = may & ((case.cost * NANO <= spare) | (case.cost <= cheapest))
        return lasting if lasting.any() else may

    def _worst(self, k: int, task: Task, bound: int | None, routes: tuple[Route, ...]) -> Worst:
        """Return the most that a call can take."""
        longest, route = task.max_output_tokens, routes[k]
        if bound is not None and route.context_tokens is not None:
            bound = min(bound, route.context_tokens)
        nano = self._mind.tariffs.worst_nano(routes, k, bound, longest)
        read = bound if bound is not None else route.context_tokens
        written = longest if longest is not None else route.max_output_tokens or route.context_tokens
        unbounded = read is None or written is None or route.is_open_ended
        if unbounded:
            return Worst(nano, None)
        read, written = read or 0, written or 0
        classes = (read, read, read, written, written) if self._budget.counts_classes else ()
        return Worst(nano, read + written, classes)

    def worst_of(self, route: Route, task: Task) -> Worst:
        """Return the most that a call at a route can take."""
        bound = most_tokens(task)
        return self._worst(0, task, bound, (route,))

    def _resort(
        self, case: _Case, offer: Offer, exclusions: tuple[Exclusion | None, ...], tightest: Till | None
    ) -> Choice:
        """Take the last resort where money is what lacks, or say why nobody may serve."""
        reasons = {name: str(x) for name, x in zip(offer.models, exclusions, strict=True)}
        if tightest is None:
            raise NoEligibleModelError(
                f"no model may serve this task of type {case.task.type!r}: "
                + "; ".join(f"{name}: {why}" for name, why in reasons.items()),
                reasons,
            )
        resort = self._mind.plan.config.last_resort
        if resort is not None:
            arm = offer.models.index(Reference.parse(resort).name)
            able = self._exclusions(replace(case.task, only=()), case)[arm] is None
            if able and self._fits(case, arm, case.worst[arm]) is None:
                odds = offer.among(np.arange(len(offer.models)) == arm)
                return self._choice(case, odds, (arm, 0, Basis.LAST_RESORT), exclusions)
        until = (
            "" if tightest.resets_at is None else f"; it has room again at {tightest.resets_at:%Y-%m-%d %H:%M:%S} UTC"
        )
        raise BudgetExceededError(
            f"budget {tightest.label!r} admits no model for this task of type {case.task.type!r}{until}; "
            "raise it, wait, or name a last_resort",
            budget=tightest.label,
            resets_at=tightest.resets_at,
            reasons=reasons,
        )


def _noted(shadow: Choice | str | None, offer: Offer) -> dict[str, Any] | None:
    """Write down what would have been chosen, with its probability."""
    if shadow is None:
        return None
    if isinstance(shadow, str):
        return {"refused": shadow}
    return {
        "model": offer.models[shadow.arm],
        "route": shadow.route,
        "reason": shadow.reason.value,
        "propensity": shadow.terms.likely(shadow.arm, shadow.reason),
        "expected_cost_usd": shadow.usd,
    }


def _taken(ask: Asking, case: _Case, odds: Odds, u: float) -> tuple[int, int, Basis]:
    """Let the policy choose: the model, the row of draws, why."""
    ruled, offer = ask.ruled, ask.offer
    explores = offer.explores if ruled is None or ruled.explores is None else ruled.explores
    if not explores or ask.task.explore is False:
        return odds.at(case.cost).best_mean(), 0, Basis.BEST_BELIEVED
    arm, forced, row = offer.board.choose_at(u, case.line, odds)
    return arm, row, Basis.EXPLORATION if forced else Basis.POLICY
