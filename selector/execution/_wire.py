"""What goes to a provider and what comes back, in one small form that every format is translated to and from."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from selector.catalog import Route
from selector.records import Failure, Message, QuotaSeen, TextEvent, ToolCall, ToolCallEvent, Usage

__all__ = ["Answer", "CallFailed", "Chunk", "Patience", "Provider", "Request"]


class Patience(NamedTuple):
    """How long one call may take, in seconds; None: as long as it likes."""

    connect_s: float | None = 10.0
    """Until the connection stands."""
    read_s: float | None = None
    """From one piece of the answer to the next."""
    total_s: float | None = 600.0
    """From the call to the whole answer."""
    first_token_s: float | None = None
    """Until the first piece of a stream's text, reasoning or tool call."""

    def within(self, left_s: float | None) -> Patience:
        """Shorten it to what is left of a run's own time.

        Examples
        --------
        >>> Patience(total_s=600.0).within(30.0).total_s
        30.0
        """
        if left_s is None or (self.total_s is not None and self.total_s <= left_s):
            return self
        return self._replace(total_s=left_s)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one call asks of one route.

    Examples
    --------
    >>> asked = Message.of({"role": "user", "content": "hi"})
    >>> Request(route=Route(model="opus", id="claude-opus-4-8"), messages=(asked,)).params
    {}
    """

    route: Route
    """Where it goes; `Route.id` is what the provider calls the model."""
    messages: tuple[Message, ...] = field(repr=False)
    """The conversation, without the system prompt where that came apart; at least one."""
    system: str | None = field(default=None, repr=False)
    """The system prompt that came apart."""
    tools: tuple[Mapping[str, object], ...] = field(default=(), repr=False)
    """Tools that may be called, in OpenAI's shape or Anthropic's."""
    response_schema: Mapping[str, object] | None = field(default=None, repr=False)
    """The JSON schema that the answer must fit."""
    max_output_tokens: int | None = None
    """The longest answer, reasoning included."""
    params: Mapping[str, object] = field(default_factory=dict, repr=False)
    """What else is sent, such as ``temperature``, ``reasoning_effort``, ``stop``, ``seed``; the vendor's words win."""
    prefix: str = field(default="", repr=False)
    """The beginning of an answer that broke off, to be continued; empty: a new answer."""
    without_reasoning: bool = False
    """Whether reasoning of earlier answers is left out: signatures of another model are refused."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a call brought.

    Examples
    --------
    >>> said = Message.of({"role": "assistant", "content": "Paris"})
    >>> Answer(message=said, usage=Usage(input_tokens=9, output_tokens=1)).text
    'Paris'
    """

    message: Message = field(repr=False)
    """What the model said."""
    usage: Usage = field(default_factory=Usage)
    """What it used, in disjoint classes of tokens."""
    estimated: bool = False
    """Whether the provider did not say what was used, and it was counted from the characters."""
    snapshot: str | None = None
    """The model that the provider says answered."""
    finish: str = "stop"
    """Why it ended: ``stop``, ``length``, ``tool_calls``, ``content_filter``, or the provider's own word."""
    limits: tuple[QuotaSeen, ...] = ()
    """What the provider says of its own limits."""

    @property
    def text(self) -> str:
        """All of its text."""
        return self.message.text

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """The tools to be called."""
        return self.message.tool_calls


@dataclass(eq=False)
class CallFailed(Exception):  # noqa: N818 - it never leaves the room of its callers
    """A call failed; what users see of it is a `selector.errors.CallError`.

    Examples
    --------
    >>> print(CallFailed(Failure.RATE_LIMITED, "slow down", status=429))
    rate_limited: slow down
    """

    failure: Failure
    """Why."""
    detail: str = ""
    """The provider's own words, shortened, without prompt and keys."""
    status: int | None = None
    """The HTTP status, or a command's exit code."""
    retry_after_s: float | None = None
    """How long the provider asks to be left alone, in seconds from now."""
    resets_at_s: float | None = None
    """When a spent limit has room again, in seconds since 1970."""
    partial: Answer | None = None
    """What came of the answer before it broke off, with its usage, estimated or not; None: nothing came."""
    of_reasoning: bool = False
    """Whether it is refused because of another model's thinking, signature or encrypted reasoning."""
    limits: tuple[QuotaSeen, ...] = ()
    """What the provider says of its own limits."""

    def __str__(self) -> str:
        return f"{self.failure.value}: {self.detail}" if self.detail else self.failure.value


Chunk = TextEvent | ToolCallEvent | Answer
"""What a provider's stream yields: pieces, and last of all the whole answer."""


class Provider(Protocol):
    """Who serves: one account, called in four ways that mean the same.

    Each raises `CallFailed` and nothing else, but for the cancellation of the caller, which passes through and frees
    whatever the call holds. Closing a stream early ends the call.
    """

    def call(self, request: Request, patience: Patience) -> Answer:
        """Make a call and wait for the whole answer."""
        ...

    async def acall(self, request: Request, patience: Patience) -> Answer:
        """Make a call and wait for the whole answer."""
        ...

    def stream(self, request: Request, patience: Patience) -> Iterator[Chunk]:
        """Make a call, and give the answer as it comes; the last chunk is the `Answer`."""
        ...

    def astream(self, request: Request, patience: Patience) -> AsyncIterator[Chunk]:
        """Make a call, and give the answer as it comes; the last chunk is the `Answer`."""
        ...

    def close(self) -> None:
        """Let go of connections and processes; twice is as good as once."""
        ...

    async def aclose(self) -> None:
        """Let go of connections and processes; twice is as good as once."""
        ...
