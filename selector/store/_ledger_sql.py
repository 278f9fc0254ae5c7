"""The ledger's database: one transaction at a time, begun by hand, tried again a little later while another writes."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TypeVar
from weakref import WeakSet

import numpy as np

from selector.errors import SchemaVersionError, StateError

__all__ = ["VERSION", "Database"]

VERSION = 1
_PATIENCE_S = 2.0
_PAUSE_S = 0.004
_BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_REMEDIES = {
    sqlite3.SQLITE_FULL: "the disk is full; make room",
    sqlite3.SQLITE_IOERR: "the disk did not take it; make room, and look at the disk",
    sqlite3.SQLITE_READONLY: "it cannot be written; give write access to the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; give write access to the folder, and make room",
    sqlite3.SQLITE_CORRUPT: "it is damaged; close every process and move the file aside",
    sqlite3.SQLITE_NOTADB: "it is no database; close every process and move the file aside",
}
_SETTINGS = ("synchronous=FULL", "wal_autocheckpoint=1000", "temp_store=MEMORY")
_TABLES = (
    """CREATE TABLE budget (
        key TEXT NOT NULL, window INTEGER NOT NULL, lim INTEGER NOT NULL, extra INTEGER NOT NULL,
        spent INTEGER NOT NULL, leased INTEGER NOT NULL, crc INTEGER NOT NULL, PRIMARY KEY (key, window)
    ) WITHOUT ROWID""",
    """CREATE TABLE lease (
        owner TEXT NOT NULL, key TEXT NOT NULL, window INTEGER NOT NULL, boot_id TEXT NOT NULL,
        granted INTEGER NOT NULL, folded INTEGER NOT NULL, seq INTEGER NOT NULL, crc INTEGER NOT NULL,
        PRIMARY KEY (owner, key, window)
    ) WITHOUT ROWID""",
    "CREATE INDEX lease_of ON lease (key, window)",
    f"PRAGMA user_version={VERSION}",
)
_LIVING: WeakSet[Database] = WeakSet()
_Found = TypeVar("_Found")


class _Fork:
    """No connection is open while a process forks: the child would believe that it holds its parent's locks."""

    def __init__(self) -> None:
        self._standing: list[Database] = []

    def before(self) -> None:
        """Let every transaction end, begin no other, and close the connections."""
        for each in list(_LIVING):
            each.stand_still()
            self._standing.append(each)

    def after(self) -> None:
        """Go on, in the parent as in the child; each opens a connection of its own at its next transaction."""
        while self._standing:
            self._standing.pop().go_on()


_FORK = _Fork()
os.register_at_fork(before=_FORK.before, after_in_parent=_FORK.after, after_in_child=_FORK.after)


class Database:
    """A SQLite file that several processes write, each transaction on the disk when `transact` returns.

    SQLite's own waiting lets some processes starve: here a process that finds the file locked sleeps for a random
    time of at most four milliseconds and tries again, for two seconds.

    Parameters
    ----------
    path
        The file; it is made, with mode 0600, where it is missing.
    clock
        Seconds that never go back, for the two seconds.
    rng
        For the sleeps.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     database = Database(Path(folder, "ledger.sqlite"), time.monotonic, np.random.default_rng(1))
    ...     database.transact(lambda c: c.execute("SELECT count(*) FROM budget").fetchone())
    ...     database.close()
    (0,)
    """

    def __init__(self, path: Path, clock: Callable[[], float], rng: np.random.Generator) -> None:
        self._path, self._clock, self._rng = path, clock, rng
        self._door = Lock()
        self._connection: sqlite3.Connection | None = None
        self._closed = False
        _LIVING.add(self)

    @property
    def path(self) -> Path:
        """Which file it is."""
        return self._path

    def transact(self, body: Callable[[sqlite3.Connection], _Found]) -> _Found:
        """Do something in one transaction, or nothing of it.

        Parameters
        ----------
        body
            What is done; it may be called again where the file was locked, and what it raises undoes it.

        Returns
        -------
        object
            What the body returned, once it is on the disk.

        Raises
        ------
        StateError
            If the file was locked for too long, is damaged, or the disk did not take it.
        SchemaVersionError
            If a newer version wrote it.
        """
        return self._patiently(body, "BEGIN IMMEDIATE")

    def read(self, body: Callable[[sqlite3.Connection], _Found]) -> _Found:
        """Read something as it stands at one moment, beside whoever writes; raises as `transact` does."""
        return self._patiently(body, "BEGIN")

    def _patiently(self, body: Callable[[sqlite3.Connection], _Found], begin: str) -> _Found:
        with self._door:
            until = self._clock() + _PATIENCE_S
            while True:
                try:
                    return self._once(body, begin)
                except (sqlite3.Error, OSError) as error:
                    if _code(error) not in _BUSY:
                        self._drop()
                        raise self._refused(error) from error
                    if self._clock() >= until:
                        raise StateError(
                            f"{self._path} was locked by other processes for {_PATIENCE_S:g} s; try again, and end a "
                            "process that is stopped in the middle of a write"
                        ) from error
                time.sleep(self._rng.uniform(0.0, _PAUSE_S))

    def close(self) -> None:
        """Close the file; twice is as good as once."""
        with self._door:
            self._closed = True
            self._drop()
        _LIVING.discard(self)

    def stand_still(self) -> None:
        """Wait for the transaction under way, and close the connection until `go_on`."""
        self._door.acquire()
        self._drop()

    def go_on(self) -> None:
        """Let transactions begin again."""
        self._door.release()

    def _once(self, body: Callable[[sqlite3.Connection], _Found], begin: str) -> _Found:
        connection = self._connection or self._connect()
        connection.execute(begin)
        try:
            found = body(connection)
            connection.execute("COMMIT")
        finally:
            if connection.in_transaction:
                with suppress(sqlite3.Error):
                    connection.execute("ROLLBACK")
        return found

    def _connect(self) -> sqlite3.Connection:
        if self._closed:
            raise StateError(f"{self._path} is closed; open it again")
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        os.close(fd)
        connection = sqlite3.connect(self._path, isolation_level=None, timeout=0, check_same_thread=False)
        whole = False
        try:
            self._prepare(connection)
            whole = True
        finally:
            if not whole:
                connection.close()
        self._connection = connection
        return connection

    def _prepare(self, connection: sqlite3.Connection) -> None:
        self._known(connection)
        connection.execute("PRAGMA journal_mode=WAL")
        for setting in _SETTINGS:
            connection.execute(f"PRAGMA {setting}")
        connection.execute("BEGIN IMMEDIATE")
        if not self._known(connection):
            for statement in _TABLES:
                connection.execute(statement)
        connection.execute("COMMIT")

    def _known(self, connection: sqlite3.Connection) -> bool:
        """Tell whether the tables are there; a newer version's are left as they are."""
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > VERSION:
            raise SchemaVersionError(
                f"{self._path} has format {version} and this version of selector writes format {VERSION}; upgrade "
                "selector"
            )
        return bool(version)

    def _drop(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(sqlite3.Error):
                connection.close()

    def _refused(self, error: sqlite3.Error | OSError) -> StateError:
        if isinstance(error, OSError):
            return StateError(f"{self._path}: {error.strerror or error}; make room, or give write access")
        code = _code(error)
        remedy = _REMEDIES.get(-1 if code is None else code, "close every process, and look at the file and its folder")
        return StateError(f"{self._path}: {error}: {remedy}")


def _code(error: Exception) -> int | None:
    """Give SQLite's primary code of an error."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    return None if code is None else code & 0xFF
