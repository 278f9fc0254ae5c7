"""A run driven on an event loop: what it asks for is awaited."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Self

from selector._clients.calls._conduct import Flow
from selector._clients.calls._effects import Ask, Call, Called, Pause, Say, Verify
from selector.errors import SelectorError
from selector.execution import Answer, CallFailed
from selector.records import DoneEvent, Event, Run, Task

__all__ = ["AsyncStream", "drive_async"]

_logger = logging.getLogger("selector")
Runs = Callable[[Task], Awaitable[Run]]


async def drive_async(flow: Flow, run: Runs) -> Run:
    """Do what a run asks for until it is over; see `selector._clients.calls._drive.drive`."""
    result: Any = None
    try:
        while True:
            try:
                effect = flow.send(result)
            except StopIteration as end:
                found: Run = end.value
                return found
            result = await _called(effect) if isinstance(effect, Call) else await _done(effect, run)
    finally:
        flow.close()


async def _events(flow: Flow, run: Runs) -> AsyncGenerator[Event, None]:
    """Do what a run asks for, and give what it shows."""
    result: Any = None
    try:
        while True:
            try:
                effect = flow.send(result)
            except StopIteration:
                return
            if isinstance(effect, Call):
                streamed = _Streamed(effect)
                async with streamed:
                    async for event in streamed:
                        yield event
                result = streamed.called
            elif isinstance(effect, Say):
                result = None
                yield effect.event
            else:
                result = await _done(effect, run)
    finally:
        flow.close()


async def _done(effect: Pause | Ask | Verify | Say, run: Runs) -> Any:  # noqa: ANN401 - what the flow is sent
    if isinstance(effect, Pause):
        return await asyncio.sleep(effect.seconds)
    if isinstance(effect, Ask):
        return await _asked(run, effect.task)
    assert isinstance(effect, Verify)  # noqa: S101 - a run that is no stream shows nothing
    return await effect.check.averdict(effect.answer)


async def _called(call: Call) -> Called:
    try:
        if call.places is None:
            return Called(await call.provider.acall(call.request, call.patience), None)
        async with call.aplace() as patience:
            return Called(await call.provider.acall(call.request, patience), None)
    except CallFailed as failed:
        return Called(None, failed)


async def _asked(run: Runs, task: Task) -> str | None:
    try:
        return (await run(task)).text
    except SelectorError as error:
        _logger.warning("no judgement: %s", error)
        return None


class _Streamed:
    """One streamed call, closed whatever happens; `called` says how it ended."""

    def __init__(self, call: Call) -> None:
        self._call, self._stack = call, AsyncExitStack()
        self.called = Called(None, None)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def __aiter__(self) -> AsyncIterator[Event]:
        try:
            patience = await self._stack.enter_async_context(self._call.aplace())
            chunks = self._call.provider.astream(self._call.request, patience)
            close = getattr(chunks, "aclose", None)
            if close is not None:
                self._stack.push_async_callback(close)
            async for chunk in chunks:
                if isinstance(chunk, Answer):
                    self.called = Called(chunk, None)
                    return
                self._call.note(chunk)
                yield chunk
            self.called = Called(None, self._call.broken_off())
        except CallFailed as failed:
            self.called = Called(None, failed)


class AsyncStream:
    """An answer as it comes: an asynchronous iterator of typed events; see `Stream`.

    Leave it early with `aclose`, or by an ``async with`` block.

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

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Event:
        event = await anext(self._events)
        if isinstance(event, DoneEvent):
            self.run = event.run
        return event

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """End the call, if it is still under way; twice is as good as once."""
        await self._events.aclose()
