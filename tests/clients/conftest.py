"""What the tests of the live selector share: configurations, processes, what the log says, beliefs folded anew."""

import errno
import functools
import math
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from selector import Selector
from selector.store import Files, State

MODELS = {
    "small": {"usd_per_mtok_in": 0.1, "usd_per_mtok_out": 0.4, "context_tokens": 100_000, "max_output_tokens": 4_000},
    "large": {"usd_per_mtok_in": 3, "usd_per_mtok_out": 15, "context_tokens": 100_000, "max_output_tokens": 4_000},
}
REPORTS = ("usage", "judgement", "attempt")


class Clock:
    """A clock that a test sets."""

    def __init__(self, now=1.7e9):
        self.now = now

    def __call__(self):
        return self.now


class FullDisk(Files):
    """Takes `room` more bytes of journals, then writes short, then refuses; as a full disk does."""

    def __init__(self, room=10**9):
        self.room = room

    def write(self, fd, data):
        if "/journal/" not in str(Path(f"/proc/self/fd/{fd}").readlink()):
            return super().write(fd, data)
        if self.room <= 0 and data:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        n = super().write(fd, bytes(data)[: self.room])
        self.room -= n
        return n


class Log:
    """What a state folder's log says, read from its beginning."""

    def __init__(self, folder):
        with State.open(folder, clock=lambda: 1.7e9, read_only=True) as state:
            self.events = list(state.events())
            self.faults = state.faults
        self.decisions = [event for event in self.events if event["kind"] == "decision"]
        self.reports = [event for event in self.events if event["kind"] in REPORTS]

    @property
    def decided(self):
        """The ids of all decisions that the log knows of, also of those that only an outcome describes."""
        return {event["id"] for event in self.decisions} | {e["decision_id"] for e in self.reports if "of" in e}

    @property
    def reported(self):
        """The ids of decisions that anything was reported of."""
        return {event["decision_id"] for event in self.reports}

    @property
    def keys(self):
        """What names each report: decision, attempt, kind, source."""
        return [(e["decision_id"], e.get("attempt", 1), e["kind"], e.get("source")) for e in self.reports]


def rows_of(table, leave_out):
    """Lay beliefs out by model and task type."""
    return {
        (row["model"], row["task_type"]): {name: value for name, value in row.items() if name not in leave_out}
        for row in table.to_pylist()
    }


def differences(one, two, rel=1e-9, leave_out=("updated_at", "expected_cost_usd")):
    """Name where two tables of beliefs differ; what calls are expected to cost has tests of its own."""
    first, second = rows_of(one, leave_out), rows_of(two, leave_out)
    found = sorted(first.keys() ^ second.keys())
    for key in first.keys() & second.keys():
        for name, value in first[key].items():
            other = second[key][name]
            same = value == other
            if isinstance(value, float) and isinstance(other, float):
                same = math.isclose(value, other, rel_tol=rel, abs_tol=1e-12) or (
                    math.isnan(value) and math.isnan(other)
                )
            if not same:
                found.append((*key, name, value, other))
    return found


@pytest.fixture
def soft():
    """Give a configuration with no limit, and with an average to steer to."""
    return {"models": MODELS, "budgets": [{"usd_per_request": 0.004}]}


@pytest.fixture
def hard():
    """Give configurations with hard budgets."""

    def build(*limits, **models):
        return {"models": models or MODELS, "budgets": [*limits] or [{"usd": 1, "per": "day"}]}

    return build


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def full_disk():
    return FullDisk()


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "state"


@pytest.fixture
def read_log():
    return Log


@pytest.fixture
def differ():
    return differences


@pytest.fixture
def open_selector(folder, soft):
    """Open selectors on one folder, and close them at the end."""
    opened = []

    def build(config=None, state=None, **options):
        options.setdefault("seed", 1)
        selector = Selector.open(config or soft, state=state or folder, **options)
        opened.append(selector)
        return selector

    yield build
    for selector in opened:
        selector.close()


@pytest.fixture
def files_of_state(monkeypatch):
    """Let states be opened through other files or under other limits."""

    def use(**options):
        monkeypatch.setattr(State, "open", functools.partial(State.open, **options))

    return use


@pytest.fixture
def folded_anew(tmp_path, soft):
    """Fold a copy of a folder's log from its beginning, and give the beliefs and the status."""
    n = 0

    def fold(folder, config=None, clock=None):
        nonlocal n
        n += 1
        copy = tmp_path / f"copy{n}"
        shutil.copytree(folder, copy, ignore=shutil.ignore_patterns("*.tmp"))
        for path in [*copy.glob("*.parquet*"), *copy.glob("writers/*")]:
            path.unlink()
        with Selector.open(config or soft, state=copy, seed=2, clock=clock) as selector:
            found = selector.beliefs(), selector.status()
        shutil.rmtree(copy)
        return found

    return fold


@pytest.fixture
def start():
    """Start Python processes that talk over pipes, and end them."""
    started = []

    def begin(code, *arguments):
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", code, *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        started.append(process)
        return process

    yield begin
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def everything():
    """Read every byte of a folder."""
    return lambda root: {
        path.relative_to(root).as_posix(): (path.read_bytes(), path.stat().st_mode)
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def in_child():
    """Run a function in a forked child, and give the text that it returned."""

    def run(work):
        reads, writes = os.pipe()
        child = os.fork()
        if child == 0:
            try:
                said = str(work())
            except BaseException as error:  # noqa: BLE001 - the child tells its parent, whatever it is
                said = f"{type(error).__name__}: {error}"
            os.write(writes, said.encode()[:4_000])
            os._exit(0)
        os.close(writes)
        with os.fdopen(reads, "rb") as pipe:
            said = pipe.read().decode()
        os.waitpid(child, 0)
        return said

    return run
