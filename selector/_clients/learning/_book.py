"""What is known of each recent decision: what it chose, and what was reported of it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from selector._clients.choice._offer import Terms
from selector._clients.money._parts import Amounts, amounts_in, held_fields
from selector.budgets import NANO
from selector.records import Decision, Task

__all__ = ["TOKENS", "USAGE", "Compared", "Entry", "Facts", "compared", "facts_of"]

TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")
USAGE = (*TOKENS, "cost_usd", "latency_s")
_ANSWER = ("output_tokens", "reasoning_tokens")

Compared = tuple[tuple[float, float], tuple[float, float], tuple[float, float]]


def facts_of(decision: Decision) -> dict[str, Any]:
    """Write down what of a decision must be known for an outcome of it to count."""
    tokens, guessed, held_tokens, keys = _asked(decision)
    found = {
        "n": decision.n,
        "at": round(decision.at_s, 6),
        "task_type": decision.task_type,
        "model": decision.model,
        "route": decision.route,
        "expected_cost_usd": decision.expected_cost_usd,
    }
    if decision.held_nano:
        found["held_nano"] = decision.held_nano
    found |= held_fields(held_tokens)
    if keys:
        found["accounts"] = list(keys)
    if tokens is not None:
        found["input_tokens"] = tokens
    if guessed:
        found["guessed"] = True
    return found


def _asked(decision: Decision) -> tuple[int | None, bool, tuple[int, ...], tuple[str, ...]]:
    """Say how long a task's input was taken to be, whether that was guessed, what is held in tokens, and where."""
    terms = decision.terms
    if isinstance(terms, Terms):
        return terms.input_tokens, terms.guessed, terms.held_tokens, terms.keys
    task: Task = terms[0]  # type: ignore[index]  # (task, row, how budgets stood)
    return task.input_tokens, False, (0,), ()


class Facts:
    """What was reported of one attempt.

    Attributes
    ----------
    model, route
        What was called.
    failure
        Why it failed; None: it did not, as far as is known.
    made
        Whether the selector made the call itself, and so knows of all there were.
    uses
        The events that say what it used, each with its writer and number.
    tokens
        What the usage teaches: output tokens, or dollars where the model has no price; nan: nothing.
    nano
        What it cost; None: not known.
    judged
        The last word of each source: (when, writer, number, score or None where it was taken back).
    taught
        What beliefs were taught of it: (score, tokens).
    rescued
        The score that was counted of it after another attempt had failed on the task; nan: none.
    believed
        The mean that was believed of its model when its score first counted; nan: it was not asked.
    of_quota
        What was booked on its route's quotas: requests, tokens, nano-dollars.
    compared
        What expectations were held against: pairs of dollars, of the price of input, of its length.
    waited
        How many seconds it took; None: not known.
    """

    __slots__ = (
        "believed",
        "compared",
        "failure",
        "judged",
        "made",
        "model",
        "nano",
        "of_quota",
        "rescued",
        "route",
        "taught",
        "tokens",
        "uses",
        "waited",
    )

    def __init__(self, model: str, route: str) -> None:
        self.model, self.route = model, route
        self.failure: str | None = None
        self.made = False
        self.uses: tuple[Mapping[str, Any], ...] = ()
        self.tokens = math.nan
        self.nano: int | None = None
        self.believed = math.nan
        self.judged: dict[str, tuple[float, str, int, float | None]] | None = None
        self.taught = (math.nan, math.nan)
        self.rescued = math.nan
        self.of_quota = (0, 0, 0)
        self.compared: Compared | None = None
        self.waited: float | None = None

    @property
    def usage(self) -> dict[str, Any]:
        """What is known of its usage: of two who said something of the same, the first writer's word."""
        found: dict[str, Any] = {}
        for event in self.uses:
            for name in USAGE:
                value = event.get(name)
                if value is not None:
                    found.setdefault(name, value)
        return found

    def use(self, event: Mapping[str, Any]) -> bool:
        """Take in a usage, in any order; tell whether it said anything new."""
        if not self.uses:
            self.uses = (event,)
            nano = event.get("nano")
            self.tokens = _taught((event,), event)
            self.nano = None if nano is None else int(nano)
            return True
        before = self.usage
        self.uses = tuple(sorted((*self.uses, event), key=_named))
        usage, nano = self.usage, self.best("nano", ("cost_usd",))
        self.tokens = _taught(self.uses, usage)
        self.nano = None if nano is None else int(nano)
        return usage != before

    def best(self, name: str, first: tuple[str, ...] = ()) -> Any:  # noqa: ANN401 - a field of an event
        """Read what was derived from the most: of those that said the first, who knew of the most others."""
        found = [event for event in self.uses if event.get(name) is not None]
        if len(found) < 2:
            return found[0][name] if found else None
        return max(found, key=lambda e: (any(e.get(each) is not None for each in first), _known(e)))[name]


