"""Foreign configurations, read: what other systems wrote becomes a native document, with a word on each key.

A document is recognised by its own marks. What it says is done and nothing more: where none of its rules fires, its
own default is forced, and `Imported.adaptive` names the change that would leave the choice to what is learnt.
"""

import os
from collections.abc import Mapping
from typing import Any

from selector.config._places import Document
from selector.config._raw import raw
from selector.config.formats._agent import AGENT
from selector.config.formats._intents import INTENTS
from selector.config.formats._lead import LEAD_WORKER
from selector.config.formats._litellm import LITELLM
from selector.config.formats._orchestrator import ORCHESTRATOR
from selector.config.formats._places import located, placed
from selector.config.formats._purposes import PURPOSES
from selector.config.formats._registry import REGISTRY
from selector.config.formats._report import Imported, ImportLine, Reader, Reading
from selector.config.formats._routing import ROUTING
from selector.errors import ConfigError

READERS: tuple[Reader, ...] = (LITELLM, ORCHESTRATOR, REGISTRY, INTENTS, PURPOSES, ROUTING, AGENT, LEAD_WORKER)
"""All formats that are known; the first that recognises a document reads it."""

__all__ = [
    "READERS",
    "ImportLine",
    "Imported",
    "Reader",
    "Reading",
    "imported",
    "placed",
    "recognised",
    "translated",
]


def recognised(document: object) -> Reader | None:
    """Find who reads a document.

    Parameters
    ----------
    document
        Plain values, as a file of YAML, TOML or JSON holds them.

    Returns
    -------
    Reader or None
        None where no foreign format has such marks, as for a native document.

    Examples
    --------
    >>> recognised({"models": {"opus": {"provider": "work"}}}) is None
    True
    """
    if not isinstance(document, Mapping) or _is_native(document):
        return None
    return next((reader for reader in READERS if reader.recognises(document)), None)


def _is_native(document: Mapping[str, Any]) -> bool:
    """Tell by what no foreign format has, so that a slip in a native document is refused and never translated away."""
    providers = document.get("providers")
    entries = providers.values() if isinstance(providers, Mapping) else ()
    kinds = any(isinstance(each, Mapping) and "kind" in each for each in entries)
    return isinstance(document.get("models"), Mapping) or kinds


def imported(document: object, *, source: str = "", environ: Mapping[str, str] | None = None) -> Imported:
    """Translate a foreign document.

    Parameters
    ----------
    document
        The path of a ``.yaml``, ``.yml``, ``.toml`` or ``.json`` file, or its plain values.
    source
        The file's name, for errors and references to it; of a path it is known.
    environ
        The environment; that of the process when not given.

    Returns
    -------
    Imported
        The native document, with a line on each key.

    Raises
    ------
    ConfigError
        If no format is recognised, or the document cannot be translated; it names the place.

    Examples
    --------
    >>> imported({"colour": "red"})
    Traceback (most recent call last):
    selector.errors.ConfigError: no known format has these keys; known: ...
    """
    found = raw(document)
    name = source or (os.fspath(document) if isinstance(document, (str, os.PathLike)) else "")
    reader = recognised(found.value)
    if reader is None:
        known = ", ".join(each.name for each in READERS)
        raise ConfigError(f"no known format has these keys; known: {known}", file=name or None)
    return translated(reader, found, source=name, environ=environ)


def translated(
    reader: Reader, document: Document, *, source: str, environ: Mapping[str, str] | None = None
) -> Imported:
    """Translate a document whose reader is known, with lines in what is raised.

    Parameters
    ----------
    reader
        Who recognised it.
    document
        Its plain values, with their places.
    source
        The file's name; empty for values that came from no file.
    environ
        The environment; that of the process when not given.

    Returns
    -------
    Imported
        The native document, with a line on each key.

    Raises
    ------
    ConfigError
        If it cannot be translated; it names the place.
    """
    values: Mapping[str, Any] = document.value if isinstance(document.value, Mapping) else {}
    problem: ConfigError
    try:
        return reader.read(values, source=source, environ=os.environ if environ is None else environ)
    except ConfigError as error:
        problem = located(error, document.places)
    raise problem
