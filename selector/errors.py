"""The exception tree: everything that `selector` raises on purpose.

::

    SelectorError
    ├── ConfigError (ValueError)            the configuration is wrong: file, line, key, nearest valid name
    │   ├── UnknownModelError               a name that no model has
    │   └── UnknownTaskTypeError            a name that no task type has
    ├── DataError (ValueError)              a table of outcomes cannot be used as it is
    ├── InvalidOutcomeError (ValueError)    a score, cost or count that cannot be
    ├── UnknownDecisionError (KeyError)     an outcome for a decision that was never made here
    ├── NoEligibleModelError                every model was excluded; `reasons` says why, model by model
    │   └── BudgetExceededError             the exclusion was money: `budget`, `resets_at`
    ├── StateError                          the state folder cannot be read or written
    │   └── SchemaVersionError              it was written by another version
    ├── AllAttemptsFailedError (ExceptionGroup)  a run has no answer; `run` and `attempts` say what was tried
    └── CallError                           one call failed: `failure`, `status_code`, `attempts`
        ├── BadRequestError                 400 and the like
        │   ├── ContextWindowExceededError  the task is too long for the model
        │   └── ContentPolicyViolationError  the provider declines the content
        ├── AuthenticationError             401, or no key
        │   └── PermissionDeniedError       403
        ├── NotFoundError                   404: the provider does not have the model
        ├── RateLimitError                  429
        │   └── QuotaExceededError          the provider's own limit is spent until `resets_at`
        ├── InternalServerError             5xx
        │   └── ServiceUnavailableError     503, 529: overloaded
        ├── APIConnectionError              refused, reset, no such name; or a command that did not start
        │   └── APITimeoutError (TimeoutError)  no answer in time
        │       └── DeadlineExceededError   the run's own time is over
        ├── InvalidAnswerError              there is an answer, and it is no good
        │   └── EmptyAnswerError            it holds nothing
        └── CallCancelledError              the caller gave up

Each message names the field, the value and the remedy.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from datetime import datetime

__all__ = [
    "APIConnectionError",
    "APITimeoutError",
    "AllAttemptsFailedError",
    "AuthenticationError",
    "BadRequestError",
    "BudgetExceededError",
    "CallCancelledError",
    "CallError",
    "ConfigError",
    "ContentPolicyViolationError",
    "ContextWindowExceededError",
    "DataError",
    "DeadlineExceededError",
    "EmptyAnswerError",
    "InternalServerError",
    "InvalidAnswerError",
    "InvalidOutcomeError",
    "NoEligibleModelError",
    "NotFoundError",
    "PermissionDeniedError",
    "QuotaExceededError",
    "RateLimitError",
    "SchemaVersionError",
    "SelectorError",
    "ServiceUnavailableError",
    "StateError",
    "UnknownDecisionError",
    "UnknownModelError",
    "UnknownTaskTypeError",
    "nearest",
]


def nearest(name: str, valid: Iterable[str]) -> str:
    """Say which valid name was probably meant, as the tail of an error message.

    Parameters
    ----------
    name
        What was written.
    valid
        What could have been written.

    Returns
    -------
    str
        ``"; did you mean 'opus'?"``, or the valid names when none is near and they are few, or nothing.

    Examples
    --------
    >>> nearest("opsu", ["opus", "haiku"])
    "; did you mean 'opus'?"
    >>> nearest("x", ["opus", "haiku"])
    '; valid: haiku, opus'
    """
    names = sorted(valid)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; valid: {', '.join(names)}" if 0 < len(names) <= 20 else ""


class SelectorError(Exception):
    """The root: catch this to catch all that `selector` raises on purpose.

    Attributes
    ----------
    run
        The run that has no answer, as far as there is one.
    attempts
        What was tried in it.
    """

    run: object = None
    attempts: Sequence[object] = ()

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way from another process with all attributes."""
        return _revive, (type(self), self.args, self.__dict__)


def _revive(kind: type[SelectorError], args: tuple[object, ...], attributes: dict[str, object]) -> SelectorError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


class ConfigError(SelectorError, ValueError):
    """The configuration is wrong.

    Parameters
    ----------
    message
        What is wrong and what would be right.
    file
        Where it was read from, if it was read.
    line
        The line in that file, from 1.
    key
        The dotted path of the key, such as ``models.opus.usd_per_mtok_in``.
    """

    def __init__(
        self, message: str, *, file: str | None = None, line: int | None = None, key: str | None = None
    ) -> None:
        self.file, self.line, self.key = file, line, key
        place = ":".join(str(part) for part in (file, line) if part is not None)
        super().__init__(": ".join(part for part in (place, key, message) if part))


class UnknownModelError(ConfigError):
    """A model name that the catalog does not have."""

    @classmethod
    def of(cls, name: str, valid: Iterable[str], *, key: str | None = None) -> UnknownModelError:
        """Build the error for a name among the valid ones."""
        return cls(f"unknown model {name!r}{nearest(name, valid)}", key=key)


