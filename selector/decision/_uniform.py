"""One uniform number is all the randomness of a choice; here it becomes several."""

from __future__ import annotations

import numpy as np

from selector.posteriors import Floats

__all__ = ["split", "take"]


def split(u: Floats) -> tuple[Floats, Floats]:
    """Split a uniform number's 53 binary digits into two uniform numbers: 26 for a coin, 27 for a row.

    Examples
    --------
    >>> [x.tolist() for x in split(np.array([0.75]))]
    [[0.75], [0.0]]
    """
    scaled = u * 2.0**26
    whole = np.floor(scaled)
    return whole * 2.0**-26, scaled - whole


def take(v: Floats, share: Floats) -> tuple[np.ndarray, Floats]:
    """Say whether a uniform number falls below a share, and return what is left of it: uniform again, in [0, 1).

    Examples
    --------
    >>> [x.tolist() for x in take(np.array([0.125, 0.625]), np.array([0.25, 0.25]))]
    [[True, False], [0.5, 0.5]]
    """
    below = v < share
    rest = np.where(below, v / np.where(share > 0, share, 1.0), (v - share) / np.where(share < 1, 1 - share, 1.0))
    return below, np.minimum(rest, 1 - 2**-53)
