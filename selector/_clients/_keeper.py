"""The threads that write down what waits, hear of others, and keep the folder tidy."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Event, Thread

from selector._clients._core import Core
from selector.errors import StateError

__all__ = ["Keeper"]

_logger = logging.getLogger("selector")
_PERIOD_S = 0.04
_TICK_EVERY = 6  # of these periods: about a quarter of a second
_TIDY_S = 0.25
_SEAL_EVERY = 240  # of these: about a minute


class Keeper:
    """Two background threads for one core, begun at the first choice: writing never waits for tidying.

    Parameters
    ----------
    core
        What it looks after.
    drop_old
        Removes what is older than is to be kept.
    look
        Looks whether there is another configuration.

    Attributes
    ----------
    trouble
        What the disk last refused, or None.
    """

    def __init__(self, core: Core, drop_old: Callable[[], int], look: Callable[[], None]) -> None:
        self._core, self._drop_old, self._look = core, drop_old, look
        self._stop = Event()
        self._threads: list[Thread] = []
        self._begun = False
        self.trouble: str | None = None

    @property
    def is_running(self) -> bool:
        """Whether it was begun, and did not end."""
        return self._begun

    def start(self) -> None:
        """Begin, once; beside a clock that is set by hand there is nothing to do in real time."""
        if self._begun or self._stop.is_set():
            return
        self._core.share()
        if not getattr(self._core.engine.clock, "is_by_hand", False):
            jobs = {"selector-scribe": (_PERIOD_S, self._write), "selector-keeper": (_TIDY_S, self._tidy)}
            threads = [Thread(target=self._run, args=job, name=name, daemon=True) for name, job in jobs.items()]
            for thread in threads:
                thread.start()
            self._threads = threads
        self._begun = True

    def stop(self) -> None:
        """End, and wait for what is being written."""
        self._stop.set()
        self._begun = False
        threads, self._threads = self._threads, []
        for thread in threads:
            thread.join()

    def after_fork(self) -> None:
        """Forget the parent's threads."""
        self._stop, self._threads, self._begun = Event(), [], False

    def _run(self, period_s: float, work: Callable[[int], None]) -> None:
        stop, n, refused = self._stop, 0, None
        while not stop.wait(period_s):
            n += 1
            try:
                work(n)
            except StateError as error:
                if refused is None:
                    _logger.warning("%s", error)
                self.trouble = refused = str(error)
            else:
                if self.trouble == refused:
                    self.trouble = None
                refused = None

    def _write(self, n: int) -> None:
        """Write what waits; now and then hear of others, and let windows and holds end."""
        self._core.scribe.write()
        if n % _TICK_EVERY == 0:
            self._core.tick()
        self._core.tend(now=n % _TICK_EVERY == 0)

    def _tidy(self, n: int) -> None:
        """Look for another configuration, sum up and seal: what takes its time, while others go on writing."""
        self._look()
        self._core.budget.warn.tell()
        if self._core.is_snapshot_due:
            self._core.snapshot()
        if n % _SEAL_EVERY == 0:
            self._core.state.seal()
            self._drop_old()
            if self._core.settling is not None:
                self._core.settling.tidy(self._core.engine.clock())
