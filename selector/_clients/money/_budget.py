"""The budgets of a live selector: what fits, what is held, what was spent, and the target to steer to."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from hashlib import sha256
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from selector._clients.money._herald import Herald
from selector._clients.money._parts import Amounts, Part
from selector._clients.money._scoped import Scoped, is_scoped
from selector.budgets import NANO, Account, InFlight, Meters, Pace, Till
from selector.catalog import Catalog
from selector.config import Config
from selector.records import BudgetWarning

if TYPE_CHECKING:
    from selector._clients.learning._book import Entry
    from selector._clients.money._gate import Gate

__all__ = ["Budget", "Stand"]

_PLENTY = 2**62

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
        self.meters = Meters(config.budgets, config.timezone, now, usual_usd)
        self.is_metered = len(self.meters) > 0
        self.counts_tokens = self.scoped.counts_tokens or any(till.resource == "tokens" for till in self.tills)
        self.counts_classes = any(each.token_class is not None for each in config.budgets)
        self.longest_s = max((each.seconds or 0.0 for each in config.budgets), default=0.0)
        self.means = tuple(each for each in config.budgets if each.resource == "usd_per_request")
        self._kinds = sorted(
            repr((each.label, each.resource, each.per, each.until, each.scope, each.each, each.token_class))
            for each in config.budgets
            if each.is_hard
        )
        self._warned: set[tuple[str, float, float]] = set()
        self.warn = Herald(None)
        self.reserve_nano = 0
        self.n_overruns = 0
        self.gate: Gate | None = None
        self._unheard: tuple[Till, ...] = ()  # of which nothing was saved, since they are new
        self._set_end()

    @property
    def agreed(self) -> str:
        """What processes of one folder must agree on: which hard budgets there are, whatever their limits."""
        if not self.is_hard:
            return "none"
        return sha256("\n".join(self._kinds).encode()).hexdigest()[:12]

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

    def share(self, gate: Gate, at: float) -> None:
        """Let hard budgets be shared with other processes from now on."""
        self.gate, self.scoped.is_shared = gate, True
        gate.attach((*(Part(None, till, 0) for till in self.hard), *self.scoped.hard()), at)
        self._look()

    def shared(self, keys: Iterable[str], at: float) -> Iterator[tuple[str | None, Till]]:
        """Give the hard budgets that a decision is on, with the key of those that are accounts."""
        for till in self.hard:
            yield None, till
        for part in self.scoped.parts(keys, None, at):
            yield part.key, part.till

    def has(self, name: str) -> bool:
        """Tell whether there is a hard budget, or an account of one, that the ledger calls so."""
        return any(till.label == name for till in self.hard) or self.scoped.has(name)

    def change(self, name: str, spent: Iterable[tuple[float, int]], limit: int, at: float) -> None:
        """Change by hand what is spent of a budget, or of an account, and what may be."""
        till = next((till for till in self.tills if till.label == name), None) or self.scoped.till(name, at)
        if till is not None:
            till.change(spent, limit, at)
            unit = NANO if till.resource == "usd" else 1
            for pace in (self.pace, *(meter.pace for meter in self.meters)):
                if pace is not None:
                    pace.change(name, till.spent / unit, till.limit / unit)
            self._look()
            self.ends = min(self.ends, till.ends)

    def reserve(self, id_: str, amounts: Amounts, at: float, keys: Keys = (), *, always: bool = False) -> Till | None:
        """Hold what a decision can take of every hard budget that is shared, or name the tightest that has too little.

        Raises
        ------
        StateError
            If nobody can say how much there is.
        """
        if self.gate is None:
            return None
        parts = [Part(None, till, amount) for till in self.hard if (amount := till.amount(*amounts)) > 0]
        if keys:
            parts += self.scoped.parts(keys, amounts, at)
        lacking = self.gate.hold(id_, parts, at, always=always) if parts else None
        if lacking is not None:
            self._look()
        return lacking

    def reserve_more(self, id_: str, more: Amounts, at: float, keys: Keys, new: Sequence[Part]) -> Till | None:
        """Hold more for a decision under way, and of accounts that it was not on; or name who has too little."""
        if self.gate is None:
            return None
        parts = [*new, *self.scoped.parts(keys, more, at, more=True)]
        tills = [till for till in self.hard if till.resource != "requests"]
        parts += [Part(None, till, amount) for till in tills if (amount := till.amount(*more)) > 0]
        return self.gate.hold(id_, parts, at) if parts else None

    def fits(self, amounts: Amounts, keys: Keys = (), at: float = 0.0) -> Till | None:
        """Return the tightest hard budget that a call does not fit, or None; what a call takes nothing of, it fits."""
        found = self._fits(amounts, keys, at)
        if found is None or self.gate is None:
            return found
        known = [key for key in keys if key in self.scoped.tills]
        parts = [*(Part(None, till, 0) for till in self.hard), *self.scoped.parts(known, None, at)]
        if not self.gate.look(parts, at):
            return found
        self._look()
        return self._fits(amounts, keys, at)

    def _fits(self, amounts: Amounts, keys: Keys, at: float) -> Till | None:
        lacking = [till for till in self.hard if (amount := till.amount(*amounts)) > 0 and amount > till.free]
        scoped = self.scoped.lacks(keys, amounts, at) if keys else None
        return min((*lacking, *_one(scoped)), key=lambda till: till.free / max(till.limit, 1), default=None)

    def spare_nano(self) -> int | None:
        """Return what a call may be expected to cost so that enough is left for what is still to come; None: no end."""
        rooms = [till.room for till in self.hard if till.resource == "usd"]
        return min(rooms) - self.reserve_nano if rooms else None

    def hold(self, amounts: Amounts, at: float, keys: Keys = ()) -> None:
        """Hold the most that a call can take of every budget with a limit, and of some accounts of scoped ones."""
        for till in self.tills:
            amount = till.amount(*amounts)
            if till.begin <= at < till.ends:  # as nearly always: then a hold is no more than this
                till.held += amount
            else:
                till.hold(amount, at)
        if keys:
            self.scoped.hold(keys, amounts, at)
            self.ends = min(self.ends, self.scoped.ends)
        self.room_nano -= amounts[0]
        self.room_requests -= 1

    def let_go(self, id_: str, held: Amounts, at: float, keys: Keys) -> None:
        """Let go of what is held for a decision that could not be written down."""
        for till in self.tills:
            till.settle(till.amount(*held), 0, at)
        self.scoped.let_go(keys, held, at)
        if self.gate is not None:
            self.gate.release(id_)
        self._look()

    def lacks(self, more: Amounts) -> Till | None:
        """Name the tightest hard budget that more for a call under way does not fit; a call is one request."""
        tills = [till for till in self.hard if till.resource != "requests"]
        lacking = [till for till in tills if till.amount(*more) > max(till.free, 0)]
        return min(lacking, key=lambda till: till.free / max(till.limit, 1), default=None)

    def hold_more(self, more: Amounts, at: float, keys: Keys = ()) -> None:
        """Hold more for a call that is under way."""
        if keys:
            self.scoped.hold(keys, more, at, more=True)
        for till in self.tills:
            if till.resource != "requests":
                till.hold(till.amount(*more), at)
        self._look()

    def _look(self) -> None:
        """Note the least room in dollars and in requests of all hard budgets: most calls are far from it."""
        nano = requests = _PLENTY
        for till in self.hard:
            if till.resource == "usd":
                nano = min(nano, till.free)
            else:
                requests = min(requests, till.free)
        self.room_nano, self.room_requests = nano, requests

    def settle(
        self,
        held: Amounts,
        used: Amounts,
        at: float,
        usd: float | None,
        by: Mapping[str, Amounts] = MappingProxyType({}),
    ) -> None:
        """Book what a call really took, in place of its hold.

        Parameters
        ----------
        held, used
            Nano-dollars, tokens, and tokens by class.
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
            self.paid(usd, at)
            self.meters.pay(used, by, at)

    def _settled(self, till: Till, was: int, is_: int) -> None:
        """Tell of what was more than was held, and of shares that are spent."""
        if till.is_hard and till.resource != "requests" and is_ > was and was > 0:
            self.n_overruns += 1
            unit = NANO if till.resource == "usd" else 1
            self.warn(BudgetWarning(till.label, till.resource, None, is_ / unit, was / unit))
        self._watch(till)
        self.ends = min(self.ends, till.ends)

    def adjust(self, more: Amounts, at: float, usd: float, by: Mapping[str, Amounts] = MappingProxyType({})) -> None:
        """Book what a call turned out to have taken beyond what was booked already, which may be negative."""
        for till in self.tills:
            if till.resource != "requests":
                till.settle(0, till.amount(*more), at)
                self.ends = min(self.ends, till.ends)
        for till in self.scoped.adjust(by, at) if by else ():
            self._watch(till)
        self._look()
        if self.pace is not None and usd:
            self.pace.correct(usd, at)
        self.meters.correct(more, by, at)

    def paid(self, usd: float, at: float) -> None:
        """Tell the pace what a call cost that was chosen for at a moment."""
        if self.pace is not None:
            self.pace.pay(usd, at)

    def arrive(self, at: float) -> None:
        """Count a task that another process chose for, or that the log tells of."""
        if self.pace is not None:
            self.pace.arrive(at)
        self.meters.arrive(at)

    @property
    def turns_at(self) -> float:
        """When the first window ends that anything is paced by."""
        return min(self.ends, self.meters.ends, math.inf if self.pace is None else self.pace.ends)

    def steer(self, now: float, in_flight: InFlight) -> bool:
        """Bring the target up to date; tell whether a window ended."""
        rolled = self.roll(now)
        if self.is_metered:
            rolled = self.meters.advance(now, in_flight.n) or rolled
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

    def remaining_requests(self, label: str) -> float | None:
        """Forecast how many requests come until a budget's window ends; None: nothing is paced by it."""
        paces = (self.pace, *(meter.pace for meter in self.meters))
        found = (pace.remaining_of(label) for pace in paces if pace is not None)
        return next((each for each in found if each is not None), None)

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
            spent, held, limit = (amount / unit for amount in (spent_, held_, till.limit + till.extra))
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
        paces = {"pace": pace, "meters": self.meters.dump()}
        return {"tills": tills, "scoped": self.scoped.dump(), **paces, "n_overruns": self.n_overruns}

    def load(self, saved: Mapping[str, Any], now: float) -> None:
        """Take up what was spent and seen of budgets that are still configured."""
        self._unheard = tuple(till for till in self.tills if till.label not in saved["tills"])
        for till in self.tills:
            if till.label in saved["tills"]:
                till.load(saved["tills"][till.label])
        self.scoped.load(saved.get("scoped", {}), now)
        if self.pace is not None and saved["pace"] is not None:
            self.pace.load(saved["pace"], now)
        self.meters.load(saved.get("meters", {}), now)
        self.n_overruns = int(saved["n_overruns"])
        for till in self.tills:
            self._watch(till)
        self._set_end()

    def catch_up(self, entries: Collection[Entry], now: float) -> None:
        """Book what was spent before a budget was configured, where that was in the window that is open now."""
        new, self._unheard = [till for till in self._unheard if till.place(now) != (0, None)], ()
        for till in new:
            for entry in entries:
                if entry.charged is not None:
                    till.settle(0, till.amount(*entry.charged), entry.at_s)
            till.roll(now)
            self.change(till.label, (), 0, now)
            self._watch(till)
        self._set_end()

    def _watch(self, till: Till) -> None:
        limit = till.limit + till.extra
        for share in till.warn_at:
            key = (till.label, share, till.begin)
            if not limit or till.spent < share * limit:
                self._warned.discard(key)
            elif key not in self._warned:
                self._warned.add(key)
                unit = NANO if till.resource == "usd" else 1
                self.warn(BudgetWarning(till.label, till.resource, share, till.spent / unit, limit / unit))


def _one(till: Till | None) -> tuple[Till, ...]:
    return () if till is None else (till,)
