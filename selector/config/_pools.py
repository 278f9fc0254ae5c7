"""What must hold between quotas: whom they are kept for exists, and what shares a pool says the same of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selector.config._chains import inherited
from selector.config._named import Problem, known_type, unknown_purpose
from selector.config._places import dotted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from selector.config._named import Whole
    from selector.config._places import KeyPath
    from selector.config._quotas import QuotaConfig


def pools(config: Whole) -> tuple[str, ...]:
    """Name the pools that quotas share, in the order in which they are first named.

    Examples
    --------
    >>> from selector.config import Config
    >>> pools(Config.load({"models": {"a": {}}}))
    ()
    """
    return tuple(dict.fromkeys(quota.pool for _, quota in _quotas(config) if quota.pool is not None))


def quota_problems(config: Whole) -> Iterator[Problem]:
    """Find what does not hold between quotas and the rest."""
    shared: dict[tuple[str, str], tuple[KeyPath, QuotaConfig]] = {}
    for path, quota in _quotas(config):
        for use in quota.reserve_for:
            kind, _, name = use.partition(":")
            here = (*path, "reserve_for", use)
            if kind == "task_type":
                yield from known_type(config, name, here)
            elif name not in config.purposes:
                yield Problem(here, unknown_purpose(name, config))
        if quota.pool is None:
            continue
        if quota.pool in config.providers:
            yield Problem((*path, "pool"), f"{quota.pool!r} is the name of a provider; give the pool its own")
        first, other = shared.setdefault((quota.pool, quota.label), (path, quota))
        if other.model_dump() != quota.model_dump():
            said = f"shares the pool {quota.pool!r} with {dotted(first)}, which says otherwise of {quota.label!r}"
            yield Problem(path, f"{said}; write the same in both, or give it a name of its own")


def route_by_problems(config: Whole) -> Iterator[Problem]:
    """Say so where routes are chosen by rules, and there are none, or have weights, and nobody weighs them."""
    for name, model in config.models.items():
        if model.route_by == "rules" and not config.rules:
            yield Problem(("models", name, "route_by"), "is 'rules', and there is no rule; write one under rules")
        weighed = [served_by for served_by, route in (model.routes or {}).items() if route.weight is not None]
        if weighed and inherited(config, name, "route_by") != "round_robin":
            said = f"weights count where routes take turns: give models.{name}.route_by: round_robin, or delete it"
            yield Problem(("models", name, "routes", weighed[0], "weight"), said)


def _quotas(config: Whole) -> Iterator[tuple[KeyPath, QuotaConfig]]:
    for name, provider in config.providers.items():
        yield from _placed(provider.quotas, ("providers", name))
    for name, model in config.models.items():
        yield from _placed(model.quotas, ("models", name))
        for served_by, route in (model.routes or {}).items():
            yield from _placed(route.quotas, ("models", name, "routes", served_by))


def _placed(quotas: tuple[QuotaConfig, ...] | None, path: KeyPath) -> Iterator[tuple[KeyPath, QuotaConfig]]:
    return (((*path, "quotas", place), quota) for place, quota in enumerate(quotas or ()))
