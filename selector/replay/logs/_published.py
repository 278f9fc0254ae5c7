"""What was published of every model before each decision, worked out for the decisions that are asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from selector.records import Basis
from selector.replay.logs._pack import BLOCK, Deals, words_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["PUBLISHED", "Published", "per_model"]

PUBLISHED = ("means", "strengths", "probabilities", "probabilities_exact", "expected_costs_usd")
"""The fields that this works out."""
_PER_DEAL = ("mean", "strength", "probability", "input_usd", "answer_usd")
_SAME = 2e-3  # what is published has four digits


class Published:
    """What was on the table at each decision.

    Parameters
    ----------
    decided
        The decisions, as packed.
    deals
        What was on the table, time after time.
    models
        All models.
    chosen
        Which of them each decision chose, shape (n,).
    propensity
        How likely that was, shape (n,); nan: nobody chose.
    """

    def __init__(
        self,
        decided: pa.Table,
        deals: Deals,
        models: tuple[str, ...],
        chosen: NDArray[np.intp],
        propensity: NDArray[np.float64],
    ) -> None:
        words, index = words_of(decided["deal"])
        self._decided = decided.select(["input_tokens", "exclusions", "costs"]).combine_chunks()
        self._deals, self._models, self._chosen, self._said = deals, models, chosen, propensity
        self._deal = np.append(deals.places(words), -1)[index]  # -1, the last: none
        self._at = {name: deals.per_model(name, len(models)) for name in _PER_DEAL}
        self._trials = _trials(decided, chosen)

    def columns(self, rows: NDArray[np.intp] | None = None) -> dict[str, Any]:
        """Give the fields of `PUBLISHED`, a few thousand rows at a time.

        Parameters
        ----------
        rows
            The decisions; None: all.
        """
        import pyarrow as pa

        n = len(self._deal) if rows is None else len(rows)
        blocks: dict[str, list[pa.Array]] = {name: [] for name in PUBLISHED}
        for start in range(0, max(n, 1), BLOCK):
            some = slice(start, start + BLOCK) if rows is None else np.asarray(rows[start : start + BLOCK])
            for name, block in self._block(some).items():
                blocks[name].append(block)
        return {name: pa.chunked_array(each) for name, each in blocks.items()}

    def _block(self, rows: slice | NDArray[np.intp]) -> dict[str, pa.Array]:
        import pyarrow as pa

        deal, arm, said = self._deal[rows], self._chosen[rows], self._said[rows]
        some = self._decided[rows] if isinstance(rows, slice) else self._decided.take(pa.array(rows))
        mean, strength = self._at["mean"][deal], self._at["strength"][deal]
        able = ~np.isnan(mean) & _allowed(some, self._models)
        mean[~able] = strength[~able] = np.nan
        likely = _normalised(np.where(able, self._at["probability"][deal], 0.0))
        if self._trials is not None:
            place, share = self._trials
            _mix(likely, able, (arm, said), place[rows], share[rows])
        certain = np.flatnonzero(said == 1.0)
        likely[certain] = 0.0
        likely[certain, arm[certain]] = 1.0
        own = likely[np.arange(len(arm)), arm]
        with np.errstate(invalid="ignore"):
            exact = np.abs(own - said) <= _SAME * said + 1e-6
        cost = _costs(some, self._deals, deal, self._at)
        cost[~able] = np.nan
        return {
            "means": per_model(mean),
            "strengths": per_model(strength),
            "probabilities": per_model(likely),
            "probabilities_exact": pa.array(exact, mask=np.isnan(own) | np.isnan(said)),
            "expected_costs_usd": per_model(cost),
        }


def _allowed(decided: pa.Table, models: tuple[str, ...]) -> NDArray[np.bool_]:
    """Tell whom each task itself excluded, shape (n, n_models) or (1, 1) where none did."""
    import pyarrow.compute as pc

    excluded = decided["exclusions"].combine_chunks()
    if excluded.null_count == len(excluded):
        return np.ones((1, 1), bool)
    numbers = {name: k for k, name in enumerate(models)}
    found = np.ones((len(excluded), len(models)), bool)
    rows = pc.list_parent_indices(excluded)
    for row, name in zip(rows.to_pylist(), excluded.flatten().to_pylist(), strict=True):
        if name in numbers:
            found[row, numbers[name]] = False
    return found


def _trials(decided: pa.Table, chosen: NDArray[np.intp]) -> tuple[NDArray[np.intp], NDArray[np.float64]] | None:
    """Say to which model a share of tasks like each was given by a rule, -1: to none, and what share; None: none was.

    A decision on the other side does not name that model: those that were forced do.
    """
    names, of = words_of(decided["experiment"])
    if not names:
        return None
    sides, side = words_of(decided["arm"])
    reasons, reason = words_of(decided["reason"])
    forced = (np.append(sides, "")[side] == "treatment") & (np.append(reasons, "")[reason] == Basis.RULE.value)
    place = np.full(len(of), -1, np.intp)
    for i in range(len(names)):
        models = np.unique(chosen[forced & (of == i)])
        if len(models) == 1:
            place[of == i] = models[0]
    share: NDArray[np.float64] = decided["share"].cast("float64").to_numpy()
    return place, share


def _mix(
    likely: NDArray[np.float64],
    able: NDArray[np.bool_],
    chose: tuple[NDArray[np.intp], NDArray[np.float64]],
    place: NDArray[np.intp],
    share: NDArray[np.float64],
) -> None:
    """Put the share that a model was given by a rule into what was published, where the propensity can be of both."""
    arm, said = chose
    fits = np.where(arm == place, said >= share * (1 - _SAME), said <= (1 - share) * (1 + _SAME))
    rows = np.flatnonzero((place >= 0) & (arm >= 0) & fits)
    rows = rows[able[rows, place[rows]]]
    likely[rows] *= 1 - share[rows, None]
    likely[rows, place[rows]] += share[rows]


def _normalised(likely: NDArray[np.float64]) -> NDArray[np.float64]:
    """Let each row sum to one; a row without any is nan."""
    total = likely.sum(axis=1, keepdims=True)
    found: NDArray[np.float64] = np.divide(likely, total, out=np.full_like(likely, np.nan), where=total > 0)
    return found


def _costs(
    decided: pa.Table, deals: Deals, place: NDArray[np.intp], at: Mapping[str, NDArray[np.float64]]
) -> NDArray[np.float64]:
    """Work out what each task was expected to cost at each model: by its own length, where that was known."""
    known: NDArray[np.float64] = decided["input_tokens"].cast("float64").to_numpy()
    length = np.where(np.isnan(known), deals.usual_input[place], known)
    found: NDArray[np.float64] = at["input_usd"][place] * length[:, None] + at["answer_usd"][place]
    own = decided["costs"].combine_chunks()
    if own.null_count < len(own):
        sizes = [*deals.sizes, -1]
        for row in np.flatnonzero(own.is_valid().to_numpy(zero_copy_only=False)).tolist():
            values = own[row].as_py()
            if len(values) == sizes[place[row]]:
                found[row, deals.arms(int(place[row]))] = values
    return found


def per_model(values: NDArray[np.float64]) -> pa.Array:
    """Lay numbers per model out as lists of one length; nan is null, and a row of nothing else is null.

    Parameters
    ----------
    values
        Shape (n, n_models).

    Returns
    -------
    pyarrow.FixedSizeListArray
        As many rows.

    Examples
    --------
    >>> per_model(np.array([[0.5, np.nan], [np.nan, np.nan]])).to_pylist()
    [[0.5, None], None]
    """
    import pyarrow as pa

    n, n_models = values.shape
    if n_models == 0:
        return pa.nulls(n, pa.list_(pa.float64(), 0))
    flat = pa.array(values.reshape(-1), pa.float64(), from_pandas=True)
    empty = pa.array(np.isnan(values).all(axis=1))
    return pa.FixedSizeListArray.from_arrays(flat, n_models, mask=empty)
