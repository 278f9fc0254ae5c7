"""What a model is called: spellings that mean the same model have the same key."""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["NameKey", "key_of"]

_SELLERS = (
    "ai21|amazon|anthropic|cohere|deepseek|google|meta|minimax|mistral|moonshot|moonshotai|nvidia|openai|qwen|zai"
)
_SELLER = re.compile(rf"^(?:(?:us|us-gov|eu|apac|au|ca|jp|global)\.)?(?:{_SELLERS})\.(?=[a-z]{{2}})")
_TERMS = re.compile(r":(?:beta|exacto|extended|fast|floor|free|nitro|online)$")
_REVISION = re.compile(r"-v\d+:\d+$")
_DATE = re.compile(r"(?<!\d)(20\d\d)(?:(0[1-9]|1[0-2])([0-3]\d)|-(0[1-9]|1[0-2])-([0-3]\d))(?!\d)")
_RUNS = re.compile(r"[^\W\d_]+|\d+")


class NameKey(NamedTuple):
    """What is left of a spelling: its words and numbers, and the day of its version."""

    words: tuple[str, ...]
    """Runs of letters and runs of digits, in their order and in small letters."""
    day: str = ""
    """The version's date as 20251101; empty: the spelling names none."""


def key_of(spelling: str, *, whole: bool = False) -> NameKey:
    """Read a spelling of a model's name.

    Case, separators (``4.5`` and ``4-5``), a vendor's prefix, a seller's terms such as ``:free`` and the word
    ``latest`` at the end make no difference. Every other word and number does, so that ``gpt-5`` is neither
    ``gpt-5-mini`` nor ``gpt-5.1``, and nothing is guessed.

    Parameters
    ----------
    spelling
        As a configuration, a provider or a table of results writes it.
    whole
        Keep what stands before a slash: ``Qwen3-Coder 480B/A35B`` names no vendor.

    Returns
    -------
    NameKey
        Equal for spellings that mean the same.

    Examples
    --------
    >>> key_of("anthropic/claude-sonnet-4.5") == key_of("Claude_Sonnet 4-5")
    True
    >>> key_of("us.anthropic.claude-opus-4-5-20251101-v1:0")
    NameKey(words=('claude', 'opus', '4', '5'), day='20251101')
    >>> key_of("gpt-5.1-codex") == key_of("gpt-5.1")
    False
    """
    text = spelling.strip().casefold()
    if not whole:
        text = text.rpartition("/")[2]
        text = _SELLER.sub("", _REVISION.sub("", _TERMS.sub("", text)))
    day = ""
    found = _DATE.search(text)
    if found is not None:
        day = "".join(part for part in found.groups() if part)
        text = f"{text[: found.start()]} {text[found.end() :]}"
    words = tuple(_RUNS.findall(text))
    return NameKey(words[:-1] if len(words) > 1 and words[-1] == "latest" else words, day)
