"""Patterns for `matches`: compiled when a condition is read, searched in a time linear in the text."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

__all__ = ["MOST_PROGRAM", "MOST_SEARCHED", "search_of"]

MOST_PROGRAM = 2_000
"""The largest pattern, in instructions of its compiled form: one for each letter, hundreds for a class such as
``\\pL``, times what ``{n}`` repeats."""
MOST_SEARCHED = 1_000
"""How many characters of a text `matches` looks at, from its beginning."""

_MEMORY = 1 << 20


@lru_cache(256)
def search_of(pattern: str) -> Callable[[str], bool]:
    r"""Compile a pattern into a function that searches for it anywhere in a text.

    Parameters
    ----------
    pattern
        The pattern, in the syntax of RE2.

    Returns
    -------
    Callable[[str], bool]
        Whether a text has it within its first `MOST_SEARCHED` characters.

    Raises
    ------
    ValueError
        If the pattern is none, or too large; it says why.

    Examples
    --------
    >>> search_of(r"^task-\d+$")("task-17")
    True
    >>> search_of("(")
    Traceback (most recent call last):
    ValueError: missing ): (
    """
    import re2

    options = re2.Options()
    options.log_errors, options.never_capture, options.max_mem = False, True, _MEMORY
    try:
        compiled = re2.compile(pattern, options)
    except re2.error as error:
        said = error.args[0]
        raise ValueError(said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)) from None
    if compiled.programsize > MOST_PROGRAM:
        raise ValueError(f"it compiles to {compiled.programsize:,} instructions of at most {MOST_PROGRAM:,}")
    search = compiled.search

    def found(text: str) -> bool:
        return search(text[:MOST_SEARCHED].encode("utf-8", "replace")) is not None

    return found
