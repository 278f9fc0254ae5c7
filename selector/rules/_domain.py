"""Whether a value that was written can be what a name stands for."""

from __future__ import annotations

from dataclasses import replace

from selector.errors import nearest
from selector.rules._names import WEEKDAYS, Kind, Known
from selector.rules._place import Fault, shown
from selector.rules._tree import Literal, Name, Scalar

__all__ = ["fitted"]

_LONG = {name: name[:3] for name in ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")} | {
    day: day for day in WEEKDAYS
}
_FLIPPED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}
_EQUALITY = frozenset({"==", "!="})


def fitted(node: Literal | Name, other: Known, op: str, *, of: Literal | Name, flipped: bool = False) -> Literal | Name:
    """Fit a literal to the name that it is compared with.

    Parameters
    ----------
    node
        One side of the comparison; a name is returned as it is.
    other
        What the other side may be.
    op
        The sign or word.
    of
        The other side.
    flipped
        Whether the literal stands on the left.

    Returns
    -------
    Literal | Name
        The side, with days of the week in their short form.

    Raises
    ------
    Fault
        If the name can never be that.

    Examples
    --------
    >>> day = Name(("weekday",))
    >>> print(fitted(Literal("Monday"), Known(Kind.TEXT, words=WEEKDAYS), "==", of=day))
    'mon'
    """
    if not isinstance(node, Literal) or not isinstance(of, Name) or node.value is None:
        return node
    if op in {"in", "not in"} and isinstance(node.value, tuple) and not flipped:
        if not node.value:
            raise Fault("the list is empty: nothing is in it", node.at)
        return replace(node, value=tuple(_one(part, other, "==", of, node.at) for part in node.value))
    if isinstance(node.value, tuple):
        if other.kind is Kind.WORDS and not all(isinstance(part, str) for part in node.value):
            raise Fault(f"{of} is a list of texts, and this list holds something else", node.at)
        return node
    if op in _EQUALITY or op in _FLIPPED:
        return replace(node, value=_one(node.value, other, _FLIPPED.get(op, op) if flipped else op, of, node.at))
    return node


def _one(value: Scalar | tuple[object, ...], other: Known, op: str, of: Name, at: int) -> Scalar:
    """Check one value against what the name may be."""
    if isinstance(value, tuple) or other.kind is Kind.ANY:
        return value  # type: ignore[return-value]  # lists were checked to hold no lists
    if other.kind is Kind.TRUTH and not isinstance(value, bool):
        raise Fault(f"{of} is true or false, not {value!r}", at)
    if other.kind is Kind.TEXT:
        return _text(value, other, of, at)
    if other.kind is Kind.NUMBER:
        _check_number(value, other, op, of, at)
    return value


def _text(value: Scalar, other: Known, of: Name, at: int) -> Scalar:
    if not isinstance(value, str):
        raise Fault(f"{of} is a text, not {value!r}", at)
    if not other.words or value in other.words:
        return value
    if other.words is WEEKDAYS:
        if value.lower() in _LONG:
            return _LONG[value.lower()]
        raise Fault(f"{of} is {other.said}, not {shown(value)}{_meant(value, _LONG)}", at)
    raise Fault(f"{of} is {other.said}, not {shown(value)}{_meant(value, other.words)}", at)


def _meant(value: str, words: object) -> str:
    hint = nearest(value.lower(), words)  # type: ignore[arg-type]  # any iterable of texts
    return hint if "did you mean" in hint else ""


def _check_number(value: Scalar, other: Known, op: str, of: Name, at: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Fault(f"{of} is {other.said}, not {value!r}", at)
    if not other.low <= value <= other.high or (op in _EQUALITY and other.whole and value != int(value)):
        raise Fault(f"{of} is {other.said}, not {value}", at)
    if (op == "<" and value == other.low) or (op == ">" and value == other.high):
        raise Fault(f"{of} is {other.said}: {of} {op} {value} never holds", at)
