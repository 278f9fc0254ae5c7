"""The folder: who may use it, what it looks like, several processes on it, and its snapshots."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from selector.errors import SchemaVersionError, StateError
from selector.store import Files, State
from selector.store._checks import file_system_of, network_file_system

AS_ROOT = os.geteuid() == 0


def python(code, *arguments, **options):
    """Run code in a fresh interpreter, and return what it printed."""
    done = subprocess.run(  # noqa: S603 - our own interpreter
        [sys.executable, "-c", code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
        cwd=Path(__file__).parents[2],
        **options,
    )
    return done.stdout.split()


def everything(folder):
    """Give every file's content, mode and time, and every folder's."""
    return {
        path: (path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else None)
        for path in [folder, *folder.rglob("*")]
    }


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o777])
def test_files_are_0600_and_folders_0700_whatever_the_umask(umask, open_state, tmp_path, events_like):
    """Law 9."""
    import pyarrow as pa

    before = os.umask(umask)
    try:
        state = open_state(tmp_path / "deep" / "state")
        for event in events_like(12):
            state.append(event)
        state.seal(current=True)
        state.append({"kind": "audit"})
        for _ in range(2):
            state.write_snapshot("posteriors", pa.table({"n": [1]}), state.positions)
        (state.path / "log" / "events" / f"{state.writer}.000001.parquet").write_bytes(b"damaged")
        list(state.events())
    finally:
        os.umask(before)
    found = [tmp_path / "deep", *(tmp_path / "deep").rglob("*")]
    assert {path.stat().st_mode & 0o777 for path in found if path.is_file()} == {0o600}
    assert {path.stat().st_mode & 0o777 for path in found if path.is_dir()} == {0o700}
    assert len([path for path in found if path.is_file()]) >= 12


def test_an_empty_folder_that_was_there_becomes_private(open_state, tmp_path):
    """Law 9."""
    folder = tmp_path / "state"
    folder.mkdir(mode=0o755)
    assert open_state(folder).path.stat().st_mode & 0o777 == 0o700


OPEN_FILES = """
import os
paths = [f"/proc/self/fd/{name}" for name in os.listdir("/proc/self/fd")]
print(*[os.readlink(path) for path in paths if os.path.exists(path)])
"""


def test_descriptors_are_not_inherited_by_other_programs(open_state):
    """Law 9."""
    state = open_state()
    state.append({"kind": "audit"})
    assert [path for path in python(OPEN_FILES, close_fds=False) if str(state.path) in path] == []


FORK = """
import os, sys
from selector.store import State
state = State.open(sys.argv[1], clock=lambda: 1.7e9)
state.append({"kind": "audit", "who": "parent"})
state.buffer({"kind": "audit", "who": "parent"})
child = os.fork()
if child == 0:
    inherited = [os.readlink(f"/proc/self/fd/{f}") for f in os.listdir("/proc/self/fd") if int(f) > 2
                 and os.path.exists(f"/proc/self/fd/{f}")]
    assert [path for path in inherited if sys.argv[1] in path] == [], inherited
    assert state.writer is None
    assert state.tail() == []
    writer, seq = state.append({"kind": "audit", "who": "child"})
    print(writer, seq, flush=True)
    os._exit(0)
os.waitpid(child, 0)
print(state.writer, state.append({"kind": "audit", "who": "parent"})[1])
state.close()
"""


def test_a_forked_child_is_a_writer_of_its_own_and_holds_nothing_of_the_parent(tmp_path, clock):
    """Law 9: the child's writer differs, what the parent had buffered is written once, the parent's lock is free."""
    child, one, parent, three = python(FORK, tmp_path / "state")
    assert child != parent
    assert (one, three) == ("1", "3")
    with State.open(tmp_path / "state", clock=clock) as state:
        assert [(e["w"], e["s"], e["who"]) for e in state.events()] == sorted(
            [(parent, 1, "parent"), (parent, 2, "parent"), (child, 1, "child"), (parent, 3, "parent")]
        )
        assert state.faults == []
        assert state.seal() == 2


FORK_MEANWHILE = """
import os, sys, threading
from selector.store import State
state = State.open(sys.argv[1], clock=lambda: 1.7e9)
stop = threading.Event()
def work():
    while not stop.is_set():
        state.append({"kind": "audit"})
for _ in range(3):
    threading.Thread(target=work).start()
for _ in range(20):
    child = os.fork()
    if child == 0:
        state.append({"kind": "audit"})
        os._exit(0)
    assert os.waitpid(child, 0)[1] == 0
stop.set()
print(len({event["w"] for event in state.events()}))
"""


def test_a_fork_while_threads_write_leaves_no_lock_taken(tmp_path):
    """Law 9: the child has the parent's locks as some other thread held them."""
    assert python(FORK_MEANWHILE, tmp_path / "state") == ["21"]


