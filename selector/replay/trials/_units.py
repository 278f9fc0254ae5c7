"""An experiment by share as arrays: one row for each task that was drawn into one of its sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError
from selector.replay.logs._own_work import own_work

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Units", "units_of"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.intp]
_ARMS = ("control", "treatment")
_SHARES = 1e-12  # shares closer than this are one


@dataclass(frozen=True, slots=True)
class Units:
    """The tasks of an experiment, in the order of their first decisions.

    A share is taken of the task's own id, so that all decisions for one task are on one side, and of the decision's
    where the task has none. What was drawn together is one unit: it has the means of its decisions' outcomes.
    """

    treated: Bools
    """On which side, shape (n,)."""
    share: Floats
    """With which probability it was to be the treatment, shape (n,)."""
    success: Floats
    """Nan: nobody judged any of its decisions."""
    cost_usd: Floats
    """Nan: of none it is known."""
    size: Ints
    """How many decisions it has."""
    unit: Ints
    """Which task it is; one whose share changed has a row for each."""
    at_s: Floats
    """When its first decision was made."""
    n_judged: int
    """How many decisions were judged."""
    price: float
    """What a dollar was worth, in successes, on the mean; 0 where the log does not say."""
    n_elsewhere: int
    """Decisions of its time and task types that another experiment's treatment took."""
    others: tuple[str, ...]
    """Those experiments."""

    @property
    def n(self) -> int:
        """How many there are."""
        return len(self.treated)

    def shares(self) -> list[float]:
        """Give the shares that there were, in the order of their first use."""
        values, first = np.unique(self.share, return_index=True)
        return [float(values[k]) for k in np.argsort(first)]


def units_of(table: pa.Table, name: str, *, failed: float | None = None) -> Units:
    """Find the tasks of an experiment.

    Parameters
    ----------
    table
        As `load` gives it.
    name
        The rule with the share; ``mode`` for the share of the configuration's mode.
    failed
        The score of a decision that nobody answered and nobody judged; None: not known.

    Raises
    ------
    DataError
        If it is not in the log, or one of its sides is not.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    if not len(table):
        raise DataError("the table has no decision; widen since and until, or choose other task types")
    table = table.filter(pa.array(~own_work(table)))
    experiment = table["experiment"].cast(pa.string())
    own = table.filter(pc.equal(experiment, name).fill_null(False))  # noqa: FBT003 - what null becomes
    if not len(own):
        raise _unknown(name, sorted(word for word in experiment.unique().to_pylist() if word is not None))
    treated, share = _sides(own, name)
    keys = pc.coalesce(own["task_id"], own["id"])
    unit = keys.combine_chunks().dictionary_encode().indices.to_numpy().astype(np.intp)
    levels, level = np.unique(np.round(share / _SHARES) * _SHARES, return_inverse=True)
    _, first, group, size = np.unique(
        (unit * len(levels) + level) * 2 + treated, return_index=True, return_inverse=True, return_counts=True
    )
    order = np.argsort(first, kind="stable")
    score, cost = own["score"].to_numpy().copy(), own["cost_usd"].to_numpy()
    if failed is not None:
        if not 0 <= failed <= 1:
            raise DataError(f"failed is {failed!r}; it is a score, from 0 to 1, or None where it is not known")
        blocked = own["status"].cast("string").to_numpy(zero_copy_only=False) == "failed"
        score[blocked & np.isnan(score)] = failed
    when = own["at"].cast(pa.int64()).to_numpy() / 1e6
    price = own["shadow_price"].to_numpy()
    elsewhere, others = _elsewhere(table, own, name)
    return Units(
        treated=treated[first][order],
        share=levels[level[first]][order],
        success=_means(score, group, len(size))[order],
        cost_usd=_means(cost, group, len(size))[order],
        size=size[order].astype(np.intp),
        unit=unit[first][order],
        at_s=when[first][order],
        n_judged=int((~np.isnan(score)).sum()),
        price=0.0 if np.isnan(price).all() else float(np.nanmean(price)),
        n_elsewhere=elsewhere,
        others=others,
    )


def _unknown(name: str, found: list[str]) -> DataError:
    if not found:
        return DataError(
            f"{name!r} is not in the log, and no other experiment is; a rule with a share, such as {{name: {name}, "
            "condition: true, share: 10%, model: MODEL}, makes one"
        )
    return DataError(f"no experiment {name!r} in the log; found: {', '.join(found)}")


def _sides(own: pa.Table, name: str) -> tuple[Bools, Floats]:
    arm = own["experiment_arm"].cast("string").to_numpy(zero_copy_only=False)
    treated = arm == "treatment"
    strange = ~treated & (arm != "control")
    if strange.any():
        raise DataError(f"experiment_arm is {arm[strange][0]!r} in {name!r}; it must be one of {', '.join(_ARMS)}")
    share = own["experiment_share"].to_numpy().copy()
    bad = ~((share > 0) & (share < 1))
    if bad.any():
        raise DataError(
            f"experiment_share is {share[bad][0]} in {int(bad.sum())} of the {len(share)} decisions of {name!r}; only "
            "between 0 and 1 there are two sides to compare: leave out the time when it was not, with since and until"
        )
    missing = [side for side, rows in zip(_ARMS, (~treated, treated), strict=True) if not rows.any()]
    if missing:
        raise DataError(
            f"all {len(share)} decisions of {name!r} are of one side: there is no {missing[0]}. A task that is in "
            "several experiments is logged under the treatment it got, else under the first of them, so that one "
            "behind another has no control; give them conditions that exclude each other, or run one at a time"
        )
    return treated, share


def _elsewhere(table: pa.Table, own: pa.Table, name: str) -> tuple[int, tuple[str, ...]]:
    """Count decisions that would be among the controls, had another experiment not treated them."""
    import pyarrow as pa
    import pyarrow.compute as pc

    span = pc.min_max(own["at"])
    types = pc.is_in(table["task_type"].cast(pa.string()), value_set=own["task_type"].cast(pa.string()).unique())
    experiment = table["experiment"].cast(pa.string())
    there = pc.and_(pc.greater_equal(table["at"], span["min"]), pc.less_equal(table["at"], span["max"]))
    other = pc.and_(pc.equal(table["experiment_arm"].cast(pa.string()), "treatment"), pc.not_equal(experiment, name))
    chosen = pc.and_(pc.and_(there, types), other).fill_null(False)  # noqa: FBT003 - what null becomes
    names = sorted(experiment.filter(chosen).unique().to_pylist())
    return int(pc.sum(chosen).as_py()), tuple(names)


def _means(values: Floats, group: Ints, n: int) -> Floats:
    """Average what is known in each group; nan where nothing is."""
    known = ~np.isnan(values)
    counts = np.bincount(group[known], minlength=n)
    sums = np.bincount(group[known], weights=values[known], minlength=n)
    found: Floats = np.divide(sums, counts, out=np.full(n, np.nan), where=counts > 0)
    return found
