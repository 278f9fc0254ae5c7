"""A choice for a task with wishes, or where not every model fits the budgets: model by model, with reasons."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from selector._clients._budget import Budget
from selector._clients._mind import Mind
from selector._clients._offer import Offer, Terms
from selector._clients._ruling import Ruled
from selector._clients._tariff import Tariff
from selector.budgets import NANO, Till
from selector.candidates import Costs, Screen, cost_exclusions, count_tokens
from selector.catalog import Route
from selector.config import Reference
from selector.decision import Cost, Odds
from selector.errors import BudgetExceededError, NoEligibleModelError
from selector.posteriors import Floats
from selector.records import Basis, Exclusion, Reason, Task
from selector.rules import Applied

__all__ = ["Careful", "Choice"]

_FREE = 0.0
_LIMITS = (Reason.BELOW_MIN_SUCCESS, Reason.TOO_SLOW)
_BYTES_A_PART = 64  # what a provider adds to a message of its own, at most, in tokens


class Choice(NamedTuple):
    """What was chosen, before it has a name."""

    terms: Terms
    arm: int
    reason: Basis
    route: str
    usd: float
    held_nano: int


class _Case(NamedTuple):
    """One task's lengths, routes, costs."""

    task: Task
    tokens: int | None
    guessed: bool
    routes: tuple[Route, ...]
    tariff: Tariff
    cost: Floats
    worst: list[tuple[int | None, int | None]]
    """The most that a call of each can take, in nano-dollars and in tokens; None: nothing bounds it."""
    ruled: Ruled | None


