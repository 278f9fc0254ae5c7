"""How much more evidence a verdict on a policy takes: decisions, days, dollars, and the floor that gets there."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError
from selector.replay.estimates._columns import Rates
from selector.replay.estimates._evaluator import evaluate
from selector.replay.estimates._logged import LoggedArrays
from selector.replay.estimates._missing import JudgingRates
from selector.replay.estimates._result import Evaluation
from selector.replay.intervals._normal import normal_interval
from selector.replay.switching._floors import FloorPlan, Goal, Sample, later_rows
from selector.replay.switching._paired import gain_of
from selector.replay.targets._simple import Target, probabilities_of

__all__ = ["EvidencePlan", "Need", "plan_evidence"]

Floats = NDArray[np.float64]


class Need(NamedTuple):
    """What a verdict on one policy takes, for everything or one task type."""

    policy: str
    task_type: str | None
    """None: all of them."""
    n: int
    """Decisions logged so far."""
    judged: float
    """Share of them with a judgement."""
    value: float
    """The difference in success from the logging policy, as it is estimated now."""
    half_width: float
    """Of its interval."""
    verdict: str
    """On it now."""
    variance: float
    """Of one decision's difference."""
    decisions: float
    """Needed in all; infinite where none are enough."""
    because: str
    """Which demand takes most: ``difference``, ``weights`` or ``width``; ``overlap`` where none are enough."""
    more: float
    """Decisions beyond those that there are."""
    days: float
    """Until then, at the log's pace; nan where that is unknown."""
    usd: float
    """What those decisions will cost, as decisions do now."""
    floor: FloorPlan | None
    """None: none is needed, none gets there, or the pace is unknown."""
    note: str
    """What is to be said of it."""


@dataclass(frozen=True, slots=True)
class EvidencePlan:
    """What verdicts on some policies take."""

    goal: Goal
    n: int
    per_day: float
    """Decisions a day; nan: unknown."""
    needs: tuple[Need, ...]
    """Of every policy, first of everything, then by task type."""
    notes: tuple[str, ...] = ()
    """What is to be said of the policies."""

    @property
    def policies(self) -> tuple[str, ...]:
        """Names."""
        return tuple(dict.fromkeys(need.policy for need in self.needs))

    def of(self, policy: str, task_type: str | None = None) -> Need:
        """Return what one verdict takes.

        Raises
        ------
        DataError
            There is no such policy or task type in the plan.
        """
        for need in self.needs:
            if (need.policy, need.task_type) == (policy, task_type):
                return need
        raise DataError(f"the plan has no policy {policy!r} with task type {task_type!r}")

    def answer(self, policy: str) -> str:
        """Say in one line what a verdict on a policy takes.

        Raises
        ------
        DataError
            There is no such policy.
        """
        need, goal = self.of(policy), self.goal
        what = f"a difference of {goal.detect:g} in the success of {policy}"
        if need.more == 0:
            return f"the log has enough to see {what}: {need.n:,} decisions, and {need.decisions:,.0f} are needed"
        if math.isinf(need.decisions):
            found = f"as this log explores, no number of decisions shows {what}"
        else:
            days = "" if math.isnan(need.days) else f", {need.days:,.1f} days"
            found = f"{need.more:,.0f} more decisions show {what}{days}, {need.usd:,.2f} USD"
        return "; ".join(str(part) for part in (found, need.floor, need.note) if part)

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        goal = {name: getattr(self.goal, name) for name in ("detect", "power", "level", "days")}
        rows = [{**need._asdict(), "floor": need.floor and need.floor._asdict()} for need in self.needs]
        return {"goal": goal, "n_decisions": self.n, "per_day": self.per_day, "needs": rows}

    def write_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write the needs as a Parquet file, a row each.

        Raises
        ------
        OSError
            It cannot be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = []
        for need in self.needs:
            floor = need.floor._asdict() if need.floor else dict.fromkeys(FloorPlan._fields)
            rows.append({**need._asdict(), **{f"floor_{name}": value for name, value in floor.items()}})
            rows[-1].pop("floor")
            rows[-1]["floor"] = rows[-1].pop("floor_floor")
        pq.write_table(pa.Table.from_pylist(rows), path)


