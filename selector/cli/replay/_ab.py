"""`selector replay ab NAME`: what an experiment by share shows so far."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Annotated

import typer

from selector.cli._lines import counted, say, show_rows
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, usage_error, wanted
from selector.cli._output import complain, money, number, print_json, write_json
from selector.cli.replay._log import Filters, LogPaths, Mixed, Since, Sources, Types, Until, table_of
from selector.replay import AbEffect, AbTest, Interval, ab_test, notes_of

__all__ = ["ab"]


def ab(
    name: Annotated[
        str,
        typer.Argument(metavar="NAME", help="The rule with the share; `mode` for the share of the configured mode."),
    ],
    logs: LogPaths = None,
    detect: Annotated[
        float, typer.Option("--detect", metavar="N", help="The difference in success that is to be seen.")
    ] = 0.02,
    price: Annotated[
        float | None,
        typer.Option("--price", metavar="N", help="Compare success less N successes per dollar; else as logged."),
    ] = None,
    failed: Annotated[
        float | None,
        typer.Option("--failed", metavar="SCORE", help="What a decision that nobody answered earned, such as 0."),
    ] = None,
    level: Annotated[float, typer.Option("--level", metavar="SHARE", help="Of the intervals.")] = 0.95,
    since: Since = None,
    until: Until = None,
    task_type: Types = None,
    source: Sources = None,
    mixed: Mixed = False,
    output: Annotated[
        Path | None, typer.Option("-o", "--output", metavar="FILE", help="Write the result as JSON, too.")
    ] = None,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Say whether the treatment of an experiment by share is better, at what cost, and whether to trust that.

    Each difference has an interval for one look at a time fixed beforehand, and one that holds however often one
    looks; only by the latter an experiment may be stopped as soon as it shows something.
    """
    asked = wanted(config, state, as_json, verbose, quiet)
    if output is not None and output.suffix != ".json":
        raise usage_error(f"--output {output}: what is written is JSON; name it .json")
    filters = Filters(since=since, until=until, types=task_type, sources=source, mixed=mixed)
    table = table_of(asked, logs, filters)
    for fault in notes_of(table).faults:
        complain(f"note: could not be read and is not compared: {fault}")
    found = ab_test(table, name, detect=detect, price=price, failed=failed, level=level)
    data = {"schema": "selector.replay.ab/1", **found.as_dict()}
    if output is not None:
        output.write_text(write_json(data) + "\n", encoding="utf-8")
    if as_json:
        print_json(data)
    elif quiet:
        say(found.verdict)
    else:
        _tell(found, level)


def _tell(found: AbTest, level: float) -> None:
    say(f"{found.name}: {found.conclusion}")
    say()
    rows = []
    for side, arm in found.arms.items():
        models = ", ".join(f"{model} {share:.0%}" for model, share in list(arm.models.items())[:3])
        cells = [side, f"{arm.n_tasks:,}", f"{arm.judged:.1%}", _number(arm.success), money(_known(arm.cost_usd))]
        rows.append([*cells, models])
    numbers = ("tasks", "judged", "success", "USD/task")
    show_rows(["side", *numbers, "models chosen"], rows, numbers=numbers)
    say()
    rows = [
        [each.outcome, _signed(each, each.value), _ends(each, each.interval), _ends(each, each.sequence)]
        for each in found.effects
    ]
    heading = f"{level:.0%} at one look"
    show_rows(["difference", "per task", heading, "at every look"], rows, numbers=("per task",))
    say()
    ratio = found.sample_ratio
    word = "not what was drawn" if ratio.alarm else "as drawn"
    say(
        f"shares: {word}: {ratio.found:.2%} of the tasks got the treatment, and {ratio.expected:.2%} were to "
        f"(p {_p(ratio.sequential_p)} at any look; an alarm at .001)"
    )
    if len(found.shares) > 1:
        for each in found.shares:
            n = counted(each.n_treatment + each.n_control, "task")
            say(f"  {each.share:.3g} from {each.first_at[:16]} to {each.last_at[:16]} UTC: {n}")
    for note in found.notes:
        say(f"note: {note}")


def _known(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _number(value: float) -> str:
    return number(_known(value))


def _p(value: float) -> str:
    return "< .001" if value < 0.001 else f"{value:.3f}"


def _signed(effect: AbEffect, value: float) -> str:
    if not math.isfinite(value):
        return "-"
    return f"{value:+.3g}" if effect.outcome == "cost" else f"{value:+.4f}"


def _ends(effect: AbEffect, interval: Interval) -> str:
    if not math.isfinite(interval.low):
        return "too little known"
    return f"{_signed(effect, interval.low)} .. {_signed(effect, interval.high)}"
