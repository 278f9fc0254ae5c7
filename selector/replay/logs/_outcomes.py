"""All reports of a log joined to their decisions: plain ones all at once, those with a history one by one."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from operator import itemgetter
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from selector.replay.logs._calls import OF_ROUTE, TOKENS, Rank, Told, best, told
from selector.replay.logs._pack import Words, words_of
from selector.replay.logs._schema import LogNotes, arrow_schema

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Outcomes"]

_ROWS = 20_000
_NANO = 1e9
_STATUS = ("unreported", "answered", "failed")


class Outcomes:
    """What came of each decision.

    Parameters
    ----------
    reports
        Attempts, usages and judgements, as packed, by writer and number.
    of
        The place of each one's decision; -1: of a decision that is not there. Shape (n_reports,).
    names
        The model and the route of each decision.
    rank
        How far behind the most believed source another stands; None: its word does not count.
    fast
        Whether plain decisions are worked out all at once; the result is the same.

    Attributes
    ----------
    n_repeated
        Reports that said nothing new.
    """

    def __init__(
        self,
        reports: pa.Table,
        of: NDArray[np.intp],
        names: tuple[pa.ChunkedArray, pa.ChunkedArray],
        rank: Rank,
        *,
        fast: bool = True,
    ) -> None:
        self._names, self._rank, self._n = names, rank, len(names[0])
        n = self._n
        self.n_repeated = 0
        self._ints = {name: np.zeros(n, np.int64) for name in TOKENS}
        self._has = {name: np.zeros(n, bool) for name in TOKENS}
        self._floats = {name: np.full(n, np.nan) for name in ("cost_usd", "latency_s", "score", "judged_at")}
        self._status, self._n_attempts = np.zeros(n, np.int32), np.zeros(n, np.int64)
        self._failures, self._sources = Words(), Words()
        self._failure, self._source = np.full((2, n), -1, np.int32)  # -1: none
        self._attempts: dict[int, Any] = {}
        self._said: list[tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.float64]]] = []
        plain = self._plain(reports, of) if fast else np.zeros(n, bool)
        known = of >= 0
        is_plain = np.zeros(len(of), bool)
        is_plain[known] = plain[of[known]]
        self._take_plain(reports, of, is_plain)
        for place, each in _histories(reports, of, np.flatnonzero(known & ~is_plain)):
            self._take(place, each)

    def _plain(self, reports: pa.Table, of: NDArray[np.intp]) -> NDArray[np.bool_]:
        """Find decisions of one attempt, of which at most one report of each kind came."""
        plain = np.ones(self._n, bool)
        known = of >= 0
        words, kind = words_of(reports["kind"])
        for code in range(len(words)):
            plain &= np.bincount(of[known & (kind == code)], minlength=self._n) <= 1
        number = reports["attempt"].fill_null(1).to_numpy()
        plain[of[known & (number > 1)]] = False
        return plain

    def _take_plain(self, reports: pa.Table, of: NDArray[np.intp], chosen: NDArray[np.bool_]) -> None:
        kinds, code = words_of(reports["kind"])
        rows = {kind: np.flatnonzero(chosen & (code == place)) for place, kind in enumerate(kinds)}
        self._status[of[chosen]] = 1
        self._n_attempts[of[chosen]] = 1
        nothing = np.zeros(0, np.intp)
        tried = rows.get("attempt", nothing)
        if len(tried):
            at, some = of[tried], reports.select(["failure", "waited_s"]).take(tried)
            self._failure[at] = _coded(some["failure"], self._failures)
            self._floats["latency_s"][at] = _numbers(some["waited_s"])
        failed = self._failure >= 0
        self._status[failed] = 2
        self._floats["cost_usd"][failed] = 0.0
        used = rows.get("usage", nothing)
        if len(used):
            self._take_usages(of[used], reports.select([*TOKENS, "nano", "latency_s"]).take(used))
        judged = rows.get("judgement", nothing)
        if len(judged):
            self._take_words(of[judged], reports.select(["source", "score", "at"]).take(judged))

    def _take_usages(self, at: NDArray[np.intp], used: pa.Table) -> None:
        for name in TOKENS:
            self._ints[name][at] = used[name].fill_null(0).to_numpy()
            self._has[name][at] = used[name].is_valid().to_numpy()
        for name, values in (
            ("cost_usd", _numbers(used["nano"]) / _NANO),
            ("latency_s", _numbers(used["latency_s"])),
        ):
            is_said = ~np.isnan(values)
            self._floats[name][at[is_said]] = values[is_said]

    def _take_words(self, at: NDArray[np.intp], judged: pa.Table) -> None:
        """Take in the only judgement of each of some decisions: none of a call that its route refused."""
        code = _coded(judged["source"], self._sources)
        score, when = _numbers(judged["score"]), _numbers(judged["at"])
        refused = np.array([*(word in OF_ROUTE for word in self._failures.list), False])[self._failure[at]]
        is_said = ~np.isnan(score) & ~refused
        self._said.append((at[is_said], code[is_said], score[is_said]))
        counts = np.array([self._rank(source) is not None for source in self._sources.list], bool)
        counted = is_said & counts[code]
        place = at[counted]
        self._floats["score"][place], self._floats["judged_at"][place] = score[counted], when[counted]
        self._source[place] = code[counted]

    def _take(self, place: int, known: Told) -> None:
        """Take in what is known of a decision with a history."""
        self.n_repeated += known.n_repeated
        self._n_attempts[place] = len(known.calls)
        self._status[place] = 1 if known.calls[-1].failure is None else 2
        first = known.calls[0].failure
        self._failure[place] = -1 if first is None else self._failures.number(first)
        for name in TOKENS:
            total = known.summed(name)
            self._ints[name][place], self._has[name][place] = total or 0, total is not None
        for name in ("cost_usd", "latency_s"):
            value = getattr(known, name)
            self._floats[name][place] = np.nan if value is None else value
        model, route = (str(each[place].as_py()) for each in self._names)
        self._attempts[place] = known.listed(model, route, self._rank)
        answer = known.answer
        scores = {} if answer is None else answer.scores
        if not scores:
            return
        values = np.array([score for score, _ in scores.values()])
        named = np.array([self._sources.number(word) for word in scores], np.int32)
        self._said.append((np.full(len(scores), place), named, values))
        source = best(scores, self._rank)
        if source is not None:
            self._source[place] = self._sources.number(source)
            self._floats["score"][place], self._floats["judged_at"][place] = scores[source]

    def columns(self) -> dict[str, pa.Array]:
        """Lay out what came of each decision, as fields of the table."""
        import pyarrow as pa

        names = ("cost_usd", "latency_s", "score")
        floats = {name: pa.array(self._floats[name], from_pandas=True) for name in names}
        ints = {name: pa.array(self._ints[name], mask=~self._has[name]) for name in TOKENS}
        when = self._floats["judged_at"]
        micros = pa.array(np.round(np.nan_to_num(when) * 1e6).astype(np.int64), mask=np.isnan(when))
        return {
            "status": pa.DictionaryArray.from_arrays(pa.array(self._status), pa.array(_STATUS)),
            "n_attempts": pa.array(self._n_attempts),
            "attempts": self._listed(),
            "failure": _words(self._failure, self._failures),
            **ints,
            **floats,
            "judged_by": _words(self._source, self._sources),
            "judged_at": micros.cast(pa.timestamp("us", tz="UTC")),
            "is_judged": pa.array(~np.isnan(self._floats["score"])),
            "scores": self._scores(),
        }

    def _listed(self) -> pa.Array:
        """Lay out the calls of decisions with a history; null elsewhere."""
        import pyarrow as pa

        row = np.full(self._n, -1)
        row[[*self._attempts]] = np.arange(len(self._attempts))
        lists = pa.array([*self._attempts.values()], arrow_schema(LogNotes()).field("attempts").type)
        return lists.take(pa.array(row, mask=row < 0))

    def _scores(self) -> pa.Array:
        """Lay out the last words of all sources, as a map for each decision."""
        import pyarrow as pa

        if not self._said:
            return pa.nulls(self._n, pa.map_(pa.string(), pa.float64()))
        place = np.concatenate([each[0] for each in self._said])
        order = np.argsort(place, kind="stable")
        code = np.concatenate([each[1] for each in self._said])[order]
        source = pa.array(self._sources.list, pa.string()).take(pa.array(code))
        score = np.concatenate([each[2] for each in self._said])[order]
        counts = np.bincount(place, minlength=self._n)
        ends = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        offsets = pa.array(ends, mask=np.concatenate([counts == 0, [False]]))
        return pa.MapArray.from_arrays(offsets, source, pa.array(score))


def _histories(reports: pa.Table, of: NDArray[np.intp], rows: NDArray[np.intp]) -> Iterator[tuple[int, Told]]:
    """Put together what was reported of each of some decisions, a few thousand reports at a time."""
    rows = rows[np.argsort(of[rows], kind="stable")]  # within a decision by writer and number, as they came

    def reported() -> Iterator[tuple[int, dict[str, Any]]]:
        for start in range(0, len(rows), _ROWS):
            some = rows[start : start + _ROWS]
            yield from zip(of[some].tolist(), reports.take(some).to_pylist(), strict=True)

    for place, each in groupby(reported(), itemgetter(0)):
        yield place, told(report for _, report in each)


def _coded(column: pa.ChunkedArray, words: Words) -> NDArray[np.int32]:
    """Read a column of words by their numbers; -1: none."""
    found, code = words_of(column)
    return np.array([*(words.number(word) for word in found), -1], np.int32)[code]


def _words(code: NDArray[np.int32], words: Words) -> pa.DictionaryArray:
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(pa.array(code, mask=code < 0), pa.array(words.list, pa.string()))


def _numbers(column: pa.ChunkedArray) -> NDArray[np.float64]:
    import pyarrow as pa

    found: NDArray[np.float64] = column.cast(pa.float64(), safe=False).to_numpy()
    return found