class UnknownTaskTypeError(ConfigError):
    """A task type that is not configured, where only configured ones are allowed."""

    @classmethod
    def of(cls, name: str, valid: Iterable[str], *, key: str | None = None) -> UnknownTaskTypeError:
        """Build the error for a name among the valid ones."""
        return cls(f"unknown task type {name!r}{nearest(name, valid)}", key=key)


class DataError(SelectorError, ValueError):
    """A table of outcomes cannot be used as it is."""


class InvalidOutcomeError(SelectorError, ValueError):
    """A score, cost or count that cannot be: not a number, negative, or out of range."""


class UnknownDecisionError(SelectorError, KeyError):
    """An outcome for a decision that was never made here."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class NoEligibleModelError(SelectorError):
    """Every model was excluded.

    Parameters
    ----------
    message
        What was asked for.
    reasons
        Why each model was excluded, by its name.
    """

    def __init__(self, message: str, reasons: Mapping[str, str] | None = None) -> None:
        self.reasons = dict(reasons or {})
        super().__init__(message)


class BudgetExceededError(NoEligibleModelError):
    """No model fits what is left of a hard budget.

    Parameters
    ----------
    message
        What was asked for.
    budget
        The name of the tightest budget.
    resets_at
        When its window ends, or None for a total.
    reasons
        Why each model was excluded, by its name.
    """

    def __init__(
        self,
        message: str,
        *,
        budget: str,
        resets_at: datetime | None = None,
        reasons: Mapping[str, str] | None = None,
    ) -> None:
        self.budget, self.resets_at = budget, resets_at
        super().__init__(message, reasons)


class StateError(SelectorError):
    """The state folder cannot be read or written."""


class SchemaVersionError(StateError):
    """The state was written by another version of the library."""


class CallError(SelectorError):
    """One call to one route failed.

    The names below it are those that users of the ``openai`` package know, where the meaning is the same.

    Parameters
    ----------
    message
        What happened, without the prompt and without keys.
    failure
        Why, as the name of a `Failure`.
    status_code
        The HTTP status, or a command's exit code.
    route
        Which route was called.
    resets_at
        When there is room again, where the provider says so.
    """

    def __init__(
        self,
        message: str,
        *,
        failure: str = "",
        status_code: int | None = None,
        route: str | None = None,
        resets_at: datetime | None = None,
    ) -> None:
        self.failure, self.status_code, self.route, self.resets_at = failure, status_code, route, resets_at
        super().__init__(message)


class BadRequestError(CallError):
    """The request is malformed: it would fail everywhere."""


class ContextWindowExceededError(BadRequestError):
    """The task does not fit the model's context."""


class ContentPolicyViolationError(BadRequestError):
    """The provider declined the content."""


class AuthenticationError(CallError):
    """The credentials are missing or were refused."""


class PermissionDeniedError(AuthenticationError):
    """The credentials do not allow this."""


class NotFoundError(CallError):
    """The provider does not have the model."""


class RateLimitError(CallError):
    """Too many calls at once."""


class QuotaExceededError(RateLimitError):
    """The provider's own limit is spent until its reset."""


class InternalServerError(CallError):
    """The provider broke."""


class ServiceUnavailableError(InternalServerError):
    """The provider has no capacity now."""


class APIConnectionError(CallError):
    """The provider could not be reached, or its command could not be started."""


class APITimeoutError(APIConnectionError, TimeoutError):
    """No answer came in time."""


class DeadlineExceededError(APITimeoutError):
    """The run's own time is over."""


class InvalidAnswerError(CallError):
    """There is an answer, and it does not parse, or the check refused it."""


class EmptyAnswerError(InvalidAnswerError):
    """The call went well and the answer holds nothing."""


class CallCancelledError(CallError):
    """The caller gave up."""


class AllAttemptsFailedError(SelectorError, ExceptionGroup[Exception]):
    """A run has no answer: every attempt failed, each with its own error within.

    Parameters
    ----------
    message
        What was asked for, and what was tried.
    errors
        What each attempt raised.
    run
        The blocked run.

    Examples
    --------
    >>> try:
    ...     raise AllAttemptsFailedError("two models failed", [RateLimitError("busy"), APITimeoutError("slow")])
    ... except* RateLimitError as busy:
    ...     print(len(busy.exceptions))
    ... except* APITimeoutError as slow:
    ...     print(slow.exceptions[0])
    1
    slow
    """

    def __new__(cls, message: str, errors: Sequence[Exception], run: object = None) -> Self:
        """Make the group of what went wrong."""
        found = super().__new__(cls, message, errors)
        found.run, found.attempts = run, getattr(run, "attempts", ())
        return found

    def __init__(self, message: str, errors: Sequence[Exception], run: object = None) -> None:
        """Leave all to `__new__`, as exception groups do."""

    def derive(self, errors: Sequence[Exception]) -> AllAttemptsFailedError:  # type: ignore[override]  # exceptions alone
        """Make a group of some of its errors, for ``except*``."""
        return AllAttemptsFailedError(self.message, errors, self.run)

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way from another process."""
        return AllAttemptsFailedError, (self.message, list(self.exceptions), self.run)
