"""Holds on budgets: reserve the worst case before a call, settle what it really cost after, release what never ran."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from threading import Lock
from typing import NamedTuple, Protocol

import numpy as np

from selector.budgets._money import Nanos
from selector.errors import SelectorError

__all__ = ["Account", "Ledger", "MemoryLedger", "Purse"]


class Account(NamedTuple):
    """One budget's state, in nano-dollars (or tokens, or requests)."""

    limit: int
    """What may be spent in this window."""
    spent: int
    """What was settled."""
    held: int
    """What is held for calls in flight."""

    @property
    def room(self) -> int:
        """What may still be held."""
        return self.limit - self.spent - self.held


class Ledger(Protocol):
    """What a budget needs of whoever keeps it: all amounts are whole numbers, nano-dollars for money."""

    def account(self, budget: str) -> Account:
        """Read one budget."""

    def reserve(self, hold: str, amounts: Mapping[str, int]) -> str | None:
        """Hold an amount of each budget, all or none; return the tightest that refused, or None if all is held."""

    def settle(self, hold: str, amounts: Mapping[str, int]) -> Mapping[str, int]:
        """Book what was really used in place of a hold; return by how much it overran the hold, where it did."""

    def release(self, hold: str) -> None:
        """Let a hold go: the call never ran."""


@dataclass(slots=True)
class MemoryLedger:
    """A ledger in memory, for one process, safe under threads.

    A settlement above its hold is booked in full and reported as an overrun: money that was spent is spent.

    Parameters
    ----------
    limits
        Each budget's limit.

    Examples
    --------
    >>> ledger = MemoryLedger({"day": 100})
    >>> ledger.reserve("a", {"day": 60}), ledger.reserve("b", {"day": 60})
    (None, 'day')
    >>> ledger.settle("a", {"day": 25}), ledger.account("day")
    ({}, Account(limit=100, spent=25, held=0))
    """

    limits: Mapping[str, int]
    _spent: dict[str, int] = field(default_factory=dict)
    _held: dict[str, int] = field(default_factory=dict)
    _holds: dict[str, dict[str, int]] = field(default_factory=dict)
    _lock: Lock = field(default_factory=Lock, repr=False)

    def account(self, budget: str) -> Account:
        """Read one budget."""
        with self._lock:
            return self._account(budget)

    def reserve(self, hold: str, amounts: Mapping[str, int]) -> str | None:
        """Hold an amount of each budget, all or none."""
        with self._lock:
            if hold in self._holds:
                raise SelectorError(f"hold {hold!r} is already held; settle or release it first")
            _refuse_negative(amounts)
            lacking = {name: amount - self._account(name).room for name, amount in amounts.items() if amount}
            tightest = max(lacking, key=lambda name: lacking[name], default=None)
            if tightest is not None and lacking[tightest] > 0:
                return tightest
            for name, amount in amounts.items():
                self._held[name] = self._held.get(name, 0) + amount
            self._holds[hold] = dict(amounts)
            return None

    def settle(self, hold: str, amounts: Mapping[str, int]) -> Mapping[str, int]:
        """Book what was really used in place of a hold."""
        with self._lock:
            _refuse_negative(amounts)
            for name in amounts:
                self._account(name)  # an unknown budget is an error, not a new one, and nothing is booked
            held = self._free(hold)
            for name, amount in amounts.items():
                self._spent[name] = self._spent.get(name, 0) + amount
            over = {name: amount - held.get(name, 0) for name, amount in amounts.items()}
            return {name: amount for name, amount in over.items() if amount > 0}

    def release(self, hold: str) -> None:
        """Let a hold go."""
        with self._lock:
            self._free(hold)

    def _account(self, budget: str) -> Account:
        if budget not in self.limits:
            raise SelectorError(f"unknown budget {budget!r}; there are {sorted(self.limits)}")
        return Account(self.limits[budget], self._spent.get(budget, 0), self._held.get(budget, 0))

    def _free(self, hold: str) -> dict[str, int]:
        if hold not in self._holds:
            raise SelectorError(f"hold {hold!r} is not held: it was settled or released before, or never reserved")
        held = self._holds.pop(hold)
        for name, amount in held.items():
            self._held[name] -= amount
        return held


def _refuse_negative(amounts: Mapping[str, int]) -> None:
    negative = {name: amount for name, amount in amounts.items() if amount < 0}
    if negative:
        raise SelectorError(f"an amount cannot be negative: {negative}; to give back what is held, release it")


@dataclass(slots=True)
class Purse:
    """One hard budget per seed, for simulating many at once: the same rule as a ledger, on arrays.

    Parameters
    ----------
    limit
        Nano-dollars, shape (n_seeds,).

    Examples
    --------
    >>> purse = Purse(np.array([100, 100]))
    >>> purse.fits(np.array([60, 120])).tolist()
    [[True, False], [True, False]]
    >>> purse.book(np.array([30, 100])); purse.room.tolist()
    [70, 0]
    """

    limit: Nanos
    spent: Nanos = field(init=False)

    def __post_init__(self) -> None:
        self.spent = np.zeros_like(self.limit)

    @property
    def room(self) -> Nanos:
        """What may still be held, shape (n_seeds,)."""
        return self.limit - self.spent

    def fits(self, holds: Nanos) -> np.ndarray:
        """Say which holds fit, shape (n_seeds, K), for holds of shape (K,) or (n_seeds, K)."""
        fitting: np.ndarray = (holds <= self.room[:, None]) | (holds == 0)
        return fitting

    def book(self, cost: Nanos) -> None:
        """Hold and settle one call of each seed, shape (n_seeds,)."""
        self.spent += cost
