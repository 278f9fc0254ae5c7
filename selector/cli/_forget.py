"""`selector forget`: what users wrote is removed from the log's decisions, for good."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from selector.cli._lines import counted, say
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, usage_error, wanted
from selector.cli._output import print_json
from selector.cli._reading import now, state_folder
from selector.cli._select import pair
from selector.store import FORGETTABLE, State

__all__ = ["forget"]


def forget(
    metadata: Annotated[str, typer.Option(metavar="KEY=VALUE", help="Decisions of tasks with this fact.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Remove metadata, labels, session, task id and prompts from decisions in the log; what was learnt stays."""
    asked = wanted(config, state, as_json, verbose, quiet)
    key, value = pair(metadata)
    folder = state_folder(asked)
    matches = _matching(key, value)
    if not yes:
        _confirm(folder, matches)
    with State.open(folder, clock=now) as log:
        n_forgotten = log.forget(matches, FORGETTABLE)
    if as_json:
        data = {"metadata": {key: value}, "n_forgotten": n_forgotten, "fields": list(FORGETTABLE)}
        print_json({"schema": "selector.forget/1", **data})
    elif quiet:
        say(str(n_forgotten))
    else:
        say(f"cleaned of {', '.join(FORGETTABLE)}: {counted(n_forgotten, 'decision')} with {metadata}")


def _matching(key: str, value: str) -> Callable[[dict[str, Any]], bool]:
    def matches(event: dict[str, Any]) -> bool:
        facts = event.get("metadata") or {}
        return key in facts and str(facts[key]) == value

    return matches


def _confirm(folder: Path, matches: Callable[[dict[str, Any]], bool]) -> None:
    if not sys.stdin.isatty():
        raise usage_error("this cannot be undone, and nobody can be asked; give --yes")
    with State.open(folder, clock=now, read_only=True) as log:
        found = sum(event["kind"] == "decision" and matches(event) for event in log.events())
    typer.confirm(f"Clean {counted(found, 'decision')} in {folder}? This cannot be undone.", abort=True, err=True)
