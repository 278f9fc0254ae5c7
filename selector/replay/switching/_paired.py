"""A policy beside the logging policy on the same decisions: differences, costs, and what their errors rest on."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.replay.estimates._columns import formula
from selector.replay.estimates._moments import Moments
from selector.replay.estimates._result import LOGGING, Estimate, Evaluation, Tally
from selector.replay.estimates._spread import expected_variance
from selector.replay.estimates._verdict import Verdict, verdict_of

__all__ = ["Costs", "Gain", "costs_of", "gain_of", "regrouped"]

Floats = NDArray[np.float64]

_Z95 = 1.959963984540054


class Gain(NamedTuple):
    """What a policy succeeds more often than the logging policy, per decision."""

    n: int
    share: float
    """Of all decisions."""
    value: float
    se: float
    """The larger of what was drawn and of what logged probabilities let expect."""
    if_failed: float
    """Were all that nobody judged failed."""
    if_succeeded: float
    verdict: Verdict
    effective_n: float
    curable: bool
    """Whether more decisions of the same kind can make it supported."""


class Costs(NamedTuple):
    """What a decision costs under a policy and under the logging policy, estimated on the same decisions."""

    n: int
    policy: float
    logging: float
    var_policy: float
    """Of the estimates, not of single decisions."""
    var_logging: float
    covariance: float
    foretold: tuple[float, float]
    """Variance from logged probabilities alone, of the policy's estimate and of the difference."""
    verdict: Verdict
    """Of all but the interval's width."""
    effective_n: float
    curable: bool

    def less(self, factor: float) -> tuple[float, float]:
        """Return the policy's cost less a factor times the logging policy's, with its standard error.

        What probabilities let expect of sum_a (pi - c e)^2/e v is at most c times that of the difference and 1 - c
        times that of the policy, for c from 0 to 1; the larger of it and of what was drawn is taken.
        """
        value = self.policy - factor * self.logging
        drawn = self.var_policy + factor**2 * self.var_logging - 2 * factor * self.covariance
        c = min(max(factor, 0.0), 1.0)
        return value, math.sqrt(max(drawn, c * self.foretold[1] + (1 - c) * self.foretold[0], 0.0))


def regrouped(found: Evaluation, groups: Mapping[str, Sequence[str]]) -> Evaluation:
    """Return an evaluation in which some task types are taken together.

    Everything in it is a sum over decisions, so that nothing is computed anew; judging rates stay those of each type.

    Parameters
    ----------
    found
        The evaluation.
    groups
        The task types of each group, by its name; every type in one of them.
    """
    places = [[found.task_types.index(name) for name in types] for types in groups.values()]
    tallies = {name: _together(tally, places) for name, tally in found.tallies.items()}
    return replace(found, tallies=tallies, task_types=tuple(groups), worth=np.ones(len(places)), _pools={})


def _together(tally: Tally, places: Sequence[Sequence[int]]) -> Tally:
    moments = Moments.zero(len(places), tally.moments.mean.shape[1])
    for group, own in enumerate(places):
        for x in own:
            if tally.moments.n[x]:
                part = tally.moments
                moments.absorb(group, float(part.n[x]), part.mean[x], part.scatter[x])
    sums = {
        name: np.stack([getattr(tally, name)[own].sum(0) for own in places])
        for name in ("n_seen", "uncovered", "impossible", "spread")
    }
    maxima = {
        name: np.stack([getattr(tally, name)[own].max(0) for own in places]) for name in ("largest", "largest_raw")
    }
    return Tally(moments=moments, **sums, **maxima)


