"""From all models to those that may serve: each step takes away, and none gives back."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from selector.candidates._steps import ENABLED, Step
from selector.catalog import Model, Route
from selector.records import Exclusion, Reason

__all__ = ["Narrowed", "first_fitting", "fits"]


@dataclass(frozen=True, slots=True, eq=False)
class Narrowed:
    """Which models and routes are left, and why the others are not.

    Examples
    --------
    >>> opus = Model(name="opus", family="opus", routes=(Route(model="opus", id="opus", context_tokens=200_000),))
    >>> left = Narrowed.of([opus])
    >>> print(left.too_long(210_000)[0])
    context_too_small (needs 210,000 of 200,000 tokens)
    """

    models: tuple[Model, ...]
    """All of the catalog."""
    exclusions: tuple[Exclusion | None, ...]
    """Why each may not serve, or None."""
    routes: tuple[tuple[Route, ...], ...]
    """The routes of each that are left by the steps about routes."""
    passed: tuple[Exclusion | None, ...]
    """Why the first route of each is not left, or None."""
    steps: tuple[Step, ...]
    """What was taken into account, in order."""
    fits: float = field(init=False)
    """How many tokens fit every model that is left, at one of its routes at least."""

    def __post_init__(self) -> None:
        left = (routes for routes, found in zip(self.routes, self.exclusions, strict=True) if found is None)
        object.__setattr__(self, "fits", min(map(_longest, left), default=math.inf))

    @classmethod
    def of(cls, models: Sequence[Model]) -> Narrowed:
        """Begin with all models that are enabled."""
        nothing = (None,) * len(models)
        return cls(tuple(models), nothing, tuple(model.routes for model in models), nothing, ()).by(ENABLED)

    def by(self, *steps: Step) -> Narrowed:
        """Take away what some steps do; a model is excluded by the step that leaves it no route, and keeps that reason.

        Returns
        -------
        Narrowed
            The same object where there is no step, and with the same exclusions, the object, where they are equal:
            callers compare them by identity.
        """
        if not steps:
            return self
        rows = [self._row(k, steps) for k in range(len(self.models))]
        exclusions = tuple(row[0] for row in rows)
        return Narrowed(
            self.models,
            self.exclusions if exclusions == self.exclusions else exclusions,
            tuple(row[1] for row in rows),
            tuple(row[2] for row in rows),
            self.steps + steps,
        )

    def too_long(self, tokens: int) -> tuple[Exclusion | None, ...]:
        """Say who may not serve a task of so many tokens, input and longest answer together."""
        if tokens <= self.fits:
            return self.exclusions
        return tuple(found or self._too_small(k, tokens) for k, found in enumerate(self.exclusions))

    def against(self, k: int, route: Route, tokens: int) -> Iterator[Exclusion]:
        """Give all reasons against a route of a model, one for each step that has one."""
        for step in self.steps:
            found = step.test(self.models[k], route)
            if found is not None:
                yield found
        if not fits(route, tokens):
            yield _short(route, tokens)

    def _row(self, k: int, steps: Sequence[Step]) -> tuple[Exclusion | None, tuple[Route, ...], Exclusion | None]:
        model, found, routes, passed = self.models[k], self.exclusions[k], self.routes[k], self.passed[k]
        for step in steps:
            if step.whole:
                found = found or step.test(model, model.route)
                continue
            why = [step.test(model, route) for route in routes]
            if routes and routes[0] is model.route and why[0] is not None:
                passed = why[0]
            routes = tuple(route for route, no in zip(routes, why, strict=True) if no is None)
            if not routes and found is None:
                found = why[0]
        return found, routes, passed

    def _too_small(self, k: int, tokens: int) -> Exclusion | None:
        """Exclude a model none of whose routes fits: for the reason of its first route, be it left or not."""
        left, passed = self.routes[k], self.passed[k]
        if first_fitting(left, tokens) is not None:
            return None
        short = _short(left[0], tokens)
        if passed is None:
            return short
        said = f"{passed.detail}; of its routes {left[0].name} is the first allowed, and {short.detail}"
        return Exclusion(reason=passed.reason, detail=said)


def fits(route: Route, tokens: int) -> bool:
    """Say whether a route's context holds so many tokens; one that nobody knows holds any.

    Examples
    --------
    >>> fits(Route(model="opus", id="opus", context_tokens=8_000), 9_000)
    False
    """
    return route.context_tokens is None or tokens <= route.context_tokens


def first_fitting(routes: Sequence[Route], tokens: int) -> Route | None:
    """Find the first route whose context holds so many tokens.

    Examples
    --------
    >>> first_fitting([Route(model="opus", id="opus", context_tokens=8_000)], 9_000) is None
    True
    """
    return next((route for route in routes if fits(route, tokens)), None)


def _longest(routes: Sequence[Route]) -> float:
    return max((math.inf if r.context_tokens is None else r.context_tokens for r in routes), default=math.inf)


def _short(route: Route, tokens: int) -> Exclusion:
    said = f"needs {tokens:,} of {route.context_tokens:,} tokens"
    return Exclusion(reason=Reason.CONTEXT_TOO_SMALL, detail=said)
