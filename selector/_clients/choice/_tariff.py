"""What calls cost today, model by model, as arrays: looked up once and read by every choice."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from selector.budgets import NANO, ceil_nanos
from selector.catalog import Rates, Route

__all__ = ["Tariff", "Tariffs"]

_MTOK = 1_000_000
_MANY = 256

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Tariff:
    """What one route of each model costs for inputs of about one length, in dollars and in whole nano-dollars.

    A model of which no price is known is believed in dollars: its output costs 1 USD a token, and its input nothing.

    Parameters
    ----------
    rates
        The rates of each model's route; None: unknown.
    routes
        The route of each: how long its input and its answer can be, and what a call costs at most.
    """

    __slots__ = (
        "all_limited",
        "call_usd",
        "context_tokens",
        "dear_in",
        "dear_out",
        "dearest_in",
        "known",
        "limited",
        "longest",
        "most_call",
        "open_ended",
        "out_usd",
        "rates",
        "usd_in",
        "usd_per_token",
    )

    def __init__(
        self,
        rates: list[Rates | None],
        routes: tuple[Route, ...],
    ) -> None:
        self.rates = rates
        self.longest = [None if route.is_open_ended else route.max_output_tokens for route in routes]
        self.context_tokens = [None if route.is_open_ended else route.context_tokens for route in routes]
        self.open_ended = [route.is_open_ended for route in routes]
        self.most_call = [None if (usd := route.max_usd_per_call) is None else ceil_nanos(usd) for route in routes]
        self.known = np.array([each is not None for each in rates])
        self.limited: Bools = self.known | np.array([most is not None for most in self.most_call])
        self.all_limited = bool(self.limited.all())
        per_token = NANO * _MTOK
        self.usd_in: Floats = np.array([0.0 if r is None else r.input / per_token for r in rates])
        self.usd_per_token: Floats = np.array([1.0 if r is None else r.output / per_token for r in rates])
        self.call_usd: Floats = np.array([0.0 if r is None else r.call / NANO for r in rates])
        self.dear_in = [0 if r is None else max(r.input, r.cache_read, r.cache_write) for r in rates]
        self.dear_out = [0 if r is None else max(r.output, r.reasoning) for r in rates]
        self.dearest_in = max(self.dear_in)

    def worst_nano(self, arm: int, input_tokens: int | None, max_output_tokens: int | None) -> int | None:
        """Return the most that a call can cost; None where nothing bounds it.

        All input as its dearest class, and the longest answer as its dearest class.

        Parameters
        ----------
        arm
            Index of the model.
        input_tokens
            What bounds the input; None: the model's context window.
        max_output_tokens
            The task's own longest answer; None: the model's.
        """
        most, tokens = self.most_call[arm], None
        if self.rates[arm] is not None:
            both = (None, None) if self.open_ended[arm] else (input_tokens, max_output_tokens)
            tokens = self._of_tokens(arm, *both)
        return most if tokens is None or (most is not None and most < tokens) else tokens

    def _of_tokens(self, arm: int, input_tokens: int | None, max_output_tokens: int | None) -> int | None:
        rates = self.rates[arm]
        assert rates is not None  # noqa: S101 - asked before
        window = self.context_tokens[arm]
        longest = self.longest[arm]
        read = window if input_tokens is None else input_tokens
        written = longest if max_output_tokens is None else max_output_tokens
        if written is None and window is not None:
            written = window
        if (read is None and self.dear_in[arm]) or (written is None and self.dear_out[arm]):
            return None
        per_mtok = self.dear_in[arm] * (read or 0) + self.dear_out[arm] * (written or 0)
        return rates.call - (-per_mtok // _MTOK)


class Tariffs:
    """Tariffs by route and by length of input, looked up again whenever a price changes.

    Parameters
    ----------
    routes
        The first route of each model.
    every
        All routes.
    """

    def __init__(self, routes: tuple[Route, ...], every: tuple[Route, ...]) -> None:
        self._routes = routes
        self._prices = [route.prices for route in every if route.prices is not None]
        self._found: dict[tuple[tuple[int, ...], int], Tariff] = {}  # by the identity of routes, which outlive this
        self._edges: dict[tuple[int, ...], list[int]] = {}
        self._last: tuple[tuple[Route, ...], tuple[int, ...], list[int]] = ((), (), [])
        self._at, self.ends = -np.inf, -np.inf
        self._most: list[int | None] | None = None
        self.short = self.of(None, 0)
        self._found.clear()

    def first_edge(self) -> int:
        """Return up to which length of input the tariff of short calls holds."""
        edges = self._edges_of(self._routes)
        return edges[0] if edges else 2**62

    def fresh(self, now: float) -> bool:
        """Look prices up again where they changed; tell whether those of short calls did."""
        if self._at <= now < self.ends:
            return False
        before = None if self._at == -np.inf else self.short
        at = datetime.fromtimestamp(max(now, 0.0), UTC)
        changes = [moment for prices in self._prices if (moment := prices.next_change(at)) is not None]
        self._at, self._found, self._most = now, {}, None
        self.ends = min(changes).timestamp() if changes else np.inf
        after = self.short = self.of(None, 0)
        return before is None or before.rates != after.rates

    def worst_nano(
        self, routes: tuple[Route, ...] | None, arm: int, input_tokens: int | None, max_output_tokens: int | None
    ) -> int | None:
        """Return the most that a call can cost, however long its input up to a bound; None: nothing bounds it.

        Parameters
        ----------
        routes
            One of each model; None: the first.
        arm
            Index of the model.
        input_tokens
            The longest its input can be; None: its context window.
        max_output_tokens
            The task's own longest answer; None: the model's.
        """
        routes = self._routes if routes is None else routes
        edges = self._edges_of(routes)
        longest = routes[arm].context_tokens if input_tokens is None else input_tokens
        last = len(edges) if longest is None else bisect_left(edges, longest)
        worst = 0
        for place in range(last + 1):
            tariff = self.of(routes, edges[place - 1] + 1 if place else 0)
            nano = tariff.worst_nano(arm, edges[place] if place < last else input_tokens, max_output_tokens)
            if nano is None:
                return None
            worst = max(worst, nano)
        return worst

    @property
    def most_nano(self) -> list[int | None]:
        """The most that a call with an input of unknown length can cost on each model's first route."""
        if self._most is None:
            self._most = [self.worst_nano(None, k, None, None) for k in range(len(self._routes))]
        return self._most

    def of(self, routes: tuple[Route, ...] | None, context_tokens: int) -> Tariff:
        """Return what some routes, one of each model, cost for inputs of a length."""
        routes = self._routes if routes is None else routes
        bucket = bisect_left(self._edges_of(routes), context_tokens)
        key = (self._last[1], bucket)
        found = self._found.get(key)
        if found is None:
            if len(self._found) >= _MANY:
                self._found.clear()
            at = datetime.fromtimestamp(max(self._at, 0.0), UTC)
            rates = [None if r.prices is None else r.prices.rates(at=at, context_tokens=context_tokens) for r in routes]
            found = self._found[key] = Tariff(rates, routes)
        return found

    def _edges_of(self, routes: tuple[Route, ...]) -> list[int]:
        """Say at which lengths of input any of some routes changes its price; the last asked for are at hand."""
        if self._last[0] is routes:
            return self._last[2]
        key = tuple(map(id, routes))
        edges = self._edges.get(key)
        if edges is None:
            if len(self._edges) >= _MANY:
                self._edges.clear()
            edges = sorted({edge for r in routes if r.prices is not None for edge in r.prices.tier_edges})
            self._edges[key] = edges
        self._last = (routes, key, edges)
        return edges
