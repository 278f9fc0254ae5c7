"""Times as people write them, as microseconds since 1970."""

from __future__ import annotations

from datetime import UTC, datetime

from selector.errors import DataError

__all__ = ["micros", "seconds"]

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def micros(value: object, what: str) -> int:
    """Read a time: ISO 8601 (without a zone: UTC), a datetime with a zone, or seconds since 1970.

    Parameters
    ----------
    value
        The time.
    what
        What it is called in an error.

    Returns
    -------
    int
        Microseconds since 1970.

    Raises
    ------
    DataError
        If it is none.

    Examples
    --------
    >>> micros("1970-01-02", "since"), micros(1.5, "since"), micros("1970-01-01T01:00:00+01:00", "since")
    (86400000000, 1500000, 0)
    """
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            raise DataError(
                f"{what} is {value!r}, which is no time; write it as 2026-03-10, or 2026-03-10T23:30:00+01:00"
            ) from None
        if value.tzinfo is None:
            value = value.replace(tzinfo=UTC)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise DataError(f"{what} is {value!r}, which has no time zone; give it one, such as tzinfo=UTC")
        since = value - _EPOCH
        return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) < 253_402_300_800:
        raise DataError(f"{what} is {value!r}, which is no time; give an ISO text, a datetime, or seconds since 1970")
    return round(value * 1_000_000)


def seconds(value: object, what: str, default: float) -> float:
    """Read a time as seconds since 1970.

    Parameters
    ----------
    value
        The time; None: not given.
    what
        What it is called in an error.
    default
        What it is when not given.

    Returns
    -------
    float
        Seconds.

    Examples
    --------
    >>> seconds(None, "since", 7.0), seconds("1970-01-01T00:00:02Z", "since", 7.0)
    (7.0, 2.0)
    """
    return default if value is None else micros(value, what) / 1e6
