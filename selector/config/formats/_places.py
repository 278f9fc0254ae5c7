"""Where what was translated stands: errors of a foreign document, and of the native one made of it, name its lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from selector.config._places import KeyPath, Places, dotted
from selector.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selector.config.formats._report import Imported


def located(error: ConfigError, places: Places) -> ConfigError:
    """Add the line to an error that names a place of a foreign document.

    Parameters
    ----------
    error
        What a reader raised.
    places
        Where the keys of the foreign document stand.

    Returns
    -------
    ConfigError
        The same where it has a line, or its place has none.

    Examples
    --------
    >>> places = Places(file="old.yaml", lines={("routing",): 3})
    >>> located(ConfigError("must be a mapping", file="old.yaml", key="routing"), places)
    ConfigError('old.yaml:3: routing: must be a mapping')
    """
    if error.line is not None or error.key is None:
        return error
    known = {dotted(path): line for path, line in places.lines.items()}
    line = next((known[each] for each in _upwards(error.key) if each in known), None)
    if line is None:
        return error
    message = str(error).removeprefix(f"{error.file}: ").removeprefix(f"{error.key}: ")
    return type(error)(message, file=error.file, line=line, key=error.key)


def placed(result: Imported, places: Places) -> Places:
    """Give the native document the lines of the foreign one, key by key as the report says what went where.

    Parameters
    ----------
    result
        What was read.
    places
        Where the keys of the foreign document stand.

    Returns
    -------
    Places
        Of the native document.

    Examples
    --------
    >>> from selector.config.formats import Imported, ImportLine
    >>> line = ImportLine("routing.default_model", "translated", "default_model")
    >>> found = Imported("routing-toml", {"default_model": "opus"}, (line,), "")
    >>> placed(found, Places(lines={("routing", "default_model"): 7})).line(("default_model",))
    7
    """
    known = {dotted(path): line for path, line in places.lines.items()}
    went: dict[str, int] = {}
    for line in result.lines:
        number = next((known[each] for each in _upwards(line.place) if each in known), None)
        for word in line.word.split("; "):
            if number is not None:
                went.setdefault(word, number)
    lines: dict[KeyPath, int] = {}
    for path in _paths(result.config, ()):
        if (number := went.get(dotted(path))) is not None:
            for end in range(1, len(path) + 1):
                lines.setdefault(path[:end], number)
    return Places(file=places.file, lines=lines)


def _upwards(key: str) -> Iterator[str]:
    yield key
    while key:
        key = key[: max(key.rfind("."), key.rfind("["), 0)]
        if key:
            yield key


def _paths(value: Any, path: KeyPath) -> Iterator[KeyPath]:  # noqa: ANN401  # anything a document holds
    if path:
        yield path
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield from _paths(member, (*path, key))
    elif isinstance(value, (list, tuple)):
        for place, member in enumerate(value):
            yield from _paths(member, (*path, place))
