"""Finding one decision, or the newest ones, without reading the whole log."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from selector.store._footer import extent_of, rows_with
from selector.store._frame import decode
from selector.store._parquet import DamagedError, table_to_columns
from selector.store._parts import Listing, Part, Parts, listing
from selector.store._tables import TABLES, events_of, microseconds

__all__ = ["Finder"]

Event = dict[str, Any]


class _Known(NamedTuple):
    """What is known of a part before it is yielded."""

    part: Part
    last_us: int | None
    first_us: int | None
    """When the first of its decisions was made."""
    n_decisions: int
    events: list[Event] | None
    """Its events, if they had to be read to know that."""


class Finder:
    """Looks up events by their decision, and the newest of them.

    Parameters
    ----------
    root
        The state folder.
    parts
        Through which parts are read.

    Examples
    --------
    >>> import tempfile
    >>> from selector.store import State
    >>> with tempfile.TemporaryDirectory() as folder, State.open(folder, clock=lambda: 0.0) as state:
    ...     for name in ("d1", "d2"):
    ...         _ = state.append({"kind": "decision", "id": name, "at": 1.0})
    ...         _ = state.append({"kind": "usage", "decision_id": name, "at": 2.0})
    ...     [(event["kind"], event["s"]) for event in state.find("d2")]
    [('decision', 3), ('usage', 4)]
    """

    def __init__(self, root: Path, parts: Parts) -> None:
        self._root, self._parts = root, parts

    def find(self, decision_id: str) -> list[Event]:
        """Read all events of one decision.

        Parameters
        ----------
        decision_id
            Which.

        Returns
        -------
        list of dict
            The decision and what belongs to it, by writer and number.
        """
        found = listing(self._root)
        events: list[Event] = []
        for part in found.every:
            events += self._in_part(part, decision_id, sealed=part in found.sealed)
        return sorted((e for e in events if _belongs(e, decision_id)), key=lambda event: (event["w"], event["s"]))

    def recent(self, n_decisions: int) -> Iterator[Event]:
        """Read the newest decisions, and every event that belongs to them.

        Parameters
        ----------
        n_decisions
            How many decisions at least, as far as there are so many.

        Yields
        ------
        dict
            An event, by writer, part and number.
        """
        found = listing(self._root)
        known = [self._known(part, found) for part in found.every]
        since = _since(known, n_decisions)
        for each in known:
            if since is None or each.last_us is None or each.last_us >= since:
                events = self._parts.read(each.part, sealed=True).events if each.events is None else each.events
                yield from (e for e in events if since is None or not _is_older(e, since))

    def _in_part(self, part: Part, decision_id: str, *, sealed: bool) -> list[Event]:
        if not sealed:
            try:
                return self._in_journal(part, decision_id)
            except FileNotFoundError:
                pass
        events = []
        for table in TABLES:
            path = self._root / "log" / table / f"{part.stem}.parquet"
            try:
                rows = rows_with(path, "id" if table == "decisions" else "decision_id", decision_id)
            except FileNotFoundError:
                continue
            except DamagedError:
                return self._parts.read(part, sealed=True).events
            if rows is not None:
                events += events_of(table, table_to_columns(rows))
        return events

    def _in_journal(self, part: Part, decision_id: str) -> list[Event]:
        """Decode only the lines that have the decision's name in them."""
        data = (self._root / "journal" / f"{part.stem}.jnl").read_bytes()
        name = orjson.dumps(decision_id)
        events: list[Event] = []
        place = data.find(name)
        while place >= 0:
            end = data.find(b"\n", place) + 1 or len(data)
            events += decode(data[data.rfind(b"\n", 0, place) + 1 : end])[0]
            place = data.find(name, end)
        return [event for event in events if event.get("w") == part.writer]

    def _known(self, part: Part, found: Listing) -> _Known:
        if part in found.sealed:
            try:
                extent = extent_of(self._root, part.stem)
                return _Known(part, extent.last_us, extent.first_decision_us, extent.n_decisions, None)
            except (DamagedError, FileNotFoundError):
                pass
        events = self._parts.read(part, sealed=part in found.sealed).events
        decisions = [event for event in events if event["kind"] == "decision"]
        first = min(
            (us for us in (microseconds(event.get("at")) for event in decisions) if us is not None), default=None
        )
        last = max((us for us in (microseconds(event.get("at")) for event in events) if us is not None), default=None)
        return _Known(part, last, first, len(decisions), events)


def _since(known: list[_Known], n_decisions: int) -> int | None:
    """Go back from the newest part until there are enough decisions; None where that is the whole log."""
    n, since = 0, None
    for each in sorted(known, key=lambda each: (each.last_us is None, each.last_us), reverse=True):
        if n >= n_decisions:
            return since
        n += each.n_decisions
        if each.first_us is not None:
            since = each.first_us if since is None else min(since, each.first_us)
    return None


def _is_older(event: Event, since: int) -> bool:
    if event["kind"] != "decision":
        return False
    at = microseconds(event.get("at"))
    return at is not None and at < since


def _belongs(event: Event, decision_id: str) -> bool:
    return bool(event.get("id" if event["kind"] == "decision" else "decision_id") == decision_id)
