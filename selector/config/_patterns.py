"""Regular expressions of a configuration: RE2's, which are searched in a time linear in the text."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Protocol, cast


class Found(Protocol):
    """Where a pattern was found."""

    def group(self, name: int | str = 0, /) -> str | None:
        """Give what a group holds; None: it took no part."""
        ...

    def groupdict(self) -> dict[str, str | None]:
        """Give what each named group holds."""
        ...


class Pattern(Protocol):
    """A compiled pattern, with the methods of `re.Pattern` that matter here."""

    @property
    def groupindex(self) -> Mapping[str, int]:
        """The numbers of the named groups."""
        ...

    def search(self, text: str, /) -> Found | None:
        """Find it anywhere in a text."""
        ...


@lru_cache(256)
def pattern_of(text: str) -> Pattern:
    r"""Compile a pattern in the syntax of RE2.

    Parameters
    ----------
    text
        The pattern; ``(?i)`` before it overlooks upper and lower case.

    Returns
    -------
    Pattern
        To be searched for in texts.

    Raises
    ------
    ValueError
        If it is none, or too large; it says why.

    Examples
    --------
    >>> pattern_of(r"try again at (?P<resets_at>.+)").search("limit; try again at 5pm").group("resets_at")
    '5pm'
    >>> pattern_of("(")
    Traceback (most recent call last):
    ValueError: missing ): (
    """
    import re2

    options = re2.Options()
    options.log_errors = False
    try:
        return cast("Pattern", re2.compile(text, options))
    except re2.error as error:
        said = error.args[0]
        raise ValueError(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)) from None
