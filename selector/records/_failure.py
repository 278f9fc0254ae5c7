"""Why an attempt failed: one word from a closed list."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Failure"]


class Failure(StrEnum):
    """Why an attempt failed.

    The list is closed, because two things hang on it: which chain is tried next, and whether the success
    of the attempt that follows may teach anything about its model (`of_route`).

    Examples
    --------
    >>> Failure("rate_limited").of_route
    True
    >>> Failure.CONTEXT_TOO_LONG.of_route
    False
    """

    RATE_LIMITED = "rate_limited"
    """Too many calls at once (HTTP 429 with a short wait)."""
    QUOTA_EXHAUSTED = "quota_exhausted"
    """The provider's own limit is spent until its reset."""
    OVERLOADED = "overloaded"
    """The provider has no capacity now (HTTP 503, 529)."""
    SERVER_ERROR = "server_error"
    """The provider broke (another HTTP 5xx)."""
    TIMEOUT = "timeout"
    """No answer within the provider's own time."""
    DEADLINE = "deadline"
    """The task's own time was over."""
    CONNECTION = "connection"
    """Refused, reset, or a name that does not resolve."""
    AUTH = "auth"
    """The credentials were refused (HTTP 401, 403)."""
    NOT_FOUND = "not_found"
    """The provider does not have the model (HTTP 404)."""
    CONTEXT_TOO_LONG = "context_too_long"
    """The task does not fit the model's context."""
    CONTENT_POLICY = "content_policy"
    """The provider declined the content."""
    BAD_REQUEST = "bad_request"
    """The request itself is malformed (another HTTP 4xx)."""
    INVALID_ANSWER = "invalid_answer"
    """There is an answer, and it does not parse or fit the schema."""
    EMPTY_ANSWER = "empty_answer"
    """The call went well and the answer holds nothing."""
    SPAWN_FAILED = "spawn_failed"
    """The command could not be started."""
    BUDGET = "budget"
    """The next attempt did not fit what is left."""
    CANCELLED = "cancelled"
    """The caller gave up."""

    @property
    def of_route(self) -> bool:
        """Whether the route failed and not the task.

        Only after such a failure does the next attempt see an ordinary task: what follows a context that
        was too long, or an answer that was wrong, has seen the hard ones, and must not teach the same belief.

        Examples
        --------
        >>> sorted(failure.value for failure in Failure if failure.of_route)
        ['auth', 'connection', 'not_found', 'overloaded', 'quota_exhausted', 'rate_limited', 'server_error',
         'spawn_failed', 'timeout']
        """
        return self in _OF_ROUTE


_OF_ROUTE = frozenset(
    {
        Failure.RATE_LIMITED,
        Failure.QUOTA_EXHAUSTED,
        Failure.OVERLOADED,
        Failure.SERVER_ERROR,
        Failure.TIMEOUT,
        Failure.CONNECTION,
        Failure.AUTH,
        Failure.NOT_FOUND,
        Failure.SPAWN_FAILED,
    }
)
