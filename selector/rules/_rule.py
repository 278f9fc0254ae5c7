"""A rule: a condition, and what follows where it holds."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from selector.errors import ConfigError
from selector.rules._condition import Condition
from selector.rules._place import Place
from selector.rules._share import unit_of

__all__ = ["EFFECTS", "Rule"]

EFFECTS = ("model", "only", "forbid", "prefer", "purpose", "explore", "min_success")
"""What can follow from a rule; `share` says for which part of the tasks `model` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A condition, and what follows for the tasks of which it holds.

    References to models are plain texts here; whether they name anything is for the catalog to say.

    Raises
    ------
    ConfigError
        If an effect has a value that cannot be, or there is none.

    Examples
    --------
    >>> rule = Rule(condition=Condition.of("priority == 0"), model="opus", reason="critical work gets the best model")
    >>> print(rule)
    if priority == 0: model opus
    >>> Rule(condition=Condition.of("priority == 0"), share=0.1)
    Traceback (most recent call last):
    selector.errors.ConfigError: Rule.share needs a model to try on that share of the tasks; add model
    """

    condition: Condition
    """When it fires."""
    name: str = ""
    """Its name, for logs and as the name of its experiment; empty: its place among the rules is."""
    reason: str = ""
    """Why it is there, in the user's words."""
    model: str | None = None
    """The reference that serves, whatever the policy would choose."""
    share: float | None = None
    """On which share of the tasks `model` is tried, 0 to 1; the others go on as if the rule were not there."""
    only: Sequence[str] = ()
    """References of which one must serve."""
    forbid: Sequence[str] = ()
    """References of which none may serve."""
    prefer: Mapping[str, float] = field(default_factory=dict)
    """Points that are added to the drawn success of a reference, -1 to 1."""
    purpose: str | None = None
    """The purpose whose models may serve."""
    explore: bool | None = None
    """Whether the policy may try what it does not believe best."""
    min_success: float | None = None
    """The least success that a model must be believed to reach, 0 to 1."""
    unit: Callable[[str], float] = field(init=False, repr=False, compare=False)
    """Where an id falls in [0, 1): the rule tries its model on those below its share."""

    def __post_init__(self) -> None:
        if not isinstance(self.condition, Condition):
            raise self._wrong(f"Rule.condition must be a Condition, not {self.condition!r}; write Condition.of(...)")
        for name in ("name", "reason", "model", "purpose"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, str) or (name in {"model", "purpose"} and not value)):
                raise self._wrong(f"Rule.{name} must be a text, not {value!r}")
        for name in ("only", "forbid"):
            self._keep(name, self._references(name, getattr(self, name)))
        self._keep("prefer", self._points(self.prefer))
        for name in ("share", "min_success"):
            if getattr(self, name) is not None:
                self._keep(name, self._number(name, getattr(self, name), low=0))
        if self.explore is not None and not isinstance(self.explore, bool):
            raise self._wrong(f"Rule.explore must be True, False or None, not {self.explore!r}")
        self._check_effects()
        # A name keeps the share's tasks when the rule moves or its condition is mended; without one its content does.
        self._keep("unit", unit_of(self.name or f"{self.model} if {self.condition}"))

    @property
    def effects(self) -> dict[str, object]:
        """What follows, by effect: those that were given."""
        found = {name: getattr(self, name) for name in ("share", *EFFECTS)}
        return {name: value for name, value in found.items() if value is not None and value not in ((), {})}

    def _check_effects(self) -> None:
        given = self.effects
        if "share" in given:
            if self.model is None:
                raise self._wrong("Rule.share needs a model to try on that share of the tasks; add model")
            beside = ", ".join(name for name in given if name not in {"share", "model"})
            if beside:
                raise self._wrong(f"Rule.share goes with model alone, not with {beside}; write a second rule for that")
        if not given:
            raise self._wrong(f"a rule without an effect does nothing; add one of {', '.join(EFFECTS)}")

    def _references(self, name: str, value: object) -> tuple[str, ...]:
        if isinstance(value, str):
            raise self._wrong(f"Rule.{name} must be a list of references, not {value!r}; write [{value!r}]")
        if not isinstance(value, Sequence) or not all(isinstance(part, str) and part.strip() for part in value):
            raise self._wrong(f"Rule.{name} must be a list of references, not {value!r}")
        return tuple(value)

    def _points(self, value: object) -> dict[str, float]:
        if not isinstance(value, Mapping) or not all(isinstance(key, str) and key.strip() for key in value):
            raise self._wrong(f"Rule.prefer must give points by reference, such as {{'opus': 0.05}}, not {value!r}")
        return {key: self._number(f"prefer[{key!r}]", points, low=-1) for key, points in value.items()}

    def _number(self, name: str, value: object, low: float) -> float:
        good = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not good or not low <= float(value) <= 1:  # type: ignore[arg-type]  # a number, or the line above is false
            raise self._wrong(f"Rule.{name} must be a number from {low:g} to 1, not {value!r}")
        return float(value)  # type: ignore[arg-type]  # likewise

    def _keep(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _wrong(self, message: str) -> ConfigError:
        where = self.condition.where if isinstance(self.condition, Condition) else Place()  # type: ignore[redundant-expr]  # callers without types
        return ConfigError(message, file=where.file, line=where.line)

    def __str__(self) -> str:
        parts = [f"{name} {_said(value)}" for name, value in self.effects.items()]
        return f"if {self.condition}: {', '.join(parts)}"

    def __reduce__(self) -> tuple[object, ...]:
        """Travel as what was written."""
        names = ("condition", "name", "reason", *self.effects)
        return _again, ({name: getattr(self, name) for name in names},)


def _again(fields: dict[str, object]) -> Rule:
    return Rule(**fields)  # type: ignore[arg-type]  # they come from a rule


def _said(value: object) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {points:+g}" for key, points in value.items())
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:g}" if isinstance(value, float) else ", ".join(value) if isinstance(value, tuple) else str(value)
