"""One process: fed and read without a deadlock, bounded in time and in output, and ended with all its children."""

from __future__ import annotations

import os
import secrets
import selectors
import signal
import subprocess
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Lock
from time import monotonic, sleep
from typing import NamedTuple

from selector.execution._wire import CallFailed, Patience
from selector.records import Failure

__all__ = ["MARK", "Bounds", "Child", "Start"]

MARK = "SELECTOR_CALL"
"""The variable by which children are found that left the process's group."""

_GRACE_S = 1.0  # between the asking and the killing
_LINGER_S = 0.25  # for what others still print when the process itself is over
_PIECE = 1 << 16
_STDERR = 1 << 16  # as much of its end is kept
_SHORTEST_S, _LONGEST_S = 0.0005, 0.05  # between two looks at a process that says nothing


class Bounds(NamedTuple):
    """What a process may take."""

    deadline_s: float | None = None
    """When it must be over, on the monotonic clock."""
    silence_s: float | None = None
    """How long it may print nothing."""
    first_s: float | None = None
    """How long it may print nothing at first."""
    most_bytes: int = 16 * 1024 * 1024
    """How much it may print, on both outputs together."""

    @classmethod
    def of(cls, patience: Patience, most_bytes: int | None, *, streams: bool) -> Bounds:
        """Take what applies to a process from what a call may take.

        Examples
        --------
        >>> Bounds.of(Patience(total_s=None, first_token_s=5.0), None, streams=False).first_s is None
        True
        """
        return cls(
            None if patience.total_s is None else monotonic() + patience.total_s,
            patience.read_s,
            patience.first_token_s if streams else None,
            cls._field_defaults["most_bytes"] if most_bytes is None else most_bytes,
        )

    def left_s(self) -> float | None:
        """Tell how many seconds are left.

        Examples
        --------
        >>> Bounds().left_s() is None
        True
        """
        return None if self.deadline_s is None else max(0.0, self.deadline_s - monotonic())


class Start(NamedTuple):
    """What is run."""

    argv: Sequence[str]
    """The program's own path, and its arguments: no shell reads them."""
    env: Mapping[str, str]
    """All that it sees of the environment, beside `MARK`."""
    folder: Path
    """Where it works."""
    stdin: bytes | None = None
    """What it may read; None: nothing, from the start."""


