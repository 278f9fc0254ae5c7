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
    >>> Run(text="Paris", attempts=(Attempt(model="opus"),)).status
    'answered'
    """

    decision: Decision | None = None
    """The choice; None: there was none to make, and `error` says why."""
    attempts: tuple[Attempt, ...] = ()
    """Every call that was made, in order."""
    text: str | None = field(default=None, repr=False)
    """The answer as a text; None: there is none, or it calls tools alone."""
    message: Message | None = field(default=None, repr=False)
    """The answer as a message; ``message.as_chat()`` goes on with the conversation."""
    tool_calls: tuple[ToolCall, ...] = ()
    """The tools that the model wants called."""
    usage: Usage = field(default_factory=Usage)
    """What all attempts used together."""
    cost_usd: float | None = None
    """What all attempts cost together; None: nobody knows."""
    latency_s: float | None = None
    """Seconds from the first call to the answer."""
    status: Literal["answered", "blocked"] = "answered"
    """Whether there is an answer."""
    error: Exception | None = field(default=None, repr=False, compare=False)
    """Why there is none."""

    @property
    def outcome(self) -> Outcome | None:
        """What was recorded of the answer; None: there is none.

        Examples
        --------
        >>> answered = Attempt(model="opus", score=1.0, source="check", usage=Usage(output_tokens=3))
        >>> run = Run(attempts=(answered,))
        >>> run.outcome.judgement, run.outcome.output_tokens
        (Judgement(score=1.0, source='check', at=None), 3)
        """
        if self.status == "blocked" or not self.attempts:
            return None
        last = self.attempts[-1]
        used = {name: getattr(last.usage, name) for name in Usage.__dataclass_fields__}
        return Outcome(**used, score=last.score, source=last.source, route=last.route)

    @property
    def id(self) -> str | None:
        """The decision's own, by which outcomes are reported.

        Examples
        --------
        >>> Run.id.__doc__.splitlines()[0]
        "The decision's own, by which outcomes are reported."
        """
        return None if self.decision is None else self.decision.id
