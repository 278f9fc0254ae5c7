"""What providers billed against the prices in the configuration, route by route, read from the log."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, NamedTuple

import numpy as np

from selector._clients.bills._billed import Calls, Cause, Ratio, causes_of, ratio_of
from selector._clients.learning._book import TOKENS, Facts
from selector.catalog import NANO, Catalog, Route

__all__ = ["Bill", "Bills", "check_bills"]

_FEWEST = 10  # calls, for a verdict
_MOSTLY = 0.9
_MTOK = 1_000_000
_INPUT, _OUTPUT = TOKENS[:3], TOKENS[3:]


@dataclass(frozen=True, slots=True, kw_only=True)
class Bill:
    """What one route, or all routes of one model, billed, against the list.

    Examples
    --------
    >>> Bill(model="small", route=None, n_billed=3, n=3, verdict="too_few").is_off
    False
    """

    model: str
    """The model."""
    route: str | None
    """The route; None: all routes of the model."""
    n_billed: int
    """Calls of which the provider said what they cost."""
    n: int
    """Of these, how many say what they used, so that they can be compared."""
    billed_usd: float = 0.0
    """What these cost."""
    list_usd: float | None = None
    """What they would have cost by the list of their day; None: no price is known."""
    ratio: float | None = None
    """Billed over list; None: there is nothing to divide by."""
    low: float | None = None
    """Where its 95 % interval begins."""
    high: float | None = None
    """Where it ends."""
    verdict: str
    """``fits``, ``off``, ``unclear`` (the interval is too wide to say), ``too_few`` calls, ``no_price`` known,
    ``not_configured`` any more, or ``changed``: off, but what was configured when the calls were made was right."""
    causes: tuple[Cause, ...] = ()
    """What would explain it, where it is off: the best first, then what cannot be told apart from it."""

    @property
    def is_off(self) -> bool:
        """Whether the list is wrong, beyond doubt and beyond the tolerance."""
        return self.verdict == "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class Bills:
    """What was billed, by route and by model.

    Examples
    --------
    >>> Bills(routes=(), models=()).off
    ()
    """

    routes: tuple[Bill, ...]
    """A bill per route that billed anything, in the order of the configuration."""
    models: tuple[Bill, ...]
    """A bill per model, over all of its routes."""
    n_unknown: int = 0
    """Billed calls of decisions that the log does not have."""

    @property
    def off(self) -> tuple[str, ...]:
        """The models whose list is wrong, at one of their routes or over all of them."""
        return tuple(dict.fromkeys(each.model for each in (*self.models, *self.routes) if each.is_off))


class _Made(NamedTuple):
    """What a decision says of a call that followed it."""

    at_s: float
    model: str
    route: str
    input_tokens: int | None
    """As somebody counted; None: nobody did."""


class _Call(NamedTuple):
    """A billed call."""

    at_s: float
    model: str
    route: str
    billed_usd: float
    logged_usd: float | None
    """What the list said when it was recorded."""
    tokens: tuple[int, ...] | None
    """By class; None: it does not say, or only as an estimate."""


@dataclass(slots=True)
class _Log:
    """What the log says of bills."""

    made: dict[str, _Made] = field(default_factory=dict)
    facts: dict[tuple[str, int], Facts] = field(default_factory=dict)

    def take(self, event: Mapping[str, Any]) -> None:
        kind = event["kind"]
        if kind == "decision":
            self._decide(str(event["id"]), event)
        elif kind in {"usage", "attempt"}:
            id_ = str(event["decision_id"])
            if "of" in event:
                self._decide(id_, event["of"])
            facts = self.facts.setdefault((id_, int(event.get("attempt", 1))), Facts("", ""))
            if "model" in event:
                facts.model, facts.route = str(event["model"]), str(event.get("route", event["model"]))
            if kind == "usage":
                facts.use(event)

    def _decide(self, id_: str, event: Mapping[str, Any]) -> None:
        counted = None if event.get("guessed") else event.get("input_tokens")
        self.made.setdefault(id_, _Made(float(event["at"]), str(event["model"]), str(event["route"]), counted))

    def calls(self, since_s: float) -> tuple[list[_Call], int]:
        """Collect the billed calls, and count those of which the decision is not known."""
        found, n_unknown = [], 0
        for (id_, _), facts in self.facts.items():
            usage = facts.usage
            if usage.get("cost_usd") is None:
                continue
            made = self.made.get(id_)
            if made is None:
                n_unknown += 1
            elif made.at_s >= since_s:
                found.append(_call(made, facts, usage))
        return sorted(found, key=lambda call: call.at_s), n_unknown


def _call(made: _Made, facts: Facts, usage: Mapping[str, Any]) -> _Call:
    counted = [usage.get(name) for name in TOKENS]
    if all(usage.get(name) is None for name in _INPUT):
        counted[0] = made.input_tokens
    is_told = any(each is not None for each in counted[: len(_INPUT)])
    is_told &= any(usage.get(name) is not None for name in _OUTPUT)
    is_told &= not any(event.get("estimated") for event in facts.uses)
    logged = facts.best("list_nano")
    return _Call(
        made.at_s,
        facts.model or made.model,
        facts.route or made.route,
        float(usage["cost_usd"]),
        None if logged is None else logged / NANO,
        tuple(each or 0 for each in counted) if is_told else None,
    )


def check_bills(
    events: Iterable[Mapping[str, Any]], catalog: Catalog, *, since_s: float = -math.inf, tolerance: float = 0.05
) -> Bills:
    """Compare what providers billed with what their routes cost by the list of the day.

    The list is the configuration's as it is now, with the dates of its prices: a list that was corrected is compared
    as corrected. Calls whose tokens are not known, or are estimates, have a bill that nothing can be compared with.

    Parameters
    ----------
    events
        The log's, in any order.
    catalog
        The prices.
    since_s
        From which decisions on, in seconds since 1970.
    tolerance
        How far billed over list may be from 1, relative to it.

    Returns
    -------
    Bills
        By route and by model.

    Examples
    --------
    >>> from selector.config import Config
    >>> catalog = Catalog.of(Config.load({"models": {"small": {"usd_per_mtok_in": 1, "usd_per_mtok_out": 5}}}))
    >>> log = []
    >>> for n in range(20):
    ...     usage = {"input_tokens": 1_000 * n, "output_tokens": 500, "cost_usd": 0.002 * n + 0.005}
    ...     log += [
    ...         {"kind": "decision", "id": f"d{n}", "at": 1e9 + n, "model": "small", "route": "small"},
    ...         {"kind": "usage", "decision_id": f"d{n}", "w": "a", "s": n, **usage},
    ...     ]
    >>> (bill,) = check_bills(log, catalog).routes
    >>> bill.n, round(bill.ratio, 2), bill.verdict, bill.causes[0].said
    (20, 2.0, 'off', "every price is 2 times the list's")
    """
    log = _Log()
    for event in events:
        log.take(event)
    calls, n_unknown = log.calls(since_s)
    places = _places(catalog)
    groups: dict[tuple[str, str], tuple[Route | None, list[_Call]]] = {}
    for call in calls:
        route = places.get((call.model, call.route[len(call.model) :]))
        key = (call.model, call.route) if route is None else (route.model, route.name)
        groups.setdefault(key, (route, []))[1].append(call)
    order = {route.name: place for place, route in enumerate(route for model in catalog for route in model.routes)}
    keys = sorted(groups, key=lambda key: (order.get(key[1], len(order)), key))
    checked = [_Checked.of(key, *groups[key]) for key in keys]
    by_model: dict[str, list[tuple[_Checked, Bill]]] = {}
    for each in checked:
        by_model.setdefault(each.model, []).append((each, each.bill(tolerance)))
    return Bills(
        routes=tuple(bill for own in by_model.values() for _, bill in own),
        models=tuple(_pooled(own, tolerance) for own in by_model.values()),
        n_unknown=n_unknown,
    )


def _places(catalog: Catalog) -> dict[tuple[str, str], Route]:
    """Find routes by their model, also by its old name, and what stands behind that in their own."""
    found = {}
    for model in catalog:
        for route in model.routes:
            behind = route.name[len(route.model) :]
            found[model.name, behind] = route
            for old in model.was:
                found.setdefault((old, behind), route)
    return found


@dataclass(frozen=True, slots=True)
class _Checked:
    """The calls of one route, and what they cost by the list."""

    model: str
    name: str
    route: Route | None
    n_billed: int
    billed_usd: float
    calls: Calls | None
    """None: no price is known."""
    logged: tuple[float | None, ...]

    @classmethod
    def of(cls, key: tuple[str, str], route: Route | None, every: list[_Call]) -> _Checked:
        told = [call for call in every if call.tokens is not None]
        calls = None if route is None or route.prices is None else _priced(route, told)
        billed = sum(call.billed_usd for call in (every if calls is None else told))
        return cls(*key, route, len(every), billed, calls, tuple(call.logged_usd for call in told))

    def bill(self, tolerance: float) -> Bill:
        if self.calls is None:
            verdict = "not_configured" if self.route is None else "no_price"
            bill = Bill(model=self.model, route=self.name, n_billed=self.n_billed, n=len(self.logged), verdict=verdict)
            return replace(bill, billed_usd=self.billed_usd)
        ratio = ratio_of(self.calls.billed, self.calls.listed)
        verdict = _verdict(ratio, tolerance)
        if verdict == "off" and self._was_right(tolerance):
            verdict = "changed"
        causes = causes_of(self.calls, tolerance) if verdict == "off" else ()
        return _bill(self.model, self.name, self.n_billed, ratio, verdict, causes)

    def _was_right(self, tolerance: float) -> bool:
        """Tell whether the list was right as it was when the calls were recorded."""
        assert self.calls is not None  # noqa: S101 - asked before
        logged = np.array([math.nan if usd is None else usd for usd in self.logged])
        known = ~np.isnan(logged)
        if known.sum() < max(_FEWEST, _MOSTLY * len(logged)):
            return False
        return ratio_of(self.calls.billed[known], logged[known]).is_right(tolerance)


def _priced(route: Route, told: list[_Call]) -> Calls:
    assert route.prices is not None  # noqa: S101 - asked before
    rates = np.zeros((len(told), 6))
    for place, call in enumerate(told):
        assert call.tokens is not None  # noqa: S101 - told
        at = datetime.fromtimestamp(max(call.at_s, 0.0), UTC)
        found = route.prices.rates(at=at, context_tokens=sum(call.tokens[: len(_INPUT)]))
        each = (found.input, found.cache_read, found.cache_write, found.output, found.reasoning)
        rates[place, :5] = np.array(each) / (_MTOK * NANO)
        rates[place, 5] = found.call / NANO
    tokens = np.array([[*(call.tokens or ()), 1] for call in told], float).reshape(-1, 6)
    return Calls(
        np.array([call.at_s for call in told], float),
        np.array([call.billed_usd for call in told], float),
        tokens,
        rates,
    )


def _verdict(ratio: Ratio, tolerance: float) -> str:
    if ratio.n < _FEWEST:
        return "too_few"
    if ratio.is_off(tolerance):
        return "off"
    return "fits" if ratio.is_right(tolerance) else "unclear"


def _bill(
    model: str, route: str | None, n_billed: int, ratio: Ratio, verdict: str, causes: tuple[Cause, ...] = ()
) -> Bill:
    return Bill(
        model=model,
        route=route,
        n_billed=n_billed,
        n=ratio.n,
        billed_usd=ratio.billed_usd,
        list_usd=ratio.list_usd,
        ratio=ratio.value,
        low=ratio.low,
        high=ratio.high,
        verdict=verdict,
        causes=causes,
    )


def _pooled(own: list[tuple[_Checked, Bill]], tolerance: float) -> Bill:
    """Bill all routes of a model together."""
    bills = [bill for _, bill in own]
    priced = [each.calls for each, _ in own if each.calls is not None]
    n_billed = sum(bill.n_billed for bill in bills)
    if len(own) == 1 or not priced:
        n, usd = sum(bill.n for bill in bills), sum(bill.billed_usd for bill in bills)
        return replace(bills[0], route=None, n_billed=n_billed, n=n, billed_usd=usd)
    ratio = ratio_of(np.concatenate([c.billed for c in priced]), np.concatenate([c.listed for c in priced]))
    verdict, verdicts = _verdict(ratio, tolerance), {bill.verdict for bill in bills}
    if verdict == "off" and "off" not in verdicts and "changed" in verdicts:
        verdict = "changed"
    return _bill(bills[0].model, None, n_billed, ratio, verdict)
