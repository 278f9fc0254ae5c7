"""A log as data: one row for each decision, with how likely it was, what was believed before, and what came of it."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from selector.config import OutcomesConfig
from selector.errors import DataError, nearest
from selector.replay.logs._calls import Rank, best
from selector.replay.logs._read import read_csv_log, read_parquet_log, together
from selector.replay.logs._schema import notes_of, with_notes
from selector.replay.logs._state import LeanLog, Seen, Wish, lean_of_parts
from selector.replay.logs._times import seconds
from selector.store import State

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Log", "Source", "load", "load_lean"]

_logger = logging.getLogger("selector")
_READERS = {".parquet": read_parquet_log, ".csv": read_csv_log}
_FILES = " or ".join(_READERS)

Log = str | os.PathLike[str] | State
"""A state folder, an open `State`, or a file that `save_log` wrote."""
Source = str | Sequence[str] | OutcomesConfig | None
"""Whose word counts: one source, several with the most believed first, or as a configuration's `outcomes` says."""


def load(
    log: Log | Sequence[Log],
    *,
    since: datetime | str | float | None = None,
    until: datetime | str | float | None = None,
    task_type: str | Sequence[str] | None = None,
    source: Source = None,
    mixed: bool = False,
) -> pa.Table:
    """Load logged decisions as one table: what another policy can be judged from.

    The unit is the decision: the model that was chosen is its arm, what it cost is what all its attempts cost, and its
    score is that of the last answer. Late, doubled, corrected and retracted reports count as they do in the live loop.
    A state folder is only read, also while other processes write to it.

    The fields are described in `LOG_FIELDS`. Those with one number per model are in the order of `models_of`. They are
    what was published before the decision (for its type, at most some seconds earlier; for a task of its own length
    they may differ a little, then `probabilities_exact` is false), so that they do not depend on what was chosen;
    `propensity` is the decision's own. It is null where a choice was drawn twice, where a session kept its model, and
    where nobody wrote it down; it is 1 where a rule, the budget or the mode left no choice.

    Parameters
    ----------
    log
        A state folder, or a .parquet or .csv file of such a table; or several of them.
    since, until
        Only decisions from the one up to, but not at, the other: ISO 8601 (without a zone: UTC), a datetime with a
        zone, or seconds since 1970.
    task_type
        Only decisions of this type, or of these.
    source
        Whose judgements count: one source, or several with the most believed first (``judge`` stands for every
        ``judge:<model>``), or a configuration's `outcomes`. None: everybody's, in the usual order. `scores` has the
        words of all. Of a file, the sources that it was saved with.
    mixed
        Whether logs may be put together that have different task types.

    Returns
    -------
    pyarrow.Table
        By time; `notes_of` says what is to be said of the whole.

    Raises
    ------
    DataError
        If there is no such decision, or a file is no such table; the message says what to do.
    StateError
        If a folder is no state.

    Examples
    --------
    >>> import tempfile
    >>> from selector import Outcome, Selector, Task
    >>> free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Selector.open({"models": {"small": free, "large": free}}, state=folder, seed=1) as selector:
    ...         selector.record(selector.select(Task("chat")), Outcome(score=1, source="tests"))
    ...     table = load(folder)
    >>> table.select(["task_type", "score", "judged_by"]).to_pylist()
    [{'task_type': 'chat', 'score': 1.0, 'judged_by': 'tests'}]
    """
    logs = [log] if isinstance(log, str | os.PathLike | State) else list(log)
    if not logs:
        raise DataError("there is no log to load; name a state folder, or a .parquet or .csv file")
    wish = _wish(since, until, None if task_type is None else _names(task_type, "task_type"), source)
    tables, names, seen = [], [str(each.path if isinstance(each, State) else each) for each in logs], Seen()
    for each, name in zip(logs, names, strict=True):
        table, own = _read(each, name, wish, source)
        tables.append(table)
        seen.add(own)
    found = tables[0] if len(tables) == 1 else together(tables, names)
    if not len(found):
        raise _nothing(names, wish, seen)
    if len(tables) > 1 and not mixed:
        _check_types(tables, names)
    return with_notes(found, replace(notes_of(found), sources=tuple(names)))


