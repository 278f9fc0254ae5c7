"""What a call showed of the route it went to: whether it serves, and what is left of its limits."""

from __future__ import annotations

from dataclasses import dataclass

from selector.records._failure import Failure

__all__ = ["HealthSeen", "QuotaSeen"]


@dataclass(frozen=True, slots=True, kw_only=True)
class HealthSeen:
    """A call's end, as it tells of the route's health.

    Examples
    --------
    >>> HealthSeen(route="sonnet@work", at_s=1_000.0, failure=Failure.OVERLOADED, until_s=1_030.0).failure.of_route
    True
    """

    route: str
    """The route, such as ``sonnet@work``."""
    at_s: float
    """When, in seconds since 1970."""
    failure: Failure | None = None
    """Why it failed; None: it answered."""
    until_s: float | None = None
    """Until when the provider asks to be left alone, in seconds since 1970; None: it does not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaSeen:
    """How a provider's own limit stands.

    Examples
    --------
    >>> QuotaSeen(route="sonnet@work", at_s=0.0, resource="requests", remaining=0, resets_at_s=60.0).is_spent
    True
    """

    route: str
    """The route whose answer said so."""
    at_s: float
    """When, in seconds since 1970."""
    resource: str = ""
    """Of what: ``requests``, ``tokens``, ``input_tokens``, ``output_tokens``; empty: not said."""
    remaining: float | None = None
    """How much is left; None: not said."""
    limit: float | None = None
    """How much there is in a window; None: not said."""
    resets_at_s: float | None = None
    """When there is room again, in seconds since 1970; None: not said."""
    exhausted: bool = False
    """Whether a call was refused for it: a limit of hours or days, and no short rush."""

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left."""
        return self.exhausted or (self.remaining is not None and self.remaining <= 0)
