"""What is known of each recent decision: what it chose, and what was reported of it."""

from __future__ import annotations

import math
from typing import Any, cast

from selector._clients._offer import Offer
from selector.records import Decision

__all__ = ["Entry", "Facts", "facts_of"]


def facts_of(decision: Decision) -> dict[str, Any]:
    """Write down what of a decision must be known for an outcome of it to count."""
    terms = cast("Offer", decision.deal).terms(decision)
    return {
        "n": decision.n,
        "at": decision.at_s,
        "task_type": decision.task_type,
        "model": decision.model,
        "route": decision.route,
        "held_nano": decision.held_nano,
        "held_tokens": terms.held_tokens,
        "expected_cost_usd": decision.expected_cost_usd,
        "input_tokens": terms.input_tokens,
        "guessed": terms.guessed,
    }


class Facts:
    """What was reported of one attempt.

    Attributes
    ----------
    model
        Its name.
    learns
        Whether its judgement teaches the model's success.
    usage
        The fields that were reported; empty: none.
    usage_by
        The writer whose report counts.
    tokens
        What the usage teaches: output tokens, or dollars where the model has no price; nan: nothing.
    nano
        What it cost; None: not known.
    judged
        The last word of each source: (when, writer, number, score or None where it was taken back).
    taught
        What beliefs were taught of it: (score, tokens).
    """

    __slots__ = ("failure", "judged", "learns", "model", "nano", "route", "taught", "tokens", "usage", "usage_by")

    def __init__(self, model: str, route: str, *, learns: bool = True) -> None:
        self.model, self.route, self.learns = model, route, learns
        self.failure: str | None = None
        self.usage: dict[str, Any] = {}
        self.usage_by: str | None = None
        self.tokens = math.nan
        self.nano: int | None = None
        self.judged: dict[str, tuple[float, str, int, float | None]] | None = None
        self.taught = (math.nan, math.nan)


class Entry:
    """One decision, and what was reported of its attempts.

    Attributes
    ----------
    n, at_s
        Its number, and when it was made, in seconds since 1970.
    type
        The task type's name.
    held
        Nano-dollars and tokens that are held of hard budgets.
    expected_usd
        What it was expected to cost.
    input_tokens
        How long its input was taken to be; None: not known.
    counted
        Whether somebody counted that, or it was guessed from characters.
    is_open
        Whether its hold, and its place among requests in flight, still stand.
    is_reported
        Whether anything at all was reported of it.
    charged
        What was booked in place of a usage that never came.
    """

    __slots__ = (
        "at_s",
        "attempts",
        "charged",
        "counted",
        "expected_usd",
        "held",
        "input_tokens",
        "is_open",
        "is_reported",
        "n",
        "type",
    )

    def __init__(self, event: dict[str, Any]) -> None:
        self.n, self.at_s, self.type = int(event["n"]), float(event["at"]), str(event["task_type"])
        self.held = (int(event.get("held_nano") or 0), int(event.get("held_tokens") or 0))
        self.expected_usd: float | None = event.get("expected_cost_usd")
        self.input_tokens: int | None = event.get("input_tokens")
        self.counted = not event.get("guessed", False)
        self.attempts = [Facts(str(event["model"]), str(event["route"]))]
        self.is_open, self.is_reported = True, False
        self.charged: tuple[int, int] | None = None

    @classmethod
    def of(cls, decision: Decision) -> Entry:
        """Begin what is known of a decision that was just made."""
        return cls(facts_of(decision))

    def attempt(self, number: int) -> Facts | None:
        """Find an attempt by its number, from 1."""
        return self.attempts[number - 1] if number <= len(self.attempts) else None
