"""Propensities where nobody wrote any down, and how far any of them support a verdict."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError
from selector.replay.logs._arrays import types_of
from selector.replay.logs._checks import check_probabilities, chosen_arms, matrix
from selector.replay.logs._published import per_model
from selector.replay.logs._schema import models_of, notes_of
from selector.replay.logs._state import assembled

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["estimate_propensities", "overlap"]

_COVERED = 0.01
_DAY = 86_400_000_000


def estimate_propensities(table: pa.Table, *, per_day: bool = False, weight: float = 1.0) -> pa.Table:
    """Estimate how likely each choice was, by how often the models were chosen for tasks of the type.

    A share is shrunk towards the one above it: a type's towards all decisions', a day's towards its type's,
    (n_k + weight x share above) / (n + weight), so that no choice that was made has probability 0.

    This is no substitute for logged propensities. It assumes that nothing but the type (and the day) moved both the
    choice and the outcome: where hard tasks were sent to strong models, every estimate from it is wrong, and no
    interval shows it. The shares also use what came later. They are marked ``estimated``, and no verdict made with them
    may be called supported; `overlap` shows what little they may carry.

    Parameters
    ----------
    table
        Without any logged propensity.
    per_day
        Whether shares are those of the type's day, in UTC.
    weight
        How many decisions the share above is worth, > 0.

    Returns
    -------
    pyarrow.Table
        With `propensity`, `probabilities` and ``propensity_from``.

    Raises
    ------
    DataError
        If there are logged propensities, or weight is not a number above 0.

    Examples
    --------
    >>> from selector.replay import Columns, load_foreign
    >>> import pyarrow as pa
    >>> rows = pa.table({"when": [1, 2, 3], "kind": ["a", "a", "b"], "llm": ["x", "x", "y"]})
    >>> table = estimate_propensities(load_foreign(rows, Columns(at="when", task_type="kind", model="llm")))
    >>> [round(p, 3) for p in table["propensity"].to_pylist()], table["propensity_from"][0].as_py()
    ([0.889, 0.889, 0.667], 'estimated')
    """
    import pyarrow as pa

    if not 0 < weight < np.inf:
        raise DataError(f"weight is {weight!r}; it must be a number above 0, such as 1")
    n_models = len(models_of(table))
    _refuse_logged(table)
    arm = chosen_arms(table)
    type_, _ = types_of(table)
    whole = np.bincount(arm, minlength=n_models) / max(1, len(arm))
    share = _shares(arm, type_, np.broadcast_to(whole, (type_.max(initial=0) + 1, n_models)), weight)
    found = share[type_]
    if per_day:
        day = table["at"].cast(pa.int64()).to_numpy() // _DAY
        _, cell = np.unique(np.stack([type_, day]), axis=1, return_inverse=True)
        cell = cell.reshape(-1)
        above = np.zeros((cell.max(initial=0) + 1, n_models))
        above[cell] = found
        found = _shares(arm, cell, above, weight)[cell]
    own = found[np.arange(len(arm)), arm]
    columns = {name: table[name] for name in table.column_names}
    columns |= {
        "propensity": pa.array(own),
        "probabilities": per_model(found),
        "probabilities_exact": pa.nulls(len(own), pa.bool_()),
        "propensity_from": pa.array(["estimated"] * len(own)).dictionary_encode(),
    }
    return assembled(columns, replace(notes_of(table), propensities="estimated"))


def _refuse_logged(table: pa.Table) -> None:
    sources = table["propensity_from"].cast("string").to_pylist()
    n = sources.count("logged")
    if n:
        raise DataError(
            f"{n:,} of the {len(sources):,} decisions have a logged propensity; use those (arrays(table) leaves "
            "the others out), since estimated ones are worse, and a mixture is neither"
        )


def _shares(
    arm: NDArray[np.intp], cell: NDArray[np.intp], above: NDArray[np.float64], weight: float
) -> NDArray[np.float64]:
    """Work out each cell's shares of the models, shrunk to those above it, shape (n_cells, n_models)."""
    n_cells, n_models = above.shape
    counts = np.bincount(cell * n_models + arm, minlength=n_cells * n_models).reshape(n_cells, n_models)
    found: NDArray[np.float64] = (counts + weight * above) / (counts.sum(axis=1, keepdims=True) + weight)
    return found


def overlap(table: pa.Table) -> pa.Table:
    """Show for each task type and model how far the log supports "this model always".

    Parameters
    ----------
    table
        With propensities, logged or estimated; decisions without are left out.

    Returns
    -------
    pyarrow.Table
        A row per task type and model: ``n`` decisions of the type, ``n_chosen`` and ``share`` of the model,
        ``n_judged`` of those; ``least_propensity`` when it was chosen; ``uncovered``, the share of the type's decisions
        in which it had a probability below .01 (null: the probabilities are not known); the effective sample size
        ``ess`` = (sum w)^2 / sum w^2 of the weights w = 1 / propensity of its judged decisions, the largest one's share
        ``largest_weight``, and ``mean_weight`` over the type, which should be near 1; and ``propensities``,
        ``logged`` or ``estimated``.

    Raises
    ------
    DataError
        If there is no propensity, or one with which nothing can be chosen.
    """
    import pyarrow as pa

    models = models_of(table)
    check_probabilities(table)
    table = table.filter(table["propensity"].is_valid())
    if not len(table):
        raise DataError("no decision has a propensity; estimate them with estimate_propensities(table)")
    arm, weight = chosen_arms(table), 1 / table["propensity"].to_numpy()
    judged = table["score"].is_valid().to_numpy()
    every = matrix(table, "probabilities")
    estimated = table["propensity_from"].cast("string").to_numpy(zero_copy_only=False) == "estimated"
    type_, names = types_of(table)
    rows: list[dict[str, Any]] = []
    for place, name in enumerate(names):
        of = np.flatnonzero(type_ == place)
        known = of[~np.isnan(every[of]).all(axis=1)]
        for k, model in enumerate(models):
            hit = of[arm[of] == k]
            own = weight[hit[judged[hit]]]
            total = float(own.sum())
            rows.append(
                {
                    "task_type": name,
                    "model": model,
                    "n": len(of),
                    "n_chosen": len(hit),
                    "share": len(hit) / len(of),
                    "n_judged": len(own),
                    "least_propensity": float(1 / weight[hit].max()) if len(hit) else None,
                    "uncovered": float((np.nan_to_num(every[known, k]) < _COVERED).mean()) if len(known) else None,
                    "ess": total**2 / float((own**2).sum()) if len(own) else 0.0,
                    "largest_weight": float(own.max()) / total if len(own) else None,
                    "mean_weight": float(weight[hit].sum()) / len(of),
                    "propensities": "estimated" if estimated[of].any() else "logged",
                }
            )
    return pa.Table.from_pylist(rows)
