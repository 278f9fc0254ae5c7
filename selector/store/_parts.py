"""The parts of the log: which there are, and reading one from wherever it lies now."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from selector.store._dropped import Position, dropped
from selector.store._fields import events_in, in_order
from selector.store._frame import Fault, decode
from selector.store._names import stem_of
from selector.store._parquet import DamagedError, read_checked
from selector.store._quarantine import Quarantine
from selector.store._tables import TABLES

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Listing", "Part", "PartRead", "Parts", "listing", "parts_in"]

_NAME = re.compile(r"([0-9A-Za-z_-]+)\.([0-9]{6,})\.(jnl|parquet)")
SEGMENT_FORMAT = 1
_WORDS = {
    name: [c.name for c in columns if c.type == "string" and c.name not in {"id", "decision_id"}]
    for name, columns in TABLES.items()
}

Event = dict[str, Any]


class Part(NamedTuple):
    """One writer's part; parts sort by writer, then by number."""

    writer: str
    number: int

    @property
    def stem(self) -> str:
        """The name that its journal and its segments share."""
        return stem_of(self.writer, self.number)


class Listing(NamedTuple):
    """Which parts there are."""

    journals: frozenset[Part]
    sealed: frozenset[Part]
    dropped: Mapping[str, Position]
    """Up to where each writer's events were dropped; what is left of these parts is not listed."""

    @property
    def every(self) -> list[Part]:
        """All parts, each once, in order."""
        return sorted(self.journals | self.sealed)

    @property
    def last(self) -> Mapping[str, int]:
        """The highest part of each writer."""
        return {part.writer: part.number for part in self.every}


@dataclass(slots=True)
class PartRead:
    """What was read of a part."""

    loose: list[Event]
    """Its events in order, where they were read one by one."""
    end: int = 0
    """Where in the journal reading ended; for a segment 0."""
    n_lost: int = 0
    """How many of its events are known to be lost, now or when it was sealed."""
    torn: Fault | None = None
    """A last line that is not whole, or not yet."""
    sealed: bool = field(default=False)
    dropped: Position | None = None
    """Up to where its writer's events were dropped while it was being read, if it is among them."""
    tables: Mapping[str, pa.Table] = field(default_factory=dict)
    """Where it is sealed: its events by the name of their table, in order."""

    @property
    def events(self) -> list[Event]:
        """Its events in order, made anew of a sealed part's tables."""
        if not self.tables:
            return self.loose
        every = (event for name, table in self.tables.items() for event in events_in(name, table))
        return sorted(every, key=lambda event: event["s"])

    def counted(self, since: int) -> tuple[int, int]:
        """Count its events above a number, and give the highest number; 0 where there is none."""
        if not self.tables:
            numbers = [event["s"] for event in self.loose if event["s"] > since]
            return len(numbers), max(numbers, default=0)
        found = [table["s"].to_numpy() for table in self.tables.values()]
        last = max(int(each.max()) for each in found)
        return sum(int((each > since).sum()) for each in found), last if last > since else 0


def parts_in(folder: Path) -> frozenset[Part]:
    """List the parts that have a file in a folder.

    Parameters
    ----------
    folder
        A folder of journals, or of one table.

    Returns
    -------
    frozenset
        Nothing where there is no such folder.
    """
    try:
        names = [path.name for path in folder.iterdir()]
    except FileNotFoundError:
        return frozenset()
    found = (_NAME.fullmatch(name) for name in names)
    return frozenset(Part(match[1], int(match[2])) for match in found if match is not None)


def listing(root: Path) -> Listing:
    """List the parts: journals first, so that what is sealed meanwhile is found as a segment.

    Parameters
    ----------
    root
        The state folder.

    Returns
    -------
    Listing
        Every part is in one of the two, or in both until its journal is removed.
    """
    journals, sealed, gone = parts_in(root / "journal"), parts_in(root / "log" / "decisions"), dropped(root)
    kept = [{part for part in parts if part.number > gone.get(part.writer, (0, 0))[0]} for parts in (journals, sealed)]
    return Listing(frozenset(kept[0]), frozenset(kept[1]), gone)


