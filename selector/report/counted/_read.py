"""Facts of a state folder, gathered: the log read once, everything counted from it, and what to do next."""

from __future__ import annotations

import calendar
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np

from selector.config import BudgetConfig, Config
from selector.replay import load_lean, notes_of
from selector.report.counted._advice import advice_of
from selector.report.counted._beliefs import THIN_BELOW, Kept, beliefs_of, kept_of, thin_of
from selector.report.counted._counts import blocks_of, days_of, totals_of, work_of
from selector.report.counted._facts import Facts
from selector.report.counted._judging import judging_of, sources_of
from selector.report.counted._log import DAY_S, Columns, codes_of
from selector.report.counted._savings import baseline_of, savings_of
from selector.report.counted._trouble import Calls, drift_of, failures_of, fallbacks_of
from selector.store import State

__all__ = ["facts"]

Moment = datetime | str | float | None
_WINDOWS = {"hour": 1 / 24, "day": 1.0, "week": 7.0}  # days


def facts(
    state: str | os.PathLike[str],
    *,
    since: Moment = None,
    until: Moment = None,
    baseline: str | None = None,
    config: Config | None = None,
    thorough: bool = False,
) -> Facts:
    """Gather what was learnt in a state folder, what it cost, and what to do next.

    The folder is only read, also while other processes write to it. It is all that is needed; a configuration adds what
    no log says: budgets, families, and whose word counts.

    Parameters
    ----------
    state
        The state folder.
    since, until
        Only decisions from the one up to, but not at, the other: as `selector.replay.load` takes them.
    baseline
        The model that savings are held against; None: that of the configured objective, else the model of today that
        the log names, else the dearest.
    config
        Under which it decides.
    thorough
        Whether savings are estimated from all decisions of a long log; else from some tens of thousands of them.

    Returns
    -------
    Facts
        Small tables.

    Raises
    ------
    DataError
        If there is no such decision; the message says what to do.
    StateError
        If the folder is no state.
    UnknownModelError
        If the log does not have the baseline.

    Examples
    --------
    >>> import tempfile
    >>> from selector import Outcome, Selector, Task
    >>> free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Selector.open({"models": {"small": free, "large": free}}, state=folder, seed=1) as selector:
    ...         selector.record(selector.select(Task("chat")), Outcome(score=1, output_tokens=9, source="tests"))
    ...     found = facts(folder)
    >>> found.totals.n, found.totals.success.value, found.work[0].task_type, found.savings
    (1, 1.0, 'chat', ())
    """
    log = Columns.of(load_lean(state, since=since, until=until, source=None if config is None else config.outcomes))
    with State.open(Path(state), clock=lambda: 0.0, read_only=True) as place:
        kept = kept_of(place)
    found = _counted(log, Path(state), _Asked(baseline, config, kept, until is not None, thorough))
    found = replace(found, faults=notes_of(log.table).faults)
    return replace(found, advice=advice_of(found))


class _Asked(NamedTuple):
    baseline: str | None
    config: Config | None
    kept: Kept
    ends: bool
    """Whether the period was told to end."""
    thorough: bool


def _counted(log: Columns, folder: Path, asked: _Asked) -> Facts:
    calls, work, blocks = Calls(log), work_of(log), blocks_of(log)
    beliefs, beliefs_at = beliefs_of(log, asked.kept, published=asked.ends and _is_later(asked.kept, log))
    beliefs = tuple(row for row in beliefs if row.model in log.models)
    judging, takes = judging_of(log)
    baseline = baseline_of(log, asked.baseline, _configured(asked.config))
    savings = savings_of(log, baseline, thorough=asked.thorough)
    last = log.shadow_price[blocks[-1].first :]
    return Facts(
        state=str(folder),
        models=log.models,
        task_types=log.task_types,
        families=_families(log, asked.config),
        totals=totals_of(log),
        days=days_of(log, _target(asked.config)),
        learning=blocks,
        work=work,
        beliefs=beliefs,
        beliefs_at=beliefs_at,
        baseline=baseline,
        savings=savings.rows,
        no_savings=savings.none_because,
        savings_notes=savings.notes,
        fallbacks=fallbacks_of(log, calls),
        failures=failures_of(log, calls),
        drift=drift_of(log, asked.kept.alarms),
        thin_below=THIN_BELOW,
        thin=thin_of(log, beliefs, work),
        judging=judging,
        judging_takes_s=takes,
        sources=sources_of(log),
        shadow_price=float(last[~np.isnan(last)].mean()) if not np.isnan(last).all() else np.nan,
        advice=(),
        faults=(),
    )


def _is_later(kept: Kept, log: Columns) -> bool:
    """Tell whether the snapshot knows of decisions after the period."""
    numbers = log.table["n"].cast("float64").to_numpy()
    return bool(np.isnan(numbers).all() or kept.n_decisions > np.nanmax(numbers) + 1)


def _configured(config: Config | None) -> str | None:
    bar = None if config is None or config.objective is None else config.objective.no_worse_than
    return None if bar is None else bar.model


def _families(log: Columns, config: Config | None) -> Mapping[str, str]:
    providers, whose = codes_of(log.table, "provider")
    found = {name: name for name in log.models}
    if providers:
        n = np.bincount(
            log.model[whose >= 0] * len(providers) + whose[whose >= 0], minlength=len(log.models) * len(providers)
        ).reshape(len(log.models), -1)
        found |= {log.models[k]: providers[n[k].argmax()] for k in np.flatnonzero(n.any(1)).tolist()}
    for name, model in {} if config is None else config.models.items():
        if name in found and model.family:
            found[name] = model.family
    return found


def _target(config: Config | None) -> Callable[[date, int], float]:
    """Say what the budgets in dollars that hold for everything allow on a day with so many decisions."""
    budgets = [b for b in (() if config is None else config.budgets) if b.scope is None and b.each is None]

    def allowed(day: date, n: int) -> float:
        each = [usd for budget in budgets if (usd := _allowed(budget, day, n)) is not None]
        return min(each, default=np.nan)

    return allowed


def _allowed(budget: BudgetConfig, day: date, n: int) -> float | None:
    if budget.usd_per_request is not None:
        return budget.usd_per_request * n
    if budget.usd is None:
        return None
    if budget.per == "request":
        return budget.usd * n
    if isinstance(budget.per, timedelta):
        return budget.usd * DAY_S / budget.per.total_seconds()
    if budget.per == "month":
        return budget.usd / calendar.monthrange(day.year, day.month)[1]
    days = _WINDOWS.get(str(budget.per))
    return None if days is None else budget.usd / days
