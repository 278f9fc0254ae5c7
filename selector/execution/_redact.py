"""Keys out of texts: what a server or a library says of a call may repeat the key that went with it."""

from __future__ import annotations

import logging
import re

__all__ = ["KeyFilter", "redacted"]

_LONG = 8

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


class KeyFilter(logging.Filter):
    """Keeps keys out of what the HTTP library logs at its lowest level: a server may repeat one in a header.

    Attributes
    ----------
    keys
        Those that went with calls.

    Examples
    --------
    >>> watch = KeyFilter()
    >>> watch.keys.add("hunter2-and-more")
    >>> record = logging.LogRecord("httpcore", logging.DEBUG, "", 0, "told %s", ("hunter2-and-more",), None)
    >>> watch.filter(record), record.getMessage()
    (True, 'told ***')
    """

    LOGGERS = ("httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy", "httpx")
    """The loggers of the library that says such things."""

    def __init__(self) -> None:
        super().__init__()
        self.keys: set[str] = set()

    def filter(self, record: logging.LogRecord) -> bool:
        """Let everything pass, without keys."""
        said = record.getMessage()
        if any(key in said for key in self.keys):
            for key in self.keys:
                said = redacted(said, key)
            record.msg, record.args = said, ()
        return True

    def watch(self) -> None:
        """Begin."""
        for name in self.LOGGERS:
            logging.getLogger(name).addFilter(self)

    def leave(self) -> None:
        """End; twice is as good as once."""
        for name in self.LOGGERS:
            logging.getLogger(name).removeFilter(self)


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
    if key and len(key) >= _LONG:
        text = text.replace(key, "***")
    elif key:  # no provider gives such keys; within a word it is none
        text = re.sub(rf"(?<!\w){re.escape(key)}(?!\w)", "***", text)
    for pattern, instead in _SECRETS:
        text = pattern.sub(instead, text)
    return text
