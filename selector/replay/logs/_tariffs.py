"""Another price list, as it applies to a log: by a factor, or by what each class of tokens costs at the time."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from selector.catalog import NANO, Catalog, Prices, Rates, UnknownPriceWarning
from selector.config import Config
from selector.errors import ConfigError, DataError, UnknownModelError

__all__ = ["PriceList", "Tariff", "tariffs_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
PriceList = Config | Mapping[str, float | Mapping[str, object]]
"""A configuration, whose models' prices count; or for each model a factor, or prices as a configuration writes them."""

_CONTEXT = 3  # of the classes of tokens are input
_MTOK = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Tariff:
    """What one model costs: a factor on what it did, or prices of tokens.

    Examples
    --------
    >>> tariff = Tariff(prices=Prices.of({"usd_per_mtok_in": 3, "usd_per_mtok_out": 15}))
    >>> tariff.usd(np.array([[1000.0, 0, 0, 200, 0]]), np.zeros(1, np.int64), np.array(["m"]))
    array([0.006])
    """

    factor: float | None = None
    """What a cost is multiplied by; None: there are prices."""
    prices: Prices | None = None
    """Of a call."""
    by_route: Mapping[str, Prices] = field(default_factory=dict)
    """Of a call to a route that has prices of its own."""

    def usd(self, tokens: Floats, at: Ints, route: NDArray[np.object_] | NDArray[np.str_]) -> Floats:
        """Price calls.

        Parameters
        ----------
        tokens
            Uncached input, cache read, cache write, output, reasoning, shape (n, 5).
        at
            When each call was made, microseconds since 1970, shape (n,).
        route
            Where it went, shape (n,).
        """
        found = np.zeros(len(at))
        own = [name for name in self.by_route if len(at) and (route == name).any()]
        for name in own:
            rows = np.flatnonzero(route == name)
            found[rows] = _priced(self.by_route[name], tokens[rows], at[rows])
        rest = np.flatnonzero(~np.isin(route.astype(str), own))
        if len(rest) and self.prices is not None:
            found[rest] = _priced(self.prices, tokens[rest], at[rest])
        return found


def tariffs_of(prices: PriceList, models: Sequence[str], needed: Sequence[str]) -> list[Tariff]:
    """Read a price list.

    Parameters
    ----------
    prices
        As it was given.
    models
        Those of the log.
    needed
        Those among them that cost something to somebody.

    Returns
    -------
    list of Tariff
        One for each model of the log.

    Raises
    ------
    DataError
        Models are missing, or what is said of one is no price; it names them.
    UnknownModelError
        It has a model that the log does not.
    """
    found = _of_config(prices) if isinstance(prices, Config) else _of_mapping(prices, models)
    missing = [name for name in needed if name not in found]
    if missing:
        raise DataError(
            f"prices: nothing is said of {', '.join(map(repr, missing))}; give a factor (1 leaves its cost as it is), "
            "or usd_per_mtok_in and usd_per_mtok_out"
        )
    return [found.get(name, Tariff(factor=1.0)) for name in models]


def _of_config(config: Config) -> dict[str, Tariff]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UnknownPriceWarning)  # who is missing and needed is an error
        catalog = Catalog.of(config)
    found = {}
    for model in catalog:
        by_route = {route.name: route.prices for route in model.routes if route.prices is not None}
        if by_route:
            found[model.name] = Tariff(prices=next(iter(by_route.values())), by_route=by_route)
    return found


def _of_mapping(prices: Mapping[str, float | Mapping[str, object]], models: Sequence[str]) -> dict[str, Tariff]:
    found = {}
    for name, value in prices.items():
        if name not in models:
            raise UnknownModelError.of(name, models, key="prices")
        if isinstance(value, Mapping):
            try:
                found[name] = Tariff(prices=Prices.of(value))
            except ConfigError as error:
                raise DataError(f"prices[{name!r}]: {error}") from None
        elif isinstance(value, bool) or not 0 <= value < np.inf:
            raise DataError(
                f"prices[{name!r}] is {value!r}; give a factor of at least 0, such as 0.5, or a mapping with "
                "usd_per_mtok_in and usd_per_mtok_out"
            )
        else:
            found[name] = Tariff(factor=float(value))
    return found


def _priced(prices: Prices, tokens: Floats, at: Ints) -> Floats:
    """Price calls at what held when each was made, by the length of its input."""
    found = np.empty(len(at))
    context = tokens[:, :_CONTEXT].sum(1)
    edges = (0, *prices.tier_edges)
    tier = np.searchsorted(edges[1:], context)
    starts = _starts(prices, int(at.min()), int(at.max()))
    period = np.searchsorted(starts, at, "right") - 1
    for each in np.unique(period).tolist():
        when = datetime.fromtimestamp(starts[each] / 1e6, UTC)
        for place in np.unique(tier[period == each]).tolist():
            rows = (period == each) & (tier == place)
            long = edges[place] + 1 if place else 0
            found[rows] = _charged(prices.rates(at=when, context_tokens=long), tokens[rows])
    return found


def _starts(prices: Prices, first: int, last: int) -> list[int]:
    """List when prices began to hold between two times, microseconds since 1970, the first of these too."""
    found = [first]
    while True:
        after = prices.next_change(datetime.fromtimestamp(found[-1] / 1e6, UTC))
        if after is None or after.timestamp() * 1e6 > last:
            return found
        found.append(round(after.timestamp() * 1e6))


def _charged(rates: Rates, tokens: Floats) -> Floats:
    per_mtok = np.array([rates.input, rates.cache_read, rates.cache_write, rates.output, rates.reasoning], float)
    charged: Floats = (tokens @ per_mtok / _MTOK + rates.call) / NANO
    return charged
