"""Beliefs as a table: what anyone may read, and what the next process takes up again."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from selector._clients.learning._mind import Mind
from selector.posteriors import Beliefs, Cells, Event, Success, Tokens

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["FOLD_VERSION", "beliefs_table", "restore", "saved"]

FOLD_VERSION = 1
"""What the sums mean; another one is folded anew from the log."""


def beliefs_table(mind: Mind, now: float, at_s: float) -> pa.Table:
    """Lay out what is believed of every model on every task type as of now.

    Parameters
    ----------
    mind
        Whose beliefs; nothing may wait to be learnt.
    now
        In the unit in which evidence ages.
    at_s
        The time in seconds since 1970.

    Returns
    -------
    pyarrow.Table
        A row per model and task type; models that are no longer configured have sums and no posterior.
    """
    import pyarrow as pa

    columns = _configured(mind, now)
    if not mind.index:
        columns = {name: [] for name in columns}
    others = _retired(mind, now)
    merged = {name: [*columns[name], *others.get(name, [None] * len(others["model"]))] for name in columns}
    rescues = [mind.rescues.get(key, (0, 0.0)) for key in zip(merged["task_type"], merged["model"], strict=True)]
    merged["n_after_failure"] = [int(n) for n, _ in rescues]
    merged["score_sum_after_failure"] = [float(total) for _, total in rescues]
    merged["updated_at"] = [datetime.fromtimestamp(at_s, UTC)] * len(merged["model"])
    types = {name: pa.string() for name in ("model", "task_type")} | dict.fromkeys(
        ("n_outcomes", "n_after_failure"), pa.int64()
    )
    types["updated_at"] = pa.timestamp("us", tz="UTC")
    return pa.table({name: pa.array(values, types.get(name, pa.float64())) for name, values in merged.items()})


def _sums(beliefs: Beliefs, now: float) -> dict[str, list[Any]]:
    n, total, square = beliefs.success.evidence.now(now)[:, 0].reshape(3, -1)
    used, tokens = beliefs.tokens.evidence.now(now)[:, 0].reshape(2, -1)
    return {
        "n_outcomes": np.round(beliefs.n[0]).astype(int).reshape(-1).tolist(),
        "evidence": n.tolist(),
        "score_sum": total.tolist(),
        "score_square_sum": square.tolist(),
        "usage_evidence": used.tolist(),
        "token_sum": tokens.tolist(),
    }


def _configured(mind: Mind, now: float) -> dict[str, list[Any]]:
    """Pool as of now, beside what is published: reading beliefs moves no choice."""
    learnt = mind.learnt_tokens(now)  # which may make room for types that were measured and not learnt of yet
    beliefs, setup = mind.beliefs, mind.decider.setup
    success = Success(beliefs.success.evidence, setup.priors, now)
    tokens = Tokens(beliefs.tokens.evidence, setup.priors.tokens, now, learnt)
    alpha, beta, prior = success.alpha[0].reshape(-1), success.beta[0].reshape(-1), success.prior[0].reshape(-1)
    strength = success.strength[0].reshape(-1)
    tariff = mind.tariff
    dollars = mind.dollar_ratio()
    expected = tokens.mean[0]
    cost = expected * (tariff.usd_per_token * dollars) + mind.fixed_usd(now)
    known = np.where(tariff.known, expected, np.nan)
    return {
        "model": list(mind.plan.models) * len(mind.types),
        "task_type": [name for name in mind.types for _ in mind.plan.models],
        **_sums(beliefs, now),
        "prior_mean": prior.tolist(),
        "prior_share": (strength / (alpha + beta)).tolist(),
        "alpha": alpha.tolist(),
        "beta": beta.tolist(),
        "success": (alpha / (alpha + beta)).tolist(),
        "expected_output_tokens": [None if math.isnan(x) else x for x in known.reshape(-1).tolist()],
        "expected_cost_usd": cost.reshape(-1).tolist(),
    }


def _retired(mind: Mind, now: float) -> dict[str, list[Any]]:
    models, types = mind.retired_models, mind.retired_types
    return {
        "model": models * len(types),
        "task_type": [name for name in types for _ in models],
        **_sums(mind.retired, now),
    }


def saved(mind: Mind, now: float) -> dict[str, Any]:
    """Write down what the table does not hold and a choice depends on."""
    decider, inputs = mind.decider, mind.input_sums(now)
    return {
        "now": now,
        "events": [
            [
                *(e.kind, e.at, mind.types[e.index] if e.kind == "version" else mind.plan.models[e.index], e.keep),
                None if e.type is None else mind.types[e.type],
            ]
            for e in mind.beliefs.events
        ]
        + [
            [e.kind, e.at, mind.retired_models[e.index], e.keep, None if e.type is None else mind.retired_types[e.type]]
            for e in mind.retired.events
            if e.kind != "version"
        ],
        "types": list(mind.index),
        "models": list(mind.plan.models),
        "inputs": inputs[:, : len(mind.index)].tolist(),
        "latency": mind.latency.now(now)[:, : len(mind.index)].tolist(),
        "rescues": [[*key, *sums] for key, sums in sorted(mind.rescues.items())],
        "unpriced": sorted(mind.unpriced),
        "ratios": [mind.ratios.dollars.tolist(), mind.ratios.inputs.tolist(), mind.ratios.lengths.tolist()],
        "n_outcomes": decider.n_outcomes,
        "mix": decider.mix[0, : len(mind.index)].tolist(),
        "price": decider.solver.price.tolist(),
        "cusum": mind.beliefs.cusum.sums[:, 0].tolist(),
        "allowance": decider.allowance.dump(),
        "prices": mind.prices.tolist(),
    }


def restore(mind: Mind, table: pa.Table, extra: dict[str, Any]) -> None:
    """Take up what a table and what was saved beside it hold.

    Parameters
    ----------
    mind
        That nothing was learnt by yet.
    table, extra
        What `beliefs_table` and `saved` gave.
    """
    now, unpriced = float(extra["now"]), frozenset(extra["unpriced"])
    changed = {name for name in mind.models if (name in mind.unpriced) != (name in unpriced)}
    for name in extra["types"]:
        mind.type_of(name, now)
    own: list[tuple[int, int, dict[str, Any]]] = []
    for row in table.to_pylist():
        if row["model"] in changed:  # its usage was believed in dollars, and is in tokens now, or the other way
            row |= {"usage_evidence": 0.0, "token_sum": 0.0}
        if row["model"] in mind.models:
            own.append((mind.type_of(row["task_type"], now), mind.models[row["model"]], row))
        elif row["n_outcomes"] or row["usage_evidence"]:
            _add(mind.retired, [(*mind.retired_cell(row["task_type"], row["model"], now), row)], now)
    _add(mind.beliefs, own, now)
    places = [mind.models.get(name) for name in extra["models"]]
    kept = [(old, new) for old, new in enumerate(places) if new is not None]
    mind.rescues = {(type_, model): [n, total] for type_, model, n, total in extra.get("rescues", ())}
    _restore_rest(mind, extra, kept)
    for kind, at, name, keep, *of in extra["events"]:
        _remember(mind, (kind, at, name, keep, of[0] if of else None), now)


def _remember(mind: Mind, event: tuple[Any, ...], now: float) -> None:
    """Take up what made evidence that is there already count less, and does so with what comes late."""
    kind, at, name, keep, of = event
    if kind == "version":
        mind.retired.remember(Event(kind, at, mind.retired_cell(name, None, now)[0], keep))
        if name in mind.index:
            mind.beliefs.remember(Event(kind, at, mind.index[name], keep))
    elif name in mind.models:
        mind.beliefs.remember(Event(kind, at, mind.models[name], keep, type=None if of is None else mind.index[of]))
    else:
        type_, model = mind.retired_cell(of, name, now)
        mind.retired.remember(Event(kind, at, model, keep, type=None if of is None else type_))


def _add(beliefs: Beliefs, rows: list[tuple[int, int, dict[str, Any]]], now: float) -> None:
    if not rows:
        return
    types, models, values = zip(*rows, strict=True)
    cells = Cells(np.zeros(len(rows), np.intp), np.array(types, np.intp), np.array(models, np.intp))
    judged = np.array([[row[name] for row in values] for name in ("evidence", "score_sum", "score_square_sum")])
    used = np.array([[row[name] for row in values] for name in ("usage_evidence", "token_sum")])
    beliefs.success.evidence.add(cells, judged, now)
    beliefs.tokens.evidence.add(cells, used, now)
    np.add.at(beliefs.n, (cells.seed, cells.type, cells.model), [row["n_outcomes"] for row in values])


def _restore_rest(mind: Mind, extra: dict[str, Any], kept: list[tuple[int, int]]) -> None:
    decider, n_types = mind.decider, len(extra["types"])
    waited = np.zeros((3, len(mind.types), len(mind.plan.models)))
    before = np.array(extra["latency"]).reshape(3, n_types, len(extra["models"]))
    for name, row in zip(extra["types"], before.transpose(1, 0, 2), strict=True):
        waited[:, mind.index[name]][:, [new for _, new in kept]] = row[:, [old for old, _ in kept]]
    mind.latency.load(waited, float(extra["now"]))
    places = [mind.index[name] for name in extra["types"]]
    none, of = np.zeros(n_types, np.intp), np.array(places, np.intp)
    mind.inputs.add(Cells(none, of, none), np.array(extra["inputs"]).reshape(2, n_types), float(extra["now"]))
    old, new = [a for a, _ in kept], [b for _, b in kept]
    for sums, values in zip(
        (mind.ratios.dollars, mind.ratios.inputs, mind.ratios.lengths), extra["ratios"], strict=True
    ):
        sums[:, new] = np.array(values)[:, old]
    decider.n_outcomes = int(extra["n_outcomes"])
    decider.mix[0, places] = extra["mix"]
    decider.solver.price[:] = extra["price"]
    mind.beliefs.cusum.sums[:, 0, new] = np.array(extra["cusum"])[:, old]
    decider.allowance.load(extra["allowance"], kept)
    if "prices" in extra:
        mind.priced = mind.prices
        mind.priced[:, new] = np.array(extra["prices"], float)[:, old]
