"""What came of a decision: what it used, and how good the answer was."""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from math import inf
from typing import TYPE_CHECKING

from selector.errors import InvalidOutcomeError, nearest
from selector.records._checks import MOST_TOKENS, MOST_USD, count, instant, keep, number, word
from selector.records._failure import Failure

if TYPE_CHECKING:
    from datetime import datetime

__all__ = ["Judgement", "Outcome", "Usage"]

_NUMBERS = (("cost_usd", MOST_USD), ("latency_s", inf))
_TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What one attempt used.

    The token classes are disjoint: no token is counted twice, so a cost is a plain sum over them. None means
    that nobody said, which is not the same as 0.

    Examples
    --------
    >>> Usage(input_tokens=200, cache_read_tokens=1_000, output_tokens=850).context_tokens
    1200
    >>> Usage(output_tokens=-1)
    Traceback (most recent call last):
    selector.errors.InvalidOutcomeError: Usage.output_tokens must be a whole number from 0 to 1e15, not -1
    """

    input_tokens: int | None = None
    """Input that was neither read from a cache nor written to one."""
    cache_read_tokens: int | None = None
    """Input read from the provider's prompt cache."""
    cache_write_tokens: int | None = None
    """Input written to the provider's prompt cache."""
    output_tokens: int | None = None
    """The answer, without reasoning."""
    reasoning_tokens: int | None = None
    """Thinking that is billed and not shown."""
    cost_usd: float | None = None
    """What the provider says it cost."""
    latency_s: float | None = None
    """Seconds from the call to the whole answer."""

    def __post_init__(self) -> None:
        _keep_usage(self, "Usage")

    @property
    def context_tokens(self) -> int:
        """All input tokens, cached or not: what tiers by context length go by.

        Examples
        --------
        >>> Usage(output_tokens=5).context_tokens
        0
        """
        return (self.input_tokens or 0) + (self.cache_read_tokens or 0) + (self.cache_write_tokens or 0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """How good an answer was, and whose word that is.

    Examples
    --------
    >>> Judgement(score=1, source="tests")
    Judgement(score=1.0, source='tests', at=None)
    """

    score: float
    """From 0 (useless) to 1 (right)."""
    source: str
    """Whose word it is: ``human``, ``tests``, ``check``, ``git``, ``judge:<model>``, ``implicit``, or any other."""
    at: datetime | None = None
    """When it was judged, in UTC; of two by one source the later counts. None: when it is recorded."""

    def __post_init__(self) -> None:
        score = number("Judgement.score", self.score, InvalidOutcomeError, high=1)
        if score is None:
            raise InvalidOutcomeError("Judgement.score must be a number from 0 to 1, not None")
        if word("Judgement.source", self.source, InvalidOutcomeError) is None:
            raise InvalidOutcomeError("Judgement.source must be a word such as 'tests', not None")
        keep(self, score=score, at=instant("Judgement.at", self.at, InvalidOutcomeError))


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What is reported of a decision: usage, judgement, or both.

    Usage and judgement may come apart, in any order; a later judgement from the same source corrects the
    earlier one. A failure of the route (`Failure.of_route`) says nothing of the model's quality and therefore
    takes no score.

    Parameters
    ----------
    success
        Another way to write the score: True is 1, False is 0. Read it back as `score`.
    quality
        Another way to write the score: q from 1 to 10 is (q - 1) / 9. Read it back as `score`.

    Examples
    --------
    >>> Outcome(output_tokens=850, latency_s=2.1).usage.output_tokens
    850
    >>> Outcome(score=1.0, source="tests").judgement
    Judgement(score=1.0, source='tests', at=None)
    >>> Outcome(success=True) == Outcome(quality=10) == Outcome(score=1)
    True
    >>> Outcome(quality=11)
    Traceback (most recent call last):
    selector.errors.InvalidOutcomeError: Outcome.quality must be a number from 1 to 10, not 11
    """

    input_tokens: int | None = None
    """Input that was neither read from a cache nor written to one."""
    cache_read_tokens: int | None = None
    """Input read from the provider's prompt cache."""
    cache_write_tokens: int | None = None
    """Input written to the provider's prompt cache."""
    output_tokens: int | None = None
    """The answer, without reasoning."""
    reasoning_tokens: int | None = None
    """Thinking that is billed and not shown."""
    cost_usd: float | None = None
    """What the provider says it cost."""
    latency_s: float | None = None
    """Seconds from the call to the whole answer."""
    score: float | None = None
    """How good the answer was, from 0 to 1; None: not judged."""
    source: str | None = None
    """Whose word the score is; ``caller`` when there is a score and nobody is named."""
    at: datetime | None = None
    """When it was judged, in UTC. None: when it is recorded."""
    route: str | None = None
    """Which member of the chain answered, as ``MODEL`` or ``MODEL@PROVIDER``; None: the first."""
    error: Failure | None = None
    """Why there is no good answer, as a `Failure` or its name."""
    retracted: bool = False
    """True: the source takes its judgement back, and there is no score."""
    success: InitVar[bool | None] = None
    quality: InitVar[float | None] = None

    def __post_init__(self, success: bool | None, quality: float | None) -> None:
        _keep_usage(self, "Outcome")
        score = _only_score(self.score, success, quality)
        source = word("Outcome.source", self.source, InvalidOutcomeError)
        error = _failure(self.error)
        _check_retraction(self.retracted, score, source)
        if score is None and source is not None and not self.retracted:
            raise InvalidOutcomeError(
                f"Outcome.source is {source!r} and there is no score; give score=, success= or quality="
            )
        if score is not None and error is not None and error.of_route:
            raise InvalidOutcomeError(
                f"Outcome.score is {score:g} and Outcome.error is {error.value!r}; a failure of the route says nothing "
                "of the model's quality, so leave the score out"
            )
        if score is not None and source is None:
            source = "caller"
        word("Outcome.route", self.route, InvalidOutcomeError)
        keep(self, score=score, source=source, error=error, at=instant("Outcome.at", self.at, InvalidOutcomeError))

    @property
    def usage(self) -> Usage:
        """The part that says what was used.

        Examples
        --------
        >>> Outcome(cost_usd=0.02, score=1).usage.cost_usd
        0.02
        """
        tokens = {name: getattr(self, name) for name in _TOKENS}
        return Usage(**tokens, cost_usd=self.cost_usd, latency_s=self.latency_s)

    @property
    def judgement(self) -> Judgement | None:
        """The part that says how good the answer was, or None.

        Examples
        --------
        >>> Outcome(success=False).judgement
        Judgement(score=0.0, source='caller', at=None)
        """
        if self.score is None or self.source is None:
            return None
        return Judgement(score=self.score, source=self.source, at=self.at)


def _keep_usage(record: Usage | Outcome, owner: str) -> None:
    kept: dict[str, int | float | None] = {}
    for name in _TOKENS:
        tokens = getattr(record, name)
        if tokens is not None and not (tokens.__class__ is int and 0 <= tokens <= MOST_TOKENS):
            kept[name] = count(f"{owner}.{name}", tokens, InvalidOutcomeError)
    for name, most in _NUMBERS:
        value = getattr(record, name)
        if value is not None and not (value.__class__ is float and 0 <= value <= most and value != inf):
            kept[name] = number(f"{owner}.{name}", value, InvalidOutcomeError, high=most)
    if kept:
        keep(record, **kept)


def _only_score(score: object, success: object, quality: object) -> float | None:
    given = [
        name for name, value in (("score", score), ("success", success), ("quality", quality)) if value is not None
    ]
    if len(given) > 1:
        raise InvalidOutcomeError(f"Outcome.{' and Outcome.'.join(given)} say the same thing twice; give one of them")
    if success is not None:
        if not isinstance(success, bool) and str(getattr(success, "dtype", "")) != "bool":
            raise InvalidOutcomeError(f"Outcome.success must be True or False, not {success!r}; for a grade use score=")
        return float(bool(success))
    rank = number("Outcome.quality", quality, InvalidOutcomeError, low=1, high=10)
    return number("Outcome.score", score, InvalidOutcomeError, high=1) if rank is None else (rank - 1) / 9


def _check_retraction(retracted: object, score: float | None, source: str | None) -> None:
    if not isinstance(retracted, bool):
        raise InvalidOutcomeError(f"Outcome.retracted must be True or False, not {retracted!r}")
    if retracted and (score is not None or source is None):
        problem = "there is a score" if score is not None else "no source is named"
        raise InvalidOutcomeError(
            f"Outcome.retracted takes back what one source said, and {problem}; give source= and no score"
        )


def _failure(error: object) -> Failure | None:
    if error is None:
        return None
    names = [failure.value for failure in Failure]
    if not isinstance(error, str) or error not in names:
        raise InvalidOutcomeError(f"Outcome.error must be a Failure, not {error!r}{nearest(str(error), names)}")
    return Failure(error)