class Careful:
    """Chooses with care.

    Parameters
    ----------
    mind, budget, screen
        What is believed, what may be spent, who may serve.
    """

    def __init__(self, mind: Mind, budget: Budget, screen: Screen) -> None:
        self._mind, self._budget, self._screen = mind, budget, screen

    def choose(self, task: Task, offer: Offer, u: float, ruled: Ruled | None = None) -> Choice:
        """Choose a model for a task, of those who may serve it.

        Raises
        ------
        NoEligibleModelError
            If nobody may; BudgetExceededError, if it is for want of money.
        """
        case = self._case(task, offer, ruled)
        exclusions, tightest = self._exclusions(task, case), None
        if self._budget.hard:
            exclusions, tightest = self._fitting(case, exclusions)
        may = np.array([x is None for x in exclusions])
        if not may.any():
            return self._resort(case, offer, exclusions, tightest)
        forced = None if ruled is None else ruled.forced
        bonus = None if ruled is None else ruled.bonus
        odds = offer.among(self._lasting(case, may), bonus)
        if forced is not None and may[forced]:
            return self._choice(case, odds, (forced, 0, Basis.RULE), exclusions)
        explores = offer.explores if ruled is None or ruled.explores is None else ruled.explores
        if not explores or task.explore is False:
            arm, forced, row = odds.at(case.cost).best_mean(), False, 0
            reason = Basis.BEST_BELIEVED
        else:
            arm, forced, row = offer.board.choose_at(u, Cost(case.cost, _FREE * case.cost, 0.0), odds)
            reason = Basis.EXPLORATION if forced else Basis.POLICY
        if may.sum() == 1:
            reason = Basis.ONLY_CANDIDATE
        return self._choice(case, odds, (arm, row, reason), exclusions)

    def as_today(self, task: Task, offer: Offer, arm: int, shadow: Choice | str | None) -> Choice:
        """Let the model of today serve, whatever was chosen, and note that.

        Parameters
        ----------
        task, offer
            What it is about.
        arm
            The model of today.
        shadow
            What would have been chosen, or why nothing; None: nobody asked.
        """
        odds = shadow.terms.odds if isinstance(shadow, Choice) else offer.odds
        found = self._choice(self._case(task, offer, None), odds, (arm, 0, Basis.INCUMBENT), None)
        return found._replace(terms=found.terms._replace(shadow=_noted(shadow, offer)))

    def _choice(
        self,
        case: _Case,
        odds: Odds,
        found: tuple[int, int, Basis],
        exclusions: tuple[Exclusion | None, ...] | None,
    ) -> Choice:
        arm, row, reason = found
        nano, tokens = case.worst[arm] if self._budget.hard else (0, 0)
        terms = Terms(
            case.task,
            case.tokens,
            case.guessed,
            row,
            odds,
            Cost(case.cost, _FREE * case.cost, 0.0),
            exclusions,
            case.routes,
            tokens or 0,
            self._budget.stand(),
            case.ruled,
        )
        return Choice(terms, arm, reason, case.routes[arm].name, float(case.cost[arm]), nano or 0)

    def _case(self, task: Task, offer: Offer, ruled: Ruled | None) -> _Case:
        mind = self._mind
        guessed, tokens = False, task.input_tokens
        if tokens is None:
            tokens = count_tokens(task)
            guessed = tokens is not None
        bound = _bytes(task) if guessed else tokens
        routes = tuple(self._route(k, task, tokens, ruled) for k in range(len(offer.models)))
        tariff = mind.tariffs.of(routes, tokens or 0)
        ratio = mind.dollar_ratio()
        if tokens is None:
            lengths: Floats | float = offer.usual_input
        else:
            lengths = tokens * mind.length_ratio() if guessed else float(tokens)
        out = offer.tokens * tariff.usd_per_token + tariff.call_usd
        cost: Floats = (out + lengths * (tariff.usd_in * mind.input_ratio())) * ratio
        bounded = bool(self._budget.hard) or task.max_cost_usd is not None
        worst = [self._worst(k, task, bound, routes) for k in range(len(routes))] if bounded else []
        return _Case(task, tokens, guessed, routes, tariff, cost, worst or [(0, 0)] * len(routes), ruled)

    def _route(self, k: int, task: Task, tokens: int | None, ruled: Ruled | None) -> Route:
        model = self._mind.plan.catalog.model(self._mind.plan.models[k])
        if len(model.routes) == 1:
            return model.route
        if ruled is not None and ruled.forced == k:
            forced = self._screen.forced(ruled.applied, task, input_tokens=tokens)
            if forced is not None and forced.route is not None:
                return forced.route
        try:
            return self._screen.route(k, task, input_tokens=tokens, applied=_applied(ruled))
        except NoEligibleModelError:
            return model.route

    def _exclusions(self, task: Task, case: _Case) -> tuple[Exclusion | None, ...]:
        found = self._screen.of_task(task, input_tokens=case.tokens, applied=_applied(case.ruled))
        money = cost_exclusions(
            Costs(
                priced=case.tariff.known.tolist(),
                free=[route.prices is not None and route.prices.is_free for route in case.routes],
                worst_nano=[nano for nano, _ in case.worst],
                expected_usd=case.cost.tolist(),
            ),
            dollar_budget=self._mind.plan.has_usd_budget,
            hard_budget=any(till.resource == "usd" for till in self._budget.hard),
            max_cost_usd=task.max_cost_usd,
        )
        excluded = [a if a is not None else b for a, b in zip(found, money, strict=True)]
        if self._budget.hard and self._budget.counts_tokens:
            for k, (_, tokens) in enumerate(case.worst):
                if tokens is None and excluded[k] is None:
                    excluded[k] = Exclusion(
                        reason=Reason.UNBOUNDED_COST, detail="nothing bounds its tokens; give max_output_tokens"
                    )
        return _within_limits(excluded, case.ruled)

    def _fitting(
        self, case: _Case, exclusions: tuple[Exclusion | None, ...]
    ) -> tuple[tuple[Exclusion | None, ...], Till | None]:
        """Exclude who does not fit a hard budget, and name the budget that is tightest."""
        found, tightest = list(exclusions), None
        for k, (nano, tokens) in enumerate(case.worst):
            if found[k] is not None:
                continue
            till = self._budget.fits(nano or 0, tokens or 0)
            if till is not None:
                tightest = till
                found[k] = Exclusion(reason=Reason.OVER_BUDGET, detail=self._lacking(till, nano or 0, tokens or 0))
        return tuple(found), tightest

    @staticmethod
    def _lacking(till: Till, nano: int, tokens: int) -> str:
        amount, room = till.amount(nano, tokens), max(till.room, 0)
        if till.resource == "usd":
            return f"{till.label}: may cost {amount / NANO:.6g} USD, and {room / NANO:.6g} are left"
        return f"{till.label}: may take {amount:,} {till.resource}, and {room:,} are left"

    def _lasting(self, case: _Case, may: np.ndarray) -> np.ndarray:
        """Of those who may serve, keep those who leave enough for the rest of the window, where there are any."""
        spare = self._budget.spare_nano()
        if spare is None:
            return may
        cheapest = case.cost[may].min()
        lasting = may & ((case.cost * NANO <= spare) | (case.cost <= cheapest))
        return lasting if lasting.any() else may

    def _worst(self, k: int, task: Task, bound: int | None, routes: tuple[Route, ...]) -> tuple[int | None, int | None]:
        """Return the most that a call can take, in nano-dollars and in tokens; None: nothing bounds it."""
        longest, route = task.max_output_tokens, routes[k]
        nano = self._mind.tariffs.worst_nano(routes, k, bound, longest)
        read = bound if bound is not None else route.context_tokens
        written = longest if longest is not None else route.max_output_tokens or route.context_tokens
        return nano, None if read is None or written is None else read + written

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
            nano, tokens = case.worst[arm]
            able = self._exclusions(replace(case.task, only=()), case)[arm] is None
            if able and self._budget.fits(nano or 0, tokens or 0) is None:
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


def _applied(ruled: Ruled | None) -> Applied | None:
    return None if ruled is None else ruled.applied


def _within_limits(excluded: list[Exclusion | None], ruled: Ruled | None) -> tuple[Exclusion | None, ...]:
    """Exclude whoever is not believed good or quick enough, unless nobody else is left."""
    if ruled is None:
        return tuple(excluded)
    found = [
        limit if why is None and limit is not None and limit.reason in _LIMITS else why
        for why, limit in zip(excluded, ruled.exclusions, strict=True)
    ]
    return tuple(found) if None in found else tuple(excluded)


def _bytes(task: Task) -> int:
    """Bound the tokens of an input that nobody counted: no token is shorter than a byte."""
    texts = [task.prompt or "", task.system or ""]
    n_parts = 2
    for part in (*(task.messages or ()), *(task.tools or ())):
        texts.append(repr(part))
        n_parts += 1
    if task.response_schema is not None:
        texts.append(repr(task.response_schema))
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) + _BYTES_A_PART * n_parts
