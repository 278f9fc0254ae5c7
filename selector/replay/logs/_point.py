"""Where a point of time lies in a log's arrays."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np

from selector.errors import DataError
from selector.replay.logs._times import micros

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["row_at"]


def row_at(table: pa.Table, when: datetime | str | float) -> int:
    """Find the first decision at a point of time or after it, as its row in `arrays` of the table.

    Parameters
    ----------
    table
        Of logged decisions, in the order of time.
    when
        The point: ISO 8601 (without a zone: UTC), a datetime with a zone, or seconds since 1970.

    Returns
    -------
    int
        Its row among the decisions with a propensity, which are those that `arrays` keeps.

    Raises
    ------
    DataError
        If there is no such decision before the point, or none after it; it says from when to when they are.

    Examples
    --------
    >>> from selector.replay import Columns, load_foreign
    >>> import pyarrow as pa
    >>> rows = pa.table({"when": [10.0, 20.0, 30.0], "kind": ["a"] * 3, "llm": ["x", "y", "x"], "p": [0.5] * 3})
    >>> row_at(load_foreign(rows, Columns(at="when", task_type="kind", model="llm", propensity="p")), 20)
    1
    """
    import pyarrow as pa

    drawn = table["propensity"].is_valid().to_numpy()
    at = table["at"].cast(pa.int64()).to_numpy()[drawn]
    found = int(np.searchsorted(at, micros(when, "when")))
    if not len(at):
        raise DataError("none of the decisions has a propensity, so there is none before a point or after it")
    if not 0 < found < len(at):
        side = "before" if found == 0 else "after"
        first, last = (datetime.fromtimestamp(each / 1e6, UTC).isoformat(sep=" ") for each in (at[0], at[-1]))
        raise DataError(
            f"when is {when!r}, and no decision with a propensity was made {side} it; they are from {first} to {last}"
        )
    return found
