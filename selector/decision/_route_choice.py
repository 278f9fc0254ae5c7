"""What a task is to its model's routes, what it costs at each, and which of them it got."""

from __future__ import annotations

import math
from bisect import bisect_left
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from selector.catalog import NANO

if TYPE_CHECKING:
    from collections.abc import Callable

    from selector.catalog import Route

__all__ = ["Considered", "PriceTag", "RouteAsk", "RouteChoice"]

_NANO_PER_MTOK = NANO * 1e6


Told = tuple[str, tuple["Considered", ...]]
"""A reason, and each route considered."""


class RouteAsk(NamedTuple):
    """What one task is to its model's routes.

    Examples
    --------
    >>> RouteAsk(u=0.5, now_s=0.0, input_tokens=9_000, cached_tokens=8_000, incumbent="sonnet@work").output_tokens
    0
    """

    u: float
    """A uniform number in [0, 1): all the choice's randomness."""
    now_s: float
    """In seconds since 1970."""
    input_tokens: float = 0
    """How long the input is, what a prompt cache may hold of it included."""
    cached_tokens: float = 0
    """How much of the input the incumbent has in its prompt cache; any other route would take it in anew."""
    output_tokens: float = 0
    """How long the answer is believed to be."""
    incumbent: str | None = None
    """The name of the route that the session's last call went to; None: no session, or its first call."""
    order: tuple[str, ...] = ()
    """The names of routes in the order that a rule gives them."""
    max_latency_s: float | None = None
    """Within how long 95 % of calls should answer; None: no limit."""


class Considered(NamedTuple):
    """What one route was to a choice; None: it was not asked.

    Examples
    --------
    >>> print(Considered("sonnet@work", 0.004, None, 1.0, "chosen"))
    sonnet@work: 0.004 USD, available 1: chosen
    """

    route: str
    """Its name."""
    effective_usd: float | None
    """What the task costs there, by its quota's shadow price and for calls that may fail."""
    latency_s: float | None
    """What half of its calls are believed to take at most."""
    availability: float | None
    """How likely it answers: as drawn for this choice, where it was."""
    why: str
    """Why it was chosen, or not."""

    def __str__(self) -> str:
        said = [
            text
            for number, text in (
                (self.effective_usd, f"{self.effective_usd or 0:.6g} USD"),
                (self.latency_s, f"{self.latency_s or 0:.3g} s"),
                (self.availability, f"available {self.availability or 0:.2g}"),
            )
            if number is not None
        ]
        return f"{self.route}: {', '.join((*said, ''))[:-2]}{': ' if said else ''}{self.why}"


class RouteChoice:
    """The route of a choice, and why; the why is put into words when somebody asks, of what was compared then.

    Parameters
    ----------
    route
        Where the call goes.
    tell
        Puts it into words: the reason, and each route considered.

    Examples
    --------
    >>> from selector.catalog import Route
    >>> RouteChoice(Route(model="opus", provider="work", id="opus"), lambda: ("its only route", ())).reason
    'its only route'
    """

    __slots__ = ("_tell", "route")

    def __init__(self, route: Route, tell: Callable[[], Told]) -> None:
        self.route = route
        self._tell = tell

    @property
    def reason(self) -> str:
        """Why, in words, the strategy's name first."""
        return self._tell()[0]

    @property
    def considered(self) -> tuple[Considered, ...]:
        """All routes that could serve, in the order given; empty where there was only one."""
        return self._tell()[1]

    def __repr__(self) -> str:
        return f"RouteChoice({self.route.name!r}, {self.reason!r})"


class PriceTag:
    """What one route costs, looked up again when its prices change.

    Parameters
    ----------
    route
        Whose prices.
    """

    __slots__ = ("_edges", "_ends_s", "_rates", "_since_s", "route")

    def __init__(self, route: Route) -> None:
        self.route = route
        self._edges = () if route.prices is None else route.prices.tier_edges
        self._since_s, self._ends_s = math.inf, -math.inf
        self._rates: tuple[tuple[float, ...], ...] = ()

    def usd(self, ask: RouteAsk) -> float | None:
        """Price a task, in dollars; None: its prices are not known.

        Examples
        --------
        >>> from selector.catalog import Prices, Route
        >>> prices = Prices.of({"usd_per_mtok_in": 1, "usd_per_mtok_out": 5})
        >>> PriceTag(Route(model="opus", id="opus", prices=prices)).usd(RouteAsk(0.5, 0.0, input_tokens=2_000))
        0.002
        """
        if self.route.prices is None:
            return None
        _, now_s, tokens, cached, written, incumbent, _, _ = ask
        if not self._since_s <= now_s < self._ends_s:
            self._look_up(now_s)
        read, write, cache_read, cache_write, call = self._rates[bisect_left(self._edges, tokens) if self._edges else 0]
        if not cached:
            return read * tokens + write * written + call
        kept = min(cached, tokens)
        moved = cache_read if incumbent == self.route.name else cache_write
        return read * (tokens - kept) + moved * kept + write * written + call

    def _look_up(self, now_s: float) -> None:
        prices = self.route.prices
        if prices is None:
            return
        at = datetime.fromtimestamp(max(now_s, 0.0), UTC)
        lengths = (0, *(edge + 1 for edge in self._edges))
        found = [prices.rates(at=at, context_tokens=length) for length in lengths]
        self._rates = tuple(
            (*(each / _NANO_PER_MTOK for each in (r.input, r.output, r.cache_read, r.cache_write)), r.call / NANO)
            for r in found
        )
        change = prices.next_change(at)
        self._since_s, self._ends_s = now_s, math.inf if change is None else change.timestamp()
