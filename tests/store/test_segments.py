"""Sealing: nothing lost, nothing doubled, whoever reads meanwhile, wherever it stops."""

import threading

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from selector.errors import StateError
from selector.store import Files, Limits, State, encode, table_of
from selector.store._locks import hold, let_go


def read_all(folder, clock):
    """Read as a program would that starts now."""
    with State.open(folder, clock=clock, read_only=True) as state:
        return list(state.events()), state.faults


def test_sealed_events_are_the_same_events(open_state, tmp_path, clock, events_like, plain):
    """Law 6: journals = segments."""
    given_events = events_like(50)
    state = open_state(limits={"n_events": 20})
    for event in given_events:
        state.append(event)
    before = list(state.events())
    assert plain(before) == given_events
    assert state.seal() == 2
    assert list(state.events()) == before
    assert state.seal(current=True) == 1
    assert list(state.events()) == before
    assert state.seal(current=True) == 0
    assert list((tmp_path / "state" / "journal").iterdir()) == []
    stems = [path.stem for path in (tmp_path / "state" / "log" / "decisions").iterdir()]
    assert sorted(stems) == [f"{state.writer}.{part:06d}" for part in (1, 2, 3)]
    state.append(given_events[0])
    assert plain(state.events()) == [*given_events, given_events[0]]
    assert read_all(state.path, clock) == (list(state.events()), [])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(data=st.data())
