"""From what the user wrote of a model to the model: variants, routes and prices resolved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selector.catalog._entries import Model, Prior, Route
from selector.catalog._layers import overlaid
from selector.catalog._prices import Prices
from selector.catalog._published import published
from selector.config import ModelConfig, RouteConfig, sold_as

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from selector.catalog._published import Published
    from selector.config import Config

_OWN = frozenset({"of", "was", "enabled"})
"""What a variant does not take over."""

_CACHED = frozenset({"usd_per_mtok_in", "usd_per_mtok_out", "usd_per_mtok_cache_read", "usd_per_mtok_cache_write"})


def model_of(name: str, config: Config) -> Model:
    """Build one model of a configuration.

    Parameters
    ----------
    name
        A name that the configuration has.
    config
        What the user wrote.

    Returns
    -------
    Model
        With at least one route.

    Examples
    --------
    >>> from selector.config import Config
    >>> free = {"tags": ["x"], "usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
    >>> config = Config.load({"models": {"a": free, "b": {"of": "a"}}})
    >>> model_of("b", config).tags
    ('x',)
    """
    line = _line(name, config)
    entries = tuple(config.models[member] for member in line)
    entry = ModelConfig.read(_merged(entries))
    served = entry.routes if entry.routes is not None else {entry.provider: RouteConfig()}
    names = {provider: route.id or entry.id or line[0] for provider, route in served.items()}
    routes = (_Plan(name, provider, (*entries, route), names) for provider, route in served.items())
    own = config.models[name]
    return Model(
        name=name,
        family=entry.family or line[0],
        routes=tuple(_route(plan, entry, config) for plan in routes),
        tags=entry.tags,
        capabilities=frozenset(entry.capabilities),
        params=entry.params,
        prior=None if entry.prior is None else Prior(quality=entry.prior.quality, weight=entry.prior.weight),
        enabled=own.enabled,
        of=own.of,
        was=own.old_names,
    )


def _line(name: str, config: Config) -> list[str]:
    """Name the model and all it is a variant of, the origin first."""
    line = [name]
    while (origin := config.models[line[0]].of) is not None:
        line.insert(0, origin)
    return line


def _merged(entries: Sequence[ModelConfig]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for entry in entries:
        given = {key: value for key, value in entry.given().items() if key not in _OWN}
        if "provider" in given or "routes" in given:
            values.pop("provider", None)
            values.pop("routes", None)
        values |= {**given, "params": {**values.get("params", {}), **entry.params}}
    return values


@dataclass(frozen=True, slots=True)
class _Plan:
    """One route to build: whose, where, and the layers of prices, the most general first."""

    model: str
    provider: str | None
    layers: tuple[ModelConfig | RouteConfig, ...]
    names: Mapping[str | None, str]
    """What each provider of the model calls it."""

    @property
    def id(self) -> str:
        return self.names[self.provider]


def _route(plan: _Plan, entry: ModelConfig, config: Config) -> Route:
    route = plan.layers[-1]
    known = _published(plan, config)
    sheets = known.sheets if known is not None else ()
    for layer in plan.layers:
        sheets = overlaid(sheets, layer)
    is_command = plan.provider is not None and config.providers[plan.provider].kind == "command"
    return Route(
        model=plan.model,
        provider=plan.provider,
        id=plan.id,
        prices=Prices.of_sheets(sheets),
        is_open_ended=is_command,
        context_tokens=route.context_tokens
        or entry.context_tokens
        or (known.context_tokens if known is not None else None),
        max_output_tokens=route.max_output_tokens or entry.max_output_tokens,
        max_usd_per_call=_most(plan, entry, config),
        max_concurrent=route.max_concurrent or entry.max_concurrent,
    )


def _most(plan: _Plan, entry: ModelConfig, config: Config) -> float | None:
    """Find the most that a call costs: what the route says, else the model, else the provider."""
    said = [plan.layers[-1].max_usd_per_call, entry.max_usd_per_call]
    if plan.provider is not None:
        said.append(config.providers[plan.provider].max_usd_per_call)
    return next((most for most in said if most is not None), None)


def _published(plan: _Plan, config: Config) -> Published | None:
    """Look up what the configuration does not say; a model that it calls free stays free."""
    given = {key: price for layer in plan.layers for key, price in layer.rates().items()}
    free = given.get("usd_per_mtok_in") == 0 and given.get("usd_per_mtok_out") == 0
    long = any(layer.context_tokens is not None for layer in plan.layers)
    if free or (long and given.keys() >= _CACHED):
        return None
    provider = config.providers[plan.provider] if plan.provider is not None else None
    found = published(plan.id, provider)
    if found is None and provider is not None and provider.kind == "command":
        # A command line has short names of its own: what the same model costs elsewhere is what it counts here.
        others = ((name, there) for there, name in plan.names.items() if there is not None and there != plan.provider)
        found = next(filter(None, (published(name, config.providers[there]) for name, there in others)), None)
        sold = sold_as(provider.preset, plan.id)
        if found is None and sold is not None:
            found = published(*sold)
    return found
