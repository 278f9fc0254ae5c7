"""Whether an experiment's sides are as large as its share says: looked at as often as one likes."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

__all__ = ["FALSE_ALARM", "SampleRatio", "sample_ratio", "share_evidence"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

FALSE_ALARM = 0.001
"""Chance of an alarm where the share is what was configured, over all looks together."""
_WEIGHT = 200.0  # of the mixture over other shares: how many tasks' worth it holds to the configured one


class SampleRatio(NamedTuple):
    """The check of an experiment's shares."""

    expected: float
    """Which share of the tasks was to be the treatment."""
    found: float
    """Which share was."""
    p_value: float
    """At this one look, by the normal approximation; nan where other experiments make it unknowable."""
    sequential_p: float
    """At any look: it may be looked at after every task."""
    alarm: bool
    """Whether the sides are not what was drawn; by chance with probability `FALSE_ALARM`, however often one looks."""
    is_bound: bool
    """Whether some tasks of the control are logged under other experiments: then only what no number of them
    explains is an alarm."""


def share_evidence(treated: Bools, share: Floats) -> Floats:
    """Return the logarithm of the evidence against the configured shares, after each task.

    It is the Bayes factor of a beta mixture over all shares against the configured one, a product over the shares that
    there were; where these are right it is a martingale that starts at 1, and exceeds 1/alpha with probability alpha
    at most, ever (Lindon, Malek, arXiv:2011.03567; Ville's inequality).

    Parameters
    ----------
    treated
        On which side each task was, in order, shape (n,).
    share
        The probability of the treatment, shape (n,).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> fair = share_evidence(rng.random(5000) < 0.1, np.full(5000, 0.1))
    >>> off = share_evidence(rng.random(5000) < 0.13, np.full(5000, 0.1))
    >>> bool(fair.max() < np.log(1000)), bool(off.max() > np.log(1000))
    (True, True)
    """
    steps = np.zeros(len(treated))
    for value in np.unique(share):
        rows = np.flatnonzero(share == value)
        hits = np.cumsum(treated[rows], dtype=np.int64)
        total = _log_factor(hits, np.arange(1, len(rows) + 1) - hits, float(value))
        steps[rows] = np.diff(total, prepend=0.0)
    found: Floats = np.cumsum(steps)
    return found


def sample_ratio(treated: Bools, share: Floats, n_elsewhere: int = 0) -> SampleRatio:
    """Check that the sides are as large as configured.

    Parameters
    ----------
    treated, share
        As of `share_evidence`.
    n_elsewhere
        How many tasks may belong to the control without being logged there.

    Examples
    --------
    >>> found = sample_ratio(np.arange(1000) % 10 == 0, np.full(1000, 0.1))
    >>> round(found.expected, 3), found.found, found.alarm
    (0.1, 0.1, False)
    """
    n, hits = len(treated), int(treated.sum())
    expected = float(share.mean())
    if n_elsewhere:
        log_e = _least_evidence(treated, share, n_elsewhere)
        p = math.nan
    else:
        log_e = float(share_evidence(treated, share).max(initial=0.0))
        z = (hits - share.sum()) / math.sqrt((share * (1 - share)).sum())
        p = math.erfc(abs(z) / math.sqrt(2))
    sequential = math.exp(-max(log_e, 0.0))
    return SampleRatio(expected, hits / n, p, sequential, sequential <= FALSE_ALARM, n_elsewhere > 0)


def _least_evidence(treated: Bools, share: Floats, n_elsewhere: int) -> float:
    """Return the evidence that is left whatever number of the controls is logged elsewhere."""
    found, left = 0.0, float(n_elsewhere)
    for value in np.unique(share):
        rows = share == value
        hits, rest = int(treated[rows].sum()), int((~treated[rows]).sum())
        wanted = hits * (1 - value) / value - rest  # as many more controls make the share what it should be
        added = min(max(wanted, 0.0), left)
        found += float(_log_factor(np.array([hits]), np.array([rest + added]), float(value))[0])
        left -= added
    return found


def _log_factor(hits: NDArray[np.int_], misses: NDArray[np.int_] | Floats, share: float) -> Floats:
    from scipy.special import betaln

    a, b = _WEIGHT * share, _WEIGHT * (1 - share)
    found: Floats = betaln(a + hits, b + misses) - betaln(a, b) - hits * math.log(share) - misses * math.log1p(-share)
    return found
