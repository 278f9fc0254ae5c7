"""`selector why MODEL`: why a model is used or is not, kind of task by kind of task, and what would change that."""

from __future__ import annotations

from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from selector import Task
from selector.cli._asking import moment_of, task_of
from selector.cli._changes import needed, standing
from selector.cli._judging import Judged, judge, outcome
from selector.cli._lines import counted, say
from selector.cli._options import (
    AsJson,
    AtTime,
    ConfigPath,
    OneTask,
    Quiet,
    StatePath,
    TaskId,
    Verbose,
    usage_error,
    wanted,
)
from selector.cli._output import money, number, print_json
from selector.cli._reading import Reading, reading
from selector.cli._why_reasons import always, chain_of, is_thin, others, remedy_of, thin
from selector.cli._words import model_entry, objective_words
from selector.errors import UnknownTaskTypeError
from selector.records import Basis, Candidate, Decision

__all__ = ["why"]

_ANY = "any"  # stands for all task types until one came or is configured


def why(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="Its name.")],
    task_type: Annotated[str | None, typer.Option("--type", metavar="TYPE", help="On this kind of task alone.")] = None,
    input_tokens: Annotated[
        int | None, typer.Option(min=0, metavar="N", help="Of tasks this long; else as long as recent ones were.")
    ] = None,
    task: OneTask = None,
    id_: TaskId = None,
    at: AtTime = None,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Say why a model is used, or never is, with every reason, and what would have to change."""
    asked = wanted(config, state, as_json, verbose, quiet)
    read = _read(task, id_, at, type_given=task_type is not None or input_tokens is not None)
    with reading(asked) as found:
        model = next((each.name for each in found.catalog if model in each.was), model)
        entry = model_entry(found, found.catalog.model(model))
        data = {
            "model": model,
            "not_used": entry["not_used"],
            "note": entry["note"],
            "always": always(found, found.catalog.model(model)),
            "objective": objective_words(found),
            "routes": entry["routes"],
            "prices": list(found.core.mind.price_words),
        }
        if read is not None:
            moment = None if at is None else moment_of(at, ZoneInfo(found.config.timezone))
            data["types"] = [_of_task(judge(found, read, at=moment), model)]
        else:
            data["types"] = [_of_type(found, model, each, input_tokens) for each in _types(found, task_type)]
    if as_json:
        print_json({"schema": "selector.why/1", **data})
    else:
        _tell(data, quiet=quiet)


def _read(task: str | None, id_: str | None, at: str | None, *, type_given: bool) -> Task | None:
    """Read the one task that is asked about; None: kinds of tasks are."""
    if task is not None and type_given:
        raise usage_error("--task says all of the task; write its type and its input_tokens there")
    if task is None and (id_ is not None or at is not None):
        raise usage_error(f"{'--id' if id_ is not None else '--at'} is about one task; name it with --task")
    return None if task is None else task_of(task, id_)


def _types(found: Reading, task_type: str | None) -> list[str]:
    """List the kinds of tasks that are asked about."""
    if task_type is None:
        return found.types or [_ANY]
    if found.types and task_type not in found.types:
        raise UnknownTaskTypeError.of(task_type, found.types, key="--type")
    return [task_type]


def _of_type(found: Reading, model: str, task_type: str, input_tokens: int | None) -> dict[str, Any]:
    """Lay out how a model stands on one kind of task, with every reason against each of its routes."""
    tokens = found.usual_tokens(task_type) if input_tokens is None else input_tokens
    return _with_reasons(judge(found, Task(task_type, input_tokens=tokens)), model)


def _of_task(judged: Judged, model: str) -> dict[str, Any]:
    """Lay out how a model stands on one very task, with every reason against each of its routes."""
    return _with_reasons(judged, model) | {
        "task_id": judged.task.id,
        "rules": [one.rule for one in judged.considered if outcome(one) == "fired"],
        "applied": str(judged.applied),
        "forced": judged.forced(),
    }


def _with_reasons(judged: Judged, model: str) -> dict[str, Any]:
    entry = _standing(judged.found, model, judged.task, judged.decision, judged.excluded(model))
    against = judged.against(model)
    reasons = dict.fromkeys(reason for why in against.values() for reason in why)
    remedies = dict.fromkeys(remedy_of(reason, model, judged.task.type) for reason in reasons)
    return entry | {
        "against": [{"route": route, "reasons": list(why)} for route, why in against.items()],
        "others": others(judged, model, entry["probability"]),
        "remedies": list(remedies),
        "thin": is_thin(entry["belief"]),
        "chain": chain_of(judged, model),
    }


def _standing(
    found: Reading, model: str, task: Task, decision: Decision | None, excluded: str | None
) -> dict[str, Any]:
    """Lay out what a choice says of a model: the first reason against it, or what would make it the best."""
    n_chosen, n_recent = found.chosen(model, task.type)
    entry: dict[str, Any] = {
        "task_type": task.type,
        "input_tokens": task.input_tokens,
        "probability": 0.0,
        "n_chosen": n_chosen,
        "n_recent": n_recent,
        "excluded": excluded,
        "belief": None,
        "best": None,
        "shadow_price": None if decision is None else decision.shadow_price,
        "needed": None,
        "remedy": None,
    }
    candidates = {} if decision is None else {c.model: c for c in decision.candidates}
    if excluded is None and model not in candidates:
        excluded = "too_dear (the target per request does not reach for it)"
    if decision is None or excluded is not None:
        return entry | {"excluded": excluded, "remedy": remedy_of(str(excluded), model, task.type)}
    place = standing(found, decision, candidates[model])
    return entry | {
        "probability": candidates[model].probability,
        "belief": _belief(candidates[model], place.value),
        "best": _belief(place.best, place.best_value),
        "needed": None if decision.reason is Basis.RULE else needed(found, place),
    }


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
        for reason in data["always"]:
            at = "" if reason["route"] is None else f"{reason['route']}: "
            say(f"on every task: {at}{reason['reason']}{reason['detail'] and ': '}{reason['detail']}")
            say(f"  to change that: {reason['remedy']}")
    for entry in data["types"]:
        if not quiet:
            say()
        long = "" if entry["input_tokens"] is None else f" of {entry['input_tokens']:,} input tokens"
        head = f"{entry['task_type']}{long}: "
        several = sum(len(route["reasons"]) for route in entry["against"]) > 1
        if entry["excluded"] is not None and ("applied" in entry or several):
            say(f"{head}{'not' if 'applied' in entry else 'never'} chosen, for each of these reasons")
            _tell_against(entry["against"])
        elif entry["excluded"] is not None:
            say(f"{head}never chosen: {entry['excluded']}")
        else:
            say(f"{head}chosen with probability {_chance(entry['probability'])}")
        if not quiet:
            _tell_rest(entry, data["prices"])


def _tell_against(against: list[dict[str, Any]]) -> None:
    """Print every reason, route by route."""
    for route in against:
        say(f"  {route['route']}:")
        for reason in route["reasons"]:
            say(f"    {reason}")


def _tell_rest(entry: dict[str, Any], prices: list[str]) -> None:
    if "applied" in entry:
        say(f"  rules that fired: {', '.join(entry['rules']) or 'none'}; what follows: {entry['applied']}")
        if entry["forced"] is not None and "not done" in entry["forced"]:
            say(f"  not forced: {entry['forced']}")
    if entry["excluded"] is None and any(route["reasons"] for route in entry["against"]):
        say("  not at all of its routes:")
        _tell_against([route for route in entry["against"] if route["reasons"]])
    for reason in entry["others"]:
        say(f"  {reason['reason']}: {reason['detail']}; {reason['remedy']}")
    if entry["n_recent"]:
        say(f"  was chosen for {entry['n_chosen']:,} of the last {entry['n_recent']:,} of these tasks")
    if entry["belief"] is not None:
        _tell_beliefs(entry, prices)
    for line in (entry["needed"] or {}).get("lines", []):
        say(f"  {line}")
    if entry["chain"] is not None:
        _tell_chain(entry["chain"])
    for line in (entry["remedies"] or [entry["remedy"]]) if entry["excluded"] is not None else []:
        say(f"  to change that: {line}")


def _tell_beliefs(entry: dict[str, Any], prices: list[str]) -> None:
    _tell_belief("believed of", entry["belief"])
    if entry["thin"]:
        say(f"  {thin(entry['belief'])}")
    if entry["best"]["model"] != entry["belief"]["model"]:
        _tell_belief("the best now is", entry["best"])
    if entry["shadow_price"]:
        say(f"  a dollar more is worth {entry['shadow_price']:,.3g} successes")
    for line in prices:
        say(f"  {line}")


def _tell_chain(chain: dict[str, Any]) -> None:
    say(f"  if {chain['after']} fails: {', then '.join(chain['in_force']) or 'nothing else is tried'}")
    for line in chain["words"]:
        say(f"  {line}")


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
