"""From all models to those that may serve: each step takes away, and none gives back."""

from __future__ import annotations

import math
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from selector.catalog import Catalog, Model, Route
from selector.errors import ConfigError
from selector.records import Exclusion, Reason

__all__ = ["Narrowed", "Wish", "first_fitting"]

_DISABLED = Exclusion(reason=Reason.DISABLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a task type, or a task beyond its type, asks of a model.

    Examples
    --------
    >>> Wish(only=("opus", "tag:external"), key="Task.only").detail
    'Task.only is opus, tag:external'
    """

    needs: tuple[str, ...] = ()
    """The capabilities that it must have."""
    only: tuple[str, ...] = ()
    """References of the only models that may serve; empty: all."""
    key: str = "only"
    """Where `only` was written, for messages."""

    @property
    def detail(self) -> str:
        """What an exclusion by `only` says."""
        return f"{self.key} is {', '.join(self.only)}"

    def routes(self, catalog: Catalog) -> AbstractSet[tuple[str, str | None]] | None:
        """Name the only routes, as (model, provider); None: all.

        Raises
        ------
        ConfigError
            If a reference names nothing; it names the key and the nearest.
        """
        if not self.only:
            return None
        try:
            found = [route for reference in self.only for route in catalog.routes(reference)]
        except ConfigError as error:
            raise type(error)(str(error), key=self.key) from None
        return {(route.model, route.provider) for route in found}


@dataclass(frozen=True, slots=True)
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
    """The routes that are left of each; none if its own `only` left none."""
    fits: float = field(init=False)
    """How many tokens fit every model that is left, at one of its routes at least."""

    def __post_init__(self) -> None:
        left = (routes for routes, found in zip(self.routes, self.exclusions, strict=True) if found is None)
        object.__setattr__(self, "fits", min(map(_longest, left), default=math.inf))

    @classmethod
    def of(cls, models: Sequence[Model]) -> Narrowed:
        """Begin with all models that are enabled."""
        exclusions = tuple(None if model.enabled else _DISABLED for model in models)
        return cls(tuple(models), exclusions, tuple(model.routes for model in models))

    def by(self, wish: Wish, catalog: Catalog) -> Narrowed:
        """Take away what a wish does not allow; who was excluded before keeps that reason."""
        allowed = wish.routes(catalog)
        routes = tuple(
            tuple(route for route in left if allowed is None or (route.model, route.provider) in allowed)
            for left in self.routes
        )
        not_in_only = Exclusion(reason=Reason.NOT_IN_ONLY, detail=wish.detail)
        exclusions = tuple(
            found or _lacking(model, wish.needs) or (None if left else not_in_only)
            for model, found, left in zip(self.models, self.exclusions, routes, strict=True)
        )
        # The same answer is the same object, so that callers can compare by identity.
        return Narrowed(self.models, self.exclusions if exclusions == self.exclusions else exclusions, routes)

    def too_long(self, tokens: int) -> tuple[Exclusion | None, ...]:
        """Say who may not serve a task of so many tokens, input and longest answer together."""
        if tokens <= self.fits:
            return self.exclusions
        return tuple(
            found or _too_small(model, left, tokens)
            for model, found, left in zip(self.models, self.exclusions, self.routes, strict=True)
        )


def first_fitting(routes: Sequence[Route], tokens: int) -> Route | None:
    """Find the first route whose context holds so many tokens; one that nobody knows holds any.

    Examples
    --------
    >>> first_fitting([Route(model="opus", id="opus", context_tokens=8_000)], 9_000) is None
    True
    """
    return next((route for route in routes if route.context_tokens is None or tokens <= route.context_tokens), None)


def _longest(routes: Sequence[Route]) -> float:
    return max((math.inf if r.context_tokens is None else r.context_tokens for r in routes), default=math.inf)


def _lacking(model: Model, needs: Sequence[str]) -> Exclusion | None:
    missing = [need for need in needs if need not in model.capabilities]
    return Exclusion(reason=Reason.MISSING_CAPABILITY, detail=", ".join(missing)) if missing else None


def _too_small(model: Model, left: Sequence[Route], tokens: int) -> Exclusion | None:
    """Exclude a model none of whose routes fits: for the reason of its first route, be it left or not."""
    if first_fitting(left, tokens) is not None:
        return None
    said = f"needs {tokens:,} of {left[0].context_tokens:,} tokens"
    if left[0] is model.route:
        return Exclusion(reason=Reason.CONTEXT_TOO_SMALL, detail=said)
    return Exclusion(reason=Reason.NOT_IN_ONLY, detail=f"of its routes {left[0].name} is the first allowed, and {said}")
