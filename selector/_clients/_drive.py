"""A run driven in a thread: what it asks for is done here and now."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from types import TracebackType
from typing import Any, Self

from selector._clients._conduct import Flow
from selector._clients._effects import Ask, Call, Called, Pause, Say
from selector.errors import SelectorError
from selector.execution import Answer, CallFailed
from selector.records import DoneEvent, Event, Run, Task

__all__ = ["Stream", "drive"]

_logger = logging.getLogger("selector")
Runs = Callable[[Task], Run]


def drive(flow: Flow, run: Runs) -> Run:
    """Do what a run asks for until it is over.

    Parameters
    ----------
    flow
        The run.
    run
        Makes another run, such as a judge's.
    """
    events = _events(flow, run)
    while True:
        try:
            next(events)
        except StopIteration as end:
            found: Run = end.value
            return found


def _events(flow: Flow, run: Runs) -> Generator[Event, None, Run]:
    """Do what a run asks for, and give what it shows."""
    result: Any = None
    try:
        while True:
            try:
                effect = flow.send(result)
            except StopIteration as end:
                found: Run = end.value
                return found
            result = None
            if isinstance(effect, Call):
                result = (yield from _streamed(effect)) if effect.streaming else _called(effect)
            elif isinstance(effect, Say):
                yield effect.event
            elif isinstance(effect, Pause):
                time.sleep(effect.seconds)
            elif isinstance(effect, Ask):
                result = _asked(run, effect.task)
            else:
                result = effect.check.verdict(effect.answer)
    finally:
        flow.close()


def _called(call: Call) -> Called:
    try:
        return Called(call.provider.call(call.request, call.patience), None)
    except CallFailed as failed:
        return Called(None, failed)


def _streamed(call: Call) -> Generator[Event, None, Called]:
    chunks = call.provider.stream(call.request, call.patience)
    answer: Answer | None = None
    try:
        for chunk in chunks:
            if isinstance(chunk, Answer):
                answer = chunk
            else:
                call.note(chunk)
                yield chunk
    except CallFailed as failed:
        return Called(None, failed)
    finally:
        close = getattr(chunks, "close", None)
        if close is not None:
            close()
    return Called(answer, None)


def _asked(run: Runs, task: Task) -> str | None:
    try:
        return run(task).text
    except SelectorError as error:
        _logger.warning("no judgement: %s", error)
        return None


class Stream:
    """An answer as it comes: an iterator of typed events.

    Leave it early with `close`, by a ``with`` block, or by letting go of it: the call ends, and what was used is
    settled.

    Parameters
    ----------
    flow
        The run.
    run
        Makes another run, such as a judge's.
    """

    def __init__(self, flow: Flow, run: Runs) -> None:
        self._events = _events(flow, run)
        self.run: Run | None = None
        """The run, once it is done."""

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Event:
        event = next(self._events)
        if isinstance(event, DoneEvent):
            self.run = event.run
        return event

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the call, if it is still under way; twice is as good as once."""
        self._events.close()
