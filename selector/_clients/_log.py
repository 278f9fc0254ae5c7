"""What is written down: decisions, what was on the table, outcomes, alarms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from selector._clients._offer import SURE, Offer
from selector.posteriors import Event as Withdrawal
from selector.records import Decision, Task

__all__ = ["alarm", "decided", "offered", "version"]

_FEATURES = ("labels", "session", "purpose", "version", "max_output_tokens", "deadline_s", "max_cost_usd")
_TEXTS = ("prompt", "messages", "system")


def decided(decision: Decision, *, propensity: float | None, prompts: bool) -> dict[str, Any]:
    """Write a decision as an event.

    Parameters
    ----------
    decision
        Which.
    propensity
        With which probability it chose; None: not known, or told later.
    prompts
        Whether its prompt is written too.
    """
    offer = cast("Offer", decision.deal)
    terms = offer.terms(decision)
    event: dict[str, Any] = {
        "kind": "decision",
        "id": decision.id,
        "at": decision.at_s,
        "n": decision.n,
        "task_type": offer.task_type,
        "model": offer.models[decision.arm],
        "route": decision.route,
        "reason": decision.reason.value,
        "propensity": propensity,
        "expected_cost_usd": _short(decision.expected_cost_usd),
        "shadow_price": _short(offer.shadow_price),
        "policy": offer.plan.config.policy.name,
        "config_digest": offer.config_digest,
        "draw_row": terms.row,
    }
    provider = decision.provider
    if provider is not None:
        event["provider"] = provider
    if decision.held_nano:
        event["held_nano"] = decision.held_nano
    if terms.held_tokens:
        event["held_tokens"] = terms.held_tokens
    if terms.input_tokens is not None:
        event["input_tokens"] = terms.input_tokens
    if terms.guessed:
        event["guessed"] = True
    if offer.logged is not None and offer.logged != decision.id:
        event["deal"] = offer.logged
    if terms.routes is not None and terms.cost is not None:
        event["costs"] = _shorts(terms.cost.usd[offer.board.serving])
    if terms.exclusions is not None:
        excluded = {m: str(x) for m, x in zip(offer.models, terms.exclusions, strict=True) if x is not None}
        if excluded:
            event["exclusions"] = excluded
    return event | _features(terms.task, prompts=prompts)


def _features(task: Task, *, prompts: bool) -> dict[str, Any]:
    found: dict[str, Any] = {name: value for name in _FEATURES if (value := getattr(task, name))}
    if task.id is not None:
        found["task_id"] = task.id
    if task.metadata:
        found["metadata"] = dict(task.metadata)
    if task.priority != 1:
        found["priority"] = task.priority
    if task.retry_count:
        found["retry_count"] = task.retry_count
    if prompts:
        found |= {name: value for name in _TEXTS if (value := getattr(task, name)) is not None}
    return found


def offered(offer: Offer, decision: Decision) -> dict[str, Any]:
    """Write what was on the table as an event that names the first decision of that time."""
    board = offer.board
    may = np.flatnonzero(board.serving)
    models = [offer.models[k] for k in may]
    return {
        "kind": "explained",
        "at": decision.at_s,
        "decision_id": decision.id,
        "models": models,
        "alpha": _shorts(board.alpha[may]),
        "beta": _shorts(board.beta[may]),
        "prior": _shorts(board.prior_strength[may]),
        "n": board.n[may].round().astype(int).tolist(),
        "tokens": [None if not known else n for known, n in _known(offer, may)],
        "cost_usd": _shorts(board.cost[may]),
        "answer_usd": _shorts(offer.out_usd[may]),
        "input_usd": _shorts(offer.usd_in[may]),
        "probability": _shorts(board.everyone.probabilities[may]),
        "exclusions": {m: str(x) for m, x in zip(offer.models, offer.exclusions, strict=True) if x is not None},
        "baseline": offer.models[offer.baseline],
        "budgets": list(offer.budgets(offer.terms(decision).stand)),
    }


def _known(offer: Offer, may: NDArray[np.intp]) -> list[tuple[bool, float]]:
    return list(zip(offer.tariff.known[may].tolist(), _shorts(offer.tokens[may]), strict=True))


def propensity(decision: Decision) -> float | None:
    """Return the probability of a choice where it is known without work: 1 where there was none to make."""
    terms = cast("Offer", decision.deal).terms(decision)
    if decision.reason in SURE:
        return 1.0
    return None if terms.cost is not None else float(terms.odds.probabilities[decision.arm])


def alarm(event: Withdrawal, model: str, now: float) -> dict[str, Any]:
    """Write a drift alarm as an event."""
    return {"kind": "drift", "at": now, "n": event.at, "model": model, "keep": event.keep}


def version(event: Withdrawal, task: Task, now: float) -> dict[str, Any]:
    """Write a new version of a prompt as an event."""
    return {
        "kind": "drift",
        "what": "version",
        "at": now,
        "n": event.at,
        "task_type": task.type,
        "version": task.version,
        "keep": event.keep,
    }


def _short(value: float | None) -> float | None:
    """Round to nine digits: what is expected is not known to more."""
    return None if value is None else float(f"{value:.9g}")


def _shorts(values: Any) -> list[float]:  # noqa: ANN401 - an array
    return [float(f"{value:.5g}") for value in values.tolist()]


def named(event: Mapping[str, Any], writer: str, seq: int) -> dict[str, Any]:
    """Give an event the name that it was written under."""
    return {**event, "w": writer, "s": seq}
