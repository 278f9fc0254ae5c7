"""Tables of logged decisions written to a file: whole or not at all, for nobody else to read, over nothing."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from selector.errors import DataError, StateError
from selector.replay.logs._schema import LOG_FIELDS, models_of, notes_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FORMATS", "log_target", "save_log"]

_ROWS = 50_000
_TYPES = {field.name: field.type for field in LOG_FIELDS}


def save_log(table: pa.Table, path: str | os.PathLike[str], *, force: bool = False) -> int:
    """Write a table of logged decisions as .parquet, .csv or .duckdb.

    The file appears when it is whole, with mode 0600: it may say what users did.

    Parameters
    ----------
    table
        As `load` gives it.
    path
        Where to; its ending says in which format. A DuckDB file has the tables ``decisions``, ``models`` (the model
        dictionary, from 1) and ``fields`` (what each column means); CSV has lists as JSON.
    force
        Whether a file that is there may be replaced.

    Returns
    -------
    int
        How many bytes were written.

    Raises
    ------
    DataError
        If the ending is another one, or DuckDB is not installed.
    StateError
        If the file is there, and `force` is not given, or it cannot be written.
    """
    notes_of(table)
    target = log_target(path, force=force)
    write = FORMATS[target.suffix]
    try:
        with tempfile.TemporaryDirectory(prefix=f".{target.name}.", dir=target.parent) as folder:
            draft = Path(folder, target.name)
            os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            write(table, draft)
            draft.chmod(0o600)
            _sync(draft)
            size = draft.stat().st_size
            _publish(draft, target, force=force)
        _sync(target.parent)
    except OSError as error:
        raise StateError(f"{target} was not written: {error.strerror or error}") from error
    return size


def log_target(path: str | os.PathLike[str], *, force: bool) -> Path:
    """Say where a table would be written, before the work of reading it.

    Parameters
    ----------
    path
        Where to.
    force
        Whether a file that is there may be replaced.

    Returns
    -------
    pathlib.Path
        The file.

    Raises
    ------
    DataError
        If its ending is none of the formats, or DuckDB is not installed.
    StateError
        If it is there, or its folder is not.
    """
    target = Path(path).expanduser()
    if target.suffix not in FORMATS:
        raise DataError(f"{target} must end in {', '.join(FORMATS)}; the ending says in which format it is written")
    if target.suffix == ".duckdb":
        _duckdb()
    if not target.parent.is_dir():
        raise StateError(f"{target}: there is no folder {target.parent}; make it, or write elsewhere")
    if target.is_dir():
        raise StateError(f"{target} is a folder; name a file")
    if target.exists() and not force:
        raise StateError(f"{target} is there already; name another file, or replace it with --force (force=True)")
    return target


def _publish(draft: Path, target: Path, *, force: bool) -> None:
    """Give a whole file its name; where it may replace nothing, not even one that came meanwhile."""
    if force:
        draft.replace(target)
        return
    try:
        os.link(draft, target)
    except FileExistsError:
        raise StateError(
            f"{target} is there by now; name another file, or replace it with --force (force=True)"
        ) from None
    except OSError:  # a file system without links
        if target.exists():
            raise
        draft.replace(target)


def _sync(path: Path) -> None:
    fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # some file systems sync no folders
            os.fsync(fd)
    finally:
        os.close(fd)


def _to_parquet(table: pa.Table, path: Path) -> None:
    import pyarrow.parquet as pq

    pq.write_table(table, path, compression="zstd", row_group_size=100_000)


def _to_csv(table: pa.Table, path: Path) -> None:
    """Write text that any program reads: times in ISO 8601, lists as JSON, numbers per model as a JSON object."""
    import pyarrow as pa
    from pyarrow import csv

    models = models_of(table)
    schema = pa.schema([(name, _plain_type(table.schema.field(name).type)) for name in table.column_names])
    with csv.CSVWriter(path, schema) as file:
        for batch in table.to_batches(max_chunksize=_ROWS):
            columns = [_as_text(batch[name], name, models).cast(schema.field(name).type) for name in table.column_names]
            file.write_batch(pa.record_batch(columns, schema=schema))


def _plain_type(kind: pa.DataType) -> pa.DataType:
    import pyarrow as pa

    is_plain = pa.types.is_floating(kind) or pa.types.is_integer(kind) or pa.types.is_boolean(kind)
    return kind if is_plain else pa.string()


def _as_text(column: pa.Array, name: str, models: tuple[str, ...]) -> pa.Array:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = _TYPES.get(name)
    if kind == "time":
        return pc.strftime(column, format="%Y-%m-%dT%H:%M:%SZ", locale="C")
    shape: dict[str, Callable[[Any], Any]] = {
        "per_model": lambda row: dict(zip(models, row, strict=True)),
        "scores": dict,
        "words": list,
        "attempts": list,
    }
    if kind not in shape:
        return column
    form = shape[kind]
    texts = [None if row is None else orjson.dumps(form(row)).decode() for row in column.to_pylist()]
    return pa.array(texts, pa.string())


def _to_duckdb(table: pa.Table, path: Path) -> None:
    import pyarrow as pa

    duckdb = _duckdb()
    path.unlink()  # DuckDB makes its own
    fields = pa.table({"name": [f.name for f in LOG_FIELDS], "meaning": [f.doc for f in LOG_FIELDS]})
    models = pa.table({"place": range(1, len(models_of(table)) + 1), "model": pa.array(models_of(table), pa.string())})
    connection = duckdb.connect(str(path))
    try:
        connection.execute("SET TimeZone = 'UTC'")
        for name, each in (("decisions", _undictionaried(table)), ("models", models), ("fields", fields)):
            connection.register("incoming", each)
            connection.execute(f"CREATE TABLE {name} AS SELECT * FROM incoming")  # noqa: S608 - three fixed names
            connection.unregister("incoming")
    finally:
        connection.close()


def _undictionaried(table: pa.Table) -> pa.Table:
    """Spell words out: DuckDB makes an enumeration of a dictionary, which takes no new word."""
    import pyarrow as pa

    schema = pa.schema([f.with_type(pa.string()) if pa.types.is_dictionary(f.type) else f for f in table.schema])
    return table.cast(schema)


def _duckdb() -> Any:  # noqa: ANN401 - an optional library
    try:
        return import_module("duckdb")
    except ImportError:
        raise DataError(
            "a .duckdb file is written by DuckDB, which is not installed; run pip install 'adaptive-selector[duckdb]', "
            "or write .parquet, which DuckDB reads as it is"
        ) from None


FORMATS: dict[str, Callable[[Any, Path], None]] = {".parquet": _to_parquet, ".csv": _to_csv, ".duckdb": _to_duckdb}
"""How each format is written, by its ending."""
