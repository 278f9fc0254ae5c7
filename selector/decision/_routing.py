"""Which route of a chosen model a call goes to: by price, speed, turn, order, or the session's own."""

from __future__ import annotations

import math
from fractions import Fraction
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Literal, NamedTuple, cast, get_args

from selector.decision._route_beliefs import RouteBeliefs
from selector.decision._route_choice import Considered, PriceTag, RouteAsk, RouteChoice, Told
from selector.decision._route_draws import beta_draw, normal_draw
from selector.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from selector.catalog import Catalog, Route
    from selector.decision._route_beliefs import Speed

    QuotaFactor = Callable[[Route, float], float]

__all__ = ["STRATEGIES", "Routing", "Strategy"]

Strategy = Literal["budget_aware", "cheapest", "fastest", "round_robin", "priority", "sticky", "rules"]
STRATEGIES: tuple[Strategy, ...] = get_args(Strategy)

_NANO_USD = 1e-9
_FULL = 0.98  # an availability above this counts as full, so that healthy routes are told apart by price alone
_TIE = 1.01  # prices within a hundredth of each other are told apart by latency


class Routing:
    """The choice among the routes of a chosen model.

    The model is chosen before, by its success and the price of its tokens; here it is only where to call it. Where one
    route may serve, it is returned and nothing else happens. The same state and the same `RouteAsk` give the same
    choice.

    ``budget_aware`` takes the least effective price, ``price x factor + dearest x (1 - a) / a``: what the task costs
    there, times the shadow price of the route's quota, plus what its failures cost, each as much as the dearest of the
    routes. The availability ``a`` is drawn from what is believed of it, so a route that recovered is found again; one
    that is known to serve its model worse counts as that much less available. Of prices within a hundredth of each
    other the faster route wins. ``cheapest`` compares list prices; ``fastest`` latencies, drawn, so that unknown ones
    are tried now and then; ``round_robin`` spreads calls evenly by weight; ``priority`` takes the first as configured,
    ``rules`` as a rule ordered them; ``sticky`` stays where the session is, and else is ``budget_aware``.

    Parameters
    ----------
    catalog
        The models, by whose places they are asked for.
    route_by
        Each model's strategy; a model that is not named has ``budget_aware``.
    beliefs
        What is believed of routes; None: nothing yet.
    factor
        What a dollar at a route's list price is worth now, for its quota's sake: 0 for tokens that would expire unused,
        above 1 where the quota is short, infinite to use it last. It is given the route and the seconds since 1970.
    weights
        Of routes by name, for ``round_robin``; a route that is not named weighs 1.

    Raises
    ------
    ConfigError
        If a strategy, a model or a route is unknown, or a weight is not above 0.

    Examples
    --------
    >>> from selector.catalog import Catalog
    >>> from selector.config import Config
    >>> catalog = Catalog.of(Config.load({
    ...     "providers": {"home": {"kind": "openai"}, "work": {"kind": "openai"}},
    ...     "models": {"sonnet": {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15, "routes": {
    ...         "home": {"usd_per_mtok_in": 6}, "work": {}}}},
    ... }))
    >>> routing = Routing(catalog, {"sonnet": "cheapest"})
    >>> choice = routing.choose(0, catalog.model("sonnet").routes, RouteAsk(0.5, 0.0, input_tokens=1_000))
    >>> choice.route.name, choice.reason
    ('sonnet@work', 'cheapest: 0.003 USD, the least of 2')
    """

    def __init__(
        self,
        catalog: Catalog,
        route_by: Mapping[str, str] | None = None,
        *,
        beliefs: RouteBeliefs | None = None,
        factor: QuotaFactor | None = None,
        weights: Mapping[str, float] | None = None,
    ) -> None:
        self.beliefs = RouteBeliefs() if beliefs is None else beliefs
        self._factor = factor
        names = [model.name for model in catalog]
        for model, strategy in (route_by or {}).items():
            if model not in names:
                raise ConfigError(f"route_by names the unknown model {model!r}{nearest(model, names)}")
            if strategy not in STRATEGIES:
                raise ConfigError(f"route_by of {model!r} is {strategy!r}{nearest(strategy, STRATEGIES)}")
        by = [(route_by or {}).get(name, "budget_aware") for name in names]
        self._choices = [getattr(self, f"_{strategy}") for strategy in by]
        routes = [route for model in catalog for route in model.routes]
        self._tags = {route.name: PriceTag(route) for route in routes}
        self._weights = _whole(weights or {}, [route.name for route in routes])
        self._turns: dict[str, int] = {}
        self._lock = Lock()

    def choose(self, model: int, routes: Sequence[Route], ask: RouteAsk) -> RouteChoice:
        """Choose one of the routes.

        Parameters
        ----------
        model
            The model's place in the catalog.
        routes
            Those of its routes that may serve now, in the configured order; at least one.
        ask
            The task.

        Returns
        -------
        RouteChoice
            One of them, and why.

        Raises
        ------
        ValueError
            If there is no route.

        Examples
        --------
        >>> from selector.catalog import Catalog, Route
        >>> only = Route(model="opus", provider="work", id="opus")
        >>> Routing(Catalog({}, {}, {})).choose(0, [only], RouteAsk(0.5, 0.0)).reason
        'its only route that may serve'
        """
        if len(routes) == 1:
            return RouteChoice(routes[0], _only)
        if not routes:
            raise ValueError("routes is empty; give at least one that may serve")
        found: RouteChoice = self._choices[model](routes, ask)
        return found

    def list_usd(self, route: Route, ask: RouteAsk) -> float | None:
        """Price a task at a route, in dollars; None: its prices are not known.

        What the incumbent has in its prompt cache is read there, and written anew anywhere else.

        Parameters
        ----------
        route
            Of this catalog.
        ask
            The task.

        Returns
        -------
        float | None
            At the prices of that moment and for an input of that length.

        Examples
        --------
        >>> from selector.catalog import Catalog
        >>> from selector.config import Config
        >>> prices = {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15, "usd_per_mtok_cache_read": 0.3}
        >>> catalog = Catalog.of(Config.load({"models": {"sonnet": prices}}))
        >>> ask = RouteAsk(0.5, 0.0, input_tokens=10_000, cached_tokens=9_000, incumbent="sonnet")
        >>> route = catalog.model("sonnet").route
        >>> [round(Routing(catalog).list_usd(route, each), 6) for each in (ask, ask._replace(incumbent=None))]
        [0.0057, 0.03]
        """
        tag = self._tags.get(route.name)
        if tag is None or tag.route is not route:
            tag = self._tags[route.name] = PriceTag(route)
        return tag.usd(ask)

    def _budget_aware(self, routes: Sequence[Route], ask: RouteAsk, word: str = "budget_aware") -> RouteChoice:
        beliefs, now_s, notes = self.beliefs, ask.now_s, dict[int, str]()
        usd, dearest = self._priced(routes, ask, notes)
        if self._factor is not None:
            usd = [_at(self._factor(route, now_s), each) for route, each in zip(routes, usd, strict=True)]
        speeds, may = self._in_time(routes, ask, notes)
        least, drawn = math.inf, dict[int, float]()
        for i in sorted(may, key=usd.__getitem__):
            if usd[i] > least * _TIE:  # dearer even if it never fails, as are those after it
                break
            name = routes[i].name
            a = drawn[i] = beta_draw(beliefs.odds(name, now_s), ask.u, i)
            off = beliefs.clearly_worse(name, now_s)
            if off:
                a *= max(1 + off, 0.01)
                notes[i] = f"{notes.get(i, '')}; serves its model worse by {-off:.2f}"
            if a < _FULL:
                usd[i] += (dearest or _NANO_USD) * (1 - a) / max(a, 1e-9)
            least = min(least, usd[i])
        near = [i for i in drawn if usd[i] <= least * _TIE]
        best = near[0]
        if len(near) > 1:
            near.sort()
            speeds = speeds or beliefs.speeds([route.name for route in routes], now_s)
            best = min(near, key=lambda i: math.inf if (speed := speeds[i]) is None else speed.log_mean)
        return RouteChoice(routes[best], _Compared(word, routes, best, usd, speeds, drawn, near, may, notes).tell)

    def _cheapest(self, routes: Sequence[Route], ask: RouteAsk) -> RouteChoice:
        notes: dict[int, str] = {}
        usd, _ = self._priced(routes, ask, notes)
        speeds, may = self._in_time(routes, ask, notes)
        best = min(may, key=usd.__getitem__)
        return RouteChoice(routes[best], _Compared("cheapest", routes, best, usd, speeds, {}, [best], may, notes).tell)

    def _fastest(self, routes: Sequence[Route], ask: RouteAsk) -> RouteChoice:
        names = [route.name for route in routes]
        speeds = self.beliefs.speeds(names, ask.now_s)
        available = [self.beliefs.availability(name, ask.now_s) for name in names]
        drawn = []
        for i, speed in enumerate(speeds):
            mean, doubt = (0.0, 1.0) if speed is None else (speed.log_mean, speed.doubt)
            drawn.append(mean + doubt * normal_draw(ask.u, i) - math.log(available[i]))
        best = drawn.index(min(drawn))
        return RouteChoice(routes[best], partial(_timed, names, best, speeds, available))

    def _round_robin(self, routes: Sequence[Route], ask: RouteAsk) -> RouteChoice:  # noqa: ARG002 - as its siblings
        best, total, turns = 0, 0, self._turns
        with self._lock:
            for i, route in enumerate(routes):
                weight = self._weights[route.name]
                total += weight
                turns[route.name] = turns.get(route.name, 0) + weight
                if turns[route.name] > turns[routes[best].name]:
                    best = i
            turns[routes[best].name] -= total
        return _picked(routes, best, "round_robin: its turn among {}", "not its turn")

    def _priority(self, routes: Sequence[Route], ask: RouteAsk) -> RouteChoice:  # noqa: ARG002 - as its siblings
        return _picked(routes, 0, "priority: the first of {} as configured", "after it")

    def _rules(self, routes: Sequence[Route], ask: RouteAsk) -> RouteChoice:
        names = [route.name for route in routes]
        for name in ask.order:
            if name in names:
                return _picked(routes, names.index(name), "rules: the first of {} as a rule orders them", "after it")
        return _picked(routes, 0, "rules: no rule orders them, the first of {} as configured", "after it")

    def _sticky(self, routes: Sequence[Route], ask: RouteAsk) -> RouteChoice:
        for i, route in enumerate(routes):
            if route.name == ask.incumbent:
                return _picked(routes, i, "sticky: where the session is", "the session is elsewhere")
        return self._budget_aware(routes, ask, "sticky, and the session is at none of them: budget_aware")

    def _priced(self, routes: Sequence[Route], ask: RouteAsk, notes: dict[int, str]) -> tuple[list[float], float]:
        """Return each route's list price, and the dearest of them, which unknown ones count as."""
        known = [self.list_usd(route, ask) for route in routes]
        if None not in known:
            usd = cast("list[float]", known)
            return usd, max(usd)
        dearest = max((each for each in known if each is not None), default=0.0)
        notes.update({i: "; no price known, taken as the dearest" for i, each in enumerate(known) if each is None})
        return [dearest if each is None else each for each in known], dearest

    def _in_time(
        self, routes: Sequence[Route], ask: RouteAsk, notes: dict[int, str]
    ) -> tuple[tuple[Speed | None, ...], Sequence[int]]:
        """Return who is within a limit of latency; all, where none is. What nobody measured is within it."""
        every, most_s = range(len(routes)), ask.max_latency_s
        if most_s is None:
            return (), every
        speeds = self.beliefs.speeds([route.name for route in routes], ask.now_s)
        may = [i for i in every if (speed := speeds[i]) is None or speed.p95_s <= most_s]
        for i in set(every) - set(may):
            notes[i] = f"{notes.get(i, '')}; slower than {most_s:g} s{'' if may else ', as all are'}"
        return speeds, may or every


