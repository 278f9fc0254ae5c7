"""What is known of routes beside their prices: health, quotas, how often they answer, how fast; who of them serves."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from selector._clients.learning._renamed import Renamed
from selector.candidates import Health, Quotas, pools_of
from selector.catalog import Catalog, Route
from selector.config import Config, ModelConfig, RouteConfig
from selector.decision import RouteBeliefs, Routing
from selector.records import Exclusion, Failure, HealthSeen, QuotaSeen

__all__ = ["Roads"]

_MOST_SESSIONS = 10_000
_OF_ROUTE = {failure.value for failure in Failure if failure.of_route}


class Roads:
    """The routes of all models.

    Parameters
    ----------
    catalog
        The models with their routes.
    config
        How each model's route is chosen, when it is left alone, and which quotas there are.
    now
        Seconds since 1970.
    """

    def __init__(self, catalog: Catalog, config: Config, now: float) -> None:
        self._renamed = Renamed(catalog)
        self.health = Health({name: provider.breaker for name, provider in config.providers.items()})
        self.quotas = _quotas(catalog, config, now)
        self.has_quotas = bool(self.quotas.states(now))
        self.beliefs = RouteBeliefs()
        route_by = {name: how for name in config.models if (how := _route_by(config, name)) is not None}
        factor = self._factor if self.has_quotas else None
        weights = _weights(catalog, config)
        self.routing = Routing(catalog, route_by, beliefs=self.beliefs, factor=factor, weights=weights)
        several = [model for model in catalog if len(model.routes) > 1]
        self.are_chosen = any(route_by.get(model.name) != "priority" for model in several if model.enabled)
        self._known = frozenset(route.name for model in several for route in model.routes)
        self._went: OrderedDict[tuple[str, str], str] = OrderedDict()

    def incumbent(self, session: str | None, model: str) -> str | None:
        """Name the route that a session's last call of a model went to; it may hold its prompt cache."""
        return None if session is None else self._went.get((session, model))

    def went(self, session: str, model: str, route: str) -> None:
        """Note where a session's call goes."""
        if route in self._known:
            self._went[session, model] = route
            self._went.move_to_end((session, model))
            if len(self._went) > _MOST_SESSIONS:
                self._went.popitem(last=False)

    def _factor(self, route: Route, now_s: float) -> float:
        """Say what a route's price counts for: what would expire unused is free."""
        return self.quotas.effective_share(route.name, now_s)

    @property
    def out(self) -> bool:
        """Whether a route may be out."""
        return self.health.out or self.quotas.out

    def excluded(
        self, route: Route, now: datetime, *, task_type: str | None = None, purpose: str | None = None
    ) -> Exclusion | None:
        """Say why a route cannot serve a task now; None: it can."""
        found = self.health.excluded(route, now)
        return found or self.quotas.excluded(route, now, task_type=task_type, purpose=purpose)

    def saw(self, health: HealthSeen, quotas: Sequence[QuotaSeen], *, began_s: float) -> list[dict[str, Any]]:
        """Take in what a call showed of its route; give what others should know of."""
        news = [self.health.seen(health, began_s=began_s), *(self.health.quota(each) for each in quotas)]
        for event in news:
            if event is not None:
                self.quotas.fold(event)
        news += [self.quotas.learn(each) for each in quotas]
        return [dict(event) for event in news if event is not None]

    def fold(self, event: Mapping[str, Any]) -> None:
        """Take in what another process learnt of a route."""
        event = self._renamed.event(event)
        self.health.fold(event)
        self.quotas.fold(event)

    def used(self, route: str, amounts: tuple[int, int, int], at_s: float) -> None:
        """Book what a call took of its route's quotas: requests, tokens, nano-dollars; corrections may be negative."""
        if self.has_quotas and any(amounts):
            self.quotas.use(self._renamed.of(route), *amounts, at_s)

    def ended(self, route: str, failure: str | None, at_s: float, latency_s: float | None) -> None:
        """Learn how a call ended; of a model's only route there is nothing to choose."""
        route = self._renamed.of(route)
        if route in self._known and (failure is None or failure in _OF_ROUTE):
            self.beliefs.seen(route, ok=failure is None, at_s=at_s, latency_s=latency_s)

    def has_others(self, route: str) -> bool:
        """Tell whether another route serves the same model."""
        return self._renamed.of(route) in self._known

    def judged(self, route: str, score: float, believed: float, at_s: float, weight: float) -> None:
        """Learn how good an answer of a route was beside what was believed of its model; -1 takes that back."""
        self.beliefs.judged(self._renamed.of(route), score, believed=believed, at_s=at_s, weight=weight)

    def dump(self, now: float) -> dict[str, Any]:
        """Write down what is known, for `load`."""
        return {"beliefs": self.beliefs.dump(), "health": self.health.dump(now), "quotas": self.quotas.dump(now)}

    def load(self, saved: dict[str, Any] | None, now: float) -> None:
        """Take up what was known."""
        if saved:
            saved = self._renamed.within(saved)
            self.beliefs.load(saved["beliefs"])
            self.health.load(saved["health"])
            self.quotas.load(saved["quotas"], now)


def _route_by(config: Config, name: str) -> str | None:
    """Find how a model's route is chosen: as it says, else as the model says that it is a variant of."""
    return next((each.route_by for each in _line(config, name) if each.route_by is not None), None)


def _weights(catalog: Catalog, config: Config) -> dict[str, float]:
    """Find how often routes take their turn, of those that say so."""
    every = [(model.name, _routes(config, model.name)) for model in catalog]
    said = {f"{name}@{provider}": route.weight for name, routes in every for provider, route in routes.items()}
    return {name: weight for name, weight in said.items() if weight is not None}


def _routes(config: Config, name: str) -> dict[str, RouteConfig]:
    """Give a model's routes as they are written, or those of what it is a variant of."""
    return next((each.routes for each in _line(config, name) if each.routes is not None), {})


def _quotas(catalog: Catalog, config: Config, now: float) -> Quotas:
    """Lay out the quotas of providers, and those that models and their routes have of their own."""
    models, own = {}, {}
    for model in catalog:
        said = _line(config, model.name)
        models[model.name] = next((each.quotas for each in said if each.quotas is not None), ())
        for provider, route in _routes(config, model.name).items():
            if route.quotas is not None:
                own[f"{model.name}@{provider}"] = route.quotas
    providers = {name: provider.quotas for name, provider in config.providers.items()}
    every = [route for model in catalog for route in model.routes]
    pools = pools_of(every, providers=providers, models=models, own=own)
    return Quotas(pools, zone=config.timezone, now_s=now)


def _line(config: Config, name: str) -> list[ModelConfig]:
    """Give a model's entry, and those of what it is a variant of, the nearest first."""
    found = [config.models[name]]
    while (of := found[-1].of) is not None:
        found.append(config.models[of])
    return found
