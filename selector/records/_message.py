"""A message of a conversation, as every provider's format is translated to and from."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from selector.errors import ConfigError

__all__ = ["Message", "Part", "ToolCall"]

Role = Literal["system", "user", "assistant", "tool"]
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant", "tool": "tool"}
_OWN = frozenset({"role", "content", "tool_calls", "tool_call_id", "name"})
_REASONING = frozenset({"thinking", "redacted_thinking", "reasoning"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of what a message says.

    Examples
    --------
    >>> Part(kind="text", text="What is on this picture?").kind
    'text'
    """

    kind: Literal["text", "image", "reasoning", "other"]
    """What it is: a model's reasoning is only of use to the model that wrote it."""
    text: str = ""
    """The text of a text, or of reasoning that may be read."""
    url: str | None = None
    """Where an image is, as ``https:`` or ``data:``."""
    raw: Mapping[str, object] = field(default_factory=dict, repr=False, hash=False)
    """The piece as it was written: what else its provider says of it, such as a signature."""

    @classmethod
    def of(cls, raw: object) -> Part:
        """Read a piece of a chat message's content.

        Examples
        --------
        >>> Part.of({"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}}).url
        'https://example.org/cat.png'
        >>> Part.of({"type": "thinking", "thinking": "hm", "signature": "x"}).kind
        'reasoning'
        """
        if not isinstance(raw, Mapping) or not isinstance(raw.get("type"), str):
            raise ConfigError(f"a part of a message is a mapping with a type, such as 'text', not {_kind(raw)}")
        type_ = raw["type"]
        if type_ in {"text", "input_text", "output_text"}:
            return cls(kind="text", text=str(raw.get("text") or ""), raw=raw)
        if type_ in _REASONING:
            return cls(kind="reasoning", text=str(raw.get("thinking") or raw.get("text") or ""), raw=raw)
        if type_ in {"image_url", "input_image"}:
            found = raw.get("image_url")
            return cls(kind="image", url=str(found["url"] if isinstance(found, Mapping) else found), raw=raw)
        if type_ == "image" and isinstance(source := raw.get("source"), Mapping):
            inline = f"data:{source.get('media_type')};base64,{source.get('data')}"
            return cls(kind="image", url=str(source["url"]) if "url" in source else inline, raw=raw)
        return cls(kind="other", raw=raw)

    def as_chat(self) -> dict[str, object]:
        """Write it as a piece of a chat message's content.

        Examples
        --------
        >>> Part(kind="text", text="hi").as_chat()
        {'type': 'text', 'text': 'hi'}
        """
        if self.kind == "text":
            return {"type": "text", "text": self.text}
        if self.kind == "image":
            kept = self.raw.get("image_url")
            return {"type": "image_url", "image_url": dict(kept) if isinstance(kept, Mapping) else {"url": self.url}}
        return dict(self.raw)


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCall:
    """A tool that a model wants called.

    Examples
    --------
    >>> ToolCall(id="call_1", name="add", arguments='{"a": 1}').parsed
    {'a': 1}
    """

    id: str
    """By which the tool's result names it."""
    name: str
    """Which tool."""
    arguments: str = field(default="{}", repr=False)
    """JSON, as the model wrote it: it may be broken."""
    extra: Mapping[str, object] = field(default_factory=dict, repr=False, hash=False)
    """What else the provider says of it."""

    @property
    def parsed(self) -> dict[str, object]:
        """The arguments by name.

        Raises
        ------
        ValueError
            If the model wrote no JSON object.
        """
        found = json.loads(self.arguments or "{}")
        if isinstance(found, dict):
            return found
        raise ValueError(f"the arguments of {self.name!r} must be a JSON object, such as {{}}")

    def as_chat(self) -> dict[str, object]:
        """Write it as a chat message has it.

        Examples
        --------
        >>> ToolCall(id="call_1", name="add").as_chat()["function"]
        {'name': 'add', 'arguments': '{}'}
        """
        function = {"name": self.name, "arguments": self.arguments}
        return {**self.extra, "id": self.id, "type": "function", "function": function}


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What one side of a conversation says.

    Examples
    --------
    >>> asked = Message.of({"role": "user", "content": "What is 2 + 2?"})
    >>> asked.text, asked.as_chat()
    ('What is 2 + 2?', {'role': 'user', 'content': 'What is 2 + 2?'})
    """

    role: Role
    """Who says it; a ``developer`` counts as ``system``."""
    parts: tuple[Part, ...] = field(default=(), repr=False)
    """What is said."""
    tool_calls: tuple[ToolCall, ...] = ()
    """The tools that the model wants called."""
    tool_call_id: str | None = None
    """Of a tool's result: of which call."""
    name: str | None = None
    """Who exactly, where several have one role."""
    extra: Mapping[str, object] = field(default_factory=dict, repr=False, hash=False)
    """Fields that are not known here, passed on as they are."""

    @property
    def text(self) -> str:
        """All of its text, without reasoning.

        Examples
        --------
        >>> Message(role="user", parts=(Part(kind="text", text="a"), Part(kind="text", text="b"))).text
        'ab'
        """
        return "".join(part.text for part in self.parts if part.kind == "text")

    @classmethod
    def of(cls, raw: object) -> Message:
        """Read a chat message, or pass on what is one.

        Raises
        ------
        ConfigError
            If it is none; what it says is not repeated.

        Examples
        --------
        >>> Message.of({"role": "usr", "content": "hi"})
        Traceback (most recent call last):
        selector.errors.ConfigError: a message's role must be assistant, developer, system, tool or user, not 'usr'
        """
        if isinstance(raw, Message):
            return raw
        if not isinstance(raw, Mapping):
            raise ConfigError(f"a message is a mapping with role and content, not {_kind(raw)}")
        role = raw.get("role")
        if not isinstance(role, str) or role not in _ROLES:
            raise ConfigError(f"a message's role must be assistant, developer, system, tool or user, not {role!r}")
        return cls(
            role=_ROLES[role],  # type: ignore[arg-type]  # one of the four
            parts=_parts(raw.get("content")),
            tool_calls=tuple(_tool_call(each) for each in _list("tool_calls", raw.get("tool_calls"))),
            tool_call_id=_text("tool_call_id", raw.get("tool_call_id")),
            name=_text("name", raw.get("name")),
            extra={key: value for key, value in raw.items() if key not in _OWN},
        )

    def as_chat(self) -> dict[str, object]:
        """Write it as a chat message, to go on with the conversation.

        Examples
        --------
        >>> Message(role="assistant", parts=(Part(kind="text", text="4"),)).as_chat()
        {'role': 'assistant', 'content': '4'}
        """
        content: object = [part.as_chat() for part in self.parts]
        if all(part.kind == "text" for part in self.parts):
            content = self.text if self.parts or not self.tool_calls else None
        found: dict[str, object] = {**self.extra, "role": self.role, "content": content}
        if self.tool_calls:
            found["tool_calls"] = [call.as_chat() for call in self.tool_calls]
        if self.tool_call_id is not None:
            found["tool_call_id"] = self.tool_call_id
        if self.name is not None:
            found["name"] = self.name
        return found


