"""What would have to change for a model to be chosen: its success, its cost, or the configuration."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from selector.cli._output import money
from selector.cli._reading import Reading
from selector.records import Candidate, Decision

__all__ = ["Standing", "needed", "remedy", "standing"]


@dataclass(frozen=True, slots=True)
class Standing:
    """How one candidate stands against the best, by what is believed of both."""

    own: Candidate
    value: float | None
    """What the objective makes of it; None: it is below the bar."""
    best: Candidate
    best_value: float
    slope: float
    """What one dollar takes from the value."""
    worth: float
    """What one success gives to the value; 0: success counts for the bar alone."""
    bar: float | None
    """The success below which it is not admitted; None: there is none."""


def standing(found: Reading, decision: Decision, own: Candidate) -> Standing:
    """Compare a candidate with the best one."""
    slope, worth, bar = _rates(found, decision)
    admitted = [c for c in decision.candidates if _is_admitted(found, c, bar)]
    values = {c.model: _value(c, worth, slope) for c in admitted}
    best = max(admitted, key=lambda c: (values[c.model], c.mean or 0.0), default=None)
    if best is None:
        best = max(decision.candidates, key=lambda c: c.mean or 0.0)
        values[best.model] = _value(best, worth, slope)
    return Standing(own, values.get(own.model), best, values[best.model], slope, worth, bar)


def _value(c: Candidate, worth: float, slope: float) -> float:
    return worth * (c.mean or 0.0) - slope * (c.cost_usd or 0.0) - c.toll


def _rates(found: Reading, decision: Decision) -> tuple[float, float, float | None]:
    """Say what a dollar takes, what a success gives, and where the bar is, by the objective."""
    objective, price = found.config.objective, decision.shadow_price
    if objective is not None and objective.name == "worth_usd":
        own = found.config.task_types.get(decision.task_type)
        worth = None if own is None else own.worth_usd
        return 1 + price, float(worth if worth is not None else objective.default_worth_usd or 0.0), None
    if objective is not None and objective.min_success is not None:
        return 1 + price, 0.0, objective.min_success
    if found.baseline is None:
        return price, 1.0, None
    by = 0.02 if objective is None or objective.no_worse_than is None else objective.no_worse_than.by
    mean = next((c.mean for c in decision.candidates if c.model == found.baseline), None)
    return 1 + price, 0.0, None if mean is None else mean - by


def _is_admitted(found: Reading, c: Candidate, bar: float | None) -> bool:
    """Tell whether the objective admits a candidate: policies that draw say so; of others the mean is compared."""
    if bar is None or c.model == found.baseline:
        return True
    if found.config.policy.name == "thompson":
        return c.utility is not None
    return (c.mean or 0.0) >= bar


def needed(found: Reading, place: Standing) -> dict[str, Any] | None:
    """Say which success, or which cost, would make a candidate the best by what is believed; None: it is the best."""
    own, best = place.own, place.best
    if own.model == best.model:
        return None
    success, cost = _success(place), _cost(place)
    lines = []
    if place.value is None and place.bar is not None:
        lines.append(
            f"it is not believed to reach the bar of {place.bar:.2f}: its tasks would have to succeed more often"
        )
    elif place.worth:
        lines.append(_told("a success of", success, None if success is None else f"{success:.2f}", "cost"))
    if place.value is not None and place.slope:
        lines.append(_told("a cost below", cost, None if cost is None else f"{money(cost)} USD", "success"))
    if own.probability == 0:
        lines.append(_UNTRIED if found.config.policy.least == 0 else _RARELY)
    return {"success": success, "cost_usd": cost, "lines": lines}


_UNTRIED = "no chance is kept for it: the policy's floor of exploration is 0"
_RARELY = "exploration does not try it now either"


def _success(place: Standing) -> float | None:
    """Return the success at which it would be the best, or reach the bar; None: none would do."""
    if place.value is None:
        return place.bar
    if not place.worth:
        return None
    success = (place.best_value + place.slope * (place.own.cost_usd or 0.0) + place.own.toll) / place.worth
    return success if success <= 1 else None


def _cost(place: Standing) -> float | None:
    """Return the cost at which it would be the best; None: none would do."""
    if place.value is None or not place.slope:
        return None
    cost = (place.worth * (place.own.mean or 0.0) - place.own.toll - place.best_value) / place.slope
    return cost if cost > 0 else None


def _told(what: str, value: float | None, shown: str | None, other: str) -> str:
    kind = what.split()[1]
    return f"to be the best: no {kind} would do at its {other}" if value is None else f"to be the best: {what} {shown}"


def remedy(reason: str, model: str, task_type: str) -> str:
    """Say what would have to change for an exclusion to fall.

    Examples
    --------
    >>> remedy("disabled", "opus", "coding")
    'set models.opus.enabled to true'
    """
    word, _, detail = reason.partition(" (")
    detail = detail.removesuffix(")").partition("; ")[0]
    by, _, limit = detail.partition(": ")
    if limit and word in {"not_in_only", "not_in_purpose", "forbidden_by_rule"}:
        return f"change {by}, or what it reads of the task"
    if word == "not_in_only" and detail.startswith("Task."):
        return f"name {model} in the task's own only, or leave that out"
    said = {
        "disabled": f"set models.{model}.enabled to true",
        "missing_capability": f"add {detail} to models.{model}.capabilities if it can, or leave it out of "
        f"task_types.{task_type}.needs",
        "data_constraint": "write what its provider promises into providers.NAME.data, or leave it out of "
        f"task_types.{task_type}.data",
        "unknown_cost": f"give models.{model}.usd_per_mtok_in and usd_per_mtok_out (0 if free)",
        "unbounded_cost": f"give models.{model}.max_output_tokens, and the task's input_tokens",
        "not_in_only": f"add {model} to task_types.{task_type}.only, or leave that out",
        "not_in_purpose": f"add {model} to purposes.{detail}",
        "context_too_small": f"send shorter tasks, or correct models.{model}.context_tokens",
        "over_budget": "wait until the budget begins anew, raise it, or give tasks a smaller max_output_tokens",
        "over_max_cost": "raise the task's max_cost_usd",
        "below_min_success": "its tasks would have to succeed more often, or lower min_success",
        "too_dear": "raise the budget per request",
    }
    return said.get(word, f"see {word}")
