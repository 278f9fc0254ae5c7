"""The section on how an answer is checked."""

import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, Self
from urllib.parse import unquote

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, model_validator

from selector.config._models import plain_json
from selector.config._output import RegularExpression
from selector.config._providers import Argv
from selector.config._section import Section, Word, expected, fault
from selector.config._waiting import Seconds
from selector.errors import nearest

CheckKind = Literal["json", "json_schema", "regex", "not_empty", "command", "judge"]
"""How an answer is checked."""
_KINDS: Final[tuple[CheckKind, ...]] = ("json", "json_schema", "regex", "not_empty", "command", "judge")
_SHORT: Final = ("json", "not_empty")
_DEEPEST: Final = 64
_DRAFTS: Final = frozenset(
    {
        *(f"http://json-schema.org/draft-0{number}/schema" for number in (3, 4, 6, 7)),
        *(f"https://json-schema.org/draft/{date}/schema" for date in ("2019-09", "2020-12")),
    }
)
_DATA: Final = frozenset({"const", "enum", "default", "examples"})


def _a_schema(value: object) -> object:
    if not isinstance(value, Mapping):
        raise expected("must be a JSON schema, a mapping with keys")
    found = plain_json(dict(value), deepest=_DEEPEST)
    problem = ""
    try:
        json.dumps(found, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        problem = f"holds what JSON cannot: {error}"
    problem = problem or _wrong_with(found) or next(_loose_ends(found, found), "")
    if problem:
        raise fault(problem)
    return found


def _wrong_with(schema: Any) -> str:  # noqa: ANN401  # any JSON
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import Draft202012Validator, validator_for

    named = schema.get("$schema")
    if named is not None and (not isinstance(named, str) or named.removesuffix("#") not in _DRAFTS):
        return "names a $schema that is not known; write https://json-schema.org/draft/2020-12/schema"
    try:
        validator_for(schema, Draft202012Validator).check_schema(schema)
    except SchemaError as error:
        where = "".join(f".{part}" for part in error.absolute_path)
        return f"is no JSON schema: {where.removeprefix('.') or 'the whole'}: {error.message[:200]}"
    return ""


def _loose_ends(value: object, whole: object) -> Iterator[str]:
    """Say which references lead out of a schema, or nowhere: nothing is ever fetched."""
    if isinstance(value, list):
        for each in value:
            yield from _loose_ends(each, whole)
    elif isinstance(value, dict):
        target = value.get("$ref")
        if isinstance(target, str):
            if not target.startswith("#"):
                yield f"refers to {target[:60]!r} outside of itself, and nothing is fetched; write it under $defs"
            elif (target == "#" or target.startswith("#/")) and not _leads(unquote(target[2:]), whole):
                yield f"refers to {target[:60]!r}, which is not there"
        for key, each in value.items():
            if key not in _DATA:
                yield from _loose_ends(each, whole)


def _leads(pointer: str, whole: object) -> bool:
    for part in pointer.split("/") if pointer else ():
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(whole, dict) and name in whole:
            whole = whole[name]
        elif isinstance(whole, list) and name.isdigit() and int(name) < len(whole):
            whole = whole[int(name)]
        else:
            return False
    return True


def _a_rubric(text: str) -> str:
    if not text.strip() or len(text) > 20_000:
        raise fault("must be a text of 1 to 20,000 characters")
    return text


class CheckConfig(Section):
    """How an answer is checked: exactly one way. Short form: the words ``json`` and ``not_empty``.

    Examples
    --------
    >>> CheckConfig.model_validate("json").kind
    'json'
    >>> CheckConfig(command=["pytest", "-q"]).timeout_s
    60.0
    """

    is_json: bool = Field(default=False, alias="json")
    """Whether it must be JSON."""
    json_schema: Annotated[dict[str, Any], BeforeValidator(_a_schema), WithJsonSchema({"type": "object"})] | None = None
    """The JSON schema that it must fit."""
    regex: RegularExpression | None = None
    """A regular expression that is found somewhere in it."""
    not_empty: bool = False
    """Whether it must hold more than spaces."""
    command: Argv | None = None
    """A program that gets it on its standard input, and whose exit code is the verdict."""
    judge: Word | None = None
    """A model that judges it; it never judges its own."""
    rubric: Annotated[str, AfterValidator(_a_rubric)] | None = None
    """What the judge looks at."""
    timeout_s: Seconds = 60.0
    """How long the command may take."""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        if value not in _SHORT:
            raise expected("must be json, not_empty or a mapping with keys", nearest(value, _SHORT))
        return {value: True}

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        given = [kind for kind in _KINDS if self._has(kind)]
        if len(given) != 1:
            said = "none is given" if not given else f"{' and '.join(given)} are given"
            raise fault(f"must be exactly one of {', '.join(_KINDS)}; {said}", tuple(given[1:2]))
        for key, kind in (("rubric", "judge"), ("timeout_s", "command")):
            if key in self.model_fields_set and getattr(self, key) is not None and given[0] != kind:
                raise fault(f"belongs to {kind}, not to {given[0]}", (key,))
        return self

    def _has(self, kind: CheckKind) -> bool:
        value = self.is_json if kind == "json" else getattr(self, kind)
        return value is not None and value is not False

    @property
    def kind(self) -> CheckKind:
        """How it is checked.

        Examples
        --------
        >>> CheckConfig(not_empty=True).kind
        'not_empty'
        """
        return next(kind for kind in _KINDS if self._has(kind))

    @property
    def json(self) -> bool:  # type: ignore[override]  # in place of a method that pydantic gave up
        """Whether it must be JSON.

        Examples
        --------
        >>> CheckConfig.model_validate("json").json
        True
        """
        return self.is_json
