"""A decision of another day or process, told from the log."""

from __future__ import annotations

from collections.abc import Container, Iterator
from dataclasses import replace
from typing import Any

from selector._clients._core import Core
from selector._clients.choice._offer import shadowed
from selector.errors import UnknownDecisionError
from selector.records import Basis, Candidate, Decision, Exclusion, Layout, Reason

__all__ = ["told"]


class _Past:
    """What the log says was on the table; a `Deal`."""

    def __init__(self, event: dict[str, Any], table: dict[str, Any]) -> None:
        self._event, self._table = event, table
        self.task_type = str(event["task_type"])
        self.models = (str(event["model"]),)
        self.shadow_price = float(event.get("shadow_price") or 0.0)
        self.config_digest = str(event.get("config_digest", ""))

    def laid_out(self, decision: Decision) -> Layout:
        """Read who might have served, and what the budgets and the model to compare with were."""
        table = self._table
        excluded = self._event.get("exclusions")
        if excluded is None:
            excluded = table.get("exclusions", {})
        exclusions = {name: _exclusion(text) for name, text in excluded.items() if name != decision.model}
        found = self._candidates(decision, exclusions)
        name = table.get("baseline")
        costs = dict(zip(table.get("models", ()), self._costs(), strict=True))
        return Layout(
            candidates=tuple(found),
            exclusions=exclusions,
            chain=(),
            budgets=tuple(table.get("budgets", ())),
            rules=tuple(_rules(self._event)),
            baseline=None if name is None else (name, costs.get(name)),
        )

    def _costs(self) -> list[float]:
        """Work out what the task was expected to cost at each model."""
        event, table = self._event, self._table
        if "costs" in event or not table:
            return list(event.get("costs", ()))
        tokens = event.get("input_tokens", table["usual_input"])
        return [a + tokens * b for a, b in zip(table["answer_usd"], table["input_usd"], strict=True)]

    def _candidates(self, decision: Decision, without: Container[str]) -> list[Candidate]:
        from scipy.special import betaincinv

        table, likely = self._table, self._event.get("propensity")
        if not table or decision.reason is Basis.LAST_RESORT:
            return [Candidate(model=decision.model, route=decision.route, probability=likely or 0.0)]
        found = []
        for k, (name, cost) in enumerate(zip(table["models"], self._costs(), strict=True)):
            if name in without:
                continue
            alpha, beta = table["alpha"][k], table["beta"][k]
            found.append(
                Candidate(
                    model=name,
                    route=decision.route if name == decision.model else name,
                    mean=alpha / (alpha + beta),
                    interval=(float(betaincinv(alpha, beta, 0.05)), float(betaincinv(alpha, beta, 0.95))),
                    n=table["n"][k],
                    prior_share=min(1.0, table["prior"][k] / (alpha + beta)),
                    tokens=table["tokens"][k],
                    cost_usd=decision.expected_cost_usd if name == decision.model else cost,
                    probability=table["probability"][k],
                )
            )
        return sorted(_likely(found, decision, likely), key=lambda c: (c.model != decision.model, -c.probability))


def _rules(event: dict[str, Any]) -> Iterator[str]:
    """Tell which rules fired, and which experiment it was part of."""
    yield from (f"rule {name}" for name in event.get("rules", ()))
    if "experiment" in event:
        yield f"rules: {event['experiment']}: {event['arm']} of {event['share']:.0%}"
    yield from shadowed(event.get("shadow"))
    if "route_reason" in event:
        yield f"route {event['route']}: {event['route_reason']}"


def _likely(found: list[Candidate], decision: Decision, likely: float | None) -> list[Candidate]:
    """Give the chosen model its own probability, and the others the rest of it, as those of their type share it."""
    if likely is None:
        return found
    others = sum(c.probability for c in found if c.model != decision.model)
    share = (1 - likely) / others if others else 0.0
    return [
        replace(c, probability=likely if c.model == decision.model else round(c.probability * share, 9)) for c in found
    ]


def told(core: Core, id_: str) -> str:
    """Tell a decision from the log, with what was reported of it.

    Raises
    ------
    UnknownDecisionError
        If the log has no such decision.
    """
    core.scribe.write()
    events = core.state.find(id_)
    event = next((e for e in events if e["kind"] == "decision"), None)
    if event is None:
        raise UnknownDecisionError(f"no decision {id_!r} is in the log of {core.state.path}; check the id")
    explained = [e for e in events if e["kind"] == "explained" and "models" in e]
    if not explained and "deal" in event:
        explained = [e for e in core.state.find(event["deal"]) if e["kind"] == "explained" and "models" in e]
    likely = event.get("propensity")
    later = [e["propensity"] for e in events if e["kind"] == "explained" and "propensity" in e]
    if likely is None and later:
        event["propensity"] = later[-1]
    deal = _Past(event, explained[0] if explained else {})
    chosen = (
        0,
        Basis(event["reason"]),
        str(event["route"]),
        event.get("expected_cost_usd"),
        int(event.get("held_nano") or 0),
    )
    decision = Decision(id_, int(event["n"]), float(event["at"]), deal, chosen, None)
    return "\n".join([str(decision), *_reported(events)])


def _reported(events: list[dict[str, Any]]) -> list[str]:
    lines = []
    for event in events:
        if event["kind"] == "usage":
            said = [f"{name} {event[name]:g}" for name in ("output_tokens", "cost_usd", "latency_s") if name in event]
            lines.append(f"attempt {event.get('attempt', 1)} used: {', '.join(said) or 'something'}")
        elif event["kind"] == "judgement" and event.get("retracted"):
            lines.append(f"attempt {event.get('attempt', 1)}: {event['source']} took its judgement back")
        elif event["kind"] == "judgement":
            lines.append(f"attempt {event.get('attempt', 1)}: {event['source']} gave it {event['score']:g}")
        elif event["kind"] == "attempt" and event.get("failure"):
            lines.append(f"attempt {event.get('attempt', 1)} at {event['route']} failed: {event['failure']}")
    return ["", *lines] if lines else ["", "nothing was reported of it"]


def _exclusion(text: str) -> Exclusion:
    word, _, detail = text.partition(" (")
    return Exclusion(reason=Reason(word), detail=detail.removesuffix(")"))
