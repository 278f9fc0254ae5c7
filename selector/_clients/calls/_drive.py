"""A run driven in a thread: what it asks for is done here and now."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Generator
from contextlib import ExitStack
from types import TracebackType
from typing import Any, Self

from selector._clients.calls._conduct import Flow
from selector._clients.calls._effects import Ask, Call, Called, Pause, Say, Verify
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
    result: Any = None
    try:
        while True:
            try:
                effect = flow.send(result)
            except StopIteration as end:
                found: Run = end.value
                return found
            result = _called(effect) if isinstance(effect, Call) else _done(effect, run)
    finally:
        flow.close()


def _events(flow: Flow, run: Runs) -> Generator[Event, None, None]:
    """Do what a run asks for, and give what it shows."""
    result: Any = None
    try:
        while True:
            try:
                effect = flow.send(result)
            except StopIteration:
                return
            if isinstance(effect, Call):
                result = yield from _streamed(effect)
            elif isinstance(effect, Say):
                result = None
                yield effect.event
            else:
                result = _done(effect, run)
    finally:
        flow.close()


def _done(effect: Pause | Ask | Verify | Say, run: Runs) -> Any:  # noqa: ANN401 - what the flow is sent
    if isinstance(effect, Pause):
        return time.sleep(effect.seconds)
    if isinstance(effect, Ask):
        return _asked(run, effect.task)
    assert isinstance(effect, Verify)  # noqa: S101 - a run that is no stream shows nothing
    return effect.check.verdict(effect.answer)


def _called(call: Call) -> Called:
    try:
        if call.places is None:
            return Called(call.provider.call(call.request, call.patience), None)
        with call.place() as patience:
            return Called(call.provider.call(call.request, patience), None)
    except CallFailed as failed:
        return Called(None, failed)


def _streamed(call: Call) -> Generator[Event, None, Called]:
    with ExitStack() as closing:
        try:
            patience = closing.enter_context(call.place())
            chunks = call.provider.stream(call.request, patience)
            closing.callback(getattr(chunks, "close", _nothing))
            for chunk in chunks:
                if isinstance(chunk, Answer):
                    return Called(chunk, None)
                call.note(chunk)
                yield chunk
        except CallFailed as failed:
            return Called(None, failed)
    return Called(None, call.broken_off())


def _nothing() -> None:
    """Close what need not be closed."""


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