class _Compared(NamedTuple):
    """What was compared of routes by price, until somebody asks for it in words."""

    word: str
    routes: Sequence[Route]
    best: int
    usd: list[float]
    speeds: tuple[Speed | None, ...]
    drawn: dict[int, float]
    near: list[int]
    may: Sequence[int]
    notes: dict[int, str]

    def tell(self) -> Told:
        several = f"the fastest of {len(self.near)} that cost as little"
        least = several if len(self.near) > 1 else f"the least of {len(self.may)}"
        considered = []
        for i, route in enumerate(self.routes):
            if i == self.best:
                why = "chosen"
            elif i not in self.may:
                why = ""
            elif i in self.near:
                why = "as cheap, no faster"
            else:
                why = "no cheaper" if self.usd[i] == self.usd[self.best] else "dearer"
            said = f"{why}{self.notes.get(i, '')}".removeprefix("; ")
            latency_s = _median(self.speeds[i]) if self.speeds else None
            considered.append(Considered(route.name, self.usd[i], latency_s, self.drawn.get(i), said))
        return f"{self.word}: {self.usd[self.best]:.6g} USD, {least}", tuple(considered)


def _timed(names: list[str], best: int, speeds: Sequence[Speed | None], available: list[float]) -> Told:
    considered = (
        Considered(name, None, _median(speeds[i]), available[i], "chosen" if i == best else "not drawn as fast")
        for i, name in enumerate(names)
    )
    speed = speeds[best]
    about = "never measured" if speed is None else f"about {speed.median_s:.3g} s"
    tried = "" if speed is None or speed.n >= 1 else ", tried to learn its latency"
    return f"fastest: {about}{tried}", tuple(considered)


