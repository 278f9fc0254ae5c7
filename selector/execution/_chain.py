"""What to try when a call fails, without making any call: a generator that is told what happened."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal, NamedTuple, Protocol

from selector.catalog import Route
from selector.records import Failure

__all__ = ["Choices", "Resilience", "Seen", "Step", "Wait", "chain"]

ENDS = frozenset({Failure.CANCELLED, Failure.DEADLINE, Failure.BUDGET})
"""Failures that end the run."""
_ALIKE = frozenset({Failure.INVALID_ANSWER, Failure.CONTEXT_TOO_LONG})
"""Failures that another route of the same model would share."""
_BASE_S, _CAP_S = 0.5, 8.0
_PATIENCE_S = 5.0
_LONGEST_S = 60.0

RETRIES: Mapping[Failure, int] = MappingProxyType(
    dict.fromkeys((Failure.RATE_LIMITED, Failure.OVERLOADED, Failure.SERVER_ERROR, Failure.CONNECTION), 1)
)
"""How often the same route is tried again, by reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """Call this route.

    Examples
    --------
    >>> Step(route=Route(model="opus", id="opus"), selected_by="chain").without_reasoning
    False
    """

    route: Route
    """Where."""
    selected_by: str
    """Who chose it; see `Attempt.selected_by`."""
    propensity: float | None = None
    """With which probability the policy chose it; None: a configured step."""
    restarted: bool = False
    """Whether a stream begins anew after some of an answer was shown."""
    continued: bool = False
    """Whether it goes on where a stream broke off."""
    without_reasoning: bool = False
    """Whether reasoning of earlier answers is left out of what is sent."""


class Wait(NamedTuple):
    """Wait so many seconds, then go on."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came of a step.

    Examples
    --------
    >>> Seen(failure=Failure.RATE_LIMITED, retry_after_s=2.0).shown
    False
    """

    failure: Failure | None = None
    """Why it failed; None: it answered."""
    retry_after_s: float | None = None
    """How long the provider asks to be left alone."""
    shown: bool = False
    """Whether the consumer of a stream saw some of the answer."""
    of_reasoning: bool = False
    """Whether it was refused because of another model's reasoning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resilience:
    """How much is tried, and for how long.

    Examples
    --------
    >>> Resilience().max_attempts
    3
    """

    max_attempts: int = 3
    """How many routes are tried; another try at the same route is not counted."""
    retries: Mapping[Failure, int] = field(default_factory=lambda: RETRIES)
    """How often the same route is tried again, by reason."""
    deadline_s: float | None = None
    """When the run's own time is over, on the clock that is given; None: never."""
    midstream: Literal["raise", "restart", "continue"] = "raise"
    """What happens when a stream breaks off after some of it was shown."""


class Choices(Protocol):
    """Who else may serve, asked when it is needed."""

    def others(self, model: str) -> Iterable[Route]:
        """Give the routes of a model that may serve this task, the best first."""
        ...

    def listed(self, failure: Failure) -> Iterable[Route]:
        """Give the routes that the configured chain names after a failure, in order, of those that may serve."""
        ...

    def next_best(self, tried: frozenset[str]) -> tuple[Route, float | None] | None:
        """Let the policy choose among the models that were not tried; None: it may not, or nobody is left."""
        ...

    def admits(self, route: Route) -> bool:
        """Tell whether a route's health allows a call now, and claim it."""
        ...

    def holds(self, route: Route) -> bool:
        """Hold what a call there can cost; tell whether it fits the budgets."""
        ...


def chain(
    first: Step, choices: Choices, how: Resilience, clock: Callable[[], float], jitter: Callable[[], float]
) -> Generator[Step | Wait, Seen | None, Failure | None]:
    """Say what to call, one step after the other, until there is an answer or nobody is left.

    After a failure the same route is tried again where that is worth it, then another route of the same model, then the
    configured chain, then whatever the policy thinks next best. It yields a `Step` and is sent what was `Seen`, or it
    yields a `Wait` and is sent nothing.

    Parameters
    ----------
    first
        The decision's own; its hold stands.
    choices
        Who else may serve.
    how
        How much is tried.
    clock
        Seconds, on the clock of `Resilience.deadline_s`.
    jitter
        Gives a number in [0, 1): waits are full-jitter, so that many callers do not come back at once.

    Returns
    -------
    Failure or None
        None: answered. Else why it ended.

    Examples
    --------
    >>> class Nobody:
    ...     def others(self, model): return []
    ...     def listed(self, failure): return []
    ...     def next_best(self, tried): return None
    ...     def admits(self, route): return True
    ...     def holds(self, route): return True
    >>> steps = chain(Step(route=Route(model="opus", id="opus"), selected_by="policy"), Nobody(), Resilience(),
    ...               clock=lambda: 0.0, jitter=lambda: 0.5)
    >>> next(steps).route.name
    'opus'
    >>> steps.send(Seen(failure=Failure.SERVER_ERROR))
    Wait(seconds=0.25)
    >>> next(steps).selected_by
    'retry'
    >>> try:
    ...     steps.send(Seen(failure=Failure.SERVER_ERROR))
    ... except StopIteration as end:
    ...     end.value
    <Failure.SERVER_ERROR: 'server_error'>
    """
    return _Chain(choices, how, clock, jitter).run(first)


