"""Gates on logs of our own policy, of switches that are just as good, and of switches that are worse by the margin."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from experiments.gate_power._worlds import KINDS, draw_world, least_saving, logs_in, switch
from selector.replay import GateTerms, gate

__all__ = ["Config", "run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """Some worlds, and how their logs come about."""

    first: int = 0
    """The first world's number."""
    worlds: int = 25
    logs: int = 4
    """Of each world."""
    decisions: int = 4000
    floor: float = 0.1
    judged: float = 1.0
    """Probability that a decision is judged."""
    margin: float = 0.05


def run(config: Config) -> dict[str, object]:
    """Return how often each kind of switch passed, failed, or was left open, and how exactly its truth was met."""
    numbers = [config.first + i for i in range(config.worlds) for _ in range(config.logs)]
    seeds = [number * 1000 + i % config.logs for i, number in enumerate(numbers)]
    worlds = [draw_world(number) for number in numbers]
    logs = logs_in(worlds, seeds, decisions=config.decisions, floor=config.floor, judged=config.judged)
    counts: dict[str, Counter[str]] = {kind: Counter() for kind in KINDS}
    most_off, saved = 0.0, 0.0
    for log, world in zip(logs, worlds, strict=True):
        for kind in KINDS:
            found = switch(log, world, kind, config.margin)
            if kind != "worse_somewhere":
                wanted = -config.margin if kind == "worse_everywhere" else 0.0
                most_off = max(most_off, float(abs(found.difference - wanted).max()))
            terms = GateTerms(success_margin=config.margin, min_saving=least_saving(found, kind))
            counts[kind][gate(log, found.target, terms).result] += 1
            saved += found.saving / len(KINDS) / len(worlds)
    every = {kind: {word: counts[kind][word] for word in ("pass", "fail", "not_enough")} for kind in KINDS}
    return {"counts": every, "most_off": most_off, "mean_saving": saved}
