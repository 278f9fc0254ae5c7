"""Parquet files that tell when they were damaged: a checksum per page for everyone, one of the whole file for us."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import orjson

from selector.store._tables import Column

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "FOOTER_MARK",
    "KEY",
    "MARK",
    "DamagedError",
    "blanked",
    "checked",
    "columns_to_table",
    "from_bytes",
    "read_checked",
    "table_to_columns",
    "to_bytes",
]

MARK = b"selector-crc32:"
_BLANK = MARK + b"00000000"
FOOTER_MARK = b"selector-footer-crc32:"
_FOOTER_BLANK = FOOTER_MARK + b"00000000"
KEY = b"selector"
_OWN_KEYS = (b"checksum", b"footer_checksum")
_IDS = {"id", "decision_id"}
_FEW = {"at_step"}
_TEXTS = {"extra", "candidates"}
_FLOATS = "BYTE_STREAM_SPLIT"


class DamagedError(Exception):
    """A file is not what was written; the message says how that shows."""


def columns_to_table(
    columns: Mapping[str, Any], described: Iterable[Column], pause: Callable[[], None] | None = None
) -> pa.Table:
    """Make the Arrow table of described columns; each carries its description.

    Parameters
    ----------
    columns
        A list of values per column.
    described
        Their `Column` records.
    pause
        What to call after each column.

    Returns
    -------
    pyarrow.Table
        The table, with the columns in the order described.
    """
    import pyarrow as pa

    types = {"json": pa.string(), "string": pa.string(), "timestamp": pa.timestamp("us", tz="UTC")}
    types |= {"int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}
    fields = [pa.field(c.name, types[c.type], metadata={"doc": c.doc}) for c in described]
    arrays = []
    for field in fields:
        arrays.append(pa.array(columns[field.name], field.type))
        if pause is not None:
            pause()
    return pa.table(arrays, schema=pa.schema(fields))


def table_to_columns(table: pa.Table) -> dict[str, list[Any]]:
    """Give the columns of a table as `events_of` reads them: only those with a value in them, times as microseconds.

    Parameters
    ----------
    table
        A table of the log.

    Returns
    -------
    dict
        A list of values per column.
    """
    import pyarrow as pa

    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        if column.null_count < len(column) or name in {"s", "extra"}:
            plain = column.cast(pa.int64()) if pa.types.is_timestamp(column.type) else column
            plain = plain.cast(pa.string()) if pa.types.is_dictionary(column.type) else plain
            columns[name] = plain.to_pylist()
    return columns


def to_bytes(table: pa.Table, note: Mapping[str, Any], *, compact: bool = False) -> bytes:
    """Write a table as a Parquet file with checksums.

    Parameters
    ----------
    table
        The table.
    note
        What the file says of itself: JSON in its metadata, beside what the table already had there.
    compact
        Whether it is a table of the log, of which each column is encoded in the way that makes it small.

    Returns
    -------
    bytes
        The file. Its checksum is that of the file with zeros in the checksum's own place; so is its footer's.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    own = {KEY: orjson.dumps(note), b"footer_checksum": _FOOTER_BLANK, b"checksum": _BLANK}
    encoded = _encodings(table) if compact else {}
    options = {"column_encoding": encoded} if encoded else {}
    sink = pa.BufferOutputStream()
    pq.write_table(
        table.replace_schema_metadata({**(table.schema.metadata or {}), **own}),
        sink,
        compression="zstd",
        write_page_checksum=True,
        use_dictionary=[name for name in table.column_names if name not in encoded] if encoded else True,
        **options,
    )
    data = bytearray(sink.getvalue())
    start = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    _set(data, data.rindex(_FOOTER_BLANK) + len(FOOTER_MARK), crc32(memoryview(data)[start:-8]))
    _set(data, data.rindex(_BLANK) + len(MARK), crc32(data))
    return bytes(data)


def _encodings(table: pa.Table) -> dict[str, str]:
    """Choose what makes a column of the log small; for the columns that are left out a dictionary does."""
    by_type = {"int64": "DELTA_BINARY_PACKED", "timestamp[us, tz=UTC]": "DELTA_BINARY_PACKED"}
    by_type |= {"double": _FLOATS}
    chosen = {field.name: by_type.get(str(field.type)) for field in table.schema if field.name not in _FEW}
    chosen = {name: encoding for name, encoding in chosen.items() if encoding != _FLOATS or not _repeats(table[name])}
    chosen |= dict.fromkeys(_IDS & chosen.keys(), "DELTA_BYTE_ARRAY")
    plain = {name for name in chosen if name in _TEXTS or name.endswith("_tokens")}
    chosen |= dict.fromkeys(plain, "PLAIN")
    return {name: encoding for name, encoding in chosen.items() if encoding is not None}


def _repeats(column: pa.ChunkedArray) -> bool:
    """Tell whether a column has so few different numbers, rounded ones say, that a dictionary of them is smaller."""
    import pyarrow.compute as pc

    return bool(pc.count_distinct(column).as_py() <= 0.6 * (len(column) - column.null_count))


def _set(data: bytearray, place: int, checksum: int) -> None:
    data[place : place + 8] = b"%08x" % checksum


def checked(data: bytes | bytearray, mark: bytes) -> None:
    """Refuse data whose checksum, behind a mark, is not that of the data with zeros in its place."""
    place = data.rfind(mark) + len(mark)
    if place < len(mark):
        raise DamagedError("its checksum is not there")
    if data[place : place + 8] != b"%08x" % crc32(blanked(data, mark)):
        raise DamagedError("its checksum does not fit")


def blanked(data: bytes | bytearray, mark: bytes) -> bytearray:
    """Put zeros where a checksum stands behind a mark."""
    blank = bytearray(data)
    place = data.rfind(mark) + len(mark)
    blank[place : place + 8] = b"00000000"
    return blank


def from_bytes(data: bytes, words: Sequence[str] = ()) -> tuple[pa.Table, dict[str, Any]]:
    """Read a Parquet file that `to_bytes` wrote, and refuse every changed byte.

    Parameters
    ----------
    data
        The whole file.
    words
        Columns that are read as dictionaries, which is faster where there are few different words.

    Returns
    -------
    table : pyarrow.Table
        The table, without what `to_bytes` added to its metadata.
    note : dict
        What the file says of itself.

    Raises
    ------
    DamagedError
        If the file is not what was written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    checked(data, MARK)
    try:
        source = pa.BufferReader(data)  # of which every byte was checked: its pages need not be once more
        with pq.ParquetFile(source, read_dictionary=[*words], pre_buffer=False) as file:
            table = file.read(use_threads=False)  # a pool's thread may outlive the interpreter, which then aborts
        metadata = dict(table.schema.metadata or {})
        note = orjson.loads(metadata.pop(KEY))
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise DamagedError(f"it cannot be read: {error}") from error
    rest = {key: value for key, value in metadata.items() if key not in _OWN_KEYS}
    return table.replace_schema_metadata(rest or None), note


def read_checked(path: Path, words: Sequence[str] = ()) -> tuple[pa.Table, dict[str, Any]]:
    """Read a Parquet file that `to_bytes` wrote.

    Parameters
    ----------
    path
        Where it lies.
    words
        Columns that are read as dictionaries.

    Returns
    -------
    table : pyarrow.Table
        The table.
    note : dict
        What the file says of itself.

    Raises
    ------
    DamagedError
        If the file is not what was written.
    FileNotFoundError
        If it is not there.
    """
    return from_bytes(path.read_bytes(), words)
