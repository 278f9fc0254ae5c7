"""The steps that take models and routes away: each looks at one route, knows no other step, and gives its reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from selector.candidates._references import Routes
from selector.catalog import Model, Route
from selector.records import Exclusion, Reason

__all__ = ["ENABLED", "Promises", "Step", "allowing", "forbidding", "needing", "promising", "said_by"]

Promises = Mapping[str, frozenset[str]]
"""What each provider promises of the data that is sent to it."""

_DISABLED = Exclusion(reason=Reason.DISABLED)


@dataclass(frozen=True, slots=True)
class Step:
    """What takes away.

    Examples
    --------
    >>> opus = Model(name="opus", family="opus", routes=(Route(model="opus", id="opus"),))
    >>> print(needing(["tools"]).test(opus, opus.route))
    missing_capability (tools)
    """

    test: Callable[[Model, Route], Exclusion | None]
    """Why a route of a model may not serve, or None."""
    whole: bool = False
    """Whether it is about the model, whichever the route."""


ENABLED = Step(lambda model, _: None if model.enabled else _DISABLED, whole=True)


def needing(words: Sequence[str]) -> Step:
    """Take away the models that lack a capability, told all that they lack."""

    def test(model: Model, _: Route) -> Exclusion | None:
        missing = [word for word in words if word not in model.capabilities]
        return Exclusion(reason=Reason.MISSING_CAPABILITY, detail=", ".join(missing)) if missing else None

    return Step(test, whole=True)


def promising(words: Sequence[str], promises: Promises) -> Step:
    """Take away the routes whose provider does not promise all of some words; who is not named promises none.

    Examples
    --------
    >>> opus = Model(name="opus", family="opus", routes=(Route(model="opus", id="opus", provider="work"),))
    >>> print(promising(["eu"], {"work": frozenset()}).test(opus, opus.route))
    data_constraint (work does not promise eu)
    """

    def test(_: Model, route: Route) -> Exclusion | None:
        kept = promises.get(route.provider, frozenset()) if route.provider is not None else frozenset()
        missing = ", ".join(word for word in words if word not in kept)
        if not missing:
            return None
        said = f"{route.provider} does not promise {missing}" if route.provider else f"no provider promises {missing}"
        return Exclusion(reason=Reason.DATA_CONSTRAINT, detail=said)

    return Step(test)


def allowing(routes: Routes, exclusion: Exclusion) -> Step:
    """Take away all routes but some, for one reason."""
    return Step(lambda _, route: None if (route.model, route.provider) in routes else exclusion)


def forbidding(routes: Routes, exclusion: Exclusion) -> Step:
    """Take away some routes, for one reason."""
    return Step(lambda _, route: exclusion if (route.model, route.provider) in routes else None)


def said_by(label: str) -> str:
    """Name a rule in a sentence; a label that is a place says itself that it is a rule.

    Examples
    --------
    >>> said_by("critical"), said_by("rules[2]"), said_by("default_model")
    ('rule critical', 'rules[2]', 'default_model')
    """
    return label if label.startswith("rules[") or label == "default_model" else f"rule {label}"
