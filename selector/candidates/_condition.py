"""The condition of one route: its breaker and its cooling, in words for people and in events for other processes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from selector.candidates._breaker import Closed, HalfOpen, Open, State
from selector.candidates._cooling import FREE, RUSH, Cooled, Cooling, believable
from selector.config import BreakerConfig
from selector.records import Exclusion, Failure, Reason

__all__ = ["Condition", "Fields", "cooled_told", "cooling_event", "number", "state_told", "turned_event"]

Fields = dict[str, object]

_NEWS_S = 1.0
"""By how much later a deadline must be to be worth another line in the log."""
_LAST = 1e11
"""A moment that no clock will show."""
_OF_LIMIT = frozenset({Failure.RATE_LIMITED, Failure.QUOTA_EXHAUSTED})
_FAILURES = {failure.value: failure for failure in Failure}


class Condition(NamedTuple):
    """What is known of one route; replaced whole, so that it can be read without a lock."""

    state: State
    """Its circuit breaker."""
    cooling: Cooling = FREE
    """What its provider says of limits."""
    at: float = -math.inf
    """When the breaker last opened or closed."""

    @property
    def is_out(self) -> bool:
        """Whether something is held against the route, or may be once more before news come."""
        return bool(self.cooling.all) or not isinstance(self.state, Closed)

    @property
    def is_new(self) -> bool:
        """Whether there is nothing that an answer would change."""
        return isinstance(self.state, Closed) and not self.state.failed_at and self.cooling == FREE

    @property
    def limits(self) -> BreakerConfig:
        """When its breaker opens."""
        return self.state.opened.limits if isinstance(self.state, HalfOpen) else self.state.limits

    def wait_s(self, now: float) -> float:
        """Say in how many seconds the route may be called."""
        return max(self.state.wait_s(now), self.cooling.until - now, 0.0)

    def exclusion(self, route: str, now: float) -> Exclusion | None:
        """Say why the route cannot serve now: what holds longest."""
        breaks_s, cooled = self.state.wait_s(now), self.cooling.longest(now)
        if cooled is not None and cooled.until >= now + breaks_s:
            reason = Reason.OVER_QUOTA if cooled.failure in _OF_LIMIT else Reason.UNHEALTHY
            return Exclusion(reason=reason, detail=f"{route}: {_cooled_words(cooled, now)}")
        if breaks_s > 0:
            return Exclusion(reason=Reason.UNHEALTHY, detail=f"{route}: {_broken_words(self.state, now)}")
        return None

    def words(self, route: str, now: float) -> list[str]:
        """Say all that is held against the route, a line each."""
        found = [] if isinstance(self.state, Closed) else [f"{route}: {_broken_words(self.state, now)}"]
        return found + [f"{route}: {_cooled_words(each, now)}" for each in self.cooling.since(now).all]

    def written(self, route: str, now: float) -> list[Fields]:
        """Write what still holds as the events that tell it."""
        cooling, state = self.cooling.since(now), self.state
        found = [_cooled_event(route, each, each.at) for each in cooling.all]
        if found and cooling.times:
            found[0] = {**found[0], "times": cooling.times}
        if isinstance(state, Open):
            found.append(_open_event(route, state, state.since))
        elif isinstance(state, HalfOpen):
            opened = _open_event(route, state.opened, state.opened.since)
            found.append({**opened, "state": "half_open", "probe_at": state.probe_at})
        return found


def turned_event(route: str, condition: Condition, at: float, reason: str) -> Fields:
    """Tell that a breaker opened or closed; an opening names the end of a cooling that lasts longer."""
    if not isinstance(condition.state, Open):
        return {"kind": "health", "route": route, "state": "closed", "at": at, "until": at, "reason": reason}
    opened = _open_event(route, condition.state, at)
    return {**opened, "until": max(condition.state.until, condition.cooling.until)}


def cooling_event(route: str, was: Cooling, now: Cooling, at: float, reason: str) -> Fields | None:
    """Tell what a route is newly cooled for, or what it has room of again; None: no news."""
    before = {each.of: each for each in was.since(at).all}
    for each in now.all:
        had = before.pop(each.of, None)
        if had is None or each.until >= had.until + _NEWS_S:
            return _cooled_event(route, each, at)
    if not before:
        return None
    # An answer that shows room shows it of all that was said before.
    of = next(iter(before)) if len(before) == 1 else "all"
    return {"kind": "quota", "route": route, "state": "closed", "at": at, "until": at, "reason": reason, "of": of}


def cooled_told(event: Mapping[str, object], at: float) -> Cooled | None:
    """Read what a route is cooled for from an event; None: nothing that can be believed."""
    until = believable(number(event.get("until")), at)
    failure = _FAILURES.get(str(event.get("reason")), Failure.QUOTA_EXHAUSTED)
    return None if until is None else Cooled(str(event.get("of") or "quota"), until, at, failure)


def state_told(event: Mapping[str, object], at: float, limits: BreakerConfig) -> State | None:
    """Read a breaker's state from an event; None: it is of no state."""
    if event.get("state") == "closed":
        return Closed(limits)
    if event.get("state") not in {"open", "half_open"}:
        return None
    opened = Open(
        limits,
        since=at,
        until=believable(number(event.get("until")), at) or at + limits.open_s,
        long_s=max(number(event.get("long_s")) or 0.0, limits.open_s),
        n=max(1, int(number(event.get("n")) or 1)),
        failure=_FAILURES.get(str(event.get("reason")), Failure.SERVER_ERROR),
    )
    return opened if event["state"] == "open" else HalfOpen(opened, number(event.get("probe_at")))


def number(value: object) -> float | None:
    """Read a number that can be a time or a count, else None.

    Examples
    --------
    >>> number(3), number("3"), number(float("inf"))
    (3.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not -_LAST <= value <= _LAST:
        return None
    return float(value)


def _open_event(route: str, state: Open, at: float) -> Fields:
    found: Fields = {"kind": "health", "route": route, "state": "open", "at": at, "until": state.until}
    return {**found, "reason": state.failure.value, "long_s": state.long_s, "n": state.n}


def _cooled_event(route: str, cooled: Cooled, at: float) -> Fields:
    kind = "quota" if cooled.failure in _OF_LIMIT else "health"
    found: Fields = {"kind": kind, "route": route, "state": "cooled", "at": at}
    return {**found, "until": cooled.until, "reason": cooled.failure.value, "of": cooled.of}


def _broken_words(state: State, now: float) -> str:
    if isinstance(state, Closed):
        return "closed"
    opened = state.opened if isinstance(state, HalfOpen) else state
    why = f"after {opened.n} failure{'s' if opened.n != 1 else ''} ({opened.failure.value})"
    if state.wait_s(now) <= 0:
        return f"half open, the next call tries it, {why}"
    if isinstance(state, HalfOpen):
        return f"half open, a call tries it since {_clock(state.probe_at or 0.0, now)}, {why}"
    return f"open until {_clock(opened.until, now)} {why}"


def _cooled_words(cooled: Cooled, now: float) -> str:
    until = _clock(cooled.until, now)
    if cooled.of == RUSH:
        return f"asks to be left alone until {until} ({cooled.failure.value})"
    return f"{cooled.of.replace('_', ' ')} spent until {until}"


def _clock(at: float, now: float) -> str:
    """Write a moment: the time where it is near, else the day with it."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%H:%M:%S} UTC" if abs(at - now) < 43_200 else f"{moment:%Y-%m-%d %H:%M} UTC"
