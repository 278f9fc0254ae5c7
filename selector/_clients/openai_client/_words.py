"""What the word that is given as a client's ``model`` names: a task type, a purpose, a model, a route, or all."""

from __future__ import annotations

from dataclasses import dataclass, replace

from selector.catalog import Catalog
from selector.errors import ConfigError, UnknownModelError, nearest

__all__ = ["AUTO", "Named", "named", "words_of"]

AUTO = "auto"
"""The word that leaves the choice to the task."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a word names, in the words of a task."""

    task_type: str | None = None
    """The task's type; None: the word does not say."""
    only: tuple[str, ...] = ()
    """References of the only models that may serve; empty: all."""
    purpose: str | None = None
    """The purpose whose models may serve."""


def named(word: object, catalog: Catalog, provider: object = None) -> Named:
    """Read what is given as a model.

    Parameters
    ----------
    word
        ``auto``, ``auto:TYPE``, a model's name, ``NAME@PROVIDER``, ``*@PROVIDER``, ``tag:NAME``, ``purpose:NAME`` or a
        purpose's name alone; else what a provider calls a model, such as ``gpt-4o``. The first that fits counts.
    catalog
        The models that there are.
    provider
        The only provider that may serve; None: any.

    Returns
    -------
    Named
        What it names.

    Raises
    ------
    UnknownModelError
        If it names nothing; it names the nearest.
    ConfigError
        If it is no word, or names nothing at that provider.

    Examples
    --------
    >>> from selector.config import Config
    >>> free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
    >>> catalog = Catalog.of(Config.load({
    ...     "providers": {"home": {"kind": "openai", "base_url": "http://localhost:1/v1"}},
    ...     "models": {"llama": {**free, "provider": "home", "id": "llama3.3"}}, "purposes": {"worker": ["llama"]},
    ... }))
    >>> named("auto:coding", catalog).task_type, named("worker", catalog).purpose, named("llama3.3", catalog).only
    ('coding', 'worker', ('llama@home',))
    >>> named("lama", catalog)
    Traceback (most recent call last):
    selector.errors.UnknownModelError: model: unknown model 'lama'; did you mean 'llama'?
    """
    if not isinstance(word, str) or not word.strip():
        raise ConfigError(f"must be a word, such as 'auto' or the name of a model, not {word!r:.80}", key="model")
    found = _named(word, catalog)
    return found if provider is None else _at(found, word, catalog, provider)


def words_of(catalog: Catalog) -> list[str]:
    """List the words that name something, the general ones first.

    Examples
    --------
    >>> words_of(Catalog({}, {}, {}))
    ['auto']
    """
    enabled = [model.name for model in catalog if model.enabled]
    return [AUTO, *(f"purpose:{name}" for name in catalog.purposes), *enabled]


def _named(word: str, catalog: Catalog) -> Named:
    if word in catalog:
        return Named(only=(word,))
    head, colon, tail = word.partition(":")
    if head == AUTO:
        if colon and not tail.strip():
            raise ConfigError(f"{word!r} names no task type; write 'auto:coding', or 'auto' alone", key="model")
        return Named(task_type=tail or None)
    if head == "purpose" and colon and tail not in catalog.purposes:
        raise ConfigError(f"unknown purpose {tail!r}{nearest(tail, catalog.purposes)}", key="model")
    if (head == "purpose" and colon) or word in catalog.purposes:
        return Named(purpose=tail if colon and head == "purpose" else word)
    called = tuple(route.name for model in catalog for route in model.routes if route.id == word)
    if called:
        return Named(only=called)
    if (head in {"tag", "ensemble"} and colon) or "@" in word:
        try:
            catalog.routes(word)
        except ConfigError as error:
            raise type(error)(str(error), key="model") from None
        return Named(only=(word,))
    raise UnknownModelError.of(word, _all(catalog), key="model")


def _all(catalog: Catalog) -> set[str]:
    """Give every word that would have been known, but for those that begin with what they are."""
    called = {route.id for model in catalog for route in model.routes}
    return {AUTO, *catalog.models, *catalog.purposes, *called}


def _at(found: Named, word: str, catalog: Catalog, provider: object) -> Named:
    """Narrow what is named to one provider."""
    if not isinstance(provider, str) or provider not in catalog.providers:
        if not isinstance(provider, str):
            raise ConfigError(f"must be a provider's name, not {provider!r:.80}", key="provider")
        raise ConfigError(f"unknown provider {provider!r}{nearest(provider, catalog.providers)}", key="provider")
    try:
        there = catalog.routes(f"*@{provider}")
    except ConfigError as error:
        raise ConfigError(str(error), key="provider") from None
    if not found.only:
        return replace(found, only=(f"*@{provider}",))
    routes = [route for reference in found.only for route in catalog.routes(reference)]
    kept = tuple(dict.fromkeys(route.name for route in routes if route in there))
    if not kept:
        served = ", ".join(sorted({str(route.provider) for route in routes}))
        raise ConfigError(
            f"is {provider!r}, which does not serve {word!r}; leave it out, or give one of: {served}", key="provider"
        )
    return replace(found, only=kept)
