"""Locks that a process holds for as long as it lives, and what a forked child must let go."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from typing import Protocol
from weakref import WeakSet

__all__ = ["held", "hold", "let_go", "reset_in_child"]


class Resettable(Protocol):
    """What holds descriptors or locks of threads, of which a forked child has only a copy."""

    def after_fork(self) -> None:
        """Close what was inherited and forget what the parent was about to write."""


_LIVING: WeakSet[Resettable] = WeakSet()


def _reset_all() -> None:
    for each in list(_LIVING):
        each.after_fork()


os.register_at_fork(after_in_child=_reset_all)


def reset_in_child(thing: Resettable) -> None:
    """Call its `after_fork` in every child that is forked while it lives."""
    _LIVING.add(thing)


def hold(path: Path, *, create: bool = True, wait: bool = False, shared: bool = False) -> int | None:
    """Take the lock of a file, and give its descriptor; None while another holds it.

    Parameters
    ----------
    path
        The file; it need not be writable.
    create
        Whether to make it where it is missing.
    wait
        Whether to wait for the lock.
    shared
        Whether others may hold it too, if they share it as well.

    Returns
    -------
    int or None
        The descriptor that holds the lock until `let_go` or until the process ends.
    """
    flags = os.O_RDWR | os.O_CREAT if create else os.O_RDONLY
    fd = os.open(path, flags | os.O_CLOEXEC, 0o600)
    if create:
        os.fchmod(fd, 0o600)
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        os.close(fd)
        return None
    return fd


def let_go(fd: int) -> None:
    """Release the lock, also where a forked child still has a copy of the descriptor, and close it."""
    fcntl.flock(fd, fcntl.LOCK_UN)
    os.close(fd)


def held(path: Path) -> bool:
    """Tell whether a living process holds the lock of a file; nobody holds what is not there."""
    try:
        fd = hold(path, create=False)
    except FileNotFoundError:
        return False
    if fd is None:
        return True
    let_go(fd)
    return False
