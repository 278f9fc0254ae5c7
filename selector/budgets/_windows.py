"""Windows of a budget: where a calendar's begin and end, and what a rolling one still holds."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, time, timedelta
from typing import Any, Literal
from zoneinfo import ZoneInfo

import numpy as np

from selector.budgets._pacing import Floats, InFlight, window_target

__all__ = ["Calendar", "RollingWindow", "calendar_window", "window_phase"]

_LONG = 1e9  # seconds

Calendar = Literal["hour", "day", "week", "month"]


def calendar_window(per: Calendar, now: datetime, zone: str = "UTC") -> tuple[datetime, datetime]:
    """Return where the calendar window around a moment begins and ends, in UTC.

    Days, weeks (from Monday) and months begin at midnight of the zone's own clock, so that a day has 23 or 25 hours
    where the clock is changed.

    Parameters
    ----------
    per
        The window's word.
    now
        An aware time.
    zone
        An IANA time zone.

    Examples
    --------
    >>> begin, end = calendar_window("day", datetime(2026, 3, 29, 12, tzinfo=UTC), "Europe/Berlin")
    >>> begin.isoformat(), (end - begin).total_seconds() / 3600
    ('2026-03-28T23:00:00+00:00', 23.0)
    """
    if now.tzinfo is None:
        raise ValueError(f"a time without a zone has no place in a calendar: {now}")
    if per == "hour":
        begin = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
        return begin, begin + timedelta(hours=1)
    today = now.astimezone(ZoneInfo(zone)).date()
    if per == "week":
        first = today - timedelta(days=today.weekday())
        last = first + timedelta(days=7)
    elif per == "month":
        first = today.replace(day=1)
        last = (first + timedelta(days=32)).replace(day=1)
    else:
        first, last = today, today + timedelta(days=1)
    begin, end = (datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC) for day in (first, last))
    return begin, end


def window_phase(now: datetime, window: tuple[datetime, datetime]) -> float:
    """Return how much of a window has passed, in [0, 1).

    Examples
    --------
    >>> window = calendar_window("day", datetime(2026, 5, 1, 6, tzinfo=UTC))
    >>> window_phase(datetime(2026, 5, 1, 6, tzinfo=UTC), window)
    0.25
    """
    begin, end = window
    return min(max((now - begin) / (end - begin), 0.0), 1.0 - 2**-53)


class RollingWindow:
    """A limit over the last so many seconds, kept in slices of time: what was spent, and what is about to fall out.

    What is left is released evenly over a window, and what the oldest slices held comes back as they fall out::

        target = (left / window + expiring / slice) / arrivals a second

    Parameters
    ----------
    limit_usd
        Per window, >= 0.
    seconds
        The window's length, > 0.
    arrivals_per_s
        A first guess of how many requests come, > 0.
    n_slices
        How finely time is kept; spend falls out a slice at a time, never early.

    Examples
    --------
    >>> pace = RollingWindow(24.0, 86_400.0, arrivals_per_s=1 / 60)
    >>> pace.target().round(4).tolist()                              # 24 USD over 1,440 requests
    [0.0167]
    >>> pace.settle(np.array([12.0])); pace.left_usd.tolist()
    [12.0]
    >>> pace.advance(86_400.0 * 1.1); pace.left_usd.tolist()
    [24.0]
    """

    __slots__ = ("_arrivals", "_guess", "_limit", "_now", "_seconds", "_slice", "_spent", "in_flight")

    def __init__(
        self, limit_usd: float, seconds: float, arrivals_per_s: float, *, n_slices: int = 60, n_seeds: int = 1
    ) -> None:
        self._limit, self._seconds, self._slice = limit_usd, seconds, seconds / n_slices
        self.in_flight = InFlight()
        self._spent: Floats = np.zeros((n_seeds, n_slices + 1))  # the present slice first, the one falling out last
        self._arrivals: Floats = np.zeros((n_seeds, n_slices + 1))
        self._guess, self._now = arrivals_per_s, 0.0

    @property
    def left_usd(self) -> Floats:
        """The limit less what was spent in the last window, shape (n_seeds,)."""
        left: Floats = self._limit - self._spent.sum(1)
        return left

    @property
    def mean_usd(self) -> Floats:
        """What a request may cost at the usual traffic, shape (n_seeds,)."""
        return self._limit / (self._rate() * self._seconds)

    def advance(self, now: float) -> None:
        """Let time pass until ``now``, in seconds since the start; time that goes back is the last one seen."""
        steps = int(now // self._slice) - int(self._now // self._slice)
        self._now = max(self._now, now)
        for slices in (self._spent, self._arrivals) if steps > 0 else ():
            slices[:] = np.roll(slices, steps, axis=1) if steps < slices.shape[1] else 0.0
            slices[:, : min(steps, slices.shape[1])] = 0.0

    def arrive(self, now: float, arrived: float = 1.0) -> None:
        """Count requests."""
        self.advance(now)
        self._arrivals[:, 0] += arrived

    def settle(self, cost_usd: Floats) -> None:
        """Book what a request cost."""
        self._spent[:, 0] += cost_usd

    def settle_all(self, costs_usd: Sequence[float]) -> None:
        """Book what each of some requests cost."""
        spent = float(self._spent[0, 0])
        for cost in costs_usd:
            spent += cost
        self._spent[0, 0] = spent

    def change(self, spent: float, limit_usd: float) -> None:
        """Take in, of one seed, what is spent and what may be: the difference counts from now on."""
        self._limit = limit_usd
        self._spent[0, 0] += spent - self._spent[0].sum()

    def dump(self) -> dict[str, Any]:
        """Write down what was seen, for `load`."""
        return {"now": self._now, "spent": self._spent.tolist(), "arrivals": self._arrivals.tolist()}

    def load(self, saved: dict[str, Any]) -> None:
        """Take up what was seen."""
        self._now, self._spent = saved["now"], np.array(saved["spent"], float)
        self._arrivals = np.array(saved["arrivals"], float)

    def target(self) -> Floats:
        """Return the target per request, USD, shape (n_seeds,)."""
        released = (
            np.maximum(self.left_usd - self.in_flight.usd, 0.0) / self._seconds + self._spent[:, -1] / self._slice
        )
        rate, mean = self._rate(), self.mean_usd  # window_target's clip, with both sides per second
        return window_target(released * _LONG, np.maximum(rate * _LONG, 1.0), mean)

    def _rate(self) -> Floats:
        """Return arrivals a second: those of the last window, a tenth of a window's worth of the guess beside them."""
        seen = min(self._now, self._seconds)
        prior = 0.1 * self._seconds
        rate: Floats = (self._arrivals.sum(1) + self._guess * prior) / (seen + prior)
        return rate
