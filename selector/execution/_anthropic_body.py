"""The body of a call in Anthropic's format.

See https://platform.claude.com/docs/en/api/messages/create.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from selector.execution._pieces import (
    GO_ON,
    Tool,
    conversation,
    items,
    longest,
    mapping,
    set_params,
    spell_choice,
    stop_words,
    tokens,
    tools_of,
)
from selector.execution._wire import Request
from selector.records import Message, Part, ToolCall

__all__ = ["ANSWER_TOOL", "encode"]

ANSWER_TOOL = "answer_in_this_form"
"""The tool that a model must call where it cannot be bound to a schema otherwise; its input is the answer."""

_MOST = 4_096  # of an answer whose length nobody says: Anthropic wants a number
# Models before 4.6 continue an answer that is put into their mouth and think within a budget of tokens; those after
# refuse the former and think as their effort says.
_OLDER = re.compile(
    r"claude-(3|instant|2)|claude-(opus|sonnet|haiku)-4($|-0|-1|-5|[-@]20)|claude-4(-0|-1|-5)?-(opus|son|hai)"
)
_UNTHINKING = re.compile(r"claude-3-(5-|haiku|opus|sonnet)|claude-(instant|2)")
# https://platform.claude.com/docs/en/build-with-claude/structured-outputs: from Opus 4.1 and the 4.5 models on.
_UNBOUND = re.compile(r"claude-(3|instant|2)|claude-(opus|sonnet)-4($|-0|[-@]20)|claude-4(-0)?-(opus|son)")
# The shares of the longest answer that OpenRouter takes: https://openrouter.ai/docs/use-cases/reasoning-tokens
_SHARES = {"minimal": 0.1, "low": 0.2, "medium": 0.5, "high": 0.8, "xhigh": 0.95, "max": 0.95}
_LEAST_THOUGHT = 1_024
_NOT_HERE = frozenset(
    [
        "seed",
        "frequency_penalty",
        "presence_penalty",
        "logit_bias",
        "logprobs",
        "top_logprobs",
        "n",
        "prediction",
        "prompt_cache_key",
        "prompt_cache_options",
        "prompt_cache_retention",
        "safety_identifier",
        "user",
        "web_search_options",
        "response_format",
        "verbosity",
        "store",
        "stream_options",
        "parallel_tool_calls",
        "max_completion_tokens",
        "max_output_tokens",
        "stop",
        "reasoning_effort",
        "reasoning",
        "tool_choice",
    ]
)
_UNKEPT = frozenset(
    [
        "minimum",
        "maximum",
        "exclusiveMinimum",
        "exclusiveMaximum",
        "multipleOf",
        "minLength",
        "maxLength",
        "maxItems",
        "uniqueItems",
        "minProperties",
        "maxProperties",
    ]
)


def encode(request: Request) -> dict[str, Any]:
    """Write the body of a call.

    OpenAI's words in `Request.params` are translated where Anthropic has its own (``stop``, ``reasoning_effort``,
    ``tool_choice``, ``max_completion_tokens``) and left out where it has none (``seed``, penalties); all others are
    sent as they are.
    """
    system, messages = _split(request)
    params = request.params
    capped = tokens(params.get("max_completion_tokens")) or tokens(params.get("max_output_tokens"))
    body: dict[str, Any] = {
        "model": request.route.id,
        "max_tokens": capped or longest(request) or _MOST,
        "messages": messages,
    }
    if system:
        marked = any("cache_control" in block for block in system)
        body["system"] = system if marked else "\n\n".join(block["text"] for block in system)
    if request.tools:
        body["tools"] = [_tool(tool) for tool in tools_of(request)]
    if params.get("stop") is not None:
        body["stop_sequences"] = stop_words(params["stop"])
    _think(body, request)
    _choose(body, params)
    if request.response_schema is not None:
        _bind(body, request, request.response_schema)
    kept = {key: value for key, value in params.items() if key not in _NOT_HERE}
    if kept.get("max_tokens", 0) is None:
        del kept["max_tokens"]
    set_params(body, kept)
    if mapping(body.get("thinking")).get("type") == "enabled" and _acts_unthinking(messages):
        del body["thinking"]
    return body


def _acts_unthinking(turns: list[dict[str, Any]]) -> bool:
    """Say whether tools were called without a thought before it: with a budget to think, that is refused.

    So it is where another model called them. See
    https://platform.claude.com/docs/en/build-with-claude/extended-thinking.
    """
    results = turns[-1]["role"] == "user" and turns[-1]["content"][0]["type"] == "tool_result"
    if not results or len(turns) < 2:
        return False
    return turns[-2]["content"][0]["type"] not in {"thinking", "redacted_thinking"}


def _think(body: dict[str, Any], request: Request) -> None:
    effort = request.params.get("reasoning_effort") or mapping(request.params.get("reasoning")).get("effort")
    if not isinstance(effort, str) or effort == "none" or "thinking" in request.params:
        return
    if not _OLDER.search(request.route.id):
        body["thinking"] = {"type": "adaptive"}
        body["output_config"] = {"effort": "low" if effort == "minimal" else effort}
        return
    most = tokens(request.params.get("max_tokens")) or body["max_tokens"]
    if most > _LEAST_THOUGHT and effort in _SHARES and not _UNTHINKING.search(request.route.id):
        budget = min(max(int(most * _SHARES[effort]), _LEAST_THOUGHT), most - 1)
        body["thinking"] = {"type": "enabled", "budget_tokens": budget}


def _choose(body: dict[str, Any], params: Mapping[str, Any]) -> None:
    if not body.get("tools"):
        return
    choice: dict[str, Any] = {}
    said = params.get("tool_choice")
    if isinstance(said, Mapping) and said.get("type") in {"auto", "any", "tool", "none"}:
        choice = dict(said)
    elif said is not None:
        mode, name = spell_choice(said)
        choice = {"type": "any" if mode == "required" else mode} if name is None else {"type": "tool", "name": name}
    if params.get("parallel_tool_calls") is False:
        choice = {"type": "auto", **choice, "disable_parallel_tool_use": True}
    if choice:
        body["tool_choice"] = choice


def _bind(body: dict[str, Any], request: Request, schema: Mapping[str, object]) -> None:
    model = request.route.id
    if "claude" in model and not _UNBOUND.search(model) and _is_closed(schema):
        fitted = {"type": "json_schema", "schema": _closed(schema)}
        body["output_config"] = {**body.get("output_config", {}), "format": fitted}
        return
    tool = {"name": ANSWER_TOOL, "description": "Give the answer in this form.", "input_schema": dict(schema)}
    others = body.get("tools", [])
    body["tools"] = [*others, tool]
    thinks = mapping(request.params.get("thinking", body.get("thinking"))).get("type") in {"enabled", "adaptive"}
    if thinks:  # a thinking model must not be forced
        body["tool_choice"] = {"type": "auto"}
    else:
        body["tool_choice"] = {"type": "any"} if others else {"type": "tool", "name": ANSWER_TOOL}


def _is_closed(schema: object) -> bool:
    """Say whether no object of a schema has fields that it does not name: others cannot be kept."""
    if isinstance(schema, Mapping):
        if schema.get("additionalProperties") not in (None, False):
            return False
        return all(_is_closed(each) for each in schema.values())
    return all(_is_closed(each) for each in items(schema))


def _closed(schema: Any) -> Any:  # noqa: ANN401 - a schema within a schema may be anything
    """Write a schema as it can be kept: objects closed, bounds left out; the check of the answer keeps those."""
    if isinstance(schema, Mapping):
        unkept = _UNKEPT if "type" in schema and not isinstance(schema["type"], Mapping) else frozenset()
        found = {key: _closed(value) for key, value in schema.items() if key not in unkept}
        if schema.get("type") == "object":
            found["additionalProperties"] = False
        return found
    return [_closed(each) for each in schema] if isinstance(schema, (list, tuple)) else schema


def _tool(tool: Tool) -> dict[str, Any]:
    if not tool.name or "input_schema" in tool.raw:
        return dict(tool.raw)
    found: dict[str, Any] = {"name": tool.name, "input_schema": dict(tool.schema)}
    if tool.description is not None:
        found["description"] = tool.description
    if "cache_control" in tool.raw:
        found["cache_control"] = tool.raw["cache_control"]
    return found


def _split(request: Request) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    system = [{"type": "text", "text": request.system}] if request.system else []
    turns: list[dict[str, Any]] = []
    for message in conversation(request):
        if message.role == "system":
            system += [_text(part) for part in message.parts if part.kind == "text" and part.text]
        else:
            _add(turns, "assistant" if message.role == "assistant" else "user", list(_blocks(message)))
    if request.prefix:
        _continue(turns, request)
    if not turns or turns[0]["role"] != "user":  # the first turn is the user's
        turns.insert(0, {"role": "user", "content": [{"type": "text", "text": "Go on." if turns else "Begin."}]})
    return system, turns


def _continue(turns: list[dict[str, Any]], request: Request) -> None:
    begun = request.prefix.rstrip()  # refused with space at its end
    if begun:
        _add(turns, "assistant", [{"type": "text", "text": begun}])
    thinks = mapping(request.params.get("thinking")).get("type") == "enabled" or request.params.get("reasoning_effort")
    if thinks or not _OLDER.search(request.route.id):
        _add(turns, "user", [{"type": "text", "text": GO_ON}])


def _add(turns: list[dict[str, Any]], role: str, blocks: list[dict[str, Any]]) -> None:
    if not blocks:
        return
    if turns and turns[-1]["role"] == role:
        turns[-1]["content"] = turns[-1]["content"] + blocks
    else:
        turns.append({"role": role, "content": blocks})
    if role == "user":  # results stand before all else that the user says
        turns[-1]["content"].sort(key=lambda block: block["type"] != "tool_result")


def _blocks(message: Message) -> Iterator[dict[str, Any]]:
    if message.role == "tool":
        said = [block for part in message.parts for block in _part(part)]
        only_text = all(set(block) == {"type", "text"} for block in said)
        content: object = "".join(block["text"] for block in said) if only_text else said
        result = {"type": "tool_result", "tool_use_id": _id(message.tool_call_id or ""), "content": content}
        yield {**result, "is_error": True} if message.extra.get("is_error") else result
        return
    for part in message.parts:
        yield from _part(part)
    for call in message.tool_calls:
        yield {"type": "tool_use", "id": _id(call.id), "name": call.name, "input": _input(call)}


def _part(part: Part) -> Iterator[dict[str, Any]]:
    match part.kind:
        case "text":
            if part.text.strip():  # an empty one is refused
                yield _text(part)
        case "image":
            yield _image(part)
        case "reasoning":
            if (part.raw.get("signature") or part.raw.get("data")) and part.raw.get("type") in {
                "thinking",
                "redacted_thinking",
            }:
                yield dict(part.raw)
        case "other":
            if part.raw.get("type") != "refusal":
                yield dict(part.raw)


def _text(part: Part) -> dict[str, Any]:
    kept = {key: part.raw[key] for key in ("cache_control", "citations") if part.raw.get(key)}
    return {"type": "text", "text": part.text, **kept}


def _image(part: Part) -> dict[str, Any]:
    mark = {"cache_control": part.raw["cache_control"]} if part.raw.get("cache_control") else {}
    if part.raw.get("type") == "image":
        return dict(part.raw)
    url = part.url or ""
    inline = re.match(r"data:([^;,]+)[^,]*;base64,", url)
    if inline:
        source = {"type": "base64", "media_type": inline[1], "data": url[inline.end() :]}
    else:
        source = {"type": "url", "url": url}
    return {"type": "image", "source": source, **mark}


def _id(id_: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]", "_", id_) or "call"


def _input(call: ToolCall) -> dict[str, object]:
    try:
        return call.parsed
    except ValueError:
        return {"arguments": call.arguments}
