"""Which kind of published work is nearest to a task type: by its name, or as the configuration says."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from selector.catalog._figures import figures
from selector.config import settings_of
from selector.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from selector.config import Config

__all__ = ["NO_KIND", "configured_kinds", "kind_of"]

NO_KIND = "none"
"""What a configuration says of a task type that no published figure is to speak for."""

_SEPARATORS = re.compile(r"[\W_]+")


def configured_kinds(config: Config, task_types: Iterable[str]) -> dict[str, str]:
    """Collect the kinds of work that a configuration gives to task types.

    Parameters
    ----------
    config
        The whole configuration.
    task_types
        Which types, configured or not; a path such as ``coding/python`` has what ``coding`` says.

    Returns
    -------
    dict of str to str
        Only the types of which it says one.

    Raises
    ------
    ConfigError
        If there is no such kind; it names the nearest.

    Examples
    --------
    >>> from selector.config import Config
    >>> config = Config.load({"models": {"a": {}}, "task_types": {"review": {"kind": "coding"}, "email": {}}})
    >>> configured_kinds(config, ["review", "review/python", "email"])
    {'review': 'coding', 'review/python': 'coding'}
    """
    found = {name: settings_of(config, name).kind for name in task_types}
    return {name: _known(kind, f"task_types.{name}.kind") for name, kind in found.items() if kind is not None}


def kind_of(task_type: str, kinds: Mapping[str, str] | None = None) -> str | None:
    """Say which kind of work a task type is.

    The words of the type's path are looked up from the last to the first, in small letters and with any separator:
    ``coding/python`` is coding, ``bbh/navigate`` reasoning. A word stands for a kind or it does not; nothing is
    guessed from words that are only alike.

    Parameters
    ----------
    task_type
        The task type, a path.
    kinds
        What is said otherwise, by task type; ``none`` is no kind.

    Returns
    -------
    str or None
        The kind; None where no word of it is known. ``none`` where the configuration says so.

    Raises
    ------
    ConfigError
        If `kinds` names a kind that there is not.

    Examples
    --------
    >>> kind_of("coding/python"), kind_of("GSM8K"), kind_of("bbh_navigate"), kind_of("chat")
    ('coding', 'maths', 'reasoning', None)
    >>> kind_of("review", {"review": "coding"})
    'coding'
    """
    if kinds is not None and task_type in kinds:
        return _known(kinds[task_type], f"task_types.{task_type}.kind")
    by_word, by_beginning = _words()
    path = [_plain(part) for part in task_type.split("/")]
    if "/".join(path) in figures().kinds:
        return "/".join(path)
    for word in reversed(path):
        found = by_word.get(word) or by_beginning.get(word.partition("_")[0])
        if found is not None:
            return found
    return None


def _known(kind: str, key: str) -> str:
    if kind != NO_KIND and kind not in figures().kinds:
        raise ConfigError(
            f"no published kind of work {kind!r}{nearest(kind, [*figures().kinds, NO_KIND])}; there are"
            f" {', '.join(figures().kinds)}, and {NO_KIND}",
            key=key,
        )
    return kind


def _plain(word: str) -> str:
    return _SEPARATORS.sub("_", word.strip().casefold()).strip("_")


@cache
def _words() -> tuple[dict[str, str], dict[str, str]]:
    """Turn the table of words around: whole words, and those that others may follow."""
    whole: dict[str, str] = {kind: kind for kind in figures().kinds if "/" not in kind}
    beginnings: dict[str, str] = {}
    for kind, words in figures().kinds.items():
        for word in words:
            whole[word.removesuffix("*")] = kind
            if word.endswith("*"):
                beginnings[word.removesuffix("*")] = kind
    return whole, beginnings