def _parts(content: object) -> tuple[Part, ...]:
    if content is None:
        return ()
    if isinstance(content, str):
        return (Part(kind="text", text=content),)
    return tuple(Part.of(each) for each in _list("content", content))


def _tool_call(raw: object) -> ToolCall:
    function = raw.get("function") if isinstance(raw, Mapping) else None
    if not isinstance(raw, Mapping) or not isinstance(function, Mapping) or not isinstance(function.get("name"), str):
        raise ConfigError("a tool call of a message must have a function with a name")
    known = {"id", "type", "function"}
    extra = {key: value for key, value in raw.items() if key not in known}
    arguments = function.get("arguments") or "{}"
    text = arguments if isinstance(arguments, str) else json.dumps(arguments)
    return ToolCall(id=str(raw.get("id") or ""), name=function["name"], arguments=text, extra=extra)


def _list(field_: str, value: object) -> Sequence[object]:
    if value is None:
        return ()
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise ConfigError(f"a message's {field_} must be a list, not {_kind(value)}")
    return value


def _text(field_: str, value: object) -> str | None:
    if value is not None and not isinstance(value, str):
        raise ConfigError(f"a message's {field_} must be a text, not {_kind(value)}")
    return value


def _kind(value: object) -> str:
    return f"a {type(value).__name__}"
