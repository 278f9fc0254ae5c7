"""Decisions as JSON: one that was just made, and one that is told from the log."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from selector.catalog import NANO
from selector.records import Candidate, Decision

__all__ = ["decision_entry", "logged_entry", "moment"]

_REPORTED = ("kind", "w", "s", "decision_id", "attempt", "at", "nano", "tokens", "of", "model", "route")
_OF_TASK = (
    *("task_id", "labels", "metadata", "session", "version", "max_output_tokens", "max_cost_usd", "deadline_s"),
    *("priority", "retry_count", "prompt", "messages", "system"),
)


def moment(at_s: float) -> str:
    """Write seconds since 1970 as a time in UTC.

    Examples
    --------
    >>> moment(0.0)
    '1970-01-01T00:00:00Z'
    """
    return datetime.fromtimestamp(at_s, UTC).isoformat().replace("+00:00", "Z")


def decision_entry(decision: Decision) -> dict[str, Any]:
    """Lay out a decision with everything that led to it."""
    layout = decision.laid_out
    baseline = layout.baseline
    return {
        "id": decision.id,
        "n": decision.n,
        "at": moment(decision.at_s),
        "task_type": decision.task_type,
        "model": decision.model,
        "provider": decision.provider,
        "route": decision.route,
        "chain": list(decision.chain),
        "reason": decision.reason.value,
        "propensity": decision.propensity,
        "expected_cost_usd": decision.expected_cost_usd,
        "held_usd": decision.held_usd,
        "shadow_price": decision.shadow_price,
        "config_digest": decision.config_digest,
        "candidates": [_candidate(each) for each in layout.candidates],
        "exclusions": {name: asdict(why) for name, why in layout.exclusions.items()},
        "baseline": None if baseline is None else {"model": baseline[0], "cost_usd": baseline[1]},
        "budgets": list(layout.budgets),
    }


def _candidate(each: Candidate) -> dict[str, Any]:
    entry = asdict(each)
    del entry["exclusion"]
    return entry


def logged_entry(events: list[dict[str, Any]], table: dict[str, Any] | None) -> dict[str, Any]:
    """Lay out a decision of the log, with what was on the table, where that is known, and what was reported.

    Parameters
    ----------
    events
        All events of the decision.
    table
        The event that says what was on the table when it was made.
    """
    event = next(e for e in events if e["kind"] == "decision")
    later = [e["propensity"] for e in events if e["kind"] == "explained" and e.get("propensity") is not None]
    likely = event.get("propensity")
    return {
        "id": event["id"],
        "n": event["n"],
        "at": moment(event["at"]),
        "task_type": event["task_type"],
        "model": event["model"],
        "provider": event.get("provider"),
        "route": event["route"],
        "reason": event["reason"],
        "propensity": later[-1] if likely is None and later else likely,
        "expected_cost_usd": event.get("expected_cost_usd"),
        "held_usd": (event.get("held_nano") or 0) / NANO,
        "shadow_price": event.get("shadow_price"),
        "policy": event.get("policy"),
        "config_digest": event.get("config_digest"),
        "input_tokens": event.get("input_tokens"),
        "candidates": [] if table is None else _tabled(event, table),
        "exclusions": _excluded(event, table or {}),
        "task": {name: event[name] for name in _OF_TASK if name in event},
        "reports": [_report(e) for e in events if e["kind"] in {"usage", "judgement", "attempt", "settle"}],
    }


def _tabled(event: dict[str, Any], table: dict[str, Any]) -> list[dict[str, Any]]:
    """List who might have served this task; what it costs there is its own, where its length is known."""
    costs, tokens = event.get("costs"), event.get("input_tokens", table["usual_input"])
    if costs is None:
        costs = [answer + tokens * each for answer, each in zip(table["answer_usd"], table["input_usd"], strict=True)]
    excluded = _excluded(event, table)
    return [
        {
            "model": name,
            "mean": table["alpha"][k] / (table["alpha"][k] + table["beta"][k]),
            "n": table["n"][k],
            "tokens": table["tokens"][k],
            "cost_usd": costs[k],
            "probability": table["probability"][k],
        }
        for k, name in enumerate(table["models"])
        if name not in excluded
    ]


def _excluded(event: dict[str, Any], table: dict[str, Any]) -> dict[str, dict[str, str]]:
    """Say why each of the others might not: as written with the decision, else with the table."""
    told = event.get("exclusions", table.get("exclusions", {}))
    parts = {name: why.partition(" (") for name, why in told.items() if name != event["model"]}
    return {name: {"reason": word, "detail": rest.removesuffix(")")} for name, (word, _, rest) in parts.items()}


def _report(event: dict[str, Any]) -> dict[str, Any]:
    """Lay out one report: usage with what it cost, a judgement, a failed attempt, or a hold that expired."""
    entry: dict[str, Any] = {"kind": event["kind"], "attempt": event.get("attempt", 1), "at": moment(event["at"])}
    if event["kind"] == "attempt":
        entry["route"] = event.get("route")
    entry |= {name: value for name, value in event.items() if name not in _REPORTED}
    if event.get("nano") is not None:
        entry["booked_usd"] = event["nano"] / NANO
    return entry
