"""Windows of a quota, with what was used in them: rolling ones, and the calendar's with their own hour of reset."""

from __future__ import annotations

import math
import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from selector.budgets import calendar_window

__all__ = ["Fixed", "QuotaWindow", "Rolling", "reset_window", "window_of"]

_SLICES = 60
_RESETS = re.compile(r"(?:(mon|tue|wed|thu|fri|sat|sun)[a-z]* +|([0-9]{1,2}) +)?([0-9]{1,2}):([0-9]{2})", re.IGNORECASE)
_DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_LONG_S = {"hour": 3_600.0, "day": 86_400.0, "week": 604_800.0, "month": 30.4375 * 86_400.0}
_WORDS = {86_400.0: "day", 604_800.0: "week"}


class QuotaWindow(Protocol):
    """What was used in the window around a moment; bookings may come late and in any order."""

    @property
    def seconds(self) -> float:
        """How long a window is, about; infinite: it never ends."""

    def book(self, amount: int, at: float) -> None:
        """Book what a call used that was made at a moment."""

    @property
    def most(self) -> int:
        """The most that is used of any window that is not known to be over."""

    def spent(self, now: float) -> int:
        """Say what is used of the window around now; time that goes back changes nothing."""

    def comes_back(self, now: float, most: float) -> float:
        """Say when no more than so much is used; now or earlier: already."""

    def end_of(self, at: float) -> float:
        """Say when all that is used up to a moment is back; time does not pass."""

    def falls(self, now: float) -> list[tuple[float, int]]:
        """Say what comes back when, in order."""

    def dump(self) -> list[list[float]]:
        """Write down the bookings, for `load`."""

    def load(self, saved: list[list[float]]) -> None:
        """Take up bookings."""