def _taught(uses: tuple[Mapping[str, Any], ...], usage: Mapping[str, Any]) -> float:
    """Say how many output tokens a usage teaches: what was worked out from the most, else the tokens of the answer."""
    written, thought = usage.get("output_tokens"), usage.get("reasoning_tokens")
    answered = written is not None or thought is not None
    told = uses if len(uses) == 1 else [e for e in uses if not answered or any(e.get(n) is not None for n in _ANSWER)]
    tokens = max(told, key=_known).get("tokens") if len(told) > 1 else told[0].get("tokens")
    if tokens is None and answered:
        return float((written or 0) + (thought or 0))
    return math.nan if tokens is None else float(tokens)


def _named(event: Mapping[str, Any]) -> tuple[str, int]:
    return event["w"], event["s"]


def _known(event: Mapping[str, Any]) -> int:
    """Count the fields that were known when an event was written."""
    return int(event.get("known") or sum(event.get(name) is not None for name in USAGE))


class Entry:
    """One decision, and what was reported of its attempts.

    Attributes
    ----------
    n, at_s
        Its number, and when it was made, in seconds since 1970.
    type
        The task type's name.
    held
        Nano-dollars, tokens and tokens by class that are held of hard budgets.
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
    keys
        The accounts of scoped budgets that it is on.
    charged_by
        What was booked on each of them.
    charged
        What was booked in place of a usage that never came.
    closer
        The line that ended its hold, by writer and number: its own process's, where that wrote one.
    """

    __slots__ = (
        "at_s",
        "attempts",
        "charged",
        "charged_by",
        "closer",
        "counted",
        "expected_usd",
        "held",
        "input_tokens",
        "is_open",
        "is_reported",
        "keys",
        "n",
        "type",
    )

    def __init__(self, event: dict[str, Any]) -> None:
        self.n, self.at_s, self.type = int(event["n"]), float(event["at"]), str(event["task_type"])
        self.held = amounts_in(event, of_hold=True)
        self.expected_usd: float | None = event.get("expected_cost_usd")
        self.input_tokens: int | None = event.get("input_tokens")
        self.counted = not event.get("guessed", False)
        self.attempts = [Facts(str(event["model"]), str(event["route"]))]
        self.is_open, self.is_reported = True, False
        self.charged: Amounts | None = None
        self.closer: tuple[str, int] | None = None
        self.keys: tuple[str, ...] = tuple(event.get("accounts") or ())
        self.charged_by: dict[str, Amounts] = {}

    @classmethod
    def of(cls, decision: Decision) -> Entry:
        """Begin what is known of a decision that was just made."""
        entry = cls.__new__(cls)
        entry.n, entry.at_s, entry.type = decision.n, decision.at_s, decision.task_type
        entry.input_tokens, guessed, held_tokens, entry.keys = _asked(decision)
        entry.charged_by = {}
        entry.held, entry.expected_usd = (decision.held_nano, *held_tokens), decision.expected_cost_usd
        entry.counted = not guessed
        entry.attempts = [Facts(decision.model, decision.route)]
        entry.is_open, entry.is_reported, entry.charged, entry.closer = True, False, None, None
        return entry

    def closed(self, id_: str, event: Mapping[str, Any]) -> None:
        """Note which line ended its hold; of its own process's and others', its own process's counts."""
        writer = event["w"]
        owner = id_.startswith(writer) and id_.rpartition("-")[0] == writer
        if self.closer is None or (owner and self.closer[0] != writer):
            self.closer = (writer, int(event["s"]))


def compared(entry: Entry, facts: Facts) -> Compared | None:
    """Hold what was billed, how its input was priced, and how long it was, against what was expected."""
    look = facts.uses[0].get if len(facts.uses) == 1 else facts.usage.get
    cost = look("cost_usd")
    listed = None if cost is None else facts.best("list_nano")
    read, cached, kept = look("input_tokens"), look("cache_read_tokens"), look("cache_write_tokens")
    length = (read or 0) + (cached or 0) + (kept or 0)
    weighed = facts.best("input_as") if cached or kept else length
    dollars = (float(cost), listed / NANO) if cost is not None and listed else (0.0, 0.0)
    inputs = (float(weighed), float(length)) if weighed is not None and length else (0.0, 0.0)
    guess = entry.input_tokens
    lengths = (float(length), float(guess)) if read is not None and guess and not entry.counted else (0.0, 0.0)
    return (dollars, inputs, lengths) if dollars[1] or inputs[1] or lengths[1] else None
