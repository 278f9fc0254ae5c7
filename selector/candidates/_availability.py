"""What only the moment knows of a route: whether its quota is spent, whether it is healthy."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from selector.catalog import Route
from selector.records import Exclusion

__all__ = ["Availability"]


class Availability(Protocol):
    """Who knows which routes cannot serve just now; a `Screen` asks it of every route that may serve otherwise.

    It is asked while a task waits, so it answers from memory and never raises.

    Examples
    --------
    >>> from datetime import UTC
    >>> from selector.records import Reason
    >>> class Spent:
    ...     def excluded(self, route, now, **_task):
    ...         resets = datetime(2026, 1, 1, 5, tzinfo=UTC)
    ...         if route.provider != "home" or now >= resets:
    ...             return None
    ...         return Exclusion(reason=Reason.OVER_QUOTA, detail=f"home, until {resets:%Y-%m-%d %H:%M} UTC")
    >>> print(Spent().excluded(Route(model="opus", provider="home", id="opus"), datetime(2026, 1, 1, tzinfo=UTC)))
    over_quota (home, until 2026-01-01 05:00 UTC)
    """

    def excluded(
        self, route: Route, now: datetime, *, task_type: str | None = None, purpose: str | None = None
    ) -> Exclusion | None:
        """Say why a route cannot serve a task now, such as OVER_QUOTA with its reset or UNHEALTHY; None: it can."""
        ...
