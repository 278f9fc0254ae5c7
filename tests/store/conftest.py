"""What the store's tests share: a clock that stands still, file layers that fail, states that are closed again."""

import errno
import os
import threading
from pathlib import Path

import pytest

from selector.store import Files, Limits, State


class Clock:
    """A clock that a test sets."""

    def __init__(self, now=1.7e9):
        self.now = now

    def __call__(self):
        return self.now


class FullDisk(Files):
    """Takes `room` more bytes, then writes short, then refuses; as a full disk does."""

    def __init__(self, room=10**9, only="journal"):
        self.room, self.only = room, only

    def write(self, fd, data):
        if f"/{self.only}/" not in str(Path(f"/proc/self/fd/{fd}").readlink()):
            return super().write(fd, data)
        if self.room <= 0 and data:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        n = super().write(fd, bytes(data)[: self.room])
        self.room -= n
        return n


class CrashError(Exception):
    """The process died here, as far as the disk is concerned."""


class CrashingFiles(Files):
    """Dies at the k-th operation that changes a file, and at every one after it: nothing is tidied up by the dead."""

    CHANGES = ("open", "write", "fdatasync", "sync_folder", "ftruncate", "rename", "unlink")

    def __init__(self, at=None):
        self.at, self.n = at, 0

    def __getattribute__(self, name):
        """Count what changes a file."""
        if name in CrashingFiles.CHANGES:
            self.n += 1
            if self.at is not None and self.n > self.at:
                raise CrashError
        return super().__getattribute__(name)


class PowerCut(Files):
    """Knows which bytes and which names the disk has; `cut` takes everything else away."""

    def __init__(self, folder):
        self.folder, self.synced, self.named = str(folder), {}, {}
        self.down, self.lock = False, threading.Lock()

    def fdatasync(self, fd):
        if self.down:
            raise OSError(errno.EIO, "no power")
        size = os.fstat(fd).st_size
        inode = os.fstat(fd).st_ino
        super().fdatasync(fd)
        if self.down:
            raise OSError(errno.EIO, "no power")
        with self.lock:
            self.synced[inode] = max(size, self.synced.get(inode, 0))

    def sync_folder(self, path):
        super().sync_folder(path)
        self.named[str(path)] = {each.name: each.stat().st_ino for each in path.iterdir()}

    def write(self, fd, data):
        if self.down:
            raise OSError(errno.EIO, "no power")
        return super().write(fd, data)

    def cut(self):
        """Lose what was not synced: bytes beyond the last sync, and names that their folder's sync did not see."""
        self.down = True
        for path in Path(self.folder).rglob("*"):
            if not path.is_file() or path.suffix == ".lock":
                continue
            inode = path.stat().st_ino
            if self.named.get(str(path.parent), {}).get(path.name) != inode:
                path.unlink()
            else:
                os.truncate(path, min(path.stat().st_size, self.synced.get(inode, 0)))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def open_state(tmp_path, clock):
    """Open states on one folder, and close them at the end."""
    opened = []

    def build(folder=None, **options):
        limits = Limits(**options.pop("limits")) if "limits" in options else None
        state = State.open(folder or tmp_path / "state", clock=clock, limits=limits, **options)
        opened.append(state)
        return state

    yield build
    for state in opened:
        state._files = Files()
        if state._journal is not None:
            state._journal._files = Files()
        state.close()


@pytest.fixture
def full_disk():
    return FullDisk


@pytest.fixture
def crashing():
    return CrashingFiles


@pytest.fixture
def power_cut():
    return PowerCut


def some_events(n, kinds=("decision", "attempt", "usage", "judgement", "explained", "drift")):
    """Make events of every kind, with values that columns hold and values that they do not."""
    events = []
    for i in range(n):
        kind = kinds[i % len(kinds)]
        event = {"kind": kind, "at": 1.7e9 + i / 3, "number": i, "note": f"é\n{i}"}
        if kind == "decision":
            event |= {"id": f"d{i}", "model": "opus", "propensity": 1 / (i + 1), "held_nano": 10**12 + i, "n": i}
            event |= {"candidates": [{"model": "opus", "utility": 0.1 * i}], "draw_row": None}
        else:
            event |= {"decision_id": f"d{i - i % len(kinds)}", "attempt": 1, "score": i % 2, "latency_s": i / 7}
        events.append(event)
    return events


@pytest.fixture
def events_like():
    return some_events


@pytest.fixture
def plain():
    """Drop the stamps."""
    return lambda events: [{k: v for k, v in e.items() if k not in {"w", "s"}} for e in events]
