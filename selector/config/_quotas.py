"""The section on what a provider allows: a quota of an account, or of one route."""

from datetime import timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, BeforeValidator, Field, WithJsonSchema, field_serializer, model_validator

from selector.config._resets import RESETS, Reset
from selector.config._scope import length
from selector.config._section import END, Amount, Name, Section, Word, a_list, fault
from selector.config._units import SHARE, WINDOW, Calendar, share, window

LATER_QUOTAS: Final[frozenset[str]] = frozenset()
"""Refused as not supported yet; empty once quotas are kept."""
LATER_ROUTE_BY: Final[frozenset[str]] = frozenset()
"""Refused as not supported yet; empty once the route is chosen by it."""

RouteBy = Literal["budget_aware", "cheapest", "fastest", "round_robin", "priority", "sticky", "rules"]
"""How a route is chosen among those of the chosen model."""

_KEPT_FOR: Final = ("purpose:", "task_type:")
_NUMBER: Final = Field(ge=0, le=10**15)


def _a_reset(value: object) -> object:
    return str(Reset.of(value))


def _a_use(value: str) -> str:
    kind, colon, name = value.partition(":")
    if not colon or f"{kind}:" not in _KEPT_FOR or not name or name != name.strip():
        raise fault(f"must name whom it is kept for, as purpose:NAME or task_type:NAME, not {value!r}")
    return value


Uses = Annotated[
    dict[Annotated[Word, AfterValidator(_a_use)], Annotated[float, BeforeValidator(share)]],
    WithJsonSchema(
        {
            "type": "object",
            "propertyNames": {"maxLength": 200, "pattern": rf"^(purpose|task_type):\S([\s\S]*\S)?{END}"},
            "additionalProperties": SHARE,
        }
    ),
]
"""Shares by purpose and task type."""


