"""Who may serve a task, and why others may not."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from selector.records._checks import keep, number, word

__all__ = ["Candidate", "Exclusion", "Reason"]


class Reason(StrEnum):
    """Why a model may not serve a task: a closed list, so that exclusions can be counted.

    Examples
    --------
    >>> Reason("missing_capability")
    <Reason.MISSING_CAPABILITY: 'missing_capability'>
    """

    DISABLED = "disabled"
    """The configuration says ``enabled: false``."""
    NO_CREDENTIALS = "no_credentials"
    """The provider's key is not there."""
    MISSING_CAPABILITY = "missing_capability"
    """The task or its type needs what the model does not have."""
    CONTEXT_TOO_SMALL = "context_too_small"
    """The input and the longest answer do not fit."""
    NOT_IN_ONLY = "not_in_only"
    """The task, its type or a rule names the only models that may serve, and this is none of them."""
    NOT_IN_PURPOSE = "not_in_purpose"
    """The task has a purpose, and this model does not serve it."""
    FORBIDDEN_BY_RULE = "forbidden_by_rule"
    """A rule forbids it."""
    DATA_CONSTRAINT = "data_constraint"
    """The task's data may not go to this provider."""
    UNKNOWN_COST = "unknown_cost"
    """Nobody knows its price, and there is a budget in dollars."""
    UNBOUNDED_COST = "unbounded_cost"
    """Its worst case is unknown, and a hard budget must hold the worst case."""
    OVER_MAX_COST = "over_max_cost"
    """It costs more than this one task may."""
    OVER_BUDGET = "over_budget"
    """Its worst case does not fit what is left of a hard budget."""
    OVER_QUOTA = "over_quota"
    """The provider's own limit is spent until its reset."""
    UNHEALTHY = "unhealthy"
    """The route failed too often just now."""
    TOO_SLOW = "too_slow"
    """It is not expected within the deadline or the type's longest latency."""
    BELOW_MIN_SUCCESS = "below_min_success"
    """It is not believed good enough for the objective's bar, and another is."""
    ALREADY_TRIED = "already_tried"
    """It failed on this very task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exclusion:
    """Why one model may not serve a task.

    Examples
    --------
    >>> print(Exclusion(reason=Reason.MISSING_CAPABILITY, detail="vision"))
    missing_capability (vision)
    """

    reason: Reason
    """From the closed list."""
    detail: str = ""
    """What exactly: the capability, the budget, the rule."""

    def __post_init__(self) -> None:
        keep(self, reason=Reason(self.reason))

    def __str__(self) -> str:
        return f"{self.reason.value} ({self.detail})" if self.detail else self.reason.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model and route that may serve a task, with what was believed of it when the choice was made.

    One that may not serve has an `exclusion` and no probability.

    Examples
    --------
    >>> one = Candidate(model="sonnet", route="sonnet@work", mean=0.8, interval=(0.6, 0.9), n=12, probability=0.75)
    >>> one.eligible
    True
    >>> Candidate(model="opus", exclusion=Exclusion(reason=Reason.OVER_BUDGET), probability=0.1)
    Traceback (most recent call last):
    ValueError: Candidate.probability of 'opus' must be 0, not 0.1: it is excluded, over_budget
    """

    model: str
    """The model's name."""
    route: str | None = None
    """The route chosen for it, such as ``sonnet@work``."""
    mean: float | None = None
    """The believed success, in [0, 1]."""
    interval: tuple[float, float] | None = None
    """Where the success lies with 90 % belief."""
    n: float = 0.0
    """How many outcomes that rests on, after forgetting; of this task type only."""
    prior_share: float | None = None
    """How much of the belief is prior and not evidence, in [0, 1]."""
    published: float = 0.0
    """By how much published figures move the believed success, in [-1, 1]; 0 too where that is not known."""
    tokens: float | None = None
    """How many output tokens are expected; None: believed in dollars."""
    cost_usd: float | None = None
    """What the task is expected to cost there; None: unknown."""
    toll: float = 0.0
    """What its use of other limited resources, and waiting for it, take off its utility, in that one's unit."""
    utility: float | None = None
    """What the policy compared, in the objective's own unit."""
    probability: float = 0.0
    """With which it was chosen."""
    exclusion: Exclusion | None = None
    """Why it may not serve, or None."""

    def __post_init__(self) -> None:
        if word("Candidate.model", self.model, ValueError) is None:
            raise ValueError("Candidate.model must be a word, not None")
        for name in ("mean", "prior_share"):
            number(f"Candidate.{name}", getattr(self, name), ValueError, high=1)
        number("Candidate.cost_usd", self.cost_usd, ValueError)
        number("Candidate.n", self.n, ValueError)
        # A frequency is a ratio of sums; its last bit may stand above 1.
        number("Candidate.probability", self.probability, ValueError, high=1 + 1e-9)
        if self.interval is not None and not 0 <= self.interval[0] <= self.interval[1] <= 1:
            raise ValueError(f"Candidate.interval must be (low, high) within 0 and 1, not {self.interval!r}")
        if self.exclusion is not None and self.probability > 0:
            raise ValueError(
                f"Candidate.probability of {self.model!r} must be 0, not {self.probability:g}: "
                f"it is excluded, {self.exclusion}"
            )

    @property
    def eligible(self) -> bool:
        """Whether it may serve the task.

        Examples
        --------
        >>> Candidate(model="opus", exclusion=Exclusion(reason=Reason.DISABLED)).eligible
        False
        """
        return self.exclusion is None
