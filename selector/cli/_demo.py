"""`selector demo`: placeholder until the world is here."""

from __future__ import annotations

__all__ = ["demo"]


def demo() -> None:
    """Simulate a world of published figures."""
