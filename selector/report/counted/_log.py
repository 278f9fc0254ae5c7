"""A log's decisions as plain columns, and the means with intervals that are taken of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from selector.policies import EpsilonGreedy
from selector.records import Basis
from selector.replay import LeanLog, models_of
from selector.report.counted._facts import Measured

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["DAY_S", "Columns", "codes_of", "dollars", "moment", "score_interval", "scores", "sharpness_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

DAY_S = 86_400
_Z = 1.959963984540054  # of 95 %
_SHARPEST = 4.0  # graded scores are worth so many pass-or-fail outcomes at most
_ENOUGH = 20  # degrees of freedom below which scores are taken to be pass or fail


@dataclass(frozen=True, slots=True)
class Columns:
    """What facts are counted from, a row per decision, by time."""

    table: pa.Table
    """The log, as `selector.replay.load_lean` gives it: without what was published of every model."""
    lean: LeanLog
    """The same, which works that out for some decisions."""
    models: tuple[str, ...]
    task_types: tuple[str, ...]
    at: Floats
    """Seconds since 1970."""
    model: Ints
    """Place among the models."""
    type: Ints
    score: Floats
    """nan: not judged."""
    cost: Floats
    """Dollars of all attempts; nan: unknown."""
    shadow_price: Floats
    judged_at: Floats
    """Seconds since 1970; nan: not judged."""
    explored: NDArray[np.bool_]
    """Made to learn; where a policy explores by lot, without saying when: less likely than any lot among all models."""
    reported: NDArray[np.bool_]
    unanswered: NDArray[np.bool_]
    sharpness: float
    """How many pass-or-fail outcomes a score is worth, 1 to 4."""

    @classmethod
    def of(cls, log: LeanLog) -> Columns:
        """Read a log."""
        table = log.table
        models = models_of(table)
        words, codes = codes_of(table, "model")
        places = {name: place for place, name in enumerate(models)}
        types, type_codes = codes_of(table, "task_type")
        names = tuple(sorted(types))
        model = np.array([places[name] for name in words], np.intp)[codes]
        type_ = np.array([names.index(name) for name in types], np.intp)[type_codes]
        score = _floats(table, "score")
        return cls(
            table=table,
            lean=log,
            models=models,
            task_types=names,
            at=_seconds(table, "at"),
            model=model,
            type=type_,
            score=score,
            cost=_floats(table, "cost_usd"),
            shadow_price=_floats(table, "shadow_price"),
            judged_at=_seconds(table, "judged_at"),
            explored=_is(table, "reason", Basis.EXPLORATION.value) | _by_lot(table, len(models)),
            reported=~_is(table, "status", "unreported"),
            unanswered=_is(table, "status", "failed"),
            sharpness=sharpness_of(score, type_ * len(models) + model),
        )

    @property
    def n(self) -> int:
        """How many decisions there are."""
        return len(self.at)

    @property
    def judged(self) -> NDArray[np.bool_]:
        """Which decisions have a score."""
        return ~np.isnan(self.score)


def codes_of(table: pa.Table, name: str) -> tuple[list[str], Ints]:
    """Read a column of words: the words that occur, and which of them each row has; -1: none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = table[name]
    if not pa.types.is_dictionary(column.type):
        column = pc.dictionary_encode(column)
    column = column.unify_dictionaries()
    if not column.num_chunks:
        return [], np.zeros(0, np.intp)
    words: list[str] = column.chunk(0).dictionary.to_pylist()
    codes = np.concatenate([pc.fill_null(each.indices, -1).to_numpy() for each in column.chunks]).astype(np.intp)
    used = np.flatnonzero(np.bincount(codes[codes >= 0], minlength=len(words)))
    place = np.full(len(words) + 1, -1, np.intp)  # the last: none
    place[used] = np.arange(len(used))
    return [words[k] for k in used.tolist()], place[codes]


def _floats(table: pa.Table, name: str) -> Floats:
    found: Floats = table[name].cast("float64").to_numpy()
    return found


def _seconds(table: pa.Table, name: str) -> Floats:
    """Read times as seconds since 1970; nan: null."""
    import pyarrow as pa

    found: Floats = table[name].cast(pa.int64()).to_numpy().astype(np.float64) / 1e6
    return found


