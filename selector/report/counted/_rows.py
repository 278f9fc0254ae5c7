"""Rows of a report's tables on what went wrong, on judgements and on advice, and the mean that all tables share."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any, NamedTuple

__all__ = [
    "Advice",
    "DriftAlarm",
    "FailedCalls",
    "Fallback",
    "Judging",
    "Measured",
    "SourceOfJudgement",
    "ThinCell",
]


class Measured(NamedTuple):
    """A mean with its 95 % interval; all three are nan where there is nothing to take it from.

    Of scores, Wilson's interval, with as many outcomes as their spread is worth (`score_interval`); of dollars, the
    normal one, nan below two.
    """

    value: float
    low: float
    high: float
    n: int
    """From how many decisions: judged ones of a success, ones of known cost of dollars."""


class Fallback(NamedTuple):
    """Decisions for which more than one call was made, by the reason, the model first called and what answered."""

    failure: str
    """Why the first call failed, a word from a closed list; ``""``: it answered, and not well enough."""
    model: str
    """That was called first."""
    answered_by: str
    """The model of the last call; ``""``: nobody answered."""
    n: int
    """Decisions."""
    n_calls: int
    """Calls that were made for them."""
    cost_usd: float
    """Dollars of all their attempts, as far as known."""
    expected_usd: float
    """What the chosen model was expected to cost for the same decisions."""
    failed_usd: float
    """Dollars of the calls that failed."""
    failed_s: float
    """Seconds spent on the calls that failed."""
    success: Measured
    """Mean score of what answered."""


class FailedCalls(NamedTuple):
    """Calls of a model that failed for one reason, in whatever place of the chain they stood."""

    model: str
    failure: str
    n: int
    """Calls that failed so."""
    n_calls: int
    """All calls of the model that something was reported of."""
    n_ended: int
    """Decisions that nobody answered, of which this was the last call."""
    first_at: datetime
    """When the decision of the first of them was made, UTC."""
    last_at: datetime
    worst_day: date
    """On which most of them came."""
    n_worst_day: int


class DriftAlarm(NamedTuple):
    """A model that no longer does what it did, as the selector noticed it: earlier outcomes count less since."""

    at: datetime
    """When it rang, UTC: at a judgement of the model. A snapshot knows only between which: it is the last of these."""
    n: int
    """Decisions of the period that had been made by then."""
    model: str
    keep: float
    """How much of each earlier outcome still counts, 0 to 1."""
    direction: str
    """``worse`` or ``better``: the recent outcomes against what was believed of them; ``""``: no outcome to tell by."""
    recent: Measured
    """Mean score of the model's last judged decisions before the alarm, 30 at most."""
    believed: float
    """Mean of what had been believed of these before each; nan: not written down."""
    since: Measured
    """Mean score of the model's decisions that were made after the alarm."""
    task_types: tuple[tuple[str, int], ...]
    """Task types of the recent outcomes with how many, the one that differs most in sum first."""


class ThinCell(NamedTuple):
    """A model with little evidence on a task type for which it may be chosen."""

    task_type: str
    model: str
    evidence: float
    """Outcomes that count, below `Facts.thin_below`."""
    n_outcomes: int
    """How many there were, with those that drift or time have discounted; -1: not written down."""
    mean: float
    """Believed success."""
    high: float
    """Upper end of the central 95 % of the belief."""
    best_model: str
    """Believed best for the type."""
    best_mean: float
    """Its believed success."""
    n_type: int
    """Decisions of the type in the period."""

    @property
    def may_be_best(self) -> bool:
        """Whether its belief reaches above the mean of the one believed best."""
        return self.high > self.best_mean


class Judging(NamedTuple):
    """How a task type's outcomes are judged, and how late."""

    task_type: str
    n: int
    """Decisions."""
    n_judged: int
    n_due: int
    """Decisions old enough to have been judged: older than `Facts.judging_takes_s` at the end of the log."""
    n_missing: int
    """Of these, not judged: as far as can be told, never."""
    n_unreported: int
    """Decisions nothing at all was reported of."""
    median_delay_s: float
    """Seconds from decision to judgement, half of them; nan: none was judged."""
    late_delay_s: float
    """A tenth of them takes longer."""


class SourceOfJudgement(NamedTuple):
    """Whose word on answers there is."""

    source: str
    n: int
    """Decisions that it judged (its last word on the last answer)."""
    n_counted: int
    """Of these, how many scores are its word: it is believed most."""
    mean: float
    """Of its scores."""
    n_faults: int
    """Scores below 1."""
    never_fails: bool
    """Whether it judged 50 times or more and never found fault."""


class Advice(NamedTuple):
    """What to do next: a sentence that a fact calls for."""

    rule: str
    """Its name: a word from the closed list `RULES` of the room."""
    text: str
    """In plain words, its numbers in it."""
    numbers: Mapping[str, Any]
    """What the sentence says, as values: models, task types, counts, shares."""
