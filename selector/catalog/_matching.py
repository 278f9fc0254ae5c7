"""Which published model, or which configured one, a spelling means."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

from selector.catalog._figures import figures
from selector.catalog._names import NameKey, key_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from selector.catalog._entries import Model

__all__ = ["Match", "Register", "match_model"]


@dataclass(frozen=True, slots=True)
class Match:
    """A published model that a name means.

    Examples
    --------
    >>> match_model("openai/gpt-4.1-2025-04-14")
    Match(model='gpt-4.1', spelling='openai/gpt-4.1-2025-04-14')
    """

    model: str
    """Its canonical name."""
    spelling: str
    """What was matched: an id at a provider, or the model's name."""


class _Index:
    """The spellings of every published model.

    Parameters
    ----------
    models
        Canonical names with their other spellings.
    """

    def __init__(self, models: Mapping[str, tuple[str, ...]]) -> None:
        self._names: dict[NameKey, str] = {}
        self._dated: set[tuple[str, ...]] = set()
        for name, spellings in models.items():
            for spelling in (name, *spellings):
                self._add(key_of(spelling, whole=True), name)

    def _add(self, key: NameKey, name: str) -> None:
        self._names[key] = name
        if key.day:
            self._dated.add(key.words)

    def find(self, spelling: str) -> str | None:
        """Look a spelling up; of a model whose versions are known by their day, another day is another version."""
        for key in (key_of(spelling, whole=True), key_of(spelling)):
            found = self._names.get(key)
            if found is None and key.day and key.words not in self._dated:
                found = self._names.get(NameKey(key.words))
            if found is not None:
                return found
        return None


@cache
def _index() -> _Index:
    return _Index(figures().models)


def match_model(model: str | Model) -> Match | None:
    """Find the published model that a name means.

    A name is compared without case, separators, a vendor's prefix and a version's date, then with the other
    spellings that are known of each model; never by likeness, so that an unknown model stays unknown.

    Parameters
    ----------
    model
        A name or id; or a configured model, whose ids at its providers are tried in order, then its name.

    Returns
    -------
    Match or None
        None where nothing is published of it.

    Examples
    --------
    >>> match_model("anthropic/claude-sonnet-4.5").model
    'claude-sonnet-4-5'
    >>> match_model("GPT-5 (2025-08-07) (medium reasoning)").model
    'gpt-5'
    >>> match_model("gpt-5-mini") is None
    True
    """
    spellings = [model] if isinstance(model, str) else [*(route.id for route in model.routes), model.name]
    for spelling in spellings:
        found = _index().find(spelling)
        if found is not None:
            return Match(found, spelling)
    return None


class Register:
    """Finds the configured model that a table's spelling means.

    Its own name comes first, then a name that it had, then the same name in another spelling, of itself or of its id
    at a provider, and last what is known to be the same published model. Where several fit, the one that is no
    variant of another is meant; where that leaves several, none.

    Parameters
    ----------
    models
        The configured models.

    Examples
    --------
    >>> from selector.catalog import Model, Route
    >>> sonnet = Model(name="sonnet", family="claude", routes=(Route(model="sonnet", id="claude-sonnet-4-5"),))
    >>> Register([sonnet]).find("Claude 4.5 Sonnet (20250929)")
    ('sonnet',)
    """

    def __init__(self, models: Iterable[Model]) -> None:
        self._variants: set[str] = set()
        self._by_name: dict[str, list[str]] = {}
        self._by_old: dict[str, list[str]] = {}
        self._by_key: dict[NameKey, list[str]] = {}
        self._by_published: dict[str, list[str]] = {}
        for model in models:
            if model.of is not None:
                self._variants.add(model.name)
            self._by_name[model.name] = [model.name]
            for old in model.was:
                self._by_old.setdefault(old, []).append(model.name)
            for key in {key_of(model.name), *(key_of(route.id) for route in model.routes)}:
                self._by_key.setdefault(key, []).append(model.name)
            match = match_model(model)
            if match is not None:
                self._by_published.setdefault(match.model, []).append(model.name)

    def find(self, spelling: str) -> tuple[str, ...]:
        """Look a spelling up.

        Parameters
        ----------
        spelling
            A model's name in a table.

        Returns
        -------
        tuple of str
            The configured name; empty: none is meant; several: it is not clear which.
        """
        match = match_model(spelling)
        for found in (
            self._by_name.get(spelling),
            self._by_old.get(spelling),
            self._by_key.get(key_of(spelling)),
            self._by_published.get(match.model) if match is not None else None,
        ):
            if found:
                first = [name for name in found if name not in self._variants]
                return tuple(first or found)
        return ()
