"""One writer's journal: acknowledgements, full disks, power cuts, parts, threads."""

import errno
import os
import threading
import time

import pytest

from selector.errors import StateError
from selector.store import Files, Journal, Limits, decode


@pytest.fixture
def journal_of(tmp_path, clock):
    opened = []

    def build(files=None, durability="process", **limits):
        journal = Journal(
            tmp_path, "ann", clock=clock, files=files or Files(), durability=durability, limits=Limits(**limits)
        )
        opened.append(journal)
        return journal

    yield build
    for journal in opened:
        journal._files, journal._power = Files(), False
        journal.close()


def read(folder):
    found = [decode(path.read_bytes()) for path in sorted(folder.glob("*.jnl"))]
    return [event for events, _ in found for event in events], [fault for _, faults in found for fault in faults]


def test_an_event_is_in_the_kernel_when_append_returns(tmp_path, journal_of):
    journal = journal_of()
    for i in range(5):
        assert journal.append({"kind": "audit", "i": i}) == i + 1
        events, faults = read(tmp_path)
        assert [event["i"] for event in events] == list(range(i + 1))
        assert faults == []
    assert [event["s"] for event in events] == [1, 2, 3, 4, 5]
    assert {event["w"] for event in events} == {"ann"}


@pytest.mark.parametrize("event", [{}, {"kind": 1}, {"kind": "audit", "s": 1}, {"kind": "audit", "w": "bob"}])
def test_an_event_without_a_kind_or_with_a_stamp_of_its_own_is_refused(event, journal_of):
    with pytest.raises(ValueError, match="kind"):
        journal_of().append(event)


def test_what_json_cannot_hold_is_written_as_text(tmp_path, journal_of):
    """What users hand over is written in the background: it must not fail there."""
    facts = {"a": {1}, "b": 2**70, "c": b"x", "d": "half \ud800", "e": [{7: frozenset()}], "f": float("nan"), "g": 5}
    journal_of().append({"kind": "audit", "facts": facts})
    (event,) = read(tmp_path)[0]
    assert event["facts"] == {
        "a": [1],
        "b": str(2**70),
        "c": "b'x'",
        "d": r"half \ud800",
        "e": [{"7": []}],
        "f": None,
        "g": 5,
    }


def test_buffered_lines_go_with_the_next_append_in_order(tmp_path, journal_of):
    journal = journal_of(buffer_s=60.0)
    assert [journal.buffer({"kind": "explained", "i": i}) for i in (1, 2)] == [1, 2]
    assert read(tmp_path) == ([], [])
    journal.append({"kind": "decision", "i": 3})
    assert [event["i"] for event in read(tmp_path)[0]] == [1, 2, 3]


def test_buffered_lines_are_written_soon_without_anyone_asking(tmp_path, journal_of):
    journal = journal_of()
    journal.buffer({"kind": "explained"})
    deadline = time.monotonic() + 5
    while not read(tmp_path)[0] and time.monotonic() < deadline:
        time.sleep(0.01)
    assert len(read(tmp_path)[0]) == 1


def test_what_waits_is_bounded(tmp_path, journal_of):
    journal = journal_of(buffer_s=60.0, buffer_bytes=200)
    for _ in range(10):
        journal.buffer({"kind": "explained"})
    assert 0 < len(read(tmp_path)[0]) <= 10


@pytest.mark.parametrize("room", [0, 1, 30, 41, 42, 43, 100])
def test_a_full_disk_refuses_and_leaves_no_torn_line_and_later_goes_on(room, tmp_path, journal_of, full_disk):
    """Law 8: short write and ENOSPC; the file parses, the next append after room returns succeeds."""
    files = full_disk(only=tmp_path.name)
    journal = journal_of(files)
    written = [journal.append({"kind": "audit", "i": 0})]
    files.room = room
    refused = None
    while refused is None:
        try:
            written.append(journal.append({"kind": "audit", "i": 1}))
        except StateError as error:
            refused = error
    assert "make room" in str(refused)
    with pytest.raises(StateError, match=r"No space left|bytes were written"):
        journal.append({"kind": "audit", "i": 1})
    events, faults = read(tmp_path)
    assert ([event["s"] for event in events], faults) == (written, [])
    files.room = 10**6
    written.append(journal.append({"kind": "audit", "i": 2}))
    events, faults = read(tmp_path)
    assert ([event["s"] for event in events], faults) == (written, [])
    assert written == list(range(1, len(written) + 1))


