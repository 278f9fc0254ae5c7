"""Streams of a client in place of OpenAI's, sync and async: pieces of the answer as they come."""

from __future__ import annotations

from collections import deque
from types import TracebackType
from typing import Self

from selector._clients.calls._drive import Stream
from selector._clients.calls._drive_async import AsyncStream
from selector._clients.openai_client._answer import Telling
from selector._clients.openai_client._errors import plainly
from selector._clients.openai_client._shape import ChatCompletionChunk, Served
from selector.errors import CallCancelledError, SelectorError
from selector.records import Event, Failure

__all__ = ["AsyncCompletionStream", "CompletionStream"]


class _Pieces:
    """What both have: pieces that wait to be read, and who wrote them."""

    def __init__(self, telling: Telling) -> None:
        self._telling = telling
        self._waiting: deque[ChatCompletionChunk] = deque()
        self._over = False

    @property
    def decision_id(self) -> str | None:
        """The decision, by which an outcome is reported, also of a stream that was left early."""
        return self._telling.decision_id

    @property
    def selector(self) -> Served | None:
        """How it was served; None: it is not over yet."""
        return self._telling.served

    def _take(self, event: Event) -> None:
        self._waiting.extend(self._telling.pieces(event))

    def _ended(self) -> None:
        """Take note of the end, and tell one that was ended by others from one that is whole."""
        self._over = True
        if self._telling.served is None:
            raise CallCancelledError(
                "the selector was closed before the answer was whole", failure=Failure.CANCELLED.value
            )


class CompletionStream(_Pieces):
    """An answer as it comes: an iterator of `ChatCompletionChunk`.

    Leave it early with `close`, by a ``with`` block, or by letting go of it: the call ends, and what was used is
    settled.

    Parameters
    ----------
    events
        The run's events.
    telling
        Who writes them in OpenAI's shape.
    """

    def __init__(self, events: Stream, telling: Telling) -> None:
        super().__init__(telling)
        self._events = events

    def begin(self) -> Self:
        """Wait for the first piece, so that a call that fails before it fails where it was made."""
        self._read()
        return self

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> ChatCompletionChunk:
        self._read()
        if not self._waiting:
            raise StopIteration
        return self._waiting.popleft()

    def _read(self) -> None:
        """Read on until a piece waits, or it is over."""
        try:
            while not self._waiting and not self._over:
                event = next(self._events, None)
                if event is None:
                    self._ended()
                else:
                    self._take(event)
        except SelectorError:
            self.close()
            with plainly():
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the call, if it is still under way; twice is as good as once."""
        self._over = True
        self._waiting.clear()
        self._events.close()


class AsyncCompletionStream(_Pieces):
    """An answer as it comes: an asynchronous iterator of `ChatCompletionChunk`; see `CompletionStream`.

    Parameters
    ----------
    events
        The run's events.
    telling
        Who writes them in OpenAI's shape.
    """

    def __init__(self, events: AsyncStream, telling: Telling) -> None:
        super().__init__(telling)
        self._events = events

    async def begin(self) -> Self:
        """Wait for the first piece, so that a call that fails before it fails where it was made."""
        await self._read()
        return self

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChatCompletionChunk:
        await self._read()
        if not self._waiting:
            raise StopAsyncIteration
        return self._waiting.popleft()

    async def _read(self) -> None:
        try:
            while not self._waiting and not self._over:
                event = await anext(self._events, None)
                if event is None:
                    self._ended()
                else:
                    self._take(event)
        except SelectorError:
            await self.close()
            with plainly():
                raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End the call, if it is still under way; twice is as good as once."""
        self._over = True
        self._waiting.clear()
        await self._events.aclose()

    aclose = close