class _Chain:
    """One run's way down the chain."""

    def __init__(
        self, choices: Choices, how: Resilience, clock: Callable[[], float], jitter: Callable[[], float]
    ) -> None:
        self._choices, self._how, self._clock, self._jitter = choices, how, clock, jitter
        self._routes: set[str] = set()
        self._models: set[str] = set()
        self._again: dict[Failure, int] = {}
        self._n_routes, self._last = 0, ""
        self._lacks_money = False

    def run(self, first: Step) -> Generator[Step | Wait, Seen | None, Failure | None]:
        """Go from step to step."""
        step: Step | None = first
        if not self._choices.admits(first.route):
            self._routes.add(first.route.name)
            step = self._next(first, Seen(failure=Failure.OVERLOADED)) or first
        while step is not None:
            self._note(step.route)
            if self._left() <= 0:
                return Failure.DEADLINE
            seen = yield step
            assert seen is not None  # noqa: S101 - a step is answered by what was seen
            if seen.failure is None:
                return None
            if seen.failure in ENDS or (seen.shown and self._how.midstream == "raise"):
                return seen.failure
            step, wait = self._after(step, seen)
            if wait:
                yield Wait(wait)
            if step is None:
                return Failure.BUDGET if self._lacks_money else seen.failure
        return None

    def _note(self, route: Route) -> None:
        if route.name != self._last:
            self._last = route.name
            self._routes.add(route.name)
            self._models.add(route.model)
            self._n_routes += 1
            self._again.clear()

    def _left(self) -> float:
        return float("inf") if self._how.deadline_s is None else self._how.deadline_s - self._clock()

    def _after(self, step: Step, seen: Seen) -> tuple[Step | None, float]:
        """Find the step after a failure, and how long to wait before it."""
        self._lacks_money = False
        if seen.failure is Failure.BAD_REQUEST:
            if seen.of_reasoning and not step.without_reasoning:
                self._lacks_money = not self._choices.holds(step.route)
                again = replace(step, selected_by="retry", propensity=None, without_reasoning=True)
                return (None if self._lacks_money else self._shaped(again, seen)), 0.0
            return None, 0.0
        wait = self._wait_s(seen)
        again = replace(step, selected_by="retry", propensity=None)
        if wait is not None and not self._choices.holds(step.route):
            wait, self._lacks_money = None, True
        if wait is not None and wait <= _PATIENCE_S and not seen.shown:
            return self._once_more(again, seen), wait
        found = self._next(step, seen)
        if found is not None:
            return found, 0.0
        if wait is None:
            return None, 0.0
        return self._once_more(again, seen), wait

    def _once_more(self, step: Step, seen: Seen) -> Step:
        assert seen.failure is not None  # noqa: S101 - asked before
        self._again[seen.failure] = self._again.get(seen.failure, 0) + 1
        return self._shaped(step, seen)

    def _wait_s(self, seen: Seen) -> float | None:
        """Say how long to wait before the same route is tried again; None: it is not."""
        failure = seen.failure
        assert failure is not None  # noqa: S101 - asked before
        n = self._again.get(failure, 0)
        if n >= self._how.retries.get(failure, 0):
            return None
        wait = self._jitter() * min(_CAP_S, _BASE_S * 2.0**n)
        if seen.retry_after_s is not None:
            wait = max(wait, seen.retry_after_s)
        return wait if wait < min(self._left(), _LONGEST_S if self._how.deadline_s is None else self._left()) else None

    def _next(self, step: Step, seen: Seen) -> Step | None:
        """Find another route: of the same model, of the configured chain, or by the policy."""
        if self._n_routes >= self._how.max_attempts:
            return None
        failure = seen.failure
        assert failure is not None  # noqa: S101 - asked before
        model = step.route.model
        found = None if failure in _ALIKE else self._first(self._choices.others(model))
        if found is not None:
            return self._shaped(replace(step, route=found, selected_by="route", propensity=None), seen)
        listed = (r for r in self._choices.listed(failure) if not (failure in _ALIKE and r.model in self._models))
        found = self._first(listed)
        if found is not None:
            return self._shaped(replace(step, route=found, selected_by="chain", propensity=None), seen)
        passed: set[str] = set()
        while (best := self._choices.next_best(frozenset(self._models | passed))) is not None:
            route, propensity = best
            if self._first([route]) is not None:
                return self._shaped(replace(step, route=route, selected_by="policy", propensity=propensity), seen)
            passed.add(route.model)
        return None

    def _first(self, routes: Iterable[Route]) -> Route | None:
        for route in routes:
            if route.name in self._routes:
                continue
            if not self._choices.holds(route):
                self._lacks_money = True
            elif self._choices.admits(route):
                return route
        return None

    def _shaped(self, step: Step, seen: Seen) -> Step:
        """Say how a stream goes on of which some was shown."""
        begun = seen.shown or step.restarted or step.continued
        on = begun and self._how.midstream == "continue" and seen.failure is not Failure.INVALID_ANSWER
        return replace(step, restarted=begun and not on, continued=on)
