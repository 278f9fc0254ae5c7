"""From a failed validation to one error that names file, line, key, value and remedy."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from selector.errors import ConfigError, UnknownModelError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pydantic_core import ErrorDetails

    from selector.config._places import KeyPath, Places

_WORDS = {
    "valid dictionary": "mapping with keys",
    "a valid boolean": "true or false",
    "valid number": "number",
    "a valid integer": "a whole number",
    "valid string": "text",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
    "greater than": "more than",
}
"""Pydantic's words, and the user's."""

_SECRET_KEY = re.compile(r"(?:\A|_|-)(?:key|token|secret|password|credentials?|auth)\Z", re.IGNORECASE)
_SECRET_VALUE = re.compile(r"\A(?:sk|pk|rk|gsk|xai|hf|ghp|key|Bearer)[-_ ]|\AAIza|[A-Za-z0-9_\-+/=.]{24,}|://[^/]*@")


def explained(details: Sequence[ErrorDetails], places: Places) -> ConfigError:
    """Turn the first of several problems, in the order of the document, into the error for the user.

    Parameters
    ----------
    details
        What pydantic found.
    places
        Where each key stands.

    Returns
    -------
    ConfigError
        With file, line and dotted key; an `UnknownModelError` where a name is no model's.

    Examples
    --------
    >>> from selector.config._places import Places
    >>> explained([{"type": "missing", "loc": ("models",), "msg": "Field required", "input": {}}], Places())
    ConfigError('models: is required')
    """
    found = [(*_placed(detail), detail) for detail in details]
    found.sort(key=lambda entry: places.line(entry[0]) or 0)
    path, problem, first = found[0]
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    kind = UnknownModelError if first.get("ctx", {}).get("kind") == "model" else ConfigError
    return places.error(problem + more, path, kind)


def _placed(detail: ErrorDetails) -> tuple[KeyPath, str]:
    loc = tuple(part for part in detail["loc"] if part != "[key]")
    if "params" in loc:
        # Below a parameter's name stand pydantic's names of JSON types, which nobody wrote.
        loc = loc[: loc.index("params") + 2]
    context: dict[str, Any] = detail.get("ctx", {})
    if detail["type"] == "fault":
        return (*loc, *context["path"]), str(context["problem"])
    if detail["type"] == "missing":
        return loc, "is required"
    value = shown(detail["input"], loc)
    if detail["type"] == "expected":
        return loc, f"{context['problem']}{value}{context['remedy']}"
    return loc, _plain(detail["msg"]) + value


def _plain(message: str) -> str:
    text = re.sub(r"\A(?:Input|Value|String|Tuple|Dictionary) should", "must", message)
    for theirs, ours in _WORDS.items():
        text = text.replace(theirs, ours)
    return text


def sounds_secret(value: str, path: KeyPath = ()) -> bool:
    """Say whether a text may be a secret: by the name of its key, or by its looks.

    Examples
    --------
    >>> sounds_secret("high", ("params", "reasoning_effort")), sounds_secret("high", ("params", "token"))
    (False, True)
    """
    return bool((path and _SECRET_KEY.search(str(path[-1]))) or _SECRET_VALUE.search(value))


def shown(value: object, path: KeyPath = ()) -> str:
    """Write the tail of a message that repeats a value, where that is safe.

    What stands under a key that sounds like a secret, looks like one, or holds other values is not repeated.

    Examples
    --------
    >>> shown(-3, ("models", "opus", "usd_per_mtok_in"))
    ', not -3'
    >>> shown("sk-live-1234", ("providers", "work", "api_key"))
    ''
    >>> shown({"api_key": "sk-live-1234"})
    ', not a mapping'
    """
    if isinstance(value, dict):
        return ", not a mapping"
    if isinstance(value, (list, tuple, set)):
        return ", not a list"
    if value is not None and not isinstance(value, (str, bool, int, float)):
        return f", not an object of type {type(value).__name__}"
    if isinstance(value, str) and sounds_secret(value, path):
        return ""
    written = repr(value) if not isinstance(value, int) or abs(value) < 10**30 else "a number of that size"
    return f", not {written if len(written) <= 60 else written[:57] + '...'}"
