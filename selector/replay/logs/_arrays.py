"""A table of logged decisions as the arrays that estimators read, with nothing in a mean that came later."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError
from selector.replay.estimates._logged import LoggedArrays
from selector.replay.logs._checks import check_numbers, check_probabilities, chosen_arms, matrix
from selector.replay.logs._forced import hold_forced
from selector.replay.logs._schema import models_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["arrays", "left_out", "types_of"]

Floats = NDArray[np.float64]
_UNKNOWN = 0.5  # what is believed of a model of which nothing is known
_WEIGHT = 2.0  # how many outcomes that is worth


def arrays(table: pa.Table, *, failed: float | None = None) -> LoggedArrays:
    """Give a table of logged decisions as the arrays that estimators read.

    Only decisions with a propensity count; `left_out` says how many others there are, and why. Where the log has no
    means or costs of a model (a foreign log; a model that could not serve), the running mean of the earlier decisions
    of its task type stands in, which nothing that came later is in; before the first, .5 and the type's running cost.

    The probabilities are those that were published, with the chosen model's own replaced by the propensity and the
    others scaled to sum to one with it. Where the two agree (`probabilities_exact`) that moves the fourth digit; where
    they do not, weights of the other models are approximate, and with them adaptive weights and the value of the
    logging policy's own model-based part. Importance weights use the propensity alone and are exact. Where only a
    propensity is known, the rest is spread evenly.

    Parameters
    ----------
    table
        As `load` or `load_foreign` give it, in the order of time.
    failed
        The reward of a decision that nobody answered and nobody judged; None: not known, as any that is not judged.

    Returns
    -------
    LoggedArrays
        One row per decision with a propensity.

    Raises
    ------
    DataError
        If there is nothing to estimate from: no decision, no propensity, no score, one arm only, or probabilities with
        which nothing can be chosen; the message says what to do.

    Examples
    --------
    >>> from selector.replay import Columns, load_foreign
    >>> import pyarrow as pa
    >>> table = pa.table({"when": [1.0, 2.0], "kind": ["a", "a"], "llm": ["x", "y"], "p": [0.5, 0.5], "ok": [1, None]})
    >>> log = arrays(load_foreign(table, Columns(at="when", task_type="kind", model="llm", propensity="p", score="ok")))
    >>> log.arm, log.reward, log.mean_reward[:, 0].round(3)
    (array([0, 1]), array([ 1., nan]), array([0.5  , 0.667]))
    """
    models, n = models_of(table), len(table)
    if not n:
        raise DataError("the table has no decision; widen since and until, or choose other task types")
    check_numbers(table)
    check_probabilities(table)
    drawn = table["propensity"].is_valid()
    if table["propensity"].null_count:
        table = table.filter(drawn)
    if not len(table):
        raise DataError(
            f"none of the {n:,} decisions has a propensity; estimate them with estimate_propensities(table), which are "
            "never as good as logged ones, or load a log that `selector` wrote"
        )
    arm = chosen_arms(table)
    reward = _reward(table, failed)
    _check_arms(arm, models)
    type_, names = types_of(table)
    cost = table["cost_usd"].to_numpy().copy()
    propensity = table["propensity"].to_numpy().copy()
    means = matrix(table, "means")
    probabilities = _agreed(matrix(table, "probabilities"), arm, propensity)
    eligible = ~np.isnan(means) | (probabilities > 0)  # who had a mean could serve, even where it had no chance
    log = LoggedArrays(
        arm=arm,
        reward=reward,
        cost_usd=cost,
        propensity=propensity,
        probabilities=probabilities,
        mean_reward=_filled(means, reward, arm, type_, _UNKNOWN),
        mean_cost_usd=_filled(matrix(table, "expected_costs_usd"), cost, arm, type_, None),
        type=type_,
        models=models,
        task_types=names,
        eligible=eligible,
        strength=matrix(table, "strengths"),
        shadow_price=table["shadow_price"].to_numpy().copy(),
        known_propensities="estimated" not in table["propensity_from"].cast("string").unique().to_pylist(),
    )
    return hold_forced(log, table["reason"])


def _check_arms(arm: NDArray[np.intp], models: tuple[str, ...]) -> None:
    if (arm == arm[0]).all():
        raise DataError(
            f"only one arm: every one of the {len(arm):,} decisions chose {models[arm[0]]!r}, so the log says nothing "
            "of another; let some tasks go elsewhere (explore, or a rule with a share), and load that"
        )


def left_out(table: pa.Table) -> dict[str, int]:
    """Count the decisions without a propensity, which no estimate is made from, by why they were chosen.

    Parameters
    ----------
    table
        As `load` gives it.

    Returns
    -------
    dict
        How many by reason; ``unknown`` where the log does not say.
    """
    import pyarrow.compute as pc

    rest = table.filter(table["propensity"].is_null())
    counts = pc.value_counts(rest["reason"].cast("string").fill_null("unknown"))
    return {str(each["values"]): int(each["counts"]) for each in counts.to_pylist()}


def types_of(table: pa.Table) -> tuple[NDArray[np.intp], tuple[str, ...]]:
    """Give the task types of a table numbers.

    Parameters
    ----------
    table
        Of logged decisions.

    Returns
    -------
    index : numpy.ndarray
        Each decision's, shape (n,).
    names : tuple of str
        The types, in alphabetical order.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table["task_type"].cast(pa.string())
    names = sorted(column.unique().to_pylist())
    found: NDArray[np.intp] = pc.index_in(column, value_set=pa.array(names, pa.string())).to_numpy().astype(np.intp)
    return found, tuple(names)


