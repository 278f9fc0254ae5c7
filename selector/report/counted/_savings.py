"""What was saved against each model always, doubly robust, with the verdict that says whether to believe it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError, UnknownModelError
from selector.records import Basis
from selector.replay import Evaluation, PolicyDifference, arrays, estimate_propensities, evaluate, fixed_model
from selector.report.counted._facts import Baseline, Saving
from selector.report.counted._log import Columns, codes_of

if TYPE_CHECKING:
    from collections.abc import Sequence

__all__ = ["Savings", "baseline_of", "savings_of"]

Ints = NDArray[np.intp]

_WORK = 3e6  # decisions x models x models that are evaluated in about a second
_LEAST = 5_000  # decisions that are, however many models there are
_GOLDEN = 0.6180339887498949
_ORDER = ("none", "weak", "supported")
_COST = {"higher": "saved", "lower": "spent more"}
_SUCCESS = {"higher": "lower", "lower": "higher"}  # of the model; of what was done


class Savings(NamedTuple):
    """What was found of all models."""

    rows: tuple[Saving, ...]
    none_because: str
    """Why there are none."""
    notes: tuple[str, ...]


def baseline_of(log: Columns, wanted: str | None, configured: str | None) -> Baseline:
    """Choose the model that savings are held against, and say why this one.

    Parameters
    ----------
    log
        The decisions.
    wanted
        As asked for; None: not.
    configured
        The model of the configured objective; None: none, or no configuration.

    Raises
    ------
    UnknownModelError
        If the log does not have the wanted model.
    """
    if wanted is not None:
        if wanted not in log.models:
            raise UnknownModelError.of(wanted, log.models, key="baseline")
        return Baseline(wanted, "as asked for")
    if configured in log.models:
        return Baseline(str(configured), "the configured objective is to be no worse than it")
    reasons, why = codes_of(log.table, "reason")
    if Basis.INCUMBENT.value in reasons:
        n = np.bincount(log.model[why == reasons.index(Basis.INCUMBENT.value)], minlength=len(log.models))
        return Baseline(log.models[int(n.argmax())], "the model of today, which served where the selector only watched")
    cost = _expected(log)
    if np.isnan(cost).all():
        n = np.bincount(log.model, minlength=len(log.models))
        return Baseline(log.models[int(n.argmax())], "the one chosen most often; what models cost is not known")
    return Baseline(log.models[int(np.nanargmax(cost))], "the dearest, since no other is named")


def _expected(log: Columns) -> NDArray[np.float64]:
    """Return what each model was expected to cost, mean over decisions; where nobody wrote that down, what it cost."""
    rows = np.linspace(0, log.n - 1, min(log.n, 2_000)).astype(int)
    column = log.lean.published.columns(rows)["expected_costs_usd"].combine_chunks().drop_null()
    flat = column.flatten().to_numpy(zero_copy_only=False).reshape(-1, len(log.models))
    known = ~np.isnan(flat)
    if not known.any():
        known = (log.model[:, None] == np.arange(len(log.models))) & ~np.isnan(log.cost)[:, None]
        flat = np.broadcast_to(log.cost[:, None], known.shape)
    n = known.sum(0)
    found: NDArray[np.float64] = np.where(n, np.where(known, flat, 0.0).sum(0) / np.maximum(n, 1), np.nan)
    return found


def savings_of(log: Columns, baseline: Baseline, *, thorough: bool = False) -> Savings:
    """Hold what was done against each model always, on the same decisions.

    Of a long log some decisions stand for all: more for the baseline, which is evaluated by itself, than for the
    others.

    Parameters
    ----------
    log
        The decisions.
    baseline
        The model that comes first.
    thorough
        Whether all decisions are evaluated, however long that takes.
    """
    known = log.table["propensity"].is_valid().to_numpy()
    rows = np.flatnonzero(known) if known.any() else np.arange(log.n)
    others = tuple(name for name in log.models if name != baseline.model)
    parts: list[tuple[str, ...]] = [log.models]
    if not thorough and len(rows) > _most(log, log.models):
        parts = [(baseline.model,), others]
    notes, found = [], []
    try:
        for names in parts:
            some = _some(rows, len(rows) if thorough else _most(log, names))
            found += _against(log, some, names, len(rows))
            if len(some) < len(rows):
                who = baseline.model if names == (baseline.model,) else "the others"
                notes.append(f"{who}: estimated from {len(some):,} of {len(rows):,} decisions, spread evenly")
    except DataError as error:
        return Savings((), str(error), ())
    if not known.any():
        notes.append("no decision has a propensity: they were estimated, and nothing here is supported")
    elif len(rows) < log.n:
        notes.append(f"{log.n - len(rows):,} of {log.n:,} decisions have no propensity and are not evaluated")
    found.sort(key=lambda row: (row.model != baseline.model, -row.model_usd))
    return Savings(tuple(row._replace(is_baseline=row.model == baseline.model) for row in found), "", tuple(notes))


def _most(log: Columns, names: Sequence[str]) -> int:
    """Say of how many decisions some models are evaluated in about a second."""
    return max(_LEAST, int(_WORK / len(log.models) / (len(names) + 1)))


def _some(rows: Ints, most: int) -> Ints:
    """Take as many decisions, spread so that no rhythm of the log can mislead."""
    return rows if len(rows) <= most else rows[np.arange(len(rows)) * _GOLDEN % 1 < most / len(rows)]


def _against(log: Columns, rows: Ints, names: Sequence[str], n: int) -> list[Saving]:
    """Hold some decisions, which stand for n, against some models."""
    table = log.lean.take(rows)
    if table["propensity"].null_count:
        table = estimate_propensities(table)
    logged = arrays(table)
    found = evaluate(logged, {name: fixed_model(name) for name in names})
    pairs = zip(found.differences("cost"), found.differences("success"), strict=True)
    return [_saving(found, pair, (logged.n, n)) for pair in pairs]


def _saving(found: Evaluation, differences: tuple[PolicyDifference, PolicyDifference], n: tuple[int, int]) -> Saving:
    cost, success = differences
    name = cost.policy
    worse = min(cost.verdict, success.verdict, key=lambda verdict: _ORDER.index(verdict.word))
    reasons = [f"of the cost: {each}" for each in cost.verdict.reasons if each not in success.verdict.reasons]
    return Saving(
        model=name,
        is_baseline=False,
        saved_usd=cost.value,
        saved_usd_low=cost.low,
        saved_usd_high=cost.high,
        saved_usd_verdict=cost.verdict.word,
        saved_usd_conclusion=_COST.get(cost.conclusion, cost.conclusion),
        gained=-success.value,
        gained_low=-success.high,
        gained_high=-success.low,
        gained_verdict=success.verdict.word,
        gained_conclusion=_SUCCESS.get(success.conclusion, success.conclusion),
        model_success=found.estimate(name).value,
        model_usd=found.estimate(name, "cost").value,
        n=n[0],
        n_stands_for=n[1],
        verdict=worse.word,
        reasons=(*success.verdict.reasons, *reasons),
    )
