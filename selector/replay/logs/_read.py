"""Tables of logged decisions read back from Parquet and CSV files, and several put together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson

from selector.errors import DataError, nearest
from selector.replay.logs._checks import check_numbers, check_probabilities, matrix
from selector.replay.logs._published import per_model
from selector.replay.logs._schema import LOG_FIELDS, REQUIRED, LogNotes, arrow_schema, notes_of, require
from selector.replay.logs._state import assembled
from selector.replay.logs._times import micros

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["completed", "read_csv_log", "read_parquet_log", "together"]

_TYPES = {field.name: field.type for field in LOG_FIELDS}
_LISTS = ("words", "per_model", "scores", "attempts")
_NULLS = ("", "null", "NULL", "nan", "NaN", "None")


def read_parquet_log(path: Path) -> pa.Table:
    """Read a Parquet file that `save_log` wrote, or one with the same columns.

    Parameters
    ----------
    path
        Where it lies.

    Returns
    -------
    pyarrow.Table
        With every field.

    Raises
    ------
    DataError
        If it is no such table; it names the column and the remedy.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path, use_threads=False)
    except (pa.ArrowException, OSError) as error:
        if isinstance(error, FileNotFoundError):
            raise
        raise DataError(f"{path} cannot be read as Parquet: {error}") from error
    if path.parent.parent.name == "log" and (path.parents[2] / "store.json").exists():
        raise DataError(f"{path} is one file of a state folder; load the folder itself, {path.parents[2]}")
    try:
        notes = notes_of(table)
    except DataError:
        notes = None
    if notes is not None:
        require([field.name for field in LOG_FIELDS], table.column_names, str(path))
        found = assembled({name: table[name] for name in _TYPES}, notes)
    else:
        found = _plain(table, str(path))
    check_numbers(found)
    check_probabilities(found)
    return found


def read_csv_log(path: Path) -> pa.Table:
    """Read a CSV file that `save_log` wrote, or one with columns of the same names.

    Parameters
    ----------
    path
        Where it lies. Lists are JSON; numbers per model are a JSON object by model.

    Returns
    -------
    pyarrow.Table
        With every field.

    Raises
    ------
    DataError
        If it is no such table; it names the column and the remedy.
    """
    import pyarrow as pa
    from pyarrow import csv

    types = {"int": pa.int64(), "float": pa.float64(), "bool": pa.bool_()}
    columns = {name: types.get(kind, pa.string()) for name, kind in _TYPES.items()}
    options = csv.ConvertOptions(column_types=columns, null_values=[*_NULLS], strings_can_be_null=True)
    try:
        table = csv.read_csv(path, convert_options=options, parse_options=csv.ParseOptions(newlines_in_values=True))
    except pa.ArrowException as error:
        raise DataError(f"{path} cannot be read as CSV: {error}") from error
    found = _plain(table, str(path))
    check_numbers(found)
    check_probabilities(found)
    return found


def _plain(table: pa.Table, what: str) -> pa.Table:
    """Take columns by their names; what is not there is null."""
    require(REQUIRED, table.column_names, what)
    for name in table.column_names:
        if name not in _TYPES:
            raise DataError(
                f"{what} has a column {name!r} that no table of logged decisions has{nearest(name, _TYPES)}; rename "
                "it, leave it out, or read the table with load_foreign(TABLE, columns)"
            )
    columns = {name: _parsed(table[name], name, what) for name in table.column_names}
    per_row = {name: column for name, column in columns.items() if _TYPES[name] == "per_model"}
    chosen = dict.fromkeys(str(name) for name in table["model"].to_pylist())
    rated = dict.fromkeys(name for rows in per_row.values() for row in rows if row for name in row)
    models = tuple(dict.fromkeys([*rated, *sorted(chosen.keys() - rated.keys())]))
    for name, rows in per_row.items():
        columns[name] = per_model(_laid_out(rows, models))
    return completed(columns, LogNotes(models=models))


def _parsed(column: pa.ChunkedArray, name: str, what: str) -> Any:  # noqa: ANN401 - a column, or parsed rows
    import pyarrow as pa

    kind = _TYPES[name]
    if kind == "time":
        return _times(column, name, what)
    if kind not in _LISTS or not pa.types.is_string(column.type):
        if kind == "per_model":
            raise DataError(
                f"{what}, column {name!r}: lists of numbers, and nothing says of which models; write each row as a "
                'JSON object, such as {"small": 0.9, "large": 0.1}'
            )
        return column
    rows = []
    for place, text in enumerate(column.to_pylist()):
        try:
            rows.append(None if text is None else orjson.loads(text))
        except ValueError as error:
            raise DataError(f"{what}, row {place}, column {name!r}: {text!r} is not JSON: {error}") from None
    if kind == "scores":
        rows = [None if row is None else list(row.items()) for row in rows]
    if kind == "per_model":
        return rows
    return pa.array(rows, arrow_schema(LogNotes()).field(name).type)


