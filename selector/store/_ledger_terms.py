"""What is asked of the ledger of leases, and what it answers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from selector.store._ledger_rows import Account, LeaseRow

__all__ = ["Entry", "Known", "Lack", "Others", "Place", "Reclaimed", "Taken", "Want"]

Place = tuple[str, int]
"""One window of one budget: the budget's key, and when the window began."""


class Want(NamedTuple):
    """How much of a budget one process would like to hold from.

    Examples
    --------
    >>> Want("day", window=0, limit=10_000, need=50, most=1_000).block(free=8_000)
    100
    """

    key: str
    """Which budget; with ``/`` and a value where there is one for each value."""
    window: int
    """When the window began, a whole number that later windows have more of; 0 for one that never ends."""
    limit: int
    """The configured limit."""
    need: int
    """The least that is of use now, beyond what the process has."""
    most: int
    """The most that it would soon spend."""
    since: int | None = None
    """The first window that counts against the limit, where one rolls; None: this window alone counts."""
    spare: int = 0
    """What the process has of it unused, and gives back where it cannot have the rest."""
    seq: int = 0
    """The number of the process's last settlement: what it settled until then is told already, or told with this."""

    def block(self, free: int) -> int:
        """Say how much of what is free should be granted, if the need is not more than that."""
        return max(self.need, min(free // 16, self.limit // 100, self.most), 0)


class Entry(NamedTuple):
    """What a process tells of its own lease."""

    key: str
    """Which budget."""
    window: int
    """Which window of it."""
    settled: int
    """What it spent of the lease since it last told."""
    seq: int
    """The number of the last settlement that is in what it told."""
    back: int = 0
    """What it gives back unused."""


class Lack(NamedTuple):
    """A budget that has too little left."""

    key: str
    """Which budget."""
    window: int
    """Which window of it."""
    need: int
    """What was needed, with what the process had of it."""
    free: int
    """What there was, with what the process had of it."""
    limit: int
    """The limit."""


class Taken(NamedTuple):
    """What a transaction changed."""

    granted: Mapping[Place, int]
    """By how much each lease grew; where something lacks, none grew, and those that lack gave back what was unused."""
    lacks: tuple[Lack, ...]
    """What lacks, the tightest first; empty if all was granted."""
    excess: Mapping[Place, int]
    """How much more was spent than the lease had left; it is booked in full."""


class Known(NamedTuple):
    """What the journal of a dead process says of one lease."""

    settled: int
    """What it settled since the number that the lease names."""
    held: int
    """The most that its calls in flight can have cost."""


class Others(NamedTuple):
    """What a process can know of the others that share a ledger."""

    is_alive: Callable[[str], bool]
    """Tells whether the process that writes under a name lives, stopped or not."""
    settled_of: Callable[[LeaseRow], Known | None]
    """Reads in a dead process's journal what it settled of a lease in lines with a number above ``lease.seq``, and what
    its calls in flight can have cost; None where the journal, or a part of it, is missing or damaged."""


class Reclaimed(NamedTuple):
    """A lease of a dead process, and what became of it."""

    owner: str
    """Whose it was."""
    key: str
    """Of which budget."""
    window: int
    """Of which window."""
    granted: int
    """How much it was."""
    charged: int
    """How much of it is charged as spent; the rest is free again."""
    is_known: bool
    """Whether its journal said what was spent; else all of it was charged."""


def charge(granted: int, known: Known | None) -> int:
    """Say how much of a dead process's lease counts as spent.

    Parameters
    ----------
    granted
        The lease.
    known
        What its journal says; None: nothing that can be believed.

    Returns
    -------
    int
        All of it where nothing is known. Else what was settled, in full even beyond the lease, and what was held as far
        as the lease could cover it: a hold is never made beyond the lease, so more is one that was settled meanwhile.

    Examples
    --------
    >>> charge(100, None), charge(100, Known(30, 20)), charge(100, Known(90, 20)), charge(100, Known(120, 20))
    (100, 50, 100, 120)
    """
    return granted if known is None else max(known.settled, min(known.settled + known.held, granted))


def empty(key: str, window: int, limit: int) -> Account:
    """Make the account of a window that nobody has spent in."""
    return Account(key, window, limit, 0, 0, 0)
