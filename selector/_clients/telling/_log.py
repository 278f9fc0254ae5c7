"""What is written down: decisions, what was on the table, outcomes, alarms."""

from __future__ import annotations

from operator import attrgetter
from struct import Struct
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import orjson
from numpy.typing import NDArray

from selector._clients.choice._offer import SURE, Offer
from selector._clients.money._parts import held_fields
from selector.posteriors import Event as Withdrawal
from selector.records import Basis, Decision, Task

if TYPE_CHECKING:
    from selector._clients.choice._ruling import Ruled
    from selector._clients.money._budget import Stand

__all__ = ["alarm", "decided", "is_bare", "offered", "plain", "propensity", "version"]

_FEATURES = ("labels", "session", "purpose", "version", "max_output_tokens", "deadline_s", "max_cost_usd")
_FEATURES_OF = attrgetter(*_FEATURES)
_SINGLE = Struct("f")
_POLICY = Basis.POLICY
_OF_OFFER = frozenset({"shadow_price", "deal"})
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
    event = _shared(offer, decision) | _own(decision, propensity, terms.input_tokens, terms.row)
    event |= held_fields(terms.held_tokens)
    if terms.road is not None:
        event["route_reason"] = terms.road.reason
    if terms.keys:
        event["accounts"] = list(terms.keys)
    if terms.guessed:
        event["guessed"] = True
    if terms.routes is not None and terms.cost is not None:
        event["costs"] = _shorts(terms.cost.usd[offer.board.serving])
    if terms.exclusions is not None:
        event["exclusions"] = {m: str(x) for m, x in zip(offer.models, terms.exclusions, strict=True) if x is not None}
    if terms.ruled is not None:
        event |= terms.ruled.facts
    if terms.redrawn:
        event["redrawn"] = True
    if terms.shadow is not None:
        event["shadow"] = terms.shadow
    _add_features(event, terms.task, prompts=prompts)
    return event


def plain(decision: Decision, propensity: float | None) -> bytes:
    """Write a decision for a bare task as JSON: what it shares with others of its time was written once."""
    offer = cast("Offer", decision.deal)
    task, row, _, _ = cast("tuple[Task, int, Stand, Ruled | None]", decision.terms)
    heads = offer.heads
    head = heads.get(decision.arm)
    if head is None:
        shared = _shared(offer, decision)
        head = heads[decision.arm] = orjson.dumps({k: v for k, v in shared.items() if k not in _OF_OFFER})[:-1]
    if not offer.tail:
        offer.tail = f',"shadow_price":{offer.price_short!r},"deal":"{offer.logged}",'
    tokens = task.input_tokens
    read = "" if tokens is None else f',"input_tokens":{tokens}'
    held = f',"held_nano":{decision.held_nano}' if decision.held_nano else ""
    likely = "null" if propensity is None else repr(propensity)
    usd = decision.expected_cost_usd
    cost = "null" if usd is None else f"{usd:.7g}"
    return head + (
        f'{offer.tail}"id":"{decision.id}","at":{decision.at_s:.6f},"n":{decision.n},"propensity":{likely},'
        f'"expected_cost_usd":{cost},"draw_row":{row}{held}{read}}}'.encode()
    )


def is_bare(decision: Decision) -> bool:
    """Tell whether a decision was the policy's, for a task of which only type and length are to be written down."""
    terms = decision.terms
    return terms.__class__ is tuple and decision.reason is _POLICY and terms[3] is None and terms[0].is_bare


def _shared(offer: Offer, decision: Decision) -> dict[str, Any]:
    """Write what decisions for one model at one time have in common."""
    found: dict[str, Any] = {
        "kind": "decision",
        "task_type": offer.task_type,
        "model": decision.model,
        "route": decision.route,
        "reason": decision.reason.value,
        "shadow_price": offer.price_short,
        "policy": offer.plan.config.policy.name,
        "config_digest": offer.config_digest,
    }
    if decision.route != decision.model:
        found["provider"] = decision.provider
    if offer.logged is not None:
        found["deal"] = offer.logged
    return found


def _own(decision: Decision, propensity: float | None, tokens: int | None, row: int) -> dict[str, Any]:
    """Write what a decision has of its own."""
    found: dict[str, Any] = {
        "id": decision.id,
        "at": round(decision.at_s, 6),
        "n": decision.n,
        "propensity": propensity,
        "expected_cost_usd": _short(decision.expected_cost_usd),
        "draw_row": row,
    }
    if decision.held_nano:
        found["held_nano"] = decision.held_nano
    if tokens is not None:
        found["input_tokens"] = tokens
    return found


def _add_features(found: dict[str, Any], task: Task, *, prompts: bool) -> None:
    given = _FEATURES_OF(task)
    if any(given):
        found |= {name: value for name, value in zip(_FEATURES, given, strict=True) if value}
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
        if task.tools:
            found["tools"] = True  # that there were some: a prompt alone does not show it


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
        "answer_usd": _shorts(offer.out_usd[may]),
        "input_usd": _shorts(offer.usd_in[may]),
        "usual_input": round(offer.usual_input, 1),
        "probability": _shorts(offer.odds.probabilities[may]),
        "exclusions": {m: str(x) for m, x in zip(offer.models, offer.exclusions, strict=True) if x is not None},
        "baseline": offer.models[offer.baseline],
        "budgets": list(offer.budgets(offer.terms(decision).stand)),
    }


def _known(offer: Offer, may: NDArray[np.intp]) -> list[tuple[bool, float]]:
    return list(zip(offer.tariff.known[may].tolist(), _shorts(offer.tokens[may], 5), strict=True))


def propensity(decision: Decision) -> float | None:
    """Return the probability of a choice where it is known without work: 1 where there was none to make."""
    offer, terms = cast("Offer", decision.deal), decision.terms
    if terms.__class__ is tuple and decision.reason is _POLICY and terms[3] is None:
        return None if terms[0].input_tokens is not None else offer.likely[decision.arm]
    terms = offer.terms(decision)
    if terms.redrawn:
        return None
    if decision.reason in SURE or (terms.ruled is not None and not terms.ruled.rest):
        return offer.propensity(decision)
    return None if terms.cost is not None else offer.propensity(decision)


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
    """Round to the 24 bits of single precision: what is expected is not known to more, and a file is smaller."""
    if value is None:
        return None
    found: float = _SINGLE.unpack(_SINGLE.pack(value))[0]
    return found


def _shorts(values: Any, digits: int = 4) -> list[float]:  # noqa: ANN401 - an array
    size = np.abs(values)
    units = 10.0 ** (digits - 1 - np.floor(np.log10(np.where(size > 0, size, 1.0))))
    found: list[float] = (np.round(values * units) / units).tolist()
    return found
