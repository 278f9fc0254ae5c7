"""The rows of the ledger, each with its checksum: how much of a budget is spent, and who may hold how much of it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import NamedTuple
from zlib import crc32

from selector.errors import StateError

__all__ = [
    "Account",
    "LeaseRow",
    "account",
    "accounts",
    "drop_lease",
    "lease",
    "leases",
    "owners",
    "put_account",
    "put_lease",
    "since",
]


class Account(NamedTuple):
    """One window of one budget, in whole numbers: nano-dollars for money."""

    key: str
    """Which budget, and of which value where there is one for each."""
    window: int
    """When the window began; 0: it never ends."""
    limit: int
    """The limit that was configured when a lease was last taken."""
    extra: int
    """What was added to it by hand for this window, or taken from it where negative."""
    spent: int
    """What is known to be spent."""
    leased: int
    """What processes may hold and spend."""

    @property
    def free(self) -> int:
        """What may still be leased, if no other window counts."""
        return self.limit + self.extra - self.spent - self.leased


class LeaseRow(NamedTuple):
    """The block of one window of one budget that one process may hold from."""

    owner: str
    """The name that the process writes under."""
    key: str
    """Which budget."""
    window: int
    """Which window of it."""
    boot_id: str
    """Under which start of the machine it was granted."""
    granted: int
    """What it may still hold and spend."""
    folded: int
    """What it spent of it that the account has already, since it has this lease."""
    seq: int
    """The number of the last settlement that the account has already."""


def _sum(values: Sequence[object]) -> int:
    return crc32(repr(tuple(values)).encode())


def _whole(table: str, found: Sequence[object]) -> Sequence[object]:
    if _sum(found[:-1]) != found[-1]:
        raise StateError(
            f"the ledger's {table} row {found[0]!r}, {found[1]!r} does not have its checksum: the file is damaged; "
            "close every process, move ledger.sqlite aside, and set what was spent with 'selector budget adjust'"
        )
    return found[:-1]


def account(connection: sqlite3.Connection, key: str, window: int) -> Account | None:
    """Read one window of one budget."""
    found = connection.execute("SELECT * FROM budget WHERE key = ? AND window = ?", (key, window)).fetchone()
    return None if found is None else Account(*_whole("budget", found))  # type: ignore[arg-type]  # as it was written


def since(connection: sqlite3.Connection, key: str, first: int) -> list[Account]:
    """Read the windows of one budget that began at a moment or later."""
    found = connection.execute("SELECT * FROM budget WHERE key = ? AND window >= ?", (key, first))
    return [Account(*_whole("budget", each)) for each in found]  # type: ignore[arg-type]  # as it was written


def accounts(connection: sqlite3.Connection) -> Iterator[Account]:
    """Read every window of every budget."""
    for each in connection.execute("SELECT * FROM budget ORDER BY key, window"):
        yield Account(*_whole("budget", each))  # type: ignore[arg-type]  # as it was written


def put_account(connection: sqlite3.Connection, row: Account) -> None:
    """Write one window of one budget."""
    connection.execute("INSERT OR REPLACE INTO budget VALUES (?, ?, ?, ?, ?, ?, ?)", (*row, _sum(row)))


def lease(connection: sqlite3.Connection, owner: str, key: str, window: int) -> LeaseRow | None:
    """Read one lease."""
    sql = "SELECT * FROM lease WHERE owner = ? AND key = ? AND window = ?"
    found = connection.execute(sql, (owner, key, window)).fetchone()
    return None if found is None else LeaseRow(*_whole("lease", found))  # type: ignore[arg-type]  # as it was written


def leases(connection: sqlite3.Connection, owner: str | None = None) -> list[LeaseRow]:
    """Read every lease, or those of one owner."""
    sql = "SELECT * FROM lease WHERE ?1 IS NULL OR owner = ?1 ORDER BY owner, key, window"
    found = connection.execute(sql, (owner,))
    return [LeaseRow(*_whole("lease", each)) for each in found]  # type: ignore[arg-type]  # as it was written


def owners(connection: sqlite3.Connection, key: str) -> list[str]:
    """Say who has leases of a budget."""
    return [owner for (owner,) in connection.execute("SELECT DISTINCT owner FROM lease WHERE key = ?", (key,))]


def put_lease(connection: sqlite3.Connection, row: LeaseRow) -> None:
    """Write one lease, or drop it where nothing is left of it."""
    if row.granted:
        connection.execute("INSERT OR REPLACE INTO lease VALUES (?, ?, ?, ?, ?, ?, ?, ?)", (*row, _sum(row)))
    else:
        drop_lease(connection, row)


def drop_lease(connection: sqlite3.Connection, row: LeaseRow) -> None:
    """Drop one lease."""
    connection.execute("DELETE FROM lease WHERE owner = ? AND key = ? AND window = ?", row[:3])
