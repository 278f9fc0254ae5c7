"""Snapshots of the fold: whole or not at all, with the one before kept for the day that this one is damaged."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from selector.errors import SchemaVersionError, StateError
from selector.store._files import Files, publish
from selector.store._frame import Fault
from selector.store._locks import hold, let_go
from selector.store._parquet import DamagedError, from_bytes, to_bytes
from selector.store._quarantine import Quarantine
from selector.store._reader import Position

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Folded", "Snapshot", "Snapshots"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A table, and which events are folded into it."""

    table: pa.Table
    folded: dict[str, Position]
    """The last part and number of each writer that is in it."""
    fold_version: int
    """The version of the fold that made it."""
    extra: dict[str, Any] = field(default_factory=dict)
    """What else the fold wrote with it."""


class Folded(NamedTuple):
    """What a snapshot says of itself."""

    positions: Mapping[str, Position]
    """The last part and number of each writer that is in it."""
    version: int
    """The version of the fold that made it."""
    extra: Mapping[str, Any]
    """What else belongs to it."""


class Snapshots:
    """Writes and reads the snapshots of a state folder.

    Parameters
    ----------
    root
        The state folder.
    files
        Through which files are changed.
    quarantine
        Where damage is told.
    """

    def __init__(self, root: Path, files: Files, quarantine: Quarantine) -> None:
        self._root, self._files, self._quarantine = root, files, quarantine

    def write(self, name: str, table: pa.Table, folded: Folded) -> bool:
        """Replace a snapshot, and keep the one before.

        Parameters
        ----------
        name
            Its name, without an ending.
        table
            What was folded.
        folded
            What it says of itself.

        Returns
        -------
        bool
            Whether it was written: not while another process writes one.
        """
        lock = hold(self._root / "snapshot.lock")
        if lock is None:
            return False
        try:
            path = self._path(name)
            data = self._bytes_of(name, table, folded)
            if path.exists() and isinstance(self._load(path), Snapshot):
                publish(self._files, self._previous(path), path.read_bytes())
            publish(self._files, path, data)
        finally:
            let_go(lock)
        return True

    def read(self, name: str, fold_version: int) -> Snapshot | None:
        """Read a snapshot; where it is damaged, the one before.

        Parameters
        ----------
        name
            Its name, without an ending.
        fold_version
            The version of the caller's fold.

        Returns
        -------
        Snapshot or None
            None where there is none, none is whole, or an older fold made it: then the log must be folded anew.

        Raises
        ------
        SchemaVersionError
            If a newer fold made it.
        """
        path = self._path(name)
        for each in (path, self._previous(path)):
            found = self._load(each)
            if isinstance(found, Fault):
                self._quarantine.keep(found, each.read_bytes())
            elif found is not None:
                if found.fold_version > fold_version:
                    raise SchemaVersionError(
                        f"{each} was folded by version {found.fold_version}, and this is version {fold_version}; "
                        "update the library"
                    )
                return found if found.fold_version == fold_version else None
        return None

    def _path(self, name: str) -> Path:
        if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
            raise StateError(f"a snapshot's name is a word in small letters, not {name!r}")
        return self._root / f"{name}.parquet"

    @staticmethod
    def _bytes_of(name: str, table: pa.Table, folded: Folded) -> bytes:
        positions = {writer: [*position] for writer, position in folded.positions.items()}
        note = {"fold_version": folded.version, "folded": positions, "extra": dict(folded.extra)}
        try:
            return to_bytes(table, note)
        except orjson.JSONEncodeError as error:
            raise StateError(f"the extra of the snapshot {name!r} is not JSON: {error}; give words as keys") from error

    @staticmethod
    def _previous(path: Path) -> Path:
        return path.with_name(f"{path.name}.prev")

    def _load(self, path: Path) -> Snapshot | Fault | None:
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            table, note = from_bytes(data)
        except DamagedError as error:
            return Fault("broken", 0, len(data), str(error), 0, path.name)
        folded = {writer: (part, seq) for writer, (part, seq) in note["folded"].items()}
        return Snapshot(table, folded, note["fold_version"], note.get("extra", {}))
