"""What was done, counted: in all, by day, block by block, and who got which work."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, date, datetime

import numpy as np
from numpy.typing import NDArray

from selector.report.counted._facts import NO_PRICE, Block, Day, Totals, Work
from selector.report.counted._log import DAY_S, Columns, dollars, moment, scores

__all__ = ["blocks_of", "days_of", "totals_of", "work_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_BLOCKS, _LEAST = 20, 25  # at most so many blocks, of at least so many decisions


def totals_of(log: Columns) -> Totals:
    """Count the whole period."""
    n_attempts = log.table["n_attempts"].to_numpy()
    whole = np.zeros(log.n, np.intp)
    return Totals(
        first_at=moment(log.at[0]),
        last_at=moment(log.at[-1]),
        n=log.n,
        n_reported=int(log.reported.sum()),
        n_judged=int(log.judged.sum()),
        n_unanswered=int(log.unanswered.sum()),
        n_fallbacks=int((n_attempts > 1).sum()),
        n_costless=int((log.reported & np.isnan(log.cost)).sum()),
        spent_usd=float(np.nansum(log.cost)),
        usd_per_decision=dollars(log.cost, whole, 1)[0],
        success=scores(log.score, whole, 1, log.sharpness)[0],
    )


def days_of(log: Columns, target: Callable[[date, int], float]) -> tuple[Day, ...]:
    """Count day by day.

    Parameters
    ----------
    log
        The decisions.
    target
        What budgets allow on a day with so many decisions, in dollars; nan: unknown.
    """
    number, of = np.unique((log.at // DAY_S).astype(np.intp), return_inverse=True)
    n_days = len(number)
    n = np.bincount(of, minlength=n_days)
    spent, explored = _sum(log.cost, of, n_days), _sum(log.explored, of, n_days) / n
    explored_usd = _sum(np.where(log.explored, log.cost, 0.0), of, n_days)
    judged, price = (
        _sum(log.judged, of, n_days),
        _mean(np.where(log.shadow_price < NO_PRICE, log.shadow_price, np.nan), of, n_days),
    )
    by_model, success = _by_model(log, of, n_days), scores(log.score, of, n_days, log.sharpness)
    days = [datetime.fromtimestamp(each * DAY_S, UTC).date() for each in number.tolist()]
    return tuple(
        Day(
            day=day,
            n=int(n[i]),
            n_judged=int(judged[i]),
            spent_usd=float(spent[i]),
            target_usd=target(day, int(n[i])),
            shadow_price=float(price[i]),
            success=success[i],
            explored=float(explored[i]),
            explored_usd=float(explored_usd[i]),
            n_by_model=tuple(by_model[i].tolist()),
        )
        for i, day in enumerate(days)
    )


def blocks_of(log: Columns) -> tuple[Block, ...]:
    """Cut the period into runs of equally many decisions."""
    n_blocks = min(_BLOCKS, max(1, log.n // _LEAST))
    of = np.arange(log.n) * n_blocks // log.n
    first = np.searchsorted(of, np.arange(n_blocks))
    n = np.bincount(of, minlength=n_blocks)
    explored, by_model = _sum(log.explored, of, n_blocks) / n, _by_model(log, of, n_blocks)
    success, cost = scores(log.score, of, n_blocks, log.sharpness), dollars(log.cost, of, n_blocks)
    return tuple(
        Block(
            first=int(first[i]),
            first_at=moment(log.at[first[i]]),
            last_at=moment(log.at[first[i] + n[i] - 1]),
            n=int(n[i]),
            success=success[i],
            usd_per_decision=cost[i],
            explored=float(explored[i]),
            n_by_model=tuple(by_model[i].tolist()),
        )
        for i in range(n_blocks)
    )


def work_of(log: Columns) -> tuple[Work, ...]:
    """Say who got how much of which work, by task type, most first."""
    n_types, n_models = len(log.task_types), len(log.models)
    cell, n_cells = log.type * n_models + log.model, n_types * n_models
    n = np.bincount(cell, minlength=n_cells)
    of_type, spent = n.reshape(n_types, n_models).sum(1), _sum(log.cost, cell, n_cells)
    success, cost = scores(log.score, cell, n_cells, log.sharpness), dollars(log.cost, cell, n_cells)
    order = np.lexsort((-n, np.arange(n_cells) // n_models))
    return tuple(
        Work(
            task_type=log.task_types[i // n_models],
            model=log.models[i % n_models],
            n=int(n[i]),
            share=float(n[i] / of_type[i // n_models]),
            spent_usd=float(spent[i]),
            usd_per_decision=cost[i],
            success=success[i],
        )
        for i in order[n[order] > 0].tolist()
    )


def _sum(value: Floats | NDArray[np.bool_], group: Ints, n_groups: int) -> Floats:
    """Add up by group, unknown values left out."""
    return np.bincount(group, np.nan_to_num(value), minlength=n_groups).astype(float)


def _mean(value: Floats, group: Ints, n_groups: int) -> Floats:
    known = ~np.isnan(value)
    n = np.bincount(group[known], minlength=n_groups)
    with np.errstate(invalid="ignore"):
        found: Floats = np.bincount(group[known], value[known], minlength=n_groups) / n
    return found


def _by_model(log: Columns, group: Ints, n_groups: int) -> Ints:
    n_models = len(log.models)
    found: Ints = np.bincount(group * n_models + log.model, minlength=n_groups * n_models).reshape(n_groups, n_models)
    return found
