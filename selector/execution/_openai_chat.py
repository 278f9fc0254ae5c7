"""OpenAI's chat completions, and the servers that speak like it, such as OpenRouter, DeepSeek, Ollama and vLLM.

The formats: https://platform.openai.com/docs/api-reference/chat/create and /chat-streaming.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from selector.execution._estimate import accounted
from selector.execution._faults import error_in, fault
from selector.execution._gathering import CallBlock, Gathering, malformed
from selector.execution._openai_usage import chat_usage
from selector.execution._pieces import (
    GO_ON,
    Tool,
    conversation,
    host,
    items,
    longest,
    mapping,
    schema_name,
    set_params,
    settle,
    spell_choice,
    stop_words,
    strict,
    tokens,
    tools_of,
)
from selector.execution._wire import Answer, CallFailed, Request
from selector.records import Failure, Message, Part, TextEvent, ToolCall, ToolCallEvent, Usage

__all__ = ["ChatDecoder", "OpenAIChat"]

# OpenAI's own models of these names refuse `max_tokens`, wherever they are served under their bare name.
_NEW = re.compile(r"(o\d|gpt-[5-9])(\b|[^0-9a-z])")
_ANSWERS_ONLY = frozenset({"annotations", "refusal", "is_error"})
_FINISHES = {
    "eos": "stop",
    "end_turn": "stop",
    "function_call": "tool_calls",
    "max_tokens": "length",
    "model_length": "length",
    "safety": "content_filter",
    "prohibited_content": "content_filter",
    "recitation": "content_filter",
    "sensitive": "content_filter",
}
_BROKEN = {"error": Failure.SERVER_ERROR, "insufficient_system_resource": Failure.OVERLOADED}


class OpenAIChat:
    """Translates for chat completions.

    What differs between servers is chosen by the address: `max_completion_tokens` at OpenAI's own, whose newer models
    refuse `max_tokens`, and `max_tokens` elsewhere, which all others know; give either in a variant's `params` and
    that one is sent alone.

    Examples
    --------
    >>> OpenAIChat("http://localhost:11434/v1").headers(None)
    {'Content-Type': 'application/json'}
    """

    path = "/chat/completions"

    def __init__(self, base_url: str | None = None) -> None:
        self.base_url = (base_url or "https://api.openai.com/v1").rstrip("/")
        self._host = host(self.base_url)

    def headers(self, key: str | None) -> dict[str, str]:
        """Write the headers that every call has; None: the server wants no key."""
        common = {"Content-Type": "application/json"}
        return common if key is None else {**common, "Authorization": f"Bearer {key}"}

    def encode(self, request: Request, *, stream: bool) -> dict[str, Any]:
        """Write the body of a call, to be sent as JSON."""
        body: dict[str, Any] = {"model": request.route.id, "messages": self._messages(request)}
        most = longest(request)
        cap = self._cap(request.route.id)
        if most is not None and not {"max_tokens", "max_completion_tokens"} & {*request.params}:
            body[cap] = most
        if request.tools:
            body["tools"] = [_tool(tool) for tool in tools_of(request)]
        if request.response_schema is not None:
            schema = dict(request.response_schema)
            fitted = {"name": schema_name(schema), "schema": schema, "strict": strict(schema)}
            body["response_format"] = {"type": "json_schema", "json_schema": fitted}
        if stream:
            body["stream"] = True
            # Mistral refuses the option, and reports its usage unasked:
            # https://github.com/openai/openai-agents-python/issues/442
            if not self._is("mistral.ai"):
                body["stream_options"] = {"include_usage": True}
        params = _params(request.params, cap)
        if self._is("mistral.ai") and "seed" in params:
            params.setdefault("random_seed", params.pop("seed"))
        return set_params(body, params)

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
        choice = mapping(next(iter(items(said.get("choices"))), None))
        spoken = choice.get("message")
        if not isinstance(spoken, Mapping):
            raise malformed("no choices with a message")
        message = _message(spoken)
        usage, estimated = accounted(message, chat_usage(said.get("usage")), None, final=True)
        finish = _finish(choice.get("finish_reason"), calls=bool(message.tool_calls))
        found = Answer(
            message=message, usage=usage, estimated=estimated, snapshot=_word(said.get("model")), finish=finish
        )
        if choice.get("error") or finish in _BROKEN:
            raise _broken(choice, finish, found)
        return settle(found, refused=bool(spoken.get("refusal")))

    def decoder(self, request: Request) -> ChatDecoder:
        """Read the stream that answers a request."""
        return ChatDecoder(request)

    def failure(self, status: int, body: bytes | str) -> CallFailed:
        """Read the body of a call that failed; what its headers say is not known here."""
        return fault(status, body)

    def _is(self, domain: str) -> bool:
        return self._host == domain or self._host.endswith(f".{domain}")

    def _cap(self, model: str) -> str:
        own = self._is("api.openai.com") or self._is("openai.azure.com")
        return "max_completion_tokens" if own or _NEW.match(model) else "max_tokens"

    def _messages(self, request: Request) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        if request.system:
            found.append({"role": "system", "content": request.system})
        found += [self._chat(message) for message in conversation(request)]
        if request.prefix:
            begun: dict[str, Any] = {"role": "assistant", "content": request.prefix}
            if self._is("mistral.ai") or (self._is("deepseek.com") and self.base_url.endswith("/beta")):
                begun["prefix"] = True
            found.append(begun)
            if self._is("api.openai.com") or self._is("openai.azure.com"):
                found.append({"role": "user", "content": GO_ON})
        return found

    def _chat(self, message: Message) -> dict[str, Any]:
        dropped = _ANSWERS_ONLY if self._is("openrouter.ai") else _ANSWERS_ONLY | {"reasoning_details"}
        extra = {key: value for key, value in message.extra.items() if key not in dropped}
        left_out = {"reasoning", "other"} if message.role == "assistant" else {"reasoning"}
        parts = tuple(part for part in message.parts if part.kind not in left_out)
        if len(parts) != len(message.parts) or len(extra) != len(message.extra):
            message = replace(message, parts=parts, extra=extra)
        written: dict[str, Any] = message.as_chat()
        if self._is("openrouter.ai") and any("cache_control" in part.raw for part in parts):
            written["content"] = [_marked(part) for part in parts]
        if self._is("deepseek.com") and message.tool_calls:  # it refuses its own call of a tool without its reasoning
            thought = "".join(part.text for part in message.parts if part.kind == "reasoning")
            written.setdefault("reasoning_content", thought)
        if self._is("mistral.ai"):  # its own ids are nine letters and digits, and it refuses others
            for call in written.get("tool_calls") or ():
                call["id"] = _nine(call["id"])
            if message.tool_call_id is not None:
                written["tool_call_id"] = _nine(message.tool_call_id)
        return written


class ChatDecoder(Gathering):
    """Reads a stream of chat completion chunks.

    It is over at ``[DONE]``, or once both the finish and the usage came; `whole` is True from the finish on, for the
    servers that just hang up after it.
    """

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._reported: Usage | None = None
        self._slots: dict[int | None, CallBlock] = {}

    def _usage(self) -> tuple[Usage | None, bool]:
        return self._reported, self.whole

    def _read(self, event: str, said: Mapping[str, Any]) -> Iterator[TextEvent | ToolCallEvent]:  # noqa: ARG002
        self._snapshot = _word(said.get("model")) or self._snapshot
        if said.get("usage"):
            self._reported = chat_usage(said["usage"]) or self._reported
        for choice in items(said.get("choices")):
            if isinstance(choice, Mapping) and choice.get("index") in (None, 0):
                yield from self._choice(choice)
        self.done = self.done or (self.whole and self._reported is not None)

    def _choice(self, choice: Mapping[str, Any]) -> Iterator[TextEvent | ToolCallEvent]:
        delta = mapping(choice.get("delta"))
        for kind, text in _pieces(delta):
            if kind == "text":
                yield from self._say(text)
            else:
                self._grow("reasoning", text)
        if delta.get("refusal"):
            self._refused = self.began = True
        for each in items(delta.get("tool_calls")):
            yield from self._call(mapping(each))
        if choice.get("finish_reason") or choice.get("error"):
            self._finish = _finish(choice.get("finish_reason"), calls=False)
            if choice.get("error") or self._finish in _BROKEN:
                raise _broken(choice, self._finish, self.partial())
            self.whole = True
            yield from self._tell()

    def _call(self, said: Mapping[str, Any]) -> Iterator[ToolCallEvent]:
        function = mapping(said.get("function"))
        key = tokens(said.get("index"))
        slot = self._slots.get(key) if key is not None or not said.get("id") else None
        # Some servers number all parallel calls 0: another id with a name is another call.
        if slot is None or (said.get("id") and function.get("name") and slot.name and said["id"] != slot.id):
            yield from self._tell()
            slot = CallBlock(id=str(said.get("id") or f"call_{len(self._calls)}"))
            self._calls.append(slot)
            self._slots[key] = slot
        self.began = True
        if not slot.name:
            slot.name = str(function.get("name") or "")
        arguments = function.get("arguments")
        if arguments:
            slot.pieces.append(arguments if isinstance(arguments, str) else json.dumps(arguments))
        slot.extra.update(_extra(said))


def _params(params: Mapping[str, Any], cap: str) -> dict[str, Any]:
    found = dict(params)
    if "max_output_tokens" in found:
        found.setdefault(cap, found.pop("max_output_tokens"))
    if "stop_sequences" in found:
        found.setdefault("stop", stop_words(found.pop("stop_sequences")))
    if isinstance(found.get("tool_choice"), Mapping):
        choice, name = spell_choice(found["tool_choice"])
        found["tool_choice"] = choice if name is None else {"type": "function", "function": {"name": name}}
    return found


def _tool(tool: Tool) -> dict[str, Any]:
    if not tool.name:
        return dict(tool.raw)
    if "function" in tool.raw:
        return {"type": "function", **tool.raw}
    function: dict[str, Any] = {"name": tool.name, "parameters": dict(tool.schema)}
    if tool.description is not None:
        function["description"] = tool.description
    if tool.strict is not None:
        function["strict"] = tool.strict
    return {"type": "function", "function": function}


def _marked(part: Part) -> dict[str, Any]:
    mark = {"cache_control": part.raw["cache_control"]} if "cache_control" in part.raw else {}
    return {**part.as_chat(), **mark}


def _nine(id_: str) -> str:
    fits = re.fullmatch(r"[A-Za-z0-9]{9}", id_)
    return id_ if fits else hashlib.sha256(id_.encode()).hexdigest()[:9]


def _message(spoken: Mapping[str, Any]) -> Message:
    parts: list[Part] = []
    for kind, text in _pieces(spoken):
        raw = {"type": "reasoning", "text": text} if kind == "reasoning" else {}
        parts.append(Part(kind="reasoning" if kind == "reasoning" else "text", text=text, raw=raw))
    calls = [_tool_call(mapping(each), number) for number, each in enumerate(items(spoken.get("tool_calls")))]
    known = {"role", "content", "tool_calls", "function_call", "reasoning", "reasoning_content"}
    extra = {key: value for key, value in spoken.items() if key not in known and value not in (None, [], "", {})}
    whole = tuple(call for call in calls if call.name)
    return Message(role="assistant", parts=tuple(parts), tool_calls=whole, extra=extra)


def _pieces(spoken: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for key in ("reasoning_content", "reasoning"):
        if isinstance(spoken.get(key), str) and spoken[key]:
            yield "reasoning", spoken[key]
            break
    content = spoken.get("content")
    if isinstance(content, str) and content:
        yield "text", content
    for each in items(content):
        part = mapping(each)
        thought = part.get("thinking")
        if thought:  # https://docs.mistral.ai/capabilities/reasoning
            texts = [thought] if isinstance(thought, str) else [mapping(one).get("text") for one in items(thought)]
            yield "reasoning", "".join(text for text in texts if isinstance(text, str))
        elif isinstance(part.get("text"), str) and part["text"]:
            yield "text", part["text"]


def _tool_call(said: Mapping[str, Any], number: int) -> ToolCall:
    function = mapping(said.get("function"))
    arguments = function.get("arguments") or "{}"
    return ToolCall(
        id=str(said.get("id") or f"call_{number}"),
        name=str(function.get("name") or ""),
        arguments=arguments if isinstance(arguments, str) else json.dumps(arguments),
        extra=_extra(said),
    )


def _extra(said: Mapping[str, Any]) -> dict[str, object]:
    return {key: value for key, value in said.items() if key not in {"id", "type", "function", "index"}}


def _finish(reason: object, *, calls: bool) -> str:
    word = str(reason) if reason else "stop"
    known = _FINISHES.get(word.lower(), word)
    return "tool_calls" if calls and known == "stop" else known


def _broken(choice: Mapping[str, Any], finish: str, partial: Answer | None) -> CallFailed:
    if choice.get("error"):
        failure = fault(None, {"error": choice["error"]})
        failure.partial = partial
        return failure
    return CallFailed(_BROKEN[finish], f"the answer broke off with {finish!r}", partial=partial)


def _word(value: object) -> str | None:
    return value if isinstance(value, str) and value else None
