"""The end of a sealed file: enough to tell what is in it, and to read only the rows that are wanted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from selector.store._parquet import FOOTER_MARK, KEY, MARK, DamagedError, blanked, checked
from selector.store._tables import TABLES

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

__all__ = ["Extent", "Footer", "extent_of", "footer_of", "rows_with"]

_END = b"PAR1"
_TAIL = 16_384


class Footer(NamedTuple):
    """The end of a file of the log: what it says of itself and of its columns, read without the rest."""

    metadata: pq.FileMetaData
    note: dict[str, Any]

    def groups_with(self, column: str, value: str) -> list[int]:
        """List the row groups that may have a text in a column."""
        return [i for i, low, high in self._ranges(column) if low is None or low <= value <= high]

    def span(self, column: str) -> tuple[Any, Any] | None:
        """Give the least and the greatest value of a column, as they are stored; None where there is none."""
        known = [(low, high) for _, low, high in self._ranges(column) if low is not None]
        return (min(low for low, _ in known), max(high for _, high in known)) if known else None

    def _ranges(self, column: str) -> Iterator[tuple[int, Any, Any]]:
        place = self.metadata.schema.names.index(column)
        for i in range(self.metadata.num_row_groups):
            group = self.metadata.row_group(i)
            found = group.column(place).statistics
            if found is None or (not found.has_min_max and found.null_count != group.num_rows):
                yield i, None, None
            elif found.has_min_max:
                raw = isinstance(found.min_raw, int)
                yield i, found.min_raw if raw else found.min, found.max_raw if raw else found.max


def footer_of(path: Path) -> Footer:
    """Read the end of a Parquet file that `to_bytes` wrote.

    Parameters
    ----------
    path
        Where it lies.

    Returns
    -------
    Footer
        What it says.

    Raises
    ------
    DamagedError
        If the footer is not what was written.
    FileNotFoundError
        If the file is not there.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        data = file.read()
        length = int.from_bytes(data[-8:-4], "little") + 8
        if length > min(size, len(data)):
            file.seek(max(0, size - length))
            data = file.read()
    end = data[-length:]
    whole = blanked(end[:-8], MARK)
    checked(whole, FOOTER_MARK)
    try:
        metadata = pq.read_metadata(pa.BufferReader(_END + end))
        return Footer(metadata, orjson.loads(metadata.metadata[KEY]))
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise DamagedError(f"its footer cannot be read: {error}") from error


def rows_with(path: Path, column: str, value: str) -> pa.Table | None:
    """Read the rows that have a text in a column, and of the file no more than that takes.

    Parameters
    ----------
    path
        Where it lies.
    column
        Its column.
    value
        The text.

    Returns
    -------
    pyarrow.Table or None
        The rows; None where there are none.

    Raises
    ------
    DamagedError
        If what had to be read is not what was written.
    FileNotFoundError
        If the file is not there.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    groups = footer_of(path).groups_with(column, value)
    if not groups:
        return None
    try:
        with pq.ParquetFile(path, page_checksum_verification=True) as file:
            if not pc.any(pc.equal(file.read_row_groups(groups, [column])[column], value)).as_py():
                return None
            table = file.read_row_groups(groups)
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DamagedError(f"it cannot be read: {error}") from error
    return table.filter(pc.equal(table[column], value))


class Extent(NamedTuple):
    """What the ends of a part's files say of the part."""

    last_seq: int
    n_decisions: int
    first_decision_us: int | None
    """When its first decision was made, in microseconds since 1970; None where no decision has a time."""
    last_us: int | None
    """When the last of its events happened; None where none has a time."""


def extent_of(root: Path, stem: str) -> Extent:
    """Tell how many decisions a sealed part has, and from when to when it goes.

    Parameters
    ----------
    root
        The state folder.
    stem
        The name that the part's files share.

    Returns
    -------
    Extent
        What the ends of its files say.

    Raises
    ------
    DamagedError
        If one of them is not what was written, or not there.
    FileNotFoundError
        If the part is not there.
    """
    spans = {}
    rows: dict[str, int] = {"decisions": 0}
    last_seq = 0
    for table in TABLES:
        if table != "decisions" and not rows.get(table):
            continue
        try:
            footer = footer_of(root / "log" / table / f"{stem}.parquet")
        except FileNotFoundError as error:
            if table == "decisions":
                raise
            raise DamagedError(f"the file of its {table} is not there") from error
        rows, last_seq = footer.note["rows"], footer.note["last_seq"]
        spans[table] = footer.span("at")
    known = [span for span in spans.values() if span is not None]
    first = spans["decisions"]
    return Extent(last_seq, rows["decisions"], first and first[0], max((last for _, last in known), default=None))
