"""The sections on who serves and what is chosen: providers, models, routes, prices."""

from datetime import date
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue, WithJsonSchema, model_validator

from selector.config._quotas import LATER_QUOTAS, LATER_ROUTE_BY, Quotas, RouteBy
from selector.config._section import (
    _NAME,
    END,
    WORD,
    Amount,
    Name,
    Section,
    Share,
    Tokens,
    Word,
    Words,
    _a_name,
    _a_word,
    a_list,
    expected,
    fault,
    no_twice,
)
from selector.config._waiting import AtOnce

RATES = (
    "usd_per_mtok_in",
    "usd_per_mtok_out",
    "usd_per_mtok_cache_read",
    "usd_per_mtok_cache_write",
    "usd_per_mtok_reasoning",
    "usd_per_call",
)
"""The keys that hold a price."""


class RatesConfig(Section):
    """Prices that hold together: per million tokens of each class, and per call.

    Examples
    --------
    >>> RatesConfig(usd_per_mtok_in=3, usd_per_mtok_out=15).rates()
    {'usd_per_mtok_in': 3.0, 'usd_per_mtok_out': 15.0}
    """

    usd_per_mtok_in: Amount | None = None
    """USD per million tokens of uncached input."""
    usd_per_mtok_out: Amount | None = None
    """USD per million tokens of output."""
    usd_per_mtok_cache_read: Amount | None = None
    """USD per million tokens read from a prompt cache; as input when nobody says."""
    usd_per_mtok_cache_write: Amount | None = None
    """USD per million tokens written to a prompt cache; as input when nobody says."""
    usd_per_mtok_reasoning: Amount | None = None
    """USD per million tokens of reasoning; as output when nobody says."""
    usd_per_call: Amount | None = None
    """USD per call, whatever its length; 0 when nobody says."""

    def rates(self) -> dict[str, float]:
        """Collect the prices that are given.

        Examples
        --------
        >>> RatesConfig(usd_per_call=0.01).rates()
        {'usd_per_call': 0.01}
        """
        return {name: getattr(self, name) for name in RATES if getattr(self, name) is not None}


class TierConfig(RatesConfig):
    """Prices for long inputs: they hold for the whole call once its input is longer.

    Examples
    --------
    >>> TierConfig(above_tokens=200_000, usd_per_mtok_in=4).above_tokens
    200000
    """

    above_tokens: Annotated[int, Field(ge=0, le=10**12)]
    """The input length, cached tokens included, above which they hold."""


def _rising(tiers: tuple[TierConfig, ...]) -> tuple[TierConfig, ...]:
    for place in range(1, len(tiers)):
        if tiers[place].above_tokens <= tiers[place - 1].above_tokens:
            raise fault("must be above the tier before it", (place, "above_tokens"))
    return tiers


