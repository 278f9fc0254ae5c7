"""What values are once they are plain, and how two of them compare: for all values, without an error."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import cast

import numpy as np

from selector.rules._tree import Value

__all__ = ["NUMBERS", "RELATIONS", "plain", "same"]

Relation = Callable[[Value, Value], bool]

NUMBERS: frozenset[object] = frozenset({int, float})
"""The exact types of plain numbers: true and false are none."""


def plain(value: object) -> Value:
    """Make a value plain: a number, a text, true, false, a tuple of these, or None for all else.

    Parameters
    ----------
    value
        Whatever a caller put into a task's metadata.

    Returns
    -------
    Value
        The same as an exact `int`, `float`, `str`, `bool` or tuple. None, which counts as missing, for NaN and for
        anything that has no place in a condition, such as a mapping or a date.

    Examples
    --------
    >>> plain(["a", 1, {"b": 2}]), plain(float("nan")), plain({"a": 1})
    (('a', 1, None), None, None)
    """
    if value.__class__ in _EXACT:
        return cast("Value", value)
    if isinstance(value, list | tuple | set | frozenset):
        return tuple(map(_scalar, value))
    return _scalar(value)


_EXACT: frozenset[object] = frozenset({str, int, bool, type(None)})


def _scalar(value: object) -> bool | int | float | str | None:
    if value.__class__ in _EXACT:
        return cast("bool | int | str | None", value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, np.bool_):
        return bool(value)
    if isinstance(value, np.integer | int):
        return int(value) if isinstance(value, np.integer) else int.__int__(value)
    if isinstance(value, np.floating | float):
        number = float.__float__(value) if isinstance(value, float) else float(value)
        return None if math.isnan(number) else number
    return None


def same(left: Value, right: Value) -> bool:
    """Tell whether two plain values are there and equal; 1 equals 1.0, and does not equal true.

    Examples
    --------
    >>> same(1, 1.0), same(1, True), same(None, None), same(("a", 1), ("a", True))
    (True, False, False, False)
    """
    if left is None or right is None:
        return False
    if isinstance(left, tuple):
        return isinstance(right, tuple) and len(left) == len(right) and all(map(same, left, right))
    if left.__class__ is right.__class__ or (left.__class__ in NUMBERS and right.__class__ in NUMBERS):
        return left == right
    return False


def _differs(left: Value, right: Value) -> bool:
    return left is not None and right is not None and not same(left, right)


def _ordered(compare: Callable[[object, object], bool]) -> Relation:
    def relation(left: Value, right: Value) -> bool:
        if left.__class__ in NUMBERS and right.__class__ in NUMBERS:
            return compare(left, right)
        return left.__class__ is str and right.__class__ is str and compare(left, right)

    return relation


def _member(left: Value, right: Value) -> bool:
    return isinstance(right, tuple) and any(same(left, part) for part in right)


def _no_member(left: Value, right: Value) -> bool:
    return left is not None and isinstance(right, tuple) and not _member(left, right)


def _contains(left: Value, right: Value) -> bool:
    if isinstance(left, str):
        return isinstance(right, str) and right in left
    return _member(right, left)


def _starts(left: Value, right: Value) -> bool:
    return isinstance(left, str) and isinstance(right, str) and left.startswith(right)


def _ends(left: Value, right: Value) -> bool:
    return isinstance(left, str) and isinstance(right, str) and left.endswith(right)


RELATIONS: dict[str, Relation] = {
    "==": same,
    "!=": _differs,
    "<": _ordered(lambda left, right: left < right),  # type: ignore[operator]  # both are numbers or both texts
    "<=": _ordered(lambda left, right: left <= right),  # type: ignore[operator]  # likewise
    ">": _ordered(lambda left, right: left > right),  # type: ignore[operator]  # likewise
    ">=": _ordered(lambda left, right: left >= right),  # type: ignore[operator]  # likewise
    "in": _member,
    "not in": _no_member,
    "contains": _contains,
    "starts_with": _starts,
    "ends_with": _ends,
}
"""Each sign and word, for all plain values; a missing value makes every one of them false."""
