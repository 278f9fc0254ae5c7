"""Another program's table of calls, read as logged decisions through a mapping of its columns."""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from selector.errors import DataError
from selector.replay.foreign._rows import Row, rows_of
from selector.replay.foreign._values import Reader
from selector.replay.logs._checks import check_numbers, check_probabilities
from selector.replay.logs._pack import BLOCK
from selector.replay.logs._published import per_model
from selector.replay.logs._read import completed
from selector.replay.logs._schema import LogNotes, arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Columns", "load_foreign"]

Name = str | tuple[str, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column of a foreign table is which: one name, or several of which the first that has a value counts.

    A name with dots goes into records, lists and JSON text: ``metadata.usage.cached``, ``request_tags.0``. `at`,
    `task_type` and `model` must be there, the latter two at least as a default; what is not mapped is null.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from selector.replay import LITELLM_SPEND_LOGS
    >>> replace(LITELLM_SPEND_LOGS, task_type="team_id", score="metadata.score").task_type
    'team_id'
    """

    at: Name = None
    """When the call was made: a timestamp, ISO 8601 (without a zone: UTC), or seconds since 1970."""
    task_type: Name = None
    """The type of the task."""
    model: Name = None
    """The model that was called."""
    id: Name = None
    """Its name; None: the number of the row."""
    task_id: Name = None
    """The caller's own name for the task."""
    session: Name = None
    """The conversation."""
    labels: Name = None
    """A list of words."""
    provider: Name = None
    """Who served it."""
    route: Name = None
    """The model at its provider."""
    propensity: Name = None
    """The probability with which the model was chosen, if somebody wrote it down before the call."""
    probabilities: Name = None
    """Those of all models: a record, or JSON, by model."""
    status: Name = None
    """What `failures` holds where the call failed."""
    ended_at: Name = None
    """When the answer was there, where no column has the time it took."""
    latency_s: Name = None
    """How long it took, in seconds."""
    latency_ms: Name = None
    """Likewise, in thousandths."""
    cost_usd: Name = None
    """What it cost, in dollars."""
    input_tokens: Name = None
    """Input tokens, cached ones included if `inclusive`."""
    cache_read_tokens: Name = None
    """Those read from a cache."""
    cache_write_tokens: Name = None
    """Those written to one."""
    output_tokens: Name = None
    """Output tokens, reasoning included if `inclusive`."""
    reasoning_tokens: Name = None
    """Reasoning tokens."""
    score: Name = None
    """How good the answer was, from 0 to 1; true and false are 1 and 0."""
    source: Name = None
    """Whose word the score is."""
    default_task_type: str | None = None
    """The task type of rows that have none."""
    default_source: str = "caller"
    """Whose word a score is, where no column says."""
    inclusive: bool = True
    """Whether input and output tokens include cached and reasoning ones, as OpenAI counts, or are apart from them."""
    failures: tuple[str, ...] = ("failure", "failed", "error")
    """Words of `status` that say that the call failed."""
    skip: Mapping[str, tuple[str, ...]] | None = None
    """Rows that are no decisions: by column, its values (as text, in lower case) that say so."""


_NO_COLUMNS = ("default_task_type", "default_source", "inclusive", "failures", "skip")
_PATHS = tuple(field.name for field in fields(Columns) if field.name not in _NO_COLUMNS)
_NEEDED = ("at", "task_type", "model")
_TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
_TEXTS = ("task_id", "session", "provider", "route")


def load_foreign(table: pa.Table | str | os.PathLike[str], columns: Columns, *, name: str | None = None) -> pa.Table:
    """Load another program's table of calls as logged decisions, each call one decision.

    Without a column of propensities there are none: `estimate_propensities` makes some up, and says so; no verdict
    made with them is ever supported.

    Parameters
    ----------
    table
        An Arrow table, or a .parquet, .csv, .jsonl or .ndjson file.
    columns
        Which column is which: your own, `LITELLM_SPEND_LOGS`, or `OPENAI_JSONL`.
    name
        What the table is called in errors; None: the file's name.

    Returns
    -------
    pyarrow.Table
        As `load` gives it, by time. Rows without a model, and those that `skip` names, are left out and counted in
        `notes_of`.

    Raises
    ------
    DataError
        If a needed column is missing or a value cannot be; it names the column, those found, and the remedy.

    Examples
    --------
    >>> import pyarrow as pa
    >>> rows = pa.table({"when": ["2026-03-10T12:00:00"], "llm": ["small"], "good": [True]})
    >>> table = load_foreign(rows, Columns(at="when", model="llm", score="good", default_task_type="chat"))
    >>> table.select(["task_type", "model", "score", "propensity"]).to_pylist()
    [{'task_type': 'chat', 'model': 'small', 'score': 1.0, 'propensity': None}]
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    what = name or ("the foreign table" if isinstance(table, pa.Table) else str(table))
    _check_mapping(columns, what)
    reader = Reader(what, columns.failures, inclusive=columns.inclusive)
    kept = _Kept()
    used: Counter[str] = Counter()
    found: dict[str, None] = {}
    left_out: Counter[str] = Counter()
    missing: dict[str, int] = {}
    default = columns.default_task_type
    for row in rows_of(table if isinstance(table, pa.Table) else Path(table)):
        found.update(dict.fromkeys(row.names))
        values = {path: row.first(getattr(columns, path)) for path in _PATHS}
        used.update(path for path, value in values.items() if value is not None)
        why = _skipped(row, values, columns)
        if why is not None:
            left_out[why] += 1
            continue
        lacks = [each for each in _NEEDED if values[each] is None and not (each == "task_type" and default)]
        if lacks:
            missing.setdefault(lacks[0], row.number)
            continue
        kept.add(_read(reader, row.number, values, columns))
    _check_found(columns, used, [*found], what)
    for lacked, number in missing.items():
        raise reader.wrong(number, lacked, None, "every decision has one; give it, or leave the row out of the table")
    if not kept.n:
        reasons = "; ".join(f"{n:,} {why}" for why, n in left_out.items())
        raise DataError(f"{what} has no row that is a decision ({reasons or 'it is empty'}); give one with some")
    models = kept.finished()
    whole = completed(kept.arrays(models), LogNotes(models=models, sources=(what,), left_out=dict(left_out)))
    _check_ids(whole["id"], what)
    check_numbers(whole)
    check_probabilities(whole)
    return whole.take(pc.sort_indices(whole, sort_keys=[("at", "ascending")]))


def _check_mapping(columns: Columns, what: str) -> None:
    for name in _NEEDED:
        if getattr(columns, name) is None and not (name == "task_type" and columns.default_task_type):
            also = ", or default_task_type='...'" if name == "task_type" else ""
            raise DataError(
                f"{what}: no column is mapped as {name}, which every decision has; give Columns({name}='...'){also}"
            )


def _check_found(columns: Columns, used: Counter[str], found: list[str], what: str) -> None:
    """Refuse a table in which a column that was named by hand, or that is needed, has no value at all."""
    if not found:
        raise DataError(f"{what} is empty: it has no row; give a table with calls in it")
    for name in _PATHS:
        path = getattr(columns, name)
        is_needed = name in _NEEDED and not (name == "task_type" and columns.default_task_type)
        if path is None or used[name] or not (is_needed or isinstance(path, str)):
            continue
        looked = path if isinstance(path, str) else "', '".join(path)
        heads = {each.partition(".")[0] for each in ((path,) if isinstance(path, str) else path)}
        if not is_needed and heads & {*found}:
            continue  # the column is there, and has no value: that may be so
        also = " or default_task_type='...'" if name == "task_type" else ""
        raise DataError(
            f"{what} has no value for {name} (looked for '{looked}'); found: {', '.join(found)}; say which one it is "
            f"with Columns({name}='...'){also}"
        )


def _skipped(row: Row, values: Mapping[str, Any], columns: Columns) -> str | None:
    for path, words in (columns.skip or {}).items():
        value = row.first(path)
        if value is not None and str(value).strip().lower() in words:
            return f"with {path} {str(value).strip().lower()}"
    return "without a model" if values["model"] is None else None


def _read(reader: Reader, number: int, values: Mapping[str, Any], columns: Columns) -> dict[str, Any]:
    """Read one row's values as fields of a decision."""
    type_ = values["task_type"] if values["task_type"] is not None else columns.default_task_type
    score = reader.score(number, values["score"])
    failed = reader.failed(values["status"])
    found: dict[str, Any] = {name: reader.text(values[name]) for name in _TEXTS}
    found |= {
        "id": str(number) if values["id"] is None else reader.text(values["id"]),
        "at": reader.time(number, "at", values["at"]),
        "task_type": reader.text(type_),
        "model": reader.text(values["model"]),
        "labels": reader.words(values["labels"]),
        "propensity": reader.number(number, "propensity", values["propensity"]),
        "probabilities": reader.by_model(number, values["probabilities"]),
        "cost_usd": reader.number(number, "cost_usd", values["cost_usd"]),
        "latency_s": reader.latency(number, values),
        "score": score,
        "scores": None if score is None else [(reader.text(values["source"]) or columns.default_source, score)],
        "judged_by": None if score is None else (reader.text(values["source"]) or columns.default_source),
        "status": "failed" if failed else "answered",
        "failure": "unknown" if failed else None,
        **reader.tokens(number, {name: values[name] for name in _TOKENS}),
    }
    found["route"] = found["route"] or found["model"]
    return found


class _Kept:
    """Rows kept as columns, some thousand at a time."""

    def __init__(self) -> None:
        self.models: dict[str, None] = {}
        self.n = 0
        self._rows: list[Mapping[str, Any]] = []
        self._blocks: list[pa.RecordBatch] = []

    def add(self, row: Mapping[str, Any]) -> None:
        """Keep a row."""
        self._rows.append(row)
        self.n += 1
        if len(self._rows) >= BLOCK:
            self._flush()

    def _flush(self) -> None:
        import pyarrow as pa

        self.models.update(dict.fromkeys(str(row["model"]) for row in self._rows))
        self.models.update(dict.fromkeys(name for row in self._rows for name in row["probabilities"] or ()))
        schema = arrow_schema(LogNotes())
        columns: dict[str, pa.Array] = {}
        for name in self._rows[0]:
            values = [row[name] for row in self._rows]
            kind = schema.field(name).type
            if name == "probabilities":
                kind, values = schema.field("scores").type, [None if v is None else [*v.items()] for v in values]
            found = pa.array(
                values, pa.int64() if name == "at" else pa.string() if pa.types.is_dictionary(kind) else kind
            )
            columns[name] = found.cast(kind)
        self._blocks.append(pa.record_batch(columns))
        self._rows = []

    def finished(self) -> tuple[str, ...]:
        """Name the models, once all rows are here."""
        if self._rows:
            self._flush()
        return tuple(sorted(self.models))

    def arrays(self, models: tuple[str, ...]) -> dict[str, Any]:
        """Lay the columns out."""
        import pyarrow as pa

        table = pa.Table.from_batches(self._blocks).unify_dictionaries()
        found: dict[str, Any] = {name: table[name] for name in table.column_names}
        place = {name: k for k, name in enumerate(models)}
        likely = np.full((self.n, len(models)), math.nan)
        for i, row in enumerate(found.pop("probabilities").to_pylist()):
            if row:
                likely[i] = 0.0
                likely[i, [place[name] for name, _ in row]] = [p for _, p in row]
        if not np.isnan(likely).all():
            found["probabilities"] = per_model(likely)
        found["n_attempts"] = pa.array(np.ones(self.n, np.int64))
        return found


def _check_ids(ids: pa.ChunkedArray, what: str) -> None:
    import pyarrow.compute as pc

    if pc.count_distinct(ids).as_py() < len(ids):
        counts = Counter(ids.to_pylist())
        name, n = counts.most_common(1)[0]
        raise DataError(
            f"{what}: id {name!r} stands on {n:,} rows, and a decision counts once; remove the copies, or map another "
            "column as id (None numbers the rows)"
        )
