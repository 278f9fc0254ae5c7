"""The budgets of a live selector: what fits, what is held, what was spent, and the target to steer to."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from types import MappingProxyType
from typing import Any

from selector._clients._scoped import Amounts, Scoped, is_scoped
from selector.budgets import NANO, Account, InFlight, Pace, Till
from selector.catalog import Catalog
from selector.config import Config

__all__ = ["Budget", "Stand"]

_PLENTY = 2**62
_log = logging.getLogger("selector")

Keys = Sequence[str]
"""Accounts of scoped budgets, by name."""
Stand = tuple[tuple[int, int, float], ...]
"""How each limit stood: spent, held, when it ends."""


class Budget:
    """Every budget of a configuration, in one process.

    Parameters
    ----------
    config
        With the budgets.
    catalog
        The models, for what their scopes name.
    now
        Seconds since 1970.
    usual_usd
        What a call is expected to cost before anything was seen.
    """

    def __init__(self, config: Config, catalog: Catalog, now: float, usual_usd: float) -> None:
        whole = [each for each in config.budgets if not is_scoped(each)]
        limits = [each for each in whole if each.resource != "usd_per_request"]
        self.scoped = Scoped(config, catalog, now)
        self.tills = tuple(Till(each, config.timezone, now) for each in limits)
        self.hard = tuple(till for till in self.tills if till.is_hard)
        self.is_hard = bool(self.hard) or self.scoped.is_hard
        self.in_usd = self.scoped.counts_usd or any(till.resource == "usd" for till in self.hard)
        self.pace: Pace | None = Pace(whole, config.timezone, now, usual_usd) or None
        self.counts_tokens = self.scoped.counts_tokens or any(till.resource == "tokens" for till in self.tills)
        self.means = tuple(each for each in config.budgets if each.resource == "usd_per_request")
        self._warned: set[tuple[str, float, float]] = set()
        self.warn: Callable[[str], None] = _log.warning
        self.reserve_nano = 0
        self.n_overruns = 0
        self._set_end()

    def roll(self, now: float) -> bool:
        """Let time pass for what may be held; tell whether a window ended."""
        if now < self.ends:
            return False
        for till in self.tills:
            till.roll(now)
        self.scoped.roll(now)
        self._set_end()
        return True

    def _set_end(self) -> None:
        self._look()
        self.ends = min((till.ends for till in self.tills), default=math.inf)
        self.ends = min(self.ends, self.scoped.ends)

    def fits(self, nano: int, tokens: int, keys: Keys = (), at: float = 0.0) -> Till | None:
        """Return the tightest hard budget that a call does not fit, or None; what a call takes nothing of, it fits."""
        lacking = [till for till in self.hard if (amount := till.amount(nano, tokens)) > 0 and amount > till.room]
        scoped = self.scoped.lacks(keys, (nano, tokens), at) if keys else None
        return min((*lacking, *_one(scoped)), key=lambda till: till.room / max(till.limit, 1), default=None)

    def spare_nano(self) -> int | None:
        """Return what a call may be expected to cost so that enough is left for what is still to come; None: no end."""
        rooms = [till.room for till in self.hard if till.resource == "usd"]
        return min(rooms) - self.reserve_nano if rooms else None

    def hold(self, nano: int, tokens: int, at: float, keys: Keys = ()) -> None:
        """Hold the most that a call can take of every budget with a limit, and of some accounts of scoped ones."""
        for till in self.tills:
            till.hold(till.amount(nano, tokens), at)
        if keys:
            self.scoped.hold(keys, (nano, tokens), at)
            self.ends = min(self.ends, self.scoped.ends)
        self.room_nano -= nano
        self.room_requests -= 1

    def lacks(self, nano: int, tokens: int) -> Till | None:
        """Name the tightest hard budget that more for a call under way does not fit; a call is one request."""
        tills = [till for till in self.hard if till.resource != "requests"]
        lacking = [till for till in tills if till.amount(nano, tokens) > max(till.room, 0)]
        return min(lacking, key=lambda till: till.room / max(till.limit, 1), default=None)

    def hold_more(self, nano: int, tokens: int, at: float, keys: Keys = ()) -> None:
        """Hold more for a call that is under way."""
        if keys:
            self.scoped.hold(keys, (nano, tokens), at, more=True)
        for till in self.tills:
            if till.resource != "requests":
                till.hold(till.amount(nano, tokens), at)
        self._look()

    def _look(self) -> None:
        """Note the least room in dollars and in requests of all hard budgets: most calls are far from it."""
        nano = requests = _PLENTY
        for till in self.hard:
            if till.resource == "usd":
                nano = min(nano, till.room)
            else:
                requests = min(requests, till.room)
        self.room_nano, self.room_requests = nano, requests

    def settle(
        self,
        held: tuple[int, int],
        used: tuple[int, int],
        at: float,
        usd: float | None,
        by: Mapping[str, Amounts] = MappingProxyType({}),
    ) -> None:
        """Book what a call really took, in place of its hold.

        Parameters
        ----------
        held, used
            Nano-dollars and tokens.
        at
            When it was held, in seconds since 1970.
        usd
            What is told to the pace; None: nothing, it was told before.
        by
            What was used on each account of a scoped budget.
        """
        for till in self.tills:
            was, is_ = till.amount(*held), till.amount(*used)
            till.settle(was, is_, at)
            self._settled(till, was, is_)
        for till, was, is_ in self.scoped.settle(held, by, at) if by else ():
            self._settled(till, was, is_)
        self._look()
        if usd is not None:
            self.paid(usd)

    def _settled(self, till: Till, was: int, is_: int) -> None:
        """Tell of what was more than was held, and of shares that are spent."""
        if till.is_hard and till.resource != "requests" and is_ > was and was > 0:
            self.n_overruns += 1
            self.warn(f"overrun: a call took more of the budget {till.label!r} than was held: {is_:,} of {was:,}")
        self._watch(till)
        self.ends = min(self.ends, till.ends)

    def adjust(
        self, more: tuple[int, int], at: float, usd: float, by: Mapping[str, Amounts] = MappingProxyType({})
    ) -> None:
        """Book what a call turned out to have taken beyond what was booked already, which may be negative."""
        for till in self.tills:
            if till.resource != "requests":
                till.settle(0, till.amount(*more), at)
                self.ends = min(self.ends, till.ends)
        for till in self.scoped.adjust(by, at) if by else ():
            self._watch(till)
        self._look()
        if self.pace is not None and usd:
            self.pace.correct(usd)

    def paid(self, usd: float) -> None:
        """Tell the pace what a call cost."""
        if self.pace is not None:
            self.pace.pay(usd)

    def steer(self, now: float, in_flight: InFlight) -> bool:
        """Bring the target up to date; tell whether a window ended."""
        rolled = self.roll(now)
        if self.pace is None:
            return rolled
        self.pace.fly(in_flight)
        return self.pace.advance(now) or rolled

    def plan_ahead(self, cheapest_usd: float, remaining: float | None) -> None:
        """Keep enough for the cheapest models to serve what is still to come in the window."""
        self.reserve_nano = 0 if remaining is None else int(max(remaining - 1, 0.0) * cheapest_usd * NANO)

    def remaining(self, label: str) -> float | None:
        """Return what share of a budget is left, 0 to 1; None: there is no such budget with a limit."""
        till = next((till for till in self.tills if till.label == label), None) or self.scoped.whole(label)
        return None if till is None else max(0.0, min(1.0, till.room / till.limit)) if till.limit else 0.0

    @property
    def accounts(self) -> Mapping[str, tuple[Till, Account]]:
        """Every budget with a limit, by name."""
        return {till.label: (till, till.account) for till in self.tills}

    def resets_at(self, label: str) -> datetime | None:
        """Return when a budget's window ends."""
        return next((till.resets_at for till in self.tills if till.label == label), None)

    def stand(self) -> Stand:
        """Note how each limit stands: what was spent, what is held, when it ends."""
        return tuple([(till.spent, till.held, till.ends) for till in self.tills])

    def words(self, stand: Stand | None = None) -> tuple[str, ...]:
        """Say how each budget stands, or stood."""
        lines = [f"budget {each.label}: {each.limit:g} USD per request on average" for each in self.means]
        rows = list(zip(self.tills, self.stand() if stand is None else stand, strict=True))
        if stand is None:
            rows += [(till, (till.spent, till.held, till.ends)) for till in self.scoped.shown()]
        for till, (spent_, held_, ends) in rows:
            unit = NANO if till.resource == "usd" else 1
            spent, held, limit = (amount / unit for amount in (spent_, held_, till.limit))
            kind = "hard" if till.is_hard else "soft"
            name = till.resource if till.resource != "usd" else "USD"
            reset = None if math.isinf(ends) else datetime.fromtimestamp(ends, UTC)
            until = f", until {reset:%Y-%m-%d %H:%M} UTC" if reset is not None else ""
            lines.append(
                f"budget {till.label} ({kind}): {spent:,.6g} spent, {held:,.6g} held of {limit:,.6g} {name}{until}"
            )
        return tuple(lines)

    def dump(self) -> dict[str, Any]:
        """Write down what was spent and seen, for `load`."""
        tills = {till.label: till.dump() for till in self.tills}
        pace = None if self.pace is None else self.pace.dump()
        return {"tills": tills, "scoped": self.scoped.dump(), "pace": pace, "n_overruns": self.n_overruns}

    def load(self, saved: Mapping[str, Any], now: float) -> None:
        """Take up what was spent and seen of budgets that are still configured."""
        for till in self.tills:
            if till.label in saved["tills"]:
                till.load(saved["tills"][till.label])
        self.scoped.load(saved.get("scoped", {}), now)
        if self.pace is not None and saved["pace"] is not None:
            self.pace.load(saved["pace"], now)
        self.n_overruns = int(saved["n_overruns"])
        for till in self.tills:
            self._watch(till)
        self._set_end()

    def _watch(self, till: Till) -> None:
        for share in till.warn_at:
            key = (till.label, share, till.begin)
            if till.limit and till.spent >= share * till.limit and key not in self._warned:
                self._warned.add(key)
                self.warn(f"budget {till.label!r}: {till.spent / till.limit:.0%} is spent ({share:.0%} was to be told)")


def _one(till: Till | None) -> tuple[Till, ...]:
    return () if till is None else (till,)
