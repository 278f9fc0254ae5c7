"""`selector replay plan LOG`: how many decisions, days and dollars a verdict on another policy takes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from selector.cli._lines import counted, say
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, usage_error, wanted
from selector.cli._output import complain, money, print_json
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
from selector.replay import EvidencePlan, Goal, Need, notes_of, plan_log

__all__ = ["plan"]

_ROWS = 40  # shown by task type without -v


def plan(
    logs: LogPaths = None,
    policy: Annotated[
        list[str] | None,
        typer.Option("--policy", metavar="WORD", help="As of `selector replay`; may be repeated. None: each model."),
    ] = None,
    budget: Annotated[
        str | None, typer.Option("--budget", metavar="USD|SHARE", help="Mean dollars per decision, or 50%.")
    ] = None,
    detect: Annotated[
        float, typer.Option("--detect", metavar="SHARE", help="The difference in success that is to be seen.")
    ] = 0.02,
    power: Annotated[float, typer.Option("--power", metavar="SHARE", help="How probably, where it is there.")] = 0.8,
    level: Annotated[float, typer.Option("--level", metavar="SHARE", help="Of the intervals.")] = 0.95,
    days: Annotated[float, typer.Option("--days", metavar="N", help="In which a higher floor is to get there.")] = 14.0,
    per_day: Annotated[
        float | None, typer.Option("--per-day", metavar="N", help="Decisions to come; None: as many as in the log.")
    ] = None,
    since: Since = None,
    until: Until = None,
    task_type: Types = None,
    source: Sources = None,
    mixed: Mixed = False,
    format: Format = None,  # noqa: A002 - the option is called so
    column: ColumnNames = None,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the rows as Parquet.")
    ] = None,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Say how much more evidence it takes to judge other policies by this log.

    The last columns are the least exploration, beyond what the log has, with which a verdict comes in time: how much
    higher the floor, what that costs, and how many successes. A number of decisions in all is the largest of what the
    difference takes, and what a supported verdict asks for (weights, width).
    """
    asked = wanted(config, state, as_json, verbose, quiet)
    _check(detect, power, level, {"--days": days, "--per-day": per_day}, output)
    filters = Filters(
        since=since, until=until, types=task_type, sources=source, mixed=mixed, format=format, columns=column
    )
    table = table_of(asked, logs, filters)
    for fault in notes_of(table).faults:
        complain(f"note: could not be read and is not counted: {fault}")
    goal = Goal(detect=detect, power=power, level=level, days=days)
    found = plan_log(table, policy, budgets=() if budget is None else (budget,), per_day=per_day, goal=goal)
    if output is not None:
        found.write_parquet(output)
    if as_json:
        answers = {each: found.answer(each) for each in found.policies}
        print_json({"schema": "selector.replay.plan/1", "answers": answers, **found.as_dict()})
    elif quiet:
        for each in found.policies:
            say(found.answer(each))
    else:
        _show(found, verbose=verbose)


def _check(detect: float, power: float, level: float, above: dict[str, float | None], output: Path | None) -> None:
    for option, value in (("--detect", detect), ("--power", power), ("--level", level)):
        if not 0 < value < 1:
            raise usage_error(f"{option} {value:g}: give a share between 0 and 1, such as .02 for two in a hundred")
    for option, number in above.items():
        if number is not None and not 0 < number < math.inf:
            raise usage_error(f"{option} {number:g}: give a number above 0")
    if output is not None and output.suffix != ".parquet":
        raise usage_error(f"--output {output}: what is written is parquet; let its name end in .parquet")
    if output is not None and not output.parent.is_dir():
        raise usage_error(f"--output {output}: there is no folder {output.parent}; make it, or write elsewhere")


def _show(found: EvidencePlan, *, verbose: bool) -> None:
    for each in found.policies:
        say(found.answer(each), "bold" if len(found.policies) == 1 else None)
    say()
    every = verbose or len(found.needs) <= _ROWS
    needs = [need for need in found.needs if every or need.task_type is None]
    _show_needs(needs)
    if not every:
        say("by task type with -v, or of one policy with --policy")
    _show_notes([need for need in needs if verbose or need.task_type is None])
    pace = "" if math.isnan(found.per_day) else f", {found.per_day:,.1f} a day"
    say()
    say(f"{counted(found.n, 'decision')}{pace}; level {found.goal.level:g}, power {found.goal.power:g}")
    for note in found.notes:
        say(f"note: {note}")


def _show_needs(needs: Sequence[Need]) -> None:
    headings = ["policy", "task type", "now", "judged", "difference", "needed", "for", "more", "days", "USD"]
    numbers = {"now", "judged", "difference", "needed", "more", "days", "USD", "floor", "costs USD", "successes"}
    headings += ["floor", "costs USD", "successes"]
    show_marked(headings, [_cells(need) for need in needs], numbers=numbers)


def _cells(need: Need) -> list[Marked | str]:
    shown = f"{need.value:+.3f} ± {_short(need.half_width)}"
    cells: list[Marked | str] = [need.policy, need.task_type or "all", f"{need.n:,}", f"{need.judged:.0%}"]
    cells += [Marked(shown, need.verdict == "supported"), _count(need.decisions), need.because, _count(need.more)]
    cells += [_count(need.days, 1), "-" if not math.isfinite(need.usd) else money(need.usd)]
    floor = need.floor
    if floor is None:
        return [*cells, "", "", ""]
    return [*cells, f"+{floor.floor:.3g}", money(floor.usd), f"{-floor.successes:+,.1f}"]


def _short(half_width: float) -> str:
    return f"{half_width:.3f}" if half_width <= 1 else "more than 1"


def _count(value: float, digits: int = 0) -> str:
    return "-" if math.isnan(value) else "never" if math.isinf(value) else f"{value:,.{digits}f}"


def _show_notes(needs: Sequence[Need]) -> None:
    told = [need for need in needs if need.note]
    if told:
        say()
    for need in told:
        where = "" if need.task_type is None else f", {need.task_type}"
        say(f"  {need.policy}{where}: {need.note}", "dim")
