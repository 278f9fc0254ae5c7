"""One budget's account over its windows: what was spent, what is held, when the window ends."""

from __future__ import annotations

import math
from collections import deque
from datetime import UTC, datetime
from typing import Any

from selector.budgets._ledger import Account
from selector.budgets._money import NANO
from selector.budgets._windows import calendar_window
from selector.config import BudgetConfig

__all__ = ["Till"]

_SLICES = 60


class Till:
    """One budget's account: whole numbers, nano-dollars for money.

    A calendar window ends at once for everything in it. A rolling one is kept in sixtieths of its length, and what was
    spent falls out a slice at a time, never early. A hold belongs to the window that it was made in: what is settled
    after that window ended no longer counts, except in a rolling one, where it counts from when it was made.

    Parameters
    ----------
    config
        The budget: its resource, its limit, its window.
    zone
        The time zone of calendar windows.
    now
        Seconds since 1970.
    label
        What it is called; None: as the budget.

    Examples
    --------
    >>> till = Till(BudgetConfig(usd=1, per="hour"), "UTC", now=0.0)
    >>> till.hold(600_000_000, at=10.0); till.room
    400000000
    >>> till.settle(600_000_000, 250_000_000, at=10.0); till.room
    750000000
    >>> till.roll(3_600.0); till.room
    1000000000
    """

    __slots__ = (
        "_config",
        "_kind",
        "_seconds",
        "_slices",
        "_zone",
        "begin",
        "ends",
        "held",
        "label",
        "limit",
        "spent",
    )

    def __init__(self, config: BudgetConfig, zone: str, now: float, *, label: str | None = None) -> None:
        self._config, self._zone = config.in_zone(zone), zone
        self.label = config.label if label is None else label
        self._kind = config.resource
        self.limit = math.floor(round(config.limit * NANO, 6)) if config.resource == "usd" else int(config.limit)
        self.spent = self.held = 0
        self._seconds = config.seconds
        self._slices: deque[tuple[int, int]] = deque()
        self.begin, self.ends = -math.inf, math.inf
        self._begin(now)

    @property
    def resource(self) -> str:
        """What it limits: ``usd``, ``tokens``, ``requests``."""
        return self._config.resource

    @property
    def is_hard(self) -> bool:
        """Whether it is never exceeded."""
        return self._config.is_hard

    @property
    def warn_at(self) -> tuple[float, ...]:
        """At which shares a warning is given."""
        return self._config.warn_at

    @property
    def room(self) -> int:
        """What may still be held."""
        return self.limit - self.spent - self.held

    @property
    def account(self) -> Account:
        """The account as it stands."""
        return Account(self.limit, self.spent, self.held)

    @property
    def resets_at(self) -> datetime | None:
        """When the window ends, or its oldest spending falls out; None: never."""
        return None if math.isinf(self.ends) else datetime.fromtimestamp(self.ends, UTC)

    def amount(self, nano: int, tokens: int) -> int:
        """Say how much of its resource a call takes."""
        kind = self._kind
        return nano if kind == "usd" else tokens if kind == "tokens" else 1

    def roll(self, now: float) -> None:
        """Let time pass; time that goes back changes nothing."""
        if now < self.ends:
            return
        if self._config.until is not None:
            self.limit, self.ends = 0, math.inf
            return
        if self._seconds is None:
            self.spent = self.held = 0
            self._begin(now)
            return
        oldest = self._slice(now - self._seconds)
        while self._slices and self._slices[0][0] < oldest:
            self.spent -= self._slices.popleft()[1]
        self._set_end()

    def hold(self, amount: int, at: float) -> None:
        """Hold an amount from a moment on."""
        if at >= self.begin:
            self.held += amount

    def settle(self, held: int, actual: int, at: float) -> None:
        """Book what was really used in place of what was held at a moment; an actual of 0 lets it go."""
        if at < self.begin:
            return
        self.held -= held
        if not actual:
            return
        if self._seconds is not None:
            self._book(self._slice(at), actual)
        else:
            self.spent += actual

    def dump(self) -> dict[str, Any]:
        """Write down what was spent, for `load`; holds are not part of it."""
        return {"begin": None if math.isinf(self.begin) else self.begin, "spent": self.spent, "at": [*self._slices]}

    def load(self, saved: dict[str, Any]) -> None:
        """Take up what was spent, if its window has not ended."""
        if self._seconds is not None:
            for slice_, amount in saved["at"]:
                self._book(slice_, amount)
        elif saved["begin"] == (None if math.isinf(self.begin) else self.begin):
            self.spent = saved["spent"]

    def _book(self, slice_: int, amount: int) -> None:
        self.spent += amount
        place = len(self._slices)
        while place and self._slices[place - 1][0] > slice_:
            place -= 1
        if place and self._slices[place - 1][0] == slice_:
            self._slices[place - 1] = (slice_, self._slices[place - 1][1] + amount)
        else:
            self._slices.insert(place, (slice_, amount))
        self._set_end()

    def _slice(self, at: float) -> int:
        assert self._seconds is not None  # noqa: S101 - a rolling window
        return int(at * _SLICES // self._seconds)

    def _set_end(self) -> None:
        assert self._seconds is not None  # noqa: S101 - a rolling window
        first = self._slices[0][0] + 1 if self._slices else math.inf
        self.ends = first * self._seconds / _SLICES + self._seconds

    def _begin(self, now: float) -> None:
        per = self._config.per
        if self._config.until is not None:
            self.ends = self._config.until.timestamp()
            self.roll(now)
        if self._seconds is not None or per is None or per in {"total", "request"}:
            return
        begin, end = calendar_window(per, datetime.fromtimestamp(now, UTC), self._zone)  # type: ignore[arg-type]  # a span has seconds
        self.begin, self.ends = begin.timestamp(), end.timestamp()
