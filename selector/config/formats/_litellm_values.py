"""What stands in LiteLLM's documents: numbers that may be texts, values that are variables, spans of time."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selector.config._places import KeyPath
    from selector.config.formats._report import Reading

ENVIRON: Final = "os.environ/"
"""How LiteLLM refers to a variable."""

_VARIABLE: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_NUMBER: Final = re.compile(r"[-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]{1,3})?\Z")
_SPAN: Final = re.compile(r"([0-9]{1,6})(s|m|h|d|w|mo)\Z")
_WORDS: Final = {"true": True, "false": False}


class Values:
    """Values of a document, looked up in the environment where they are variables.

    Parameters
    ----------
    reading
        The document.
    environ
        The environment; what the document says under ``environment_variables`` stands before it.

    Examples
    --------
    >>> from selector.config.formats import Reading
    >>> values = Values(Reading({"rpm": "os.environ/RPM", "tpm": "1e3"}), {"RPM": "60"})
    >>> values.whole(("rpm",)), values.whole(("tpm",))
    (60, 1000)
    """

    def __init__(self, reading: Reading, environ: Mapping[str, str]) -> None:
        self.reading = reading
        own = reading.mapping(("environment_variables",))
        self._environ = {**environ, **{name: value for name, value in own.items() if isinstance(value, str)}}

    def variable(self, path: KeyPath) -> str | None:
        """Give the name of the variable that a place refers to; None: it refers to none."""
        found = self.reading.at(path)
        if not isinstance(found, str) or not found.strip().startswith(ENVIRON):
            return None
        name = found.strip().removeprefix(ENVIRON)
        if not _VARIABLE.match(name):
            raise self.reading.error(path, f"names no variable behind {ENVIRON}; write its name, such as {ENVIRON}NAME")
        return name

    def held(self, name: str) -> str:
        """Give what a variable holds; empty where it is not set."""
        return self._environ.get(name, "").strip()

    def at(self, path: KeyPath) -> Any:  # noqa: ANN401  # anything a document holds
        """Give the value at a place; of a variable what it holds now, None with a warning where it is not set."""
        name = self.variable(path)
        if name is None:
            return self.reading.at(path)
        found = self.held(name)
        if not found:
            self.reading.warned(path, f"the variable {name} is not set, so this is left out: set it and import again")
            return None
        return found

    def text(self, path: KeyPath) -> str | None:
        """Give the text at a place; None where there is none."""
        if self.variable(path) is None:
            return self.reading.text(path)
        found: str | None = self.at(path)
        return found

    def number(self, path: KeyPath, least: float = 0.0, most: float = 1e15) -> float | int | None:
        """Give the number at a place, also where it is written as a text; None where there is none."""
        found = self.at(path)
        if not isinstance(found, str) or not _NUMBER.match(found.strip()):
            return None if found is None else self.reading.number(path, least, most)
        exact = Decimal(found.strip())
        if not Decimal(least) <= exact <= Decimal(most):
            raise self.reading.error(path, f"must be a number from {least:g} to {most:g}")
        return int(exact) if exact == exact.to_integral_value() else float(exact)

    def whole(self, path: KeyPath, least: int = 0, most: float = 1e15) -> int | None:
        """Give the whole number at a place; a fraction is rounded down, as limits are kept."""
        found = self.number(path, least, most)
        return None if found is None else int(found)

    def flag(self, path: KeyPath) -> bool | None:
        """Give the truth value at a place, also where it is written as a text; None where there is none."""
        found = self.at(path)
        if isinstance(found, str) and found.strip().lower() in _WORDS:
            return _WORDS[found.strip().lower()]
        return None if found is None else self.reading.flag(path, default=False)

    def span(self, path: KeyPath) -> tuple[str, str] | None:
        """Give a span of time as a budget's window, and what is to be said of it; None where there is none."""
        found = self.text(path)
        if found is None:
            return None
        match = _SPAN.match(found)
        if match is None or int(match[1]) == 0:
            raise self.reading.error(path, "must be a span of time such as 30s, 10m, 24h, 7d or 1mo")
        if match[2] != "mo":
            return found, "the window rolls"
        return ("month", "of the calendar") if int(match[1]) == 1 else (f"{30 * int(match[1])}d", "30 days for a month")


def per_million(per_token: float) -> float:
    """Turn a price per token into one per million, to the digit that was written.

    Examples
    --------
    >>> per_million(0.00000015), per_million(1e-07 * 3)
    (0.15, 0.3)
    """
    return float(Decimal(repr(per_token)).scaleb(6))


def place(*parts: str) -> str:
    """Write a place of the native document.

    Examples
    --------
    >>> place("models", "gpt-4o", "", "id")
    'models.gpt-4o.id'
    """
    return ".".join(part for part in parts if part)
