"""How a selector lasts: its thread begins, it is closed, its process is forked."""

from __future__ import annotations

import asyncio
import os
import warnings
from threading import Lock
from types import TracebackType
from typing import Self

from selector._clients._core import Core
from selector._clients._forks import FORKS
from selector._clients._keeper import Keeper
from selector._clients._randomness import Randomness
from selector._clients.calls._caller import Caller
from selector._clients.sessions._sessions import Sessions
from selector.errors import StateError

__all__ = ["Lasting"]


class Lasting:
    """What a `Selector` does beside choosing.

    Parameters
    ----------
    core
        What it is made of.
    caller
        Who makes its runs.
    keeper
        Who works in the background.
    sessions
        Its sessions.
    randomness
        Of a forked child.
    """

    def __init__(self, core: Core, caller: Caller, keeper: Keeper, sessions: Sessions, randomness: Randomness) -> None:
        self._core, self._caller, self._keeper, self._randomness = core, caller, keeper, randomness
        self._sessions = sessions
        self._closed = False
        self._beginning = Lock()
        self._pid = os.getpid()
        FORKS.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Write everything down, and let go of the folder; twice is as good as once."""
        if self._closed:
            return
        self._closed = True
        self._caller.stop()
        self._caller.connections.close()
        self._end()

    async def aclose(self) -> None:
        """Do what `close` does, on the event loop that calls were made on."""
        if self._closed:
            return
        self._closed = True
        self._caller.stop()
        await self._caller.connections.aclose()
        await asyncio.to_thread(self._end)

    def _end(self) -> None:
        self._caller.wait()
        self._keeper.stop()
        self._core.close()
        self._core.budget.warn.tell()

    def _begin(self) -> None:
        with self._beginning:
            if self._closed:
                raise StateError(f"this selector of {self._core.state.path} is closed; open it again")
            if self._pid != os.getpid():
                self._core.begin_as_child()
                self._pid = os.getpid()
            self._keeper.start()

    # What a fork asks for: nobody is within the critical section while it happens.

    def before_fork(self) -> None:
        """Wait until no choice is being made."""
        self._core.engine.lock.acquire()

    def after_fork_in_parent(self) -> None:
        """Go on."""
        self._core.engine.lock.release()

    def after_fork(self) -> None:
        """In the child: another name and other luck; what the parent was about to write is the parent's."""
        self._beginning = Lock()
        self._core.after_fork(self._randomness.choices(os.getpid()))
        self._keeper.after_fork()
        self._sessions.after_fork()

    def __del__(self) -> None:
        if not getattr(self, "_closed", True) and self._pid == os.getpid() and self._core.scribe.unwritten:
            warnings.warn(f"{self!r} was not closed; use it in a with block", ResourceWarning, stacklevel=2)
