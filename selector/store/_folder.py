"""The state folder: the one door through which events are written, read, sealed and summed up."""

from __future__ import annotations

import atexit
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from selector.errors import StateError
from selector.store._checks import identity, lay_out, look_at
from selector.store._files import Files
from selector.store._frame import Fault
from selector.store._journal import Journal
from selector.store._life import begin, life_file
from selector.store._limits import Durability, Limits
from selector.store._locks import let_go, reset_in_child
from selector.store._names import new_writer
from selector.store._parts import Parts
from selector.store._quarantine import Quarantine
from selector.store._reader import Position, Reader
from selector.store._segments import Sealer
from selector.store._snapshots import Snapshot, Snapshots

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["State"]


class State:
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
        self.path = root
        self.read_only = False
        self._clock, self._files, self._durability, self._limits = clock, files, durability, limits
        self._lock, self._closed = Lock(), False
        self._journal: Journal | None = None
        self._life: int | None = None
        self._read_with(root / "quarantine")

    def _read_with(self, quarantine: Path | None) -> None:
        self._quarantine = Quarantine(quarantine, self._files, self._clock)
        parts = Parts(self.path, self._quarantine)
        self._reader = Reader(self.path, parts, self._quarantine)
        self._sealer = Sealer(self.path, self._files, parts, self._quarantine)
        self._snapshots = Snapshots(self.path, self._files, self._quarantine)

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
    def writer(self) -> str | None:
        """The name under which this process writes; a forked child has none before its first event."""
        return None if self._journal is None else self._journal.writer

    @property
    def positions(self) -> dict[str, Position]:
        """The last part and number of each writer that was read, and of this one that was written."""
        return self._reader.positions | self._own_position()

    @property
    def faults(self) -> list[Fault]:
        """What could not be read so far: each with its file, offset, reason and how many events it cost."""
        return self._quarantine.faults

    @property
    def trouble(self) -> str | None:
        """What the disk last refused in the background, if it did."""
        return None if self._journal is None else self._journal.trouble

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

    def flush(self) -> None:
        """Write what waits.

        Raises
        ------
        StateError
            If the disk did not take it; it goes on waiting.
        """
        if self._journal is not None:
            self._journal.flush()

    def events(self, after: Mapping[str, Position] | None = None) -> Iterator[dict[str, Any]]:
        """Read all events by writer, part and number, each once, while others write and seal.

        Parameters
        ----------
        after
            Only what comes after these positions, such as those of a snapshot.

        Yields
        ------
        dict
            An event with its writer ``w`` and number ``s``.
        """
        with suppress(StateError):
            self.flush()
        yield from self._reader.events(after)

    def tail(self) -> list[dict[str, Any]]:
        """Read what other writers wrote since the last `events` or `tail`.

        Returns
        -------
        list of dict
            The new events, by writer, part and number.
        """
        return self._reader.tail(self.writer)

    def seal(self, *, current: bool = False) -> int:
        """Turn closed parts, and parts of dead writers, into Parquet, unless another process is doing so.

        Parameters
        ----------
        current
            Whether to close this writer's part first, even if it is neither full nor old.

        Returns
        -------
        int
            How many parts were sealed.

        Raises
        ------
        StateError
            If the disk did not take it; then the journals stay, and nothing is lost.
        """
        if self.read_only:
            raise self._forbidden()
        journal = self._journal
        if journal is not None:
            journal.flush()
            journal.roll(due_only=not current)
        try:
            return self._sealer.seal(self.writer, 0 if journal is None else journal.closed_through)
        except OSError as error:
            raise StateError(
                f"the log in {self.path} was not sealed: {error.strerror or error}; make room: its journals stay"
            ) from error

    def write_snapshot(
        self, name: str, table: pa.Table, folded: Mapping[str, Position], *, fold_version: int = 1
    ) -> bool:
        """Replace a snapshot of the fold, and keep the one before.

        Parameters
        ----------
        name
            Such as ``posteriors``.
        table
            What was folded.
        folded
            Up to which part and number of each writer.
        fold_version
            The version of the fold.

        Returns
        -------
        bool
            Whether it was written: not while another process writes one.

        Raises
        ------
        StateError
            If the disk did not take it; then the one before stays.
        """
        if self.read_only:
            raise self._forbidden()
        self.flush()
        try:
            return self._snapshots.write(name, table, folded, fold_version)
        except OSError as error:
            raise StateError(
                f"the snapshot {name!r} was not written to {self.path}: {error.strerror or error}; make room"
            ) from error

    def read_snapshot(self, name: str, *, fold_version: int = 1) -> Snapshot | None:
        """Read a snapshot; where it is damaged, the one before.

        Parameters
        ----------
        name
            Such as ``posteriors``.
        fold_version
            The version of the caller's fold.

        Returns
        -------
        Snapshot or None
            None where the log must be folded from its beginning.

        Raises
        ------
        SchemaVersionError
            If a newer fold made it.
        """
        return self._snapshots.read(name, fold_version)

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
        try:
            if journal is not None:
                journal.close()
        finally:
            if life is not None:
                if journal is not None and journal.part == 0:
                    life_file(self.path, journal.writer).unlink(missing_ok=True)
                let_go(life)

    def after_fork(self) -> None:
        """Let go of everything that is the parent's; the child becomes a writer of its own at its first event."""
        self._reader.positions |= self._own_position()
        if self._journal is not None:
            self._journal.after_fork()
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

    def _own_position(self) -> dict[str, Position]:
        journal = self._journal
        return {journal.writer: (max(journal.part, 1), journal.seq)} if journal is not None and journal.seq else {}

    def _forbidden(self) -> StateError:
        how = "closed; open it again" if self._closed else "open read-only; open it without read_only"
        return StateError(f"nothing can be written to {self.path}: it is {how}")
