"""What the catalog lists: providers, models, routes, families."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from selector.catalog._prices import Prices
    from selector.config import ProviderKind

__all__ = ["Family", "Model", "Prior", "Provider", "Route"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """Who serves models: one account at an HTTP API, or behind a command line.

    Examples
    --------
    >>> Provider(name="work", kind="anthropic", api_key="env:WORK_KEY").kind
    'anthropic'
    """

    name: str
    """What the user calls it."""
    kind: ProviderKind
    """Which API it speaks; or ``command``, a program of this machine."""
    base_url: str | None = None
    """Where, or None for the kind's own public address."""
    api_key: str | None = None
    """Where its key is found, ``env:NAME`` or ``file:PATH#NAME``; never the key."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A model at a provider: what a call goes to and what has a price.

    Examples
    --------
    >>> Route(model="sonnet", provider="work", id="claude-sonnet-4-6").name
    'sonnet@work'
    """

    model: str
    """The model's name."""
    provider: str | None = None
    """The provider's name; None: the caller makes the call."""
    id: str
    """What the provider calls the model."""
    prices: Prices | None = None
    """What it costs; None: nobody knows."""
    context_tokens: int | None = None
    """The longest input and output together; None: nobody knows."""
    max_output_tokens: int | None = None
    """The longest answer; None: nobody knows, so its worst case has no bound from tokens."""
    max_usd_per_call: float | None = None
    """The most that one call costs, whatever its tokens; None: nobody says."""
    max_concurrent: int | None = None
    """How many calls may run at once here; None: as many as its provider takes."""
    is_open_ended: bool = False
    """Whether a call may use more tokens than its request asks for: a command line may call its model many times."""
    name: str = field(init=False, repr=False, compare=False)
    """The reference that names this route alone."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"{self.model}@{self.provider}" if self.provider else self.model)


@dataclass(frozen=True, slots=True, kw_only=True)
class Prior:
    """What is believed of a model before any outcome.

    Examples
    --------
    >>> Prior(quality=0.8, weight=5.0).quality
    0.8
    """

    quality: float
    """The believed share of successes, in [0, 1]."""
    weight: float
    """How many outcomes that belief is worth, > 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Model:
    """What may be chosen, by its name; the same weights with other parameters are a model of their own.

    Examples
    --------
    >>> sonnet = Model(name="sonnet", family="claude", routes=(Route(model="sonnet", id="claude-sonnet-4-6"),))
    >>> sonnet.route.id
    'claude-sonnet-4-6'
    """

    name: str
    """What the user calls it."""
    family: str
    """Models of one family learn from each other; the model's own name where nothing else is said."""
    routes: tuple[Route, ...]
    """Where it is served, in the order of the configuration; at least one."""
    tags: tuple[str, ...] = ()
    """Words to select by."""
    capabilities: frozenset[str] = frozenset()
    """What it can do."""
    params: Mapping[str, object] = field(default_factory=dict, hash=False)
    """Parameters of every call."""
    prior: Prior | None = None
    """What is believed of it before any outcome; None: the pool's mean."""
    enabled: bool = True
    """False: known and never chosen."""
    of: str | None = None
    """The model it is a variant of."""
    was: tuple[str, ...] = ()
    """Its old names, whose evidence counts as its own."""

    @property
    def route(self) -> Route:
        """The first route.

        Examples
        --------
        >>> Model(name="opus", family="opus", routes=(Route(model="opus", id="opus"),)).route.name
        'opus'
        """
        return self.routes[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Models that share weights or lineage, and pool their beliefs.

    Examples
    --------
    >>> Family(name="claude", models=("opus", "sonnet")).models
    ('opus', 'sonnet')
    """

    name: str
    """What it is called."""
    models: tuple[str, ...]
    """The names of its models, in the order of the configuration."""
