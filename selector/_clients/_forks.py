"""Selectors that live while a process is forked."""

from __future__ import annotations

import os
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
_STANDING: list[Forkable] = []


def _before() -> None:
    for each in list(FORKS):
        each.before_fork()
        _STANDING.append(each)


def _in_parent() -> None:
    while _STANDING:
        _STANDING.pop().after_fork_in_parent()


def _in_child() -> None:
    while _STANDING:
        _STANDING.pop().after_fork()


os.register_at_fork(before=_before, after_in_parent=_in_parent, after_in_child=_in_child)
