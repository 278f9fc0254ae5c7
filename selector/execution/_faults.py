"""Faults: what a refused call's status and body mean, in the words of the vendors and of the servers like theirs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from selector.execution._redact import redacted
from selector.execution._wire import CallFailed
from selector.records import Failure

__all__ = ["error_in", "fault", "one_line"]

_LONGEST = 300
LONG_WAIT_S = 600.0  # from here on a limit is spent, and no mere rush

# https://platform.claude.com/docs/en/build-with-claude/extended-thinking and
# https://developers.openai.com/api/docs/guides/reasoning say when reasoning of earlier turns is refused.
_REASONING = re.compile(
    r"thinking.{0,40}\bblocks?\b|\bthinking.{0,20}cannot be modified|(expected|found) .?(redacted_)?thinking"
    r"|invalid .?signature|thought_?\s?signature|thinking_signature|signature.{0,60}thinking"
    r"|encrypted[_ ]content|encrypted reasoning|required '?reasoning'? item|without its required following item",
    re.IGNORECASE | re.DOTALL,
)
_CONTEXT = re.compile(
    r"context_length_exceeded|context_window_exceeded|exceed_context_size|request_too_large|string_above_max_length"
    r"|(maximum|max|model'?s) context (length|window)|context (length|size|window).{0,20}exceed"
    r"|exceed\w*.{0,60}context (length|size|window|limit)|(longer|greater) than the (maximum |model'?s )?context"
    r"|longer than the maximum model length|prompt (is|was) too long|prompt too long|input (is|was) too long"
    r"|input length.{0,80}(exceed|longer|greater|maximum)|input token count.{0,80}exceeds"
    r"|input tokens exceed|exceeds the maximum number of (input )?tokens|maximum prompt length|exceed\w* max_model_len"
    r"|too large for model with \d+ maximum context|reduce the length of (the|your) (messages|prompt|input)"
    r"|exceed\w*.{0,20}(model )?token limit|prompt contains too many tokens|input too long|too many (input )?tokens"
    r"|request too large for|request exceeds the maximum size|range of input length should be|payload too large",
    re.IGNORECASE | re.DOTALL,
)
_TOO_MANY = re.compile(r"too many (input )?tokens", re.IGNORECASE)
_POLICY = re.compile(
    r"content_policy_violation|content[_ ]filter|content management policy|responsible_?ai_?policy"
    r"|content policy"
    r"|usage policy|usage policies|safety system|safety filter|data_inspection_failed|inappropriate content"
    r"|content exists risk|flagged (by|for|as)|was flagged|moderation|prohibited_content"
    r"|blocked by.{0,40}(filter|safety)|cyber_policy|invalid_prompt",
    re.IGNORECASE | re.DOTALL,
)
_SPENT = re.compile(
    r"insufficient_quota|billing_hard_limit|billing_not_active|billing_error|usage_limit_(reached|exceeded)"
    r"|credit balance is too low|insufficient (credit|balance|fund)|(more|enough|out of|no) credits"
    r"|usage limits?\b|spend(ing)? limit|monthly (limit|budget|quota)|hard limit|payment required|quota_exceeded"
    r"|(used|ran) (up|out of) all available credits|exceeded_current_quota|budget (has been )?exceeded",
    re.IGNORECASE,
)
_QUOTA = re.compile(r"exceeded your (current|monthly|daily|weekly) quota|quota exceeded|out of quota", re.IGNORECASE)
_LONG = re.compile(
    r"per[ _-]?(day|week|month)\b|perday|\b(rpd|tpd)\b|daily|weekly|free-models-per-day|\b(5|five)[ -]?hour",
    re.IGNORECASE,
)
_SHORT = re.compile(r"per[ _-]?(min|sec)|perminute|\b(rpm|tpm|rps)\b", re.IGNORECASE)
_TOO_BIG = re.compile(r"request too large.{0,200}(limit|requested)", re.IGNORECASE | re.DOTALL)
_AUTH = re.compile(
    r"invalid_api_key|(invalid|incorrect|missing|expired|no) (api|access|x-api)[ _-]?key"
    r"|api[ _-]key (not valid|is invalid)|authentication_error|permission_error|permission_denied|unauthenticated"
    r"|invalid x-api-key|api_key_invalid",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"model_not_found|model_not_available|model_decommissioned|deploymentnotfound|unknown_model|not_found_error"
    r"|model.{0,120}(does not exist|do(es)?n'?t exist|not found|not available|not supported when|is not a valid model"
    r"|no longer (available|supported)|(been )?(deprecated|decommissioned|retired))|not a valid model|invalid model\b"
    r"|unknown model|no such model|model not exist|does not have access to model|no (allowed )?(endpoints|providers)",
    re.IGNORECASE | re.DOTALL,
)
_BUSY = re.compile(
    r"overloaded|over capacity|capacity exceeded|at capacity|engine_overloaded|service[_ ]unavailable|server is busy"
    r"|temporarily unavailable|no healthy upstream|loading model",
    re.IGNORECASE,
)
_RUSH = re.compile(r"rate[_ ]?limit|too many requests|resource_exhausted|throttl|slow_down", re.IGNORECASE)
_LATE = re.compile(r"timeout_error|timed out|gateway time-?out|\btimeout\b", re.IGNORECASE)
_WAIT = re.compile(
    r"(?:try again|retry|retry after|available|resets?|wait)\s+(?:in|after|for)?\s*"
    r"((?:\d+(?:\.\d+)?\s*(?:ms|milliseconds?|h|hours?|hrs?|m|minutes?|mins?|s|seconds?|secs?|d|days?)(?![a-z])[\s,]*)+)",
    re.IGNORECASE,
)
_SPAN = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|milli|d|h|m|s)", re.IGNORECASE)
_SPANS = {"ms": 0.001, "milli": 0.001, "d": 86_400.0, "h": 3_600.0, "m": 60.0, "s": 1.0}
_DATE = re.compile(
    r"(?:again|resets?|regain|until|available|renews?)\b[^\d]{0,40}(?<![-\w])(\d{4}-\d\d-\d\d)"
    r"(?:(?:T| at | )(\d\d:\d\d(?::\d\d)?)(?:\.\d+)?)?\s*(Z\b|UTC|GMT|[+-]\d\d:\d\d)?",
    re.IGNORECASE,
)
_STAMP = re.compile(r"\|\s*(1\d{9})\b")

_OF_STATUS = {
    401: Failure.AUTH,
    402: Failure.QUOTA_EXHAUSTED,
    403: Failure.AUTH,
    404: Failure.NOT_FOUND,
    408: Failure.TIMEOUT,
    409: Failure.RATE_LIMITED,
    410: Failure.NOT_FOUND,
    413: Failure.CONTEXT_TOO_LONG,
    425: Failure.RATE_LIMITED,
    429: Failure.RATE_LIMITED,
    502: Failure.SERVER_ERROR,
    503: Failure.OVERLOADED,
    504: Failure.TIMEOUT,
    522: Failure.TIMEOUT,
    524: Failure.TIMEOUT,
    529: Failure.OVERLOADED,
}


class _Said(NamedTuple):
    message: str
    """For people."""
    words: str
    """For matching: the message, its type and its code, and what a gateway says of the server behind it."""
    error: Mapping[str, object]
    """The object that the error came in."""


def fault(status: int | None, body: object) -> CallFailed:
    """Say why a call was refused.

    Only the message, the type and the code are read: a body may repeat the prompt, and the prompt may hold any words.

    Parameters
    ----------
    status
        The HTTP status; None: the error came inside an answer that began well.
    body
        The body as it came, or parsed.

    Returns
    -------
    CallFailed
        With the provider's words in one line of at most 300 characters, and the wait where it names one.

    Examples
    --------
    >>> print(fault(400, '{"error": {"message": "prompt is too long: 213462 tokens > 200000 maximum"}}'))
    context_too_long: prompt is too long: 213462 tokens > 200000 maximum
    >>> fault(529, "").failure.value
    'overloaded'
    """
    said = _read(body)
    if status is None or status < 300:
        code = said.error.get("code", said.error.get("status"))
        named = int(code) if isinstance(code, (int, str)) and re.fullmatch(r"[45]\d\d", str(code)) else None
        status, of_status = named, named if named is not None else 0
    else:
        of_status = status
    of_reasoning = of_status in {0, 400, 404, 422} and _REASONING.search(said.words) is not None
    wait_s, resets_at_s = _wait(said)
    failure = Failure.BAD_REQUEST if of_reasoning else _classify(of_status, said.words, wait_s)
    return CallFailed(
        failure,
        one_line(said.message),
        status=status,
        retry_after_s=wait_s,
        resets_at_s=resets_at_s,
        of_reasoning=of_reasoning,
    )


def error_in(body: object) -> object | None:
    """Find the error that a body of a successful call holds instead of an answer, or None.

    Examples
    --------
    >>> error_in({"error": {"message": "upstream died"}})
    {'error': {'message': 'upstream died'}}
    >>> error_in({"choices": [], "error": None}) is None
    True
    """
    if not isinstance(body, Mapping):
        return None
    wrong = bool(body.get("error")) or body.get("type") == "error" or body.get("object") == "error"
    return dict(body) if wrong else None


def one_line(text: str) -> str:
    r"""Shorten a text to one line of 300 characters, without what looks like a key.

    Examples
    --------
    >>> one_line("no\n  such   key: sk-abcdefghijklmnop")
    'no such key: ***'
    """
    flat = " ".join(redacted(text[: 40 * _LONGEST]).split())
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…"


def _classify(status: int, words: str, wait_s: float | None) -> Failure:
    for failure in _spoken(status, words):
        return failure
    if status in {409, 425, 429} and wait_s is not None and wait_s > LONG_WAIT_S:
        return Failure.QUOTA_EXHAUSTED
    if status in _OF_STATUS:
        return _OF_STATUS[status]
    if status >= 500 or status == 0:
        return Failure.SERVER_ERROR
    return Failure.NOT_FOUND if status < 400 else Failure.BAD_REQUEST


def _spoken(status: int, words: str) -> Iterator[Failure]:
    if _TOO_BIG.search(words) or (_CONTEXT.search(words) and not (status == 429 and _TOO_MANY.search(words))):
        yield Failure.CONTEXT_TOO_LONG
    if _POLICY.search(words) and status not in {401, 429}:
        yield Failure.CONTENT_POLICY
    if _SPENT.search(words) or (status in {0, 403, 429} and _is_long(words)):
        yield Failure.QUOTA_EXHAUSTED
    if _NO_MODEL.search(words) and status in {0, 400, 403, 404, 422}:
        yield Failure.NOT_FOUND
    if _AUTH.search(words) and status in {0, 400, 401, 403}:
        yield Failure.AUTH
    if _BUSY.search(words) and (status in {0, 429} or status >= 500):
        yield Failure.OVERLOADED
    if _RUSH.search(words) and (status in {0, 403} or status >= 500):
        yield Failure.RATE_LIMITED
    if _LATE.search(words) and (status in {0, 500}):
        yield Failure.TIMEOUT
    if status == 0 and "invalid_request_error" in words:
        yield Failure.BAD_REQUEST


def _is_long(words: str) -> bool:
    return bool(_LONG.search(words) or (_QUOTA.search(words) and not _SHORT.search(words)))


def _read(body: object) -> _Said:
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except (ValueError, RecursionError):
            text = _plain(str(body))
            return _Said(text, _ends(text), {})
    if isinstance(body, Sequence) and not isinstance(body, str) and body:
        body = body[0]
    if not isinstance(body, Mapping):
        text = "" if body is None or body == [] else str(body)[: 40 * _LONGEST]
        return _Said(text, _ends(text), {})
    inner = body.get("error")
    error = inner if isinstance(inner, Mapping) else body
    message = inner if isinstance(inner, str) and inner else _message(error)
    words = [_ends(message), *_codes(body), *_codes(error)]
    return _Said(message, " ".join(words), error)


def _ends(text: str) -> str:
    """Give the beginning and the end of a long text: the reason stands in one of them, and patterns take their time."""
    return text if len(text) <= 8 * _LONGEST else f"{text[: 6 * _LONGEST]} {text[-2 * _LONGEST :]}"


def _message(error: Mapping[str, object]) -> str:
    for key in ("message", "detail", "msg", "error_description", "title"):
        found = error.get(key)
        if isinstance(found, str) and found:
            return found
        if isinstance(found, Mapping):
            return _message(found)
        if isinstance(found, Sequence) and not isinstance(found, str):
            return "; ".join(_message(each) for each in found if isinstance(each, Mapping))
    return ""


def _codes(error: Mapping[str, object]) -> list[str]:
    found = [str(error[key]) for key in ("type", "code", "status") if isinstance(error.get(key), (str, int))]
    inner = error.get("innererror", error.get("inner_error"))
    if isinstance(inner, Mapping):
        found += _codes(inner)
    meta = error.get("metadata")
    if isinstance(meta, Mapping) and meta.get("raw"):
        found.append(_read(meta["raw"]).words)
    details = error.get("details")
    if isinstance(details, Sequence) and not isinstance(details, str):
        ids = re.findall(r'"(?:quotaId|reason)":\s*"([^"]{1,200})"', json.dumps(details, default=str))
        found += ids
    return found


def _plain(text: str) -> str:
    if "<" not in text[:2_000]:
        return text[: 40 * _LONGEST]
    title = re.search(r"<title[^>]*>(.{1,300}?)</title>", text, re.IGNORECASE | re.DOTALL)
    return title[1] if title else re.sub(r"<[^>]{0,500}>", " ", text[: 40 * _LONGEST])


def _wait(said: _Said) -> tuple[float | None, float | None]:
    wait_s = _number(said.error, "resets_in_seconds", "retry_after", "retry_after_seconds")
    resets_at_s = _number(said.error, "resets_at", "reset_at")
    meta = said.error.get("metadata")
    headers = meta.get("headers") if isinstance(meta, Mapping) else None
    if resets_at_s is None and isinstance(headers, Mapping):
        stamp = _number(headers, "X-RateLimit-Reset", "x-ratelimit-reset")
        resets_at_s = stamp / 1_000 if stamp is not None and stamp > 1e11 else stamp
    if resets_at_s is None:
        resets_at_s = _instant(_ends(said.message))
    spoken = _WAIT.search(_ends(said.message))
    if wait_s is None and spoken:
        wait_s = sum(float(size) * _SPANS[unit.lower()] for size, unit in _SPAN.findall(spoken[1]))
    return wait_s, resets_at_s


def _number(error: Mapping[str, object], *keys: str) -> float | None:
    for key in keys:
        found = error.get(key)
        if isinstance(found, str) and re.fullmatch(r"\d{1,15}(\.\d{1,9})?", found):
            return float(found)
        if isinstance(found, (int, float)) and not isinstance(found, bool) and 0 <= found < 1e15:
            return float(found)
    return None


def _instant(text: str) -> float | None:
    stamp = _STAMP.search(text)
    if stamp:
        return float(stamp[1])
    found = _DATE.search(text)
    if not found:
        return None
    zone = found[3] if found[3] and found[3][0] in "+-" else "+00:00"
    try:
        return datetime.fromisoformat(f"{found[1]}T{found[2] or '00:00'}{zone}").astimezone(UTC).timestamp()
    except (ValueError, OverflowError):
        return None
