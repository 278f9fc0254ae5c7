"""One task's way through the screen: what its wishes, its length and the moment leave of what the rules left."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from selector.candidates._availability import Availability
from selector.candidates._forced import Forced
from selector.candidates._implied import implied_needs
from selector.candidates._narrowing import Narrowed, fits
from selector.candidates._standing import Standing, Wish, in_vain, told
from selector.catalog import Route
from selector.errors import NoEligibleModelError
from selector.records import Exclusion, Task
from selector.rules import Applied

__all__ = ["Asked", "Sieve"]


class Asked(NamedTuple):
    """Who is to be found for which task, when."""

    task: Task
    input_tokens: int | None
    applied: Applied | None
    at: datetime | None

    @property
    def tokens(self) -> int:
        """How much must fit: the input and the longest answer, as far as they are known."""
        return (self.input_tokens or 0) + (self.task.max_output_tokens or 0)


@dataclass(frozen=True, slots=True)
class Sieve:
    """Asks what is left for one task."""

    standing: Standing
    """What holds for many tasks alike."""
    declared: AbstractSet[str]
    """The capabilities that some model declares."""
    availability: Availability | None
    """Who knows which routes cannot serve just now."""

    def exclusions(self, asked: Asked) -> tuple[Exclusion | None, ...]:
        """Say why each model may not serve; the standing object where the task excludes nobody else."""
        chosen = self.standing.of(asked.task.type, asked.applied)
        found = self.excluded(self.left(asked), asked)
        if found is chosen.left.exclusions:
            return chosen.exclusions
        return found if asked.applied is None or chosen.model is None else in_vain(found, chosen.model, asked.applied)

    def left(self, asked: Asked, *, implied: bool = True) -> Narrowed:
        """Take away what the task does not allow, whatever its length; implied needs say nothing of routes."""
        task, applied = asked.task, asked.applied
        left = self.standing.of(task.type, applied).left
        needs = tuple(task.needs)
        if implied:
            needs += implied_needs(task, self.declared)
        purpose = task.purpose if applied is None or applied.purpose is None else None
        if not needs and not task.only and purpose is None:
            return left
        return self.standing.wishing(left, Wish(needs, tuple(task.only), purpose))

    def excluded(self, left: Narrowed, asked: Asked) -> tuple[Exclusion | None, ...]:
        """Take away what is too short for the task, or not available; the same object where that is nobody."""
        found = left.too_long(asked.tokens)
        if self.availability is None:
            return found
        now = [
            self._all_unavailable(routes, asked) if why is None else why
            for why, routes in zip(found, left.routes, strict=True)
        ]
        return found if now == list(found) else tuple(now)

    def routes(self, model: int, asked: Asked) -> tuple[Route, ...]:
        """Find the routes of one model that may serve, whatever the model can do."""
        return self._serving(self.left(asked, implied=False).routes[model], asked)

    def first(self, asked: Asked) -> list[Route]:
        """Find the first route of each model that may serve, else its first."""
        left = self.left(asked, implied=False)
        rows = zip(left.models, left.routes, strict=True)
        return [next(iter(self._serving(routes, asked)), model.route) for model, routes in rows]

    def route(self, model: int, asked: Asked) -> Route:
        """Find the first route of one model that may serve, or refuse."""
        left = self.left(asked, implied=False)
        found = self._serving(left.routes[model], asked)
        if not found:
            name, reason = left.models[model].name, str(self.excluded(left, asked)[model])
            raise NoEligibleModelError(f"no route of {name!r} may serve this task: {reason}", {name: reason})
        return found[0]

    def against(self, model: int, asked: Asked) -> dict[str, tuple[Exclusion, ...]]:
        """Give every reason against each route of a model."""
        left, found = self.left(asked), {}
        for route in left.models[model].routes:
            now = self._unavailable(route, asked)
            found[route.name] = (*left.against(model, route, asked.tokens), *(() if now is None else (now,)))
        return found

    def forced(self, applied: Applied, asked: Asked) -> Forced | None:
        """Find the model and route that are forced, if they may serve."""
        if applied.model is None:
            return None
        chosen, reference, by = self.standing.of(asked.task.type, applied), applied.model, applied.by or "a rule"
        k = chosen.model
        if k is None:
            return Forced(reference=reference, by=by, why=chosen.unknown)
        found = self.exclusions(asked)[k]
        if found is None:
            wanted = [route for route in chosen.left.models[k].routes if (route.model, route.provider) in chosen.routes]
            route = next((route for route in self.routes(k, asked) if route in wanted), None)
            if route is not None:
                return Forced(reference=reference, by=by, model=k, route=route)
            found = told(self.against(k, asked)[wanted[0].name][0], applied)
        return Forced(reference=reference, by=by, model=k, exclusion=found, why=str(found))

    def _serving(self, routes: tuple[Route, ...], asked: Asked) -> tuple[Route, ...]:
        tokens = asked.tokens
        if self.availability is None:
            return tuple(route for route in routes if fits(route, tokens))
        return tuple(route for route in routes if fits(route, tokens) and self._unavailable(route, asked) is None)

    def _all_unavailable(self, routes: tuple[Route, ...], asked: Asked) -> Exclusion | None:
        """Give the reason of the first route that is long enough, if none of those is available."""
        first: Exclusion | None = None
        for route in routes:
            if fits(route, asked.tokens):
                found = self._unavailable(route, asked)
                if found is None:
                    return None
                first = first or found
        return first

    def _unavailable(self, route: Route, asked: Asked) -> Exclusion | None:
        if self.availability is None:
            return None
        if asked.at is None:
            raise ValueError("`at` must be given, as an aware datetime: this screen asks who is available at a moment")
        purpose = (
            asked.task.purpose if asked.applied is None or asked.applied.purpose is None else asked.applied.purpose
        )
        return self.availability.excluded(route, asked.at, task_type=asked.task.type, purpose=purpose)