@dataclass(eq=False)
class Child:
    """A process in a session of its own, and all that it starts.

    What it starts stays in its process group, which is ended with it: with SIGTERM, and after a second, or as soon
    as the process itself is gone, with SIGKILL. What left the group for a session of its own is found by `MARK` in
    its environment, where there is a ``/proc``, and ended likewise if the process did not come to its own end; a
    daemon that it left behind on purpose stays. Out of reach are those that cleared their environment or changed
    their user, and on other systems all that left the group.

    Examples
    --------
    >>> child = Child(Start(["/bin/cat"], {}, Path(), b"hello"))
    >>> b"".join(child.pieces(Bounds())), child.code
    (b'hello', 0)
    """

    start: Start
    stderr: bytearray = field(default_factory=bytearray)
    """The end of what it complained of."""
    code: int | None = None
    """Its exit code, negative: the signal that ended it; None: it is not over."""
    _process: subprocess.Popen[bytes] | None = None
    _stopped: Event = field(default_factory=Event)
    _ending: Lock = field(default_factory=Lock)
    _mark: str = field(default_factory=lambda: secrets.token_hex(12))
    _printed: int = 0
    _spoke_s: float = 0.0

    def pieces(self, bounds: Bounds) -> Iterator[bytes]:
        """Run it and give its standard output as it comes; when this ends, the process and its group are gone.

        Raises
        ------
        CallFailed
            ``spawn_failed`` if it could not be started, ``timeout`` if it took too long, ``invalid_answer`` if it
            printed too much, ``cancelled`` after `stop`.
        """
        process = self._spawn()
        began_s = self._spoke_s = monotonic()
        natural = False
        try:
            with selectors.DefaultSelector() as ready:
                self._open(process, ready)
                pause_s, gone_s = _SHORTEST_S, None
                while gone_s is None or monotonic() < gone_s + _LINGER_S:
                    self._check(bounds, None if self._printed else began_s)
                    if gone_s is None and self._gone():
                        gone_s, pause_s = monotonic(), 0.0
                    heard = list(self._heard(ready, pause_s))
                    spoke = any(data for _, data in heard)
                    pause_s = _SHORTEST_S if spoke else min(2 * max(pause_s, _SHORTEST_S), _LONGEST_S)
                    yield from self._kept(heard, bounds)
                    if gone_s is not None:
                        if all(isinstance(key.data, deque) for key in ready.get_map().values()):
                            break
                        gone_s = monotonic() if spoke else gone_s
            self._heed_stop()  # which may have ended it since it was last looked for
            natural = True
        finally:
            self.end(natural=natural)
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()

    def stop(self) -> None:
        """Ask it to stop at once and let `pieces` raise; from any thread, without waiting."""
        self._stopped.set()
        with suppress(ProcessLookupError, PermissionError):
            if self._process is not None and self._ending.acquire(blocking=False):
                try:
                    if self.code is None:
                        os.killpg(self._process.pid, signal.SIGTERM)
                finally:
                    self._ending.release()

    def end(self, *, natural: bool = False) -> None:
        """End it and all that it started, and wait until it is gone; twice is as good as once.

        Parameters
        ----------
        natural
            Whether it came to its own end, and may have left a daemon behind on purpose.
        """
        self._stopped.set()
        with self._ending:
            if self._process is None or self.code is not None:
                return
            try:
                if not self._gone():
                    self._signal(signal.SIGTERM)
                    patient_until_s = monotonic() + _GRACE_S
                    while not self._gone() and monotonic() < patient_until_s:
                        sleep(0.005)
            finally:
                self._signal(signal.SIGKILL)  # the process is not reaped yet, so that its number is nobody else's
                self.code = self._process.wait()
                if not natural:
                    _end_marked(self._mark.encode())

    def _spawn(self) -> subprocess.Popen[bytes]:
        if self._stopped.is_set():
            raise CallFailed(Failure.CANCELLED, "it was stopped before it began")
        marks = ":".join(mark for mark in (os.environ.get(MARK), self._mark) if mark)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - the user's own command, and no shell
                list(self.start.argv),
                bufsize=0,
                stdin=subprocess.DEVNULL if self.start.stdin is None else subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd=self.start.folder,
                env={**self.start.env, MARK: marks},
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            what = error.strerror if isinstance(error, OSError) else error
            place = f" (folder {str(self.start.folder)!r})" if not self.start.folder.is_dir() else ""
            raise CallFailed(Failure.SPAWN_FAILED, f"{self.start.argv[0]!r} did not start: {what}{place}") from None
        return self._process

    def _open(self, process: subprocess.Popen[bytes], ready: selectors.BaseSelector) -> None:
        for pipe in (process.stdout, process.stderr):
            if pipe is not None:
                ready.register(pipe, selectors.EVENT_READ, pipe is process.stdout)
        if process.stdin is not None:
            os.set_blocking(process.stdin.fileno(), False)
            ready.register(process.stdin, selectors.EVENT_WRITE, deque([memoryview(self.start.stdin or b"")]))

    def _heard(self, ready: selectors.BaseSelector, wait_s: float) -> Iterator[tuple[bool, bytes]]:
        """Feed and read once; give what was read, and whether it is of the standard output."""
        for key, _ in ready.select(wait_s):
            if isinstance(key.data, deque):
                if _fed(key.fd, key.data):
                    ready.unregister(key.fileobj)
                    key.fileobj.close()  # type: ignore[union-attr]  # a pipe, never a number
                continue
            data = os.read(key.fd, _PIECE)
            if not data:
                ready.unregister(key.fileobj)
            yield key.data, data

    def _kept(self, heard: list[tuple[bool, bytes]], bounds: Bounds) -> Iterator[bytes]:
        for of_stdout, data in heard:
            if not data:
                continue
            self._spoke_s = monotonic()
            self._printed += len(data)
            if self._printed > bounds.most_bytes:
                raise CallFailed(
                    Failure.INVALID_ANSWER, f"it printed more than the {bounds.most_bytes:,} bytes of max_output_bytes"
                )
            if of_stdout:
                yield data
            else:
                self.stderr += data
                del self.stderr[:-_STDERR]

    def _check(self, bounds: Bounds, began_s: float | None) -> None:
        now_s = monotonic()
        self._heed_stop()
        if bounds.deadline_s is not None and now_s >= bounds.deadline_s:
            raise CallFailed(Failure.TIMEOUT, "no whole answer in time")
        if bounds.silence_s is not None and now_s - self._spoke_s >= bounds.silence_s:
            raise CallFailed(Failure.TIMEOUT, f"it printed nothing for {bounds.silence_s:g} s")
        if bounds.first_s is not None and began_s is not None and now_s - began_s >= bounds.first_s:
            raise CallFailed(Failure.TIMEOUT, f"it printed nothing within its first {bounds.first_s:g} s")

    def _heed_stop(self) -> None:
        if self._stopped.is_set():
            raise CallFailed(Failure.CANCELLED, "it was stopped")

    def _gone(self) -> bool:
        """Tell whether the process itself is over, and leave it unreaped, where the system can."""
        process = self._process
        if process is None or process.returncode is not None:
            return True
        if not hasattr(os, "waitid"):
            return process.poll() is not None
        try:
            return os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None
        except ChildProcessError:
            return True

    def _signal(self, number: signal.Signals) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)


def _fed(pipe: int, waiting: deque[memoryview]) -> bool:
    """Write what fits into a pipe; tell whether all is written, or nobody reads."""
    try:
        rest = waiting[0][os.write(pipe, waiting[0][:_PIECE]) :]
    except BlockingIOError:
        return False
    except OSError:
        return True
    waiting[0] = rest
    return not rest


def _end_marked(mark: bytes) -> None:
    """Kill what carries a mark in its environment, again until nothing does: some may be starting others."""
    for _ in range(10):
        found = list(_marked(mark))
        for number in found:
            with suppress(ProcessLookupError, PermissionError):
                os.kill(number, signal.SIGKILL)
        if not found:
            return
        sleep(0.002)


def _marked(mark: bytes) -> Iterator[int]:
    with suppress(FileNotFoundError), os.scandir("/proc") as entries:
        for entry in entries:
            if entry.name.isdigit():
                with suppress(OSError):
                    if mark in Path(entry.path, "environ").read_bytes():
                        yield int(entry.name)
