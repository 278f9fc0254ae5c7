"""The thread that writes what waits in a journal, and asks the disk now and then."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event as Flag
from threading import Lock, Thread

from selector.errors import StateError
from selector.store._limits import Limits

__all__ = ["Tender"]


class Tender:
    """Looks after something while there is work, and sleeps while there is none.

    Parameters
    ----------
    name
        Of the thread.
    lock
        What `is_idle` is asked under.
    tend
        Does what is due; its argument says whether the disk is to be asked, too.
    is_idle
        Tells whether there is nothing left to do.
    limits
        How often.

    Attributes
    ----------
    awake
        Whether it knows that there is work; who makes some while it does not calls `wake`.
    trouble
        What the disk last refused, or None.

    Examples
    --------
    >>> done = Flag()
    >>> tender = Tender("example", Lock(), lambda ask: done.set(), done.is_set, Limits(buffer_s=0.001))
    >>> tender.wake()
    >>> done.wait(10)
    True
    >>> tender.stop()
    """

    def __init__(
        self, name: str, lock: Lock, tend: Callable[[bool], None], is_idle: Callable[[], bool], limits: Limits
    ) -> None:
        self._name, self._lock, self._limits = name, lock, limits
        self._tend, self._is_idle = tend, is_idle
        self._work, self._stop = Flag(), Flag()
        self._thread: Thread | None = None
        self.awake = False
        self.trouble: str | None = None

    def wake(self) -> None:
        """Begin to work, in a thread that is made the first time."""
        with self._lock:
            self.awake = True
            if self._thread is None and not self._stop.is_set():
                self._thread = Thread(target=self._run, name=self._name, daemon=True)
                self._thread.start()
        self._work.set()

    def stop(self) -> None:
        """End, and wait for what is being done."""
        self._stop.set()
        self._work.set()
        if self._thread is not None:
            self._thread.join()

    def _run(self) -> None:
        n = 0
        while not self._stop.is_set():
            self._work.wait()
            if self._stop.wait(self._limits.buffer_s):
                return
            n += 1
            try:
                self._tend(n % self._limits.sync_every == 0)
                self.trouble = None
            except StateError as error:
                self.trouble = str(error)
            with self._lock:
                if self._is_idle():
                    self._work.clear()
                    self.awake = False
