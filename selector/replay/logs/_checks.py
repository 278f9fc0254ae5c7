"""What a table of logged decisions must be, before anything is estimated from it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError
from selector.replay.logs._schema import models_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["check_numbers", "check_probabilities", "chosen_arms", "matrix"]

_SUM = 1e-6
_SAME = 5e-3  # a log has four digits of what was published
_RANGES: Mapping[str, tuple[float, float, str]] = {
    "score": (0.0, 1.0, "from 0 to 1; rescale it, as (x - low) / (high - low)"),
    "cost_usd": (0.0, np.inf, "of at least 0, in dollars"),
    "latency_s": (0.0, np.inf, "of at least 0, in seconds"),
}


def matrix(table: pa.Table, name: str) -> NDArray[np.float64]:
    """Read a field with one number per model; nan: null.

    Parameters
    ----------
    table
        Of logged decisions.
    name
        Such as ``probabilities``.

    Returns
    -------
    numpy.ndarray
        Shape (n, n_models).
    """
    import pyarrow as pa

    n_models = len(models_of(table))
    found = np.full((len(table), n_models), np.nan)
    start = 0
    for chunk in table[name].chunks:
        known = chunk.is_valid().to_numpy(zero_copy_only=False)
        flat = chunk.flatten() if chunk.null_count == 0 else chunk.drop_null().flatten()
        values = flat.cast(pa.float64()).to_numpy(zero_copy_only=False)
        found[start + np.flatnonzero(known)] = values.reshape(-1, n_models)
        start += len(chunk)
    return found


def chosen_arms(table: pa.Table) -> NDArray[np.intp]:
    """Say which model each decision chose, as its place among the table's models.

    Parameters
    ----------
    table
        Of logged decisions.

    Returns
    -------
    numpy.ndarray
        Shape (n,).

    Raises
    ------
    DataError
        If a model is not among them.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    models = models_of(table)
    names = table["model"].cast(pa.string())
    found = pc.index_in(names, value_set=pa.array(models, pa.string()))
    if found.null_count:
        place = int(np.flatnonzero(found.is_null().to_numpy())[0])
        raise DataError(
            f"row {place}, model: {names[place].as_py()!r} is not in the table's model dictionary "
            f"({', '.join(models)}); load the log again rather than change its models"
        )
    places: NDArray[np.intp] = found.to_numpy().astype(np.intp)
    return places


def check_numbers(table: pa.Table) -> None:
    """Refuse scores, costs and times that cannot be.

    Parameters
    ----------
    table
        Of logged decisions.

    Raises
    ------
    DataError
        It names the first wrong row, the value and the remedy.
    """
    for name, (low, high, must) in _RANGES.items():
        values = _floats(table[name])
        with np.errstate(invalid="ignore"):
            wrong = (values < low) | (values > high) | np.isinf(values)
        if wrong.any():
            place = int(np.flatnonzero(wrong)[0])
            raise DataError(
                f"row {place} (id {table['id'][place].as_py()!r}): {name} is {values[place]:g}; it must be a number "
                f"{must}, or null where it is not known"
            )


def check_probabilities(table: pa.Table) -> None:
    """Refuse propensities and probabilities with which nothing can be chosen.

    Parameters
    ----------
    table
        Of logged decisions; rows without a propensity are left alone.

    Raises
    ------
    DataError
        It names the first wrong row, the value and the remedy.
    """
    likely = _floats(table["propensity"])
    with np.errstate(invalid="ignore"):
        _refuse(table, "propensity", likely, likely <= 0, "a model with probability 0 is never chosen; " + _REMEDY)
        _refuse(table, "propensity", likely, likely > 1 + _SUM, "a probability is at most 1; " + _REMEDY)
    every = matrix(table, "probabilities")
    known = ~np.isnan(every).all(axis=1)
    every = np.nan_to_num(every, copy=False)
    least = every.min(axis=1, initial=0.0)
    _refuse(table, "probabilities", least, least < 0, "a probability is at least 0; " + _REMEDY)
    total = every.sum(axis=1)
    off = known & (np.abs(total - 1) > _SUM)
    _refuse(table, "probabilities", total, off, _SUMS)
    if "logged" in (table["propensity_from"].cast("string").unique().to_pylist()):
        exact = table["probabilities_exact"].fill_null(False).to_numpy()  # noqa: FBT003 - what null becomes
        own = every[np.arange(len(every)), chosen_arms(table)]
        differs = known & exact & (np.abs(own - likely) > _SAME * np.maximum(likely, 1e-3))
        _refuse(table, "propensity", likely, differs, _DIFFERS)


_SUMS = (
    "the sum over the models; it must be 1: give every model's, or leave the field out, since only the chosen model's "
    "propensity is needed"
)
_DIFFERS = "the row's probabilities say otherwise of the chosen model; give both of one decision"
_REMEDY = (
    "leave the row's propensity null if it is not known (nobody drew, or nobody wrote it down), or estimate all of "
    "them with selector.replay.estimate_propensities(table)"
)


def _refuse(table: pa.Table, name: str, values: NDArray[np.float64], wrong: NDArray[np.bool_], why: str) -> None:
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        n = int(wrong.sum())
        more = f" (and {n - 1:,} more rows)" if n > 1 else ""
        raise DataError(f"row {place} (id {table['id'][place].as_py()!r}){more}: {name} is {values[place]:g}; {why}")


def _floats(column: Any) -> NDArray[np.float64]:  # noqa: ANN401 - pyarrow is loaded where it is used
    found: NDArray[np.float64] = column.cast("float64").to_numpy()
    return found
