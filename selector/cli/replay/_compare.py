"""`selector replay LOG`: what other policies would have earned and spent on the tasks of a log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from selector.cli._lines import say
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, usage_error, wanted
from selector.cli._output import complain, print_json
from selector.cli.replay._log import (
    ColumnNames,
    Filters,
    Format,
    LogPaths,
    Mixed,
    Since,
    Sources,
    Types,
    Until,
    table_of,
)
from selector.cli.replay._tables import show_comparison
from selector.config import Config
from selector.replay import (
    POLICY_WORDS,
    CompareOptions,
    models_of,
    notes_of,
    repriced,
)
from selector.replay import (
    compare as compare_policies,
)

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["compare"]

_WORDS = "; ".join(f"{word}: {meaning}" for word, meaning in POLICY_WORDS.items())

_MORE = ("dm", "ips", "snips", "clipped_dr", "sn_dr", "aw_dr")

PolicyWords = Annotated[
    list[str] | None,
    typer.Option(
        "--policy",
        metavar="WORD",
        help=f"{_WORDS}. May be repeated; else ours, uniform, and each model.",
    ),
]
Budgets = Annotated[
    list[str] | None,
    typer.Option(
        "--budget",
        metavar="USD|SHARE",
        help="Mean dollars per decision, or a share of what was spent, such as 50%, for ours, without, frozen and "
        "greedy; may be repeated.",
    ),
]


def compare(
    logs: LogPaths = None,
    policy: PolicyWords = None,
    budget: Budgets = None,
    price: Annotated[
        float | None, typer.Option("--price", metavar="N", help="Compare success less N successes per dollar.")
    ] = None,
    worth: Annotated[
        list[str] | None,
        typer.Option(
            "--worth",
            metavar="[TYPE=]USD",
            help="Compare dollars: a success is worth so many, less what it cost; may be repeated by type.",
        ),
    ] = None,
    since: Since = None,
    until: Until = None,
    task_type: Types = None,
    source: Sources = None,
    failed: Annotated[
        float | None,
        typer.Option("--failed", metavar="REWARD", help="What a decision that nobody answered earned, such as 0."),
    ] = None,
    prices: Annotated[
        Path | None, typer.Option("--prices", metavar="CONFIG", help="At the prices of this configuration.")
    ] = None,
    price_factor: Annotated[
        list[str] | None,
        typer.Option("--price-factor", metavar="MODEL=FACTOR", help="At so many times its price; may be repeated."),
    ] = None,
    estimator: Annotated[
        list[str] | None,
        typer.Option(
            "--estimator", metavar="NAME", help="Show dm, ips, snips, clipped_dr, sn_dr or aw_dr too; may be repeated."
        ),
    ] = None,
    level: Annotated[float, typer.Option("--level", metavar="SHARE", help="Of the intervals.")] = 0.95,
    anytime: Annotated[
        bool, typer.Option("--anytime", help="Intervals that hold however often one looks while the log grows.")
    ] = False,
    mixed: Mixed = False,
    format: Format = None,  # noqa: A002 - the option is called so
    column: ColumnNames = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the rows as Parquet.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option("--plot", metavar="FILE", help="Draw success against dollars as SVG.")
    ] = None,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Say from logged decisions what other policies would have earned and spent, and how sure that is.

    The first line is the answer. A number in parentheses cannot be relied on: below the table stands why. Differences
    are from what was really chosen, on the same decisions, corrected for how many are compared.
    """
    asked = wanted(config, state, as_json, verbose, quiet)
    _check_targets(output, plot)
    worths, factors = _worth(worth), _factors(price_factor)
    estimators = tuple(estimator or (_MORE if verbose else ()))
    options = CompareOptions(level=level, anytime=anytime, estimators=estimators, failed=failed)
    filters = Filters(
        since=since, until=until, types=task_type, sources=source, mixed=mixed, format=format, columns=column
    )
    table = table_of(asked, logs, filters)
    for fault in notes_of(table).faults:
        complain(f"note: could not be read and is not compared: {fault}")
    table, said = _at_prices(table, prices, factors)
    found = compare_policies(
        table, policy, budgets=budget or (), price=price, worth=_by_type(worths, table), options=options
    )
    if output is not None:
        found.write_parquet(output)
    if plot is not None:
        from selector.report import comparison_figure, save_svg  # noqa: PLC0415 - pictures take long to load

        save_svg(comparison_figure(found.as_dict()), plot)
    notes = [*said, *found.notes]
    if as_json:
        print_json(found.as_dict() | {"logs": list(notes_of(table).sources), "notes": notes})
    elif quiet:
        say(found.answer)
    else:
        show_comparison(found, notes, verbose=verbose)


def _check_targets(output: Path | None, plot: Path | None) -> None:
    """Refuse what cannot be written, before the work is done."""
    for option, path, ending in (("--output", output, ".parquet"), ("--plot", plot, ".svg")):
        if path is None:
            continue
        if path.suffix != ending:
            raise usage_error(f"{option} {path}: what is written is {ending[1:]}; let its name end in {ending}")
        if not path.parent.is_dir():
            raise usage_error(f"{option} {path}: there is no folder {path.parent}; make it, or write elsewhere")


def _number(text: str, option: str, what: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise usage_error(f"{option}: {text!r} is no number; {what}") from None


def _worth(words: Sequence[str] | None) -> dict[str, float] | None:
    """Read dollars by task type; under no name, those of all others."""
    if not words:
        return None
    pairs = [word.rpartition("=") for word in words]
    what = "give dollars, as --worth 0.05 or --worth coding=0.05"
    return {name.strip(): _number(usd, f"--worth {name}", what) for name, _, usd in pairs}


def _by_type(worths: dict[str, float] | None, table: pa.Table) -> Mapping[str, float] | None:
    """Give each task type its worth."""
    if worths is None or "" not in worths:
        return worths
    types = table["task_type"].cast("string").unique().to_pylist()
    return dict.fromkeys(types, worths[""]) | {name: usd for name, usd in worths.items() if name}


def _factors(words: Sequence[str] | None) -> dict[str, float]:
    found = {}
    for word in words or ():
        name, _, factor = word.rpartition("=")
        if not name:
            raise usage_error(f"--price-factor {word}: name the model, as --price-factor MODEL=0.5")
        found[name] = _number(factor, f"--price-factor {name}", "give a factor, such as 0.5 for half the price")
    return found


def _at_prices(table: pa.Table, prices: Path | None, factors: Mapping[str, float]) -> tuple[pa.Table, list[str]]:
    """Put other prices on the log, and say so."""
    said = []
    if prices is not None:
        table = repriced(table, Config.load(prices))
        said.append(f"all dollars are at the prices of {prices}, those of logged calls too")
    if factors:
        table = repriced(table, {**dict.fromkeys(models_of(table), 1.0), **factors})
        shown = ", ".join(f"{factor:g} times those of {name}" for name, factor in factors.items())
        said.append(f"all dollars are at other prices: {shown}, those of logged calls too")
    return table, said
