"""What is believed at the end, with how sure, and where there is little to believe it by."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.report.counted._facts import Believed, ThinCell, Work
from selector.report.counted._log import Columns, moment
from selector.store import State, events_in

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import pyarrow as pa

    from selector.store import Snapshot

__all__ = ["THIN_BELOW", "Alarm", "Kept", "beliefs_of", "kept_of", "thin_of"]

Floats = NDArray[np.float64]

THIN_BELOW = 10.0
"""Outcomes below which a cell is thin: half of what is believed of it is then still its prior (8 outcomes)."""
_NAME = "posteriors"
_TAILS = (0.025, 0.975)
_AT_ONCE = 10_000  # decisions


class Alarm(NamedTuple):
    """A drift alarm, as far as a state folder knows of it."""

    model: str
    keep: float
    """How much of the model's earlier evidence is kept."""
    rang_s: float
    """When it rang, seconds since 1970; nan: a snapshot does not say."""
    newest: float
    """The newest decision that had been judged by then: its number, or its time in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What a state folder keeps beside its log."""

    table: pa.Table | None
    """Beliefs, a row per model and task type, as of the last snapshot; None: there is none."""
    at: datetime | None
    """When that was."""
    n_decisions: int
    """How many decisions had been made by then."""
    alarms: tuple[Alarm, ...]
    """Drift, by when it was written down."""


def kept_of(state: State) -> Kept:
    """Read the last snapshot, and of the log what came after it."""
    snapshot = state.read_snapshot(_NAME)
    alarms = [] if snapshot is None else _alarms(snapshot)
    for part in state.parts(None if snapshot is None else snapshot.folded):
        for event in (*part.events, *_drifts(part.tables)):
            if event["kind"] == "drift" and "model" in event:  # a new version of a prompt is written alike
                alarms.append(Alarm(event["model"], float(event["keep"]), float(event["at"]), float(event["n"])))
    table = None if snapshot is None or not len(snapshot.table) else snapshot.table
    at = None if table is None else table["updated_at"][0].as_py()
    n_decisions = 0 if snapshot is None else int(snapshot.extra.get("fold", {}).get("next_n", 0))
    return Kept(table, at, n_decisions, tuple(alarms))


def _alarms(snapshot: Snapshot) -> list[Alarm]:
    """Read the alarms that a snapshot remembers."""
    rows: Sequence[Sequence[Any]] = snapshot.extra.get("events", ())
    return [Alarm(model, float(keep), np.nan, float(at)) for kind, at, model, keep, *_ in rows if kind == "drift"]


def _drifts(tables: Mapping[str, pa.Table]) -> list[dict[str, Any]]:
    import pyarrow.compute as pc

    events = tables.get("events")
    if events is None:
        return []
    some = events.filter(pc.equal(events["kind"].cast("string"), "drift"))
    return events_in("events", some) if len(some) else []


def beliefs_of(log: Columns, kept: Kept, *, published: bool) -> tuple[tuple[Believed, ...], datetime | None]:
    """Say what is believed of each model on each task type of the period.

    Parameters
    ----------
    log
        The decisions.
    kept
        The last snapshot.
    published
        Whether to take what was published before the last decisions in place of the snapshot, which is later.

    Returns
    -------
    rows : tuple of Believed
        By task type, the best first.
    at : datetime or None
        As of when.
    """
    if kept.table is None or published:
        return _ordered(_published(log)), moment(log.at[-1])
    return _ordered(_snapped(kept.table, log.task_types)), kept.at


