"""What became of a command: by its exit code, by what it says of itself, and by its words."""

from __future__ import annotations

import re
import signal
from collections.abc import Iterable, Mapping, Sequence
from datetime import tzinfo
from typing import NamedTuple, Protocol

from selector.config import pattern_of
from selector.execution._output import Said
from selector.execution._redact import redacted
from selector.execution._reset_words import reset_in, when
from selector.execution._wire import CallFailed
from selector.records import Failure

__all__ = ["Now", "Patterns", "Ran", "Words", "failure_of"]

_SHORT = 300  # characters of an answer that may be an error in disguise
_LONG = 4_000  # characters at either end of a text that are looked at
_SPENT_S = 600.0  # from here on a limit is spent, and no mere rush
_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|[\x00-\x08\x0b-\x1f\x7f]")
_GENERAL_WORDS = {
    Failure.QUOTA_EXHAUSTED: r"usage limit|usage_limit_reached|hit your [a-z0-9 -]{0,40}limit"
    r"|out of (extra )?(usage|credits)|(exceeded|exhausted) your [a-z ]{0,30}(quota|capacity)"
    r"|quota (was |has been )?(exceeded|exhausted)|insufficient_quota|credit balance is too low"
    r"|weekly limit|daily limit",
    Failure.CONTEXT_TOO_LONG: r"prompt is too long|context_length_exceeded|maximum context"
    r"|context (length|window)[^\n]{0,60}exceed|exceed[^\n]{0,60}context (length|window)"
    r"|too many (input )?tokens|input is too long",
    Failure.AUTH: r"not logged in|please run /login|log ?in required|authentication[ _](failed|error)"
    r"|failed to authenticate|unauthorized|unauthenticated|(invalid|incorrect|expired|no) (api |access )?(key|token)"
    r"|\b401\b|(session|token) (has )?expired|please (log|sign) in|set an auth method",
    Failure.RATE_LIMITED: r"rate[ _-]?limit|too many requests|\b429\b|resource_exhausted|resource has been exhausted",
    Failure.OVERLOADED: r"overloaded|no capacity available|at capacity|high demand|service unavailable|\b(503|529)\b",
    Failure.NOT_FOUND: r"model[^\n]{0,80}(not found|not exist|not supported|not a valid)|unknown model"
    r"|not a known model|pull model manifest|no such model",
    Failure.CONTENT_POLICY: r"content policy|usage policy|safety (system|filter)|content_filter",
    Failure.CONNECTION: r"could not connect|connection (refused|reset|error)|econnrefused|econnreset|enotfound"
    r"|etimedout|name resolution|network is unreachable",
}
_GENERAL = tuple((f"(?i){pattern}", reason) for reason, pattern in _GENERAL_WORDS.items())
"""Words that most tools use, in the order in which they are looked for."""


class Words(Protocol):
    """Words that mean a failure: `selector.config.FailurePatternConfig`."""

    @property
    def match(self) -> str:
        """The pattern."""
        ...

    @property
    def reason(self) -> Failure:
        """What it means."""
        ...


class Patterns(NamedTuple):
    """What is looked for, the first that matches counts."""

    own: Sequence[Words] = ()
    """The user's, before all others."""
    preset: Sequence[Words] = ()
    """The preset's."""
    exit_codes: Mapping[int, Failure] = {}
    """What an exit code means where no words say it."""


class Now(NamedTuple):
    """When it is, for words such as ``resets 5pm``."""

    seconds: float
    """Since 1970."""
    tz: tzinfo | None = None
    """The zone of a time without one; None: this machine's."""


class Ran(NamedTuple):
    """A command that is over."""

    code: int
    """Its exit code, negative: the signal that ended it."""
    said: Said
    """What it said."""
    printed: str
    """What it printed, or wrote into its file, as it is."""
    stderr: str
    """The end of what it complained of."""
    prompt: str = ""
    """What it was asked, which no detail repeats."""


