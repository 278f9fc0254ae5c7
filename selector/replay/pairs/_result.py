"""What pairs show: is the second model better than what was chosen, how sure is that, and can the judge be trusted."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.replay.intervals._normal import Interval, normal_interval
from selector.replay.pairs._book import PairBook
from selector.replay.pairs._order import TypeNeed
from selector.replay.pairs._tasks import PairTask

__all__ = ["PairDifference", "PairResult", "PairType", "pair_result"]

Floats = NDArray[np.float64]
_BIAS = 0.25  # share of verdicts that change with the order, from which on a judge is said to be unsteady


class PairDifference(NamedTuple):
    """A difference per task between the second model and what was chosen, over all task types that have pairs."""

    value: float
    se: float
    interval: Interval


class PairType(NamedTuple):
    """The pairs of one task type."""

    task_type: str
    n_tasks: int
    """Decisions of the log."""
    share_other: float
    """Which share of them chose another model than the second; on the others there is no difference."""
    n_pairs: int
    wins: int
    """Of the second model."""
    losses: int
    probability: float
    """With which each of its tasks was run, given how far the money went."""
    net: float
    """Wins less losses per pair; nan: there is none."""
    graded: float
    """The difference of the grades, in successes; nan: there is none."""
    before: float
    """How far the difference in success could be from what is believed, before any pair."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PairResult:
    """What pairs show.

    Examples
    --------
    >>> PairResult.__dataclass_fields__["net"].type
    'PairDifference'
    """

    second: str
    judge: str
    types: tuple[PairType, ...]
    net: PairDifference
    """Wins less losses per task: 1 where the second model is always better, -1 where it always is worse."""
    graded: PairDifference
    """The difference of grades per task, on the scale of success."""
    p_value: float
    """Of wins being as frequent as losses, exact (McNemar's test); weights play no part in it."""
    flipped: float
    """Which share of verdicts changed with the order of the answers; nan: there is no pair."""
    toward_first: float
    """Of those that changed from one answer to the other, the share that took whoever stood first; nan: none did."""
    covered: float
    """Which share of the log's decisions is of a type with pairs, or chose the second model anyway."""
    spent_usd: float
    cap_usd: float
    n_unanswered: int
    """Pairs that lack an answer or a verdict; they are left out."""
    anew: bool
    """Whether the first answers were made anew, since nobody knew those of then."""
    stopped: str
    """Why it ended before the last task; empty: it did not."""
    skipped: Mapping[str, int]
    """Tasks that cannot be run once more, by why."""
    notes: tuple[str, ...] = field(default=())

    @property
    def n_pairs(self) -> int:
        """How many there are."""
        return sum(each.n_pairs for each in self.types)

    @property
    def conclusion(self) -> str:
        """Say what is shown."""
        if not self.n_pairs:
            return f"there is no pair, so nothing can be said of {self.second}"
        wins, losses = (sum(getattr(each, name) for each in self.types) for name in ("wins", "losses"))
        counted = f"{wins} better, {losses} worse, {self.n_pairs - wins - losses} as good"
        low, high = self.net.interval
        word = "better than" if low > 0 else "worse than" if high < 0 else "not shown to differ from"
        grades = f"grades {self.graded.value:+.3f}, {self.graded.interval.low:+.3f} to {self.graded.interval.high:+.3f}"
        return f"{self.second} is {word} what was chosen: {counted}; {grades}"

    def as_dict(self) -> dict[str, Any]:
        """Lay it out as JSON."""
        names = (
            *("second", "judge", "p_value", "flipped", "toward_first", "covered", "spent_usd", "cap_usd"),
            *("n_unanswered", "anew", "stopped", "conclusion", "n_pairs"),
        )
        found = {name: getattr(self, name) for name in names}
        for name in ("net", "graded"):
            each: PairDifference = getattr(self, name)
            found[name] = {"value": each.value, "se": each.se, "interval": list(each.interval)}
        return {
            **found,
            "types": [each._asdict() for each in self.types],
            "skipped": dict(self.skipped),
            "notes": list(self.notes),
        }


