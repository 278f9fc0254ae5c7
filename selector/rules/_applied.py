"""What follows for one task from the rules that fired."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

__all__ = ["Applied", "Arm", "Fired", "Limit", "Trial"]


class Arm(StrEnum):
    """On which side of an experiment a task fell.

    Examples
    --------
    >>> print(Arm.CONTROL)
    control
    """

    TREATMENT = "treatment"
    """The rule's model serves."""
    CONTROL = "control"
    """The task goes on as if the rule were not there."""


@dataclass(frozen=True, slots=True)
class Fired:
    """A rule that fired, and why it is there.

    Examples
    --------
    >>> print(Fired("critical", "gets the best model"))
    critical (gets the best model)
    """

    rule: str
    """The rule's name, or its place, such as ``rules[2]``."""
    reason: str = ""
    """What the user wrote beside it."""

    def __str__(self) -> str:
        return f"{self.rule} ({self.reason})" if self.reason else self.rule


@dataclass(frozen=True, slots=True)
class Trial:
    """An experiment that a task is part of.

    Examples
    --------
    >>> Trial("grok-test", "grok", 0.1, Arm.CONTROL).arm
    <Arm.CONTROL: 'control'>
    """

    experiment: str
    """The rule's name."""
    model: str
    """The reference that is tried."""
    share: float
    """The probability of the treatment."""
    arm: Arm
    """The side on which the task fell."""


@dataclass(frozen=True, slots=True)
class Limit:
    """What one rule's `only` or `forbid` says, with the rule that an exclusion names.

    Examples
    --------
    >>> Limit("docs", ("haiku", "tag:external")).references
    ('haiku', 'tag:external')
    """

    rule: str
    """The rule's name, or its place."""
    references: tuple[str, ...]
    """The references, as they were written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What follows for one task from the rules that fired.

    Examples
    --------
    >>> from selector.rules import Condition, Facts, Rule, Rules
    >>> trial = Rule(name="grok-test", condition=Condition.of("task_type == 'coding'"), share=0.1, model="grok")
    >>> applied = Rules([trial]).apply(Facts({"task_type": "coding"}), "task-2")
    >>> applied.model, applied.experiment, applied.arm, applied.mixture
    (None, 'grok-test', <Arm.CONTROL: 'control'>, ((0.1, 'grok'), (0.9, None)))
    """

    fired: tuple[Fired, ...] = ()
    """The rules that fired, in order; an experiment's control did not."""
    model: str | None = None
    """The reference that is forced, or None: the policy chooses."""
    by: str | None = None
    """Who forces it: a rule, or ``default_model``."""
    trials: tuple[Trial, ...] = ()
    """The experiments that the task is part of, in order; a treatment is the last."""
    only: tuple[Limit, ...] = ()
    """Each must allow a model: together they are the intersection."""
    forbid: tuple[Limit, ...] = ()
    """None may forbid a model: together they are the union."""
    prefer: Mapping[str, float] = field(default_factory=dict)
    """Points of drawn success by reference, summed over the rules; one model may have several references."""
    purpose: str | None = None
    """The last word on the purpose."""
    explore: bool | None = None
    """The last word on exploration."""
    min_success: float | None = None
    """The last word on the least success."""
    conflicts: tuple[str, ...] = ()
    """Where two rules said different things, and which of them counted."""
    otherwise: Applied | None = None
    """In a treatment: what follows outside of the share, where the policy or another rule would choose."""

    @property
    def experiment(self) -> str | None:
        """The experiment that counts: the treatment, else the first control, else None."""
        trial = self._trial
        return trial.experiment if trial else None

    @property
    def arm(self) -> Arm | None:
        """The side of that experiment."""
        trial = self._trial
        return trial.arm if trial else None

    @property
    def share(self) -> float | None:
        """The probability of that experiment's treatment."""
        trial = self._trial
        return trial.share if trial else None

    @property
    def mixture(self) -> tuple[tuple[float, str | None], ...]:
        """With which probability each reference is forced, over all ids; None: with the rest the policy chooses.

        The probability of a model is the sum over the parts: one where it is forced, the policy's where it is None,
        the latter under what holds outside of the treatment (`otherwise`).
        """
        parts: list[tuple[float, str | None]] = []
        left = 1.0
        for trial in self.trials:
            parts.append((left * trial.share, trial.model))
            left *= 1.0 - trial.share
        rest = ((1.0, self.model),) if self.otherwise is None else self.otherwise.mixture
        parts += [(left * probability, model) for probability, model in rest]
        return tuple((probability, model) for probability, model in parts if probability > 0)

    @property
    def _trial(self) -> Trial | None:
        if not self.trials:
            return None
        return self.trials[-1] if self.trials[-1].arm is Arm.TREATMENT else self.trials[0]

    def __str__(self) -> str:
        parts = [f"model {self.model} by {self.by}"] if self.model else []
        parts += [f"{trial.experiment}: {trial.arm} of {trial.share:.0%}" for trial in self.trials]
        parts += [f"only {', '.join(limit.references)} by {limit.rule}" for limit in self.only]
        parts += [f"not {', '.join(limit.references)} by {limit.rule}" for limit in self.forbid]
        parts += [f"{reference} {points:+g}" for reference, points in self.prefer.items()]
        last = {"purpose": self.purpose, "explore": self.explore, "min_success": self.min_success}
        parts += [f"{name} {value}" for name, value in last.items() if value is not None]
        return "; ".join([*parts, *self.conflicts]) or "nothing"
