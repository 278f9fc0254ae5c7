"""The sections on what a command says: where its answer is found, and which words mean a failure."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, WithJsonSchema, model_validator

from selector.config._patterns import pattern_of
from selector.config._reasons import Reason
from selector.config._section import END, Section, expected, fault
from selector.errors import nearest

PATHS = (
    "text",
    "error",
    "model",
    "input_tokens",
    "cache_read_tokens",
    "cache_write_tokens",
    "output_tokens",
    "reasoning_tokens",
    "cost_usd",
)
"""The keys of an output that are dotted paths."""
_GROUPS = ("resets_at", "resets_at_s", "retry_after_s")
_PATH = re.compile(rf"^[^\s.]+(\.[^\s.]+)*{END}")
_LONGEST = 1_000


def _a_path(value: str) -> str:
    if len(value) > 200 or not _PATH.match(value):
        raise expected("must be a path of keys such as usage.output_tokens")
    return value


def _a_pattern(value: str) -> str:
    problem = ""
    if not value or len(value) > _LONGEST:
        raise expected(f"must be a pattern of 1 to {_LONGEST:,} characters")
    try:
        pattern_of(value)
    except ValueError as error:
        problem = str(error)
    if problem:
        raise fault(f"is no regular expression of RE2: {problem}")
    return value


Path = Annotated[
    str, AfterValidator(_a_path), WithJsonSchema({"type": "string", "maxLength": 200, "pattern": _PATH.pattern})
]
"""The way to a value in JSON, such as ``usage.output_tokens``."""
RegularExpression = Annotated[
    str, AfterValidator(_a_pattern), WithJsonSchema({"type": "string", "minLength": 1, "maxLength": _LONGEST})
]
"""A pattern in the syntax of RE2."""


class OutputConfig(Section):
    """Where the answer of a command is found, and what it says of what was used.

    Examples
    --------
    >>> found = OutputConfig.model_validate({"from": "file", "text": "result.text", "cost_usd": "total_cost_usd"})
    >>> found.source, found.read_as
    ('file', 'json')
    """

    source: Literal["stdout", "file"] = Field(default="stdout", alias="from")
    """Where: what it prints, or the file that ``{output_file}`` names in its arguments."""
    format: Literal["text", "json", "jsonl"] | None = None
    """How it is written; when not given, ``json`` where a path is given, else ``text``."""
    text: Path | None = None
    """The path to the answer."""
    error: Path | None = None
    """The path to what says that it failed."""
    model: Path | None = None
    """The path to the model that answered."""
    input_tokens: Path | None = None
    """The path to the tokens of uncached input."""
    cache_read_tokens: Path | None = None
    """The path to the tokens read from a prompt cache."""
    cache_write_tokens: Path | None = None
    """The path to the tokens written to a prompt cache."""
    output_tokens: Path | None = None
    """The path to the tokens of the answer."""
    reasoning_tokens: Path | None = None
    """The path to the tokens of reasoning."""
    cost_usd: Path | None = None
    """The path to what it cost in dollars."""

    @property
    def read_as(self) -> Literal["text", "json", "jsonl"]:
        """How it is read.

        Examples
        --------
        >>> OutputConfig().read_as
        'text'
        """
        if self.format is not None:
            return self.format
        return "json" if any(getattr(self, key) is not None for key in PATHS) else "text"

    @model_validator(mode="after")
    def _paths_lead_through_json(self) -> Self:
        given = [key for key in PATHS if getattr(self, key) is not None]
        if self.format == "text" and given:
            raise fault("is a path, and leads nowhere in text; write format: json or jsonl", (given[0],))
        return self


class FailurePatternConfig(Section):
    """Words of a command that mean a failure, and what they say of when it is over.

    Examples
    --------
    >>> limit = FailurePatternConfig(match="try again at (?P<resets_at>.+)", reason="quota_exhausted")
    >>> limit.reason.value
    'quota_exhausted'
    """

    match: RegularExpression
    """A regular expression, found in what a run prints that looks failed or is short; its groups ``resets_at`` (a time
    in words), ``resets_at_s`` (seconds since 1970) and ``retry_after_s`` say when it is over."""
    reason: Reason
    """Which failure they mean."""

    @model_validator(mode="after")
    def _known_groups(self) -> Self:
        for name in pattern_of(self.match).groupindex:
            if name not in _GROUPS:
                raise fault(f"has the unknown group {name!r}{nearest(name, _GROUPS)}", ("match",))
        return self
