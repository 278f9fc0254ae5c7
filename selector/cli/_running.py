"""A run as a person sees it: the answer on standard output, what happens on the way on standard error."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import asdict
from typing import Any

from selector import Selector, Task
from selector._clients import Call, Called, Effect, Flow, Pause, Say, Stream, drive
from selector.cli._lines import counted
from selector.cli._output import complain, money
from selector.cli._story import moment
from selector.records import Attempt, Failure, Run, SwitchedEvent, TextEvent, Usage

__all__ = ["Screen", "Story", "answered", "run_entry", "stopping"]

_INTERRUPTED, _TERMINATED = 130, 143
_SAFE = {code: f"\\x{code:02x}" for code in (*range(9), *range(11, 13), *range(14, 32), *range(127, 160))}


class Screen:
    """Where the answer and what is said about it go, so that neither stands within a line of the other.

    Parameters
    ----------
    quiet
        Whether nothing is said but the answer.
    """

    def __init__(self, *, quiet: bool) -> None:
        self._quiet = quiet
        self._is_terminal = sys.stdout.isatty()
        self._within_a_line = False

    def write(self, text: str) -> None:
        """Print a piece of the answer; a terminal gets no commands by it."""
        if text:
            sys.stdout.write(text.translate(_SAFE) if self._is_terminal else text)
            sys.stdout.flush()
            self._within_a_line = not text.endswith("\n")

    def begin_anew(self) -> None:
        """End the line of an answer that broke off."""
        if self._within_a_line:
            self.write("\n")

    def end(self) -> None:
        """End the last line where people read."""
        if self._is_terminal:
            self.begin_anew()

    def note(self, text: str) -> None:
        """Say what happens."""
        if not self._quiet:
            self.end()
            complain(" ".join(text.splitlines()).translate(_SAFE))

    def sum_up(self, run: Run) -> None:
        """Say who answered, what it took, and under which id."""
        who = run.attempts[-1].route if run.status == "answered" else "no answer"
        parts = [str(who), counted(len(run.attempts), "attempt"), *_used(run)]
        if run.latency_s is not None:
            parts.append(f"{run.latency_s:.1f} s")
        self.note(f"{', '.join(parts)}, id {run.id}")


def _used(run: Run) -> Iterator[str]:
    usage = run.usage
    about = "about " if any(each.estimated for each in run.attempts) else ""
    read = [usage.input_tokens, usage.cache_read_tokens, usage.cache_write_tokens]
    written = [usage.output_tokens, usage.reasoning_tokens]
    if any(each is not None for each in (*read, *written)):
        came, went = (sum(each or 0 for each in some) for some in (read, written))
        yield f"{about}{came:,} tokens in and {went:,} out"
    yield "cost unknown" if run.cost_usd is None else f"{about}{money(run.cost_usd)} USD"


def answered(
    selector: Selector, task: Task, check: str | Mapping[str, Any] | None, screen: Screen, *, streaming: bool
) -> Run:
    """Run a task; print its answer as it comes, if it streams, and say what fails.

    Parameters
    ----------
    selector
        Who runs it.
    task, check
        As for `Selector.run`.
    screen
        Where it is shown.
    streaming
        Whether the answer is printed here.
    """
    story = Story(screen.note)
    flow = story.of(selector.flow(task, check, None, streaming=streaming))
    if not streaming:
        return drive(flow, selector.run)
    with Stream(flow, selector.run) as events:
        for event in events:
            if isinstance(event, TextEvent):
                screen.write(event.text)
            elif isinstance(event, SwitchedEvent) and event.restarted:
                screen.begin_anew()
    assert events.run is not None  # noqa: S101 - else it raised
    return events.run


class Story:
    """What happens in a run, said as it happens: which call failed, and what follows.

    Parameters
    ----------
    tell
        Says a line.

    Examples
    --------
    >>> from selector.records import Failure
    >>> def steps():
    ...     yield Say(SwitchedEvent("haiku@work", "sonnet@work", Failure.OVERLOADED, "busy"))
    ...     return Run()
    >>> list(Story(print).of(steps()))
    haiku@work failed (overloaded: busy): on to sonnet@work
    [Say(event=SwitchedEvent(left='haiku@work', ...))]
    """

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._route = ""  # the last that was called
        self._why: str | None = None  # of its failure; None: there is nothing to say

    def of(self, flow: Flow) -> Flow:
        """Pass on what a run asks for."""
        result = None
        with closing(flow):
            while True:
                try:
                    effect = flow.send(result)
                except StopIteration as end:
                    found: Run = end.value
                    return found
                self._before(effect)
                result = yield effect
                if isinstance(effect, Call):
                    self._after(result)

    def _before(self, effect: Effect) -> None:
        if isinstance(effect, Pause):
            self._say(f"once more in {effect.seconds:.1f} s")
        elif isinstance(effect, Say) and isinstance(effect.event, SwitchedEvent):
            event = effect.event
            self._route, self._why = event.left, _reason(event.failure, event.detail)
            self._say(f"{'anew, by' if event.restarted else 'on to'} {event.route}")
            self._route = event.route
        elif isinstance(effect, Call):
            route = effect.request.route.name
            if route != self._route and self._route and self._why is None:
                self._why = Failure.INVALID_ANSWER.value
            self._say("once more" if route == self._route else f"on to {route}")
            self._route = route

    def _after(self, called: Called) -> None:
        failed = called.failed
        self._why = None if failed is None else _reason(failed.failure, failed.detail)

    def _say(self, what: str) -> None:
        if self._why is not None:
            self._tell(f"{self._route} failed ({self._why}): {what}")
        self._why = None


def _reason(failure: str, detail: str) -> str:
    return f"{failure}: {detail}" if detail else str(failure)


@contextmanager
def stopping() -> Iterator[None]:
    """Let an interrupt, and a polite request to end, settle what is under way and become the exit code."""

    def leave(_number: int, _frame: object) -> None:
        raise SystemExit(_TERMINATED)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    except KeyboardInterrupt:
        complain("stopped")
        raise SystemExit(_INTERRUPTED) from None
    finally:
        signal.signal(signal.SIGTERM, before)


def run_entry(run: Run) -> dict[str, Any]:
    """Lay out a run, also one without an answer."""
    decision = run.decision
    last = run.attempts[-1] if run.attempts and run.status == "answered" else None
    return {
        "schema": "selector.run/1",
        "id": run.id,
        "task_type": None if decision is None else decision.task_type,
        "status": run.status,
        "text": _plain(run.text),
        "model": None if last is None else last.model,
        "route": None if last is None else last.route,
        "snapshot": None if last is None else last.snapshot,
        "usage": _usage(run.usage),
        "cost_usd": run.cost_usd,
        "latency_s": run.latency_s,
        "attempts": [_attempt(each) for each in run.attempts],
    }


def _attempt(each: Attempt) -> dict[str, Any]:
    return {
        "number": each.number,
        "model": each.model,
        "route": each.route,
        "selected_by": each.selected_by,
        "propensity": each.propensity,
        "failure": each.failure,
        "detail": _plain(each.detail),
        "status": each.status,
        "until": None if each.until_s is None else moment(each.until_s),
        "snapshot": each.snapshot,
        "score": each.score,
        "source": each.source,
        "usage": _usage(each.usage),
        "cost_usd": each.usage.cost_usd,
        "latency_s": each.usage.latency_s,
        "estimated": each.estimated,
        "at": None if each.at is None else moment(each.at.timestamp()),
    }


def _usage(usage: Usage) -> dict[str, int | None]:
    return {name: value for name, value in asdict(usage).items() if name.endswith("_tokens")}


def _plain(text: str | None) -> str | None:
    """Replace halves of characters, which no JSON can hold."""
    return None if text is None else text.encode("utf-8", "replace").decode()
