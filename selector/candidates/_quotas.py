"""All quotas of a configuration, declared and learnt: who may still be called, what is left, and what it is worth."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime
from threading import Lock
from typing import Any

from selector.candidates._condition import Fields, number
from selector.candidates._pools import Pool
from selector.candidates._quota_account import Account
from selector.candidates._quota_facts import Fact, event_of, is_share, seen_of
from selector.candidates._quota_matching import learnt_pool, matched
from selector.candidates._quota_words import QuotaState, against, state_of
from selector.catalog import Route
from selector.records import Exclusion, QuotaSeen, Reason

__all__ = ["Quotas"]

_SWEEP_S = 60.0
_NEWS_S, _NEWS_SHARE = 60.0, 0.05  # what other processes are told of: a reset as far off, a change as large
_MOST_LEARNT = 1_000


class Quotas:
    """Who knows what is left of providers' own limits: an `Availability` that counts, and learns from reports.

    A declared quota counts what calls used. What a provider reports of it can only lower it; what it reports of
    limits that nobody declared is kept as well, until its reset: shares are the account's, counts are the route's. A
    report belongs to the declared quota that has its name, or counts the same up to the same limit, or has a window
    as long as the name says (``unified_5h``); a refusal that names no limit belongs to the shortest window that its
    reset fits into and of which half is gone, else to the route alone.

    It answers from memory and calls nothing but itself, so it may be asked under any lock.

    Parameters
    ----------
    pools
        What is declared, by `pools_of`.
    zone
        The time zone of calendar windows.
    now_s
        Seconds since 1970.

    Examples
    --------
    >>> from datetime import UTC
    >>> quotas = Quotas([Pool(owner="home", resource="requests", limit=2, per="day", providers=frozenset({"home"}))])
    >>> route = Route(model="sonnet", provider="home", id="sonnet")
    >>> quotas.use("sonnet@home", 1, 900, 0, at=10.0); quotas.remaining("home", 20.0), quotas.out
    (0.5, False)
    >>> quotas.use("opus@home", 1, 900, 0, at=30.0); print(quotas.excluded(route, datetime(1970, 1, 1, 18, tzinfo=UTC)))
    over_quota (home: requests-per-day spent until 00:00:00 UTC)
    """

    __slots__ = ("_accounts", "_learnt", "_lock", "_names", "_near", "_of", "_sweep_at", "_zone", "out")

    out: bool
    """Whether a route may be out: False while none is; it may be True for too long, never False."""

    def __init__(self, pools: Iterable[Pool] = (), *, zone: str = "UTC", now_s: float = 0.0) -> None:
        self._zone, self._lock = zone, Lock()
        self._accounts = {pool.key: Account(pool, zone, now_s) for pool in pools}
        self._learnt: dict[str, tuple[str, str, bool]] = {}
        self._of: dict[str, tuple[Account, ...]] = {}
        self._names: dict[str, tuple[Account, ...]] = {}
        self._near: set[Account] = set()
        self._sweep_at = -math.inf
        self.out = False
        self._sweep(now_s, every=True)

    def excluded(
        self, route: Route, now: datetime, *, task_type: str | None = None, purpose: str | None = None
    ) -> Exclusion | None:
        """Say why a route cannot serve a task now, and until when; None: it can.

        Parameters
        ----------
        route
            The route.
        now
            An aware time.
        task_type
            The task's type; what is kept for a type is kept for the types below it too.
        purpose
            The task's purpose.

        Examples
        --------
        >>> from datetime import UTC
        >>> Quotas().excluded(Route(model="opus", id="opus"), datetime(2026, 1, 1, tzinfo=UTC)) is None
        True
        """
        if not self.out:
            return None
        now_s = now.timestamp()
        with self._lock:
            if now_s >= self._sweep_at:
                self._sweep(now_s)
            found: tuple[float, str] | None = None
            for account in self._of_route(route.name):
                if account in self._near and (why := against(account, now_s, task_type, purpose)):
                    found = why if found is None else max(found, why)
        return None if found is None else Exclusion(reason=Reason.OVER_QUOTA, detail=found[1])

    def use(self, route_name: str, requests: int, tokens: int, nano: int, at: float) -> None:
        """Book what a call used, in the windows that it was made in, however late; a correction may be negative.

        Parameters
        ----------
        route_name
            Where it went.
        requests
            How many calls.
        tokens
            Of all classes.
        nano
            Nano-dollars.
        at
            When the call was made, in seconds since 1970.

        Examples
        --------
        >>> quotas = Quotas([Pool(owner="a", resource="tokens", limit=100, per="total", routes=frozenset({"a"}))])
        >>> quotas.use("a", 1, 25, 0, at=0.0); quotas.remaining("a", 0.0)
        0.75
        """
        accounts = self._of.get(route_name)
        if accounts == ():
            return
        amounts = {"requests": requests, "tokens": tokens, "share": tokens, "usd": nano}
        with self._lock:
            for account in self._of_route(route_name):
                if amount := amounts.get(account.pool.resource, 0):
                    account.use(amount, at)
                    self._mark(account)
            self.out = bool(self._near)

    def learn(self, seen: QuotaSeen) -> Fields | None:
        """Take in what a provider reports of a limit.

        Returns
        -------
        dict or None
            The event to be written, if other processes should know: the limit is spent or no longer spent, or the
            share that is left moved by 5 %, and the reset is a minute away at least.

        Examples
        --------
        >>> quotas = Quotas()
        >>> seen = QuotaSeen(route="a@b", at_s=0.0, resource="unified_5h", remaining=0.2, limit=1.0, resets_at_s=600.0)
        >>> quotas.learn(seen)["remaining"], quotas.remaining("b", 1.0), quotas.remaining("b", 600.0)
        (0.2, 0.2, 1.0)
        """
        with self._lock:
            told = self._take(seen)
            if told is None:
                return None
            account, had, fact = told
            spent = had is not None and had.left <= 0
            changed = spent != (fact.left <= 0) or abs(fact.share - fact.told) >= _NEWS_SHARE
            later = fact.left <= 0 and had is not None and fact.until >= had.until + 1.0
            if fact.until < seen.at_s + _NEWS_S or not (changed or later):
                return None
            account.facts[fact.of] = fact._replace(told=fact.share)
        return event_of(seen, fact.until, account.pool.key)

    def fold(self, event: Mapping[str, object]) -> None:
        """Take over what another process learnt, or an event of `Health`: that a limit is spent, or has room again.

        What is no such event, or older than what is known, changes nothing.

        Examples
        --------
        >>> here, there = Quotas(), Quotas()
        >>> there.fold(here.learn(QuotaSeen(route="a@b", at_s=0.0, exhausted=True, resets_at_s=600.0)))
        >>> there.remaining("a@b", 1.0)
        0.0
        """
        with self._lock:
            if event.get("kind") == "quota" and event.get("state") == "closed":
                at, route = number(event.get("at")), event.get("route")
                for account in self._of_route(route) if at is not None and isinstance(route, str) else ():
                    account.open(str(event.get("of") or "all"), at or 0.0)
                return
            seen = seen_of(event)
            told = None if seen is None else self._take(seen, self._accounts.get(str(event.get("quota"))))
            if told is not None and event.get("state") == "learnt":
                account, _, fact = told
                account.facts[fact.of] = fact._replace(told=fact.share)

    def remaining(self, name: str, now_s: float) -> float | None:
        """Say which share is left, from 0 to 1, of a provider, route or pool: the least of its quotas; None: none.

        Examples
        --------
        >>> Quotas().remaining("home", 0.0) is None
        True
        """
        with self._lock:
            accounts = self._names.get(name)
            if accounts is None:
                named = [each for each in self._accounts.values() if name in each.pool.names]
                accounts = tuple({id(each): each for each in (*named, *self._of_route(name))}.values())
                if accounts:
                    self._names[name] = accounts
            return min((account.left(now_s) for account in accounts), default=None)

    def effective_share(self, route_name: str, now_s: float) -> float:
        """Say which share of its list price a call to a route is worth now, from 0 to 1.

        1 where no quota of the route is lost if it is not used. Else the shadow price of whichever of its quotas is
        shortest, ``max(0, 1 - supply / (rate x time to the reset))``: nothing while the use that is forecast stays
        under what is left, and the whole price when it is spent. The rate is that of use so far, exponentially
        weighted over a quarter of the window. It stops where use has a time of day, or answers to the price.

        Examples
        --------
        >>> day = Pool(owner="a", resource="tokens", limit=100, per="day", routes=frozenset({"a"}), use_or_lose=True)
        >>> quotas = Quotas([day]); quotas.effective_share("a", 0.0)
        0.0
        >>> quotas.use("a", 1, 90, 0, at=3_600.0); quotas.effective_share("a", 7_200.0) > 0.9
        True
        """
        with self._lock:
            accounts = self._of_route(route_name)
            if not any(each.pool.use_or_lose and each.seconds < math.inf for each in accounts):
                return 1.0
            return max(account.price(now_s) for account in accounts)

    def states(self, now_s: float) -> tuple[QuotaState, ...]:
        """Say how each quota stands: the declared ones, and those learnt that still hold.

        Examples
        --------
        >>> Quotas().states(0.0)
        ()
        """
        with self._lock:
            return tuple(
                state_of(account, now_s, learnt=key in self._learnt)
                for key, account in self._accounts.items()
                if account.left(now_s) < 1.0 or key not in self._learnt
            )

    def words(self, now: datetime) -> tuple[str, ...]:
        """Say of each quota what is left and when it comes back, a line each.

        Examples
        --------
        >>> from datetime import UTC
        >>> day = Pool(owner="home", resource="requests", limit=50, per="day")
        >>> Quotas([day]).words(datetime(2026, 1, 1, tzinfo=UTC))
        ('home: requests-per-day: 100 % left, more from 2026-01-02 00:00 UTC',)
        """
        now_s = now.timestamp()
        return tuple(state.words(now_s) for state in self.states(now_s))

    def dump(self, now_s: float) -> list[dict[str, Any]]:
        """Write down what was used and learnt, as JSON can keep it; all times are absolute.

        Examples
        --------
        >>> Quotas().dump(0.0)
        []
        """
        with self._lock:
            written = [(key, account.dump(now_s)) for key, account in self._accounts.items()]
            return [
                {**saved, "learnt": list(self._learnt[key])} if key in self._learnt else saved
                for key, saved in written
                if key not in self._learnt or saved["facts"]
            ]

    def load(self, written: Iterable[dict[str, Any]], now_s: float) -> None:
        """Take over what `dump` wrote, of the quotas that there still are; before anything is booked.

        Examples
        --------
        >>> pool = Pool(owner="a", resource="tokens", limit=100, per="day", routes=frozenset({"a"}))
        >>> quotas, again = Quotas([pool]), Quotas([pool])
        >>> quotas.use("a", 1, 25, 0, at=0.0); again.load(quotas.dump(1.0), 1.0); again.remaining("a", 1.0)
        0.75
        """
        with self._lock:
            for saved in written:
                account = None if "learnt" in saved else self._accounts.get(saved["key"])
                if "learnt" in saved:
                    route, resource, of_share = saved["learnt"]
                    account = self._make(str(route), str(resource), of_share=bool(of_share))
                if account is not None:
                    account.load(saved)
            self._sweep(now_s, every=True)

    def _take(self, seen: QuotaSeen, account: Account | None = None) -> tuple[Account, Fact | None, Fact] | None:
        """Take in a report, of a given quota if that is known, with the lock held."""
        account = account or matched(self._of_route(seen.route), seen)
        if account is None and (seen.resets_at_s is None or not (seen.exhausted or seen.remaining is not None)):
            return None
        account = account or self._make(seen.route, seen.resource, of_share=is_share(seen))
        told = None if account is None else account.told(seen)
        if account is None or told is None:
            return None
        self._mark(account)
        self.out = bool(self._near)
        return (account, *told)

    def _make(self, route: str, resource: str, *, of_share: bool) -> Account | None:
        """Find or open the account of a limit that nobody declared; None: there are too many."""
        pool = learnt_pool(route, resource, of_share=of_share)
        key = f"{pool.key}/learnt"
        had = self._accounts.get(key)
        if had is None and len(self._learnt) < _MOST_LEARNT:
            had = self._accounts[key] = Account(pool, self._zone, 0.0)
            self._learnt[key] = (route, resource, of_share)
            self._of.clear()
            self._names.clear()
        return had

    def _of_route(self, name: str) -> tuple[Account, ...]:
        """Find the accounts that a route draws on, with the lock held."""
        found = self._of.get(name)
        if found is None:
            provider = name.rpartition("@")[2] if "@" in name else ""
            found = self._of[name] = tuple(
                each
                for each in self._accounts.values()
                if name in each.pool.routes or (provider and provider in each.pool.providers)
            )
        return found

    def _mark(self, account: Account) -> None:
        if account.is_near:
            self._near.add(account)

    def _sweep(self, now_s: float, *, every: bool = False) -> None:
        """Look which quotas are near their end, of those that were or of every one."""
        self._sweep_at = now_s + _SWEEP_S
        for account in list(self._accounts.values() if every else self._near):
            account.left(now_s)
            self._near.discard(account)
            self._mark(account)
        self.out = bool(self._near)
