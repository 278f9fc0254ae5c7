"""A sealed table of the log read by field, whole columns at once, with the values that its columns could not hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import orjson
from numpy.typing import NDArray

from selector.store._parquet import table_to_columns
from selector.store._tables import events_of, exact_seconds

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Fields", "above", "events_in", "in_order"]

_NOT_FIELDS = {"at_step", "candidates", "extra"}


def events_in(name: str, table: pa.Table) -> list[dict[str, Any]]:
    """Read the events back from a table of the log, exactly as they were.

    Parameters
    ----------
    name
        Which of `TABLES` it is.
    table
        Some of its rows.

    Returns
    -------
    list of dict
        The events.
    """
    return events_of(name, table_to_columns(table))


def in_order(table: pa.Table) -> pa.Table:
    """Sort a table of the log by number, which it is as a rule."""
    numbers = table["s"].to_numpy()
    return table if (np.diff(numbers) > 0).all() else table.take(np.argsort(numbers, kind="stable"))


def above(tables: Mapping[str, pa.Table], number: int) -> dict[str, pa.Table]:
    """Keep what comes after a number.

    Parameters
    ----------
    tables
        Of one part, by name.
    number
        The last that is not wanted.

    Returns
    -------
    dict
        Those with rows.
    """
    import pyarrow.compute as pc

    kept = {}
    for name, table in tables.items():
        lowest = pc.min(table["s"]).as_py()
        some = table if lowest is None or lowest > number else table.filter(pc.greater(table["s"], number))
        if some.num_rows:
            kept[name] = some
    return kept


class Fields:
    """Events of one kind, of which each field is read for all of them at once.

    A value that stands in ``extra`` is what the event says: its column, if it has one, could not hold it exactly.

    Parameters
    ----------
    table
        Rows of a table of the log.

    Examples
    --------
    >>> import tempfile
    >>> from selector.store import State
    >>> with tempfile.TemporaryDirectory() as folder, State.open(folder, clock=lambda: 0.0) as state:
    ...     _ = state.append({"kind": "decision", "id": "d1", "at": 1.25, "deal": "d0"})
    ...     _ = state.append({"kind": "decision", "id": "d2", "at": 2})
    ...     sealed = state.seal(current=True)
    ...     (part,) = state.parts()
    >>> fields = Fields(part.tables["decisions"])
    >>> fields.column("id").to_pylist(), fields.column("at").to_pylist(), fields.column("deal")
    (['d1', 'd2'], [1.25, 2.0], None)
    >>> fields.in_extra("deal"), fields.in_extra("at")
    ((['d0'], array([ 0, -1])), ([2], array([-1,  0])))
    """

    def __init__(self, table: pa.Table) -> None:
        self._table = table
        texts = table["extra"].combine_chunks()
        if texts.null_count == len(texts):
            self._dicts: list[dict[str, Any]] = []
            self._of_row = np.full(len(texts), -1, np.intp)
        else:
            words = texts.dictionary_encode()
            self._dicts = [orjson.loads(text) for text in words.dictionary.to_pylist()]
            self._of_row = words.indices.fill_null(-1).to_numpy().astype(np.intp)
        self.extra_names = frozenset[str]().union(*self._dicts)

    def __len__(self) -> int:
        return len(self._of_row)

    def has(self, name: str) -> bool:
        """Tell whether any event has a field."""
        columns = self._table.column_names
        return name in self.extra_names or (
            name not in _NOT_FIELDS and name in columns and self._table[name].null_count < len(self)
        )

    def column(self, name: str) -> pa.ChunkedArray | None:
        """Give what the column of a field holds; `in_extra` has the rest.

        Parameters
        ----------
        name
            The field.

        Returns
        -------
        pyarrow.ChunkedArray or None
            ``at`` in seconds; None where it has no column.
        """
        import pyarrow as pa

        if name in _NOT_FIELDS or name not in self._table.column_names:
            return None
        found = self._table[name]
        if name != "at":
            return found
        steps = self._table["at_step"]
        micros, step = (each.fill_null(0).to_numpy() for each in (found.cast(pa.int64()), steps))
        return pa.chunked_array([pa.array(exact_seconds(micros, step), mask=found.is_null().to_numpy())])

    def in_extra(self, name: str) -> tuple[list[Any], NDArray[np.intp]] | None:
        """Give the values of a field that stand in ``extra``.

        Parameters
        ----------
        name
            The field.

        Returns
        -------
        tuple or None
            Some values, and for each row which of them it has: -1, none. None where no row has any.
        """
        if name not in self.extra_names:
            return None
        owners = [place for place, each in enumerate(self._dicts) if name in each]
        codes = np.full(len(self._dicts) + 1, -1, np.intp)
        codes[owners] = np.arange(len(owners))
        return [self._dicts[place][name] for place in owners], codes[self._of_row]