class Parts:
    """Reading parts: a segment beats its journal, and a journal that vanished has become a segment.

    Parameters
    ----------
    root
        The state folder.
    quarantine
        Where damage is told.

    Examples
    --------
    >>> import tempfile
    >>> from selector.store import Files, encode
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "journal").mkdir()
    ...     line = encode({"kind": "audit", "w": "ann", "s": 1})
    ...     _ = Path(folder, "journal", "ann.000001.jnl").write_bytes(line)
    ...     Parts(Path(folder), Quarantine(None, Files(), lambda: 0.0)).read(Part("ann", 1)).events
    [{'kind': 'audit', 'w': 'ann', 's': 1}]
    """

    def __init__(self, root: Path, quarantine: Quarantine) -> None:
        self._root, self._quarantine = root, quarantine

    def read(self, part: Part, *, sealed: bool = False, offset: int = 0) -> PartRead:
        """Read a part from where it lies.

        Parameters
        ----------
        part
            Which.
        sealed
            Whether a segment of it was seen.
        offset
            From where to read its journal.

        Returns
        -------
        PartRead
            Its events in order, each once.
        """
        if not sealed:
            try:
                return self.read_journal(part, offset)
            except FileNotFoundError:
                pass
        return self._read_segment(part)

    def read_journal(
        self, part: Part, offset: int = 0, *, must_keep: bool = False, pause: Callable[[], None] | None = None
    ) -> PartRead:
        """Read a part's journal; damage is told, and kept aside.

        Parameters
        ----------
        part
            Which.
        offset
            From where: the beginning of a line.
        must_keep
            Whether it is an error if damaged lines cannot be kept aside.
        pause
            What to call now and then.

        Returns
        -------
        PartRead
            Its events in order.

        Raises
        ------
        FileNotFoundError
            If it was sealed, or is gone.
        """
        name = f"journal/{part.stem}.jnl"
        with (self._root / name).open("rb") as file:
            file.seek(offset)
            data = file.read()
        events, faults = decode(data, pause)
        own = [
            e for e in events if e.get("w") == part.writer and type(e.get("s")) is int and type(e.get("kind")) is str
        ]
        found = PartRead(own, offset + len(data))
        for fault in faults:
            placed = replace(fault, offset=fault.offset + offset, file=name)
            if fault.kind == "torn":
                found.torn, found.end = placed, placed.offset
                continue
            found.n_lost += fault.n_lost or 0
            self._quarantine.keep(placed, data[fault.offset : fault.offset + fault.size], must=must_keep)
        if len(own) < len(events):
            n_strange = len(events) - len(own)
            text = f"{n_strange:,} lines are not of this writer"
            strange = Fault("broken", offset, len(data), text, n_strange, name)
            self._quarantine.keep(strange, data, must=must_keep)
        return found

    def is_whole(self, part: Part) -> bool:
        """Tell whether a part has segments that can be read without a fault.

        Parameters
        ----------
        part
            Which.

        Returns
        -------
        bool
            Whether its journal is needed no more.
        """
        segment = _Segment(self._root, part)
        segment.load()
        return segment.note is not None and not segment.faults

    def _read_segment(self, part: Part) -> PartRead:
        """Read a part's segments; where they are damaged and the journal is still there, it is read in their place."""
        segment = _Segment(self._root, part)
        segment.load()
        if segment.faults:
            try:
                return self.read_journal(part)
            except FileNotFoundError:
                pass
            gone = dropped(self._root).get(part.writer, (0, 0))
            if part.number <= gone[0]:
                return PartRead([], sealed=True, dropped=gone)
        n_lost = sum(fault.n_lost or 0 for fault, _ in segment.faults)
        for fault, data in segment.faults:
            self._quarantine.keep(fault, data)
        named = int((segment.note or {}).get("n_lost", 0))
        return PartRead([], 0, n_lost + named, sealed=True, tables=segment.tables)


class _Segment:
    """The files of one sealed part."""

    def __init__(self, root: Path, part: Part) -> None:
        self._root, self._part = root, part
        self.note: dict[str, Any] | None = None
        self.tables: dict[str, pa.Table] = {}
        self.faults: list[tuple[Fault, bytes]] = []

    def load(self) -> None:
        """Read what is readable, then count what is not by what the readable files say of the part."""
        damaged = {}
        missing = []
        for table in TABLES:
            path = self._root / "log" / table / f"{self._part.stem}.parquet"
            try:
                found, note = read_checked(path, _WORDS[table])
            except FileNotFoundError:
                missing.append(table)
                continue
            except DamagedError as error:
                damaged[table] = str(error)
                continue
            self.note = note
            if found.num_rows != note["rows"][table]:
                damaged[table] = "it has not as many rows as it says"
                continue
            if found.num_rows:
                self.tables[table] = in_order(found)
        rows = (self.note or {}).get("rows", {})
        for table, reason in damaged.items():
            data = (self._root / "log" / table / f"{self._part.stem}.parquet").read_bytes()
            self._tell(Fault("broken", 0, len(data), reason, rows.get(table)), table, data)
        for table in missing:
            if rows.get(table) or (table == "decisions" and not damaged):
                self._tell(Fault("missing", 0, 0, "the file is not there", rows.get(table)), table, b"")

    def _tell(self, fault: Fault, table: str, data: bytes) -> None:
        self.faults.append((replace(fault, file=f"log/{table}/{self._part.stem}.parquet"), data))