def gain_of(found: Evaluation, policy: str, task_type: str | None = None) -> Gain:
    """Compare a policy's success with the logging policy's, by the doubly robust estimate, row by row.

    Parameters
    ----------
    found
        The evaluation.
    policy
        One of its policies.
    task_type
        One of its types, or groups of them; None: all.
    """
    estimate = found.estimate(policy, "success", task_type=task_type)
    moments = _moments(found, policy, task_type)
    value, drawn = _combined(moments, _difference("success", "dr"))
    failed, succeeded = (_combined(moments, _difference("success", end))[0] for end in ("failed", "succeeded"))
    between = _combined(moments, _difference("success", "dm"))[1]
    se = math.sqrt(max(drawn, between + _foretold(found, policy, task_type, "difference")[0]))
    verdict = verdict_of(
        estimate.diagnostics, _Z95 * se, limits=found.limits, known_propensities=found.known_propensities
    )
    n, whole = int(moments.n[0]), float(found.tallies[policy].moments.n.sum())
    effective = estimate.diagnostics.effective_n
    return Gain(n, n / whole, value, se, failed, succeeded, verdict, effective, _curable(found, estimate))


def costs_of(found: Evaluation, policy: str, task_type: str | None = None) -> Costs:
    """Compare what a decision costs under a policy and under the logging policy, likewise.

    Parameters
    ----------
    found, policy, task_type
        As of `gain_of`.
    """
    estimate = found.estimate(policy, "cost", task_type=task_type)
    moments = _moments(found, policy, task_type)
    (own,), (logged,) = formula("cost", "dr"), formula("cost", "dr", logging=True)
    i, j, n = own.above, logged.above, float(moments.n[0])
    mean, scatter = moments.mean[0], moments.scatter[0] / max(n - 1, 1) / n
    dm = formula("cost", "dm")[0].above, formula("cost", "dm", logging=True)[0].above
    noise = [float(_foretold(found, policy, task_type, part)[1]) for part in ("policy", "difference")]
    foretold = (
        noise[0] + _combined(moments, {dm[0]: 1.0})[1],
        noise[1] + _combined(moments, {dm[0]: 1.0, dm[1]: -1.0})[1],
    )
    verdict = verdict_of(estimate.diagnostics, 0.0, limits=found.limits, known_propensities=found.known_propensities)
    return Costs(
        n=int(n),
        policy=float(mean[i]),
        logging=float(mean[j]),
        var_policy=float(scatter[i, i]),
        var_logging=float(scatter[j, j]),
        covariance=float(scatter[i, j]),
        foretold=foretold,
        verdict=verdict,
        effective_n=estimate.diagnostics.effective_n,
        curable=_curable(found, estimate),
    )


def _curable(found: Evaluation, estimate: Estimate) -> bool:
    """Say whether nothing but the number of decisions stands in the way."""
    enough = estimate.diagnostics._replace(effective_n=math.inf, largest_weight=0.0)
    verdict = verdict_of(enough, 0.0, limits=found.limits, known_propensities=found.known_propensities)
    return verdict.word == "supported" and estimate.diagnostics.effective_n > 0


def _moments(found: Evaluation, policy: str, task_type: str | None) -> Moments:
    moments = found.tallies[policy].moments
    return moments.pooled() if task_type is None else moments.of(found.task_types.index(task_type))


def _difference(outcome: str, estimator: str) -> dict[int, float]:
    """Return the columns whose means' difference is a policy's less the logging policy's."""
    own, logged = formula(outcome, estimator)[0].above, formula(outcome, estimator, logging=True)[0].above
    return {own: 1.0, logged: -1.0}


def _combined(moments: Moments, columns: Mapping[int, float]) -> tuple[float, float]:
    """Return a sum of means times factors, and its variance."""
    direction = np.zeros(moments.mean.shape[1])
    direction[list(columns)] = list(columns.values())
    n = float(moments.n[0])
    variance = float(direction @ moments.scatter[0] @ direction) / max(n - 1, 1) / n if n > 1 else math.inf
    return float(direction @ moments.mean[0]), max(variance, 0.0)


def _foretold(found: Evaluation, policy: str, task_type: str | None, part: str) -> Floats:
    """Return the variance that logged probabilities let expect of success and of cost, shape (2,)."""
    if policy == LOGGING:
        return np.zeros(2)
    every = found.tallies[policy].spread
    own = slice(None) if task_type is None else [found.task_types.index(task_type)]
    n = float(found.tallies[policy].moments.n[own].sum())
    sums = np.concatenate([every[..., :2].sum(0), every[own][:, :, 2:].sum(0)], axis=1)
    return expected_variance(sums, n, part)
