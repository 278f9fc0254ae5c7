"""How each vendor words an answer: one JSON body, or a stream of events."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from selector.records import ToolCall, Usage
from selector.testing._script import Reply

__all__ = ["FORMS", "Said", "Sent", "as_told", "error_event", "events", "said", "whole"]

FORMS = {"/v1/chat/completions": "chat", "/v1/responses": "responses", "/v1/messages": "messages"}
"""The form of request that each path takes."""

_MADE_S = 1_767_225_600
_STOPS = {"stop": "end_turn", "length": "max_tokens", "tool_calls": "tool_use", "content_filter": "refusal"}
_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}
Json = dict[str, object]


class Sent(NamedTuple):
    """A piece of a stream."""

    data: bytes
    """What goes over the wire."""
    is_piece: bool = False
    """Whether it holds a piece of the answer's text."""
    billed: Usage | None = None
    """The usage that it tells, in place of what was told before."""


@dataclass(frozen=True, slots=True)
class Said:
    """An answer to one request."""

    reply: Reply
    model: str
    id: str
    usage: Usage
    streams_usage: bool
    """Whether a stream tells usage too."""

    @property
    def calls(self) -> Sequence[ToolCall]:
        """The tools to be called."""
        return self.reply.tool_calls

    @property
    def finish(self) -> str:
        """Why it ended, in OpenAI's words."""
        return self.reply.finish or ("tool_calls" if self.calls else "stop")

    @property
    def told(self) -> Usage | None:
        """The usage, where it is told."""
        return self.usage if self.reply.says_usage else None


def said(form: str, reply: Reply, body: Mapping[str, object], number: int) -> Said:
    """Make a reply the answer to a request.

    Examples
    --------
    >>> body = {"model": "gpt", "messages": [{"role": "user", "content": "The capital of France?"}]}
    >>> said("chat", Reply("Paris"), body, 1).usage.input_tokens
    6
    """
    counted = Usage(
        input_tokens=math.ceil(
            _characters([body.get(key) for key in ("system", "instructions", "messages", "input")]) / 4
        ),
        output_tokens=math.ceil(len(reply.reasoning + reply.text) / 4),
    )
    options = body.get("stream_options")
    wanted = isinstance(options, Mapping) and bool(options.get("include_usage"))
    model = reply.snapshot or str(body.get("model") or "")
    usage = as_told(form, reply.usage or counted)
    return Said(reply, model, f"{number:08}", usage, reply.says_usage and (wanted or form != "chat"))


def as_told(form: str, usage: Usage) -> Usage:
    """Return usage with the classes that a vendor does not tell apart put together.

    Examples
    --------
    >>> as_told("messages", Usage(output_tokens=5, reasoning_tokens=7)).output_tokens
    12
    """
    written, thought = usage.cache_write_tokens or 0, usage.reasoning_tokens or 0
    if form == "messages":
        return replace(usage, output_tokens=(usage.output_tokens or 0) + thought, reasoning_tokens=None)
    return replace(usage, input_tokens=(usage.input_tokens or 0) + written, cache_write_tokens=None)


def whole(form: str, answer: Said) -> Json:
    """Word an answer as one body."""
    return {"chat": _chat, "responses": _response, "messages": _message}[form](answer)


def events(form: str, answer: Said) -> Iterator[Sent]:
    """Word an answer as a stream."""
    return {"chat": _chat_events, "responses": _response_events, "messages": _message_events}[form](answer)


def error_event(form: str, body: Json) -> bytes:
    r"""Word an error as the last event of a stream.

    Examples
    --------
    >>> error_event("chat", {"error": {"message": "busy"}})
    b'data: {"error":{"message":"busy"}}\n\n'
    """
    error = body["error"]
    if form == "responses" and isinstance(error, dict):
        body = {"type": "error", "code": error["code"] or error["type"], "message": error["message"], "param": None}
    return _sse(None if form == "chat" else "error", body)


def _sse(event: str | None, body: Json) -> bytes:
    head = f"event: {event}\n" if event else ""
    return f"{head}data: {json.dumps(body, separators=(',', ':'))}\n\n".encode()


def _characters(part: object) -> int:
    if isinstance(part, str):
        return len(part)
    if isinstance(part, Mapping):
        return sum(_characters(part.get(key)) for key in ("content", "text", "output", "arguments"))
    return sum(_characters(each) for each in part) if isinstance(part, list) else 0


