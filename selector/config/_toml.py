"""TOML, with the line of each key that has a line of its own."""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING

from selector.config._places import Document, KeyPath, Places

if TYPE_CHECKING:
    from collections.abc import Iterator

_TABLE = re.compile(r"\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(?:#.*)?\Z")
_PAIR = re.compile(r"""\s*((?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*'))*)\s*=""")
_PART = re.compile(r"""[A-Za-z0-9_-]+|"[^"]*"|'[^']*'""")


def read_toml(text: str, file: str | None = None) -> Document:
    """Read one TOML document.

    Parameters
    ----------
    text
        The document.
    file
        The name that errors give.

    Returns
    -------
    Document
        Plain values with the line of each key that begins a line; keys of inline tables have their table's.

    Raises
    ------
    ConfigError
        If the text is not TOML; that a key stands twice is one of its errors.

    Examples
    --------
    >>> document = read_toml("version = 1" + chr(10) + "[models.opus]" + chr(10) + "id = 'claude-opus-4-8'")
    >>> document.value
    {'version': 1, 'models': {'opus': {'id': 'claude-opus-4-8'}}}
    >>> document.places.line(("models", "opus", "id"))
    3
    """
    problem, line = "", 0
    value: object = None
    try:
        value = tomllib.loads(text)
    except ValueError as error:
        # tomllib's message ends in the place, "(at line 3, column 7)", and quotes single characters or keys only.
        found = re.search(r"at line (\d+)", str(error))
        problem, line = f"is not TOML: {error}", int(found[1]) if found else 0
    except RecursionError:
        problem = "is nested too deeply"
    if problem:
        raise Places(file=file, lines={(): line} if line else {}).error(problem)
    return Document(value=value, places=Places(file=file, lines=dict(reversed(list(_places(text))))))


def _places(text: str) -> Iterator[tuple[KeyPath, int]]:
    """Go through the lines; a line inside a text of several lines may look like a key, and then names no real path."""
    table: KeyPath = ()
    counts: dict[KeyPath, int] = {}
    for number, written in enumerate(text.splitlines(), start=1):
        if header := _TABLE.match(written):
            table = _parts(header[2])
            if header[1] == "[[":
                counts[table] = counts.get(table, -1) + 1
            table = _with_positions(table, counts)
            yield from ((table[:end], number) for end in range(1, len(table) + 1))
        elif pair := _PAIR.match(written):
            here = (*table, *_parts(pair[1]))
            yield from ((here[:end], number) for end in range(len(table) + 1, len(here) + 1))


def _parts(written: str) -> KeyPath:
    return tuple(part.strip("\"'") for part in _PART.findall(written))


def _with_positions(table: KeyPath, counts: dict[KeyPath, int]) -> KeyPath:
    path: KeyPath = ()
    for end in range(1, len(table) + 1):
        path = (*path, table[end - 1])
        if table[:end] in counts:
            path = (*path, counts[table[:end]])
    return path
