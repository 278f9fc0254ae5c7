"""Keys out of texts: what a server or a library says of a call may repeat the key that went with it."""

from __future__ import annotations

import re

__all__ = ["redacted"]

_SECRETS = (
    (re.compile(r"(?i)\b(bearer|basic)(\s+)[^\s\"',;<>]+"), r"\1\2***"),
    (
        re.compile(
            r"(?i)\b((?:x-)?(?:goog-)?api[-_ ]?key|(?:proxy-)?authorization|(?:access|auth)[-_]token)"
            r"([\"'\]]{0,2}\s*[:=]\s*(?:b?[\"'])?)(?!(?:bearer|basic)\b)[^\s\"',;<>&]+"
        ),
        r"\1\2***",
    ),
    (re.compile(r"\b(?:sk|pk|rk|gsk|xai|nvapi|pplx|fw|hf|ghp|r8|tgp|csk)[-_][\w*.-]{8,}"), "***"),
    (re.compile(r"\bAIza[\w-]{20,}"), "***"),
    (re.compile(r"(?<=://)[^\s/@]+@"), "***@"),
)


def redacted(text: str, key: str | None = None) -> str:
    """Replace keys in a text by ``***``.

    Parameters
    ----------
    text
        Anything that may be shown or written down.
    key
        The key that went with the call, which need not look like one.

    Returns
    -------
    str
        The text without it, and without what looks like a key.

    Examples
    --------
    >>> redacted("Incorrect API key provided: hunter2", "hunter2")
    'Incorrect API key provided: ***'
    >>> redacted("sent 'Authorization: Bearer abc.def' and x-api-key=123")
    "sent 'Authorization: Bearer ***' and x-api-key=***"
    """
    if key:
        text = text.replace(key, "***")
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text
