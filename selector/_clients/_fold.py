"""The log folded: what every event means for what is known, believed and spent."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable, Mapping
from itertools import islice
from typing import Any

from selector._clients._book import Entry, Facts
from selector._clients._budget import Budget
from selector._clients._mind import Lesson, Mind
from selector.budgets import NANO, InFlight
from selector.posteriors import Event as Withdrawal
from selector.records import Failure

__all__ = ["Fold"]

_TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
USAGE = (*_TOKENS, "cost_usd", "latency_s")
_RECENT = 100_000  # decisions that are kept at hand; of older ones the log is asked
_OF_ROUTE = {failure.value for failure in Failure if failure.of_route}

_OUTCOMES = frozenset({"usage", "judgement", "attempt"})

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
    """

    def __init__(self, mind: Mind, budget: Budget, rank: Callable[[str], int]) -> None:
        self.mind, self.budget, self._rank = mind, budget, rank
        self.entries: OrderedDict[str, Entry] = OrderedDict()
        self.flying: dict[str, float] = {}
        self.flying_usd = 0.0
        self.n_decisions = 0
        self.n_reported = 0
        self.n_judgements = 0
        self.n_doubled = 0
        self.n_orphans = 0
        self.next_n = 0
        self.sources: dict[str, list[int]] = {}
        self.versions: dict[str, list[str]] = {}
        self.seen: dict[str, int] = {}
        self.find: Callable[[str], list[dict[str, Any]]] = lambda _: []

    @property
    def in_flight(self) -> InFlight:
        """What was chosen for and has no cost yet."""
        return InFlight(len(self.flying), max(self.flying_usd, 0.0))

    def fly(self, id_: str, entry: Entry) -> None:
        """Count a decision among those whose cost is not known yet."""
        usd = entry.expected_usd or 0.0
        self.flying[id_] = usd
        self.flying_usd += usd

    def land(self, id_: str) -> None:
        """Count it no longer."""
        self.flying_usd -= self.flying.pop(id_, 0.0)

    def entry(self, id_: str) -> Entry | None:
        """Find what is known of a decision, in the log if need be."""
        found = self.entries.get(id_)
        if found is not None:
            return found
        events = self.find(id_)
        if not events:
            return None
        for event in events:
            if event["s"] <= self.seen.get(event["w"], 0):
                self.know(event)
        return self.entries.get(id_)

    def know(self, event: Event) -> None:
        """Take in a fact that beliefs and budgets were told of already."""
        self._take(event, taught=True, heard=False)

    def fold(self, *events: Event, heard: bool) -> None:
        """Take in facts that came together, and tell beliefs and budgets.

        Parameters
        ----------
        *events
            With their writer ``w`` and number ``s``; several are of one decision.
        heard
            Whether they are to be listened to for drift: facts of one's own.
        """
        for event in events[:-1]:
            self._take(event, taught=False, heard=heard, last=False)
        last = events[-1]
        self._take(last, taught=False, heard=heard)
        self.seen[last["w"]] = max(last["s"], self.seen.get(last["w"], 0))

    def decided(self, id_: str, entry: Entry) -> None:
        """Take in a decision."""
        self.entries[id_] = entry
        self.n_decisions += 1
        self.next_n = max(self.next_n, entry.n + 1)

    def trim(self) -> None:
        """Let go of the oldest entries beyond what is kept at hand, but of none whose hold stands."""
        excess = len(self.entries) - _RECENT
        if excess > _RECENT // 10:
            for id_ in [id_ for id_ in islice(self.entries, excess) if id_ not in self.flying]:
                del self.entries[id_]

    def expire(self, id_: str, entry: Entry) -> tuple[int, int]:
        """Book a hold in place of a usage that never came."""
        self.land(id_)
        entry.is_open = False
        entry.charged = entry.held
        self.budget.settle(entry.held, entry.held, entry.at_s, entry.expected_usd or 0.0)
        return entry.charged

    def _take(self, event: Event, *, taught: bool, heard: bool, last: bool = True) -> None:
        kind = event["kind"]
        if kind == "decision":
            self._decision(event, taught=taught)
        elif kind in _OUTCOMES:
            entry = self._outcome(event, taught=taught)
            if entry is not None and last:
                self._teach(entry, taught=taught, heard=heard)
        elif kind == "settle":
            entry = self.entries.get(event["decision_id"])
            if entry is not None and entry.is_open:
                self._book(
                    event["decision_id"], entry, (int(event["nano"]), int(event.get("tokens", 0))), taught=taught
                )
                entry.charged = entry.held
        elif kind == "drift":
            self._withdraw(event, taught=taught)

    def _decision(self, event: Event, *, taught: bool) -> None:
        id_ = event["id"]
        if id_ in self.entries:
            return
        entry = Entry(dict(event))
        if taught:
            self.entries[id_] = entry
            return
        self.decided(id_, entry)
        self.fly(id_, entry)
        self.budget.hold(*entry.held, entry.at_s)

    def _outcome(self, event: Event, *, taught: bool) -> Entry | None:
        id_ = event["decision_id"]
        entry = self.entries.get(id_) if taught else self.entry(id_)
        if entry is None and "of" in event:
            self._decision({**event["of"], "kind": "decision", "id": id_}, taught=taught)
            entry = self.entries[id_]
        if entry is None:
            self.n_orphans += not taught
            return None
        facts, kind = self._facts(entry, event), event["kind"]
        if kind == "usage":
            self._usage(facts, event)
            if facts.nano is not None:
                self._book(id_, entry, self._used(entry), taught=taught)
        elif kind == "judgement":
            self._judgement(facts, event)
        else:
            facts.failure = event.get("failure")
        if not entry.is_reported:
            entry.is_reported = True
            self.n_reported += not taught
        return entry

    def _facts(self, entry: Entry, event: Event) -> Facts:
        number = int(event.get("attempt", 1))
        if number == 1:
            return entry.attempts[0]
        while len(entry.attempts) < number:
            last = entry.attempts[-1]
            after = all(f.failure is None or f.failure in _OF_ROUTE for f in entry.attempts)
            entry.attempts.append(Facts(last.model, last.route, learns=after))
        facts = entry.attempts[number - 1]
        if "model" in event:
            facts.model, facts.route = str(event["model"]), str(event.get("route", event["model"]))
        return facts

    def _usage(self, facts: Facts, event: Event) -> None:
        writer = str(event["w"])
        if facts.usage_by is not None and writer != facts.usage_by:
            self.n_doubled += 1
            if writer > facts.usage_by:
                return
            facts.usage, facts.tokens, facts.nano = {}, math.nan, None
        facts.usage_by = writer
        for name in USAGE:
            value = event.get(name)
            if value is not None:
                facts.usage[name] = value
        if event.get("tokens") is not None:
            facts.tokens = float(event["tokens"])
        if event.get("nano") is not None:
            facts.nano = int(event["nano"])

    def _judgement(self, facts: Facts, event: Event) -> None:
        source = str(event["source"])
        word = (float(event["at"]), str(event["w"]), int(event["s"]), event.get("score"))
        facts.judged = facts.judged or {}
        last = facts.judged.get(source)
        if last is None or word[:3] >= last[:3]:
            facts.judged[source] = word
        elif word[:3] != last[:3]:
            self.n_doubled += 1

    def believed(self, facts: Facts) -> float:
        """Return the score that the most believed source gave; nan: nobody judged."""
        words = facts.judged or {}
        if len(words) == 1:
            (only,) = words.values()
            return math.nan if only[3] is None else float(only[3])
        found = [(self._rank(source), source, word[3]) for source, word in words.items() if word[3] is not None]
        return float(min(found)[2]) if found else math.nan

    def _teach(self, entry: Entry, *, taught: bool, heard: bool) -> None:
        for facts in entry.attempts:
            score = math.nan
            if facts.judged and facts.learns and facts.failure not in _OF_ROUTE:
                score = self.believed(facts)
            was = facts.taught
            score_was, tokens_was = was
            tokens = facts.tokens
            same_score = score == score_was or (score != score and score_was != score_was)  # noqa: PLR0124 - nan
            same_tokens = tokens == tokens_was or (tokens != tokens and tokens_was != tokens_was)  # noqa: PLR0124 - nan
            if same_score and same_tokens:
                continue
            facts.taught = (score, tokens)
            if not taught:
                self._lesson(entry, facts, was, heard=heard)

    def _lesson(self, entry: Entry, facts: Facts, was: tuple[float, float], *, heard: bool) -> None:
        """Teach what is new of an attempt; take back what no longer holds."""
        mind = self.mind
        at = entry.at_s if mind.plan.by_clock else float(entry.n)
        score, tokens = facts.taught
        self.n_judgements += (score == score) - (was[0] == was[0])  # noqa: PLR0124 - nan
        if (was[0] == was[0] and was[0] != score) or (was[1] == was[1] and was[1] != tokens):
            mind.unlearn(Lesson(entry.type, facts.model, at, *was))
            mind.add(Lesson(entry.type, facts.model, at, score, tokens))
            return
        new = Lesson(
            entry.type,
            facts.model,
            at,
            score if was[0] != was[0] else math.nan,
            tokens if was[1] != was[1] else math.nan,
        )
        (mind.hear if heard else mind.add)(new)

    def _used(self, entry: Entry) -> tuple[int, int]:
        nano = tokens = 0
        for facts in entry.attempts:
            nano += facts.nano or 0
            if self.budget.tills:
                tokens += sum(facts.usage.get(name, 0) for name in _TOKENS)
        return nano, tokens

    def _book(self, id_: str, entry: Entry, used: tuple[int, int], *, taught: bool) -> None:
        before = entry.charged
        entry.charged = used
        was_open, entry.is_open = entry.is_open, False
        if taught:
            return
        if was_open:
            self.land(id_)
            self.budget.settle(entry.held, used, entry.at_s, used[0] / NANO)
        elif before is not None and before != used:
            more = (used[0] - before[0], used[1] - before[1])
            self.budget.adjust(more, entry.at_s, more[0] / NANO)

    def _withdraw(self, event: Event, *, taught: bool) -> None:
        """Take in an alarm or a new version of a prompt that another process wrote, exactly."""
        if event.get("what") == "version":
            self.versions.setdefault(event["task_type"], []).append(event["version"])
        withdrawal = self._withdrawal(event)
        if withdrawal is None or taught:
            return
        mind = self.mind
        mind.learn(float(self.next_n))
        later = [
            lesson
            for entry in self.entries.values()
            if (at := entry.at_s if mind.plan.by_clock else float(entry.n)) > withdrawal.at
            for lesson in _lessons(entry, at)
            if event.get("model", lesson.model) == lesson.model and event.get("task_type", lesson.type) == lesson.type
        ]
        for lesson in later:
            mind.unlearn(lesson)
        mind.learn(float(self.next_n))
        mind.apply(withdrawal, float(self.next_n))
        for lesson in later:
            mind.add(lesson)

    def _withdrawal(self, event: Event) -> Withdrawal | None:
        mind, at, keep = self.mind, float(event["n"]), float(event["keep"])
        if event.get("what") == "version":
            return Withdrawal("version", at, mind.type_of(event["task_type"], float(self.next_n)), keep)
        model = mind.models.get(event["model"])
        return None if model is None else Withdrawal("drift", at, model, keep)


def _lessons(entry: Entry, at: float) -> list[Lesson]:
    return [
        Lesson(entry.type, facts.model, at, *facts.taught)
        for facts in entry.attempts
        if facts.taught[0] == facts.taught[0] or facts.taught[1] == facts.taught[1]
    ]
