"""How each vendor says no: status, headers and body of an error, in its own words."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from selector.errors import ConfigError
from selector.testing._script import Fault

__all__ = ["Refusal", "refusal", "told"]


class Refusal(NamedTuple):
    """An error as it goes over the wire."""

    status: int
    """The HTTP status."""
    headers: dict[str, str]
    """Its headers, with the type of its content."""
    body: bytes
    """Its body."""


_HTML = """<html>
<head><title>{status} {reason}</title></head>
<body>
<center><h1>{status} {reason}</h1></center>
<hr><center>cloudflare</center>
</body>
</html>
"""
_GATEWAY = {502: "Bad Gateway", 504: "Gateway Time-out"}

_STATUS = {
    "bad_request": 400,
    "auth": 401,
    "not_found": 404,
    "rate_limited": 429,
    "quota_exhausted": 429,
    "server_error": 500,
    "overloaded": 503,
    "context_too_long": 400,
    "content_policy": 400,
    "foreign_reasoning": 400,
}
_ANTHROPIC_STATUS = {"quota_exhausted": 400, "overloaded": 529}

_INVALID = "invalid_request_error"
# by fault or status: type, code, param and message
_OPENAI: dict[str | int, tuple[str, str | None, str | None, str]] = {
    "context_too_long": (
        _INVALID,
        "context_length_exceeded",
        "messages",
        (
            "This model's maximum context length is 128000 tokens. However, your messages resulted in 130018 tokens. "
            "Please reduce the length of the messages."
        ),
    ),
    "content_policy": (
        _INVALID,
        "invalid_prompt",
        None,
        (
            "Invalid prompt: your prompt was flagged as potentially violating our usage policy. Please try again with "
            "a different prompt: https://platform.openai.com/docs/guides/reasoning#advice-on-prompting"
        ),
    ),
    "quota_exhausted": (
        "insufficient_quota",
        "insufficient_quota",
        None,
        (
            "You exceeded your current quota, please check your plan and billing details. For more information on this "
            "error, read the docs: https://platform.openai.com/docs/guides/error-codes/api-errors."
        ),
    ),
    "foreign_reasoning": (
        _INVALID,
        "invalid_encrypted_content",
        None,
        "The encrypted content gAAA...6KFQ could not be verified.",
    ),
    400: (_INVALID, None, "messages", "Invalid value for 'messages': expected an array of objects."),
    401: (
        _INVALID,
        "invalid_api_key",
        None,
        "Incorrect API key provided. You can find your API key at https://platform.openai.com/account/api-keys.",
    ),
    403: (
        "request_forbidden",
        "unsupported_country_region_territory",
        None,
        "Country, region, or territory not supported",
    ),
    404: (
        _INVALID,
        "model_not_found",
        None,
        "The model `{model}` does not exist or you do not have access to it.",
    ),
    408: ("timeout", "request_timeout", None, "Request timed out."),
    413: (_INVALID, "request_too_large", None, "Request Entity Too Large"),
    429: (
        "requests",
        "rate_limit_exceeded",
        None,
        (
            "Rate limit reached for {model} in organization org-fake on requests per min (RPM): Limit 500, Used 500, "
            "Requested 1. Please try again in 120ms. Visit https://platform.openai.com/account/rate-limits."
        ),
    ),
    503: ("service_unavailable_error", None, None, "The engine is currently overloaded, please try again later"),
    529: ("service_unavailable_error", None, None, "The engine is currently overloaded, please try again later"),
    500: ("server_error", None, None, "The server had an error while processing your request. Sorry about that!"),
}
# by fault or status: type and message
_ANTHROPIC: dict[str | int, tuple[str, str]] = {
    "context_too_long": (_INVALID, "prompt is too long: 208310 tokens > 200000 maximum"),
    "content_policy": (_INVALID, "Output blocked by content filtering policy"),
    "quota_exhausted": (
        _INVALID,
        (
            "Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or "
            "purchase credits."
        ),
    ),
    "foreign_reasoning": (_INVALID, "messages.1.content.0: Invalid `signature` in `thinking` block"),
    400: (_INVALID, "messages: Input should be a valid list"),
    401: ("authentication_error", "invalid x-api-key"),
    403: ("permission_error", "Your API key does not have permission to use the specified resource."),
    404: ("not_found_error", "model: {model}"),
    408: ("timeout_error", "Request timed out"),
    413: ("request_too_large", "Request exceeds the maximum size"),
    429: ("rate_limit_error", "This request would exceed your account's rate limit. Please try again later."),
    503: ("overloaded_error", "Overloaded"),
    529: ("overloaded_error", "Overloaded"),
    500: ("api_error", "Internal server error"),
}


def refusal(form: str, fault: Fault, model: str) -> Refusal:
    """Word a fault as the vendor does whose form of request it answers.

    Parameters
    ----------
    form
        ``chat``, ``responses`` or ``messages``.
    fault
        What goes wrong: a status, or a failure that a vendor tells by one.
    model
        The model that was asked.

    Examples
    --------
    >>> no = refusal("messages", Fault("context_too_long"), "opus")
    >>> no.status, json.loads(no.body)["error"]["message"]
    (400, 'prompt is too long: 208310 tokens > 200000 maximum')
    >>> refusal("chat", Fault(429, retry_after_s=2), "gpt").headers["retry-after"]
    '2'
    """
    status = fault.status or _status(form, fault.kind)
    headers = {"content-type": "application/json"}
    if fault.retry_after_s is not None:
        headers["retry-after"] = f"{fault.retry_after_s:g}"
    body = fault.body
    if body is None and status in _GATEWAY and fault.message is None:
        headers["content-type"] = "text/html"
        body = _HTML.format(status=status, reason=_GATEWAY[status])
    if body is None:
        body = told(form, fault, model)
    said = json.dumps(body) if isinstance(body, Mapping) else body
    return Refusal(status, {**headers, **{name.lower(): value for name, value in fault.headers.items()}}, said.encode())


def told(form: str, fault: Fault, model: str) -> dict[str, object]:
    """Word a fault as the vendor's JSON, as it stands in a body or in an event of a stream."""
    status = fault.status or _status(form, fault.kind)
    last = 400 if status < 500 else 500
    if form == "messages":
        type_, message = _ANTHROPIC.get(fault.kind) or _ANTHROPIC.get(status) or _ANTHROPIC[last]
        said = fault.message or message.format(model=model)
        return {"type": "error", "error": {"type": type_, "message": said}, "request_id": "req_fake"}
    type_, code, param, message = _OPENAI.get(fault.kind) or _OPENAI.get(status) or _OPENAI[last]
    if form == "responses" and param == "messages":
        param = "input"
    if form == "responses" and fault.kind == "context_too_long":
        message = "Your input exceeds the context window of this model. Please adjust your input and try again."
    said = fault.message or message.format(model=model)
    return {"error": {"message": said, "type": type_, "param": param, "code": code}}


def _status(form: str, kind: str | int) -> int:
    if isinstance(kind, int):
        return kind
    found = (_ANTHROPIC_STATUS if form == "messages" else {}).get(kind, _STATUS.get(kind))
    if found is None:
        raise ConfigError(f"a server cannot fail with {kind!r}, which happens on the caller's own side")
    return found
