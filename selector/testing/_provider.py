"""A provider in memory that answers from a script, for tests of what a selector does when calls fail."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from threading import Lock

from selector.execution import Answer, CallFailed, Chunk, Patience, Request
from selector.records import Failure, Message, Part, TextEvent, ToolCallEvent, Usage
from selector.testing._script import Fault, Reply, Script, Steps

__all__ = ["FakeProvider"]

_STATUS = {
    Failure.RATE_LIMITED: 429,
    Failure.QUOTA_EXHAUSTED: 429,
    Failure.OVERLOADED: 503,
    Failure.SERVER_ERROR: 500,
    Failure.AUTH: 401,
    Failure.NOT_FOUND: 404,
    Failure.CONTEXT_TOO_LONG: 400,
    Failure.CONTENT_POLICY: 400,
    Failure.BAD_REQUEST: 400,
}


class FakeProvider:
    """A provider that answers from a script, without a network.

    It is called as every provider is, with and without a stream, sync and async, from as many threads as you like,
    and keeps what it was asked. Delays are real: one longer than the caller's `Patience` ends in a time-out, after
    that time and no more.

    Parameters
    ----------
    script
        What it answers. One answer (a text, a `Reply`, an `Answer`, a `Failure`, `CallFailed`, an HTTP status or a
        `Fault`) is given to every call. Of a sequence each call takes the next, and after the last one the last again;
        for ever around, give an ``itertools.cycle``. A callable is given the `Request`. A mapping holds a script
        for each model, by its provider's name for it (`Route.id`), and one for the others under ``"*"``; a model that
        it does not have is not found.

    Examples
    --------
    >>> from selector.catalog import Route
    >>> asked = Message.of({"role": "user", "content": "The capital of France?"})
    >>> request = Request(route=Route(model="opus", id="claude-opus-4-8"), messages=(asked,))
    >>> provider = FakeProvider([Failure.RATE_LIMITED, "Paris", Reply("Paris, I think", fail_after=1)])
    >>> provider.call(request, Patience())
    Traceback (most recent call last):
    selector.execution._wire.CallFailed: rate_limited
    >>> provider.call(request, Patience()).text
    'Paris'
    >>> for chunk in provider.stream(request, Patience()):
    ...     print(chunk)
    Traceback (most recent call last):
    selector.execution._wire.CallFailed: connection
    >>> len(provider.requests), provider.n_open
    (3, 0)
    """

    def __init__(self, script: Script) -> None:
        self._steps = Steps(script)
        self._lock = Lock()
        self._requests: list[Request] = []
        self._n_open = self._n_closes = 0

    @property
    def requests(self) -> list[Request]:
        """Everything that it was asked, in order."""
        with self._lock:
            return list(self._requests)

    @property
    def n_open(self) -> int:
        """How many calls and streams are under way."""
        return self._n_open

    @property
    def n_closes(self) -> int:
        """How often it was closed; after the first time it refuses calls."""
        return self._n_closes

    def call(self, request: Request, patience: Patience) -> Answer:
        """Make a call and wait for the whole answer.

        Raises
        ------
        CallFailed
            If the script says so, or the answer takes longer than the patience lasts.
        """
        answer: Chunk | None = None
        with self._under_way(request):
            for step in self._plan(request, patience._replace(first_token_s=None), whole=True):
                if isinstance(step, float):
                    time.sleep(step)
                else:
                    answer = step
        return _whole(answer)

    async def acall(self, request: Request, patience: Patience) -> Answer:
        """Make a call and wait for the whole answer.

        Raises
        ------
        CallFailed
            If the script says so, or the answer takes longer than the patience lasts.
        """
        answer: Chunk | None = None
        with self._under_way(request):
            for step in self._plan(request, patience._replace(first_token_s=None), whole=True):
                if isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    answer = step
        return _whole(answer)

    def stream(self, request: Request, patience: Patience) -> Iterator[Chunk]:
        """Make a call, and give the answer as it comes; the last chunk is the `Answer`.

        Raises
        ------
        CallFailed
            If the script says so, or the answer takes longer than the patience lasts.
        """
        with self._under_way(request):
            for step in self._plan(request, patience, whole=False):
                if isinstance(step, float):
                    time.sleep(step)
                else:
                    yield step

    async def astream(self, request: Request, patience: Patience) -> AsyncIterator[Chunk]:
        """Make a call, and give the answer as it comes; the last chunk is the `Answer`.

        Raises
        ------
        CallFailed
            If the script says so, or the answer takes longer than the patience lasts.
        """
        with self._under_way(request):
            for step in self._plan(request, patience, whole=False):
                if isinstance(step, float):
                    await asyncio.sleep(step)
                else:
                    yield step

    def close(self) -> None:
        """Refuse calls from now on; twice is as good as once."""
        with self._lock:
            self._n_closes += 1

    async def aclose(self) -> None:
        """Refuse calls from now on; twice is as good as once."""
        self.close()

    @contextmanager
    def _under_way(self, request: Request) -> Iterator[None]:
        with self._lock:
            if self._n_closes:
                raise CallFailed(Failure.CONNECTION, "the provider is closed")
            self._requests.append(request)
            self._n_open += 1
        try:
            yield
        finally:
            with self._lock:
                self._n_open -= 1

    def _plan(self, request: Request, patience: Patience, *, whole: bool) -> Iterator[float | Chunk]:
        """Yield what comes, and how many seconds pass before it."""
        step = self._steps.take(request.route.id, request)
        left_s = _Left(patience)
        if isinstance(step, CallFailed):
            raise replace(step)
        if isinstance(step, Fault):
            if step.reply is None:
                yield from left_s.wait(math.inf if step.kind == "stall" else step.delay_s, None)
                raise _failed(step)
            step = step.reply
        yield from _played(step, request, left_s, whole=whole)


class _Left:
    """How long a caller is still willing to wait."""

    def __init__(self, patience: Patience) -> None:
        self._total_s = math.inf if patience.total_s is None else patience.total_s
        self._first_s = math.inf if patience.first_token_s is None else patience.first_token_s
        self._read_s = math.inf if patience.read_s is None else patience.read_s

    def wait(self, wait_s: float, partial: Answer | None) -> Iterator[float]:
        """Yield the seconds to wait; give up where patience ends before, at once where it never would."""
        most_s = min(self._total_s, self._first_s, self._read_s)
        if wait_s > most_s or math.isinf(wait_s):
            if math.isfinite(most_s):
                yield float(most_s)
            raise CallFailed(Failure.TIMEOUT, "no answer in time", partial=partial)
        if wait_s > 0:
            yield float(wait_s)
        self._total_s -= wait_s
        self._first_s -= wait_s

    def begun(self) -> None:
        """Note that the first piece is there."""
        self._first_s = math.inf


def _played(reply: Reply, request: Request, left_s: _Left, *, whole: bool) -> Iterator[float | Chunk]:
    """Yield the pieces of a reply, and at last its answer, unless it breaks off."""
    pieces, broken = reply.pieces, reply.break_off
    for i, piece in enumerate(pieces):
        so_far = None if whole else _partial(pieces[:i], request)
        if broken is not None and i >= broken[0]:
            break
        yield from left_s.wait(reply.gap_s if i else reply.delay_s, so_far)
        left_s.begun()
        if not whole:
            yield TextEvent(piece)
    if not pieces:
        yield from left_s.wait(reply.delay_s, None)
    if broken is not None:
        partial = None if whole else _partial(pieces[: broken[0]], request)
        if isinstance(broken[1], Fault) and broken[1].kind == "stall_body":
            yield from left_s.wait(math.inf, partial)
        raise _failed(broken[1], partial)
    if not whole:
        yield from (ToolCallEvent(call) for call in reply.tool_calls)
    yield reply.answer or _answer(reply, request)


def _failed(cause: Failure | CallFailed | Fault, partial: Answer | None = None) -> CallFailed:
    if isinstance(cause, CallFailed):
        return replace(cause, partial=cause.partial or partial)
    if isinstance(cause, Failure):
        return CallFailed(cause, status=_STATUS.get(cause), partial=partial)
    failure = cause.failure or Failure.CONNECTION
    status = cause.status or (cause.kind if isinstance(cause.kind, int) else _STATUS.get(failure))
    found = CallFailed(failure, cause.message or "", status, cause.retry_after_s, partial=partial)
    found.of_reasoning = cause.kind == "foreign_reasoning"
    return found


def _answer(reply: Reply, request: Request) -> Answer:
    thought = (Part(kind="reasoning", text=reply.reasoning),) if reply.reasoning else ()
    said = (Part(kind="text", text=reply.text),) if reply.text else ()
    calls = tuple(reply.tool_calls)
    return Answer(
        message=Message(role="assistant", parts=thought + said, tool_calls=calls),
        usage=reply.usage or _counted(reply.reasoning + reply.text, request),
        estimated=not reply.says_usage,
        snapshot=reply.snapshot or request.route.id,
        finish=reply.finish or ("tool_calls" if calls else "stop"),
    )


def _partial(pieces: tuple[str, ...], request: Request) -> Answer | None:
    if not pieces:
        return None
    message = Message(role="assistant", parts=(Part(kind="text", text="".join(pieces)),))
    return Answer(message=message, usage=_counted(message.text, request), estimated=True, finish="cut")


def _counted(said: str, request: Request) -> Usage:
    asked = len(request.system or "") + sum(len(message.text) for message in request.messages)
    return Usage(input_tokens=math.ceil(asked / 4), output_tokens=math.ceil(len(said) / 4))


def _whole(answer: Chunk | None) -> Answer:
    if not isinstance(answer, Answer):
        raise CallFailed(Failure.EMPTY_ANSWER, "nothing came")
    return answer
