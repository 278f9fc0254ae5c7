"""A run from its choice to what is written down of it, without I/O: what is to be done is asked of a driver."""

from __future__ import annotations

import logging
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from selector._clients._core import Core
from selector._clients.calls._choices import Alternatives
from selector._clients.calls._connections import Connections
from selector._clients.calls._effects import Ask, Call, Called, Effect, Pause, Say, Verify
from selector._clients.calls._ending import blocked_by, run_of
from selector._clients.calls._tried import Tried
from selector._clients.choice._offer import Offer
from selector._clients.money._parts import together
from selector.catalog import Catalog
from selector.errors import BudgetExceededError, ConfigError, NoEligibleModelError, StateError
from selector.execution import Answer, CallFailed, Request, Resilience, Seen, Step, Wait, chain, usage_of
from selector.outcomes import Check, JudgeCheck, Verdict, judge_task
from selector.records import (
    Basis,
    Decision,
    DoneEvent,
    Failure,
    HealthSeen,
    Message,
    Part,
    Reason,
    Run,
    SwitchedEvent,
    Task,
    Usage,
    UsageEvent,
)

__all__ = ["Conduct", "Order"]

_logger = logging.getLogger("selector")
_SAYS_NOTHING = Usage()
_CAPS = ("max_tokens", "max_completion_tokens", "max_output_tokens")
_MOMENTS, _PATIENCE_S, _SPREAD_S = 3, 5.0, 0.05
_OF_HEALTH = (Reason.OVER_QUOTA.value, Reason.UNHEALTHY.value)
_BY = {Basis.RULE: "rule", Basis.INCUMBENT: "rule", Basis.LAST_RESORT: "last_resort"}

