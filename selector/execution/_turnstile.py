"""A limit on what runs at once, for threads and for tasks alike, first come, first served."""

from __future__ import annotations

import asyncio
from collections import deque
from concurrent.futures import Future
from concurrent.futures import TimeoutError as TooLate
from threading import Lock

from selector.execution._wire import CallFailed
from selector.records import Failure

__all__ = ["Turnstile"]


class Turnstile:
    """So many places, and a queue before them.

    Parameters
    ----------
    most
        How many may be in at once; None: any number.

    Examples
    --------
    >>> places = Turnstile(1)
    >>> places.enter(None)
    >>> places.enter(0.0)
    Traceback (most recent call last):
    selector.execution._wire.CallFailed: timeout: none of the 1 places of max_concurrent came free in time
    >>> places.leave()
    """

    def __init__(self, most: int | None) -> None:
        self._most = most
        self._free = 0 if most is None else most
        self._waiting: deque[Future[bool]] = deque()
        self._closed = False
        self._lock = Lock()

    def enter(self, wait_s: float | None) -> None:
        """Take a place, waiting at most so many seconds for one.

        Raises
        ------
        CallFailed
            ``timeout`` if none came free, ``cancelled`` if the turnstile was closed.
        """
        ticket, admitted = self._ticket(), None
        try:
            admitted = ticket.result(wait_s)
        except TooLate:
            raise self._too_late() from None
        finally:  # also on an interrupt of the caller's
            if admitted is None:
                self._give_up(ticket)
        self._check(admitted)

    async def aenter(self, wait_s: float | None) -> None:
        """Take a place, as `enter` does, without holding up the event loop.

        Raises
        ------
        CallFailed
            ``timeout`` if none came free, ``cancelled`` if the turnstile was closed.
        """
        ticket = self._ticket()
        try:
            async with asyncio.timeout(wait_s):
                admitted = await asyncio.wrap_future(ticket)
        except TimeoutError:
            self._give_up(ticket)
            raise self._too_late() from None
        except asyncio.CancelledError:
            self._give_up(ticket)
            raise
        self._check(admitted)

    def leave(self) -> None:
        """Give the place to whoever waits longest."""
        if self._most is None:
            return
        with self._lock:
            while self._waiting:
                ticket = self._waiting.popleft()
                if ticket.set_running_or_notify_cancel():
                    ticket.set_result(True)
                    return
            self._free += 1

    def close(self) -> None:
        """Send away all who wait, and all who come."""
        with self._lock:
            self._closed = True
            while self._waiting:
                ticket = self._waiting.popleft()
                if ticket.set_running_or_notify_cancel():
                    ticket.set_result(False)

    def _ticket(self) -> Future[bool]:
        ticket: Future[bool] = Future()
        with self._lock:
            if self._closed:
                ticket.set_result(False)
            elif self._most is None:
                ticket.set_result(True)
            elif self._free:
                self._free -= 1
                ticket.set_result(True)
            else:
                self._waiting.append(ticket)
        return ticket

    def _give_up(self, ticket: Future[bool]) -> None:
        """Hand on a place that came in the same moment."""
        if not ticket.cancel() and ticket.result():
            self.leave()

    def _too_late(self) -> CallFailed:
        return CallFailed(Failure.TIMEOUT, f"none of the {self._most} places of max_concurrent came free in time")

    def _check(self, admitted: bool) -> None:  # noqa: FBT001 - what the ticket says
        if not admitted:
            raise CallFailed(Failure.CANCELLED, "the provider is closed")
