"""The circuit breaker of one route: three immutable states, each of which returns the next."""

from __future__ import annotations

from dataclasses import dataclass, replace

from selector.config import BreakerConfig
from selector.records import Failure

__all__ = ["AT_ONCE", "COUNTED", "Closed", "HalfOpen", "Open", "State"]

AT_ONCE = frozenset({Failure.AUTH, Failure.NOT_FOUND, Failure.SPAWN_FAILED})
"""What does not heal by itself: one of them opens the breaker."""
COUNTED = frozenset(failure for failure in Failure if failure.of_route) - {
    Failure.RATE_LIMITED,
    Failure.QUOTA_EXHAUSTED,
}
"""What counts against a route; limits of the provider cool it instead, and failures of the task tell nothing."""

_LONGEST = 16
"""How many times as long as at first a breaker stays open at most."""


@dataclass(frozen=True, slots=True)
class Closed:
    """The route serves; failures in a row are counted.

    A success starts the count anew, so that a busy route with a few failures among many answers stays in service.

    Examples
    --------
    >>> state = Closed(BreakerConfig(failures=2, within_s=60, open_s=30))
    >>> state = state.failed(100.0).failed(110.0)
    >>> state.wait_s(120.0)
    20.0
    >>> state.probing(140.0).succeeded(141.0).wait_s(141.0)
    0.0
    """

    limits: BreakerConfig
    """When it opens."""
    failed_at: tuple[float, ...] = ()
    """When the last failures were."""

    def failed(self, now: float, failure: Failure = Failure.SERVER_ERROR) -> State:
        """Count a failure, and open if it is one too many or does not heal by itself."""
        recent = (*(each for each in self.failed_at if now - each <= self.limits.within_s), now)
        if failure not in AT_ONCE and len(recent) < self.limits.failures:
            return Closed(self.limits, recent)
        long_s = self.limits.open_s
        return Open(self.limits, since=now, until=now + long_s, long_s=long_s, n=len(recent), failure=failure)

    def succeeded(self, now: float) -> State:  # noqa: ARG002 - one face for all states
        """Start the count anew."""
        return Closed(self.limits) if self.failed_at else self

    def undecided(self, now: float) -> State:  # noqa: ARG002 - one face for all states
        """Learn nothing of a call that says nothing of the route."""
        return self

    def probing(self, now: float) -> State:  # noqa: ARG002 - one face for all states
        """Let a call go ahead."""
        return self

    def wait_s(self, now: float) -> float:  # noqa: ARG002 - one face for all states
        """Say in how many seconds it may be called: at once."""
        return 0.0


@dataclass(frozen=True, slots=True)
class Open:
    """The route failed too often and is left alone for a while.

    Calls that began before it opened end while it is open; they change nothing. Once the time is over a call may try.
    """

    limits: BreakerConfig
    """When it opens."""
    since: float
    """When it opened."""
    until: float
    """From when on one call may try."""
    long_s: float
    """For how long it opened."""
    n: int
    """How many failures led to it."""
    failure: Failure
    """The last of them."""

    def failed(self, now: float, failure: Failure = Failure.SERVER_ERROR) -> State:
        """Stay open; after the time, open again for longer."""
        return self if now < self.until else self.probing(now).failed(now, failure)

    def succeeded(self, now: float) -> State:
        """Stay open: the call began before; after the time, close."""
        return self if now < self.until else self.probing(now).succeeded(now)

    def undecided(self, now: float) -> State:  # noqa: ARG002 - one face for all states
        """Learn nothing of a call that says nothing of the route."""
        return self

    def probing(self, now: float) -> State:
        """Let one call try, once the time is over; the same object: not yet."""
        return self if now < self.until else HalfOpen(self, now)

    def wait_s(self, now: float) -> float:
        """Say in how many seconds a call may try."""
        return max(0.0, self.until - now)


@dataclass(frozen=True, slots=True)
class HalfOpen:
    """One call tries whether the route serves again; a call that never reports frees its place after a while."""

    opened: Open
    """What it was before."""
    probe_at: float | None
    """When the call that tries began; None: the place is free."""

    def failed(self, now: float, failure: Failure = Failure.SERVER_ERROR) -> State:
        """Open again, for twice as long."""
        was = self.opened
        long_s = min(2 * was.long_s, _LONGEST * was.limits.open_s)
        return replace(was, since=now, until=now + long_s, long_s=long_s, n=was.n + 1, failure=failure)

    def succeeded(self, now: float) -> State:  # noqa: ARG002 - one face for all states
        """Close."""
        return Closed(self.opened.limits)

    def undecided(self, now: float) -> State:  # noqa: ARG002 - one face for all states
        """Free the place of a call that says nothing of the route."""
        return self if self.probe_at is None else HalfOpen(self.opened, None)

    def probing(self, now: float) -> State:
        """Take the place of the call that tries; the same object: it is taken."""
        return self if self.wait_s(now) > 0 else HalfOpen(self.opened, now)

    def wait_s(self, now: float) -> float:
        """Say in how many seconds another call may try."""
        return 0.0 if self.probe_at is None else max(0.0, self.probe_at + self.opened.limits.open_s - now)


State = Closed | Open | HalfOpen
