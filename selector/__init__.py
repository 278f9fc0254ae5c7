"""Selects which model does each task, at which provider, within a budget, and learns from what comes of it."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selector._clients import AsyncSelector, AsyncStream, Selector, Status, Stream
    from selector.config import Config
    from selector.records import (
        Attempt,
        Candidate,
        Decision,
        DoneEvent,
        Event,
        Exclusion,
        Failure,
        Judgement,
        Message,
        Outcome,
        Run,
        SwitchedEvent,
        Task,
        TextEvent,
        ToolCall,
        ToolCallEvent,
        Usage,
        UsageEvent,
    )

_PLACES = {
    **dict.fromkeys(("AsyncSelector", "AsyncStream", "Selector", "Status", "Stream"), "_clients"),
    "Config": "config",
    **dict.fromkeys(
        (
            "Attempt",
            "Candidate",
            "Decision",
            "DoneEvent",
            "Event",
            "Exclusion",
            "Failure",
            "Judgement",
            "Message",
            "Outcome",
            "Run",
            "SwitchedEvent",
            "Task",
            "TextEvent",
            "ToolCall",
            "ToolCallEvent",
            "Usage",
            "UsageEvent",
        ),
        "records",
    ),
}

__all__ = [
    "AsyncSelector",
    "AsyncStream",
    "Attempt",
    "Candidate",
    "Config",
    "Decision",
    "DoneEvent",
    "Event",
    "Exclusion",
    "Failure",
    "Judgement",
    "Message",
    "Outcome",
    "Run",
    "Selector",
    "Status",
    "Stream",
    "SwitchedEvent",
    "Task",
    "TextEvent",
    "ToolCall",
    "ToolCallEvent",
    "Usage",
    "UsageEvent",
]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module 'selector' has no attribute {name!r}")
    found: object = getattr(import_module(f"selector.{_PLACES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
