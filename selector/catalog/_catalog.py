"""The catalog: every model, route, provider and family, by name."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING

from selector.catalog._entries import Family, Provider
from selector.catalog._resolve import model_of
from selector.config import Reference
from selector.errors import ConfigError, UnknownModelError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from selector.catalog._entries import Model, Route
    from selector.config import Config

__all__ = ["Catalog", "UnknownPriceWarning"]


class UnknownPriceWarning(UserWarning):
    """A model's price is neither configured nor published; the message says what follows.

    Examples
    --------
    >>> issubclass(UnknownPriceWarning, UserWarning)
    True
    """


@dataclass(frozen=True, slots=True)
class Catalog:
    """Every model, route, provider and family of a configuration, by name.

    Examples
    --------
    >>> from selector.config import Config
    >>> catalog = Catalog.of(Config.load({
    ...     "providers": {"work": {"kind": "anthropic"}},
    ...     "models": {
    ...         "sonnet": {"provider": "work", "id": "claude-sonnet-4-6"},
    ...         "sonnet-high": {"of": "sonnet", "params": {"reasoning_effort": "high"}},
    ...     },
    ... }))
    >>> catalog.model("sonnet-high").family, catalog.model("sonnet-high").route.id
    ('sonnet', 'claude-sonnet-4-6')
    >>> catalog.model("sonet")
    Traceback (most recent call last):
    selector.errors.UnknownModelError: unknown model 'sonet'; did you mean 'sonnet'?
    """

    models: Mapping[str, Model]
    """Every model by its name, those that are disabled too, in the order of the configuration."""
    providers: Mapping[str, Provider]
    """Every provider by its name."""
    families: Mapping[str, Family]
    """Every family by its name."""
    purposes: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What each purpose refers to."""

    @classmethod
    def of(cls, config: Config) -> Catalog:
        """Build the catalog of a configuration: variants, routes and prices resolved.

        Prices that the configuration does not give are looked up among the published ones. Where neither knows
        them, one `UnknownPriceWarning` names the models and says what follows.

        Parameters
        ----------
        config
            What the user wrote.

        Returns
        -------
        Catalog
            All of it, frozen.

        Examples
        --------
        >>> from selector.config import Config
        >>> catalog = Catalog.of(Config.load({"models": {"llama": {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}}}))
        >>> catalog.model("llama").route.prices.is_free
        True
        """
        if not config.models:
            raise ConfigError("must name at least one model", key="models")
        models = {name: model_of(name, config) for name in config.models}
        providers = {
            name: Provider(name=name, kind=entry.kind, base_url=entry.base_url, api_key=entry.api_key)
            for name, entry in config.providers.items()
        }
        members: dict[str, list[str]] = {}
        for model in models.values():
            members.setdefault(model.family, []).append(model.name)
        families = {name: Family(name=name, models=tuple(names)) for name, names in members.items()}
        _warn_of_unknown_prices(models, config)
        purposes = {name: purpose.models for name, purpose in config.purposes.items()}
        return cls(
            MappingProxyType(models),
            MappingProxyType(providers),
            MappingProxyType(families),
            MappingProxyType(purposes),
        )

    def model(self, name: str) -> Model:
        """Find a model by its name.

        Parameters
        ----------
        name
            The model's name, without a provider.

        Returns
        -------
        Model
            Also if it is disabled.

        Raises
        ------
        UnknownModelError
            If there is none; it names the nearest.

        Examples
        --------
        >>> Catalog({}, {}, {}).model("opus")
        Traceback (most recent call last):
        selector.errors.UnknownModelError: unknown model 'opus'
        """
        if name not in self.models:
            raise UnknownModelError.of(name, self.models)
        return self.models[name]

    def routes(self, reference: str | Reference) -> tuple[Route, ...]:
        """Find the routes that a reference names.

        Parameters
        ----------
        reference
            ``NAME``: all routes of a model; ``NAME@PROVIDER``: one; ``*@PROVIDER``: all at a provider; ``tag:NAME``:
            all routes of all models with it; ``purpose:NAME``: all routes of what the purpose refers to.

        Returns
        -------
        tuple of Route
            At least one, in the order of the configuration; those of disabled models too.

        Raises
        ------
        ConfigError
            If the reference names nothing; it names the nearest.

        Examples
        --------
        >>> from selector.config import Config
        >>> free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0, "tags": ["local"]}
        >>> catalog = Catalog.of(Config.load({"models": {"llama": free, "qwen:7b": free}}))
        >>> [route.name for route in catalog.routes("tag:local")]
        ['llama', 'qwen:7b']
        """
        wanted = Reference.parse(reference) if isinstance(reference, str) else reference
        if wanted.kind == "purpose":
            return self._routes_for(wanted.name)
        if wanted.kind == "provider":
            return self._routes_at(wanted.provider or "")
        if wanted.kind == "tag":
            found = tuple(route for model in self if wanted.name in model.tags for route in model.routes)
            if not found:
                tags = {tag for model in self for tag in model.tags}
                raise ConfigError(f"no model has the tag {wanted.name!r}{nearest(wanted.name, tags)}")
            return found
        routes = self.model(wanted.name).routes
        if wanted.provider is None:
            return routes
        found = tuple(route for route in routes if route.provider == wanted.provider)
        if not found:
            served = [route.provider for route in routes if route.provider is not None]
            raise ConfigError(f"{wanted.name!r} has no route at {wanted.provider!r}{nearest(wanted.provider, served)}")
        return found

    def _routes_at(self, provider: str) -> tuple[Route, ...]:
        routes = [route for model in self for route in model.routes]
        found = tuple(route for route in routes if route.provider == provider)
        if not found:
            served = {route.provider for route in routes if route.provider is not None}
            raise ConfigError(f"no model has a route at {provider!r}{nearest(provider, served)}")
        return found

    def _routes_for(self, purpose: str) -> tuple[Route, ...]:
        if purpose not in self.purposes:
            raise ConfigError(f"unknown purpose {purpose!r}{nearest(purpose, self.purposes)}")
        return tuple(dict.fromkeys(route for text in self.purposes[purpose] for route in self.routes(text)))

    def __iter__(self) -> Iterator[Model]:
        return iter(self.models.values())

    def __len__(self) -> int:
        return len(self.models)

    def __contains__(self, name: object) -> bool:
        return name in self.models


def _warn_of_unknown_prices(models: Mapping[str, Model], config: Config) -> None:
    routes = [
        route.name for model in models.values() if model.enabled for route in model.routes if route.prices is None
    ]
    if not routes:
        return
    budgets = [budget.label for budget in config.budgets if budget.resource in {"usd", "usd_per_request"}]
    follows = (
        f"not eligible under a budget in dollars ({', '.join(budgets)})"
        if budgets
        else "their cost is believed from the dollars that outcomes report, and guessed high until then"
    )
    warnings.warn(
        f"no price is known of {', '.join(routes)}: {follows}; give usd_per_mtok_in and usd_per_mtok_out, 0 if free",
        UnknownPriceWarning,
        stacklevel=3,
    )
