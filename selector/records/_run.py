"""A run: a decision, its attempts, the answer and what came of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from selector.records._attempt import Attempt
from selector.records._decision import Decision
from selector.records._message import Message, ToolCall
from selector.records._outcome import Outcome, Usage

__all__ = ["Run"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """A decision, its attempts, the answer and what came of it.

    Examples
    --------
    >>> sorted(Run.__dataclass_fields__)[:4]
    ['attempts', 'cost_usd', 'decision', 'latency_s']
    """

    decision: Decision
    """The choice."""
    attempts: tuple[Attempt, ...] = ()
    """Every call that was made, in order."""
    text: str | None = field(default=None, repr=False)
    """The answer as a text; None: there is none, or it calls tools alone."""
    message: Message | None = field(default=None, repr=False)
    """The answer as a message; ``message.as_chat()`` goes on with the conversation."""
    tool_calls: tuple[ToolCall, ...] = ()
    """The tools that the model wants called."""
    outcome: Outcome | None = None
    """What was recorded of it."""
    usage: Usage = field(default_factory=Usage)
    """What all attempts used together."""
    cost_usd: float | None = None
    """What all attempts cost together; None: nobody knows."""
    latency_s: float | None = None
    """Seconds from the first call to the answer."""
    status: Literal["answered", "blocked"] = "answered"
    """Whether there is an answer; why not is said by the last of `attempts`."""

    @property
    def id(self) -> str:
        """The decision's own.

        Examples
        --------
        >>> Run.id.__doc__.splitlines()[0]
        "The decision's own."
        """
        return self.decision.id
