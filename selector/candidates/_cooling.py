"""Until when a route is left alone because its provider says so: rushes, spent limits, and their resets."""

from __future__ import annotations

from typing import NamedTuple

from selector.records import Failure, HealthSeen, QuotaSeen

__all__ = ["ALL", "FREE", "RUSH", "Cooled", "Cooling", "believable"]

_FURTHEST_S = 31 * 86_400.0
_FIRST_S, _LONGEST_S = 300.0, 3_600.0
RUSH, QUOTA, ALL = "rush", "quota", "all"


def believable(until_s: float | None, now: float) -> float | None:
    """Keep a reset that lies ahead, at most 31 days; None: nobody says, or it is nonsense.

    Examples
    --------
    >>> believable(1_060.0, 1_000.0), believable(999.0, 1_000.0), believable(1e12, 1_000.0)
    (1060.0, None, None)
    """
    return until_s if until_s is not None and now < until_s <= now + _FURTHEST_S else None


class Cooled(NamedTuple):
    """What a route has no room of, and until when."""

    of: str
    """``rush`` for a short wait, ``quota`` for a spent limit that has no name, else the resource."""
    until: float
    """When there is room again, in seconds since 1970."""
    at: float
    """When that was last said."""
    failure: Failure = Failure.QUOTA_EXHAUSTED
    """Why."""


class Cooling(NamedTuple):
    """All that a route is cooled for: immutable, each change gives the next.

    Of two deadlines for one thing the later holds, in whatever order they come: a short `Retry-After` never shortens
    a long one. A limit that is spent until nobody knows when is left alone for 5 minutes, and for twice as long each
    time that it is still spent afterwards, up to an hour.

    Examples
    --------
    >>> long = HealthSeen(route="a", at_s=0.0, failure=Failure.RATE_LIMITED, until_s=60.0)
    >>> short = HealthSeen(route="a", at_s=1.0, failure=Failure.RATE_LIMITED, until_s=5.0)
    >>> FREE.failed(long).failed(short).until
    60.0
    """

    all: tuple[Cooled, ...] = ()
    """One for each thing."""
    times: int = 0
    """How often in a row a limit was spent until nobody knew when."""

    @property
    def until(self) -> float:
        """When all of it is over, in seconds since 1970; 0: nothing."""
        return max((each.until for each in self.all), default=0.0)

    def longest(self, now: float) -> Cooled | None:
        """Find what holds longest, if anything still holds."""
        found = max(self.all, key=lambda each: each.until, default=None)
        return found if found is not None and found.until > now else None

    def failed(self, seen: HealthSeen) -> Cooling:
        """Cool for a call that failed, if its failure says until when or is of a spent limit."""
        failure, now = seen.failure, seen.at_s
        if failure is Failure.QUOTA_EXHAUSTED:
            return self._spent(QUOTA, believable(seen.until_s, now), now)
        until = believable(seen.until_s, now)
        if failure is None or not failure.of_route or until is None:
            return self
        return self.later(Cooled(RUSH, until, now, failure))

    def told(self, seen: QuotaSeen) -> Cooling:
        """Cool for a limit that is spent, or end that where something is left of it."""
        until, now = believable(seen.resets_at_s, seen.at_s), seen.at_s
        if seen.is_spent:
            if until is None and not seen.exhausted:
                return self
            return self._spent(seen.resource or QUOTA, until, now)
        if seen.remaining is None:
            return self
        return self.without(seen.resource or QUOTA, now)

    def without(self, of: str, at: float) -> Cooling:
        """End what was said of one thing, or of ``all``, until a moment."""
        left = tuple(each for each in self.all if of not in {each.of, ALL} or each.at > at)
        return self if left == self.all else self._replace(all=left)

    def answered(self, began_s: float | None) -> Cooling:
        """End all that was said before a call began that then was answered: there was room.

        An answer to a call that was under way when the limit was met shows nothing; of one whose beginning is not
        known that must be assumed.
        """
        if not self.all and not self.times:
            return self
        if began_s is None:
            return self if self.all else FREE
        left = tuple(each for each in self.all if each.at >= began_s)
        return self if left and len(left) == len(self.all) else Cooling(left, self.times if left else 0)

    def later(self, more: Cooled) -> Cooling:
        """Keep the later of two deadlines for one thing."""
        had = next((each for each in self.all if each.of == more.of), None)
        if had is not None:
            more = max(had, more, key=lambda each: (each.until, each.failure))._replace(at=max(had.at, more.at))
        kept = (*(each for each in self.all if each.of != more.of), more)
        return self._replace(all=tuple(sorted(kept)))

    def since(self, now: float) -> Cooling:
        """Drop what is over."""
        left = tuple(each for each in self.all if each.until > now)
        return self if len(left) == len(self.all) else self._replace(all=left)

    def _spent(self, of: str, until: float | None, now: float) -> Cooling:
        if until is not None:
            return self.later(Cooled(of, until, now))
        holds = any(each.until > now for each in self.all if each.of == of)
        times = self.times if holds and self.times else self.times + 1
        long_s = min(_FIRST_S * 2 ** (min(times, 8) - 1), _LONGEST_S)
        return self.later(Cooled(of, now + long_s, now))._replace(times=times)


FREE = Cooling()
