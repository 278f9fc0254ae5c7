"""Which log is read, and what of it: a state folder, files of decisions, or another program's table of calls."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from selector.cli._options import Wanted, usage_error
from selector.cli._reading import places, state_folder
from selector.errors import DataError, nearest
from selector.replay import LITELLM_SPEND_LOGS, OPENAI_JSONL, Columns, load, load_foreign, narrowed

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["ColumnNames", "Filters", "Format", "LogPaths", "Mixed", "Since", "Sources", "Types", "Until", "table_of"]

LogPaths = Annotated[
    list[Path] | None,
    typer.Argument(
        metavar="[LOG]...",
        help="A state folder, or a .parquet or .csv file of `selector export`; several are put together. "
        "None: the state folder of --state, or as configured.",
    ),
]
Since = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="From this time on, such as 2026-03-10 (UTC).")
]
Until = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Up to this time.")]
Types = Annotated[
    list[str] | None, typer.Option("--type", metavar="TYPE", help="On this kind of task alone; may be repeated.")
]
Sources = Annotated[
    list[str] | None,
    typer.Option("--source", metavar="WORD", help="Judged by this source; repeated, the most believed first."),
]
Mixed = Annotated[bool, typer.Option("--mixed", help="Put logs together whose task types differ.")]
Format = Annotated[
    str | None,
    typer.Option("--format", metavar="litellm|openai", help="LOG is a table of LiteLLM's spend logs, or OpenAI JSONL."),
]
ColumnNames = Annotated[
    list[str] | None,
    typer.Option(
        "--column",
        metavar="FIELD=NAME",
        help="LOG is another program's table, and this its column for a field, such as score=rating or "
        "default_task_type=chat; may be repeated.",
    ),
]

_PARTS = ("plan", "gate", "ab", "pairs")
_FORMATS = {"litellm": LITELLM_SPEND_LOGS, "openai": OPENAI_JSONL}
_MAPPED = tuple(f.name for f in fields(Columns) if f.name not in {"inclusive", "failures", "skip"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What of a log is wanted, and how it is read."""

    since: str | None = None
    until: str | None = None
    types: Sequence[str] | None = None
    sources: Sequence[str] | None = None
    mixed: bool = False
    format: str | None = None
    columns: Sequence[str] | None = None


def table_of(asked: Wanted, logs: Sequence[Path] | None, filters: Filters) -> pa.Table:
    """Read the log that is asked for.

    Parameters
    ----------
    asked
        Which configuration and state folder; whose word counts is as configured, where one is used.
    logs
        Folders or files; None: the state folder.
    filters
        What of it.

    Raises
    ------
    DataError
        There is no such decision, or a file is none that can be read; it says what to do.
    StateError
        A folder is no state.
    """
    if filters.format is not None or filters.columns:
        return _foreign(logs, filters)
    for each in logs or ():
        if str(each) in _PARTS and not each.exists():
            raise usage_error(f"{each} is a command of its own where it comes first: selector replay {each} ...")
        if not each.exists():
            raise DataError(f"{each}: there is no such folder or file; give a state folder, or a .parquet or .csv file")
    believed = filters.sources or (None if logs and asked.config is None else places(asked)[0].outcomes)
    folders = [*logs] if logs else [state_folder(asked)]
    own = {"since": filters.since, "until": filters.until, "task_type": filters.types or None}
    try:
        return load(folders, **own, source=believed, mixed=filters.mixed)  # type: ignore[arg-type]
    except DataError as error:
        raise DataError(_as_options(str(error))) from None


def _as_options(said: str) -> str:
    """Say a remedy as it is written here."""
    types = re.search(r"task_type=\[([^\]]*)\]", said)
    if types is not None:
        names = " ".join(f"--type {name.strip()[1:-1]}" for name in types[1].split(","))
        said = said.replace(types[0], names)
    said = said.replace("mixed=True", "--mixed").replace("since and until", "--since and --until")
    return said.replace("leave task_type out", "leave --type out")


def _foreign(logs: Sequence[Path] | None, filters: Filters) -> pa.Table:
    if not logs or len(logs) > 1:
        raise usage_error("with --format or --column, name one file of another program, and no more")
    if filters.format is not None and filters.format not in _FORMATS:
        raise usage_error(f"--format {filters.format}: there is no such format{nearest(filters.format, _FORMATS)}")
    columns = _FORMATS[filters.format] if filters.format is not None else Columns()
    for each in filters.columns or ():
        field, _, name = (part.strip() for part in each.partition("="))
        if field not in _MAPPED:
            raise usage_error(f"--column {each}: there is no field {field!r}{nearest(field, _MAPPED)}")
        if not name:
            raise usage_error(f"--column {each}: name its column, as --column {field}=NAME")
        named: dict[str, Any] = {field: name}
        columns = replace(columns, **named)
    try:
        table = load_foreign(logs[0], columns)
    except DataError as error:
        raise DataError(re.sub(r"Columns\((\w+)='...'\)", r"--column \1=NAME", str(error))) from None
    return narrowed(
        table, since=filters.since, until=filters.until, task_type=filters.types, source=filters.sources or None
    )
