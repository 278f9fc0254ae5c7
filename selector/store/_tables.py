"""The tables of the log: which events go where, what each column means, and the way back without a loss."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from math import ulp
from typing import Any, NamedTuple

import numpy as np
import orjson
from numpy.typing import NDArray

__all__ = ["TABLES", "Column", "columns_of", "events_of", "exact_seconds", "microseconds", "table_of"]


class Column(NamedTuple):
    """One documented column of the log."""

    name: str
    type: str
    """``string``, ``int64``, ``float64``, ``bool``, ``json`` (text) or ``timestamp`` (microseconds since 1970)."""
    doc: str


_AT = Column("at", "timestamp", "when it happened, UTC, to the microsecond")
_AT_STEP = Column("at_step", "int64", "how many steps of a float64 the exact seconds lie above `at`; null: none")
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
        _AT_STEP,
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
        _AT_STEP,
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
        _AT_STEP,
        Column("input_tokens", "int64", "uncached input tokens"),
        Column("cache_read_tokens", "int64", "input tokens read from the provider's cache"),
        Column("cache_write_tokens", "int64", "input tokens written to it"),
        Column("output_tokens", "int64", "output tokens"),
        Column("reasoning_tokens", "int64", "reasoning tokens"),
        Column("cost_usd", "float64", "what the attempt cost"),
        Column("latency_s", "float64", "how long it took"),
        Column("score", "float64", "how good the answer was, from 0 to 1"),
        Column("source", "string", "whose word that is"),
        Column("nano", "int64", "what it cost, in nano-dollars: as billed, else by the price list of its day"),
        Column("retracted", "bool", "whether the source takes its judgement back"),
        *_OWN,
    ),
    "events": (_KIND, _DECISION_ID, _AT, _AT_STEP, *_OWN),
}

_TABLE_OF = {"decision": "decisions", "attempt": "attempts", "usage": "outcomes", "judgement": "outcomes"}
_CONSTANT = {"decisions": "decision", "attempts": "attempt"}
_PYTHON = {"string": str, "int64": int, "float64": float, "bool": bool}
_MICROSECONDS = 10**6
_BLOCK = 100
_LEAST, _MOST = -(2**63), 2**63 - 1
_NOT_FIELDS = {"at", "at_step", "candidates", "extra"}
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
    types = {c.name: _PYTHON[c.type] for c in TABLES[table] if c.type in _PYTHON and c.name != "at_step"}
    columns: dict[str, list[Any]] = {column.name: [] for column in TABLES[table]}
    rest = iter(events)
    while some := [*islice(rest, _BLOCK)]:
        for name, values in _block(types, some, has_candidates="candidates" in columns).items():
            columns[name] += values
    return columns


def _block(types: Mapping[str, type], events: Sequence[Event], *, has_candidates: bool) -> dict[str, list[Any]]:
    """Lay a few events out: few enough that they stay near the processor while each column is filled."""
    columns = {name: _column([event.get(name) for event in events], kind) for name, kind in types.items()}
    kinds = {"kind": str, **types}
    rests = [
        {k: v for k, v in e.items() if (t := type(v)) is not kinds.get(k) or (t is int and not _LEAST <= v <= _MOST)}
        for e in events
    ]
    if has_candidates:
        columns["candidates"] = [
            None if rest.get("candidates") is None else _text(rest.pop("candidates")) for rest in rests
        ]
    instants = [microseconds(event.get("at")) for event in events]
    steps = [None if at is None else _step(at, event["at"]) for at, event in zip(instants, events, strict=True)]
    for rest, step in zip(rests, steps, strict=True):
        if step is not None:
            del rest["at"]
    columns |= {"at": instants, "at_step": [step or None for step in steps]}
    return columns | {"extra": [_text(rest) if rest else None for rest in rests]}


def _column(values: list[Any], kind: type) -> list[Any]:
    """Keep the values that a column can hold; for numbers, whole ones as floats too."""
    if {*map(type, values)} <= {kind, type(None)} and kind is not int:
        return values
    if kind is float:
        return [_float(value) for value in values]
    if kind is int:
        return [value if type(value) is int and _LEAST <= value <= _MOST else None for value in values]
    return [value if type(value) is kind else None for value in values]


def _text(value: Any) -> str:  # noqa: ANN401 - a value of JSON
    return orjson.dumps(value).decode()


def events_of(table: str, columns: Mapping[str, Sequence[Any]]) -> list[Event]:
    """Read the events back from the columns of their table, exactly as they were.

    Parameters
    ----------
    table
        One of `TABLES`.
    columns
        A list of values per column, ``at`` in microseconds; a column without any value may be missing.

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
    names = [c.name for c in TABLES[table] if c.name in columns and c.name not in _NOT_FIELDS]
    first: Event = {"kind": _CONSTANT[table]} if table in _CONSTANT else {}
    nothing = [None] * len(columns["s"])
    times = zip(columns.get("at", nothing), columns.get("at_step", nothing), strict=True)
    texts = zip(columns.get("candidates", nothing), columns.get("extra", nothing), strict=True)
    events = []
    for row, (at, step), (candidates, extra) in zip(_rows(names, columns), times, texts, strict=True):
        event = first | {name: value for name, value in zip(names, row, strict=True) if value is not None}
        if at is not None:
            event["at"] = at / _MICROSECONDS if step is None else _stepped(at, step)
        if candidates is not None:
            event["candidates"] = orjson.loads(candidates)
        if extra is not None:
            event.update(orjson.loads(extra))
        events.append(event)
    return events


def _rows(names: Sequence[str], columns: Mapping[str, Sequence[Any]]) -> Iterable[tuple[Any, ...]]:
    return zip(*(columns[name] for name in names), strict=True)


def _float(value: Any) -> float | None:  # noqa: ANN401 - a value of JSON
    """Give a number as a float that equals it; None where there is none."""
    if type(value) is int and abs(value) <= 2**53:
        return float(value)
    return value if type(value) is float else None


def microseconds(seconds: Any) -> int | None:  # noqa: ANN401 - a value of JSON
    """Round seconds to the microseconds that a timestamp column holds; None beyond the years that people write."""
    exact = _float(seconds)
    return None if exact is None or abs(exact) >= _YEAR_9999_S else round(exact * _MICROSECONDS)


def _step(instant: int, seconds: Any) -> int | None:  # noqa: ANN401 - a value of JSON
    """Count the steps from a timestamp to the exact seconds; None where these must be kept as they are."""
    if type(seconds) is not float or not instant:
        return None
    base = instant / _MICROSECONDS
    step = round((seconds - base) / ulp(base))
    return step if abs(step) <= _MOST and base + step * ulp(base) == seconds else None


def _stepped(instant: int, step: int) -> float:
    base = instant / _MICROSECONDS
    return base + step * ulp(base)


def exact_seconds(instants: NDArray[np.int64], steps: NDArray[np.int64]) -> NDArray[np.float64]:
    """Give the exact seconds of many timestamps, as `events_of` does of each.

    Parameters
    ----------
    instants
        In microseconds.
    steps
        How many steps of a float64 the seconds lie above; 0: none.

    Returns
    -------
    numpy.ndarray
        Seconds since 1970.

    Examples
    --------
    >>> exact_seconds(np.array([1_250_000]), np.array([0])).tolist()
    [1.25]
    """
    base = instants / float(_MICROSECONDS)
    found: NDArray[np.float64] = base + steps * np.spacing(np.abs(base))
    return found
