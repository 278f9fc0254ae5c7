"""The health of all routes: who is out just now, for how long and why, learnt from calls and from other processes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from threading import Lock

from selector.candidates._breaker import COUNTED, Closed, HalfOpen, Open, State
from selector.candidates._condition import (
    Condition,
    Fields,
    cooled_told,
    cooling_event,
    number,
    state_told,
    turned_event,
)
from selector.catalog import Route
from selector.config import BreakerConfig
from selector.records import Exclusion, HealthSeen, QuotaSeen

__all__ = ["Health"]


class Health:
    """Who knows which routes cannot serve just now: an `Availability` that learns.

    Each route has a circuit breaker, and is cooled apart from that for what its provider says of limits. A failure
    of the task counts for nothing here. It answers from memory and calls nothing but itself, so it may be asked under
    any lock. An answer ends a cooling only if its call began after that was told: one that was under way when the
    limit was met shows nothing.

    Parameters
    ----------
    config_of
        When the breakers of a provider's routes open, by the provider's name; the others have the defaults.

    Examples
    --------
    >>> from datetime import UTC
    >>> from selector.records import Failure
    >>> health = Health({"work": BreakerConfig(failures=1)})
    >>> health.seen(HealthSeen(route="sonnet@work", at_s=0.0, failure=Failure.SERVER_ERROR))["state"]
    'open'
    >>> print(health.excluded(Route(model="sonnet", provider="work", id="s"), datetime(1970, 1, 1, tzinfo=UTC)))
    unhealthy (sonnet@work: open until 00:00:30 UTC after 1 failure (server_error))
    >>> health.admit("sonnet@work", 29.0), health.admit("sonnet@work", 30.0), health.admit("sonnet@work", 30.1)
    (False, True, False)
    """

    __slots__ = ("_conditions", "_config_of", "_lock", "_out", "_sweep_at", "out")

    out: bool
    """Whether a route may be out: False while every one is free; it may be True for too long, never False."""

    def __init__(self, config_of: Mapping[str, BreakerConfig] | None = None) -> None:
        self._config_of = dict(config_of or {})
        self._lock = Lock()
        self._conditions: dict[str, Condition] = {}
        self._out: set[str] = set()
        self._sweep_at = math.inf
        self.out = False

    def excluded(self, route: Route, now: datetime, **_task: str | None) -> Exclusion | None:
        """Say why a route cannot serve now, and until when; None: it can.

        Examples
        --------
        >>> from datetime import UTC
        >>> Health().excluded(Route(model="opus", id="opus"), datetime(2026, 1, 1, tzinfo=UTC)) is None
        True
        """
        if not self.out:
            return None
        now_s = now.timestamp()
        if now_s >= self._sweep_at:
            self._sweep(now_s)
        name = route.name
        condition = self._conditions.get(name)
        return None if condition is None else condition.exclusion(name, now_s)

    def wait_s(self, route_name: str, now_s: float) -> float:
        """Say in how many seconds a route may be called; 0: at once.

        Examples
        --------
        >>> Health().wait_s("opus", 0.0)
        0.0
        """
        condition = self._conditions.get(route_name) if self.out else None
        return 0.0 if condition is None else condition.wait_s(now_s)

    def admit(self, route_name: str, now_s: float) -> bool:
        """Claim the right to call a route now: of one that is to be tried again, one call has it at a time.

        Who claimed it reports the call's end with `seen`, whatever the end is, and so frees the place; a place that
        is never freed is free again after the breaker's ``open_s``.

        Examples
        --------
        >>> Health().admit("opus", 0.0)
        True
        """
        if not self.out or route_name not in self._conditions:
            return True
        with self._lock:
            condition = self._conditions[route_name]
            if condition.wait_s(now_s) > 0:
                return False
            self._keep(route_name, condition._replace(state=condition.state.probing(now_s)))
            return True

    def seen(self, seen: HealthSeen, *, began_s: float | None = None) -> Fields | None:
        """Learn from the end of a call.

        Parameters
        ----------
        seen
            How it ended.
        began_s
            When it began, in seconds since 1970; None: nobody knows.

        Returns
        -------
        dict or None
            The event to be written, if the route opened, closed, was cooled, or has room again.

        Examples
        --------
        >>> Health().seen(HealthSeen(route="opus", at_s=0.0)) is None
        True
        """
        had = self._conditions.get(seen.route)
        if seen.failure is None and (had is None or had.is_new):
            return None
        with self._lock:
            was = self._condition(seen.route)
            state = _stepped(was.state, seen, began_s)
            cooling = was.cooling.since(seen.at_s)
            cooling = cooling.answered(began_s) if seen.failure is None else cooling.failed(seen)
            closed = isinstance(state, Closed) and not isinstance(was.state, Closed)
            turned = closed or (isinstance(state, Open) and state is not was.state)
            now = Condition(state, cooling, seen.at_s if turned else was.at)
            self._keep(seen.route, now)
        reason = "answered" if seen.failure is None else seen.failure.value
        if turned:
            return turned_event(seen.route, now, seen.at_s, reason)
        return cooling_event(seen.route, was.cooling, cooling, seen.at_s, reason)

    def is_calm(self, route: str) -> bool:
        """Tell whether an answer of a route would change nothing."""
        known = self._conditions.get(route)
        return known is None or known.is_new

    def quota(self, seen: QuotaSeen) -> Fields | None:
        """Learn how a limit of the provider stands.

        Returns
        -------
        dict or None
            The event to be written, if the route was cooled or has room again.

        Examples
        --------
        >>> spent = QuotaSeen(route="opus", at_s=0.0, resource="requests", remaining=0, resets_at_s=60.0)
        >>> Health().quota(spent)
        {'kind': 'quota', 'route': 'opus', 'state': 'cooled', 'at': 0.0, 'until': 60.0, 'reason': 'quota_exhausted',
         'of': 'requests'}
        """
        if not self.out and not seen.is_spent:
            return None
        with self._lock:
            was = self._condition(seen.route)
            cooling = was.cooling.since(seen.at_s).told(seen)
            if cooling is not was.cooling:
                self._keep(seen.route, was._replace(cooling=cooling))
        return cooling_event(seen.route, was.cooling, cooling, seen.at_s, "room")

    def fold(self, event: Mapping[str, object]) -> None:
        """Take over what another process wrote; what is no such event, or older than what is known, changes nothing.

        Examples
        --------
        >>> from selector.records import Failure
        >>> here, there = Health({"work": BreakerConfig(failures=1)}), Health()
        >>> there.fold(here.seen(HealthSeen(route="opus@work", at_s=0.0, failure=Failure.CONNECTION)))
        >>> there.wait_s("opus@work", 10.0)
        20.0
        """
        route, at, kind = event.get("route"), number(event.get("at")), event.get("kind")
        if not isinstance(route, str) or at is None or kind not in {"health", "quota"}:
            return
        with self._lock:
            was = self._condition(route)
            now = _told(was, event, at)
            if now is not was:
                self._keep(route, now)

    def words(self, now: datetime) -> tuple[str, ...]:
        """Say of each route that is out until when and why, a line each.

        Examples
        --------
        >>> from datetime import UTC
        >>> health = Health()
        >>> _ = health.quota(QuotaSeen(route="opus", at_s=0.0, resource="tokens", remaining=0, resets_at_s=60.0))
        >>> health.words(datetime(1970, 1, 1, tzinfo=UTC))
        ('opus: tokens spent until 00:01:00 UTC',)
        """
        now_s = now.timestamp()
        return tuple(line for name, condition in self._known() for line in condition.words(name, now_s))

    def dump(self, now_s: float) -> list[Fields]:
        """Write down what still holds, as JSON can keep it; all times are absolute.

        Failures of a breaker that has not opened are left out.

        Examples
        --------
        >>> Health().dump(0.0)
        []
        """
        return [event for name, condition in self._known() for event in condition.written(name, now_s)]

    def load(self, written: Iterable[Mapping[str, object]]) -> None:
        """Take over what `dump` wrote.

        Examples
        --------
        >>> from selector.records import Failure
        >>> health, again = Health({"work": BreakerConfig(failures=1)}), Health()
        >>> _ = health.seen(HealthSeen(route="opus@work", at_s=0.0, failure=Failure.CONNECTION))
        >>> again.load(health.dump(1.0))
        >>> again.wait_s("opus@work", 1.0)
        29.0
        """
        for event in written:
            self.fold(event)

    def _known(self) -> list[tuple[str, Condition]]:
        with self._lock:
            return [(name, self._conditions[name]) for name in sorted(self._out)]

    def _condition(self, route: str) -> Condition:
        found = self._conditions.get(route)
        if found is not None:
            return found
        provider = route.rpartition("@")[2] if "@" in route else ""
        return Condition(Closed(self._config_of.get(provider) or BreakerConfig()))

    def _keep(self, route: str, condition: Condition) -> None:
        """Replace what is known of a route, with the lock held."""
        self._conditions[route] = condition
        if condition.is_out:
            self._out.add(route)
            self._sweep_at = min([self._sweep_at, *(each.until for each in condition.cooling.all)])
        else:
            self._out.discard(route)
        self.out = bool(self._out)

    def _sweep(self, now_s: float) -> None:
        """Drop the coolings that are over."""
        with self._lock:
            self._sweep_at = math.inf
            for name in sorted(self._out):
                condition = self._conditions[name]
                self._keep(name, condition._replace(cooling=condition.cooling.since(now_s)))


def _stepped(state: State, seen: HealthSeen, began_s: float | None) -> State:
    """Give the state after a call; one that began before the call that tries is not that call, and shows nothing."""
    tries_at = state.probe_at if isinstance(state, HalfOpen) else None
    if tries_at is not None and began_s is not None and began_s < tries_at:
        return state
    if seen.failure is None:
        return state.succeeded(seen.at_s)
    return state.failed(seen.at_s, seen.failure) if seen.failure in COUNTED else state.undecided(seen.at_s)


def _told(was: Condition, event: Mapping[str, object], at: float) -> Condition:
    """Give the condition after another process's event; the same object: no news."""
    if event.get("state") == "cooled":
        more, times = cooled_told(event, at), int(number(event.get("times")) or 0)
        if more is None:
            return was
        cooling = was.cooling.later(more)
        return was._replace(cooling=cooling._replace(times=max(cooling.times, times)))
    if event["kind"] == "quota":
        return was._replace(cooling=was.cooling.without(str(event.get("of") or "all"), at))
    state = state_told(event, at, was.limits) if at >= was.at else None
    if state is None or (isinstance(was.state, Open) and isinstance(state, Open) and state.until < was.state.until):
        return was
    return Condition(state, was.cooling, at)
