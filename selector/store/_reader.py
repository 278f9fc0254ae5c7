"""Reading the whole log in order, and then only what is new, while others write and seal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from selector.store._dropped import Position
from selector.store._fields import above
from selector.store._frame import Fault
from selector.store._locks import held
from selector.store._parts import Part, PartRead, Parts, listing
from selector.store._quarantine import Quarantine

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LogPart", "Position", "Reader"]

Event = dict[str, Any]


class LogPart(NamedTuple):
    """A part of one writer's log: tables where it is sealed, events where it is still a journal."""

    writer: str
    """Whose."""
    tables: Mapping[str, pa.Table]
    """Of a sealed part: its events by the name of their table in `TABLES`, each by number; words are dictionaries.

    `Fields` reads them.
    """
    events: list[Event]
    """Of a journal: its events by number."""


class Reader:
    """What one process has read of a state folder.

    Parameters
    ----------
    root
        The state folder.
    parts
        Through which parts are read.
    quarantine
        Where damage is told.
    """

    def __init__(self, root: Path, parts: Parts, quarantine: Quarantine) -> None:
        self._root, self._parts, self._quarantine = root, parts, quarantine
        self._offsets: dict[Part, int] = {}
        self._done: set[Part] = set()
        self.positions: dict[str, Position] = {}

    def events(self, after: Mapping[str, Position] | None) -> Iterator[Event]:
        """Read everything after the given positions, by writer, part and number, each event once.

        Parameters
        ----------
        after
            What is known already.

        Yields
        ------
        dict
            An event with its writer ``w`` and number ``s``.
        """
        for part, read, since in self._each(after):
            for event in read.events:
                if event["s"] > since:
                    self.positions[part.writer] = (part.number, event["s"])
                    yield event

    def parts(self, after: Mapping[str, Position] | None) -> Iterator[LogPart]:
        """Read the same as `events`, part by part.

        Parameters
        ----------
        after
            What is known already.

        Yields
        ------
        LogPart
            By writer and part.
        """
        for part, read, since in self._each(after):
            n_events, last = read.counted(since)
            if n_events:
                self.positions[part.writer] = (part.number, last)
                loose = [event for event in read.loose if event["s"] > since]
                yield LogPart(part.writer, above(read.tables, since), loose)

    def _each(self, after: Mapping[str, Position] | None) -> Iterator[tuple[Part, PartRead, int]]:
        """Read each part, and say above which number its events are wanted."""
        known = dict(after or {})
        for writer, position in known.items():
            self.positions[writer] = max(position, self.positions.get(writer, position))
        found = listing(self._root)
        books: dict[str, _Book] = {}
        for part in found.every:
            start = max(known.get(part.writer, (0, 0)), found.dropped.get(part.writer, (0, 0)))
            if part.number < start[0]:
                self._done.add(part)
                continue
            read = self._parts.read(part, sealed=part in found.sealed)
            if read.dropped is not None:
                books[part.writer] = _Book(read.dropped[1])
                continue
            if read.torn is not None and (part.number < found.last[part.writer] or not self._lives(part.writer)):
                self._quarantine.report(read.torn)
            book = books.setdefault(part.writer, _Book(start[1]))
            self._tell_missing(part, book.missing(read, since=start[1]))
            yield part, read, start[1]
            self._note(part, read)

    def tail(self, own: str | None) -> list[Event]:
        """Read what others wrote since the last reading.

        Parameters
        ----------
        own
            The caller's writer, of which nothing is read.

        Returns
        -------
        list of dict
            The new events, by writer, part and number.
        """
        fresh: list[Event] = []
        found = listing(self._root)
        for part in found.every:
            position = self.positions.get(part.writer, (0, 0))
            if part.writer == own or part in self._done or part.number < position[0]:
                continue
            sealed = part in found.sealed
            offset = self._offsets.get(part, 0)
            if not sealed and self._size(part) == offset:
                continue
            read = self._parts.read(part, sealed=sealed, offset=offset)
            new = [event for event in read.events if event["s"] > position[1]]
            if new:
                self.positions[part.writer] = (part.number, new[-1]["s"])
                fresh.extend(new)
            self._note(part, read)
        return fresh

    def _note(self, part: Part, read: PartRead) -> None:
        if read.sealed:
            self._done.add(part)
            self._offsets.pop(part, None)
        else:
            self._offsets[part] = read.end

    def _size(self, part: Part) -> int | None:
        try:
            return (self._root / "journal" / f"{part.stem}.jnl").stat().st_size
        except FileNotFoundError:
            return None

    def _lives(self, writer: str) -> bool:
        return held(self._root / "writers" / f"{writer}.lock")

    def _tell_missing(self, part: Part, n_missing: int) -> None:
        if n_missing > 0:
            text = f"{n_missing:,} events before or in this part are gone without a trace"
            self._quarantine.report(Fault("missing", 0, 0, text, n_missing, f"journal/{part.stem}.jnl"))


class _Book:
    """One writer's numbers, which have no gaps: what is neither there nor known to be lost is missing."""

    def __init__(self, last: int) -> None:
        self._last, self._n_named = last, 0

    def missing(self, read: PartRead, since: int) -> int:
        self._n_named += read.n_lost
        n_events, last = read.counted(since)
        if not n_events:
            return 0
        gone = max(0, last - self._last - n_events)
        self._last = last
        n_missing = max(0, gone - self._n_named)
        self._n_named = max(0, self._n_named - gone)
        return n_missing
