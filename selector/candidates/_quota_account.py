"""One quota's account: what was used of it, what was reported of it, what is left, and what using it costs."""

from __future__ import annotations

import math
from typing import Any

from selector.candidates._cooling import believable
from selector.candidates._pools import Pool
from selector.candidates._quota_facts import Fact, Rate, Ratio, is_share
from selector.candidates._quota_windows import Rolling, window_of
from selector.catalog import NANO
from selector.records import QuotaSeen

__all__ = ["Account"]

_PRICED = 0.002
"""After which share of the window or of the limit the price is worked out anew."""
_GUESSED = 0.01
"""What an estimate leaves: only a count or a report spends a quota."""


class Account:
    """One quota as it stands; it has no lock of its own.

    What is left is the least of what the declared limit leaves of the bookings, and of what each report leaves of
    itself: a report can only lower it, and holds until its reset. Of a quota known in per cent only, what was used
    since the report is estimated, but never down to nothing.

    Parameters
    ----------
    pool
        What was declared, or found out; ``share`` as resource: its limit is not known.
    zone
        The time zone of calendar windows.
    now
        Seconds since 1970.
    """

    __slots__ = (
        "_for_purposes",
        "_for_types",
        "_priced",
        "_rate",
        "_ratio",
        "_unpriced",
        "_window",
        "facts",
        "kept",
        "limit",
        "pool",
    )

    def __init__(self, pool: Pool, zone: str, now: float) -> None:
        self.pool, self.limit = pool, pool.limit
        self._window = window_of(pool.per, pool.resets, zone)
        self._ratio = Ratio()
        self._rate = Rate(self._window.seconds, now)
        self._priced: tuple[float, float] | None = None  # when, and at what
        self._unpriced = 0  # what was used since
        self.facts: dict[str, Fact] = {}
        """By what the reports call them."""
        self.kept = min(1.0, sum(pool.reserve_for.values()))
        """The share that is kept for some."""
        kinds = [who.partition(":")[::2] for who in pool.reserve_for]
        self._for_purposes = {name for kind, name in kinds if kind == "purpose"}
        self._for_types = {name for kind, name in kinds if kind == "task_type"}

    @property
    def seconds(self) -> float:
        """How long its window is, about."""
        return self._window.seconds

    @property
    def is_near(self) -> bool:
        """Whether it may be spent or reserved: True for too long at times, never False."""
        if self.limit is not None and self.limit - self._window.most <= self.kept * self.limit:
            return True
        return any(self._share(fact) <= self.kept for fact in self.facts.values())

    @property
    def is_half_gone(self) -> bool:
        """Whether half of it may be used."""
        if self.limit is not None and 2 * self._window.most >= self.limit:
            return True
        return any(2 * self._share(fact) <= 1.0 for fact in self.facts.values())

    def use(self, amount: int, at: float) -> None:
        """Book what a call used that was made at a moment."""
        self._window.book(amount, at)
        self._rate.book(amount, at)
        self._ratio.book(amount, at)
        for of, fact in self.facts.items():
            if at > fact.at:
                self.facts[of] = fact._replace(since=fact.since + amount)
        self._unpriced += abs(amount)
        if self._unpriced >= _PRICED * (self.limit or 0) or self.is_near:
            self._priced = None

    def told(self, seen: QuotaSeen) -> tuple[Fact | None, Fact] | None:
        """Take in a report; the fact before and now, or None: it says nothing new that can be believed."""
        until = believable(seen.resets_at_s, seen.at_s)
        had = self.facts.get(seen.resource)
        if seen.remaining is None and not seen.exhausted:
            return None
        unit = NANO if seen.resource == "usd" else 1
        left = 0.0 if seen.exhausted or seen.remaining is None else seen.remaining * unit
        limit = (seen.limit or 0.0) * unit or max(left, had.limit if had is not None else 0.0)
        if until is None and not seen.exhausted and self.pool.per is not None:
            until = believable(self._window.end_of(seen.at_s), seen.at_s)
        if until is None or (had is not None and (had.at, -had.left) >= (seen.at_s, -left)):
            return None
        if is_share(seen):
            self._ratio.told(left, at=seen.at_s, until=until)
        told = had.told if had is not None else 1.0
        fact = Fact(seen.resource, seen.at_s, left, until, is_share=is_share(seen), limit=limit, told=told)
        self.facts[seen.resource] = fact
        self._priced = None
        return had, fact

    def open(self, of: str, at: float) -> None:
        """Take in that there is room of what was spent, or of all, if that was said before a moment."""
        self._priced = None
        for name in [*self.facts]:
            fact = self.facts[name]
            if of in {fact.of or "quota", "all"} and fact.at <= at and fact.left <= 0:
                del self.facts[name]

    def left(self, now: float) -> float:
        """Say which share is left, from 0 to 1; what a reset gives back is back at once."""
        spent, least = self._window.spent(now), 1.0
        if self.limit is not None:
            least = min(1.0, (self.limit - spent) / self.limit) if self.limit else 0.0
        if self.facts:
            for of in [of for of, fact in self.facts.items() if fact.until <= now]:
                del self.facts[of]
            for fact in self.facts.values():
                least = min(least, self._share(fact))
        return max(0.0, least)

    def is_kept_from(self, task_type: str | None, purpose: str | None) -> bool:
        """Tell whether a task is none of those that something is kept for."""
        if not self.kept or purpose in self._for_purposes:
            return False
        parts = (task_type or "").split("/")
        return not any("/".join(parts[:end]) in self._for_types for end in range(1, len(parts) + 1))

    def opens_at(self, now: float, share: float) -> float:
        """Say when more than a share is left, as far as that is known; infinite: never."""
        at = now
        if self.limit == 0:
            return math.inf
        if self.limit is not None:
            # The most that may be used for more than the share to be left.
            at = self._window.comes_back(now, math.ceil(self.limit * (1.0 - share)) - 1)
        return max([at, *(fact.until for fact in self.facts.values() if self._share(fact) <= share)])

    def resets_at(self, now: float) -> float:
        """Say when the next of it comes back; infinite: nothing does, as far as is known."""
        falls = self._window.falls(now)
        return min([*(at for at, _ in falls[:1]), *(fact.until for fact in self.facts.values())], default=math.inf)

    def price(self, now: float) -> float:
        """Say which share of its list price a call is worth here, from 0 to 1: the shadow price of the quota.

        With the rate of use so far, ``1 - supply / (rate x time)`` until the moment at which that is greatest, 0 where
        it never is positive: the share of the use to come that the quota will not cover, and that is paid elsewhere.
        The supply is what is left and what comes back before. It holds as long as what the quota does not cover
        is paid at list price, and use goes on as it did: use that shrinks as the price rises makes it fall again.
        It is worked out anew after a 500th of the window or of the limit, a report, or a change of what is left to 0.
        """
        if self._priced is None or not 0 <= now - self._priced[0] <= _PRICED * self.seconds:
            self._priced, self._unpriced = (now, self._price(now)), 0
        return self._priced[1]

    def dump(self, now: float) -> dict[str, Any]:
        """Write down what is known, for `load`."""
        self.left(now)
        return {
            "key": self.pool.key,
            "used": self._window.dump(),
            "facts": [list(fact) for fact in self.facts.values()],
            "rate": self._rate.dump(),
            "ratio": self._ratio.dump(),
        }

    def load(self, saved: dict[str, Any]) -> None:
        """Take up what is known."""
        self._window.load(saved["used"])
        self._rate.load(saved["rate"])
        self._ratio.load(saved["ratio"])
        self._priced = None
        self.facts |= {str(fact[0]): Fact(*fact) for fact in saved["facts"]}

    def _price(self, now: float) -> float:
        """Work out the price."""
        left = self.left(now)
        if left <= 0:
            return 1.0
        found = max((self._short(left, fact, now) for fact in self.facts.values()), default=0.0)
        rate = self._rate.at(now)
        if not self.limit or rate <= 0:
            return found
        supply = left * self.limit
        for at, amount in self._window.falls(now):
            if at > now:
                found = max(found, 1.0 - supply / (rate * (at - now)))
            supply += amount
        if isinstance(self._window, Rolling):
            found = max(found, 1.0 - supply / (rate * self.seconds))
        return min(1.0, found)

    def _share(self, fact: Fact) -> float:
        """Say which share a report leaves, with what was used since."""
        if fact.left <= 0:
            return 0.0
        if fact.is_share:
            return min(1.0, max(fact.left - self._per_token() * fact.since, min(fact.left, _GUESSED)))
        limit = self.limit or fact.limit
        return min(1.0, (fact.left - (fact.since if self._counts(fact.of) else 0)) / limit) if limit else 1.0

    def _counts(self, of: str) -> bool:
        return of in {self.pool.resource, self.pool.name}

    def _per_token(self) -> float:
        if self.pool.resource not in {"share", "tokens"}:
            return 1.0 / self.limit if self.limit else 0.0
        pending = min((fact.since for fact in self.facts.values() if fact.is_share), default=0)
        return max(self._ratio.per_token(self.limit, pending=pending), 1.0 / self.limit if self.limit else 0.0)

    def _short(self, left: float, fact: Fact, now: float) -> float:
        """Say which share of the use until a report's reset it will not cover."""
        until = fact.until - now
        if until <= 0 or not fact.is_share:
            return 0.0
        rate = self._per_token() * self._rate.at(now)
        if self.seconds < math.inf:  # what others use of the account shows in what is left
            begin = fact.until - self.seconds
            rate = max(rate, (1.0 - fact.left) / (max(0.0, fact.at - begin) + self.seconds / 20))
        return max(0.0, 1.0 - min(left, self._share(fact)) / (rate * until)) if rate > 0 else 0.0
