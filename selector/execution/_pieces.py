"""What every format shares: reading of untrusted JSON, tools, images, schemas and the user's own parameters."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

from selector.execution._wire import Answer, CallFailed, Request
from selector.records import Failure, Message, Part, ToolCall

__all__ = [
    "GO_ON",
    "Tool",
    "amount",
    "conversation",
    "host",
    "items",
    "longest",
    "mapping",
    "schema_name",
    "set_params",
    "settle",
    "spell_choice",
    "stop_words",
    "strict",
    "tokens",
    "tool_use",
    "tools_of",
]

GO_ON = "Your answer broke off. Go on exactly where it ends: repeat nothing, and say nothing of the break."
"""What is asked where a server does not continue an answer that is put into its mouth."""

_MOST_TOKENS = 10**15
_MOST_USD = 1e9


@dataclass(frozen=True, slots=True)
class Tool:
    """A tool that may be called, whatever shape it was given in."""

    name: str
    """Its name; empty: a tool of the vendor's own, only in `raw`."""
    description: str | None = None
    """What it is for."""
    schema: Mapping[str, object] = field(default_factory=dict)
    """The JSON schema of its arguments."""
    strict: bool | None = None
    """Whether the arguments must fit the schema; None: not said."""
    raw: Mapping[str, object] = field(default_factory=dict)
    """As it was given."""


def mapping(value: object) -> Mapping[str, Any]:
    """Give a mapping, or an empty one for anything else.

    Examples
    --------
    >>> mapping({"a": 1}), mapping([1])
    ({'a': 1}, {})
    """
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[Any]:
    """Give a list, or an empty one for anything else.

    Examples
    --------
    >>> items([1]), items("text"), items(None)
    ([1], (), ())
    """
    return value if isinstance(value, Sequence) and not isinstance(value, (str, bytes)) else ()


