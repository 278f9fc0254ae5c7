"""Who else may serve a task whose call failed: other routes, the configured chain, what the policy thinks next best."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

from selector._clients._core import Core
from selector._clients.choice._offer import Offer
from selector._clients.money._parts import NOTHING, Amounts, together
from selector.budgets import Till
from selector.catalog import Route
from selector.records import Decision, Failure, Task

__all__ = ["Alternatives"]


class Alternatives:
    """Who else may serve one task; `selector.execution.Choices`.

    Parameters
    ----------
    core
        Where the decision was made.
    decision
        What was chosen first.
    task
        For what.
    """

    def __init__(self, core: Core, decision: Decision, task: Task) -> None:
        self._core, self._decision, self._task = core, decision, task
        self._screen, self._health = core.engine.screen, core.engine.health
        assert isinstance(decision.deal, Offer)  # noqa: S101 - a decision of this process
        self._offer, self._plan = decision.deal, decision.deal.plan
        self._config = self._plan.config
        self._terms = terms = self._offer.terms(decision)
        self._tokens = terms.input_tokens
        self._applied = None if terms.ruled is None else terms.ruled.applied
        self.spent: Amounts = NOTHING
        self.tightest: Till | None = None
        self._listed = False

    def _at(self) -> datetime:
        return datetime.fromtimestamp(max(self._core.engine.clock(), 0.0), UTC)

    def others(self, model: str) -> tuple[Route, ...]:
        """Give the routes of a model that may serve the task, but for a task's own narrowing."""
        place = self._plan.models.index(model)
        return self._screen.routes(place, self._task, input_tokens=self._tokens, applied=self._applied, at=self._at())

    def listed(self, failure: Failure) -> Iterator[Route]:
        """Give the routes that the configured chain names, of those that may serve; it may lead out of a purpose."""
        names = self._config.chains.after(failure, model=self._decision.model, task_type=self._task.type)
        if names is None:
            return
        self._listed = True
        written = tuple(dict.fromkeys(route for name in names for route in self._plan.catalog.routes(name)))
        yield from self._offer.able(self._terms, self._core.engine.clock(), self._offer.in_order(written, self._terms))

    def next_best(self, tried: frozenset[str]) -> tuple[Route, float | None] | None:
        """Let the policy choose among the models that were not tried, if the configuration lets it."""
        adaptive = self._config.fallback.adaptive
        if adaptive is None:
            adaptive = not self._listed
        if not adaptive:
            return None
        return self._core.engine.again(self._task, tried)

    def admits(self, route: Route) -> bool:
        """Tell whether a route's health allows a call now, and claim it."""
        return self._health.admit(route.name, self._core.engine.clock())

    def holds(self, route: Route) -> bool:
        """Hold what a call there can cost beside what was spent already; tell whether it fits the budgets."""
        if not self._core.hard:
            return True
        worst = self._core.engine.worst_of(route, self._task)
        budget = self._core.budget
        if (worst.nano is None and budget.in_usd) or (worst.tokens is None and budget.counts_tokens):
            return False
        keys = budget.scoped.keys(budget.scoped.of_task(self._task), route) if budget.scoped.any else ()
        need = together(self.spent, worst.amounts)
        lacking = self._core.extend(self._decision, need, keys)
        self.tightest = lacking or self.tightest
        return lacking is None
