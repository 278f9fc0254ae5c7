"""Dropping what is old: only what was to go, remembered, at once for every reader."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from selector.errors import StateError
from selector.store import Files, Limits, State


def filled(folder, clock, n=13):
    """Write parts of three events, one event a second, from two writers; all but the last part are sealed."""
    states = [State.open(folder, clock=clock, limits=Limits(n_events=3))]
    clock.now += 1
    states.append(State.open(folder, clock=clock, limits=Limits(n_events=3)))
    for i in range(n):
        clock.now += 1
        for state, kind in zip(states, ("decision", "usage"), strict=True):
            state.append({"kind": kind, "id": f"d{i}", "decision_id": f"d{i}", "at": clock.now})
    for state in states:
        state.seal()
    return states


def read(folder, clock, after=None):
    """Read as a program would that starts now."""
    with State.open(folder, clock=clock, read_only=True) as state:
        return list(state.events(after)), state.faults


def test_only_parts_that_are_old_and_folded_and_sealed_go(tmp_path, clock):
    folder, start = tmp_path / "state", clock.now + 1
    one, two = filled(folder, clock)
    events, _ = read(folder, clock)
    everything = {one.writer: (9, 99), two.writer: (9, 99)}
    assert one.drop(start + 3, everything) == 0
    assert one.drop(start + 9, {}) == 0
    assert one.drop(start + 9, {one.writer: (2, 5), two.writer: (1, 3)}) == 2
    kept = [e for e in events if e["s"] > 3]
    assert read(folder, clock) == (kept, [])
    assert one.drop(start + 6.5, everything) == 2
    kept = [e for e in events if e["s"] > 6]
    assert read(folder, clock) == (kept, [])
    assert read(folder, clock, {one.writer: (4, 11)}) == (
        [e for e in kept if e["w"] == two.writer or e["s"] > 11],
        [],
    )
    assert one.drop(start + 1_000, everything) == 4
    kept = [e for e in events if e["s"] > 12]
    assert read(folder, clock) == (kept, [])
    assert len(list((folder / "log").rglob("*.parquet"))) == 0
    assert one.find("d0") == []
    assert len(list(one.recent(99))) == 2
    assert one.tail() == [e for e in kept if e["w"] == two.writer]
    one.append({"kind": "audit"})
    assert read(folder, clock)[1] == []
    for state in (one, two):
        state.close()
    with pytest.raises(StateError, match="closed"):
        one.drop(0.0, {})
    with State.open(folder, clock=clock, read_only=True) as reader, pytest.raises(StateError, match="read-only"):
        reader.drop(0.0, {})


def test_what_vanished_without_being_dropped_is_still_reported(tmp_path, clock):
    """Law 7: only what `drop` removed is not a loss."""
    folder = tmp_path / "state"
    one, two = filled(folder, clock)
    one.drop(clock.now - 7, {one.writer: (9, 99)})
    for path in sorted((folder / "log").rglob(f"{one.writer}.000002.parquet")):
        path.unlink()
    for path in sorted((folder / "log").rglob(f"{two.writer}.000001.parquet")):
        path.unlink()
    events, faults = read(folder, clock)
    assert sorted(fault.n_lost for fault in faults) == [3, 3]
    assert len(events) == 26 - 3 - 6
    (folder / "log" / "dropped.json").write_text('{"crc32":"0","dropped":{}}')
    assert sorted(fault.n_lost for fault in read(folder, clock)[1]) == [3, 6]
    for state in (one, two):
        state.close()


def test_a_crash_between_any_two_steps_drops_all_or_nothing(tmp_path, clock, crashing):
    """Law 10: die before the k-th change of a file, for every k; then read, drop again, read again."""
    k, done, seen = 0, False, set()
    while not done:
        folder, start = tmp_path / f"k{k}", clock.now + 1
        one, two = filled(folder, clock)
        before, _ = read(folder, clock)
        after = [e for e in before if e["s"] > 6]
        everything = {one.writer: (9, 99), two.writer: (9, 99)}
        files = one._sealer._files = crashing(at=k)
        try:
            assert one.drop(start + 6.5, everything) == 4
            done = files.n <= k
        except BaseException as error:
            if type(error).__name__ != "CrashError":
                raise
        for state in (one, two):
            state.after_fork()  # the process is gone
            state.close()
        found, faults = read(folder, clock)
        assert faults == [], k
        assert found in (before, after), k
        seen.add(len(found))
        with State.open(folder, clock=clock) as later:
            later.seal()
            assert list(later.events()) == found, k
            later.drop(start + 6.5, everything)
            assert list(later.events()) == after, k
            assert later.faults == []
        names = [path.name for path in (folder / "log").rglob("*") if path.is_file()]
        assert not [name for name in names if name.endswith(("000001.parquet", "000002.parquet", ".tmp"))], k
        k += 1
    assert seen == {26, 14}
    assert k > 12


def test_a_reader_that_is_under_way_meets_no_fault(tmp_path, clock):
    one, two = filled(tmp_path / "state", clock)
    with State.open(one.path, clock=clock, read_only=True) as reader:
        events = reader.events()
        seen = [next(events)]
        one.drop(clock.now - 5, {one.writer: (9, 99), two.writer: (9, 99)})
        seen += events
        assert reader.faults == []
        assert len({(e["w"], e["s"]) for e in seen}) == len(seen)
    for state in (one, two):
        state.close()


DROP = """
import sys
import pyarrow.parquet
from selector.store import Limits, State
state = State.open(sys.argv[1], clock=lambda: 1.7e9, limits=Limits(n_events=3))
i, ready = 0, False
while True:
    i += 1
    state.append({"kind": ("decision", "usage", "audit")[i % 3], "at": float(i), "i": i})
    if i % 9 == 0:
        state.seal()
        if state.drop(i - 20.0, {state.writer: (10**6, 10**9)}) and not ready:
            print("ready", flush=True)
            ready = True
"""


def test_a_killed_process_has_dropped_only_what_was_old(tmp_path, clock):
    """Laws 1 and 10: killed with SIGKILL at any moment, what is left has no gap and no fault."""
    for cycle in range(6):
        folder = tmp_path / f"state{cycle}"
        process = subprocess.Popen(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", DROP, str(folder)], stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]
        )
        process.stdout.readline()
        time.sleep(0.02 + 0.03 * cycle)
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()
        events, faults = read(folder, clock)
        assert [fault for fault in faults if fault.kind != "torn"] == []
        numbers = [event["s"] for event in events]
        assert numbers == list(range(numbers[0], numbers[-1] + 1))
        assert numbers[0] > 1
        assert len(numbers) >= 20


def test_a_disk_that_refuses_drops_nothing(tmp_path, clock):
    one, two = filled(tmp_path / "state", clock)
    before, _ = read(one.path, clock)

    class ReadOnlyDisk(Files):
        def open(self, *_):
            raise OSError(30, "Read-only file system")

    one._sealer._files = ReadOnlyDisk()
    with pytest.raises(StateError, match="Read-only file system; make room"):
        one.drop(clock.now, {one.writer: (9, 99), two.writer: (9, 99)})
    assert read(one.path, clock) == (before, [])
    one._sealer._files = Files()
    for state in (one, two):
        state.close()
