"""What several processes may hold of hard budgets, as one of them sees it: the holds of its decisions, exact."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock, get_ident
from typing import NamedTuple

from selector._clients.money._parts import Amounts, Part, amount_of
from selector.budgets import Till
from selector.errors import StateError
from selector.store import Hold, Known, Lack, Lease, LeaseRow, Leases, Ledger, Others, State, Want

__all__ = ["Gate"]

_logger = logging.getLogger("selector")
_STALE_S = 0.02
_PLENTY = 2**62
_NEAR = 8  # where less than this part of the limit is left, what is left is looked at before a choice
_AGAIN_S = 60.0
_MANY = 10_000  # accounts of which it is remembered at hand how they stand
_KEPT_S = 100 * 86_400.0  # what was spent in windows that began earlier is dropped: no month is that long


_Grip = tuple[Hold | None, tuple[Part, ...], float]
"""What is held for one decision, of what, since when; None: it went on without, and the ledger is told afterwards."""


class _Desk(NamedTuple):
    """Where most decisions hold something: at every budget of everything, in its present window."""

    leases: tuple[tuple[Lease, Callable[..., int]], ...]
    """Each with what says how much of it is to be held."""
    parts: tuple[Part, ...]
    begin: float
    end: float
    """From then on a window is another."""


_CLOSED = _Desk((), (), math.inf, -math.inf)


class Gate:
    """The holds of one process's decisions, out of what the ledger let it have.

    A choice is made on what was last told of each budget; then everything is held that the decision can cost, or
    nothing is. Whoever calls holds the lock of choices, but for `tend`.

    Parameters
    ----------
    state
        The folder: its ledger, and its log.
    known
        Says what a dead process settled of a lease, and what its calls in flight can have cost.
    lenient
        Whether a ledger that cannot be asked lets work go on; else it refuses it.

    Attributes
    ----------
    is_low
        Whether the ledger should be asked for more soon.
    """

    def __init__(self, state: State, known: Callable[[LeaseRow], Known | None], *, lenient: bool) -> None:
        self._state, self.lenient = state, lenient
        others = Others(self._is_alive, known)
        self._inside: int | None = get_ident()
        self._ledger = Ledger.open(state.path, lambda: state.writer or "", others)
        self._inside = None
        self.is_low = False
        self._leases = Leases(self._ledger, time.monotonic, self._wake)
        self._grips: dict[str, _Grip] = {}
        self._places: dict[str, Lease] = {}
        self._whole: tuple[Part, ...] = ()
        self._desk = _CLOSED
        self._looked: dict[str, tuple[float, float]] = {}
        self._reclaimed_at = 0.0
        self._owed: list[tuple[str, int, int]] = []
        self._owing = Lock()
        self._trouble_at = -_AGAIN_S

    def attach(self, parts: Iterable[Part], at: float) -> None:
        """Let budgets be shared from now on; what the log has of them, and the ledger has not, is told the ledger."""
        parts, wants = tuple(parts), []
        self._whole, self._desk = tuple(part for part in parts if part.key is None), _CLOSED
        for part in parts:
            part.till.is_shared = True
            window, since = part.till.place(at)
            wants.append(Want(part.name, window, part.till.limit, part.till.spent + part.till.held, 0, since))
        if wants:
            self._leases.flush()
            self._ledger.owe(wants)

    def hold_here(self, id_: str, amounts: Amounts, at: float) -> bool:
        """Hold what a decision on no account can cost, if what is here is enough; tell whether it is."""
        leases, parts, begin, end = self._desk
        if not begin <= at < end:
            if not self._whole:
                return False
            leases, parts, _, _ = self._desk = self._desk_at(at)
        hold = self._leases.hold([(lease, amount(*amounts)) for lease, amount in leases])
        if hold is None:
            return False
        self._grips[id_] = hold, parts, at
        return True

    def hold(self, id_: str, parts: Sequence[Part], at: float, *, always: bool = False) -> Till | None:
        """Hold what a decision can cost, or name the tightest budget that has too little left.

        Parameters
        ----------
        id_
            The decision.
        parts
            What is needed, each budget once.
        at
            When, in seconds since 1970, never before an earlier time.
        always
            Whether the decision goes on all the same.

        Raises
        ------
        StateError
            If the ledger cannot be asked, and is not to be done without.
        """
        try:
            found = self._reserved([(self._lease(part, at), part.amount) for part in parts])
        except StateError as error:
            if not (self.lenient or always):
                raise StateError(
                    f"{error}; hard budgets admit nothing until the ledger answers: write 'on_ledger_failure: allow' "
                    "to go on without it"
                ) from error
            self._warn(error)
            found = None
        if isinstance(found, Lack) and not always:
            return self._lacking(parts, found)
        held = found if isinstance(found, Hold) else None
        before = self._grips.get(id_)
        if before is None:
            self._grips[id_] = held, tuple(parts), at
            return None
        first, its_parts, began = before
        if first is not None and held is not None:
            merged = Hold((*first.parts, *held.parts), held.epoch)
            first.epoch = -1
            self._grips[id_] = merged, (*its_parts, *parts), began
        return None

    def release(self, id_: str) -> None:
        """Let go of what is held for a decision that was not made after all."""
        hold, parts, _ = self._grips.pop(id_, (None, (), 0.0))
        self._changed(parts)
        if hold is not None:
            self._leases.release(hold)

    def holds(self, id_: str) -> bool:
        """Tell whether anything is held for a decision here."""
        return id_ in self._grips

    def settle(self, id_: str, used: Amounts, by: Mapping[str, Amounts], seq: int) -> None:
        """Book what a decision really took in place of its hold; the line of the log with that number says so."""
        hold, parts, at = self._grips.pop(id_)
        self._changed(parts)
        seen: set[str] = set()
        amounts = []
        for part in parts:
            first = part.name not in seen
            seen.add(part.name)
            amounts.append(amount_of(part.key, part.till, used, by) if first else 0)
        if hold is not None:
            self._leases.settle(hold, amounts, seq)
            return
        for part, amount in zip(parts, amounts, strict=True):
            self._owe(part.name, part.till.place(at)[0], amount)

    def correct(self, parts: Iterable[Part], at: float) -> None:
        """Tell the ledger how much more than was settled was really spent, which may be negative."""
        for part in parts:
            self._owe(part.name, part.till.place(at)[0], part.amount)
        try:
            self._pay()  # at once: nobody else could tell it, should this process die
        except StateError as error:
            self._warn(error)

    def look(self, parts: Iterable[Part], at: float) -> bool:
        """Ask what is left of those budgets of which little is, if that was not just asked; tell whether it was."""
        now, never = time.monotonic(), (-math.inf, 0.0)
        every = []
        for part in parts:
            when, for_ = self._looked.get(part.name, never)
            if part.till.told < _PLENTY and not (now - when < _STALE_S and 0 <= at - for_ < _STALE_S):
                every.append(part)
        if not every:
            return False
        if len(self._looked) >= _MANY:
            self._looked.clear()
        self._looked |= dict.fromkeys((part.name for part in every), (now, at))
        leases = [self._lease(part, at) for part in every]
        wants = [Want(each.key, each.window, each.limit, 0, 0, each.since) for each in leases]
        try:
            free = self._ledger.free(wants)
        except StateError as error:
            self._warn(error)
            return False
        for part, lease, left in zip(every, leases, free, strict=True):
            self._tell(part, left + max(lease.free, 0))
        return True

    def reclaim(self, *, again_s: float = 0.05) -> None:
        """Take back what dead processes have, if nobody looked just now."""
        now = time.monotonic()
        if now - self._reclaimed_at < again_s:
            return
        self._reclaimed_at = now
        self._inside = get_ident()
        try:
            self._ledger.reclaim()
        except StateError as error:
            self._warn(error)
        finally:
            self._inside = None

    def tend(self) -> None:
        """Tell the ledger what was settled and owed, and fetch what runs low; for a thread that may wait.

        Raises
        ------
        StateError
            If the ledger could not be told; the next call tells it.
        """
        self.is_low = False
        self._leases.tend()
        self._pay()

    def _pay(self) -> None:
        with self._owing:
            owed, self._owed = self._owed, []
        if not owed:
            return
        told = False
        try:
            self._leases.flush()  # what is corrected counts as spent by then
            self._ledger.correct(owed)
            told = True
        finally:
            if not told:
                with self._owing:
                    self._owed = owed + self._owed

    def change(self, part: Part, spent: Iterable[tuple[float, int]], limit: int, at: float) -> None:
        """Change by hand what was spent of a budget at some moments, and its limit."""
        lease = self._lease(part, at)
        self._leases.flush()
        self._ledger.correct([(part.name, part.till.place(moment)[0], more) for moment, more in spent])
        self._ledger.adjust(lease.key, lease.window, limit, lease.limit)
        self._changed([part])

    def tidy(self, at: float, longest_s: float) -> None:
        """Drop what was spent in windows that ended long ago; for a thread that may wait.

        Raises
        ------
        StateError
            If nothing was dropped; the next call drops it.
        """
        self._ledger.forget(int((at - max(_KEPT_S, 2 * longest_s)) * 1_000))

    def close(self) -> None:
        """Tell the ledger everything, and give back what is unused.

        Raises
        ------
        StateError
            If the ledger could not be told; others take it back.
        """
        try:
            self.tend()
            self._leases.close()
        finally:
            self._ledger.close()

    def after_fork(self) -> None:
        """Hold nothing, in a forked child."""
        self._grips.clear()
        self._places.clear()
        self._desk = _CLOSED
        self._owed, self._owing = [], Lock()
        self._inside = None

    def _reserved(self, parts: Sequence[tuple[Lease, int]]) -> Hold | Lack:
        found = self._leases.reserve(parts)
        if isinstance(found, Lack):
            self._inside = get_ident()
            try:
                if self._ledger.reclaim():
                    self._leases.reopen()
                    found = self._leases.reserve(parts)
            finally:
                self._inside = None
        return found

    def _lacking(self, parts: Sequence[Part], lack: Lack) -> Till:
        part = next(part for part in parts if part.name == lack.key)
        part.till.told = max(min(lack.free, part.amount - 1), 0)
        return part.till

    def _tell(self, part: Part, left: int) -> None:
        """Note what is left of a budget, where that is little, or no more than was too little for a call."""
        is_little = left * _NEAR < part.till.limit + part.till.extra or left <= part.till.told < _PLENTY
        part.till.told = max(left, 0) if is_little else _PLENTY

    def _changed(self, parts: Iterable[Part]) -> None:
        """Let what is left of some budgets be asked again at once."""
        for part in parts:
            self._looked.pop(part.name, None)

    def _desk_at(self, at: float) -> _Desk:
        spans = [part.till.span(at) for part in self._whole]
        leases = tuple((self._lease(part, at), part.till.amount) for part in self._whole)
        return _Desk(leases, self._whole, max(begin for begin, _ in spans), min(end for _, end in spans))

    def _lease(self, part: Part, at: float) -> Lease:
        name, till = part.name, part.till
        window, since = till.place(at)
        lease = self._places.get(name)
        if lease is None or lease.window != window or lease.limit != till.limit:
            if len(self._places) >= _MANY:
                self._places = {key: each for key, each in self._places.items() if each.free or each.held}
            lease = self._leases.of(name, window, limit=till.limit, most=till.limit, since=since)
            self._places[name] = lease
        return lease

    def _owe(self, name: str, window: int, amount: int) -> None:
        if amount:
            with self._owing:
                self._owed.append((name, window, amount))

    def _is_alive(self, owner: str) -> bool:
        """Tell whether a process lives; only who holds the lock of choices may read what a dead one left."""
        return self._inside != get_ident() or self._state.lives(owner)

    def _wake(self) -> None:
        self.is_low = True

    def _warn(self, error: StateError) -> None:
        now = time.monotonic()
        if now - self._trouble_at >= _AGAIN_S:
            self._trouble_at = now
            _logger.warning("%s", error)
