"""What a report is made of: small tables of facts, each row and field with its meaning and unit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date, datetime
from typing import Any, NamedTuple

import numpy as np

from selector.report.counted._rows import (
    Advice,
    DriftAlarm,
    FailedCalls,
    Fallback,
    Judging,
    Measured,
    SourceOfJudgement,
    ThinCell,
)

__all__ = [
    "NO_PRICE",
    "Advice",
    "Baseline",
    "Believed",
    "Block",
    "Day",
    "DriftAlarm",
    "Facts",
    "FailedCalls",
    "Fallback",
    "Judging",
    "Measured",
    "Saving",
    "SourceOfJudgement",
    "ThinCell",
    "Totals",
    "Work",
]

NO_PRICE = 1e4  # successes for a dollar that no model gives: nothing but the cheapest can be paid for

SCHEMA = "selector.report/1"


class Totals(NamedTuple):
    """The whole period."""

    first_at: datetime
    """The first decision, UTC."""
    last_at: datetime
    """The last decision, UTC."""
    n: int
    """Decisions."""
    n_reported: int
    """Of these, how many anything was reported of."""
    n_judged: int
    """Of these, how many have a score that counts."""
    n_unanswered: int
    """Decisions that no model answered."""
    n_fallbacks: int
    """Decisions for which more than one call was made."""
    n_costless: int
    """Decisions that were reported, and whose cost is not known: they are not in `spent_usd`."""
    spent_usd: float
    """Dollars of all attempts."""
    usd_per_decision: Measured
    """Dollars per decision of known cost."""
    success: Measured
    """Mean score of the judged, 0 to 1."""


class Day(NamedTuple):
    """A day in UTC on which there was a decision."""

    day: date
    n: int
    """Decisions."""
    n_judged: int
    spent_usd: float
    """Dollars of all attempts of the day's decisions."""
    target_usd: float
    """What the configured budgets allow on such a day; nan: there is none in dollars, or no configuration is known.

    The least of: a limit per window, spread over its days; a limit per request, times the day's decisions.
    """
    shadow_price: float
    """What one more dollar was worth, in successes, mean over the day's decisions; nan: not written down.

    Decisions at a price that no model repays, so that only the cheapest was paid for, are left out; nan where all were.
    """
    success: Measured
    """Mean score of the judged."""
    explored: float
    """Share of the decisions that were made to explore (reason ``exploration``)."""
    explored_usd: float
    """Dollars spent on those."""
    n_by_model: tuple[int, ...]
    """Decisions by chosen model, in the order of `Facts.models`."""


class Block(NamedTuple):
    """A run of decisions, about a twentieth of all: what success and cost were while more was learnt."""

    first: int
    """Number of its first decision in the period, from 0."""
    first_at: datetime
    last_at: datetime
    n: int
    success: Measured
    usd_per_decision: Measured
    explored: float
    """Share of the decisions that were made to explore."""
    n_by_model: tuple[int, ...]
    """Decisions by chosen model, in the order of `Facts.models`."""


class Work(NamedTuple):
    """What a model got of a task type's work; every pair with a decision."""

    task_type: str
    model: str
    """That was chosen; where it failed, another may have answered."""
    n: int
    """Decisions."""
    share: float
    """Of the type's decisions."""
    spent_usd: float
    """Dollars of all attempts."""
    usd_per_decision: Measured
    success: Measured
    """Mean score of the decisions; where the first call failed, that of what answered in its place."""


class Believed(NamedTuple):
    """What is believed of a model on a task type at the end; every pair of which something is believed."""

    task_type: str
    model: str
    mean: float
    """Believed success, 0 to 1."""
    low: float
    """Lower end of the central 95 % of the belief."""
    high: float
    strength: float
    """How many outcomes it is worth, its prior included (alpha + beta)."""
    prior_share: float
    """How much of the strength is the prior, 0 to 1; nan: not written down."""
    evidence: float
    """How many outcomes count in it, old ones discounted; nan: not written down."""
    n_outcomes: int
    """How many outcomes there were, discounted or not; -1: not written down."""
    expected_cost_usd: float
    """What an answer is expected to cost at the last prices; nan: unknown."""


class Baseline(NamedTuple):
    """The model that savings are held against."""

    model: str
    because: str
    """Why this one, in words."""


