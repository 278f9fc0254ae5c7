"""How results and complaints look: tables for people, one JSON object for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson
from rich.box import HEAVY_HEAD
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

__all__ = ["complain", "console", "money", "number", "print_json", "progress", "study_tables", "table_of", "write_json"]

_UNWRAPPED = 100_000  # columns


def console(*, stderr: bool = False) -> Console:
    """Return a console that respects NO_COLOR, pipes and narrow terminals; a pipe gets its lines unwrapped."""
    found = Console(stderr=stderr, highlight=False, markup=False, emoji=False)
    if not found.is_terminal:
        found.width = _UNWRAPPED
    return found


def table_of(title: str) -> Table:
    """Begin a table: with rules on a terminal, of aligned columns alone in a pipe."""
    box = HEAVY_HEAD if console().is_terminal else None
    return Table(title=title, title_justify="left", title_style="bold", box=box)


def complain(message: str) -> None:
    """Print an error where errors go."""
    sys.stderr.write(f"selector: {message}\n")


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object and nothing else."""
    text = write_json(value)
    if not str(sys.stdout.encoding or "utf-8").lower().startswith("utf"):
        text = json.dumps(json.loads(text), indent=2)  # in characters that every encoding has
    sys.stdout.write(text + "\n")


def write_json(value: dict[str, Any]) -> str:
    """Return an object as indented JSON; a number that is not finite is null."""
    return orjson.dumps(value, option=orjson.OPT_INDENT_2 | orjson.OPT_SERIALIZE_NUMPY).decode()


def money(usd: float | None) -> str:
    """Show dollars with three significant digits.

    Examples
    --------
    >>> money(0.00023451), money(1.2), money(None)
    ('0.000235', '1.20', '-')
    """
    if usd is None:
        return "-"
    return f"{usd:.3g}" if 0 < abs(usd) < 0.01 else f"{usd:.3f}" if abs(usd) < 1 else f"{usd:.2f}"


def number(value: float | None, digits: int = 4) -> str:
    """Show a number, or a dash.

    Examples
    --------
    >>> number(0.87654), number(None)
    ('0.8765', '-')
    """
    return "-" if value is None else f"{value:.{digits}f}"


def study_tables(study: dict[str, Any]) -> list[Table]:
    """Lay a study out: a table per budget with policies above and references below, then paired differences."""
    passes = max(row["pass"] for row in study["rows"])
    tables = []
    for budget in dict.fromkeys(row["budget_usd_per_request"] for row in study["rows"]):
        title = "no budget" if budget is None else f"{money(budget)} USD per request"
        table = table_of(title)
        table.add_column("policy")
        if passes > 1:
            table.add_column("pass", justify="right")
        for heading in ("reward", "± se", "USD/request", "used", "most", "over", "hull at spend", "regret"):
            table.add_column(heading, justify="right")
        table.add_column("models chosen")
        for row in (r for r in study["rows"] if r["budget_usd_per_request"] == budget):
            table.add_row(*_row_cells(row, passes))
        table.add_section()
        for reference in (
            r for r in study["references"] if r["budget_usd_per_request"] == budget and r["name"] in _KNOWN
        ):
            blank = [""] * (2 if passes > 1 else 1)
            cells = [reference["name"].replace("_", " "), *blank[1:], number(reference["mean_reward"]), ""]
            table.add_row(*cells, money(reference["mean_cost_usd"]), style="dim")
        tables.append(table)
    if study["differences"]:
        tables.append(_difference_table(study["differences"], passes))
    return tables


_KNOWN = ("best_fixed", "static_hull", "type_optimum", "prompt_oracle")


def _row_cells(row: dict[str, Any], passes: int) -> list[str]:
    used, most = row["utilisation"], row["max_utilisation"]
    shares = sorted(row["shares"].items(), key=lambda item: -item[1])
    shown = ", ".join(f"{name} {share:.0%}" for name, share in shares[:3] if share >= 0.005)
    refused = f" ({row['refused']} refused)" if row["refused"] else ""
    return [
        row["policy"],
        *([str(row["pass"])] if passes > 1 else []),
        number(row["mean_reward"]),
        number(row["se_reward"]),
        money(row["mean_cost_usd"]),
        number(used, 3),
        number(most, 2),
        "-" if row["seeds_over_cap"] is None else str(row["seeds_over_cap"]),
        number(row["hull_at_spend"]),
        number(row["regret"]),
        shown + refused,
    ]


def _difference_table(differences: list[dict[str, Any]], passes: int) -> Table:
    table = table_of("paired differences, 95 % interval")
    table.add_column("policies")
    if passes > 1:
        table.add_column("pass", justify="right")
    for heading in ("USD/request", "reward", "interval"):
        table.add_column(heading, justify="right")
    for d in differences:
        interval = f"{d['low']:+.4f} .. {d['high']:+.4f}"
        numbered = [str(d["pass"])] if passes > 1 else []
        cells = [f"{d['policy']} - {d['minus']}", *numbered, money(d["budget_usd_per_request"])]
        table.add_row(*cells, f"{d['mean_reward']:+.4f}", interval)
    return table


@contextmanager
def progress(total: int, *, shown: bool) -> Iterator[Callable[[int], None]]:
    """Show a progress bar on a terminal; give what to call with the number of decisions made since."""
    err = console(stderr=True)
    if not (shown and err.is_terminal):
        yield lambda _: None
        return
    columns = (
        TextColumn("simulating"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("decisions"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda n: bar.advance(task, n)
