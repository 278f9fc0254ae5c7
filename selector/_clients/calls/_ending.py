"""How a run ends: with an answer, or with the error that says what was tried."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime

from selector._clients.calls._tried import Tried, attempts_of, total
from selector.budgets import Till
from selector.errors import (
    AllAttemptsFailedError,
    APIConnectionError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    BudgetExceededError,
    CallCancelledError,
    CallError,
    ContentPolicyViolationError,
    ContextWindowExceededError,
    DeadlineExceededError,
    EmptyAnswerError,
    InternalServerError,
    InvalidAnswerError,
    NotFoundError,
    PermissionDeniedError,
    QuotaExceededError,
    RateLimitError,
    SelectorError,
    ServiceUnavailableError,
)
from selector.execution import Answer
from selector.records import Attempt, Decision, Failure, Run

__all__ = ["blocked_by", "run_of"]

_ERRORS: dict[Failure, type[CallError]] = {
    Failure.RATE_LIMITED: RateLimitError,
    Failure.QUOTA_EXHAUSTED: QuotaExceededError,
    Failure.OVERLOADED: ServiceUnavailableError,
    Failure.SERVER_ERROR: InternalServerError,
    Failure.TIMEOUT: APITimeoutError,
    Failure.DEADLINE: DeadlineExceededError,
    Failure.CONNECTION: APIConnectionError,
    Failure.AUTH: AuthenticationError,
    Failure.NOT_FOUND: NotFoundError,
    Failure.CONTEXT_TOO_LONG: ContextWindowExceededError,
    Failure.CONTENT_POLICY: ContentPolicyViolationError,
    Failure.BAD_REQUEST: BadRequestError,
    Failure.INVALID_ANSWER: InvalidAnswerError,
    Failure.EMPTY_ANSWER: EmptyAnswerError,
    Failure.SPAWN_FAILED: APIConnectionError,
    Failure.BUDGET: CallError,
    Failure.CANCELLED: CallCancelledError,
}
_FORBIDDEN = 403


def run_of(decision: Decision, tried: Sequence[Tried], answer: Answer | None, elapsed_s: float) -> Run:
    """Put a run together.

    Parameters
    ----------
    decision
        The choice.
    tried
        Every call, priced.
    answer
        What came of the last; None: nothing that is any good.
    elapsed_s
        Seconds from the beginning to the end.
    """
    attempts = attempts_of(tried)
    usage = total(attempts)
    return Run(
        decision=decision,
        attempts=attempts,
        text=None if answer is None else (answer.text or None),
        message=None if answer is None else answer.message,
        tool_calls=() if answer is None else answer.tool_calls,
        usage=usage,
        cost_usd=usage.cost_usd,
        latency_s=elapsed_s,
        status="blocked" if answer is None else "answered",
    )


def blocked_by(failure: Failure, run: Run, tightest: Till | None) -> SelectorError:
    """Make the error of a run without an answer; `run` and `attempts` are on it.

    Parameters
    ----------
    failure
        Why it ended.
    run
        The blocked run, which gets the error too.
    tightest
        The budget that the next attempt did not fit.
    """
    errors = [_error(attempt) for attempt in run.attempts if attempt.failure is not None]
    told = "; ".join(
        f"{each.route}: {each.failure}" + (f" ({each.detail})" if each.detail else "") for each in run.attempts
    )
    kind = run.decision.task_type if run.decision is not None else ""
    what = f"no answer for this task of type {kind!r}"
    error: SelectorError
    if failure is Failure.BUDGET and tightest is not None:
        until = (
            "" if tightest.resets_at is None else f"; it has room again at {tightest.resets_at:%Y-%m-%d %H:%M:%S} UTC"
        )
        said = f"{what}: budget {tightest.label!r} admits no further attempt{until}; tried {told}"
        error = BudgetExceededError(said, budget=tightest.label, resets_at=tightest.resets_at)
    elif failure is Failure.DEADLINE:
        error = DeadlineExceededError(f"{what} within its deadline; tried {told}", failure=failure.value)
    elif failure is Failure.BAD_REQUEST and errors:
        error = errors[-1]
    else:
        error = AllAttemptsFailedError(f"{what}: {told}", errors or [CallError(failure.value, failure=failure.value)])
    blocked = replace(run, error=error)
    error.run, error.attempts = blocked, run.attempts
    return error


def _error(attempt: Attempt) -> CallError:
    """Make the error of one attempt."""
    assert attempt.failure is not None  # noqa: S101 - asked before
    kind = _ERRORS[attempt.failure]
    if kind is AuthenticationError and attempt.status == _FORBIDDEN:
        kind = PermissionDeniedError
    said = f"{attempt.route}: {attempt.failure.value}" + (f": {attempt.detail}" if attempt.detail else "")
    resets = None if attempt.until_s is None else datetime.fromtimestamp(attempt.until_s, UTC)
    return kind(said, failure=attempt.failure.value, status_code=attempt.status, route=attempt.route, resets_at=resets)
