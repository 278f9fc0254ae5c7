"""Parquet files that tell when they were damaged: a checksum per page for everyone, one of the whole file for us."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zlib import crc32

import orjson

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["DamagedError", "columns_to_table", "from_bytes", "read_checked", "to_bytes"]

_MARK = b"selector-crc32:"
_BLANK = _MARK + b"00000000"
_KEY = b"selector"


class DamagedError(Exception):
    """A file is not what was written; the message says how that shows."""


def columns_to_table(columns: Mapping[str, Any], described: Any) -> pa.Table:  # noqa: ANN401 - see `_tables.Column`
    """Make the Arrow table of described columns; each carries its description.

    Parameters
    ----------
    columns
        A list of values per column.
    described
        Their `Column` records.

    Returns
    -------
    pyarrow.Table
        The table, with the columns in the order described.
    """
    import pyarrow as pa

    types = {"json": pa.string(), "string": pa.string(), "timestamp": pa.timestamp("us", tz="UTC")}
    types |= {"int64": pa.int64(), "float64": pa.float64(), "bool": pa.bool_()}
    fields = [pa.field(c.name, types[c.type], metadata={"doc": c.doc}) for c in described]
    return pa.table([pa.array(columns[f.name], f.type) for f in fields], schema=pa.schema(fields))


def to_bytes(table: pa.Table, note: Mapping[str, Any]) -> bytes:
    """Write a table as a Parquet file with checksums.

    Parameters
    ----------
    table
        The table.
    note
        What the file says of itself: JSON in its metadata, beside what the table already had there.

    Returns
    -------
    bytes
        The file. Its checksum is that of the file with zeros in the checksum's own place.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    metadata = {**(table.schema.metadata or {}), _KEY: orjson.dumps(note), b"checksum": _BLANK}
    sink = pa.BufferOutputStream()
    pq.write_table(table.replace_schema_metadata(metadata), sink, compression="zstd", write_page_checksum=True)
    data = bytes(sink.getvalue())
    place = data.rindex(_BLANK) + len(_MARK)
    return data[:place] + b"%08x" % crc32(data) + data[place + 8 :]


def from_bytes(data: bytes) -> tuple[pa.Table, dict[str, Any]]:
    """Read a Parquet file that `to_bytes` wrote, and refuse every changed byte.

    Parameters
    ----------
    data
        The whole file.

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

    place = data.rfind(_MARK) + len(_MARK)
    if place < len(_MARK):
        raise DamagedError("its checksum is not there")
    if data[place : place + 8] != b"%08x" % crc32(data[:place] + b"00000000" + data[place + 8 :]):
        raise DamagedError("its checksum does not fit")
    try:
        table = pq.read_table(pa.BufferReader(data), page_checksum_verification=True)
        metadata = dict(table.schema.metadata or {})
        metadata.pop(b"checksum")
        note = orjson.loads(metadata.pop(_KEY))
    except (pa.ArrowException, OSError, ValueError, KeyError) as error:
        raise DamagedError(f"it cannot be read: {error}") from error
    return table.replace_schema_metadata(metadata or None), note


def read_checked(path: Path) -> tuple[pa.Table, dict[str, Any]]:
    """Read a Parquet file that `to_bytes` wrote.

    Parameters
    ----------
    path
        Where it lies.

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
    return from_bytes(path.read_bytes())
