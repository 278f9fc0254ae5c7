"""The sections on what tasks need and what may be spent: task types and budgets."""

from datetime import timedelta
from typing import Annotated, Literal, Protocol, Self
from zoneinfo import ZoneInfo

from pydantic import BeforeValidator, Field, WithJsonSchema, field_serializer, model_validator

from selector.config._checks import CheckConfig
from selector.config._scope import Each, Moment, ScopeConfig, TokenClass, is_one_already, length
from selector.config._section import Amount, Section, Share, Word, Words, a_list, fault
from selector.config._units import PER, SHARE, Calendar, per_of, share

Portion = Annotated[float, BeforeValidator(share), WithJsonSchema(SHARE)]
"""A share, as a number or in per cent."""


class TaskTypeConfig(Section):
    """What tasks of one type need and are worth.

    Examples
    --------
    >>> TaskTypeConfig(needs=["tools"], worth_usd=0.5).needs
    ('tools',)
    """

    worth_usd: Amount | None = None
    """What a success is worth."""
    min_success: Share | None = None
    """The least success for a model to be taken."""
    max_latency_s: Annotated[float, Field(gt=0, le=1e9)] | None = None
    """The longest wait."""
    needs: Words = ()
    """The capabilities that a model must have."""
    data: Words = ()
    """What a provider must promise of the data sent to it, such as ``eu``."""
    only: Words = ()
    """References of the only models that may serve; empty: all."""
    explore: bool = True
    """False: always the model believed best."""
    check: CheckConfig | None = None
    """How an answer is checked; None: its success waits for a judgement that is recorded."""
    kind: Word | None = None
    """The kind of work, such as ``coding``, whose published figures come nearest; ``none``: no published figure. By the
    type's name when not given."""


class _Typed(Protocol):
    """What says something of task types."""

    @property
    def task_types(self) -> dict[str, TaskTypeConfig]: ...


def settings_of(config: _Typed, type_name: str) -> TaskTypeConfig:
    """Find what holds for a task type: what it says itself, and for each key that it does not, what its parent says.

    Parameters
    ----------
    config
        The whole configuration.
    type_name
        The task type, a path such as ``coding/python``, configured or not.

    Returns
    -------
    TaskTypeConfig
        The defaults where neither it nor a parent is configured.

    Examples
    --------
    >>> from selector.config import Config
    >>> config = Config.load({"models": {"a": {}}, "task_types": {
    ...     "coding": {"needs": ["tools"], "worth_usd": 0.5}, "coding/python": {"worth_usd": 1},
    ... }})
    >>> settings_of(config, "coding/python/tests").given()
    {'worth_usd': 1.0, 'needs': ('tools',)}
    """
    given: dict[str, object] = {}
    parts = type_name.split("/")
    for end in range(1, len(parts) + 1):
        found = config.task_types.get("/".join(parts[:end]))
        given |= {} if found is None else found.given()
    return TaskTypeConfig.model_validate(given)


