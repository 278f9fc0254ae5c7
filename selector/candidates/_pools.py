"""Which routes draw on which quota: quotas of accounts, of routes, and pools that several of them share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from types import MappingProxyType
from typing import Protocol

from selector.catalog import NANO, Route

__all__ = ["Pool", "QuotaTerms", "pools_of"]

_NOBODY: Mapping[str, Sequence[QuotaTerms]] = MappingProxyType({})
_UNITS = ((86_400, "d", 2), (3_600, "h", 1), (60, "m", 1))


class QuotaTerms(Protocol):
    """What a configuration declares of one quota.

    Exactly one of `requests`, `tokens`, `usd` and `share` is given.
    """

    @property
    def name(self) -> str | None:
        """What it is called; none: it is called by its resource and window."""

    @property
    def requests(self) -> int | None:
        """Calls in a window."""

    @property
    def tokens(self) -> int | None:
        """Tokens of all classes in a window."""

    @property
    def usd(self) -> float | None:
        """Dollars in a window."""

    @property
    def share(self) -> bool | None:
        """Whether nothing but the share that is used is ever reported."""

    @property
    def per(self) -> str | timedelta | None:
        """The window: a word is the calendar's, a span of time rolls."""

    @property
    def resets(self) -> str | None:
        """When a window of the calendar begins, such as ``Mon 09:00``."""

    @property
    def use_or_lose(self) -> bool:
        """Whether what is not used by the reset is lost."""

    @property
    def reserve_for(self) -> Mapping[str, float]:
        """Which share is kept for which ``purpose:NAME`` or ``task_type:NAME``."""

    @property
    def pool(self) -> str | None:
        """The name that routes and providers give to share one quota."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """One quota, with all that draw on it.

    Examples
    --------
    >>> five = Pool(owner="home", resource="tokens", limit=900_000, per=timedelta(hours=5))
    >>> five.label, five.key
    ('home: tokens-per-5h', 'home/tokens/5h//')
    """

    owner: str
    """The provider, the route or the shared name that it belongs to."""
    resource: str
    """``requests``, ``tokens``, ``usd`` or ``share``."""
    limit: int | None
    """How much there is in a window, nano-dollars for money; None: only the share that is used is known."""
    per: str | timedelta | None = None
    """The window."""
    resets: str | None = None
    """When a window of the calendar begins."""
    name: str = ""
    """What the user calls it."""
    providers: frozenset[str] = frozenset()
    """The providers all of whose routes draw on it."""
    routes: frozenset[str] = frozenset()
    """The single routes that draw on it."""
    use_or_lose: bool = False
    """Whether what is not used by the reset is lost."""
    reserve_for: Mapping[str, float] = field(default_factory=dict, hash=False)
    """Which share is kept for whom."""

    @property
    def what(self) -> str:
        """Its name, or what it counts and in which window."""
        return self.name or (f"{self.resource}-per-{_written(self.per)}" if self.per else self.resource)

    @property
    def label(self) -> str:
        """How it is called among all."""
        return f"{self.owner}: {self.what}"

    @property
    def key(self) -> str:
        """What it counts, where and when: what was used is kept under it, whatever the limit becomes."""
        return f"{self.owner}/{self.resource}/{_written(self.per)}/{self.resets or ''}/{self.name}"

    @property
    def names(self) -> frozenset[str]:
        """All names that it answers to."""
        return frozenset({self.owner, *([self.name] if self.name else []), *self.providers, *self.routes})


def pools_of(
    routes: Iterable[Route],
    *,
    providers: Mapping[str, Sequence[QuotaTerms]] = _NOBODY,
    models: Mapping[str, Sequence[QuotaTerms]] = _NOBODY,
    own: Mapping[str, Sequence[QuotaTerms]] = _NOBODY,
) -> tuple[Pool, ...]:
    """Find the quotas of a configuration, with the routes that draw on each.

    A provider's quota is its account's: all its routes draw on it together. A model's holds for each of its routes
    on its own, unless the route declares its own. Quotas that name one pool, count one thing and have one window and
    name are one, with the least of their limits, the greatest of the shares kept for each, and all who named it.

    Parameters
    ----------
    routes
        Every route.
    providers
        Declared by providers, by their names.
    models
        Declared by models, by their names.
    own
        Declared by routes, by names such as ``sonnet@home``; an empty list is a declaration too.

    Returns
    -------
    tuple
        In the order of providers, then routes.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> day = SimpleNamespace(name=None, requests=50, tokens=None, usd=None, share=False, per="day", resets=None,
    ...                       use_or_lose=False, reserve_for={}, pool="team")
    >>> route = Route(model="opus", provider="work", id="opus")
    >>> [(pool.label, sorted(pool.names)) for pool in pools_of([route], providers={"home": [day], "work": [day]})]
    [('team: requests-per-day', ['home', 'team', 'work'])]
    """
    found: dict[str, Pool] = {}
    for provider, terms in providers.items():
        for each in terms:
            _join(found, _pool(each, provider, frozenset({provider}), frozenset()))
    for route in routes:
        for each in own[route.name] if route.name in own else models.get(route.model, ()):
            _join(found, _pool(each, route.name, frozenset(), frozenset({route.name})))
    return tuple(found.values())


def _pool(terms: QuotaTerms, owner: str, providers: frozenset[str], routes: frozenset[str]) -> Pool:
    given = (("requests", terms.requests), ("tokens", terms.tokens), ("usd", terms.usd))
    resource, amount = next(((name, value) for name, value in given if value is not None), ("share", None))
    limit = None if amount is None else int(round(amount * NANO, 6)) if resource == "usd" else int(amount)
    return Pool(
        owner=terms.pool or owner,
        resource=resource,
        limit=limit,
        per=terms.per,
        resets=terms.resets,
        name=terms.name or "",
        providers=providers,
        routes=routes,
        use_or_lose=terms.use_or_lose,
        reserve_for=dict(terms.reserve_for),
    )


def _join(found: dict[str, Pool], more: Pool) -> None:
    had = found.get(more.key)
    if had is None:
        found[more.key] = more
        return
    limits = [limit for limit in (had.limit, more.limit) if limit is not None]
    kept = {**had.reserve_for, **more.reserve_for}
    found[more.key] = Pool(
        owner=had.owner,
        resource=had.resource,
        limit=min(limits, default=None),
        per=had.per,
        resets=had.resets,
        name=had.name or more.name,
        providers=had.providers | more.providers,
        routes=had.routes | more.routes,
        use_or_lose=had.use_or_lose or more.use_or_lose,
        reserve_for={who: max(had.reserve_for.get(who, 0.0), more.reserve_for.get(who, 0.0)) for who in kept},
    )


def _written(per: str | timedelta | None) -> str:
    if not isinstance(per, timedelta):
        return per or ""
    seconds = per.total_seconds()
    whole = (f"{seconds / long:.0f}{unit}" for long, unit, n in _UNITS if seconds % long == 0 and seconds >= n * long)
    return next(whole, f"{seconds:g}s")
