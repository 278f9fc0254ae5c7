"""What every section of a configuration shares: frozen, strict, and no key is ever ignored."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    WithJsonSchema,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from selector.config._explain import explained
from selector.config._places import KeyPath, Places
from selector.errors import nearest


def fault(problem: str, path: KeyPath = (), *, kind: str = "") -> PydanticCustomError:
    """Build the error of a check that names its own value.

    Parameters
    ----------
    problem
        The whole sentence after the key.
    path
        From the section that checks to the key at fault.
    kind
        ``model`` where a model's name is unknown.

    Returns
    -------
    PydanticCustomError
        To be raised within a validator.

    Examples
    --------
    >>> str(fault("names nobody"))
    'names nobody'
    """
    return PydanticCustomError("fault", "{problem}", {"problem": problem, "path": path, "kind": kind})


def expected(what: str, remedy: str = "") -> PydanticCustomError:
    """Build the error of a check, between whose two parts the value at fault is shown where that is safe.

    Parameters
    ----------
    what
        What must be.
    remedy
        What to write, or the nearest valid value, from the semicolon on.

    Returns
    -------
    PydanticCustomError
        To be raised within a validator.

    Examples
    --------
    >>> str(expected("must be a word"))
    'must be a word'
    """
    return PydanticCustomError("expected", "{problem}{remedy}", {"problem": what, "remedy": remedy})


def no_twice(where: str, names: tuple[str, ...]) -> tuple[str, ...]:
    """Pass names on, unless one stands twice.

    Examples
    --------
    >>> no_twice("tags", ("external", "eu"))
    ('external', 'eu')
    """
    for place, name in enumerate(names):
        if name in names[:place]:
            raise fault(f"names {name!r} twice in {where}", (place,))
    return names


def a_list(value: object) -> object:
    """Turn a list into a tuple; a lone word is refused, since a list was meant.

    Examples
    --------
    >>> a_list(["tools"])
    ('tools',)
    """
    if isinstance(value, (list, tuple)):
        return tuple(value)
    if isinstance(value, str):
        raise expected("must be a list", "; write it in [brackets]")
    raise expected("must be a list")


def _a_word(value: str) -> str:
    if not value or value != value.strip() or not value.isprintable() or len(value) > 200:
        raise expected("must be a word of 1 to 200 printable characters, without spaces around it")
    return value


def _a_name(value: str) -> str:
    if "@" in value:
        raise expected("must be a name without '@', which stands between a model and its provider")
    if value == "auto" or value.startswith(("auto:", "tag:", "purpose:", "ensemble:")):
        raise expected("must be a name that does not begin like a reference (auto, tag:, purpose:, ensemble:)")
    return value


END = r"(?![\s\S])"
"""The end of a text, in the patterns that all editors know."""
WORD = {"type": "string", "maxLength": 200, "pattern": rf"^\S([\s\S]*\S)?{END}"}
"""A word, likewise."""
_NAME = {
    "type": "string",
    "maxLength": 200,
    "pattern": rf"^(?!auto{END}|auto:|tag:|purpose:|ensemble:)[^\s@]([^@]*[^\s@])?{END}",
}

Word = Annotated[str, AfterValidator(_a_word), WithJsonSchema(WORD)]
"""A word without spaces around it."""
Name = Annotated[Word, AfterValidator(_a_name), WithJsonSchema(_NAME)]
"""What a user calls a model or a provider: no '@', which belongs to references; a colon is fine."""
Words = Annotated[
    tuple[Word, ...],
    BeforeValidator(a_list),
    AfterValidator(lambda names: no_twice("the list", names)),
    WithJsonSchema({"type": "array", "items": WORD, "uniqueItems": True}),
]
"""A list of different words."""
Amount = Annotated[float, Field(ge=0, le=1e9)]
"""Dollars: finite, not negative, and within what 64 bits of nano-dollars hold."""
Share = Annotated[float, Field(ge=0, le=1)]
"""A probability or a share."""
Tokens = Annotated[int, Field(ge=1, le=10**12)]
"""A length in tokens."""


class Section(BaseModel):
    """A part of the configuration, checked when it is made.

    Unknown keys are refused with the nearest valid one. Keys that a later version will know are refused by
    name: a configuration never does less than it says.

    Examples
    --------
    >>> class Shop(Section):
    ...     later: ClassVar[frozenset[str]] = frozenset({"parking"})
    ...     door: str = "open"
    >>> Shop(door="shut").door
    'shut'
    >>> Shop(dor="shut")
    Traceback (most recent call last):
    pydantic_core._pydantic_core.ValidationError: 1 validation error for Shop
      unknown key 'dor'; did you mean 'door'? [type=fault]...
    """

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        strict=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
        validate_default=False,
        defer_build=True,  # most sections are never used: built when first asked for, they cost nothing before
    )

    later: ClassVar[frozenset[str]] = frozenset()
    """Keys that are known and not supported yet."""
    any_key: ClassVar[bool] = False
    """Whether other keys may stand here too, such as names."""

    @classmethod
    def valid_keys(cls) -> frozenset[str]:
        """Name the keys that may stand in this section.

        Examples
        --------
        >>> sorted(Section.valid_keys())
        []
        """
        return frozenset(field.alias or name for name, field in cls.model_fields.items()) - cls.later

    @model_validator(mode="before")
    @classmethod
    def _known_keys(cls, value: object) -> object:
        if isinstance(value, cls):
            return value
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise fault(
                f"must be a mapping with keys, not {_kind_of(value)}; valid: {', '.join(sorted(cls.valid_keys()))}"
            )
        for key in value:
            if not isinstance(key, str):
                raise fault(f"has the key {key!r}, which is not a word; write it in quotes")
            if key in cls.later:
                raise fault("is not supported yet", (key,))
            if key not in cls.valid_keys() and not cls.any_key:
                raise fault(f"unknown key {key!r}{nearest(key, cls.valid_keys())}", (key,))
        return dict(value)

    @classmethod
    def read(cls, values: object, places: Places | None = None) -> Self:
        """Check plain values.

        Parameters
        ----------
        values
            A mapping with this section's keys, or a section, which is returned as it is.
        places
            Where the keys stand, for the error.

        Returns
        -------
        Section
            The checked values.

        Raises
        ------
        ConfigError
            If anything is wrong.

        Examples
        --------
        >>> Section.read({"door": "open"})
        Traceback (most recent call last):
        selector.errors.ConfigError: door: unknown key 'door'
        """
        found: Self | None = None
        details: list[ErrorDetails] = []
        try:
            found = cls.model_validate(values)
        except ValidationError as error:
            details = error.errors(include_url=False)
        # Raised out here, so that no traceback carries the values that pydantic saw: one may be a key.
        if found is None:
            raise explained(details, places or Places())
        return found

    def given(self) -> dict[str, Any]:
        """Tell which values the user wrote, without the defaults.

        Examples
        --------
        >>> Section().given()
        {}
        """
        return {name: getattr(self, name) for name in type(self).model_fields if name in self.model_fields_set}


def _kind_of(value: object) -> str:
    """Say what a value is without repeating it: what stands in the wrong place may be a secret."""
    kinds = {str: "a text", bool: "true or false", int: "a number", float: "a number", list: "a list"}
    return kinds.get(type(value), f"an object of type {type(value).__name__}")