def tokens(value: object) -> int | None:
    """Give a count of tokens, or None for what is none: missing, negative, no number.

    Examples
    --------
    >>> tokens(7), tokens(7.0), tokens(-1), tokens("7"), tokens(True), tokens(float("nan"))
    (7, 7, None, None, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value <= _MOST_TOKENS:
        return None
    return int(value)


def amount(value: object) -> float | None:
    """Give an amount of US dollars, or None for what is none.

    Examples
    --------
    >>> amount(0.25), amount("0.25"), amount(-1)
    (0.25, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < _MOST_USD:
        return None
    return float(value) if math.isfinite(value) else None


def host(base_url: str) -> str:
    """Give the name of a server.

    Examples
    --------
    >>> host("https://api.openai.com/v1")
    'api.openai.com'
    """
    return (urlsplit(base_url).hostname or "").lower()


def longest(request: Request) -> int | None:
    """Give the longest answer that is asked for and that the model can write; None: nobody says."""
    said = [each for each in (request.max_output_tokens, request.route.max_output_tokens) if each is not None]
    return min(said, default=None)


def tools_of(request: Request) -> list[Tool]:
    """Read the tools of a request, in OpenAI's two shapes, Anthropic's, or a vendor's own."""
    return [_tool(mapping(raw)) for raw in request.tools]


def _tool(raw: Mapping[str, Any]) -> Tool:
    inner = mapping(raw.get("function")) or raw
    name, type_ = inner.get("name"), raw.get("type")
    if not isinstance(name, str) or type_ not in {None, "function", "custom"}:
        return Tool("", raw=raw)
    schema = inner.get("parameters", inner.get("input_schema"))
    if type_ == "custom" and schema is None:
        return Tool("", raw=raw)
    strict_ = inner.get("strict")
    return Tool(
        name,
        inner.get("description"),
        mapping(schema) or {"type": "object", "properties": {}},
        strict_ if isinstance(strict_, bool) else None,
        raw,
    )


def spell_choice(value: object) -> tuple[str, str | None]:
    """Read which tool must be called: ``auto``, ``none``, ``required`` or ``tool`` with its name, of any vendor.

    Examples
    --------
    >>> spell_choice("required"), spell_choice({"type": "any"})
    (('required', None), ('required', None))
    >>> spell_choice({"type": "function", "function": {"name": "add"}})
    ('tool', 'add')
    """
    if isinstance(value, str):
        return ("required" if value == "any" else value), None
    said = mapping(value)
    name = mapping(said.get("function")).get("name", said.get("name"))
    if isinstance(name, str):
        return "tool", name
    type_ = str(said.get("type"))
    return ("required" if type_ == "any" else type_), None


def stop_words(value: object) -> list[str]:
    """Give the words that end an answer, written as one or as a list.

    Examples
    --------
    >>> stop_words("END"), stop_words(["a", "b"])
    (['END'], ['a', 'b'])
    """
    return [value] if isinstance(value, str) else [each for each in items(value) if isinstance(each, str)]


def set_params(body: dict[str, Any], params: Mapping[str, Any]) -> dict[str, Any]:
    """Write the user's own parameters into a body: None removes a key, a mapping joins what is there.

    Examples
    --------
    >>> set_params({"a": 1, "b": {"x": 1}}, {"a": None, "b": {"y": 2}})
    {'b': {'x': 1, 'y': 2}}
    """
    for key, value in params.items():
        if value is None:
            body.pop(key, None)
        elif isinstance(value, Mapping) and isinstance(body.get(key), dict):
            body[key] = {**body[key], **value}
        else:
            body[key] = value
    return body


def schema_name(schema: Mapping[str, object]) -> str:
    """Give a name for a schema, of the letters that vendors allow.

    Examples
    --------
    >>> schema_name({"title": "A person"}), schema_name({})
    ('A_person', 'answer')
    """
    title = schema.get("title")
    return re.sub(r"[^A-Za-z0-9_-]", "_", title)[:64] if isinstance(title, str) and title else "answer"


def strict(schema: object) -> bool:
    """Say whether a schema is one that OpenAI can keep strictly: all fields required, and no others.

    See https://developers.openai.com/api/docs/guides/structured-outputs.

    Examples
    --------
    >>> strict({"type": "object", "properties": {"a": {}}, "required": ["a"], "additionalProperties": False})
    True
    >>> strict({"type": "object", "properties": {"a": {}}})
    False
    """
    if isinstance(schema, Mapping):
        if "properties" in schema or schema.get("type") == "object":
            known = set(mapping(schema.get("properties")))
            if schema.get("additionalProperties") is not False or set(items(schema.get("required"))) != known:
                return False
        return all(strict(each) for each in schema.values())
    return all(strict(each) for each in items(schema))


def conversation(request: Request) -> list[Message]:
    """Give a request's messages in the normal form, in their order, without the system prompt that came apart.

    Tool calls and results that are written as Anthropic's parts of a message become what they are elsewhere; and
    with `Request.without_reasoning`, all that only the model that wrote it can read is left out.
    """
    found = [each for message in request.messages for each in _normal(message)]
    return [_unreasoned(message) for message in found] if request.without_reasoning else found


def _normal(message: Message) -> Iterator[Message]:
    kept: list[Part] = []
    calls = list(message.tool_calls)
    for part in message.parts:
        type_ = part.raw.get("type") if part.kind == "other" else None
        if type_ == "tool_use" and message.role == "assistant":
            calls.append(tool_use(part.raw))
        elif type_ == "tool_result" and message.role == "user":
            yield _result(part.raw)
        else:
            kept.append(part)
    if kept or calls or not message.parts:
        yield replace(message, parts=tuple(kept), tool_calls=tuple(calls))


def tool_use(raw: Mapping[str, Any]) -> ToolCall:
    """Read a tool call in Anthropic's shape."""
    arguments = json.dumps(raw.get("input") or {}, ensure_ascii=False)
    return ToolCall(id=str(raw.get("id") or ""), name=str(raw.get("name") or ""), arguments=arguments)


def _result(raw: Mapping[str, Any]) -> Message:
    message = {"role": "tool", "content": raw.get("content"), "tool_call_id": str(raw.get("tool_use_id") or "")}
    return Message.of({**message, "is_error": True} if raw.get("is_error") else message)


def _unreasoned(message: Message) -> Message:
    return replace(
        message,
        parts=tuple(part for part in message.parts if part.kind != "reasoning"),
        tool_calls=tuple(replace(call, extra={}) for call in message.tool_calls),
        extra={key: value for key, value in message.extra.items() if not key.startswith("reasoning")},
    )


def settle(answer: Answer, *, refused: bool = False, may_be_empty: bool = False) -> Answer:
    """Pass an answer that says something, and refuse one that does not.

    Raises
    ------
    CallFailed
        ``content_policy`` if the provider declined, ``empty_answer`` if there is neither text nor a tool call; it
        holds the answer, for what it used.
    """
    if answer.text.strip() or answer.tool_calls:
        return answer
    if refused or answer.finish == "content_filter":
        raise CallFailed(Failure.CONTENT_POLICY, "the provider declined to answer", partial=answer)
    if may_be_empty and answer.finish == "stop":
        return answer
    thought = any(part.kind == "reasoning" for part in answer.message.parts)
    what = "only reasoning" if thought or answer.usage.reasoning_tokens else "neither text nor a tool call"
    raise CallFailed(Failure.EMPTY_ANSWER, f"the answer holds {what}; it ended with {answer.finish!r}", partial=answer)