def _is(table: pa.Table, name: str, word: str) -> NDArray[np.bool_]:
    words, codes = codes_of(table, name)
    return codes == words.index(word) if word in words else np.zeros(len(table), bool)


def _by_lot(table: pa.Table, n_models: int) -> NDArray[np.bool_]:
    found: NDArray[np.bool_] = _is(table, "policy", EpsilonGreedy.name) & (_floats(table, "propensity") * n_models < 1)
    return found


def moment(seconds: float) -> datetime:
    """Give seconds since 1970 as a time in UTC."""
    return datetime.fromtimestamp(seconds, UTC)


def sharpness_of(score: Floats, cell: Ints) -> float:
    """Say how many pass-or-fail outcomes a score is worth: the spread those would have, over that of the scores.

    Parameters
    ----------
    score
        nan: not judged, shape (n,).
    cell
        Which scores are alike: their spread is taken around the mean of each.

    Examples
    --------
    >>> alike = np.zeros(100, int)
    >>> sharpness_of(np.tile([0.0, 1.0], 50), alike), sharpness_of(np.tile([0.4, 0.6], 50), alike)
    (1.0, 4.0)
    """
    known = ~np.isnan(score)
    if not known.any():
        return 1.0
    r, of = score[known], cell[known]
    n = np.bincount(of)
    total, square = np.bincount(of, r), np.bincount(of, r * r)
    n, total, square = (each[n >= 2] for each in (n, total, square))
    freedom = float((n - 1).sum())
    if freedom < _ENOUGH:
        return 1.0
    mean = total / n
    spread = float((square - total * mean).sum())
    binary = float(((n - 1) * mean * (1 - mean)).sum())
    if spread <= 1e-9 * freedom:
        return 1.0 if binary <= 1e-9 * freedom else _SHARPEST
    return float(np.clip(binary / spread, 1.0, _SHARPEST))


def score_interval(total: Floats, n: Floats, sharpness: float = 1.0) -> tuple[Floats, Floats]:
    """Return Wilson's 95 % interval of mean scores.

    Of pass or fail it is Wilson's own. Graded scores spread less: each then counts as several (`sharpness_of`).

    Parameters
    ----------
    total
        Sum of the scores.
    n
        How many; where it is 0, the ends are nan.
    sharpness
        How many pass-or-fail outcomes a score is worth.

    Examples
    --------
    >>> low, high = score_interval(np.array([8.0]), np.array([10.0]))
    >>> low.round(3), high.round(3)
    (array([0.49]), array([0.943]))
    """
    with np.errstate(invalid="ignore", divide="ignore"):
        p, m = total / n, n * sharpness
        middle = (p + _Z**2 / (2 * m)) / (1 + _Z**2 / m)
        half = _Z / (1 + _Z**2 / m) * np.sqrt(np.clip(p * (1 - p), 0, None) / m + _Z**2 / (4 * m * m))
    return np.clip(middle - half, 0.0, 1.0), np.clip(middle + half, 0.0, 1.0)


def scores(score: Floats, group: Ints, n_groups: int, sharpness: float) -> list[Measured]:
    """Return the mean score of each group, with its interval; rows that are not judged are left out."""
    known = ~np.isnan(score)
    n = np.bincount(group[known], minlength=n_groups).astype(float)
    total = np.bincount(group[known], score[known], minlength=n_groups).astype(float)
    low, high = score_interval(total, n, sharpness)
    with np.errstate(invalid="ignore"):
        mean = total / n
    return _rows(mean, low, high, n)


def dollars(cost: Floats, group: Ints, n_groups: int) -> list[Measured]:
    """Return the mean cost of each group, with its interval; rows of unknown cost are left out."""
    known = ~np.isnan(cost)
    of, value = group[known], cost[known]
    n = np.bincount(of, minlength=n_groups).astype(float)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(of, value, minlength=n_groups) / n
        spread = np.bincount(of, (value - mean[of]) ** 2, minlength=n_groups)
        half = np.where(n > 1, _Z * np.sqrt(spread / (n - 1) / n), np.nan)
    return _rows(mean, np.maximum(mean - half, 0.0), mean + half, n)


def _rows(*columns: Sequence[float] | Floats) -> list[Measured]:
    value, low, high, n = (np.asarray(each, float).tolist() for each in columns)
    return [Measured(v, a, b, int(m)) for v, a, b, m in zip(value, low, high, n, strict=True)]
