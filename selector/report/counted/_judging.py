"""Whose word on answers there is, on which tasks it is missing, and how late it comes."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from selector.report.counted._facts import Judging, SourceOfJudgement
from selector.report.counted._log import Columns, codes_of

__all__ = ["judging_of", "sources_of"]

Floats = NDArray[np.float64]

_SURE_AFTER = 50  # judgements without a fault, after which a source is suspected of never finding one
_SOONER = 0.95  # of judgements come sooner than what judging is said to take
_LATE = 0.9


def judging_of(log: Columns) -> tuple[tuple[Judging, ...], float]:
    """Say by task type how much is judged and how late, and how long judging takes at most."""
    delay = log.judged_at - log.at
    known = ~np.isnan(delay)
    takes = float(np.quantile(delay[known], _SOONER)) if known.any() else np.nan
    end = max(log.at[-1], np.nanmax(log.judged_at, initial=-np.inf))
    due = ~log.unanswered & (True if np.isnan(takes) else log.at <= end - takes)
    n_types = len(log.task_types)
    n, judged, of_due, missing, silent = (
        np.bincount(log.type, rows, minlength=n_types).astype(int)
        for rows in (np.ones(log.n), log.judged, due, due & ~log.judged, ~log.reported)
    )
    rows = []
    for x, name in enumerate(log.task_types):
        own = delay[known & (log.type == x)]
        median, late = np.quantile(own, (0.5, _LATE)).tolist() if len(own) else (np.nan, np.nan)
        counts = int(n[x]), int(judged[x]), int(of_due[x]), int(missing[x]), int(silent[x])
        rows.append(Judging(name, *counts, median, late))
    return tuple(rows), takes


def sources_of(log: Columns) -> tuple[SourceOfJudgement, ...]:
    """Count the words of each source on the last answers, who said most first."""
    import pyarrow.compute as pc

    names: list[str] = []
    codes, values = [np.zeros(0, np.intp)], [np.zeros(0)]
    for chunk in log.table["scores"].chunks:
        said = chunk.drop_null()
        words = pc.dictionary_encode(said.keys)
        own = words.dictionary.to_pylist()
        names += [name for name in own if name not in names]
        codes.append(np.array([names.index(name) for name in own], np.intp)[words.indices.to_numpy()])
        values.append(said.items.to_numpy(zero_copy_only=False))
    of, score = np.concatenate(codes), np.concatenate(values)
    n, total = np.bincount(of, minlength=len(names)), np.bincount(of, score, minlength=len(names))
    faults = np.bincount(of, score < 1.0, minlength=len(names)).astype(int)
    believed, whose = codes_of(log.table, "judged_by")
    counted = dict(zip(believed, np.bincount(whose[whose >= 0], minlength=len(believed)).tolist(), strict=True))
    rows = [
        SourceOfJudgement(
            source=name,
            n=int(n[i]),
            n_counted=counted.get(name, 0),
            mean=float(total[i] / n[i]),
            n_faults=int(faults[i]),
            never_fails=bool(n[i] >= _SURE_AFTER and not faults[i]),
        )
        for i, name in enumerate(names)
    ]
    return tuple(sorted(rows, key=lambda row: (-row.n, row.source)))
