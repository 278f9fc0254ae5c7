"""A confidence sequence for means of what has no bounds, such as dollars: right in the limit, at every look."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError
from selector.replay.intervals._normal import Interval

__all__ = ["asymptotic_half_widths", "asymptotic_sequence"]

Floats = NDArray[np.float64]
_TIGHTEST = 1_000.0  # after how many values it is as tight as it can be


def asymptotic_half_widths(values: Floats, alpha: float = 0.05) -> Floats:
    """Return how far the mean so far may be from the mean of expectations so far, after each of some values.

    After Waudby-Smith, Arbour, Sinha, Kennedy, Ramdas, arXiv:2103.06476, theorem 2.2: with the standard deviation s_t
    of the first t values and any r > 0, the mean so far -+ ::

        s_t sqrt(2 (t r^2 + 1) / (t^2 r^2) log(sqrt(t r^2 + 1) / alpha))

    is the normal interval's counterpart that holds at all t at once. Where it stops: it is a statement about large t,
    as the normal interval is. Whoever looks before the mean of the values is near enough to normal is promised nothing.

    Parameters
    ----------
    values
        In the order in which they came, each with an expectation, given the ones before it, that is of interest.
    alpha
        Chance, in the limit, that it is ever wrong.

    Returns
    -------
    numpy.ndarray
        After each value; infinite after the first, shape (n,).

    Raises
    ------
    DataError
        If alpha is no probability.

    Examples
    --------
    >>> values = np.random.default_rng(0).normal(size=4000)
    >>> asymptotic_half_widths(values)[[0, 99, 999, 3999]].round(3)
    array([  inf, 0.364, 0.094, 0.05 ])
    """
    if not 0 < alpha < 1:
        raise DataError(f"alpha: {alpha} is not between 0 and 1; .05 is usual")
    t = np.arange(1.0, len(values) + 1)
    centred = values - (values[0] if len(values) else 0.0)
    means = np.cumsum(centred) / t
    variance = np.maximum(np.cumsum(centred**2) / t - means**2, 0.0) * t / np.maximum(t - 1, 1)
    r2 = (-2 * math.log(alpha) + math.log(-2 * math.log(alpha)) + 1) / _TIGHTEST
    found = np.sqrt(variance * 2 * (t * r2 + 1) / (t**2 * r2) * np.log(np.sqrt(t * r2 + 1) / alpha))
    found[:1] = math.inf
    half: Floats = found
    return half


def asymptotic_sequence(values: Floats, alpha: float = 0.05) -> Interval:
    """Return the interval of `asymptotic_half_widths` after the last value.

    Examples
    --------
    >>> [round(end, 2) for end in asymptotic_sequence(np.random.default_rng(0).normal(5.0, 1.0, 4000))]
    [4.94, 5.03]
    """
    if not len(values):
        return Interval(-math.inf, math.inf)
    mean, half = float(values.mean()), float(asymptotic_half_widths(values, alpha)[-1])
    return Interval(mean - half, mean + half)
