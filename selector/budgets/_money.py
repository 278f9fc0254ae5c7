"""Money as whole nano-dollars: sums are exact, and a hold never rounds down."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from selector.catalog import NANO, nano, usd

__all__ = ["NANO", "Nanos", "ceil_nanos", "nanos", "usd"]

Nanos = NDArray[np.int64]
nanos = nano


def ceil_nanos(usd: float) -> int:
    """Round dollars up to a whole nano-dollar: for holds, which must not be less than what they stand for.

    Examples
    --------
    >>> ceil_nanos(1.5e-9)
    2
    """
    return math.ceil(round(usd * NANO, 6))  # 6: what a float's last digit adds is not a nano-dollar
