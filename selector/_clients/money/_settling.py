"""What the log says of decisions, told the ledger once: by their own process, or for one that is dead."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from selector._clients.money._gate import Gate
from selector._clients.money._parts import NOTHING, Amounts, Part, amount_of
from selector.store import Known, LeaseRow, State

if TYPE_CHECKING:
    from selector._clients.learning._book import Entry
    from selector._clients.learning._flight import Open
    from selector._clients.learning._fold import Fold

__all__ = ["Settling"]

_AT_HAND = 20_000  # lines of a dead process whose decisions are surely at hand


class _Booked(NamedTuple):
    """How a decision stood before what came together was taken in."""

    used: Amounts
    by: Mapping[str, Amounts]
    was_open: bool


class Settling:
    """Tells the ledger what decisions took.

    A decision's own process settles it while it lives, whoever reported. Of a process that is dead, what its lease was
    charged is corrected by the process that the report came to. Whoever calls holds the lock of choices.

    Parameters
    ----------
    state
        The log, and who of its writers lives.
    fold
        What is known of decisions, and of budgets.
    hear
        Takes in what others wrote.
    lenient
        Whether a ledger that cannot be asked lets work go on.
    """

    def __init__(self, state: State, fold: Fold, hear: Callable[[], None], *, lenient: bool) -> None:
        self._state, self._fold, self._hear = state, fold, hear
        self._pending: dict[str, _Booked] = {}
        self._dead: set[str] = set()
        self._sorted: tuple[object, dict[str, list[Entry]]] = None, {}
        self.gate = Gate(state, self.known, lenient=lenient)

    def follow(self, fold: Fold, at: float) -> None:
        """Be told what a fold takes in, and let its budgets be shared."""
        self._fold.settling = None
        self._fold, fold.settling = fold, self
        self._sorted = None, {}
        fold.budget.share(self.gate, at)

    def before(self, id_: str) -> None:
        """See to it that what a dead process has is charged before its decision is reported on."""
        writer = _writer(id_)
        if writer == self._state.writer or writer in self._dead or self._state.lives(writer):
            return
        self._dead.add(writer)
        self.gate.reclaim(again_s=0.0)

    def note(self, id_: str, entry: Entry) -> None:
        """Take note of how a decision stands, before what it took is booked anew."""
        if id_ not in self._pending:
            self._pending[id_] = _Booked(entry.charged or NOTHING, entry.charged_by, entry.is_open)

    def done(self, said: Mapping[str, Any] | None) -> None:
        """Tell the ledger what was booked since.

        Parameters
        ----------
        said
            The line of this process that says what its decision took; None: others wrote it.

        Raises
        ------
        StateError
            If this process's own line could not be written; the next call tells it.
        """
        while self._pending:
            id_ = next(iter(self._pending))
            entry, writer = self._fold.entries[id_], _writer(id_)
            is_said = said is not None and said.get("decision_id") == id_
            if self.gate.holds(id_):
                seq = int(said["s"]) if said and is_said else self._state.append(_settled(id_, entry))[1]
                self.gate.settle(id_, entry.charged or NOTHING, entry.charged_by, seq)
            elif writer == self._state.writer or (is_said and not self._state.lives(writer)):
                self.gate.correct(self._corrections(entry, self._pending[id_]), entry.at_s)
            del self._pending[id_]

    def tidy(self, at: float) -> None:
        """Let the ledger drop windows that ended long ago; for a thread that may wait."""
        self.gate.tidy(at, self._fold.budget.longest_s)

    def expired(self, id_: str, held: Open, seq: int) -> None:
        """Charge a hold in place of a usage that never came."""
        if self.gate.holds(id_):
            self.gate.settle(id_, held.held, dict.fromkeys(held.keys, held.held), seq)

    def known(self, row: LeaseRow) -> Known | None:
        """Say what a dead process settled of a lease, and what its calls in flight can have cost.

        Parameters
        ----------
        row
            The lease.

        Returns
        -------
        Known or None
            None where its journal cannot be believed, or the budget is not configured here.
        """
        self._hear()
        fold, writer = self._fold, row.owner
        _, last = self._state.positions.get(writer, (0, 0))
        damaged = any(writer in fault.file and fault.kind != "torn" for fault in self._state.faults)
        if damaged or not row.seq <= last <= row.seq + _AT_HAND or not fold.budget.has(row.key):
            return None
        settled = held = 0
        for entry in self._entries_of(writer):
            if entry.is_open:
                held += self._of_lease(row, entry.at_s, entry.held, dict.fromkeys(entry.keys, entry.held))
            elif entry.closer is None or entry.closer[0] != writer or entry.closer[1] > row.seq:
                settled += self._of_lease(row, entry.at_s, entry.charged or NOTHING, entry.charged_by)
        for id_, left in fold.flight.left.items():
            if _writer(id_) == writer:
                held += self._of_lease(row, left.at_s, left.held, dict.fromkeys(left.keys, left.held))
        return Known(settled, held)

    def _entries_of(self, writer: str) -> list[Entry]:
        """Give a process's decisions that are at hand: sorted once for all leases that are asked of together."""
        entries = self._fold.entries
        heard = (len(entries), next(reversed(entries), None), self._state.positions)
        if self._sorted[0] != heard:
            found: dict[str, list[Entry]] = {}
            for id_, entry in entries.items():
                found.setdefault(_writer(id_), []).append(entry)
            self._sorted = heard, found
        return self._sorted[1].get(writer, [])

    def _of_lease(self, row: LeaseRow, at: float, used: Amounts, by: Mapping[str, Amounts]) -> int:
        """Say how much of an amount is of one window of one budget."""
        return sum(
            amount_of(key, till, used, by)
            for key, till in self._fold.budget.shared(by, at)
            if (key or till.label) == row.key and till.place(at)[0] == row.window
        )

    def _corrections(self, entry: Entry, before: _Booked) -> Iterator[Part]:
        """Say what a decision took beyond what the ledger was told, or charged where nothing was told."""
        was, by = before.used, before.by
        if before.was_open:
            was, by = entry.held, dict.fromkeys(entry.keys, entry.held)
        now, now_by = entry.charged or NOTHING, entry.charged_by
        keys: Iterable[str] = dict.fromkeys((*by, *now_by))
        for key, till in self._fold.budget.shared(keys, entry.at_s):
            more = amount_of(key, till, now, now_by) - amount_of(key, till, was, by)
            if till.resource != "requests":
                yield Part(key, till, more)


def _settled(id_: str, entry: Entry) -> dict[str, Any]:
    """Write that this process settled a decision of its own of which it heard by others."""
    return {"kind": "audit", "what": "settled", "at": round(entry.at_s, 6), "decision_id": id_}


def _writer(id_: str) -> str:
    return id_.rpartition("-")[0]
