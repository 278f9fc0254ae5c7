"""A user's own evaluations: a tidy table, one row per answer, counted per model and task type."""

from __future__ import annotations

from hashlib import blake2b
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError, nearest
from selector.store import Evaluated, LearntFile

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["load_evaluations"]

_NEEDED = ("task_type", "model", "score")


def load_evaluations(path: str | Path, *, weight: float, at_s: float) -> LearntFile:
    """Count a table of evaluations, the one that `simulate` takes, but for what only a whole matrix needs.

    A row is one answer. Where its score is null, its tokens and its cost count all the same.

    Parameters
    ----------
    path
        A ``.csv`` or Parquet file with task_type, model, score in [0, 1], and perhaps output_tokens and cost_usd.
    weight
        What one score counts, beside an outcome of the user's own work, > 0.
    at_s
        The time, in seconds since 1970.

    Returns
    -------
    LearntFile
        Number, sum and squares per model and task type, to be learnt with `selector.store.learn_evaluations`.

    Raises
    ------
    DataError
        If the file is not there or is no table, a column is missing, or a value cannot be.
    """
    file = Path(path)
    try:
        data = file.read_bytes()
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror or error}") from error
    table = _table(data, file)
    missing = [name for name in _NEEDED if name not in table.column_names]
    if missing:
        near = nearest(missing[0], table.column_names)
        raise DataError(
            f"{file} lacks the column{'s' * (len(missing) > 1)} {', '.join(missing)}{near}; it has"
            f" {', '.join(table.column_names)}"
        )
    if not table.num_rows:
        raise DataError(f"{file} is empty: there is no evaluation to learn from")
    return LearntFile(
        name=file.name,
        place=str(file.resolve()),
        digest=blake2b(data, digest_size=16).hexdigest(),
        weight=weight,
        at_s=at_s,
        cells=_cells(table),
    )


def _table(data: bytes, file: Path) -> pa.Table:
    import pyarrow as pa
    import pyarrow.csv as pc
    import pyarrow.parquet as pq

    is_csv = file.suffix.lower() == ".csv"
    try:
        if is_csv:
            # A model may be called 4.1, and a task type 007.
            as_text = pc.ConvertOptions(
                column_types={"model": pa.string(), "task_type": pa.string()}, null_values=["", "null", "NA", "NaN"]
            )
            return pc.read_csv(BytesIO(data), convert_options=as_text)
        return pq.read_table(BytesIO(data))
    except pa.ArrowInvalid as error:
        raise DataError(f"{file} is not a {'CSV' if is_csv else 'Parquet'} file: {error}") from error


def _cells(table: pa.Table) -> tuple[Evaluated, ...]:
    """Count the rows of each model and task type, in the order of their names."""
    names = np.array(_texts(table, "model")), np.array(_texts(table, "task_type"))
    (models, model), (types, type_) = (np.unique(each, return_inverse=True) for each in names)
    cells, cell = np.unique(model * len(types) + type_, return_inverse=True)
    n, total, squares = _counted(_numbers(table, "score", 1.0), cell)
    n_tokens, tokens, _ = _counted(_numbers(table, "output_tokens", np.inf), cell)
    n_costs, cost, _ = _counted(_numbers(table, "cost_usd", np.inf), cell)
    return tuple(
        Evaluated(
            model=str(models[place // len(types)]),
            task_type=str(types[place % len(types)]),
            n=int(n[i]),
            score_sum=float(total[i]),
            score_squares=float(squares[i]),
            n_tokens=int(n_tokens[i]),
            output_tokens=float(tokens[i]),
            n_costs=int(n_costs[i]),
            cost_usd=float(cost[i]),
        )
        for i, place in enumerate(cells.tolist())
    )


def _texts(table: pa.Table, name: str) -> list[str]:
    import pyarrow as pa

    found: list[Any] = table[name].cast(pa.string()).to_pylist()
    lacking = sum(not each for each in found)
    if lacking:
        raise DataError(f"{lacking} rows have no {name}")
    return found


def _numbers(table: pa.Table, name: str, most: float) -> NDArray[np.float64]:
    import pyarrow as pa

    if name not in table.column_names:
        return np.full(table.num_rows, np.nan)
    try:
        values: NDArray[np.float64] = table[name].cast(pa.float64()).to_numpy(zero_copy_only=False).astype(float)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        raise DataError(f"column {name!r} must hold numbers: {error}") from error
    wrong = ~np.isnan(values) & ~((values >= 0) & (values <= most) & np.isfinite(values))
    if wrong.any():
        row = int(wrong.argmax())
        told = "in [0, 1]" if most == 1 else "finite, 0 or more,"
        raise DataError(
            f"column {name!r} must be {told} or null; {int(wrong.sum())} rows are not, the first is row {row + 1} with"
            f" {values[row]} (model {table['model'][row].as_py()!r})"
        )
    return values


def _counted(
    values: NDArray[np.float64], cell: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Return number, sum and sum of squares of the values that are there, per cell."""
    size = int(cell.max()) + 1
    given = ~np.isnan(values)
    known, where = values[given], cell[given]
    return (
        np.bincount(where, minlength=size).astype(float),
        np.bincount(where, known, minlength=size).astype(float),
        np.bincount(where, known**2, minlength=size).astype(float),
    )
