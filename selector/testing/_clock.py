"""A clock that stands still until it is told another time."""

from __future__ import annotations

__all__ = ["HandClock"]


class HandClock:
    """A clock that you set, for simulations of days in seconds; with it a selector does nothing in the background.

    Background work goes by real time and would come between choices now here, now there. Without it, the same seed and
    the same reports make the same choices; what it would have written waits for `Selector.flush`, or for the end.

    Parameters
    ----------
    now_s
        Seconds since 1970.

    Examples
    --------
    >>> clock = HandClock(1_772_409_600.0)
    >>> clock.now_s += 3_600
    >>> clock()
    1772413200.0
    """

    is_by_hand = True

    def __init__(self, now_s: float) -> None:
        self.now_s = now_s

    def __call__(self) -> float:
        """Return the time that was set."""
        return self.now_s
