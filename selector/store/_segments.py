"""Sealing: a closed part becomes Parquet, one file per table, and its journal goes last."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from time import sleep
from typing import Any

from selector.errors import StateError
from selector.store._claim import living
from selector.store._dropped import Position
from selector.store._files import Files, draft
from selector.store._forget import forget
from selector.store._keep import drop, sweep_dropped
from selector.store._locks import hold, let_go
from selector.store._parquet import columns_to_table, from_bytes, to_bytes
from selector.store._parts import SEGMENT_FORMAT, Listing, Part, PartRead, Parts, listing
from selector.store._quarantine import Quarantine
from selector.store._tables import TABLES, columns_of, table_of

__all__ = ["Sealer"]

_PAUSE_S = 5e-5
_PAUSE_EVERY = 200


def _pause() -> None:
    """Let the threads that select and record have their turn: they wait for nothing else in this process."""
    sleep(_PAUSE_S)


def _gently(events: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    for i, event in enumerate(events, 1):
        yield event
        if not i % _PAUSE_EVERY:
            _pause()


class Sealer:
    """Seals closed parts, and the parts of writers that are dead.

    Parameters
    ----------
    root
        The state folder.
    files
        Through which files are changed.
    parts
        Through which journals are read.
    quarantine
        Where damage is told.
    """

    def __init__(self, root: Path, files: Files, parts: Parts, quarantine: Quarantine) -> None:
        self._root, self._files, self._parts, self._quarantine = root, files, parts, quarantine

    def seal(self, writer: str | None, closed_through: int) -> int:
        """Seal what may be sealed, unless another process is doing so.

        Parameters
        ----------
        writer
            The caller's own writer, which lives.
        closed_through
            Its highest closed part.

        Returns
        -------
        int
            How many parts were sealed.
        """
        lock = hold(self._root / "seal.lock")
        if lock is None:
            return 0
        try:
            return self._seal_all(writer, closed_through)
        finally:
            let_go(lock)

    def drop(self, before_s: float, folded: Mapping[str, Position]) -> int:
        """Drop what is old; wait while another process seals.

        Parameters
        ----------
        before_s
            Only parts of which every event happened before this time.
        folded
            Only parts that are folded.

        Returns
        -------
        int
            How many parts were dropped.
        """
        with self._alone():
            return drop(self._root, self._files, before_s, folded)

    def forget(
        self,
        writer: str | None,
        closed_through: int,
        matches: Callable[[dict[str, Any]], bool],
        fields: Collection[str],
    ) -> tuple[int, list[str]]:
        """Seal what may be sealed, then remove fields of decisions; wait while another process seals.

        Parameters
        ----------
        writer
            The caller's own writer, which lives.
        closed_through
            Its highest closed part.
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

        Raises
        ------
        StateError
            If another living writer has a journal.
        """
        with self._alone():
            self._seal_all(writer, closed_through)
            others = {part.writer for part in listing(self._root).journals} - {writer}
            if others:
                pids = sorted({pid for pid, name in living(self._root) if name in others})
                who = f"process {' and '.join(map(str, pids))}" if pids else "another process"
                raise StateError(
                    f"nothing was forgotten in {self._root}: {who} writes to it; close that one, and forget again"
                )
            return forget(self._root, self._files, matches, fields)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        lock = hold(self._root / "seal.lock", wait=True)
        try:
            yield
        finally:
            if lock is not None:
                let_go(lock)

    def _seal_all(self, writer: str | None, closed_through: int) -> int:
        self._sweep()
        found = listing(self._root)
        n_sealed = 0
        for owner in sorted({part.writer for part in found.journals}):
            if owner == writer:
                n_sealed += self._seal_through(owner, closed_through, found)
            else:
                n_sealed += self._seal_of_another(owner, found)
        self._forget_idle(writer, found)
        return n_sealed

    def _seal_of_another(self, owner: str, found: Listing) -> int:
        """Seal all of a dead writer, and of a living one what is below its highest part."""
        life = self._root / "writers" / f"{owner}.lock"
        proof: int | None = None
        with suppress(FileNotFoundError):
            proof = hold(life, create=False)
            if proof is None:
                return self._seal_through(owner, found.last[owner] - 1, found)
        try:
            now = listing(self._root)
            n_sealed = self._seal_through(owner, now.last[owner], now)
        finally:
            if proof is not None:
                let_go(proof)
        return n_sealed

    def _seal_through(self, owner: str, last: int, found: Listing) -> int:
        due = [part for part in sorted(found.journals) if part.writer == owner and part.number <= last]
        return sum(self._seal_part(part, committed=part in found.sealed) for part in due)

    def _seal_part(self, part: Part, *, committed: bool) -> int:
        path = self._root / "journal" / f"{part.stem}.jnl"
        in_use = hold(path, create=False)
        if in_use is None:
            return 0
        try:
            if not (committed and self._parts.is_whole(part)):
                read = self._parts.read_journal(part, must_keep=True, pause=_pause)
                if read.torn is not None:
                    self._quarantine.report(read.torn)
                if read.events:
                    self._commit(part, read)
            self._files.unlink(path)
        finally:
            let_go(in_use)
        return 1

    def _commit(self, part: Part, read: PartRead) -> None:
        """Write all tables aside, give the names of all but `decisions`, wait for the disk, then name `decisions`."""
        by_table: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
        for event in read.events:
            by_table[table_of(event)].append(event)
        note = {
            "format": SEGMENT_FORMAT,
            "writer": part.writer,
            "part": part.number,
            "first_seq": read.events[0]["s"],
            "last_seq": read.events[-1]["s"],
            "n_lost": read.n_lost,
            "rows": {name: len(events) for name, events in by_table.items()},
        }
        last_first = [name for name in [*TABLES][::-1] if by_table[name] or name == "decisions"]
        targets = {name: self._root / "log" / name / f"{part.stem}.parquet" for name in last_first}
        for name, target in targets.items():
            table = columns_to_table(columns_of(name, _gently(by_table[name])), TABLES[name], _pause)
            data = to_bytes(table, note, compact=True)
            from_bytes(data)
            draft(self._files, target.with_name(f"{target.name}.tmp"), data)
        for target in targets.values():
            self._files.rename(target.with_name(f"{target.name}.tmp"), target)
            self._files.sync_folder(target.parent)

    def _sweep(self) -> None:
        """Remove what a sealer left behind that died."""
        for name in TABLES:
            for path in (self._root / "log" / name).glob("*.tmp"):
                self._files.unlink(path)
        sweep_dropped(self._root, self._files)

    def _forget_idle(self, writer: str | None, found: Listing) -> None:
        """Remove the locks of dead writers whose parts are all sealed."""
        with_journal = {part.writer for part in found.journals}
        for path in sorted((self._root / "writers").glob("*.lock")):
            if path.stem == writer or path.stem in with_journal:
                continue
            with suppress(FileNotFoundError):
                proof = hold(path, create=False)
                if proof is not None:
                    try:
                        self._files.unlink(path)
                    finally:
                        let_go(proof)