def plan_evidence(
    log: LoggedArrays,
    targets: Mapping[str, Target | Floats],
    *,
    per_day: float = math.nan,
    goal: Goal | None = None,
) -> EvidencePlan:
    """Say how many decisions, days and dollars verdicts on some policies take, for each task type and in all.

    A verdict is supported and shows a difference of a given size with a given power. How many decisions that takes is
    the largest of what the difference needs (normal theory, from the variance of the paired differences of influence
    functions), what an effective sample size of 30 and a largest weight of a fifth need, and what a half-width of .05
    needs. The variance is the larger of what was drawn, of what probabilities and beliefs foretell, and of what they
    foretell of the later half of the log, since a policy that learns explores less and less.

    Where it stops: weights must have a variance that the log shows, so that a model tried once in ten thousand
    decisions is planned for by its probability alone; the tasks to come are taken to be like those logged; and beliefs
    say what exploration costs, which is a guess where they are thin.

    Parameters
    ----------
    log
        What was logged, in the order of time.
    targets
        Each policy's probabilities, shape (n, n_models), or a function that says them of any piece of the log.
    per_day
        Decisions a day to come; nan: unknown, then days and floors are too.
    goal
        What is to be seen.

    Raises
    ------
    DataError
        The log, a policy or a number cannot be.

    Examples
    --------
    >>> rng, n = np.random.default_rng(0), 4000
    >>> arm, e = rng.integers(2, size=n), np.full((n, 2), 0.5)
    >>> log = LoggedArrays(
    ...     arm=arm, reward=(rng.random(n) < np.array([0.5, 0.6])[arm]).astype(float), cost_usd=np.full(n, 0.01),
    ...     propensity=np.full(n, 0.5), probabilities=e, mean_reward=np.tile([0.5, 0.6], (n, 1)),
    ...     mean_cost_usd=np.full((n, 2), 0.01), type=np.zeros(n, int), models=("small", "large"),
    ...     task_types=("chat",))
    >>> from selector.replay import fixed_model
    >>> plan_evidence(log, {"large": fixed_model("large")}, per_day=1000).answer("large")
    '802 more decisions show a difference of 0.02 in the success of large, 0.8 days, 8.02 USD'
    """
    goal = _checked(goal or Goal(), per_day)
    found = evaluate(log, targets, limits=goal.limits)
    log = log.checked()
    counted = JudgingRates.counted([log])
    rates = Rates(counted.of_success() if np.isnan(log.reward).any() else None, None)
    each = np.bincount(log.type, minlength=len(log.task_types))
    types = [None, *(name for name, n in zip(log.task_types, each.tolist(), strict=True) if n)]
    asked = _Asked(log, rates, found, goal, float(per_day))
    needs = [asked.need(policy, targets[policy], type_) for policy in targets for type_ in types]
    return EvidencePlan(goal, log.n, float(per_day), tuple(needs))


def _checked(goal: Goal, per_day: float) -> Goal:
    for name in ("detect", "power", "level"):
        value = getattr(goal, name)
        if not 0 < value < 1:
            raise DataError(f"{name}: {value} is not between 0 and 1; {getattr(Goal(), name)} is usual")
    if not 0 < goal.days < math.inf:
        raise DataError(f"days: {goal.days} is no number of days above 0; 14 is usual")
    if not (math.isnan(per_day) or 0 < per_day < math.inf):
        raise DataError(f"per_day: {per_day} is no number of decisions above 0; leave it out if it is not known")
    return goal


@dataclass(frozen=True, slots=True)
class _Asked:
    """A log, and what is to be seen in it."""

    log: LoggedArrays
    rates: Rates
    found: Evaluation
    goal: Goal
    per_day: float

    def need(self, policy: str, target: Target | Floats, task_type: str | None) -> Need:
        """Say what a verdict on one policy takes."""
        gain = gain_of(self.found, policy, task_type)
        x = None if task_type is None else self.log.task_types.index(task_type)
        sample = self._sample(policy, target, x)
        now, usable = sample.burden(0.0), self._usable(policy, x)
        scale = max(1.0, gain.n * gain.se**2 / now.variance) if usable and now.variance > 0 else 1.0
        needed = sample.needed(now, scale)
        more = max(0.0, _whole(needed.all) - (gain.n if usable else 0))
        rate = self.per_day * gain.share
        late = more > 0 and not more / rate <= self.goal.days
        floor, note = sample.floor(scale, rate) if late else (None, "")
        return Need(
            policy,
            task_type,
            n=gain.n,
            judged=float(self.found.tallies[policy].n_seen[_of(x), 0].sum()) / gain.n,
            value=gain.value,
            half_width=normal_interval(gain.value, gain.se, self.goal.level).half_width,
            verdict=gain.verdict.word,
            variance=scale * now.variance if math.isfinite(needed.all) else math.inf,
            decisions=_whole(needed.all),
            because=needed.because,
            more=more,
            days=more / rate,
            usd=more * self._usd(x) if more else 0.0,
            floor=floor,
            note="; ".join(part for part in (sample.said(self.goal.limits), note) if part),
        )

    def _sample(self, policy: str, target: Target | Floats, x: int | None) -> Sample:
        rows = later_rows(self.log, x)
        piece = self.log.take(rows)
        chosen = target if callable(target) else np.asarray(target)[rows]
        p = probabilities_of(chosen, piece, slice(0, piece.n), policy)
        squared, own = self.found.tallies[policy].spread[:, 0, :2].sum(0)
        return Sample(piece, p, self.rates, squared / own if own > 0 else 0.0, self.goal)

    def _usd(self, x: int | None) -> float:
        """Return what a decision costs now."""
        cost = self.log.cost_usd if x is None else self.log.cost_usd[self.log.type == x]
        known = cost[~np.isnan(cost)]
        return float(known.mean()) if len(known) else math.nan

    def _usable(self, policy: str, x: int | None) -> bool:
        """Say whether the decisions so far can be part of a supported verdict."""
        tally = self.found.tallies[policy]
        n = float(tally.moments.n[_of(x)].sum())
        return float(tally.uncovered[_of(x)].sum()) / n < self.goal.limits.uncovered


def _of(x: int | None) -> slice:
    return slice(None) if x is None else slice(x, x + 1)


def _whole(n: float) -> float:
    return math.ceil(n) if math.isfinite(n) else n
