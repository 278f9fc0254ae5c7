"""`selector summary`: what each model did so far, for people and for programs."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from selector._clients import summarised
from selector.cli._lines import counted, say, show_rows
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, wanted
from selector.cli._output import complain, money, number, print_json
from selector.cli._reading import reading
from selector.errors import UnknownModelError, UnknownTaskTypeError

__all__ = ["summary"]

_HEADINGS = ["model", "done", "judged", "success", "quality", "seconds", "tokens in", "tokens out", "USD", "USD in all"]
_LAST = "passed on"


def summary(
    task_type: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="On this kind of task alone.")] = None,
    model: Annotated[str | None, typer.Option("--model", metavar="MODEL", help="Of this model alone.")] = None,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Sum up what each model did: completions, success, quality from 1 to 10, time, tokens, cost, escalations."""
    asked = wanted(config, state, as_json, verbose, quiet)
    with reading(asked) as found:
        data = summarised(found.core.state.events(), found.catalog, found.config.outcomes.rank)
        data["summary"]["is_whole"] = not (found.folder / "log" / "dropped.json").exists()
        known = {*found.types, *data["summary"]["task_types"]}
    if model is not None and model not in data["models"]:
        raise UnknownModelError.of(model, data["models"], key="--model")
    if task_type is not None and task_type not in known:
        raise UnknownTaskTypeError.of(task_type, sorted(known), key="--type")
    if as_json:
        print_json({"schema": "selector.summary/1", **_only(data, model, task_type)})
    else:
        _tell(_only(data, model, task_type), task_type, verbose=verbose, quiet=quiet)


def _only(data: dict[str, Any], model: str | None, task_type: str | None) -> dict[str, Any]:
    """Leave out the other models, and the other kinds of tasks."""
    models = {name: of for name, of in data["models"].items() if model in {None, name}}
    if task_type is not None:
        models = {name: of | {"task_types": _one(of, task_type)} for name, of in models.items()}
        data = data | {"summary": data["summary"] | {"task_types": _one(data["summary"], task_type)}}
    return data | {"models": models}


def _one(of: dict[str, Any], task_type: str) -> dict[str, Any]:
    return {name: each for name, each in of["task_types"].items() if name == task_type}


def _tell(data: dict[str, Any], task_type: str | None, *, verbose: bool, quiet: bool) -> None:
    whole = data["summary"]
    if not whole["is_whole"]:
        complain("note: what is older than state.keep was dropped from the log, and is not counted")
    if not quiet:
        span = "" if whole["first_at"] is None else f", {whole['first_at'][:10]} to {whole['last_at'][:10]}"
        say(f"{counted(whole['n_decisions'], 'decision')}{span}; of {whole['n_pending']:,} nothing was reported")
    rows = []
    for name, of in data["models"].items():
        if task_type is None:
            rows.append(_row(name, of))
        if verbose or task_type is not None:
            rows += [_row(name if task_type else f"  {kind}", each) for kind, each in of["task_types"].items()]
    headings = [*_HEADINGS, _LAST]
    show_rows(headings, rows, numbers={*headings} - {"model"}, bare=quiet)


def _row(name: str, of: dict[str, Any]) -> list[str]:
    rate = of["escalation_rate"]
    return [
        name,
        f"{of['n_completions']:,}",
        f"{of['n_judged']:,}",
        "" if of["success_rate"] is None else f"{of['success_rate']:.0%}",
        number(of["quality"], 1),
        number(of["mean_latency_s"], 1),
        *("" if of[key] is None else f"{of[key]:,.0f}" for key in ("mean_input_tokens", "mean_output_tokens")),
        money(of["mean_cost_usd"]),
        money(of["total_cost_usd"]),
        "" if rate is None else f"{rate:.0%}",
    ]
