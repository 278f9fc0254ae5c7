"""The check of a condition: every name known, every comparison of values that can meet, and none that never holds."""

from __future__ import annotations

from dataclasses import dataclass, replace

from selector.rules._domain import fitted
from selector.rules._names import Kind, Known, Vocabulary, known
from selector.rules._patterns import search_of
from selector.rules._place import Fault, shown
from selector.rules._tree import And, Compare, List, Literal, Name, Node, Not, Or, leaves, written

__all__ = ["MOST_PATTERNS", "checked"]

MOST_PATTERNS = 20
"""The most `matches` in one condition; each is compiled when the condition is read."""

_ORDER = frozenset({"<", "<=", ">", ">="})
_MEMBERS = frozenset({"in", "not in"})
_TEXTUAL = frozenset({"starts_with", "ends_with", "matches"})
_TEXT_OR_ANY = frozenset({Kind.TEXT, Kind.ANY})


def checked(node: Node, vocabulary: Vocabulary | None = None) -> Node:
    """Check a whole condition.

    Parameters
    ----------
    node
        What the grammar read.
    vocabulary
        Which names stand in brackets; None: any.

    Returns
    -------
    Node
        The same, with lists and days of the week in their plain form, and no `and` directly within an `and`.

    Raises
    ------
    Fault
        If a name is unknown, a value of the wrong kind, a pattern none, or a comparison can never hold.

    Examples
    --------
    >>> from selector.rules._grammar import parse
    >>> print(checked(parse("weekday in ['Saturday', 'sun'] and (hour < 6 and not labels contains 'urgent')")))
    weekday in ['sat', 'sun'] and hour < 6 and not labels contains 'urgent'
    >>> checked(parse("hour > 24"))
    Traceback (most recent call last):
    selector.rules._place.Fault: hour is a whole number from 0 to 23, not 24
    """
    found = _condition(node, vocabulary)
    patterns = [leaf for leaf in leaves(found) if isinstance(leaf, Compare) and leaf.op == "matches"]
    if len(patterns) > MOST_PATTERNS:
        raise Fault(
            f"a condition has at most {MOST_PATTERNS} patterns, not {len(patterns)}; join them with |, as in 'a|b'",
            patterns[MOST_PATTERNS].at,
        )
    for leaf in patterns:
        _compile_pattern(leaf)
    return found


def _condition(node: Node, vocabulary: Vocabulary | None) -> Node:
    """Check what must be true or false."""
    if isinstance(node, And | Or):
        parts: list[Node] = []
        for part in node.parts:
            inner = _condition(part, vocabulary)
            parts += inner.parts if isinstance(inner, And | Or) and type(inner) is type(node) else [inner]
        return replace(node, parts=tuple(parts))
    if isinstance(node, Not):
        return replace(node, of=_condition(node.of, vocabulary))
    if isinstance(node, Compare):
        return _comparison(node, vocabulary)
    if isinstance(node, Literal) and isinstance(node.value, bool):
        return node
    if isinstance(node, Name):
        kind = known(node, vocabulary).kind
        if kind in {Kind.ANY, Kind.TRUTH}:
            return node
        example = {Kind.WORDS: "contains 'a'", Kind.NUMBER: "== 1"}.get(kind, "== 'a'")
        raise Fault(f"{node} is {kind}, and not true or false; compare it, as in {node} {example}", node.at)
    said = "a list" if isinstance(node, List) else _shown(node)
    raise Fault(f"{said} alone is no condition; write the whole comparison, once for each value", node.at)


@dataclass(frozen=True, slots=True)
class _Side:
    """One side of a comparison: what stands there, and what it may be."""

    node: Literal | Name
    known: Known

    @property
    def kind(self) -> Kind:
        return self.known.kind

    def __str__(self) -> str:
        return f"{_shown(self.node)} is {self.kind}" if isinstance(self.node, Name) else _shown(self.node)


def _comparison(node: Compare, vocabulary: Vocabulary | None) -> Node:
    left, right = _side(node.left, vocabulary), _side(node.right, vocabulary)
    _check_kinds(left, node.op, right)
    new_left = fitted(left.node, right.known, node.op, of=right.node, flipped=True)
    new_right = fitted(right.node, left.known, node.op, of=left.node)
    return replace(node, left=new_left, right=new_right)


def _side(node: Node, vocabulary: Vocabulary | None) -> _Side:
    if isinstance(node, Name):
        return _Side(node, known(node, vocabulary))
    if isinstance(node, Literal):
        return _Side(node, Known(_kind(node)))
    if isinstance(node, List):
        return _Side(Literal(tuple(_member(part) for part in node.parts), node.at), Known(Kind.LIST))
    raise Fault("a comparison or a condition is no value to compare; join conditions with 'and' and 'or'", node.at)


def _member(node: Node) -> bool | int | float | str:
    if isinstance(node, Literal) and isinstance(node.value, bool | int | float | str):
        return node.value
    raise Fault(f"a list holds numbers, texts, true and false, not {_shown(node)}", node.at)


def _kind(literal: Literal) -> Kind:
    value = literal.value
    if value is None:
        return Kind.NULL
    if isinstance(value, bool):
        return Kind.TRUTH
    return Kind.TEXT if isinstance(value, str) else Kind.NUMBER