def _a_date(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return date.fromisoformat(value)
    except ValueError:
        problem = expected("must be a date such as 2026-07-30")
    raise problem


Tiers = Annotated[tuple[TierConfig, ...], BeforeValidator(a_list), AfterValidator(_rising)]
"""Tiers by input length, rising."""


class DatedPricesConfig(RatesConfig):
    """Prices that hold from a day on (00:00 UTC); what they do not name stays as it was.

    Examples
    --------
    >>> DatedPricesConfig.model_validate({"from": "2026-07-30", "usd_per_mtok_in": 0.2}).start
    datetime.date(2026, 7, 30)
    """

    start: Annotated[date, BeforeValidator(_a_date), WithJsonSchema({"type": "string", "format": "date"})] = Field(
        alias="from"
    )
    """The first day."""
    tiers: Tiers | None = None
    """Prices for long inputs, in place of those before."""


def _one_per_day(prices: tuple[DatedPricesConfig, ...]) -> tuple[DatedPricesConfig, ...]:
    for place in range(1, len(prices)):
        if prices[place].start <= prices[place - 1].start:
            raise fault("must be after the entry before it", (place, "from"))
    return prices


class PricesConfig(RatesConfig):
    """Prices with their tiers by input length and their changes by date.

    Examples
    --------
    >>> long = TierConfig(above_tokens=200_000, usd_per_mtok_in=4)
    >>> PricesConfig(usd_per_mtok_in=2, tiers=[long]).tiers[0].usd_per_mtok_in
    4.0
    """

    tiers: Tiers | None = None
    """Prices for long inputs."""
    prices: Annotated[tuple[DatedPricesConfig, ...], BeforeValidator(a_list), AfterValidator(_one_per_day)] | None = (
        None
    )
    """Prices from a day on, in the order of the days."""


class PriorConfig(Section):
    """What is believed of a model before any outcome.

    Examples
    --------
    >>> PriorConfig(quality=0.8)
    PriorConfig(quality=0.8, weight=8.0)
    """

    quality: Share
    """The believed share of successes."""
    weight: Annotated[float, Field(gt=0, le=1e6)] = 8.0
    """How many outcomes that belief is worth."""


def plain_json(value: object, depth: int = 0, *, deepest: int = 10) -> object:
    """Pass on what JSON can hold in a few levels: what cannot be sent to a provider is refused here.

    Examples
    --------
    >>> plain_json({"reasoning": ("high", 1)})
    {'reasoning': ['high', 1]}
    """
    if depth > deepest:
        raise fault("is nested too deeply")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise fault("holds a number beyond 64 bits")
    if isinstance(value, dict):
        if not all(isinstance(key, str) for key in value):
            raise fault("has a key that is not a word; write it in quotes")
        return {key: plain_json(member, depth + 1, deepest=deepest) for key, member in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain_json(member, depth + 1, deepest=deepest) for member in value]
    return value


class RouteConfig(PricesConfig):
    """A model at one provider; a key here overrides the model's.

    Examples
    --------
    >>> RouteConfig(id="anthropic/claude-sonnet-4.6", usd_per_mtok_in=3.15).id
    'anthropic/claude-sonnet-4.6'
    """

    later: ClassVar[frozenset[str]] = LATER_QUOTAS

    id: Word | None = None
    """What the provider calls the model; the model's own id, else its name, when not given."""
    context_tokens: Tokens | None = None
    """The longest input and output together that this provider takes."""
    max_output_tokens: Tokens | None = None
    """The longest answer that this provider gives."""
    max_usd_per_call: Amount | None = None
    """The most that one call costs here; the model's, else the provider's, when not given."""
    max_concurrent: AtOnce | None = None
    """How many calls may run at once here, beside the provider's own limit; the model's when not given."""
    quotas: Quotas | None = None
    """What the provider allows of this model, beside what it allows the account; the model's when not given."""
    weight: Annotated[float, Field(gt=0, le=1e15)] | None = None
    """How often it takes its turn under ``round_robin``, beside the model's other routes; 1 when not given."""


def _old_names(value: object) -> object:
    """Check a name, or a list of several."""
    if isinstance(value, (list, tuple)):
        return no_twice("the list", tuple(_a_name(_a_word(each)) for each in map(_text, value)))
    return None if value is None else _a_name(_a_word(_text(value)))


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise expected("must be a name, or a list of names")
    return value


OldNames = Annotated[
    str | tuple[str, ...],
    BeforeValidator(_old_names),
    WithJsonSchema({"anyOf": [_NAME, {"type": "array", "items": _NAME, "uniqueItems": True}]}),
]
"""A name, or a list of different names."""


class ModelConfig(PricesConfig):
    """What may be chosen.

    Examples
    --------
    >>> ModelConfig(provider="work", id="claude-opus-4-8", capabilities=["tools", "vision"]).capabilities
    ('tools', 'vision')
    """

    later: ClassVar[frozenset[str]] = LATER_QUOTAS | LATER_ROUTE_BY

    provider: Name | None = None
    """Who serves it, if one provider does; None with no `routes`: the caller makes the call."""
    routes: dict[Name, RouteConfig] | None = None
    """Who serves it, if several providers do, by the provider's name."""
    route_by: RouteBy | None = None
    """How one of its routes is chosen; ``budget_aware`` when not given."""
    id: Word | None = None
    """What its providers call it; its name when not given."""
    of: Name | None = None
    """The model that this one is a variant of: it has all of that one's values but those given here."""
    params: Annotated[dict[str, JsonValue], BeforeValidator(plain_json)] = Field(default_factory=dict)
    """Parameters of every call, such as ``{reasoning_effort: high}``."""
    family: Word | None = None
    """Models of one family learn from each other; the name of the model it is a variant of, when not given."""
    tags: Annotated[
        Words,
        AfterValidator(lambda tags: tuple(_a_tag(tag) for tag in tags)),
        WithJsonSchema({"type": "array", "items": {"allOf": [WORD, {"pattern": f"^[^@]*{END}"}]}, "uniqueItems": True}),
    ] = ()
    """Words to select by, as ``tag:WORD``."""
    capabilities: Words = ()
    """What it can do, such as ``tools`` or ``vision``: what a task's `needs` are compared with."""
    context_tokens: Tokens | None = None
    """The longest input and output together."""
    max_output_tokens: Tokens | None = None
    """The longest answer: the worst case that a hard budget holds."""
    max_usd_per_call: Amount | None = None
    """The most that one call costs; the provider's when not given."""
    max_concurrent: AtOnce | None = None
    """How many calls may run at once at each of its routes; no limit but the provider's when not given."""
    quotas: Quotas | None = None
    """What each of its routes allows, where a route does not say so itself."""
    prior: PriorConfig | None = None
    """What is believed of it before any outcome."""
    enabled: bool = True
    """False: it stays known and is never chosen."""
    was: OldNames | None = None
    """The name it had before, or all that it had; its evidence under them counts."""

    @property
    def old_names(self) -> tuple[str, ...]:
        """All names that it had before.

        Examples
        --------
        >>> ModelConfig(was="grok-beta").old_names
        ('grok-beta',)
        """
        return (self.was,) if isinstance(self.was, str) else self.was or ()

    @model_validator(mode="after")
    def _one_way_to_serve(self) -> Self:
        if self.provider is not None and self.routes is not None:
            raise fault("and routes both say who serves; give one of them", ("provider",))
        if self.routes is not None and not self.routes:
            raise fault("must name at least one provider", ("routes",))
        return self


def _a_tag(tag: str) -> str:
    if "@" in tag:
        raise expected("must be tags without '@'")
    return tag


def mapping_of_names(value: object) -> object:
    """Turn the short form, a list of names, into the mapping it stands for.

    Examples
    --------
    >>> mapping_of_names(["coding", "research"])
    {'coding': {}, 'research': {}}
    """
    if not isinstance(value, (list, tuple)):
        return value
    names: dict[Any, dict[str, object]] = {}
    for place, name in enumerate(value):
        if not isinstance(name, str):
            raise fault("must be a word", (place,))
        if name in names:
            raise fault(f"names {name!r} twice", (place,))
        names[name] = {}
    return names
