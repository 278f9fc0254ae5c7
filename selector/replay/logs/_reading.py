"""Reading a log: its events packed by kind, from tables at once where it is sealed, and one by one where it is not."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from selector.errors import DataError
from selector.replay.logs._calls import Rank
from selector.replay.logs._pack import Deals, Pack, merged
from selector.replay.logs._schema import REQUIRED
from selector.replay.logs._unwritten import Unwritten
from selector.store import Fields, LogPart, events_in

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Reading", "Seen", "Wish"]

_NOTHING_ELSE = r'^\{"of":\{[^{}]*\}\}$'  # without further braces, "of" is all there is
_ALWAYS = {"decision_id", "at_step", "s", "extra"}  # columns that are read even where they hold nothing

Event = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Wish:
    """Which decisions are wanted, and whose word counts."""

    since_s: float
    until_s: float
    task_types: Collection[str] | None
    rank: Rank

    def admits(self, at_s: float, task_type: str) -> bool:
        """Tell whether a decision is wanted."""
        return self.since_s <= at_s < self.until_s and (self.task_types is None or task_type in self.task_types)

    def admits_all(self, at_s: pa.Array, task_types: pa.Array) -> pa.Array:
        """Tell which of many are."""
        import pyarrow as pa
        import pyarrow.compute as pc

        found = pc.and_(pc.greater_equal(at_s, self.since_s), pc.less(at_s, self.until_s))
        if self.task_types is None:
            return found
        return pc.and_(found, pc.is_in(task_types, value_set=pa.array([*self.task_types], pa.string())))


@dataclass(slots=True)
class Seen:
    """What decisions there are, wanted or not."""

    n: int = 0
    task_types: set[str] = field(default_factory=set)
    first_s: float = math.inf
    last_s: float = -math.inf

    def add(self, other: Seen) -> None:
        """Count another's."""
        self.n += other.n
        self.task_types |= other.task_types
        self.first_s, self.last_s = min(self.first_s, other.first_s), max(self.last_s, other.last_s)


class Reading:
    """A log's events, packed; a decision known only from what was reported of it counts, too.

    Parameters
    ----------
    wish
        Which decisions are wanted.

    Attributes
    ----------
    decisions, told
        Decisions, and propensities that came later.
    reports
        Attempts, usages and judgements, each kind apart: blocks without a value in a column take no memory.
    deals
        What was on the table.
    seen
        What decisions there are.
    is_whole
        Whether all of them are wanted.
    """

    def __init__(self, wish: Wish) -> None:
        self._wish = wish
        self.decisions, self.told = Pack("decision"), Pack("told")
        first = Pack("report")
        self.reports = {"usage": first} | {kind: Pack("report", first) for kind in ("judgement", "attempt")}
        self.deals = Deals()
        self.seen = Seen()
        self.is_whole = True
        self._unwritten = Unwritten()

    def take(self, event: Event) -> None:
        """Take in an event."""
        kind = event["kind"]
        if kind == "decision":
            self._decide(event)
            self._unwritten.see(str(event["id"]))
        elif kind in self.reports:
            if "of" in event:
                self._unwritten.tell(event["decision_id"], event["of"])
            self.reports[kind].add(event)
        elif kind == "explained":
            self._explain([event])

    def take_part(self, part: LogPart) -> None:
        """Take in a part of the log: the same as its events one by one."""
        import pyarrow.compute as pc

        for event in part.events:
            self.take(event)
        with ThreadPoolExecutor(1) as beside:
            if "events" in part.tables:
                table = part.tables["events"].select(["kind", "decision_id", "s", "extra"])
                explained = table.filter(pc.equal(table["kind"], "explained"))
                on_table = beside.submit(_as_columns, explained)
            if "decisions" in part.tables:
                self._decide_all(part.tables["decisions"])
            self._report_all(part.tables)
        if "events" in part.tables:
            self._explain_all(explained, on_table.result())

    def _report_all(self, tables: Mapping[str, pa.Table]) -> None:
        told = []
        for kind, table in _reports(tables):
            rest, said = _without_of(table)
            fields = Fields(rest)
            self.reports[kind].add_fields(fields, kind=kind)
            told += said if "of" not in fields.extra_names else [*said, _with_of(rest, fields)]
        self._tell(told)

    def close(self) -> None:
        """Count decisions whose own line was never written."""
        for id_, of in self._unwritten.left():
            self._decide({**of, "id": id_})
        for pack in self.reports.values():
            pack.flush()  # all of them, since they share their words

    def _explain(self, events: Sequence[Event]) -> None:
        self.deals.add(event for event in events if "models" in event)
        for event in events:
            if "propensity" in event:
                self.told.add(event)

    def _explain_all(self, table: pa.Table, told: pa.Table | None) -> None:
        """Take what was on the table of many decisions, from columns where it could be read as such."""
        if told is not None and self.deals.add_all(table["decision_id"], told):
            late = told["propensity"].is_valid()
            for id_, value in zip(table["decision_id"].filter(late), told["propensity"].filter(late), strict=True):
                self.told.add({"decision_id": id_.as_py(), "propensity": value.as_py()})
            return
        self._explain(events_in("events", table))

    def _decide(self, event: Event) -> None:
        for name in REQUIRED:
            if event.get(name) is None:
                raise _incomplete(name, event.get("id"))
        at, task_type = float(event["at"]), str(event["task_type"])
        self.seen.add(Seen(1, {task_type}, at, at))
        if self._wish.admits(at, task_type):
            self.decisions.add(event)
        else:
            self.is_whole = False

    def _decide_all(self, table: pa.Table) -> None:
        import pyarrow.compute as pc

        fields = Fields(table)
        columns = {name: merged(fields, name, "float" if name == "at" else "string") for name in REQUIRED}
        for name, column in columns.items():
            if column.null_count:
                raise _incomplete(name, columns["id"][int(np.flatnonzero(column.is_null())[0])].as_py())
        at, types = columns["at"], columns["task_type"]
        ends = pc.min_max(at)
        self.seen.add(Seen(len(at), set(types.unique().to_pylist()), ends["min"].as_py(), ends["max"].as_py()))
        self._unwritten.see_all(columns["id"])
        wanted = self._wish.admits_all(at, types)
        if not pc.all(wanted).as_py():
            self.is_whole = False
            fields = Fields(table.filter(wanted))
        self.decisions.add_fields(fields)

    def _tell(self, told: list[pa.Table]) -> None:
        """Keep what reports of one part say of their decisions, in the order in which they were written."""
        import pyarrow as pa

        if not told:
            return
        every = pa.concat_tables(told)
        if len(told) > 1:
            every = every.sort_by("s")
        self._unwritten.tell_all(every["decision_id"].combine_chunks(), every["extra"].combine_chunks())


