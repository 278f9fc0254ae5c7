"""In which order tasks are run once more: more of the types about which least is known, with known probabilities."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError, nearest
from selector.replay.logs._arrays import types_of
from selector.replay.logs._checks import matrix
from selector.replay.logs._own_work import own_work
from selector.replay.logs._schema import models_of
from selector.replay.pairs._tasks import PairTask

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["TypeNeed", "in_order", "keys_of", "needs_of", "rates_of"]

_LEAST_RATE = 0.05  # of the highest: every type has a chance
_UNTRIED = 2.0  # how many outcomes the belief about a model is worth of which nothing is published
_LEAST_SPREAD = 0.05
_CALLS = 2.0  # judging costs about as much as answering


class TypeNeed(NamedTuple):
    """What is known of a task type before any pair."""

    n: int
    """Its decisions."""
    share_other: float
    """Which share of them chose another model than the second."""
    half_width: float
    """How far the difference in success may be from what is believed of it, at 95 %."""
    spread: float
    """Standard deviation of the difference on one task."""
    usd: float
    """What a pair is expected to cost, about."""


def needs_of(table: pa.Table, second: str) -> dict[str, TypeNeed]:
    """Say of each task type how little is known of the second model against what the log's policy chose.

    Parameters
    ----------
    table
        As `load` gives it.
    second
        The second model.

    Raises
    ------
    DataError
        If the log does not know it.
    """
    import pyarrow as pa

    table = table.filter(pa.array(~own_work(table)))
    models = models_of(table)
    if second not in models:
        raise DataError(f"the log knows no model {second!r}{nearest(second, models)}; it has {', '.join(models)}")
    arm = models.index(second)
    type_, names = types_of(table)
    mean, strength, expected = (matrix(table, name)[:, arm] for name in ("means", "strengths", "expected_costs_usd"))
    score, cost = table["score"].to_numpy(), table["cost_usd"].to_numpy()
    other = np.array([name != second for name in table["model"].to_pylist()])
    found = {}
    for place, name in enumerate(names):
        rows = type_ == place
        believed = np.flatnonzero(rows & ~np.isnan(mean) & ~np.isnan(strength))
        m, n = (float(mean[believed[-1]]), float(strength[believed[-1]])) if len(believed) else (0.5, _UNTRIED)
        judged = score[rows & ~np.isnan(score)]
        s = (float(judged.sum()) + 1) / (len(judged) + 2)
        variance = m * (1 - m) / (n + 1) + s * (1 - s) / (len(judged) + 2)
        paid = [float(np.nanmean(each[rows])) for each in (expected, cost) if not np.isnan(each[rows]).all()]
        found[name] = TypeNeed(
            n=int(rows.sum()),
            share_other=float(other[rows].mean()),
            half_width=1.96 * math.sqrt(variance),
            spread=math.sqrt(max(m * (1 - m) + s * (1 - s), _LEAST_SPREAD)),
            usd=_CALLS * sum(paid),
        )
    return found


def rates_of(needs: Mapping[str, TypeNeed], usd: float) -> dict[str, float]:
    """Work out how often to run tasks of each type, relative to the type that is run most.

    So that the difference over all tasks is known best for the money (Neyman's allocation with what is known already):
    with h its uncertainty, w a type's share of the tasks, s the spread of one pair and c its cost, n pairs leave the
    variance 1/(1/h^2 + n/s^2); w^2 times that, summed over types, is least where it falls by as much per dollar in
    every type that gets any. Every type keeps a twentieth of the highest rate.

    Parameters
    ----------
    needs
        What is known of each type.
    usd
        What may be spent.

    Examples
    --------
    >>> known = TypeNeed(n=500, share_other=1.0, half_width=0.02, spread=0.5, usd=0.01)
    >>> rates_of({"chat": known, "code": known._replace(half_width=0.4)}, usd=1.0)
    {'chat': 0.05, 'code': 1.0}
    """
    names = list(needs)
    w = np.array([needs[name].n * needs[name].share_other for name in names])
    w = w / max(w.sum(), 1e-300)
    h2 = np.array([(needs[name].half_width / 1.96) ** 2 for name in names])
    s2 = np.array([needs[name].spread ** 2 for name in names])
    c = np.array([needs[name].usd for name in names])
    c = np.where(c > 0, c, max(float(c.max(initial=0.0)), 1.0) * 1e-3)

    def pairs(log_price: float) -> NDArray[np.float64]:
        left = math.exp(log_price) * np.sqrt(c * s2) / np.maximum(w, 1e-300)
        found: NDArray[np.float64] = np.maximum(s2 * (1 / left - 1 / h2), 0.0)
        return found

    low, high = -60.0, 60.0
    for _ in range(100):
        middle = (low + high) / 2
        low, high = (middle, high) if c @ pairs(middle) > usd else (low, middle)
    tasks = np.array([max(needs[name].n * needs[name].share_other, 1.0) for name in names])
    rates = pairs(high) / tasks
    top = float(rates.max(initial=0.0))
    rates = np.ones(len(names)) if top <= 0 else np.maximum(rates / top, _LEAST_RATE)
    return dict(zip(names, (float(each) for each in rates), strict=True))


def keys_of(ids: Sequence[str], rates: Sequence[float], salt: str) -> NDArray[np.float64]:
    """Return the keys by which tasks are ordered: a task is among those with a key below t with probability t rate.

    Sequential Poisson sampling (Ohlsson 1998): each task has a number of its own, spread evenly over [0, 1) by its id,
    divided by its rate. However far the money goes, what was run is a sample with known probabilities, and more money
    makes it a larger one of the same kind.

    Parameters
    ----------
    ids, rates
        Of the tasks.
    salt
        What sets one sample apart from another.

    Examples
    --------
    >>> keys = keys_of(["a", "b"], [1.0, 0.5], "s")
    >>> bool(keys[1] == 2 * keys_of(["b"], [1.0], "s")[0])
    True
    """
    key = blake2b(salt.encode(), digest_size=32).digest()
    units = [int.from_bytes(blake2b(id_.encode(), digest_size=8, key=key).digest(), "big") / 2.0**64 for id_ in ids]
    return np.array(units) / np.array(rates, np.float64)


def in_order(tasks: Sequence[PairTask], rates: Mapping[str, float], salt: str) -> list[tuple[float, PairTask]]:
    """Put tasks in the order in which they are run, with their keys.

    Parameters
    ----------
    tasks
        Any.
    rates
        By task type; a type that came later has the highest.
    salt
        As of `keys_of`.
    """
    keys = keys_of([task.id for task in tasks], [rates.get(task.task_type, 1.0) for task in tasks], salt)
    return [(float(keys[k]), tasks[k]) for k in np.argsort(keys, kind="stable")]
