"""How many decisions a verdict takes: what a log's weights and residuals cost, as it is and with a floor."""

from __future__ import annotations

import math
from dataclasses import replace
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.replay.estimates._columns import Rates
from selector.replay.estimates._logged import LoggedArrays
from selector.replay.estimates._spread import SPREAD, spread_of
from selector.replay.estimates._verdict import LIMITS, Limits

__all__ = ["Burden", "Needed", "burden_of", "explored", "needed_for", "sample_size", "with_floor"]

Floats = NDArray[np.float64]

_Z95 = 1.959963984540054


class Burden(NamedTuple):
    """What one decision of a log weighs for a policy."""

    variance: float
    """Of the difference in success from the logging policy: over n, the squared standard error of n decisions."""
    weight: float
    """Mean square of the weight: n decisions are worth n over it."""
    uncovered: float
    """Mean probability of the policy on models that are practically never tried."""


class Needed(NamedTuple):
    """How many decisions each demand takes; infinite where none are enough."""

    difference: float
    """To show the difference with the power that is wanted."""
    weights: float
    """For the effective sample size, and so that no decision outweighs the rest."""
    width: float
    """For the interval's half-width."""

    @property
    def all(self) -> float:
        """Decisions that meet every demand."""
        return max(self)

    @property
    def because(self) -> str:
        """Which demand takes most; ``overlap``: none can be met."""
        return "overlap" if math.isinf(self.all) else self._fields[self.index(self.all)]


def sample_size(variance: float, effect: float, *, power: float = 0.8, alpha: float = 0.05, sides: int = 2) -> float:
    """Return how many decisions show an effect, (z_(1 - alpha/sides) + z_power)^2 variance / effect^2.

    The usual normal-theory size for one mean, here that of the paired differences of influence functions (Chow, Shao,
    Wang 2008, Sample Size Calculations in Clinical Research, ch. 3). It knows nothing of skewness: where few large
    weights carry an estimate, the demand for an effective sample size is what holds.

    Parameters
    ----------
    variance
        Of one decision's difference.
    effect
        What is to be seen, above 0; else no number of decisions is enough.
    power
        Probability of seeing it where it is there.
    alpha
        Probability of seeing it where it is not.
    sides
        2: a difference in either direction; 1: only that it is not worse.

    Examples
    --------
    >>> round(sample_size(0.25, 0.05)), sample_size(0.25, 0.0)
    (785, inf)
    """
    if not effect > 0:
        return math.inf
    normal = NormalDist()
    return (normal.inv_cdf(1 - alpha / sides) + normal.inv_cdf(power)) ** 2 * variance / effect**2


def needed_for(burden: Burden, difference: float, limits: Limits = LIMITS) -> Needed:
    """Return what every demand of a supported verdict takes.

    The effective sample size grows as n / E[w^2]. The largest weight's share of all is at most one over the root of
    it, since the sum of squares is at least the largest square, so that it needs no data of its own.

    Parameters
    ----------
    burden
        Of one decision.
    difference
        Decisions that show the difference, as `sample_size` says.
    limits
        What is asked of a supported verdict.

    Examples
    --------
    >>> needed_for(Burden(variance=0.5, weight=10.0, uncovered=0.0), difference=100.0).weights
    300.0
    """
    if burden.uncovered >= limits.uncovered:
        return Needed(math.inf, math.inf, math.inf)
    effective = max(limits.effective_n, 1.0 / limits.largest_weight**2)
    return Needed(difference, effective * burden.weight, (_Z95 / limits.half_width) ** 2 * burden.variance)


def explored(log: LoggedArrays) -> Floats:
    """Return the probabilities by which a floor explores: half even, half to what has been tried least.

    The even half goes to all models that may serve; the other half in proportion to one over what their belief is
    worth, with its prior, and one more (where the log does not say it, evenly too).

    Returns
    -------
    array
        Shape (n, n_models).

    Examples
    --------
    >>> from selector.replay.targets._simple import _example
    >>> explored(_example())
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    may = log.may.astype(float)
    even: Floats = may / may.sum(1, keepdims=True)
    if log.strength is None:
        return even
    thin = np.where(np.isnan(log.strength), 0.0, may / (np.nan_to_num(log.strength) + 1.0))
    total = thin.sum(1, keepdims=True)
    found: Floats = 0.5 * even + 0.5 * np.where(total > 0, thin / np.where(total > 0, total, 1.0), even)
    return found


def with_floor(log: LoggedArrays, floor: float) -> Floats:
    """Return the probabilities of the logging policy with a floor more, (1 - f) e + f q."""
    mixed: Floats = (1 - floor) * log.probabilities + floor * explored(log) if floor else log.probabilities
    return mixed


def burden_of(
    log: LoggedArrays, target: Floats, rates: Rates, factor: float, floor: float = 0.0, limits: Limits = LIMITS
) -> Burden:
    """Say what one decision weighs if the logging policy explored more, from its probabilities and beliefs.

    With e' = (1 - f) e + f q, the variance of a decision's difference from that policy is::

        Var(sum_a (pi - e') M) + E[sum_a (pi - e')^2 / (e' m) v]

    and the mean square of the weight E[sum_a pi^2 / (e' m)], m being the probability of being judged and v the variance
    of what was predicted, as verdicts foretell it (Dudik, Langford, Li 2011, arXiv:1103.4601, theorem 2).

    Parameters
    ----------
    log
        Some of its decisions.
    target
        The policy's probabilities of them.
    rates
        How often outcomes were seen.
    factor
        Squared residuals of the whole log over what beliefs let expect.
    floor
        What is explored beyond what the log has.
    limits
        Below which probability a model counts as never tried.
    """
    e = with_floor(log, floor)
    spread = spread_of(replace(log, probabilities=e), target, rates)[0]
    between = (target - e) * log.mean_reward
    return Burden(
        variance=factor * float(spread[SPREAD.index("difference")].mean()) + float(between.sum(1).var()),
        weight=float(spread[SPREAD.index("weight")].mean()),
        uncovered=float((target * (e < limits.least_probability)).sum(1).mean()),
    )
