"""Budgets of a part of the work: a tag, a provider, a task type, each user; who is charged for which task and route."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from selector._clients.money._parts import Amounts, Part
from selector.budgets import Till
from selector.catalog import Catalog, Route
from selector.config import BudgetConfig, Config
from selector.records import Task

__all__ = ["Amounts", "Scoped"]

_OF_ROUTE = frozenset({"model", "tag", "provider", "route"})
_SHOWN = 50
_APART = "\n"  # between a budget's name, which has none, and the value of an account


class _Limit(NamedTuple):
    """One budget with a scope, or one for each value of something."""

    config: BudgetConfig
    label: str
    of_task: tuple[tuple[str, str], ...]
    """What its scope asks of the task: kinds and values."""
    routes: frozenset[str] | None
    """The routes that its scope names; None: all."""
    each: str | None
    """Of what each value has an account of its own."""
    of_run: bool
    """Whether it holds for one run, and has no account."""

    def value(self, task: Task) -> str | None:
        """Say which account a task is on, as far as the task decides; None: on none."""
        if not all(value in _said(task, kind) for kind, value in self.of_task):
            return None
        if self.each is None or self.each in _OF_ROUTE or self.each == "run":
            return ""
        return next(iter(_said(task, self.each)), None)

    def key(self, value: str, route: Route) -> str | None:
        """Name the account, for a route; None: the route is on none."""
        if self.routes is not None and route.name not in self.routes:
            return None
        if self.each in _OF_ROUTE:
            value = {"model": route.model, "provider": route.provider or "", "route": route.name}[self.each or ""]
        return f"{self.label}{_APART}{value}" if value else self.label


class Scoped:
    """All budgets that do not hold for everything, each with as many accounts as its values ask for.

    A task that has no such value, as one without a user where each user has a budget, is charged to none of them.

    Parameters
    ----------
    config
        With the budgets.
    catalog
        The models, for what scopes name.
    now
        Seconds since 1970.
    """

    def __init__(self, config: Config, catalog: Catalog, now: float) -> None:
        limits = [each for each in config.budgets if is_scoped(each)]
        self._limits = tuple(_limit(each, catalog) for each in limits)
        self._by_label = {limit.label: limit for limit in self._limits}
        self._zone = config.timezone
        self.tills: dict[str, Till] = {}
        self.any = bool(limits)
        self.is_hard = any(each.is_hard for each in limits)
        self.counts_tokens = any(each.resource == "tokens" for each in limits)
        self.counts_usd = any(each.resource == "usd" and each.is_hard for each in limits)
        self._keys: dict[tuple[int, str, str], str | None] = {}
        self.ends = math.inf
        self.is_shared = False
        self._now = now

    def of_task(self, task: Task) -> tuple[tuple[int, str], ...]:
        """Find the budgets that a task may be charged to: which, and with which value."""
        found = ((place, limit.value(task)) for place, limit in enumerate(self._limits))
        return tuple((place, value) for place, value in found if value is not None)

    def keys(self, of_task: Sequence[tuple[int, str]], route: Route) -> tuple[str, ...]:
        """Name the accounts that a task is charged to if it goes to a route."""
        found = (self._limits[place].key(value, route) for place, value in of_task)
        return tuple(key for key in found if key is not None)

    def of_route(self, key: str, model: str, route: str) -> bool:
        """Tell whether what was used at a route is on an account."""
        limit = self._limit(key)
        if limit is None:
            return False
        if limit.routes is not None and route not in limit.routes:
            return False
        value = key[len(limit.label) + 1 :]
        asked = {"model": model, "provider": route[len(model) + 1 :], "route": route}
        return limit.each not in _OF_ROUTE or asked[limit.each or ""] == value

    def _limit(self, key: str) -> _Limit | None:
        found = self._by_label.get(key)
        if found is not None:
            return found
        label, apart, _ = key.partition(_APART)
        return self._by_label.get(label) if apart else None

    def till(self, key: str, at: float) -> Till | None:
        """Find an account, or open it; None: its budget is not configured any more."""
        found = self.tills.get(key)
        if found is None:
            limit = self._limit(key)
            if limit is None:
                return None
            found = self.tills[key] = self._seen(key, limit, at)
            self.ends = min(self.ends, found.ends)
        return found

    @property
    def names(self) -> list[str]:
        """What its accounts are called, and budgets that have but one."""
        single = [limit.label for limit in self._limits if limit.each is None and not limit.of_run]
        return list(dict.fromkeys([*single, *(till.label for till in self.tills.values())]))

    def named(self, name: str, at: float) -> tuple[str, Till | None]:
        """Find an account by its name, or open it; with its key."""
        label, apart, value = name.partition("/")
        for key in (name, f"{label}{_APART}{value}") if apart else (name,):
            limit = self._limit(key)
            if limit is not None and not limit.of_run and (limit.each is None) == (key == limit.label):
                return key, self.till(key, at)
        return name, None

    def whole(self, label: str) -> Till | None:
        """Find the account of a budget that has one, as it stands; None: there is no such budget, or it has many."""
        limit = self._by_label.get(label)
        return None if limit is None or limit.each is not None or limit.of_run else self._seen(label, limit, self._now)

    def lacks(self, keys: Iterable[str], amounts: Amounts, at: float, *, more: Amounts | None = None) -> Till | None:
        """Name the tightest hard budget among some accounts that amounts do not fit.

        Parameters
        ----------
        keys
            The accounts.
        amounts
            What is to be held for a task in all.
        at
            When.
        more
            How much of that comes on top of what is held there already; None: nothing is yet.
        """
        lacking = []
        for key in keys:
            limit = self._limit(key)
            till = None if limit is None else self._seen(key, limit, at)
            if limit is None or till is None or not till.is_hard:
                continue
            asked = amounts if more is None or limit.of_run else more
            if not (more and till.resource == "requests") and till.amount(*asked) > max(till.free, 0):
                lacking.append(till)
        return min(lacking, key=lambda till: till.free / max(till.limit, 1), default=None)

    def has(self, key: str) -> bool:
        """Tell whether there is a hard budget with such an account."""
        limit = self._limit(key)
        return limit is not None and limit.config.is_hard and not limit.of_run

    def parts(self, keys: Iterable[str], amounts: Amounts | None, at: float, *, more: bool = False) -> Iterator[Part]:
        """Say how much is to be held of the hard budgets among some accounts; None: nothing, but which they are."""
        for key in keys:
            till = self.till(key, at) if self.has(key) else None
            if till is None:
                continue
            amount = 0 if amounts is None else till.amount(*amounts)
            if amounts is None or (amount > 0 and not (more and till.resource == "requests")):
                yield Part(key, till, amount)

    def hard(self) -> Iterator[Part]:
        """Give the accounts of hard budgets that are open."""
        yield from self.parts(list(self.tills), None, self._now)

    def _seen(self, key: str, limit: _Limit, at: float) -> Till:
        """Find an account, or one as it would be opened."""
        found = self.tills.get(key)
        if found is None:
            found = Till(limit.config, self._zone, max(at, self._now), label=key.replace(_APART, "/", 1))
            found.is_shared = self.is_shared and found.is_hard and not limit.of_run
        return found

    def hold(self, keys: Iterable[str], amounts: Amounts, at: float, *, more: bool = False) -> None:
        """Hold amounts on some accounts."""
        for till in self._accounts(keys, at):
            if not (more and till.resource == "requests"):
                till.hold(till.amount(*amounts), at)

    def let_go(self, keys: Iterable[str], held: Amounts, at: float) -> None:
        """Let go of what is held on some accounts for nothing."""
        for till in self._accounts(keys, at):
            till.settle(till.amount(*held), 0, at)

    def settle(self, held: Amounts, used: Mapping[str, Amounts], at: float) -> Iterator[tuple[Till, int, int]]:
        """Book what was used on each account in place of what is held there; give what was held and used."""
        for key, amounts in used.items():
            for till in self._accounts([key], at):
                before, actual = till.amount(*held), till.amount(*amounts)
                till.settle(before, actual, at)
                self.ends = min(self.ends, till.ends)
                yield till, before, actual

    def adjust(self, more: Mapping[str, Amounts], at: float) -> Iterator[Till]:
        """Book what turned out to have been used beyond what was booked."""
        for key, amounts in more.items():
            for till in self._accounts([key], at):
                if till.resource != "requests":
                    till.settle(0, till.amount(*amounts), at)
                    self.ends = min(self.ends, till.ends)
                    yield till

    def _accounts(self, keys: Iterable[str], at: float) -> Iterator[Till]:
        for key in keys:
            limit, till = self._limit(key), self.till(key, at)
            if limit is not None and till is not None and not limit.of_run:
                yield till

    def roll(self, now: float) -> None:
        """Let time pass; accounts on which nothing is left to remember are closed."""
        self._now = max(self._now, now)
        for key, till in list(self.tills.items()):
            till.roll(now)
            if not (till.spent or till.held) and self._limit(key) is not None:
                del self.tills[key]
        self.ends = min((till.ends for till in self.tills.values()), default=math.inf)

    def shown(self) -> list[Till]:
        """Give the accounts, the tightest first, as many as a person reads."""
        tills = sorted(self.tills.values(), key=lambda till: (till.room / max(till.limit, 1), till.label))
        return tills[:_SHOWN]

    def dump(self) -> dict[str, Any]:
        """Write down what was spent, for `load`."""
        return {key: till.dump() for key, till in self.tills.items()}

    def load(self, saved: Mapping[str, Any], now: float) -> None:
        """Take up what was spent of budgets that are still configured."""
        for key, found in saved.items():
            till = self.till(key, now)
            if till is not None:
                till.load(found)


def is_scoped(config: BudgetConfig) -> bool:
    """Tell whether a budget does not hold for everything alike."""
    return config.scope is not None or config.each is not None or config.per == "request"


def _limit(config: BudgetConfig, catalog: Catalog) -> _Limit:
    scope = config.scope
    of_task: tuple[tuple[str, str], ...] = ()
    routes: frozenset[str] | None = None
    if scope is not None and scope.kind in _OF_ROUTE:
        routes = frozenset(_named(scope.kind, scope.value, catalog))
    elif scope is not None and scope.metadata is not None:
        of_task = tuple((f"metadata.{key}", value) for key, value in scope.metadata.items())
    elif scope is not None:
        of_task = ((scope.kind, scope.value),)
    of_run = config.per == "request" or config.each == "run"
    return _Limit(config, config.label, of_task, routes, config.each, of_run)


def _named(kind: str, value: str, catalog: Catalog) -> Iterator[str]:
    for model in catalog:
        for route in model.routes:
            told = {"model": route.model, "provider": route.provider, "route": route.name}
            if value in model.tags if kind == "tag" else told[kind] == value:
                yield route.name


def _said(task: Task, kind: str) -> tuple[str, ...]:
    """Read what a task says of itself, by the kind of a scope."""
    if kind.startswith("metadata."):
        value = task.metadata.get(kind.removeprefix("metadata."))
        return () if value is None else (str(value),)
    if kind == "label":
        return tuple(task.labels)
    if kind == "task_type":
        parts = task.type.split("/")
        return tuple("/".join(parts[:n]) for n in range(len(parts), 0, -1))
    value = {"purpose": task.purpose, "session": task.session}[kind]
    return () if value is None else (value,)
