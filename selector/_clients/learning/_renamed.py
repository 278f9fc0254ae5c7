"""Routes of models that were renamed: what was noted under the old name is about the new one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from selector.catalog import Catalog

__all__ = ["Renamed"]

_WORDS = frozenset({"reason", "kind", "state", "failure"})  # keys whose values are no names


class Renamed:
    """The new names of routes, by the old ones.

    Parameters
    ----------
    catalog
        The models; those with an old name (`was`) were renamed.

    Examples
    --------
    >>> from selector.config import Config
    >>> free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0, "provider": "lab"}
    >>> config = {"providers": {"lab": {"kind": "openai"}}, "models": {"grok": free | {"was": "grok-beta"}}}
    >>> renamed = Renamed(Catalog.of(Config.load(config)))
    >>> renamed.of("grok-beta@lab"), renamed.of("opus@lab")
    ('grok@lab', 'opus@lab')
    """

    __slots__ = ("_names",)

    def __init__(self, catalog: Catalog) -> None:
        self._names: dict[str, str] = {}
        for model in catalog:
            for old in model.was:
                self._names[old] = model.name
                self._names |= {f"{old}{route.name.removeprefix(model.name)}": route.name for route in model.routes}

    def of(self, route: str) -> str:
        """Give a route's name now."""
        return self._names.get(route, route)

    def event(self, event: Mapping[str, Any]) -> Mapping[str, Any]:
        """Give an event with its route's name now."""
        route = event.get("route")
        return event if route is None or route not in self._names else {**event, "route": self._names[route]}

    def within(self, written: Any) -> Any:  # noqa: ANN401 - what was written down, as JSON keeps it
        """Give what was written down with the names that hold now."""
        return self._within(written) if self._names else written

    def _within(self, value: Any) -> Any:  # noqa: ANN401 - likewise
        if isinstance(value, str):
            return self._key(value)
        if isinstance(value, (list, tuple)):
            return [self._within(each) for each in value]
        if isinstance(value, dict):
            found = {key: each if key in _WORDS else self._within(each) for key, each in value.items()}
            return {self._key(key): each for key, each in found.items()}
        return value

    def _key(self, text: str) -> str:
        """Rename a route, or the owner that a quota's key begins with."""
        if text in self._names:
            return self._names[text]
        for old, new in self._names.items():
            if text.startswith(f"{old}/"):
                return f"{new}{text.removeprefix(old)}"
        return text
