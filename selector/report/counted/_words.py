"""How a report says numbers: shares in per cent, dollars with three digits, days by name, how long things take."""

from __future__ import annotations

import math
from datetime import date

__all__ = ["count", "day_words", "percent", "span", "usd"]

_UNITS = (("day", 86_400.0), ("hour", 3_600.0), ("minute", 60.0), ("second", 1.0))


def percent(share: float) -> str:
    """Say a share.

    Examples
    --------
    >>> percent(0.374), percent(0.05), percent(0.0042), percent(float("nan"))
    ('37 %', '5 %', '0.4 %', 'unknown')
    """
    if math.isnan(share):
        return "unknown"
    digits = 0 if abs(share) >= 0.0995 else 1
    return f"{100 * share:.{digits}f}".removesuffix(".0") + " %"


def usd(value: float) -> str:
    """Say dollars, with three digits or to the cent.

    Examples
    --------
    >>> usd(1234.5), usd(0.0123456), usd(12.3), usd(-0.5), usd(0.0)
    ('1,234.50 USD', '0.0123 USD', '12.30 USD', '-0.50 USD', '0 USD')
    """
    if math.isnan(value):
        return "unknown"
    if value == 0:
        return "0 USD"
    digits = 2 if abs(value) >= 0.1 else 2 - math.floor(math.log10(abs(value)))
    return f"{value:,.{digits}f} USD"


def day_words(day: date) -> str:
    """Say a day.

    Examples
    --------
    >>> day_words(date(2026, 3, 4))
    '4 March 2026'
    """
    return f"{day.day} {_MONTHS[day.month - 1]} {day.year}"


_MONTHS = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)


def span(seconds: float) -> str:
    """Say how long something takes, in its largest unit of which there are two.

    Examples
    --------
    >>> span(100_000), span(7_300), span(90), span(1)
    ('28 hours', '2 hours', '90 seconds', '1 second')
    """
    if math.isnan(seconds):
        return "unknown"
    name, unit = next((each for each in _UNITS if seconds >= 1.95 * each[1]), _UNITS[-1])
    return count(round(seconds / unit), name)


def count(n: int, what: str, several: str = "") -> str:
    """Say how many.

    Examples
    --------
    >>> count(1, "task"), count(1_200, "task"), count(2, "try", "tries")
    ('1 task', '1,200 tasks', '2 tries')
    """
    return f"{n:,} {what if n == 1 else several or what + 's'}"
