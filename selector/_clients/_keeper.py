"""The thread that writes down what waits, hears of others, and keeps the folder tidy."""

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
_SEAL_EVERY = 1_500  # about a minute


class Keeper:
    """A background thread for one core, begun at the first choice.

    Parameters
    ----------
    core
        What it looks after.
    drop_old
        Removes what is older than is to be kept.

    Attributes
    ----------
    trouble
        What the disk last refused, or None.
    """

    def __init__(self, core: Core, drop_old: Callable[[], int]) -> None:
        self._core, self._drop_old = core, drop_old
        self._stop = Event()
        self._thread: Thread | None = None
        self.trouble: str | None = None

    @property
    def is_running(self) -> bool:
        """Whether it runs."""
        return self._thread is not None

    def start(self) -> None:
        """Begin, once."""
        if self._thread is None and not self._stop.is_set():
            self._thread = Thread(target=self._run, name="selector-keeper", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End, and wait for what is being written."""
        self._stop.set()
        thread, self._thread = self._thread, None
        if thread is not None:
            thread.join()

    def after_fork(self) -> None:
        """Forget the parent's thread."""
        self._stop, self._thread = Event(), None

    def _run(self) -> None:
        stop, n = self._stop, 0
        while not stop.wait(_PERIOD_S):
            n += 1
            try:
                self._core.scribe.write()
                if n % _TICK_EVERY == 0:
                    self._core.tick()
                    if self._core.is_snapshot_due:
                        self._core.snapshot()
                if n % _SEAL_EVERY == 0:
                    self._core.seal()
                    self._drop_old()
                self.trouble = None
            except StateError as error:
                if self.trouble is None:
                    _logger.warning("%s", error)
                self.trouble = str(error)
