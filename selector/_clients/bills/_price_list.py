"""Where prices come from: published or written by hand, and which will change."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import TYPE_CHECKING

from selector.catalog import Prices
from selector.config import RATES, Config, RouteConfig
from selector.errors import ConfigError

if TYPE_CHECKING:
    from selector.catalog import Catalog, Route
    from selector.config import PricesConfig

__all__ = ["ListedPrices", "PriceChange", "price_list"]

_NEVER_LATER = date(9_000, 1, 1)
_MOST_CHANGES = 400  # prices that go by the hour change twice a day, and what is dated is looked for among them


@dataclass(frozen=True, slots=True, kw_only=True)
class PriceChange:
    """Prices that will be others from a moment on."""

    at: datetime
    """The moment."""
    usd: Mapping[str, tuple[float, float]]
    """Each price that changes: what it is before, and after; empty: only those of long inputs change."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ListedPrices:
    """The prices of one route, and where they come from."""

    model: str
    route: str
    source: str
    """``published``, ``configured`` (by hand), ``both`` (some prices by hand, the others published), ``unknown``."""
    by_hand: tuple[str, ...]
    """The keys that the configuration says; ``tiers`` and ``prices`` are among them where it has such."""
    usd: Mapping[str, float] | None
    """What holds now for short inputs; None: nobody knows."""
    by_hour: bool
    """Whether it goes by the hour of the day."""
    changes: tuple[PriceChange, ...]
    """What will change, the next first."""


def price_list(config: Config, catalog: Catalog, at: datetime) -> tuple[ListedPrices, ...]:
    """Say of every route where its prices come from, and what will change.

    Parameters
    ----------
    config
        What the user wrote.
    catalog
        The catalog of that configuration.
    at
        Now, with its zone.

    Returns
    -------
    tuple of ListedPrices
        In the order of the configuration.

    Examples
    --------
    >>> from datetime import UTC
    >>> from selector.catalog import Catalog
    >>> haiku = {"provider": "work", "id": "claude-haiku-4-5"}
    >>> free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
    >>> config = Config.load({"providers": {"work": {"kind": "anthropic"}}, "models": {
    ...     "haiku": haiku, "dear": {**haiku, "usd_per_mtok_out": 9}, "own": free,
    ... }})
    >>> listed = price_list(config, Catalog.of(config), datetime(2026, 7, 30, tzinfo=UTC))
    >>> [(each.route, each.source, each.by_hand) for each in listed][:2]
    [('haiku@work', 'published', ()), ('dear@work', 'both', ('usd_per_mtok_out',))]
    >>> listed[2].source
    'configured'
    """
    return tuple(_listed(route, _layers(route, config), at) for model in catalog for route in model.routes)


def _layers(route: Route, config: Config) -> list[PricesConfig]:
    """Collect what the configuration says of a route's prices, the most general first."""
    line = [config.models[route.model]]
    while (origin := line[0].of) is not None:
        line.insert(0, config.models[origin])
    own = RouteConfig()
    for entry in line:
        if entry.routes is not None:
            own = entry.routes.get(route.provider or "", RouteConfig())
        elif entry.provider is not None:
            own = RouteConfig()
    return [*line, own]


def _listed(route: Route, layers: list[PricesConfig], at: datetime) -> ListedPrices:
    said = {key for layer in layers for key in layer.rates()}
    by_hand = [key for key in RATES if key in said]
    by_hand += [key for key in ("tiers", "prices") if any(getattr(layer, key) is not None for layer in layers)]
    prices = route.prices
    return ListedPrices(
        model=route.model,
        route=route.name,
        source=_source(prices, layers, is_said=bool(by_hand)),
        by_hand=tuple(by_hand),
        usd=None if prices is None else prices.usd(at=at),
        by_hour=prices is not None and prices.next_change(_NEVER_LATER) is not None,
        changes=() if prices is None else tuple(_changes(prices, at)),
    )


def _source(prices: Prices | None, layers: list[PricesConfig], *, is_said: bool) -> str:
    if prices is None:
        return "unknown"
    if not is_said:
        return "published"
    try:
        return "configured" if Prices.of(*layers) == prices else "both"
    except ConfigError:
        return "both"


def _changes(prices: Prices, at: datetime) -> list[PriceChange]:
    """List the dated changes ahead: what differs from the same hour of the day before."""
    found: list[PriceChange] = []
    moment: datetime | None = at
    lengths = (0, *(edge + 1 for edge in prices.tier_edges))
    for _ in range(_MOST_CHANGES):
        moment = None if moment is None else prices.next_change(moment)
        if moment is None:
            break
        before, after = (
            [prices.rates(at=day, context_tokens=length) for length in lengths]
            for day in (_a_day_before(moment), moment)
        )
        if before != after and not (found and moment.date() == found[-1].at.date()):
            old, new = before[0].usd(), after[0].usd()
            usd = {key: (old[key], new[key]) for key in new if new[key] != old[key]}
            found.append(PriceChange(at=moment, usd=usd))
    return found


def _a_day_before(moment: datetime) -> datetime:
    return datetime.fromtimestamp(moment.timestamp() - 86_400, moment.tzinfo)
