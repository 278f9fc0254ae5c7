"""Tails of tokens, cost and latency: a log-normal's predictive quantile."""

from __future__ import annotations

import numpy as np

from selector.posteriors._evidence import Floats

__all__ = ["lognormal_quantile"]

_PRIOR_N = 3.0  # pseudo-outcomes behind the prior location
_PRIOR_SHAPE = 2.0  # normal-inverse-gamma a0
_PRIOR_VAR = 0.64  # prior variance of the log: a coefficient of variation of about .95


def lognormal_quantile(p: float, moments: Floats, location: Floats, cap: float = np.inf) -> Floats:
    """Say below which amount the next call stays with probability ``p``: normal-inverse-gamma on the logarithm.

    Risk and soft holds need a tail, which a shrunken mean does not have.

    Parameters
    ----------
    p
        In (0, 1).
    moments
        Sums (n, sum of log, sum of squared log), shape (3, ...).
    location
        Prior mean of the amount (not of its log), > 0, shape (...).
    cap
        What it cannot exceed, such as the maximum of output tokens.

    Notes
    -----
    The predictive distribution is a log-Student t, whose mean is infinite: use its quantiles, never its mean.

    References
    ----------
    .. [1] Murphy (2007). "Conjugate Bayesian analysis of the Gaussian distribution."
       https://www.cs.ubc.ca/~murphyk/Papers/bayesGauss.pdf

    Examples
    --------
    >>> none_seen = np.zeros((3, 1))
    >>> lognormal_quantile(0.95, none_seen, np.array([1000.0])).round(-2).tolist()
    [5200.0]
    >>> lognormal_quantile(0.95, none_seen, np.array([1000.0]), cap=4096).tolist()
    [4096.0]
    """
    from scipy.special import stdtrit

    n, total, square = np.asarray(moments, float)
    m0 = np.log(location) - _PRIOR_VAR / 2
    strength = _PRIOR_N + n
    mean = (_PRIOR_N * m0 + total) / strength
    shape = _PRIOR_SHAPE + n / 2
    safe = np.where(n > 0, n, 1.0)
    spread = np.maximum(square - total * total / safe, 0.0)
    rate = _PRIOR_SHAPE * _PRIOR_VAR + 0.5 * (spread + _PRIOR_N * n * (total / safe - m0) ** 2 / strength)
    scale = np.sqrt(rate / shape * (1 + 1 / strength))
    found: Floats = np.minimum(np.exp(mean + stdtrit(2 * shape, p) * scale), cap)
    return found