def _times(column: pa.ChunkedArray, name: str, what: str) -> Any:  # noqa: ANN401 - an array
    """Read times: timestamps as they are (without a zone: UTC), text in ISO 8601."""
    import pyarrow as pa

    wanted = pa.timestamp("us", tz="UTC")
    if pa.types.is_timestamp(column.type):
        return column.cast(pa.timestamp("us", tz=column.type.tz or "UTC")).cast(wanted)
    return pa.array(
        [
            None if text is None else micros(text, f"{what}, row {i}, {name}")
            for i, text in enumerate(column.to_pylist())
        ],
        pa.int64(),
    ).cast(wanted)


def _laid_out(rows: Sequence[Mapping[str, float | None] | None], models: Sequence[str]) -> Any:  # noqa: ANN401 - an array
    place = {name: k for k, name in enumerate(models)}
    found = np.full((len(rows), len(models)), np.nan)
    for i, row in enumerate(rows):
        for name, value in (row or {}).items():
            if value is not None:
                found[i, place[name]] = value
    return found


def completed(columns: Mapping[str, Any], notes: LogNotes) -> pa.Table:
    """Put columns together, and add what follows from them: whether there is a score, whose word it is, who drew.

    Parameters
    ----------
    columns
        By field.
    notes
        What is said of the whole.

    Returns
    -------
    pyarrow.Table
        With every field.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    table = assembled(columns, notes)
    has_score, drawn = table["score"].is_valid(), table["propensity"].is_valid()
    reported = pc.or_(has_score, table["cost_usd"].is_valid())
    word, mark = pa.scalar(None, pa.string()), pa.scalar(None, pa.bool_())
    derived = {
        "judged_by": pc.if_else(has_score, "caller", word),
        "propensity_from": pc.if_else(drawn, "logged", word),
        "probabilities_exact": pc.if_else(
            pc.and_(table["probabilities"].is_valid(), drawn), pa.scalar(value=True), mark
        ),
        "route": table["model"],
        "status": pc.if_else(reported, "answered", "unreported"),
        "n_attempts": pc.if_else(reported, 1, 0),
    }
    known = {
        name: derived.get(name, table[name]) if name not in columns else table[name] for name in table.column_names
    }
    known["is_judged"] = has_score
    kinds = known["propensity_from"].cast(pa.string()).unique().to_pylist()
    says = next((kind for kind in ("logged", "estimated") if kind in kinds), "none")
    return assembled(known, replace(notes, propensities=says))


def together(tables: Sequence[pa.Table], names: Sequence[str]) -> pa.Table:
    """Put several tables of logged decisions together, by time.

    Parameters
    ----------
    tables
        Each with every field.
    names
        Where they come from.

    Returns
    -------
    pyarrow.Table
        Over all models of any of them.

    Raises
    ------
    DataError
        If a decision is in two of them.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    notes = [notes_of(table) for table in tables]
    models = tuple(dict.fromkeys(name for each in notes for name in each.models))
    common = replace(
        notes[0],
        models=models,
        n_orphans=sum(each.n_orphans for each in notes),
        n_repeated=sum(each.n_repeated for each in notes),
        faults=tuple(fault for each in notes for fault in each.faults),
        propensities=next((w for w in ("logged", "estimated") if any(e.propensities == w for e in notes)), "none"),
    )
    found = [_over(table, models, common) for table in tables]
    whole = pa.concat_tables(found).unify_dictionaries()
    if pc.count_distinct(whole["id"]).as_py() < len(whole):
        _tell_twice(whole["id"].to_pylist(), [len(table) for table in tables], names)
    return whole.take(pc.sort_indices(whole, sort_keys=[("at", "ascending")]))


def _over(table: pa.Table, models: tuple[str, ...], notes: LogNotes) -> pa.Table:
    """Lay a table out over more models."""
    own = notes_of(table).models
    places = [models.index(name) for name in own]
    columns = {name: table[name] for name in table.column_names}
    for name, kind in _TYPES.items():
        if kind == "per_model":
            wide = np.full((len(table), len(models)), np.nan)
            wide[:, places] = matrix(table, name)
            columns[name] = per_model(wide)
    return assembled(columns, notes)


def _tell_twice(ids: list[str], sizes: Sequence[int], names: Sequence[str]) -> None:
    owners = [name for name, size in zip(names, sizes, strict=True) for _ in range(size)]
    seen: dict[str, str] = {}
    for id_, owner in zip(ids, owners, strict=True):
        if id_ in seen:
            where = f"twice in {owner}" if owner == seen[id_] else f"in {seen[id_]} and in {owner}"
            raise DataError(f"decision {id_!r} is {where}; a decision counts once: leave one of them out")
        seen[id_] = owner
