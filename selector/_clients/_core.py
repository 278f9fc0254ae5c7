"""The loop closed: what is chosen is written down, what is reported is learnt, what is learnt is kept."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from selector._clients import _log
from selector._clients._book import TOKENS, Entry, Facts, facts_of
from selector._clients._budget import Budget
from selector._clients._engine import Engine
from selector._clients._fold import COUNTS, Fold
from selector._clients._mind import Mind
from selector._clients._report import Report
from selector._clients._scribe import Scribe
from selector._clients._tables import FOLD_VERSION, beliefs_table, saved
from selector._clients._tried import Tried, events_of
from selector.budgets import Till
from selector.errors import InvalidOutcomeError, UnknownDecisionError
from selector.posteriors import Event as Withdrawal
from selector.records import Decision, HealthSeen, Outcome, QuotaSeen, Task
from selector.store import State

__all__ = ["Core", "Randomness"]

_logger = logging.getLogger("selector")
_SNAPSHOT_OUTCOMES = 10_000
_SNAPSHOT_S = 60.0
_SURE_AFTER, _SURE_ALWAYS = 50, 1.0
_UNSOLVED = 64  # tasks chosen for without any outcome, after which the price is solved anew all the same


@dataclass(frozen=True, slots=True)
class Randomness:
    """Where all randomness comes from: a seed, or nothing that can be repeated."""

    seed: int | None

    def choices(self, *fork: int) -> np.random.Generator:
        """Give the generator of uniform numbers."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(1, *fork)))

    def waits(self) -> np.random.Generator:
        """Give the generator of how long to wait before another try."""
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=(3,)))

    def key(self, *fork: int) -> int:
        """Give the key of posterior draws."""
        words = np.random.SeedSequence(self.seed, spawn_key=(2, *fork)).generate_state(4)
        return int.from_bytes(words.tobytes())


