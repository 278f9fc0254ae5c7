"""From a path or a mapping to the plain values of a native document, with their places."""

from __future__ import annotations

import logging
from functools import lru_cache
from os import PathLike, fspath
from typing import TYPE_CHECKING

from selector.config._places import Document
from selector.config._raw import raw

if TYPE_CHECKING:
    from collections.abc import Mapping

_logger = logging.getLogger("selector")


@lru_cache(1_000)
def _warn(said: str) -> None:
    """Say something once, however often the same document is read."""
    _logger.warning("%s", said)


def document(source: object, *, over: Mapping[str, Mapping[str, object]] | None = None) -> Document:
    """Read the plain values of a native document with their places; a foreign one is translated first.

    Parameters
    ----------
    source
        A path, as text or `pathlib.Path`, or a mapping.
    over
        By the name of a foreign format, the keys that count before those of a document of that format.

    Returns
    -------
    Document
        A mapping's values have no places; an empty file is an empty mapping; what was translated has the places of
        what it was translated from.

    Raises
    ------
    ConfigError
        If there is no such file, it is not text, its suffix is none that can be read, or it is a foreign document
        that cannot be translated.

    Examples
    --------
    >>> document({"version": 1}).value
    {'version': 1}
    >>> document("selector.jsn")
    Traceback (most recent call last):
    selector.errors.ConfigError: selector.jsn: has the suffix '.jsn'; did you mean '.json'?
    """
    found = raw(source)
    if not found.value:
        return found
    from selector.config.formats import placed, recognised, translated  # noqa: PLC0415 - who loads nothing needs no reader

    reader = recognised(found.value)
    if reader is None:
        return found
    if over is not None and isinstance(found.value, dict):
        found = Document(value={**found.value, **over.get(reader.name, {})}, places=found.places)
    name = fspath(source) if isinstance(source, (str, PathLike)) else ""
    result = translated(reader, found, source=name)
    for line in result.lines:
        if line.what == "warned":
            _warn(f"{name or result.format}: {line.place}: {line.word}")
    return Document(value=result.config, places=placed(result, found.places), format=reader.name)
