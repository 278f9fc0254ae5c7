"""Spans of time, half-lives and shares, as people write them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Literal, get_args

from selector.config._section import END, expected

if TYPE_CHECKING:
    from typing import Final

Calendar = Literal["hour", "day", "week", "month", "total"]
"""A window of the calendar, in the configured time zone; ``total`` never ends."""

_AMOUNT: Final = r"^\s*[0-9]{1,9}(\.[0-9]{1,9})?\s*"
_SPAN: Final = r"(s|m|h|d|w|seconds?|minutes?|hours?|days?|weeks?)"

SPAN: Final = {"type": "string", "pattern": rf"{_AMOUNT}{_SPAN}{END}"}
"""A span of time, as editors know it."""
WINDOW: Final = {"anyOf": [{"enum": ["hour", "day", "week", "month", "total"]}, SPAN]}
"""A window, likewise."""
PER: Final = {"anyOf": [{"enum": ["hour", "day", "week", "month", "total", "request"]}, SPAN]}
"""A budget's window, likewise."""
HALF_LIFE: Final = {"anyOf": [SPAN, {"type": "string", "pattern": rf"{_AMOUNT}decisions?{END}"}]}
"""A half-life, likewise."""
SHARE: Final = {
    "anyOf": [
        {"type": "number", "exclusiveMinimum": 0, "maximum": 1},
        {"type": "string", "pattern": rf"^\s*[0-9]{{1,3}}(\.[0-9]{{1,9}})?\s*%\s*{END}"},
    ]
}
"""A share, likewise."""

_SECONDS: Final = {"s": 1, "m": 60, "h": 3_600, "d": 86_400, "w": 604_800}
_LONG: Final = {"second": "s", "minute": "m", "hour": "h", "day": "d", "week": "w"}
_QUANTITY: Final = re.compile(r"\s*([0-9]{1,9}(?:\.[0-9]{1,9})?)\s*([a-z]+)\s*\Z")


@dataclass(frozen=True, slots=True)
class HalfLife:
    """After how much of what an outcome counts half.

    Examples
    --------
    >>> HalfLife.of("3500 decisions")
    HalfLife(amount=3500.0, unit='decisions')
    >>> HalfLife.of("14d")
    HalfLife(amount=14.0, unit='days')
    """

    amount: float
    """How many, > 0."""
    unit: Literal["decisions", "days"]
    """Of what: decisions made, or days passed."""

    @classmethod
    def of(cls, value: object) -> HalfLife:
        """Read ``"3500 decisions"``, ``"30 days"`` or ``"14d"``.

        Examples
        --------
        >>> HalfLife.of("36 hours")
        HalfLife(amount=1.5, unit='days')
        """
        if isinstance(value, HalfLife):
            return value
        match = _QUANTITY.match(value) if isinstance(value, str) else None
        if match and match[2] in {"decision", "decisions"}:
            amount = float(match[1])
        else:
            length = _span(value)
            if length is None:
                raise expected(
                    "must be a number of decisions or a span of time, such as '3500 decisions' or '14d', or null"
                )
            return cls(length / timedelta(days=1), "days")
        if amount == 0:
            raise expected("must be more than 0", "; write null for no forgetting")
        return cls(amount, "decisions")


def per_of(value: object) -> Calendar | Literal["request"] | timedelta:
    """Read a budget's window: one run, or a window of time.

    Examples
    --------
    >>> per_of("request"), per_of("day")
    ('request', 'day')
    """
    return "request" if value == "request" else window(value, ", request")


def window(value: object, others: str = "") -> Calendar | timedelta:
    """Read a window: a word is the calendar's, a span of time rolls.

    Examples
    --------
    >>> window("month"), window("5h")
    ('month', datetime.timedelta(seconds=18000))
    """
    if isinstance(value, timedelta) and value > timedelta(0):
        return value
    for word in get_args(Calendar):
        if value == word:
            return word  # type: ignore[no-any-return]  # get_args forgets that these are Calendar's own words
    length = _span(value)
    if length is None:
        raise expected(f"must be hour, day, week, month, total{others}, or a span of time such as '5h' or '30d'")
    return length


def share(value: object) -> float:
    """Read a share: ``"50%"`` or ``0.5``, more than 0 and at most 1.

    Examples
    --------
    >>> share("50%"), share(0.8)
    (0.5, 0.8)
    """
    number = value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
    if isinstance(value, str) and (match := re.match(r"\s*([0-9]{1,3}(?:\.[0-9]{1,9})?)\s*%\s*\Z", value)):
        number = float(match[1]) / 100
    if number is None or not 0 < number <= 1:
        raise expected("must be a share such as '50%' or 0.5, more than 0 and at most 1")
    return float(number)


def _span(value: object) -> timedelta | None:
    match = _QUANTITY.match(value) if isinstance(value, str) else None
    if match is None:
        return None
    unit = _LONG.get(match[2].removesuffix("s"), match[2])
    seconds = float(match[1]) * _SECONDS.get(unit, 0)
    return timedelta(seconds=seconds) if 0 < seconds <= 100 * 365 * 86_400 else None
