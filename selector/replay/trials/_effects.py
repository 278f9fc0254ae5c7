"""Differences between the sides of an experiment: with an interval for one look, and one that holds at every look."""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np

from selector.replay.estimates._logged import LoggedArrays
from selector.replay.intervals._asymptotic import asymptotic_sequence
from selector.replay.intervals._normal import Interval, normal_interval, p_value
from selector.replay.intervals._sequence import ConfidenceSequence, Scale
from selector.replay.trials._units import Bools, Floats, Units

__all__ = ["AbEffect", "AbMissing", "Wanted", "difference_sequence", "effects_of", "missing_of", "n_more"]

_BURN_IN = 200  # known costs of each side before an interval that is right in the limit is given
_POWER = 0.8
_MOST = 1e12
_ODD = 0.01  # p-value below which the sides are said to be judged differently often


class Wanted(NamedTuple):
    """How sure one wants to be, and what a dollar is worth in successes."""

    level: float
    price: float


@dataclass(frozen=True, slots=True)
class AbEffect:
    """A difference per task, treatment less control."""

    outcome: str
    """``success``, ``cost`` (dollars) or ``utility`` (success less price times dollars)."""
    value: float
    """Nan: not known on both sides."""
    se: float
    interval: Interval
    """For one look at a time that was fixed beforehand."""
    sequence: Interval
    """For every look at once; infinite: too little is known for one."""
    n: int
    """Tasks of which it is known."""
    n_left_out: int
    """Of these, tasks of a share that has fewer than two of them on a side."""

    @property
    def p_value(self) -> float:
        """The two-sided p-value at one look."""
        return p_value(self.value, self.se)

    def as_dict(self) -> dict[str, Any]:
        """Lay it out as JSON."""
        ends = {name: list(getattr(self, name)) for name in ("interval", "sequence")}
        numbers = {name: getattr(self, name) for name in ("outcome", "value", "se", "p_value", "n", "n_left_out")}
        return {**numbers, **{k: [e if math.isfinite(e) else None for e in v] for k, v in ends.items()}}


class AbMissing(NamedTuple):
    """What was not judged on each side."""

    treatment: float
    """The share of its tasks that was judged."""
    control: float
    p_value: float
    """Of both being judged equally often, at one look."""
    alarm: bool
    """Whether they are judged differently often; by chance one time in a hundred looks."""
    low: float
    """The difference in success if all that is missing failed under the treatment and succeeded under the control."""
    high: float
    """The other way around."""
    sequence: Interval
    """What holds at every look with nothing assumed of what is missing."""

    def as_dict(self) -> dict[str, Any]:
        """Lay it out as JSON."""
        return {**self._asdict(), "sequence": list(self.sequence)}


def effects_of(units: Units, wish: Wanted) -> tuple[AbEffect, ...]:
    """Estimate the differences in success, in cost, and, where a dollar is worth something, in utility."""
    outcomes = {"success": units.success, "cost": units.cost_usd}
    if wish.price > 0:
        outcomes["utility"] = units.success - wish.price * units.cost_usd
    return tuple(_effect(name, values, units, wish) for name, values in outcomes.items())


def _effect(outcome: str, values: Floats, units: Units, wish: Wanted) -> AbEffect:
    known = ~np.isnan(values)
    y, treated, share = values[known], units.treated[known], units.share[known]
    value, se, n_out = _stratified(y, treated, share)
    interval = Interval(-math.inf, math.inf) if math.isnan(se) else normal_interval(value, se, wish.level)
    if outcome == "success":
        sequence = Interval(-1.0, 1.0) if not len(y) else _twice(difference_sequence(y, treated, share, wish.level))
    elif min(treated.sum(), (~treated).sum()) < _BURN_IN:
        sequence = Interval(-math.inf, math.inf)
    else:
        sequence = asymptotic_sequence(_contrasts(y, treated, share), 1 - wish.level)
    return AbEffect(outcome, value, se, interval, sequence, len(y), n_out)


def _stratified(y: Floats, treated: Bools, share: Floats) -> tuple[float, float, int]:
    """Return the difference of means within shares, weighted by their tasks, its standard error, and what is left out.

    Raises nothing: where no share has two known tasks on each side, the first two are nan.
    """
    values, variances, sizes, left_out = [], [], [], 0
    for each in np.unique(share):
        rows = share == each
        one, other = y[rows & treated], y[rows & ~treated]
        if min(len(one), len(other)) < 2:
            left_out += int(rows.sum())
            continue
        values.append(one.mean() - other.mean())
        variances.append(one.var(ddof=1) / len(one) + other.var(ddof=1) / len(other))
        sizes.append(rows.sum())
    if not sizes:
        return math.nan, math.nan, left_out
    weight = np.array(sizes) / np.sum(sizes)
    return float(weight @ np.array(values)), float(math.sqrt(weight**2 @ np.array(variances))), left_out


