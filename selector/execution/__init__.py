"""Calls: what is sent to a provider and what comes back, over HTTP or by a command, and what to try when it fails."""

from selector.execution._wire import Answer, CallFailed, Chunk, Patience, Provider, Request

__all__ = ["Answer", "CallFailed", "Chunk", "Patience", "Provider", "Request"]
