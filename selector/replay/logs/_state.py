"""A state folder's events, read as they come and laid out as a table of logged decisions."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from selector.records import Basis
from selector.replay.logs._ids import numbered
from selector.replay.logs._outcomes import Outcomes
from selector.replay.logs._own_work import own_work
from selector.replay.logs._pack import BLOCK, Deals, nulls, words_of
from selector.replay.logs._published import PUBLISHED, Published
from selector.replay.logs._reading import Reading, Seen, Wish
from selector.replay.logs._schema import LogNotes, arrow_schema, notes_of
from selector.store import LogPart

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LeanLog", "Seen", "Wish", "assembled", "lean_of_parts", "table_of_events", "table_of_parts"]

_ROWS = 100_000  # of all tables of one writer that are taken in at once
_RENAMED = {"task_input_tokens": "input_tokens", "experiment_arm": "arm", "experiment_share": "share"}

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LeanLog:
    """Logged decisions, what was published of every model being worked out only for those that are asked for."""

    table: pa.Table
    """As `load` gives it, without the fields that have one number per model, and ``probabilities_exact``."""
    published: Published
    """What works them out: `published.columns(rows)` gives them alone."""

    def take(self, rows: NDArray[np.intp]) -> pa.Table:
        """Give some decisions with every field."""
        import pyarrow as pa

        return _completed(self.table.take(pa.array(rows)), self.published.columns(rows))

    def whole(self) -> pa.Table:
        """Give all of them with every field."""
        return _completed(self.table, self.published.columns())


def _completed(table: pa.Table, columns: Mapping[str, Any]) -> pa.Table:
    return assembled({**{name: table[name] for name in table.column_names}, **columns}, notes_of(table))


def table_of_events(events: Iterable[Event], wish: Wish, *, fast: bool = True) -> tuple[pa.Table, Seen]:
    """Lay out a log's decisions, with what came of them.

    Parameters
    ----------
    events
        The log, by writer and number.
    wish
        Which decisions, and whose word counts.
    fast
        Whether plain decisions are worked out all at once; the result is the same.

    Returns
    -------
    table : pyarrow.Table
        One row per decision, by time.
    seen : Seen
        What decisions there are, wanted or not.
    """
    reading = Reading(wish)
    for event in events:
        reading.take(event)
    log, seen = _laid_out(reading, wish, fast=fast)
    return log.whole(), seen


def table_of_parts(parts: Iterable[LogPart], wish: Wish) -> tuple[pa.Table, Seen]:
    """Lay out a log's decisions as `table_of_events` does, from its parts: sealed ones without a look at each event.

    Parameters
    ----------
    parts
        The log, by writer and part.
    wish
        Which decisions, and whose word counts.

    Returns
    -------
    table : pyarrow.Table
        One row per decision, by time.
    seen : Seen
        What decisions there are, wanted or not.
    """
    log, seen = lean_of_parts(parts, wish)
    return log.whole(), seen


def lean_of_parts(parts: Iterable[LogPart], wish: Wish) -> tuple[LeanLog, Seen]:
    """Lay out a log's decisions as `table_of_parts` does, for those who need little of what was published.

    Parameters
    ----------
    parts
        The log, by writer and part.
    wish
        Which decisions, and whose word counts.

    Returns
    -------
    log : LeanLog
        One row per decision, by time.
    seen : Seen
        What decisions there are, wanted or not.
    """
    reading = Reading(wish)
    for part in _ahead(_gathered(parts)):
        reading.take_part(part)
    return _laid_out(reading, wish, fast=True)


def _ahead(parts: Iterable[LogPart]) -> Iterator[LogPart]:
    """Read the next part while the one before is being taken in."""
    rest = iter(parts)
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, rest, None)
        while (part := coming.result()) is not None:
            coming = reader.submit(next, rest, None)
            yield part


def _gathered(parts: Iterable[LogPart]) -> Iterator[LogPart]:
    """Put sealed parts that follow each other together: few large tables take less time than many small ones."""
    some: list[LogPart] = []
    for part in parts:
        if some and not _goes_on(some, part):
            yield _as_one(some)
            some = []
        some.append(part)
    if some:
        yield _as_one(some)


def _goes_on(some: Sequence[LogPart], part: LogPart) -> bool:
    """Tell whether a part may be put together with what came before it."""
    n_rows = sum(len(table) for each in some for table in each.tables.values())
    last, own = ({name: table.schema for name, table in each.tables.items()} for each in (some[-1], part))
    same = part.writer == some[-1].writer and last == own
    return same and not part.events and not some[-1].events and n_rows < _ROWS


def _as_one(some: Sequence[LogPart]) -> LogPart:
    import pyarrow as pa

    first = some[0]
    if len(some) == 1:
        return first
    tables = {name: pa.concat_tables([each.tables[name] for each in some]) for name in first.tables}
    return first._replace(tables=tables)


def _laid_out(reading: Reading, wish: Wish, *, fast: bool) -> tuple[LeanLog, Seen]:
    import pyarrow as pa

    reading.close()
    reports = pa.concat_tables([pack.table() for pack in reading.reports.values()])
    decided, of = _joined(reading.decisions.table(), reports["decision_id"])
    reports = reports.drop_columns(["decision_id"])
    came = Outcomes(reports, of, (decided["model"], decided["route"]), wish.rank, fast=fast)
    n_orphans = int((of < 0).sum()) if reading.is_whole else 0
    columns = came.columns()
    n_repeated = came.n_repeated
    del reports, came, of
    pa.default_memory_pool().release_unused()
    models, chosen = _models(decided, reading.deals)
    columns |= _decided_columns(decided, reading.told.table())
    published = Published(decided, reading.deals, models, chosen, columns["propensity"].to_numpy(zero_copy_only=False))
    notes = LogNotes(models=models, n_orphans=n_orphans, n_repeated=n_repeated)
    return LeanLog(assembled(columns, notes).drop_columns(PUBLISHED), published), reading.seen


def assembled(columns: Mapping[str, Any], notes: LogNotes) -> pa.Table:
    """Put columns together as a table of logged decisions; a field without a column is null throughout.

    Parameters
    ----------
    columns
        By field.
    notes
        What is said of the whole.

    Returns
    -------
    pyarrow.Table
        With every field, in order.
    """
    import pyarrow as pa

    schema = arrow_schema(notes)
    n = len(columns["id"])
    arrays = []
    for each in schema:
        column = columns.get(each.name)
        if column is None:
            sizes = [min(BLOCK, n - start) for start in range(0, n, BLOCK)]
            arrays.append(pa.chunked_array([nulls(size, each.type) for size in sizes], each.type))
        else:
            arrays.append(column if column.type == each.type else column.cast(each.type))
    return pa.table(arrays, schema=schema)


def _joined(decided: pa.Table, ids: pa.ChunkedArray) -> tuple[pa.Table, NDArray[np.intp]]:
    """Keep the first line of each decision, by time, and say whose each report is; -1: of a decision that is not there.

    Ids are numbered as they come, the first line of each decision first of all.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    codes = numbered(pa.chunked_array([*decided["id"].chunks, *ids.chunks], pa.string()))
    own, of = np.split(codes, [len(decided)])
    pa.default_memory_pool().release_unused()
    is_first = np.diff(np.maximum.accumulate(own), prepend=-1) > 0
    n = int(is_first.sum())
    if n < len(decided):
        decided = decided.filter(pa.array(is_first))
    of[of >= n] = -1
    if not (np.diff(decided["at"].to_numpy()) > 0).all():
        order = pc.sort_indices(decided, sort_keys=[("at", "ascending"), ("n", "ascending")])
        decided = decided.take(order)
        of = np.append(np.argsort(order.to_numpy()), -1)[of]
    return decided, of


