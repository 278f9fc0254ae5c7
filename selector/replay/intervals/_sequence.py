"""Confidence sequences: intervals that hold at every number of decisions at once, so that one may stop at any."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError
from selector.replay.estimates._logged import LoggedArrays
from selector.replay.targets._simple import Target, probabilities_of

__all__ = ["SUCCESS", "ConfidenceSequence", "Scale", "SequencePath", "confidence_sequence", "first_excluded"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_CUTS = (0.0, 1.0, 4.0, 16.0, 64.0, 256.0)  # of k: how negative a pseudo-outcome may be
_RHO = 2.0  # of the mixture: tightest where the variances add up to some 25
_NEWTON = 60


class Scale(NamedTuple):
    """What is bounded, by what, and how sure one wants to be."""

    outcome: str = "success"
    """Or ``cost``."""
    low: float = 0.0
    """The least an outcome can be."""
    high: float = 1.0
    """The most; of a cost, what a decision can cost at most."""
    alpha: float = 0.05
    """Chance that the sequence is ever wrong."""


SUCCESS = Scale()


class SequencePath(NamedTuple):
    """A confidence sequence after some numbers of decisions."""

    n: Ints
    low: Floats
    high: Floats


class ConfidenceSequence:
    """Bounds on the mean, so far, of what a policy would have earned per decision, valid at all times together.

    The target after t decisions is the mean over them of the value that the policy had at each, given the past and the
    context; it may drift. With probability 1 - alpha no bound is ever wrong, whenever one looks, and whatever made one
    look. Lower bound, after Waudby-Smith, Wu, Ramdas, Karampatziakis, Mineiro, arXiv:2210.10768: for rewards R in
    [0, 1], weights w(a) = pi(a)/e(a), predictable means M and any k >= 0, the pseudo-outcome::

        phi = w R - min(w M, k) + sum_a min(pi(a) M(a), k e(a))  >= -k

    has the policy's value as its conditional mean. xi = phi/(1 + k) and its running mean before it, capped at
    1/(1 + k), differ by at least -1, so that for l in [0, 1) and V = sum (xi - predicted)^2, by Fan, Grama, Liu 2015
    (doi:10.1214/EJP.v20-3496)::

        exp(l S - (-log(1 - l) - l) V),    S = sum xi - t value/(1 + k)

    is a supermartingale that starts at 1; so is its mixture over l by a truncated gamma density, in closed form
    (Howard, Ramdas, McAuliffe, Sekhon 2021, doi:10.1214/20-AOS1991, proposition 9), and Ville's inequality bounds S at
    all times. The upper bound is 1 less the lower bound of 1 - R. Nobody knows the best k beforehand: six of them share
    alpha, and the tightest holds.

    Where it stops: probabilities must have been logged, not estimated, and those of all models; outcomes must be
    bounded, and the bounds known; M must not have seen the outcome. Probability on arms that were never tried, and
    outcomes that nobody judged, widen it to what is certain: they count as 0 in the lower bound and as 1 in the upper
    one. No bound on weights is needed, but large ones make it wide. Bounds of several policies, types or outcomes hold
    together only if alpha is shared.
    As the target moves, bounds of different times must not be intersected.

    Parameters
    ----------
    scale
        What is bounded.

    Examples
    --------
    >>> rng, n = np.random.default_rng(0), 4000
    >>> arm, e = rng.integers(2, size=n), np.full((n, 2), 0.5)
    >>> log = LoggedArrays(
    ...     arm=arm, reward=(rng.random(n) < np.array([0.5, 0.9])[arm]).astype(float), cost_usd=np.ones(n),
    ...     propensity=np.full(n, 0.5), probabilities=e, mean_reward=np.tile([0.5, 0.9], (n, 1)),
    ...     mean_cost_usd=e, type=np.zeros(n, int), models=("small", "large"), task_types=("chat",))
    >>> sequence = ConfidenceSequence()
    >>> for _, chunk in log.chunks(1000):
    ...     _ = sequence.add(chunk, np.tile([0.0, 1.0], (chunk.n, 1)))
    >>> [round(end, 2) for end in sequence.bounds()]
    [0.87, 0.93]
    """

    def __init__(self, scale: Scale = SUCCESS) -> None:
        if scale.outcome not in {"success", "cost"}:
            raise DataError(f"outcome: {scale.outcome!r} is not 'success' or 'cost'")
        if not (0 < scale.alpha < 1 and scale.low < scale.high < math.inf and scale.low > -math.inf):
            raise DataError(f"scale: {scale} needs alpha in (0, 1), and finite bounds, the lower one first")
        self.scale, self.n = scale, 0
        self._sum, self._squares = np.zeros((2, 2, len(_CUTS)))  # a side (lower, upper) and a cut each

    def add(self, chunk: LoggedArrays, target: Target | Floats, times: Ints | None = None) -> SequencePath:
        """Take in decisions, in the order in which they were made.

        Parameters
        ----------
        chunk
            The next decisions.
        target
            The policy's probabilities of them.
        times
            After which of them to say the bounds, counted from 1 within the chunk; None: after the last.

        Raises
        ------
        DataError
            A value cannot be, or the bounds could not be trusted: estimated propensities, corrected scores.
        """
        begin, chunk = self.n, chunk.checked()
        at = np.array([chunk.n]) if times is None else np.asarray(times)
        low, high = np.empty((2, len(at)))
        for rows, piece in chunk.chunks():
            total, squares = self._advance(piece, target, rows)
            asked = (at > rows.start) & (at <= rows.stop)
            place = at[asked] - rows.start - 1
            low[asked], high[asked] = self._ends(begin + at[asked], total[..., place], squares[..., place])
        return SequencePath(begin + at, low, high)

    def bounds(self) -> tuple[float, float]:
        """Return the bounds after all decisions so far; before the first, those of the scale."""
        if not self.n:
            return self.scale.low, self.scale.high
        low, high = self._ends(np.array([self.n]), self._sum[..., None], self._squares[..., None])
        return float(low[0]), float(high[0])

    def excluded(self, chunk: LoggedArrays, target: Target | Floats, value: Floats | float) -> NDArray[np.bool_]:
        """Take in decisions and say after which of them a value lies outside the bounds, without computing these.

        Parameters
        ----------
        chunk, target
            As of `add`.
        value
            The mean so far that is tested: one for all times, or one after each decision, shape (n,).
        """
        chunk = chunk.checked()
        value, out = np.broadcast_to(value, (chunk.n,)), np.zeros(chunk.n, bool)
        for rows, piece in chunk.chunks():
            begin = self.n
            total, squares = self._advance(piece, target, rows)
            t = begin + np.arange(1, piece.n + 1)
            fraction = (value[rows] - self.scale.low) / (self.scale.high - self.scale.low)
            for side, mean in enumerate((fraction, 1.0 - fraction)):
                for j, k in enumerate(_CUTS):
                    s = np.maximum(total[side, j] - t * mean / (1 + k), 0.0)
                    out[rows] |= _log_mixture(s, squares[side, j]) > self._threshold
        return out

    def half_width_after(self, n: float) -> float:
        """Say how far apart half the bounds will be after so many decisions in all, if they go on like those so far.

        Before the first decision: half the scale.
        """
        width = self.scale.high - self.scale.low
        if not self.n:
            return width / 2
        k = np.array(_CUTS)[None, :]
        far = (1 + k) * _boundary(self._squares * (n / self.n), self._threshold) / n
        return float(min(width / 2, width * far.min(1).mean()))

    @property
    def _threshold(self) -> float:
        return math.log(2 * len(_CUTS) / self.scale.alpha)

    def _ends(self, t: Ints, total: Floats, squares: Floats) -> tuple[Floats, Floats]:
        """Return both bounds from the sums of xi and V, shape (2, cuts, times)."""
        k = np.array(_CUTS)[None, :, None]
        least = ((1 + k) * (total - _boundary(squares, self._threshold)) / t).max(1).clip(0.0, 1.0)
        width = self.scale.high - self.scale.low
        return self.scale.low + width * least[0], self.scale.high - width * least[1]

    def _advance(self, chunk: LoggedArrays, target: Target | Floats, rows: slice) -> tuple[Floats, Floats]:
        """Add decisions; return the sums of xi and V after each of them, shape (2, cuts, n)."""
        y, means = self._scaled(chunk)
        p = probabilities_of(target, chunk, rows, "target")
        w = p[np.arange(chunk.n), chunk.arm] / chunk.propensity
        total, squares = np.empty((2, 2, len(_CUTS), chunk.n))
        before = self.n + np.arange(chunk.n)
        for side in range(2):
            reward, predicted = (y, means) if side == 0 else (1.0 - y, 1.0 - means)
            reward, own = np.where(np.isnan(y), 0.0, reward), w * predicted[np.arange(chunk.n), chunk.arm]
            expected = p * predicted
            for j, k in enumerate(_CUTS):
                direct = np.minimum(expected, k * chunk.probabilities).sum(1) if k else 0.0
                xi = (w * reward - np.minimum(own, k) + direct) / (1 + k)
                sums = self._sum[side, j] + np.cumsum(xi)
                guess = np.minimum((sums - xi + 0.5 / (1 + k)) / (before + 1), 1 / (1 + k))
                total[side, j], squares[side, j] = sums, self._squares[side, j] + np.cumsum((xi - guess) ** 2)
        self.n += chunk.n
        self._sum, self._squares = total[..., -1].copy(), squares[..., -1].copy()
        return total, squares

    def _scaled(self, chunk: LoggedArrays) -> tuple[Floats, Floats]:
        """Return outcomes and their predicted means on a scale from 0 to 1."""
        if not chunk.known_propensities:
            raise DataError("propensity: these were estimated; a confidence sequence needs those that were logged")
        success = self.scale.outcome == "success"
        if success and chunk.corrected:
            raise DataError("reward: corrected scores have no bounds; use normal intervals, or the scores themselves")
        y, means = (chunk.reward, chunk.mean_reward) if success else (chunk.cost_usd, chunk.mean_cost_usd)
        low, high = self.scale.low, self.scale.high
        if np.nanmin(y, initial=low) < low or np.nanmax(y, initial=high) > high:
            raise DataError(
                f"{self.scale.outcome}: some are outside [{low}, {high}]; give the scale that holds for all"
            )
        return (y - low) / (high - low), ((means - low) / (high - low)).clip(0.0, 1.0)


def confidence_sequence(
    log: LoggedArrays, target: Target | Floats, scale: Scale = SUCCESS, times: Ints | None = None
) -> SequencePath:
    """Return a confidence sequence of a log after some numbers of decisions.

    Parameters
    ----------
    log
        In the order in which decisions were made.
    target
        A policy's probabilities.
    scale
        What is bounded.
    times
        After how many decisions, ascending, from 1; None: some hundred, evenly spaced in the logarithm.

    Raises
    ------
    DataError
        As of `ConfidenceSequence.add`, or there are no such times.
    """
    if not log.n:
        log.checked()
    at = np.unique(np.geomspace(1, log.n, 100).round().astype(np.intp)) if times is None else np.asarray(times)
    if not len(at) or at[0] < 1 or at[-1] > log.n or (np.diff(at) <= 0).any():
        raise DataError(f"times: ascending numbers from 1 to {log.n} are needed")
    return ConfidenceSequence(scale).add(log, target, at)


def first_excluded(
    log: LoggedArrays, target: Target | Floats, value: Floats | float, scale: Scale = SUCCESS
) -> int | None:
    """Return after how many decisions a confidence sequence first excludes a value; None: never.

    This is a sequential test: it may be stopped at any time, and errs with probability alpha at most.

    Parameters
    ----------
    log, target, scale
        As of `confidence_sequence`.
    value
        The policy's mean so far that is tested: one for all times, or one after each decision, shape (n,).
    """
    out = ConfidenceSequence(scale).excluded(log, target, value)
    return int(out.argmax()) + 1 if out.any() else None


def _log_mixture(s: Floats, v: Floats) -> Floats:
    """Return the logarithm of the mixture of exp(l s - (-log(1 - l) - l) v) over l in [0, 1), for s >= 0.

    With u = 1 - l of density proportional to u^(rho - 1) exp(-rho u) on [0, 1], a = v + rho and x = s + a, it is
    rho^rho / gamma(rho, rho) exp(s + v) gamma(a, x) / x^a, gamma being the lower incomplete gamma function.
    """
    from scipy.special import gammainc, gammaln

    a, x = v + _RHO, s + v + _RHO
    at_zero = _RHO * math.log(_RHO) - gammaln(_RHO) - math.log(gammainc(_RHO, _RHO))
    mixture: Floats = at_zero + s + v + gammaln(a) + np.log(gammainc(a, x)) - a * np.log(x)
    return mixture


def _boundary(v: Floats, threshold: float) -> Floats:
    """Return the s at which the mixture's logarithm reaches a threshold > 0.

    The logarithm is convex and increasing in s: after its first step Newton's method comes from above, where every
    step is still a valid bound.
    """
    from scipy.special import gammainc, gammaln

    a = v + _RHO
    s = np.sqrt(2 * a * threshold) + threshold
    for _ in range(_NEWTON):
        x = s + a
        density = np.exp((a - 1) * np.log(x) - x - gammaln(a)) / gammainc(a, x)
        step = (_log_mixture(s, v) - threshold) / (1 + density - a / x)
        s = np.maximum(s - step, 0.0)
        if np.abs(step).max(initial=0.0) <= 1e-9 * (1 + s.max(initial=0.0)):
            break
    return s
