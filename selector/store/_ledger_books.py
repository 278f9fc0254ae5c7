"""What changes in the ledger's rows within one transaction: a lease grows, is told of, or ends."""

from __future__ import annotations

from sqlite3 import Connection

from selector.errors import StateError
from selector.store import _ledger_rows as rows
from selector.store._ledger_rows import LeaseRow
from selector.store._ledger_terms import Entry, Place, Want, empty

__all__ = ["Books", "check", "end", "free_of"]

_UNEVEN = (
    "the ledger's leases of {key!r} are not what its account says: the file is damaged; close every process, move "
    "ledger.sqlite aside, and set what was spent with 'selector budget adjust'"
)


class Books:
    """One process's side of the ledger, within one transaction.

    Parameters
    ----------
    connection
        In which the transaction is under way.
    owner
        The name under which the process has its leases.
    boot
        Which start of the machine this is.
    """

    def __init__(self, connection: Connection, owner: str, boot: str) -> None:
        self._connection, self._owner, self._boot = connection, owner, boot

    def grant(self, want: Want, amount: int) -> int:
        """Let a lease grow, or shrink by what was not used of it; give by how much it did."""
        found = rows.account(self._connection, want.key, want.window) or empty(want.key, want.window, want.limit)
        lease = self._lease(want)
        amount = max(amount, -lease.granted)
        if not amount:
            return 0
        rows.put_account(self._connection, found._replace(limit=want.limit, leased=found.leased + amount))
        rows.put_lease(self._connection, lease._replace(granted=lease.granted + amount, boot_id=self._boot))
        return amount

    def book(self, entry: Entry) -> int:
        """Book what was told of a lease; give by how much it was more than the lease."""
        found = rows.account(self._connection, entry.key, entry.window) or empty(entry.key, entry.window, 0)
        lease = self._lease(entry)
        gone = min(entry.settled + entry.back, lease.granted)
        rows.put_account(
            self._connection, found._replace(spent=found.spent + entry.settled, leased=found.leased - gone)
        )
        left, folded = lease.granted - gone, lease.folded + entry.settled
        told = lease._replace(granted=left, folded=folded, seq=max(lease.seq, entry.seq))
        rows.put_lease(self._connection, told)
        return entry.settled + entry.back - gone

    def _lease(self, told: Want | Entry) -> LeaseRow:
        found = rows.lease(self._connection, self._owner, told.key, told.window)
        return found or LeaseRow(self._owner, told.key, told.window, self._boot, 0, 0, told.seq)


def free_of(connection: Connection, want: Want) -> int:
    """Say what is left of a budget that nobody has: of one window, or of all that a rolling one reaches back to."""
    if want.since is None or want.since >= want.window:
        found = rows.account(connection, want.key, want.window)
        return (found._replace(limit=want.limit) if found else empty(want.key, want.window, want.limit)).free
    counted = rows.since(connection, want.key, want.since)
    return want.limit + sum(each.extra - each.spent - each.leased for each in counted)


def end(connection: Connection, row: LeaseRow, charged: int) -> bool:
    """End a lease, if it is as it was when it was looked at: some of it is spent, the rest free again."""
    if rows.lease(connection, row.owner, row.key, row.window) != row:
        return False
    found = rows.account(connection, row.key, row.window) or empty(row.key, row.window, 0)
    rows.put_account(connection, found._replace(spent=found.spent + charged, leased=found.leased - row.granted))
    rows.drop_lease(connection, row)
    return True


def check(connection: Connection) -> None:
    """Look at every row's checksum, and whether what is leased is the sum of the leases."""
    leased: dict[Place, int] = {}
    for row in rows.leases(connection):
        place = (row.key, row.window)
        leased[place] = leased.get(place, 0) + row.granted
    for each in rows.accounts(connection):
        if each.leased != leased.pop((each.key, each.window), 0):
            raise StateError(_UNEVEN.format(key=each.key))
    for key, _ in leased:
        raise StateError(_UNEVEN.format(key=key))
