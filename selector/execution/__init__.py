"""Calls: what is sent to a provider and what comes back, over HTTP or by a command, and what to try when it fails."""

from selector.execution._chain import Choices, Resilience, Seen, Step, Wait, chain
from selector.execution._command import CommandProvider
from selector.execution._estimate import filled, usage_of
from selector.execution._format import Decoder, Format, format_of
from selector.execution._http import HttpProvider
from selector.execution._process import Bounds, Child, Start
from selector.execution._turnstile import Turnstile
from selector.execution._wire import Answer, CallFailed, Chunk, Patience, Provider, Request

__all__ = [
    "Answer",
    "Bounds",
    "CallFailed",
    "Child",
    "Choices",
    "Chunk",
    "CommandProvider",
    "Decoder",
    "Format",
    "HttpProvider",
    "Patience",
    "Provider",
    "Request",
    "Resilience",
    "Seen",
    "Start",
    "Step",
    "Turnstile",
    "Wait",
    "chain",
    "filled",
    "format_of",
    "usage_of",
]