def test_a_full_disk_loses_no_buffered_line(tmp_path, journal_of, full_disk):
    """Law 8: of several lines in one short write the whole ones stay and the others go on waiting."""
    files = full_disk(only=tmp_path.name)
    journal = journal_of(files, buffer_s=60.0)
    for i in range(1, 6):
        journal.buffer({"kind": "explained", "i": i})
    files.room = 120
    with pytest.raises(StateError):
        journal.append({"kind": "decision", "i": 6})
    events, faults = read(tmp_path)
    assert 0 < len(events) < 5
    assert faults == []
    files.room = 10**6
    assert journal.append({"kind": "decision", "i": 6}) == 6
    assert [event["i"] for event in read(tmp_path)[0]] == [1, 2, 3, 4, 5, 6]


def test_a_full_disk_when_a_part_begins_takes_no_number(tmp_path, journal_of):
    """Law 8: the part itself cannot be made."""

    class NoNewFiles(Files):
        full = True

        def open(self, path, flags):
            if self.full:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return super().open(path, flags)

    files = NoNewFiles()
    journal = journal_of(files)
    with pytest.raises(StateError):
        journal.append({"kind": "audit"})
    files.full = False
    assert journal.append({"kind": "audit"}) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["ann.000001.jnl"]


def test_where_the_torn_line_cannot_be_cut_off_another_part_is_begun(tmp_path, journal_of, full_disk):
    """Law 8: even so no later line is lost."""

    class NoCut(full_disk):
        def ftruncate(self, *_):
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    files = NoCut(only=tmp_path.name)
    journal = journal_of(files)
    journal.append({"kind": "audit", "i": 0})
    files.room = 10
    with pytest.raises(StateError):
        journal.append({"kind": "audit", "i": 1})
    files.room = 10**6
    assert journal.append({"kind": "audit", "i": 2}) == 2
    events, faults = read(tmp_path)
    assert [event["i"] for event in events] == [0, 2]
    assert [fault.kind for fault in faults] == ["torn"]


@pytest.mark.parametrize("when", ["before", "after"])
def test_an_interrupt_within_a_write_neither_doubles_nor_loses(when, tmp_path, journal_of):
    """Laws 1 and 8: a signal may raise at any call; the event is there once or not at all."""

    class Interrupted(Files):
        armed = False

        def write(self, fd, data):
            if self.armed and when == "before":
                raise KeyboardInterrupt
            n = super().write(fd, data)
            if self.armed:
                raise KeyboardInterrupt
            return n

    files = Interrupted()
    journal = journal_of(files, buffer_s=60.0)
    journal.append({"kind": "audit", "i": 1})
    journal.buffer({"kind": "audit", "i": 2})
    files.armed = True
    with pytest.raises(KeyboardInterrupt):
        journal.append({"kind": "audit", "i": 3})
    files.armed = False
    journal.append({"kind": "audit", "i": 4})
    events, faults = read(tmp_path)
    assert [event["i"] for event in events] == [1, 2, 3, 4]
    assert [event["s"] for event in events] == [1, 2, 3, 4]
    assert faults == []


