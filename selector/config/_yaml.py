"""YAML 1.2, core schema: `on`, `yes` and `no` are words, 012 is twelve, a key may stand once."""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any

from selector.config._places import Document, KeyPath, Places

if TYPE_CHECKING:
    from collections.abc import Iterator

MOST_NODES = 200_000
"""A configuration has a few thousand; more is an alias that stands for itself many times over."""

MOST_LEVELS = 40
"""A configuration has eight."""

_TAG = "tag:yaml.org,2002:"
# YAML 1.2.2, section 10.3.2: tag, pattern, what a match may begin with.
_CORE = (
    ("null", re.compile(r"(?:null|Null|NULL|~|)\Z"), ["n", "N", "~", ""]),
    ("bool", re.compile(r"(?:true|True|TRUE|false|False|FALSE)\Z"), list("tTfF")),
    ("int", re.compile(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z"), list("-+0123456789")),
    (
        "float",
        re.compile(
            r"(?:[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
        ),
        list("-+0123456789."),
    ),
)


def read_yaml(text: str, file: str | None = None) -> Document:
    """Read one YAML document.

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
        If the text is not YAML, a key stands twice, or a value has a type that the core schema does not have.

    Examples
    --------
    >>> read_yaml("mode: on").value
    {'mode': 'on'}
    >>> read_yaml("[012, 0o14, 1e-3, .02, 12:30, no]").value
    [12, 12, 0.001, 0.02, '12:30', 'no']
    >>> read_yaml("a: 1" + chr(10) + "a: 2", "selector.yaml")
    Traceback (most recent call last):
    selector.errors.ConfigError: selector.yaml:2: a: stands twice, first in line 1
    """
    import yaml

    problem, line = "", 0
    root = None
    try:
        root = yaml.compose(text, Loader=_core_loader())
    except yaml.MarkedYAMLError as error:
        # Never the snippet that PyYAML would show: it may hold a key.
        mark = error.problem_mark or error.context_mark
        problem, line = f"is not YAML: {error.problem or error.context}", mark.line + 1 if mark else 0
    except (yaml.YAMLError, ValueError, OverflowError) as error:
        problem = f"is not YAML: {str(error).splitlines()[0]}"
    except RecursionError:
        problem = "is nested too deeply"
    if problem:
        raise Places(file=file, lines={(): line} if line else {}).error(problem)
    walk = _Walk(file)
    value = None if root is None else walk.value(root, ())
    return Document(value=value, places=Places(file=file, lines=walk.lines))


@cache
def _core_loader() -> type[Any]:
    import yaml

    class CoreLoader(yaml.SafeLoader):
        """PyYAML's parser, with the core schema of YAML 1.2 in place of the types of 1.1."""

        yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012  # PyYAML's own protocol

    for name, pattern, first in _CORE:
        CoreLoader.add_implicit_resolver(_TAG + name, pattern, first)
    return CoreLoader


class _Walk:
    """One walk over a tree of nodes: values and lines together."""

    def __init__(self, file: str | None) -> None:
        self.file = file
        self.lines: dict[KeyPath, int] = {}
        self._n_nodes = 0
        self._open: set[int] = set()

    def value(self, node: Any, path: KeyPath) -> object:  # noqa: ANN401  # PyYAML's nodes, loaded lazily
        """Give the value of a node, and note the lines below it."""
        self._n_nodes += 1
        if path:
            self.lines.setdefault(path, node.start_mark.line + 1)
        if self._n_nodes > MOST_NODES:
            raise self._error(node, path, f"has more than {MOST_NODES:,} values; is an alias repeated?")
        if len(path) > MOST_LEVELS or id(node) in self._open:
            raise self._error(node, path, "is nested too deeply, or holds itself")
        if node.id == "scalar":
            return self._scalar(node, path)
        if node.tag != _TAG + ("map" if node.id == "mapping" else "seq"):
            raise self._error(node, path, f"has the tag {_short(node.tag)}, which a configuration does not use")
        self._open.add(id(node))
        value = dict(self._items(node, path)) if node.id == "mapping" else self._members(node, path)
        self._open.discard(id(node))
        return value

    def _members(self, node: Any, path: KeyPath) -> list[object]:  # noqa: ANN401  # likewise
        return [self.value(member, (*path, place)) for place, member in enumerate(node.value)]

    def _items(self, node: Any, path: KeyPath) -> Iterator[tuple[str, object]]:  # noqa: ANN401  # likewise
        first: dict[str, int] = {}
        for key_node, value_node in node.value:
            line = key_node.start_mark.line + 1
            key = self._scalar(key_node, path) if key_node.id == "scalar" else None
            if not isinstance(key, str):
                written = repr(key_node.value) if key_node.id == "scalar" else f"a {key_node.id}"
                raise self._error(key_node, path, f"has the key {written}, which is not a word; write it in quotes")
            here = (*path, key)
            if key in first:
                raise self._error(key_node, here, f"stands twice, first in line {first[key]}")
            first[key] = self.lines[here] = line
            yield key, self.value(value_node, here)

    def _scalar(self, node: Any, path: KeyPath) -> object:  # noqa: ANN401  # likewise
        text = node.value
        if node.tag == _TAG + "str":
            return text
        patterns = {_TAG + name: pattern for name, pattern, _ in _CORE}
        if node.tag not in patterns or not patterns[node.tag].match(text):
            raise self._error(node, path, f"has the tag {_short(node.tag)}, which a configuration does not use here")
        try:
            return _core_value(node.tag.removeprefix(_TAG), text)
        except ValueError:
            problem = "is a number of too many digits"
        raise self._error(node, path, problem)

    def _error(self, node: Any, path: KeyPath, problem: str) -> Exception:  # noqa: ANN401  # likewise
        return Places(file=self.file, lines={path: node.start_mark.line + 1}).error(problem, path)


def _core_value(kind: str, text: str) -> object:
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind == "int":
        return int(text, 0 if text.startswith(("0o", "0x")) else 10)
    word = text.lower().lstrip("+-")
    if word in {".inf", ".nan"}:
        return math.nan if word == ".nan" else math.copysign(math.inf, -1 if text.startswith("-") else 1)
    return float(text)


def _short(tag: str) -> str:
    return tag.replace(_TAG, "!!")