def _chat_usage(usage: Usage | None) -> Json | None:
    if usage is None:
        return None
    asked = usage.context_tokens
    thought = usage.reasoning_tokens or 0
    answered = (usage.output_tokens or 0) + thought
    cost: Json = {} if usage.cost_usd is None else {"cost": usage.cost_usd}
    return {
        "prompt_tokens": asked,
        "completion_tokens": answered,
        "total_tokens": asked + answered,
        "prompt_tokens_details": {"cached_tokens": usage.cache_read_tokens or 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": thought, "audio_tokens": 0},
        **cost,
    }


def _chat_calls(calls: Sequence[ToolCall], *, indexed: bool) -> list[Json]:
    found: list[Json] = [call.as_chat() for call in calls]
    return [{"index": i, **call} for i, call in enumerate(found)] if indexed else found


def _chat(answer: Said) -> Json:
    calls = {"tool_calls": _chat_calls(answer.calls, indexed=False)} if answer.calls else {}
    thought = {"reasoning_content": answer.reply.reasoning} if answer.reply.reasoning else {}
    content = answer.reply.text if answer.reply.text or not answer.calls else None
    message = {"role": "assistant", "content": content, "refusal": None, **thought, **calls}
    usage = {"usage": _chat_usage(answer.told)} if answer.told else {}
    return {
        "id": f"chatcmpl-{answer.id}",
        "object": "chat.completion",
        "created": _MADE_S,
        "model": answer.model,
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": answer.finish}],
        **usage,
        "system_fingerprint": None,
    }


def _chat_events(answer: Said) -> Iterator[Sent]:
    head = {"id": f"chatcmpl-{answer.id}", "object": "chat.completion.chunk", "created": _MADE_S, "model": answer.model}
    usage: Json = {"usage": None} if answer.streams_usage else {}

    def chunk(delta: Json, finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}
        return _sse(None, {**head, "choices": [choice], **usage})

    yield Sent(chunk({"role": "assistant", "content": "", "refusal": None}))
    if answer.reply.reasoning:
        yield Sent(chunk({"reasoning_content": answer.reply.reasoning}))
    for piece in answer.reply.pieces:
        yield Sent(chunk({"content": piece}), is_piece=True)
    for call in _chat_calls(answer.calls, indexed=True):
        function = call["function"]
        name, arguments = (function["name"], function["arguments"]) if isinstance(function, dict) else ("", "")
        yield Sent(chunk({"tool_calls": [{**call, "function": {"name": name, "arguments": ""}}]}))
        for part in _halves(arguments):
            yield Sent(chunk({"tool_calls": [{"index": call["index"], "function": {"arguments": part}}]}))
    yield Sent(chunk({}, answer.finish))
    if answer.streams_usage:
        last = {**head, "choices": [], "usage": _chat_usage(answer.told)}
        yield Sent(_sse(None, last), billed=answer.told)
    yield Sent(b"data: [DONE]\n\n")


def _halves(text: str) -> tuple[str, str]:
    middle = len(text) // 2
    return text[:middle], text[middle:]


def _response_usage(usage: Usage | None) -> Json | None:
    if usage is None:
        return None
    thought = usage.reasoning_tokens or 0
    answered = (usage.output_tokens or 0) + thought
    return {
        "input_tokens": usage.context_tokens,
        "input_tokens_details": {"cached_tokens": usage.cache_read_tokens or 0},
        "output_tokens": answered,
        "output_tokens_details": {"reasoning_tokens": thought},
        "total_tokens": usage.context_tokens + answered,
    }


def _response_items(answer: Said) -> list[Json]:
    found: list[Json] = []
    if answer.reply.reasoning:
        summary = [{"type": "summary_text", "text": answer.reply.reasoning}]
        found.append({"id": f"rs_{answer.id}", "type": "reasoning", "summary": summary})
    if answer.reply.text or not answer.calls:
        content: list[Json] = [{"type": "output_text", "text": answer.reply.text, "annotations": []}]
        item = {"id": f"msg_{answer.id}", "type": "message", "status": "completed", "role": "assistant"}
        found.append({**item, "content": content if answer.reply.text else []})
    for i, call in enumerate(answer.calls):
        item = {"id": f"fc_{answer.id}_{i}", "type": "function_call", "status": "completed"}
        found.append({**item, "call_id": call.id, "name": call.name, "arguments": call.arguments})
    return found


def _response(answer: Said, status: str | None = None) -> Json:
    why = _INCOMPLETE.get(answer.finish)
    under_way = status is not None
    return {
        "id": f"resp_{answer.id}",
        "object": "response",
        "created_at": _MADE_S,
        "status": status or ("incomplete" if why else "completed"),
        "error": None,
        "incomplete_details": {"reason": why} if why and not under_way else None,
        "model": answer.model,
        "output": [] if under_way else _response_items(answer),
        "parallel_tool_calls": True,
        "usage": None if under_way else _response_usage(answer.told),
    }


def _response_events(answer: Said) -> Iterator[Sent]:
    number = iter(range(1_000_000))

    def event(type_: str, **body: object) -> bytes:
        return _sse(type_, {"type": type_, "sequence_number": next(number), **body})

    yield Sent(event("response.created", response=_response(answer, "in_progress")))
    yield Sent(event("response.in_progress", response=_response(answer, "in_progress")))
    for i, item in enumerate(_response_items(answer)):
        begun = {**item, **({"status": "in_progress"} if "status" in item else {})}
        place = {"item_id": item["id"], "output_index": i}
        if item["type"] == "message":
            yield Sent(event("response.output_item.added", output_index=i, item={**begun, "content": []}))
            place["content_index"] = 0
            part = {"type": "output_text", "text": "", "annotations": []}
            yield Sent(event("response.content_part.added", **place, part=part))
            for piece in answer.reply.pieces:
                yield Sent(event("response.output_text.delta", **place, delta=piece), is_piece=True)
            yield Sent(event("response.output_text.done", **place, text=answer.reply.text))
            yield Sent(event("response.content_part.done", **place, part={**part, "text": answer.reply.text}))
        elif item["type"] == "function_call":
            yield Sent(event("response.output_item.added", output_index=i, item={**begun, "arguments": ""}))
            for half in _halves(str(item["arguments"])):
                yield Sent(event("response.function_call_arguments.delta", **place, delta=half))
            yield Sent(event("response.function_call_arguments.done", **place, arguments=item["arguments"]))
        else:
            yield Sent(event("response.output_item.added", output_index=i, item={**begun, "summary": []}))
            place["summary_index"] = 0
            yield Sent(event("response.reasoning_summary_text.delta", **place, delta=answer.reply.reasoning))
        yield Sent(event("response.output_item.done", output_index=i, item=item))
    last = _response(answer)
    yield Sent(event(f"response.{last['status']}", response=last), billed=answer.told)


def _message_usage(usage: Usage | None) -> Json:
    if usage is None:
        return {}
    return {
        "input_tokens": usage.input_tokens or 0,
        "cache_creation_input_tokens": usage.cache_write_tokens or 0,
        "cache_read_input_tokens": usage.cache_read_tokens or 0,
        "output_tokens": usage.output_tokens or 0,
    }


def _message_blocks(answer: Said) -> list[Json]:
    found: list[Json] = []
    if answer.reply.reasoning:
        found.append({"type": "thinking", "thinking": answer.reply.reasoning, "signature": "ZmFrZQ=="})
    if answer.reply.text:
        found.append({"type": "text", "text": answer.reply.text})
    found.extend({"type": "tool_use", "id": call.id, "name": call.name, "input": call.parsed} for call in answer.calls)
    return found


def _message(answer: Said) -> Json:
    usage = {"usage": _message_usage(answer.told)} if answer.told else {}
    return {
        "id": f"msg_{answer.id}",
        "type": "message",
        "role": "assistant",
        "model": answer.model,
        "content": _message_blocks(answer),
        "stop_reason": _STOPS.get(answer.finish, answer.finish),
        "stop_sequence": None,
        **usage,
    }


def _message_events(answer: Said) -> Iterator[Sent]:
    def event(type_: str, **body: object) -> bytes:
        return _sse(type_, {"type": type_, **body})

    first = replace(answer.told, output_tokens=min(1, answer.told.output_tokens or 0)) if answer.told else None
    begun = {**_message(answer), "content": [], "stop_reason": None}
    begun = {**begun, "usage": _message_usage(first)} if first else begun
    yield Sent(event("message_start", message=begun), billed=first)
    yield Sent(event("ping"))
    for i, block in enumerate(_message_blocks(answer)):
        for delta, empty in _message_deltas(block, answer):
            if delta is None:
                yield Sent(event("content_block_start", index=i, content_block=empty))
            else:
                yield Sent(event("content_block_delta", index=i, delta=delta), is_piece=delta["type"] == "text_delta")
        yield Sent(event("content_block_stop", index=i))
    usage = {"usage": _message_usage(answer.told)} if answer.told else {}
    stop: Json = {"stop_reason": _STOPS.get(answer.finish, answer.finish), "stop_sequence": None}
    yield Sent(event("message_delta", delta=stop, **usage), billed=answer.told)
    yield Sent(event("message_stop"))


def _message_deltas(block: Json, answer: Said) -> Iterator[tuple[Json | None, Json]]:
    """Yield the empty block, and then what fills it."""
    if block["type"] == "thinking":
        yield None, {**block, "thinking": "", "signature": ""}
        yield {"type": "thinking_delta", "thinking": block["thinking"]}, {}
        yield {"type": "signature_delta", "signature": block["signature"]}, {}
    elif block["type"] == "text":
        yield None, {**block, "text": ""}
        for piece in answer.reply.pieces:
            yield {"type": "text_delta", "text": piece}, {}
    else:
        yield None, {**block, "input": {}}
        for half in _halves(json.dumps(block["input"])):
            yield {"type": "input_json_delta", "partial_json": half}, {}
