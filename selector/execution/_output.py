"""What a command printed: its answer and what it used, as text, as JSON or as JSON lines, by dotted paths."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol, TypeGuard

from selector.execution._pieces import amount, tokens
from selector.records import Usage

__all__ = ["Output", "Said", "number_at", "read", "values_at"]

_STEP = re.compile(r"((?:[^.\[]|\[(?![^\]]*=))*)(?:\[([^=\]]+)=([^\]]*)\])?(?:\.|\Z)")
_LINE = re.compile(r"^[ \t]*[\[{]", re.MULTILINE)
_TOKENS = ("input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "reasoning_tokens")


class Output(Protocol):
    """Where an answer is found: `selector.config.OutputConfig`."""

    @property
    def read_as(self) -> str:
        """The format: ``text``, ``json`` or ``jsonl``."""
        ...

    @property
    def text(self) -> str | None:
        """The path to the answer."""
        ...

    @property
    def error(self) -> str | None:
        """The path to what says that it failed."""
        ...

    @property
    def model(self) -> str | None:
        """The path to the model that answered."""
        ...


@dataclass(frozen=True, slots=True)
class Said:
    """What a command said."""

    text: str = field(default="", repr=False)
    """Its answer."""
    failed: bool = False
    """Whether it said itself that it failed."""
    error: str = field(default="", repr=False)
    """What it said of that."""
    model: str | None = None
    """Who answered."""
    usage: Usage = field(default_factory=Usage)
    """What it said that it used."""
    parsed: bool = True
    """Whether it could be read at all: text can, and JSON that is none cannot."""


def values_at(value: object, path: str) -> Iterator[object]:
    """Find what a path leads to in JSON.

    A path is keys with dots between them. A number counts in a list, from 0, or from -1 at its end; ``*`` is every
    member of a list or of an object; and ``[type=result]`` behind a key, or in its place, goes on only where the
    member ``type`` is ``result``.

    Parameters
    ----------
    value
        Parsed JSON.
    path
        The way to go.

    Yields
    ------
    object
        Whatever is there and is not null: nothing, one value, or several where the path has a ``*``.

    Examples
    --------
    >>> said = {"items": [{"type": "thought", "text": "hm"}, {"type": "answer", "text": "4"}]}
    >>> list(values_at(said, "items.1.text")), list(values_at(said, "items.*[type=answer].text"))
    (['4'], ['4'])
    """
    found = [value]
    for key, member, wanted in _steps(path):
        found = [each for one in found for each in _members(one, key)]
        if member:
            found = [each for each in found if isinstance(each, Mapping) and _word(each.get(member)) == wanted]
    yield from (each for each in found if each is not None)


def number_at(value: object, path: str) -> float | None:
    """Find a number, or the sum of several; ``--`` takes what the second path leads to from the first.

    The classes of tokens are disjoint. Where a command counts cached input as input too, it is taken out again by
    ``usage.input_tokens--usage.cached_input_tokens``.

    Parameters
    ----------
    value
        Parsed JSON.
    path
        The way to go.

    Returns
    -------
    float | None
        None where there is no number.

    Examples
    --------
    >>> number_at({"usage": {"input": 900, "cached": 200}}, "usage.input--usage.cached")
    700
    >>> number_at({"models": {"a": {"out": 5}, "b": {"out": 2}}}, "models.*.out")
    7
    """
    whole, *parts = ([each for each in values_at(value, part) if _is_number(each)] for part in path.split("--"))
    if not whole or not parts:
        return sum(whole) if whole else None
    return max(0, sum(whole) - sum(sum(part) for part in parts))


def _is_number(value: object) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def read(output: Output, printed: str) -> Said:
    r"""Read what a command printed, or wrote into its file.

    Of JSON lines the last that has a path counts, for each path apart; lines that are no JSON are passed over. Before
    JSON there may be other lines. White space at the end of an answer that is text is not part of it.

    Parameters
    ----------
    output
        Where the answer is found.
    printed
        What it printed.

    Returns
    -------
    Said
        As much of it as is there.

    Examples
    --------
    >>> from selector.config import OutputConfig
    >>> read(OutputConfig(), "Paris\n").text
    'Paris'
    >>> said = read(OutputConfig(text="result", output_tokens="usage.out"), '{"result": "Paris", "usage": {"out": 3}}')
    >>> said.text, said.usage.output_tokens
    ('Paris', 3)
    """
    if output.read_as == "text":
        return Said(printed.rstrip())
    documents = _lines(printed) if output.read_as == "jsonl" else _document(printed)
    if not documents:
        return Said(parsed=not printed.strip())
    errors = [each for each in _last(documents, output.error) if each]
    models = [each for each in _last(documents, output.model) if isinstance(each, str)]
    return Said(
        "".join(_spoken(each) for each in _last(documents, output.text)).rstrip(),
        failed=bool(errors),
        error="; ".join(filter(None, map(_words, errors))),
        model=models[-1] if models else None,
        usage=_usage(output, documents),
    )


def _steps(path: str) -> Iterator[tuple[str, str, str]]:
    place = 0
    while place < len(path) and (step := _STEP.match(path, place)) is not None and step.end() > place:
        yield step[1], step[2] or "", step[3] or ""
        place = step.end()


def _members(value: object, key: str) -> Iterator[object]:
    if not key:
        yield value
    elif isinstance(value, Mapping):
        if key == "*" and key not in value:
            yield from value.values()
        elif key in value:
            yield value[key]
    elif isinstance(value, list):
        if key == "*":
            yield from value
        elif re.fullmatch(r"-?\d{1,9}", key) and -len(value) <= int(key) < len(value):
            yield value[int(key)]


def _word(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _document(printed: str) -> list[object]:
    """Parse JSON that may have other lines before it."""
    starts = [0, *(found.start() for found in _LINE.finditer(printed, 0))]
    for start in starts[:20]:
        found = _parsed(printed[start:].strip("\ufeff \t\r\n"))
        if isinstance(found, (dict, list)):
            return [found]
    return []


def _lines(printed: str) -> list[object]:
    found = (_parsed(line.strip("\ufeff \t\r")) for line in printed.split("\n"))
    return [each for each in found if isinstance(each, dict)]


def _parsed(text: str) -> object:
    if not text.startswith(("{", "[")):
        return None
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _last(documents: Sequence[object], path: str | None) -> list[object]:
    """Find what a path leads to in the last document that has it."""
    if path is None:
        return []
    return next((found for each in reversed(documents) if (found := list(values_at(each, path)))), [])


def _usage(output: Output, documents: Sequence[object]) -> Usage:
    said: dict[str, float | None] = {}
    for name in (*_TOKENS, "cost_usd"):
        path = getattr(output, name)
        found = (number_at(each, path) for each in reversed(documents)) if path is not None else iter(())
        said[name] = next((each for each in found if each is not None), None)
    counts = {name: tokens(said[name]) for name in _TOKENS}
    return Usage(**counts, cost_usd=amount(said["cost_usd"]))


def _spoken(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _words(error: object) -> str:
    """Say what an error says: ``true`` says nothing."""
    if isinstance(error, Mapping):
        return _words(error["message"]) if error.get("message") else json.dumps(error, ensure_ascii=False)
    return error if isinstance(error, str) else "" if error is True else json.dumps(error, ensure_ascii=False)
