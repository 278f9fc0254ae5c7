"""The leases of one process: holds are made and settled in memory, from blocks that the ledger granted."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from threading import Lock
from weakref import WeakValueDictionary

from selector.errors import StateError
from selector.store._lease import Hold, Lease
from selector.store._ledger import Ledger
from selector.store._ledger_terms import Entry, Lack, Place, Taken, Want
from selector.store._locks import reset_in_child

__all__ = ["Leases"]

_IDLE_S = 5.0
_AGAIN_S = 0.05


class Leases:
    """Holds on budgets that several processes share, in a few microseconds each.

    A call's worst case is held of every budget that applies, or of none; what it really cost is settled. Both touch
    memory alone while the blocks last; the ledger is asked for the next one, or `tend` has fetched it before. What
    this process holds, its journal must say before a call is made: then a process that dies is charged what it spent
    and what its calls in flight can have cost.

    Parameters
    ----------
    ledger
        Where the blocks come from.
    clock
        Seconds that never go back.
    wake
        Called when a block runs low: let another thread call `tend` soon. It must neither wait nor call this object.

    Examples
    --------
    >>> import tempfile
    >>> from selector.store import Leases, Ledger, Others
    >>> folder = tempfile.TemporaryDirectory()
    >>> others = Others(is_alive=lambda owner: False, settled_of=lambda lease: None)
    >>> ledger = Ledger.open(folder.name, lambda: "ann", others)
    >>> leases = Leases(ledger, clock=lambda: 0.0)
    >>> day = leases.of("day", 0, limit=1_000, most=500)
    >>> hold = leases.reserve([(day, 60)])
    >>> day
    Lease('day', 0, free=0, held=60, settled=0)
    >>> leases.settle(hold, [25])
    1
    >>> leases.reserve([(day, 990)])
    Lack(key='day', window=0, need=990, free=975, limit=1000)
    >>> leases.close(); ledger.accounts()[0].spent
    25
    >>> ledger.close(); folder.cleanup()
    """

    def __init__(self, ledger: Ledger, clock: Callable[[], float], wake: Callable[[], None] = lambda: None) -> None:
        self._ledger, self._clock, self._wake = ledger, clock, wake
        self._lock, self._taking = Lock(), Lock()
        self._all: WeakValueDictionary[Place, Lease] = WeakValueDictionary()
        self._having: dict[Place, Lease] = {}
        self._epoch, self._seq = 0, 0
        self._closed = False
        reset_in_child(self)

    def of(self, key: str, window: int, *, limit: int, most: int, since: int | None = None) -> Lease:
        """Give what this process has of one window of one budget; nothing is taken yet.

        Parameters
        ----------
        key
            Which budget; with ``/`` and a value where there is one for each value.
        window
            When the window began, a whole number that later windows have more of; 0 for one that never ends.
        limit
            The configured limit, in whole units: nano-dollars for money.
        most
            The most that is worth taking at once, such as what is spent in a second.
        since
            The first window that counts against the limit, where one rolls; None: this window alone counts.

        Returns
        -------
        Lease
            The same object for as long as anybody has it.
        """
        with self._lock:
            lease = self._all.get((key, window))
            if lease is None:
                lease = self._all[key, window] = Lease(key, window)
            lease.limit, lease.most, lease.since = limit, most, since
            return lease

    def hold(self, parts: Sequence[tuple[Lease, int]]) -> Hold | None:
        """Hold an amount of each budget out of what is here, or of none; the ledger is not asked.

        Parameters
        ----------
        parts
            As for `reserve`.
        """
        with self._lock:
            done, is_low = 0, False
            for lease, amount in parts:
                free = lease.free - amount
                if amount < 0 or (free < 0 and amount):
                    break
                lease.free = free
                lease.held += amount
                lease.used = True
                if free < lease.low:
                    lease.low, is_low = 0, True
                done += 1
            else:
                if is_low:
                    self._wake()
                return Hold(parts, self._epoch)
            for lease, amount in parts[:done]:
                lease.free += amount
                lease.held -= amount
            return None

    def reserve(self, parts: Sequence[tuple[Lease, int]]) -> Hold | Lack:
        """Hold an amount of each budget, or of none.

        Parameters
        ----------
        parts
            What is needed of what, each lease once; it is kept as it is, so that it must not change.

        Returns
        -------
        Hold or Lack
            What is held; or the tightest budget that has too little left in all processes together.

        Raises
        ------
        StateError
            If the ledger could not be asked; nothing is held. Also if this is closed.
        """
        return self.hold(parts) or self._reserve_slowly(parts)

    def settle(self, hold: Hold, used: Sequence[int], seq: int | None = None) -> int:
        """Book what a call really cost, in place of its hold, in the window in which it was held.

        Parameters
        ----------
        hold
            What was held.
        used
            What was used of each, in the order of ``hold.parts``; more than was held is booked in full.
        seq
            The number of the settlement, higher than all before it, where the caller has numbered it under one lock
            with writing it; None: the next number is given.

        Returns
        -------
        int
            The number of the settlement, by which a reader of the journal knows whether the ledger has it already;
            0 where nothing was booked: it was settled or released before, charged when this was closed, or is that of
            the process that forked this one.
        """
        with self._lock:
            if hold.epoch != self._epoch:
                return 0
            if len(used) != len(hold.parts) or min(used, default=0) < 0:
                raise StateError(f"what was used must be as many amounts as are held, none below 0, not {used!r}")
            hold.epoch = -1
            for (lease, held), actual in zip(hold.parts, used, strict=True):
                lease.held -= held
                lease.free += held - actual
                lease.settled += actual
                if actual > held:  # an overrun is told even where nothing is leased
                    self._having[lease.key, lease.window] = lease
            self._seq = self._seq + 1 if seq is None else max(seq, self._seq)
            return self._seq

    def release(self, hold: Hold) -> None:
        """Let go of what is held for a call that was never made; twice is as good as once."""
        with self._lock:
            if hold.epoch != self._epoch:
                return
            hold.epoch = -1
            for lease, held in hold.parts:
                lease.held -= held
                lease.free += held

    def tend(self) -> None:
        """Tell the ledger what was settled, fetch blocks that run low, and give back what is idle or of a past window.

        Call it every second or so, and when `wake` was called.

        Raises
        ------
        StateError
            If the ledger could not be told; nothing is lost, and the next call tells it.
        """
        now = self._clock()
        with self._taking:
            with self._lock:
                latest: dict[str, int] = {}
                for key, window in self._having:
                    latest[key] = max(latest.get(key, window), window)
                entries, wants = [], []
                for lease in list(self._having.values()):
                    entry, want = self._due(lease, now, is_old=lease.window < latest[lease.key])
                    entries += [entry] if entry is not None else []
                    wants += [want] if want is not None else []
            if entries or wants:
                self._exchange(wants, entries)

    def reopen(self) -> None:
        """Ask the ledger again at the next call, also for what lacked a moment ago."""
        with self._lock:
            for lease in self._all.values():
                lease.lack = None

    def flush(self) -> None:
        """Tell the ledger everything that was settled, so that others can see it.

        Raises
        ------
        StateError
            If the ledger could not be told; nothing is lost.
        """
        with self._taking:
            with self._lock:
                entries = [self._entry(lease) for lease in self._having.values() if lease.settled]
            if entries:
                self._exchange([], entries)

    def close(self) -> None:
        """Tell the ledger everything and give back what is unused; calls in flight are charged what was held.

        Raises
        ------
        StateError
            If the ledger could not be told; then others take it back once this process has ended.
        """
        with self._taking, self._lock:
            if self._closed:
                return
            self._closed = True
            having = list(self._having.values())
            entries = [Entry(each.key, each.window, each.settled + each.held, self._seq) for each in having]
            self._forget()
            if having:
                self._ledger.leave(entries)

    def after_fork(self) -> None:
        """Have nothing, in a forked child: what was leased and is held is the parent's."""
        self._lock, self._taking = Lock(), Lock()
        self._forget()

    def _forget(self) -> None:
        self._epoch += 1
        for lease in self._all.values():
            lease.clear()
        self._having = {}
        self._seq = 0

    def _reserve_slowly(self, parts: Sequence[tuple[Lease, int]]) -> Hold | Lack:
        """Ask the ledger for what is missing; meanwhile what is here is kept for this call."""
        with self._taking:
            with self._lock:
                if self._closed:
                    raise StateError("the budgets' ledger is closed; open the selector again")
                self._refuse_odd(parts)
            held = self.hold(parts)
            if held is not None:
                return held
            with self._lock:
                now = self._clock()
                shut = [lack for lease, amount in parts if (lack := self._shut(lease, amount, now)) is not None]
                if shut:
                    return min(shut, key=lambda lack: lack.free / max(lack.limit, 1))
                wants, entries = self._keep(parts)
            taken: Taken | None = None
            try:
                taken = self._exchange(wants, entries)
            finally:
                if taken is None or taken.lacks:
                    self._let_go(parts, taken, now)
            return taken.lacks[0] if taken.lacks else Hold(parts, self._epoch)

    def _refuse_odd(self, parts: Sequence[tuple[Lease, int]]) -> None:
        if any(amount < 0 for _, amount in parts) or len({id(lease) for lease, _ in parts}) != len(parts):
            raise StateError(f"each budget is to be held once, and no amount below 0, not {parts!r}")
        for lease, _ in parts:
            if self._all.get((lease.key, lease.window)) is not lease:
                raise StateError(f"{lease!r} belongs to other leases; ask these for it with 'of'")

    def _shut(self, lease: Lease, amount: int, now: float) -> Lack | None:
        """Say what lacks, where the ledger said a moment ago that there is less than this."""
        lack = lease.lack
        if lack is None or now >= lease.shut_until or amount <= lack.free + max(lease.free, 0):
            return None
        return lack._replace(need=amount)

    def _keep(self, parts: Sequence[tuple[Lease, int]]) -> tuple[list[Want], list[Entry]]:
        """Hold what is here and what is not, and say what is missing; the lock is held."""
        wants, entries = [], []
        for lease, amount in parts:
            spare = max(lease.free, 0)
            lease.free -= amount
            lease.held += amount
            lease.used = True
            if lease.free < 0 and amount:
                self._having[lease.key, lease.window] = lease
                wants.append(self._want(lease, -lease.free, spare))
                if lease.settled:
                    entries.append(self._entry(lease))
        return wants, entries

    def _let_go(self, parts: Sequence[tuple[Lease, int]], taken: Taken | None, now: float) -> None:
        """Undo `_keep`, and remember for a moment what lacked."""
        lacks = {} if taken is None else {(lack.key, lack.window): lack for lack in taken.lacks}
        with self._lock:
            for lease, amount in parts:
                lease.held -= amount
                lease.free += amount
                lack = lacks.get((lease.key, lease.window))
                if lack is not None:
                    lease.lack, lease.shut_until = lack, now + _AGAIN_S

    def _want(self, lease: Lease, need: int, spare: int) -> Want:
        return Want(lease.key, lease.window, lease.limit, need, lease.most, lease.since, spare, self._seq)

    def _entry(self, lease: Lease, back: int = 0) -> Entry:
        return Entry(lease.key, lease.window, lease.settled, self._seq, back)

    def _due(self, lease: Lease, now: float, *, is_old: bool) -> tuple[Entry | None, Want | None]:
        """Say what is to be told of a lease, and what is wanted; what goes back is taken out. The lock is held."""
        if lease.used:
            lease.used, lease.used_at = False, now
        is_idle = now - lease.used_at >= _IDLE_S
        if is_idle or is_old:
            back = max(lease.free, 0)
            lease.free -= back
            lease.low = 0
            if not (lease.settled or back or lease.held or lease.free):
                del self._having[lease.key, lease.window]
            return (self._entry(lease, back) if lease.settled or back else None), None
        if lease.low or lease.free >= lease.limit // 100:
            return None, None
        want = self._want(lease, 0, 0)
        return (self._entry(lease) if lease.settled else None), want

    def _exchange(self, wants: Sequence[Want], entries: Sequence[Entry]) -> Taken:
        """Make one transaction, and take what it changed into memory; where it failed, all is as it was before."""
        taken: Taken | None = None
        try:
            taken = self._ledger.take(wants, entries)
        finally:
            with self._lock:
                for entry in entries:
                    lease = self._having[entry.key, entry.window]
                    if taken is None:
                        lease.free += entry.back
                    else:
                        lease.settled -= entry.settled
                        lease.free += taken.excess[entry.key, entry.window]
                for place, amount in () if taken is None else taken.granted.items():
                    lease = self._having[place]
                    lease.free += amount
                    lease.low = max(amount // 4, 0)
        return taken
