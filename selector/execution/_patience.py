"""How much time one call has left: until a connection, the next piece, the first token, the whole answer."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Self

from selector.execution._wire import Patience

__all__ = ["Until", "Watch"]

_NEVER = float("inf")
_LEAST = 1e-4


class Watch:
    """The time limits of one call, from its start.

    Examples
    --------
    >>> watch = Watch(Patience(total_s=5.0, read_s=2.0), monotonic=lambda: 100.0)
    >>> watch.left(), watch.reason
    (2.0, 'no piece of the answer for 2 s')
    """

    __slots__ = ("_first_at", "_now", "_patience", "_piece_at", "_soon_at", "_started", "_total_at")

    def __init__(
        self, patience: Patience, *, is_stream: bool = False, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._now, self._patience = monotonic, patience
        started = self._started = monotonic()
        self._total_at = started + _or_never(patience.total_s)
        self._first_at = started + _or_never(patience.first_token_s if is_stream else None)
        self._piece_at = started + _or_never(patience.read_s)
        self._soon_at = _NEVER

    def piece(self) -> None:
        """Note that a piece of the answer came, or the connection stands."""
        if self._patience.read_s is not None:
            self._piece_at = self._now() + self._patience.read_s

    def began(self) -> None:
        """Note that the first token came."""
        self._first_at = _NEVER

    def soon(self, seconds: float) -> None:
        """Wait for no longer than this any more: what is needed is there."""
        self._soon_at = min(self._soon_at, self._now() + seconds)

    def left(self) -> float | None:
        """Tell how many seconds the next wait may take, 0 or less if time is over; None: as long as it likes."""
        ends_at = min(self._total_at, self._first_at, self._piece_at, self._soon_at)
        return None if ends_at == _NEVER else ends_at - self._now()

    def total_left(self) -> float | None:
        """Tell how many seconds are left for all that comes before an answer; None: as many as it likes."""
        ends_at = min(self._total_at, self._first_at)
        return None if ends_at == _NEVER else ends_at - self._now()

    def over(self) -> bool:
        """Tell whether time for the whole call is over, or for its first token."""
        ends_at = min(self._total_at, self._first_at, self._soon_at)
        return ends_at != _NEVER and self._now() >= ends_at

    @property
    def reason(self) -> str:
        """Which limit ends the call first."""
        first = min(self._total_at, self._first_at, self._piece_at)
        if first == self._first_at and first != _NEVER:
            return f"no first token within {self._patience.first_token_s:g} s"
        if first == self._total_at and first != _NEVER:
            return f"no whole answer within {self._patience.total_s:g} s"
        if first != _NEVER:
            return f"no piece of the answer for {self._patience.read_s:g} s"
        return "no answer in time"

    def limits(self, *, shrinking: bool) -> dict[str, float | None]:
        """Write the limits as the library that makes the calls wants them.

        Parameters
        ----------
        shrinking
            Whether each follows the watch as time goes by, where sockets ask `Until`; else the caller ends the call.
        """
        total, connect = self.total_left(), self._patience.connect_s
        connect = total if connect is None else connect if total is None else min(connect, total)
        pool = None if total is None else max(total, _LEAST)
        if not shrinking:
            if total is not None and connect is not None:  # these end a moment before the call, and say what it was
                pool, connect = total - min(0.05, total / 10), min(connect, total - min(0.05, total / 10))
            read = self._patience.read_s
            return {"connect": connect, "read": read, "write": read, "pool": pool}
        read = None if self.left() is None else Until(self)
        return {"connect": None if connect is None else Until(self, connect), "read": read, "write": read, "pool": pool}


class Until(float):
    """A time-out that shrinks while time goes by; to who does not ask `now`, what it was at first.

    Examples
    --------
    >>> until = Until(Watch(Patience(total_s=5.0), monotonic=lambda: 100.0))
    >>> float(until), until.now()
    (5.0, 5.0)
    """

    __slots__ = ("_most", "_started", "_watch")

    def __new__(cls, watch: Watch, most: float = _NEVER) -> Self:
        """Take what is left now, at most so many seconds from the first time that it is asked."""
        left = watch.left() if most == _NEVER else most
        found = super().__new__(cls, max(0.0, _or_never(left)))
        found._watch, found._most, found._started = watch, most, None
        return found

    _watch: Watch
    _most: float
    _started: float | None

    def now(self) -> float | None:
        """Tell how many seconds the next wait may take, always more than 0; None: as long as it likes."""
        if self._most == _NEVER:
            left = self._watch.left()
            return None if left is None else max(left, _LEAST)
        now = self._watch._now()  # noqa: SLF001 - the two are one
        self._started = now if self._started is None else self._started
        return max(min(self._started + self._most - now, _or_never(self._watch.total_left())), _LEAST)

    def sent(self) -> None:
        """Note that what is asked is on its way: only now does the wait for a piece begin."""
        self._watch.piece()


def _or_never(seconds: float | None) -> float:
    return _NEVER if seconds is None else seconds
