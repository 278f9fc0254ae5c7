"""A part of a table of decisions: some time, some task types, the word of some sources."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from selector.errors import DataError, nearest
from selector.replay.logs._load import Source, rank_of, rejudged
from selector.replay.logs._times import seconds

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["narrowed"]


def narrowed(
    table: pa.Table,
    *,
    since: object = None,
    until: object = None,
    task_type: Sequence[str] | None = None,
    source: Source = None,
) -> pa.Table:
    """Keep a part of a table of decisions, as `load` does while it reads.

    Parameters
    ----------
    table
        As `load` or `load_foreign` give it.
    since, until, task_type, source
        As of `load`.

    Returns
    -------
    pyarrow.Table
        The decisions that are left.

    Raises
    ------
    DataError
        None is left, or a value cannot be.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if source is not None:
        table = rejudged(table, rank_of(source))
    at = table["at"].cast(pa.int64()).to_numpy() / 1e6
    begin, end = seconds(since, "since", -math.inf), seconds(until, "until", math.inf)
    names = table["task_type"].cast(pa.string())
    known = names.unique().to_pylist()
    for name in task_type or ():
        if name not in known:
            raise DataError(f"none of the {len(table):,} decisions is of type {name!r}{nearest(name, known)}")
    keep = pc.is_in(names, value_set=pa.array([*(task_type or known)], pa.string())).to_numpy()
    kept = table.filter(pa.array(keep & (at >= begin) & (at < end)))
    if not len(kept):
        span = " to ".join(f"{table['at'][place].as_py():%Y-%m-%d %H:%M:%S}" for place in (0, len(table) - 1))
        raise DataError(f"none of the {len(table):,} decisions is wanted; they are from {span} UTC; widen the filters")
    return kept
