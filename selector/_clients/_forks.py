"""Selectors that live while a process is forked."""

from __future__ import annotations

import os
from threading import Lock
from typing import Protocol
from weakref import WeakSet

__all__ = ["FORKS"]


class Forkable(Protocol):
    """What must stand still while a process is forked, and begin anew in the child."""

    def before_fork(self) -> None:
        """Stand still."""

    def after_fork_in_parent(self) -> None:
        """Go on."""

    def after_fork(self) -> None:
        """Begin anew."""


FORKS: WeakSet[Forkable] = WeakSet()


class _Fork:
    """One fork at a time: what one thread's fork let stand still, another's must not let go."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._standing: list[Forkable] = []

    def before(self) -> None:
        """Let everything stand still."""
        self._lock.acquire()
        for each in list(FORKS):
            each.before_fork()
            self._standing.append(each)

    def in_parent(self) -> None:
        """Let everything go on."""
        while self._standing:
            self._standing.pop().after_fork_in_parent()
        self._lock.release()

    def in_child(self) -> None:
        """Begin everything anew."""
        while self._standing:
            self._standing.pop().after_fork()
        self._lock = Lock()


_FORK = _Fork()
os.register_at_fork(before=_FORK.before, after_in_parent=_FORK.in_parent, after_in_child=_FORK.in_child)
