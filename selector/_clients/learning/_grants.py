"""Evidence that was taken over from another folder: sums as of a time, withdrawn later like any evidence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from selector._clients.learning._mind import Mind
from selector.posteriors import Beliefs, Cells

__all__ = ["SUMS", "as_of", "grant"]

SUMS = ("evidence", "score_sum", "score_square_sum", "usage_evidence", "token_sum")
"""What a row of taken-over evidence holds beside its model, its task type and how many outcomes it stands for."""

Event = Mapping[str, Any]


def as_of(mind: Mind, event: Event) -> float:
    """Say as of when what a person did to beliefs counts, in the unit in which evidence ages."""
    return float(event["as_of_s"] if mind.plan.by_clock else event["n"])


def grant(mind: Mind, event: Event, sign: float = 1.0) -> None:
    """Teach what an event took over; a sign of -1 takes it back.

    Parameters
    ----------
    mind
        Which knows of every withdrawal that it knew of when this was taught.
    event
        With its rows, and the time as of which they count.
    sign
        1 or -1.
    """
    at = as_of(mind, event)
    own = [row for row in event["rows"] if row["model"] in mind.models]
    others = [row for row in event["rows"] if row["model"] not in mind.models]
    if own:
        places = [(mind.type_of(row["task_type"], at), mind.models[row["model"]]) for row in own]
        _grant(mind.beliefs, places, [_spoken(mind, row, event) for row in own], at, sign)
    if others:
        places = [mind.retired_cell(row["task_type"], row["model"], at) for row in others]
        _grant(mind.retired, places, others, at, sign)


def _spoken(mind: Mind, row: Event, event: Event) -> Event:
    """Leave out a usage that was believed in tokens where it is believed in dollars now, or the other way."""
    if (row["model"] in event["unpriced"]) == (row["model"] in mind.unpriced):
        return row
    return {**row, "usage_evidence": 0.0, "token_sum": 0.0}


def _grant(beliefs: Beliefs, places: list[tuple[int, int]], rows: list[Event], at: float, sign: float) -> None:
    of = np.array(places, np.intp)
    cells = Cells(np.zeros(len(rows), np.intp), of[:, 0].copy(), of[:, 1].copy())
    sums = np.array([[float(row[name]) for row in rows] for name in (*SUMS, "n_outcomes")])
    beliefs.grant(cells, sums * sign, at)
