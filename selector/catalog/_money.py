"""Dollars at the surface, nano-dollars inside."""

from __future__ import annotations

from decimal import ROUND_HALF_EVEN, Decimal

NANO = 1_000_000_000
"""Nano-dollars in a dollar."""


def nano(usd: float | Decimal) -> int:
    """Turn dollars into whole nano-dollars, half to even, from the digits that were written.

    Examples
    --------
    >>> nano(0.0028), nano(3)
    (2800000, 3000000000)
    """
    return int((Decimal(str(usd)) * NANO).to_integral_value(rounding=ROUND_HALF_EVEN))


def usd(nanos: int) -> float:
    """Turn nano-dollars into dollars.

    Examples
    --------
    >>> usd(2_800_000)
    0.0028
    """
    return nanos / NANO
