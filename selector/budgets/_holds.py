"""What a hard budget holds before a call: the worst case."""

from __future__ import annotations

from datetime import datetime

from selector.budgets._money import ceil_nanos
from selector.catalog import Prices
from selector.records import Usage

__all__ = ["worst_case_nano"]


def worst_case_nano(
    prices: Prices | None,
    *,
    at: datetime,
    input_tokens: int | None,
    max_output_tokens: int | None,
    max_usd_per_call: float | None = None,
) -> int | None:
    """Return the most a call can cost, in nano-dollars; None where nothing bounds it.

    All input as its dearest class (a provider decides alone what it writes to its cache) and the longest answer as its
    dearest class, at the prices of that moment for an input of that length; but no more than what is said to be the
    most of a call.

    Parameters
    ----------
    prices
        The route's; None: unknown, and so unbounded.
    at
        When the call is made; aware.
    input_tokens
        Of the whole input, >= 0; None: unknown, and so unbounded.
    max_output_tokens
        The task's, else the model's, else the catalogue's; None: unbounded.
    max_usd_per_call
        The most that a call of the route costs, whatever its tokens; None: nobody says.

    Examples
    --------
    >>> from datetime import UTC
    >>> from selector.config import PricesConfig
    >>> prices = Prices.of(PricesConfig.model_validate({"usd_per_mtok_in": 3, "usd_per_mtok_out": 15}))
    >>> now = datetime(2026, 1, 1, tzinfo=UTC)
    >>> worst_case_nano(prices, at=now, input_tokens=1_000, max_output_tokens=2_000)
    33000000
    >>> worst_case_nano(prices, at=now, input_tokens=1_000, max_output_tokens=None) is None
    True
    >>> worst_case_nano(prices, at=now, input_tokens=1_000, max_output_tokens=None, max_usd_per_call=2.0)
    2000000000
    """
    most = None if max_usd_per_call is None else ceil_nanos(max_usd_per_call)
    tokens = _of_tokens(prices, at, input_tokens, max_output_tokens)
    return most if tokens is None or (most is not None and most < tokens) else tokens


def _of_tokens(
    prices: Prices | None, at: datetime, input_tokens: int | None, max_output_tokens: int | None
) -> int | None:
    if prices is None:
        return None
    rates = prices.rates(at=at, context_tokens=input_tokens or 0)
    dearest_in, dearest_out = max(rates.input, rates.cache_read, rates.cache_write), max(rates.output, rates.reasoning)
    if (input_tokens is None and dearest_in) or (max_output_tokens is None and dearest_out):
        return None
    read = "input_tokens" if rates.input == dearest_in else "cache_write_tokens"
    if dearest_in not in {rates.input, rates.cache_write}:
        read = "cache_read_tokens"
    written = "output_tokens" if rates.output == dearest_out else "reasoning_tokens"
    return rates.cost_nano(Usage(**{read: input_tokens or 0, written: max_output_tokens or 0}))
