"""Estimates: what a call used when its provider never said, from the characters that went and came."""

from __future__ import annotations

import json
from dataclasses import replace

from selector.execution._wire import Answer, Request
from selector.records import Message, Usage

__all__ = ["accounted", "filled", "read_of", "usage_of"]

_CHARACTERS = 4  # of a token, in English prose and code alike, within a third
_FILE = 40_000  # of a file that is sent, whose characters are not what is read
_IMAGE = 1_000  # an image of usual size, at any vendor, within a factor of two


def usage_of(request: Request | None, said: Message) -> Usage:
    """Estimate what a call used; without the request, of the answer alone.

    Examples
    --------
    >>> usage_of(None, Message.of({"role": "assistant", "content": "12345678"})).output_tokens
    2
    """
    spoken = sum(len(part.text) for part in said.parts if part.kind == "text")
    called = sum(len(call.name) + len(call.arguments) for call in said.tool_calls)
    thought = sum(len(part.text) for part in said.parts if part.kind == "reasoning")
    return Usage(
        input_tokens=None if request is None else read_of(request),
        output_tokens=_tokens(spoken + called),
        reasoning_tokens=_tokens(thought),
    )


def read_of(request: Request) -> int:
    """Estimate the input of a call: all text that is sent, its tools and its schema, and each image as 1,000 tokens.

    Examples
    --------
    >>> from selector.catalog import Route
    >>> read_of(Request(route=Route(model="m", id="m"), messages=(Message.of({"role": "user", "content": "12345"}),)))
    2
    """
    characters = len(request.system or "") + len(request.prefix)
    images = 0
    for message in request.messages:
        for part in message.parts:
            images += part.kind == "image"
            if part.kind == "text" or (part.kind == "reasoning" and not request.without_reasoning):
                characters += len(part.text)
            elif part.kind == "other":
                characters += min(len(json.dumps(part.raw, default=str)), _FILE)
        characters += sum(len(call.name) + len(call.arguments) for call in message.tool_calls)
    characters += sum(len(json.dumps(tool, default=str)) for tool in request.tools)
    if request.response_schema is not None:
        characters += len(json.dumps(request.response_schema, default=str))
    return _tokens(characters) + images * _IMAGE


def filled(answer: Answer, request: Request) -> Answer:
    """Add the estimate of the input to an answer whose provider did not say what was used.

    A body that is read alone knows nothing of its request; the caller knows both.

    Examples
    --------
    >>> from selector.catalog import Route
    >>> asked = Request(route=Route(model="m", id="m"), messages=(Message.of({"role": "user", "content": "1234"}),))
    >>> said = Message.of({"role": "assistant", "content": "12345678"})
    >>> filled(Answer(message=said, usage=usage_of(None, said), estimated=True), asked).usage.input_tokens
    1
    """
    if not answer.estimated or answer.usage.context_tokens or answer.usage.input_tokens is not None:
        return answer
    return replace(answer, usage=replace(answer.usage, input_tokens=read_of(request)))


def accounted(message: Message, said: Usage | None, request: Request | None, *, final: bool) -> tuple[Usage, bool]:
    """Say what a call used, and whether that is an estimate.

    Parameters
    ----------
    message
        What came.
    said
        What the provider says that it used; None: nothing.
    request
        What was asked, where that is known.
    final
        Whether the provider says it of the whole answer: what it says while the answer comes lags behind.

    Returns
    -------
    tuple of Usage and bool
        The usage, and whether a part of it is estimated.
    """
    guess = usage_of(request, message)
    if said is None:
        return guess, True
    if not final:
        spoken = max(said.output_tokens or 0, guess.output_tokens or 0)
        thought = max(said.reasoning_tokens or 0, guess.reasoning_tokens or 0)
        said = replace(said, output_tokens=spoken, reasoning_tokens=thought)
    read = any(each is not None for each in (said.input_tokens, said.cache_read_tokens, said.cache_write_tokens))
    if not read:
        said = replace(said, input_tokens=guess.input_tokens)
    written = said.output_tokens is not None
    if not written:
        said = replace(said, output_tokens=guess.output_tokens)
    return said, not (final and read and written)


def _tokens(characters: int) -> int:
    return -(-characters // _CHARACTERS)
