"""What a call costs: prices by token class, by context length, by date and by hour."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Protocol

from selector.catalog._layers import Sheet, overlaid
from selector.catalog._money import nano, usd
from selector.config import PricesConfig
from selector.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selector.records import Usage

__all__ = ["Prices", "Rates"]

_MTOK = 1_000_000


class Counted(Protocol):
    """Tokens by class, such as a `Usage`: disjoint, and None where nobody counted."""

    @property
    def input_tokens(self) -> int | None: ...
    @property
    def cache_read_tokens(self) -> int | None: ...
    @property
    def cache_write_tokens(self) -> int | None: ...
    @property
    def output_tokens(self) -> int | None: ...
    @property
    def reasoning_tokens(self) -> int | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rates:
    """The prices that hold for one call, in whole nano-dollars per million tokens, and per call.

    Examples
    --------
    >>> rates = Rates.of({"usd_per_mtok_in": 3, "usd_per_mtok_out": 15, "usd_per_mtok_cache_read": 0.3})
    >>> rates.usd()["usd_per_mtok_cache_write"], rates.usd()["usd_per_mtok_reasoning"]
    (3.0, 15.0)
    """

    input: int
    """Of uncached input."""
    output: int
    """Of output."""
    cache_read: int
    """Of input read from a prompt cache."""
    cache_write: int
    """Of input written to a prompt cache."""
    reasoning: int
    """Of reasoning."""
    call: int = 0
    """Of the call itself, in nano-dollars."""

    @classmethod
    def of(cls, keys: Mapping[str, float]) -> Rates:
        """Build rates from prices in dollars; cached input costs as input and reasoning as output unless given.

        Examples
        --------
        >>> Rates.of({"usd_per_mtok_in": 0.15, "usd_per_mtok_out": 0.6}).cache_read
        150000000
        """
        into, out = keys["usd_per_mtok_in"], keys["usd_per_mtok_out"]
        return cls(
            input=nano(into),
            output=nano(out),
            cache_read=nano(keys.get("usd_per_mtok_cache_read", into)),
            cache_write=nano(keys.get("usd_per_mtok_cache_write", into)),
            reasoning=nano(keys.get("usd_per_mtok_reasoning", out)),
            call=nano(keys.get("usd_per_call", 0)),
        )

    def usd(self) -> dict[str, float]:
        """Write the rates in dollars, under the keys of the configuration.

        Examples
        --------
        >>> Rates.of({"usd_per_mtok_in": 1, "usd_per_mtok_out": 5}).usd()["usd_per_mtok_in"]
        1.0
        """
        return {
            "usd_per_mtok_in": usd(self.input),
            "usd_per_mtok_out": usd(self.output),
            "usd_per_mtok_cache_read": usd(self.cache_read),
            "usd_per_mtok_cache_write": usd(self.cache_write),
            "usd_per_mtok_reasoning": usd(self.reasoning),
            "usd_per_call": usd(self.call),
        }

    def cost_nano(self, usage: Counted) -> int:
        """Price a usage, in nano-dollars, rounded up once at the end.

        Examples
        --------
        >>> from selector.records import Usage
        >>> Rates.of({"usd_per_mtok_in": 3, "usd_per_mtok_out": 15}).cost_nano(Usage(output_tokens=100))
        1500000
        """
        per_mtok = (
            self.input * (usage.input_tokens or 0)
            + self.cache_read * (usage.cache_read_tokens or 0)
            + self.cache_write * (usage.cache_write_tokens or 0)
            + self.output * (usage.output_tokens or 0)
            + self.reasoning * (usage.reasoning_tokens or 0)
        )
        return self.call - (-per_mtok // _MTOK)

    @property
    def is_free(self) -> bool:
        """Whether nothing costs anything.

        Examples
        --------
        >>> Rates.of({"usd_per_mtok_in": 0, "usd_per_mtok_out": 0, "usd_per_call": 0.01}).is_free
        False
        """
        return not (self.input or self.output or self.cache_read or self.cache_write or self.reasoning or self.call)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Period:
    """Rates by context length, and when they hold."""

    start: date | None
    hours: tuple[time, time] | None
    base: Rates
    tiers: tuple[tuple[int, Rates], ...]

    def holds(self, at: datetime) -> bool:
        if self.start is not None and at.date() < self.start:
            return False
        if self.hours is None:
            return True
        begin, end = self.hours
        now = at.time()
        return begin <= now < end if begin <= end else now >= begin or now < end

    def rates(self, context_tokens: int) -> Rates:
        longer = [rates for above, rates in self.tiers if context_tokens > above]
        return longer[-1] if longer else self.base


@dataclass(frozen=True, slots=True)
class Prices:
    """What a route costs, whenever and however long the call.

    A tier by context length prices the whole call, as providers do: one token more can make every token
    dearer. Dates begin at 00:00 UTC; before the first one its prices hold already, for lack of better.
    Money is counted in whole nano-dollars, and a cost is rounded up once, so a hold never falls short of it.

    Examples
    --------
    >>> from selector.records import Usage
    >>> prices = Prices.of({
    ...     "usd_per_mtok_in": 2,
    ...     "usd_per_mtok_out": 12,
    ...     "tiers": [{"above_tokens": 200_000, "usd_per_mtok_in": 4}],
    ... })
    >>> today = date(2026, 7, 30)
    >>> prices.cost_usd(Usage(input_tokens=200_000), at=today), prices.cost_usd(Usage(input_tokens=200_001), at=today)
    (0.4, 0.800004)
    """

    _periods: tuple[_Period, ...]

    @classmethod
    def of(cls, *layers: PricesConfig | Mapping[str, object]) -> Prices:
        """Build prices from what the configuration says; a later layer overrides an earlier one.

        Parameters
        ----------
        *layers
            Prices as the configuration writes them, such as a model's and its route's.

        Returns
        -------
        Prices
            With at least one price for input and one for output at any time.

        Raises
        ------
        ConfigError
            If the layers together give no price for input or none for output.

        Examples
        --------
        >>> Prices.of({"usd_per_mtok_in": 1, "usd_per_mtok_out": 5}, {"usd_per_mtok_in": 2}).usd(at=date(2026, 1, 1))
        {'usd_per_mtok_in': 2.0, 'usd_per_mtok_out': 5.0, ...}
        """
        sheets: tuple[Sheet, ...] = ()
        for layer in layers:
            sheets = overlaid(sheets, layer if isinstance(layer, PricesConfig) else PricesConfig.read(layer))
        prices = cls.of_sheets(sheets)
        if prices is None:
            raise ConfigError("prices need both usd_per_mtok_in and usd_per_mtok_out; a free model says 0")
        return prices

    @classmethod
    def of_sheets(cls, sheets: Sequence[Sheet]) -> Prices | None:
        """Build prices from complete sheets, or None where a price of input or output is missing.

        Examples
        --------
        >>> Prices.of_sheets([Sheet(keys={"usd_per_mtok_in": 1})]) is None
        True
        """
        if not sheets or not all(sheet.is_complete for sheet in sheets):
            return None
        periods = (
            _Period(
                start=sheet.start,
                hours=sheet.hours,
                base=Rates.of(sheet.keys),
                tiers=tuple((above, Rates.of({**sheet.keys, **keys})) for above, keys in sheet.tiers),
            )
            for sheet in sheets
        )
        return cls(tuple(periods))

    def rates(self, *, at: date, context_tokens: int = 0) -> Rates:
        """Find the rates of a call.

        Parameters
        ----------
        at
            When the call is made: a date, or a time with its zone.
        context_tokens
            The length of the input, cached tokens included.

        Returns
        -------
        Rates
            What each token of that call costs.

        Examples
        --------
        >>> Prices.of({"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}).rates(at=date(2026, 1, 1)).is_free
        True
        """
        now = _utc(at)
        holding = [period for period in self._periods if period.holds(now)]
        return (holding[-1] if holding else self._periods[0]).rates(context_tokens)

    def cost_nano(self, usage: Usage, *, at: date) -> int:
        """Price a usage in nano-dollars; a token class that nobody counted costs nothing.

        Examples
        --------
        >>> from selector.records import Usage
        >>> prices = Prices.of({"usd_per_mtok_in": 0.1, "usd_per_mtok_out": 1})
        >>> prices.cost_nano(Usage(input_tokens=1), at=date(2026, 1, 1))
        100
        """
        return self.rates(at=at, context_tokens=usage.context_tokens).cost_nano(usage)

    def cost_usd(self, usage: Usage, *, at: date) -> float:
        """Price a usage in dollars; a token class that nobody counted costs nothing.

        Examples
        --------
        >>> from selector.records import Usage
        >>> prices = Prices.of({"usd_per_mtok_in": 3, "usd_per_mtok_out": 15})
        >>> prices.cost_usd(Usage(input_tokens=1_000, output_tokens=200), at=date(2026, 7, 30))
        0.006
        """
        return usd(self.cost_nano(usage, at=at))

    def usd(self, *, at: date) -> dict[str, float]:
        """Write the prices of a short call in dollars, under the keys of the configuration.

        Examples
        --------
        >>> Prices.of({"usd_per_mtok_in": 3, "usd_per_mtok_out": 15}).usd(at=date(2026, 7, 30))["usd_per_mtok_out"]
        15.0
        """
        return self.rates(at=at).usd()

    def next_change(self, at: date) -> datetime | None:
        """Say when other prices begin to hold, or None.

        Examples
        --------
        >>> prices = Prices.of({"usd_per_mtok_in": 1, "usd_per_mtok_out": 5,
        ...                     "prices": [{"from": "2026-09-01", "usd_per_mtok_out": 4}]})
        >>> prices.next_change(date(2026, 7, 30)).isoformat(), prices.next_change(date(2026, 9, 1))
        ('2026-09-01T00:00:00+00:00', None)
        """
        now = _utc(at)
        starts = [datetime.combine(p.start, time(), UTC) for p in self._periods if p.start is not None]
        edges = {edge for period in self._periods for edge in period.hours or ()}
        days = (now.date(), now.date() + timedelta(days=1))
        hours = [datetime.combine(day, edge.replace(tzinfo=None), UTC) for edge in edges for day in days]
        return min((moment for moment in (*starts, *hours) if moment > now), default=None)

    @property
    def tier_edges(self) -> tuple[int, ...]:
        """Lengths of input above which other rates hold, at some time, rising.

        Examples
        --------
        >>> Prices.of({"usd_per_mtok_in": 1, "usd_per_mtok_out": 5}).tier_edges
        ()
        """
        return tuple(sorted({above for period in self._periods for above, _ in period.tiers}))

    @property
    def is_free(self) -> bool:
        """Whether nothing costs anything at any time.

        Examples
        --------
        >>> Prices.of({"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}).is_free
        True
        """
        return all(
            rates.is_free for period in self._periods for rates in (period.base, *(tier for _, tier in period.tiers))
        )


def _utc(at: date) -> datetime:
    if not isinstance(at, datetime):
        return datetime.combine(at, time(), UTC)
    if at.tzinfo is None:
        raise ValueError(f"a time of a price needs its zone, and {at.isoformat()} has none; pass one with tzinfo=UTC")
    return at.astimezone(UTC)