def _reports(tables: Mapping[str, pa.Table]) -> Iterator[tuple[str, pa.Table]]:
    """Take the reports of a part apart by kind."""
    import pyarrow.compute as pc

    if "outcomes" in tables:
        table = tables["outcomes"]
        table = table.select([x for x in table.column_names if x in _ALWAYS or table[x].null_count < len(table)])
        for kind in ("usage", "judgement"):
            some = table.filter(pc.equal(table["kind"], kind))
            if len(some):
                yield kind, some
    if "attempts" in tables:
        yield "attempt", tables["attempts"]


def _as_columns(table: pa.Table) -> pa.Table | None:
    """Read the JSON of what was on the table; None where some of it is not as it is usually written."""
    import pyarrow as pa
    import pyarrow.compute as pc
    from pyarrow import json

    if not len(table) or table["extra"].null_count or table["decision_id"].null_count:
        return None
    numbers = pa.list_(pa.float64())
    fields = [("models", pa.list_(pa.string())), *((name, numbers) for name in Deals.FIELDS)]
    schema = pa.schema([*fields, ("usual_input", pa.float64()), ("propensity", pa.float64())])
    extra = table["extra"].combine_chunks()
    text = pc.binary_join(pa.ListArray.from_arrays([0, len(extra)], extra), "\n")[0].as_buffer()
    try:
        return json.read_json(
            pa.BufferReader(text),
            json.ReadOptions(use_threads=False, block_size=text.size + 1),
            json.ParseOptions(explicit_schema=schema, unexpected_field_behavior="ignore"),
        )
    except pa.ArrowInvalid:
        return None


def _without_of(table: pa.Table) -> tuple[pa.Table, list[pa.Table]]:
    """Split what reports say of their decisions off, where that is all that stands in ``extra``."""
    import pyarrow as pa
    import pyarrow.compute as pc

    extra = table["extra"]
    if extra.null_count == len(extra):
        return table, []
    alone = pc.match_substring_regex(extra, _NOTHING_ELSE).fill_null(False)  # noqa: FBT003 - what null becomes
    said = table.select(["decision_id", "extra", "s"]).filter(alone)
    rest = pc.if_else(alone, pa.scalar(None, pa.string()), extra)
    return table.set_column(table.schema.get_field_index("extra"), "extra", rest), [said]


def _with_of(table: pa.Table, fields: Fields) -> pa.Table:
    """Find what reports say of their decisions among other things."""
    import pyarrow as pa

    _, rows = fields.in_extra("of") or ([], np.zeros(0, np.intp))
    return table.select(["decision_id", "extra", "s"]).filter(pa.array(rows >= 0))


def _incomplete(name: str, id_: object) -> DataError:
    return DataError(
        f"the log's decision {id_!r} has no {name!r}, with which every decision is written; if another program wrote "
        "it, read that program's own table with selector.replay.load_foreign(TABLE, columns)"
    )
