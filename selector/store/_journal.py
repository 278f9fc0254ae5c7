"""The journal of one writer: an event is acknowledged when the kernel has its whole line, or the disk."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import Any

import orjson

from selector.errors import StateError
from selector.store._files import Files
from selector.store._frame import body_of, frame
from selector.store._limits import Durability, Limits
from selector.store._names import stem_of
from selector.store._tender import Tender

__all__ = ["Journal"]

_GONE = "the journal was deleted while it was written to; what came since is lost: restore the folder and open it again"
_NEW_PART = os.O_WRONLY | os.O_CREAT | os.O_APPEND


class Journal:
    """The only appender of one writer's lines.

    Parameters
    ----------
    folder
        Where the parts lie.
    writer
        Whose they are; nobody else appends under this name.
    clock
        The time in seconds, for the age of a part.
    files
        Through which files are changed.
    durability
        ``process``: what was acknowledged survives the death of the process, and the disk is asked once a second;
        ``power``: `append` returns when the disk has it, and threads share one wait.
    limits
        When a part is closed, and how long things may wait.

    Examples
    --------
    >>> import tempfile
    >>> from selector.store import Files, decode
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     journal = Journal(Path(folder), "ann", clock=lambda: 0.0, files=Files())
    ...     journal.append({"kind": "audit", "what": "opened"})
    ...     journal.close()
    ...     decode(Path(folder, "ann.000001.jnl").read_bytes())
    1
    ([{'w': 'ann', 's': 1, 'kind': 'audit', 'what': 'opened'}], [])
    """

    def __init__(
        self,
        folder: Path,
        writer: str,
        *,
        clock: Callable[[], float],
        files: Files,
        durability: Durability = "process",
        limits: Limits | None = None,
    ) -> None:
        self.writer, self._folder, self._clock, self._files = writer, folder, clock, files
        self._power, self._limits = durability == "power", limits or Limits()
        self._stamp = b'{"w":%b,"s":%%d,%%b' % orjson.dumps(writer).replace(b"%", b"%%")
        self._fd: int | None = None
        self._part = self._size = self._n = self._seq = self._synced = self._waiting_bytes = 0
        self._lines: list[bytes] = []
        self._unsure = self._gone = False
        self._since = 0.0
        self._failed: list[range] = []
        self._fresh_locks()

    def _fresh_locks(self) -> None:
        self._lock, self._sync_lock = Lock(), Lock()
        self._tender = Tender(f"journal-{self.writer}", self._lock, self._tend, self._is_idle, self._limits)

    def __repr__(self) -> str:
        return f"Journal({self.writer!r}, part={self._part}, seq={self._seq})"

    @property
    def part(self) -> int:
        """The number of the part that is being written; 0 before the first event."""
        return self._part

    @property
    def closed_through(self) -> int:
        """The highest part that will never grow again."""
        return self._part if self._fd is None else self._part - 1

    @property
    def seq(self) -> int:
        """The number of the last event, written or waiting."""
        return self._seq

    @property
    def trouble(self) -> str | None:
        """What the disk last refused in the background, if it did."""
        return self._tender.trouble

    def append(self, event: Mapping[str, Any]) -> int:
        """Write an event, with everything that was waiting, and return when it is acknowledged.

        Parameters
        ----------
        event
            What happened; it has a ``kind``, and neither ``w`` nor ``s``, which are the journal's own.

        Returns
        -------
        int
            Its number among this writer's events, from 1 and without gaps.

        Raises
        ------
        StateError
            If the disk did not take it; then it is not in the journal, and the next one may be tried.
        """
        return self.append_bodies((body_of(event),))

    def append_bodies(self, bodies: Sequence[bytes]) -> int:
        """Write events that are JSON already and belong together, as `append` does: all, or none; name the last one."""
        with self._lock:
            lines = [self._queue(body) for body in bodies]
            seq = self._seq
            try:
                self._write()
            except OSError as error:
                self._undo(lines)
                raise self._refused(error) from error
        if self._power:
            self._sync(seq)
        elif not self._tender.awake:
            self._tender.wake()
        return seq

    def buffer(self, event: Mapping[str, Any]) -> int:
        """Take an event that may wait for the next `append`, for `flush`, or for 50 ms.

        Parameters
        ----------
        event
            As for `append`.

        Returns
        -------
        int
            Its number.

        Raises
        ------
        StateError
            If more waits than may and the disk does not take it; then this event was not taken.
        """
        body = body_of(event)
        with self._lock:
            line = self._queue(body)
            seq = self._seq
            self._waiting_bytes += len(line)
            if self._waiting_bytes > self._limits.buffer_bytes:
                try:
                    self._write()
                except OSError as error:
                    self._take_back(line)
                    raise self._refused(error) from error
        if not self._tender.awake:
            self._tender.wake()
        return seq

    def flush(self) -> None:
        """Write what waits; with ``power``, until the disk has it.

        Raises
        ------
        StateError
            If the disk did not take it; it goes on waiting.
        """
        with self._lock:
            seq = self._seq
            if self._lines:
                try:
                    self._write()
                except OSError as error:
                    raise self._refused(error) from error
        if self._power and seq:
            self._sync(seq)

    def roll(self, *, due_only: bool = False) -> None:
        """Close the part, so that it can be sealed; the next event begins another.

        Parameters
        ----------
        due_only
            Only where it is full or old enough.

        Raises
        ------
        StateError
            If the disk did not take what was written.
        """
        with self._lock:
            if self._fd is not None and (not due_only or self._is_due()):
                try:
                    self._close_part()
                except OSError as error:
                    raise self._refused(error) from error

    def close(self) -> None:
        """Write what waits, wait for the disk, and let go of the file.

        Raises
        ------
        StateError
            If the disk did not take it.
        """
        self._tender.stop()
        try:
            self.flush()
        finally:
            self.roll()

    def after_fork(self) -> None:
        """Let go of the parent's file and lines: this copy writes nothing more."""
        if self._fd is not None:
            os.close(self._fd)
        self._fd, self._lines = None, []
        self._fresh_locks()

    # Everything below that changes the part runs under the lock. An exception may come from a signal at any call, so
    # what belongs together is stored without a call between.

    def _queue(self, body: bytes) -> bytes:
        seq = self._seq + 1
        line = frame(self._stamp % (seq, body[1:]))
        put = self._lines.append
        self._seq = seq
        put(line)
        return line

    def _take_back(self, line: bytes) -> None:
        if self._lines and self._lines[-1] is line:
            self._waiting_bytes = max(0, self._waiting_bytes - len(line))
            self._seq -= 1
            self._lines.pop()

    def _undo(self, lines: list[bytes]) -> None:
        """Take back lines that belong together, also those that a write that fell short left in the file."""
        written = [line for line in lines if not any(line is other for other in self._lines)]
        for line in reversed(lines[len(written) :]):
            self._take_back(line)
        if written and self._fd is not None:
            with suppress(OSError):
                size = self._size - sum(map(len, written))
                self._files.ftruncate(self._fd, size)
                self._size, self._n, self._seq = size, self._n - len(written), self._seq - len(written)

    def _write(self) -> None:
        if self._gone:
            raise OSError(errno.ENOENT, _GONE)
        fd = self._fd
        if fd is None or self._is_due():
            fd = self._open_part()
        if self._unsure:
            self._settle(fd)
        lines = self._lines
        data = lines[0] if len(lines) == 1 else b"".join(lines)
        size, n = self._size + len(data), self._n + len(lines)
        self._unsure = True
        try:
            written = self._files.write(fd, data)
        except OSError:
            self._settle(fd)
            raise
        if written != len(data):
            self._settle(fd)
            raise OSError(errno.ENOSPC, f"only {written:,} of {len(data):,} bytes were written")
        self._size, self._n, self._lines, self._waiting_bytes, self._unsure = size, n, [], 0, False

    def _settle(self, fd: int) -> None:
        """After a write of unknown length, keep the whole lines and cut the rest off."""
        extra = self._files.size(fd) - self._size
        kept = n = 0
        for line in self._lines:
            if kept + len(line) > extra:
                break
            kept, n = kept + len(line), n + 1
        size, n_events, rest = self._size + kept, self._n + n, self._lines[n:]
        self._size, self._n, self._lines = size, n_events, rest
        if extra > kept:
            try:
                self._files.ftruncate(fd, size)
            except OSError:
                self._close_part()
        self._unsure = False

    def _is_due(self) -> bool:
        limits = self._limits
        full = self._n >= limits.n_events or self._size >= limits.n_bytes
        return full or self._clock() - self._since >= (limits.age_s if self._n >= limits.n_worth else limits.longest_s)

    def _open_part(self) -> int:
        if self._fd is not None and self._is_due():
            self._close_part()
        if self._fd is None:
            path = self._folder / f"{stem_of(self.writer, self._part + 1)}.jnl"
            fd = self._files.open(path, _NEW_PART)
            self._since = self._clock()
            self._fd, self._size, self._n, self._unsure = fd, 0, 0, False
            self._part += 1
            try:
                fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
                self._files.sync_folder(self._folder)
            except OSError:
                self._fd = None
                self._files.close(fd)
                raise
        return self._fd

    def _close_part(self) -> None:
        fd, written = self._fd, self._written
        if fd is None:
            return
        self._fd, self._unsure = None, False
        try:
            self._files.fdatasync(fd)
            self._synced = max(self._synced, written)
        finally:
            self._give_up(self._synced, written)
            self._files.close(fd)

    @property
    def _written(self) -> int:
        return self._seq - len(self._lines)

    def _refused(self, error: OSError) -> StateError:
        if self._gone:
            return StateError(f"{self._folder}: {_GONE}")
        return StateError(
            f"the event was not written to {self._folder}: {error.strerror or error}; make room or give write access, "
            "and try again: nothing that was acknowledged is lost"
        )

    def _sync(self, seq: int) -> None:
        """Wait until the disk has an event; whoever waits meanwhile shares the next wait."""
        with self._sync_lock:
            with self._lock:
                self._check(seq)
                if self._synced >= seq or self._fd is None:  # a part that was closed without failing is on the disk
                    return
                synced, written, fd = self._synced, self._written, self._files.dup(self._fd)
            try:
                self._files.fdatasync(fd)
            except OSError as error:
                self._abandon(synced, written)
                raise self._refused(error) from error
            finally:
                self._files.close(fd)
            with self._lock:
                self._check(seq)
                self._synced = max(self._synced, written)

    def _check(self, seq: int) -> None:
        if any(seq in numbers for numbers in self._failed):
            raise self._refused(OSError(errno.EIO, "the disk did not take what was written"))

    def _abandon(self, synced: int, written: int) -> None:
        """Never trust a file again of which a wait failed: the next wait would claim success."""
        with self._lock:
            self._give_up(synced, max(written, self._written))
            if self._fd is not None:
                self._files.close(self._fd)
                self._fd, self._unsure = None, False

    def _give_up(self, synced: int, written: int) -> None:
        """Remember for good which events the disk may not have, if any; what follows them may be on it."""
        if synced < written:
            self._failed.append(range(synced + 1, written + 1))
            self._synced = max(self._synced, written)

    def _tend(self, ask: bool) -> None:  # noqa: FBT001 - what a tender says
        """Write what waits, and ask the disk now and then; notice that the file was deleted."""
        with self._lock:
            if self._fd is not None and not self._files.is_named(self._fd):
                self._gone = True  # what is written to it is written to nobody
                raise self._refused(OSError(errno.ENOENT, _GONE))
        self.flush()
        if ask:
            self._sync(self._seq)

    def _is_idle(self) -> bool:
        return not self._lines and self._synced >= self._seq
