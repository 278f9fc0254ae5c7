"""Money as whole nano-dollars: sums are exact, and a hold never rounds down."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["NANO", "Nanos", "ceil_nanos", "nanos", "usd"]

NANO = 1_000_000_000
Nanos = NDArray[np.int64]


def nanos(usd: float) -> int:
    """Round dollars to the nearest nano-dollar, ties to even: for limits and for what was really paid.

    Examples
    --------
    >>> nanos(0.1) + nanos(0.2) == nanos(0.3)
    True
    """
    return round(usd * NANO)


def ceil_nanos(usd: float) -> int:
    """Round dollars up to a whole nano-dollar: for holds, which must not be less than what they stand for.

    Examples
    --------
    >>> ceil_nanos(1.5e-9)
    2
    """
    return math.ceil(round(usd * NANO, 6))  # 6: what a float's last digit adds is not a nano-dollar


def usd(nanos: int) -> float:
    """Turn nano-dollars into dollars, for the surface.

    Examples
    --------
    >>> usd(250_000_000)
    0.25
    """
    return nanos / NANO
