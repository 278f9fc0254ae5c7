"""One budget's account over its windows: what was spent, what is held, when the window ends."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from selector.budgets._ledger import Account
from selector.budgets._money import NANO
from selector.budgets._windows import calendar_window
from selector.config import BudgetConfig

__all__ = ["Till", "counted"]

_SLICES = 60
_CLASSES = ("input", "cache_read", "cache_write", "output", "reasoning")
_PLENTY = 2**62
_MS = 1_000
_EDGE_S = 0.001


def counted(config: BudgetConfig) -> Callable[..., int]:
    """Give what says how much of a budget's resource a call takes.

    Parameters
    ----------
    config
        The budget.

    Returns
    -------
    Callable
        Takes nano-dollars, tokens of all classes, and where these are known tokens read anew, read from and written to
        a cache, written, and thought; where they are not, any class may be all tokens.

    Examples
    --------
    >>> counted(BudgetConfig(tokens=100, per="day", token_class="output"))(0, 70, 40, 0, 0, 20, 10)
    20
    """
    if config.resource == "usd":
        return lambda nano, *_: nano
    if config.resource != "tokens":
        return lambda *_: 1
    if config.token_class is None:
        return lambda _, tokens, *_classes: tokens
    class_ = _CLASSES.index(config.token_class)
    return lambda _, tokens, *classes: classes[class_] if classes else tokens


class Till:
    """One budget's account: whole numbers, nano-dollars for money.

    A calendar window ends at once for everything in it, and what belongs to a later one, as the clock of another
    process has it, waits for that. A rolling one is kept in sixtieths of its length, and what was
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

    Attributes
    ----------
    amount
        Says how much of its resource a call takes, as `counted` does.
    spent, held
        As far as this process has heard.
    extra
        What was added to the limit of this window by hand; of a rolling one, for as long as it counts.
    is_shared
        Whether somebody else says what may be held, for several processes: then `free` is what was `told`.
    told
        What may still be held, as far as was told; until it is told that little is left, there is plenty.

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
        "_extras",
        "_later",
        "_seconds",
        "_slices",
        "_zone",
        "amount",
        "begin",
        "ends",
        "extra",
        "held",
        "is_shared",
        "label",
        "limit",
        "spent",
        "told",
    )

    def __init__(self, config: BudgetConfig, zone: str, now: float, *, label: str | None = None) -> None:
        self._config, self._zone = config.in_zone(zone), zone
        self.label = config.label if label is None else label
        self.amount = counted(config)
        self.limit = math.floor(round(config.limit * NANO, 6)) if config.resource == "usd" else int(config.limit)
        self.spent = self.held = self.extra = 0
        self.is_shared, self.told = False, _PLENTY
        self._seconds = config.seconds
        self._slices: deque[tuple[int, int]] = deque()
        self._extras: deque[tuple[int, int]] = deque()
        self._later: dict[float, list[int]] = {}
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
        """What is left of the limit."""
        return self.limit + self.extra - self.spent - self.held

    @property
    def free(self) -> int:
        """What may still be held: what is left, or what was told where it is shared."""
        return min(self.told, self.limit + self.extra) if self.is_shared else self.room

    @property
    def account(self) -> Account:
        """The account as it stands."""
        return Account(self.limit + self.extra, self.spent, self.held)

    @property
    def resets_at(self) -> datetime | None:
        """When the window ends, or its oldest spending falls out; None: never."""
        return None if math.isinf(self.ends) else datetime.fromtimestamp(self.ends, UTC)

    def roll(self, now: float) -> None:
        """Let time pass; time that goes back changes nothing."""
        if now < self.ends:
            return
        if self._config.until is not None:
            self.limit, self.ends = -self.extra, math.inf
            return
        if self._seconds is None:
            self.extra, self.told = 0, _PLENTY
            self._begin(now)
            self.held, self.spent = self._later.pop(self.begin, [0, 0])
            self._later = {begin: ahead for begin, ahead in self._later.items() if begin > self.begin}
            return
        oldest = self._slice(now - self._seconds)
        while self._slices and self._slices[0][0] < oldest:
            self.spent -= self._slices.popleft()[1]
        while self._extras and self._extras[0][0] < oldest:
            self.extra -= self._extras.popleft()[1]
        self._set_end()

    def hold(self, amount: int, at: float) -> None:
        """Hold an amount from a moment on."""
        if at >= self.ends and self._is_calendar:
            self._ahead(at)[0] += amount
        elif at >= self.begin:
            self.held += amount

    def settle(self, held: int, actual: int, at: float) -> None:
        """Book what was really used in place of what was held at a moment; an actual of 0 lets it go."""
        if at >= self.ends and self._is_calendar:
            ahead = self._ahead(at)
            ahead[0], ahead[1] = ahead[0] - held, ahead[1] + actual
            return
        if at < self.begin:
            return
        self.held -= held
        if not actual:
            return
        if self._seconds is not None:
            self._book(self._slice(at), actual)
        else:
            self.spent += actual

    @property
    def _is_calendar(self) -> bool:
        return not math.isinf(self.begin)

    def _ahead(self, at: float) -> list[int]:
        """Give what is held and spent of a window that begins after this one, as another's clock has it."""
        begin = self._window(at)[0].timestamp()
        return self._later.setdefault(begin, [0, 0])

    def _window(self, at: float) -> tuple[datetime, datetime]:
        return calendar_window(self._config.per, datetime.fromtimestamp(at, UTC), self._zone)  # type: ignore[arg-type]  # of a calendar

    def spread(self, more: int, at: float) -> list[tuple[float, int]]:
        """Say in which moments so much more is to be spent, or less; less is taken from what was spent last."""
        if more >= 0 or self._seconds is None:
            return [(at, max(more, -self.spent))]
        found, left = [], -more
        for slice_, amount in reversed(self._slices):
            less = min(max(amount, 0), left)
            if less:
                found.append(((slice_ + 0.5) * self._seconds / _SLICES, -less))
                left -= less
        return found

    def change(self, spent: Iterable[tuple[float, int]], limit: int, at: float) -> None:
        """Change by hand what was spent at some moments, and the limit, for as long as what is spent now counts."""
        for moment, more in spent:
            self.settle(0, more, moment)
        if at < self.begin or not limit:
            return
        self.extra += limit
        if self._seconds is not None:
            _add(self._extras, self._slice(at), limit)
            self._set_end()

    def place(self, at: float) -> tuple[int, int | None]:
        """Name the window of a moment, and the first that counts beside it: whole numbers that grow with time.

        Returns
        -------
        tuple
            When the window began, in milliseconds since 1970, 0 where it always has; and when the first part began
            that counts at that moment, where the window rolls.
        """
        if self._seconds is None:
            if not self._is_calendar:
                return 0, None
            here = self.begin if self.begin <= at < self.ends else self._window(at)[0].timestamp()
            return int(here * _MS), None
        length = self._seconds * _MS / _SLICES
        slice_ = self._slice(at)
        return int(slice_ * length), int((slice_ - _SLICES) * length)

    def span(self, at: float) -> tuple[float, float]:
        """Say from when to when `place` surely names what it names at a moment; it may for a moment longer."""
        if self._seconds is None:
            return (self.begin, self.ends) if self.begin <= at < self.ends else (at, at)
        slice_, length = self._slice(at), self._seconds / _SLICES
        return slice_ * length + _EDGE_S, (slice_ + 1) * length - _EDGE_S

    def dump(self) -> dict[str, Any]:
        """Write down what was spent, for `load`; holds are not part of it."""
        begin = None if math.isinf(self.begin) else self.begin
        extras = {"extras": [*self._extras]} if self._extras else {}
        return {"begin": begin, "spent": self.spent, "at": [*self._slices], "extra": self.extra} | extras

    def load(self, saved: dict[str, Any]) -> None:
        """Take up what was spent, if its window has not ended."""
        if self._seconds is not None:
            for slice_, amount in saved["at"]:
                self._book(slice_, amount)
            self._extras = deque((slice_, more) for slice_, more in saved.get("extras", ()))
            self.extra = sum(more for _, more in self._extras)
            self._set_end()
        elif saved["begin"] == (None if math.isinf(self.begin) else self.begin):
            self.spent, self.extra = saved["spent"], saved.get("extra", 0)

    def _book(self, slice_: int, amount: int) -> None:
        self.spent += amount
        _add(self._slices, slice_, amount)
        self._set_end()

    def _slice(self, at: float) -> int:
        assert self._seconds is not None  # noqa: S101 - a rolling window
        return int(at * _SLICES // self._seconds)

    def _set_end(self) -> None:
        assert self._seconds is not None  # noqa: S101 - a rolling window
        first = min((each[0][0] + 1 for each in (self._slices, self._extras) if each), default=math.inf)
        self.ends = first * self._seconds / _SLICES + self._seconds

    def _begin(self, now: float) -> None:
        per = self._config.per
        if self._config.until is not None:
            self.ends = self._config.until.timestamp()
            self.roll(now)
        if self._seconds is not None or per is None or per in {"total", "request"}:
            return
        begin, end = self._window(now)
        self.begin, self.ends = begin.timestamp(), end.timestamp()


def _add(slices: deque[tuple[int, int]], slice_: int, amount: int) -> None:
    """Add an amount to a slice of many, which are in order."""
    place = len(slices)
    while place and slices[place - 1][0] > slice_:
        place -= 1
    if place and slices[place - 1][0] == slice_:
        slices[place - 1] = (slice_, slices[place - 1][1] + amount)
    else:
        slices.insert(place, (slice_, amount))
