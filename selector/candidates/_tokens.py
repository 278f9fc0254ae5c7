"""How long a task's input is, where nobody counted it."""

from __future__ import annotations

import json
from collections.abc import Mapping

import orjson

from selector.records import Task

__all__ = ["count_tokens"]

_CHARACTERS = 4  # in a token
_SAID = frozenset({"content", "text", "thinking", "output"})  # texts, or parts that have texts
_CALLED = frozenset(
    {"tool_calls", "function_call", "input", "arguments"}
)  # calls of tools, which a model reads as JSON


def count_tokens(task: Task) -> int | None:
    """Count the tokens of a task's input: the caller's number, else a quarter of its characters, rounded up.

    The characters are those of the prompt, the system prompt, the texts and tool calls of the messages, and of the
    tools and the response schema as compact JSON. What is no text, such as an image, is not counted, so it is an
    estimate and no bound.

    Parameters
    ----------
    task
        The task.

    Returns
    -------
    int | None
        None where the task has none of these.

    Examples
    --------
    >>> count_tokens(Task("coding", prompt="Sort these.", system="Be brief."))
    5
    >>> count_tokens(Task("coding", prompt="Sort these.", input_tokens=1_200))
    1200
    >>> count_tokens(Task("coding")) is None
    True
    """
    if task.input_tokens is not None:
        return task.input_tokens
    lengths = [_spoken(said) for said in (task.prompt, task.system, task.messages) if said is not None]
    if task.tools:
        lengths.append(_written(task.tools))
    if task.response_schema is not None:
        lengths.append(_written(task.response_schema))
    return -(-sum(lengths) // _CHARACTERS) if lengths else None


def _spoken(text: object) -> int:
    """Count the characters of a text, of messages, or of their parts."""
    characters, waiting = 0, [text]
    while waiting:
        said = waiting.pop()
        if isinstance(said, str):
            characters += len(said)
        elif isinstance(said, (list, tuple)):
            waiting += said
        elif isinstance(said, (dict, Mapping)):  # a dict is recognised at once, another mapping slowly
            for key, value in said.items():
                if key in _SAID:
                    waiting.append(value)
                elif key in _CALLED and value:
                    characters += _written(value)
    return characters


def _written(value: object) -> int:
    try:
        return len(orjson.dumps(value, default=_plain).decode())
    except TypeError:  # such as a whole number of more than 64 bits
        return len(json.dumps(value, default=_plain, ensure_ascii=False, separators=(",", ":"), skipkeys=True))


def _plain(value: object) -> object:
    return dict(value) if isinstance(value, Mapping) else str(value)
