"""A state folder's events, read as they come and laid out as a table of logged decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from selector.records import Basis
from selector.replay.logs._outcomes import Outcomes
from selector.replay.logs._own_work import own_work
from selector.replay.logs._pack import BLOCK, Deals, nulls, words_of
from selector.replay.logs._reading import Reading, Seen, Wish
from selector.replay.logs._schema import LogNotes, arrow_schema
from selector.store import LogPart

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Seen", "Wish", "assembled", "per_model", "table_of_events", "table_of_parts"]

_RENAMED = {"task_input_tokens": "input_tokens", "experiment_arm": "arm", "experiment_share": "share"}
_SAME = 2e-3  # what is published has four digits

Event = Mapping[str, Any]


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
    return _laid_out(reading, wish, fast=fast)


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
    reading = Reading(wish)
    for part in parts:
        reading.take_part(part)
    return _laid_out(reading, wish, fast=True)


def _laid_out(reading: Reading, wish: Wish, *, fast: bool) -> tuple[pa.Table, Seen]:
    import pyarrow as pa
    import pyarrow.compute as pc

    reading.close()
    decided = _once(reading.decisions.table())
    if not (np.diff(decided["at"].to_numpy()) > 0).all():
        decided = decided.take(pc.sort_indices(decided, sort_keys=[("at", "ascending"), ("n", "ascending")]))
    reports = pa.concat_tables([pack.table() for pack in reading.reports.values()])
    of = _places(reports["decision_id"], decided["id"])
    reports = reports.drop_columns(["decision_id"])
    came = Outcomes(reports, of, (decided["model"], decided["route"]), wish.rank, fast=fast)
    n_orphans = int((of < 0).sum()) if reading.is_whole else 0
    columns = came.columns()
    n_repeated = came.n_repeated
    del reports, came, of
    pa.default_memory_pool().release_unused()
    models, chosen = _models(decided, reading.deals)
    columns |= _decided_columns(decided, reading.told.table())
    columns |= _believed(decided, reading.deals, columns["propensity"], models, chosen)
    notes = LogNotes(models=models, n_orphans=n_orphans, n_repeated=n_repeated)
    return assembled(columns, notes), reading.seen


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


def _once(decided: pa.Table) -> pa.Table:
    """Keep the first line of each decision."""
    import pyarrow as pa
    import pyarrow.compute as pc

    n = pc.count_distinct(decided["id"]).as_py()
    pa.default_memory_pool().release_unused()
    if n == len(decided):
        return decided
    seen: set[str] = set()
    fresh = [not (id_ in seen or seen.add(id_)) for id_ in decided["id"].to_pylist()]  # type: ignore[func-returns-value]
    return decided.filter(fresh)


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


def _believed(
    decided: pa.Table, deals: Deals, propensity: pa.Array, models: tuple[str, ...], chosen: NDArray[np.intp]
) -> dict[str, Any]:
    """Give what was published before each decision of every model."""
    import pyarrow as pa

    words, index = words_of(decided["deal"])
    place = np.append(deals.places(words), -1)[index]  # -1, the last: none
    at = {
        name: deals.per_model(name, len(models))
        for name in ("mean", "strength", "probability", "input_usd", "answer_usd")
    }
    blocks: dict[str, list[pa.Array]] = {"means": [], "strengths": [], "probabilities": [], "expected_costs_usd": []}
    blocks["probabilities_exact"] = []
    said = propensity.to_numpy(zero_copy_only=False)
    for start in range(0, len(place), BLOCK):
        rows = slice(start, start + BLOCK)
        some, deal, arm = decided.slice(start, BLOCK), place[rows], chosen[rows]
        mean, strength = at["mean"][deal], at["strength"][deal]
        able = ~np.isnan(mean) & _allowed(some, models)
        mean[~able] = strength[~able] = np.nan
        likely = _normalised(np.where(able, at["probability"][deal], 0.0))
        certain = np.flatnonzero(said[rows] == 1.0)
        likely[certain] = 0.0
        likely[certain, arm[certain]] = 1.0
        own = likely[np.arange(len(arm)), arm]
        with np.errstate(invalid="ignore"):
            exact = np.abs(own - said[rows]) <= _SAME * said[rows] + 1e-6
        cost = _costs(some, deals, deal, at)
        cost[~able] = np.nan
        blocks["means"].append(per_model(mean))
        blocks["strengths"].append(per_model(strength))
        blocks["probabilities"].append(per_model(likely))
        blocks["expected_costs_usd"].append(per_model(cost))
        blocks["probabilities_exact"].append(pa.array(exact, mask=np.isnan(own) | np.isnan(said[rows])))
    return {name: pa.chunked_array(each) for name, each in blocks.items()} if len(place) else {}


def _allowed(decided: pa.Table, models: tuple[str, ...]) -> NDArray[np.bool_]:
    """Tell whom each task itself excluded, shape (n, n_models) or (1, 1) where none did."""
    import pyarrow.compute as pc

    excluded = decided["exclusions"].combine_chunks()
    if excluded.null_count == len(excluded):
        return np.ones((1, 1), bool)
    numbers = {name: k for k, name in enumerate(models)}
    found = np.ones((len(excluded), len(models)), bool)
    rows = pc.list_parent_indices(excluded)
    for row, name in zip(rows.to_pylist(), excluded.flatten().to_pylist(), strict=True):
        if name in numbers:
            found[row, numbers[name]] = False
    return found


def _normalised(likely: NDArray[np.float64]) -> NDArray[np.float64]:
    """Let each row sum to one; a row without any is nan."""
    total = likely.sum(axis=1, keepdims=True)
    found: NDArray[np.float64] = np.divide(likely, total, out=np.full_like(likely, np.nan), where=total > 0)
    return found


def _costs(
    decided: pa.Table, deals: Deals, place: NDArray[np.intp], at: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Work out what each task was expected to cost at each model: by its own length, where that was known."""
    known = _floats(decided["input_tokens"])
    length = np.where(np.isnan(known), deals.usual_input[place], known)
    found: NDArray[np.float64] = at["input_usd"][place] * length[:, None] + at["answer_usd"][place]
    own = decided["costs"].combine_chunks()
    if own.null_count < len(own):
        sizes = [*deals.sizes, -1]
        for row in np.flatnonzero(own.is_valid().to_numpy(zero_copy_only=False)).tolist():
            values = own[row].as_py()
            if len(values) == sizes[place[row]]:
                found[row, deals.arms(int(place[row]))] = values
    return found


def per_model(values: NDArray[np.float64]) -> pa.Array:
    """Lay numbers per model out as lists of one length; nan is null, and a row of nothing else is null.

    Parameters
    ----------
    values
        Shape (n, n_models).

    Returns
    -------
    pyarrow.FixedSizeListArray
        As many rows.

    Examples
    --------
    >>> per_model(np.array([[0.5, np.nan], [np.nan, np.nan]])).to_pylist()
    [[0.5, None], None]
    """
    import pyarrow as pa

    n, n_models = values.shape
    if n_models == 0:
        return pa.nulls(n, pa.list_(pa.float64(), 0))
    flat = pa.array(values.reshape(-1), pa.float64(), from_pandas=True)
    empty = pa.array(np.isnan(values).all(axis=1))
    return pa.FixedSizeListArray.from_arrays(flat, n_models, mask=empty)
