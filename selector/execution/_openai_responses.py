"""OpenAI's Responses API.

The formats: https://platform.openai.com/docs/api-reference/responses/create and /responses-streaming.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from selector.execution._estimate import accounted
from selector.execution._faults import error_in, fault
from selector.execution._gathering import Block, CallBlock, Gathering, malformed
from selector.execution._openai_usage import responses_usage
from selector.execution._pieces import (
    GO_ON,
    Tool,
    conversation,
    items,
    longest,
    mapping,
    schema_name,
    set_params,
    settle,
    spell_choice,
    strict,
    tools_of,
)
from selector.execution._wire import Answer, CallFailed, Request
from selector.records import Failure, Message, Part, TextEvent, ToolCall, ToolCallEvent, Usage

__all__ = ["OpenAIResponses", "ResponsesDecoder"]

_REASONS = re.compile(r"(.*/)?(o\d|codex|gpt-[5-9](?!.*-chat))")
_NOT_HERE = frozenset(
    [
        "frequency_penalty",
        "logit_bias",
        "logprobs",
        "n",
        "prediction",
        "presence_penalty",
        "seed",
        "stop",
        "stop_sequences",
        "web_search_options",
    ]
)
_CAPS = ("max_tokens", "max_completion_tokens")


class OpenAIResponses:
    """Translates for the Responses API.

    Nothing is stored at the provider unless `params` say ``store``: the conversation is sent whole each time, and
    reasoning comes and goes encrypted.

    Examples
    --------
    >>> OpenAIResponses().base_url
    'https://api.openai.com/v1'
    """

    path = "/responses"

    def __init__(self, base_url: str | None = None) -> None:
        self.base_url = (base_url or "https://api.openai.com/v1").rstrip("/")

    def headers(self, key: str | None) -> dict[str, str]:
        """Write the headers that every call has; None: the server wants no key."""
        common = {"Content-Type": "application/json"}
        return common if key is None else {**common, "Authorization": f"Bearer {key}"}

    def encode(self, request: Request, *, stream: bool) -> dict[str, Any]:
        """Write the body of a call, to be sent as JSON.

        OpenAI's words for chat completions are translated (``reasoning_effort``, ``verbosity``, ``max_tokens``,
        ``response_format``) or left out where this API has none (``stop``, ``seed``, penalties).
        """
        body: dict[str, Any] = {"model": request.route.id, "input": list(_input(request)), "store": False}
        if request.system:
            body["instructions"] = request.system
        most = longest(request)
        if most is not None:
            body["max_output_tokens"] = most
        if request.tools:
            body["tools"] = [_tool(tool) for tool in tools_of(request)]
        if request.response_schema is not None:
            schema = dict(request.response_schema)
            fitted = {"type": "json_schema", "name": schema_name(schema), "schema": schema, "strict": strict(schema)}
            body["text"] = {"format": fitted}
        if _REASONS.match(request.route.id) and not request.without_reasoning:
            body["include"] = ["reasoning.encrypted_content"]
        if stream:
            body["stream"] = True
        return set_params(body, _params(request.params))

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
        answer, refused = _answer(mapping(body), None)
        return settle(answer, refused=refused)

    def decoder(self, request: Request) -> ResponsesDecoder:
        """Read the stream that answers a request."""
        return ResponsesDecoder(request)

    def failure(self, status: int, body: bytes | str) -> CallFailed:
        """Read the body of a call that failed; what its headers say is not known here."""
        return fault(status, body)


class ResponsesDecoder(Gathering):
    """Reads a stream of response events; it is over at ``response.completed`` or ``response.incomplete``."""

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._last: Answer | None = None
        self._slots: dict[str, CallBlock] = {}

    def _usage(self) -> tuple[Usage | None, bool]:
        return None, False

    def _gathered(self) -> Answer:
        return self._last or super()._gathered()

    def _read(self, event: str, said: Mapping[str, Any]) -> Iterator[TextEvent | ToolCallEvent]:
        match said.get("type", event):
            case "response.created" | "response.in_progress":
                model = mapping(said.get("response")).get("model")
                self._snapshot = model if isinstance(model, str) else self._snapshot
            case "response.output_text.delta":
                yield from self._say(str(said.get("delta") or ""))
            case "response.refusal.delta":
                self._refused = self.began = True
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                self._grow("reasoning", str(said.get("delta") or ""))
            case "response.output_item.added":
                self._added(mapping(said.get("item")))
            case "response.function_call_arguments.delta":
                slot = self._slots.get(str(said.get("item_id")))
                if slot is not None:
                    slot.pieces.append(str(said.get("delta") or ""))
            case "response.output_item.done":
                yield from self._item_done(mapping(said.get("item")))
            case "response.completed" | "response.incomplete" | "response.failed":
                yield from self._over(mapping(said.get("response")))

    def _added(self, item: Mapping[str, Any]) -> None:
        if item.get("type") == "function_call":
            self.began = True
            call = _call(item)
            slot = CallBlock(call.id, call.name)
            self._slots[str(item.get("id"))] = slot
            self._calls.append(slot)
        elif item.get("type") == "reasoning":
            self.began = True

    def _item_done(self, item: Mapping[str, Any]) -> Iterator[ToolCallEvent]:
        if item.get("type") == "reasoning":
            self._blocks = [block for block in self._blocks if block.kind != "reasoning" or block.raw]
            self._blocks.append(Block("reasoning", [_summary(item)], dict(item)))
        if item.get("type") != "function_call" or not item.get("name"):
            return
        slot = self._slots.get(str(item.get("id")))
        call = _call(item)
        if slot is None:
            slot = CallBlock()
            self._calls.append(slot)
        slot.id, slot.name, slot.pieces, slot.told = call.id, call.name, [call.arguments], True
        yield ToolCallEvent(slot.call())

    def _over(self, response: Mapping[str, Any]) -> Iterator[TextEvent]:
        wrong = error_in(response)
        if wrong is not None or response.get("status") == "failed":
            raise self._failed(fault(None, wrong or {"error": {"message": "the response failed"}}))
        came = super()._gathered()
        answer, refused = _answer({**response, "output": response.get("output") or []}, self._request)
        if not answer.text and not answer.tool_calls and (came.text or came.tool_calls):
            usage, estimated = accounted(
                came.message, responses_usage(response.get("usage")), self._request, final=True
            )
            answer = Answer(
                message=came.message,
                usage=usage,
                estimated=estimated,
                snapshot=answer.snapshot or self._snapshot,
                finish=answer.finish,
            )
        elif answer.text and not came.text:
            yield from self._say(answer.text)
        self._last, self._refused = answer, self._refused or refused
        self.began = self.began or bool(answer.tool_calls)
        self.done = self.whole = True


def _params(params: Mapping[str, Any]) -> dict[str, Any]:
    found = {key: value for key, value in params.items() if key not in _NOT_HERE}
    for cap in _CAPS:
        if cap in found:
            found.setdefault("max_output_tokens", found.pop(cap))
    effort = found.pop("reasoning_effort", None)
    if effort is not None:
        found["reasoning"] = {"effort": effort, **mapping(found.get("reasoning"))}
    verbosity = found.pop("verbosity", None)
    if verbosity is not None:
        found["text"] = {"verbosity": verbosity, **mapping(found.get("text"))}
    form = mapping(found.pop("response_format", None))
    if form:
        flat = {**form, **mapping(form.get("json_schema"))}
        flat.pop("json_schema", None)
        found["text"] = {"format": flat, **mapping(found.get("text"))}
    if isinstance(found.get("tool_choice"), Mapping):
        choice, name = spell_choice(found["tool_choice"])
        hosted = name is None and choice not in {"auto", "none", "required"}
        if not hosted:
            found["tool_choice"] = choice if name is None else {"type": "function", "name": name}
    return found


def _tool(tool: Tool) -> dict[str, Any]:
    if not tool.name:
        return dict(tool.raw)
    found: dict[str, Any] = {"type": "function", "name": tool.name, "parameters": dict(tool.schema)}
    if tool.description is not None:
        found["description"] = tool.description
    return {**found, "strict": tool.strict is True}


def _input(request: Request) -> Iterator[dict[str, Any]]:
    for message in conversation(request):
        if message.role == "tool":
            output: object = message.text
            if any(part.kind != "text" for part in message.parts):
                output = [each for part in message.parts for each in _part(part)]
            yield {"type": "function_call_output", "call_id": message.tool_call_id or "call", "output": output}
            continue
        if message.role == "assistant":
            yield from _said(message)
            continue
        content = [each for part in message.parts for each in _part(part)]
        if content:
            yield {"type": "message", "role": message.role, "content": content}
    if request.prefix:
        yield {"type": "message", "role": "assistant", "content": request.prefix}
        yield {"type": "message", "role": "user", "content": GO_ON}


def _said(message: Message) -> Iterator[dict[str, Any]]:
    for part in message.parts:
        if part.kind == "reasoning" and part.raw.get("type") == "reasoning" and part.raw.get("encrypted_content"):
            yield {"summary": [], **{key: value for key, value in part.raw.items() if key != "status"}}
    if message.text:
        yield {"type": "message", "role": "assistant", "content": message.text}
    for call in message.tool_calls:
        yield {"type": "function_call", "call_id": call.id or "call", "name": call.name, "arguments": call.arguments}


def _part(part: Part) -> Iterator[dict[str, Any]]:
    match part.kind:
        case "text":
            yield {"type": "input_text", "text": part.text}
        case "image":
            kept = mapping(part.raw.get("image_url")).get("detail") or part.raw.get("detail")
            yield {"type": "input_image", "image_url": part.url, "detail": kept or "auto"}
        case "other":
            yield dict(part.raw)


def _answer(response: Mapping[str, Any], request: Request | None) -> tuple[Answer, bool]:
    if not isinstance(response.get("output"), list):
        raise malformed("no list of output")
    if response.get("status") == "failed":
        raise CallFailed(Failure.SERVER_ERROR, "the response failed")
    parts: list[Part] = []
    calls: list[ToolCall] = []
    refused = False
    for each in response["output"]:
        item = mapping(each)
        match item.get("type"):
            case "message":
                for piece in items(item.get("content")):
                    said = mapping(piece)
                    refused = refused or said.get("type") == "refusal"
                    if said.get("type") == "output_text" and said.get("text"):
                        parts.append(Part(kind="text", text=str(said["text"])))
            case "reasoning":
                parts.append(Part(kind="reasoning", text=_summary(item), raw=dict(item)))
            case "function_call" if item.get("name"):
                calls.append(_call(item))
    message = Message(role="assistant", parts=tuple(parts), tool_calls=tuple(calls))
    usage, estimated = accounted(message, responses_usage(response.get("usage")), request, final=True)
    model = response.get("model")
    snapshot = model if isinstance(model, str) else None
    finish = _finish(response, calls=bool(calls))
    return Answer(message=message, usage=usage, estimated=estimated, snapshot=snapshot, finish=finish), refused


def _finish(response: Mapping[str, Any], *, calls: bool) -> str:
    if response.get("status") == "incomplete":
        reason = mapping(response.get("incomplete_details")).get("reason")
        return {"max_output_tokens": "length"}.get(str(reason), str(reason or "length"))
    return "tool_calls" if calls else "stop"


def _call(item: Mapping[str, Any]) -> ToolCall:
    id_ = str(item.get("call_id") or item.get("id") or "call")
    return ToolCall(id=id_, name=str(item.get("name") or ""), arguments=str(item.get("arguments") or "{}"))


def _summary(item: Mapping[str, Any]) -> str:
    pieces = [*items(item.get("summary")), *items(item.get("content"))]
    return "\n".join(str(mapping(each).get("text") or "") for each in pieces)
