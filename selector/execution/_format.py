"""Formats: what a vendor's server reads and writes, translated to and from `Request` and `Answer`, without I/O."""

from __future__ import annotations

from typing import Any, Protocol

from selector.errors import ConfigError, nearest
from selector.execution._anthropic import Anthropic
from selector.execution._openai_chat import OpenAIChat
from selector.execution._openai_responses import OpenAIResponses
from selector.execution._wire import Answer, CallFailed, Request
from selector.records import TextEvent, ToolCallEvent

__all__ = ["Decoder", "Format", "format_of"]

_KINDS: dict[str, type[Anthropic | OpenAIChat | OpenAIResponses]] = {
    "anthropic": Anthropic,
    "openai": OpenAIChat,
    "openai-responses": OpenAIResponses,
}


class Decoder(Protocol):
    """Reads one stream.

    A stream that ends before it is `whole` broke off: whoever reads it says so and takes `partial` along.
    """

    @property
    def began(self) -> bool:
        """Whether anything of the answer came: text, reasoning or a tool call."""
        ...

    @property
    def done(self) -> bool:
        """Whether the stream said that it is over."""
        ...

    @property
    def whole(self) -> bool:
        """Whether all of the answer came, though its usage or the end of the stream may yet follow."""
        ...

    def feed(self, event: str, data: str) -> list[TextEvent | ToolCallEvent]:
        """Read one server-sent event: its name, empty where it has none, and its data.

        Raises
        ------
        CallFailed
            If the event tells of an error or is malformed; `CallFailed.partial` holds what came before.
        """
        ...

    def answer(self) -> Answer:
        """Give the whole answer, its usage estimated and marked as such where it never came.

        Raises
        ------
        CallFailed
            If the answer holds neither text nor a tool call, or the provider declined.
        """
        ...

    def partial(self) -> Answer | None:
        """Give what came so far; None: nothing."""
        ...


class Format(Protocol):
    """Translates for one kind of server."""

    @property
    def path(self) -> str:
        """What follows the base address, such as ``/messages``."""
        ...

    @property
    def base_url(self) -> str:
        """The address that calls go to, without a slash at its end: the configured one, else the vendor's own."""
        ...

    def headers(self, key: str | None) -> dict[str, str]:
        """Write the headers that every call has; None: the server wants no key."""
        ...

    def encode(self, request: Request, *, stream: bool) -> dict[str, Any]:
        """Write the body of a call, to be sent as JSON."""
        ...

    def answer(self, body: object) -> Answer:
        """Read the parsed JSON body of a successful call.

        Raises
        ------
        CallFailed
            If it is malformed, tells of an error, holds neither text nor a tool call, or the provider declined.
        """
        ...

    def decoder(self, request: Request) -> Decoder:
        """Read the stream that answers a request."""
        ...

    def failure(self, status: int, body: bytes | str) -> CallFailed:
        """Read the body of a call that failed; what its headers say is not known here."""
        ...


def format_of(kind: str, base_url: str | None = None) -> Format:
    """Give the format of a provider's kind.

    Parameters
    ----------
    kind
        ``anthropic``, ``openai`` or ``openai-responses``, as `ProviderConfig.kind` says.
    base_url
        Where the server is; None: the vendor's own. The format of a call depends on it: OpenAI's own server wants
        other words than those that are compatible with it.

    Returns
    -------
    Format
        It keeps no state: one serves every thread.

    Raises
    ------
    ConfigError
        If nobody speaks it over HTTP.

    Examples
    --------
    >>> format_of("openai").base_url + format_of("openai").path
    'https://api.openai.com/v1/chat/completions'
    >>> format_of("openai", "http://localhost:11434/v1/").base_url
    'http://localhost:11434/v1'
    """
    if kind not in _KINDS:
        raise ConfigError(f"kind must be anthropic, openai or openai-responses, not {kind!r}{nearest(kind, _KINDS)}")
    return _KINDS[kind](base_url)
