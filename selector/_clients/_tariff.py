"""What calls cost today, model by model, as arrays: looked up once and read by every choice."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from selector.catalog import NANO, Rates, Route

__all__ = ["Tariff", "Tariffs"]

_MTOK = 1_000_000
_AGE_S = 60.0  # prices change by the day or the hour; they are looked at again once a minute
_MANY = 256

Floats = NDArray[np.float64]


class Tariff:
    """What one route of each model costs for inputs of about one length, in dollars and in whole nano-dollars.

    A model of which no price is known is believed in dollars: its output costs 1 USD a token, and its input nothing.

    Parameters
    ----------
    rates
        The rates of each model's route; None: unknown.
    max_output_tokens
        The longest answer of each; None: unknown.
    context_tokens
        The longest input of each; None: unknown.
    """

    __slots__ = (
        "call_usd",
        "context_tokens",
        "dear_in",
        "dear_out",
        "dearest_in",
        "known",
        "longest",
        "out_usd",
        "rates",
        "usd_in",
        "usd_per_token",
    )

    def __init__(
        self,
        rates: list[Rates | None],
        max_output_tokens: list[int | None],
        context_tokens: list[int | None],
    ) -> None:
        self.rates, self.longest, self.context_tokens = rates, max_output_tokens, context_tokens
        self.known = np.array([each is not None for each in rates])
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
        rates = self.rates[arm]
        if rates is None:
            return None
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
    """Tariffs by route and by length of input, looked up again once a minute.

    Parameters
    ----------
    routes
        The first route of each model.
    """

    def __init__(self, routes: tuple[Route, ...]) -> None:
        self._routes = routes
        self._found: dict[tuple[tuple[Route, ...], int], Tariff] = {}
        self._edges: dict[tuple[Route, ...], list[int]] = {}
        self._at = -np.inf

    def first_edge(self) -> int:
        """Return up to which length of input the tariff of short calls holds."""
        edges = self._edges_of(self._routes)
        return edges[0] if edges else 2**62

    def fresh(self, now: float) -> bool:
        """Look prices up again where they may have changed; tell whether those of short calls did."""
        if 0 <= now - self._at < _AGE_S:
            return False
        before = self._found.get((self._routes, 0))
        self._at, self._found = now, {}
        after = self.of(self._routes, 0)
        return before is None or before.rates != after.rates

    def of(self, routes: tuple[Route, ...] | None, context_tokens: int) -> Tariff:
        """Return what some routes, one of each model, cost for inputs of a length."""
        routes = self._routes if routes is None else routes
        bucket = bisect_left(self._edges_of(routes), context_tokens)
        found = self._found.get((routes, bucket))
        if found is None:
            if len(self._found) >= _MANY:
                self._found.clear()
            at = datetime.fromtimestamp(max(self._at, 0.0), UTC)
            rates = [None if r.prices is None else r.prices.rates(at=at, context_tokens=context_tokens) for r in routes]
            longest, windows = [r.max_output_tokens for r in routes], [r.context_tokens for r in routes]
            found = self._found[routes, bucket] = Tariff(rates, longest, windows)
        return found

    def _edges_of(self, routes: tuple[Route, ...]) -> list[int]:
        edges = self._edges.get(routes)
        if edges is None:
            if len(self._edges) >= _MANY:
                self._edges.clear()
            edges = sorted({edge for r in routes if r.prices is not None for edge in r.prices.tier_edges})
            self._edges[routes] = edges
        return edges
