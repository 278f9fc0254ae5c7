"""`selector export`: logged decisions, with what came of them, as one file that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from selector.cli._lines import counted, say
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, wanted
from selector.cli._output import complain, money, print_json
from selector.cli._reading import places, state_folder
from selector.errors import DataError, nearest
from selector.replay import left_out, load, log_target, models_of, notes_of, save_log

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["export"]


def export(
    output: Annotated[
        Path, typer.Option("-o", "--output", metavar="FILE", help="Where to: a .parquet, .csv or .duckdb file.")
    ],
    since: Annotated[
        str | None, typer.Option("--since", metavar="TIME", help="From this time on, such as 2026-03-10 (UTC).")
    ] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="TIME", help="Up to this time.")] = None,
    task_type: Annotated[
        list[str] | None, typer.Option("--type", metavar="TYPE", help="On this kind of task alone; may be repeated.")
    ] = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", metavar="MODEL", help="That chose this model; may be repeated.")
    ] = None,
    label: Annotated[
        list[str] | None, typer.Option("--label", metavar="WORD", help="Whose task has this label; may be repeated.")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option("--source", metavar="WORD", help="Judged by this source; repeated, the most believed first."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Write logged decisions to a file: one row each, with its probability, attempts, cost and score.

    The columns are described in the file itself: in Parquet as each field's "doc", in DuckDB in the table "fields".
    """
    asked = wanted(config, state, as_json, verbose, quiet)
    target = log_target(output, force=force)
    folder = state_folder(asked)
    believed = source or places(asked)[0].outcomes
    table = load(folder, since=since, until=until, task_type=task_type, source=believed)
    table = _with(table, model, label)
    size = save_log(table, target, force=force)
    data = {"file": str(target), "format": target.suffix[1:], "bytes": size, **_summed(table)}
    for fault in data["faults"]:
        complain(f"note: could not be read and is not in the file: {fault}")
    if as_json:
        print_json({"schema": "selector.export/1", **data})
    elif quiet:
        say(str(target))
    else:
        _tell(data)


def _with(table: pa.Table, models: list[str] | None, labels: list[str] | None) -> pa.Table:
    """Keep decisions for some models, and those whose task has all of some labels."""
    import pyarrow as pa  # noqa: PLC0415 - only where a table is looked into
    import pyarrow.compute as pc  # noqa: PLC0415 - likewise

    known = models_of(table)
    for name in models or ():
        if name not in known:
            raise DataError(f"--model {name}: no decision had it on the table{nearest(name, known)}")
    if models:
        table = table.filter(pc.is_in(table["model"].cast(pa.string()), value_set=pa.array(models)))
    if labels:
        table = table.filter(
            pa.array([{*labels} <= {*(each or ())} for each in table["labels"].to_pylist()], pa.bool_())
        )
    if not len(table):
        said = " and ".join(
            [*(f"--model {name}" for name in models or ()), *(f"--label {name}" for name in labels or ())]
        )
        raise DataError(f"no decision fits {said}; nothing was written")
    return table


def _summed(table: pa.Table) -> dict[str, Any]:
    """Count what is in a table."""
    import pyarrow as pa  # noqa: PLC0415 - only where a table is looked into
    import pyarrow.compute as pc  # noqa: PLC0415 - likewise

    notes = notes_of(table)
    types = pc.value_counts(table["task_type"].cast(pa.string())).to_pylist()
    chosen = pc.value_counts(table["model"].cast(pa.string())).to_pylist()
    span = pc.min_max(table["at"])
    return {
        "n_decisions": len(table),
        "n_judged": int(pc.sum(table["is_judged"]).as_py()),
        "n_with_propensity": len(table) - table["propensity"].null_count,
        "n_without_cost": table["cost_usd"].null_count,
        "without_propensity": left_out(table),
        "first_at": span["min"].as_py().isoformat(),
        "last_at": span["max"].as_py().isoformat(),
        "cost_usd": pc.sum(table["cost_usd"]).as_py(),
        "task_types": {each["values"]: each["counts"] for each in types},
        "models": {each["values"]: each["counts"] for each in chosen},
        "n_orphans": notes.n_orphans,
        "n_repeated": notes.n_repeated,
        "faults": list(notes.faults),
    }


def _tell(data: dict[str, Any]) -> None:
    say(f"{data['file']}: {counted(data['n_decisions'], 'decision')}, {data['bytes']:,} bytes")
    say(f"from {data['first_at'][:16]} to {data['last_at'][:16]} UTC, {money(data['cost_usd'])} USD")
    say(f"{data['n_judged']:,} judged, {data['n_with_propensity']:,} with a propensity")
    for reason, n in data["without_propensity"].items():
        say(f"  without one: {n:,} by {reason}")
    if data["n_orphans"]:
        say(f"{data['n_orphans']:,} reports are of decisions that the log does not have")
