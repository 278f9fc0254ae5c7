"""Decisions in which there was no choice: other policies leave them as they were."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from selector.records import Basis
from selector.replay.estimates._logged import LoggedArrays

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["hold_forced"]

_FORCED = (Basis.RULE, Basis.BEST_BELIEVED, Basis.ONLY_CANDIDATE, Basis.LAST_RESORT)


def hold_forced(log: LoggedArrays, reason: pa.ChunkedArray) -> LoggedArrays:
    """Let the decisions that left no choice stay as they were, whatever a policy would choose.

    A rule that names the model, a task that is not to be explored with, and a budget that admits the last resort alone
    would bind another policy as well. Only what was chosen then counts as eligible, so that `ours`, `frozen_at`,
    `greedy_at` and `uniform` choose it, too; otherwise the others would show as uncovered there. A model that is always
    chosen (`fixed_model`) or never (``without``) still is. Where the selector only watched, and the model of today
    served, nothing is held: that is what another policy is to replace.

    Parameters
    ----------
    log
        The decisions.
    reason
        Why each was made.

    Returns
    -------
    LoggedArrays
        With another `eligible`.

    Examples
    --------
    >>> import tempfile
    >>> from selector import Outcome, Selector, Task
    >>> from selector.replay import arrays, load
    >>> free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
    >>> rule = {"condition": "labels contains 'hot'", "model": "large"}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Selector.open({"models": {"small": free, "large": free}, "rules": [rule]}, state=folder) as selector:
    ...         for i in range(20):
    ...             one = selector.select(Task("chat", labels=["hot"] if i == 19 else []))
    ...             selector.record(one, Outcome(score=1))
    ...     table = load(folder)
    >>> arrays(table).eligible[-2:]
    array([[ True,  True],
           [False,  True]])
    """
    words = reason.cast("string").to_numpy(zero_copy_only=False).astype(str)
    rows = np.flatnonzero((log.propensity == 1) & np.isin(words, [each.value for each in _FORCED]))
    may = np.array(log.may)
    may[rows] = False
    may[rows, log.arm[rows]] = True
    return replace(log, eligible=may)
