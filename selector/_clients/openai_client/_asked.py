"""What a call of a client in place of OpenAI's asks, read from that API's own words into a task."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from selector._clients.calls._orders import Checked
from selector._clients.openai_client._arguments import (
    calls_tools,
    form_of,
    longest,
    messages_of,
    seconds,
    streaming,
    tools_of,
    words_of,
)
from selector._clients.openai_client._words import AUTO, named
from selector.catalog import Catalog
from selector.config import Config, settings_of
from selector.errors import ConfigError, nearest
from selector.records import Task

__all__ = ["PASSED", "Asked", "Defaults", "is_json", "is_left_out", "read"]

_TYPE = "chat"
_READ = frozenset(
    [
        "extra_body",
        "max_completion_tokens",
        "max_tokens",
        "messages",
        "metadata",
        "model",
        "provider",
        "response_format",
        "stream",
        "stream_options",
        "timeout",
        "tools",
    ]
)
PASSED = frozenset(
    [
        "frequency_penalty",
        "logit_bias",
        "parallel_tool_calls",
        "prediction",
        "presence_penalty",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "reasoning_effort",
        "safety_identifier",
        "seed",
        "service_tier",
        "stop",
        "store",
        "temperature",
        "tool_choice",
        "top_p",
        "user",
        "verbosity",
        "web_search_options",
    ]
)
"""The parameters that are sent as they are, as far as the provider's format has a word for them."""
_REFUSED: Mapping[str, tuple[tuple[object, ...], str]] = {
    "n": ((1,), "a call has one answer; for several, make several calls"),
    "logprobs": ((False,), "an answer keeps none; leave it out"),
    "top_logprobs": ((0,), "an answer keeps none; leave it out"),
    "audio": ((), "an answer is text and calls of tools; leave it out"),
    "modalities": ((["text"],), "an answer is text and calls of tools; leave it out, or give ['text']"),
    "moderation": ((), "an answer keeps no such results; leave it out"),
    "functions": ((), "it is the old word for tools; give tools=[{'type': 'function', 'function': ...}]"),
    "function_call": ((), "it is the old word for tool_choice; give that"),
    "extra_headers": (({},), "headers are the provider's; what its API takes in a body goes into extra_body"),
    "extra_query": (({},), "addresses are the provider's; configure its base_url"),
}
"""What is not supported: the values that ask for nothing all the same, and what to do."""
_OF_TASK = frozenset(
    [
        "explore",
        "id",
        "input_tokens",
        "labels",
        "max_cost_usd",
        "needs",
        "priority",
        "retry_count",
        "session",
        "version",
    ]
)
"""What ``extra_body={'selector': {...}}`` may say of the task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Defaults:
    """What a client says once for all its calls."""

    provider: str | None = None
    """The only provider that may serve; None: any."""
    timeout: float | None = None
    """Seconds for a whole call, whatever is tried in it; None: as configured."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a call asks, in the words of a run."""

    task: Task
    """What is to be done."""
    params: Mapping[str, object] = field(default_factory=dict)
    """What else is sent."""
    check: Checked = None
    """What its answer must pass; None: as configured."""
    stream: bool = False
    """Whether the answer is wanted as it comes."""
    include_usage: bool = False
    """Whether a stream ends with its usage."""


def read(given: Mapping[str, object], catalog: Catalog, config: Config, defaults: Defaults) -> Asked:
    """Read the arguments of a call.

    Parameters
    ----------
    given
        The arguments by name. None, and the marks that ``openai`` has for what is not given, count as left out.
    catalog, config
        The models that there are, and the configuration.
    defaults
        What the client says.

    Returns
    -------
    Asked
        What they ask.

    Raises
    ------
    ConfigError
        If one is unknown, not supported, or has a value that cannot be; nothing is ignored.
    """
    said, own = _merged(given)
    _refuse(said)
    metadata = _metadata(said)
    word = named(said.get("model", AUTO), catalog, own.pop("provider", None) or defaults.provider)
    type_ = word.task_type or _type_of(metadata)
    messages, tools = messages_of(said.get("messages")), tools_of(said.get("tools"))
    form = form_of(said.get("response_format"))
    stream, include_usage = streaming(said.get("stream"), said.get("stream_options"))
    needs = dict.fromkeys(["tools"] if tools or any(map(calls_tools, messages)) else [])
    needs |= dict.fromkeys(words_of(own.pop("needs", ()), "extra_body.selector.needs"))
    task = Task(
        type_,
        messages=messages,
        tools=tools or None,
        needs=tuple(needs),
        response_schema=form.schema,
        max_output_tokens=longest(said.get("max_tokens"), said.get("max_completion_tokens")),
        metadata=metadata,
        only=word.only,
        purpose=word.purpose,
        deadline_s=seconds(said.get("timeout", defaults.timeout)),
        **own,
    )
    params = {name: value for name, value in said.items() if name not in _READ and name not in _REFUSED}
    if isinstance(said.get("provider"), Mapping):  # OpenRouter's word for how it routes
        params["provider"] = said["provider"]
    if form.is_json:
        params["response_format"] = {"type": "json_object"}
    is_checked = not form.is_json or settings_of(config, type_).check is not None
    check = None if is_checked else is_json
    return Asked(task=task, params=params, check=check, stream=stream, include_usage=include_usage)