def _check_kinds(left: _Side, op: str, right: _Side) -> None:
    if op in {"==", "!="}:
        _check_equal(left, op, right)
    elif op in _ORDER:
        _check_order(left, op, right)
    elif op in _MEMBERS:
        _check_member(left, op, right)
    elif op in _TEXTUAL:
        _check_textual(left, op, right)
    else:
        _check_contains(left, right)


def _check_equal(left: _Side, op: str, right: _Side) -> None:
    kinds = {left.kind, right.kind}
    if Kind.NULL in kinds:
        for side in (left, right):
            if side.known.always:
                raise Fault(f"{_shown(side.node)} is always there, and never null", side.node.at)
        return
    if len(kinds) == 1 or Kind.ANY in kinds or kinds == {Kind.WORDS, Kind.LIST}:
        return
    if kinds == {Kind.WORDS, Kind.TEXT}:
        words, text = (left, right) if left.kind is Kind.WORDS else (right, left)
        instead = f"{'not ' if op == '!=' else ''}{_shown(words.node)} contains {_shown(text.node)}"
        raise Fault(f"{_shown(words.node)} is a list of texts; write {instead}", right.node.at)
    if Kind.LIST in kinds and Kind.WORDS not in kinds:
        raise Fault(f"{left}, which is never a list; write {'in' if op == '==' else 'not in'}", right.node.at)
    raise Fault(f"{left}, and {_ending(right)}: they are never equal", right.node.at)


def _check_order(left: _Side, op: str, right: _Side) -> None:
    kinds = {left.kind, right.kind}
    orderly = kinds <= {Kind.NUMBER, Kind.ANY} or kinds <= _TEXT_OR_ANY
    for side in (left, right):
        if side.known.words:
            raise Fault(f"{_shown(side.node)} has no order; write == or in", side.node.at)
    if not orderly:
        raise Fault(f"{left}, and {_ending(right)}; {op} compares two numbers or two texts", right.node.at)


def _check_member(left: _Side, op: str, right: _Side) -> None:
    if left.kind in {Kind.WORDS, Kind.LIST, Kind.NULL}:
        remedy = f"; write {_shown(left.node)} contains 'a', once for each" if left.kind is Kind.WORDS else ""
        raise Fault(f"{_ending(left)} is no member of a list{remedy}", left.node.at)
    if right.kind not in {Kind.WORDS, Kind.LIST, Kind.ANY}:
        if isinstance(right.node, Literal):
            remedy = f"[{_shown(right.node)}]" if right.kind is not Kind.NULL else "a list"
        else:
            turned = "contains" if op == "in" else "== or !="
            remedy = f"a list, or {_shown(right.node)} {turned} {_shown(left.node)}"
        raise Fault(f"'{op}' is followed by a list; write {remedy}", right.node.at)
    if right.kind is Kind.WORDS and left.kind not in _TEXT_OR_ANY:
        raise Fault(f"{right}, and holds no {_ending(left)}", left.node.at)


def _check_textual(left: _Side, op: str, right: _Side) -> None:
    if left.kind not in _TEXT_OR_ANY:
        remedy = "; write contains" if left.kind in {Kind.WORDS, Kind.LIST} else ""
        raise Fault(f"{left}, and '{op}' is asked of a text{remedy}", left.node.at)
    if left.known.words:
        raise Fault(f"{_shown(left.node)} is {left.known.said}; write == or in", left.node.at)
    if op == "matches" and not (isinstance(right.node, Literal) and right.kind is Kind.TEXT):
        raise Fault("'matches' is followed by a pattern in quotes", right.node.at)
    if right.kind not in _TEXT_OR_ANY:
        raise Fault(f"'{op}' is followed by a text, not by {_ending(right)}", right.node.at)


def _check_contains(left: _Side, right: _Side) -> None:
    if left.kind not in {Kind.TEXT, Kind.WORDS, Kind.ANY, Kind.LIST}:
        raise Fault(f"{left}, and 'contains' is asked of a text or a list", left.node.at)
    if left.known.words:
        raise Fault(f"{_shown(left.node)} is {left.known.said}; write == or in", left.node.at)
    allowed = _TEXT_OR_ANY if left.kind in {Kind.TEXT, Kind.WORDS} else {*_TEXT_OR_ANY, Kind.NUMBER, Kind.TRUTH}
    if right.kind not in allowed:
        many = "; write 'contains' once for each" if right.kind in {Kind.LIST, Kind.WORDS} else ""
        raise Fault(f"{left}, and contains no {_ending(right)}{many}", right.node.at)


def _compile_pattern(node: Compare) -> None:
    if isinstance(node.right, Literal) and isinstance(node.right.value, str):
        try:
            search_of(node.right.value)
        except ValueError as error:
            raise Fault(f"the pattern {shown(node.right.value)} cannot be used: {error}", node.right.at) from None


def _ending(side: _Side) -> str:
    """Say what a side is, at the end of a sentence."""
    return str(side) if isinstance(side.node, Name) else _shown(side.node)


def _shown(node: Node) -> str:
    text = written(node.value) if isinstance(node, Literal) else str(node)
    return text if len(text) <= 60 else f"{text[:60]}..."
