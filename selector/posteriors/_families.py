"""Families of task types, read off their names: `bbh/navigate` and `bbh/snarks` are two of `bbh`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from selector.posteriors._evidence import Floats, Ints

__all__ = ["Families", "Level"]


@dataclass(frozen=True, slots=True, eq=False)
class Level:
    """The nodes of one depth of the paths."""

    parent: Ints
    """Which node each one below belongs to, shape (n_below,)."""
    member: Floats
    """The same as ones and zeros, shape (n_nodes, n_below)."""
    several: Floats
    """1 for a family of several, 0 for a node that only passes on what is below; shape (n_nodes, 1)."""


@dataclass(frozen=True, slots=True, eq=False)
class Families:
    """What lies between a model and a task type: levels from the deepest to the widest, none if no name has a slash.

    A family holds at least two task types and not all of them: what all have in common is the model's ability. A
    type may be a family's head: ``coding`` belongs to the family of ``coding/python``.

    Examples
    --------
    >>> [level] = Families.of(["bbh/navigate", "chat", "bbh/snarks"]).levels
    >>> level.member.tolist(), level.several.ravel().tolist()
    ([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]], [1.0, 0.0])
    """

    levels: tuple[Level, ...] = ()

    @classmethod
    def of(cls, names: Sequence[str]) -> Families:
        """Read the families off the task types' names, whose parts are parted by slashes."""
        below = [tuple(name.split("/")) for name in names]
        levels = []
        for depth in range(max(map(len, below), default=1) - 1, 0, -1):
            nodes = list(dict.fromkeys(path[:depth] for path in below))
            places = {node: i for i, node in enumerate(nodes)}
            parent = np.array([places[path[:depth]] for path in below])
            member = np.equal.outer(np.arange(len(nodes)), parent).astype(float)
            several = (member.sum(1, keepdims=True) > 1) & (len(nodes) > 1)
            if several.any():
                levels.append(Level(parent, member, several.astype(float)))
                below = nodes
        return cls(tuple(levels))
