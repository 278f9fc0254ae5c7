"""What went wrong: calls that failed, what answered in their place, and models that no longer do what they did."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from selector.report.counted._beliefs import Alarm
from selector.report.counted._facts import DriftAlarm, FailedCalls, Fallback
from selector.report.counted._log import DAY_S, Columns, codes_of, moment, scores

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Calls", "drift_of", "failures_of", "fallbacks_of"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_RECENT = 30  # judged decisions before an alarm
_BY_CLOCK_S = 1e8  # a number of decisions is below, a time since 1970 above
_SAME = 1e-3  # seconds; numbers of decisions are whole


class Calls:
    """Every call that something was reported of, a row each, by decision.

    Parameters
    ----------
    log
        The decisions.
    """

    def __init__(self, log: Columns) -> None:
        import pyarrow as pa

        n_attempts = log.table["n_attempts"].to_numpy()
        listed = log.table["attempts"].is_valid().to_numpy()
        single = np.flatnonzero(~listed & (n_attempts > 0))
        several = np.flatnonzero(listed)
        words, failure = codes_of(log.table, "failure")
        calls = _flat(log.table["attempts"].filter(pa.array(listed)))
        more_words, more = codes_of(calls, "failure")
        names, called = codes_of(calls, "model")
        self.models = (*log.models, *(name for name in names if name not in log.models))
        self.failures = tuple(sorted({*words, *more_words}))
        counts = n_attempts[several] if len(several) else np.zeros(0, np.intp)
        self.of = np.concatenate([single, np.repeat(several, counts)])
        """The decision of each call."""
        self.model = np.concatenate([log.model[single], _mapped(names, self.models)[called]])
        self.failure = np.concatenate(
            [_mapped(words, self.failures)[failure[single]], _mapped(more_words, self.failures)[more]]
        )
        """Place among the failures; -1: it answered."""
        one, many = np.ones(len(single), bool), np.cumsum(counts)
        first, last = np.zeros((2, len(more)), bool)
        first[many - counts], last[many - 1] = True, True
        self.is_first, self.is_last = np.concatenate([one, first]), np.concatenate([one, last])
        self.is_one_of_several = np.concatenate([~one, np.ones(len(more), bool)])
        self.cost = np.concatenate([log.cost[single], _numbers(calls, "cost_usd")])
        self.seconds = np.concatenate([_numbers(log.table, "latency_s")[single], _numbers(calls, "latency_s")])


def _flat(column: pa.ChunkedArray) -> pa.Table:
    """Lay the calls of decisions with several out, a row each."""
    import pyarrow as pa

    struct = column.combine_chunks()
    calls = struct.flatten() if not isinstance(struct, pa.ChunkedArray) else struct.chunk(0).flatten()
    return pa.table(dict(zip((each.name for each in calls.type), calls.flatten(), strict=True)))


def _mapped(words: Iterable[str], among: tuple[str, ...]) -> Ints:
    """Say where each word stands among others; one more place at the end keeps -1 what it is."""
    return np.array([*(among.index(word) for word in words), -1], np.intp)


def _numbers(table: pa.Table, name: str) -> Floats:
    found: Floats = table[name].cast("float64").to_numpy()
    return found


def fallbacks_of(log: Columns, calls: Calls) -> tuple[Fallback, ...]:
    """Count what was done where one call was not enough, by reason, model and what answered."""
    some = calls.is_one_of_several
    of, failed = calls.of[some], calls.failure[some] >= 0
    first, last = calls.is_first[some], calls.is_last[some]
    rows, model, failure = of[first], calls.model[some][first], calls.failure[some][first]
    if not len(rows):
        return ()
    answer = np.where(calls.failure[some][last] < 0, calls.model[some][last], -1)
    keys, group = np.unique(np.stack([failure, model, answer]), axis=1, return_inverse=True)
    group = group.reshape(-1)
    n = keys.shape[1]
    of_call = group[np.cumsum(first) - 1]
    counts, n_calls = np.bincount(group, minlength=n), np.bincount(of_call, minlength=n)
    lost = [
        np.bincount(of_call, np.where(failed, np.nan_to_num(each[some]), 0.0), minlength=n)
        for each in (calls.cost, calls.seconds)
    ]
    cost, expected = (
        np.bincount(group, np.nan_to_num(each[rows]), minlength=n)
        for each in (log.cost, _numbers(log.table, "expected_cost_usd"))
    )
    success = scores(log.score[rows], group, n, log.sharpness)
    return tuple(
        Fallback(
            failure=calls.failures[keys[0, g]] if keys[0, g] >= 0 else "",
            model=calls.models[keys[1, g]],
            answered_by=calls.models[keys[2, g]] if keys[2, g] >= 0 else "",
            n=int(counts[g]),
            n_calls=int(n_calls[g]),
            cost_usd=float(cost[g]),
            expected_usd=float(expected[g]),
            failed_usd=float(lost[0][g]),
            failed_s=float(lost[1][g]),
            success=success[g],
        )
        for g in np.argsort(-counts, kind="stable").tolist()
    )


def failures_of(log: Columns, calls: Calls) -> tuple[FailedCalls, ...]:
    """Count the calls that failed, by model and reason."""
    bad = calls.failure >= 0
    if not bad.any():
        return ()
    n_calls = np.bincount(calls.model, minlength=len(calls.models))
    at = log.at[calls.of[bad]]
    ended = calls.is_last[bad] & log.unanswered[calls.of[bad]]
    keys, group = np.unique(np.stack([calls.model[bad], calls.failure[bad]]), axis=1, return_inverse=True)
    group = group.reshape(-1)
    found = []
    for g, (model, failure) in enumerate(keys.T.tolist()):
        own = group == g
        days, n = np.unique(at[own] // DAY_S, return_counts=True)
        found.append(
            FailedCalls(
                model=calls.models[model],
                failure=calls.failures[failure],
                n=int(own.sum()),
                n_calls=int(n_calls[model]),
                n_ended=int(ended[own].sum()),
                first_at=moment(at[own].min()),
                last_at=moment(at[own].max()),
                worst_day=datetime.fromtimestamp(float(days[n.argmax()]) * DAY_S, UTC).date(),
                n_worst_day=int(n.max()),
            )
        )
    return tuple(sorted(found, key=lambda row: -row.n))


def drift_of(log: Columns, alarms: Iterable[Alarm]) -> tuple[DriftAlarm, ...]:
    """Lay the alarms of the period out, each with the outcomes that it was raised by."""
    found = []
    heard = _Heard(log)
    end = max(log.at[-1], np.nanmax(log.judged_at, initial=-np.inf))
    for alarm in alarms:
        if alarm.model in log.models:
            model = log.models.index(alarm.model)
            at_s = heard.rang_at(alarm.newest, model) if np.isnan(alarm.rang_s) else alarm.rang_s
            if log.at[0] <= at_s <= end:
                found.append(_alarm(log, heard, at_s, (model, alarm.keep)))
    return tuple(sorted(found, key=lambda row: row.at))


class _Heard:
    """Judgements in the order in which they came, sorted once for all alarms."""

    def __init__(self, log: Columns) -> None:
        self._log = log
        known = np.flatnonzero(~np.isnan(log.judged_at))
        order = known[np.argsort(log.judged_at[known], kind="stable")]
        self._of_model = [order[log.model[order] == model] for model in range(len(log.models))]
        self._chosen = [np.flatnonzero(log.model == model) for model in range(len(log.models))]
        self._newest: dict[bool, tuple[Ints, Floats, Floats]] = {}

    def before(self, at_s: float, model: int) -> Ints:
        """Give the decisions of a model that were judged last at a moment."""
        own = self._of_model[model]
        last = int(np.searchsorted(self._log.judged_at[own], at_s, "right"))
        found: Ints = own[max(last - _RECENT, 0) : last]
        return found

    def chosen_from(self, first: int, model: int) -> Ints:
        """Give the decisions from one on that chose a model."""
        own = self._chosen[model]
        found: Ints = own[np.searchsorted(own, first) :]
        return found

    def rang_at(self, newest: float, model: int) -> float:
        """Say when an alarm rang: at a judgement of its model, while the newest decision that was judged was another.

        Of several such judgements it is the last one. nan: that decision is not in the period.
        """
        by_clock = newest > _BY_CLOCK_S
        if by_clock not in self._newest:
            self._newest[by_clock] = self._in_order(self._log.at if by_clock else _numbers(self._log.table, "n"))
        rows, so_far, (lowest, highest) = self._newest[by_clock]
        if not lowest - _SAME <= newest <= highest + _SAME or not len(rows):
            return np.nan
        first, last = np.searchsorted(so_far, [newest - _SAME, newest + _SAME])
        during = rows[first : max(last, first + 1)]
        own = during[self._log.model[during] == model]
        return float(self._log.judged_at[own if len(own) else during].max(initial=-np.inf))

    def _in_order(self, numbers: Floats) -> tuple[Ints, Floats, Floats]:
        """Sort the judged decisions; with each, the newest one so far, and the lowest and highest of all numbers."""
        rows = np.flatnonzero(self._log.judged & ~np.isnan(numbers))
        rows = rows[np.argsort(self._log.judged_at[rows], kind="stable")]
        ends = np.array([np.nanmin(numbers, initial=np.inf), np.nanmax(numbers, initial=-np.inf)])
        return rows, np.maximum.accumulate(numbers[rows]), ends


def _alarm(log: Columns, heard: _Heard, at_s: float, alarm: tuple[int, float]) -> DriftAlarm:
    model, keep = alarm
    rows = heard.before(at_s, model)
    means = log.lean.published.columns(rows)["means"].to_pylist()
    told = [each[model] for each in means if each is not None and each[model] is not None]
    believed = float(np.mean(told)) if len(told) == len(rows) and told else np.nan
    r, zero = log.score[rows], np.zeros(len(rows), np.intp)
    after = int(np.searchsorted(log.at, at_s, "right"))
    later = log.score[heard.chosen_from(after, model)]
    off = float(r.mean()) - believed if len(rows) else np.nan
    kinds = log.type[rows]
    sums = np.bincount(kinds, r - (np.array(told) if not np.isnan(believed) else 0.0), minlength=len(log.task_types))
    counts = np.bincount(kinds, minlength=len(log.task_types))
    order = np.argsort(-np.abs(sums), kind="stable")
    return DriftAlarm(
        at=moment(at_s),
        n=after,
        model=log.models[model],
        keep=keep,
        direction="worse" if off < 0 else "better" if off > 0 else "",
        recent=scores(r, zero, 1, log.sharpness)[0],
        believed=believed,
        since=scores(later, np.zeros(len(later), np.intp), 1, log.sharpness)[0],
        task_types=tuple((log.task_types[x], int(counts[x])) for x in order.tolist() if counts[x]),
    )
