"""Target policies: functions from logged arrays to the probabilities with which another policy would have chosen."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError, UnknownModelError
from selector.replay.estimates._logged import LoggedArrays

__all__ = ["Target", "fixed_model", "frozen", "logging_policy", "probabilities_of", "uniform", "without_model"]

Floats = NDArray[np.float64]
Target = Callable[[LoggedArrays], Floats]
_SUM_TOLERANCE = 1e-6


def fixed_model(model: str) -> Target:
    """Choose always one model, also where it was not eligible: what the log cannot say of it shows as uncovered.

    Examples
    --------
    >>> fixed_model("large")(_example())
    array([[0., 1.],
           [0., 1.]])
    """

    def probabilities(log: LoggedArrays) -> Floats:
        p = np.zeros((log.n, len(log.models)))
        p[:, _place(model, log)] = 1.0
        return p

    return probabilities


def uniform(log: LoggedArrays) -> Floats:
    """Choose any of the models that were eligible, all with the same probability.

    Examples
    --------
    >>> uniform(_example())
    array([[0.5, 0.5],
           [1. , 0. ]])
    """
    may = log.may.astype(float)
    p: Floats = may / may.sum(1, keepdims=True)
    return p


def logging_policy(log: LoggedArrays) -> Floats:
    """Choose as it was chosen."""
    return log.probabilities


def without_model(model: str) -> Target:
    """Choose as it was chosen, but never one model: its probability goes to the others in proportion to theirs.

    This holds the beliefs and the price as they were: without the model, the selector would have learnt more of the
    others and paid another price. Where no other was eligible, any of the others is chosen, which shows as uncovered.

    Examples
    --------
    >>> without_model("small")(_example())
    array([[0., 1.],
           [0., 1.]])
    """

    def probabilities(log: LoggedArrays) -> Floats:
        place = _place(model, log)
        p = np.array(log.probabilities, np.float64)
        p[:, place] = 0.0
        total = p.sum(1, keepdims=True)
        alone = total[:, 0] <= 0
        if alone.any():
            p[alone] = 1.0
            p[alone, place] = 0.0
            total = p.sum(1, keepdims=True)
        spread: Floats = p / total
        return spread

    return probabilities


def frozen(mean_reward: Floats, mean_cost_usd: Floats, price: float = 0.0, *, temperature: float = 0.0) -> Target:
    """Choose by success less price times cost, beliefs frozen at given numbers: the best, or by softmax.

    The numbers must not come from the very outcomes that are evaluated: a policy fitted to a log looks better on that
    log than it is. Take them from an earlier part of it.

    Parameters
    ----------
    mean_reward, mean_cost_usd
        Per task type and model, shape (n_types, n_models).
    price
        Successes per dollar.
    temperature
        0: the best of the eligible models, ties shared; else probabilities proportional to exp(utility / temperature).

    Raises
    ------
    DataError
        A number cannot be.

    Examples
    --------
    >>> frozen(np.array([[0.5, 0.9]]), np.array([[0.01, 0.03]]), price=5.0)(_example())
    array([[0., 1.],
           [1., 0.]])
    """
    utility = np.asarray(mean_reward, float) - price * np.asarray(mean_cost_usd, float)
    if utility.ndim != 2 or not np.isfinite(utility).all():
        raise DataError("mean_reward, mean_cost_usd: finite numbers of shape (n_types, n_models) are needed")
    if not temperature >= 0:
        raise DataError(f"temperature: {temperature} is below 0; 0 takes the best, more spreads over the others")

    def probabilities(log: LoggedArrays) -> Floats:
        if utility.shape != (len(log.task_types), len(log.models)):
            wanted = f"{len(log.task_types)} task types and {len(log.models)} models"
            raise DataError(f"mean_reward: its shape is {utility.shape}, and the log has {wanted}")
        each = np.where(log.may, utility[log.type], -np.inf)
        gap = each - each.max(1, keepdims=True)
        p = (gap == 0).astype(float) if temperature == 0 else np.exp(gap / temperature)
        total: Floats = p / p.sum(1, keepdims=True)
        return total

    return probabilities


def probabilities_of(target: Target | Floats, log: LoggedArrays, rows: slice, name: str) -> Floats:
    """Return a target's probabilities of some rows, checked.

    Parameters
    ----------
    target
        A function, or an array over the whole log.
    log
        These rows of it.
    rows
        Which they are.
    name
        The policy's, for errors.

    Raises
    ------
    DataError
        They are not probabilities of the log's models.
    """
    p = np.asarray(target(log) if callable(target) else target[rows], np.float64)
    wanted = (log.n, len(log.models))
    if p.shape != wanted:
        raise DataError(f"policy {name!r}: its probabilities have shape {p.shape}, and {wanted} is needed")
    total = p @ np.ones(p.shape[1])
    bad = ~(np.abs(total - 1.0) <= _SUM_TOLERANCE)
    if bad.any() or p.min() < 0:
        row = int(bad.argmax()) if bad.any() else int(p.min(1).argmin())
        shown = np.round(p[row], 6).tolist()
        raise DataError(f"policy {name!r}: row {rows.start + row} has {shown}; give probabilities that sum to 1")
    return p


def _place(model: str, log: LoggedArrays) -> int:
    if model not in log.models:
        raise UnknownModelError.of(model, log.models, key="policy")
    return log.models.index(model)


def _example() -> LoggedArrays:
    """Return two decisions between two models, of which the second was not eligible at the second."""
    wide = np.array([[0.5, 0.5], [1.0, 0.0]])
    zero, one = np.zeros(2, np.intp), np.ones(2)
    return LoggedArrays(
        arm=zero,
        reward=one,
        cost_usd=one,
        propensity=np.array([0.5, 1.0]),
        probabilities=wide,
        mean_reward=wide,
        mean_cost_usd=wide,
        type=zero,
        models=("small", "large"),
        task_types=("chat",),
    )
