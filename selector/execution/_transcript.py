"""A conversation as one text: what a command, which takes nothing else, gets as its prompt."""

from __future__ import annotations

import json

from selector.execution._pieces import GO_ON, conversation
from selector.execution._wire import CallFailed, Request
from selector.records import Failure, Message

__all__ = ["prompt_of"]

_HEADINGS = {"user": "# User", "assistant": "# Assistant"}


def prompt_of(request: Request, *, system_apart: bool) -> tuple[str, str]:
    r"""Write a conversation as a text.

    A message of the user's that stands alone is its text, unchanged. Several are a transcript: each under a heading,
    ``# User`` or ``# Assistant``, with empty lines between. The system prompt comes first, without a heading, and so
    does, last, the demand for JSON of a schema. Parameters such as a temperature have no place in a text and are not
    sent; a model's reasoning is left out.

    Parameters
    ----------
    request
        What is asked.
    system_apart
        Whether the command takes the system prompt apart.

    Returns
    -------
    tuple
        The prompt, and the system prompt where it is apart, else an empty text.

    Raises
    ------
    CallFailed
        ``bad_request`` if there is something in it that is no text, or a character that no command can be sent.

    Examples
    --------
    >>> from selector.catalog import Route
    >>> asked = Message.of({"role": "user", "content": "What is 2 + 2?"})
    >>> request = Request(route=Route(model="m", id="m"), messages=(asked,), system="Be brief.")
    >>> prompt_of(request, system_apart=True)
    ('What is 2 + 2?', 'Be brief.')
    >>> prompt_of(request, system_apart=False)
    ('Be brief.\n\nWhat is 2 + 2?', '')
    """
    if request.tools:
        raise CallFailed(Failure.BAD_REQUEST, "a command takes text alone, and there are tools; leave them out")
    said_so_far = conversation(request)
    for message in said_so_far:
        _refuse_other_than_text(message)
    rest = [message for message in said_so_far if message.role != "system"]
    apart = [message.text for message in said_so_far if message.role == "system"]
    system = "\n\n".join(filter(None, (request.system, *apart)))
    alone = len(rest) == 1 and rest[0].role == "user" and not request.prefix
    said = [rest[0].text] if alone else [f"{_HEADINGS[message.role]}\n\n{message.text}" for message in rest]
    if request.prefix:
        said += [f"{_HEADINGS['assistant']}\n\n{request.prefix}", f"{_HEADINGS['user']}\n\n{GO_ON}"]
    if request.response_schema is not None:
        schema = json.dumps(request.response_schema, ensure_ascii=False, indent=1)
        said.append(f"Answer with JSON alone, without a fence around it, that fits this JSON schema:\n{schema}")
    if not system_apart and system:
        said.insert(0, system)
    prompt, system = "\n\n".join(said), system if system_apart else ""
    _refuse_unsendable("prompt", prompt)
    _refuse_unsendable("system prompt", system)
    return prompt, system


def _refuse_other_than_text(message: Message) -> None:
    if message.role == "tool" or message.tool_calls:
        raise CallFailed(Failure.BAD_REQUEST, "a command takes text alone, and the messages hold calls of tools")
    kinds = {part.kind for part in message.parts} - {"text", "reasoning"}
    if kinds:
        what = "an image" if "image" in kinds else "a part that is no text"
        raise CallFailed(Failure.BAD_REQUEST, f"a command takes text alone, and the messages hold {what}")


def _refuse_unsendable(what: str, text: str) -> None:
    place = text.find("\0")
    if place >= 0:
        raise CallFailed(Failure.BAD_REQUEST, f"the {what} holds the character NUL, at place {place:,}; remove it")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        detail = f"the {what} holds half of a surrogate pair, at place {error.start:,}; remove it"
        raise CallFailed(Failure.BAD_REQUEST, detail) from None