def _snapped(table: pa.Table, task_types: tuple[str, ...]) -> list[Believed]:
    columns = table.to_pydict()
    rows = [i for i, x in enumerate(columns["alpha"]) if x is not None and columns["task_type"][i] in task_types]
    alpha, beta = (np.array([columns[name][i] for i in rows], float) for name in ("alpha", "beta"))
    low, high = _central(alpha, beta)
    found = []
    for place, i in enumerate(rows):
        cost = columns["expected_cost_usd"][i]
        found.append(
            Believed(
                task_type=columns["task_type"][i],
                model=columns["model"][i],
                mean=float(columns["success"][i]),
                low=float(low[place]),
                high=float(high[place]),
                strength=float(alpha[place] + beta[place]),
                prior_share=float(columns["prior_share"][i]),
                evidence=float(columns["evidence"][i]),
                n_outcomes=int(columns["n_outcomes"][i]),
                expected_cost_usd=np.nan if cost is None else float(cost),
            )
        )
    return found


def last_published(log: Columns) -> dict[str, dict[str, list[float]]]:
    """Return what was published before the last decision of each task type, a number per model; nan: none."""
    last = np.full(len(log.task_types), -1)
    for end in range(log.n, 0, -_AT_ONCE):
        rows = np.arange(max(end - _AT_ONCE, 0), end)
        rows = rows[last[log.type[rows]] < 0]
        known = rows[log.lean.published.columns(rows)["means"].is_valid().to_numpy()]
        last[log.type[known]] = known  # of rows of one type, the last one stays
        if (last >= 0).all():
            break
    found = {}
    rows = last[last >= 0]
    columns = log.lean.published.columns(rows)
    some = {name: columns[name].to_pylist() for name in ("means", "strengths", "expected_costs_usd")}
    for place, row in enumerate(rows.tolist()):
        found[log.task_types[log.type[row]]] = {
            name: _numbers(values[place], len(log.models)) for name, values in some.items()
        }
    return found


def _numbers(values: Sequence[float | None] | None, n: int) -> list[float]:
    return [np.nan if x is None else float(x) for x in ([None] * n if values is None else values)]


def _published(log: Columns) -> list[Believed]:
    found = []
    for kind, row in last_published(log).items():
        mean, strength = np.array(row["means"]), np.array(row["strengths"])
        low, high = _central(mean * strength, (1 - mean) * strength)
        for k in np.flatnonzero(~np.isnan(mean)).tolist():
            cost = row["expected_costs_usd"][k]
            belief = float(mean[k]), float(low[k]), float(high[k]), float(strength[k])
            found.append(Believed(kind, log.models[k], *belief, np.nan, np.nan, -1, cost))
    return found


def _central(alpha: Floats, beta: Floats) -> tuple[Floats, Floats]:
    """Return the ends of the central 95 % of Beta beliefs."""
    from scipy.special import betaincinv

    low, high = (np.asarray(betaincinv(np.maximum(alpha, 1e-9), np.maximum(beta, 1e-9), tail)) for tail in _TAILS)
    return low, high


def _ordered(rows: list[Believed]) -> tuple[Believed, ...]:
    return tuple(sorted(rows, key=lambda row: (row.task_type, -row.mean)))


def thin_of(log: Columns, beliefs: tuple[Believed, ...], work: tuple[Work, ...]) -> tuple[ThinCell, ...]:
    """Name the models that may serve a type and have fewer than `THIN_BELOW` outcomes on it."""
    judged = {(row.task_type, row.model): float(row.success.n) for row in work}
    n_type = np.bincount(log.type, minlength=len(log.task_types))
    able = {
        kind: {name for name, mean in zip(log.models, row["means"], strict=True) if not np.isnan(mean)}
        for kind, row in last_published(log).items()
    }
    found = []
    for place, kind in enumerate(log.task_types):
        cells = [row for row in beliefs if row.task_type == kind and row.model in able.get(kind, {row.model})]
        for row in cells:
            evidence = judged.get((kind, row.model), 0.0) if np.isnan(row.evidence) else row.evidence
            if evidence < THIN_BELOW:
                ends = row.mean, row.high, cells[0].model, cells[0].mean
                found.append(ThinCell(kind, row.model, evidence, row.n_outcomes, *ends, int(n_type[place])))
    return tuple(sorted(found, key=lambda row: (row.task_type, row.evidence)))
