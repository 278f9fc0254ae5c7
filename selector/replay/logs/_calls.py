"""What was reported of one decision, in any order, from any writer: each fact once, as the live loop counts it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from selector.records import Failure

__all__ = ["TOKENS", "USAGE", "Call", "Told", "told"]

TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
USAGE = (*TOKENS, "cost_usd", "latency_s")
OF_ROUTE = frozenset(failure.value for failure in Failure if failure.of_route)
_NANO = 1_000_000_000

Report = Mapping[str, Any]
Rank = Callable[[str], int | None]
"""How far behind the most believed source another stands; None: its word does not count."""


@dataclass(slots=True)
class Call:
    """What was reported of one attempt."""

    model: str | None = None
    route: str | None = None
    failure: str | None = None
    selected_by: str | None = None
    propensity: float | None = None
    waited_s: float | None = None
    uses: list[Report] = field(default_factory=list)
    judged: dict[str, tuple[float, str, int, float | None]] = field(default_factory=dict)
    """The last word of each source: when, writer, number, score or None where it was taken back."""
    is_known: bool = False
    """Whether anything was reported of it."""

    @property
    def usage(self) -> dict[str, Any]:
        """What it used: of two who said something of the same, the first writer's word."""
        found: dict[str, Any] = {}
        for event in self.uses:
            for name in USAGE:
                if event[name] is not None:
                    found.setdefault(name, event[name])
        return found

    @property
    def nano(self) -> int | None:
        """What it cost: as worked out by whoever saw a bill, then by whoever knew the most."""
        found = [event for event in self.uses if event["nano"] is not None]
        if not found:
            return None
        return int(max(found, key=lambda event: (event["cost_usd"] is not None, _known(event)))["nano"])

    @property
    def latency_s(self) -> float | None:
        """How long it took, also where it failed."""
        said = self.usage.get("latency_s")
        return self.waited_s if said is None else float(said)

    @property
    def scores(self) -> dict[str, tuple[float, float]]:
        """The score of every source that did not take it back, and when it was said."""
        return {source: (word[3], word[0]) for source, word in self.judged.items() if word[3] is not None}

    def take(self, report: Report) -> bool:
        """Take in a report; tell whether it said anything new."""
        self.is_known = True
        if report["model"] is not None:
            self.model, self.route = report["model"], report["route"] or report["model"]
        if report["kind"] == "usage":
            before = self.usage
            self.uses.append(report)
            return not before or self.usage != before
        if report["kind"] == "judgement":
            word = (report["at"], report["w"], report["s"], report["score"])
            last = self.judged.get(report["source"])
            if last is None or word[:3] >= last[:3]:
                self.judged[report["source"]] = word
            return last is None
        self.failure = report["failure"] or self.failure
        for name in ("selected_by", "propensity", "waited_s"):
            value = report[name]
            if value is not None:
                setattr(self, name, value)
        return True


def _known(event: Report) -> int:
    return int(event["known"] or sum(event[name] is not None for name in USAGE))


@dataclass(slots=True)
class Told:
    """What is known of one decision's outcome."""

    calls: list[Call]
    n_repeated: int

    @property
    def cost_usd(self) -> float | None:
        """What all attempts cost.

        One that failed, and one of which nothing was said because another followed, cost nothing unless somebody says
        so, as budgets book it; of an answer whose cost nobody said, the whole is not known.
        """
        nano = 0
        for place, call in enumerate(self.calls, 1):
            own = call.nano
            is_free = call.failure is not None or (not call.is_known and place < len(self.calls))
            if own is None and not is_free:
                return None
            nano += own or 0
        return nano / _NANO

    @property
    def answer(self) -> Call | None:
        """The last attempt that gave an answer, good or bad; None: none did."""
        return next((call for call in reversed(self.calls) if call.failure not in OF_ROUTE), None)

    def summed(self, name: str) -> int | None:
        """Add up tokens of one class; None where nobody said any."""
        said = [call.usage.get(name) for call in self.calls]
        known = [value for value in said if value is not None]
        return sum(known) if known else None

    @property
    def latency_s(self) -> float | None:
        """Add up how long the attempts took; None where nobody said."""
        known = [call.latency_s for call in self.calls if call.latency_s is not None]
        return sum(known) if known else None

    def listed(self, model: str, route: str, rank: Rank) -> list[dict[str, Any]] | None:
        """Describe each attempt; None where there was one."""
        if len(self.calls) < 2:
            return None
        found = []
        for call in self.calls:
            model, route = call.model or model, call.route or route
            believed = best(call.scores, rank)
            found.append(
                {
                    "model": model,
                    "route": route,
                    "selected_by": call.selected_by,
                    "failure": call.failure,
                    "propensity": call.propensity,
                    "latency_s": call.latency_s,
                    "cost_usd": None if call.nano is None else call.nano / _NANO,
                    "score": None if believed is None else call.scores[believed][0],
                    "source": believed,
                }
            )
        return found


def best(scores: Mapping[str, object], rank: Rank) -> str | None:
    """Name the most believed of some sources; None: none of them counts."""
    found = [(place, source) for source in scores if (place := rank(source)) is not None]
    return min(found)[1] if found else None


def told(reports: Iterable[Report]) -> Told:
    """Put together what was reported of one decision.

    Parameters
    ----------
    reports
        Attempts, usages and judgements, by writer and number.

    Returns
    -------
    Told
        Its calls in order, and how many reports said nothing new.
    """
    calls = [Call()]
    n_repeated = 0
    for report in reports:
        number = max(1, int(report["attempt"] or 1))
        while len(calls) < number:
            calls.append(Call())
        n_repeated += not calls[number - 1].take(report)
    return Told(calls, n_repeated)