def pair_result(
    book: PairBook,
    needs: Mapping[str, TypeNeed],
    tasks: Sequence[tuple[float, PairTask]],
    *,
    stopped: str = "",
    reached: float | None = None,
    skipped: Mapping[str, int] | None = None,
) -> PairResult:
    """Sum up the pairs of a book.

    Each type has the mean of its pairs, which were sampled alike within it, and counts by its share of the log's
    decisions; those that chose the second model anyway count as no difference. Intervals are normal, with half a win
    and half a loss added to each type's spread, so that a few pairs that agree are not taken for certainty.

    Parameters
    ----------
    book
        What was asked, answered and judged.
    needs
        As `needs_of` gives them.
    tasks
        As `in_order` gives them.
    stopped, reached
        As `PairRun` has them.
    skipped
        As `pair_tasks` gives them.
    """
    told = book.facts("told")
    by_type: dict[str, list[dict[str, Any]]] = {name: [] for name in needs}
    for _, task in tasks:
        if task.id in told:
            by_type.setdefault(task.task_type, []).append(told[task.id])
    every = [each for rows in by_type.values() for each in rows]
    types = tuple(_type(name, by_type[name], needs[name], book, reached) for name in needs)
    total = max(sum(each.n_tasks for each in types), 1)
    sided = [each["toward_a"] for each in every if each["toward_a"] is not None]
    asked = {task.id for _, task in tasks}
    first = [fact for id_, fact in book.facts("first").items() if id_ in asked]
    result = PairResult(
        second=book.plan.second,
        judge=book.plan.judge,
        types=types,
        net=_difference(by_type, needs, "outcome"),
        graded=_difference(by_type, needs, "graded"),
        p_value=_mcnemar(sum(e["outcome"] > 0 for e in every), sum(e["outcome"] < 0 for e in every)),
        flipped=float(np.mean([each["flipped"] for each in every])) if every else math.nan,
        toward_first=float(np.mean(sided)) if sided else math.nan,
        covered=sum(e.n_tasks * (1.0 if e.n_pairs else 1 - e.share_other) for e in types) / total,
        spent_usd=book.spent_usd,
        cap_usd=book.cap_usd,
        n_unanswered=len(first) - len(every),
        anew=any(not fact.get("given") for fact in first),
        stopped=stopped,
        skipped=dict(skipped or {}),
        notes=(),
    )
    return _noted(result, book)


def _type(
    name: str, rows: Sequence[Mapping[str, Any]], need: TypeNeed, book: PairBook, reached: float | None
) -> PairType:
    outcomes = np.array([each["outcome"] for each in rows])
    rate = float(book.plan.rates.get(name, 1.0))
    return PairType(
        task_type=name,
        n_tasks=need.n,
        share_other=need.share_other,
        n_pairs=len(rows),
        wins=int((outcomes > 0).sum()),
        losses=int((outcomes < 0).sum()),
        probability=1.0 if reached is None else min(1.0, rate * reached),
        net=float(outcomes.mean()) if len(rows) else math.nan,
        graded=float(_values(rows, "graded").mean()) if len(rows) else math.nan,
        before=need.half_width,
    )


def _values(rows: Sequence[Mapping[str, Any]], name: str) -> Floats:
    if name == "graded":
        return np.array([each["second"] - each["first"] for each in rows])
    return np.array([each[name] for each in rows])


def _difference(
    by_type: Mapping[str, Sequence[Mapping[str, Any]]], needs: Mapping[str, TypeNeed], name: str
) -> PairDifference:
    """Weigh types by the decisions that a change would change."""
    there = [each for each in needs if by_type[each]]
    if not there:
        return PairDifference(math.nan, math.nan, Interval(-1.0, 1.0))
    total = sum(needs[each].n for each in there)
    value = variance = 0.0
    for each in there:
        x = _values(by_type[each], name)
        weight = needs[each].n * needs[each].share_other / total
        value += weight * float(x.mean())
        spread = (float(((x - x.mean()) ** 2).sum()) + 1.0) / len(x)
        variance += weight**2 * spread / len(x)
    se = math.sqrt(variance)
    low, high = normal_interval(value, se)
    return PairDifference(value, se, Interval(max(low, -1.0), min(high, 1.0)))


def _mcnemar(wins: int, losses: int) -> float:
    """Return the exact two-sided p-value of as many wins as losses.

    Examples
    --------
    >>> _mcnemar(9, 1), _mcnemar(0, 0)
    (0.021484375, 1.0)
    """
    n, most = wins + losses, max(wins, losses)
    if n > 1_000:
        return math.erfc(max(abs(wins - losses) - 1, 0) / math.sqrt(2 * n))
    tail = sum(math.comb(n, k) for k in range(most, n + 1))
    return float(min(1.0, 2 * tail / 2**n))


def _noted(result: PairResult, book: PairBook) -> PairResult:
    """Add what else is to be known."""
    notes = []
    if result.anew:
        notes.append("the first answers were made anew, by the model that was chosen then: those of then are not kept")
    if result.flipped > _BIAS:
        notes.append(
            f"{result.judge} changed its verdict with the order in {result.flipped:.0%} of the pairs; such a pair is a "
            "tie, which hides differences: another judge may see them"
        )
    if result.n_pairs and result.covered < 1:
        notes.append(f"{1 - result.covered:.0%} of the decisions are of types without a pair, and are left out")
    if book.n_lost:
        notes.append(
            f"{book.n_lost} calls of an earlier run were lost when it was killed; they are booked at what was held"
        )
    if book.spent_usd > book.cap_usd:
        notes.append(f"{book.spent_usd - book.cap_usd:.3g} USD over: a call cost more than the most that it could")
    return replace(result, notes=tuple(notes))
