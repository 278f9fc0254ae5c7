"""The JSON Schema of a configuration, for editors: it accepts what the loader accepts, as far as one can say there."""

from __future__ import annotations

import ast
import inspect
from itertools import pairwise
from textwrap import dedent
from typing import TYPE_CHECKING, Any, get_args

from selector.config._checks import CheckConfig, CheckKind
from selector.config._fallback import FAILING, ChainsConfig
from selector.config._limits import BudgetConfig
from selector.config._models import ModelConfig
from selector.config._output import PATHS, OutputConfig
from selector.config._policy import OWNERS, ObjectiveConfig, PolicyConfig, PolicyName
from selector.config._providers import OF_COMMANDS, OF_HTTP, ProviderConfig
from selector.config._quotas import QuotaConfig
from selector.config._resets import RESETS
from selector.config._rules import ModeConfig, PurposeConfig, RuleConfig
from selector.config._schema import Config
from selector.config._scope import ScopeConfig, ScopeKind
from selector.config._section import WORD, Section
from selector.config._state import StateConfig
from selector.config._waiting import TimeoutConfig

if TYPE_CHECKING:
    from collections.abc import Iterator

Schema = dict[str, Any]

_NULL: Schema = {"type": "null"}
_SOMETHING: Schema = {"not": _NULL}


def json_schema() -> Schema:
    """Build the JSON Schema (draft 2020-12) of a configuration file.

    What it cannot say is left to the loader: whether what is named exists, whether a condition can be read, whether
    a whole number is written with a point.

    Returns
    -------
    dict
        With a description of every key.

    Examples
    --------
    >>> schema = json_schema()
    >>> schema["$schema"], schema["properties"]["rules_match"]["enum"]
    ('https://json-schema.org/draft/2020-12/schema', ['first', 'all'])
    """
    found: Schema = Config.model_json_schema(by_alias=True, mode="validation")
    defs = found.pop("$defs")
    sections = {section.__name__: section for section in _sections(Section)}
    for name, schema in defs.items():
        if name in sections:
            defs[name] = _complete(sections[name], schema)
    whole = _complete(Config, found)
    types = whole["properties"]["task_types"]
    types["anyOf"] = [
        {key: types.pop(key) for key in list(types) if key != "description"},
        {"type": "array", "items": WORD, "uniqueItems": True},
    ]
    tidied: Schema = _tidy({"$schema": "https://json-schema.org/draft/2020-12/schema", **whole, "$defs": defs})
    return tidied


def _sections(of: type[Section]) -> Iterator[type[Section]]:
    for section in of.__subclasses__():
        yield section
        yield from _sections(section)


def _complete(section: type[Section], schema: Schema) -> Schema:
    """Add what pydantic does not know of a section: descriptions, rules between keys, and short forms."""
    words = {key: text for each in reversed(section.__mro__) if issubclass(each, Section) for key, text in _said(each)}
    for key in [key for key in section.later if key in schema["properties"]]:
        del schema["properties"][key]
    for key, field in section.model_fields.items():
        if key in section.later:
            continue
        schema["properties"][field.alias or key]["description"] = words[key]
    schema["description"] = _first(section.__doc__ or "")
    schema.pop("title", None)
    schema |= _BETWEEN.get(section, {})
    shorts = [*_SHORTS.get(section, ()), *([] if schema.get("required") or section in _NEVER_EMPTY else [_NULL])]
    return {"anyOf": [schema, *shorts]} if shorts and section is not Config else schema


def _said(section: type[Section]) -> Iterator[tuple[str, str]]:
    """Read the texts below the keys of a section from its source."""
    lines = [line for node in ast.parse(dedent(inspect.getsource(section))).body for line in getattr(node, "body", ())]
    for line, after in pairwise(lines):
        if (
            isinstance(line, ast.AnnAssign)
            and isinstance(line.target, ast.Name)
            and isinstance(after, ast.Expr)
            and isinstance(after.value, ast.Constant)
            and isinstance(after.value.value, str)
        ):
            yield line.target.id, _first(after.value.value)


def _first(text: str) -> str:
    return " ".join(text.split("\n\n", maxsplit=1)[0].replace("``", "`").split())


