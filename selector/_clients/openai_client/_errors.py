"""Which error a client in place of OpenAI's raises: the plainest that is true, by the name that its users catch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from selector.errors import (
    AllAttemptsFailedError,
    BudgetExceededError,
    CallError,
    NoEligibleModelError,
    RateLimitError,
    SelectorError,
    ServiceUnavailableError,
)
from selector.records import Failure, Reason

__all__ = ["plainest", "plainly"]


def plainest(error: SelectorError) -> SelectorError:
    """Find what to raise in the place of an error of a run; the error itself where nothing is plainer.

    A run that failed everywhere for one kind of reason raises the error of its last attempt, so that
    ``except RateLimitError`` around a call means what it did; for several kinds it stays the group of them. Where no
    model may serve because all that could are left alone for a moment, that is a rate limit or a lack of capacity, as
    it was for the call that found out.

    Parameters
    ----------
    error
        What a run raised.

    Returns
    -------
    SelectorError
        With the same `run` and `attempts`; raise it from the other.

    Examples
    --------
    >>> busy = [RateLimitError("a: busy"), RateLimitError("b: busy")]
    >>> plainest(AllAttemptsFailedError("no answer", busy))
    RateLimitError('b: busy')
    >>> type(plainest(AllAttemptsFailedError("no answer", [*busy, ServiceUnavailableError("c")]))).__name__
    'AllAttemptsFailedError'
    """
    found = error
    if isinstance(error, AllAttemptsFailedError):
        last = error.exceptions[-1]
        kinds = [kind for kind in type(last).__mro__ if issubclass(kind, CallError) and kind is not CallError]
        if isinstance(last, CallError) and any(all(isinstance(e, kind) for e in error.exceptions) for kind in kinds):
            found = last
    elif isinstance(error, NoEligibleModelError) and not isinstance(error, BudgetExceededError):
        found = _resting(error)
    if found is not error:
        found.run, found.attempts = error.run, error.attempts
    return found


@contextmanager
def plainly() -> Iterator[None]:
    """Raise the plainest error in the place of one of a run.

    Examples
    --------
    >>> with plainly():
    ...     raise AllAttemptsFailedError("no answer", [RateLimitError("a: busy")])
    Traceback (most recent call last):
    selector.errors.RateLimitError: a: busy
    """
    try:
        yield
    except SelectorError as error:
        found = plainest(error)
        if found is error:
            raise
        raise found from error


def _resting(error: NoEligibleModelError) -> SelectorError:
    """Say what it means for the caller that every route that could serve is left alone just now."""
    why = tuple(error.reasons.values())
    if any(each.startswith(Reason.OVER_QUOTA.value) for each in why):
        return RateLimitError(str(error), failure=Failure.RATE_LIMITED.value)
    if any(each.startswith(Reason.UNHEALTHY.value) for each in why):
        return ServiceUnavailableError(str(error), failure=Failure.OVERLOADED.value)
    return error
