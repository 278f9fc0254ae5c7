"""One session as it lives in a process: its model is decided, kept and let go of, and every turn is written down."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from threading import Lock
from typing import NamedTuple, Protocol

from selector._clients._core import Core
from selector._clients.calls._conduct import Flow
from selector._clients.calls._effects import Call, Called, Effect
from selector._clients.calls._orders import Checked
from selector._clients.choice._holds import HeldTask, Hold, saving
from selector._clients.sessions._session_log import write
from selector.errors import ConfigError, SelectorError
from selector.flows import Begun, Course, Purposes, Rotation, Saved, SessionEvent, Switches
from selector.outcomes import Verdict
from selector.records import Attempt, Decision, Failure, Outcome, Run, Task, Usage

__all__ = ["Live", "Verbs"]

_logger = logging.getLogger("selector")
_GOOD = 0.5
_OF_NOBODY = frozenset({Failure.BAD_REQUEST, Failure.BUDGET, Failure.CANCELLED})  # no word on the model
_FACTS = frozenset({"turn", "phase", "n_failures", "route"})


class Flows(Protocol):
    """Begins runs; `Selector.flow`."""

    def __call__(
        self, task: Task, check: Checked, params: Mapping[str, object] | None, *, streaming: bool, hold: Hold | None
    ) -> Flow:
        """Begin one."""


class Verbs(NamedTuple):
    """What a selector does for its sessions."""

    choose: Callable[[Task], Decision]
    flow: Flows


@dataclass(slots=True)
class _Turn:
    """One turn."""

    task: Task
    hold: Hold | None
    begun: Begun
    before: Saved
    """How the session stood: a turn that finds nobody was none."""
    route: str | None = None
    """Where its last call went."""
    why: str = ""
    """Why a call goes elsewhere than the one before."""


class Live:
    """One session; see `selector._clients.sessions._session.Session`.

    Parameters
    ----------
    core
        Who chooses and keeps.
    verbs
        How tasks are chosen for and run.
    purposes
        What the configuration says.
    belongs
        Is told of which session a decision is.
    id_
        Its name.
    """

    def __init__(
        self, core: Core, verbs: Verbs, purposes: Purposes, belongs: Callable[[str, Live], None], id_: str
    ) -> None:
        self.id = id_
        self._core, self._verbs, self._purposes, self._belongs = core, verbs, purposes, belongs
        self._lock = Lock()
        self._course, self._switches, self._since = Course(), Switches(), 0.0
        self._metadata: Mapping[str, object] = {}
        self._type = "chat"

    def go_on(self, course: Course, switches: Switches, since: float) -> None:
        """Take up what was known of it at a time, in seconds since 1970."""
        self._course, self._switches, self._since = course, switches, since

    def dress(self, purpose: str | None, metadata: Mapping[str, object], task_type: str | None) -> None:
        """Take what holds for its tasks; what is not given stays."""
        with self._lock:
            self._course.own = purpose or self._course.own
            self._metadata, self._type = {**self._metadata, **metadata}, task_type or self._type

    def after_fork(self) -> None:
        """Go on in a forked child."""
        self._lock = Lock()

    # What can be seen of it.

    @property
    def route(self) -> str | None:
        """The route that serves."""
        return self._switches.route

    @property
    def served_by(self) -> tuple[str | None, str | None]:
        """The model and the provider of that route."""
        if self.route is None:
            return None, None
        found = next((r for m in self._core.mind.plan.catalog for r in m.routes if r.name == self.route), None)
        return (self.route, None) if found is None else (found.model, found.provider)

    @property
    def events(self) -> tuple[SessionEvent, ...]:
        """Each change of it."""
        return self._switches.events

    @property
    def turn(self) -> int:
        """How many turns there were."""
        return self._course.turn

    @property
    def phase(self) -> str | None:
        """The purpose of the last turn, or of the first one to come."""
        return self._course.purpose(self._rotation)

    @property
    def n_failures(self) -> int:
        """How many turns failed in a row."""
        return self._course.n_failures

    @property
    def cached_tokens(self) -> int:
        """How long the conversation is that its model has read, as far as is known."""
        return self._course.tokens

    def fact(self, name: str) -> object:
        """Tell a rule what it asks; None: there is no such fact."""
        if name in {"model", "provider"}:
            return self.served_by[name == "provider"]
        return getattr(self, name) if name in _FACTS else None

    @property
    def _rotation(self) -> Rotation:
        return self._purposes.rotation(self._course.own)

    # Its verbs.

    def select(self, given: Task | str) -> Decision:
        """Choose for a turn."""
        with self._lock:
            turn = self._begin(given)
            try:
                decision = self._verbs.choose(turn.task if turn.hold is None else HeldTask.of(turn.task, turn.hold))
            except BaseException:
                self._undo(turn)
                raise
            self._goes(turn, decision.route, decision)
        self._belongs(decision.id, self)
        return decision

    def flow(
        self, given: Task | str, check: Checked, params: Mapping[str, object] | None, *, streaming: bool = False
    ) -> Flow:
        """Begin a turn's run, for whoever drives it; nothing happens before its first step."""
        with self._lock:
            turn = self._begin(given)
            try:
                steps = self._verbs.flow(turn.task, check, params, streaming=streaming, hold=turn.hold)
                effect = next(steps)
            except BaseException:
                self._undo(turn)
                raise
            self._goes_by(turn, effect)
        try:
            while True:
                result = yield effect
                turn.why = _why(result) or turn.why
                effect = steps.send(result)
                if isinstance(effect, Call) and effect.request.route.name != turn.route:
                    with self._lock:
                        self._goes_by(turn, effect)
        except StopIteration as end:
            run: Run = end.value
            self._ended(turn, run)
            return run
        except SelectorError as error:
            self._ended(turn, error.run)
            raise
        finally:
            steps.close()
            if turn.route is None:
                with self._lock:
                    self._undo(turn)

    def consulted(self, purpose: str, given: Task | str, check: Checked, params: Mapping[str, object] | None) -> Flow:
        """Begin a run of another purpose's models, which is no turn."""
        self._purposes.check(purpose, "session.consult")
        task = self._dressed(given, purpose, own=False)
        run = yield from self._verbs.flow(task, check, params, streaming=False, hold=None)
        route = run.attempts[-1].route if run.attempts else None
        _logger.info("session %s: %s was consulted: %s", self.id, purpose, route)
        with self._lock:
            write(self._core, self.id, self._course, what="consult", purpose=purpose, route=route, of=run.id)
        return run

    def boundary(self, why: object) -> None:
        """Let the next turn decide."""
        if not isinstance(why, str) or not why.strip():
            raise ConfigError(f"session.boundary: why must be a word such as 'compaction', not {why!r}")
        with self._lock:
            self._course.boundary(why)
            write(self._core, self.id, self._course, what="boundary", reason=why)

    def heard(self, decision: str, outcome: Outcome) -> None:
        """Take in what was reported of a turn."""
        with self._lock:
            course = self._course
            if outcome.error is not None:
                news = outcome.error not in _OF_NOBODY and course.mark(decision, good=False)
            elif outcome.score is not None:
                news = course.mark(decision, good=outcome.score >= _GOOD)
            else:
                news = (outcome.retracted or not course.is_marked(decision)) and course.mark(decision, good=True)
            if decision == course.last:
                news = self._reads(outcome.usage, outcome.route or course.held) or news
            if news:
                write(self._core, self.id, course, what="outcome", of=decision)

    # How it goes.

    def _listen(self) -> None:
        """Take in how other processes judged its turns."""
        core, course = self._core, self._course
        with core.engine.lock:
            for decision in course.decisions:
                entry = core.fold.entries.get(decision)
                told = (
                    () if entry is None else [word for each in entry.attempts for word in (each.judged or {}).values()]
                )
                news = [word for word in told if word[1] != core.state.writer and word[0] > self._since]
                if news:
                    score = max(news)[3]
                    course.mark(decision, good=score is None or score >= _GOOD)

    def _begin(self, given: Task | str) -> _Turn:
        self._listen()
        course, before = self._course, self._course.saved()
        rotation = self._rotation
        begun = course.begin(rotation)
        try:
            task = self._dressed(given, begun.purpose, own=True)
            if begun.held is not None:
                models = self._purposes.models(task.purpose)
                engine, left = self._core.engine, course.left(rotation)
                other = saving(engine, task, begun.held, course.tokens, models, left)
                if other is not None:
                    why = f"saving: {other} is expected to save more than the prompt cache of {begun.held} is worth"
                    course.boundary(why)
                    begun = begun._replace(held=None, why=why)
        except BaseException:
            self._course = Course.of(before)
            raise
        return _Turn(task, None if begun.held is None else Hold(begun.held), begun, before)

    def _undo(self, turn: _Turn) -> None:
        """Take a turn back that found nobody; one after which others began stays."""
        if self._course.turn == turn.begun.turn:
            self._course = Course.of(turn.before)

    def _dressed(self, given: Task | str, purpose: str | None, *, own: bool) -> Task:
        """Give a task what its session knows."""
        task = Task(self._type, prompt=given) if isinstance(given, str) else given
        if task.__class__ is not Task:
            raise ConfigError(f"a session's task is a Task or a text, not a {type(task).__name__}; write Task(...)")
        if task.session not in {None, self.id}:
            raise ConfigError(f"Task.session is {task.session!r}, and this session is {self.id!r}; leave it out")
        if purpose is not None and task.purpose not in {None, purpose}:
            remedy = f"leave it out, or ask session.consult({task.purpose!r}, ...)" if own else "leave it out"
            raise ConfigError(f"Task.purpose is {task.purpose!r}, and the turn's is {purpose!r}; {remedy}")
        purpose = purpose or task.purpose
        known = {**self._purposes.metadata(purpose), **self._metadata, **task.metadata}
        only = task.only if task.only or purpose is not None else self._purposes.unasked()
        return replace(task, session=self.id, purpose=purpose, metadata=known, only=only)

    def _goes_by(self, turn: _Turn, effect: Effect) -> None:
        if isinstance(effect, Call):
            self._goes(turn, effect.request.route.name, None)

    def _goes(self, turn: _Turn, route: str, decision: Decision | None) -> None:
        """Note where a turn's call goes, and tell of it if that is elsewhere than before."""
        course, hold, first = self._course, turn.hold, turn.route is None
        turn.route = route
        if first:
            forced = hold.is_forced if hold is not None else False
            course.goes(route, keep=not forced)
            if decision is not None:
                course.counts(decision.id)
        reason = self._reason(turn, route) if first else f"fallback: {turn.why or Failure.OVERLOADED.value}"
        now = self._core.engine.clock()
        event = self._switches.to(route, at_s=now, turn=turn.begun.turn, phase=turn.task.purpose, reason=reason)
        if event is not None:
            _logger.info("session %s: %s", self.id, event)
        if first or event is not None:
            switch = None if event is None else Switches.saved(event)
            why = reason if first and (hold is None or hold.lifted is not None) else None
            what = "turn" if first else "fallback"
            write(self._core, self.id, course, what=what, route=route, switch=switch, reason=why)

    def _reason(self, turn: _Turn, route: str) -> str:
        """Say why a turn goes where it goes."""
        hold = turn.hold
        if hold is None:
            return turn.begun.why
        if route == hold.route:
            return "its session keeps it"
        if hold.is_forced and hold.lifted is not None:
            return hold.lifted
        engine = self._core.engine
        kept = next((r for m in engine.mind.plan.catalog for r in m.routes if r.name == hold.route), None)
        if kept is None:
            return f"{hold.route} is not configured any more"
        out = engine.roads.excluded(kept, datetime.fromtimestamp(max(engine.clock(), 0.0), UTC))
        if out is not None:
            return f"{hold.route} is out: {out}"
        return f"{hold.route} may not serve: {hold.lifted or 'another was chosen'}"

    def _ended(self, turn: _Turn, run: object) -> None:
        """Take in how a turn's run ended, if it went anywhere."""
        decision = run.decision if isinstance(run, Run) else None
        if not isinstance(run, Run) or decision is None or not run.attempts:
            return
        first, last = run.attempts[0], run.attempts[-1]
        with self._lock:
            course = self._course
            course.counts(decision.id)
            course.mark(decision.id, good=_went_well(run))
            if first.route == course.held and first.failure is not None and first.failure.of_route:
                self._lost(turn, run)
            self._reads(last.usage, last.route)
            write(self._core, self.id, course, what="ended", of=decision.id)
        self._belongs(decision.id, self)

    def _lost(self, turn: _Turn, run: Run) -> None:
        """Keep the route that answered in place of one that failed, if it is one of the purpose; else decide anew."""
        first, last, course = run.attempts[0], run.attempts[-1], self._course
        if last.failure is not None or last.model not in self._purposes.models(turn.task.purpose):
            course.boundary(f"route failure: {first.route}: {first.failure}")
        elif last.route is not None:
            course.goes(last.route)

    def _reads(self, usage: Usage | None, route: str | None) -> bool:
        """Note how long the conversation is that its model has read; tell whether that is news."""
        if usage is None or route != self._course.held or not usage.context_tokens:
            return False
        self._course.tokens = usage.context_tokens + (usage.output_tokens or 0)
        return True


def _why(result: object) -> str:
    """Read in what a step came to why the next one goes elsewhere."""
    if isinstance(result, Called) and result.failed is not None:
        return result.failed.failure.value
    return Failure.INVALID_ANSWER.value if isinstance(result, Verdict) and not result.passed else ""


def _went_well(run: Run) -> bool | None:
    """Tell whether the model that a turn was given to did it; None: what ended it was not the model's doing."""
    if run.attempts[-1].failure in _OF_NOBODY:
        return None
    return all(_is_good(attempt, run) for attempt in run.attempts)


def _is_good(attempt: Attempt, run: Run) -> bool:
    if attempt.failure is not None:
        return attempt.route == run.attempts[-1].route and run.status == "answered" and attempt.failure.of_route
    return attempt.score is None or attempt.score >= _GOOD
