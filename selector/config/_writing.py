"""YAML of plain values, as people write it, with a note behind each where it is wanted."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_NOTE_AT = 74  # columns
_BARE = re.compile(r"[A-Za-z_][A-Za-z0-9_ ./@:+*-]*\Z|[0-9]+(?:d|h|m|s| days| decisions)\Z")
_WORDS = {"null", "true", "false"}


@dataclass(frozen=True, slots=True)
class Leaf:
    """A value that stands on one line.

    Examples
    --------
    >>> Leaf(0.02, "selector.yaml:6").holds
    True
    """

    value: Any
    origin: str
    """Where it comes from."""
    holds: bool = True
    """False: nobody wrote it and nobody may need to; it says what holds in its place."""


Tree = Leaf | dict[str, "Tree"] | list["Tree"]
"""Values by key or by place."""


def plain_of(tree: Tree) -> Any:  # noqa: ANN401  # plain values
    """Give the values of a tree alone.

    Examples
    --------
    >>> plain_of({"a": [Leaf(1, "default")]})
    {'a': [1]}
    """
    if isinstance(tree, Leaf):
        return tree.value
    if isinstance(tree, list):
        return [plain_of(each) for each in tree]
    return {key: plain_of(each) for key, each in tree.items() if not isinstance(each, Leaf) or each.holds}


def written(tree: Tree, *, origin: bool = False, inset: int = 0) -> Iterator[str]:
    """Write a tree line by line.

    Parameters
    ----------
    tree
        Of values by key or by place.
    origin
        Whether to note where each comes from.
    inset
        How many spaces stand before each line.

    Examples
    --------
    >>> print(*written({"mode": Leaf("on", "default"), "tags": Leaf(["eu", "on: 1"], "default")}), sep="; ")
    mode: on; tags: [eu, "on: 1"]
    """
    space = " " * inset
    if isinstance(tree, Leaf):
        yield _noted(f"{space}{flow(tree.value)}", tree, origin=origin)
    elif isinstance(tree, list):
        for each in tree:
            first, *rest = written(each, origin=origin, inset=inset + 2)
            yield f"{space}- {first[inset + 2 :]}"
            yield from rest
    else:
        for key, each in tree.items():
            if isinstance(each, Leaf):
                off = "" if each.holds else "# "
                yield _noted(f"{space}{off}{_text(key)}: {flow(each.value)}", each, origin=origin)
            else:
                yield f"{space}{_text(key)}:"
                yield from written(each, origin=origin, inset=inset + 2)


def _noted(line: str, leaf: Leaf, *, origin: bool) -> str:
    return f"{line:<{_NOTE_AT - 1}} # {leaf.origin}" if origin else line


def flow(value: object) -> str:
    """Write a value in YAML's short form.

    Examples
    --------
    >>> flow({"deepseek": 0.05, "no": [1, None, "012", "on"]})
    '{deepseek: 0.05, no: [1, null, "012", on]}'
    """
    if isinstance(value, dict):
        return f"{{{', '.join(f'{_text(key)}: {flow(each)}' for key, each in value.items())}}}"
    if isinstance(value, (list, tuple)):
        return f"[{', '.join(map(flow, value))}]"
    return _text(value) if isinstance(value, str) else json.dumps(value)


def _text(text: str) -> str:
    """Write a text bare where nothing else can be meant, else in quotes."""
    is_bare = _BARE.match(text) and not re.search(r": |:\Z| \Z", text)
    if is_bare and text.lower() not in _WORDS:
        return text
    inner = "".join(_escaped(char) for char in text)
    return f'"{inner}"'


def _escaped(char: str) -> str:
    if char in {'"', "\\"}:
        return "\\" + char
    if char.isprintable():
        return char
    return f"\\U{ord(char):08x}"
