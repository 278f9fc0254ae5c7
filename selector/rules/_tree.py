"""What a condition says, as a tree: made by the grammar, checked, folded, printed, compiled."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

__all__ = ["And", "Compare", "List", "Literal", "Name", "Node", "Not", "Or", "leaves", "written"]

Scalar = bool | int | float | str | None
Value = Scalar | tuple["Value", ...]
"""What a name or a literal can stand for, once it is plain."""


@dataclass(frozen=True, slots=True)
class Literal:
    r"""A number, a text, ``true``, ``false`` or ``null``; after the check also a list of them.

    Examples
    --------
    >>> print(Literal("it's"), Literal(3), Literal((True, None)))
    'it\'s' 3 [true, null]
    """

    value: Value
    """What it stands for."""
    at: int = field(default=0, compare=False)
    """Its first character, from 0."""

    def __str__(self) -> str:
        return written(self.value)


@dataclass(frozen=True, slots=True)
class List:
    """A list as it was written: what stands in it is not checked yet."""

    parts: tuple[Node, ...]
    """What stands between the brackets."""
    at: int = field(default=0, compare=False)
    """Its first character, from 0."""

    def __str__(self) -> str:
        return f"[{', '.join(map(str, self.parts))}]"


@dataclass(frozen=True, slots=True)
class Name:
    """A name that stands for a fact of the task or of the moment.

    Examples
    --------
    >>> print(Name(("quota", "home", "remaining")), Name(("metadata", "user id")))
    quota['home'].remaining metadata['user id']
    """

    path: tuple[str, ...]
    """Its parts, whichever way they were written."""
    at: int = field(default=0, compare=False)
    """Its first character, from 0."""

    def __str__(self) -> str:
        head, *rest = self.path
        if head in {"provider_status", "quota", "budget"} and rest:
            return f"{head}[{written(rest[0])}]" + "".join(f".{part}" for part in rest[1:])
        return head + "".join(f".{p}" if _is_word(p) else f"[{written(p)}]" for p in rest)


@dataclass(frozen=True, slots=True)
class Compare:
    """Two values and a word or sign between them."""

    left: Node
    """The value on the left."""
    op: str
    """The sign or word between them; `not in` is one word."""
    right: Node
    """The value on the right."""
    at: int = field(default=0, compare=False)
    """The first character of the sign, from 0."""

    def __str__(self) -> str:
        return f"{_wrapped(self.left, 4)} {self.op} {_wrapped(self.right, 4)}"


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite of a condition."""

    of: Node
    """The condition."""
    at: int = field(default=0, compare=False)
    """Its first character, from 0."""

    def __str__(self) -> str:
        return f"not {_wrapped(self.of, 2)}"


@dataclass(frozen=True, slots=True)
class And:
    """Conditions that must all hold."""

    parts: tuple[Node, ...]
    """The conditions, in order."""
    at: int = field(default=0, compare=False)
    """Its first character, from 0."""

    def __str__(self) -> str:
        return " and ".join(_wrapped(part, 2) for part in self.parts)


@dataclass(frozen=True, slots=True)
class Or:
    """Conditions of which one must hold."""

    parts: tuple[Node, ...]
    """The conditions, in order."""
    at: int = field(default=0, compare=False)
    """Its first character, from 0."""

    def __str__(self) -> str:
        return " or ".join(_wrapped(part, 1) for part in self.parts)


Node = Literal | List | Name | Compare | Not | And | Or

_BINDING = {Or: 0, And: 1, Not: 2, Compare: 3}
KEYWORDS = frozenset(
    {"and", "or", "not", "in", "contains", "starts_with", "ends_with", "matches", "true", "false", "null"}
)


def leaves(node: Node) -> Iterator[Node]:
    """Walk over the comparisons of a condition and what else holds or not by itself, from left to right.

    Examples
    --------
    >>> tree = And((Literal(True), Not(Compare(Name(("hour",)), "<", Literal(6)))))
    >>> [str(leaf) for leaf in leaves(tree)]
    ['true', 'hour < 6']
    """
    if isinstance(node, And | Or):
        for part in node.parts:
            yield from leaves(part)
    elif isinstance(node, Not):
        yield from leaves(node.of)
    else:
        yield node


def written(value: Value) -> str:
    """Write a value as the language does.

    Examples
    --------
    >>> written(("a", 0.5, False, None))
    "['a', 0.5, false, null]"
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"'{value.translate(_ESCAPES)}'"
    if isinstance(value, tuple):
        return f"[{', '.join(map(written, value))}]"
    return repr(value)


_ESCAPES = str.maketrans({"\\": "\\\\", "'": "\\'", "\n": "\\n", "\t": "\\t", "\r": "\\r"})


def _is_word(text: str) -> bool:
    return text.isidentifier() and text.isascii() and text not in KEYWORDS


def _wrapped(node: Node, binding: int) -> str:
    """Put brackets around what binds less than its place asks for."""
    return f"({node})" if _BINDING.get(type(node), 5) < binding else str(node)
