"""The ledger of leases: which process may hold and spend how much of which budget, exact after any crash."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from sqlite3 import Connection
from types import TracebackType
from typing import Self

import numpy as np

from selector.errors import StateError
from selector.store import _ledger_rows as rows
from selector.store._ledger_books import Books, check, end, free_of
from selector.store._ledger_rows import Account, LeaseRow
from selector.store._ledger_sql import Database
from selector.store._ledger_terms import Entry, Lack, Others, Reclaimed, Taken, Want, charge, empty
from selector.store._locks import reset_in_child

__all__ = ["LEDGER", "Ledger", "boot_id"]

LEDGER = "ledger.sqlite"


def boot_id() -> str:
    """Name this start of the machine; an empty name where the system does not tell, which is like no other."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


class _FoundDeadError(Exception):
    """A budget lacks, and a dead process has some of it: nothing is changed until that is taken back."""


class Ledger:
    """What every process may spend of every budget, in one file; make it with `Ledger.open`.

    Each call is one transaction that survives a power cut when it returns, so that it is meant for blocks, not for
    calls: `Leases` makes the holds of one process out of them. In every state that can be read, what is leased is the
    sum of the leases, and what is spent and leased together is within the limit that applied when it was granted,
    unless a call cost more than was held for it, or the limit was lowered.

    Examples
    --------
    >>> import tempfile
    >>> from selector.store import Ledger, Others, Want
    >>> folder = tempfile.TemporaryDirectory()
    >>> others = Others(is_alive=lambda owner: False, settled_of=lambda lease: None)
    >>> ledger = Ledger.open(folder.name, lambda: "ann", others)
    >>> ledger.take([Want("day", 0, limit=1_000, need=60, most=500)]).granted
    {('day', 0): 60}
    >>> [(each.spent, each.leased, each.free) for each in ledger.accounts()]
    [(0, 60, 940)]
    >>> ledger.close(); folder.cleanup()
    """

    def __init__(self, database: Database, owner: Callable[[], str], others: Others, boot: str) -> None:
        self._database, self._name, self._others, self._boot = database, owner, others, boot
        self._owner: str | None = None

    @classmethod
    def open(
        cls,
        folder: str | Path,
        owner: Callable[[], str],
        others: Others,
        *,
        clock: Callable[[], float] = time.monotonic,
        rng: np.random.Generator | None = None,
        boot: str | None = None,
    ) -> Ledger:
        """Open the ledger of a state folder, make it where it is missing, and take back what the dead still have.

        Parameters
        ----------
        folder
            The state folder.
        owner
            Gives the name under which this process writes, once it holds the lock that proves that it lives; asked at
            the first lease, and again in a forked child.
        others
            What can be known of other processes.
        clock
            Seconds that never go back.
        rng
            For the short sleeps while another process writes; None: a generator of its own.
        boot
            Which start of the machine this is; None: what the system says.

        Returns
        -------
        Ledger
            The open ledger.

        Raises
        ------
        StateError
            If it is damaged, locked for too long, or cannot be written.
        SchemaVersionError
            If a newer version wrote it.
        """
        database = Database(Path(folder) / LEDGER, clock, rng or np.random.default_rng())
        ledger = cls(database, owner, others, boot_id() if boot is None else boot)
        try:
            database.transact(check)
            ledger.reclaim()
        except StateError:
            database.close()
            raise
        reset_in_child(ledger)
        return ledger

    def __repr__(self) -> str:
        return f"Ledger({str(self._database.path)!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def owner(self) -> str:
        """The name under which this process has its leases."""
        if self._owner is None:
            self._owner = self._name()
        return self._owner

    def take(self, wants: Sequence[Want], entries: Sequence[Entry] = ()) -> Taken:
        """Book what was told, and grant a block of every budget or of none.

        Where one lacks, what dead processes still have is taken back first. Where it lacks all the same, nothing is
        granted, what was told is booked, and what the caller has unused of those that lack goes back, so that what
        is too little for each of several processes may be enough for one.

        Parameters
        ----------
        wants
            What is wanted, each budget once.
        entries
            What is told of the caller's own leases, each once.

        Returns
        -------
        Taken
            What was granted, or what lacks.

        Raises
        ------
        StateError
            If nothing was changed, because the file was locked, is damaged, or the disk did not take it.
        """
        _ = self.owner  # a new name is a file that is written: not within the transaction
        take = partial(self._take, wants=wants, entries=entries)
        try:
            return self._database.transact(partial(take, final=False))
        except _FoundDeadError:
            self.reclaim()
        return self._database.transact(partial(take, final=True))

    def leave(self, entries: Sequence[Entry]) -> None:
        """Book what was told last, and give back everything else that this process has.

        Parameters
        ----------
        entries
            What is told; calls in flight are to be in ``settled``, at what they can cost at most.

        Raises
        ------
        StateError
            If nothing was changed; then others take it back once this process has ended.
        """
        owner = self.owner

        def body(connection: Connection) -> None:
            books = Books(connection, owner, self._boot)
            for entry in entries:
                books.book(entry)
            for row in rows.leases(connection, owner):
                end(connection, row, charged=0)

        self._database.transact(body)

    def correct(self, deltas: Sequence[tuple[str, int, int]]) -> None:
        """Change what is spent: a call turned out to have cost more, or less, than what was settled for it.

        Parameters
        ----------
        deltas
            Budget, window, and by how much; spending never falls below nothing. A line of the journal that says so is
            no settlement, and `settled_of` leaves it out.

        Raises
        ------
        StateError
            If nothing was changed.
        """

        def body(connection: Connection) -> None:
            for key, window, delta in deltas:
                found = rows.account(connection, key, window) or empty(key, window, 0)
                rows.put_account(connection, found._replace(spent=max(found.spent + delta, 0)))

        self._database.transact(body)

    def free(self, wants: Sequence[Want]) -> list[int]:
        """Say what is left of each budget that nobody has.

        Raises
        ------
        StateError
            If it cannot be read.
        """
        return self._database.read(lambda connection: [free_of(connection, want) for want in wants])

    def owe(self, wants: Sequence[Want]) -> None:
        """See to it that at least what each want needs counts as spent or leased: the log has it, the ledger may not.

        A budget may have been soft, or have had another name or window, when it was spent; or the file is new. Of a
        budget of which another process has a lease nothing is missing but what that process is about to tell.

        Parameters
        ----------
        wants
            ``need`` is what the log has of a budget.

        Raises
        ------
        StateError
            If nothing was changed.
        """

        def body(connection: Connection) -> None:
            for want in wants:
                if any(owner != self._owner for owner in rows.owners(connection, want.key)):
                    continue
                found = rows.account(connection, want.key, want.window) or empty(want.key, want.window, want.limit)
                counted = [found] if want.since is None else rows.since(connection, want.key, want.since)
                known = sum(each.spent + each.leased - (0 if want.since is None else each.extra) for each in counted)
                if want.need > known:
                    rows.put_account(connection, found._replace(spent=found.spent + want.need - known))

        self._database.transact(body)

    def adjust(self, key: str, window: int, delta: int, configured: int) -> Account:
        """Raise or lower the limit of one window by hand.

        Parameters
        ----------
        key, window
            Which budget, and which window of it.
        delta
            By how much; where the window rolls, for as long as this part of it counts.
        configured
            The configured limit, for a window in which nobody has spent.

        Returns
        -------
        Account
            The window as it is now.

        Raises
        ------
        StateError
            If nothing was changed.
        """

        def body(connection: Connection) -> Account:
            found = rows.account(connection, key, window) or empty(key, window, configured)
            changed = found._replace(extra=found.extra + delta)
            rows.put_account(connection, changed)
            return changed

        return self._database.transact(body)

    def accounts(self) -> list[Account]:
        """Read every window of every budget.

        Returns
        -------
        list of Account
            By key, then by window. What processes spent since they last told is in ``leased``.

        Raises
        ------
        StateError
            If it cannot be read.
        """
        return self._database.read(lambda connection: list(rows.accounts(connection)))

    def leases(self) -> list[LeaseRow]:
        """Read every lease, of the dead as well."""
        return self._database.read(rows.leases)

    def forget(self, before: int) -> int:
        """Drop the windows that began before a moment and of which nobody has a lease; tell how many."""
        sql = "DELETE FROM budget WHERE window > 0 AND window < ? AND leased = 0"
        return self._database.transact(lambda connection: connection.execute(sql, (before,)).rowcount)

    def reclaim(self) -> list[Reclaimed]:
        """Take back the leases of processes that have died.

        A process that lives keeps its lease, however long it has been stopped. Of one that died since the machine was
        started, what it settled and what its calls in flight can have cost is charged. Of one that died with the
        machine, or whose journal cannot be believed, the whole lease is charged.

        Returns
        -------
        list of Reclaimed
            What was taken back.

        Raises
        ------
        StateError
            If it could not be written; what was taken back until then stays so.
        """
        mine, alive = self._owner, dict[str, bool]()
        found: list[Reclaimed] = []
        for row in self._database.read(rows.leases):
            if row.owner == mine:
                continue
            if row.owner not in alive:
                alive[row.owner] = self._others.is_alive(row.owner)
            if not alive[row.owner]:
                known = self._others.settled_of(row) if row.boot_id == self._boot and self._boot else None
                charged = charge(row.granted, known)
                if self._database.transact(partial(end, row=row, charged=charged)):
                    found.append(
                        Reclaimed(row.owner, row.key, row.window, row.granted, charged, is_known=known is not None)
                    )
        return found

    def close(self) -> None:
        """Close the file; what this process has stays its own until it ends, unless `leave` gave it back."""
        self._database.close()

    def after_fork(self) -> None:
        """Forget the parent's name: the child has no leases, and takes its own under a name of its own."""
        self._owner = None

    def _take(self, connection: Connection, wants: Sequence[Want], entries: Sequence[Entry], *, final: bool) -> Taken:
        books = Books(connection, self.owner, self._boot)
        excess = {(each.key, each.window): books.book(each) for each in entries}
        free = [free_of(connection, want) for want in wants]
        lacks = [
            Lack(want.key, want.window, want.need + want.spare, room + want.spare, want.limit)
            for want, room in zip(wants, free, strict=True)
            if want.need > max(room, 0)
        ]
        if not lacks:
            granted = {
                (want.key, want.window): books.grant(want, want.block(room))
                for want, room in zip(wants, free, strict=True)
            }
            return Taken(granted, (), excess)
        if not final and self._any_dead(connection, {each.key for each in lacks}):
            raise _FoundDeadError
        lacking = {(each.key, each.window) for each in lacks}
        back = {
            (want.key, want.window): books.grant(want, -want.spare)
            for want in wants
            if (want.key, want.window) in lacking
        }
        lacks.sort(key=lambda each: each.free / max(each.limit, 1))
        return Taken(back, tuple(lacks), excess)

    def _any_dead(self, connection: Connection, keys: set[str]) -> bool:
        others = {other for key in keys for other in rows.owners(connection, key)} - {self.owner}
        return any(not self._others.is_alive(other) for other in sorted(others))
