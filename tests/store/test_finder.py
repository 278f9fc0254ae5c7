"""One decision, or the newest ones, out of a long log: complete, wherever the events lie."""

import numpy as np
import pytest

from selector.store import State, encode
from selector.store._footer import footer_of
from selector.store._parquet import DamagedError

KINDS = ("attempt", "usage", "judgement", "explained")


def a_log(open_state, clock, n=60):
    """Let two writers write decisions, and now and then a late word on any of them; some parts are sealed."""
    rng = np.random.default_rng(3)
    states, ids = [], []
    for _ in range(2):
        clock.now += 1
        states.append(open_state(limits={"n_events": 17}))
    for i in range(n):
        clock.now += 1
        state = states[i % 2]
        ids.append(f"{state.writer}-{i:08x}")
        state.append({"kind": "decision", "id": ids[-1], "at": clock.now})
        for kind in KINDS:
            whose = ids[max(0, len(ids) - 1 - int(rng.geometric(0.2)))]
            states[int(rng.integers(2))].append({"kind": kind, "decision_id": whose, "at": clock.now + 0.5})
        if i == n // 2:
            states[0].seal()
    return states, ids


def of(decision_id, events):
    """Select what belongs to a decision, the slow way."""
    return [e for e in events if e.get("id" if e["kind"] == "decision" else "decision_id") == decision_id]


def test_a_decision_is_found_with_all_that_belongs_to_it(open_state, clock):
    (state, _), ids = a_log(open_state, clock)
    state.buffer({"kind": "audit", "decision_id": ids[0]})
    events = list(state.events())
    assert list((state.path / "journal").iterdir())
    assert list((state.path / "log" / "decisions").iterdir())
    for decision_id in ids[::3]:
        assert state.find(decision_id) == of(decision_id, events)
    state.seal(current=True)
    for decision_id in ids[::6]:
        assert state.find(decision_id) == of(decision_id, events)
    assert state.faults == []


@pytest.mark.parametrize("name", ['a"b', "é\n", "", "x" * 9_000, "null", "d1 ", "\\"])
def test_any_text_may_be_the_name_of_a_decision(name, open_state):
    """The statistics of a column leave out texts that are too long, and JSON escapes some."""
    state = open_state()
    state.append({"kind": "decision", "id": name})
    state.append({"kind": "usage", "decision_id": name})
    state.append({"kind": "usage", "decision_id": "d1", "note": name, "id": name})
    state.append({"kind": "decision", "id": "d1", "decision_id": name})
    before = state.find(name)
    assert [event["s"] for event in before] == [1, 2]
    state.seal(current=True)
    assert state.find(name) == before
    assert state.find("d2") == []


def test_finding_one_decision_leaves_other_files_unread(open_state, clock, monkeypatch):
    """Only the ends of the files are read where they tell that it is not there."""
    state = open_state(limits={"n_events": 20})
    for i in range(200):
        state.append({"kind": "decision", "id": f"d-{i:08x}", "at": clock.now})
    state.seal(current=True)
    read = []
    monkeypatch.setattr("pyarrow.parquet.ParquetFile", spy(read))
    assert [event["s"] for event in state.find("d-00000063")] == [100]
    assert len(read) == 1


def spy(read):
    """Record which files are opened beyond their ends."""
    from pyarrow.parquet import ParquetFile

    def opened(path, **options):
        read.append(path)
        return ParquetFile(path, **options)

    return opened


def test_a_damaged_file_hides_no_event_of_the_others_and_is_named(open_state, clock):
    """Law 7: wherever the byte is that was changed."""
    (state, _), ids = a_log(open_state, clock)
    state.seal(current=True)
    events = list(state.events())
    path = min((state.path / "log" / "outcomes").iterdir())
    whole = path.read_bytes()
    for place in range(3, len(whole), 397):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        with State.open(state.path, clock=clock, read_only=True) as reader:
            for decision_id in ids[:3]:
                wanted = of(decision_id, events)
                found = reader.find(decision_id)
                assert found == wanted or (
                    [event for event in wanted if event not in found and event["kind"] in {"usage", "judgement"}]
                    and [event for event in found if event not in wanted] == []
                    and [fault.file for fault in reader.faults] == [f"log/outcomes/{path.name}"]
                ), place


def test_every_flipped_bit_of_a_footer_is_refused(open_state):
    """Law 7: what a file says of its columns decides whether it is read, so it has a checksum of its own."""
    state = open_state()
    state.append({"kind": "decision", "id": "d1", "at": 1.0})
    state.seal(current=True)
    (path,) = (state.path / "log" / "decisions").iterdir()
    whole = path.read_bytes()
    assert footer_of(path).note["rows"]["decisions"] == 1
    assert footer_of(path).span("at") == (1_000_000, 1_000_000)
    start = len(whole) - 8 - int.from_bytes(whole[-8:-4], "little")
    crc = whole.rindex(b"selector-crc32:") + len(b"selector-crc32:")
    for place in set(range(start, len(whole) - 4)) - set(range(crc, crc + 8)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        with pytest.raises(DamagedError):
            footer_of(path)


@pytest.mark.parametrize("sealed", [False, True])
@pytest.mark.parametrize("n", [1, 7, 30, 60, 500])
def test_the_newest_decisions_come_with_every_event_of_theirs(n, sealed, open_state, clock):
    (state, _), ids = a_log(open_state, clock)
    if sealed:
        state.seal(current=True)
    events = list(state.events())
    recent = list(state.recent(n))
    made = [event["id"] for event in recent if event["kind"] == "decision"]
    assert set(made) >= set(ids[-n:])
    assert [event for event in events if event in recent] == recent
    for decision_id in made:
        assert of(decision_id, recent) == of(decision_id, events)
    assert (len(made) == len(ids)) == (n >= 55)


def test_the_newest_decisions_do_not_need_the_old_files(open_state, clock):
    state = open_state(limits={"n_events": 10})
    for i in range(100):
        clock.now += 1
        state.append({"kind": "decision", "id": f"d{i}", "at": clock.now})
    state.seal(current=True)
    for path in sorted((state.path / "log" / "decisions").iterdir())[:7]:
        data = bytearray(path.read_bytes())
        data[50] ^= 1
        path.write_bytes(data)
    assert [event["id"] for event in state.recent(25)] == [f"d{i}" for i in range(70, 100)]
    assert state.faults == []


def test_a_line_whose_newline_was_destroyed_is_found(open_state):
    """Law 7: the lengths give both lines back."""
    state = open_state()
    for i in range(3):
        state.append({"kind": "decision", "id": f"d{i}"})
    (journal,) = (state.path / "journal").iterdir()
    lines = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(lines[0] + lines[1][:-1] + b"x" + lines[2])
    assert [event["s"] for event in state.find("d2")] == [3]
    foreign = encode({"kind": "decision", "id": "d9", "w": "ann", "s": 1})
    journal.write_bytes(journal.read_bytes() + foreign)
    assert state.find("d9") == []
