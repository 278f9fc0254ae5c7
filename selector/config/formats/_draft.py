"""The native document while it is written: models and providers under names that can be, what is named is added."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from selector.config.formats._report import Imported
from selector.config.formats._vendors import known_provider, maker_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selector.config._places import KeyPath
    from selector.config.formats._report import Reading

_RESERVED: Final = ("tag:", "purpose:", "ensemble:", "auto:")
_ORDER: Final = ("version", "providers", "models", "task_types", "budgets", "chains", "fallback")
_ADDED: Final = "is not listed in this document: added, enabled, its prices are looked up"

ONE_MODEL: Final = "add another model under models"
"""What makes a document adaptive that has one model."""


class Draft:
    """A native document, section by section.

    Parameters
    ----------
    reading
        The foreign document, which is told of what was added.
    makers
        Which provider this format has for a maker's models, where it is not the maker itself.

    Examples
    --------
    >>> from selector.config.formats import Reading
    >>> reading = Reading({"model": "gpt-4o"})
    >>> draft = Draft(reading)
    >>> draft.named("gpt-4o", ("model",))
    'gpt-4o'
    >>> draft.finished("old", "").config["models"]
    {'gpt-4o': {'provider': 'openai'}}
    """

    def __init__(self, reading: Reading, makers: Mapping[str, str] | None = None) -> None:
        self.reading = reading
        self._makers = makers or {}
        self.providers: dict[str, dict[str, Any]] = {}
        self.models: dict[str, dict[str, Any]] = {}
        self.rest: dict[str, Any] = {}
        """The other sections."""
        self._names: dict[str, str] = {}

    def name_of(self, text: str, path: KeyPath, taken: dict[str, Any] | None = None) -> str:
        """Give the native name of a model or provider: its own, unless a native name cannot be so.

        Examples
        --------
        >>> from selector.config.formats import Reading
        >>> Draft(Reading({})).name_of("claude-3@2024", ())
        'claude-3-2024'
        """
        said = text.strip()
        if not said or not said.isprintable() or len(said) > 190:
            raise self.reading.error(path, "must be a name of 1 to 190 printable characters")
        name = said.replace("@", "-").strip("- ") or "model"
        if name == "auto" or name.startswith(_RESERVED):
            name = name.replace(":", "-", 1) if ":" in name else f"{name}-model"
        if taken is not None:
            name = _free(name, taken)
        return name

    def listed(self, text: str, path: KeyPath, values: dict[str, Any]) -> str:
        """Add a model that the document lists; one that is listed again gains what is new.

        Examples
        --------
        >>> from selector.config.formats import Reading
        >>> draft = Draft(Reading({}))
        >>> draft.listed("opus", (), {"provider": "work"}), draft.models
        ('opus', {'opus': {'provider': 'work'}})
        """
        if text not in self._names:
            name = self.name_of(text, path, self.models)
            self._names[text] = name
            self.models[name] = {} if name == text else {"id": text}
        name = self._names[text]
        self.models[name].update(values)
        return name

    def has(self, text: str) -> bool:
        """Tell whether a model is listed or added already.

        Examples
        --------
        >>> from selector.config.formats import Reading
        >>> Draft(Reading({})).has("opus")
        False
        """
        return text in self._names

    def named(self, text: str, path: KeyPath, provider: str | None = None) -> str:
        """Give the native name of a model that is named at a place; one that is not listed is added, with a warning.

        Parameters
        ----------
        text
            The name there.
        path
            The place, which has a line already or gets one.
        provider
            Who serves it, where that is known.

        Examples
        --------
        >>> from selector.config.formats import Reading
        >>> reading = Reading({"default": "homemade"})
        >>> _ = Draft(reading).named("homemade", ("default",))
        >>> print(*reading.lines())
        warned      default: 'homemade' is not listed in this document: added, ...
        """
        if text in self._names:
            return self._names[text]
        server = provider or self._server(text)
        name = self.listed(text, path, {} if server is None else {"provider": server})
        where = f"served by {server!r}" if server else f"nobody is known to serve it: give models.{name}.provider"
        self.reading.warned(path, f"{text!r} {_ADDED}; {where}")
        return name

    def _server(self, text: str) -> str | None:
        """Find who serves a model that is not listed: who serves its nearest kin, else its maker, where declared."""
        maker = maker_of(text)
        maker = self._makers.get(maker or "", maker)
        stem = text.partition("-")[0].partition("/")[0]
        for name, model in self.models.items():
            if "provider" in model and maker != "openrouter" and name.partition("-")[0] == stem and "/" not in name:
                return str(model["provider"])
        if maker is None:
            return None
        return maker if self.provider(maker) else None

    def provider(self, name: str, values: dict[str, Any] | None = None) -> bool:
        """Declare a provider, as given or as it is known by its name; False: nobody knows how it is called.

        Examples
        --------
        >>> from selector.config.formats import Reading
        >>> draft = Draft(Reading({}))
        >>> draft.provider("openai"), draft.provider("homemade"), list(draft.providers)
        (True, False, ['openai'])
        """
        if name in self.providers:
            return True
        found = values if values is not None else known_provider(name)
        if found is not None:
            self.providers[name] = found
        return found is not None

    def finished(self, format_name: str, adaptive: str) -> Imported:
        """Give the whole, with a line on each key.

        Examples
        --------
        >>> from selector.config.formats import Reading
        >>> Draft(Reading({})).finished("old", "").config
        {'version': 1}
        """
        sections: dict[str, Any] = {"version": 1, "providers": self.providers, "models": self.models, **self.rest}
        order = [*_ORDER, *(name for name in sections if name not in _ORDER)]
        config = {name: sections[name] for name in order if sections.get(name) not in (None, {}, [], ())}
        return Imported(format_name, config, self.reading.lines(), adaptive)


def _free(name: str, taken: dict[str, Any]) -> str:
    found, count = name, 2
    while found in taken:
        found, count = f"{name}-{count}", count + 1
    return found
