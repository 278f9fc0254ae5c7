"""Whether an estimate can be relied on: `supported`, `weak` or `none`, with the reasons in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

__all__ = ["LIMITS", "Diagnostics", "Limits", "Verdict", "flipped", "verdict_of"]

Word = Literal["supported", "weak", "none"]


class Diagnostics(NamedTuple):
    """What says whether the log holds enough of what a policy would have done."""

    n: int
    """Decisions."""
    n_seen: int
    """Those whose outcome was seen."""
    effective_n: float
    """Effective sample size, (sum w)^2 / sum w^2 over those."""
    largest_weight: float
    """The largest weight's share of their sum, 0 to 1."""
    uncovered: float
    """Mean probability of the policy on arms that the log practically never tries."""
    mean_weight: float
    """Where the logged probabilities are right, 1 but for chance."""
    se_mean_weight: float
    """The larger of what was drawn and of what the logged probabilities let expect."""


class Verdict(NamedTuple):
    """How far an estimate can be relied on."""

    word: Word
    """``none``: its interval cannot be believed; ``weak``: wide, or it rests on what was not seen."""
    reasons: tuple[str, ...]
    """Why it is not more than that; empty for ``supported``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What is asked of a supported estimate; a stricter house sets its own."""

    effective_n: float = 30.0
    largest_weight: float = 0.2
    uncovered: float = 0.05
    mean_weight_se: float = 3.0
    half_width: float = 0.05
    """Of a 95 % interval, in units of the outcome's scale."""
    least_probability: float = 1e-4
    """Below, an arm counts as never tried."""


LIMITS = Limits()


def verdict_of(
    diagnostics: Diagnostics, half_width: float, *, limits: Limits = LIMITS, known_propensities: bool = True
) -> Verdict:
    """Judge an estimate by its diagnostics and the half-width of its 95 % interval.

    What makes an interval unbelievable gives ``none``: too few effective decisions, one that outweighs the rest,
    probability where the log has nothing to say, weights whose mean shows that the logged probabilities are wrong.
    What only makes it wide, or rests on estimated propensities, gives ``weak``. These are rules of thumb, not theorems.

    Parameters
    ----------
    diagnostics
        Of the estimate.
    half_width
        The interval's, or what logged probabilities let expect where that is wider (a standard error may be small by
        luck), over the outcome's scale: 1 for success, the worth of one for utility, and for cost twice the cost, so
        that a tenth of it is as much as .05 of a success.
    limits
        What is asked.
    known_propensities
        Whether they were logged, not estimated.

    Examples
    --------
    >>> verdict_of(Diagnostics(1000, 1000, 400.0, 0.01, 0.0, 1.0, 0.05), half_width=0.03)
    Verdict(word='supported', reasons=())
    >>> verdict_of(Diagnostics(1000, 1000, 12.0, 0.09, 0.0, 1.1, 0.2), half_width=0.2).reasons[0]
    'its effective sample size is 12, and 30 is the least'
    """
    severe = _distrust(diagnostics, limits)
    mild = []
    if not half_width <= limits.half_width:
        shown = "unknown" if math.isnan(half_width) else f"{half_width:.3f}"
        mild.append(
            f"its 95 % interval is to be expected {shown} to either side, and {limits.half_width:g} is the most"
        )
    if not known_propensities:
        mild.append("propensities were estimated afterwards, not logged")
    word: Word = "none" if severe else "weak" if mild else "supported"
    return Verdict(word, (*severe, *mild))


def _distrust(d: Diagnostics, limits: Limits) -> list[str]:
    """Say why an interval cannot be believed."""
    if not d.n_seen:
        return ["of none of the decisions was the outcome seen"]
    if not d.effective_n > 0:
        return ["the log never did what the policy would do"]
    reasons = []
    if d.effective_n < limits.effective_n:
        reasons.append(f"its effective sample size is {d.effective_n:.0f}, and {limits.effective_n:g} is the least")
    if d.largest_weight > limits.largest_weight:
        share = f"{d.largest_weight:.0%} of all weight"
        reasons.append(f"one decision has {share}, and {limits.largest_weight:.0%} is the most")
    if d.uncovered >= limits.uncovered:
        never = f"{d.uncovered:.1%} of its choices are of models the log practically never tries there"
        reasons.append(f"{never} (probability below {limits.least_probability:g})")
    off = abs(d.mean_weight - 1.0)
    if off > limits.mean_weight_se * d.se_mean_weight + 1e-9:
        how = f"{d.mean_weight:.3f} where 1 is expected, more than {limits.mean_weight_se:g} standard errors"
        reasons.append(f"its mean weight is {how} off: logged propensities do not fit what was chosen")
    return reasons


def flipped(verdict: Verdict, conclusion: str, extremes: Sequence[str]) -> Verdict:
    """Weaken a verdict whose conclusion would be another one if all that nobody judged had failed, or succeeded.

    Examples
    --------
    >>> flipped(Verdict("supported", ()), "higher", ["higher", "lower"]).reasons
    ('with all unjudged outcomes failed or all succeeded it would be: lower',)
    """
    others = sorted({each for each in extremes if each != conclusion})
    if not others:
        return verdict
    reason = f"with all unjudged outcomes failed or all succeeded it would be: {', '.join(others)}"
    return Verdict("weak" if verdict.word == "supported" else verdict.word, (*verdict.reasons, reason))
