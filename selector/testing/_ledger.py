"""What a fake server was asked, what it declared to be used, and what went wrong in its script."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from threading import Lock

from selector.execution import CallFailed
from selector.records import Usage
from selector.testing._script import Fault, Reply, Steps

__all__ = ["Ledger", "Received"]

_TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")


@dataclass(frozen=True, slots=True)
class Received:
    """A request as a fake server got it.

    Examples
    --------
    >>> Received(path="/v1/models", at_s=0.5).model
    ''
    """

    path: str
    """Its path, such as ``/v1/chat/completions``."""
    at_s: float
    """When it came, in seconds since the server began."""
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Its headers, by their names in lower case."""
    body: Mapping[str, object] | None = field(default=None, repr=False)
    """Its body; None: no JSON object."""

    @property
    def model(self) -> str:
        """The model that it asks for; empty: none."""
        return str((self.body or {}).get("model") or "")


class Ledger:
    """The books of a fake server; threads may share it.

    Examples
    --------
    >>> ledger = Ledger(Steps("Paris"))
    >>> number, _ = ledger.asked("/v1/messages", [], {"model": "opus"})
    >>> ledger.bill(number, "opus", Usage(input_tokens=9, output_tokens=1))
    >>> ledger.bill(number, "opus", Usage(input_tokens=9, output_tokens=5))
    >>> ledger.billed()["opus"].output_tokens
    5
    """

    def __init__(self, steps: Steps, clock: Callable[[], float] = time.monotonic) -> None:
        self._steps, self._clock, self._lock = steps, clock, Lock()
        self._began_s = clock()
        self._requests: list[Received] = []
        self._bills: dict[int, tuple[str, Usage]] = {}
        self._open: set[int] = set()
        self.n_served = 0
        self.wrong: Exception | None = None

    @property
    def requests(self) -> list[Received]:
        """All requests, in order."""
        with self._lock:
            return list(self._requests)

    @property
    def n_open(self) -> int:
        """How many requests are under way."""
        return len(self._open)

    def asked(
        self, path: str, raw: Iterable[tuple[bytes, bytes]], body: Mapping[str, object] | None
    ) -> tuple[int, dict[str, str]]:
        """Note a request; return its number and its headers."""
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in raw}
        found = Received(path, self._clock() - self._began_s, headers, body)
        with self._lock:
            self._requests.append(found)
            number = len(self._requests)
            self._open.add(number)
        return number, headers

    def decide(self, model: str, body: Mapping[str, object], headers: Mapping[str, str]) -> Reply | Fault | CallFailed:
        """Return what the script says; where it raises, that is kept for the user, and the call fails."""
        try:
            return self._steps.take(model, body, headers)
        except Exception as error:  # noqa: BLE001 - the script is the user's, and so is what it raises: it surfaces at the end
            self.blame(error)
            return Fault(500, message="the script of the fake server failed")

    def blame(self, error: Exception) -> None:
        """Keep the first thing that is wrong with the script."""
        with self._lock:
            self.wrong = self.wrong or error

    def bill(self, number: int, model: str, usage: Usage | None) -> None:
        """Note the usage that an answer tells, in place of what it told before."""
        if usage is not None:
            with self._lock:
                self._bills[number] = (model, usage)

    def billed(self) -> dict[str, Usage]:
        """Sum the usage up, by model."""
        with self._lock:
            bills = list(self._bills.values())
        found: dict[str, Usage] = {}
        for model, usage in bills:
            found[model] = added(found.get(model, Usage()), usage)
        return found

    def served(self) -> None:
        """Count an answer that went out whole."""
        with self._lock:
            self.n_served += 1

    def over(self, number: int) -> None:
        """Note that a request is no longer under way; twice is as good as once."""
        with self._lock:
            self._open.discard(number)


def added(one: Usage, other: Usage) -> Usage:
    """Add two records of usage, class by class.

    Examples
    --------
    >>> added(Usage(input_tokens=1), Usage(input_tokens=2, cost_usd=0.5)).cost_usd
    0.5
    """
    tokens = {name: (getattr(one, name) or 0) + (getattr(other, name) or 0) for name in _TOKENS}
    costs = [usage.cost_usd for usage in (one, other) if usage.cost_usd is not None]
    return replace(one, **tokens, cost_usd=sum(costs) if costs else None)
