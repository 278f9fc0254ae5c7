"""What a run asks of whoever drives it, in a thread or on an event loop: calls, waits, checks, events to show."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

from selector.execution import Answer, CallFailed, Patience, Provider, Request, Turnstile, usage_of
from selector.outcomes import CommandCheck, TextCheck, UserCheck
from selector.records import Decision, Event, Failure, Message, Part, Task, TextEvent, ToolCall, ToolCallEvent

__all__ = ["Ask", "Call", "Called", "Effect", "Pause", "Say", "Verify"]


@dataclass(slots=True)
class Call:
    """Make this call; the answer to it is what was `Called`."""

    decision: Decision
    """The decision that it is made for."""
    provider: Provider
    request: Request
    patience: Patience
    streaming: bool
    places: Turnstile | None = None
    """Where a place must be free first; None: nowhere."""
    text: list[str] = field(default_factory=list, repr=False)
    """What was shown of a stream, noted by whoever drives."""
    tool_calls: list[ToolCall] = field(default_factory=list, repr=False)

    @contextmanager
    def place(self) -> Iterator[Patience]:
        """Take a place for the call, and tell how much patience is left.

        Raises
        ------
        CallFailed
            If none came free in time.
        """
        if self.places is None:
            yield self.patience
            return
        began = monotonic()
        self.places.enter(self.patience.total_s)
        try:
            yield self._left(began)
        finally:
            self.places.leave()

    @asynccontextmanager
    async def aplace(self) -> AsyncIterator[Patience]:
        """Do what `place` does, without holding up the event loop."""
        if self.places is None:
            yield self.patience
            return
        began = monotonic()
        await self.places.aenter(self.patience.total_s)
        try:
            yield self._left(began)
        finally:
            self.places.leave()

    def _left(self, began: float) -> Patience:
        total = self.patience.total_s
        return self.patience.within(None if total is None else max(total - (monotonic() - began), 0.0))

    def note(self, event: TextEvent | ToolCallEvent) -> None:
        """Keep what is shown."""
        if isinstance(event, TextEvent):
            self.text.append(event.text)
        else:
            self.tool_calls.append(event.tool_call)

    @property
    def shown(self) -> bool:
        """Whether the consumer saw anything."""
        return bool(self.text or self.tool_calls)

    @property
    def seen(self) -> Answer | None:
        """What was shown, as an answer whose usage is counted from the characters; None: nothing was."""
        if not self.shown:
            return None
        parts = (Part(kind="text", text="".join(self.text)),)
        said = Message(role="assistant", parts=parts, tool_calls=tuple(self.tool_calls))
        return Answer(message=said, usage=usage_of(self.request, said), estimated=True)

    def broken_off(self) -> CallFailed:
        """Make the failure of a stream that ended without its answer."""
        return CallFailed(Failure.SERVER_ERROR, "the stream ended without an answer", partial=self.seen)


class Called(NamedTuple):
    """What came of a call: one of the two."""

    answer: Answer | None
    failed: CallFailed | None


class Pause(NamedTuple):
    """Wait so many seconds."""

    seconds: float


class Verify(NamedTuple):
    """Check an answer; the answer to it is a `selector.outcomes.Verdict`."""

    check: TextCheck | CommandCheck | UserCheck
    answer: Answer


class Ask(NamedTuple):
    """Run another task, such as a judge's; the answer to it is its text, or None where there is none."""

    task: Task


class Say(NamedTuple):
    """Show an event to the consumer of a stream."""

    event: Event


Effect = Call | Pause | Verify | Ask | Say