def _reward(table: pa.Table, failed: float | None) -> Floats:
    found: Floats = table["score"].to_numpy().copy()
    if failed is not None:
        if not 0 <= failed <= 1:
            raise DataError(f"failed is {failed!r}; it is a reward, from 0 to 1, or None where it is not known")
        blocked = table["status"].cast("string").to_numpy(zero_copy_only=False) == "failed"
        found[blocked & np.isnan(found)] = failed
    if np.isnan(found).all():
        sources = sorted({source for row in table["scores"].to_pylist() for source, _ in row or ()})
        heard = f"there are words of {', '.join(sources)}: choose one as source=" if sources else "nobody judged any"
        raise DataError(
            f"none of the {len(found):,} decisions has an outcome that counts ({heard}); report some with "
            'selector.record(id, Outcome(score=..., source="tests")), or map a column as score'
        )
    return found


def _agreed(every: Floats, arm: NDArray[np.intp], propensity: Floats) -> Floats:
    """Let probabilities say of the chosen model what its propensity is."""
    n, n_models = every.shape
    rows = np.arange(n)
    every[np.isnan(every).all(axis=1)] = 1 / n_models
    np.nan_to_num(every, copy=False)
    every[rows, arm] = 0.0
    others = every.sum(axis=1)
    lost = others <= 0
    if (lost & (propensity < 1)).any():
        every[lost] = 1 / max(1, n_models - 1)
        every[rows[lost], arm[lost]] = 0.0
        others[lost] = 1.0
    scale = np.divide(np.clip(1 - propensity, 0, None), others, out=np.zeros(n), where=others > 0)
    every *= scale[:, None]
    every[rows, arm] = propensity
    return every


def _filled(known: Floats, value: Floats, arm: NDArray[np.intp], type_: NDArray[np.intp], base: float | None) -> Floats:
    """Put the mean of an outcome so far, by task type and model, where the log has none.

    Parameters
    ----------
    known
        What the log has, shape (n, n_models); filled in place.
    value
        The outcome of each decision, shape (n,).
    arm, type_
        What was chosen, and for which type.
    base
        What is believed of a model of which nothing is known; None: the type's mean over models so far.
    """
    gaps = np.isnan(known)
    said = ~np.isnan(value)
    for each in np.unique(type_[gaps.any(axis=1)]):
        rows = np.flatnonzero(type_ == each)
        hit = said[rows, None] & (arm[rows, None] == np.arange(known.shape[1]))
        own = np.nan_to_num(value[rows])[:, None] * hit
        n, total = np.cumsum(hit, axis=0) - hit, np.cumsum(own, axis=0) - own
        about: Floats | float = total.sum(axis=1, keepdims=True) / np.maximum(n.sum(axis=1, keepdims=True), 1)
        mean = (total + _WEIGHT * (about if base is None else base)) / (n + _WEIGHT)
        known[rows] = np.where(gaps[rows], mean, known[rows])
    return known