Flow = Generator[Effect, Any, Run]


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the caller of a run wants."""

    task: Task
    check: Check | None = None
    params: Mapping[str, object] = field(default_factory=dict)
    streaming: bool = False
    is_form: bool = False
    """Whether the check looks at the form alone: what passes it may be wrong all the same, and is not called right."""


class Conduct:
    """One run.

    Parameters
    ----------
    core
        Who chooses and keeps.
    connections
        Who calls.
    order
        What is wanted.
    timer
        Seconds of a clock that never goes back.
    jitter
        A number in [0, 1), for waits.
    """

    def __init__(
        self,
        core: Core,
        connections: Connections,
        order: Order,
        timer: Callable[[], float],
        jitter: Callable[[], float],
    ) -> None:
        self._core, self._connections, self._order = core, connections, order
        self._timer, self._jitter = timer, jitter
        self._messages = _messages(order.task)
        self._began = timer()
        fallback = core.mind.plan.config.fallback
        deadline = order.task.deadline_s if order.task.deadline_s is not None else fallback.deadline_s
        self._how = Resilience(
            max_attempts=fallback.max_attempts,
            retries=fallback.retries,
            deadline_s=None if deadline is None else self._began + deadline,
            midstream=fallback.on_midstream_failure,
        )
        self._escalates = fallback.escalate_on_failure
        self._tried: list[Tried] = []
        self._live: Call | None = None
        self._checking = False
        self._answer: Answer | None = None
        self._said = ""  # what a consumer was shown of an answer that is to be continued

    def steps(self) -> Flow:
        """Go from the choice to the answer; what is asked for on the way is yielded.

        Raises
        ------
        SelectorError
            Why there is no answer.
        """
        core, task = self._core, self._order.task
        decision = yield from self._chosen()
        others = Alternatives(core, decision, task)
        settled = False
        try:
            failure = yield from self._down(decision, others)
            settled = True
        finally:
            if not settled:
                self._abandon(decision)
        run = self._finished(decision)
        if failure is not None:
            raise blocked_by(failure, run, others.tightest)
        if self._order.streaming:
            yield Say(DoneEvent(run))
        return run

    def _finished(self, decision: Decision) -> Run:
        """Write the run down; where the disk refuses that, the error has the answer, which was paid for."""
        try:
            self._core.finish(decision, self._tried)
        except StateError as error:
            error.run = run_of(decision, self._tried, self._answer, self._timer() - self._began)
            error.attempts = error.run.attempts
            raise
        return run_of(decision, self._tried, self._answer, self._timer() - self._began)

    def _chosen(self) -> Generator[Effect, Any, Decision]:
        """Choose; where every model that may serve asks to be left alone for a moment, wait that moment."""
        task, engine = self._order.task, self._core.engine
        for _ in range(_MOMENTS):
            try:
                return engine.select(task)
            except BudgetExceededError:
                raise
            except NoEligibleModelError as error:
                moment = self._moment_s(error)
                if moment is None:
                    raise
            yield Pause(moment)
        return engine.select(task)

    def _moment_s(self, error: NoEligibleModelError) -> float | None:
        """Say how soon a model may be called that is excluded for its routes' health alone; None: not soon enough."""
        engine, catalog = self._core.engine, self._core.mind.plan.catalog
        now, left = engine.clock(), self._left_s()
        out = [name for name, why in error.reasons.items() if why.startswith(_OF_HEALTH)]
        waits = [engine.health.wait_s(route.name, now) for name in out for route in catalog.model(name).routes]
        moment = min((wait for wait in waits if wait > 0), default=_PATIENCE_S) + self._jitter() * _SPREAD_S
        return moment if moment < _PATIENCE_S and (left is None or moment < left) else None

    def _left_s(self) -> float | None:
        return None if self._how.deadline_s is None else max(self._how.deadline_s - self._timer(), 0.0)

    def _down(self, decision: Decision, others: Alternatives) -> Generator[Effect, Any, Failure | None]:
        """Go down the chain; tell why it ended without an answer."""
        first = self._first(decision)
        way = chain(first, others, self._how, self._timer, self._jitter)
        seen: Seen | None = None
        while True:
            try:
                step = way.send(seen)
            except StopIteration as end:
                ended: Failure | None = end.value
                return ended
            seen = None
            if isinstance(step, Wait):
                yield Pause(step.seconds)
            else:
                if not self._tried and step.route != first.route:
                    self._tried.append(self._passed_over(first))
                seen = yield from self._attempt(step, decision, others)

    def _first(self, decision: Decision) -> Step:
        model = self._catalog(decision).model(decision.model)
        route = model.route if len(model.routes) == 1 else next(r for r in model.routes if r.name == decision.route)
        return Step(route=route, selected_by=_BY.get(decision.reason, "policy"))

    def _passed_over(self, step: Step) -> Tried:
        return Tried(
            route=step.route,
            selected_by=step.selected_by,
            at_s=self._core.engine.clock(),
            failure=Failure.OVERLOADED,
            detail="not called: it failed too often just now, and another call finds out whether it is back",
        )

    def _attempt(self, step: Step, decision: Decision, others: Alternatives) -> Generator[Effect, Any, Seen]:
        """Make one call, and take in what came of it."""
        core, route = self._core, step.route
        continued = step.continued and self._connections.can_continue(route)
        if self._order.streaming and self._tried:
            left = self._tried[-1]
            restarted = (step.restarted or step.continued) and not continued
            if left.route != route or restarted:
                why = left.failure or Failure.OVERLOADED
                yield Say(SwitchedEvent(left.route.name, route.name, why, left.detail, restarted))
        if not continued:
            self._said = ""
        each = Tried(route=route, selected_by=step.selected_by, at_s=core.engine.clock(), propensity=step.propensity)
        self._tried.append(each)
        call = self._call(step, decision)
        began, self._live = self._timer(), call
        called: Called = yield call
        each.latency_s, self._live = round(self._timer() - began, 6), None
        if called.failed is not None:
            seen = self._failed(each, called.failed, call)
        else:
            assert called.answer is not None  # noqa: S101 - one of the two
            seen = yield from self._answered(each, called.answer, call)
        if seen.failure is not None and each.usage is not None:
            spent = core.price(decision, each)
            others.spent = together(others.spent, spent)
        return seen

    @staticmethod
    def _catalog(decision: Decision) -> Catalog:
        """Give the models of the configuration that the run began with."""
        assert isinstance(decision.deal, Offer)  # noqa: S101 - a decision of this process
        return decision.deal.plan.catalog

    def _call(self, step: Step, decision: Decision) -> Call:
        """Write what one call asks."""
        task, route, catalog = self._order.task, step.route, self._catalog(decision)
        own = catalog.model(route.model).params if route.model in catalog.models else {}
        params, caps = _capped({**own, **self._order.params} if self._order.params else own)
        longest = [cap for cap in (task.max_output_tokens or route.max_output_tokens, *caps) if cap is not None]
        request = Request(
            route=route,
            messages=self._messages,
            system=task.system,
            tools=tuple(task.tools or ()),
            response_schema=task.response_schema,
            max_output_tokens=min(longest, default=None),
            params=params,
            prefix=self._said,
            without_reasoning=step.without_reasoning,
        )
        provider = self._connections.of(route)
        patience = self._connections.patience(route).within(self._left_s())
        return Call(decision, provider, request, patience, self._order.streaming, self._connections.places(route))

    def _failed(self, each: Tried, failed: CallFailed, call: Call) -> Seen:
        """Note why a call failed, and tell of the route's health."""
        failure, now = failed.failure, self._core.engine.clock()
        if failure is Failure.TIMEOUT and self._how.deadline_s is not None and self._timer() >= self._how.deadline_s:
            failure = Failure.DEADLINE
        each.failure, each.detail, each.status = failure, failed.detail, failed.status
        if failed.partial is not None:
            self._note(each, failed.partial, call)
            if self._how.midstream == "continue" and call.shown:
                self._said += failed.partial.text
        until = failed.resets_at_s
        if until is None and failed.retry_after_s is not None:
            until = now + failed.retry_after_s
        each.until_s = until
        health = HealthSeen(route=each.route.name, at_s=now, failure=failure, until_s=until)
        self._core.saw(health, failed.limits, began_s=each.at_s)
        return Seen(
            failure=failure,
            retry_after_s=None if until is None else max(until - now, 0.0),
            shown=call.shown,
            of_reasoning=failed.of_reasoning,
        )

    def _answered(self, each: Tried, answer: Answer, call: Call) -> Generator[Effect, Any, Seen]:
        """Note what an answer used, and have it checked."""
        self._note(each, answer, call)
        if answer.limits or not self._core.engine.health.is_calm(each.route.name):
            health = HealthSeen(route=each.route.name, at_s=self._core.engine.clock())
            self._core.saw(health, answer.limits, began_s=each.at_s)
        if self._said:
            parts = (Part(kind="text", text=self._said), *answer.message.parts)
            answer = replace(answer, message=replace(answer.message, parts=parts))
        if self._order.streaming:
            assert each.usage is not None  # noqa: S101 - noted above
            yield Say(UsageEvent(each.usage, each.estimated))
        verdict = yield from self._verdict(each, answer)
        if verdict is not None:
            each.score = None if verdict.passed and self._order.is_form else verdict.score
            each.source = verdict.source
            if not verdict.passed and self._escalates:
                each.failure, each.detail = Failure.INVALID_ANSWER, verdict.detail
                return Seen(failure=Failure.INVALID_ANSWER, shown=call.shown)
        self._answer = answer
        return Seen()

    def _verdict(self, each: Tried, answer: Answer) -> Generator[Effect, Any, Verdict | None]:
        check = self._order.check
        if check is None or (answer.tool_calls and not answer.text.strip()):  # a call of tools is no answer yet
            return None
        self._checking = True
        verdict: Verdict | None
        if isinstance(check, JudgeCheck):
            verdict = yield from self._judged(check, each, answer)
        else:
            verdict = yield Verify(check, answer)
        self._checking = False
        return verdict

    def _judged(self, check: JudgeCheck, each: Tried, answer: Answer) -> Generator[Effect, Any, Verdict | None]:
        """Ask another model what it thinks of an answer."""
        catalog = self._core.mind.plan.catalog
        judges = list(dict.fromkeys(route.model for route in catalog.routes(check.judge)))
        by = each.route.model
        task = judge_task(check, self._order.task, answer, answered_by=by, judges=judges)
        if task is None:
            _logger.warning("%s would be its own judge, so nobody judges its answer", by)
            return None
        left = self._left_s()
        if left is not None and left <= 0:
            return None
        text: str | None = yield Ask(replace(task, purpose="judge", deadline_s=left))
        return None if text is None else check.verdict(text, task.only[0])

    @staticmethod
    def _note(each: Tried, answer: Answer, call: Call) -> None:
        """Note what an answer used; where its provider says nothing of that, it is counted from the characters."""
        each.usage, each.estimated, each.snapshot = answer.usage, answer.estimated, answer.snapshot
        if answer.usage == _SAYS_NOTHING:
            each.usage, each.estimated = usage_of(call.request, answer.message), True

    def _abandon(self, decision: Decision) -> None:
        """Write down what is known of a run that nobody waits for any longer."""
        live = self._live
        if live is not None:
            each = self._tried[-1]
            each.failure = Failure.CANCELLED
            now = self._core.engine.clock()
            health = HealthSeen(route=each.route.name, at_s=now, failure=Failure.CANCELLED)
            self._core.saw(health, (), began_s=each.at_s)
            if live.seen is not None:
                self._note(each, live.seen, live)
        elif self._checking:
            _logger.warning("the check of decision %s raised; its answer counts for nobody", decision.id)
        self._core.finish(decision, self._tried)


def _capped(params: Mapping[str, object]) -> tuple[Mapping[str, object], list[int]]:
    """Take out what limits the length of an answer, whatever it is called: it may not lift what a budget holds."""
    caps = [cap for name in _CAPS if isinstance(cap := params.get(name), int)]
    return ({name: value for name, value in params.items() if name not in _CAPS} if caps else params), caps


def _messages(task: Task) -> tuple[Message, ...]:
    """Read what a task asks."""
    if task.prompt is not None:
        return (Message(role="user", parts=(Part(kind="text", text=task.prompt),)),)
    if not task.messages:
        raise ConfigError("Task.prompt is None, and so is Task.messages; run makes the call, and needs one of them")
    return tuple(Message.of(each) for each in task.messages)
