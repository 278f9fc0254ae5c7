"""What makes older evidence count less, or brings evidence from elsewhere: alarms, versions, resets, imports."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal

from selector._clients.learning._grants import as_of, grant
from selector._clients.learning._mind import Mind
from selector.posteriors import Event as Withdrawal

if TYPE_CHECKING:
    from selector._clients.learning._fold import Fold

__all__ = ["is_of_beliefs", "relearn"]

_BY_HAND = frozenset({"reset", "import"})

Event = Mapping[str, Any]


def is_of_beliefs(event: Event) -> bool:
    """Tell whether an event is about evidence itself, and not about one decision."""
    return event["kind"] == "drift" or (event["kind"] == "audit" and event.get("what") in _BY_HAND)


def relearn(fold: Fold, event: Event, *, taught: bool) -> None:
    """Take in an alarm or a new version of a prompt that another process wrote, a reset, or an import, exactly."""
    if event.get("what") == "version":
        fold.versions.setdefault(event["task_type"], []).append(event["version"])
    if taught:
        return
    if event.get("what") == "import":
        _take_grant(fold, event)
        return
    mind, present, at = fold.mind, _present(fold, event), _at(fold, event)
    mind.learn(present)
    later = [
        lesson
        for entry in fold.entries.values()
        if fold.at(entry) > at
        for lesson in fold.teacher.lessons(entry)
        if event.get("task_type", lesson.type) == lesson.type and mind.is_same(event.get("model"), lesson.model)
    ]
    granted = [each for each in fold.granted if as_of(mind, each) > at]
    for lesson in later:
        mind.unlearn(lesson)
    mind.learn(present)
    for each in granted:
        grant(mind, each, -1.0)
    _apply(mind, event, at, present)
    for each in granted:
        grant(mind, each)
    for lesson in later:
        mind.add(lesson)


def _take_grant(fold: Fold, event: Event) -> None:
    """Take in evidence that was taken over from another folder."""
    mind, present = fold.mind, _present(fold, event)
    fold.granted.append(dict(event))
    mind.learn(present)
    grant(mind, event)
    mind.refresh(present, whole=True)


def _present(fold: Fold, event: Event) -> float:
    """Say when an event was written, in the unit in which evidence ages."""
    return float(event["at"]) if fold.mind.plan.by_clock else float(fold.next_n)


def _at(fold: Fold, event: Event) -> float:
    """Say up to when evidence counts less, in the unit in which it ages."""
    return as_of(fold.mind, event) if event.get("what") == "reset" else float(event["n"])


def _apply(mind: Mind, event: Event, at: float, present: float) -> None:
    """Let evidence count less, also that of a model that is configured no longer."""
    keep, of, what = float(event["keep"]), event.get("task_type"), event.get("what")
    if what == "version":
        mind.apply(Withdrawal("version", at, mind.type_of(str(of), present), keep), present)
        return
    kind: Literal["drift", "reset"] = "reset" if what == "reset" else "drift"
    model = mind.models.get(event["model"])
    if model is not None:
        type_ = None if of is None else mind.type_of(of, present)
        mind.apply(Withdrawal(kind, at, model, keep, type=type_), present)
    else:
        retired, place = mind.retired_cell(of, event["model"], present)
        mind.retired.apply(Withdrawal(kind, at, place, keep, type=None if of is None else retired))
