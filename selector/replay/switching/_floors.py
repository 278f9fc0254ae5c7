"""The least exploration beyond what a log has with which a verdict comes in time, and what that costs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.replay.estimates._columns import Rates
from selector.replay.estimates._logged import LoggedArrays
from selector.replay.estimates._verdict import LIMITS, Limits
from selector.replay.switching._needs import Burden, Needed, burden_of, explored, needed_for, sample_size

__all__ = ["FloorPlan", "Goal", "Sample", "later_rows"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_ROWS = 4_000  # of a group, evenly spaced, from which variances at other floors are read off
_GRID = tuple(2.0**-k for k in range(9, -1, -1))
_HALVINGS = 6


@dataclass(frozen=True, slots=True, kw_only=True)
class Goal:
    """What is to be seen, how surely, and within what time.

    Examples
    --------
    >>> Goal().detect, Goal(days=7).days
    (0.02, 7)
    """

    detect: float = 0.02
    """A difference in success from the logging policy."""
    power: float = 0.8
    """Probability of showing it where it is there."""
    level: float = 0.95
    """One less the probability of showing it, in either direction, where it is not there."""
    days: float = 14.0
    """In which a floor is to get there."""
    limits: Limits = LIMITS
    """What is asked of a supported verdict beside."""


class FloorPlan(NamedTuple):
    """The least exploration, beyond what the log has, that gets a verdict in time, and what it costs."""

    floor: float
    """Share of decisions that are drawn from the eligible models instead of by the policy."""
    decisions: float
    """From its first day on; what is logged already is not counted, since it had another floor."""
    days: float
    usd: float
    """Dollars more than without it, as models are expected to cost; below 0 where it tries cheaper ones."""
    successes: float
    """Successes fewer than without it, by what is believed of models."""

    def __str__(self) -> str:
        """Say it in words."""
        money = f"costs {self.usd:,.2f} USD" if self.usd >= 0 else f"saves {-self.usd:,.2f} USD"
        found = f"{abs(self.successes):,.1f} successes {'fewer' if self.successes >= 0 else 'more'}"
        return f"a floor {self.floor:.3g} higher gets there in {self.days:,.1f} days, {money}, {found}"


class Sample(NamedTuple):
    """Some of a log's decisions, and what a policy would have done there."""

    log: LoggedArrays
    target: Floats
    rates: Rates
    factor: float
    """Squared residuals of the whole log over what beliefs let expect."""
    goal: Goal

    def burden(self, floor: float) -> Burden:
        """Say what a decision weighs with a higher floor."""
        return burden_of(self.log, self.target, self.rates, self.factor, floor, self.goal.limits)

    def needed(self, burden: Burden, scale: float) -> Needed:
        """Return what every demand takes, the variance being some times larger than foretold."""
        burden = burden._replace(variance=burden.variance * scale)
        goal = self.goal
        size = sample_size(burden.variance, goal.detect, power=goal.power, alpha=1 - goal.level)
        return needed_for(burden, size, goal.limits)

    def floor(self, scale: float, per_day: float) -> tuple[FloorPlan | None, str]:
        """Search for the least floor with which a fresh log of the goal's days is enough.

        What is needed falls with the floor as long as it goes where the policy goes, and may rise again; so a grid is
        scanned from below, and the first step that is enough is halved.

        Parameters
        ----------
        scale
            As of `needed`.
        per_day
            Decisions; nan: unknown.

        Returns
        -------
        floor : FloorPlan or None
            None where no floor is enough.
        why : str
            Why not.
        """
        if math.isnan(per_day):
            return None, "how many decisions come a day is not known, so neither is a floor"
        room, found, low = per_day * self.goal.days, None, 0.0
        fastest = math.inf
        for floor in _GRID:
            needed = self.needed(self.burden(floor), scale).all
            fastest = min(fastest, needed)
            if needed <= room:
                found = floor
                break
            low = floor
        if found is None:
            least = "" if math.isinf(fastest) else f": it takes {fastest / per_day:,.0f} days even at the best floor"
            return None, f"no floor gets there in {self.goal.days:g} days{least}"
        for _ in range(_HALVINGS):
            middle = (low + found) / 2
            if self.needed(self.burden(middle), scale).all <= room:
                found = middle
            else:
                low = middle
        return self._priced(found, self.needed(self.burden(found), scale).all, per_day), ""

    def said(self, limits: Limits) -> str:
        """Say what of the policy the log has nothing of."""
        never = float((self.target * ~self.log.may).sum(1).mean())
        parts = []
        if never > 0:
            parts.append(f"{never:.1%} of its choices are of models that could not serve, which no floor changes")
        none = float((self.target * (self.log.probabilities <= 0)).sum(1).mean()) - never
        if never + none >= limits.uncovered:
            parts.append(f"no overlap: {none:.1%} of its choices are of models with no probability there")
        rare = self.burden(0.0).uncovered - never - none
        if rare >= limits.uncovered:
            parts.append(
                f"{rare:.1%} of its choices are of models with a probability below {limits.least_probability:g}"
            )
        return "; ".join(parts)

    def _priced(self, floor: float, needed: float, per_day: float) -> FloorPlan:
        off = explored(self.log) - self.log.probabilities
        usd = floor * float((off * self.log.mean_cost_usd).sum(1).mean())
        fewer = -floor * float((off * self.log.mean_reward).sum(1).mean())
        return FloorPlan(floor, math.ceil(needed), needed / per_day, needed * usd, needed * fewer)


def later_rows(log: LoggedArrays, task_type: int | None) -> Ints:
    """Pick decisions of the later half of a log, or of one type's, evenly spaced.

    Parameters
    ----------
    log
        In the order of time.
    task_type
        Its place; None: all of them.
    """
    rows = np.arange(log.n) if task_type is None else np.flatnonzero(log.type == task_type)
    rows = rows[len(rows) // 2 :]
    picked: Ints = rows[np.unique(np.linspace(0, len(rows) - 1, min(len(rows), _ROWS)).round().astype(np.intp))]
    return picked
