"""When a provider's quota is renewed: a time of day, with a day of the week or of the month."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final, Literal

from selector.config._section import END, expected

_DAYS: Final = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LONG: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_WEEKDAY: Final = "|".join(f"[{each[0]}{each[0].lower()}]{each[1:]}" for each in (*_LONG, *_DAYS))
_CLOCK: Final = r"([01]?[0-9]|2[0-3]):([0-5][0-9])"
_FORMS: Final = {
    "day": rf"^{_CLOCK}{END}",
    "week": rf"^({_WEEKDAY}) {_CLOCK}{END}",
    "month": rf"^(3[01]|[12][0-9]|0?[1-9]) {_CLOCK}{END}",
}
_EXAMPLES: Final = {"day": "'09:00'", "week": "'Mon 09:00'", "month": "'1 00:00'"}

RESETS: Final = {each: {"type": "string", "pattern": form} for each, form in _FORMS.items()}
"""What may stand under `resets` by window, as editors know it."""


@dataclass(frozen=True, slots=True)
class Reset:
    """A moment that comes back every day, week or month, on the clock of the configured time zone.

    Examples
    --------
    >>> Reset.of("Mon 09:00")
    Reset(per='week', day=1, hour=9, minute=0)
    >>> print(Reset.of("9:30"), Reset.of("31 00:00"), sep=", ")
    09:30, 31 00:00
    """

    per: Literal["day", "week", "month"]
    """How often it comes back."""
    day: int | None
    """Of a week 1 (Monday) to 7, of a month 1 to 31 (a month that is shorter: its last day); None: every day."""
    hour: int
    minute: int

    @classmethod
    def of(cls, text: object) -> Reset:
        """Read ``"09:00"``, ``"Mon 09:00"`` or ``"1 00:00"``.

        Examples
        --------
        >>> Reset.of("1 00:00").day
        1
        """
        word = text if isinstance(text, str) else ""
        if match := re.match(_FORMS["day"], word):
            return cls("day", None, int(match[1]), int(match[2]))
        if match := re.match(_FORMS["week"], word):
            return cls("week", _DAYS.index(match[1][:3].capitalize()) + 1, int(match[2]), int(match[3]))
        if match := re.match(_FORMS["month"], word):
            return cls("month", int(match[1]), int(match[2]), int(match[3]))
        raise expected(
            f"must be a time, alone or behind a weekday or a day of the month, such as {', '.join(_EXAMPLES.values())}"
        )

    @staticmethod
    def example(per: str) -> str:
        """Show how the reset of a window is written.

        Examples
        --------
        >>> Reset.example("week")
        "'Mon 09:00'"
        """
        return _EXAMPLES[per]

    def __str__(self) -> str:
        clock = f"{self.hour:02}:{self.minute:02}"
        if self.day is None:
            return clock
        return f"{_DAYS[self.day - 1] if self.per == 'week' else self.day} {clock}"
