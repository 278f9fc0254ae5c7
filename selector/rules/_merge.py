"""How the effects of several rules become one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from selector.rules._applied import Applied, Arm, Fired, Limit, Trial
from selector.rules._rule import Rule

__all__ = ["Hit", "merged"]


@dataclass(frozen=True, slots=True)
class Hit:
    """A rule whose condition holds.

    Examples
    --------
    >>> from selector.rules import Condition
    >>> rule = Rule(condition=Condition.of("true"), model="opus")
    >>> merged([Hit("always", rule)], first=True).model
    'opus'
    """

    label: str
    """Its name, or its place."""
    rule: Rule
    """The rule."""
    taken: bool = True
    """Of a share: whether the task is in it."""


def merged(hits: Sequence[Hit], *, first: bool, default_model: str | None = None) -> Applied:
    """Put the effects together.

    Parameters
    ----------
    hits
        The rules whose conditions hold, in order.
    first
        Whether the first that fires, fires alone.
    default_model
        What is forced where none fired.

    Returns
    -------
    Applied
        What follows.
    """
    trials, live = _trials(hits, first=first)
    model, by = next(((hit.rule.model, hit.label) for hit in live if hit.rule.model is not None), (None, None))
    treated = bool(trials) and trials[-1].arm is Arm.TREATMENT
    otherwise = None
    if treated:
        rest = _without(hits, trials[-1].experiment)
        otherwise = merged(rest, first=first, default_model=default_model)
    if not live and default_model is not None:
        model, by = default_model, "default_model"
    points: dict[str, float] = {}
    for hit in live:
        for reference, value in hit.rule.prefer.items():
            points[reference] = points.get(reference, 0.0) + value
    return Applied(
        fired=tuple(Fired(hit.label, hit.rule.reason) for hit in live),
        model=model,
        by=by,
        trials=trials,
        only=tuple(Limit(hit.label, tuple(hit.rule.only)) for hit in live if hit.rule.only),
        forbid=tuple(Limit(hit.label, tuple(hit.rule.forbid)) for hit in live if hit.rule.forbid),
        prefer=points,
        purpose=_last(live, "purpose"),
        explore=_last(live, "explore"),
        min_success=_last(live, "min_success"),
        conflicts=tuple(_conflicts(live, by)),
        otherwise=otherwise,
    )


def _trials(hits: Sequence[Hit], *, first: bool) -> tuple[tuple[Trial, ...], list[Hit]]:
    """Part the rules that fire from the experiments, which end where a model is forced."""
    trials: list[Trial] = []
    live: list[Hit] = []
    forced = False
    for hit in hits:
        rule = hit.rule
        if rule.share is not None and rule.model is not None and not forced:
            arm = Arm.TREATMENT if hit.taken else Arm.CONTROL
            trials.append(Trial(hit.label, rule.model, rule.share, arm))
        if hit.taken:
            live.append(hit)
            forced = forced or rule.model is not None
            if first:
                break
    return tuple(trials), live


def _without(hits: Sequence[Hit], label: str) -> list[Hit]:
    """Leave out a treatment and the experiments before it, of which the task is control either way."""
    k = next(n for n, hit in enumerate(hits) if hit.label == label)
    return [hit for hit in hits[:k] if hit.rule.share is None] + list(hits[k + 1 :])


def _last(live: Sequence[Hit], effect: str) -> Any:  # noqa: ANN401 - the effect's own type
    said = [value for hit in live if (value := getattr(hit.rule, effect)) is not None]
    return said[-1] if said else None


def _conflicts(live: Sequence[Hit], by: str | None) -> Iterator[str]:
    """Tell where two rules said different things."""
    models = [(hit.label, hit.rule.model) for hit in live if hit.rule.model is not None]
    for label, model in models[1:]:
        if model != models[0][1]:
            yield f"{label} asks for model {model}, and {by} before it forces {models[0][1]}"
    for effect in ("purpose", "explore", "min_success"):
        said = [(hit.label, value) for hit in live if (value := getattr(hit.rule, effect)) is not None]
        for label, value in said[:-1]:
            if value != said[-1][1]:
                yield f"{label} says {effect} {value}, and {said[-1][0]} after it says {said[-1][1]}"
