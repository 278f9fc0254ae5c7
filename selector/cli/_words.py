"""Parts of the configuration in words: what is wanted, what may be spent, what calls cost."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from selector.catalog import Model, Route
from selector.cli._reading import Reading, now
from selector.config import BudgetConfig

__all__ = ["budget_entry", "budget_words", "model_entry", "objective_words", "span", "thousands"]


def objective_words(reading: Reading) -> str:
    """Say what is wanted of the choice."""
    objective, budgets = reading.config.objective, reading.config.budgets
    if objective is not None and objective.name == "min_success":
        return f"the cheapest model that succeeds with at least {objective.min_success:g}"
    if objective is not None and objective.no_worse_than is not None:
        bar = objective.no_worse_than
        return f"the cheapest model that is at most {bar.by:g} worse than {bar.model}"
    if objective is not None and objective.name == "worth_usd":
        return "the most worth of successes, less what they cost"
    if reading.baseline is not None:
        return f"the cheapest model that is at most 0.02 worse than {reading.baseline}, the dearest"
    return "the most success within the budgets" if budgets else "the most success"


def budget_entry(budget: BudgetConfig) -> dict[str, Any]:
    """Lay out a budget of the configuration."""
    return {
        "name": budget.label,
        "resource": budget.resource,
        "limit": budget.limit,
        "per": budget.model_dump(mode="json").get("per"),
        "hard": budget.is_hard,
        "scope": None if budget.scope is None else {"kind": budget.scope.kind, "value": budget.scope.value},
        "each": budget.each,
        "until": None if budget.until is None else budget.until.isoformat(),
    }


def budget_words(entry: dict[str, Any]) -> str:
    """Say what may be spent."""
    if entry["resource"] == "usd_per_request":
        return f"{entry['name']}: {entry['limit']:g} USD per request on average"
    unit = "USD" if entry["resource"] == "usd" else entry["resource"]
    kind = "never exceeded" if entry["hard"] else "steered to"
    return f"{entry['name']}: {entry['limit']:,g} {unit} per {entry['per']}, {kind}"


def model_entry(reading: Reading, model: Model) -> dict[str, Any]:
    """Lay out a model with its routes, what they cost now, and why it is not used."""
    return {
        "name": model.name,
        "family": model.family,
        "enabled": model.enabled,
        "not_used": _not_used(reading, model),
        "note": _note(reading, model),
        "tags": list(model.tags),
        "capabilities": sorted(model.capabilities),
        "routes": [_route_entry(route) for route in model.routes],
    }


def _route_entry(route: Route) -> dict[str, Any]:
    rates = None
    if route.prices is not None:
        rates = route.prices.rates(at=datetime.fromtimestamp(now(), UTC), context_tokens=0).usd()
    keys = ("in", "out", "cache_read", "cache_write", "reasoning")
    prices = {f"usd_per_mtok_{key}": None if rates is None else rates[f"usd_per_mtok_{key}"] for key in keys}
    return {
        "route": route.name,
        "provider": route.provider,
        "id": route.id,
        **prices,
        "usd_per_call": None if rates is None else rates["usd_per_call"],
        "context_tokens": route.context_tokens,
        "max_output_tokens": route.max_output_tokens,
    }


def _not_used(reading: Reading, model: Model) -> str | None:
    if not model.enabled:
        return "disabled"
    dollars = [b.label for b in reading.config.budgets if b.resource in {"usd", "usd_per_request"}]
    if dollars and model.route.prices is None:
        return f"unknown_cost (budget {', '.join(dollars)} is in dollars)"
    return None


def _note(reading: Reading, model: Model) -> str | None:
    """Say what a hard budget lacks to bound the worst case of a call."""
    hard = any(b.resource == "usd" and b.is_hard for b in reading.config.budgets)
    route = model.route
    if (
        not hard
        or not model.enabled
        or route.prices is None
        or route.prices.is_free
        or route.max_usd_per_call is not None
    ):
        return None
    if route.max_output_tokens is None and route.context_tokens is None:
        return "unbounded_cost unless a task gives max_output_tokens"
    return None


def span(seconds: float) -> str:
    """Show a span of time in its largest whole unit.

    Examples
    --------
    >>> span(3.61), span(200.0), span(100_000.0), span(900_000.0)
    ('4 s', '3 min', '28 h', '10 days')
    """
    for unit, length, most in (("s", 1, 120), ("min", 60, 120 * 60), ("h", 3_600, 48 * 3_600)):
        if seconds < most:
            return f"{seconds / length:.0f} {unit}"
    return f"{seconds / 86_400:,.0f} days"


def thousands(value: int | None) -> str:
    """Show a number of tokens.

    Examples
    --------
    >>> thousands(128_000), thousands(None)
    ('128,000', '')
    """
    return "" if value is None else f"{value:,}"
