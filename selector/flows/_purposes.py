"""What the configuration says of sessions: which purpose serves when, what is known of it, who serves on request."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from selector.catalog import Catalog
from selector.config import Config, is_on_request
from selector.errors import ConfigError, nearest
from selector.flows._course import Rotation

__all__ = ["Purposes"]


class Purposes:
    """The purposes of the configuration that is in force.

    Parameters
    ----------
    config
        Gives it.
    catalog
        Gives its models.

    Examples
    --------
    >>> oracle = {"models": ["grok"], "metadata": {"on": "request"}}
    >>> price = {"usd_per_mtok_in": 1, "usd_per_mtok_out": 5}
    >>> config = Config.load({
    ...     "models": {"opus": price, "haiku": price, "grok": price},
    ...     "purposes": {"lead": ["opus"], "worker": ["haiku"], "oracle": oracle},
    ...     "sessions": {"start": "lead", "turns": 5, "then": "worker"},
    ... })
    >>> catalog = Catalog.of(config)
    >>> purposes = Purposes(lambda: config, lambda: catalog)
    >>> purposes.rotation(None).turns, purposes.rotation("worker").start
    (5, 'worker')
    >>> purposes.unasked()
    ('opus', 'haiku')
    """

    def __init__(self, config: Callable[[], Config], catalog: Callable[[], Catalog]) -> None:
        self._config, self._catalog = config, catalog
        self._of: Catalog | None = None
        self._unasked: tuple[str, ...] = ()

    def rotation(self, purpose: str | None) -> Rotation:
        """Say which purpose serves when; a session that has one of its own keeps to that."""
        sessions = self._config().sessions
        if purpose is not None or sessions is None:
            return Rotation(start=purpose)
        return Rotation(**sessions.model_dump())

    def check(self, purpose: object, owner: str) -> None:
        """Refuse a purpose that is not there.

        Raises
        ------
        ConfigError
            Which names the nearest.
        """
        known = self._config().purposes
        if not isinstance(purpose, str) or purpose not in known:
            said = nearest(purpose, known) if isinstance(purpose, str) else ""
            said = said or ("; declare it under purposes, as NAME: [MODEL, ...]" if not known else "")
            raise ConfigError(f"{owner}: unknown purpose {purpose!r}{said}")

    def metadata(self, purpose: str | None) -> Mapping[str, object]:
        """Give what is known of a purpose."""
        found = None if purpose is None else self._config().purposes.get(purpose)
        return {} if found is None else found.metadata

    def models(self, purpose: str | None) -> frozenset[str]:
        """Name the models that serve a purpose; those of none are all that do not serve on request alone."""
        catalog = self._catalog()
        if purpose is None:
            return frozenset(self.unasked() or catalog.models)
        return frozenset(route.model for text in catalog.purposes.get(purpose, ()) for route in catalog.routes(text))

    def unasked(self) -> tuple[str, ...]:
        """Name the models that serve without being asked for, where some do not: those of purposes on request alone.

        Raises
        ------
        ConfigError
            If that leaves nobody.
        """
        catalog = self._catalog()
        if catalog is self._of:
            return self._unasked
        purposes, asked, free = self._config().purposes, set[str](), set[str]()
        for name, purpose in purposes.items():
            (asked if is_on_request(purpose) else free).update(self.models(name))
        asked -= free
        left = tuple(model.name for model in catalog if model.name not in asked)
        if asked and not any(model.enabled for model in catalog if model.name in left):
            raise ConfigError(
                "every model serves on request alone, so a session has none; name one under another purpose",
                key="purposes",
            )
        self._of, self._unasked = catalog, left if asked else ()
        return self._unasked
