"""Intervals that hold however often one looks, put in the place of those that hold once."""

from __future__ import annotations

import math

from selector.replay.comparing._cases import Cases
from selector.replay.estimates._result import LOGGING, Estimate, Evaluation, PolicyDifference
from selector.replay.estimates._verdict import Verdict
from selector.replay.intervals._sequence import SUCCESS, ConfidenceSequence
from selector.replay.targets._simple import logging_policy

__all__ = ["Looks"]


class Looks:
    """Confidence sequences of the success of policies, and of their differences from the logging policy.

    A policy's own interval holds by itself. A difference lies between the ends of two sequences, of which that of the
    logging policy has half of what may go wrong, and the policies share the other half, so that all conclusions hold
    together. That is wider than need be where a policy is much like the one that logged.

    Parameters
    ----------
    found
        The estimates.
    cases
        What was estimated.
    level
        Of each interval, and of all differences together.
    """

    def __init__(self, found: Evaluation, cases: Cases, level: float) -> None:
        self._limit = found.limits.half_width
        alpha = 1.0 - level
        self._own: dict[str, tuple[float, float]] = {}
        self._shared: dict[str, tuple[float, float]] = {}
        for name in found.policies:
            sequence = ConfidenceSequence(SUCCESS._replace(alpha=alpha))
            sequence.add(cases.log, cases.targets.get(name, logging_policy))
            self._own[name] = sequence.bounds()
            half = alpha / 2 if name == LOGGING else alpha / 2 / max(len(cases.cases), 1)
            sequence.scale = SUCCESS._replace(alpha=half)
            self._shared[name] = sequence.bounds()

    def estimate(self, each: Estimate) -> Estimate:
        """Give an estimate its sequence's interval; where that is wide, it is weak."""
        low, high = self._own[each.policy]
        return each._replace(low=low, high=high, verdict=self._judged(each.verdict, (high - low) / 2))

    def difference(self, each: PolicyDifference) -> PolicyDifference:
        """Give a difference of success its interval, and the conclusion from that alone; one of cost stays as it is."""
        if each.outcome != SUCCESS.outcome:
            return each
        mine, logged = self._shared[each.policy], self._shared[LOGGING]
        low, high = mine[0] - logged[1], mine[1] - logged[0]
        word = "higher" if low > 0 else "lower" if high < 0 else "no difference shown"
        verdict = self._judged(each.verdict, (high - low) / 2)
        return each._replace(low=low, high=high, p=math.nan, p_holm=math.nan, conclusion=word, verdict=verdict)

    def _judged(self, verdict: Verdict, half_width: float) -> Verdict:
        if verdict.word != "supported" or half_width <= self._limit:
            return verdict
        reason = f"its interval for all times is {half_width:.3f} to either side, and {self._limit:g} is the most"
        return Verdict("weak", (reason,))
