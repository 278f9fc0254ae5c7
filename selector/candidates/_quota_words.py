"""What is said of quotas: how each stands, what it has against a task, and until when."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import NamedTuple

from selector.candidates._quota_account import Account

__all__ = ["QuotaState", "against", "state_of"]


class QuotaState(NamedTuple):
    """How one quota stands.

    Examples
    --------
    >>> QuotaState("home: requests-per-day", "home", "requests", 50, 0.5, 86_400.0, 0.0, learnt=False).words(0.0)
    'home: requests-per-day: 50 % left, more from 1970-01-02 00:00 UTC'
    """

    label: str
    """What it is called, such as ``home: tokens-per-5h``."""
    owner: str
    """The provider, route or pool that it belongs to."""
    resource: str
    """What it counts; ``share``: only per cent are known."""
    limit: int | None
    """How much there is in a window, nano-dollars for money; None: not known."""
    remaining: float
    """The share that is left, from 0 to 1."""
    resets_at_s: float | None
    """When the next of it comes back, in seconds since 1970; None: nothing does, as far as is known."""
    kept: float
    """The share that is kept for some task types and purposes."""
    learnt: bool
    """Whether nobody declared it."""

    def words(self, now: float) -> str:
        """Say it in a line."""
        more = "" if self.resets_at_s is None else f", more from {_clock(self.resets_at_s, now)}"
        kept = f", the last {_per_cent(self.kept)} kept for some" if self.kept else ""
        return f"{self.label}: {_per_cent(self.remaining)} left{more}{kept}"


def state_of(account: Account, now: float, *, learnt: bool) -> QuotaState:
    """Say how a quota stands."""
    left, resets, pool = account.left(now), account.resets_at(now), account.pool
    resets_at = resets if math.isfinite(resets) else None
    return QuotaState(pool.label, pool.owner, pool.resource, pool.limit, left, resets_at, account.kept, learnt=learnt)


def against(account: Account, now: float, task_type: str | None, purpose: str | None) -> tuple[float, str] | None:
    """Say what a quota has against a task, and until when."""
    left, label = account.left(now), account.pool.label
    if left <= 0:
        until = account.opens_at(now, 0.0)
        return until, f"{label} spent{_until(until, now)}"
    if left <= account.kept and account.is_kept_from(task_type, purpose):
        until = account.opens_at(now, account.kept)
        whom = ", ".join(who.replace(":", " ") for who in sorted(account.pool.reserve_for))
        return until, f"{label}: the last {_per_cent(account.kept)} kept for {whom}{_until(until, now)}"
    return None


def _until(at: float, now: float) -> str:
    return f" until {_clock(at, now)}" if math.isfinite(at) else " for good"


def _per_cent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _clock(at: float, now: float) -> str:
    """Write a moment: the time where it is near, else the day with it."""
    moment = datetime.fromtimestamp(at, UTC)
    return f"{moment:%H:%M:%S} UTC" if abs(at - now) < 43_200 else f"{moment:%Y-%m-%d %H:%M} UTC"
