"""The parts of a budget that say what it counts: a scope, an account for each of many, and a day on which it ends."""

import re
from datetime import date, datetime, time, timedelta
from typing import Annotated, Final, Literal, Self, get_args

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from selector.config._section import END, Name, Section, Word, expected, fault
from selector.errors import nearest

ScopeKind = Literal["model", "tag", "provider", "route", "task_type", "purpose", "label", "session", "metadata"]
"""What a scope names."""
TokenClass = Literal["input", "cache_read", "cache_write", "output", "reasoning"]
"""The classes of tokens; none counts in two of them."""

_OF_METADATA: Final = "metadata."
_EACH: Final = ("session", "task_type", "model", "provider", "route", "purpose", "run")
EACH: Final = {"type": "string", "pattern": rf"^({'|'.join(_EACH)}|metadata\.\S([\s\S]*\S)?){END}", "maxLength": 200}
"""What may stand under `each`, as editors know it."""
_ROUTE: Final = re.compile(rf"^(?!\*@)[^\s@]([^@]*[^\s@])?@[^\s@]([^@]*[^\s@])?{END}")
ROUTE: Final = {"type": "string", "maxLength": 200, "pattern": _ROUTE.pattern}
"""A route, likewise."""
_UNTIL: Final = re.compile(
    rf"^[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([T ][0-9]{{2}}:[0-9]{{2}}(:[0-9]{{2}})?(Z|[+-][0-9]{{2}}:[0-9]{{2}})?)?{END}"
)
UNTIL: Final = {"type": "string", "pattern": _UNTIL.pattern}
"""A moment, likewise."""


def an_each(value: object) -> object:
    """Read what a budget has an account for each of.

    Examples
    --------
    >>> an_each("metadata.user"), an_each("session")
    ('metadata.user', 'session')
    """
    if value in ("metadata", _OF_METADATA):
        raise fault("must name a key of the metadata, as metadata.KEY, such as metadata.user")
    if isinstance(value, str) and value.startswith(_OF_METADATA):
        key = value.removeprefix(_OF_METADATA)
        if key != key.strip() or not key.isprintable() or len(value) > 200:
            raise expected("must be metadata.KEY with a key of printable characters, such as metadata.user")
        return value
    if value not in _EACH:
        near = nearest(value, _EACH) if isinstance(value, str) else ""
        said = f"must be metadata.KEY or one of {', '.join(_EACH)}"
        raise expected(said, near if "did you mean" in near else "")
    return value


def a_moment(value: object) -> object:
    """Read a moment; a day alone means its end, and without an offset the configured time zone's.

    Examples
    --------
    >>> a_moment("2026-12-31").isoformat(), a_moment("2026-12-31T18:00Z").isoformat()
    ('2027-01-01T00:00:00', '2026-12-31T18:00:00+00:00')
    """
    found: object = value
    if isinstance(value, str):
        try:
            found = _moment_of(value) if _UNTIL.match(value) else None
        except ValueError:
            found = None
    if isinstance(found, date) and not isinstance(found, datetime) and found < date.max:
        found = datetime.combine(found + timedelta(days=1), time())
    if not isinstance(found, datetime):
        raise expected("must be a day or a moment, such as 2026-12-31 or 2026-12-31T18:00+01:00")
    return found


def _moment_of(text: str) -> date:
    return datetime.fromisoformat(text) if ":" in text else date.fromisoformat(text)


Each = Annotated[str, BeforeValidator(an_each), WithJsonSchema(EACH)]
"""What there is an account for each of."""
Moment = Annotated[datetime, BeforeValidator(a_moment), WithJsonSchema(UNTIL)]
"""A point in time."""


class ScopeConfig(Section):
    """Which spending a budget counts: exactly one of its keys is given; without a scope, everything counts.

    Examples
    --------
    >>> scope = ScopeConfig(tag="external")
    >>> scope.kind, scope.value
    ('tag', 'external')
    >>> ScopeConfig(metadata={"team": "search"}).words
    'metadata.team-search'
    """

    model: Name | None = None
    """A model, by its name."""
    tag: Word | None = None
    """The models with a tag."""
    provider: Name | None = None
    """A provider."""
    route: Annotated[Word, WithJsonSchema(ROUTE)] | None = None
    """A route, as NAME@PROVIDER."""
    task_type: Word | None = None
    """A task type, with those below it: ``coding`` counts ``coding/python`` too."""
    purpose: Word | None = None
    """The tasks that name a purpose."""
    label: Word | None = None
    """The tasks with a label."""
    session: Word | None = None
    """One session, by its name."""
    metadata: Annotated[dict[Word, str], Field(min_length=1)] | None = None
    """The tasks whose metadata have these values, such as ``{project: search}``."""

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        kinds = get_args(ScopeKind)
        given = [kind for kind in kinds if getattr(self, kind) is not None]
        if len(given) != 1:
            said = "none is given" if not given else f"{' and '.join(given)} are given"
            raise fault(f"must name exactly one of {', '.join(kinds)}; {said}", tuple(given[1:2]))
        if self.route is not None:
            if self.route.startswith("*@"):
                raise fault("names all routes of a provider; write scope: {provider: NAME}", ("route",))
            if not _ROUTE.match(self.route):
                raise fault(f"must be a route, as NAME@PROVIDER, not {self.route!r}", ("route",))
        return self

    @property
    def kind(self) -> ScopeKind:
        """What is named.

        Examples
        --------
        >>> ScopeConfig(route="sonnet@work").kind
        'route'
        """
        return next(kind for kind in get_args(ScopeKind) if getattr(self, kind) is not None)

    @property
    def value(self) -> str:
        """The name; of metadata ``KEY=VALUE``, sorted and joined by commas.

        Examples
        --------
        >>> ScopeConfig(model="opus").value, ScopeConfig(metadata={"user": "ann", "team": "search"}).value
        ('opus', 'team=search,user=ann')
        """
        if self.metadata is not None:
            return ",".join(f"{key}={self.metadata[key]}" for key in sorted(self.metadata))
        name: str = getattr(self, self.kind)
        return name

    @property
    def words(self) -> str:
        """What a budget without a name is called by.

        Examples
        --------
        >>> ScopeConfig(tag="external").words
        'tag-external'
        """
        if self.metadata is None:
            return f"{self.kind}-{self.value}"
        return "-".join(f"{_OF_METADATA}{key}-{self.metadata[key]}" for key in sorted(self.metadata))


def is_one_already(scope: ScopeConfig, each: str) -> bool:
    """Say whether a scope leaves only one of what there would be an account for each of.

    Examples
    --------
    >>> is_one_already(ScopeConfig(route="opus@work"), "provider"), is_one_already(ScopeConfig(model="opus"), "route")
    (True, False)
    """
    if scope.metadata is not None:
        return each.removeprefix(_OF_METADATA) in scope.metadata and each.startswith(_OF_METADATA)
    return each == scope.kind or (scope.kind == "route" and each in {"model", "provider"})


def length(span: timedelta) -> str:
    """Write a span of time in the longest unit that says it in whole numbers; a day is 24 hours.

    Examples
    --------
    >>> length(timedelta(hours=24)), length(timedelta(days=7)), length(timedelta(seconds=90))
    ('24h', '7d', '90s')
    """
    seconds = span.total_seconds()
    for unit, long, least in (("d", 86_400, 2), ("h", 3_600, 1), ("m", 60, 1)):
        if seconds % long == 0 and seconds >= least * long:
            return f"{seconds / long:.0f}{unit}"
    return f"{seconds:g}s"