def failure_of(ran: Ran, patterns: Patterns, now: Now, secrets: Iterable[str] = ()) -> CallFailed | None:
    """Say why a command failed; None: it did not.

    It looks failed if its exit code is not 0, if it says so by its path, if it cannot be read, or if its answer is
    empty. Then words decide which failure it is: the user's patterns, then the preset's, then general ones, each
    looked for in its error, in its answer and in its complaints; without any, the exit code. What looks well is a
    failure only if the answer is one of at most 300 characters in which a pattern of the user's is found, or which
    is from end to end what a pattern of the preset's says: an answer may speak of limits.

    Parameters
    ----------
    ran
        What it did.
    patterns
        The words to look for.
    now
        When it is.
    secrets
        Values that no message may repeat.

    Returns
    -------
    CallFailed | None
        With the reset where the words name one, and the end of what it said, without prompt and secrets.

    Examples
    --------
    >>> ran = Ran(1, Said(), "", "Error: You've hit your usage limit. Try again in 2 minutes.")
    >>> failed = failure_of(ran, Patterns(), Now(1_000.0))
    >>> failed.failure.value, failed.resets_at_s
    ('quota_exhausted', 1120.0)
    >>> failure_of(Ran(0, Said("Our usage limit is 5 a day."), "", ""), Patterns(), Now(0.0)) is None
    True
    """
    text = ran.said.text.strip()
    if ran.code == 0 and text and not ran.said.failed:
        found = _disguised(text, patterns)
        return None if found is None else _failed(ran, found, now, secrets)
    raw = "" if text or ran.said.error else ran.printed
    texts = [_ends(each) for each in (ran.said.error, text, raw, ran.stderr) if each]
    words = [(each.match, each.reason) for each in (*patterns.own, *patterns.preset)]
    found = _first(words, texts)
    if found is None:
        brief = texts if len(text) <= _LONG else [each for each in texts if each != _ends(text)]
        found = _first(_GENERAL, brief)
    if found is None:
        found = _Found(_by_code(ran, patterns), "", {})
    return _failed(ran, found, now, secrets)


class _Found(NamedTuple):
    failure: Failure
    where: str
    groups: Mapping[str, str | None]


def _first(words: Iterable[tuple[str, Failure]], texts: Sequence[str]) -> _Found | None:
    for pattern, reason in words:
        for text in texts:
            found = pattern_of(pattern).search(text)
            if found is not None:
                return _Found(reason, text, found.groupdict())
    return None


def _disguised(text: str, patterns: Patterns) -> _Found | None:
    if len(text) > _SHORT:
        return None
    whole = [(rf"\A(?:{each.match})\z", each.reason) for each in patterns.preset]
    return _first([*((each.match, each.reason) for each in patterns.own), *whole], [text])


def _by_code(ran: Ran, patterns: Patterns) -> Failure:
    if ran.code in patterns.exit_codes:
        return patterns.exit_codes[ran.code]
    if ran.code == 0 and not ran.said.failed:
        return Failure.EMPTY_ANSWER if ran.said.parsed else Failure.INVALID_ANSWER
    return Failure.SERVER_ERROR


def _failed(ran: Ran, found: _Found, now: Now, secrets: Iterable[str]) -> CallFailed:
    resets_at_s = retry_after_s = None
    if found.failure in {Failure.QUOTA_EXHAUSTED, Failure.RATE_LIMITED, Failure.OVERLOADED}:
        resets_at_s, retry_after_s = _again(found, now)
    failure = found.failure
    if failure is Failure.RATE_LIMITED and resets_at_s is not None and resets_at_s - now.seconds > _SPENT_S:
        failure = Failure.QUOTA_EXHAUSTED
    return CallFailed(
        failure,
        _detail(ran, secrets),
        status=ran.code,
        retry_after_s=retry_after_s,
        resets_at_s=resets_at_s,
    )


def _again(found: _Found, now: Now) -> tuple[float | None, float | None]:
    """Say when the limit resets, and how long to wait where that is all that is said."""
    words, stamp, wait = (found.groups.get(name) for name in ("resets_at", "resets_at_s", "retry_after_s"))
    resets_at_s = None
    for said in (stamp, words):
        if resets_at_s is None and said:
            resets_at_s = when(said, now_s=now.seconds, tz=now.tz)
    if resets_at_s is None and not wait:
        resets_at_s = reset_in(found.where, now_s=now.seconds, tz=now.tz)
    seconds = wait if wait and re.fullmatch(r"\d{1,9}(\.\d{1,9})?", wait) else None
    return resets_at_s, None if seconds is None else float(seconds)


def _detail(ran: Ran, secrets: Iterable[str]) -> str:
    said = ran.said.error or (ran.said.text if ran.said.failed or len(ran.said.text) <= _SHORT else "")
    words = said or ran.stderr or ran.printed
    lines = (line.strip() for line in _CONTROL.sub(" ", words[-2 * _LONG :]).splitlines())
    told = " ".join(line for line in lines if line and not (len(line) > 15 and line in ran.prompt))
    for secret in secrets:
        told = told.replace(secret, "***")
    return " ".join(filter(None, (_ending(ran), redacted(told)[-_SHORT:].strip())))


def _ending(ran: Ran) -> str:
    if ran.code < 0:
        try:
            return f"ended by {signal.Signals(-ran.code).name}:"
        except ValueError:
            return f"ended by signal {-ran.code}:"
    if ran.code > 0:
        return f"exit code {ran.code}:"
    return "" if ran.said.parsed else "not the JSON that was expected:"


def _ends(text: str) -> str:
    return text if len(text) <= 2 * _LONG else f"{text[:_LONG]}\n{text[-_LONG:]}"
