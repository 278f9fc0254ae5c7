"""Draws from Beta and normal distributions that follow from one uniform number."""

from __future__ import annotations

import math

__all__ = ["beta_draw", "normal_draw"]

_MASK = 2**64 - 1
_STEP, _PLUS = 6364136223846793005, 1442695040888963407  # a congruence of full period, its upper bits read
_UNIT = 2.0**-52
_TURN = math.tau * _UNIT


def beta_draw(odds: tuple[float, float], u: float, salt: int) -> float:
    """Draw from a Beta distribution; the same number for the same uniform number and salt.

    It is the share of one Gamma draw in two, each by Marsaglia and Tsang's rejection [1]_. The generator is written
    out where it is used: a choice waits for this.

    Parameters
    ----------
    odds
        Its two parameters, > 0; at least one of them not tiny.
    u
        In [0, 1).
    salt
        Which of the draws that follow from it.

    References
    ----------
    .. [1] Marsaglia and Tsang (2000). "A simple method for generating gamma variables."
       https://doi.org/10.1145/358407.358414

    Examples
    --------
    >>> beta_draw((1.9, 10.1), 0.5, 0) == beta_draw((1.9, 10.1), 0.5, 0) != beta_draw((1.9, 10.1), 0.5, 1)
    True
    """
    state = _mixed(u, salt)
    log, one = math.log, -1.0
    for shape in odds:
        d = (shape if shape >= 1 else shape + 1) - 1 / 3
        c = 1 / math.sqrt(9 * d)
        while True:
            state = (state * _STEP + _PLUS) & _MASK
            radius = math.sqrt(-2 * log(((state >> 12) + 0.5) * _UNIT))
            state = (state * _STEP + _PLUS) & _MASK
            x = radius * math.cos(((state >> 12) + 0.5) * _TURN)
            root = 1 + c * x
            if root <= 0:
                continue
            v = root * root * root
            state = (state * _STEP + _PLUS) & _MASK
            w = ((state >> 12) + 0.5) * _UNIT
            square = x * x
            if w < 1 - 0.0331 * square * square or log(w) < square / 2 + d - d * v + d * log(v):
                break
        drawn = d * v
        if shape < 1:
            state = (state * _STEP + _PLUS) & _MASK
            drawn *= (((state >> 12) + 0.5) * _UNIT) ** (1 / shape)
        if one < 0:
            one = drawn
    return one / (one + drawn)


def normal_draw(u: float, salt: int) -> float:
    """Draw from the standard normal distribution; the same number for the same uniform number and salt.

    Examples
    --------
    >>> normal_draw(0.5, 0) == normal_draw(0.5, 0) != normal_draw(0.5, 1)
    True
    """
    first = (_mixed(u, salt) * _STEP + _PLUS) & _MASK
    second = (first * _STEP + _PLUS) & _MASK
    return math.sqrt(-2 * math.log(((first >> 12) + 0.5) * _UNIT)) * math.cos(((second >> 12) + 0.5) * _TURN)


def _mixed(u: float, salt: int) -> int:
    """Mix the bits of a uniform number and a salt, as SplitMix64 does."""
    z = (int(u * 2.0**53) + (salt + 1) * 0x9E3779B97F4A7C15) & _MASK
    z = ((z ^ (z >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    z = ((z ^ (z >> 27)) * 0x94D049BB133111EB) & _MASK
    return z ^ (z >> 31)