WRITE = """
import sys
from selector.store import Limits, State
state = State.open(sys.argv[1], clock=lambda: 1.7e9, limits=Limits(n_events=200))
for i in range(2000):
    state.append({"kind": "usage", "who": sys.argv[2], "i": i})
    if i % 300 == 0:
        state.seal()
state.close()
"""


def test_two_processes_on_one_folder_lose_and_double_nothing_and_a_third_follows(open_state):
    """Laws 1 and 10: two write and seal, one reads what is new."""
    state = open_state()
    writers = [
        subprocess.Popen([sys.executable, "-c", WRITE, str(state.path), name], cwd=Path(__file__).parents[2])  # noqa: S603
        for name in ("one", "two")
    ]
    followed = []
    while any(writer.poll() is None for writer in writers):
        followed.extend(state.tail())
    followed.extend(state.tail())
    assert [writer.returncode for writer in writers] == [0, 0]
    for name in ("one", "two"):
        assert [e["i"] for e in followed if e["who"] == name] == list(range(2000))
    assert sorted((e["w"], e["s"]) for e in followed) == [(e["w"], e["s"]) for e in state.events()]
    assert state.tail() == []
    assert state.faults == []


def test_a_newer_format_is_refused_and_nothing_is_changed(open_state):
    """Law 11: the error names both versions, and no byte of the folder changes."""
    state = open_state()
    state.append({"kind": "audit"})
    state.close()
    store = state.path / "store.json"
    store.write_text(store.read_text().replace('"format":1', '"format":7'))
    before = everything(state.path)
    for read_only in (False, True):
        with pytest.raises(SchemaVersionError, match=r"format 7.*format 1"):
            open_state(read_only=read_only)
    assert everything(state.path) == before


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"format": "1"}', '{"format": 1}'])
def test_a_damaged_store_file_is_named(text, open_state):
    state = open_state()
    (state.path / "store.json").write_text(text)
    with pytest.raises(StateError, match=r"store\.json is damaged"):
        open_state()


def test_a_folder_that_is_only_read_is_not_changed(open_state, events_like, clock):
    """Law 11: reading works, writing is refused, not one byte changes, damaged lines included."""
    state = open_state(limits={"n_events": 10})
    for event in events_like(25):
        state.append(event)
    state.seal()
    state.append({"kind": "audit"})
    journal = next((state.path / "journal").iterdir())
    data = bytearray(journal.read_bytes())
    data[50] ^= 1
    journal.write_bytes(data)
    before = everything(state.path)
    with State.open(state.path, clock=clock, read_only=True) as reader:
        assert len(list(reader.events())) == 25
        assert [(fault.kind, fault.n_lost) for fault in reader.faults] == [("broken", 1)]
        assert reader.store_id == state.store_id
        assert reader.read_snapshot("posteriors") is None
        assert reader.tail() == []
        reader.flush()
        for write in (
            lambda: reader.append({"kind": "audit"}),
            lambda: reader.buffer({"kind": "audit"}),
            reader.seal,
            lambda: reader.write_snapshot("posteriors", None, {}),
        ):
            with pytest.raises(StateError, match="read-only"):
                write()
    assert everything(state.path) == before


AS_NOBODY = """
import os, sys
from selector.errors import StateError
from selector.store import State
os.setgid(65534); os.setuid(65534)
try:
    State.open(sys.argv[1], clock=lambda: 1.7e9)
except StateError as error:
    print(error)
"""


@pytest.mark.skipif(not AS_ROOT, reason="becoming another user needs root")
def test_a_folder_of_another_user_or_without_write_access_is_refused():
    """Law 11: with a remedy."""
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        theirs = Path(place, "theirs")
        State.open(theirs, clock=lambda: 1.7e9).close()
        theirs.chmod(0o755)
        (theirs / "store.json").chmod(0o644)
        said = " ".join(python(AS_NOBODY, theirs))
        assert "belongs to user 0" in said
        assert "read-only" in said
        assert "give write access" in " ".join(python(AS_NOBODY, Path(place, "new")))


def test_a_disk_that_refuses_at_open_is_named(tmp_path):
    class ReadOnlyDisk(Files):
        def rename(self, *_):
            raise OSError(30, "Read-only file system")

    with pytest.raises(StateError, match="Read-only file system; give write access"):
        State.open(tmp_path / "state", clock=lambda: 0.0, files=ReadOnlyDisk())


def test_what_cannot_be_a_state_folder_is_refused_with_a_remedy(open_state, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="is a file; name a folder"):
        open_state(tmp_path / "file")
    with pytest.raises(StateError, match="there is no state"):
        open_state(tmp_path / "nowhere", read_only=True)
    assert not (tmp_path / "nowhere").exists()
    with pytest.raises(StateError, match="'file'; name a new or an empty folder"):
        open_state(tmp_path)
    with pytest.raises(StateError, match="durability"):
        open_state(durability="fast")


