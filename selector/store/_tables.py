"""The tables of the log: which events go where, what each column means, and the way back without a loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import orjson

__all__ = ["TABLES", "Column", "columns_of", "events_of", "table_of"]


class Column(NamedTuple):
    """One documented column of the log."""

    name: str
    type: str
    """``string``, ``int64``, ``float64``, ``bool``, ``json`` (text) or ``timestamp`` (for people: never read back)."""
    doc: str


_AT = Column("at", "timestamp", "when it happened, UTC, to the microsecond")
_AT_S = Column("at_s", "float64", "the same as seconds since 1970, exactly as it was written")
_OWN = (
    Column("w", "string", "the writer of the event"),
    Column("s", "int64", "its number among the writer's events: (w, s) names it"),
    Column("extra", "json", "every other field, and every value that its column cannot hold exactly; null: nothing"),
)
_KIND = Column("kind", "string", "the kind of the event")
_DECISION_ID = Column("decision_id", "string", "the decision it belongs to")
_ATTEMPT = Column("attempt", "int64", "which attempt of the decision, from 1")

TABLES: Mapping[str, tuple[Column, ...]] = {
    "decisions": (
        Column("id", "string", "the decision"),
        _AT,
        _AT_S,
        Column("n", "int64", "the number of the decision, for forgetting by count"),
        Column("task_type", "string", "the type of the task"),
        Column("model", "string", "the model that was chosen"),
        Column("provider", "string", "who serves it"),
        Column("route", "string", "the model at the provider"),
        Column("reason", "string", "why it was chosen, a word from a closed list"),
        Column("propensity", "float64", "the probability with which it was chosen; null: unknown, never 1"),
        Column("expected_cost_usd", "float64", "what it was expected to cost"),
        Column("held_nano", "int64", "what was held of the budgets for it, in nano-dollars"),
        Column("shadow_price", "float64", "what one more dollar was worth, in successes"),
        Column("policy", "string", "the policy that chose"),
        Column("config_digest", "string", "the configuration it ran under"),
        Column("draw_version", "int64", "the version of the matrix of draws"),
        Column("draw_row", "int64", "the row of it that was used"),
        Column("input_tokens", "int64", "the input tokens, as known or as counted before the call"),
        Column("candidates", "json", "the eligible set, with what was known of each; null: logged apart"),
        *_OWN,
    ),
    "attempts": (
        _DECISION_ID,
        _ATTEMPT,
        _AT,
        _AT_S,
        Column("model", "string", "the model that was called"),
        Column("route", "string", "the model at the provider"),
        Column("failure", "string", "why it failed, a word from a closed list; null: it answered"),
        Column("selected_by", "string", "who chose it: the policy, a rule, the chain"),
        *_OWN,
    ),
    "outcomes": (
        _KIND,
        _DECISION_ID,
        _ATTEMPT,
        _AT,
        _AT_S,
        Column("input_tokens", "int64", "uncached input tokens"),
        Column("cache_read_tokens", "int64", "input tokens read from the provider's cache"),
        Column("cache_write_tokens", "int64", "input tokens written to it"),
        Column("output_tokens", "int64", "output tokens"),
        Column("reasoning_tokens", "int64", "reasoning tokens"),
        Column("cost_usd", "float64", "what the attempt cost"),
        Column("latency_s", "float64", "how long it took"),
        Column("score", "float64", "how good the answer was, from 0 to 1"),
        Column("source", "string", "whose word that is"),
        Column("retracted", "bool", "whether the source takes its judgement back"),
        *_OWN,
    ),
    "events": (_KIND, _DECISION_ID, _AT, _AT_S, *_OWN),
}

_TABLE_OF = {"decision": "decisions", "attempt": "attempts", "usage": "outcomes", "judgement": "outcomes"}
_CONSTANT = {"decisions": "decision", "attempts": "attempt"}
_PYTHON = {"string": str, "int64": int, "float64": float, "bool": bool}
_MICROSECONDS = 10**6
_YEAR_9999_S = 253_402_300_799.0

Event = dict[str, Any]


def table_of(event: Mapping[str, Any]) -> str:
    """Name the table of an event.

    Parameters
    ----------
    event
        An event with its kind.

    Returns
    -------
    str
        ``decisions``, ``attempts``, ``outcomes``, or ``events`` for every other kind.

    Examples
    --------
    >>> table_of({"kind": "usage"}), table_of({"kind": "explained"})
    ('outcomes', 'events')
    """
    return _TABLE_OF.get(event["kind"], "events")


def columns_of(table: str, events: Iterable[Event]) -> dict[str, list[Any]]:
    """Lay events out as the columns of their table.

    A value goes into its column if the column's type is the value's own. Everything else goes, by its name, into
    ``extra`` as JSON: fields without a column, values of another type, explicit nulls, numbers out of range.

    Parameters
    ----------
    table
        One of `TABLES`.
    events
        Events of that table.

    Returns
    -------
    dict
        A list of values per column.

    Examples
    --------
    >>> columns = columns_of("attempts", [{"kind": "attempt", "attempt": 1, "model": "opus", "colour": "red", "s": 3}])
    >>> columns["model"], columns["attempt"], columns["extra"]
    (['opus'], [1], ['{"colour":"red"}'])
    """
    typed = [(c.name, _PYTHON[c.type]) for c in TABLES[table] if c.type in _PYTHON and c.name != "at_s"]
    columns: dict[str, list[Any]] = {column.name: [] for column in TABLES[table]}
    constant = table in _CONSTANT
    has_candidates = "candidates" in columns
    puts = [(name, kind, columns[name].append) for name, kind in typed]
    at, at_s, extra = columns["at"].append, columns["at_s"].append, columns["extra"].append
    for event in events:
        rest = dict(event)
        if constant:
            del rest["kind"]
        for name, kind, put in puts:
            value = rest.get(name)
            if type(value) is kind and (kind is not int or _fits(value)):
                put(value)
                del rest[name]
            else:
                put(_float(value) if kind is float else None)
        if has_candidates:
            found = rest.pop("candidates", None) if rest.get("candidates") is not None else None
            columns["candidates"].append(None if found is None else orjson.dumps(found).decode())
        seconds = rest.get("at")
        exact = _float(seconds)
        at_s(exact)
        at(_instant(exact))
        if type(seconds) is float:
            del rest["at"]
        extra(orjson.dumps(rest).decode() if rest else None)
    return columns


def events_of(table: str, columns: Mapping[str, Sequence[Any]]) -> list[Event]:
    """Read the events back from the columns of their table, exactly as they were.

    Parameters
    ----------
    table
        One of `TABLES`.
    columns
        A list of values per column; ``at`` need not be among them.

    Returns
    -------
    list of dict
        The events.

    Examples
    --------
    >>> event = {"kind": "usage", "decision_id": "d1", "at": 12.25, "cost_usd": 1, "seen": None, "w": "ann", "s": 1}
    >>> events_of("outcomes", columns_of("outcomes", [event])) == [event]
    True
    """
    names = [column.name for column in TABLES[table] if column.name not in {"at", "extra", "candidates"}]
    keys = ["at" if name == "at_s" else name for name in names]
    first: Event = {"kind": _CONSTANT[table]} if table in _CONSTANT else {}
    candidates = columns.get("candidates") or [None] * len(columns["s"])
    events = []
    rows = zip(*(columns[name] for name in names), strict=True)
    for row, texts in zip(rows, zip(candidates, columns["extra"], strict=True), strict=True):
        event = first | {key: value for key, value in zip(keys, row, strict=True) if value is not None}
        if texts[0] is not None:
            event["candidates"] = orjson.loads(texts[0])
        if texts[1] is not None:
            event.update(orjson.loads(texts[1]))
        events.append(event)
    return events


def _fits(value: Any) -> bool:  # noqa: ANN401 - a value of JSON
    return bool(-(2**63) <= value < 2**63)


def _float(value: Any) -> float | None:  # noqa: ANN401 - a value of JSON
    """Give a number as a float that equals it; None where there is none."""
    if type(value) is int and abs(value) <= 2**53:
        return float(value)
    return value if type(value) is float else None


def _instant(seconds: float | None) -> int | None:
    """Round seconds to the microseconds that a timestamp column holds; None beyond the years that people write."""
    return None if seconds is None or abs(seconds) >= _YEAR_9999_S else round(seconds * _MICROSECONDS)