def test_any_mix_of_journals_and_segments_is_the_same_log(data, tmp_path_factory, clock, events_like, plain):
    """Law 6: any order of writers, any mix of sealed and not, any place to go on from."""
    folder = tmp_path_factory.mktemp("mix") / "state"
    states, wanted = [], {}
    for event in events_like(data.draw(st.integers(0, 30))):
        which = data.draw(st.integers(0, 2))
        if which >= len(states):
            clock.now += 1
            states.append(State.open(folder, clock=clock, limits=Limits(n_events=4)))
            which = len(states) - 1
        writer, seq = states[which].append(event)
        wanted[writer, seq] = event
        if data.draw(st.integers(0, 5)) == 0:
            data.draw(st.sampled_from(states)).seal(current=data.draw(st.booleans()))
        if data.draw(st.integers(0, 9)) == 0:
            states.pop(which).close()
    if folder.exists():
        events, faults = read_all(folder, clock)
        assert faults == []
        assert [(event["w"], event["s"]) for event in events] == sorted(wanted)
        assert plain(events) == [wanted[key] for key in sorted(wanted)]
        with State.open(folder, clock=clock, read_only=True) as reader:
            reading = reader.events()
            head = [next(reading) for _ in range(len(events) // 2)]
            known = reader.positions
        with State.open(folder, clock=clock, read_only=True) as reader:
            assert [*head, *reader.events(known)] == events
            assert reader.tail() == []
    for state in states:
        state.close()


def filled(folder, clock, events_like):
    """Make a folder with a dead writer's parts, a closed part and an open one; give what was acknowledged."""
    wanted = []
    dead = State.open(folder, clock=clock, limits=Limits(n_events=5))
    wanted += [dead.append(event) for event in events_like(7)]
    dead.close()
    journal = folder / "journal" / f"{dead._reader.positions or wanted[0][0]}.000002.jnl"
    journal.write_bytes(journal.read_bytes() + encode({"kind": "audit", "w": wanted[0][0], "s": 8})[:-9])
    broken = folder / "journal" / f"{wanted[0][0]}.000001.jnl"
    data = bytearray(broken.read_bytes())
    data[40] ^= 1
    broken.write_bytes(data)
    return wanted[1:]


def test_a_crash_between_any_two_steps_of_sealing_changes_nothing_readable(tmp_path, clock, crashing, events_like):
    """Law 10: die before the k-th change of a file, for every k; then read, seal again, read again."""
    k, done = 0, False
    while not done:
        folder = tmp_path / f"k{k}"
        acked = filled(folder, clock, events_like)
        clock.now += 1
        files = crashing()
        state = State.open(folder, clock=clock, files=files, limits=Limits(n_events=4, buffer_s=60.0))
        acked += [state.append(event) for event in events_like(6)]
        before, _ = read_all(folder, clock)
        assert [(event["w"], event["s"]) for event in before] == acked
        files.n, files.at = 0, k
        try:
            state.seal()
            done = files.n <= k
        except BaseException as error:
            if type(error).__name__ != "CrashError":
                raise
        state.after_fork()  # the process is gone
        state.close()
        assert read_all(folder, clock)[0] == before, k
        with State.open(folder, clock=clock) as later:
            later.seal()
            assert list(later.events()) == before, k
        assert read_all(folder, clock)[0] == before, k
        assert list((folder / "log").rglob("*.tmp")) == []
        assert len(list((folder / "journal").iterdir())) == 0
        assert len(list((folder / "quarantine").glob("*.txt"))) == 1
        k += 1
    assert k > 30


def test_a_power_cut_after_sealing_loses_nothing(tmp_path, clock, power_cut, events_like):
    """Laws 2 and 10: what the journals held is in the segments before the journals go."""
    folder = tmp_path / "state"
    disk = power_cut(folder)
    state = State.open(folder, clock=clock, files=disk, durability="power", limits=Limits(n_events=5))
    acked = [state.append(event) for event in events_like(12)]
    state.seal()
    disk.cut()
    state.after_fork()
    state.close()
    events, faults = read_all(folder, clock)
    assert [(event["w"], event["s"]) for event in events] == acked
    assert faults == []


def test_a_reader_during_sealing_sees_each_event_exactly_once(open_state, clock, events_like):
    """Law 10: one thread writes and seals, two read all the while, one only what is new."""
    writer, n, stop, errors = open_state(limits={"n_events": 10}), 400, threading.Event(), []
    tailed = []
    known = [0]

    def read():
        with State.open(writer.path, clock=clock, read_only=True) as state:
            while not stop.is_set():
                at_least = known[0]
                seen = [event["s"] for event in state.events()]
                if seen != list(range(1, len(seen) + 1)) or len(seen) < at_least or state.faults:
                    errors.append((at_least, seen, state.faults))

    def follow():
        with State.open(writer.path, clock=clock, read_only=True) as state:
            last = False
            while not last:
                last = stop.is_set()
                tailed.extend(event["s"] for event in state.tail())

    threads = [threading.Thread(target=target) for target in (read, read, follow)]
    for thread in threads:
        thread.start()
    for i, event in enumerate(events_like(n)):
        _, known[0] = writer.append(event)
        if i % 25 == 0:
            writer.seal()
    stop.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert tailed == list(range(1, n + 1))


def test_only_one_seals_at_a_time_and_the_open_part_of_the_living_is_left(open_state, clock, events_like):
    one = open_state(limits={"n_events": 5})
    clock.now += 1
    two = open_state(limits={"n_events": 5})
    for event in events_like(7):
        one.append(event)
        two.append(event)
    assert two.seal() == 2
    assert sorted(path.name for path in (one.path / "journal").iterdir()) == [
        f"{one.writer}.000002.jnl",
        f"{two.writer}.000002.jnl",
    ]
    lock = hold(one.path / "seal.lock")
    assert one.seal(current=True) == 0
    let_go(lock)
    assert one.seal(current=True) == 1


def test_a_part_that_is_old_is_sealed_even_if_nothing_more_is_written(open_state, clock):
    state = open_state()
    state.append({"kind": "audit"})
    assert state.seal() == 0
    clock.now += 21_601
    assert state.seal() == 1


def test_the_locks_of_the_dead_are_removed_once_their_parts_are_sealed(open_state, clock):
    dead = open_state()
    dead.append({"kind": "audit"})
    dead.close()
    clock.now += 1
    state = open_state()
    assert [state.seal(), state.seal()] == [1, 0]
    assert [path.stem for path in (state.path / "writers").iterdir()] == [state.writer]


def test_a_full_disk_while_sealing_leaves_the_journals(open_state, full_disk, events_like):
    """Law 8: nothing is lost, and sealing succeeds when there is room."""
    state = open_state(limits={"n_events": 5})
    state.append({"kind": "config"})
    for event in events_like(12):
        state.append(event)
    before = list(state.events())
    state._sealer._files = full_disk(room=3_000, only="decisions")
    with pytest.raises(StateError, match="make room"):
        state.seal()
    assert list(state.events()) == before
    assert state.faults == []
    state._sealer._files = Files()
    assert state.seal() == 2
    assert list(state.events()) == before


@pytest.mark.parametrize("table", ["decisions", "attempts", "outcomes", "events"])
@pytest.mark.parametrize("damage", ["flip", "cut", "gone"])
def test_a_damaged_segment_is_named_and_kept_and_costs_only_its_own_table(table, damage, open_state, events_like):
    """Law 7: quarantine names the file; the part's other tables survive; every loss is counted."""
    state = open_state()
    for event in events_like(24):
        state.append(event)
    before = list(state.events())
    state.seal(current=True)
    state.append({"kind": "audit"})
    path = state.path / "log" / table / f"{state.writer}.000001.parquet"
    data = path.read_bytes()
    if damage == "flip":
        path.write_bytes(data[:99] + bytes([data[99] ^ 8]) + data[100:])
    elif damage == "cut":
        path.write_bytes(data[:-40])
    elif table == "decisions":
        return  # without its commit mark a part was never sealed
    else:
        path.unlink()
    events = list(state.events())
    lost = [event for event in before if table_of(event) == table]
    assert [event for event in before if event not in events] == lost
    assert len(events) == 25 - len(lost)
    (fault,) = state.faults
    assert (fault.file, fault.n_lost) == (f"log/{table}/{state.writer}.000001.parquet", len(lost))
    (note,) = (state.path / "quarantine").glob("*.txt")
    assert fault.file in note.read_text()
    assert f"events lost: {len(lost)}" in note.read_text()
    assert list(state.events()) == events
    assert len(state.faults) == 1


def test_a_damaged_segment_is_sealed_again_while_its_journal_is_there(open_state, events_like):
    """Law 7: a segment beats its journal only if it is whole."""
    state = open_state()
    for event in events_like(12):
        state.append(event)
    before = list(state.events())
    journal = next((state.path / "journal").iterdir())
    data = journal.read_bytes()
    state.seal(current=True)
    journal.write_bytes(data)
    path = state.path / "log" / "decisions" / f"{journal.stem}.parquet"
    path.write_bytes(path.read_bytes()[:-1])
    assert list(state.events()) == before
    assert state.seal() == 1
    assert not journal.exists()
    assert list(state.events()) == before
    assert state.faults == []
