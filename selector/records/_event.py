"""What a stream tells while an answer comes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import ClassVar

from selector.records._failure import Failure
from selector.records._message import ToolCall
from selector.records._outcome import Usage
from selector.records._run import Run

__all__ = ["DoneEvent", "Event", "SwitchedEvent", "TextEvent", "ToolCallEvent", "UsageEvent"]


@dataclass(frozen=True, slots=True)
class TextEvent:
    """A piece of the answer.

    Examples
    --------
    >>> TextEvent("Paris").type
    'text'
    """

    type: ClassVar = "text"
    text: str
    """The piece."""


@dataclass(frozen=True, slots=True)
class ToolCallEvent:
    """A tool that the model wants called, whole.

    Examples
    --------
    >>> ToolCallEvent(ToolCall(id="call_1", name="add")).tool_call.name
    'add'
    """

    type: ClassVar = "tool_call"
    tool_call: ToolCall
    """The call."""


@dataclass(frozen=True, slots=True)
class UsageEvent:
    """What an attempt used.

    Examples
    --------
    >>> UsageEvent(Usage(output_tokens=3)).estimated
    False
    """

    type: ClassVar = "usage"
    usage: Usage
    """How much."""
    estimated: bool = False
    """Whether the provider never said, and it was counted from the characters."""


@dataclass(frozen=True, slots=True)
class SwitchedEvent:
    """The call went on at another route.

    Examples
    --------
    >>> SwitchedEvent(left="haiku@work", route="sonnet@work", failure=Failure.TIMEOUT, restarted=True).type
    'switched'
    """

    type: ClassVar = "switched"
    left: str
    """The route that failed."""
    route: str
    """The route that goes on."""
    failure: Failure
    """Why."""
    detail: str = field(default="", repr=False)
    """The provider's own words, shortened."""
    restarted: bool = False
    """Whether the answer begins anew: forget the text that came before."""


@dataclass(frozen=True, slots=True)
class DoneEvent:
    """The answer is whole.

    Examples
    --------
    >>> DoneEvent.type
    'done'
    """

    type: ClassVar = "done"
    run: Run
    """The run, with all of it."""


Event = TextEvent | ToolCallEvent | UsageEvent | SwitchedEvent | DoneEvent
"""Any of them; `type` tells which: ``text``, ``tool_call``, ``usage``, ``switched``, ``done``."""
