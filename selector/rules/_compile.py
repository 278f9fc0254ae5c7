"""From a checked condition to one function: constant parts are worked out once, the rest becomes closures."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from selector.rules._names import Kind, known
from selector.rules._patterns import search_of
from selector.rules._quick import quick
from selector.rules._tree import And, Compare, Literal, Name, Node, Not, Or, Value
from selector.rules._values import RELATIONS

if TYPE_CHECKING:
    from selector.rules._facts import Facts

    Test = Callable[[Facts], bool]
    Read = Callable[[Facts], Value]

__all__ = ["compiled", "folded", "names_of"]


def folded(node: Node) -> Node:
    """Work out what no fact can change.

    Examples
    --------
    >>> tree = And((Compare(Literal(1), "<", Literal(2)), Compare(Name(("hour",)), "<", Literal(6))))
    >>> print(folded(tree))
    hour < 6
    >>> print(folded(Or((tree, Literal(True)))))
    true
    """
    if isinstance(node, Compare) and isinstance(node.left, Literal) and isinstance(node.right, Literal):
        return Literal(_relate(node.left.value, node.op, node.right.value), node.at)
    if isinstance(node, Not):
        inner = folded(node.of)
        return Literal(not inner.value, node.at) if isinstance(inner, Literal) else replace(node, of=inner)
    return _folded_parts(node) if isinstance(node, And | Or) else node


def _folded_parts(node: And | Or) -> Node:
    decides = isinstance(node, Or)
    left = []
    for part in map(folded, node.parts):
        if not isinstance(part, Literal):
            left.append(part)
        elif part.value is decides:
            return Literal(decides, node.at)
    if len(left) < 2:
        return left[0] if left else Literal(not decides, node.at)
    return replace(node, parts=tuple(left))


def names_of(node: Node) -> Iterator[str]:
    """Walk over the names that a condition reads, as facts call them.

    Examples
    --------
    >>> list(names_of(Not(Compare(Name(("task", "id")), "==", Name(("session", "id"))))))
    ['task.id', 'session.id']
    """
    if isinstance(node, Name):
        yield str(node)
    elif isinstance(node, Not):
        yield from names_of(node.of)
    elif isinstance(node, Compare):
        yield from names_of(node.left)
        yield from names_of(node.right)
    elif isinstance(node, And | Or):
        for part in node.parts:
            yield from names_of(part)


def compiled(node: Node) -> Test:
    """Make the function that tells whether a folded condition holds."""
    if isinstance(node, And):
        return _all([compiled(part) for part in node.parts])
    if isinstance(node, Or):
        return _any([compiled(part) for part in node.parts])
    if isinstance(node, Not):
        inner = compiled(node.of)
        return lambda facts: not inner(facts)
    if isinstance(node, Compare):
        return _comparison(node)
    if isinstance(node, Name):
        name = str(node)
        return lambda facts: facts[name] is True
    constant = isinstance(node, Literal) and node.value is True
    return lambda _: constant


def _all(parts: list[Test]) -> Test:
    if len(parts) == 2:
        first, second = parts
        return lambda facts: first(facts) and second(facts)

    def test(facts: Facts) -> bool:
        for part in parts:  # noqa: SIM110 - a generator would double the time
            if not part(facts):
                return False
        return True

    return test


def _any(parts: list[Test]) -> Test:
    if len(parts) == 2:
        first, second = parts
        return lambda facts: first(facts) or second(facts)

    def test(facts: Facts) -> bool:
        for part in parts:  # noqa: SIM110 - likewise
            if part(facts):
                return True
        return False

    return test


def _comparison(node: Compare) -> Test:
    if isinstance(node.left, Name) and isinstance(node.right, Literal):
        name, value = str(node.left), node.right.value
        if value is None:
            return _null(name, node.op)
        test = quick(name, node.op, value, typed=known(node.left).kind is not Kind.ANY)
        if test is not None:
            return test
    if isinstance(node.right, Name) and isinstance(node.left, Literal) and node.left.value is None:
        return _null(str(node.right), node.op)
    left, right, relation = _reader(node.left), _reader(node.right), RELATIONS[node.op]
    return lambda facts: relation(left(facts), right(facts))


def _null(name: str, op: str) -> Test:
    if op == "==":
        return lambda facts: facts[name] is None
    return lambda facts: facts[name] is not None


def _reader(node: Node) -> Read:
    if isinstance(node, Name):
        name = str(node)
        return lambda facts: facts[name]
    value = node.value if isinstance(node, Literal) else None
    return lambda _: value


def _relate(left: Value, op: str, right: Value) -> bool:
    """Compare two constants."""
    if op == "matches":
        return isinstance(left, str) and isinstance(right, str) and search_of(right)(left)
    if op in {"==", "!="} and (left is None or right is None):
        return (left is right) is (op == "==")
    return RELATIONS[op](left, right)
