"""Which model serves a session, and each change of it with its reason."""

from __future__ import annotations

from collections import deque
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["SessionEvent", "Switches"]

_MOST = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionEvent:
    """A session's model changed.

    Examples
    --------
    >>> print(SessionEvent(at_s=0.0, turn=4, phase="worker", left="opus", route="haiku", reason="3 turns of lead"))
    turn 4, worker: opus -> haiku (3 turns of lead)
    """

    at_s: float
    """When, in seconds since 1970."""
    turn: int
    """In which turn, from 1."""
    phase: str | None
    """The purpose whose models serve the turn; None: there are none."""
    left: str | None
    """The route that served before, such as ``opus@work``; None: the session began."""
    route: str
    """The one that serves now."""
    reason: str
    """Why."""

    def __str__(self) -> str:
        phase = "" if self.phase is None else f", {self.phase}"
        return f"turn {self.turn}{phase}: {self.left or 'nobody'} -> {self.route} ({self.reason})"


class Switches:
    """The changes of one session's model, the last thousand of them.

    Examples
    --------
    >>> switches = Switches()
    >>> switches.to("opus", at_s=0.0, turn=1, phase="lead", reason="the session began").route
    'opus'
    >>> switches.to("opus", at_s=1.0, turn=2, phase="lead", reason="it goes on") is None
    True
    >>> switches.route, len(switches.events)
    ('opus', 1)
    """

    def __init__(self) -> None:
        self._events: deque[SessionEvent] = deque(maxlen=_MOST)
        self.route: str | None = None
        """The route that serves; None: none did yet."""

    @property
    def events(self) -> tuple[SessionEvent, ...]:
        """The changes, in order."""
        return tuple(self._events)

    def to(self, route: str, *, at_s: float, turn: int, phase: str | None, reason: str) -> SessionEvent | None:
        """Note which route serves; return the change, if it is one.

        Examples
        --------
        >>> print(Switches().to("opus", at_s=0.0, turn=1, phase=None, reason="the session began"))
        turn 1: nobody -> opus (the session began)
        """
        if route == self.route:
            return None
        event = SessionEvent(at_s=at_s, turn=turn, phase=phase, left=self.route, route=route, reason=reason)
        self.route = route
        self._events.append(event)
        return event

    def take_up(self, said: dict[str, Any]) -> None:
        """Take up a change as `saved` wrote it.

        Examples
        --------
        >>> one, other = Switches(), Switches()
        >>> event = one.to("opus", at_s=0.0, turn=1, phase=None, reason="the session began")
        >>> other.take_up(Switches.saved(event))
        >>> other.events == one.events
        True
        """
        event = SessionEvent(**said)
        self.route = event.route
        self._events.append(event)

    @staticmethod
    def saved(event: SessionEvent) -> dict[str, Any]:
        """Write a change down."""
        return asdict(event)
