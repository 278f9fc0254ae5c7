"""What holds for many tasks alike: what their type, and the rules that fired, leave of all models."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.candidates._narrowing import Narrowed
from selector.candidates._references import References, Routes
from selector.candidates._steps import Promises, Step, allowing, forbidding, needing, promising, said_by
from selector.catalog import Catalog
from selector.config import TaskTypeConfig, settings_of
from selector.errors import ConfigError
from selector.records import Exclusion, Reason
from selector.rules import Applied, Limit

__all__ = ["Choosable", "Standing", "Wish", "in_vain", "told"]

_KEPT = 1_024  # different wishes, limits and outcomes of rules whose answers are kept
_DATA = "data:"


class Wish(NamedTuple):
    """What a single task asks beyond its type."""

    needs: tuple[str, ...]
    """Capabilities, and ``data:WORD`` for what a provider must promise."""
    only: tuple[str, ...]
    """References of the only models that may serve; empty: all."""
    purpose: str | None
    """The purpose whose models may serve; None: any."""


class Choosable(NamedTuple):
    """What is left under an outcome of the rules, which is kept alive so that its identity stays its own."""

    applied: Applied | None
    """The outcome."""
    left: Narrowed
    """Models and routes."""
    exclusions: tuple[Exclusion | None, ...]
    """Those of `left`; a model that is forced in vain is told so."""
    model: int | None = None
    """The place of the model that is forced."""
    routes: Routes = frozenset()
    """Those that the force names."""
    unknown: str = ""
    """Why the force names no model."""


@dataclass(frozen=True, slots=True)
class _Kinds:
    task_types: dict[str, TaskTypeConfig]


class Standing:
    """What is left of all models by task type and outcome of the rules, each worked out once and kept.

    Parameters
    ----------
    catalog
        Every model.
    task_types
        What tasks of each type need.
    references
        What references name.
    promises
        What providers promise of data.

    Raises
    ------
    ConfigError
        If a type's `only` names nothing.
    """

    def __init__(
        self,
        catalog: Catalog,
        task_types: Mapping[str, TaskTypeConfig],
        references: References,
        promises: Promises,
    ) -> None:
        self.references = references
        self._promises = promises
        self._places = {name: k for k, name in enumerate(catalog.models)}
        whole = Narrowed.of(tuple(catalog))
        kinds = _Kinds(dict(task_types))
        self._types = {name: _unruled(whole.by(*self._of_type(kinds, name))) for name in task_types}
        self._untyped = _unruled(whole)
        self._ruled: dict[tuple[str | None, int], Choosable] = {}
        self._points: dict[int, tuple[Applied, NDArray[np.float64]]] = {}
        self._none = _frozen(np.zeros(len(catalog)))
        self._limited = lru_cache(maxsize=_KEPT)(self._by_limits)
        self.wishing = lru_cache(maxsize=_KEPT)(self._by_wish)

    def of(self, type_: str, applied: Applied | None) -> Choosable:
        """Find what is left for a type and an outcome of the rules; the same object for the same two objects."""
        root = type_ if type_ in self._types else self._root(type_)
        if applied is None:
            return self._untyped if root is None else self._types[root]
        key = (root, id(applied))
        found = self._ruled.get(key)
        if found is None:
            found = self._under(root, applied)
            if len(self._ruled) >= _KEPT:
                self._ruled.clear()
            self._ruled[key] = found
        return found

    def points(self, applied: Applied | None) -> NDArray[np.float64]:
        """Add up the points of `prefer` per model; the same object for the same object."""
        if applied is None or not applied.prefer:
            return self._none
        found = self._points.get(id(applied))
        if found is None:
            points = np.zeros(len(self._none))
            for text, value in applied.prefer.items():
                for name in {model for model, _ in self.references.routes([text], key="prefer")}:
                    points[self._places[name]] += value
            found = applied, _frozen(points)
            if len(self._points) >= _KEPT:
                self._points.clear()
            self._points[id(applied)] = found
        return found[1]

    def _root(self, type_: str) -> str | None:
        """Find the nearest parent that is configured; its settings are the type's own."""
        while "/" in type_:
            type_ = type_.rpartition("/")[0]
            if type_ in self._types:
                return type_
        return None

    def _of_type(self, kinds: _Kinds, name: str) -> Iterator[Step]:
        kind = settings_of(kinds, name)
        owner = name
        while "/" in owner and "only" not in kinds.task_types.get(owner, TaskTypeConfig()).model_fields_set:
            owner = owner.rpartition("/")[0]
        yield from self._needing((*kind.needs, *(_DATA + word for word in kind.data)))
        yield from self._only(kind.only, f"task_types.{owner}.only")

    def _needing(self, needs: Sequence[str]) -> Iterator[Step]:
        words = tuple(dict.fromkeys(word for word in needs if not word.startswith(_DATA)))
        data = tuple(dict.fromkeys(word.removeprefix(_DATA) for word in needs if word.startswith(_DATA)))
        if words:
            yield needing(words)
        if data:
            yield promising(data, self._promises)

    def _only(self, only: Sequence[str], key: str) -> Iterator[Step]:
        if only:
            detail = f"{key} is {', '.join(only)}"
            yield allowing(self.references.routes(only, key=key), Exclusion(reason=Reason.NOT_IN_ONLY, detail=detail))

    def _purpose(self, purpose: str | None, key: str, by: str = "") -> Iterator[Step]:
        if purpose is not None:
            exclusion = Exclusion(reason=Reason.NOT_IN_PURPOSE, detail=f"{by}{purpose}")
            yield allowing(self.references.purpose(purpose, key=key), exclusion)

    def _by_wish(self, left: Narrowed, wish: Wish) -> Narrowed:
        return left.by(
            *self._needing(wish.needs),
            *self._purpose(wish.purpose, "Task.purpose"),
            *self._only(wish.only, "Task.only"),
        )

    def _by_limits(
        self,
        root: str | None,
        only: tuple[Limit, ...],
        forbid: tuple[Limit, ...],
        purpose: tuple[str | None, str],
    ) -> Narrowed:
        start = self._untyped if root is None else self._types[root]
        steps = list(self._purpose(purpose[0], "purpose", f"{purpose[1]}: purpose "))
        for effect, reason, limits, step in (
            ("only", Reason.NOT_IN_ONLY, only, allowing),
            ("forbid", Reason.FORBIDDEN_BY_RULE, forbid, forbidding),
        ):
            for limit in limits:
                by = said_by(limit.rule)
                routes = self.references.routes(limit.references, key=f"{by}: {effect}")
                detail = f"{by}: {effect} {', '.join(limit.references)}"
                steps.append(step(routes, Exclusion(reason=reason, detail=detail)))
        return start.left.by(*steps)

    def _under(self, root: str | None, applied: Applied) -> Choosable:
        setter = said_by(applied.fired[0].rule) if len(applied.fired) == 1 else "a rule"
        by = _by(applied)
        left = self._limited(root, applied.only, applied.forbid, (applied.purpose, setter if applied.purpose else ""))
        if applied.model is None:
            return Choosable(applied, left, left.exclusions)
        try:
            routes = self.references.routes([applied.model], key=by)
        except ConfigError as error:
            return Choosable(applied, left, left.exclusions, unknown=str(error))
        [*names] = {model for model, _ in routes}
        if len(names) > 1:
            said = f"{by}: {applied.model!r} names several models, and one serves"
            return Choosable(applied, left, left.exclusions, unknown=said)
        place = self._places[names[0]]
        return Choosable(applied, left, in_vain(left.exclusions, place, applied), place, routes)


def in_vain(exclusions: tuple[Exclusion | None, ...], place: int, applied: Applied) -> tuple[Exclusion | None, ...]:
    """Say at an excluded model that it would have been forced; the same object where it is not excluded."""
    found = exclusions[place]
    if found is None:
        return exclusions
    return (*exclusions[:place], told(found, applied), *exclusions[place + 1 :])


def told(found: Exclusion, applied: Applied) -> Exclusion:
    """Say in an exclusion who would force what it excludes."""
    said = f"{_by(applied)} would force it"
    return Exclusion(reason=found.reason, detail=f"{found.detail}; {said}" if found.detail else said)


def _by(applied: Applied) -> str:
    return said_by(applied.by) if applied.by else "a rule"


def _unruled(left: Narrowed) -> Choosable:
    return Choosable(None, left, left.exclusions)


def _frozen(points: NDArray[np.float64]) -> NDArray[np.float64]:
    points.setflags(write=False)
    return points
