"""Sessions in the log: what is written of each turn, and how one is taken up again."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from hashlib import blake2b
from typing import Any

from selector._clients._core import Core
from selector.errors import StateError
from selector.flows import Course, SessionEvent, Switches

__all__ = ["last_lines", "taken_up", "write"]

_logger = logging.getLogger("selector")
_KIND = "session"
_PAGE = 64  # turns
_MARKS = 8  # turns whose judgement may come after a restart; of earlier ones the failures in a row are kept


def _key(session: str, page: int | None = None) -> str:
    """Name a session as events of the log name a decision, so that its own are found without reading all of it.

    Its changes and the first line of each page stand under one name, the rest page by page, so that a long session is
    taken up from a few lines. A digest: the name itself stands in `session` alone, where it can be forgotten.
    """
    found = f"session:{blake2b(session.encode(), digest_size=12).hexdigest()}"
    return found if page is None else f"{found}/{page}"


def write(core: Core, session: str, course: Course, **facts: Any) -> None:  # noqa: ANN401 - facts of an event
    """Write down how a session stands, and what happened; where the disk refuses it, the session goes on without.

    Parameters
    ----------
    core
        Where.
    session
        Its id.
    course
        How it stands.
    **facts
        What happened: ``what``, and what belongs to it.
    """
    saved = course.saved()
    marks = saved["marks"]
    good = max((place for place, (_, how) in enumerate(marks) if how), default=0)
    late = len(marks) - _MARKS
    saved["marks"] = [mark for place, mark in enumerate(marks) if place >= late or (mark[1] is False and place > good)]
    engine = core.engine
    is_landmark = bool(facts.get("switch")) or (facts.get("what") == "turn" and course.turn % _PAGE == 0)
    key = _key(session, None if is_landmark else course.turn // _PAGE)
    event = {"kind": _KIND, "at": round(engine.clock(), 6), "decision_id": key, "session": session}
    facts = {name: fact for name, fact in facts.items() if fact is not None}
    try:
        with engine.lock:
            core.state.append({**event, **facts, "turn": course.turn, "course": saved})
    except StateError as error:
        _logger.warning("session %s: its turn %d is not in the log: %s", session, course.turn, error)


def taken_up(core: Core, session: str) -> tuple[Course, Switches, float]:
    """Find how a session stands by the log, and since when; one that is not there begins.

    Parameters
    ----------
    core
        Whose log.
    session
        Its id.
    """
    course, switches = Course(), Switches()
    events = _found(core, _key(session))
    if events:
        last = max(int(event["turn"]) for event in events)
        events += _found(core, _key(session, last // _PAGE))
    events.sort(key=lambda event: (event["turn"], event["at"], event["s"]))
    for event in events:
        if event.get("switch"):
            switches.take_up(event["switch"])
    if events:
        course = Course.of(events[-1]["course"])
    return course, switches, float(events[-1]["at"]) if events else 0.0


def _found(core: Core, key: str) -> list[dict[str, Any]]:
    return [event for event in core.state.find(key) if event["kind"] == _KIND and "course" in event]


def last_lines(events: Iterable[dict[str, Any]], most: int = 10) -> tuple[str, ...]:
    """Say of the sessions in some events how each stands, the latest last.

    Parameters
    ----------
    events
        Of the log.
    most
        Of how many sessions at most.
    """
    found: dict[str, tuple[float, str]] = {}
    for event in events:
        if event["kind"] != _KIND or "session" not in event or "course" not in event:
            continue
        name, at = str(event["session"]), float(event["at"])
        if event.get("switch") and (name not in found or found[name][0] <= at):
            found[name] = at, line(name, SessionEvent(**event["switch"]))
    return tuple(words for _, words in sorted(found.values())[-most:])


def line(session: str, event: SessionEvent) -> str:
    """Tell of a session's last change."""
    return f"{session}: {event}"
