"""Whether a session keeps its route: may it serve, does a rule force another, is another worth its prompt cache."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Self

from selector._clients.choice._ruling import Ruled
from selector.candidates import count_tokens
from selector.catalog import Route
from selector.flows import saves
from selector.records import Exclusion, Task

if TYPE_CHECKING:
    from selector._clients.choice._engine import Engine
    from selector._clients.choice._offer import Offer

__all__ = ["HeldTask", "Hold", "held_arm", "held_route", "held_rules", "saving"]

_DEFAULT = "default_model"  # who forces where no rule matches
_MTOK = 1_000_000


@dataclass(slots=True)
class Hold:
    """A route that is kept if it may serve."""

    route: str
    lifted: str | None = None
    """Why it was not kept after all; None: it was, or nobody has chosen yet."""
    is_forced: bool = False
    """Whether a rule forces another, for this one task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeldTask(Task):
    """A task whose session keeps a route."""

    hold: Hold | None = field(default=None, repr=False, compare=False)
    """The route; None: it is to be chosen."""

    def __post_init__(self) -> None:
        Task.__post_init__(self)
        for name in ("is_plain", "is_text", "is_bare"):  # it asks for more than a task that says nothing
            object.__setattr__(self, name, False)

    @classmethod
    def of(cls, task: Task, hold: Hold) -> Self:
        """Keep a route for a task."""
        return cls(**{each.name: getattr(task, each.name) for each in fields(Task) if each.init}, hold=hold)


def held_route(task: Task, routes: Sequence[Route]) -> Route | None:
    """Find the route that is kept among those of one model that may serve."""
    hold = task.hold if isinstance(task, HeldTask) else None
    return None if hold is None else next((route for route in routes if route.name == hold.route), None)


def held_arm(
    task: Task, routes: Sequence[Route], exclusions: Sequence[Exclusion | None], ruled: Ruled | None
) -> int | None:
    """Find the model that is kept; None: none is, and where one was to be, the task's hold says why not.

    What a rule forces goes before what a session keeps, but for an experiment: a session is on one side of it.

    Parameters
    ----------
    task
        For which.
    routes
        The route of each model.
    exclusions
        Why models may not serve.
    ruled
        What the rules made of it.
    """
    hold = task.hold if isinstance(task, HeldTask) else None
    if hold is None:
        return None
    hold.lifted, hold.is_forced = None, False
    arm = next((k for k, route in enumerate(routes) if route.name == hold.route), None)
    forced = _forced(ruled)
    if forced is not None and exclusions[forced] is None:
        if forced != arm:
            hold.lifted, hold.is_forced = _by(ruled), True
        return None
    if arm is None:
        hold.lifted = "its route cannot serve"
        return None
    why = exclusions[arm]
    if why is not None:
        hold.lifted = str(why)
        return None
    return arm


def held_rules(ruled: Ruled | None) -> Ruled | None:
    """Give what the rules say of a task whose model is kept: no word of who they would have forced, or drawn."""
    return None if ruled is None or ruled.rest < 1 else ruled


def _forced(ruled: Ruled | None) -> int | None:
    """Find the model that a rule forces: neither the one of all tasks that no rule matches, nor an experiment's."""
    applied = None if ruled is None else ruled.applied
    if applied is None or applied.by in {None, _DEFAULT} or applied.experiment is not None:
        return None
    return None if ruled is None else ruled.forced


def _by(ruled: Ruled | None) -> str:
    """Name the rule that forces."""
    applied = None if ruled is None else ruled.applied
    if applied is None:
        return "a rule"
    return f"rule {next((str(fired) for fired in applied.fired if fired.rule == applied.by), applied.by)}"


def saving(engine: Engine, task: Task, route: str, cached: int, among: frozenset[str], n_turns: int) -> str | None:
    """Name the model that is worth the prompt cache of the one that serves a session; None: none is.

    Compared are the expected costs of a turn at each, as if what the conversation has read so far were in either's
    cache; that it is not in the other's is the price of going there, paid once. Only models that are believed to be no
    worse at such tasks count: what a better one is worth, the choice itself weighs, at the next boundary.

    Parameters
    ----------
    engine
        With what is believed, and what calls cost.
    task
        The turn.
    route
        That serves the session.
    cached
        How long the conversation is that it has read, in tokens.
    among
        The models that may serve.
    n_turns
        How many turns a change would last.
    """
    offer, catalog = engine.mind.offers.get(task.type), engine.mind.plan.catalog
    if offer is None or cached <= 0:
        return None
    kept = next((found for model in catalog for found in model.routes if found.name == route), None)
    if kept is None or kept.prices is None or kept.model not in offer.models:
        return None
    at = datetime.fromtimestamp(max(engine.clock(), 0.0), UTC)
    tokens = task.input_tokens if task.input_tokens is not None else count_tokens(task)
    fresh = max((tokens or 0) - cached, 0)
    now = _turn_usd(offer, kept, fresh, cached, at)
    mean, arm = offer.board.mean, offer.models.index(kept.model)
    best: tuple[float, str] | None = None
    for k, name in enumerate(offer.models):
        if name != kept.model and name in among and offer.board.may[k] and mean[k] >= mean[arm]:
            usd = _turn_usd(offer, catalog.model(name).route, fresh, cached, at)
            if usd is not None and (best is None or usd < best[0]):
                best = usd, name
    if now is None or best is None:
        return None
    price = kept.prices.usd(at=at)
    gains = saves(
        per_turn_usd=now - best[0],
        n_turns=n_turns,
        cached_tokens=cached,
        input_usd=price["usd_per_mtok_in"],
        cache_read_usd=price["usd_per_mtok_cache_read"],
    )
    return best[1] if gains else None


def _turn_usd(offer: Offer, route: Route, fresh: int, cached: int, at: datetime) -> float | None:
    """Say what a turn is expected to cost whose conversation so far is read from the cache."""
    if route.prices is None:
        return None
    usd = route.prices.usd(at=at)
    read = fresh * usd["usd_per_mtok_in"] + cached * usd["usd_per_mtok_cache_read"]
    return offer.out_each[offer.models.index(route.model)] + read / _MTOK