@pytest.mark.parametrize(
    ("limits", "sizes"),
    [
        ({"n_events": 3}, [3, 3, 1]),
        ({"n_bytes": 100}, [3, 3, 1]),
        ({"age_s": 10.0, "n_worth": 4}, [4, 3]),
        ({"age_s": 10.0, "n_worth": 5}, [5, 2]),  # too few are no file of their own
        ({"age_s": 10.0, "longest_s": 15.0}, [6, 1]),  # but for long
    ],
)
def test_a_part_is_closed_by_events_bytes_or_age(limits, sizes, tmp_path, journal_of, clock):
    journal = journal_of(**limits)
    for i in range(7):
        clock.now += 2.9
        assert journal.append({"kind": "audit"}) == i + 1
    found = [len(decode(path.read_bytes())[0]) for path in sorted(tmp_path.glob("*.jnl"))]
    assert found == sizes


def test_threads_of_one_writer_lose_and_double_nothing(tmp_path, journal_of):
    """Law 1: 32 threads on one writer."""
    journal = journal_of(n_events=1_000)
    acked, lock = [], threading.Lock()

    def work(thread):
        for i in range(100):
            put = journal.buffer if i % 3 == 0 else journal.append
            seq = put({"kind": "audit", "thread": thread, "i": i})
            with lock:
                acked.append((seq, thread, i))

    threads = [threading.Thread(target=work, args=(thread,)) for thread in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    journal.close()
    events, faults = read(tmp_path)
    assert faults == []
    assert [event["s"] for event in events] == list(range(1, 3_201))
    assert sorted(acked) == [(event["s"], event["thread"], event["i"]) for event in events]


def test_with_power_nothing_acknowledged_is_lost_when_the_power_goes(tmp_path, power_cut):
    """Law 2: a fake file layer drops all bytes and names that were not synced."""
    for cycle in range(15):
        folder = tmp_path / f"cycle{cycle}"
        folder.mkdir()
        disk = power_cut(folder)
        journal = Journal(folder, "ann", clock=lambda: 0.0, files=disk, durability="power", limits=Limits(n_events=7))
        acked = [[] for _ in range(4)]

        def work(mine, journal=journal):
            try:
                while True:
                    mine.append(journal.append({"kind": "audit"}))
            except StateError:
                pass

        threads = [threading.Thread(target=work, args=(mine,)) for mine in acked]
        for thread in threads:
            thread.start()
        while sum(map(len, acked)) < 10 * cycle + 1:
            time.sleep(0.001)
        disk.down = True
        for thread in threads:
            thread.join()
        disk.cut()
        events, faults = read(folder)
        seen = [event["s"] for event in events]
        assert {seq for mine in acked for seq in mine} <= set(seen)
        assert len(seen) == len(set(seen))
        assert [fault for fault in faults if fault.kind != "torn"] == []
        journal.after_fork()


def test_a_wait_for_the_disk_that_failed_once_is_never_believed_afterwards(tmp_path, journal_of):
    """Law 2: the kernel reports a failed write-back once and then claims success."""

    class Fails(Files):
        times = 0

        def fdatasync(self, fd):
            if self.times:
                self.times -= 1
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            super().fdatasync(fd)

    files = Fails()
    journal = journal_of(files, durability="power")
    journal.append({"kind": "audit"})
    files.times = 1
    with pytest.raises(StateError):
        journal.append({"kind": "audit"})
    with pytest.raises(StateError):
        journal.flush()
    assert journal.append({"kind": "audit"}) == 3
    assert sorted(path.name for path in tmp_path.iterdir()) == ["ann.000001.jnl", "ann.000002.jnl"]


def test_without_power_the_disk_is_asked_in_the_background(journal_of):
    class Counts(Files):
        n = 0

        def fdatasync(self, fd):
            self.n += 1
            super().fdatasync(fd)

    files = Counts()
    journal = journal_of(files, buffer_s=0.001, sync_every=2)
    journal.append({"kind": "audit"})
    deadline = time.monotonic() + 5
    while not files.n and time.monotonic() < deadline:
        time.sleep(0.005)
    assert files.n >= 1
    time.sleep(0.05)
    asked = files.n
    time.sleep(0.05)
    assert files.n == asked
