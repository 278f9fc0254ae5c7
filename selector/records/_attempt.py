"""One call to one route."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC
from typing import TYPE_CHECKING

from selector.records._checks import count, instant, keep, number, word
from selector.records._failure import Failure
from selector.records._outcome import Usage

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Attempt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One call to one route; if it failed, why.

    Examples
    --------
    >>> first = Attempt(model="sonnet", route="sonnet@work", failure="rate_limited")
    >>> first.answered, first.failure.of_route
    (False, True)
    >>> Attempt(model="sonnet", number=0)
    Traceback (most recent call last):
    ValueError: Attempt.number must be a whole number of at least 1, not 0
    """

    model: str
    """The model's name."""
    route: str | None = None
    """The route that was called, such as ``sonnet@work``."""
    number: int = 1
    """Which attempt of its decision, from 1."""
    selected_by: str = "policy"
    """Who chose it: ``policy``, ``rule``, ``retry`` (the same route again), ``route`` (another of the same model),
    ``chain``, ``last_resort``."""
    propensity: float | None = None
    """With which probability a policy chose it; None for a configured step."""
    usage: Usage = field(default_factory=Usage)
    """What it used, also when it failed."""
    estimated: bool = False
    """Whether the provider never said what it used, and that was counted from the characters."""
    snapshot: str | None = None
    """The model that the provider says answered, such as ``gpt-4o-2024-08-06``."""
    status: int | None = None
    """The HTTP status, or the exit code of a command; None: there was none."""
    score: float | None = None
    """What the run's own check says of the answer, in [0, 1]; None: it was not checked."""
    source: str | None = None
    """Whose word that is."""
    failure: Failure | None = None
    """Why it failed, as a `Failure` or its name; None: it answered."""
    detail: str = ""
    """The provider's own words, shortened, without the prompt."""
    until_s: float | None = None
    """When the provider has room again, in seconds since 1970, where it says so."""
    at: datetime | None = None
    """When the call began, in UTC."""

    def __post_init__(self) -> None:
        if _is_sound(self):
            return
        for name in ("model", "selected_by"):
            if word(f"Attempt.{name}", getattr(self, name), ValueError) is None:
                raise ValueError(f"Attempt.{name} must be a word, not None")
        place = count("Attempt.number", self.number, ValueError)
        if not place:
            raise ValueError(f"Attempt.number must be a whole number of at least 1, not {self.number!r}")
        number("Attempt.propensity", self.propensity, ValueError, high=1 + 1e-9)
        failure = None if self.failure is None else Failure(self.failure)
        keep(self, number=place, failure=failure, at=instant("Attempt.at", self.at, ValueError))

    @property
    def answered(self) -> bool:
        """Whether there is an answer.

        Examples
        --------
        >>> Attempt(model="sonnet").answered
        True
        """
        return self.failure is None


def _is_sound(each: Attempt) -> bool:
    """Tell whether everything is of the kind that is kept, as it is of attempts that a run made."""
    failure, share = each.failure, each.propensity
    return (
        each.model.__class__ is str
        and each.model.strip() != ""
        and each.selected_by.__class__ is str
        and each.selected_by.strip() != ""
        and each.number.__class__ is int
        and each.number > 0
        and (failure is None or failure.__class__ is Failure)
        and (share is None or (share.__class__ is float and 0 <= share <= 1))
        and (each.at is None or getattr(each.at, "tzinfo", None) is UTC)
    )