class Saving(NamedTuple):
    """What was done, against "always this model" on the same decisions: doubly robust, with replay's verdict.

    Never show a number of it without `verdict`: where that is not ``supported``, it is no answer, and `reasons` says
    why.
    """

    model: str
    is_baseline: bool
    saved_usd: float
    """Dollars per decision that the model would have cost more; below 0: it would have cost less."""
    saved_usd_low: float
    saved_usd_high: float
    saved_usd_verdict: str
    """``supported``, ``weak`` or ``none``."""
    saved_usd_conclusion: str
    """``saved``, ``spent more`` or ``no difference shown``, corrected for how many models are compared."""
    gained: float
    """Success per decision, 0 to 1, that the model would have had less; below 0: it would have had more."""
    gained_low: float
    gained_high: float
    gained_verdict: str
    gained_conclusion: str
    """``higher``, ``lower`` or ``no difference shown``: what was done, against the model."""
    model_success: float
    """What the model would have had per decision."""
    model_usd: float
    """What it would have cost per decision."""
    n: int
    """Decisions that are evaluated: those with a propensity, and of a long log some of them."""
    n_stands_for: int
    """Decisions for which these stand: all of the period with a propensity."""
    verdict: str
    """The worse one of both verdicts."""
    reasons: tuple[str, ...]
    """Why it is no better; empty: supported."""

    @property
    def saved_total_usd(self) -> tuple[float, float, float]:
        """Dollars on all decisions with a propensity: value, low, high."""
        n = self.n_stands_for
        return self.saved_usd * n, self.saved_usd_low * n, self.saved_usd_high * n


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What was learnt, what it cost and what to do next: read from a state folder, for figures, pages and programs.

    Rows are named tuples; times are in UTC, dollars are dollars, shares and scores lie between 0 and 1, nan is unknown.
    """

    state: str
    """The folder."""
    models: tuple[str, ...]
    """Every model of the log: the order of every field ``by_model``."""
    task_types: tuple[str, ...]
    """Every task type of the period, in alphabetical order."""
    families: Mapping[str, str]
    """Of each model: its configured family, else its provider in the log, else its own name."""
    totals: Totals
    days: tuple[Day, ...]
    """By day, those without a decision left out."""
    learning: tuple[Block, ...]
    """In order of time."""
    work: tuple[Work, ...]
    """By task type in order, the model with most of its work first."""
    beliefs: tuple[Believed, ...]
    """By task type in order, the model believed best first."""
    beliefs_at: datetime | None
    """As of when: the last snapshot, or what was published before the last decisions of a period that ends earlier."""
    baseline: Baseline
    savings: tuple[Saving, ...]
    """The baseline first, then the others by what they would have cost, the dearest first; empty: see `no_savings`."""
    no_savings: str
    """Why there is nothing to say of savings; ``""`` where there is."""
    savings_notes: tuple[str, ...]
    """What is to be said beside all of them."""
    fallbacks: tuple[Fallback, ...]
    """The most frequent first."""
    failures: tuple[FailedCalls, ...]
    """The most frequent first."""
    drift: tuple[DriftAlarm, ...]
    """In order of time."""
    thin_below: float
    """How many outcomes a cell must have in order not to be thin."""
    thin: tuple[ThinCell, ...]
    """By task type in order, the least evidence first."""
    judging: tuple[Judging, ...]
    """By task type in order."""
    judging_takes_s: float
    """How long judging takes at most: 19 of 20 judgements come sooner; nan: none came."""
    sources: tuple[SourceOfJudgement, ...]
    """Who judged most first."""
    shadow_price: float
    """What one more dollar is worth now, in successes: mean over the last block; nan: not written down."""
    advice: tuple[Advice, ...]
    """What to do next, the most urgent first."""
    faults: tuple[str, ...]
    """Places of the log that could not be read."""

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain values, as ``--json`` prints it; nan is None."""
        return {"schema": SCHEMA} | {f.name: _plain(getattr(self, f.name)) for f in fields(self)}


def _plain(value: Any) -> Any:  # noqa: ANN401 - any field of a row
    """Turn rows into dictionaries, times into text, and nan into None."""
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return {name: _plain(each) for name, each in value._asdict().items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    return value
