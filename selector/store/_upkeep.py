"""What is done to a state folder now and then: sealing, snapshots, dropping and forgetting."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from selector.errors import StateError
from selector.store._forget import FORGETTABLE, NEVER_FORGOTTEN
from selector.store._keep import droppable
from selector.store._reader import Position
from selector.store._snapshots import Folded
from selector.store._view import View

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Upkeep"]


class Upkeep(View):
    """The side of `State` that keeps the folder in order."""

    def seal(self, *, current: bool = False) -> int:
        """Turn closed parts, and parts of dead writers, into Parquet, unless another process is doing so.

        Parameters
        ----------
        current
            Whether to close this writer's part first, even if it is neither full nor old.

        Returns
        -------
        int
            How many parts were sealed.

        Raises
        ------
        StateError
            If the disk did not take it; then the journals stay, and nothing is lost.
        """
        if self.read_only:
            raise self._forbidden()
        closed_through = self._close_part(due_only=not current)
        try:
            return self._sealer.seal(self.writer, closed_through)
        except OSError as error:
            raise StateError(
                f"the log in {self.path} was not sealed: {error.strerror or error}; make room: its journals stay"
            ) from error

    def droppable(self, before_s: float) -> dict[str, Position]:
        """Say what `drop` would remove: the last part and number of each writer of whom something may go.

        Parameters
        ----------
        before_s
            Only parts of which every event happened before this time, in seconds since 1970.

        Returns
        -------
        dict
            Positions, by writer.
        """
        return droppable(self.path, before_s)

    def drop(self, before_s: float, folded: Mapping[str, Position]) -> int:
        """Remove the oldest sealed parts for good, once what they say is kept in a snapshot.

        A writer's parts go from its first up to the one that must stay. A crash leaves either all that was to be
        dropped readable, or none of it.

        Parameters
        ----------
        before_s
            Only parts of which every event happened before this time, in seconds since 1970.
        folded
            Only parts up to these positions, such as those of the snapshot that keeps their fold.

        Returns
        -------
        int
            How many parts were dropped.

        Raises
        ------
        StateError
            If the disk did not take it.
        """
        if self.read_only or self._closed:
            raise self._forbidden()
        try:
            return self._sealer.drop(before_s, folded)
        except OSError as error:
            raise StateError(
                f"what is old was not dropped from {self.path}: {error.strerror or error}; make room, or give write "
                "access, and drop again"
            ) from error

    def forget(self, matches: Callable[[dict[str, Any]], bool], fields: Collection[str] = FORGETTABLE) -> int:
        """Remove what users wrote from decisions, for good; of everything else nothing changes.

        The parts of this process and of dead ones are sealed first. Files with such a decision are written anew and
        take the place of the old, each at once: after a crash, forget again. Damaged bytes of journals and decisions
        that were kept aside are removed as well, for nobody can tell what is in them; the notes about them stay.
        Events other than decisions, snapshots, and copies of the folder are left as they are.

        Parameters
        ----------
        matches
            Which decisions.
        fields
            Which of their fields.

        Returns
        -------
        int
            How many decisions had one of the fields.

        Raises
        ------
        StateError
            If another process writes to the folder, a field cannot be forgotten, the disk did not take it, or a file
            is damaged and may still hold the fields, which the message names.
        """
        if self.read_only or self._closed:
            raise self._forbidden()
        for name in fields:
            if name in NEVER_FORGOTTEN:
                raise StateError(f"the field {name!r} of a decision cannot be forgotten; leave it out")
        try:
            n_changed, unread = self._sealer.forget(self.writer, self._close_part(), matches, fields)
        except OSError as error:
            raise StateError(
                f"not all was forgotten in {self.path}: {error.strerror or error}; make room, and forget again"
            ) from error
        if unread:
            raise StateError(
                f"{n_changed:,} decisions were cleaned, but {' and '.join(unread)} in {self.path} cannot be read and "
                "may still hold the fields; restore or delete what is damaged, and forget again"
            )
        return n_changed

    def write_snapshot(
        self,
        name: str,
        table: pa.Table,
        folded: Mapping[str, Position],
        *,
        fold_version: int = 1,
        extra: Mapping[str, Any] | None = None,
    ) -> bool:
        """Replace a snapshot of the fold, and keep the one before.

        Parameters
        ----------
        name
            Such as ``posteriors``.
        table
            What was folded.
        folded
            Up to which part and number of each writer.
        fold_version
            The version of the fold.
        extra
            What else belongs to it, as JSON can hold it: `Snapshot.extra` gives it back.

        Returns
        -------
        bool
            Whether it was written: not while another process writes one.

        Raises
        ------
        StateError
            If the disk did not take it, or `extra` is not JSON; then the one before stays.
        """
        if self.read_only:
            raise self._forbidden()
        self.flush()
        try:
            return self._snapshots.write(name, table, Folded(dict(folded), fold_version, dict(extra or {})))
        except OSError as error:
            raise StateError(
                f"the snapshot {name!r} was not written to {self.path}: {error.strerror or error}; make room"
            ) from error

    def _close_part(self, *, due_only: bool = False) -> int:
        journal = self._journal
        if journal is None:
            return 0
        journal.flush()
        journal.roll(due_only=due_only)
        return journal.closed_through

    def _forbidden(self) -> StateError:
        how = "closed; open it again" if self._closed else "open read-only; open it without read_only"
        return StateError(f"nothing can be written to {self.path}: it is {how}")
