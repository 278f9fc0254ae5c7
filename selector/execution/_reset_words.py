"""Times in words: when a limit that is spent has room again, as command lines tell people."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

__all__ = ["reset_in", "when"]

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_LEAD = re.compile(r"(?:resets?|try again|reset|at|on|in|after|around|until|by)\s+", re.IGNORECASE)
_EPOCH = re.compile(r"(\d{10}(?:\.\d+)?|\d{13})(?![\d:-])")
_ISO = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?)\s*(Z|UTC|GMT|[+-]\d\d:?\d\d)?")
_SPAN = re.compile(
    r"(\d+(?:\.\d+)?)\s*(d|days?|h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?)(?![a-z])(?:\s*,?\s*(?:and\s+)?)",
    re.IGNORECASE,
)
_TIGHT = re.compile(r"(?:(\d+)d)?(?:(\d+)h)?(?:(\d+)m)?(?:(\d+(?:\.\d+)?)s)?", re.IGNORECASE)
_DAY = re.compile(
    r"(?:(?P<month>[a-z]{3,9})\.?\s+(?P<day>\d{1,2})|(?P<day2>\d{1,2})\s+(?P<month2>[a-z]{3,9})\.?)(?:st|nd|rd|th)?"
    r"(?:,?\s+(?P<year>\d{4}))?(?:,|\s)+(?:at\s+)?",
    re.IGNORECASE,
)
_CLOCK = re.compile(
    r"(\d{1,2})(?::(\d\d))?(?::\d\d)?\s*([ap])\.?m\b\.?|(\d{1,2}):(\d\d)(?::\d\d)?(?!\d)", re.IGNORECASE
)
_ZONE = re.compile(r"\s*\(?(UTC|GMT|Z|[A-Z][A-Za-z_+-]+(?:/[A-Za-z_+-]+)+)\b\)?")
_SOON = re.compile(
    r"(?:try again|retry|available again|resets?|reset|renews?)\s+(?:(?:at|on|in|after|around|by)\s+)?(?P<when>[^\n]+)",
    re.IGNORECASE,
)
_SECONDS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}
_MOST_S = 400 * 86_400.0  # a limit that resets later is misread


def when(words: str, *, now_s: float, tz: tzinfo | None = None) -> float | None:
    """Read when a limit resets.

    It reads seconds or milliseconds since 1970 (``1755615600``), ISO dates (``2026-02-28T12:00:00Z``), spans
    (``3 hours 12 minutes``, ``8h44m7s``), a time of day, the next one (``3:42 PM``, ``5pm``, ``17:30``), and a day
    with a time (``Nov 25th, 2026 7:05 AM``, ``Apr 23 at 4pm``), the next one where no year is given. A zone may
    follow: ``UTC``, or a name such as ``(Europe/Berlin)``. Words before it such as ``at`` or ``in`` are passed over,
    and whatever comes after is not looked at. Anything else, such as another language or a weekday, is not read.

    Parameters
    ----------
    words
        What the command says.
    now_s
        Seconds since 1970.
    tz
        The zone of a time without one; None: that of this machine, in which command lines speak.

    Returns
    -------
    float | None
        Seconds since 1970; None: it cannot be read, or lies more than 400 days ahead.

    Examples
    --------
    >>> when("in 3 hours 12 minutes", now_s=0.0)
    11520.0
    >>> when("5pm (Europe/Berlin)", now_s=1_750_000_000.0)
    1750086000.0
    >>> when("soon", now_s=0.0) is None
    True
    """
    words = words.strip()
    while lead := _LEAD.match(words):
        words = words[lead.end() :].lstrip()
    try:
        found = _since_1970(words) or _iso(words, tz) or _span(words, now_s) or _day(words, now_s, tz)
    except (ValueError, OverflowError, ZoneInfoNotFoundError):
        return None
    return None if found is None or found - now_s > _MOST_S else found


def reset_in(text: str, *, now_s: float, tz: tzinfo | None = None) -> float | None:
    """Find in a text when a limit resets: what follows words such as ``try again at`` or ``resets``.

    Examples
    --------
    >>> reset_in("You've hit your usage limit. Try again in 2 minutes.", now_s=1_000.0)
    1120.0
    """
    for found in _SOON.finditer(text[:20_000]):
        resets_at_s = when(found["when"], now_s=now_s, tz=tz)
        if resets_at_s is not None:
            return resets_at_s
    return None


def _since_1970(words: str) -> float | None:
    found = _EPOCH.match(words)
    if found is None:
        return None
    return float(found[1]) / (1_000.0 if len(found[1]) == 13 else 1.0)


def _iso(words: str, tz: tzinfo | None) -> float | None:
    found = _ISO.match(words)
    if found is None:
        return None
    zone = found[3]
    named = "+00:00" if zone in {"Z", "UTC", "GMT"} else zone or ""
    moment = datetime.fromisoformat(f"{found[1]}T{found[2]}{named}")
    return moment.timestamp() if moment.tzinfo else _stamp(moment, words[found.end() :], tz)


def _span(words: str, now_s: float) -> float | None:
    tight = _TIGHT.match(words)
    if tight is not None and any(tight.groups()) and not words[tight.end() : tight.end() + 1].isalnum():
        parts = zip(tight.groups(), _SECONDS.values(), strict=True)
        return now_s + sum(float(number) * seconds for number, seconds in parts if number)
    total_s, place = 0.0, 0
    while found := _SPAN.match(words, place):
        total_s += float(found[1]) * _SECONDS[found[2][0].lower()]
        place = found.end()
    return now_s + total_s if place else None


def _day(words: str, now_s: float, tz: tzinfo | None) -> float | None:
    named = _DAY.match(words)
    clock = _CLOCK.match(words, named.end() if named else 0)
    if clock is None:
        return None
    zone = words[clock.end() :]
    today = datetime.fromtimestamp(
        now_s, tz=_zone(zone, tz) or datetime.fromtimestamp(now_s, tz=UTC).astimezone().tzinfo
    )
    hour, minute = _time_of_day(clock)
    if named is None:
        moment = today.replace(hour=hour, minute=minute, second=0, microsecond=0, tzinfo=None)
        at_s = _stamp(moment, zone, tz)
        return at_s if at_s > now_s else _stamp(moment + timedelta(days=1), zone, tz)
    month = _MONTHS.index((named["month"] or named["month2"])[:3].lower()) + 1
    day, year = int(named["day"] or named["day2"]), named["year"]
    moment = datetime(int(year) if year else today.year, month, day, hour, minute)  # noqa: DTZ001 - _stamp has the zone
    at_s = _stamp(moment, zone, tz)
    if year is None and at_s < now_s - 86_400.0:
        at_s = _stamp(moment.replace(year=today.year + 1), zone, tz)
    return at_s


def _time_of_day(clock: re.Match[str]) -> tuple[int, int]:
    if clock[4] is not None:
        return int(clock[4]), int(clock[5])
    hour = int(clock[1])
    if not 1 <= hour <= 12:
        raise ValueError(clock[0])
    return hour % 12 + (12 if clock[3].lower() == "p" else 0), int(clock[2] or 0)


def _zone(words: str, tz: tzinfo | None) -> tzinfo | None:
    found = _ZONE.match(words)
    if found is None:
        return tz
    return UTC if found[1] in {"UTC", "GMT", "Z"} else ZoneInfo(found[1])


def _stamp(moment: datetime, zone: str, tz: tzinfo | None) -> float:
    """Give the seconds since 1970 of a moment without a zone; a moment without any is this machine's."""
    return moment.replace(tzinfo=_zone(zone, tz)).timestamp()