def _picked(routes: Sequence[Route], best: int, reason: str, otherwise: str) -> RouteChoice:
    return RouteChoice(routes[best], partial(_by_order, routes, best, reason, otherwise))


def _by_order(routes: Sequence[Route], best: int, reason: str, otherwise: str) -> Told:
    whys = ("chosen" if i == best else otherwise for i in range(len(routes)))
    considered = (Considered(route.name, None, None, None, why) for route, why in zip(routes, whys, strict=True))
    return reason.format(len(routes)), tuple(considered)


def _only() -> Told:
    return "its only route that may serve", ()


def _median(speed: Speed | None) -> float | None:
    return None if speed is None else speed.median_s


def _at(factor: float, usd: float) -> float:
    if factor >= 0:
        return factor if factor == math.inf else factor * usd
    return usd  # neither is anything else a factor


def _whole(weights: Mapping[str, float], routes: Sequence[str]) -> dict[str, int]:
    """Return weights in the same proportions as whole numbers, so that turns never drift by rounding."""
    for name, weight in weights.items():
        if name not in routes:
            raise ConfigError(f"weights names the unknown route {name!r}{nearest(name, routes)}")
        if not 0 < weight < math.inf:
            raise ConfigError(f"the weight of {name!r} is {weight}; give a number above 0")
    parts = {name: Fraction(str(weights.get(name, 1))) for name in routes}
    unit = math.lcm(*(part.denominator for part in parts.values()))
    return {name: int(part * unit) for name, part in parts.items()}
