"""Checks that the records share: each returns the value as it is kept, or raises the error it was given."""

from __future__ import annotations

import math
import operator
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from numbers import Real
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    Refusal = Callable[[str], Exception]

MOST_TOKENS = 10**15
"""More than any bill will ever hold; a larger count is a mistake, and sums of it would leave 64 bits."""

MOST_USD = 9e9
"""What fits 64 bits of nano-dollars."""


def count(field: str, value: object, refuse: Refusal) -> int | None:
    """Keep a whole number of at least 0, or None.

    Examples
    --------
    >>> count("Usage.output_tokens", 850, ValueError)
    850
    >>> count("Usage.output_tokens", -1, ValueError)
    Traceback (most recent call last):
    ValueError: Usage.output_tokens must be a whole number from 0 to 1e15, not -1
    """
    if value is None:
        return None
    try:
        kept = -1 if isinstance(value, bool) else operator.index(value)  # type: ignore[arg-type]  # TypeError is the answer
    except TypeError:
        kept = -1
    if not 0 <= kept <= MOST_TOKENS:
        raise refuse(f"{field} must be a whole number from 0 to 1e15, not {value!r}")
    return kept


def number(field: str, value: object, refuse: Refusal, *, low: float = 0.0, high: float = math.inf) -> float | None:
    """Keep a finite number in ``[low, high]``, or None.

    Examples
    --------
    >>> number("Outcome.score", 1, ValueError, high=1)
    1.0
    >>> number("Outcome.score", float("nan"), ValueError, high=1)
    Traceback (most recent call last):
    ValueError: Outcome.score must be a number from 0 to 1, not nan
    """
    if value is None:
        return None
    kept = math.nan if isinstance(value, bool) or not isinstance(value, Real) else float(value)
    if not (low <= kept <= high and math.isfinite(kept)):
        span = f"of at least {low:g}" if math.isinf(high) else f"from {low:g} to {high:g}"
        raise refuse(f"{field} must be a number {span}, not {value!r}")
    return kept


def word(field: str, value: object, refuse: Refusal) -> str | None:
    """Keep a string that is not empty, or None.

    Examples
    --------
    >>> word("Task.type", "coding", ValueError)
    'coding'
    >>> word("Task.type", " ", ValueError)
    Traceback (most recent call last):
    ValueError: Task.type must be a word, not ' '
    """
    if value is None:
        return None
    if not isinstance(value, str) or not value.strip():
        raise refuse(f"{field} must be a word, not {value!r}")
    if not value.isascii() and not _is_text(value):
        raise refuse(f"{field} must be a word, not {value!r}: half of a character is none; decode it anew")
    return value


def _is_text(value: str) -> bool:
    """Tell whether a string has no lone surrogates, which no file can hold."""
    return not any("\ud800" <= letter <= "\udfff" for letter in value)


def words(field: str, value: object, refuse: Refusal) -> tuple[str, ...]:
    """Keep a sequence of words as a tuple; a lone string is refused, since it would be read letter by letter.

    Examples
    --------
    >>> words("Task.needs", ["tools", "vision"], ValueError)
    ('tools', 'vision')
    >>> words("Task.needs", "tools", ValueError)
    Traceback (most recent call last):
    ValueError: Task.needs must be a list of words, not 'tools'; write ['tools']
    """
    if isinstance(value, str):
        raise refuse(f"{field} must be a list of words, not {value!r}; write [{value!r}]")
    members = sorted(value, key=str) if isinstance(value, (set, frozenset)) else value
    if not isinstance(members, Sequence) or not all(
        isinstance(part, str) and part.strip() and (part.isascii() or _is_text(part)) for part in members
    ):
        raise refuse(f"{field} must be a list of words, not {value!r}")
    return tuple(members)


def mappings(field: str, value: object, refuse: Refusal) -> tuple[Mapping[str, object], ...] | None:
    """Keep a sequence of mappings as a tuple, or None.

    Examples
    --------
    >>> mappings("Task.messages", [{"role": "user", "content": "hi"}], ValueError)
    ({'role': 'user', 'content': 'hi'},)
    """
    if value is None:
        return None
    if not isinstance(value, Sequence) or not all(isinstance(part, Mapping) for part in value):
        raise refuse(f"{field} must be a list of mappings, not a {type(value).__name__} of something else")
    return tuple(value)


def mapping(field: str, value: object, refuse: Refusal) -> dict[str, object] | None:
    """Keep a mapping with words as keys as a dict of its own, or None.

    Examples
    --------
    >>> mapping("Task.metadata", {"user": "ada"}, ValueError)
    {'user': 'ada'}
    >>> mapping("Task.metadata", {1: "ada"}, ValueError)
    Traceback (most recent call last):
    ValueError: Task.metadata must be a mapping with words as keys, such as {'user': 'ada'}
    """
    if value is None:
        return None
    if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
        raise refuse(f"{field} must be a mapping with words as keys, such as {{'user': 'ada'}}")
    return dict(value)


def instant(field: str, value: object, refuse: Refusal) -> datetime | None:
    """Keep a time with its zone, in UTC, or None.

    Examples
    --------
    >>> instant("Judgement.at", datetime(2026, 7, 30, 12, tzinfo=UTC), ValueError).isoformat()
    '2026-07-30T12:00:00+00:00'
    >>> instant("Judgement.at", datetime(2026, 7, 30), ValueError)
    Traceback (most recent call last):
    ValueError: Judgement.at must be a datetime with a time zone, not datetime.datetime(2026, 7, 30, 0, 0); ...
    """
    if value is None:
        return None
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise refuse(f"{field} must be a datetime with a time zone, not {value!r}; pass one with tzinfo=UTC")
    return value.astimezone(UTC)


def keep(record: object, **values: object) -> None:
    """Set fields of a frozen record while it is being made.

    Examples
    --------
    >>> from selector.records import Task
    >>> task = Task("coding")
    >>> keep(task, labels=("documentation",))
    >>> task.labels
    ('documentation',)
    """
    for name, value in values.items():
        object.__setattr__(record, name, value)
