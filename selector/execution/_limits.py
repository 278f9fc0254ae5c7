"""What the headers of an answer say of a provider's limits: how long to wait, and what is left until when."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache

from selector.records import QuotaSeen

__all__ = ["limits_of", "told", "wait_of"]

_FIELD = re.compile(r"(?:x-)?ratelimit-(limit|remaining|reset)(?:-([a-z0-9_-]{1,40}))?")
_ANTHROPIC = re.compile(r"anthropic-ratelimit-([a-z0-9_-]{1,40})-(limit|remaining|reset)")
_UNIFIED = re.compile(r"anthropic-ratelimit-unified-(?:(\d+[a-z]\w{0,20})-)?(status|reset|utilization)")
_NUMBER = re.compile(r"[0-9]{1,18}(?:\.[0-9]{0,18})?")
_STEP = re.compile(r"([0-9]{1,12}(?:\.[0-9]{0,12})?)(d|h|ms|us|\xb5s|ns|m|s)")
_UNITS = {"d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "\xb5s": 1e-6, "ns": 1e-9}
_YEAR_S = 366 * 86_400.0


def told(raw: Iterable[tuple[bytes, bytes]]) -> dict[str, str]:
    """Pick the headers that speak of limits, by their names in small letters.

    Examples
    --------
    >>> told([(b"Retry-After", b"2"), (b"Server", b"nginx")])
    {'retry-after': '2'}
    """
    found = {}
    for name, value in raw:
        small = name.lower()
        if b"ratelimit-" in small or small.startswith(b"retry-after"):
            found[small.decode("latin-1")] = value.decode("latin-1").strip()
    return found


def limits_of(route: str, headers: Mapping[str, str], now: float) -> tuple[float | None, tuple[QuotaSeen, ...]]:
    """Read what headers say of limits; what makes no sense is passed over.

    Resets come as durations (``6m0s``, ``20ms``), as seconds from now, as seconds or milliseconds since 1970, and
    as dates: numbers are told apart by their size.

    Parameters
    ----------
    route
        Whose answer it is.
    headers
        By their names in small letters.
    now
        Seconds since 1970.

    Returns
    -------
    tuple
        How many seconds to wait, or None where nothing says so; and each limit, by its resource.

    Examples
    --------
    >>> wait_s, seen = limits_of("opus@work", {"retry-after": "2", "x-ratelimit-remaining-tokens": "90"}, 0.0)
    >>> wait_s, seen[0].resource, seen[0].remaining
    (2.0, 'tokens', 90.0)
    """
    if not headers:
        return None, ()
    found: dict[str, dict[str, str]] = {}
    unified: dict[str, dict[str, str]] = {}
    for name, value in headers.items():
        family, resource, field = _place(name)
        if family:
            (unified if family == "unified" else found).setdefault(resource, {})[field] = value
    plain = (_seen(route, resource, fields, now) for resource, fields in found.items())
    shared = _unified(route, unified, now) if unified else []
    return _retry_after(headers, now), tuple(seen for seen in (*plain, *shared) if seen is not None)


def wait_of(limits: Iterable[QuotaSeen], now: float) -> float | None:
    """Tell how long until every spent limit has room again, for a refusal that does not say how long to wait.

    Examples
    --------
    >>> wait_of([QuotaSeen(route="opus@work", at_s=0.0, remaining=0, resets_at_s=30.0)], now=10.0)
    20.0
    """
    resets = [seen.resets_at_s for seen in limits if seen.is_spent and seen.resets_at_s is not None]
    return max(0.0, max(resets) - now) if resets else None


@lru_cache(maxsize=256)
def _place(name: str) -> tuple[str, str, str]:
    """Tell what a header speaks of: its family, empty where that is unknown, its resource, and what of it."""
    if match := _FIELD.fullmatch(name):
        return "plain", (match[2] or "").replace("-", "_"), match[1]
    if match := _UNIFIED.fullmatch(name):
        return "unified", match[1] or "", match[2]
    if (match := _ANTHROPIC.fullmatch(name)) and not match[1].startswith("unified"):
        return "plain", match[1].replace("-", "_"), match[2]
    return "", "", ""


def _seen(route: str, resource: str, fields: Mapping[str, str], now: float) -> QuotaSeen | None:
    remaining, limit = _count(fields.get("remaining")), _count(fields.get("limit"))
    resets_at_s = _moment(fields.get("reset"), now)
    if remaining is None and limit is None and resets_at_s is None:
        return None
    return QuotaSeen(
        route=route, at_s=now, resource=resource, remaining=remaining, limit=limit, resets_at_s=resets_at_s
    )


def _unified(route: str, windows: Mapping[str, Mapping[str, str]], now: float) -> list[QuotaSeen]:
    """Read the limits of a subscription: shares of windows of hours or days, and whether calls are refused.

    A window may be used up while calls are still served, from what is paid beyond it: the status of all decides.
    """
    overall = windows.get("", {}).get("status", "")
    found = []
    for window, fields in windows.items():
        used = _count(fields.get("utilization"))
        served = overall.startswith("allowed")
        remaining = None if used is None or (served and used >= 1) else max(0.0, 1.0 - used)
        exhausted = fields.get("status") == "rejected" and not served
        resets_at_s = _moment(fields.get("reset"), now)
        if remaining is None and resets_at_s is None and not exhausted:
            continue
        found.append(
            QuotaSeen(
                route=route,
                at_s=now,
                resource=f"unified_{window}" if window else "unified",
                remaining=remaining,
                limit=None if remaining is None else 1.0,
                resets_at_s=resets_at_s,
                exhausted=exhausted,
            )
        )
    return found


def _retry_after(headers: Mapping[str, str], now: float) -> float | None:
    milliseconds = _count(headers.get("retry-after-ms"))
    if milliseconds is not None and milliseconds <= _YEAR_S * 1e3:
        return milliseconds / 1e3
    moment = _moment(headers.get("retry-after"), now)
    return None if moment is None else max(0.0, round(moment - now, 6))


def _count(text: str | None) -> float | None:
    if text is None:
        return None
    if text.isdecimal() and text.isascii() and len(text) <= 18:
        return float(text)
    return float(text) if _NUMBER.fullmatch(text) else None


def _moment(text: str | None, now: float) -> float | None:
    """Read a time to come, in seconds since 1970; None: it is none, or more than a year away."""
    if not text or len(text) > 100:
        return None
    if (number := _count(text)) is not None:
        found: float | None = number / 1e3 if number >= 1e11 else number if number >= 1e9 else now + number
    elif text[0].isdigit() and (steps := _STEP.findall(text)) and "".join(a + b for a, b in steps) == text:
        found = now + sum(float(amount) * _UNITS[unit] for amount, unit in steps)
    else:
        found = _date(text)
    return found if found is not None and abs(found - now) <= _YEAR_S else None


def _date(text: str) -> float | None:
    for read in (datetime.fromisoformat, parsedate_to_datetime):
        try:
            found = read(text)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, IndexError, OverflowError):
            continue
    return None
