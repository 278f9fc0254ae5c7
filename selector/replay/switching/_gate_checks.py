"""One thing that a gate asks: whether it is shown, refuted or open, and what is missing where it is open."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, NamedTuple

from selector.replay.estimates._verdict import LIMITS, Limits, Verdict
from selector.replay.switching._needs import sample_size
from selector.replay.switching._paired import Costs, Gain

__all__ = ["Asked", "GateCheck", "GateTerms", "Seen", "saving_seen", "settled", "success_seen"]

State = Literal["shown", "refuted", "open"]

_Z95 = 1.959963984540054
_LEAST_SAVING = -99.0
_HALVINGS = 60


@dataclass(frozen=True, slots=True, kw_only=True)
class GateTerms:
    """On what terms a switch is allowed.

    Examples
    --------
    >>> GateTerms(success_margin=0.01).one_sided
    0.05
    """

    success_margin: float = 0.02
    """How much less often a decision may succeed."""
    min_saving: float | None = None
    """The least share of the cost that must be saved; 0: it must cost no more; None: whatever it costs."""
    alpha: float = 0.05
    """Chance of passing a policy that is worse by the margin, or saves too little; and of failing one that is not."""
    looks: int = 1
    """How often the gate will be looked at, at most: the chance is shared among them."""
    least_share: float = 0.05
    """The rarest task types that together have at most this share of decisions are taken together."""
    power: float = 0.8
    """With which what is missing is to be enough."""
    limits: Limits = LIMITS
    """What is asked of a supported verdict."""

    @property
    def one_sided(self) -> float:
        """The chance at each look."""
        return self.alpha / self.looks


class GateCheck(NamedTuple):
    """One thing that is to be shown."""

    what: str
    """``success`` or ``saving``."""
    task_type: str | None
    """None: all decisions; ``rest``: the rarest types together."""
    types: tuple[str, ...]
    n: int
    share: float
    value: float
    """The difference in success, or the share of the cost that is saved."""
    low: float
    """One-sided bounds: it is above this one with the confidence asked for, and below the other one with the same."""
    high: float
    least: float
    """What it must be above."""
    required: bool
    """Whether the gate passes only if it is shown; else it can but fail."""
    state: State
    verdict: Verdict
    more: float
    """Decisions of its kind that are still missing, at what is seen; infinite: more of them do not show it."""
    why: str
    """Why it is refuted or open; empty: it is shown."""


class Asked(NamedTuple):
    """What is to be shown, of which decisions."""

    what: str
    task_type: str | None
    types: tuple[str, ...]
    required: bool


class Seen(NamedTuple):
    """What the log says of it, as a distance from what is asked, above 0 where it is better."""

    value: float
    least: float
    bounds: tuple[float, float] | None
    """Of the value; None: as of the distance."""
    distance: float
    ends: tuple[float, ...]
    """The distance if all that nobody judged had failed, or succeeded."""
    se: float
    planned: float
    """The distance that one would plan for."""
    n: int
    share: float
    effective_n: float
    curable: bool
    width: float
    """The half-width of a 95 % interval that a verdict looks at; 0: at none."""
    verdict: Verdict

    @property
    def p_worse(self) -> float:
        """The one-sided p-value of its being as good as asked, against its being worse."""
        if math.isnan(self.distance) or self.se == 0:
            return 0.0 if self.distance < 0 else 1.0
        return NormalDist().cdf(self.distance / self.se)


def success_seen(gain: Gain, margin: float) -> Seen:
    """Say how far the difference in success is above the margin."""
    return Seen(
        value=gain.value,
        least=-margin,
        bounds=None,
        distance=gain.value + margin,
        ends=(gain.if_failed + margin, gain.if_succeeded + margin),
        se=gain.se,
        planned=margin,
        n=gain.n,
        share=gain.share,
        effective_n=gain.effective_n,
        curable=gain.curable,
        width=_Z95 * gain.se,
        verdict=gain.verdict,
    )


def saving_seen(costs: Costs, min_saving: float, alpha: float) -> Seen:
    """Say how far the cost is below what is left of it after the saving; bounds are savings just not rejected."""
    z = NormalDist().inv_cdf(1 - alpha)
    over, se = costs.less(1 - min_saving)
    verdict = costs.verdict
    if not costs.logging > 0:
        verdict = Verdict("none", (*verdict.reasons, "what was logged cost nothing, of which no share can be saved"))

    def reaches(saving: float, side: float) -> bool:
        value, error = costs.less(1 - saving)
        return value + side * z * error < 0

    return Seen(
        value=1 - costs.policy / costs.logging if costs.logging > 0 else math.nan,
        least=min_saving,
        bounds=(_last(lambda s: reaches(s, 1.0)), _last(lambda s: reaches(s, -1.0))),
        distance=-over,
        ends=(-over,),
        se=se,
        planned=-over,
        n=costs.n,
        share=1.0,
        effective_n=costs.effective_n,
        curable=costs.curable,
        width=0.0,
        verdict=verdict,
    )


def _last(reached: Callable[[float], bool]) -> float:
    """Bisect for the largest saving, up to all of the cost, that something holds of."""
    low, high = _LEAST_SAVING, 1.0
    if reached(high):
        return high
    if not reached(low):
        return -math.inf
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if reached(middle) else (low, middle)
    return low


def settled(asked: Asked, seen: Seen, p_worse: float, terms: GateTerms) -> GateCheck:
    """Decide whether it is shown, refuted, or open.

    Parameters
    ----------
    asked
        What is to be shown.
    seen
        What the log says of it.
    p_worse
        Of its being as good as asked, adjusted for all that could be refuted.
    terms
        How surely.
    """
    z = NormalDist().inv_cdf(1 - terms.one_sided)
    reach, each = z * seen.se, (seen.distance, *seen.ends)
    state: State = "open"
    if seen.verdict.word == "supported" and min(each) - reach > 0:
        state = "shown"
    elif seen.verdict.word == "supported" and p_worse < terms.one_sided and max(each) + reach < 0:
        state = "refuted"
    low, high = seen.bounds or (seen.value - reach, seen.value + reach)
    why = "" if state == "shown" else _why(seen, state, (low, high), reach)
    more = 0.0 if state != "open" else _more(seen, terms)
    numbers = seen.n, seen.share, seen.value, low, high, seen.least
    return GateCheck(asked.what, asked.task_type, asked.types, *numbers, asked.required, state, seen.verdict, more, why)


def _why(seen: Seen, state: State, bounds: tuple[float, float], reach: float) -> str:
    low, high = bounds
    if state == "refuted":
        return f"it is {max(high, _LEAST_SAVING):.3f} at most, and {seen.least:g} is the least"
    if seen.verdict.word != "supported":
        return "; ".join(seen.verdict.reasons)
    if seen.distance - reach > 0 or (seen.distance + reach < 0 and max(seen.ends) + reach >= 0):
        return "what nobody judged could turn it"
    if seen.distance + reach < 0:
        return "it looks worse, but as one of so many comparisons that is not sure enough"
    return f"it may be as low as {low:.3f}, and {seen.least:g} is the least"


def _more(seen: Seen, terms: GateTerms) -> float:
    """Say how many more decisions of its kind are to be expected to show it.

    With no difference at first; where there are enough for that already, with the difference that is seen.
    """
    if not seen.curable:
        return math.inf
    limits, variance = terms.limits, seen.n * seen.se**2
    least = max(limits.effective_n, 1 / limits.largest_weight**2)
    others = seen.n * max(least / seen.effective_n, (seen.width / limits.half_width) ** 2)
    for effect in (seen.planned, min(seen.planned, seen.distance)):
        size = sample_size(variance, effect, power=terms.power, alpha=terms.one_sided, sides=1)
        more = math.ceil(max(size, others) - seen.n) if math.isfinite(max(size, others)) else math.inf
        if more > 0:
            return more
    return math.inf
