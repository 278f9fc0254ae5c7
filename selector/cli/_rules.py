"""`selector rules test`: which rules fire for a task and why, what follows, and who would serve it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

import typer

from selector.cli._asking import moment_of, task_of
from selector.cli._judging import Judged, judge, outcome
from selector.cli._lines import say
from selector.cli._options import (
    AsJson,
    AtTime,
    ConfigPath,
    Quiet,
    StatePath,
    TaskId,
    TaskText,
    Verbose,
    usage_error,
    wanted,
)
from selector.cli._output import money, number, print_json
from selector.cli._reading import now, reading
from selector.errors import nearest
from selector.records import Decision
from selector.rules import Considered, Rule

__all__ = ["rules"]

_WORDS = {
    "fired": "fired",
    "control": "holds, and the task is outside of its share",
    "does_not_hold": "does not hold",
    "not_reached": "not reached",
}


def rules(
    action: Annotated[str, typer.Argument(metavar="test", help="What to do: try the rules on a task.")],
    task: TaskText,
    id_: TaskId = None,
    at: AtTime = None,
    config: ConfigPath = None,
    state: StatePath = None,
    as_json: AsJson = False,
    verbose: Verbose = False,
    quiet: Quiet = False,
) -> None:
    """Show which rules fire for a task and why, what follows, and who would serve it; nothing is written."""
    if action != "test":
        raise usage_error(f"rules: no action {action!r}{nearest(action, ['test'])}")
    asked = wanted(config, state, as_json, verbose, quiet)
    read = task_of(task, id_)
    with reading(asked) as found:
        zone = ZoneInfo(found.config.timezone)
        moment = None if at is None else moment_of(at, zone)
        judged = judge(found, read, at=moment)
        data = _laid_out(judged, datetime.fromtimestamp(now() if moment is None else moment, UTC).astimezone(zone))
    if as_json:
        print_json({"schema": "selector.rules/1", **data})
    else:
        _tell(data, quiet=quiet)


def _laid_out(judged: Judged, at: datetime) -> dict[str, Any]:
    rules_, applied, decision = judged.rules, judged.applied, judged.decision
    names = judged.found.core.mind.plan.models
    excluded = {name: judged.against(name) for name in names if name not in judged.candidates}
    return {
        "task_type": judged.task.type,
        "task_id": judged.task.id,
        "at": at.isoformat(timespec="minutes"),
        "match": rules_.match,
        "rules": [_rule(rule, one) for rule, one in zip(rules_.rules, judged.considered, strict=True)],
        "default_model": rules_.default_model,
        "applied": str(applied),
        "forced": judged.forced(),
        "experiment": applied.experiment,
        "arm": None if applied.arm is None else str(applied.arm),
        "share": applied.share,
        "may_serve": [
            {
                "model": each.model,
                "route": each.route,
                "probability": each.probability,
                "success": each.mean,
                "cost_usd": each.cost_usd,
            }
            for each in sorted(judged.candidates.values(), key=lambda each: -each.probability)
        ],
        "may_not_serve": [
            {"model": name, "routes": [{"route": route, "reasons": list(why)} for route, why in routes.items()]}
            for name, routes in excluded.items()
        ],
        "chosen": None
        if decision is None
        else {
            "model": decision.model,
            "route": decision.route,
            "reason": decision.reason.value,
            "probability": decision.propensity,
        },
        "shadow": None if decision is None else _shadow(decision),
        "refused": None if judged.refusal is None else str(judged.refusal),
    }


def _shadow(decision: Decision) -> str | None:
    """Say what would have been chosen, where the incumbent serves and the choice is only logged."""
    return next((said for said in decision.laid_out.rules if said.startswith("shadow: ")), None)


def _rule(rule: Rule, one: Considered) -> dict[str, Any]:
    return {
        "rule": one.rule,
        "reason": rule.reason or None,
        "outcome": outcome(one),
        "condition": one.why.text,
        "holds": one.why.holds,
        "leaves": [
            {"text": leaf.text, "holds": leaf.holds, "values": leaf.values, "told": str(leaf)}
            for leaf in one.why.leaves
        ],
        "effects": str(rule).removeprefix(f"if {rule.condition}: "),
        "share": rule.share,
        "arm": None if one.arm is None else str(one.arm),
    }


def _tell(data: dict[str, Any], *, quiet: bool) -> None:
    if not quiet:
        named = "" if data["task_id"] is None else f" {data['task_id']}"
        say(f"task{named} of type {data['task_type']}, at {data['at']}")
        say()
        _tell_rules(data)
        say()
    say(f"what follows: {data['applied']}")
    if data["forced"] is not None and "not done" in data["forced"]:
        say(f"not forced: {data['forced']}")
    if not quiet:
        _tell_models(data)
    chosen = data["chosen"]
    if chosen is None:
        say("chosen: nobody" + (f": {data['refused']}" if quiet else ""))
        return
    likely = "" if chosen["probability"] is None else f", with probability {chosen['probability']:.3g}"
    say(f"chosen now: {chosen['route']}, reason {chosen['reason']}{likely}")
    if data["shadow"] is not None:
        say(data["shadow"])


def _tell_rules(data: dict[str, Any]) -> None:
    if not data["rules"]:
        rest = f"default_model is {data['default_model']}" if data["default_model"] else "the policy chooses"
        say(f"no rules are configured; {rest}")
        return
    say("rules, of which " + ("the first that fires counts:" if data["match"] == "first" else "all that fire count:"))
    for each in data["rules"]:
        say(f"  {each['rule']}: {_WORDS[each['outcome']]}")
        for leaf in each["leaves"]:
            say(f"    {leaf['told']}")
        say(f"    then: {each['effects']}" + (f" ({each['reason']})" if each["reason"] else ""))
        if each["arm"] is not None:
            by = "by its id" if data["task_id"] is not None else "by chance: without an id, each task falls anew"
            say(f"    share {each['share']:.3g}: {each['arm']}, {by}")


def _tell_models(data: dict[str, Any]) -> None:
    if data["may_serve"]:
        say("may serve:")
    for each in data["may_serve"]:
        cost = f"expected cost {money(each['cost_usd'])} USD"
        success = f"success {number(each['success'], 2)}"
        say(f"  {each['model']}: probability {each['probability']:.3g}, {success}, {cost}")
    if data["may_not_serve"]:
        say("may not serve:")
    for each in data["may_not_serve"]:
        tell_routes(each["model"], each["routes"])


def tell_routes(model: str, routes: list[dict[str, Any]]) -> None:
    """Print what speaks against a model, once where it is the same for all of its routes."""
    if len({tuple(route["reasons"]) for route in routes}) == 1:
        say(f"  {model}: {'; '.join(routes[0]['reasons']) or 'nothing speaks against it'}")
        return
    for route in routes:
        say(f"  {route['route']}: {'; '.join(route['reasons']) or 'nothing speaks against it'}")
