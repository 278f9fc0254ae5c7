"""How wide an interval is to be expected from logged probabilities alone, before the luck of who was drawn."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from selector.replay.estimates._columns import Rates
from selector.replay.estimates._logged import LoggedArrays

__all__ = ["SPREAD", "degrees_of_freedom", "expected_variance", "spread_of"]

Floats = NDArray[np.float64]

SPREAD = ("residual", "own", "policy", "difference", "weight", "fourth", "fourth_difference")
_LEAST_PROBABILITY = 1e-30
_LEAST_VARIANCE = 0.1  # of a success: a model believed to be near certain may be thinly sampled, and believed wrongly


def spread_of(log: LoggedArrays, target: Floats, rates: Rates) -> Floats:
    """Return the parts of a doubly robust estimate's variance that probabilities and beliefs foretell.

    A standard error that is read off weighted residuals is small by chance where large weights happened not to be
    drawn, and then the interval misses: of intervals picked for being narrow, more miss than should. What is foretold,
    sum_a pi(a)^2/e(a) v(a), looks at every model's probability at every decision and does not depend on who was drawn;
    v is M (1 - M), at least .1, for success and M^2 for cost, times one factor that fits all residuals.

    Returns
    -------
    array
        Squared residuals and v of the chosen arms where the outcome was seen; sum_a pi^2/(e m) v; and the same for the
        difference from the logging policy, sum_a (pi - e)^2/(e m) v; sum_a pi^2/(e m), the mean square of the weight;
        and the fourth powers of weighted residuals, and of those of the difference. Shape (2 outcomes, 7, n).
    """
    rows, e = np.arange(log.n), np.maximum(log.probabilities, _LEAST_PROBABILITY)
    w = target[rows, log.arm] / log.propensity
    squares = w * w, (w - 1.0) ** 2
    found = np.zeros((2, len(SPREAD), log.n))
    policy = target * target
    policy /= e
    difference = policy - target
    difference -= target
    difference += e
    np.maximum(difference, 0.0, out=difference)
    never = log.probabilities <= 0  # never drawn, so that its weight does not vary; it counts as uncovered
    policy[never] = difference[never] = 0.0
    parts = ((log.reward, log.mean_reward, rates.success), (log.cost_usd, log.mean_cost_usd, rates.cost))
    for each, (y, means, rate) in zip(found, parts, strict=True):
        v = np.maximum(means * (1.0 - means), _LEAST_VARIANCE) if y is log.reward else means * means
        own, squared = v[rows, log.arm], (y - means[rows, log.arm]) ** 2
        if rate is not None:
            seen = ~np.isnan(y)
            own, squared = np.where(seen, own, 0.0), np.where(seen, squared, 0.0)
            often = np.maximum(rate, _LEAST_PROBABILITY)[log.type]
            v = v / often
        each[0], each[1] = squared, own
        weighted = squared if rate is None else squared / often[rows, log.arm] ** 2
        for place, square in enumerate(squares, 5):
            np.square(np.multiply(square, weighted, out=each[place]), out=each[place])
        np.einsum("ij,ij->i", policy, v, out=each[2])
        np.einsum("ij,ij->i", difference, v, out=each[3])
        each[4] = policy.sum(1) if rate is None else (policy / often).sum(1)
    return found


def expected_variance(spread: Floats, n: float, part: str) -> Floats:
    """Return the variance of a mean of n rows that the sums of `spread_of` foretell, shape (2 outcomes).

    Parameters
    ----------
    spread
        Sums over all decisions for the factor, and over the n for the rest, shape (2 outcomes, 7).
    n
        How many rows.
    part
        ``policy`` or ``difference``.

    Examples
    --------
    >>> expected_variance(np.array([[30.0, 20.0, 400.0, 100.0, 0.0, 0.0, 0.0], [0.0] * 7]), 100.0, "policy").round(3)
    array([0.06, 0.  ])
    """
    own = spread[:, 1]
    factor = np.where(own > 0, spread[:, 0] / np.where(own > 0, own, 1.0), 0.0)
    variance: Floats = factor * spread[:, SPREAD.index(part)] / (n * n)
    return variance


def degrees_of_freedom(fourth: float, scatter: float) -> float:
    """Return how many degrees of freedom a standard error has that some heavily weighted residuals dominate.

    The relative variance of a sample variance is 2/df where errors are normal, and the sum of fourth powers over the
    square of the sum of squares for any others; with what makes these equal, Student's t is wider than the normal by
    as much as the standard error is uncertain (Satterthwaite 1946, doi:10.2307/3002019).

    Parameters
    ----------
    fourth
        Sum of the fourth powers of the errors.
    scatter
        Sum of their squares.

    Examples
    --------
    >>> degrees_of_freedom(fourth=300.0, scatter=100.0), degrees_of_freedom(0.0, 0.0)
    (66.66666666666667, inf)
    """
    return max(2.0 * scatter * scatter / fourth, 1.0) if fourth > 0 else math.inf
