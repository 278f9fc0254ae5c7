"""A stable share of all tasks: the same task is always in it, and two rules' shares are independent."""

from __future__ import annotations

from collections.abc import Callable
from hashlib import blake2b

__all__ = ["unit_of"]


def unit_of(salt: str) -> Callable[[str], float]:
    """Make the function that spreads names evenly over [0, 1).

    Parameters
    ----------
    salt
        What sets one function apart from another.

    Returns
    -------
    Callable[[str], float]
        From a name to its place: the first 53 bits of its BLAKE2b hash, keyed by the salt.

    Examples
    --------
    >>> unit = unit_of("grok-test")
    >>> round(unit("task-1"), 6), unit("task-1") == unit("task-1")
    (0.037376, True)
    """
    key = blake2b(salt.encode("utf-8", "surrogatepass"), digest_size=32).digest()
    fresh = blake2b(digest_size=8, key=key)

    def unit(name: str) -> float:
        hashed = fresh.copy()
        hashed.update(name.encode("utf-8", "surrogatepass"))
        return (int.from_bytes(hashed.digest(), "big") >> 11) * 2.0**-53

    return unit
