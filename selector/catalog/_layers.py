"""How prices from several places become one: what was published, then the model's, then the route's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date, time

    from selector.config import PricesConfig, TierConfig


Tiers = tuple[tuple[int, Mapping[str, float]], ...]
"""Input lengths, rising, each with the prices that change above it."""


def running(tiers: Mapping[int, Mapping[str, float]]) -> Tiers:
    """Complete each tier with what a lower one changed: a class may have thresholds of its own.

    Examples
    --------
    >>> running({200: {"usd_per_mtok_in": 4.0}, 400: {"usd_per_mtok_out": 9.0}})
    ((200, {'usd_per_mtok_in': 4.0}), (400, {'usd_per_mtok_in': 4.0, 'usd_per_mtok_out': 9.0}))
    """
    current: dict[str, float] = {}
    complete = []
    for above in sorted(tiers):
        current = {**current, **tiers[above]}
        complete.append((above, current))
    return tuple(complete)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """Prices in dollars under the keys of the configuration, and when they hold.

    Examples
    --------
    >>> Sheet(keys={"usd_per_mtok_in": 3.0, "usd_per_mtok_out": 15.0}).is_complete
    True
    """

    keys: Mapping[str, float] = field(default_factory=dict)
    """The prices of a short call."""
    tiers: Tiers = ()
    """Input lengths, rising, with the prices that change above them."""
    start: date | None = None
    """The first day, or None for always."""
    hours: tuple[time, time] | None = None
    """The part of each day, in UTC, or None for all of it."""

    @property
    def is_complete(self) -> bool:
        """Whether there are prices of input and of output.

        Examples
        --------
        >>> Sheet(keys={"usd_per_mtok_in": 3.0}).is_complete
        False
        """
        return "usd_per_mtok_in" in self.keys and "usd_per_mtok_out" in self.keys

    def under(self, keys: Mapping[str, float], tiers: Sequence[TierConfig] | None) -> Sheet:
        """Lay prices over these: a flat price holds at every length, unless tiers stand beside it.

        Examples
        --------
        >>> low = Sheet(keys={"usd_per_mtok_in": 2.0}, tiers=((200_000, {"usd_per_mtok_in": 4.0}),))
        >>> low.under({"usd_per_mtok_in": 3.0}, None)
        Sheet(keys={'usd_per_mtok_in': 3.0}, tiers=(), start=None, hours=None)
        """
        if tiers is not None:
            kept = running({tier.above_tokens: tier.rates() for tier in tiers})
        else:
            left = ((above, {key: usd for key, usd in rest.items() if key not in keys}) for above, rest in self.tiers)
            kept = tuple((above, rest) for above, rest in left if rest)
        return replace(self, keys={**self.keys, **keys}, tiers=kept)


def overlaid(sheets: Sequence[Sheet], layer: PricesConfig) -> tuple[Sheet, ...]:
    """Lay what one part of the configuration says over the sheets below it.

    A list of dated prices takes the place of all dates below it, and each entry keeps what it does not name
    from the entry before it.

    Examples
    --------
    >>> from selector.config import PricesConfig
    >>> overlaid((), PricesConfig(usd_per_mtok_in=1, usd_per_mtok_out=5))[0].is_complete
    True
    """
    below = tuple(sheets) or (Sheet(),)
    laid = tuple(sheet.under(layer.rates(), layer.tiers) for sheet in below)
    if layer.prices is None:
        return laid
    current = replace(laid[0], start=None, hours=None)
    dated = [current] if current.is_complete else []
    for entry in layer.prices:
        current = replace(current.under(entry.rates(), entry.tiers), start=entry.start)
        dated.append(current)
    return tuple(dated)
