"""What was tried in a run, as events of the log and as the attempts that its caller sees."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from selector._clients.learning._book import Entry, Facts
from selector._clients.learning._report import Report
from selector.budgets import NANO
from selector.catalog import Route
from selector.records import Attempt, Failure, Usage

__all__ = ["Tried", "attempts_of", "events_of", "total"]

_CLASSES = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")


@dataclass(slots=True, kw_only=True)
class Tried:
    """One call of a run, as far as it is known."""

    route: Route
    selected_by: str
    at_s: float
    """When it began, in seconds since 1970."""
    propensity: float | None = None
    failure: Failure | None = None
    detail: str = ""
    status: int | None = None
    until_s: float | None = None
    usage: Usage | None = None
    """What it used; None: nothing, as far as is known."""
    estimated: bool = False
    snapshot: str | None = None
    latency_s: float | None = None
    score: float | None = None
    source: str = "check"
    nano: int | None = None
    """What it cost, once it is booked."""


def events_of(report: Report, id_: str, entry: Entry, tried: Sequence[Tried], now: float) -> list[dict[str, Any]]:
    """Write a run's attempts as events, in order, and price them; the last lets go of what is still held.

    Parameters
    ----------
    report
        Who knows prices.
    id_, entry
        The decision, and what is known of it.
    tried
        What was tried.
    now
        Seconds since 1970.
    """
    now = round(now, 6)
    found: list[dict[str, Any]] = []
    for number, each in enumerate(tried, 1):
        first = number == 1
        facts = entry.attempts[0] if first else Facts(each.route.model, each.route.name)
        base: dict[str, Any] = {"decision_id": id_, "attempt": number, "at": now}
        found.append({"kind": "attempt", **base, **_step(each)})
        if not first:
            base |= {"model": facts.model, "route": facts.route}
        usage = {} if each.usage is None else report.usage(entry, facts, each.route, each.usage)
        if usage:
            if each.latency_s is not None:
                usage["latency_s"] = each.latency_s
            if each.estimated:
                usage["estimated"] = True
            found.append({"kind": "usage", **base, **usage})
            each.nano = usage.get("nano")
        elif each.usage is None and each.failure is not None:
            each.nano = 0
        if each.score is not None:
            found.append({"kind": "judgement", **base, "source": each.source, "score": each.score, "at": now})
    if not any(each.nano for each in tried):
        found.append({"kind": "release", "decision_id": id_, "at": now})
    return found


def _step(each: Tried) -> dict[str, Any]:
    found: dict[str, Any] = {
        "model": each.route.model,
        "route": each.route.name,
        "failure": None if each.failure is None else each.failure.value,
        "selected_by": each.selected_by,
        "made": True,
    }
    also = {
        "propensity": each.propensity,
        "status": each.status,
        "snapshot": each.snapshot,
        "waited_s": None if each.failure is None or each.latency_s is None else each.latency_s,
    }
    return found | {name: value for name, value in also.items() if value is not None}


def attempts_of(tried: Sequence[Tried]) -> tuple[Attempt, ...]:
    """Show what was tried to the caller of a run."""
    return tuple(
        Attempt(
            model=each.route.model,
            route=each.route.name,
            number=number,
            selected_by=each.selected_by,
            propensity=each.propensity,
            usage=_shown(each),
            estimated=each.estimated,
            snapshot=each.snapshot,
            status=each.status,
            until_s=each.until_s,
            score=each.score,
            source=None if each.score is None else each.source,
            failure=each.failure,
            detail=each.detail,
            at=datetime.fromtimestamp(max(each.at_s, 0.0), UTC),
        )
        for number, each in enumerate(tried, 1)
    )


def _shown(each: Tried) -> Usage:
    cost = None if each.nano is None else each.nano / NANO
    used = each.usage
    if used is None:
        return Usage(cost_usd=cost, latency_s=each.latency_s)
    return Usage(
        input_tokens=used.input_tokens,
        cache_read_tokens=used.cache_read_tokens,
        cache_write_tokens=used.cache_write_tokens,
        output_tokens=used.output_tokens,
        reasoning_tokens=used.reasoning_tokens,
        cost_usd=cost,
        latency_s=each.latency_s,
    )


def total(attempts: Sequence[Attempt]) -> Usage:
    """Add up what all attempts used; what nobody said of any is not known."""
    if len(attempts) == 1:
        return attempts[0].usage
    counted = {name: _sum([getattr(each.usage, name) for each in attempts]) for name in _CLASSES}
    return Usage(
        **{name: None if value is None else int(value) for name, value in counted.items()},
        cost_usd=_all([each.usage.cost_usd for each in attempts]),
        latency_s=_sum([each.usage.latency_s for each in attempts]),
    )


def _sum(values: Sequence[float | None]) -> float | None:
    said = [value for value in values if value is not None]
    return sum(said) if said else None


def _all(values: Sequence[float | None]) -> float | None:
    """Add up, unless one is not known."""
    return None if None in values else sum(value for value in values if value is not None)
