"""What references name: models and their routes, by name, provider, tag or purpose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from selector.catalog import Catalog
from selector.config import PurposeConfig, Reference
from selector.errors import ConfigError, nearest

__all__ = ["References", "Routes"]

_JUDGE = "judge"  # the purpose of tasks by which answers are judged: of all models, where it is not configured
Routes = frozenset[tuple[str, str | None]]
"""Routes, as (model, provider)."""


class References:
    """What each reference names, among the models of one catalog and the purposes of one configuration.

    Parameters
    ----------
    catalog
        The models.
    purposes
        What each purpose names.

    Raises
    ------
    ConfigError
        If a purpose names nothing, or a purpose.

    Examples
    --------
    >>> from selector.config import Config
    >>> free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
    >>> config = Config.load({
    ...     "providers": {"work": {"kind": "anthropic"}, "home": {"kind": "openai", "base_url": "http://localhost:1/v1"}},
    ...     "models": {"opus": {"provider": "work", "id": "claude-opus-4-8"}, "llama": {**free, "provider": "home"}},
    ...     "purposes": {"worker": ["llama"]},
    ... })
    >>> references = References(Catalog.of(config), config.purposes)
    >>> sorted(references.routes(["*@home", "purpose:worker"], key="Task.only"))
    [('llama', 'home')]
    """

    def __init__(self, catalog: Catalog, purposes: Mapping[str, PurposeConfig]) -> None:
        self._catalog = catalog
        self._purposes: dict[str, Routes] = {}
        for name, purpose in purposes.items():
            key = f"purposes.{name}.models"
            nested = next((text for text in purpose.models if text.startswith("purpose:")), None)
            if nested is not None:
                raise ConfigError(f"is the purpose {nested!r}; a purpose names models, and no other purpose", key=key)
            self._purposes[name] = self.routes(purpose.models, key=key)

    def routes(self, references: Sequence[str], *, key: str) -> Routes:
        """Find all routes that some references name, those of disabled models too.

        Parameters
        ----------
        references
            ``NAME``, ``NAME@PROVIDER``, ``*@PROVIDER``, ``tag:NAME`` or ``purpose:NAME``.
        key
            Where they were written, for the error.

        Returns
        -------
        frozenset of (str, str or None)
            Model and provider of each.

        Raises
        ------
        ConfigError
            If one names nothing; it names the key and the nearest.

        Examples
        --------
        >>> References(Catalog({}, {}, {}), {}).routes(["*@home"], key="Task.only")
        Traceback (most recent call last):
        selector.errors.ConfigError: Task.only: no model has a route at 'home'
        """
        found: set[tuple[str, str | None]] = set()
        try:
            for text in references:
                found |= self._of(Reference.parse(text))
        except ConfigError as error:
            raise type(error)(str(error), key=key) from None
        return frozenset(found)

    def purpose(self, name: str, *, key: str) -> Routes:
        """Find the routes that serve a purpose.

        Parameters
        ----------
        name
            The purpose.
        key
            Where it was written, for the error.

        Returns
        -------
        frozenset of (str, str or None)
            Model and provider of each.

        Raises
        ------
        ConfigError
            If there is no such purpose; it names the nearest.

        Examples
        --------
        >>> References(Catalog({}, {}, {}), {}).purpose("lead", key="Task.purpose")
        Traceback (most recent call last):
        selector.errors.ConfigError: Task.purpose: no purposes are configured, so there is none called 'lead'; ...
        """
        if name == _JUDGE and name not in self._purposes:
            return frozenset((route.model, route.provider) for model in self._catalog for route in model.routes)
        if not self._purposes:
            raise ConfigError(f"no purposes are configured, so there is none called {name!r}; leave it out", key=key)
        if name not in self._purposes:
            raise ConfigError(f"unknown purpose {name!r}{nearest(name, self._purposes)}", key=key)
        return self._purposes[name]

    def _of(self, reference: Reference) -> AbstractSet[tuple[str, str | None]]:
        if reference.kind == "purpose":
            return self.purpose(reference.name, key="")
        if reference.kind != "provider":
            return {(route.model, route.provider) for route in self._catalog.routes(reference)}
        routes = [route for model in self._catalog for route in model.routes]
        found = {(route.model, route.provider) for route in routes if route.provider == reference.provider}
        if not found:
            served = {route.provider for route in routes if route.provider is not None}
            there = str(reference.provider)
            raise ConfigError(f"no model has a route at {there!r}{nearest(there, served)}")
        return found
