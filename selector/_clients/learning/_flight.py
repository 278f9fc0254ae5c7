"""Decisions whose cost is not known yet: what they are expected to cost, and what is held for them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from selector._clients.learning._book import Entry
from selector._clients.money._budget import Budget
from selector._clients.money._parts import Amounts
from selector.budgets import InFlight

__all__ = ["Flight", "Open"]

_MOST_OPEN = 5_000  # decisions without a hold that the next process counts as being under way


class Open(NamedTuple):
    """What is to be known of a decision that has no cost yet, and is not at hand."""

    at_s: float
    held: Amounts
    usd: float
    keys: tuple[str, ...] = ()

    @classmethod
    def of(cls, entry: Entry) -> Open:
        """Keep of a decision what is to be known."""
        return cls(entry.at_s, entry.held, entry.expected_usd or 0.0, entry.keys)


class Flight:
    """Decisions under way.

    Parameters
    ----------
    entries
        Decisions at hand.
    budget
        Where their holds are.

    Attributes
    ----------
    ids
        What each is expected to cost, by id, the oldest first.
    usd
        The sum.
    left
        Those of another process, which are not at hand.
    """

    def __init__(self, entries: Mapping[str, Entry], budget: Budget) -> None:
        self._entries, self._budget = entries, budget
        self.ids: dict[str, float] = {}
        self.usd = 0.0
        self.left: dict[str, Open] = {}

    @property
    def now(self) -> InFlight:
        """How many there are, and what they are expected to cost."""
        return InFlight(len(self.ids), max(self.usd, 0.0))

    def begin(self, id_: str, usd: float) -> None:
        """Count a decision in."""
        self.ids[id_] = usd
        self.usd += usd

    def land(self, id_: str) -> None:
        """Count it no longer."""
        self.usd -= self.ids.pop(id_, 0.0)
        self.left.pop(id_, None)

    def expire(self, id_: str) -> Open | None:
        """Book a hold in place of a usage that never came, and give what it was."""
        entry, left = self._entries.get(id_), self.left.get(id_)
        self.land(id_)
        if entry is not None:
            entry.is_open, entry.charged, left = False, entry.held, Open.of(entry)
            entry.charged_by = dict.fromkeys(entry.keys, entry.held)
        if left is None:
            return None
        self._budget.settle(left.held, left.held, left.at_s, left.usd, dict.fromkeys(left.keys, left.held))
        return left

    def dump(self) -> list[list[Any]]:
        """Write them down for `load`: every one with a hold, and of the others the newest."""
        found = []
        for id_ in self.ids:
            entry = self._entries.get(id_)
            left = self.left.get(id_) if entry is None else Open.of(entry)
            if left is not None:
                found.append([id_, left.at_s, *left.held[:2], left.usd, list(left.keys), *left.held[2:]])
        n_newest = len(found) - _MOST_OPEN
        return [each for place, each in enumerate(found) if place >= n_newest or each[2] or each[3]]

    def load(self, dumped: list[list[Any]]) -> None:
        """Count again what was under way when another process went: first what is not at hand, which is older."""
        for id_, *rest in dumped:
            at_s, nano, tokens, usd, *more = rest
            left = Open(at_s, (nano, tokens, *more[1:]), usd, tuple(*more[:1]))
            if id_ not in self._entries:
                self.left[id_] = left
                self.begin(id_, left.usd)
                self._budget.hold(left.held, left.at_s, left.keys)
        for id_, entry in self._entries.items():
            if entry.is_open:
                self.begin(id_, entry.expected_usd or 0.0)
                self._budget.hold(entry.held, entry.at_s, entry.keys)
