"""What was reported of a quota, and what can be worked out from it: tokens per share, and how fast it is used."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from selector.candidates._condition import Fields, number
from selector.candidates._cooling import QUOTA, believable
from selector.records import QuotaSeen

__all__ = ["COUNTED", "Fact", "Rate", "Ratio", "event_of", "is_share", "seen_of"]

COUNTED = frozenset({"requests", "tokens", "input_tokens", "output_tokens", "usd"})
"""What can be counted."""
_SURE = 0.02  # of a quota: what is reported in whole per cent is not known better
_SAME_S = 60.0  # two reports of one reset differ by no more


class Fact(NamedTuple):
    """What was last reported of one limit."""

    of: str
    """What the report called it."""
    at: float
    """When."""
    left: float
    """What was left: in units, or as a share."""
    until: float
    """Its reset."""
    is_share: bool = False
    """Whether `left` is a share."""
    limit: float = 0.0
    """How much there is in a window; 0: not said."""
    since: int = 0
    """What calls used that were made after the report."""
    told: float = 1.0
    """The share that other processes know of."""

    @property
    def share(self) -> float:
        """The share that was left when it was reported, as far as that is known."""
        if self.left <= 0:
            return 0.0
        return min(1.0, self.left if self.is_share else self.left / self.limit if self.limit else 1.0)


def is_share(seen: QuotaSeen) -> bool:
    """Tell whether a report is of a share: of one whole, and of nothing that can be counted.

    Examples
    --------
    >>> is_share(QuotaSeen(route="a", at_s=0.0, resource="unified_5h", remaining=0.4, limit=1.0))
    True
    >>> is_share(QuotaSeen(route="a", at_s=0.0, resource="requests", remaining=1.0, limit=1.0))
    False
    """
    return seen.limit == 1.0 and seen.resource not in COUNTED


@dataclass(slots=True)
class Ratio:
    """How much of a quota a token uses: a ratio of sums over whole stretches between two reports, shrunk.

    In each window the first report is the start, and the latest the end: the share that went between them over the
    tokens of the calls made between them, whenever those are booked. Windows add up; beyond a whole quota, old ones
    count half as much with each new window. With a declared limit the ratio is shrunk towards that (as much as 2 % of
    the quota counts), else towards nothing: ``(share + .02) / (tokens + .02 limit)``, or ``share / tokens`` times
    ``share / (share + .02)``. It counts what others use of the account as used by these tokens, which is on the
    safe side, and says nothing before tokens were used between two reports.

    Examples
    --------
    >>> ratio = Ratio()
    >>> ratio.told(1.0, at=0.0, until=900.0); ratio.book(1_000, at=1.0); ratio.told(0.9, at=2.0, until=900.0)
    >>> round(1 / ratio.per_token(None, pending=0))
    12000
    """

    shares: float = 0.0
    """Of windows that are over."""
    tokens: float = 0.0
    """Likewise."""
    begin: float = math.inf
    """When the first report of this window came."""
    first: float = 1.0
    """What it said."""
    last: float = 1.0
    """What the latest said."""
    until: float = -math.inf
    """The reset of this window."""
    booked: int = 0
    """Tokens of calls made after the first report."""

    def told(self, left: float, *, at: float, until: float) -> None:
        """Take in a report, newer than all before."""
        if abs(until - self.until) <= _SAME_S and left <= self.last:
            self.last, self.until = left, until
            return
        if self.booked > 0:
            weight = 0.5 if self.shares > 1 else 1.0
            self.shares = weight * self.shares + self.first - self.last
            self.tokens = weight * self.tokens + self.booked
        self.begin, self.first, self.last, self.until, self.booked = at, left, left, until, 0

    def book(self, tokens: int, at: float) -> None:
        """Count the tokens of a call."""
        if at > self.begin:
            self.booked += tokens

    def per_token(self, limit: int | None, *, pending: int) -> float:
        """Say which share a token uses; 0: nobody knows.

        Parameters
        ----------
        limit
            The declared tokens of a window; None: not declared.
        pending
            Tokens that no report has seen yet.
        """
        now = max(0, self.booked - pending)
        shares = self.shares + (self.first - self.last if now else 0.0)
        tokens = self.tokens + now
        if limit:
            return (shares + _SURE) / (tokens + _SURE * limit)
        return shares / tokens * shares / (shares + _SURE) if tokens > 0 else 0.0

    def dump(self) -> dict[str, float]:
        """Write it down, for `load`."""
        return {} if math.isinf(self.begin) else {each.name: getattr(self, each.name) for each in fields(self)}

    def load(self, saved: Mapping[str, Any]) -> None:
        """Take it up."""
        for each in fields(self):
            if each.name in saved:
                setattr(self, each.name, saved[each.name])


class Rate:
    """How fast something is used: exponentially weighted over a quarter of a window, in whatever order it is told.

    Where less than that was watched, the weights are those of the time watched, and a twentieth of a window without
    any use is added: one call just now is no trend. It knows no time of day.

    Examples
    --------
    >>> rate = Rate(3_600.0, since=0.0)
    >>> for minute in range(60): rate.book(600, at=60.0 * minute)
    >>> 8.0 < rate.at(3_600.0) < 10.0
    True
    """

    __slots__ = ("_at", "_memory", "_sum", "_window", "since")

    def __init__(self, window: float, since: float) -> None:
        self._window, self._memory = window, window / 4
        self._sum, self._at = 0.0, since
        self.since = since

    def book(self, amount: int, at: float) -> None:
        """Count what was used at a moment."""
        if math.isinf(self._memory):
            return
        if at > self._at:
            self._sum *= math.exp((self._at - at) / self._memory)
            self._at = at
        self._sum += amount * math.exp((at - self._at) / self._memory)
        self.since = min(self.since, at)

    def at(self, now: float) -> float:
        """Say how much is used in a second."""
        if self._sum <= 0:
            return 0.0
        now = max(now, self._at)
        left = self._sum * math.exp((self._at - now) / self._memory)
        watched = -self._memory * math.expm1((self.since - now) / self._memory)
        return left / (watched + self._window / 20)

    def dump(self) -> list[float]:
        """Write it down, for `load`."""
        return [self._sum, self._at, self.since]

    def load(self, saved: list[float]) -> None:
        """Take it up."""
        self._sum, self._at, self.since = saved


def event_of(seen: QuotaSeen, until: float, quota: str) -> Fields:
    """Write a report and which quota it is of, for other processes.

    The route stands under ``seen_by``, so that `Health` passes it over.

    Examples
    --------
    >>> event_of(QuotaSeen(route="a@b", at_s=1.0, resource="unified_5h", remaining=0.5, limit=1.0), 60.0, "")["state"]
    'learnt'
    """
    found: Fields = {"kind": "quota", "state": "learnt", "seen_by": seen.route, "at": seen.at_s, "of": seen.resource}
    found |= {"remaining": seen.remaining, "limit": seen.limit, "until": until, "spent": seen.exhausted}
    found["quota"] = quota
    return found


def seen_of(event: Mapping[str, object]) -> QuotaSeen | None:
    """Read a report that another process wrote, or a limit that cooled a route; None: it is neither.

    Examples
    --------
    >>> seen = QuotaSeen(route="a@b", at_s=1.0, resource="unified_5h", remaining=0.5, limit=1.0, resets_at_s=60.0)
    >>> seen_of(event_of(seen, 60.0, "")) == seen
    True
    """
    at, until, of = number(event.get("at")), number(event.get("until")), event.get("of")
    if event.get("kind") != "quota" or at is None or believable(until, at) is None:
        return None
    state, resource = event.get("state"), of if isinstance(of, str) else ""
    route = event.get("seen_by") if state == "learnt" else event.get("route")
    if not isinstance(route, str):
        return None
    if state == "learnt":
        return QuotaSeen(
            route=route,
            at_s=at,
            resource=resource,
            remaining=_amount(event.get("remaining")),
            limit=_amount(event.get("limit")),
            resets_at_s=until,
            exhausted=event.get("spent") is True,
        )
    if state != "cooled" or event.get("reason") != "quota_exhausted":
        return None
    return QuotaSeen(
        route=route, at_s=at, resource="" if resource == QUOTA else resource, resets_at_s=until, exhausted=True
    )


def _amount(value: object) -> float | None:
    found = number(value)
    return found if found is None or found >= 0 else None
