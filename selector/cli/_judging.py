"""One task under the rules: which fire, what follows, who would serve, and every reason against each route."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np

from selector.budgets import NANO
from selector.candidates import Costs, cost_exclusions, count_tokens
from selector.catalog import Route
from selector.cli._reading import Reading, now
from selector.config import Reference, rules_of
from selector.errors import NoEligibleModelError
from selector.policies import MinSuccess
from selector.records import Candidate, Decision, Exclusion, Reason, Task
from selector.rules import Applied, Arm, Considered, Facts, Rules, Surroundings

__all__ = ["Judged", "judge", "outcome"]


@dataclass(frozen=True, slots=True)
class Judged:
    """What would become of a task now; nothing of it is written."""

    found: Reading
    task: Task
    rules: Rules
    considered: tuple[Considered, ...]
    """Each rule, in order."""
    applied: Applied
    """What follows."""
    decision: Decision | None
    """The choice; None: nobody may serve."""
    refusal: NoEligibleModelError | None
    """Why nobody may."""
    rooms: tuple[int, ...]
    accounts: dict[str, int]
    """What was left of each hard budget before the choice."""

    @property
    def candidates(self) -> dict[str, Candidate]:
        """Who may serve, by name."""
        return {} if self.decision is None else {each.model: each for each in self.decision.candidates}

    def excluded(self, model: str) -> str | None:
        """Give the first reason against a model, as a decision says it; None: it may serve."""
        if self.refusal is not None:
            return self.refusal.reasons.get(model, str(self.refusal))
        assert self.decision is not None  # noqa: S101 - one of the two is there
        why = self.decision.exclusions.get(model)
        return None if why is None else str(why)

    def forced(self) -> str | None:
        """Say which model the rules force, and if they do so in vain, why; None: they force none."""
        tokens = _tokens(self.task)
        forced = self.found.core.engine.screen.forced(self.applied, self.task, input_tokens=tokens, at=_today())
        return None if forced is None else str(forced)

    def against(self, model: str) -> dict[str, tuple[str, ...]]:
        """Give every reason against each route of a model; none against the one that would serve."""
        models = self.found.core.mind.plan.models
        place, served = models.index(model), self.candidates.get(model)
        said = self.found.core.engine.screen.reasons(
            place, self.task, input_tokens=_tokens(self.task), applied=self._limits(model), at=_today()
        )
        first = self.excluded(model)
        found = {}
        for route in self.found.catalog.model(model).routes:
            every = [str(each) for each in said[route.name]]
            if served is None:
                every += [str(each) for each in (*self._money(place, route), *self._bar(place))]
                every += [first] if first is not None and not _has(every, first) else []
            elif served.route == route.name:
                every = []
            found[route.name] = tuple(dict.fromkeys(every))
        return found

    def _limits(self, model: str) -> Applied:
        """Choose what limits a model: one that an experiment tries is not limited by what holds outside of it."""
        applied = self.applied
        if applied.otherwise is None or (applied.model and Reference.parse(applied.model).name == model):
            return applied
        return applied.otherwise

    def _money(self, place: int, route: Route) -> list[Exclusion]:
        """Give the reasons that are about money, and about whatever else is counted."""
        core, tokens = self.found.core, _tokens(self.task)
        offer, budget, longest = core.mind.offers[self.task.type], core.budget, self.task.max_output_tokens
        if self.task.input_tokens is None and tokens is not None:
            return []  # of what nobody counted the choice itself knows a bound
        routes = [model.route for model in self.found.catalog]
        routes[place] = route
        nano = core.mind.tariffs.worst_nano(tuple(routes), place, tokens, longest)
        read = tokens if tokens is not None else route.context_tokens
        written = longest or route.max_output_tokens or route.context_tokens
        most = None if read is None or written is None else read + written
        costs = Costs(
            priced=[route.prices is not None],
            free=[route.prices is not None and route.prices.is_free],
            worst_nano=[nano],
            expected_usd=[offer.expected_usd(place, tokens)],
        )
        hard = budget.in_usd
        reasons = cost_exclusions(
            costs, dollar_budget=core.mind.plan.has_usd_budget, hard_budget=hard, max_cost_usd=self.task.max_cost_usd
        )
        found = [each for each in reasons if each is not None]
        if budget.counts_tokens and most is None:
            found.append(Exclusion(reason=Reason.UNBOUNDED_COST, detail="nothing bounds its tokens"))
        return found + self._lacking(route, nano or 0, most or 0)

    def _lacking(self, route: Route, nano: int, tokens: int) -> list[Exclusion]:
        """Give the hard budgets that a call does not fit."""
        found, budget = [], self.found.core.budget
        rooms = list(zip(budget.hard, self.rooms, strict=True))
        for key in budget.scoped.keys(budget.scoped.of_task(self.task), route):
            account = budget.scoped.till(key, self.found.core.engine.clock())
            if account is not None and account.is_hard:
                rooms.append((account, self.accounts.get(key, account.limit)))
        for till, room in rooms:
            amount, left = till.amount(nano, tokens), max(room, 0)
            if amount <= left:
                continue
            said = f"may take {amount:,} {till.resource}, and {left:,} are left"
            if till.resource == "usd":
                said = f"may cost {amount / NANO:.6g} USD, and {left / NANO:.6g} are left"
            found.append(Exclusion(reason=Reason.OVER_BUDGET, detail=f"{till.label}: {said}"))
        return found

    def _bar(self, place: int) -> list[Exclusion]:
        """Tell whether a model is believed good enough, were it not for anything else."""
        core, applied = self.found.core, self.applied.otherwise or self.applied
        offer = core.mind.offers[self.task.type]
        bar = offer.bar if applied.min_success is None else applied.min_success
        if bar is None:
            return []
        objective, board = self.found.config.objective, offer.board
        points = core.engine.screen.preferences(applied)
        limited = core.engine.screen.of_rules(self.task.type, applied)
        may = np.array([a is None and b is None for a, b in zip(limited, offer.exclusions, strict=True)])
        may[place] = True
        policy = MinSuccess(bar, 0.5 if objective is None else objective.confidence)
        good = policy.screen(board.view(board.high, board.cost, may, points if points.any() else None))
        below = Exclusion(reason=Reason.BELOW_MIN_SUCCESS, detail=f"believed below {bar:g}")
        return [] if good[place] else [below]


def judge(found: Reading, task: Task, *, at: float | None = None) -> Judged:
    """Find out what would become of a task, and write nothing.

    Parameters
    ----------
    found
        The state folder, which is asked for no other task afterwards.
    task
        The task.
    at
        What the rules take for the time, in seconds since 1970; None: now.
    """
    core, decision, refusal = found.core, None, None
    if at is not None:
        found.show_rules(at)
    core.engine.keep_time(now())
    around = Surroundings(
        clock=now if at is None else lambda: at,
        zone=ZoneInfo(found.config.timezone),
        provider_status=core.engine.provider_status,
        budget_remaining=core.budget.remaining,
    )
    rules, facts = rules_of(found.config), Facts.of(task, around)
    unit = task.id or f"{core.engine.prefix}-{1:08x}"  # else shares go by the decision's id, and it is the first
    considered, applied = rules.trace(facts, unit), rules.apply(facts, unit)
    rooms = tuple(till.room for till in core.budget.hard)
    accounts = {key: till.room for key, till in core.budget.scoped.tills.items()}
    try:
        decision = found.preview(task)
    except NoEligibleModelError as error:
        refusal = error
    return Judged(found, task, rules, considered, applied, decision, refusal, rooms, accounts)


def outcome(one: Considered) -> str:
    """Say in a word what became of a rule."""
    if not one.reached:
        return "not_reached"
    if not one.why.holds:
        return "does_not_hold"
    return "control" if one.arm is Arm.CONTROL else "fired"


def _has(every: list[str], first: str) -> bool:
    """Tell whether a reason is among some, whoever would force the model."""
    return first.partition(" (")[0] in {each.partition(" (")[0] for each in every}


def _tokens(task: Task) -> int | None:
    return task.input_tokens if task.input_tokens is not None else count_tokens(task)


def _today() -> datetime:
    return datetime.fromtimestamp(now(), UTC)
