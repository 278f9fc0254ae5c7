"""`selector status` and `selector budget`: how things stand."""

from __future__ import annotations

from typing import Any

from selector.catalog import NANO
from selector.cli._lines import say, show_rows
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, wanted
from selector.cli._output import print_json
from selector.cli._reading import Reading, reading
from selector.cli._story import moment
from selector.cli._words import budget_entry, span

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
    for name, words in _WORDS.items():
        value = stock.pop(name)
        if verbose or value not in _NOTHING or name in _ALWAYS:
            for each in value or ("none",) if isinstance(value, tuple) else (value,):
                say(f"{words}: {_shown(name, each)}")
    for line in stock["budgets"]:
        say(line)


_NOTHING: tuple[object, ...] = (None, 0, ())
_ALWAYS = ("n_decisions", "n_outcomes", "n_pending")
_WORDS = {
    "n_decisions": "decisions",
    "n_outcomes": "of these with an outcome",
    "n_pending": "waiting for one",
    "oldest_pending_s": "the oldest waits for",
    "n_judged": "judgements",
    "n_doubled": "reported twice, counted once",
    "n_orphans": "outcomes of unknown decisions",
    "n_unlogged": "decisions that the disk did not take",
    "quarantined": "pieces of the log that cannot be read",
    "faults": "cannot be read",
    "drift_alarms": "drift alarms",
    "alarms": "drift",
    "n_overruns": "calls that took more than was held",
    "shadow_price": "successes that one more dollar would bring",
    "below_cheapest": "the budget is below what the cheapest models cost",
    "health": "cannot serve just now",
    "flagged_sources": "never finds fault",
    "n_repaired": "beliefs that fell back to their prior",
    "trouble": "the disk refused",
}


def _shown(name: str, value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "nothing", True: "yes", False: "no"}[value]
    if name == "oldest_pending_s" and isinstance(value, float):
        return span(value)
    return f"{value:,.6g}" if isinstance(value, int | float) else str(value)


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
