"""Anthropic's messages, and the servers that speak like it.

The formats: https://platform.claude.com/docs/en/api/messages and /docs/en/build-with-claude/streaming.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from selector.execution._anthropic_body import ANSWER_TOOL, encode
from selector.execution._estimate import accounted
from selector.execution._faults import error_in, fault
from selector.execution._gathering import Block, CallBlock, Gathering, malformed
from selector.execution._pieces import mapping, settle, tokens, tool_use
from selector.execution._wire import Answer, CallFailed, Request
from selector.records import Message, Part, TextEvent, ToolCall, ToolCallEvent, Usage

__all__ = ["Anthropic", "AnthropicDecoder", "usage_of_messages"]

_FINISHES = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
_COUNTS = ("input_tokens", "cache_read_input_tokens", "cache_creation_input_tokens", "output_tokens")


def _versioned(base_url: str) -> str:
    """Add the version to an address that has none, as the vendor's own client takes it (``ANTHROPIC_BASE_URL``).

    Examples
    --------
    >>> _versioned("https://api.anthropic.com"), _versioned("https://proxy.example/anthropic/v1")
    ('https://api.anthropic.com/v1', 'https://proxy.example/anthropic/v1')
    """
    return base_url if urlsplit(base_url).path else f"{base_url}/v1"


class Anthropic:
    """Translates for the messages of Anthropic.

    Examples
    --------
    >>> Anthropic().headers("secret")["anthropic-version"]
    '2023-06-01'
    """

    path = "/messages"

    def __init__(self, base_url: str | None = None) -> None:
        self.base_url = _versioned((base_url or "https://api.anthropic.com").rstrip("/"))

    def headers(self, key: str | None) -> dict[str, str]:
        """Write the headers that every call has; None: the server wants no key."""
        common = {"Content-Type": "application/json", "anthropic-version": "2023-06-01"}
        return common if key is None else {**common, "x-api-key": key}

    def encode(self, request: Request, *, stream: bool) -> dict[str, Any]:
        """Write the body of a call, to be sent as JSON."""
        body = encode(request)
        return {**body, "stream": True} if stream else body

    def answer(self, body: object) -> Answer:
        """Read the parsed JSON body of a successful call.

        Raises
        ------
        CallFailed
            If it is malformed, tells of an error, holds neither text nor a tool call, or the provider declined.
        """
        wrong = error_in(body)
        if wrong is not None:
            raise fault(None, wrong)
        said = mapping(body)
        if not isinstance(said.get("content"), list):
            raise malformed("no list of content")
        message = _message(said["content"])
        usage, estimated = accounted(message, usage_of_messages(said.get("usage")), None, final=True)
        reason = str(said.get("stop_reason") or "end_turn")
        finish = _FINISHES.get(reason, reason)
        if finish == "tool_calls" and not message.tool_calls:
            finish = "stop"
        snapshot = said.get("model") if isinstance(said.get("model"), str) else None
        return settle(Answer(message=message, usage=usage, estimated=estimated, snapshot=snapshot, finish=finish))

    def decoder(self, request: Request) -> AnthropicDecoder:
        """Read the stream that answers a request."""
        return AnthropicDecoder(request)

    def failure(self, status: int, body: bytes | str) -> CallFailed:
        """Read the body of a call that failed; what its headers say is not known here."""
        return fault(status, body)


class AnthropicDecoder(Gathering):
    """Reads a stream of message events; it is over at ``message_stop``."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._dropped = request.prefix[len(request.prefix.rstrip()) :]
        self._counts: dict[str, Any] = {}
        self._open: dict[int | None, Block | CallBlock] = {}

    def _usage(self) -> tuple[Usage | None, bool]:
        return usage_of_messages(self._counts), self.whole

    def _read(self, event: str, said: Mapping[str, Any]) -> Iterator[TextEvent | ToolCallEvent]:
        match said.get("type", event):
            case "message_start":
                started = mapping(said.get("message"))
                self._snapshot = started["model"] if isinstance(started.get("model"), str) else None
                self._count(started.get("usage"))
            case "content_block_start":
                yield from self._begin(tokens(said.get("index")), mapping(said.get("content_block")))
            case "content_block_delta":
                yield from self._grown(tokens(said.get("index")), mapping(said.get("delta")))
            case "content_block_stop":
                yield from self._end(tokens(said.get("index")))
            case "message_delta":
                self._count(said.get("usage"))
                reason = mapping(said.get("delta")).get("stop_reason")
                if isinstance(reason, str):
                    self._finish = _FINISHES.get(reason, reason)
                    self.whole = True
            case "message_stop":
                self.done = self.whole = True

    def _begin(self, index: int | None, block: Mapping[str, Any]) -> Iterator[TextEvent]:
        match block.get("type"):
            case "text":
                self._open[index] = opened = Block("text")
                self._blocks.append(opened)
                if block.get("text"):
                    yield from self._text(opened, str(block["text"]))
            case "thinking" | "redacted_thinking":
                self.began = True
                raw = dict(block)
                pieces = [raw["thinking"]] if isinstance(raw.get("thinking"), str) else []
                self._open[index] = opened = Block("reasoning", pieces, raw)
                self._blocks.append(opened)
            case "tool_use":
                self.began = True
                call = tool_use(block)
                begun = CallBlock(call.id, call.name, [] if call.arguments == "{}" else [call.arguments])
                self._open[index] = begun
                if call.name != ANSWER_TOOL:
                    self._calls.append(begun)

    def _grown(self, index: int | None, delta: Mapping[str, Any]) -> Iterator[TextEvent]:
        found = self._open.get(index)
        match delta.get("type"), found:
            case "text_delta", Block():
                yield from self._text(found, str(delta.get("text") or ""))
            case "thinking_delta", Block():
                found.pieces.append(str(delta.get("thinking") or ""))
                self.began = True
            case "signature_delta", Block():
                found.raw["signature"] = str(delta.get("signature") or "")
            case "input_json_delta", CallBlock():
                piece = str(delta.get("partial_json") or "")
                if found.name == ANSWER_TOOL:
                    yield from self._say(piece)
                else:
                    found.pieces.append(piece)

    def _end(self, index: int | None) -> Iterator[TextEvent | ToolCallEvent]:
        found = self._open.pop(index, None)
        if not isinstance(found, CallBlock):
            return
        if found.name == ANSWER_TOOL:  # some servers send the input whole, where the call begins
            yield from self._say("".join(found.pieces))
        elif found.name:
            found.told = True
            yield ToolCallEvent(found.call())

    def _text(self, block: Block, text: str) -> Iterator[TextEvent]:
        text = self._after_prefix(text)
        if text:
            self.began = True
            block.pieces.append(text)
            yield TextEvent(text)

    def _count(self, usage: object) -> None:
        said = mapping(usage)
        details = mapping(said.get("output_tokens_details"))
        for key in _COUNTS:
            self._counts[key] = _most(self._counts.get(key), tokens(said.get(key)))
        self._counts["thinking"] = _most(self._counts.get("thinking"), tokens(details.get("thinking_tokens")))

    def _gathered(self) -> Answer:
        if self._finish == "tool_calls" and not any(each.told for each in self._calls):
            self._finish = "stop"  # the tool was the one that takes the answer
        return super()._gathered()


