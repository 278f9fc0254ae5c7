"""What could not be read, kept aside with a note that says what, when and how much."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from selector.store._files import Files, publish
from selector.store._frame import Fault

__all__ = ["Quarantine"]


class Quarantine:
    """The folder of damaged data, and the faults that one reader met.

    Parameters
    ----------
    folder
        Where damaged data is kept; None where nothing may be written.
    files
        Through which it is written.
    clock
        The time in seconds, for the notes.

    Examples
    --------
    >>> seen = Quarantine(None, Files(), lambda: 0.0)
    >>> seen.report(Fault("broken", 10, 4, "the checksum does not fit", file="journal/a.000001.jnl"))
    >>> seen.report(Fault("broken", 10, 4, "the checksum does not fit", file="journal/a.000001.jnl"))
    >>> [(fault.file, fault.offset) for fault in seen.faults]
    [('journal/a.000001.jnl', 10)]
    """

    def __init__(self, folder: Path | None, files: Files, clock: Callable[[], float]) -> None:
        self._folder, self._files, self._clock = folder, files, clock
        self._seen: dict[tuple[str, int, str], Fault] = {}

    @property
    def faults(self) -> list[Fault]:
        """What was met, once each, in the order it was met."""
        return list(self._seen.values())

    def report(self, fault: Fault) -> None:
        """Remember a fault; the same one again changes nothing.

        Parameters
        ----------
        fault
            What could not be read.
        """
        self._seen.setdefault((fault.file, fault.offset, fault.kind), fault)

    def keep(self, fault: Fault, data: bytes, *, must: bool = False) -> None:
        """Remember a fault and keep its bytes, where that is allowed; what is kept already is left as it is.

        Parameters
        ----------
        fault
            What could not be read.
        data
            The damaged bytes.
        must
            Whether a disk that does not take them is an error: before the only other copy is removed it is.
        """
        self.report(fault)
        if self._folder is None:
            return
        name = f"{fault.file.replace('/', '-')}.{fault.offset}"
        note = self._folder / f"{name}.txt"
        if note.exists():
            return
        when = datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds")
        n_lost = "nobody can tell how many" if fault.n_lost is None else f"{fault.n_lost:,}"
        text = (
            f"file: {fault.file}\nkind: {fault.kind}\noffset: {fault.offset}\nbytes: {fault.size}\n"
            f"reason: {fault.reason}\nevents lost: {n_lost}\nfound: {when}\n"
        )
        try:
            publish(self._files, self._folder / f"{name}.bad", data)
            publish(self._files, note, text.encode())
        except OSError:
            if must:
                raise