class Core:
    """What a `Selector` is made of; see there.

    Parameters
    ----------
    state
        Where it is written.
    engine
        What chooses.
    prompts
        Whether prompts are written.
    """

    def __init__(self, state: State, engine: Engine, *, prompts: bool) -> None:
        self.state, self.engine = state, engine
        self.mind: Mind = engine.mind
        self.budget: Budget = engine.budget
        self.fold: Fold = engine.fold
        self.report = Report(engine.mind)
        self.scribe = Scribe(state, engine, prompts=prompts)
        self.hard = self.budget.is_hard
        self._saved_at, self._saved_n = engine.clock(), 0
        engine.version = self._version
        engine.prefix = state.writer or ""

    def _version(self, task: Task, now: float) -> None:
        """Let the evidence of older versions of a prompt count less when a version comes that was never seen."""
        if task.version is None:
            return
        seen = self.fold.versions.setdefault(task.type, [])
        if task.version in seen:
            return
        seen.append(task.version)
        keep = self.mind.decider.setup.learning.version_keep if len(seen) > 1 else 1.0
        present = self.engine.now()
        event = Withdrawal("version", present - 0.5, self.mind.type_of(task.type, present), keep)
        self.state.append(_log.version(event, task, now))
        if keep < 1:
            self.mind.apply(event, present)

    # What the outside calls.

    def record(self, decision: Decision | str, outcome: Outcome) -> None:
        """Take in what was reported of a decision."""
        id_ = name_of(decision)
        if not isinstance(outcome, Outcome):
            raise InvalidOutcomeError(f"an outcome is an Outcome, not a {type(outcome).__name__}; write Outcome(...)")
        engine = self.engine
        with engine.lock:
            fold, now = self.fold, engine.clock()
            made = self.scribe.made(id_)
            entry = fold.entries.get(id_)
            if entry is None:
                entry = self._entry(id_, made)
            events = self.report.events(id_, entry, outcome, now)
            if not events:
                fold.n_doubled += 1
                return
            if made is not None and not self.hard and (id_ not in fold.entries or id_ in self.scribe.untold):
                events[0]["of"] = facts_of(made)
            self._append(events)
            if id_ not in fold.entries and id_ not in self.scribe.untold:
                fold.began(id_, entry)
            fold.fold(*events, heard=True)
            self.scribe.untold.pop(id_, None)
            if outcome.source is not None and outcome.score is not None:
                self._note(outcome.source, outcome.score)
            for event in events:
                self.mind.count(event["kind"])
            if self.mind.is_due:
                self._publish(now)

    def finish(self, decision: Decision, tried: Sequence[Tried]) -> None:
        """Take in a whole run: every attempt, what it used, how its answer was judged; and let go of what is held."""
        id_, engine = decision.id, self.engine
        with engine.lock:
            fold, now = self.fold, engine.clock()
            made = self.scribe.made(id_)
            entry = fold.entries.get(id_) or self._entry(id_, made)
            events = events_of(self.report, id_, entry, tried, now)
            if made is not None and not self.hard and (id_ not in fold.entries or id_ in self.scribe.untold):
                events[0]["of"] = facts_of(made)
            self._append(events)
            if id_ not in fold.entries and id_ not in self.scribe.untold:
                fold.began(id_, entry)
            fold.fold(*events, heard=True)
            self.scribe.untold.pop(id_, None)
            for each in tried:
                if each.score is not None:
                    self._note(each.source, each.score)
            for event in events:
                self.mind.count(event["kind"])
            if self.mind.is_due:
                self._publish(now)

    def extend(self, decision: Decision, need: tuple[int, int], keys: Sequence[str] = ()) -> Till | None:
        """Hold more of the hard budgets for a run that goes on elsewhere; name the budget that it does not fit.

        A hold is never made smaller. One that expired meanwhile was charged, and holds nothing more.
        """
        id_, engine = decision.id, self.engine
        with engine.lock:
            made = self.scribe.made(id_)
            entry = self.fold.entries.get(id_)
            if entry is None:
                entry = self._entry(id_, made)
                self.fold.began(id_, entry)
            more = (max(need[0] - entry.held[0], 0), max(need[1] - entry.held[1], 0))
            held = (entry.held[0] + more[0], entry.held[1] + more[1])
            new = tuple(key for key in keys if key not in entry.keys)
            scoped, at = self.budget.scoped, engine.clock()
            lacking = self.budget.lacks(*more) or scoped.lacks(entry.keys, held, at, more=more)
            lacking = lacking or scoped.lacks(new, held, at)
            if (more == (0, 0) and not new) or not entry.is_open or lacking is not None:
                return lacking
            known, entry.keys = entry.keys, (*entry.keys, *new)
            now = round(engine.clock(), 6)
            event = {"kind": "hold", "at": now, "decision_id": id_, "nano": held[0], "tokens": held[1]}
            self.state.append(event | ({"accounts": list(new)} if new else {}))
            entry.held = held
            self.budget.hold_more(*more, entry.at_s, known)
            self.budget.scoped.hold(new, held, entry.at_s)
            return None

    def price(self, decision: Decision, each: Tried) -> tuple[int, int]:
        """Say what an attempt cost, in nano-dollars and in tokens."""
        assert each.usage is not None  # noqa: S101 - it used something
        with self.engine.lock:
            entry = self.fold.entries.get(decision.id) or self._entry(decision.id, self.scribe.made(decision.id))
            usage = self.report.usage(entry, Facts(each.route.model, each.route.name), each.route, each.usage)
        return int(usage.get("nano") or 0), sum(int(usage.get(name) or 0) for name in TOKENS)

    def saw(self, health: HealthSeen, quotas: Sequence[QuotaSeen], *, began_s: float) -> None:
        """Take in what a call showed of its route; what others should know is written down."""
        news = self.engine.roads.saw(health, quotas, began_s=began_s)
        if news:
            with self.engine.lock:
                for event in news:
                    self.state.append(event)

    def _entry(self, id_: str, made: Decision | None) -> Entry:
        """Find what is known of a decision: one that waits to be written, of the log, or of another process."""
        if made is not None:
            return Entry.of(made)
        found = self.fold.entry(id_)
        if found is None:
            self._hear()
            found = self.fold.entry(id_)
        if found is None:
            raise UnknownDecisionError(
                f"no decision {id_!r} was made here; report outcomes to the state folder that chose, with the id "
                "that select gave"
            )
        return found

    def _hear(self) -> None:
        """Take in what other processes wrote."""
        for event in self.state.tail():
            self.fold.fold(event, heard=False)
            self.mind.count(event["kind"])
        if self.fold.early:
            self.fold.settle_early()

    def _append(self, events: list[dict[str, Any]]) -> None:
        """Write events in one go, and give them the names they were written under."""
        writer, last = self.state.append_all(events)
        for seq, event in enumerate(events, last - len(events) + 1):
            event["w"], event["s"] = writer, seq

    def _note(self, source: str, score: float) -> None:
        counts = self.fold.sources.setdefault(source, [0, 0])
        counts[0] += 1
        counts[1] += score < _SURE_ALWAYS

    def _publish(self, now: float, *, whole: bool = False) -> None:
        """Learn what waits, and publish anew; write down what alarms rang."""
        rolled = self.budget.steer(now, self.fold.flight.now)
        present = self.engine.now()
        self.mind.learn(present)
        if whole or rolled:
            self.mind.refresh(present, whole=True)
        if self.budget.pace is not None and self.hard:
            self.budget.plan_ahead(float(self.mind.decider.cheapest_usd[0]), self.budget.pace.remaining)
        self._write_alarms(now)

    def _write_alarms(self, now: float) -> None:
        """Tell of alarms that rang, and write them down: they are never worked out again."""
        alarms, self.mind.alarms = self.mind.alarms, []
        for event in alarms:
            model = self.mind.plan.models[event.index]
            _logger.warning(
                "drift: %s no longer does what it did; its older evidence counts %.0f %%", model, 100 * event.keep
            )
            self.state.append(_log.alarm(event, model, now))

    def tick(self) -> None:
        """Do what time asks for: others' events, holds that expired, prices and windows that changed."""
        engine = self.engine
        with engine.lock:
            fold, now = self.fold, engine.clock()
            self._hear()
            for id_ in self._expired(now):
                made = self.scribe.made(id_)
                if id_ not in fold.entries and made is not None:
                    fold.began(id_, Entry.of(made))
                nano, tokens = fold.flight.expire(id_)
                if nano or tokens:
                    self.state.append({"kind": "settle", "at": now, "decision_id": id_, "nano": nano, "tokens": tokens})
            engine.keep_time(now)
            rolled = now >= self.budget.ends or (self.budget.pace is not None and now >= self.budget.pace.ends)
            stale = rolled or self.mind.n_since >= _UNSOLVED
            if stale or self.mind.is_due:
                self._publish(now, whole=stale)

    def _expired(self, now: float) -> list[str]:
        found, expires_s = [], self.mind.plan.config.hold_expires_s
        for id_ in self.fold.flight.ids:
            entry = self.fold.entries.get(id_) or self.scribe.unwritten.get(id_) or self.fold.flight.left.get(id_)
            if entry is not None and now - entry.at_s < expires_s:
                break
            found.append(id_)
        return found

    @property
    def is_snapshot_due(self) -> bool:
        """Whether it is time to write the beliefs down."""
        fold = self.fold
        news = fold.n_reported - self._saved_n
        old = self.engine.clock() - self._saved_at >= _SNAPSHOT_S
        return news >= _SNAPSHOT_OUTCOMES or (old and (news > 0 or fold.n_decisions > 0))

    def snapshot(self) -> None:
        """Write the beliefs down, with everything a new process needs to go on."""
        self.scribe.write()
        with self.engine.lock:
            self._publish(self.engine.clock())
            self.learn_all()
            now = self.engine.now()
            table = beliefs_table(self.mind, now, self.engine.clock())
            extra = {**saved(self.mind, now), "budget": self.budget.dump(), "fold": self._counts()}
            extra["open"] = self.fold.flight.dump()
            extra["routes"] = self.engine.roads.dump(self.engine.clock())
            self.state.flush()
            positions = self.state.positions
        self.state.write_snapshot("posteriors", table, positions, fold_version=FOLD_VERSION, extra=extra)
        self._saved_at, self._saved_n = self.engine.clock(), self.fold.n_reported

    def _counts(self) -> dict[str, Any]:
        """Count what the log has: decisions that wait to be written are counted when they are read."""
        found = counts(self.fold)
        found["n_decisions"] -= self.scribe.n_unheard
        if not self.hard:
            found["told_of"] += [id_ for id_ in self.scribe.unwritten if id_ in self.fold.entries]
        return found

    def learn_all(self) -> None:
        """Learn what waits without publishing it: what is believed is then what the log says."""
        self.mind.learn(self.engine.now())
        self._write_alarms(self.engine.clock())

    def beliefs(self) -> Any:  # noqa: ANN401 - a pyarrow table
        """Lay out what is believed now."""
        with self.engine.lock:
            self.engine.keep_time(self.engine.clock())
            self.learn_all()
            return beliefs_table(self.mind, self.engine.now(), self.engine.clock())

    def close(self) -> None:
        """Write everything down, and let go."""
        try:
            self.scribe.write()
            if self.fold.n_decisions or self.fold.n_reported:
                self.snapshot()
            self.state.seal(current=True)
        finally:
            self.state.close()

    def after_fork(self, rng: np.random.Generator) -> None:
        """Become a selector of one's own in a forked child; what the parent was about to write is the parent's.

        The child can report outcomes of these decisions; each says what it is of, should the parent never write it.
        """
        self.scribe.after_fork()
        self.engine.fresh(rng, "")

    def begin_as_child(self) -> None:
        """Take a name of one's own in a forked child, and keep out who wants the folder alone."""
        if not self.hard:
            self.state.claim(exclusive=False)
        self.engine.prefix, _ = self.state.append({"kind": "audit", "at": self.engine.clock(), "what": "forked"})

    def become(self, engine: Engine) -> None:
        """Go on with what an engine knows now."""
        self.mind, self.budget, self.fold = engine.mind, engine.budget, engine.fold
        self.report = Report(engine.mind)
        self.scribe.become(engine)


def counts(fold: Fold) -> dict[str, Any]:
    """Write down what was counted, for the next process."""
    early = {id_: [dict(event) for event in events] for id_, events in fold.early.items()}
    return {name: getattr(fold, name) for name in COUNTS} | {"early": early, "told_of": sorted(fold.told_of)}


def is_flagged(counts_: list[int]) -> bool:
    """Tell whether a source never found fault with anything."""
    return counts_[0] >= _SURE_AFTER and counts_[1] == 0


def name_of(decision: object) -> str:
    """Give the id of a decision, or of what was given in its place."""
    if isinstance(decision, Decision):
        return decision.id
    if isinstance(decision, str):
        return decision
    raise UnknownDecisionError(f"a decision is a Decision or its id, not {decision!r}")
