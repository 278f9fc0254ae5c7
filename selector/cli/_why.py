"""`selector why MODEL`: why a model is used or is not, kind of task by kind of task, and what would change that."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from selector import Task
from selector.cli._changes import needed, remedy, standing
from selector.cli._lines import counted, say
from selector.cli._options import AsJson, ConfigPath, Quiet, StatePath, Verbose, wanted
from selector.cli._output import money, number, print_json
from selector.cli._reading import Reading, reading
from selector.cli._words import model_entry, objective_words
from selector.errors import NoEligibleModelError, UnknownTaskTypeError
from selector.records import Candidate

__all__ = ["why"]

_ANY = "any"  # stands for all task types until one came or is configured


def why(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Its name.")],
    task_type: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="On this kind of task alone.")] = None,
    input_tokens: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Of tasks this long; else as long as recent ones were.")
    ] = None,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Say why a model is used, or never is, on each kind of task, and what would have to change."""
    asked = wanted(config, state, as_json, verbose, quiet)
    with reading(asked) as found:
        entry = model_entry(found, found.catalog.model(model))
        if task_type is not None and found.types and task_type not in found.types:
            raise UnknownTaskTypeError.of(task_type, found.types, key="--type")
        types = [task_type] if task_type is not None else found.types or [_ANY]
        data = {
            "model": model,
            "not_used": entry["not_used"],
            "note": entry["note"],
            "objective": objective_words(found),
            "routes": entry["routes"],
            "types": [_of_type(found, model, each, input_tokens) for each in types],
        }
    if as_json:
        print_json({"schema": "selector.why/1", **data})
    else:
        _tell(data, quiet=quiet)


def _of_type(found: Reading, model: str, task_type: str, input_tokens: int | None) -> dict[str, Any]:
    """Lay out how a model stands on one kind of task."""
    n_chosen, n_recent = found.chosen(model, task_type)
    tokens = found.usual_tokens(task_type) if input_tokens is None else input_tokens
    entry: dict[str, Any] = {
        "task_type": task_type,
        "input_tokens": tokens,
        "probability": 0.0,
        "n_chosen": n_chosen,
        "n_recent": n_recent,
        "excluded": None,
        "belief": None,
        "best": None,
        "shadow_price": None,
        "needed": None,
    }
    try:
        decision = found.preview(Task(task_type, input_tokens=tokens))
    except NoEligibleModelError as error:
        entry["excluded"] = error.reasons.get(model, str(error))
        return entry | {"remedy": remedy(entry["excluded"], model, task_type)}
    candidates = {c.model: c for c in decision.candidates}
    exclusion = decision.exclusions.get(model)
    entry["shadow_price"] = decision.shadow_price
    if exclusion is not None:
        entry["excluded"] = str(exclusion)
        return entry | {"remedy": remedy(str(exclusion), model, task_type)}
    if model not in candidates:
        entry["excluded"] = "too_dear (the target per request does not reach for it)"
        return entry | {"remedy": remedy("too_dear", model, task_type)}
    place = standing(found, decision, candidates[model])
    entry |= {
        "probability": candidates[model].probability,
        "belief": _belief(candidates[model], place.value),
        "best": _belief(place.best, place.best_value),
        "needed": needed(found, place),
    }
    return entry | {"remedy": None}


def _belief(candidate: Candidate, value: float | None) -> dict[str, Any]:
    low, high = candidate.interval or (None, None)
    return {
        "model": candidate.model,
        "success": candidate.mean,
        "low": low,
        "high": high,
        "n": candidate.n,
        "prior_share": candidate.prior_share,
        "cost_usd": candidate.cost_usd,
        "value": value,
    }


def _tell(data: dict[str, Any], *, quiet: bool) -> None:
    if not quiet:
        routes = ", ".join(route["route"] for route in data["routes"])
        say(f"{data['model']}: {data['not_used'] or data['note'] or 'may be used'}; routes: {routes}")
        say(f"wanted: {data['objective']}")
    for entry in data["types"]:
        if not quiet:
            say()
        long = "" if entry["input_tokens"] is None else f" of {entry['input_tokens']:,} input tokens"
        head = f"{entry['task_type']}{long}: "
        if entry["excluded"] is not None:
            say(f"{head}never chosen: {entry['excluded']}")
        else:
            say(f"{head}chosen with probability {_chance(entry['probability'])}")
        if not quiet:
            _tell_rest(entry)


def _tell_rest(entry: dict[str, Any]) -> None:
    if entry["n_recent"]:
        say(f"  was chosen for {entry['n_chosen']:,} of the last {entry['n_recent']:,} of these tasks")
    if entry["belief"] is not None:
        _tell_belief("believed of", entry["belief"])
        if entry["best"]["model"] != entry["belief"]["model"]:
            _tell_belief("the best now is", entry["best"])
        if entry["shadow_price"]:
            say(f"  a dollar more is worth {entry['shadow_price']:,.3g} successes")
    for line in (entry["needed"] or {}).get("lines", []):
        say(f"  {line}")
    if entry["remedy"] is not None:
        say(f"  to change that: {entry['remedy']}")


def _tell_belief(what: str, belief: dict[str, Any]) -> None:
    interval = "" if belief["low"] is None else f" ({belief['low']:.2f} to {belief['high']:.2f})"
    prior = "" if belief["prior_share"] is None else f", {belief['prior_share']:.0%} of it prior"
    say(
        f"  {what} {belief['model']}: "
        f"success {number(belief['success'], 2)}{interval} from {counted(belief['n'], 'outcome')}"
        f"{prior}; expected cost {money(belief['cost_usd'])} USD"
    )


def _chance(probability: float) -> str:
    return "0" if probability == 0 else f"{probability:.2g}"
