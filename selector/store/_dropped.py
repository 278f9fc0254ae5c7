"""What was dropped of the log on purpose: remembered before the files go, so that nobody takes it for a loss."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from zlib import crc32

import orjson

from selector.store._files import Files, publish

__all__ = ["Position", "dropped", "remember"]

Position = tuple[int, int]
"""The part and the number of an event of a writer."""


def dropped(root: Path) -> dict[str, Position]:
    """Say up to where the log was dropped.

    Parameters
    ----------
    root
        The state folder.

    Returns
    -------
    dict
        The last part and number of each writer that were dropped. Nothing where the file is damaged: then what it
        said is reported as missing.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     _ = Path(folder, "log").mkdir()
    ...     remember(Files(), Path(folder), {"ann": (3, 120)})
    ...     dropped(Path(folder))
    {'ann': (3, 120)}
    """
    try:
        note = orjson.loads(_file(root).read_bytes())
        positions = {writer: (int(part), int(seq)) for writer, (part, seq) in note["dropped"].items()}
        return positions if note["crc32"] == _checksum(positions) else {}
    except (FileNotFoundError, orjson.JSONDecodeError, KeyError, TypeError, ValueError, AttributeError):
        return {}


def remember(files: Files, root: Path, positions: Mapping[str, Position]) -> None:
    """Write durably up to where the log is dropped; from then on nobody reads what is left of it.

    Parameters
    ----------
    files
        Through which it is written.
    root
        The state folder.
    positions
        The last part and number of each writer.
    """
    note = {"crc32": _checksum(positions), "dropped": {writer: [*at] for writer, at in positions.items()}}
    publish(files, _file(root), orjson.dumps(note) + b"\n")


def _file(root: Path) -> Path:
    return root / "log" / "dropped.json"


def _checksum(positions: Mapping[str, Position]) -> str:
    return f"{crc32(orjson.dumps(sorted((w, *at) for w, at in positions.items()))):08x}"
