"""The arguments of a call of a client in place of OpenAI's, one by one: messages, tools, the answer's form, limits."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from selector._clients.openai_client._shape import ChatCompletionMessage
from selector.errors import ConfigError
from selector.records import Message

__all__ = ["Form", "calls_tools", "form_of", "longest", "messages_of", "seconds", "streaming", "tools_of", "words_of"]


def messages_of(given: object) -> list[Mapping[str, object]]:
    """Read messages: mappings, a client's own answers, or objects of the ``openai`` package.

    Raises
    ------
    ConfigError
        If there is none, or one is none; what it says is not repeated.

    Examples
    --------
    >>> messages_of([{"role": "user", "content": "hi", "name": None}])
    [{'role': 'user', 'content': 'hi'}]
    """
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        what = "is missing" if given is None else f"must be a list of messages, not a {type(given).__name__}"
        raise ConfigError(f"{what}; give [{{'role': 'user', 'content': '...'}}]", key="messages")
    found = [_message(each, f"messages.{place}") for place, each in enumerate(given)]
    if not found:
        raise ConfigError("must hold at least one message, and holds none", key="messages")
    return found


def _message(given: object, key: str) -> Mapping[str, object]:
    if isinstance(given, ChatCompletionMessage) and given.whole is not None:
        return given.whole.as_chat()
    if isinstance(given, Message):
        return given.as_chat()
    plain = _plain(given)
    if not isinstance(plain, Mapping):
        raise ConfigError(f"must be a mapping with role and content, not a {type(given).__name__}", key=key)
    said = {name: value for name, value in plain.items() if value is not None or name == "content"}
    try:
        Message.of(said)
    except ConfigError as error:
        raise ConfigError(str(error), key=key) from None
    return said


def _plain(given: object) -> object:
    """Write an object of the ``openai`` package as the mapping that it stands for."""
    dump = getattr(given, "model_dump", None)
    return dump(exclude_none=True) if callable(dump) and not isinstance(given, type) else given


def calls_tools(message: Mapping[str, object]) -> bool:
    """Tell whether a message holds calls of tools, or what came of one, in OpenAI's shape or Anthropic's.

    Examples
    --------
    >>> calls_tools({"role": "tool", "tool_call_id": "call_1", "content": "4"}), calls_tools({"role": "user"})
    (True, False)
    """
    if message.get("tool_calls") or message.get("role") == "tool":
        return True
    parts = message.get("content")
    kinds = [part.get("type") for part in parts if isinstance(part, Mapping)] if isinstance(parts, list) else []
    return "tool_use" in kinds or "tool_result" in kinds


def tools_of(given: object) -> list[Mapping[str, object]]:
    """Read tools: functions, or tools of a vendor's own.

    Raises
    ------
    ConfigError
        If one is none, or is called in a way that an answer cannot tell.

    Examples
    --------
    >>> tools_of([{"type": "function", "function": {}}])
    Traceback (most recent call last):
    selector.errors.ConfigError: tools.0: must be {'type': 'function', 'function': {'name': ..., 'parameters': ...}}
    """
    if given is None:
        return []
    if isinstance(given, (str, bytes, Mapping)) or not isinstance(given, Iterable):
        raise ConfigError(f"must be a list of tools, not a {type(given).__name__}", key="tools")
    return [_tool(each, f"tools.{place}") for place, each in enumerate(given)]


def _tool(given: object, key: str) -> Mapping[str, object]:
    tool = _plain(given)
    if not isinstance(tool, Mapping):
        raise ConfigError(f"must be a mapping, not a {type(given).__name__}", key=key)
    if tool.get("type") == "custom":
        raise ConfigError("is of type 'custom', which is not supported; give a function", key=key)
    function = tool.get("function")
    name = function.get("name") if isinstance(function, Mapping) else None
    if tool.get("type") == "function" and not (isinstance(name, str) and name):
        raise ConfigError("must be {'type': 'function', 'function': {'name': ..., 'parameters': ...}}", key=key)
    return tool


@dataclass(frozen=True, slots=True)
class Form:
    """The form in which an answer is wanted."""

    schema: Mapping[str, object] | None = None
    """The schema that it must fit."""
    is_json: bool = False
    """Whether it must be JSON, whatever that holds."""


def form_of(given: object) -> Form:
    """Read a ``response_format``; a schema's name and description go into the schema, where every format finds them.

    Raises
    ------
    ConfigError
        If it is none.

    Examples
    --------
    >>> form_of({"type": "json_schema", "json_schema": {"name": "person", "schema": {"type": "object"}}}).schema
    {'title': 'person', 'type': 'object'}
    """
    if isinstance(given, type):
        name = given.__name__
        form = f"{{'name': {name!r}, 'schema': {name}.model_json_schema()}}"
        raise ConfigError(
            f"is the class {name}; give {{'type': 'json_schema', 'json_schema': {form}}}", key="response_format"
        )
    kind = given.get("type") if isinstance(given, Mapping) else None
    if given is None or kind == "text":
        return Form()
    if kind == "json_object":
        return Form(is_json=True)
    if kind != "json_schema" or not isinstance(given, Mapping):
        raise ConfigError(f"must be of type text, json_object or json_schema, not {given!r:.80}", key="response_format")
    said = given.get("json_schema")
    schema = said.get("schema") if isinstance(said, Mapping) else None
    if not isinstance(said, Mapping) or not isinstance(schema, Mapping):
        raise ConfigError("must hold {'name': ..., 'schema': {...}}", key="response_format.json_schema")
    notes = {"title": said.get("name"), "description": said.get("description")}
    return Form(schema={**{name: note for name, note in notes.items() if isinstance(note, str) and note}, **schema})


def longest(old: object, new: object) -> int | None:
    """Read how long an answer may be, from either of its two words.

    Raises
    ------
    ConfigError
        If they differ, or are no number of tokens.

    Examples
    --------
    >>> longest(None, 100), longest(100, 200)
    Traceback (most recent call last):
    selector.errors.ConfigError: max_tokens: is 100, and max_completion_tokens is 200; give one of them
    """
    if old is not None and new is not None and old != new:
        raise ConfigError(f"is {old!r}, and max_completion_tokens is {new!r}; give one of them", key="max_tokens")
    found, key = (old, "max_tokens") if new is None else (new, "max_completion_tokens")
    if found is None:
        return None
    if isinstance(found, bool) or not isinstance(found, int) or found < 1:
        raise ConfigError(f"must be a whole number of at least 1, not {found!r:.80}", key=key)
    return found


def seconds(given: object) -> float | None:
    """Read how long a call may take.

    Raises
    ------
    ConfigError
        If it is no number of seconds.

    Examples
    --------
    >>> seconds(30), seconds(None)
    (30.0, None)
    """
    if given is None:
        return None
    if isinstance(given, bool) or not isinstance(given, (int, float)) or not (given > 0 and math.isfinite(given)):
        raise ConfigError(
            f"must be seconds for the whole call, such as 30, or None, not {given!r:.80}; how long one provider may "
            "take to connect and to answer is configured there, as timeout_s",
            key="timeout",
        )
    return float(given)


def streaming(stream: object, options: object) -> tuple[bool, bool]:
    """Read whether an answer is wanted as it comes, and whether its usage is wanted at the end.

    Raises
    ------
    ConfigError
        If they are none, or contradict each other.

    Examples
    --------
    >>> streaming(True, {"include_usage": True}), streaming(None, None)
    ((True, True), (False, False))
    """
    if stream is not None and not isinstance(stream, bool):
        raise ConfigError(f"must be True or False, not {stream!r:.80}", key="stream")
    if options is None:
        return stream is True, False
    if not isinstance(options, Mapping) or not all(isinstance(each, bool) for each in options.values()):
        raise ConfigError(f"must be like {{'include_usage': True}}, not {options!r:.80}", key="stream_options")
    for name, value in options.items():
        if name != "include_usage" and not (name == "include_obfuscation" and not value):
            raise ConfigError(f"{name!r} is not supported; include_usage is", key="stream_options")
    if options and not stream:
        raise ConfigError(
            f"says how an answer is streamed, and stream is {stream!r}; leave it out", key="stream_options"
        )
    return stream is True, options.get("include_usage", False) is True


def words_of(given: object, key: str) -> tuple[str, ...]:
    """Read a list of words.

    Raises
    ------
    ConfigError
        If it is none.

    Examples
    --------
    >>> words_of(["vision"], "needs")
    ('vision',)
    """
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ConfigError(f"must be a list of words, not {given!r:.80}", key=key)
    found = tuple(given)
    if not all(isinstance(each, str) for each in found):
        raise ConfigError(f"must be a list of words, not {given!r:.80}", key=key)
    return found
