"""Where each key was written, so that an error can say so."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from selector.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

KeyPath = tuple[str | int, ...]
"""The way to a key from the top: names of mappings, positions in lists."""


def dotted(path: KeyPath) -> str:
    """Write a path as the user reads it.

    Examples
    --------
    >>> dotted(("models", "opus", "tiers", 0, "above_tokens"))
    'models.opus.tiers[0].above_tokens'
    """
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


@dataclass(frozen=True, slots=True)
class Places:
    """The lines of one document's keys.

    Examples
    --------
    >>> places = Places(file="selector.yaml", lines={("models",): 3, ("models", "opus"): 4})
    >>> places.line(("models", "opus", "id"))
    4
    >>> print(places.error("is required", ("models", "opus", "id")))
    selector.yaml:4: models.opus.id: is required
    """

    file: str | None = None
    """The file's name as it was given, or None for values that came from no file."""
    lines: Mapping[KeyPath, int] = field(default_factory=dict)
    """The line, from 1, of each key and each member of a list."""

    def line(self, path: KeyPath) -> int | None:
        """Find the line of a key, or of the nearest key above it that has one.

        Examples
        --------
        >>> Places().line(("models",)) is None
        True
        """
        known = (self.lines[path[:end]] for end in range(len(path), -1, -1) if path[:end] in self.lines)
        return next(known, None)

    def error(self, message: str, path: KeyPath = (), kind: type[ConfigError] = ConfigError) -> ConfigError:
        """Build the error for a key.

        Examples
        --------
        >>> Places().error("must be at least 0, not -1", ("budgets", 0, "usd"))
        ConfigError('budgets[0].usd: must be at least 0, not -1')
        """
        return kind(message, file=self.file, line=self.line(path), key=dotted(path) or None)


@dataclass(frozen=True, slots=True)
class Document:
    """What a reader found: the plain values, and where they stand.

    Examples
    --------
    >>> Document(value={"version": 1}, places=Places(lines={("version",): 1})).places.line(("version",))
    1
    """

    value: object
    places: Places
    format: str = ""
    """The foreign format that it was translated from; empty: it is native."""
