"""What a table of logged decisions holds: every field with its type and its meaning, and what is said of the whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from selector.errors import DataError, SchemaVersionError

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["LOG_FIELDS", "REQUIRED", "LogField", "LogNotes", "arrow_schema", "models_of", "notes_of", "with_notes"]

_KEY = b"selector"
_SCHEMA = "selector.log/1"
REQUIRED = ("id", "at", "task_type", "model")
"""The fields without which a row is no decision."""


class LogField(NamedTuple):
    """One documented field of a table of logged decisions.

    Examples
    --------
    >>> next(f for f in LOG_FIELDS if f.name == "propensity").doc
    'the probability with which it was chosen; null: none is known, or nobody chose'
    """

    name: str
    """Its name."""
    type: str
    """``string``, ``word`` (a string of which there are few), ``int``, ``float``, ``bool``, ``time`` (UTC, to the
    microsecond), ``words`` (a list of strings), ``per_model`` (one float for each model of the table, in the order of
    `models_of`), ``scores`` (a float by source), ``attempts`` (a list of records)."""
    doc: str
    """What it means, and what null means."""


LOG_FIELDS: tuple[LogField, ...] = (
    LogField("id", "string", "the decision"),
    LogField("n", "int", "how many decisions were made before it; null: not counted"),
    LogField("at", "time", "when it was made"),
    LogField("task_type", "word", "the type of the task: the context"),
    LogField("task_id", "string", "the caller's own name for the task"),
    LogField("labels", "words", "the task's labels; null: none"),
    LogField("metadata", "string", "the task's metadata as JSON, which rules could read; null: none"),
    LogField("session", "string", "the conversation it belongs to"),
    LogField("purpose", "word", "the task's purpose"),
    LogField("version", "word", "the version of its prompt"),
    LogField("priority", "int", "how urgent it is; null: 1, the usual"),
    LogField("retry_count", "int", "how often the caller had tried it before; null: never"),
    LogField("task_input_tokens", "int", "how long its input was known or taken to be before the call"),
    LogField("max_output_tokens", "int", "the longest answer it allowed"),
    LogField("model", "word", "the model that was chosen: the arm, and the first to be called"),
    LogField("provider", "word", "who serves it, where that is named apart"),
    LogField("route", "word", "the model at its provider"),
    LogField("reason", "word", "why it was chosen, a word from a closed list; null: the log does not say"),
    LogField("propensity", "float", "the probability with which it was chosen; null: none is known, or nobody chose"),
    LogField("propensity_from", "word", "'logged' by whoever chose, or 'estimated' later"),
    LogField("probabilities", "per_model", "of each model, as published before; they sum to one; null: unknown"),
    LogField("probabilities_exact", "bool", "whether what they say of the chosen model is the propensity"),
    LogField("means", "per_model", "the success believed of each model before the decision; null: it could not serve"),
    LogField("strengths", "per_model", "how many outcomes that belief is worth, with its prior; null: as for means"),
    LogField("expected_costs_usd", "per_model", "what each model was expected to cost; null: it could not serve"),
    LogField("expected_cost_usd", "float", "what the chosen one was expected to cost"),
    LogField("shadow_price", "float", "what one more dollar was worth, in successes"),
    LogField("policy", "word", "the policy that chose"),
    LogField("config_digest", "word", "the configuration it ran under"),
    LogField("rules", "words", "the rules that fired; null: none"),
    LogField("experiment", "word", "the experiment that it is part of"),
    LogField("experiment_arm", "word", "its side there: 'treatment' or 'control'"),
    LogField("experiment_share", "float", "the probability of the treatment"),
    LogField("shadow", "string", "what would have been chosen, as JSON, where the model of today served"),
    LogField("status", "word", "'answered', 'failed' (nobody answered), or 'unreported'"),
    LogField("n_attempts", "int", "how many calls are known of; 0: nothing was reported"),
    LogField("attempts", "attempts", "each call, in order; null: one call or none, which the other fields describe"),
    LogField("failure", "word", "why the first call failed; null: it did not, as far as is known"),
    LogField("input_tokens", "int", "uncached input tokens, of all attempts"),
    LogField("cache_read_tokens", "int", "input tokens read from a cache, of all attempts"),
    LogField("cache_write_tokens", "int", "input tokens written to one, of all attempts"),
    LogField("output_tokens", "int", "output tokens, of all attempts"),
    LogField("reasoning_tokens", "int", "reasoning tokens, of all attempts"),
    LogField("cost_usd", "float", "what all attempts cost; null: of one that answered it is not known"),
    LogField("latency_s", "float", "how long all attempts took"),
    LogField("score", "float", "how good the last answer was, from 0 to 1; null: nobody who counts judged it"),
    LogField("judged_by", "word", "whose word that is"),
    LogField("judged_at", "time", "when it was said"),
    LogField("is_judged", "bool", "whether there is a score"),
    LogField("scores", "scores", "the last word of every source on that answer, by source; null: nobody judged"),
)  # fmt: skip
"""Every field of a table of logged decisions, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogNotes:
    """What is said of a whole table of logged decisions.

    Examples
    --------
    >>> LogNotes(models=("small", "large")).propensities
    'logged'
    """

    models: tuple[str, ...] = ()
    """The model dictionary: the order of every field with one number per model."""
    sources: tuple[str, ...] = ()
    """Where the rows come from."""
    propensities: str = "logged"
    """``logged``, ``estimated``, or ``none``."""
    n_orphans: int = 0
    """Reports of decisions that the log does not have (any more)."""
    n_repeated: int = 0
    """Reports that said nothing new: the same usage twice, a judgement that a later one of its source replaced."""
    left_out: Mapping[str, int] = field(default_factory=dict)
    """Rows of a foreign table that are no decisions, by why."""
    faults: tuple[str, ...] = ()
    """What of the log could not be read."""