def _tidy(value: Any) -> Any:  # noqa: ANN401  # any JSON
    """Take out pydantic's titles and defaults, and let patterns of keys refuse what does not match."""
    if isinstance(value, list):
        return [_tidy(each) for each in value]
    if not isinstance(value, dict):
        return value
    kept = {
        key: {name: _tidy(each) for name, each in inner.items()} if key in {"properties", "$defs"} else _tidy(inner)
        for key, inner in value.items()
        if key != "title" and (key != "default" or isinstance(inner, (str, int, float)))
    }
    if "patternProperties" in kept:
        ((pattern, members),) = kept.pop("patternProperties").items()
        kept["additionalProperties"] = members
        kept["propertyNames"] = {**kept.get("propertyNames", {}), "pattern": pattern}
    return kept


def _absent(*keys: str) -> Schema:
    return dict.fromkeys(keys, _NULL)


def _only_under(key: str, names: tuple[str, ...], default: str) -> Schema:
    """Say that a key belongs to some names, one of which may be what an absent name means."""
    needed = [] if default in names else ["name"]
    return {
        "if": {"required": [key], "properties": {key: _SOMETHING}},
        "then": {"properties": {"name": {"enum": list(names)}}, "required": needed},
    }


_OBJECTIVES: list[Schema] = [
    {
        "properties": {
            "name": {"const": "most_success"},
            "confidence": False,
            **_absent("min_success", "no_worse_than", "default_worth_usd"),
        },
    },
    {
        "anyOf": [{"required": ["name"]}, {"required": ["default_worth_usd"]}],
        "properties": {
            "name": {"const": "worth_usd"},
            "confidence": False,
            **_absent("min_success", "no_worse_than"),
        },
    },
    *(
        {
            "required": [bar],
            "properties": {"name": {"const": bar}, bar: _SOMETHING, **_absent(other, "default_worth_usd")},
        }
        for bar, other in (("min_success", "no_worse_than"), ("no_worse_than", "min_success"))
    ),
]


def _one_check(kind: str) -> Schema:
    """Say that an answer is checked in one way and no other."""
    flags = {"json": {"const": False}, "not_empty": {"const": False}}
    others = {**_absent("json_schema", "regex", "command", "judge"), **flags}
    own = {"const": True} if kind in flags else _SOMETHING
    beside = {**({} if kind == "judge" else _absent("rubric")), **({} if kind == "command" else {"timeout_s": False})}
    return {"required": [kind], "properties": {**others, **beside, kind: own}}


_RESOURCES = ("usd", "tokens", "requests", "usd_per_request")
_COUNTED = ("requests", "tokens", "usd")


