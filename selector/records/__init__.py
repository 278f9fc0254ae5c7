"""The frozen nouns: what is asked, what may serve it, what was tried and what came of it.

Every record checks itself when it is made; a value that cannot be is refused with the field, the value and
the remedy. The room loads the standard library alone.
"""

from selector.records._attempt import Attempt
from selector.records._basis import Basis
from selector.records._candidate import Candidate, Exclusion, Reason
from selector.records._decision import Deal, Decision, Layout
from selector.records._event import DoneEvent, Event, SwitchedEvent, TextEvent, ToolCallEvent, UsageEvent
from selector.records._failure import Failure
from selector.records._message import Message, Part, ToolCall
from selector.records._outcome import Judgement, Outcome, Usage
from selector.records._run import Run
from selector.records._seen import HealthSeen, QuotaSeen
from selector.records._task import Task
from selector.records._warning import BudgetWarning

__all__ = [
    "Attempt",
    "Basis",
    "BudgetWarning",
    "Candidate",
    "Deal",
    "Decision",
    "DoneEvent",
    "Event",
    "Exclusion",
    "Failure",
    "HealthSeen",
    "Judgement",
    "Layout",
    "Message",
    "Outcome",
    "Part",
    "QuotaSeen",
    "Reason",
    "Run",
    "SwitchedEvent",
    "Task",
    "TextEvent",
    "ToolCall",
    "ToolCallEvent",
    "Usage",
    "UsageEvent",
]
