"""The providers of a selector: made at the first call, one each, and closed with it."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock

from selector._clients._opened import Opened
from selector.catalog import Route
from selector.config import Config, ProviderConfig, environment, secret
from selector.errors import ConfigError, StateError, nearest
from selector.execution import CommandProvider, HttpProvider, Patience, Provider, Turnstile, format_of

__all__ = ["Connections"]

_LOOK_S = 1.0
_CONTINUING = frozenset({"openai", "anthropic"})

_VERBS = ("call", "acall", "stream", "astream")


class Connections:
    """Who is called for which route.

    Parameters
    ----------
    opened
        The configuration at the beginning, and where it was read from.
    config
        Gives the one that is in force.
    given
        Providers that stand in for configured ones, by name.
    clock
        The time in seconds since 1970.

    Raises
    ------
    ConfigError
        If a stand-in is for nobody.
    """

    def __init__(
        self,
        opened: Opened,
        config: Callable[[], Config],
        given: Mapping[str, Provider],
        clock: Callable[[], float],
    ) -> None:
        for name in given:
            if name not in opened.config.providers:
                raise ConfigError(f"providers: unknown provider {name!r}{nearest(name, opened.config.providers)}")
            if not any(hasattr(given[name], verb) for verb in _VERBS):
                what = f"{name!r} is a {type(given[name]).__name__}, which cannot be called"
                raise ConfigError(
                    f"providers: {what}; give a Provider, or write it under 'providers' in the configuration"
                )
        self._config, self._given, self._clock = config, dict(given), clock
        self.file = opened.file
        self._made: dict[str, tuple[ProviderConfig, Provider]] = {}
        self._old: list[Provider] = []
        self._places: dict[tuple[str, int], Turnstile] = {}
        self._known = dict(opened.config.providers)
        self._lock = Lock()
        self._environ: tuple[float, Config | None, dict[str, str]] = (-1.0, None, {})
        self._patience: dict[int, tuple[ProviderConfig, Patience]] = {}
        self._closed = False

    def of(self, route: Route) -> Provider:
        """Find who serves a route."""
        name = route.provider
        assert name is not None  # noqa: S101 - asked before any run
        if name in self._given:
            return self._given[name]
        own = self._own(name)
        found = self._made.get(name)
        if found is None or found[0] is not own:
            found = self._make(name, own)
        return found[1]

    def _own(self, name: str) -> ProviderConfig:
        """Find a provider's configuration, also that of one that is gone, for runs that began before."""
        own = self._config().providers.get(name)
        if own is None:
            return self._known[name]
        self._known[name] = own
        return own

    def _make(self, name: str, own: ProviderConfig) -> tuple[ProviderConfig, Provider]:
        with self._lock:
            found = self._made.get(name)
            if self._closed:
                raise StateError("this selector is closed; open it again")
            if found is None or found[0] != own:
                if found is not None:
                    self._old.append(found[1])
                self._made[name] = (own, self._provider(name, own))
            elif found[0] is not own:
                self._made[name] = (own, found[1])
            return self._made[name]

    def _provider(self, name: str, own: ProviderConfig) -> Provider:
        if own.kind == "command":
            return CommandProvider(name, own, environ=self.environ, clock=self._clock, folder=self._folder)
        reference, place = own.api_key, f"providers.{name}.api_key"
        return HttpProvider(
            name,
            format=format_of(own.kind, own.base_url),
            base_url=None,
            key=lambda: None if reference is None else secret(reference, self.environ(), self._folder, key=place),
            max_concurrent=own.max_concurrent,
            clock=self._clock,
        )

    @property
    def _folder(self) -> Path:
        return Path() if self.file is None else self.file.parent

    def environ(self) -> Mapping[str, str]:
        """Give the environment that holds, with the configured file of it, read again at most once a second."""
        config, now = self._config(), time.monotonic()
        at, of, found = self._environ
        if of is not config or now - at >= _LOOK_S:
            found = environment(config, self.file, os.environ)
            self._environ = (now, config, found)
        return found

    def patience(self, route: Route) -> Patience:
        """Say how long a call of a route may take."""
        own = self._own(route.provider or "")
        kept = self._patience.get(id(own))
        if kept is None or kept[0] is not own:
            kept = self._patience[id(own)] = (own, _patience(own))
        return kept[1]

    def places(self, route: Route) -> Turnstile | None:
        """Give where a call of a route waits for a place; None: as many may run at once as the provider takes."""
        if route.max_concurrent is None:
            return None
        key = (route.name, route.max_concurrent)
        return self._places.get(key) or self._places.setdefault(key, Turnstile(route.max_concurrent))

    def can_continue(self, route: Route) -> bool:
        """Tell whether a provider goes on with an answer that broke off."""
        return route.provider in self._given or self._own(route.provider or "").kind in _CONTINUING

    def close(self) -> None:
        """Close all, once."""
        for provider in self._all():
            provider.close()

    async def aclose(self) -> None:
        """Close all, once."""
        for provider in self._all():
            await provider.aclose()

    def _all(self) -> list[Provider]:
        with self._lock:
            self._closed = True
            for places in self._places.values():
                places.close()
            found = [*self._old, *(provider for _, provider in self._made.values()), *self._given.values()]
            self._old, self._made = [], {}
            return found


def _patience(own: ProviderConfig) -> Patience:
    given = own.timeout_s
    if given is None:
        return Patience()
    default = Patience()
    return Patience(
        connect_s=default.connect_s if given.connect is None else given.connect,
        read_s=given.read,
        total_s=default.total_s if given.total is None else given.total,
        first_token_s=given.first_token,
    )
