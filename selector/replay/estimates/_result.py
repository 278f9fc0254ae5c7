"""Estimates with their intervals and verdicts, paired differences from the logging policy, and the frontier."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError, nearest
from selector.replay.estimates._columns import ESTIMATORS, N_COLUMNS, formula, reward_columns, weight_column
from selector.replay.estimates._moments import Moments
from selector.replay.estimates._spread import SPREAD, degrees_of_freedom, expected_variance
from selector.replay.estimates._verdict import Diagnostics, Limits, Verdict, flipped, verdict_of
from selector.replay.intervals._normal import holm, normal_interval, p_value, quantile

__all__ = ["LOGGING", "Estimate", "Evaluation", "FrontierPoint", "PolicyDifference", "Tally"]

Floats = NDArray[np.float64]

LOGGING = "logging"
_OUTCOMES = ("success", "cost", "utility")
_ALARM = 0.05  # chance of a false alarm among all differences that are shown together
_Z95 = 1.959963984540054
_STUDENT = {"dr", "sn_dr"}  # whose rows are the weighted residuals that degrees of freedom are counted from
_SUMS, _MAXIMA = ("n_seen", "uncovered", "impossible", "spread"), ("largest", "largest_raw")


@dataclass(slots=True)
class Tally:
    """What was added up for one policy, per task type."""

    moments: Moments
    n_seen: Floats
    """Decisions with a judgement, and with a cost, shape (n_types, 2)."""
    largest: Floats
    """The largest weight of what was seen of each, shape (n_types, 2)."""
    largest_raw: Floats
    """The largest weight, seen or not, shape (n_types,)."""
    uncovered: Floats
    """Sum of the probability on arms practically never tried, shape (n_types,)."""
    impossible: Floats
    """Sum of the probability on arms that had none, shape (n_types,)."""
    spread: Floats
    """Sums of what foretells the variance, shape (n_types, 2 outcomes, 7)."""

    @classmethod
    def zero(cls, n_types: int, n_columns: int = N_COLUMNS) -> Tally:
        """Start with nothing."""
        seen, largest = np.zeros((2, n_types, 2))
        raw, uncovered, impossible = np.zeros((3, n_types))
        spread = np.zeros((n_types, 2, len(SPREAD)))
        return cls(Moments.zero(n_types, n_columns), seen, largest, raw, uncovered, impossible, spread)

    def whole(self, place: Sequence[int]) -> Tally:
        """Return it with all columns, of which some were left out because they equal others."""
        fixed = {name: getattr(self, name).copy() for name in (*_SUMS, *_MAXIMA)}
        return Tally(moments=self.moments.spread(place), **fixed)

    def merge(self, other: Tally) -> None:
        """Take in another."""
        self.moments.merge(other.moments)
        for name in _SUMS:
            np.add(getattr(self, name), getattr(other, name), out=getattr(self, name))
        for name in _MAXIMA:
            np.maximum(getattr(self, name), getattr(other, name), out=getattr(self, name))


class Estimate(NamedTuple):
    """What a policy would have earned or spent per decision."""

    policy: str
    outcome: str
    """``success``, ``cost`` (dollars) or ``utility``."""
    estimator: str
    task_type: str | None
    """None: all of them."""
    value: float
    se: float
    """Standard error, of the prompts' sampling too."""
    low: float
    high: float
    if_failed: float
    """Doubly robust, were all that nobody judged failed; equal to that of `if_succeeded` where all was judged."""
    if_succeeded: float
    diagnostics: Diagnostics
    verdict: Verdict


class PolicyDifference(NamedTuple):
    """A policy less the logging policy, on the same decisions."""

    policy: str
    outcome: str
    task_type: str | None
    share: float
    """Of the decisions: share times value adds up to the whole difference."""
    value: float
    se: float
    low: float
    high: float
    p: float
    """Two-sided."""
    p_holm: float
    """Adjusted for all comparisons that were made together."""
    conclusion: str
    """``higher``, ``lower`` or ``no difference shown``, by the adjusted p-value at .05."""
    verdict: Verdict


class FrontierPoint(NamedTuple):
    """A policy's place among cost and value."""

    policy: str
    cost_usd: float
    value: float
    on_frontier: bool
    """Whether no other policy that can be believed is at least as good for no more."""
    verdict: Verdict


