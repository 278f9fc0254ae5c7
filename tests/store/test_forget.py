"""Forgetting: the fields are gone from every byte of the folder, and nothing else is."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from selector.errors import StateError
from selector.store import FORGETTABLE, Files, Limits, State

PRIVATE = "ann@example.org"


def write(state, n, start=0):
    """Write decisions of which every third is of one user, with other events between them."""
    for i in range(start, start + n):
        event = {"kind": "decision", "id": f"d{i}", "at": 1.7e9 + i / 3, "model": "opus", "colour": "red", "x": None}
        event |= {"session": PRIVATE if i % 3 == 0 else "bob", "metadata": {"user": PRIVATE if i % 3 == 0 else "bob"}}
        state.append(event | {"candidates": [{"model": "opus"}], "propensity": 1 / (i + 1)})
        state.append({"kind": "usage", "decision_id": f"d{i}", "attempt": 1, "at": 1.7e9 + i, "session": "kept"})


def is_ann(event):
    return event.get("session") == PRIVATE


def without(events):
    """Say what must be left."""
    return [{k: v for k, v in e.items() if not (is_ann(e) and k in FORGETTABLE)} for e in events]


def places_of(text, folder):
    """Name the files in which a text stands, packed or not."""
    import pyarrow.parquet as pq

    found = []
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".parquet":
            data = str(pq.read_table(path).to_pylist()).encode() + path.read_bytes()
        else:
            data = path.read_bytes() if path.is_file() else b""
        if text.encode() in data:
            found.append(path.name)
    return found


def read(folder, clock):
    with State.open(folder, clock=clock, read_only=True) as state:
        return list(state.events()), state.faults


def test_the_fields_of_the_decisions_that_match_are_gone_and_nothing_else(open_state, clock):
    dead = open_state(limits={"n_events": 7})
    write(dead, 5)
    dead.close()
    clock.now += 1
    state = open_state(limits={"n_events": 7})
    write(state, 10, start=5)
    state.seal()
    state.buffer({"kind": "decision", "id": "last", "session": PRIVATE})
    before = list(state.events())
    untouched = {path: path.read_bytes() for path in (state.path / "log" / "outcomes").iterdir()}
    assert state.forget(is_ann) == 6
    assert list(state.events()) == without(before)
    assert read(state.path, clock) == (without(before), [])
    assert places_of(PRIVATE, state.path) == []
    assert {path: path.read_bytes() for path in untouched} == untouched
    assert state.forget(is_ann) == 0
    assert {path.stat().st_mode & 0o777 for path in (state.path / "log" / "decisions").iterdir()} == {0o600}
    assert state.find("last")[0].keys() == {"kind", "id", "w", "s"}
    write(state, 3, start=15)
    assert len(list(state.events())) == len(before) + 6


def test_only_the_fields_that_are_named_go(open_state):
    state = open_state()
    write(state, 3)
    assert state.forget(lambda event: event["id"] == "d1", ["metadata", "propensity"]) == 1
    one = next(event for event in state.events() if event.get("id") == "d1")
    assert "metadata" not in one
    assert "propensity" not in one
    assert one["session"] == "bob"
    for name in ("id", "kind", "w", "s", "at"):
        with pytest.raises(StateError, match=f"field '{name}' of a decision cannot be forgotten"):
            state.forget(is_ann, [name])


def test_what_another_living_process_writes_is_not_forgotten_behind_its_back(open_state, clock):
    one = open_state()
    clock.now += 1
    two = open_state()
    write(one, 3)
    before = list(two.events())
    with pytest.raises(StateError, match=f"nothing was forgotten in .*: process {os.getpid()} writes to it; close"):
        two.forget(is_ann)
    assert list(two.events()) == before
    one.close()
    assert two.forget(is_ann) == 1
    two.close()
    with pytest.raises(StateError, match="closed"):
        two.forget(is_ann)
    with pytest.raises(StateError, match="read-only"):
        open_state(read_only=True).forget(is_ann)


def test_what_was_kept_aside_is_removed_and_its_note_stays(open_state):
    state = open_state()
    write(state, 4)
    (journal,) = (state.path / "journal").iterdir()
    journal.write_bytes(journal.read_bytes().replace(b'"colour":"red"', b'"colour":"rad"', 1))
    (state.path / "quarantine" / "old.bad.tmp").write_text(PRIVATE)
    (state.path / "log" / "decisions" / "old.000001.parquet.tmp").write_text(PRIVATE)
    (state.path / "posteriors.parquet.tmp").write_text(PRIVATE)
    before = list(state.events())
    assert len([name for name in places_of(PRIVATE, state.path) if name.endswith(".bad")]) == 1
    assert state.forget(is_ann) == 1
    assert places_of(PRIVATE, state.path) == []
    assert list(state.events()) == without(before)
    (note,) = (state.path / "quarantine").iterdir()
    assert "events lost: 1\n" in note.read_text()
    assert note.read_text().endswith("because nobody can tell what was in them\n")


def test_a_file_that_cannot_be_read_is_named_and_the_others_are_cleaned(open_state):
    """Honesty: what may still hold the text is said."""
    state = open_state(limits={"n_events": 6})
    write(state, 9)
    state.seal(current=True)
    path = min((state.path / "log" / "decisions").iterdir())
    data = bytearray(path.read_bytes())
    data[50] ^= 1
    path.write_bytes(data)
    list(state.events())
    with pytest.raises(StateError, match=rf"^2 decisions were cleaned, but log/decisions/{path.name} in"):
        state.forget(is_ann)
    assert [event for event in state.events() if is_ann(event) and event["kind"] == "decision"] == []


def test_a_crash_between_any_two_steps_leaves_each_decision_whole_or_cleaned(tmp_path, clock, crashing):
    """Law 10: die before the k-th change of a file, for every k; then read, forget again, read again."""
    k, done = 0, False
    while not done:
        folder = tmp_path / f"k{k}"
        state = State.open(folder, clock=clock, limits=Limits(n_events=6, buffer_s=60.0))
        write(state, 7)
        state.seal()
        damaged = max((folder / "journal").iterdir())
        damaged.write_bytes(damaged.read_bytes().replace(b'"id":"d6"', b'"id":"dx"'))
        before, _ = read(folder, clock)
        files = crashing(at=k)
        for each in (state, state._sealer, state._quarantine, state._journal):
            each._files = files
        try:
            state.forget(is_ann)
            done = files.n <= k
        except BaseException as error:
            if type(error).__name__ != "CrashError":
                raise
        state.after_fork()  # the process is gone
        state.close()
        found, _ = read(folder, clock)
        assert all(e in (b, w) for e, b, w in zip(found, before, without(before), strict=True)), k
        with State.open(folder, clock=clock) as later:
            later.forget(is_ann)
            assert list(later.events()) == without(before), k
        assert places_of(PRIVATE, folder) == [], k
        k += 1
    assert k > 20


FORGET = """
import sys
import pyarrow.parquet
from selector.store import State
state = State.open(sys.argv[1], clock=lambda: 1.7e9)
print("ready", flush=True)
state.forget(lambda event: event.get("session") == sys.argv[2])
"""


def test_a_killed_process_has_lost_nothing(tmp_path, clock):
    """Law 1: killed with SIGKILL while it forgets; the next one finishes it."""
    folder = tmp_path / "state"
    with State.open(folder, clock=clock, limits=Limits(n_events=20)) as state:
        write(state, 600)
    with State.open(folder, clock=clock) as state:
        state.seal()
    before, _ = read(folder, clock)
    for cycle in range(8):
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", FORGET, str(folder), PRIVATE],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        process.stdout.readline()
        time.sleep(0.01 * cycle)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        found, faults = read(folder, clock)
        assert faults == []
        assert all(e in (b, w) for e, b, w in zip(found, before, without(before), strict=True))
    with State.open(folder, clock=clock) as state:
        state.forget(is_ann)
        assert list(state.events()) == without(before)
    assert places_of(PRIVATE, folder) == []


def test_a_disk_that_refuses_is_named_and_nothing_is_lost(open_state):
    state = open_state()
    write(state, 3)
    state.seal(current=True)
    before = list(state.events())

    class ReadOnlyDisk(Files):
        def rename(self, *_):
            raise OSError(30, "Read-only file system")

    state._sealer._files = ReadOnlyDisk()
    with pytest.raises(StateError, match="Read-only file system; make room, and forget again"):
        state.forget(is_ann)
    assert list(state.events()) == before
    state._sealer._files = Files()
    assert state.forget(is_ann) == 1
