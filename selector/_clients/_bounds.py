"""How long an input can be that nobody counted."""

from __future__ import annotations

from selector.records import Task

__all__ = ["most_tokens"]

_BYTES_A_PART = 64  # what a provider adds to a message of its own, at most, in tokens


def most_tokens(task: Task) -> int:
    """Return the most tokens that an input can have: as many as were counted, else as many as it has bytes."""
    return _bytes(task) if task.input_tokens is None else task.input_tokens


def _bytes(task: Task) -> int:
    """Bound the tokens of an input that nobody counted: no token is shorter than a byte."""
    texts = [task.prompt or "", task.system or ""]
    n_parts = 2
    for part in (*(task.messages or ()), *(task.tools or ())):
        texts.append(repr(part))
        n_parts += 1
    if task.response_schema is not None:
        texts.append(repr(task.response_schema))
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts) + _BYTES_A_PART * n_parts
