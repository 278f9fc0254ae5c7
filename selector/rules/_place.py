"""Where a condition was written, so that an error can say so."""

from __future__ import annotations

from dataclasses import dataclass

from selector.errors import ConfigError

__all__ = ["Fault", "Place", "shown"]


class Fault(Exception):  # noqa: N818 - never leaves the room; a `ConfigError` with the place does
    """Something wrong at one character of a condition.

    Parameters
    ----------
    message
        What is wrong and what would be right.
    at
        The character, from 0.
    """

    def __init__(self, message: str, at: int) -> None:
        self.message, self.at = message, at
        super().__init__(message)


def shown(text: str, most: int = 60) -> str:
    """Quote what was written, cut where it is long.

    Examples
    --------
    >>> shown("coding"), shown("a" * 100, most=5)
    ("'coding'", "'aaaaa...'")
    """
    return repr(text if len(text) <= most else f"{text[:most]}...")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a condition begins.

    All of it may be unknown: a condition can also be made by a program.

    Examples
    --------
    >>> from selector.rules import Condition
    >>> Condition.of("priorty == 0", where=Place("selector.yaml", 41, 17, "rules[0].condition"))
    Traceback (most recent call last):
    selector.errors.ConfigError: selector.yaml:41: rules[0].condition: column 17: unknown name 'priorty'; did you mean
    'priority'?
    """

    file: str | None = None
    """The file's name as it was given."""
    line: int | None = None
    """The line of the condition's first character, from 1."""
    column: int | None = None
    """The column of the condition's first character, from 1; None: errors count from the condition's beginning."""
    key: str | None = None
    """The dotted path of the key, such as ``rules[0].condition``."""

    def error(self, message: str, text: str = "", at: int | None = None) -> ConfigError:
        """Build the error for one character of a condition.

        Parameters
        ----------
        message
            What is wrong and what would be right.
        text
            The whole condition.
        at
            The character, from 0; None: the condition as a whole.

        Returns
        -------
        ConfigError
            The error, with file, line, key and column; each newline before the character is one line more. On the
            first line the column is the file's, if `column` is known; else it is the condition's own.

        Examples
        --------
        >>> Place(line=4).error("is not known", "hour == 1", 5)
        ConfigError('4: column 6 of the condition: is not known')
        """
        if at is None:
            return ConfigError(message, file=self.file, line=self.line, key=self.key)
        above = text.count("\n", 0, at)
        column = at - (text.rfind("\n", 0, at) + 1) + 1
        if self.column is not None and not above:
            where = f"column {self.column + column - 1}"
        else:
            where = f"column {column} of {f'line {above + 1} of ' if above else ''}the condition"
        line = None if self.line is None else self.line + above
        return ConfigError(f"{where}: {message}", file=self.file, line=line, key=self.key)