class BudgetConfig(Section):
    """A limit on what is spent in a window, or an average to steer to.

    Exactly one of `usd`, `tokens`, `requests` and `usd_per_request` is given.

    Examples
    --------
    >>> month = BudgetConfig(name="company", usd=300, per="month", warn_at=["50%", "80%"])
    >>> month.resource, month.limit, month.per, month.warn_at, month.is_hard
    ('usd', 300.0, 'month', (0.5, 0.8), True)
    >>> BudgetConfig(usd_per_request=0.02).is_hard
    False
    """

    name: Word = ""
    """What it is called; such as ``usd-per-day`` when not given."""
    usd: Amount | None = None
    """Dollars in a window."""
    tokens: Annotated[int, Field(ge=0, le=10**15)] | None = None
    """Tokens in a window, of all classes but for `token_class`."""
    token_class: TokenClass | None = None
    """Which class of tokens alone counts: ``input`` is what no cache held."""
    requests: Annotated[int, Field(ge=0, le=10**15)] | None = None
    """Decisions in a window."""
    usd_per_request: Amount | None = None
    """Dollars per decision on average: steered to, never a refusal."""
    per: Annotated[Calendar | Literal["request"] | timedelta, BeforeValidator(per_of), WithJsonSchema(PER)] | None = (
        None
    )
    """The window: a word is the calendar's in the configured time zone, a span of time rolls; ``request`` limits each
    run alone, with all its attempts."""
    until: Moment | None = None
    """When a ``total`` ends, after which nothing of it may be spent; a day alone is counted to its end, and without an
    offset it is the configured time zone's."""
    scope: ScopeConfig | None = None
    """Which spending counts; everything when not given."""
    each: Each | None = None
    """What has a limit of its own each, such as ``metadata.user`` or ``session``."""
    hard: bool | None = None
    """Whether it is never exceeded; when not given, true for a limit and false for an average."""
    warn_at: Annotated[tuple[Portion, ...], BeforeValidator(a_list)] = ()
    """At which shares of it a warning is given."""

    @model_validator(mode="after")
    def _one_resource(self) -> Self:
        resources = ("usd", "tokens", "requests", "usd_per_request")
        given = [name for name in resources if getattr(self, name) is not None]
        if len(given) != 1:
            said = "none is given" if not given else f"{' and '.join(given)} are given"
            raise fault(f"must limit exactly one of {', '.join(resources)}; {said}", tuple(given[1:2]))
        if given[0] != "usd_per_request" and self.per is None:
            said = "hour, day, week, month, total, request, or a span of time such as '5h'"
            raise fault(f"is required: {said}", ("per",))
        return self

    @model_validator(mode="after")
    def _no_contradiction(self) -> Self:
        if self.token_class is not None and self.tokens is None:
            raise fault("belongs to tokens; give tokens in place of the other limit", ("token_class",))
        if self.until is not None and self.per != "total":
            raise fault("belongs to per: total; another window begins anew", ("until",))
        if self.scope is not None and self.each is not None and is_one_already(self.scope, self.each):
            said = f"leaves one account, since scope says which {self.each} counts; leave one of them out"
            raise fault(said, ("each",))
        return self

    @model_validator(mode="after")
    def _average_of_all(self) -> Self:
        if self.usd_per_request is None:
            return self
        for key in ("per", "scope", "each"):
            if getattr(self, key) is not None:
                raise fault("has no meaning beside usd_per_request, which is an average over requests", (key,))
        if self.hard:
            raise fault("cannot be true beside usd_per_request, which refuses nothing; give usd and per", ("hard",))
        return self

    @model_validator(mode="after")
    def _one_run(self) -> Self:
        if self.per != "request":
            return self
        if self.requests is not None:
            raise fault("has no meaning beside per: request: a run is one request; give usd or tokens", ("requests",))
        if self.each is not None:
            raise fault("has no meaning beside per: request, which limits each run alone already", ("each",))
        if self.hard is False:
            raise fault("cannot be false beside per: request: over one run there is nothing to pace", ("hard",))
        if self.warn_at:
            raise fault("has no meaning beside per: request, which ends with the run", ("warn_at",))
        return self

    @property
    def resource(self) -> Literal["usd", "tokens", "requests", "usd_per_request"]:
        """What is limited.

        Examples
        --------
        >>> BudgetConfig(tokens=1_000_000, per="day").resource
        'tokens'
        """
        if self.usd is not None:
            return "usd"
        if self.tokens is not None:
            return "tokens"
        return "requests" if self.requests is not None else "usd_per_request"

    @property
    def limit(self) -> float:
        """How much of it.

        Examples
        --------
        >>> BudgetConfig(requests=50, per="5h").limit
        50
        """
        limit: float = getattr(self, self.resource)
        return limit

    @property
    def is_hard(self) -> bool:
        """Whether it is never exceeded.

        Examples
        --------
        >>> BudgetConfig(usd=5, per="day", hard=False).is_hard
        False
        """
        return self.resource != "usd_per_request" if self.hard is None else self.hard

    @property
    def seconds(self) -> float | None:
        """The length of a rolling window; None: the window is the calendar's, or there is none.

        Examples
        --------
        >>> BudgetConfig(requests=50, per="5h").seconds, BudgetConfig(usd=5, per="day").seconds
        (18000.0, None)
        """
        return self.per.total_seconds() if isinstance(self.per, timedelta) else None

    @property
    def label(self) -> str:
        """The name, or one made from what is limited.

        Examples
        --------
        >>> BudgetConfig(usd=5, per="day").label
        'usd-per-day'
        >>> BudgetConfig(tokens=5, per="5h").label
        'tokens-per-18000s'
        >>> BudgetConfig(usd=1, per="24h", each="metadata.user").label
        'usd-per-24h-each-metadata.user'
        >>> BudgetConfig(usd=1, per="day", scope={"tag": "external"}).label
        'usd-per-day-tag-external'
        """
        if self.name or self.per is None:
            return self.name or self.resource
        what = self.resource if self.token_class is None else f"{self.token_class}-{self.resource}"
        if self.scope is None and self.each is None:
            per = self._written(self.per)
        else:
            per = length(self.per) if isinstance(self.per, timedelta) else self.per
        return "-".join(
            [
                f"{what}-per-{per}",
                *([] if self.until is None else [f"until-{self.until:%Y-%m-%dT%H:%M}"]),
                *([] if self.scope is None else [self.scope.words]),
                *([] if self.each is None else [f"each-{self.each}"]),
            ]
        )

    def in_zone(self, zone: str) -> Self:
        """Say in which time zone `until` is meant, where it does not say so itself.

        Examples
        --------
        >>> BudgetConfig(usd=1, per="total", until="2026-12-31").in_zone("Europe/Berlin").until.isoformat()
        '2027-01-01T00:00:00+01:00'
        """
        if self.until is None or self.until.tzinfo is not None:
            return self
        return self.model_copy(update={"until": self.until.replace(tzinfo=ZoneInfo(zone))})

    @field_serializer("per")
    def _written(self, per: Calendar | Literal["request"] | timedelta | None) -> str | None:
        return f"{per.total_seconds():.0f}s" if isinstance(per, timedelta) else per