def test_a_network_file_system_is_refused(open_state, tmp_path, monkeypatch):
    mounts = tmp_path / "mounts"
    mounts.write_text(f"/dev/vda / ext4 rw 0 0\nhost:/x {tmp_path}/far nfs4 rw 0 0\n")
    monkeypatch.setattr("selector.store._checks._MOUNTS", mounts)
    with pytest.raises(StateError, match=r"network file system \(nfs4\).*local disk.*Redis"):
        open_state(tmp_path / "far" / "state")
    assert not (tmp_path / "far").exists()
    open_state(tmp_path / "near")
    assert file_system_of(Path("/a b/c"), "x /a\\040b 9p rw 0 0") == "9p"
    assert file_system_of(Path("/ab"), "x /a nfs rw 0 0\n/dev/vda / ext4 rw") == "ext4"
    assert [kind for kind in ("cifs", "9p", "fuse.sshfs", "fuseblk", "tmpfs") if network_file_system(kind)] == [
        "cifs",
        "9p",
        "fuse.sshfs",
    ]


def test_two_who_make_the_folder_at_once_agree_on_its_identity(tmp_path):
    code = "import sys; from selector.store import State; print(State.open(sys.argv[1], clock=lambda: 1.0).store_id)"
    command = [sys.executable, "-c", code, str(tmp_path / "state")]
    both = [subprocess.Popen(command, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2]) for _ in range(2)]  # noqa: S603
    assert len({process.communicate()[0] for process in both}) == 1


def test_a_closed_state_writes_nothing_more_and_an_unused_one_leaves_no_trace(open_state):
    state = open_state()
    state.close()
    state.close()
    with pytest.raises(StateError, match="closed; open it again"):
        state.append({"kind": "audit"})
    assert list((state.path / "writers").iterdir()) == []


def test_positions_say_what_was_read_and_what_was_written(open_state, clock):
    one = open_state(limits={"n_events": 2})
    clock.now += 1
    two = open_state()
    for _ in range(3):
        one.append({"kind": "audit"})
    two.append({"kind": "audit"})
    assert two.positions == {two.writer: (1, 1)}
    assert len(two.tail()) == 3
    assert two.positions == {one.writer: (2, 3), two.writer: (1, 1)}
    one.seal(current=True)
    assert two.tail() == []
    one.append({"kind": "audit"})
    assert [event["s"] for event in two.tail()] == [4]
    assert list(open_state(read_only=True).events(two.positions)) == []


def test_events_that_are_gone_without_a_trace_are_counted(open_state, clock):
    """Law 7: a closed part that ends too early, or is not there, shows in the numbers of the next."""
    state = open_state(limits={"n_events": 3})
    for _ in range(9):
        state.append({"kind": "audit"})
    first, second, _ = sorted((state.path / "journal").iterdir())
    first.write_bytes(b"".join(first.read_bytes().splitlines(keepends=True)[:2]))
    second.unlink()
    with State.open(state.path, clock=clock, read_only=True) as reader:
        assert [event["s"] for event in reader.events()] == [1, 2, 7, 8, 9]
        assert [(fault.kind, fault.n_lost) for fault in reader.faults] == [("missing", 4)]


def test_a_broken_line_is_kept_aside_once_and_others_journals_are_left_as_they_are(open_state, clock):
    """Law 7: quarantined and named; nobody's journal is changed in place."""
    one = open_state()
    clock.now += 1
    two = open_state()
    for i in range(5):
        one.append({"kind": "audit", "i": i})
    journal = next((one.path / "journal").iterdir())
    lines = journal.read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b'"i":2', b'"i":9')
    journal.write_bytes(b"".join(lines))
    before = everything(one.path / "journal")
    assert [event["i"] for event in two.tail()] == [0, 1, 3, 4]
    assert [event["i"] for event in two.events()] == [0, 1, 3, 4]
    (fault,) = two.faults
    assert (fault.file, fault.offset, fault.n_lost) == (f"journal/{journal.name}", len(lines[0]) * 2, 1)
    bad, note = sorted((one.path / "quarantine").iterdir())
    assert bad.read_bytes() == lines[2]
    assert f"file: journal/{journal.name}\n" in note.read_text()
    assert "events lost: 1\nfound: 2023-11-14T" in note.read_text()
    assert everything(one.path / "journal") == before


def test_a_torn_line_of_the_dead_is_named_and_of_the_living_is_waited_for(open_state, clock):
    one = open_state()
    clock.now += 1
    two = open_state()
    one.append({"kind": "audit"})
    journal = next((one.path / "journal").iterdir())
    whole = journal.read_bytes()
    journal.write_bytes(whole + whole[:20])
    assert [len(two.tail()), len(list(two.events()))] == [1, 1]
    assert two.faults == []
    one.after_fork()
    assert len(list(two.events())) == 1
    assert [(fault.kind, fault.n_lost) for fault in two.faults] == [("torn", 0)]