class Rolling:
    """The last so many seconds, in sixtieths: what was used falls out a sixtieth at a time, never early.

    Examples
    --------
    >>> window = Rolling(3_600.0)
    >>> window.book(5, at=30.0); window.book(7, at=90.0); window.spent(3_659.0), window.spent(3_660.0)
    (12, 7)
    """

    __slots__ = ("_oldest", "_slices", "_total", "seconds")

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._slices: dict[int, int] = {}
        self._total = 0
        self._oldest = -(2**62)

    @property
    def most(self) -> int:
        """What is used, as far as it was looked at."""
        return self._total

    def book(self, amount: int, at: float) -> None:
        """Book what a call used; one that fell out already changes nothing."""
        slice_ = self._slice(at)
        if slice_ >= self._oldest:
            self._slices[slice_] = self._slices.get(slice_, 0) + amount
            self._total += amount

    def spent(self, now: float) -> int:
        """Say what is used; a slice counts until all of it is a window ago."""
        oldest = self._slice(now - self.seconds)
        if oldest > self._oldest:
            self._oldest = oldest
            for slice_ in [slice_ for slice_ in self._slices if slice_ < oldest]:
                self._total -= self._slices.pop(slice_)
        return self._total

    def comes_back(self, now: float, most: float) -> float:
        """Say when no more than so much is used."""
        total = self.spent(now)
        for at, amount in self.falls(now) if total > most else ():
            total -= amount
            if total <= most:
                return at
        return now if total <= most else math.inf

    def end_of(self, at: float) -> float:
        """Say when all that is used up to a moment is back."""
        return at + self.seconds

    def falls(self, now: float) -> list[tuple[float, int]]:
        """Say what falls out when."""
        self.spent(now)
        return [((at + 1) * self.seconds / _SLICES + self.seconds, self._slices[at]) for at in sorted(self._slices)]

    def dump(self) -> list[list[float]]:
        """Write down the middle of each slice, and what it holds."""
        return [[(at + 0.5) * self.seconds / _SLICES, self._slices[at]] for at in sorted(self._slices)]

    def load(self, saved: list[list[float]]) -> None:
        """Take up bookings."""
        for at, amount in saved:
            self.book(int(amount), at)

    def _slice(self, at: float) -> int:
        return int(at * _SLICES // self.seconds)


class Fixed:
    """Windows of the calendar, one after the other: at the reset all comes back.

    Parameters
    ----------
    per
        ``hour``, ``day``, ``week``, ``month``; anything else: one window without an end.
    resets
        When a window begins; None: at midnight, on Monday, on the first.
    zone
        The time zone of that.

    Examples
    --------
    >>> window = Fixed("day", "09:00", "UTC")
    >>> window.book(5, at=32_000.0); window.spent(32_399.0), window.spent(32_400.0)
    (5, 0)
    """

    __slots__ = ("_amounts", "_begin", "_ends", "_per", "_resets", "_zone", "seconds")

    def __init__(self, per: str | None, resets: str | None, zone: str) -> None:
        self.seconds = _LONG_S.get(per or "", math.inf)
        self._per, self._resets, self._zone = per or "total", resets, zone
        self._amounts: dict[float, int] = {}
        self._begin = self._ends = -math.inf
        if self._per in _LONG_S:
            self._around(0.0)  # what makes no sense is refused at once
        else:
            self._ends = math.inf

    @property
    def most(self) -> int:
        """The most that is used of any window, as far as they were looked at."""
        return max(self._amounts.values(), default=0)

    def book(self, amount: int, at: float) -> None:
        """Book what a call used, in the window that it was made in; one that is over changes nothing."""
        begin = self._begin if self._begin <= at < self._ends else self._around(at)[0]
        if begin >= self._begin:
            self._amounts[begin] = self._amounts.get(begin, 0) + amount

    def spent(self, now: float) -> int:
        """Say what is used of the window around now."""
        if now >= self._ends:
            self._begin, self._ends = self._around(now)
            for begin in [begin for begin in self._amounts if begin < self._begin]:
                del self._amounts[begin]
        return self._amounts.get(self._begin, 0)

    def comes_back(self, now: float, most: float) -> float:
        """Say when no more than so much is used: at the end of the window."""
        return now if self.spent(now) <= most else self._ends

    def end_of(self, at: float) -> float:
        """Say when the window around a moment ends."""
        return self._around(at)[1] if self._per in _LONG_S else math.inf

    def falls(self, now: float) -> list[tuple[float, int]]:
        """Say that all comes back at the end of the window."""
        spent = self.spent(now)
        return [(self._ends, spent)] if self._ends < math.inf else []

    def dump(self) -> list[list[float]]:
        """Write down where windows begin, and what was used in each; None is the beginning of one without an end."""
        return [[0.0 if math.isinf(begin) else begin, amount] for begin, amount in sorted(self._amounts.items())]

    def load(self, saved: list[list[float]]) -> None:
        """Take up bookings."""
        for at, amount in saved:
            self.book(int(amount), at)

    def _around(self, at: float) -> tuple[float, float]:
        begin, end = reset_window(self._per, self._resets, datetime.fromtimestamp(at, UTC), self._zone)
        return begin.timestamp(), end.timestamp()


def window_of(per: str | timedelta | None, resets: str | None, zone: str) -> QuotaWindow:
    """Make the window that a quota declares: a word is the calendar's, a span of time rolls.

    A span of a day or a week that has a reset is the calendar's as well.

    Raises
    ------
    ValueError
        If a reset stands beside another span of time, or makes no sense.

    Examples
    --------
    >>> window_of(timedelta(hours=5), None, "UTC").seconds, window_of("week", "Mon 09:00", "UTC").seconds
    (18000.0, 604800.0)
    """
    if not isinstance(per, timedelta):
        return Fixed(per, resets, zone)
    seconds = per.total_seconds()
    if resets is None:
        return Rolling(seconds)
    if seconds not in _WORDS:
        raise ValueError(
            f"resets {resets!r} has no meaning beside a window of {seconds:g} s, which rolls; leave it out"
        )
    return Fixed(_WORDS[seconds], resets, zone)


def reset_window(per: str, resets: str | None, now: datetime, zone: str) -> tuple[datetime, datetime]:
    """Return where the window around a moment begins and ends, in UTC, if it begins at a given reset.

    The reset is one of the zone's own clock: where that is changed, a day has 23 or 25 hours. In a month that is too
    short for the day of the reset, it is on the month's last day.

    Parameters
    ----------
    per
        ``hour``, ``day``, ``week`` or ``month``.
    resets
        ``09:00`` of each day, ``Mon 09:00`` of each week, ``15 09:00`` of each month; None: midnight, Monday, the 1st.
    now
        An aware time.
    zone
        An IANA time zone.

    Raises
    ------
    ValueError
        If the reset is none of a window of this kind.

    Examples
    --------
    >>> begin, end = reset_window("week", "Mon 09:00", datetime(2026, 3, 30, 6, 59, tzinfo=UTC), "Europe/Berlin")
    >>> begin.isoformat(), end.isoformat()
    ('2026-03-23T08:00:00+00:00', '2026-03-30T07:00:00+00:00')
    """
    if per == "hour":
        if resets is not None:
            raise ValueError(f"resets {resets!r} has no meaning beside an hour of the calendar; leave it out")
        return calendar_window("hour", now, zone)
    place, hour = _read(per, resets)
    where = ZoneInfo(zone)
    first = _first(per, place, now.astimezone(where).date())
    days = [_first(per, place, first - timedelta(days=1)), first, _next(per, place, first)]
    days.append(_next(per, place, days[-1]))
    ends = [datetime.combine(day, hour, where).astimezone(UTC) for day in days]
    last = max(n for n, begin in enumerate(ends[:-1]) if begin <= now or n == 0)
    return ends[last], ends[last + 1]


def _read(per: str, resets: str | None) -> tuple[int, time]:
    """Read the day within the window, Monday or the month's first by itself, and the hour."""
    if resets is None:
        return (1 if per == "month" else 0), time()
    match = _RESETS.fullmatch(resets.strip())
    form = {"day": "'09:00'", "week": "'Mon 09:00'", "month": "'1 09:00'"}[per]
    if match is not None and int(match[3]) < 24 and int(match[4]) < 60:
        hour = time(int(match[3]), int(match[4]))
        if per == "week" and match[1]:
            return _DAYS.index(match[1].lower()), hour
        if per == "month" and match[2] and 1 <= int(match[2]) <= 31:
            return int(match[2]), hour
        if per == "day" and not match[1] and not match[2]:
            return 0, hour
    raise ValueError(f"resets must be such as {form} for a window of a {per}, not {resets!r}")


def _first(per: str, place: int, today: date) -> date:
    """Find the day on or before today that a window begins on."""
    if per == "week":
        return today - timedelta(days=(today.weekday() - place) % 7)
    if per == "month":
        day = _in_month(today, place)
        return day if day <= today else _in_month(today.replace(day=1) - timedelta(days=1), place)
    return today


def _next(per: str, place: int, day: date) -> date:
    if per == "month":
        return _in_month(day.replace(day=1) + timedelta(days=32), place)
    return day + timedelta(days=7 if per == "week" else 1)


def _in_month(day: date, place: int) -> date:
    last = (day.replace(day=1) + timedelta(days=32)).replace(day=1) - timedelta(days=1)
    return day.replace(day=min(place, last.day))