def load_lean(
    state: str | os.PathLike[str],
    *,
    since: datetime | str | float | None = None,
    until: datetime | str | float | None = None,
    source: Source = None,
) -> LeanLog:
    """Load a state folder's decisions without what was published of every model, which takes most of the memory.

    What is counted over a whole log seldom needs it, and what needs it looks at some decisions, which `LeanLog.take`
    gives with every field.

    Parameters
    ----------
    state
        The state folder.
    since, until, source
        As `load` takes them.

    Returns
    -------
    LeanLog
        By time.

    Raises
    ------
    DataError
        If there is no such decision; the message says what to do.
    StateError
        If the folder is no state.

    Examples
    --------
    >>> import tempfile
    >>> from selector import Selector, Task
    >>> free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Selector.open({"models": {"small": free, "large": free}}, state=folder, seed=1) as selector:
    ...         decisions = [selector.select(Task("chat")) for _ in range(9)]
    ...     log = load_lean(folder)
    >>> len(log.table), "means" in log.table.column_names, log.take([8])["means"].to_pylist()
    (9, False, [[0.75, 0.75]])
    """
    wish = _wish(since, until, None, source)
    log, seen = _read_state(state, str(state), wish)
    if not len(log.table):
        raise _nothing([str(state)], wish, seen)
    return replace(log, table=with_notes(log.table, replace(notes_of(log.table), sources=(str(state),))))


def _wish(
    since: datetime | str | float | None,
    until: datetime | str | float | None,
    types: tuple[str, ...] | None,
    source: Source,
) -> Wish:
    wish = Wish(seconds(since, "since", -math.inf), seconds(until, "until", math.inf), types, rank_of(source))
    if wish.since_s >= wish.until_s:
        raise DataError(f"since ({since!r}) is not before until ({until!r}), so no decision lies between them")
    return wish


def rank_of(source: Source) -> Rank:
    """Say how sources stand to each other.

    Parameters
    ----------
    source
        As `load` takes it.

    Returns
    -------
    callable
        How far behind the most believed one a source stands; None: its word does not count.

    Examples
    --------
    >>> rank = rank_of(["tests", "judge"])
    >>> rank("tests"), rank("judge:opus"), rank("human")
    (0, 1, None)
    """
    if source is None or isinstance(source, OutcomesConfig):
        return (source or OutcomesConfig()).rank
    chosen = _names(source, "source")
    places = {name: place for place, name in reversed([*enumerate(chosen)])}
    return lambda word: places.get(word, places.get(word.partition(":")[0]))


def _names(value: object, what: str) -> tuple[str, ...]:
    found = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Iterable) else ()
    if not found or not all(isinstance(each, str) and each for each in found):
        raise DataError(f"{what} is {value!r}; give a name, or several as a list")
    return tuple(str(each) for each in found)


def _read(log: Log, name: str, wish: Wish, source: Source) -> tuple[pa.Table, Seen]:
    if not isinstance(log, State) and Path(log).suffix in _READERS and not Path(log).is_dir():
        if not Path(log).exists():
            raise DataError(f"there is no file {name}; give a state folder, or a {_FILES} file that save_log wrote")
        table = _READERS[Path(log).suffix](Path(log))
        if source is not None:
            table = rejudged(table, wish.rank)
        return _chosen(table, wish)
    if not isinstance(log, State) and Path(log).is_file():
        raise DataError(f"{name} is a file, and none that can be loaded; give a state folder, or a {_FILES} file")
    found, seen = _read_state(log, name, wish)
    return found.whole(), seen


