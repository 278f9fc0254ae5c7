"""The loop closed: what is chosen is written down, what is reported is learnt, what is learnt is kept."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from selector._clients._scribe import Scribe
from selector._clients.calls._tried import Tried, events_of
from selector._clients.choice._engine import Engine
from selector._clients.learning._book import TOKENS, Entry, Facts, facts_of
from selector._clients.learning._flight import Open
from selector._clients.learning._fold import Fold
from selector._clients.learning._mind import Mind
from selector._clients.learning._report import Report
from selector._clients.learning._tables import FOLD_VERSION, beliefs_table, saved
from selector._clients.money._budget import Budget
from selector._clients.money._parts import Amounts, beyond, fields_of, together
from selector._clients.telling import _log
from selector.budgets import Till
from selector.errors import InvalidOutcomeError, StateError, UnknownDecisionError
from selector.posteriors import Event as Withdrawal
from selector.records import Decision, HealthSeen, Outcome, QuotaSeen, Task
from selector.store import State

if TYPE_CHECKING:
    from selector._clients.money._settling import Settling

__all__ = ["Core"]

_logger = logging.getLogger("selector")
_SNAPSHOT_OUTCOMES = 10_000
_SNAPSHOT_S = 60.0
_UNSOLVED = 64  # tasks chosen for without any outcome, after which the price is solved anew all the same


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
        self.settling: Settling | None = None
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
            if self.settling is not None:
                self.settling.before(id_)
            events = self.report.events(id_, entry, outcome, now)
            if not events:
                fold.n_doubled += 1
                return
            self._take(id_, entry, made, events)
            if outcome.source is not None and outcome.score is not None:
                self._note(outcome.source, outcome.score)
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
            self._take(id_, entry, made, events)
            for each in tried:
                if each.score is not None:
                    self._note(each.source, each.score)
            if self.mind.is_due:
                self._publish(now)

    def _take(self, id_: str, entry: Entry, made: Decision | None, events: list[dict[str, Any]]) -> None:
        """Write down what was reported of a decision, and take it in."""
        fold, untold = self.fold, self.scribe.untold
        if made is not None and not self.hard and (id_ not in fold.entries or id_ in untold):
            events[0]["of"] = facts_of(made)
        writer, last = self.state.append_all(events)
        for seq, event in enumerate(events, last - len(events) + 1):
            event["w"], event["s"] = writer, seq
        if id_ not in fold.entries and id_ not in untold:
            fold.began(id_, entry)
        fold.fold(*events, heard=True)
        untold.pop(id_, None)
        for event in events:
            self.mind.count(event["kind"])

    def extend(self, decision: Decision, need: Amounts, keys: Sequence[str] = ()) -> Till | None:
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
            more = tuple(max(each, 0) for each in beyond(need, entry.held))
            held = together(entry.held, more)
            new = tuple(key for key in keys if key not in entry.keys)
            scoped, at = self.budget.scoped, engine.clock()
            lacking = self.budget.lacks(more) or scoped.lacks(entry.keys, held, at, more=more)
            lacking = lacking or scoped.lacks(new, held, at)
            if not (any(more) or new) or not entry.is_open or lacking is not None:
                return lacking
            parts = list(scoped.parts(new, held, at))
            lacking = self.budget.reserve_more(id_, more, entry.at_s, entry.keys, parts)
            if lacking is not None:
                return lacking
            known, entry.keys = entry.keys, (*entry.keys, *new)
            now = round(engine.clock(), 6)
            event = {"kind": "hold", "at": now, "decision_id": id_} | fields_of(held)
            self.state.append(event | ({"accounts": list(new)} if new else {}))
            entry.held = held
            self.budget.hold_more(more, entry.at_s, known)
            self.budget.scoped.hold(new, held, entry.at_s)
            return None

    def price(self, decision: Decision, each: Tried) -> Amounts:
        """Say what an attempt took."""
        assert each.usage is not None  # noqa: S101 - it used something
        with self.engine.lock:
            entry = self.fold.entries.get(decision.id) or self._entry(decision.id, self.scribe.made(decision.id))
            usage = self.report.usage(entry, Facts(each.route.model, each.route.name), each.route, each.usage)
        classes = tuple(int(usage.get(name) or 0) for name in TOKENS)
        return (int(usage.get("nano") or 0), sum(classes), *(classes if self.budget.counts_classes else ()))

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
            self.hear()
            found = self.fold.entry(id_)
        if found is None:
            raise UnknownDecisionError(
                f"no decision {id_!r} was made here; report outcomes to the state folder that chose, with the id "
                "that select gave"
            )
        return found

    def hear(self) -> None:
        """Take in what other processes wrote."""
        for event in self.state.tail():
            self.fold.fold(event, heard=False)
            self.mind.count(event["kind"])
        if self.fold.early:
            self.fold.settle_early()

    def _note(self, source: str, score: float) -> None:
        counts = self.fold.sources.setdefault(source, [0, 0])
        counts[0] += 1
        counts[1] += score < 1.0

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
            self.hear()
            for id_ in self._expired(now):
                made = self.scribe.made(id_)
                if id_ not in fold.entries and made is not None:
                    fold.began(id_, Entry.of(made))
                held = fold.flight.expire(id_)
                if held is not None and any(held.held):
                    self._charge(id_, held, now)
            if self.settling is not None:
                self.settling.gate.reclaim(again_s=1.0)
            engine.keep_time(now)
            stale = now >= self.budget.turns_at or self.mind.n_since >= _UNSOLVED
            if stale or self.mind.is_due:
                self._publish(now, whole=stale)

    def _charge(self, id_: str, held: Open, now: float) -> None:
        """Write down that a hold was charged in place of a usage that never came."""
        writer, seq = self.state.append({"kind": "settle", "at": now, "decision_id": id_} | fields_of(held.held))
        entry = self.fold.entries.get(id_)
        if entry is not None:
            entry.closed(id_, {"w": writer, "s": seq})
        if self.settling is not None:
            self.settling.expired(id_, held, seq)

    def share(self) -> None:
        """Share hard budgets with other processes from now on.

        Raises
        ------
        StateError
            If the ledger cannot be used, and is not to be done without.
        """
        if not self.hard or self.settling is not None:
            return
        from selector._clients.money._settling import Settling  # noqa: PLC0415 - loads SQLite, for hard budgets alone

        lenient = self.mind.plan.config.on_ledger_failure == "allow"
        with self.engine.lock:
            try:
                self.settling = Settling(self.state, self.fold, self.hear, lenient=lenient)
                self.settling.follow(self.fold, self.engine.clock())
            except StateError as error:
                if not lenient:
                    raise
                _logger.warning("hard budgets are not shared with other processes: %s", error)

    def tend(self, *, now: bool) -> None:
        """Tell the ledger what was settled, and have more of what runs low; at once, or only if something does.

        Raises
        ------
        StateError
            If the ledger could not be told; the next call tells it.
        """
        if self.settling is not None and (now or self.settling.gate.is_low):
            self.settling.gate.tend()

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
        found = self.fold.counted()
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
            self._give_back()
            self.state.seal(current=True)
        finally:
            self.state.close()

    def _give_back(self) -> None:
        """Settle what others reported of decisions of this process, and let the ledger have the rest."""
        if self.settling is not None:
            with self.engine.lock:
                self.hear()
            self.settling.gate.close()

    def after_fork(self, rng: np.random.Generator) -> None:
        """Become a selector of one's own in a forked child; what the parent was about to write is the parent's.

        The child can report outcomes of these decisions; each says what it is of, should the parent never write it.
        """
        self.scribe.after_fork()
        self.engine.fresh(rng, "")
        if self.settling is not None:
            self.settling.gate.after_fork()

    def begin_as_child(self) -> None:
        """Take a name of one's own in a forked child."""
        self.state.claim(self.budget.agreed, beside=True)
        self.engine.prefix, _ = self.state.append({"kind": "audit", "at": self.engine.clock(), "what": "forked"})

    def become(self, engine: Engine) -> None:
        """Go on with what an engine knows now."""
        self.mind, self.budget, self.fold = engine.mind, engine.budget, engine.fold
        self.report = Report(engine.mind)
        self.scribe.become(engine)
        self.state.claim(self.budget.agreed, beside=True)
        if self.settling is not None:
            self.settling.follow(self.fold, engine.clock())


def name_of(decision: object) -> str:
    """Give the id of a decision, or of what was given in its place."""
    if isinstance(decision, Decision):
        return decision.id
    if isinstance(decision, str):
        return decision
    raise UnknownDecisionError(f"a decision is a Decision or its id, not {decision!r}")
