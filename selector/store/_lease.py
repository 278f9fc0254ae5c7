"""What one process has of one window of one budget, and what of it is held for one call."""

from __future__ import annotations

from collections.abc import Sequence

from selector.store._ledger_terms import Lack

__all__ = ["Hold", "Lease"]


class Lease:
    """What this process has of one window of one budget; `Leases.of` makes it, and it is only to be read.

    What was granted is always ``free + held + settled``.
    """

    __slots__ = (
        "__weakref__",
        "free",
        "held",
        "key",
        "lack",
        "limit",
        "low",
        "most",
        "settled",
        "shut_until",
        "since",
        "used",
        "used_at",
        "window",
    )

    def __init__(self, key: str, window: int) -> None:
        self.key, self.window = key, window
        self.limit, self.most = 0, 0
        self.since: int | None = None
        self.used_at = 0.0
        self.clear()

    def clear(self) -> None:
        """Have nothing."""
        self.free = self.held = self.settled = self.low = 0
        self.used = False
        self.lack: Lack | None = None
        self.shut_until = 0.0

    def __repr__(self) -> str:
        have = f"free={self.free}, held={self.held}, settled={self.settled}"
        return f"Lease({self.key!r}, {self.window}, {have})"


class Hold:
    """What is held for one call, of each budget that it needs; it is settled or released once."""

    __slots__ = ("epoch", "parts")

    def __init__(self, parts: Sequence[tuple[Lease, int]], epoch: int) -> None:
        self.parts, self.epoch = parts, epoch
