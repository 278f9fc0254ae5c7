"""The log folded: what every event means for what is known, believed and spent."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

from selector._clients.choice._roads import Roads
from selector._clients.learning._book import TOKENS, Entry, Facts, compared
from selector._clients.learning._flight import Flight
from selector._clients.learning._mind import Mind
from selector._clients.learning._teacher import Teacher
from selector._clients.learning._withdrawals import is_of_beliefs, relearn
from selector._clients.money._budget import Budget
from selector._clients.money._parts import NOTHING, Amounts, amounts_in, beyond
from selector.budgets import NANO
from selector.records import Failure

if TYPE_CHECKING:
    from selector._clients.money._settling import Settling

__all__ = ["Fold"]

_RECENT = 30_000  # decisions that are kept at hand; of older ones the log is asked
_MOST_EARLY = 10_000  # reports whose decision is not known (yet)

_COUNTS = (
    "n_decisions",
    "n_reported",
    "n_judgements",
    "n_doubled",
    "n_lost",
    "next_n",
    "sources",
    "versions",
    "granted",
)
_OUTCOMES = frozenset({"usage", "judgement", "attempt"})
_OF_HOLDS = frozenset({"settle", "hold", "release"})
_OF_ROUTES = frozenset({"health", "quota"})

Event = Mapping[str, Any]


class Fold:
    """Decisions and what was reported of them, in any order, from any writer, each fact once.

    Parameters
    ----------
    mind
        What is taught.
    budget
        Where it is booked.
    rank
        How far behind the most believed source another stands.
    roads
        What is known of routes.
    """

    def __init__(self, mind: Mind, budget: Budget, rank: Callable[[str], int], roads: Roads) -> None:
        self.mind, self.budget, self.roads = mind, budget, roads
        self.teacher = Teacher(mind, rank, self.at, roads)
        self.entries: OrderedDict[str, Entry] = OrderedDict()
        self.flight = Flight(self.entries, budget)
        self.n_decisions = 0
        self.n_reported = 0
        self.n_doubled = 0
        self.n_lost = 0
        self.early: dict[str, list[Event]] = {}
        self.told_of: set[str] = set()
        self._known_early: dict[str, list[Event]] = {}
        self.next_n = 0
        self.sources: dict[str, list[int]] = {}
        self.versions: dict[str, list[str]] = {}
        self.granted: list[Event] = []  # what was taken over from other folders
        self.read: Callable[[], Mapping[str, tuple[int, int]]] = dict
        self.find: Callable[[str], list[dict[str, Any]]] = lambda _: []
        self.settling: Settling | None = None

    @property
    def n_judgements(self) -> int:
        """How many attempts were taught as judged."""
        return self.teacher.n_judgements

    @n_judgements.setter
    def n_judgements(self, n: int) -> None:
        self.teacher.n_judgements = n

    @property
    def n_orphans(self) -> int:
        """How many reports were of decisions that nobody knows."""
        return self.n_lost + sum(event["kind"] in _OUTCOMES for events in self.early.values() for event in events)

    def counted(self) -> dict[str, Any]:
        """Write down what was counted, for the next process."""
        early = {id_: [dict(event) for event in events] for id_, events in self.early.items()}
        return {name: getattr(self, name) for name in _COUNTS} | {"early": early, "told_of": sorted(self.told_of)}

    def take_over(self, other: Fold) -> None:
        """Know what another fold knows, which is used no longer."""
        self.entries.update(other.entries)
        for name in _COUNTS:
            setattr(self, name, getattr(other, name))
        self.early, self.told_of, self.read, self.find = other.early, other.told_of, other.read, other.find
        self.flight.load(other.flight.dump())
        for id_, usd in other.flight.ids.items():
            if id_ not in self.flight.ids:
                self.flight.begin(id_, usd)

    def entry(self, id_: str) -> Entry | None:
        """Find what is known of a decision, in the log if need be."""
        found = self.entries.get(id_)
        if found is not None:
            return found
        early = {(event["w"], event["s"]) for event in self.early.get(id_, ())}
        read = self.read()
        self.know_all(
            event
            for event in self.find(id_)
            if event["s"] <= read.get(event["w"], (0, 0))[1] and (event["w"], event["s"]) not in early
        )
        return self.entries.get(id_)

    def settle_early(self) -> None:
        """Take in reports that came before their decision did, as far as the log has it."""
        for id_ in list(self.early):
            if self.entry(id_) is not None:
                self._catch_up(id_)
        while sum(map(len, self.early.values())) > _MOST_EARLY:
            self.n_lost += len(self.early.pop(next(iter(self.early))))

    def _catch_up(self, id_: str) -> None:
        for event in self.early.pop(id_, ()):
            self._take(event, taught=False, heard=False)

    def know(self, event: Event) -> None:
        """Take in a fact that beliefs and budgets were told of already."""
        self._take(event, taught=True, heard=False)

    def know_all(self, events: Iterable[Event]) -> None:
        """Take in many such facts, in any order."""
        for event in events:
            self.know(event)
        self._known_early.clear()

    def fold(self, *events: Event, heard: bool) -> None:
        """Take in facts that came together, and tell beliefs and budgets.

        Parameters
        ----------
        *events
            With their writer ``w`` and number ``s``; several are of one decision.
        heard
            Whether they are to be listened to for drift: facts of one's own.
        """
        entry = None
        for event in events[:-1]:
            entry = self._take(event, taught=False, heard=heard, last=False) or entry
        entry = self._take(events[-1], taught=False, heard=heard, last=False) or entry
        if entry is not None:
            self.teacher.teach(entry, taught=False, heard=heard)
        if self.settling is not None:
            self.settling.done(events[-1] if heard else None)

    def began(self, id_: str, entry: Entry) -> None:
        """Keep what is known of a decision that was made here."""
        self.entries[id_] = entry
        self._measure(entry)

    def _measure(self, entry: Entry) -> None:
        if entry.input_tokens is not None:
            self.mind.measure(entry.type, self.at(entry), entry.input_tokens)

    def at(self, entry: Entry) -> float:
        """Say when a decision was made, in the unit in which evidence ages."""
        return entry.at_s if self.mind.plan.by_clock else float(entry.n)

    def trim(self) -> None:
        """Let go of the oldest entries beyond what is kept at hand, but of none whose hold stands."""
        excess = len(self.entries) - _RECENT
        if excess > _RECENT // 10:
            for id_ in [id_ for id_ in islice(self.entries, excess) if id_ not in self.flight.ids]:
                del self.entries[id_]

    def _take(self, event: Event, *, taught: bool, heard: bool, last: bool = True) -> Entry | None:
        """Take in a fact; tell of which decision it is, where it is one about its outcome."""
        kind = event["kind"]
        if kind == "decision":
            self._decision(event, taught=taught)
        elif kind in _OUTCOMES:
            entry = self._outcome(event, taught=taught)
            if entry is not None and last:
                self.teacher.teach(entry, taught=taught, heard=heard)
            return entry
        elif kind in _OF_HOLDS:
            self._held(event, taught=taught)
        elif is_of_beliefs(event):
            relearn(self, event, taught=taught)
        elif kind == "audit":
            self._audit(event, taught=taught)
        elif kind in _OF_ROUTES and not taught:
            self.roads.fold(event)
        return None

    def _audit(self, event: Event, *, taught: bool) -> None:
        """Take in that a process settled a decision that others reported on, or what a person changed of a budget."""
        what = event.get("what")
        if what == "settled":
            entry = self._entry_of(event, taught=taught)
            if entry is not None:
                entry.closed(event["decision_id"], event)
        elif what == "budget" and not taught:
            self.budget.change(event["budget"], event["spent"], int(event["limit"]), event["at"])

    def _held(self, event: Event, *, taught: bool) -> None:
        """Take in that a hold grew, was let go of, or was charged in place of a usage that never came."""
        id_, kind = event["decision_id"], event["kind"]
        entry = self._entry_of(event, taught=taught)
        if entry is None or not entry.is_open:
            return
        if kind == "hold":
            self._hold(entry, event, taught=taught)
            return
        entry.closed(id_, event)
        if kind == "release":
            self._book(id_, entry, self._used(entry), taught=taught)
        else:
            self._book(id_, entry, amounts_in(event), taught=taught)
            entry.charged = entry.held

    def _hold(self, entry: Entry, event: Event, *, taught: bool) -> None:
        """Take in that more is held for a call that goes on elsewhere."""
        before, entry.held = entry.held, amounts_in(event)
        known, entry.keys = entry.keys, tuple(dict.fromkeys((*entry.keys, *event.get("accounts", ()))))
        if not taught:
            self.budget.hold_more(beyond(entry.held, before), entry.at_s, known)
            self.budget.scoped.hold(entry.keys[len(known) :], entry.held, entry.at_s)

    def _decision(self, event: Event, *, taught: bool) -> None:
        id_ = event["id"]
        if id_ in self.told_of and "kind" in event:
            self.told_of.discard(id_)  # an outcome said what it was of, before the decision's own line was written
            return
        if id_ in self.entries:
            return
        entry = self.entries[id_] = Entry(dict(event))
        for report in self._known_early.pop(id_, ()):
            self.know(report)
        if taught:
            return
        self._measure(entry)
        self.n_decisions += 1
        self.next_n = max(self.next_n, entry.n + 1)
        self.flight.begin(id_, entry.expected_usd or 0.0)
        self.budget.hold(entry.held, entry.at_s, entry.keys)
        self.budget.arrive(entry.at_s)
        if id_ in self.early:
            self._catch_up(id_)

    def _outcome(self, event: Event, *, taught: bool) -> Entry | None:
        id_, entry = event["decision_id"], self._entry_of(event, taught=taught)
        if entry is None:
            return None
        facts, kind = self._facts(entry, event), event["kind"]
        if kind == "usage":
            self._usage(entry, facts, event, taught=taught)
            if facts.nano is not None:
                entry.closed(id_, event)
                self._book(id_, entry, self._used(entry), taught=taught)
            if "latency_s" in event and not taught:
                self.roads.ended(facts.route, facts.failure, event["at"], event["latency_s"])
        elif kind == "judgement":
            self._judgement(facts, event)
        else:
            facts.failure = event.get("failure") or facts.failure
            facts.made = facts.made or bool(event.get("made"))
            if facts.failure is not None and not taught:
                self.roads.ended(facts.route, facts.failure, event["at"], None)
        if self.roads.has_quotas:
            self._draw_on(entry, facts, taught=taught)
        if not entry.is_reported:
            entry.is_reported = True
            self.n_reported += not taught
        return entry

    def _draw_on(self, entry: Entry, facts: Facts, *, taught: bool) -> None:
        """Book what an attempt took of its route's quotas; a call that its route refused took nothing."""
        if facts.failure is not None and Failure(facts.failure).of_route and not facts.uses:
            return
        usage, before = facts.usage, facts.of_quota
        facts.of_quota = now = (1, sum(int(usage.get(name) or 0) for name in TOKENS), facts.nano or 0)
        if not taught:
            more = (now[0] - before[0], now[1] - before[1], now[2] - before[2])
            self.roads.used(facts.route, more, entry.at_s)

    def _entry_of(self, event: Event, *, taught: bool) -> Entry | None:
        """Find the decision that a fact is of; where that comes later, the fact waits for it."""
        id_ = event["decision_id"]
        entry = self.entries.get(id_) or self._of(event, taught=taught)
        if entry is None:
            (self._known_early if taught else self.early).setdefault(id_, []).append(event)
        return entry

    def _of(self, event: Event, *, taught: bool) -> Entry | None:
        """Learn of a decision from what was told of it before its own line was written."""
        if "of" not in event:
            return None
        id_ = event["decision_id"]
        self._decision({**event["of"], "id": id_}, taught=taught)
        self.told_of.add(id_)
        return self.entries[id_]

    def _facts(self, entry: Entry, event: Event) -> Facts:
        number = int(event.get("attempt", 1))
        if number == 1:
            return entry.attempts[0]
        while len(entry.attempts) < number:
            last = entry.attempts[-1]
            entry.attempts.append(Facts(last.model, last.route))
        facts = entry.attempts[number - 1]
        if "model" in event:
            facts.model, facts.route = str(event["model"]), str(event.get("route", event["model"]))
        return facts

    def _usage(self, entry: Entry, facts: Facts, event: Event, *, taught: bool) -> None:
        if not facts.use(event):
            self.n_doubled += not taught
        mind = self.mind
        if facts.model in mind.unpriced:
            cost = facts.best("cost_usd")
            facts.tokens = math.nan if cost is None else float(cost)
        waited = event.get("latency_s") if len(facts.uses) == 1 else facts.usage.get("latency_s")
        if waited != facts.waited:
            if not taught:
                self._wait(entry, facts, waited)
            facts.waited = waited
        before, facts.compared = facts.compared, compared(entry, facts)
        if facts.compared != before and not taught:
            mind.compare(facts.model, before, facts.compared)

    def _wait(self, entry: Entry, facts: Facts, seconds: float | None) -> None:
        at = self.at(entry)
        if facts.waited is not None:
            self.mind.wait(entry.type, facts.model, at, facts.waited, -1.0)
        if seconds is not None and facts.failure is None:
            self.mind.wait(entry.type, facts.model, at, float(seconds))

    def _judgement(self, facts: Facts, event: Event) -> None:
        source = str(event["source"])
        word = (float(event["at"]), str(event["w"]), int(event["s"]), event.get("score"))
        facts.judged = facts.judged or {}
        last = facts.judged.get(source)
        if last is None or word[:3] >= last[:3]:
            facts.judged[source] = word
        elif word[:3] != last[:3]:
            self.n_doubled += 1

    def _used(self, entry: Entry, key: str | None = None) -> Amounts:
        """Add up what attempts took; of an account, those that are on it."""
        nano, classes = 0, [0] * len(TOKENS)
        for facts in entry.attempts:
            if key is not None and not self.budget.scoped.of_route(key, facts.model, facts.route):
                continue
            nano += facts.nano or 0
            if self.budget.counts_tokens and facts.uses:
                usage = facts.usage
                for place, name in enumerate(TOKENS):
                    classes[place] += usage.get(name, 0)
                if not any(name in usage for name in TOKENS[:3]):
                    classes[0] += entry.input_tokens or 0
        return (nano, sum(classes), *(classes if self.budget.counts_classes else ()))

    def _used_by(self, entry: Entry, used: Amounts) -> dict[str, Amounts]:
        """Say what is charged to each account: all of it where a hold is charged, else what its attempts took."""
        if used != self._used(entry):
            return dict.fromkeys(entry.keys, used)
        return {key: self._used(entry, key) for key in entry.keys}

    def _book(self, id_: str, entry: Entry, used: Amounts, *, taught: bool) -> None:
        if self.settling is not None and not taught:
            self.settling.note(id_, entry)
        before, before_by = entry.charged, entry.charged_by
        entry.charged = used
        by = entry.charged_by = self._used_by(entry, used) if entry.keys else {}
        was_open, entry.is_open = entry.is_open, False
        if taught:
            return
        if was_open:
            self.flight.land(id_)
            self.budget.settle(entry.held, used, entry.at_s, used[0] / NANO, by)
        elif before is not None and before != used:
            more = beyond(used, before)
            more_by = {key: beyond(amounts, before_by.get(key, NOTHING)) for key, amounts in by.items()}
            self.budget.adjust(more, entry.at_s, more[0] / NANO, more_by)
