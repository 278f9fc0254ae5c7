"""Selects which model does each task, at which provider, within a budget, and learns from what comes of it."""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from selector._clients import AsyncSelector, Selector, Status
    from selector.config import Config
    from selector.records import Attempt, Candidate, Decision, Exclusion, Failure, Judgement, Outcome, Run, Task, Usage

_PLACES = {
    "AsyncSelector": "_clients",
    "Selector": "_clients",
    "Status": "_clients",
    "Config": "config",
    **dict.fromkeys(
        ("Attempt", "Candidate", "Decision", "Exclusion", "Failure", "Judgement", "Outcome", "Run", "Task", "Usage"),
        "records",
    ),
}

__all__ = [
    "AsyncSelector",
    "Attempt",
    "Candidate",
    "Config",
    "Decision",
    "Exclusion",
    "Failure",
    "Judgement",
    "Outcome",
    "Run",
    "Selector",
    "Status",
    "Task",
    "Usage",
]


def __getattr__(name: str) -> object:
    if name not in _PLACES:
        raise AttributeError(f"module 'selector' has no attribute {name!r}")
    found: object = getattr(import_module(f"selector.{_PLACES[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
