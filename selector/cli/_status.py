"""`selector status` and `selector budget`: how things stand."""

from __future__ import annotations

from typing import Any

from selector.catalog import NANO
from selector.cli._lines import say, show_rows
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, wanted
from selector.cli._output import print_json
from selector.cli._reading import Reading, reading
from selector.cli._story import moment
from selector.cli._words import budget_entry

__all__ = ["budget", "status"]


def status(
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Take stock: decisions, outcomes, what waits and for how long, budgets, drift, damage."""
    asked = wanted(config, state, as_json, verbose, quiet)
    with reading(asked) as found:
        stock = dict(found.status().as_dict())
        folder = str(found.folder)
    if as_json:
        print_json({"schema": "selector.status/1", "state": folder, **stock})
        return
    if not quiet:
        say(f"state: {folder}")
    for name, value in stock.items():
        if verbose or value not in {None, 0, ()} or name in {"n_decisions", "n_outcomes", "n_pending"}:
            lines = value if isinstance(value, tuple) else (_shown(value),)
            for line in lines or ("none",):
                say(f"{name}: {line}")


def _shown(value: object) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)


def budget(
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Say of each budget what was spent, what is held, what is left, and when it begins anew."""
    asked = wanted(config, state, as_json, verbose, quiet)
    with reading(asked) as found:
        entries = _entries(found)
    if as_json:
        print_json({"schema": "selector.budget/1", "budgets": entries})
        return
    if not entries:
        say("no budgets are configured")
        return
    headings = ["budget", "of", "spent", "held", "left", "limit", "kind", "begins anew"]
    amounts = ("spent", "held", "left", "limit")
    rows = [
        [
            entry["name"],
            entry["resource"],
            *("" if entry[name] is None else f"{entry[name]:,.6g}" for name in amounts),
            "average" if entry["resource"] == "usd_per_request" else "hard" if entry["hard"] else "soft",
            entry["resets_at"] or "",
        ]
        for entry in entries
    ]
    show_rows(headings, rows, numbers=amounts, bare=quiet)


def _entries(found: Reading) -> list[dict[str, Any]]:
    tills = {till.label: till for till in found.core.budget.tills}
    entries = []
    for each in found.config.budgets:
        entry = budget_entry(each) | {"spent": None, "held": None, "left": None, "resets_at": None}
        till = tills.get(each.label)
        if till is not None:
            unit = NANO if till.resource == "usd" else 1
            resets_at = till.resets_at
            entry["spent"], entry["held"], entry["left"] = (x / unit for x in (till.spent, till.held, till.room))
            entry["resets_at"] = None if resets_at is None else moment(resets_at.timestamp())
        entries.append(entry)
    return entries
