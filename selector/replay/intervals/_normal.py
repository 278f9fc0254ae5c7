"""Normal and Student intervals, two-sided p-values, and Holm's correction for many comparisons."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError

__all__ = ["Interval", "holm", "normal_interval", "p_value", "quantile"]

Floats = NDArray[np.float64]


class Interval(NamedTuple):
    """Two ends."""

    low: float
    high: float

    @property
    def half_width(self) -> float:
        """Half the distance between the ends."""
        return (self.high - self.low) / 2


def normal_interval(value: float, se: float, level: float = 0.95, df: float = math.inf) -> Interval:
    """Return value -+ z se; with finitely many degrees of freedom, Student's t takes the place of z.

    Right for one sample size that was fixed beforehand. A log that is looked at again and again, until it shows
    something, needs a confidence sequence.

    Raises
    ------
    DataError
        The level is not between 0 and 1.

    Examples
    --------
    >>> [round(end, 3) for end in normal_interval(0.5, 0.01)]
    [0.48, 0.52]
    >>> [round(end, 3) for end in normal_interval(0.5, 0.01, df=10)]
    [0.478, 0.522]
    """
    if not 0 < level < 1:
        raise DataError(f"level: {level} is not between 0 and 1; .95 is usual")
    z = quantile(level, df)
    return Interval(value - z * se, value + z * se)


def quantile(level: float, df: float = math.inf) -> float:
    """Return how many standard errors an interval goes to either side.

    Examples
    --------
    >>> round(quantile(0.95), 3), round(quantile(0.95, df=10), 3)
    (1.96, 2.228)
    """
    if math.isinf(df):
        return NormalDist().inv_cdf((1 + level) / 2)
    from scipy.special import stdtrit

    return float(stdtrit(df, (1 + level) / 2))


def p_value(value: float, se: float, df: float = math.inf) -> float:
    """Return the two-sided p-value of an estimate against zero; nan where there is no standard error.

    Normal, or by Student's t where degrees of freedom are few.

    Examples
    --------
    >>> round(p_value(1.96, 1.0), 3), p_value(0.0, 0.0)
    (0.05, 1.0)
    """
    if se == 0:
        return 1.0 if value == 0 else 0.0
    if not math.isinf(df):
        from scipy.special import stdtr

        return float(2 * stdtr(df, -abs(value) / se))
    return math.erfc(abs(value) / se / math.sqrt(2))


def holm(p: Floats) -> Floats:
    """Adjust p-values so that the chance of any false alarm among all of them stays below the level.

    Step-down Bonferroni (Holm 1979, https://www.jstor.org/stable/4615733), which needs no independence. A comparison
    that could not be made (nan) stays nan and is not counted.

    Examples
    --------
    >>> holm(np.array([0.01, 0.04, 0.03])).round(3)
    array([0.03, 0.06, 0.06])
    """
    adjusted = np.full(len(p), np.nan)
    made = np.flatnonzero(~np.isnan(p))
    order = made[np.argsort(p[made], kind="stable")]
    steps = p[order] * np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return adjusted
