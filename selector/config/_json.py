"""JSON, with the line of each key."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from selector.config._places import Document, KeyPath, Places

if TYPE_CHECKING:
    from collections.abc import Iterator

_PIECE = re.compile(r'"(?:[^"\\]|\\.)*"|[{}\[\]:,\n]|[^\s{}\[\]:,"]+')


def read_json(text: str, file: str | None = None) -> Document:
    """Read one JSON document.

    Parameters
    ----------
    text
        The document.
    file
        The name that errors give.

    Returns
    -------
    Document
        Plain values with the line of each key.

    Raises
    ------
    ConfigError
        If the text is not JSON, or a key stands twice.

    Examples
    --------
    >>> read_json('{"models": {"opus": {}}}').value
    {'models': {'opus': {}}}
    >>> read_json('{"a": 1,' + chr(10) + '"a": 2}', "selector.json")
    Traceback (most recent call last):
    selector.errors.ConfigError: selector.json:2: a: stands twice
    """
    problem, line = "", 0
    value: object = None
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        problem, line = f"is not JSON: {error.msg}", error.lineno
    except ValueError as error:
        problem = f"is not JSON: {error}"
    except RecursionError:
        problem = "is nested too deeply"
    if problem:
        raise Places(file=file, lines={(): line} if line else {}).error(problem)
    lines: dict[KeyPath, int] = {}
    for path, number in _places(text):
        if path in lines:
            raise Places(file=file, lines={path: number}).error("stands twice", path)
        lines[path] = number
    return Document(value=value, places=Places(file=file, lines=lines))


def _no_constant(name: str) -> float:
    raise ValueError(f"{name} is not a number in JSON")


def _places(text: str) -> Iterator[tuple[KeyPath, int]]:
    """Go through a text that is known to be JSON; each key and each member of a list with its line."""
    line = 1
    # One entry per open bracket: the key or position that comes next; None where a key is still to be read.
    stack: list[str | int | None] = []
    for match in _PIECE.finditer(text):
        piece = match.group()
        if piece == "\n":
            line += 1
        elif piece in {"}", "]"}:
            stack.pop()
        elif piece == ",":
            stack[-1] = stack[-1] + 1 if isinstance(stack[-1], int) else None
        elif piece != ":":
            if stack and stack[-1] is None:
                stack[-1] = str(json.loads(piece))
                yield _path(stack), line
                continue
            if stack and isinstance(stack[-1], int):
                yield _path(stack), line
            if piece in {"{", "["}:
                stack.append(None if piece == "{" else 0)


def _path(stack: list[str | int | None]) -> KeyPath:
    return tuple(part for part in stack if part is not None)
