"""An outcome as events of the log: checked against what is known of its decision, priced, and nothing twice."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from selector._clients._book import Entry, Facts
from selector._clients._fold import USAGE
from selector._clients._mind import Mind
from selector.catalog import NANO, Rates, Route, nano
from selector.errors import ConfigError, InvalidOutcomeError
from selector.posteriors import output_token_equivalents
from selector.records import Outcome

__all__ = ["Report"]

_MTOK = 1_000_000
_READ = attrgetter(*USAGE)
_NEW = "caller"


class _Counted(NamedTuple):
    """Token classes of one attempt, checked before."""

    input_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None
    output_tokens: int | None = None
    reasoning_tokens: int | None = None

    @property
    def context_tokens(self) -> int:
        return (self.input_tokens or 0) + (self.cache_read_tokens or 0) + (self.cache_write_tokens or 0)


class Report:
    """Turns outcomes into events.

    Parameters
    ----------
    mind
        Whose models and prices they are of.
    """

    def __init__(self, mind: Mind) -> None:
        self._mind, self._catalog = mind, mind.plan.catalog
        self._rates: dict[tuple[str, int, int], Rates] = {}
        self._edges: dict[str, tuple[int, ...]] = {}

    def events(self, id_: str, entry: Entry, outcome: Outcome, now: float) -> list[dict[str, Any]]:
        """Write an outcome as the events that are news.

        Parameters
        ----------
        id_
            The decision.
        entry
            What is known of it.
        outcome
            What was reported.
        now
            Seconds since 1970.

        Returns
        -------
        list of dict
            Empty where all of it was known.

        Raises
        ------
        InvalidOutcomeError
            If it contradicts what is known.
        """
        number, facts, route = self._attempt(entry, outcome)
        base: dict[str, Any] = {"decision_id": id_, "attempt": number, "at": now}
        if number > len(entry.attempts) or (outcome.route is not None and number > 1):
            base |= {"model": route.model, "route": route.name}
        failure = None if outcome.error is None else outcome.error.value
        found: list[dict[str, Any]] = []
        if number > len(entry.attempts) or (failure is not None and failure != facts.failure):
            found.append(
                {
                    "kind": "attempt",
                    **base,
                    "model": route.model,
                    "route": route.name,
                    "failure": failure,
                    "selected_by": "policy" if number == 1 else _NEW,
                }
            )
        usage = self._usage(entry, facts, route, outcome)
        if usage:
            found.append({"kind": "usage", **base, **usage})
        judgement = self._judgement(facts, outcome, now)
        if judgement:
            found.append({"kind": "judgement", **base, **judgement})
        if not found and _says_nothing(outcome):
            raise InvalidOutcomeError(
                "the outcome says nothing; give usage (tokens, cost_usd, latency_s), a score or an error"
            )
        return found

    def _attempt(self, entry: Entry, outcome: Outcome) -> tuple[int, Facts, Route]:
        """Find which attempt an outcome is of: its number, what is known of it, and its route."""
        wanted = None if outcome.route is None else self._route(outcome.route)
        last = entry.attempts[-1]
        name = last.route if wanted is None else wanted.name
        for place in range(len(entry.attempts), 0, -1):
            facts = entry.attempts[place - 1]
            over = facts.failure is not None and outcome.error is None
            if facts.route == name and not over:
                return place, facts, wanted or self._known(facts)
        fresh = Facts(last.model if wanted is None else wanted.model, name)
        return len(entry.attempts) + 1, fresh, wanted or self._known(last)

    def _route(self, reference: str) -> Route:
        try:
            return self._catalog.routes(reference)[0]
        except ConfigError as error:
            raise InvalidOutcomeError(f"Outcome.route is {reference!r}: {error}") from None

    def _known(self, facts: Facts) -> Route:
        """Find the route of an attempt; one that is no longer configured has no prices."""
        if facts.model in self._catalog:
            for route in self._catalog.model(facts.model).routes:
                if route.name == facts.route:
                    return route
        return Route(model=facts.model, id=facts.model)

    def _usage(self, entry: Entry, facts: Facts, route: Route, outcome: Outcome) -> dict[str, Any]:
        given = {name: value for name, value in zip(USAGE, _READ(outcome), strict=True) if value is not None}
        if not given:
            return {}
        known = facts.usage
        if not known:
            return given | self._priced(entry, route, given, given)
        for name, value in given.items():
            if name in known and known[name] != value:
                raise InvalidOutcomeError(
                    f"Outcome.{name} is {value:g}, and {known[name]:g} was reported of the same attempt before; a "
                    "usage counts once: leave it out, or name the route of the attempt that it is of"
                )
        new = {name: value for name, value in given.items() if name not in known}
        if not new:
            return {}
        return new | self._priced(entry, route, known | new, new)

    def _priced(self, entry: Entry, route: Route, usage: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
        """Say what a usage cost, and what it teaches: output tokens; of a model without prices, dollars."""
        cost = usage.get("cost_usd")
        if route.prices is None:
            return {} if cost is None else {"tokens": float(cost), "nano": nano(cost)}
        look = usage.get
        read, cached, kept = look("input_tokens"), look("cache_read_tokens"), look("cache_write_tokens")
        if read is None and cached is None and kept is None:
            read = entry.input_tokens
        spent = _Counted(read, cached, kept, look("output_tokens"), look("reasoning_tokens"))
        rates = self._rates_of(route, entry.at_s, spent.context_tokens)
        by_list = rates.cost_nano(spent)
        answered = spent.output_tokens is not None or spent.reasoning_tokens is not None
        found: dict[str, Any] = {}
        if answered:
            found["tokens"] = _equivalents(rates, spent)
        elif cost is not None:
            read = (by_list - rates.call) / NANO + rates.call / NANO
            price = rates.output / (_MTOK * NANO)
            found["tokens"] = float(output_token_equivalents(np.array([cost]), np.array([read]), np.array([price]))[0])
        if cost is not None:
            found["nano"] = nano(cost)
        elif answered:
            found["nano"] = by_list
        self._compare(entry, route, spent, (rates, by_list if answered else None), cost if "cost_usd" in new else None)
        return found

    def _rates_of(self, route: Route, at_s: float, context_tokens: int) -> Rates:
        """Find the rates of a call; those of one minute are looked up once."""
        assert route.prices is not None  # noqa: S101 - asked before
        edges = self._edges.get(route.name)
        if edges is None:
            edges = self._edges[route.name] = route.prices.tier_edges
        key = (route.name, int(at_s // 60), bisect_left(edges, context_tokens))
        rates = self._rates.get(key)
        if rates is None:
            if len(self._rates) > 1_000:
                self._rates.clear()
            at = datetime.fromtimestamp(max(at_s, 0.0), UTC)
            rates = self._rates[key] = route.prices.rates(at=at, context_tokens=context_tokens)
        return rates

    def _compare(
        self, entry: Entry, route: Route, spent: _Counted, listed: tuple[Rates, int | None], cost: float | None
    ) -> None:
        """Hold what was billed, read and counted against what was expected."""
        k = self._mind.models.get(route.model)
        rates, by_list = listed
        if k is None:
            return
        ratios = self._mind.ratios
        if cost is not None and by_list:
            ratios.dollars[:, k] += (cost, by_list / NANO)
        full = rates.input * spent.context_tokens
        if spent.cache_read_tokens or spent.cache_write_tokens:
            real = (
                rates.input * (spent.input_tokens or 0)
                + rates.cache_read * (spent.cache_read_tokens or 0)
                + rates.cache_write * (spent.cache_write_tokens or 0)
            )
            ratios.inputs[:, k] += (real / (_MTOK * NANO), full / (_MTOK * NANO))
        elif spent.input_tokens is not None and full:
            ratios.inputs[:, k] += full / (_MTOK * NANO)
        if not entry.counted and spent.input_tokens is not None and entry.input_tokens:
            ratios.lengths[:, k] += (spent.context_tokens, entry.input_tokens)

    @staticmethod
    def _judgement(facts: Facts, outcome: Outcome, now: float) -> dict[str, Any]:
        if outcome.source is None:
            return {}
        at = now if outcome.at is None else outcome.at.timestamp()
        last = (facts.judged or {}).get(outcome.source)
        if outcome.retracted:
            if last is None or last[3] is None:
                raise InvalidOutcomeError(
                    f"Outcome.retracted: {outcome.source!r} said nothing of this attempt that could be taken back"
                )
            return {"source": outcome.source, "retracted": True, "at": at}
        if last is not None and last[3] == outcome.score:
            return {}
        return {"source": outcome.source, "score": outcome.score, "at": at}


def _equivalents(rates: Rates, spent: _Counted) -> float:
    """Count output and reasoning as output tokens of the same price."""
    written, thought = spent.output_tokens or 0, spent.reasoning_tokens or 0
    if not rates.output:
        return float(written + thought)
    return written + thought * rates.reasoning / rates.output


def _says_nothing(outcome: Outcome) -> bool:
    empty = all(getattr(outcome, name) is None for name in USAGE)
    return empty and outcome.score is None and outcome.error is None and outcome.route is None and not outcome.retracted
