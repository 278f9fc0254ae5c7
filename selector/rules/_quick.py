"""The common comparisons as closures of their own: one name against one constant."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from selector.rules._patterns import search_of
from selector.rules._tree import Value
from selector.rules._values import NUMBERS

__all__ = ["quick"]

Test = Callable[[Mapping[str, Any]], bool]

_HOLDERS: frozenset[object] = frozenset({str, tuple})


def quick(name: str, op: str, value: Value, *, typed: bool) -> Test | None:
    """Make the closure of a common case.

    Parameters
    ----------
    name
        The name on the left.
    op
        The sign or word.
    value
        The constant on the right.
    typed
        Whether the name can only be of one kind, so that 1 need not be told from true.

    Returns
    -------
    Callable[[Mapping[str, Any]], bool] | None
        The closure, which says the same as the general relation; None: there is none.

    Examples
    --------
    >>> quick("priority", "==", 0, typed=True)({"priority": 0})
    True
    """
    make: Callable[[str, Any], Test] | None = None
    if isinstance(value, str):
        make = _OF_TEXT.get(op)
    elif isinstance(value, tuple):
        make = _OF_LIST.get(op) if all(isinstance(part, str) for part in value) else None
    elif typed and not isinstance(value, bool):
        make = _OF_NUMBER.get(op)
    return make(name, value) if make else None


def _equal(name: str, value: object) -> Test:
    return lambda facts: facts[name] == value


def _less(name: str, value: float) -> Test:
    return lambda facts: (found := facts[name]).__class__ in NUMBERS and found < value


def _at_most(name: str, value: float) -> Test:
    return lambda facts: (found := facts[name]).__class__ in NUMBERS and found <= value


def _more(name: str, value: float) -> Test:
    return lambda facts: (found := facts[name]).__class__ in NUMBERS and found > value


def _at_least(name: str, value: float) -> Test:
    return lambda facts: (found := facts[name]).__class__ in NUMBERS and found >= value


def _differs(name: str, value: str) -> Test:
    return lambda facts: (found := facts[name]) is not None and found != value


def _contains(name: str, value: str) -> Test:
    return lambda facts: (found := facts[name]).__class__ in _HOLDERS and value in found


def _starts(name: str, value: str) -> Test:
    return lambda facts: (found := facts[name]).__class__ is str and found.startswith(value)


def _ends(name: str, value: str) -> Test:
    return lambda facts: (found := facts[name]).__class__ is str and found.endswith(value)


def _matches(name: str, value: str) -> Test:
    search = search_of(value)
    return lambda facts: (found := facts[name]).__class__ is str and search(found)


def _member(name: str, value: tuple[str, ...]) -> Test:
    members = frozenset(value)
    return lambda facts: facts[name] in members


def _no_member(name: str, value: tuple[str, ...]) -> Test:
    members = frozenset(value)
    return lambda facts: (found := facts[name]) is not None and found not in members


_OF_NUMBER = {"==": _equal, "<": _less, "<=": _at_most, ">": _more, ">=": _at_least}
_OF_TEXT = {
    "==": _equal,
    "!=": _differs,
    "contains": _contains,
    "starts_with": _starts,
    "ends_with": _ends,
    "matches": _matches,
}
_OF_LIST = {"in": _member, "not in": _no_member}
