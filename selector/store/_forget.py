"""Forgetting what a user wrote: fields of sealed decisions go, everything else stays as it is."""

from __future__ import annotations

from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any

from selector.store._files import Files, publish
from selector.store._locks import hold, let_go
from selector.store._parquet import DamagedError, columns_to_table, read_checked, table_to_columns, to_bytes
from selector.store._parts import listing
from selector.store._tables import TABLES, columns_of, events_of

__all__ = ["FORGETTABLE", "NEVER_FORGOTTEN", "forget"]

FORGETTABLE = ("labels", "messages", "metadata", "prompt", "session", "system", "task_id", "tools")
"""The fields of a decision that come from the user's task."""
NEVER_FORGOTTEN = ("at", "id", "kind", "s", "w")
"""The fields without which a decision is none."""

_FORGOTTEN = "forgotten: the bytes were removed, because nobody can tell what was in them\n"


def forget(
    root: Path, files: Files, matches: Callable[[dict[str, Any]], bool], fields: Collection[str]
) -> tuple[int, list[str]]:
    """Remove fields of decisions from the sealed parts; the caller holds the lock of sealing.

    Parameters
    ----------
    root
        The state folder.
    files
        Through which files are changed.
    matches
        Which decisions.
    fields
        Which fields.

    Returns
    -------
    n_changed : int
        How many decisions had one of the fields.
    unread : list of str
        Files that are damaged and may still hold such fields.
    """
    n_changed, unread = 0, []
    for part in sorted(listing(root).sealed):
        name = f"log/decisions/{part.stem}.parquet"
        try:
            n_changed += _rewrite(root / name, files, matches, fields)
        except DamagedError:
            unread.append(name)
    _scrub(root, files)
    return n_changed, unread


def _rewrite(path: Path, files: Files, matches: Callable[[dict[str, Any]], bool], fields: Collection[str]) -> int:
    table, note = read_checked(path)
    events = events_of("decisions", table_to_columns(table))
    hits = [event for event in events if not event.keys().isdisjoint(fields) and matches(event)]
    if not hits:
        return 0
    for event in hits:
        for name in fields:
            event.pop(name, None)
    rewritten = columns_to_table(columns_of("decisions", events), TABLES["decisions"])
    publish(files, path, to_bytes(rewritten, note, compact=True))
    return len(hits)


def _scrub(root: Path, files: Files) -> None:
    """Remove damaged bytes that were kept aside, and what writers that died left unfinished."""
    folder = root / "quarantine"
    kept = [path for source in ("journal", "log-decisions") for path in sorted(folder.glob(f"{source}-*.bad"))]
    for path in kept:
        note = path.with_suffix(".txt")
        text = note.read_bytes() if note.exists() else b""
        publish(files, note, text + _FORGOTTEN.encode())
        files.unlink(path)
    lock = hold(root / "snapshot.lock", wait=True)
    try:
        leftovers = [*sorted(folder.glob("*.tmp")), *sorted(root.glob("*.parquet*.tmp"))]
        for path in leftovers:
            files.unlink(path)
    finally:
        if lock is not None:
            let_go(lock)
    if kept or leftovers:
        files.sync_folder(folder)
