"""What is limited beside the dollars of all work: each resource over each part of it, paced on its own."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from selector.budgets._money import NANO
from selector.budgets._pace import Pace
from selector.budgets._pacing import Floats, InFlight
from selector.budgets._till import counted
from selector.config import BudgetConfig, ScopeConfig

__all__ = ["Meter", "Meters"]

_SCOPES = frozenset({"model", "tag", "provider", "route", "task_type"})
Amounts = tuple[int, ...]

_USUAL_TOKENS = 1_000.0  # of a call, input and answer, before anything was seen
_MTOK = 1_000_000


class Meter:
    """One resource over one part of the work: how much of it a request may take on average, of all requests.

    Several budgets of one resource over one scope are one meter: the least target counts.

    Parameters
    ----------
    configs
        Its budgets: one resource, one scope, one class of tokens.
    zone
        The time zone of calendar windows.
    now
        Seconds since 1970.
    usual_usd
        What a request is expected to cost before anything was seen.

    Examples
    --------
    >>> meter = Meter([BudgetConfig(tokens=1_000_000, per="day", scope={"tag": "external"})], "UTC", 0.0, 0.01)
    >>> meter.label, meter.target().tolist()
    ('tokens-per-day-tag-external', [1000.0])
    """

    __slots__ = ("_counted", "_labels", "pace", "resource", "scope", "token_class")

    def __init__(self, configs: Sequence[BudgetConfig], zone: str, now: float, usual_usd: float) -> None:
        first = configs[0]
        self.resource: str = first.resource
        self.scope: ScopeConfig | None = first.scope
        self.token_class = first.token_class
        self._counted = counted(first)
        self._labels = tuple(config.label for config in configs)
        usual = {"usd": usual_usd, "tokens": _USUAL_TOKENS}.get(self.resource, 1.0)
        self.pace = Pace(configs, zone, now, usual, self.resource)

    @property
    def label(self) -> str:
        """The name of its budget with the least target."""
        return self.pace.label

    @property
    def key(self) -> str:
        """The name of one of its budgets, which is also that of its account where it has a scope."""
        return self._labels[0]

    def target(self) -> Floats:
        """Return how much the next request may take on average, of all requests, shape (1,)."""
        return self.pace.target()

    def words(self, price: float) -> str:
        """Say what one more unit of it is worth, at a price per unit."""
        unit, times = {"usd": ("dollar", 1), "tokens": ("million tokens", _MTOK)}.get(self.resource, ("request", 1))
        return f"price {self.label}: one more {unit} is worth {price * times:,.3g} successes"

    def amount(self, nano: int, tokens: int, *classes: int) -> float:
        """Say how much of it a call took, in dollars, tokens or requests; arguments as for a `Till`'s."""
        amount = self._counted(nano, tokens, *classes)
        return amount / NANO if self.resource == "usd" else float(amount)


class Meters:
    """All meters of a configuration: what is limited and can be saved by choosing another model.

    Not among them: dollars of all work, which have a pace of their own; requests of all work, since any model takes
    one; budgets with an account for each of many, or of what a task says of itself: these refuse, and have no price.

    Parameters
    ----------
    configs
        All budgets.
    zone, now, usual_usd
        As for a `Meter`.

    Examples
    --------
    >>> budgets = [BudgetConfig(usd=9, per="day"), BudgetConfig(tokens=10**6, per="day"),
    ...            BudgetConfig(usd=1, per="day", each="metadata.user"), BudgetConfig(requests=9, per="day")]
    >>> [meter.key for meter in Meters(budgets, "UTC", 0.0, 0.01)]
    ['tokens-per-day']
    """

    __slots__ = ("_meters", "ends")

    def __init__(self, configs: Sequence[BudgetConfig], zone: str, now: float, usual_usd: float) -> None:
        groups: dict[tuple[object, ...], list[BudgetConfig]] = {}
        for config in configs:
            if _is_metered(config):
                scope = None if config.scope is None else (config.scope.kind, config.scope.value)
                groups.setdefault((config.resource, config.token_class, scope), []).append(config)
        self._meters = tuple(Meter(group, zone, now, usual_usd) for group in groups.values())
        self._set_end()

    def __iter__(self) -> Iterator[Meter]:
        return iter(self._meters)

    def __len__(self) -> int:
        return len(self._meters)

    def arrive(self, at: float) -> None:
        """Count a request that came at a moment."""
        for meter in self._meters:
            meter.pace.arrive(at)

    def come(self, n: int) -> None:
        """Count requests that came just now."""
        for meter in self._meters:
            meter.pace.arrived += n

    def change(self, label: str, spent: float, limit: float) -> None:
        """Take in what a person changed of a budget, in its resource's own unit."""
        for meter in self._meters:
            meter.pace.change(label, spent, limit)

    def pay(self, used: Amounts, by: Mapping[str, Amounts], at: float) -> None:
        """Take note of what a request took.

        Parameters
        ----------
        used
            Nano-dollars, tokens, and tokens by class.
        by
            The same on each account of a scoped budget; a request on none of them took nothing of it.
        at
            When it was made.
        """
        for meter in self._meters:
            amounts = used if meter.scope is None else by.get(meter.key)
            if amounts is not None:
                meter.pace.pay(meter.amount(*amounts), at)

    def correct(self, more: Amounts, by: Mapping[str, Amounts], at: float) -> None:
        """Take note of what a request turned out to have taken beyond what was told; it is one request still."""
        for meter in self._meters:
            amounts = more if meter.scope is None else by.get(meter.key)
            if amounts is not None and meter.resource != "requests":
                meter.pace.correct(meter.amount(*amounts), at)

    def advance(self, now: float, n_flying: int) -> bool:
        """Let time pass, with so many requests under way, which take what is aimed at; tell whether a window ended."""
        ended = False
        for meter in self._meters:
            meter.pace.fly(InFlight())
            meter.pace.fly(InFlight(n_flying, n_flying * float(meter.target()[0])))
            ended = meter.pace.advance(now) or ended
        self._set_end()
        return ended

    def _set_end(self) -> None:
        self.ends = min((meter.pace.ends for meter in self._meters), default=math.inf)

    def dump(self) -> dict[str, Any]:
        """Write down what was seen, for `load`."""
        return {meter.key: meter.pace.dump() for meter in self._meters}

    def load(self, saved: Mapping[str, Any], now: float) -> None:
        """Take up what was seen of budgets that are still configured."""
        for meter in self._meters:
            if meter.key in saved:
                meter.pace.load(saved[meter.key], now)


def _is_metered(config: BudgetConfig) -> bool:
    if config.each is not None or config.per in {"total", "request", None}:
        return False
    if config.scope is None:
        return config.resource == "tokens"
    return config.scope.kind in _SCOPES
