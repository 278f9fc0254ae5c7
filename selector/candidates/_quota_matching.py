"""Which quota a report is of: a declared one, or one that the report itself tells of."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta

from selector.candidates._pools import Pool
from selector.candidates._quota_account import Account
from selector.candidates._quota_facts import COUNTED, is_share
from selector.catalog import NANO
from selector.records import QuotaSeen

__all__ = ["learnt_pool", "matched"]

_SPAN = re.compile(r"(?:.*_)?([0-9]{1,3})([mhdw])")
_SECONDS = {"m": 60, "h": 3_600, "d": 86_400, "w": 604_800}


def matched(accounts: Iterable[Account], seen: QuotaSeen) -> Account | None:
    """Find the declared quota that a report is of.

    A refusal that names no limit may be of one model alone: it is the account's only where that is plausible.
    """
    declared = [each for each in accounts if each.pool.per is not None or each.limit is not None]
    named = [each for each in declared if seen.resource and seen.resource == each.pool.name]
    if named:
        return named[0]
    if seen.resets_at_s is not None:
        long_s = seen.resets_at_s - seen.at_s
        declared = [each for each in declared if long_s <= 1.05 * each.seconds]
    span = _span(seen.resource)
    if seen.resource in COUNTED:
        fits = [each for each in declared if each.pool.resource == seen.resource and _is_limit(each, seen)]
    elif span is not None:
        fits = [each for each in declared if abs(each.seconds - span) <= 0.01 * span]
    elif seen.exhausted:
        fits = [each for each in declared if each.pool.routes == {seen.route} or each.is_half_gone]
    else:
        fits = [each for each in declared if is_share(seen) and each.pool.resource == "share"]
    return min(fits, key=lambda each: each.seconds, default=None)


def learnt_pool(route: str, resource: str, *, of_share: bool) -> Pool:
    """Make up the quota that a report tells of: a share is of the whole account, a count of the route.

    Examples
    --------
    >>> learnt_pool("opus@home", "unified_5h", of_share=True).label
    'home: unified_5h'
    """
    provider = route.rpartition("@")[2] if "@" in route else ""
    is_wide = of_share and bool(provider)
    span = _span(resource) if of_share else None
    return Pool(
        owner=provider if is_wide else route,
        resource="share" if of_share else resource or "quota",
        limit=None,
        per=None if span is None else timedelta(seconds=span),
        name=resource or "quota",
        providers=frozenset({provider} if is_wide else ()),
        routes=frozenset(() if is_wide else {route}),
    )


def _is_limit(account: Account, seen: QuotaSeen) -> bool:
    return seen.limit is None or account.limit == seen.limit * (NANO if seen.resource == "usd" else 1)


def _span(resource: str) -> float | None:
    """Read how long a window is from the name of a limit, such as ``unified_5h``."""
    match = _SPAN.fullmatch(resource)
    return float(match[1]) * _SECONDS[match[2]] if match else None
