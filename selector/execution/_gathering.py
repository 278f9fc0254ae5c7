"""A stream as it is gathered: the pieces that came so far, and what they amount to."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from selector.execution._estimate import accounted
from selector.execution._faults import error_in, fault
from selector.execution._pieces import settle
from selector.execution._wire import Answer, CallFailed, Request
from selector.records import Failure, Message, Part, TextEvent, ToolCall, ToolCallEvent, Usage

__all__ = ["Block", "CallBlock", "Gathering", "malformed"]


@dataclass(slots=True)
class Block:
    """A text or a reasoning, as it grows."""

    kind: Literal["text", "reasoning"]
    pieces: list[str] = field(default_factory=list)
    raw: dict[str, object] = field(default_factory=dict)

    def part(self) -> Part:
        """Give it as a part of a message."""
        text = "".join(self.pieces)
        raw = {**self.raw, "thinking": text} if self.raw.get("type") == "thinking" else self.raw
        return Part(kind=self.kind, text=text, raw=raw)


@dataclass(slots=True)
class CallBlock:
    """A tool call, as it grows."""

    id: str = ""
    name: str = ""
    pieces: list[str] = field(default_factory=list)
    extra: dict[str, object] = field(default_factory=dict)
    told: bool = False

    def call(self) -> ToolCall:
        """Give it as it is so far."""
        return ToolCall(id=self.id, name=self.name, arguments="".join(self.pieces) or "{}", extra=self.extra)


def malformed(what: str, partial: Answer | None = None) -> CallFailed:
    """Say that a server's answer is not of its own format: a fault of the server, and not of the model."""
    return CallFailed(Failure.SERVER_ERROR, f"the server's answer is malformed: {what}", partial=partial)


class Gathering(ABC):
    """Reads one stream; a vendor's decoder says what its events mean."""

    def __init__(self, request: Request) -> None:
        self.began = False
        self.done = False
        self.whole = False
        self._request = request
        self._blocks: list[Block] = []
        self._calls: list[CallBlock] = []
        self._snapshot: str | None = None
        self._finish = ""
        self._refused = False
        self._dropped = ""

    @abstractmethod
    def _read(self, event: str, said: Mapping[str, Any]) -> Iterator[TextEvent | ToolCallEvent]:
        """Read an event that is well-formed and no error."""

    @abstractmethod
    def _usage(self) -> tuple[Usage | None, bool]:
        """Give the usage as said so far, and whether it is of the whole answer."""

    def feed(self, event: str, data: str) -> list[TextEvent | ToolCallEvent]:
        """Read one server-sent event: its name, empty where it has none, and its data.

        Raises
        ------
        CallFailed
            If the event tells of an error or is malformed; `CallFailed.partial` holds what came before.
        """
        text = data.strip()
        if not text:
            return []
        if text == "[DONE]":
            self.done = self.whole = True
            return list(self._tell())
        try:
            said = _read(text)
        except (ValueError, RecursionError):
            raise malformed("an event of the stream is no JSON", self.partial()) from None
        if not isinstance(said, dict):
            raise malformed("an event of the stream is no JSON object", self.partial())
        wrong = error_in(said) or (said if event == "error" else None)
        if wrong is not None:
            raise self._failed(fault(None, wrong))
        return list(self._read(event, said))

    def answer(self) -> Answer:
        """Give the whole answer, its usage estimated and marked as such where it never came.

        Raises
        ------
        CallFailed
            If the answer holds neither text nor a tool call, or the provider declined.
        """
        return settle(self._gathered(), refused=self._refused, may_be_empty=bool(self._request.prefix))

    def partial(self) -> Answer | None:
        """Give what came so far; None: nothing."""
        return self._gathered() if self.began or self._usage()[0] is not None else None

    def _gathered(self) -> Answer:
        parts = tuple(block.part() for block in self._blocks if block.pieces or block.raw)
        calls = tuple(each.call() for each in self._calls if each.told)
        message = Message(role="assistant", parts=parts, tool_calls=calls)
        said, final = self._usage()
        usage, estimated = accounted(self._heard(message), said, self._request, final=final)
        finish = "tool_calls" if calls and self._finish in {"", "stop"} else self._finish or "stop"
        return Answer(message=message, usage=usage, estimated=estimated, snapshot=self._snapshot, finish=finish)

    def _heard(self, message: Message) -> Message:
        """Give all that came, the tool calls that are not whole among it: they are paid for."""
        calls = tuple(each.call() for each in self._calls)
        return Message(role="assistant", parts=message.parts, tool_calls=calls)

    def _failed(self, failure: CallFailed) -> CallFailed:
        failure.partial = self.partial()
        return failure

    def _say(self, text: str) -> Iterator[TextEvent]:
        text = self._after_prefix(text)
        if text:
            self._grow("text", text)
            yield TextEvent(text)

    def _after_prefix(self, text: str) -> str:
        """Leave out the space that a prefix ended with and that was not sent, where the answer begins with it."""
        dropped, self._dropped = self._dropped, ""
        return text.removeprefix(dropped)

    def _grow(self, kind: Literal["text", "reasoning"], text: str) -> Block:
        self.began = True
        if not self._blocks or self._blocks[-1].kind != kind:
            self._blocks.append(Block(kind))
        self._blocks[-1].pieces.append(text)
        return self._blocks[-1]

    def _tell(self) -> Iterator[ToolCallEvent]:
        for each in self._calls:
            if not each.told and each.name:
                each.told = True
                yield ToolCallEvent(each.call())


def _read(text: str) -> object:
    """Read JSON: what the fast reader refuses, such as NaN, the patient one may take."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return json.loads(text)
