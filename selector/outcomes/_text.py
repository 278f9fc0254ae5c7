"""Checks that need the answer's text alone: JSON, a JSON schema, a regular expression, not empty."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, ClassVar, cast

from selector.config import pattern_of
from selector.errors import ConfigError
from selector.execution import Answer
from selector.outcomes._verdict import Needs, Verdict, graded

__all__ = ["TextCheck", "json_check", "not_empty_check", "regex_check", "schema_check"]

_SHOWN = 80


@dataclass(frozen=True, slots=True)
class TextCheck:
    """A check of the answer's text.

    Examples
    --------
    >>> from selector.records import Message
    >>> json_check().verdict(Answer(message=Message.of({"role": "assistant", "content": "Sure!"})))
    Verdict(score=0.0, passed=False, source='check', detail='not JSON: Expecting value at line 1, column 1')
    """

    wrong_with: Callable[[str], str]
    """Says what is wrong with a text, without repeating it; empty: nothing."""
    needs: ClassVar[Needs] = "nothing"

    def verdict(self, answer: Answer) -> Verdict:
        """Judge an answer."""
        problem = self.wrong_with(answer.text)
        return graded(0.0 if problem else 1.0, "check", problem)

    async def averdict(self, answer: Answer) -> Verdict:
        """Judge an answer."""
        return self.verdict(answer)


class _NotJsonError(ValueError):
    """A text that is no JSON, and why."""


def json_check() -> TextCheck:
    r"""Check that the whole text is JSON: no fence around it, no word beside it, no NaN.

    Examples
    --------
    >>> json_check().wrong_with('{"a": 1}')
    ''
    >>> json_check().wrong_with('```json\n{}\n```')
    'not JSON: it stands in a fence of backticks; ask for JSON alone'
    """

    def wrong_with(text: str) -> str:
        try:
            _parsed(text)
        except _NotJsonError as error:
            return str(error)
        return ""

    return TextCheck(wrong_with)


def schema_check(schema: Mapping[str, object]) -> TextCheck:
    """Check that the text is JSON that fits a schema; Draft 2020-12 where it names no other.

    Nothing is ever fetched for it. The same schema is compiled once.

    Raises
    ------
    ConfigError
        If it is no JSON schema.

    Examples
    --------
    >>> check = schema_check({"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]})
    >>> check.wrong_with('{"n": 3}'), check.wrong_with('{"n": "three"}')
    ('', "does not fit the schema at $.n: type 'integer'")
    >>> schema_check({"type": "text"})
    Traceback (most recent call last):
    selector.errors.ConfigError: no JSON schema: 'text' is not valid under any of the given schemas
    """
    try:
        misfit = _compiled(json.dumps(schema, allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"no JSON schema: {error}") from None

    def wrong_with(text: str) -> str:
        try:
            return misfit(_parsed(text))
        except _NotJsonError as error:
            return str(error)

    return TextCheck(wrong_with)


def regex_check(pattern: str) -> TextCheck:
    r"""Check that a pattern is found somewhere in the text, in a time linear in its length (RE2).

    Examples
    --------
    >>> check = regex_check(r"\b\d{4}-\d{2}-\d{2}\b")
    >>> check.wrong_with("on 2026-07-30, or so"), check.wrong_with("soon")
    ('', "nothing matches '\\\\b\\\\d{4}-\\\\d{2}-\\\\d{2}\\\\b'")
    """
    compiled = pattern_of(pattern)

    def wrong_with(text: str) -> str:
        # Half of a character, which JSON can smuggle in, is none to RE2.
        whole = text if text.isascii() else text.encode("utf-8", "replace").decode()
        return "" if compiled.search(whole) is not None else f"nothing matches {_short(pattern)}"

    return TextCheck(wrong_with)


def not_empty_check() -> TextCheck:
    r"""Check that the text holds more than spaces.

    Examples
    --------
    >>> not_empty_check().wrong_with(" \n")
    'empty'
    """
    return TextCheck(lambda text: "" if text.strip() else "empty")


def _parsed(text: str) -> object:
    if text.lstrip().startswith("```"):
        raise _NotJsonError("not JSON: it stands in a fence of backticks; ask for JSON alone")
    try:
        return json.loads(text, parse_constant=_refuse)
    except json.JSONDecodeError as error:
        raise _NotJsonError(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from None
    except RecursionError:
        raise _NotJsonError("not JSON: nested too deeply") from None
    except _NotJsonError:
        raise
    except ValueError:
        raise _NotJsonError("not JSON: a number of too many digits") from None


def _refuse(constant: str) -> object:
    raise _NotJsonError(f"not JSON: {constant} is no number of JSON")


@lru_cache(256)
def _compiled(schema_text: str) -> Callable[[Any], str]:
    """Compile a schema into a function that says where a value does not fit."""
    from jsonschema.exceptions import SchemaError, ValidationError, best_match
    from jsonschema.validators import Draft202012Validator, validator_for
    from referencing.exceptions import Unresolvable  # noqa: PLC0415 - it comes with jsonschema
    from referencing.jsonschema import EMPTY_REGISTRY  # noqa: PLC0415 - likewise

    schema = json.loads(schema_text)
    if isinstance(schema, dict) and not isinstance(schema.get("$schema", ""), str):
        raise ConfigError(f"no JSON schema: $schema must be a word, not {schema['$schema']!r:.80}")
    kind = validator_for(schema, Draft202012Validator)
    try:
        kind.check_schema(schema)
    except SchemaError as error:
        raise ConfigError(f"no JSON schema: {error.message[:200]}") from None
    validator = kind(schema, registry=EMPTY_REGISTRY)

    def misfit(found: Any) -> str:  # noqa: ANN401 - any JSON
        try:
            worst = cast("ValidationError | None", best_match(validator.iter_errors(found)))
        except RecursionError:
            return "does not fit the schema: nested too deeply"
        except Unresolvable as error:
            raise ConfigError(f"the JSON schema refers to {error.ref!r}, which is not in it; write it there") from None
        if worst is None:
            return ""
        where = worst.json_path if len(worst.json_path) <= _SHOWN else f"{worst.json_path[:_SHOWN]}..."
        return f"does not fit the schema at {where}: {worst.validator} {_short(worst.validator_value)}"

    return misfit


def _short(value: object) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}..."
