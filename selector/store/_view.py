"""What can be read of a state folder, at any time, while others write and seal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from selector.errors import StateError
from selector.store._files import Files
from selector.store._finder import Finder
from selector.store._frame import Fault
from selector.store._journal import Journal
from selector.store._life import life_file
from selector.store._locks import held
from selector.store._parts import Parts
from selector.store._quarantine import Quarantine
from selector.store._reader import LogPart, Position, Reader
from selector.store._segments import Sealer
from selector.store._snapshots import Snapshot, Snapshots

__all__ = ["View"]


class View:
    """The reading side of `State`.

    Parameters
    ----------
    root
        The state folder.
    clock
        The time in seconds since 1970.
    files
        Through which files are changed.
    """

    def __init__(self, root: Path, clock: Callable[[], float], files: Files) -> None:
        self.path = root
        self.read_only = False
        self._clock, self._files, self._closed = clock, files, False
        self._journal: Journal | None = None
        self._read_with(root / "quarantine")

    def _read_with(self, quarantine: Path | None) -> None:
        self._quarantine = Quarantine(quarantine, self._files, self._clock)
        parts = Parts(self.path, self._quarantine)
        self._finder = Finder(self.path, parts)
        self._reader = Reader(self.path, parts, self._quarantine)
        self._sealer = Sealer(self.path, self._files, parts, self._quarantine)
        self._snapshots = Snapshots(self.path, self._files, self._quarantine)

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

    def parts(self, after: Mapping[str, Position] | None = None) -> Iterator[LogPart]:
        """Read all events as `events` does, but part by part, those of a sealed part as tables: that is much faster.

        Parameters
        ----------
        after
            Only what comes after these positions.

        Yields
        ------
        LogPart
            By writer and part; within a table, events are by number.
        """
        with suppress(StateError):
            self.flush()
        yield from self._reader.parts(after)

    def tail(self) -> list[dict[str, Any]]:
        """Read what other writers wrote since the last `events` or `tail`.

        Returns
        -------
        list of dict
            The new events, by writer, part and number.
        """
        return self._reader.tail(self.writer)

    def lives(self, writer: str) -> bool:
        """Tell whether the process that writes under a name lives, stopped or not."""
        return held(life_file(self.path, writer))

    def find(self, decision_id: str) -> list[dict[str, Any]]:
        """Read all events of one decision, and little else of the log.

        Parameters
        ----------
        decision_id
            Which.

        Returns
        -------
        list of dict
            The decision and the events that have its ``decision_id``, by writer and number.
        """
        with suppress(StateError):
            self.flush()
        return self._finder.find(decision_id)

    def recent(self, n_decisions: int) -> Iterator[dict[str, Any]]:
        """Read the newest decisions with every event of theirs, from whole parts, without reading all of the log.

        Parameters
        ----------
        n_decisions
            How many decisions at least, as far as there are so many.

        Yields
        ------
        dict
            An event with its writer ``w`` and number ``s``, by writer, part and number. What belongs to a decision
            that is not among them, or to none, may be among them too.
        """
        with suppress(StateError):
            self.flush()
        yield from self._finder.recent(n_decisions)

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

    def _own_position(self) -> dict[str, Position]:
        journal = self._journal
        return {journal.writer: (max(journal.part, 1), journal.seq)} if journal is not None and journal.seq else {}
