"""What a journal promises, when a part of it is closed, and how long things may wait."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["Durability", "Limits"]

Durability = Literal["process", "power"]
"""What `append` promises: the event survives the death of every process, or also a power cut."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a part is closed, and how long things may wait."""

    n_events: int = 50_000
    """Events in a part."""
    n_bytes: int = 16 * 2**20
    """Bytes in a part."""
    age_s: float = 300.0
    """Age of a part that is worth a file of its own."""
    n_worth: int = 1_000
    """Events that are."""
    longest_s: float = 21_600.0
    """Age of any part: where little happens, a file each few minutes would make a log of thousands of them."""
    buffer_s: float = 0.05
    """How long a buffered line waits at most."""
    buffer_bytes: int = 2**18
    """How many bytes of lines wait at most."""
    sync_every: int = 20
    """Every how many of these waits the disk is asked to take what was written."""
