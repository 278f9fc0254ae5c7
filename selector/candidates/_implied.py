"""What a task needs without saying so: tools, a schema to answer in, images."""

from __future__ import annotations

from collections.abc import Mapping
from collections.abc import Set as AbstractSet

from selector.records import Task

__all__ = ["implied_needs"]

_IMAGES = frozenset({"image", "image_url", "input_image"})


def implied_needs(task: Task, declared: AbstractSet[str]) -> tuple[str, ...]:
    """Say which capabilities a task needs because of what it hands over.

    Tools need ``tools``. A response schema needs ``json_schema`` and an image in the messages needs ``vision``, each
    only where some model declares that word: where none does, nobody has said which models can.

    Parameters
    ----------
    task
        The task.
    declared
        The capabilities that at least one model declares.

    Returns
    -------
    tuple of str
        Without repetition.

    Examples
    --------
    >>> implied_needs(Task("coding", tools=[{"name": "grep"}], response_schema={"type": "object"}), {"json_schema"})
    ('tools', 'json_schema')
    """
    needs = ["tools"] if task.tools else []
    if task.response_schema is not None and "json_schema" in declared:
        needs.append("json_schema")
    if task.messages and "vision" in declared and _shows(task.messages):
        needs.append("vision")
    return tuple(needs)


def _shows(messages: object) -> bool:
    """Whether an image is among the parts of messages, also as the result of a tool."""
    waiting = [messages]
    while waiting:
        part = waiting.pop()
        if part is None or isinstance(part, str):
            continue
        if isinstance(part, (list, tuple)):
            waiting += part
        elif isinstance(part, (dict, Mapping)):  # a dict is recognised at once, another mapping slowly
            kind = part.get("type")
            if isinstance(kind, str) and kind in _IMAGES:
                return True
            waiting.append(part.get("content"))
    return False
