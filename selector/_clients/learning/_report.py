"""An outcome as events of the log: checked against what is known of its decision, priced, and nothing twice."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, NamedTuple

import numpy as np

from selector._clients.learning._book import USAGE, Entry, Facts
from selector._clients.learning._mind import Mind
from selector.catalog import NANO, Rates, Route, nano
from selector.errors import ConfigError, InvalidOutcomeError
from selector.posteriors import output_token_equivalents
from selector.records import Failure, Outcome, Usage

__all__ = ["Report"]

_MTOK = 1_000_000
_READ = attrgetter(*USAGE)
_CALLER = "caller"


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
        self._routes: dict[tuple[str, str], Route] = {}
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
        now = round(now, 6)
        number, facts, route = self._attempt(entry, outcome)
        base: dict[str, Any] = {"decision_id": id_, "attempt": number, "at": now}
        is_new = number > len(entry.attempts)
        failure = None if outcome.error is None else outcome.error.value
        found: list[dict[str, Any]] = []
        if is_new or (failure is not None and failure != facts.failure):
            by = "policy" if number == 1 else _CALLER
            step = {"model": facts.model, "route": facts.route, "failure": failure, "selected_by": by}
            found.append({"kind": "attempt", **base, **step})
        if number > 1:
            base |= {"model": facts.model, "route": facts.route}
        usage = self.usage(entry, facts, route, outcome)
        judgement = self._judgement(facts, outcome, now)
        if usage:
            found.append({"kind": "usage", **base, **usage})
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
        if wanted is None and last.failure is None and len(entry.attempts) == 1:
            return 1, last, self._known(last)
        if wanted is None and last.made and last.failure is not None:
            if outcome.source is not None:
                raise InvalidOutcomeError(
                    "this run has no answer that could be judged; if one came from elsewhere, name its route, as "
                    "Outcome(route=...)"
                )
            return len(entry.attempts), last, self._known(last)
        name = last.route if wanted is None else wanted.name
        of_route = [
            (place, facts) for place, facts in enumerate(entry.attempts, 1) if facts.route == name or wanted is None
        ]
        again = [(place, facts) for place, facts in of_route if outcome.error and facts.failure == outcome.error.value]
        for place, facts in again or reversed(of_route):
            if again or _is_of(facts, outcome):
                return place, facts, self._known(facts)
        fresh = Facts(last.model if wanted is None else wanted.model, name)
        return len(entry.attempts) + 1, fresh, wanted or self._known(last)

    def _route(self, reference: str) -> Route:
        try:
            return self._catalog.routes(reference)[0]
        except ConfigError as error:
            raise InvalidOutcomeError(f"Outcome.route is {reference!r}: {error}") from None

    def _known(self, facts: Facts) -> Route:
        """Find the route of an attempt, also of a model that was renamed; one that is gone has no prices."""
        found = self._routes.get((facts.model, facts.route))
        if found is None:
            found = self._routes[facts.model, facts.route] = self._looked_up(facts)
        return found

    def _looked_up(self, facts: Facts) -> Route:
        k = self._mind.models.get(facts.model)
        if k is None:
            return Route(model=facts.model, id=facts.model)
        model = self._catalog.model(self._mind.plan.models[k])
        provider = facts.route[len(facts.model) :]
        return next((r for r in model.routes if r.name[len(r.model) :] == provider), model.route)

    def usage(self, entry: Entry, facts: Facts, route: Route, outcome: Outcome | Usage) -> dict[str, Any]:
        """Say what is news of an attempt's usage, with what it cost; empty: nothing is."""
        given = {name: value for name, value in zip(USAGE, _READ(outcome)) if value is not None}  # noqa: B905 - on the hot path
        if not given:
            return {}
        if not facts.uses:
            return given | self._priced(entry, route, given)
        known = facts.usage
        for name, value in given.items():
            if name in known and known[name] != value:
                raise InvalidOutcomeError(
                    f"Outcome.{name} is {value:g}, and {known[name]:g} was reported of the same attempt before; a "
                    "usage counts once: leave it out, or name the route of the attempt that it is of"
                )
        new = {name: value for name, value in given.items() if name not in known} if known else given
        if not new:
            return {}
        found = new | self._priced(entry, route, known | new)
        if known:
            found["known"] = len(known | new)
        return found

    def _priced(self, entry: Entry, route: Route, usage: dict[str, Any]) -> dict[str, Any]:
        """Say what a usage cost, and how many output tokens it teaches, at the prices of its day."""
        look = usage.get
        cost = look("cost_usd")
        found: dict[str, Any] = {} if cost is None else {"nano": nano(cost)}
        if route.prices is None:
            return found
        read, cached, kept = look("input_tokens"), look("cache_read_tokens"), look("cache_write_tokens")
        if read is None and cached is None and kept is None:
            read = entry.input_tokens
        spent = _Counted(read, cached, kept, look("output_tokens"), look("reasoning_tokens"))
        rates = self._rates_of(route, entry.at_s, spent.context_tokens)
        by_list = rates.cost_nano(spent)
        if spent.output_tokens is not None or spent.reasoning_tokens is not None:
            tokens = _equivalents(rates, spent)
            if tokens != (spent.output_tokens or 0) + (spent.reasoning_tokens or 0):
                found["tokens"] = tokens
            if cost is None:
                found["nano"] = by_list
            elif by_list:
                found["list_nano"] = by_list
        elif cost is not None:
            price = rates.output / (_MTOK * NANO)
            found["tokens"] = float(
                output_token_equivalents(np.array([cost]), np.array([by_list / NANO]), np.array([price]))[0]
            )
        if (cached or kept) and rates.input:
            weighed = rates.cache_read * (cached or 0) + rates.cache_write * (kept or 0)
            found["input_as"] = (read or 0) + weighed / rates.input
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

    @staticmethod
    def _judgement(facts: Facts, outcome: Outcome, now: float) -> dict[str, Any]:
        if outcome.source is None:
            return {}
        at = now if outcome.at is None else outcome.at.timestamp()
        last = (facts.judged or {}).get(outcome.source)
        if outcome.retracted and last is None:
            raise InvalidOutcomeError(
                f"Outcome.retracted: {outcome.source!r} said nothing of this attempt that could be taken back"
            )
        same = last is not None and last[3] == outcome.score
        if last is not None and same and (outcome.at is None or at <= last[0]):
            return {}
        if outcome.retracted:
            return {"source": outcome.source, "retracted": True, "at": at}
        return {"source": outcome.source, "score": outcome.score, "at": at}


def _is_of(facts: Facts, outcome: Outcome) -> bool:
    """Tell whether an outcome can be of an attempt, after what is known of that.

    What comes after a failure of the route is another attempt; after a wrong answer, whatever is used anew. A failure
    that is known already is the same one.
    """
    if facts.failure is None:
        return True
    if outcome.error is not None or Failure(facts.failure).of_route:
        return False
    return all(value is None for value in _READ(outcome))


def _equivalents(rates: Rates, spent: _Counted) -> float:
    """Count output and reasoning as output tokens of the same price."""
    written, thought = spent.output_tokens or 0, spent.reasoning_tokens or 0
    if not rates.output:
        return float(written + thought)
    return written + thought * rates.reasoning / rates.output


def _says_nothing(outcome: Outcome) -> bool:
    empty = all(getattr(outcome, name) is None for name in USAGE)
    return empty and outcome.score is None and outcome.error is None and outcome.route is None and not outcome.retracted