def difference_sequence(y: Floats, treated: Bools, share: Floats, level: float = 0.95) -> ConfidenceSequence:
    """Bound a difference of means at all times: twice the value of a fair coin between two sides, less one.

    With the controls' outcomes turned around (1 - y), a policy that takes each side with probability one half is worth
    (treatment + 1 - control)/2, and a `ConfidenceSequence` bounds that for any known shares.

    Parameters
    ----------
    y
        Outcomes in [0, 1], in the order of time, nan where unknown, shape (n,).
    treated, share
        The side of each, and the probability with which it was to be the treatment.
    level
        Of the interval.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> treated = rng.random(5000) < 0.3
    >>> y = (rng.random(5000) < np.where(treated, 0.8, 0.6)).astype(float)
    >>> low, high = difference_sequence(y, treated, np.full(5000, 0.3)).bounds()
    >>> round(2 * low - 1, 2), round(2 * high - 1, 2)
    (0.14, 0.25)
    """
    sequence = ConfidenceSequence(Scale(alpha=1 - level))
    sequence.add(_coin(y, treated, share), np.full((len(y), 2), 0.5))
    return sequence


def _coin(y: Floats, treated: Bools, share: Floats) -> LoggedArrays:
    """Write a difference as the value of a fair coin between the sides."""
    reward = np.where(treated, y, 1 - y)
    means = np.stack([_before(reward, ~treated), _before(reward, treated)], axis=1)
    both = np.stack([1 - share, share], axis=1)
    return LoggedArrays(
        arm=treated.astype(np.intp),
        reward=reward,
        cost_usd=np.zeros(len(y)),
        propensity=np.where(treated, share, 1 - share),
        probabilities=both,
        mean_reward=means,
        mean_cost_usd=np.zeros((len(y), 2)),
        type=np.zeros(len(y), np.intp),
        models=("control", "treatment"),
        task_types=("all",),
    )


def _before(values: Floats, rows: Bools, base: float = 0.5) -> Floats:
    """Return the mean of what was known of some rows before each row."""
    hit = rows & ~np.isnan(values)
    own = np.where(hit, values, 0.0)
    count: Floats = np.cumsum(hit, dtype=np.float64) - hit
    found: Floats = (np.cumsum(own) - own + 2 * base) / (count + 2)
    return found


def _contrasts(y: Floats, treated: Bools, share: Floats) -> Floats:
    """Return a value for each task whose expectation, given the past, is its difference between the sides."""
    base = float(y[0])
    one, other = _before(y, treated, base), _before(y, ~treated, base)
    off = np.where(treated, (y - one) / share, -(y - other) / (1 - share))
    found: Floats = one - other + off
    return found


def _twice(sequence: ConfidenceSequence) -> Interval:
    low, high = sequence.bounds()
    return Interval(2 * low - 1, 2 * high - 1)


def missing_of(units: Units, wish: Wanted) -> AbMissing:
    """Compare how often the sides were judged, and say what that can hide."""
    judged = ~np.isnan(units.success)
    rate = {side: float(judged[units.treated == side].mean()) for side in (True, False)}
    n: dict[bool, int] = {side: int((units.treated == side).sum()) for side in (True, False)}
    pooled = float(judged.mean())
    se = math.sqrt(pooled * (1 - pooled) * (1 / n[True] + 1 / n[False]))
    p = p_value(rate[True] - rate[False], se) if se > 0 else 1.0
    worst, best = (
        _stratified(np.where(judged, units.success, np.where(units.treated, a, 1 - a)), units.treated, units.share)[0]
        for a in (0.0, 1.0)
    )
    sequence = _twice(difference_sequence(units.success, units.treated, units.share, wish.level))
    return AbMissing(rate[True], rate[False], p, p < _ODD, worst, best, sequence)


def n_more(units: Units, success: AbEffect, detect: float, wish: Wanted) -> int | None:
    """Say how many more decisions let the interval for every look exclude zero, four times in five, if that is true.

    Parameters
    ----------
    units
        The tasks so far.
    success
        Their difference in success.
    detect
        The true difference.
    wish
        How sure.

    Returns
    -------
    int or None
        None: too little is known, or no number will do.
    """
    if not success.se > 0:
        return None
    known = ~np.isnan(units.success)
    sequence = difference_sequence(units.success[known], units.treated[known], units.share[known], wish.level)
    sd = success.se * math.sqrt(success.n)
    z = NormalDist().inv_cdf(_POWER)

    def enough(n: float) -> bool:
        return 2 * sequence.half_width_after(n) + z * sd / math.sqrt(n) <= detect

    high = float(success.n)
    if enough(high):
        return 0
    while not enough(high):
        high *= 2
        if high > _MOST:
            return None
    low = high / 2
    while high - low > max(1.0, 0.001 * high):
        middle = (low + high) / 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    decisions_per_known = float(units.size.sum()) / success.n
    return math.ceil((high - success.n) * decisions_per_known)
