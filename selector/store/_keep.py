"""Dropping what is old: remembered first, then removed, so that a crash in between changes nothing readable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from selector.store._dropped import Position, dropped, remember
from selector.store._files import Files
from selector.store._footer import extent_of
from selector.store._parquet import DamagedError
from selector.store._parts import Listing, Part, listing, parts_in
from selector.store._tables import TABLES

__all__ = ["drop", "droppable", "sweep_dropped"]


def drop(root: Path, files: Files, before_s: float, folded: Mapping[str, Position]) -> int:
    """Drop the oldest sealed parts of each writer; the caller holds the lock of sealing.

    Parameters
    ----------
    root
        The state folder.
    files
        Through which files are changed.
    before_s
        Only parts of which every event happened before this time.
    folded
        Only parts that are folded: the last part and number of each writer that is.

    Returns
    -------
    int
        How many parts were dropped.
    """
    found = listing(root)
    sweep_dropped(root, files)
    due = [part for writer in found.last for part in _due(root, found, writer, before_s, folded)]
    if due:
        ends = {part.writer: (part.number, extent_of(root, part.stem).last_seq) for part in due}
        alive = {path.stem for path in (root / "writers").glob("*.lock")} | found.last.keys()
        remember(files, root, {w: at for w, at in found.dropped.items() if w in alive} | ends)
        sweep_dropped(root, files)
    return len(due)


def droppable(root: Path, before_s: float) -> dict[str, Position]:
    """Say up to which part and number of each writer all happened before a time, as far as that is sealed.

    Parameters
    ----------
    root
        The state folder.
    before_s
        The time, in seconds since 1970.

    Returns
    -------
    dict
        Writers of whom nothing may go are not in it.
    """
    found = listing(root)
    every = dict.fromkeys(found.last, (2**62, 2**62))
    due = [part for writer in found.last for part in _due(root, found, writer, before_s, every)]
    return {part.writer: (part.number, extent_of(root, part.stem).last_seq) for part in due}


def sweep_dropped(root: Path, files: Files) -> None:
    """Remove the files of dropped parts, the commit mark last; the caller holds the lock of sealing.

    Parameters
    ----------
    root
        The state folder.
    files
        Through which files are changed.
    """
    positions = dropped(root)
    for table in [*TABLES][::-1]:
        folder = root / "log" / table
        gone = [part for part in parts_in(folder) if part.number <= positions.get(part.writer, (0, 0))[0]]
        for part in sorted(gone):
            files.unlink(folder / f"{part.stem}.parquet")
        if gone:
            files.sync_folder(folder)


def _due(root: Path, found: Listing, writer: str, before_s: float, folded: Mapping[str, Position]) -> Iterator[Part]:
    """Go through a writer's parts from the oldest, up to the first that must stay."""
    for part in found.every:
        if part.writer != writer:
            continue
        if part in found.journals:
            return
        try:
            extent = extent_of(root, part.stem)
        except (DamagedError, FileNotFoundError):
            return
        is_folded = (part.number, extent.last_seq) <= folded.get(writer, (0, 0))
        if extent.last_us is None or extent.last_us >= before_s * 10**6 or not is_folded:
            return
        yield part
