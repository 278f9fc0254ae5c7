"""The state folder: the one door through which events are written, read, sealed and summed up."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any, Self

from selector.errors import StateError
from selector.store._checks import identity, lay_out, look_at
from selector.store._claim import Claim
from selector.store._files import Files
from selector.store._frame import body_of
from selector.store._journal import Journal
from selector.store._life import begin, life_file
from selector.store._limits import Durability, Limits
from selector.store._locks import let_go, reset_in_child
from selector.store._names import new_writer
from selector.store._upkeep import Upkeep

__all__ = ["State"]


class State(Upkeep):
    """A folder of events, written by several processes at once; make it with `State.open`.

    Examples
    --------
    >>> import tempfile
    >>> from selector.store import State
    >>> with tempfile.TemporaryDirectory() as folder, State.open(folder, clock=lambda: 1.7e9) as state:
    ...     writer, seq = state.append({"kind": "decision", "id": "d1", "at": 1.7e9, "model": "opus"})
    ...     _ = state.append({"kind": "judgement", "decision_id": "d1", "score": 1.0})
    ...     sealed = state.seal(current=True)
    ...     [(event["kind"], event["s"]) for event in state.events()], sealed, state.faults
    ([('decision', 1), ('judgement', 2)], 1, [])
    """

    def __init__(
        self, root: Path, clock: Callable[[], float], files: Files, durability: Durability, limits: Limits | None
    ) -> None:
        super().__init__(root, clock, files)
        self._durability, self._limits = durability, limits
        self._lock = Lock()
        self._life: int | None = None
        self._claim = Claim(root)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        clock: Callable[[], float],
        durability: Durability = "process",
        read_only: bool = False,
        files: Files | None = None,
        limits: Limits | None = None,
    ) -> State:
        """Open a state folder, and make it where it is missing.

        Parameters
        ----------
        path
            The folder, on a local disk.
        clock
            The time in seconds since 1970.
        durability
            What `append` promises when it returns: ``process``, the event survives the death of every process;
            ``power``, also a power cut.
        read_only
            Whether nothing may be written: not one byte of the folder changes.
        files
            Through which files are changed.
        limits
            When a part of the journal is closed, and how long things may wait.

        Returns
        -------
        State
            The open folder.

        Raises
        ------
        StateError
            If it cannot hold a state; the message says what to do.
        SchemaVersionError
            If a newer version wrote it; then nothing was changed.
        """
        if durability not in {"process", "power"}:
            raise StateError(f"durability must be 'process' or 'power', not {durability!r}")
        root = Path(path).expanduser().resolve()
        look_at(root, read_only=read_only)
        state = cls(root, clock, files or Files(), durability, limits)
        state.read_only = read_only
        if read_only:
            state._read_with(None)
            state.store_id = identity(root)
            return state
        state.store_id = lay_out(root, state._files, clock)
        state._own()
        reset_in_child(state)
        atexit.register(state.close)
        return state

    _last_trouble: str | None = None
    store_id: str = ""
    """The identity that the folder was given when it was made."""

    def __repr__(self) -> str:
        return f"State({str(self.path)!r}, writer={self.writer!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def trouble(self) -> str | None:
        """What the disk last refused in the background, if it did."""
        return self._last_trouble if self._journal is None else self._journal.trouble

    def append(self, event: Mapping[str, Any]) -> tuple[str, int]:
        """Write an event and return when it is acknowledged.

        Parameters
        ----------
        event
            What happened; it has a ``kind``, and neither ``w`` nor ``s``.

        Returns
        -------
        tuple
            The writer and the number that name the event.

        Raises
        ------
        StateError
            If it was not written: no room, closed, or read-only.
        """
        journal = self._journal or self._own()
        return journal.writer, journal.append(event)

    def append_body(self, body: bytes) -> tuple[str, int]:
        """Write an event that is JSON already, as `append` does."""
        journal = self._journal or self._own()
        return journal.writer, journal.append_bodies((body,))

    def append_all(self, events: Sequence[Mapping[str, Any]]) -> tuple[str, int]:
        """Write events that belong together as `append` does, all of them or none; name the last one."""
        journal = self._journal or self._own()
        return journal.writer, journal.append_bodies([body_of(event) for event in events])

    def buffer(self, event: Mapping[str, Any]) -> tuple[str, int]:
        """Take an event that may wait for the next `append`, for `flush`, or for 50 ms.

        Parameters
        ----------
        event
            What happened, as for `append`.

        Returns
        -------
        tuple
            The writer and the number that name the event.

        Raises
        ------
        StateError
            If too much waits already and the disk does not take it.
        """
        journal = self._journal or self._own()
        return journal.writer, journal.buffer(event)

    def claim(self, name: str, *, beside: bool = False) -> None:
        """Say which hard budgets the folder has, until `close`; a crash takes it back, and a forked child said nothing.

        Parameters
        ----------
        name
            Stands for them.
        beside
            Whether other processes may say something else for now.

        Raises
        ------
        StateError
            If another process says something else; the message names the processes in the folder. Also if the folder
            is closed or open read-only.
        """
        if self._closed or self.read_only:
            raise self._forbidden()
        self._claim.take(name, own=self.writer, beside=beside)

    def close(self) -> None:
        """Write what waits, wait for the disk, and let others seal what was written; twice is as good as once.

        Raises
        ------
        StateError
            If the disk did not take it.
        """
        if self._closed:
            return
        self._closed = True
        atexit.unregister(self.close)
        journal, life = self._journal, self._life
        self._journal = self._life = None
        self._last_trouble = None if journal is None else journal.trouble
        try:
            if journal is not None:
                journal.close()
        finally:
            self._claim.let_go()
            if life is not None:
                if journal is not None and journal.part == 0:
                    life_file(self.path, journal.writer).unlink(missing_ok=True)
                let_go(life)

    def after_fork(self) -> None:
        """Let go of everything that is the parent's; the child becomes a writer of its own at its first event."""
        self._reader.positions |= self._own_position()
        if self._journal is not None:
            self._journal.after_fork()
        self._claim.after_fork()
        if self._life is not None:
            os.close(self._life)
        self._journal = self._life = None
        self._lock = Lock()

    def _own(self) -> Journal:
        """Become a writer: take a name, and hold its lock for life. The lock is visible only once it is held."""
        with self._lock:
            if self._closed or self.read_only:
                raise self._forbidden()
            if self._journal is not None:
                return self._journal
            writer = new_writer(self._clock())
            self._life = begin(self.path, writer, self._files, self._clock())
            self._journal = Journal(
                self.path / "journal",
                writer,
                clock=self._clock,
                files=self._files,
                durability=self._durability,
                limits=self._limits,
            )
            return self._journal