def _read_state(log: Log, name: str, wish: Wish) -> tuple[LeanLog, Seen]:
    if isinstance(log, State):
        log.flush()  # then it is read anew, so that it goes on hearing of others what it has not heard
    place = log.path if isinstance(log, State) else log
    with State.open(place, clock=lambda: 0.0, read_only=True) as state:
        found, seen = lean_of_parts(state.parts(), wish)
        faults = tuple(f"{fault.file}: {fault.reason}" for fault in state.faults if fault.kind != "torn")
    if faults:
        _logger.warning("%s: %d places of the log could not be read, such as %s", name, len(faults), faults[0])
    notes = replace(notes_of(found.table), faults=faults, propensities=_kind(found.table))
    return replace(found, table=with_notes(found.table, notes)), seen


def _kind(table: pa.Table) -> str:
    return "logged" if table["propensity"].null_count < len(table) else "none"


def _chosen(table: pa.Table, wish: Wish) -> tuple[pa.Table, Seen]:
    """Keep the wanted rows of a file."""
    import pyarrow as pa
    import pyarrow.compute as pc

    at = table["at"].cast(pa.int64()).to_numpy() / 1e6
    names = table["task_type"].cast(pa.string())
    seen = Seen(len(table), set(names.unique().to_pylist()))
    if len(at):
        seen.first_s, seen.last_s = float(at.min()), float(at.max())
    keep = (at >= wish.since_s) & (at < wish.until_s)
    if wish.task_types is not None:
        keep &= pc.is_in(names, value_set=pa.array(wish.task_types)).to_numpy()
    return (table if keep.all() else table.filter(pa.array(keep))), seen


def rejudged(table: pa.Table, rank: Rank) -> pa.Table:
    """Judge a table's decisions by other sources, as far as it has their words.

    Parameters
    ----------
    table
        Of logged decisions.
    rank
        How sources stand to each other.

    Returns
    -------
    pyarrow.Table
        With other scores; `judged_at` is null where another source's word now counts.
    """
    import pyarrow as pa

    rows = [dict(row or ()) for row in table["scores"].to_pylist()]
    names = [best(row, rank) for row in rows]
    scores = [None if name is None else row[name] for name, row in zip(names, rows, strict=True)]
    before = table["judged_by"].cast(pa.string()).to_pylist()
    when = table["judged_at"].to_pylist()
    columns = {
        "score": pa.array(scores, pa.float64()),
        "judged_by": pa.array(names, pa.string()).dictionary_encode(),
        "judged_at": pa.array(
            [t if a == b else None for t, a, b in zip(when, before, names, strict=True)],
            table.schema.field("judged_at").type,
        ),
        "is_judged": pa.array([name is not None for name in names]),
    }
    for name, column in columns.items():
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.schema.field(name), column)
    return table


def _nothing(names: Sequence[str], wish: Wish, seen: Seen) -> DataError:
    what = " and ".join(names)
    if not seen.n:
        return DataError(f"{what}: the log is empty, no decision was made yet; choose with it, or name another folder")
    first, last = (f"{datetime.fromtimestamp(each, UTC):%Y-%m-%d %H:%M:%S}" for each in (seen.first_s, seen.last_s))
    said = f"{what}: none of its {seen.n:,} decisions is wanted; they are from {first} to {last} UTC"
    unknown = [name for name in wish.task_types or () if name not in seen.task_types]
    if unknown:
        return DataError(f"{said}; none is of type {unknown[0]!r}{nearest(unknown[0], seen.task_types)}")
    return DataError(f"{said}; widen since and until, or leave task_type out")


def _check_types(tables: Sequence[pa.Table], names: Sequence[str]) -> None:
    types = [set(table["task_type"].cast("string").unique().to_pylist()) for table in tables]
    for name, own in zip(names, types, strict=True):
        others = set.union(*types) - own
        if others:
            alone = min(others)
            where = next(n for n, each in zip(names, types, strict=True) if alone in each)
            common = sorted(set.intersection(*types))
            remedy = (
                f"task_type={common!r} takes what they share, " if common else "they share none: load them apart, or "
            )
            raise DataError(
                f"the logs have different task types: {alone!r} is in {where} and not in {name}; {remedy}mixed=True "
                "takes them together all the same"
            )
