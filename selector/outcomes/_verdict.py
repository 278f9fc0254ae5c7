"""What a check says of an answer, and how the result of a user's own check is read."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from inspect import isawaitable, iscoroutine
from numbers import Real
from typing import ClassVar, Literal

from selector.errors import ConfigError
from selector.execution import Answer
from selector.records import Judgement, Outcome

__all__ = ["Needs", "UserCheck", "Verdict", "graded", "user_check", "verdict_of"]

Needs = Literal["nothing", "command", "judge"]
"""What a check needs beside the answer: nothing, a command that is run, or another model that is asked."""

_PASSES = 0.5
"""The least score of an answer that is not refused."""
_SOURCE = "check"
_RETURNS = "return True or False, a score from 0 to 1, a Judgement, an Outcome with a score, or None for no verdict"


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What a check says of an answer.

    Examples
    --------
    >>> graded(0.4, "check", "two of five tests")
    Verdict(score=0.4, passed=False, source='check', detail='two of five tests')
    """

    score: float | None
    """How good the answer is, in [0, 1]; None: no verdict, and nothing is learnt of its quality."""
    passed: bool
    """Whether the answer may be used; with no verdict it may."""
    source: str = _SOURCE
    """Whose word it is: ``check``, ``judge:MODEL``, or what a user's check names."""
    detail: str = ""
    """Why, in words that do not repeat the answer."""


def graded(score: float, source: str, detail: str = "") -> Verdict:
    """Make the verdict of a score: below 0.5 the answer is refused.

    Examples
    --------
    >>> graded(0.5, "check").passed
    True
    """
    return Verdict(score=score, passed=score >= _PASSES, source=source, detail=detail)


def verdict_of(result: object, name: str) -> Verdict:
    """Read what a user's check returned.

    Parameters
    ----------
    result
        True or False; a score from 0 to 1, below 0.5 of which the answer is refused; a `Judgement` or an `Outcome`
        with a score, which also say whose word it is; None for no verdict.
    name
        What the check is called, for errors.

    Returns
    -------
    Verdict
        What it says of the answer.

    Raises
    ------
    TypeError
        If it is of no such kind.
    ValueError
        If it is a number that is no score, or an outcome without one.

    Examples
    --------
    >>> verdict_of(True, "is_json").score, verdict_of(0.25, "share").passed, verdict_of(None, "unsure").passed
    (1.0, False, True)
    >>> verdict_of("yes", "is_json")
    Traceback (most recent call last):
    TypeError: the check is_json returned a str; return True or False, a score from 0 to 1, a Judgement, ...
    """
    if result is None:
        return Verdict(score=None, passed=True, detail=f"{name} gave no verdict")
    if isinstance(result, (Judgement, Outcome)):
        if result.score is None or result.source is None:
            raise ValueError(f"the check {name} returned an Outcome without a score; give it one, or return None")
        return graded(result.score, result.source, f"by {name}")
    if isinstance(result, bool) or str(getattr(result, "dtype", "")) == "bool":
        return graded(float(bool(result)), _SOURCE, f"by {name}")
    if not isinstance(result, Real):
        raise TypeError(f"the check {name} returned a {type(result).__name__}; {_RETURNS}")
    score = float(result)
    if not 0 <= score <= 1 or math.isnan(score):
        raise ValueError(f"the check {name} returned {score:g}, which is no score; {_RETURNS}")
    return graded(score, _SOURCE, f"by {name}")


@dataclass(frozen=True, slots=True)
class UserCheck:
    """A user's own check: a function of the answer's text. What it raises is the user's, and is not caught.

    Examples
    --------
    >>> from selector.records import Message
    >>> answer = Answer(message=Message.of({"role": "assistant", "content": "4"}))
    >>> UserCheck(str.isdigit).verdict(answer)
    Verdict(score=1.0, passed=True, source='check', detail='by str.isdigit')
    """

    function: Callable[[str], object]
    """What is called."""
    needs: ClassVar[Needs] = "nothing"

    @property
    def name(self) -> str:
        """What it is called in errors."""
        name = getattr(self.function, "__qualname__", None)
        return name if isinstance(name, str) else type(self.function).__qualname__

    def verdict(self, answer: Answer) -> Verdict:
        """Ask it.

        Raises
        ------
        ConfigError
            If it is asynchronous.
        """
        result = self.function(answer.text)
        if isawaitable(result):
            if iscoroutine(result):
                result.close()
            elif callable(cancel := getattr(result, "cancel", None)):
                cancel()
            raise ConfigError(f"the check {self.name} is asynchronous; use AsyncSelector, or a function that is not")
        return verdict_of(result, self.name)

    async def averdict(self, answer: Answer) -> Verdict:
        """Ask it, and wait for its result if it is asynchronous."""
        result = self.function(answer.text)
        return verdict_of(await result if isawaitable(result) else result, self.name)


def user_check(function: Callable[[str], object]) -> UserCheck:
    """Make a check of a user's function.

    Parameters
    ----------
    function
        Called with the text of each answer; what it may return is said at `verdict_of`. It may be asynchronous for
        `AsyncSelector`.

    Returns
    -------
    UserCheck
        The check.

    Raises
    ------
    ConfigError
        If it cannot be called.

    Examples
    --------
    >>> user_check("json")
    Traceback (most recent call last):
    selector.errors.ConfigError: check must be a function of the answer's text, not 'json'
    """
    if not callable(function):
        raise ConfigError(f"check must be a function of the answer's text, not {function!r:.80}")
    return UserCheck(function)