class _Found(NamedTuple):
    value: float
    se: float


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What was found of all policies; every number is read off the same few sums.

    Doubly robust estimates are the headline; the others stand beside them to be compared. Intervals are normal, those
    of doubly robust estimates Student's with as many degrees of freedom as heavy weights leave: right for one sample
    size fixed beforehand. Utility is read off the sums of success and cost, so that another price or
    worth needs no other pass over the log.
    """

    tallies: dict[str, Tally]
    task_types: tuple[str, ...]
    worth: Floats
    price: float
    level: float
    limits: Limits
    clip: float
    known_propensities: bool
    _pools: dict[tuple[str, bool], Moments] = field(default_factory=dict, repr=False)

    @property
    def policies(self) -> tuple[str, ...]:
        """Names, the logging policy first."""
        return tuple(self.tallies)

    def estimate(
        self, policy: str, outcome: str = "success", estimator: str = "dr", *, task_type: str | None = None
    ) -> Estimate:
        """Return one estimate.

        Raises
        ------
        DataError
            There is no such policy, outcome, estimator or task type.
        """
        x = self._check(policy, outcome, estimator, task_type)
        found = self._found(policy, outcome, estimator, x)
        df = self._freedom(policy, outcome, x, found.se) if estimator in _STUDENT else math.inf
        low, high = normal_interval(found.value, found.se, self.level, df)
        ends = [self._found(policy, outcome, end, x) for end in ("failed", "succeeded")]
        d = self._diagnostics(policy, outcome, x)
        foretold = self._foretold(policy, outcome, x)
        stretch = quantile(0.95, df) / _Z95
        verdict = self._verdict(d, max(stretch * found.se, foretold), outcome, found.value)
        if estimator == "dm":
            reason = "model-based: its interval knows nothing of the error of the predicted means"
            verdict = Verdict("none", (*verdict.reasons, reason))
        elif estimator == "clipped_dr" and self._largest(policy, x) > self.clip:
            reason = f"weights above {self.clip:.4g} were cut, which biases it"
            verdict = Verdict("none" if verdict.word == "none" else "weak", (*verdict.reasons, reason))
        if verdict.word == "supported" and outcome != "cost":
            words = [self._verdict(d, max(stretch * end.se, foretold), outcome, end.value).word for end in ends]
            verdict = flipped(verdict, verdict.word, words)
        name = outcome, estimator, task_type
        return Estimate(policy, *name, *found, low, high, ends[0].value, ends[1].value, d, verdict)

    def estimates(self, outcome: str = "success", *, by_type: bool = False) -> list[Estimate]:
        """Return the estimates of all policies by all estimators, of everything or of each task type.

        Task types without a decision are left out.
        """
        types = self._present() if by_type else [None]
        return [
            self.estimate(policy, outcome, estimator, task_type=type_)
            for type_ in types
            for policy in self.policies
            for estimator in ESTIMATORS
        ]

    def differences(
        self, outcome: str = "success", estimator: str = "dr", *, by_type: bool = False
    ) -> list[PolicyDifference]:
        """Compare every policy with the logging policy, on the same decisions, corrected for how many are compared.

        Standard errors are of the difference of influence functions, row by row, which is far less than those of two
        estimates side by side. The logging policy is valued by the same estimator with weights of one.
        """
        types = self._present() if by_type else [None]
        pairs = [(policy, type_) for type_ in types for policy in self.policies if policy != LOGGING]
        for policy, type_ in pairs[:1]:
            self._check(policy, outcome, estimator, type_)
        places = [None if type_ is None else self.task_types.index(type_) for _, type_ in pairs]
        each = [(policy, x) for (policy, _), x in zip(pairs, places, strict=True)]
        kinds, df = {}, [math.inf] * len(each)
        for kind in (estimator, "failed", "succeeded"):
            found = [self._found(policy, outcome, kind, x, paired=True) for policy, x in each]
            if kind == estimator and estimator in _STUDENT:
                pairs_se = zip(each, found, strict=True)
                df = [self._freedom(policy, outcome, x, f.se, paired=True) for (policy, x), f in pairs_se]
            p = np.array([p_value(f.value, f.se, few) for f, few in zip(found, df, strict=True)])
            kinds[kind] = found, p, holm(p)
        return [
            self._difference(pair, x, outcome, i, kinds, df[i])
            for i, (pair, x) in enumerate(zip(pairs, places, strict=True))
        ]

    def frontier(self, outcome: str = "success") -> list[FrontierPoint]:
        """Return the policies by cost, and say which no other one beats; one without support is never on it."""
        points = [(self.estimate(name, outcome), self.estimate(name, "cost")) for name in self.policies]
        points.sort(key=lambda point: (point[1].value, -point[0].value))
        found, best = [], -math.inf
        for value, cost in points:
            worse = value.verdict if value.verdict.word != "supported" else cost.verdict
            believed = "none" not in {value.verdict.word, cost.verdict.word}
            on = believed and value.value > best
            best = max(best, value.value) if on else best
            found.append(FrontierPoint(value.policy, cost.value, value.value, on, worse))
        return found

    def _present(self) -> list[str]:
        n = self.tallies[LOGGING].moments.n
        return [name for name, count in zip(self.task_types, n.tolist(), strict=True) if count]

    def _check(self, policy: str, outcome: str, estimator: str, task_type: str | None) -> int | None:
        known = (
            ("policy", policy, self.policies),
            ("outcome", outcome, _OUTCOMES),
            ("estimator", estimator, ESTIMATORS),
        )
        for key, value, valid in known:
            if value not in valid:
                raise DataError(f"{key}: there is no {value!r}{nearest(value, valid)}")
        if task_type is None:
            return None
        if task_type not in self.task_types:
            raise DataError(f"task_type: there is no {task_type!r}{nearest(task_type, self.task_types)}")
        return self.task_types.index(task_type)

    def _moments(self, policy: str, x: int | None, *, worth: bool) -> Moments:
        """Return the moments of a type, or of all together, those of success multiplied by its worth."""
        moments = self.tallies[policy].moments
        if x is None and (policy, worth) in self._pools:
            return self._pools[policy, worth]
        if worth:
            factor = np.ones((len(self.task_types), N_COLUMNS))
            factor[:, reward_columns()] = self.worth[:, None]
            moments = moments.scaled(factor)
        if x is not None:
            return moments.of(x)
        pooled = self._pools[policy, worth] = moments.pooled()
        return pooled

    def _found(self, policy: str, outcome: str, estimator: str, x: int | None, *, paired: bool = False) -> _Found:
        """Compute one estimate, or its difference from the logging policy."""
        if estimator == "aw_dr" and x is None:
            return self._stratified(policy, outcome, paired=paired)
        moments = self._moments(policy, x, worth=outcome == "utility")
        n, mean, scatter = moments.n[0], moments.mean[0], moments.scatter[0]
        direction, value = np.zeros(N_COLUMNS), 0.0
        terms = [("success", 1.0)] if outcome != "cost" else [("cost", 1.0)]
        if outcome == "utility" and self.price:
            terms.append(("cost", -self.price))
        for column, factor in terms:
            kind = "dr" if column == "cost" and estimator in {"failed", "succeeded"} else estimator
            for logging, sign in ((False, factor), (True, -factor))[: 2 if paired else 1]:
                for above, below, own in formula(column, kind, logging=logging):
                    scale = 1.0 if below is None else mean[below]
                    if not scale > 0:
                        return _Found(math.nan, math.nan)
                    ratio = sign * own * mean[above] / scale
                    value += ratio
                    direction[above] += sign * own / scale
                    if below is not None:
                        direction[below] -= ratio / scale
        spread = max(float(direction @ scatter @ direction), 0.0)
        return _Found(float(value), math.sqrt(spread / (n - 1) / n) if n > 1 else math.nan)

    def _stratified(self, policy: str, outcome: str, *, paired: bool) -> _Found:
        """Average the estimates of the task types over the decisions: how often each type comes is random, too."""
        n = self.tallies[policy].moments.n
        present = np.flatnonzero(n)
        share = n[present] / n.sum()
        each = [self._found(policy, outcome, "aw_dr", x, paired=paired) for x in present.tolist()]
        value, se = (np.array(column) for column in zip(*each, strict=True))
        whole = float(share @ value)
        within = (share * np.where(n[present] > 1, se, 0.0)) ** 2
        between = share @ (value - whole) ** 2 / n.sum()
        return _Found(whole, math.sqrt(within.sum() + between) if n.sum() > 1 else math.nan)

    def _diagnostics(self, policy: str, outcome: str, x: int | None) -> Diagnostics:
        if outcome == "utility" and self.price:
            return min((self._diagnostics(policy, o, x) for o in ("success", "cost")), key=lambda d: d.effective_n)
        place = int(outcome == "cost")
        tally, types = self.tallies[policy], slice(None) if x is None else slice(x, x + 1)
        moments, column = self._moments(policy, x, worth=False), weight_column("cost" if place else "success")
        n, mean = float(moments.n[0]), float(moments.mean[0, column])
        around = max(float(moments.scatter[0, column, column]), 0.0)
        squares = around + n * mean * mean
        foretold = 0.0
        if policy != LOGGING and n:
            square = float(tally.spread[types, place, SPREAD.index("weight")].sum()) / n
            foretold = math.sqrt(max(square - mean * mean, 0.0) / n)
        possible = 1.0 - float(tally.impossible[types].sum()) / n if n else 1.0
        factor = 1.0 / possible if possible > 0 else math.nan
        return Diagnostics(
            n=int(n),
            n_seen=int(tally.n_seen[types, place].sum()),
            effective_n=(n * mean) ** 2 / squares if squares > 0 else 0.0,
            largest_weight=float(tally.largest[types, place].max()) / (n * mean) if mean > 0 else 1.0,
            uncovered=float(tally.uncovered[types].sum()) / n if n else 1.0,
            mean_weight=mean * factor,
            se_mean_weight=max(math.sqrt(around / (n - 1) / n), foretold) * factor if n > 1 else math.inf,
        )

    def _largest(self, policy: str, x: int | None) -> float:
        each = self.tallies[policy].largest_raw
        return float(each.max() if x is None else each[x])

    def _foretold(self, policy: str, outcome: str, x: int | None, *, paired: bool = False) -> float:
        """Return the standard error that logged probabilities let expect; 0 for the logging policy, without weights."""
        if policy == LOGGING:
            return 0.0
        every, own = self.tallies[policy].spread, slice(None) if x is None else slice(x, x + 1)
        n = float(self.tallies[policy].moments.n[own].sum())
        if not n:
            return math.inf
        sums = np.concatenate([every[..., :2].sum(0), every[own, :, 2:].sum(0)], axis=1)
        drawn = expected_variance(sums, n, "difference" if paired else "policy")
        predicted = self._found(policy, outcome, "dm", x, paired=paired).se
        success, cost = np.sqrt(drawn).tolist()
        worth = float(np.abs(self.worth).max())
        noise = {"success": success, "cost": cost, "utility": worth * success + abs(self.price) * cost}[outcome]
        return math.hypot(noise, predicted)

    def _freedom(self, policy: str, outcome: str, x: int | None, se: float, *, paired: bool = False) -> float:
        """Return the degrees of freedom of a doubly robust standard error; of utility, no more than it has."""
        tally, own = self.tallies[policy], slice(None) if x is None else slice(x, x + 1)
        n = float(tally.moments.n[own].sum())
        part = SPREAD.index("fourth_difference" if paired else "fourth")
        success, cost = (tally.spread[own, :, part].sum(0) ** 0.25).tolist()
        if outcome == "utility":
            success, cost = float(np.abs(self.worth).max()) * success, abs(self.price) * cost
        root = {"success": success, "cost": cost, "utility": success + cost}[outcome]
        return degrees_of_freedom(root**4, se * se * n * (n - 1)) if n > 1 else math.inf

    def _verdict(self, d: Diagnostics, se: float, outcome: str, cost: float) -> Verdict:
        """Judge by the half-width over the scale; of a cost, a tenth of it is what .05 is of a success."""
        scale = {"success": 1.0, "utility": float(np.abs(self.worth).max()), "cost": 2 * abs(cost)}[outcome]
        half = _Z95 * se / scale if scale else (0.0 if se == 0 else math.inf)
        return verdict_of(d, half, limits=self.limits, known_propensities=self.known_propensities)

    def _difference(
        self,
        pair: tuple[str, str | None],
        x: int | None,
        outcome: str,
        i: int,
        kinds: dict[str, tuple[list[_Found], Floats, Floats]],
        df: float,
    ) -> PolicyDifference:
        (found, p, adjusted), *ends = ((each[0][i], each[1][i], each[2][i]) for each in kinds.values())
        conclusion = _conclusion(found.value, adjusted)
        policy, type_ = pair
        spent = self._found(LOGGING, "cost", "dr", x).value if outcome == "cost" else 0.0
        se = max(quantile(0.95, df) / _Z95 * found.se, self._foretold(policy, outcome, x, paired=True))
        verdict = self._verdict(self._diagnostics(policy, outcome, x), se, outcome, spent)
        if outcome != "cost":
            verdict = flipped(verdict, conclusion, [_conclusion(end[0].value, end[2]) for end in ends])
        n = self.tallies[policy].moments.n
        share = 1.0 if x is None else float(n[x] / n.sum())
        low, high = normal_interval(found.value, found.se, self.level, df)
        name = policy, outcome, type_, share
        return PolicyDifference(*name, *found, low, high, float(p), float(adjusted), conclusion, verdict)


def _conclusion(value: float, p: float) -> str:
    if not p < _ALARM:
        return "no difference shown"
    return "higher" if value > 0 else "lower"