def arrow_schema(notes: LogNotes) -> pa.Schema:
    """Give the Arrow schema of a table of logged decisions.

    Parameters
    ----------
    notes
        What is said of it; its models give the length of the fields with one number per model.

    Returns
    -------
    pyarrow.Schema
        Each field carries its meaning as ``doc``.

    Examples
    --------
    >>> schema = arrow_schema(LogNotes(models=("small", "large")))
    >>> str(schema.field("means").type), schema.field("score").metadata[b"doc"][:8]
    ('fixed_size_list<item: double>[2]', b'how good')
    """
    import pyarrow as pa

    word = pa.dictionary(pa.int32(), pa.string())
    texts = ("model", "route", "selected_by", "failure", "source")
    call = [pa.field(name, pa.string()) for name in texts]
    call += [pa.field(name, pa.float64()) for name in ("propensity", "cost_usd", "latency_s", "score")]
    types = {
        "string": pa.string(),
        "word": word,
        "int": pa.int64(),
        "float": pa.float64(),
        "bool": pa.bool_(),
        "time": pa.timestamp("us", tz="UTC"),
        "words": pa.list_(pa.string()),
        "per_model": pa.list_(pa.float64(), len(notes.models)),
        "scores": pa.map_(pa.string(), pa.float64()),
        "attempts": pa.list_(pa.struct(call)),
    }
    fields = [pa.field(f.name, types[f.type], metadata={"doc": f.doc}) for f in LOG_FIELDS]
    return pa.schema(fields, metadata={_KEY: orjson.dumps({"schema": _SCHEMA, **asdict(notes)})})


def notes_of(table: pa.Table) -> LogNotes:
    """Read what is said of a whole table of logged decisions.

    Parameters
    ----------
    table
        As `load` or `load_foreign` give it.

    Returns
    -------
    LogNotes
        With its model dictionary.

    Raises
    ------
    DataError
        If it is another table.
    SchemaVersionError
        If a later version wrote it.
    """
    raw = (table.schema.metadata or {}).get(_KEY)
    try:
        said: dict[str, Any] = {} if raw is None else orjson.loads(raw)
    except ValueError:
        said = {}
    schema = str(said.pop("schema", ""))
    if schema != _SCHEMA:
        name, _, number = schema.partition("/")
        if name == _SCHEMA.partition("/")[0] and number.isdigit():
            raise SchemaVersionError(f"the table says {schema!r}, and this version reads {_SCHEMA!r}; use a newer one")
        raise DataError(
            "this is no table of logged decisions; make one with selector.replay.load(STATE), or with "
            "load_foreign(TABLE, columns) of another program's table"
        )
    lists = {name: tuple(said.pop(name, ())) for name in ("models", "sources", "faults")}
    known: dict[str, Any] = {**lists, **{each.name: said[each.name] for each in fields(LogNotes) if each.name in said}}
    return LogNotes(**known)


def models_of(table: pa.Table) -> tuple[str, ...]:
    """Name the models of a table, in the order of its fields with one number per model.

    Parameters
    ----------
    table
        As `load` or `load_foreign` give it.

    Returns
    -------
    tuple of str
        The model dictionary.
    """
    return notes_of(table).models


def with_notes(table: pa.Table, notes: LogNotes) -> pa.Table:
    """Say something else of a whole table; its models stay.

    Parameters
    ----------
    table
        As `load` gives it.
    notes
        What to say.

    Returns
    -------
    pyarrow.Table
        The same rows.
    """
    metadata = {**(table.schema.metadata or {}), _KEY: orjson.dumps({"schema": _SCHEMA, **asdict(notes)})}
    return table.replace_schema_metadata(metadata)


def require(names: Sequence[str], found: Sequence[str], what: str) -> None:
    """Refuse a table that lacks a field.

    Parameters
    ----------
    names
        The fields that are needed.
    found
        Those that are there.
    what
        What the table is called.

    Raises
    ------
    DataError
        It names the field, those found, and the remedy.
    """
    for name in names:
        if name not in found:
            raise DataError(
                f"{what} has no column {name!r}; found: {', '.join(found) or 'none'}; a table of another program is "
                "read with selector.replay.load_foreign(TABLE, columns), which says which of its columns is which"
            )