def is_json(text: str) -> bool | None:
    """Refuse what is no JSON; what is may be wrong all the same, and is not called right.

    Examples
    --------
    >>> is_json("{}"), is_json("Here you are: {}")
    (None, False)
    """
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return None


def is_left_out(value: object) -> bool:
    """Tell whether a value says that nothing is given, as ``openai.NOT_GIVEN`` does.

    Examples
    --------
    >>> is_left_out(None), is_left_out(0)
    (True, False)
    """
    kind = type(value)
    return value is None or (kind.__name__ in {"NotGiven", "Omit"} and kind.__module__.partition(".")[0] == "openai")


def _merged(given: Mapping[str, object]) -> tuple[dict[str, object], dict[str, Any]]:
    """Lay the extra body, where names are free, over the parameters; give apart what is meant for nobody but us."""
    known = _READ | PASSED | _REFUSED.keys()
    for name in given:
        if name not in known:
            near = nearest(name, known)
            raise ConfigError(f"unknown parameter {name!r}{near}; what one provider alone knows goes into extra_body")
    body = {} if is_left_out(given.get("extra_body")) else given["extra_body"]
    if not isinstance(body, Mapping) or not all(isinstance(name, str) for name in body):
        raise ConfigError(f"must be a mapping with words as keys, not {body!r:.80}", key="extra_body")
    for name in ("stream", "messages", "extra_body"):
        if name in body:
            raise ConfigError(f"is a parameter of its own; give it as {name}=", key=f"extra_body.{name}")
    said = {name: value for name, value in given.items() if name != "extra_body" and not is_left_out(value)}
    provider = said.pop("provider", None)
    said |= {name: value for name, value in body.items() if value is not None}
    own = _own(said.pop("selector", {}))
    if not isinstance(said.get("provider"), Mapping):
        provider = said.pop("provider", provider)
    return said, {**own, "provider": provider}


def _own(given: object) -> dict[str, Any]:
    key = "extra_body.selector"
    if not isinstance(given, Mapping):
        raise ConfigError(f"must be a mapping, such as {{'labels': ['nightly']}}, not {given!r:.80}", key=key)
    for name in given:
        if name not in _OF_TASK:
            raise ConfigError(f"unknown key {name!r}{nearest(str(name), _OF_TASK)}", key=key)
    return dict(given)


def _refuse(said: Mapping[str, object]) -> None:
    for name, (harmless, remedy) in _REFUSED.items():
        value = said.get(name)
        if value is not None and not any(type(each) is type(value) and each == value for each in harmless):
            raise ConfigError(f"is {value!r:.80}, which is not supported: {remedy}", key=name)
    if not said.get("tools"):
        for name in ("tool_choice", "parallel_tool_calls"):
            if name in said:
                raise ConfigError("says how tools are called, and there are no tools; leave it out", key=name)


def _metadata(said: Mapping[str, object]) -> dict[str, object]:
    found, user = said.get("metadata", {}), said.get("user")
    if not isinstance(found, Mapping):
        raise ConfigError(f"must be a mapping, such as {{'task_type': 'coding'}}, not {found!r:.80}", key="metadata")
    if user is not None and not isinstance(user, str):
        raise ConfigError(f"must be a text, not {user!r:.80}", key="user")
    return dict(found) if user is None else {"user": user, **found}


def _type_of(metadata: Mapping[str, object]) -> str:
    found = metadata.get("task_type", _TYPE)
    if not isinstance(found, str) or not found.strip():
        raise ConfigError(f"must be a word, such as 'coding', not {found!r:.80}", key="metadata.task_type")
    return found