def usage_of_messages(said: object) -> Usage | None:
    """Read the usage of a message, whose classes of input are disjoint already; None: it says nothing.

    See https://platform.claude.com/docs/en/build-with-claude/prompt-caching. ``output_tokens`` include thinking.

    Examples
    --------
    >>> usage_of_messages({"input_tokens": 5, "cache_read_input_tokens": 100, "output_tokens": 7})
    Usage(input_tokens=5, cache_read_tokens=100, cache_write_tokens=None, output_tokens=7, reasoning_tokens=None,
          cost_usd=None, latency_s=None)
    """
    found = mapping(said)
    come, read, written, answer = (tokens(found.get(key)) for key in _COUNTS)
    if not any((come, read, written, answer)):
        return None
    thought = tokens(mapping(found.get("output_tokens_details")).get("thinking_tokens"))
    thought = tokens(found.get("thinking")) if thought is None else thought
    if answer is not None and thought is not None:
        thought = min(thought, answer)
        answer -= thought
    return Usage(
        input_tokens=come,
        cache_read_tokens=read,
        cache_write_tokens=written,
        output_tokens=answer,
        reasoning_tokens=thought,
    )


def _message(content: list[Any]) -> Message:
    parts: list[Part] = []
    calls: list[ToolCall] = []
    for each in content:
        block = mapping(each)
        match block.get("type"):
            case "text":
                parts.append(Part(kind="text", text=str(block.get("text") or "")))
            case "thinking" | "redacted_thinking":
                parts.append(Part(kind="reasoning", text=str(block.get("thinking") or ""), raw=dict(block)))
            case "tool_use" if block.get("name") == ANSWER_TOOL:
                parts.append(Part(kind="text", text=json.dumps(block.get("input"), ensure_ascii=False)))
            case "tool_use" if block.get("name"):
                calls.append(tool_use(block))
            case str():
                parts.append(Part(kind="other", raw=dict(block)))
    return Message(role="assistant", parts=tuple(parts), tool_calls=tuple(calls))


def _most(one: int | None, other: int | None) -> int | None:
    return other if one is None else one if other is None else max(one, other)
