"""The exception tree: everything that `selector` raises on purpose.

::

    SelectorError
    ├── ConfigError (ValueError)            the configuration is wrong: file, line, key, nearest valid name
    │   ├── UnknownModelError               a name that no model has
    │   └── UnknownTaskTypeError            a name that no task type has
    ├── DataError (ValueError)              a table of outcomes cannot be used as it is
    ├── InvalidOutcomeError (ValueError)    a score, cost or count that cannot be
    ├── UnknownDecisionError (KeyError)     an outcome for a decision that was never made here
    ├── NoEligibleModelError                every model was excluded; `reasons` says why, model by model
    │   └── BudgetExceededError             the exclusion was money: `budget`, `resets_at`
    └── StateError                          the state folder cannot be read or written
        └── SchemaVersionError              it was written by another version

Each message names the field, the value and the remedy.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

__all__ = [
    "BudgetExceededError",
    "ConfigError",
    "DataError",
    "InvalidOutcomeError",
    "NoEligibleModelError",
    "SchemaVersionError",
    "SelectorError",
    "StateError",
    "UnknownDecisionError",
    "UnknownModelError",
    "UnknownTaskTypeError",
    "nearest",
]


def nearest(name: str, valid: Iterable[str]) -> str:
    """Say which valid name was probably meant, as the tail of an error message.

    Parameters
    ----------
    name
        What was written.
    valid
        What could have been written.

    Returns
    -------
    str
        ``"; did you mean 'opus'?"``, or the valid names when none is near and they are few, or nothing.

    Examples
    --------
    >>> nearest("opsu", ["opus", "haiku"])
    "; did you mean 'opus'?"
    >>> nearest("x", ["opus", "haiku"])
    '; valid: haiku, opus'
    """
    names = sorted(valid)
    close = get_close_matches(name, names, n=1, cutoff=0.6)
    if close:
        return f"; did you mean {close[0]!r}?"
    return f"; valid: {', '.join(names)}" if 0 < len(names) <= 20 else ""


class SelectorError(Exception):
    """The root: catch this to catch all that `selector` raises on purpose."""

    def __reduce__(self) -> tuple[object, ...]:
        """Survive the way from another process with all attributes."""
        return _revive, (type(self), self.args, self.__dict__)


def _revive(kind: type[SelectorError], args: tuple[object, ...], attributes: dict[str, object]) -> SelectorError:
    error = kind.__new__(kind, *args)
    error.__dict__.update(attributes)
    return error


class ConfigError(SelectorError, ValueError):
    """The configuration is wrong.

    Parameters
    ----------
    message
        What is wrong and what would be right.
    file
        Where it was read from, if it was read.
    line
        The line in that file, from 1.
    key
        The dotted path of the key, such as ``models.opus.usd_per_mtok_in``.
    """

    def __init__(
        self, message: str, *, file: str | None = None, line: int | None = None, key: str | None = None
    ) -> None:
        self.file, self.line, self.key = file, line, key
        place = ":".join(str(part) for part in (file, line) if part is not None)
        super().__init__(": ".join(part for part in (place, key, message) if part))


class UnknownModelError(ConfigError):
    """A model name that the catalog does not have."""

    @classmethod
    def of(cls, name: str, valid: Iterable[str], *, key: str | None = None) -> UnknownModelError:
        """Build the error for a name among the valid ones."""
        return cls(f"unknown model {name!r}{nearest(name, valid)}", key=key)


class UnknownTaskTypeError(ConfigError):
    """A task type that is not configured, where only configured ones are allowed."""

    @classmethod
    def of(cls, name: str, valid: Iterable[str], *, key: str | None = None) -> UnknownTaskTypeError:
        """Build the error for a name among the valid ones."""
        return cls(f"unknown task type {name!r}{nearest(name, valid)}", key=key)


class DataError(SelectorError, ValueError):
    """A table of outcomes cannot be used as it is."""


class InvalidOutcomeError(SelectorError, ValueError):
    """A score, cost or count that cannot be: not a number, negative, or out of range."""


class UnknownDecisionError(SelectorError, KeyError):
    """An outcome for a decision that was never made here."""

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class NoEligibleModelError(SelectorError):
    """Every model was excluded.

    Parameters
    ----------
    message
        What was asked for.
    reasons
        Why each model was excluded, by its name.
    """

    def __init__(self, message: str, reasons: Mapping[str, str] | None = None) -> None:
        self.reasons = dict(reasons or {})
        super().__init__(message)


class BudgetExceededError(NoEligibleModelError):
    """No model fits what is left of a hard budget.

    Parameters
    ----------
    message
        What was asked for.
    budget
        The name of the tightest budget.
    resets_at
        When its window ends, or None for a total.
    reasons
        Why each model was excluded, by its name.
    """

    def __init__(
        self,
        message: str,
        *,
        budget: str,
        resets_at: datetime | None = None,
        reasons: Mapping[str, str] | None = None,
    ) -> None:
        self.budget, self.resets_at = budget, resets_at
        super().__init__(message, reasons)


class StateError(SelectorError):
    """The state folder cannot be read or written."""


class SchemaVersionError(StateError):
    """The state was written by another version of the library."""
