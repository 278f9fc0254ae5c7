"""`selector validate` and `selector models`: what a configuration says, before anything is decided."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from selector.cli._lines import say, show_rows
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, usage_error, wanted
from selector.cli._output import money, print_json
from selector.cli._reading import reading
from selector.cli._words import budget_entry, budget_words, model_entry, objective_words, thousands

__all__ = ["models", "validate"]

_PRICES = ("usd_per_mtok_in", "usd_per_mtok_out", "usd_per_mtok_cache_read")
_PER_MTOK = ("USD/M in", "USD/M out", "USD/M cached")


def validate(
    path: Annotated[Path | None, typer.Argument(metavar="[PATH]", help="The configuration, as --config.")] = None,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Check a configuration, and say what would be done by it."""
    if path is not None and config is not None:
        raise usage_error("PATH and --config say the same; give one of them")
    asked = wanted(path or config, state, as_json, verbose, quiet)
    with reading(asked, fresh=True) as found:
        data = {
            "file": None if found.file is None else str(found.file),
            "state": str(found.folder),
            "config_digest": found.config.digest,
            "objective": objective_words(found),
            "policy": found.config.policy.name,
            "models": [model_entry(found, model) for model in found.catalog],
            "task_types": list(found.config.task_types),
            "budgets": [budget_entry(budget) for budget in found.config.budgets],
            "last_resort": found.config.last_resort,
        }
    if as_json:
        print_json({"schema": "selector.validate/1", **data})
    elif not quiet:
        _tell(data)


def _tell(data: dict[str, Any]) -> None:
    used = [model for model in data["models"] if model["not_used"] is None]
    unpriced = [r["route"] for m in used for r in m["routes"] if r["usd_per_mtok_in"] is None]
    say(f"{data['file'] or 'the keys in the environment'}: nothing is wrong")
    say(f"wanted: {data['objective']}")
    say(f"policy: {data['policy']}")
    say(f"models: {', '.join(model['name'] for model in used) or 'none'}")
    for model in data["models"]:
        if model["not_used"] is not None:
            say(f"not used: {model['name']}: {model['not_used']}")
        if model["note"] is not None:
            say(f"model {model['name']}: {model['note']}")
    if unpriced:
        say(f"no price is known: {', '.join(unpriced)}")
    for budget in data["budgets"]:
        say(f"budget {budget_words(budget)}")
    if not data["budgets"]:
        say("budgets: none")
    if data["task_types"]:
        say(f"task types: {', '.join(data['task_types'])}; others are learnt as they come")
    say(f"state: {data['state']}")


def models(
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """List models, their routes, prices now in USD per million tokens, and why one is not used."""
    asked = wanted(config, state, as_json, verbose, quiet)
    with reading(asked, fresh=True) as found:
        entries = [model_entry(found, model) for model in found.catalog]
    if as_json:
        print_json({"schema": "selector.models/1", "models": entries})
        return
    headings = ["model", "provider", "id", *_PER_MTOK, "context", "longest answer", "can", "used"]
    rows = [
        [
            entry["name"],
            route["provider"] or "",
            route["id"],
            *(_price(route[key]) for key in _PRICES),
            thousands(route["context_tokens"]),
            thousands(route["max_output_tokens"]),
            ",".join(entry["capabilities"]),
            f"no: {entry['not_used']}" if entry["not_used"] else entry["note"] or "yes",
        ]
        for entry in entries
        for route in entry["routes"]
    ]
    numbers = {*_PER_MTOK, "context", "longest answer"}
    show_rows(headings, rows, numbers=numbers, bare=quiet)


def _price(usd: float | None) -> str:
    return "unknown" if usd is None else money(usd)