def _places(ids: pa.ChunkedArray, among: pa.ChunkedArray) -> NDArray[np.intp]:
    import pyarrow.compute as pc

    found: NDArray[np.intp] = pc.index_in(ids, value_set=among.combine_chunks()).fill_null(-1).to_numpy()
    return found.astype(np.intp)


def _decided_columns(decided: pa.Table, told: pa.Table) -> dict[str, Any]:
    """Give the fields that stand in a decision's own line."""
    import pyarrow as pa
    import pyarrow.compute as pc

    columns = {field: decided[_RENAMED.get(field, field)] for field in _FROM_LINE}
    micros = np.round(decided["at"].to_numpy() * 1e6).astype(np.int64)
    columns["at"] = pa.array(micros).cast(pa.timestamp("us", tz="UTC"))
    likely = decided["propensity"].to_numpy().copy()
    if len(told):
        of, late = _places(told["decision_id"], decided["id"]), _floats(told["propensity"])
        known = (of >= 0) & ~np.isnan(late)
        likely[of[known]] = late[known]
    unchosen = decided["redrawn"].fill_null(False).to_numpy(zero_copy_only=False)  # noqa: FBT003 - what null becomes
    unchosen |= pc.equal(decided["reason"].cast(pa.string()), Basis.SESSION.value).fill_null(False).to_numpy()  # noqa: FBT003
    unchosen |= own_work(decided.select(["task_type", "purpose"]))
    likely[unchosen] = np.nan
    columns["propensity"] = pa.array(likely, from_pandas=True)
    logged = pa.array(np.zeros(len(likely), np.int32), mask=np.isnan(likely))
    return columns | {"propensity_from": pa.DictionaryArray.from_arrays(logged, pa.array(["logged"]))}


_FROM_LINE = (
    *("id", "n", "task_type", "task_id", "labels", "metadata", "session", "purpose", "version", "priority"),
    *("retry_count", "task_input_tokens", "max_output_tokens", "model", "provider", "route", "reason"),
    *("expected_cost_usd", "shadow_price", "policy", "config_digest", "rules", "experiment", "experiment_arm"),
    *("experiment_share", "shadow"),
)


def _floats(column: pa.ChunkedArray) -> NDArray[np.float64]:
    found: NDArray[np.float64] = column.cast("float64").to_numpy()
    return found


def _models(decided: pa.Table, deals: Deals) -> tuple[tuple[str, ...], NDArray[np.intp]]:
    """Name all models: those that were on the table first, then others that were chosen; and say who was chosen."""
    words, index = words_of(decided["model"])
    places = np.array([deals.models.number(name) for name in words], np.intp)
    return tuple(deals.models.list), places[index]