class QuotaConfig(Section):
    """A provider's own limit, with its reset. Exactly one of `requests`, `tokens`, `usd` and `share` is given.

    Examples
    --------
    >>> week = QuotaConfig(tokens=12_000_000, per="week", resets="Mon 09:00", reserve_for={"purpose:lead": "30%"})
    >>> week.resource, week.limit, week.label, week.reset.hour
    ('tokens', 12000000, 'tokens-per-week', 9)
    >>> QuotaConfig(share=True, per="5h").limit
    1.0
    """

    name: Word | None = None
    """What it is called; such as ``tokens-per-5h`` when not given."""
    requests: Annotated[int, _NUMBER] | None = None
    """Calls in a window."""
    tokens: Annotated[int, _NUMBER] | None = None
    """Tokens of all classes in a window."""
    usd: Amount | None = None
    """Dollars in a window."""
    share: bool = False
    """True: how much it allows is not known, and the provider tells how much of it is used, in per cent."""
    per: Annotated[Calendar | timedelta, BeforeValidator(window), WithJsonSchema(WINDOW)]
    """The window: a word is the calendar's in the configured time zone, a span of time rolls."""
    resets: Annotated[str, BeforeValidator(_a_reset), WithJsonSchema({"anyOf": list(RESETS.values())})] | None = None
    """When a day, week or month begins, such as ``09:00``, ``Mon 09:00`` or ``1 00:00``, in the configured time zone;
    at midnight, on Monday, on the first when not given."""
    use_or_lose: bool = False
    """Whether what is left at the reset is lost, and so is free until then."""
    reserve_for: Uses = Field(default_factory=dict)
    """Shares of it that are kept for purposes and task types, such as ``{purpose:lead: 30%}``."""
    pool: Name | None = None
    """The pool it belongs to: all that name the same pool share one quota."""

    @model_validator(mode="after")
    def _one_resource(self) -> Self:
        given = [key for key in ("requests", "tokens", "usd") if getattr(self, key) is not None]
        given += ["share"] if self.share else []
        if len(given) != 1:
            said = "none is given" if not given else f"{' and '.join(given)} are given"
            raise fault(f"must limit exactly one of requests, tokens, usd, share; {said}", tuple(given[1:2]))
        if sum(self.reserve_for.values()) > 1 + 1e-9:
            total = f"{sum(self.reserve_for.values()) * 100:g}%"
            raise fault(f"keeps {total} of it, and there is no more than 100%", ("reserve_for",))
        if self.use_or_lose and self.per == "total":
            raise fault("cannot be true beside per: total, which has no reset", ("use_or_lose",))
        return self

    @model_validator(mode="after")
    def _resets_with_its_window(self) -> Self:
        if self.reset is None or self.reset.per == self.per:
            return self
        if isinstance(self.per, timedelta):
            raise fault("has no meaning beside a span of time, which rolls; give per: day, week or month", ("resets",))
        if self.per not in RESETS:
            raise fault(f"has no meaning beside per: {self.per}; give per: day, week or month", ("resets",))
        said = f"must be the reset of a {self.per}, such as {Reset.example(self.per)}, not {self.resets!r}"
        raise fault(said, ("resets",))

    @property
    def resource(self) -> Literal["requests", "tokens", "usd", "share"]:
        """What is limited.

        Examples
        --------
        >>> QuotaConfig(requests=50, per="1m").resource
        'requests'
        """
        if self.share:
            return "share"
        if self.usd is not None:
            return "usd"
        return "tokens" if self.tokens is not None else "requests"

    @property
    def limit(self) -> float:
        """How much of it; of a share 1, the whole.

        Examples
        --------
        >>> QuotaConfig(usd=20, per="month").limit
        20.0
        """
        limit: float = 1.0 if self.share else getattr(self, self.resource)
        return limit

    @property
    def seconds(self) -> float | None:
        """The length of a rolling window; None: the window is the calendar's, or there is none.

        Examples
        --------
        >>> QuotaConfig(requests=50, per="5h").seconds
        18000.0
        """
        return self.per.total_seconds() if isinstance(self.per, timedelta) else None

    @property
    def reset(self) -> Reset | None:
        """When a window begins, as numbers.

        Examples
        --------
        >>> QuotaConfig(usd=20, per="month", resets="15 08:00").reset.day
        15
        """
        return None if self.resets is None else Reset.of(self.resets)

    @property
    def label(self) -> str:
        """The name, or one made from what is limited.

        Examples
        --------
        >>> QuotaConfig(tokens=900_000, per="5h").label
        'tokens-per-5h'
        """
        per = length(self.per) if isinstance(self.per, timedelta) else self.per
        return self.name or f"{self.resource}-per-{per}"

    def kept_from(self, *, purpose: str | None, task_type: str) -> float:
        """Tell which share is kept for others than one task.

        Parameters
        ----------
        purpose
            The purpose that the task names.
        task_type
            Its type; what is kept for a type is kept for those below it too.

        Returns
        -------
        float
            The sum of the shares that are not its own.

        Examples
        --------
        >>> quota = QuotaConfig(tokens=10, per="day", reserve_for={"purpose:lead": 0.25, "task_type:coding": 0.5})
        >>> quota.kept_from(purpose=None, task_type="coding/python"), quota.kept_from(purpose="lead", task_type="mail")
        (0.25, 0.5)
        """
        return sum(part for use, part in self.reserve_for.items() if not _is_of(use, purpose, task_type))

    @field_serializer("per")
    def _written(self, per: Calendar | timedelta) -> str:
        return f"{per.total_seconds():.0f}s" if isinstance(per, timedelta) else per


def _is_of(use: str, purpose: str | None, task_type: str) -> bool:
    kind, _, name = use.partition(":")
    return name == purpose if kind == "purpose" else f"{task_type}/".startswith(f"{name}/")


def _no_two_alike(quotas: tuple[QuotaConfig, ...]) -> tuple[QuotaConfig, ...]:
    labels = [quota.label for quota in quotas]
    for place, label in enumerate(labels):
        if label in labels[:place]:
            raise fault(f"{label!r} is the name of another quota here; give it its own", (place, "name"))
    return quotas


Quotas = Annotated[tuple[QuotaConfig, ...], BeforeValidator(a_list), AfterValidator(_no_two_alike)]
"""Several quotas at once."""
