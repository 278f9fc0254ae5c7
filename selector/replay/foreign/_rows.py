"""The rows of a foreign table, one by one, and values found inside them by a path."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from selector.errors import DataError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Row", "rows_of"]

_ROWS = 10_000
_BLANK = ("", "\\N")


class Row(NamedTuple):
    """One row.

    Examples
    --------
    >>> row = Row(1, {"model": "", "response": {"model": "gpt"}, "tags": '["a", "b"]'})
    >>> row.first(("model", "response.model")), row.first("tags.1"), row.first("tags.2.x")
    ('gpt', 'b', None)
    """

    number: int
    """Counted from 1."""
    values: Mapping[str, Any]
    """By column."""

    @property
    def names(self) -> list[str]:
        """The columns."""
        return list(self.values)

    def first(self, path: str | tuple[str, ...] | None) -> Any:  # noqa: ANN401 - a value of JSON
        """Return the first value that some paths have; None: none has any."""
        for each in (path,) if isinstance(path, str) else path or ():
            found = self.values.get(each)
            if found is None and "." in each:
                found = _inside(self.values, each.split("."))
            if found is not None and not (isinstance(found, str) and found.strip() in _BLANK):
                return found
        return None


def _inside(value: Any, names: Sequence[str]) -> Any:  # noqa: ANN401 - a value of JSON
    for name in names:
        if isinstance(value, str) and value[:1] in {"{", "["}:
            value = _parsed(value)
        if isinstance(value, Mapping):
            value = value.get(name)
        elif isinstance(value, list | tuple) and name.isdigit() and int(name) < len(value):
            value = value[int(name)]
        else:
            return None
    return value


@lru_cache(maxsize=8)
def _parsed(text: str) -> Any:  # noqa: ANN401 - a value of JSON
    """Read JSON text, once for the many paths that go into it."""
    try:
        return orjson.loads(text)
    except ValueError:
        return None


def rows_of(table: pa.Table | Path) -> Iterator[Row]:
    """Read a table's rows, some thousand at a time.

    Parameters
    ----------
    table
        An Arrow table, or a file: .parquet, .csv, .jsonl, .ndjson.

    Yields
    ------
    Row
        Its rows.

    Raises
    ------
    DataError
        If the file cannot be read, or has another ending.
    """
    if not isinstance(table, Path):
        yield from _of_batches(table.to_batches(max_chunksize=_ROWS))
        return
    kinds = {".parquet": _of_parquet, ".csv": _of_csv, ".jsonl": _of_lines, ".ndjson": _of_lines}
    if table.suffix not in kinds:
        raise DataError(f"{table} must be one of {', '.join(kinds)}; convert it, or give an Arrow table")
    yield from kinds[table.suffix](table)


def _of_batches(batches: Any, start: int = 0) -> Iterator[Row]:  # noqa: ANN401 - record batches
    number = start
    for batch in batches:
        for values in batch.to_pylist(maps_as_pydicts="lossy"):
            number += 1
            yield Row(number, values)


def _of_parquet(path: Path) -> Iterator[Row]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield from _of_batches(file.iter_batches(_ROWS, use_threads=False))
    except pa.ArrowException as error:
        raise DataError(f"{path} cannot be read as Parquet: {error}") from error


def _of_csv(path: Path) -> Iterator[Row]:
    """Read every cell as text: what a number is, the mapping says."""
    csv.field_size_limit(2**31 - 1)  # answers are cells, too
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        try:
            for number, values in enumerate(reader, 1):
                if None in values or None in values.values():
                    raise DataError(f"{path}, row {number}: it has not as many cells as there are columns")
                yield Row(number, values)
        except (csv.Error, UnicodeDecodeError) as error:
            raise DataError(f"{path} cannot be read as CSV in UTF-8: {error}") from error


def _of_lines(path: Path) -> Iterator[Row]:
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                values = orjson.loads(line)
            except ValueError as error:
                raise DataError(
                    f"{path}, line {number}: it is not JSON: {error}; one object a line is needed"
                ) from None
            if not isinstance(values, dict):
                raise DataError(f"{path}, line {number}: it is {type(values).__name__}, and an object is needed")
            yield Row(number, values)
