"""Selects which model does each task, at which provider, within a budget, and learns from what comes of it."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selector._clients import (
        AsyncClient,
        AsyncSelector,
        AsyncSession,
        AsyncStream,
        ChatCompletion,
        ChatCompletionChunk,
        Client,
        Selector,
        Session,
        Status,
        Stream,
        create_async_client,
        create_client,
    )
    from selector.config import Config
    from selector.flows import SessionEvent
    from selector.records import (
        Attempt,
        BudgetWarning,
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
    **dict.fromkeys(
        (
            "AsyncClient",
            "AsyncSelector",
            "AsyncSession",
            "AsyncStream",
            "ChatCompletion",
            "ChatCompletionChunk",
            "Client",
            "Selector",
            "Session",
            "Status",
            "Stream",
            "create_async_client",
            "create_client",
        ),
        "_clients",
    ),
    "Config": "config",
    "SessionEvent": "flows",
    **dict.fromkeys(
        (
            "Attempt",
            "BudgetWarning",
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
    "AsyncClient",
    "AsyncSelector",
    "AsyncSession",
    "AsyncStream",
    "Attempt",
    "BudgetWarning",
    "Candidate",
    "ChatCompletion",
    "ChatCompletionChunk",
    "Client",
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
    "Session",
    "SessionEvent",
    "Status",
    "Stream",
    "SwitchedEvent",
    "Task",
    "TextEvent",
    "ToolCall",
    "ToolCallEvent",
    "Usage",
    "UsageEvent",
    "create_async_client",
    "create_client",
]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module 'selector' has no attribute {name!r}")
    found: object = getattr(import_module(f"selector.{_PLACES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
