"""`selector replay gate LOG --policy WORD`: whether one may switch, as an exit code."""

from __future__ import annotations

import math
from typing import Annotated

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
from selector.cli.replay._tables import Marked, show_marked
from selector.replay import Gate, GateCheck, GateTerms, gate_log, notes_of

__all__ = ["gate"]


def gate(
    policy: Annotated[str, typer.Option("--policy", metavar="WORD", help="As of `selector replay`.")],
    logs: LogPaths = None,
    success_margin: Annotated[
        float, typer.Option("--success-margin", metavar="SHARE", help="How much less often it may succeed.")
    ] = 0.02,
    min_saving: Annotated[
        float | None,
        typer.Option("--min-saving", metavar="SHARE", help="Of the cost, at least; 0: no dearer. None: not asked."),
    ] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="TIME", help="Evaluate from here on; frozen and greedy learn until here."),
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", metavar="USD|SHARE", help="Mean dollars per decision, or 50%.")
    ] = None,
    alpha: Annotated[float, typer.Option("--alpha", metavar="SHARE", help="Chance of a wrong pass.")] = 0.05,
    looks: Annotated[
        int, typer.Option("--looks", metavar="N", min=1, help="How often it will be looked at: alpha is shared.")
    ] = 1,
    least_share: Annotated[
        float,
        typer.Option(
            "--least-share", metavar="SHARE", help="The rarest types, together up to this share, need not be shown."
        ),
    ] = 0.05,
    since: Since = None,
    until: Until = None,
    task_type: Types = None,
    source: Sources = None,
    mixed: Mixed = False,
    format: Format = None,  # noqa: A002 - the option is called so
    column: ColumnNames = None,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> int:
    """Say whether a policy may replace the one that chose: exit code 0 pass, 1 fail, 2 not enough evidence.

    It passes if it is shown, in all and in every task type, that it succeeds less often by no more than the margin, and
    that it saves enough. It fails if one of these is shown to be broken. Errors have exit codes 1 and 2 too; then there
    is nothing on standard output, and with --json "selector.error/1" on the other one.

    Give it decisions that the policy was not chosen by: --since, or --at. A gate that is looked at every day until it
    passes will pass wrongly in the end: say how often with --looks.
    """
    asked = wanted(config, state, as_json, verbose, quiet)
    terms = _terms(success_margin, min_saving, alpha, looks, least_share)
    filters = Filters(
        since=since, until=until, types=task_type, sources=source, mixed=mixed, format=format, columns=column
    )
    table = table_of(asked, logs, filters)
    for fault in notes_of(table).faults:
        complain(f"note: could not be read and is not evaluated: {fault}")
    found = gate_log(table, policy, at=at, budget=budget, terms=terms)
    if as_json:
        print_json({"schema": "selector.replay.gate/1", "answer": str(found), **found.as_dict()})
    elif quiet:
        say(str(found))
    else:
        _show(found)
    return found.exit_code


def _terms(margin: float, saving: float | None, alpha: float, looks: int, least_share: float) -> GateTerms:
    for option, value, high in (("--success-margin", margin, 1), ("--alpha", alpha, 0.5)):
        if not 0 < value < high:
            raise usage_error(f"{option} {value:g}: give a share between 0 and {high:g}, such as .02")
    if saving is not None and not -math.inf < saving < 1:
        raise usage_error(f"--min-saving {saving:g}: give a share of the cost below 1, such as .1 for a tenth")
    if not 0 <= least_share < 1:
        raise usage_error(f"--least-share {least_share:g}: give a share of the decisions from 0 to 1, such as .05")
    return GateTerms(success_margin=margin, min_saving=saving, alpha=alpha, looks=looks, least_share=least_share)


def _show(found: Gate) -> None:
    say(str(found), "bold")
    say()
    headings = [
        "asked",
        "task type",
        "share",
        "n",
        "found",
        "at least",
        "at most",
        "asked for",
        "is",
        "missing",
        "days",
    ]
    rows = [_cells(found, check) for check in found.checks]
    show_marked(headings, rows, numbers=set(headings[2:8]) | {"missing", "days"})
    _show_reasons(found)
    terms, z = found.terms, 1 - found.terms.one_sided
    say()
    before = f", after {found.n_before:,} that are not evaluated" if found.n_before else ""
    say(f"{found.n:,} decisions{before}; one-sided bounds at {z:.3%}".replace(".000%", " %").replace("0%", " %"))
    if terms.looks > 1:
        say(f"a wrong pass has a chance of {terms.alpha:g} at most over {terms.looks} looks")
    for note in found.notes:
        say(f"note: {note}")


def _cells(found: Gate, check: GateCheck) -> list[Marked | str]:
    sure = check.verdict.word == "supported"
    is_ = check.state if check.required or check.state != "open" else "not required"
    return [
        check.what,
        check.task_type or "all",
        f"{check.share:.1%}",
        f"{check.n:,}",
        *(Marked(_share(value, check.what), sure) for value in (check.value, check.low, check.high)),
        _share(check.least, check.what),
        is_,
        _missing(check.more) if check.state == "open" else "",
        _missing(found.days(check), 1) if check.state == "open" else "",
    ]


def _share(value: float, what: str) -> str:
    if not abs(value) <= 10:
        return "-"
    return f"{value:.1%}" if what == "saving" else f"{value:+.3f}"


def _missing(n: float, digits: int = 0) -> str:
    return "-" if math.isnan(n) else "never" if math.isinf(n) else f"{n:,.{digits}f}"


def _show_reasons(found: Gate) -> None:
    told = [check for check in found.checks if check.state == "open"]
    if told:
        say()
        say("not shown:", "dim")
    for check in told:
        where = check.task_type or "all"
        say(f"  {check.what} in {where}: {check.why}; {_advice(found, check)}", "dim")


def _advice(found: Gate, check: GateCheck) -> str:
    if math.isinf(check.more):
        return "more decisions like these would not show it"
    days = found.days(check)
    when = "" if math.isnan(days) else f", {days:,.1f} days"
    kind = "" if check.task_type is None else " of its kind"
    return f"some {check.more:,.0f} more decisions{kind}{when} are to be expected to"
