"""The proof that a writer lives: a lock that it takes before anyone can see it, and holds until it ends."""

from __future__ import annotations

import os
from pathlib import Path

import orjson

from selector.errors import StateError
from selector.store._files import Files
from selector.store._locks import hold

__all__ = ["begin", "life_file"]


def life_file(root: Path, writer: str) -> Path:
    """Name the lock of a writer.

    Parameters
    ----------
    root
        The state folder.
    writer
        Whose lock.

    Returns
    -------
    Path
        The file that is locked while it lives; what it says of the process is for people.
    """
    return root / "writers" / f"{writer}.lock"


def begin(root: Path, writer: str, files: Files, now: float) -> int:
    """Hold the lock of a new writer.

    Parameters
    ----------
    root
        The state folder.
    writer
        A name that nobody has.
    files
        Through which files are changed.
    now
        The time in seconds.

    Returns
    -------
    int
        The descriptor that holds the lock.

    Raises
    ------
    StateError
        If it cannot be written, or the name is taken.
    """
    path = life_file(root, writer)
    temporary = path.with_name(f"{path.name}.tmp")
    try:
        held = hold(temporary)
        if held is None:
            raise StateError(f"the writer {writer!r} lives already; take another name")
        body = {"pid": os.getpid(), "started": now, "boot_id": _boot_id()}
        files.write(held, orjson.dumps(body))
        files.rename(temporary, path)
    except OSError as error:
        raise StateError(
            f"the state in {root} cannot be written: {error.strerror or error}; make room, give write access, or open "
            "it read-only"
        ) from error
    return held


def _boot_id() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="utf-8").strip()
    except OSError:
        return ""