def _without(key: str, keys: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(each for each in keys if each != key)


def _one_limit(resource: str) -> Schema:
    """Say that a budget limits one thing, and what may stand beside it."""
    average = resource == "usd_per_request"
    beside = {**_absent("per", "scope", "each"), "hard": {"enum": [False, None]}} if average else {"per": _SOMETHING}
    others = _absent(*_without(resource, _RESOURCES), *([] if resource == "tokens" else ["token_class"]))
    required = [resource, *([] if average else ["per"])]
    return {"required": required, "properties": {**others, **beside, resource: _SOMETHING}}


_ONE_RUN: Schema = {
    "if": {"required": ["per"], "properties": {"per": {"const": "request"}}},
    "then": {"properties": {**_absent("requests", "each"), "hard": {"enum": [True, None]}, "warn_at": {"maxItems": 0}}},
}
_UNTIL_THEN: Schema = {
    "if": {"required": ["until"], "properties": {"until": _SOMETHING}},
    "then": {"properties": {"per": {"const": "total"}}},
}

_BETWEEN: dict[type[Section], Schema] = {
    PolicyConfig: {
        "allOf": [
            *(_only_under(key, names, "thompson") for key, names in OWNERS.items()),
            {
                "if": {"required": ["name"], "properties": {"name": {"const": "fixed"}}},
                "then": {"required": ["model"], "properties": {"model": _SOMETHING}},
            },
        ]
    },
    ObjectiveConfig: {"anyOf": _OBJECTIVES},
    ModelConfig: {
        "not": {"required": ["provider", "routes"], "properties": {"provider": _SOMETHING, "routes": _SOMETHING}},
        "allOf": [{"properties": {"routes": {"anyOf": [_NULL, {"minProperties": 1}]}}}],
    },
    Config: {"allOf": [{"properties": {"models": {"minProperties": 1}}}]},
    ProviderConfig: {
        "if": {"properties": {"kind": {"const": "command"}}},
        "then": {
            "properties": {**dict.fromkeys(OF_HTTP, False), "timeout_s": {"properties": {"connect": _NULL}}},
            "anyOf": [{"required": [key], "properties": {key: _SOMETHING}} for key in ("argv", "preset")],
        },
        "else": {"properties": dict.fromkeys(OF_COMMANDS, False)},
    },
    OutputConfig: {
        "if": {"required": ["format"], "properties": {"format": {"const": "text"}}},
        "then": {"properties": _absent(*PATHS)},
    },
    ChainsConfig: {"allOf": [{"properties": {"by_reason": {"propertyNames": FAILING}}}]},
    CheckConfig: {"anyOf": [_one_check(kind) for kind in get_args(CheckKind)]},
    BudgetConfig: {"anyOf": [_one_limit(resource) for resource in _RESOURCES], "allOf": [_ONE_RUN, _UNTIL_THEN]},
    ScopeConfig: {
        "anyOf": [
            {"required": [kind], "properties": {**_absent(*_without(kind, get_args(ScopeKind))), kind: _SOMETHING}}
            for kind in get_args(ScopeKind)
        ]
    },
    QuotaConfig: {
        "anyOf": [
            *(
                {
                    "required": [each],
                    "properties": {**_absent(*_without(each, _COUNTED)), each: _SOMETHING, "share": {"const": False}},
                }
                for each in _COUNTED
            ),
            {"required": ["share"], "properties": {**_absent(*_COUNTED), "share": {"const": True}}},
        ],
        "allOf": [
            *(
                {
                    "if": {"properties": {"per": {"const": per}}},
                    "then": {"properties": {"resets": {"anyOf": [_NULL, form]}}},
                }
                for per, form in RESETS.items()
            ),
            {"if": {"properties": {"per": {"enum": list(RESETS)}}}, "else": {"properties": {"resets": _NULL}}},
            {
                "if": {"properties": {"per": {"const": "total"}}},
                "then": {"properties": {"use_or_lose": {"const": False}}},
            },
        ],
    },
    RuleConfig: {
        "anyOf": [
            {
                "required": ["model"],
                "properties": {
                    "model": _SOMETHING,
                    **_absent("only", "forbid", "prefer", "purpose", "explore", "min_success"),
                },
            },
            {
                "properties": _absent("model", "share"),
                "anyOf": [
                    {"required": [key], "properties": {key: _SOMETHING}}
                    for key in ("only", "forbid", "prefer", "purpose", "explore", "min_success")
                ],
            },
        ]
    },
    ModeConfig: {
        "anyOf": [
            {"required": ["share"], "properties": {"name": {"const": "share"}, "share": _SOMETHING}},
            {
                "anyOf": [{"required": ["name"]}, {"not": {"required": ["share"]}}],
                "properties": {"name": {"enum": ["off", "shadow", "on"]}, "share": _NULL},
            },
        ]
    },
}
"""What must hold between the keys of one section."""

_SHORTS: dict[type[Section], list[Schema]] = {
    PolicyConfig: [{"enum": [name for name in get_args(PolicyName) if name != "fixed"]}],
    ObjectiveConfig: [{"enum": ["most_success", "worth_usd"]}],
    StateConfig: [{"type": "string", "minLength": 1, "maxLength": 200}],
    ModeConfig: [{"enum": ["off", "shadow", "on"]}],
    TimeoutConfig: [{"type": "number", "exclusiveMinimum": 0, "maximum": 1e9}],
    CheckConfig: [{"enum": ["json", "not_empty"]}],
    PurposeConfig: [{"type": "array", "items": WORD, "minItems": 1, "uniqueItems": True}],
}
"""Other forms than a mapping with keys."""

_NEVER_EMPTY = {
    BudgetConfig,
    ObjectiveConfig,
    ModeConfig,
    RuleConfig,
    PurposeConfig,
    ProviderConfig,
    CheckConfig,
    ScopeConfig,
    QuotaConfig,
}
