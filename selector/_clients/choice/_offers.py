"""The offers of task types, made anew whenever what is believed was published anew."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import numpy as np

from selector._clients.choice._offer import Offer, Terms
from selector._clients.learning._fold import Fold
from selector._clients.learning._mind import Mind
from selector._clients.money._budget import Budget
from selector.candidates import Screen
from selector.catalog import Route
from selector.config import settings_of
from selector.decision import Board
from selector.records import Basis, Exclusion, Reason

__all__ = ["Offers"]


class Offers:
    """Makes what a task type's choices are made of.

    Parameters
    ----------
    mind, budget, screen, fold
        What is believed, what may be spent, who may serve, what was decided.
    present
        Says what time it is, in the unit in which evidence ages.
    """

    def __init__(self, mind: Mind, budget: Budget, screen: Screen, fold: Fold, present: Callable[[], float]) -> None:
        self._mind, self._budget, self._screen, self._fold, self._present = mind, budget, screen, fold, present
        self._version, self._since = -1, 0
        self._routes = [model.route.name for model in mind.plan.catalog]
        self._heads: dict[str, dict[int, bytes]] = {}

    def make(self, task_type: str) -> Offer:
        """Make the offer of a task type, and keep it where choices look for it."""
        mind = self._mind
        mind.plan.admit(task_type, mind.types)
        if mind.version != self._version:
            self._version, self._since = mind.version, self._fold.next_n
        board = mind.board(task_type, self._since, self._present())
        offer = Offer(mind.plan, board, task_type, mind.tariffs, mind.beliefs.tokens.mean[0, board.type].copy())
        offer.usual_input = float(mind.usual_inputs(self._present())[board.type])
        dollars = mind.dollar_ratio()
        offer.out_usd = offer.out_usd * dollars
        offer.usd_in = offer.usd_in * (dollars * mind.input_ratio())
        offer.usd_in_guessed = offer.usd_in * mind.length_ratio()
        if mind.decider.toll is not None:
            offer.tolls, offer.length_ratio = mind.tolls, mind.length_ratio()
        offer.out_each, offer.in_each = offer.out_usd.tolist(), offer.usd_in.tolist()
        offer.in_most = max(offer.in_each)
        offer.exclusions, offer.able = self._type_exclusions(task_type), self._able
        offer.routes = self._routes
        offer.heads = self._heads.setdefault(task_type, {})
        if offer.n_serving == 1:
            offer.reason = Basis.ONLY_CANDIDATE
        own = settings_of(mind.plan.config, task_type)
        offer.explores, offer.bar = own.explore, own.min_success
        slow = None if own.max_latency_s is None else self._slow(board, own.max_latency_s)
        if slow is not None:
            offer.exclusions = tuple(a if a is not None else b for a, b in zip(offer.exclusions, slow, strict=True))
            offer.limited = True
        of_routes = own.data or any("@" in each for each in own.only)
        offer.quick = offer.explores and offer.n_serving > 0 and not of_routes
        offer.budgets = self._budget.words
        mind.offers[task_type] = offer
        return offer

    def _slow(self, board: Board, limit_s: float) -> tuple[Exclusion | None, ...]:
        """Exclude whoever is not expected to answer in time 19 times of 20; where nobody is, all but the fastest."""
        p95 = self._mind.latency.p95(self._present())[board.type]
        late = p95 > limit_s
        if board.serving.any() and late[board.serving].all():
            late[np.where(board.serving, p95, np.inf).argmin()] = False
        found: list[Exclusion | None] = [None] * len(p95)
        for k in np.flatnonzero(late).tolist():
            detail = f"19 of 20 calls within {p95[k]:.3g} s, and {limit_s:g} are allowed"
            found[k] = Exclusion(reason=Reason.TOO_SLOW, detail=detail)
        return tuple(found)

    def _able(self, terms: Terms, at_s: float, routes: tuple[Route, ...]) -> tuple[Route, ...]:
        """Keep the routes that may serve a task after another, which may lead out of a purpose."""
        task, applied = replace(terms.task, purpose=None), None if terms.ruled is None else terms.ruled.applied
        if applied is not None and applied.purpose is not None:
            applied = replace(applied, purpose=None)
        at, models, tokens = datetime.fromtimestamp(max(at_s, 0.0), UTC), self._mind.plan.models, terms.input_tokens
        why = self._screen.of_task(task, input_tokens=tokens, applied=applied, at=at)
        found = []
        for route in routes:
            place = models.index(route.model)
            if why[place] is None and route in self._screen.routes(
                place, task, input_tokens=tokens, applied=applied, at=at
            ):
                found.append(route)
        return tuple(found)

    def _type_exclusions(self, task_type: str) -> tuple[Exclusion | None, ...]:
        found = self._screen.of_type(task_type)
        plan = self._mind.plan
        if not plan.has_usd_budget:
            return found
        unknown = Exclusion(reason=Reason.UNKNOWN_COST, detail="there is a budget in dollars")
        known = self._mind.tariff.limited
        if known.all():
            return found
        return tuple(x if x is not None or known[k] else unknown for k, x in enumerate(found))
