"""What a user of a live selector meets when disks fill, files break, or the folder cannot be what it should be."""

import errno
import os
import shutil
import time

import pytest

from selector import Outcome, Selector, Task
from selector.errors import SchemaVersionError, StateError
from selector.store import Files, Limits

TASK = Task("coding", input_tokens=1_000, max_output_tokens=1_000)
USED = Outcome(output_tokens=100, latency_s=0.5)
GOOD = Outcome(score=1, source="tests")
AT = 1.7e9


class Refusing(Files):
    """Refuses every change of a file, once it is told to."""

    def __init__(self, number=errno.ENOSPC):
        self.number, self.refuses = number, False

    def _change(self):
        if self.refuses:
            raise OSError(self.number, os.strerror(self.number))

    def open(self, path, flags):
        self._change()
        return super().open(path, flags)

    def write(self, fd, data):
        self._change()
        return super().write(fd, data)

    def rename(self, source, target):
        self._change()
        super().rename(source, target)


def account_of(selector):
    ((_, account),) = selector._core.budget.accounts.values()
    return account


def n_believed(selector):
    return sum(selector.beliefs()["n_outcomes"].to_pylist())


def die(selector):
    """Let go of everything as a killed process would, once what waits is written."""
    selector.flush()
    selector._keeper.stop()
    selector._closed = True
    selector._core.state.after_fork()


def fill(selector, n=12):
    """Decide and report; give the decisions."""
    decisions = [selector.select(Task(("coding", "chat")[i % 2], input_tokens=500)) for i in range(n)]
    for i, decision in enumerate(decisions):
        selector.record(decision, Outcome(output_tokens=10 + i, latency_s=0.5))
        selector.record(decision, Outcome(score=i % 3 / 2, source="tests"))
    return decisions


def flip(path, place, bit=1):
    data = bytearray(path.read_bytes())
    data[place] ^= bit
    path.write_bytes(data)


class TestAFullDisk:
    @pytest.mark.parametrize("room", [0, 1, 200, 450])
    def test_choices_go_on_and_an_outcome_is_refused_and_counts_once_when_it_is_repeated(
        self, room, open_selector, files_of_state, full_disk, folder, read_log, folded_anew, differ
    ):
        """Whether the disk takes nothing, or a part of a line without any error."""
        files_of_state(files=full_disk)
        selector = open_selector(clock=lambda: AT)
        first = selector.select(TASK)
        selector.record(first, USED)
        full_disk.room = room
        second = selector.select(TASK)
        for _ in range(3):
            with pytest.raises(StateError, match=r"No space left|were written.*make room"):
                selector.record(second, Outcome(output_tokens=100, score=1, source="tests"))
            assert selector.select(TASK).model
        assert (selector.status().n_outcomes, n_believed(selector)) == (1, 0)
        full_disk.room = 10**9
        for _ in range(2):
            selector.record(second, Outcome(output_tokens=100, score=1, source="tests"))
        selector.close()
        log = read_log(folder)
        assert (log.faults, len(log.decided), len(log.keys)) == ([], 5, 3)
        with Selector.open(selector.config, state=folder, seed=2, clock=lambda: AT) as again:
            assert (again.status().n_outcomes, n_believed(again)) == (2, 1)
            assert differ(again.beliefs(), folded_anew(folder, clock=lambda: AT)[0]) == []

    def test_it_is_told_while_it_lasts(self, open_selector, files_of_state, full_disk):
        files_of_state(files=full_disk)
        selector = open_selector()
        selector.select(TASK)
        full_disk.room = 0
        selector.select(TASK)
        with pytest.raises(StateError, match="make room"):
            selector.flush()
        self._wait_for(lambda: "make room" in (selector.status().trouble or ""))
        full_disk.room = 10**9
        self._wait_for(lambda: selector.status().trouble is None)

    def test_what_it_does_not_take_for_long_is_counted(
        self, open_selector, files_of_state, full_disk, folder, read_log
    ):
        """Memory does not grow without end: the oldest decisions lose their line, and each of them is counted."""
        files_of_state(files=full_disk, limits=Limits(buffer_bytes=500))
        selector = open_selector()
        full_disk.room, n = 0, 10_040
        for _ in range(n):
            selector.select(TASK)
        self._wait_for(lambda: selector.status().n_unlogged >= 39)
        n_unlogged = selector.status().n_unlogged
        full_disk.room = 10**9
        selector.close()
        assert len(read_log(folder).decided) == n - n_unlogged

    def test_an_outcome_of_a_decision_that_the_disk_never_took_counts_for_good(
        self, open_selector, files_of_state, full_disk, folder, folded_anew
    ):
        files_of_state(files=full_disk, limits=Limits(buffer_bytes=500))
        selector = open_selector(clock=lambda: AT)
        full_disk.room = 0
        decisions = [selector.select(TASK) for _ in range(10_040)]
        self._wait_for(lambda: selector.status().n_unlogged >= 39)
        full_disk.room = 10**9
        for decision in decisions[:40]:
            selector.record(decision, GOOD)
        assert n_believed(selector) == 40
        selector.close()
        status = folded_anew(folder, clock=lambda: AT)[1]
        assert (status.n_outcomes, status.n_judged, status.n_orphans) == (40, 40, 0)

    @pytest.mark.parametrize("room", [0, 1, 200])
    def test_under_a_hard_budget_nothing_is_chosen_and_nothing_held(
        self, room, open_selector, files_of_state, full_disk, hard, folder, read_log
    ):
        """What cannot be held for good must not be spent."""
        files_of_state(files=full_disk)
        selector = open_selector(hard({"usd": 1, "per": "day"}), clock=lambda: AT)
        first = selector.select(TASK)
        before = account_of(selector)
        full_disk.room = room
        for _ in range(3):
            with pytest.raises(StateError, match="make room"):
                selector.select(TASK)
        with pytest.raises(StateError, match="make room"):
            selector.record(first, USED)
        assert account_of(selector) == before
        assert (selector.status().n_decisions, selector.status().n_outcomes) == (1, 0)
        full_disk.room = 10**9
        second = selector.select(TASK)
        assert account_of(selector).held == before.held + second.held_nano
        selector.record(first, USED)
        assert account_of(selector).held == second.held_nano
        spent = account_of(selector).spent
        selector.close()
        assert len(read_log(folder).decided) == 2
        with open_selector(selector.config, clock=lambda: AT) as again:
            assert tuple(account_of(again))[1:] == (spent, second.held_nano)

    def test_closing_says_so_and_what_was_acknowledged_is_there_next_time(
        self, open_selector, files_of_state, full_disk, soft, folder
    ):
        files_of_state(files=full_disk)
        selector = Selector.open(soft, state=folder, seed=1)
        selector.record(selector.select(TASK), GOOD)
        full_disk.room = 0
        selector.select(TASK)
        with pytest.raises(StateError, match="make room"):
            selector.close()
        selector.close()
        full_disk.room = 10**9
        assert n_believed(open_selector()) == 1

    def test_beliefs_that_cannot_be_written_down_stop_nobody(self, open_selector, files_of_state, folder):
        """Neither a snapshot nor sealing is needed to choose or to report."""

        class NoRenames(Refusing):
            def _change(self):
                pass

            def rename(self, source, target):
                super()._change()
                super().rename(source, target)

        files = NoRenames()
        files_of_state(files=files, limits=Limits(n_events=5))
        selector = open_selector()
        files.refuses = True
        fill(selector)
        for tidy in (selector._core.snapshot, selector._core.state.seal):
            with pytest.raises(StateError, match="make room"):
                tidy()
        assert n_believed(selector) == 12
        files.refuses = False
        selector.close()
        assert not list(folder.rglob("*.tmp"))
        assert n_believed(open_selector()) == 12

    @staticmethod
    def _wait_for(what, seconds=20):
        until = time.monotonic() + seconds
        while not what():
            assert time.monotonic() < until
            time.sleep(0.01)


class TestAFolderThatCannotBeUsed:
    @pytest.mark.parametrize(
        ("number", "remedy"),
        [(errno.EROFS, "write access"), (errno.ENOSPC, "make room"), (errno.EACCES, "write access")],
    )
    def test_one_that_takes_no_writing_is_refused_with_a_remedy(self, number, remedy, files_of_state, folder, soft):
        with Selector.open(soft, state=folder, seed=1) as selector:
            fill(selector)
        files = Refusing(number)
        files.refuses = True
        files_of_state(files=files)
        with pytest.raises(StateError, match=rf"cannot be written: {os.strerror(number)}; .*{remedy}"):
            Selector.open(soft, state=folder)
        files.refuses = False
        with Selector.open(soft, state=folder) as again:
            assert n_believed(again) == 12

    def test_a_file_is_refused_and_left_as_it_is(self, tmp_path, soft):
        file = tmp_path / "notes"
        file.write_text("mine")
        with pytest.raises(StateError, match="is a file; name a folder"):
            Selector.open(soft, state=file)
        assert file.read_text() == "mine"

    def test_a_folder_of_other_things_is_refused_and_left_as_it_is(self, tmp_path, soft, everything):
        (tmp_path / "notes").write_text("mine")
        before = everything(tmp_path)
        with pytest.raises(StateError, match="has other things in it, such as 'notes'"):
            Selector.open(soft, state=tmp_path)
        assert everything(tmp_path) == before

    def test_one_of_another_user_is_refused_and_left_as_it_is(self, folder, soft, everything, monkeypatch):
        Selector.open(soft, state=folder).close()
        before, me = everything(folder), os.geteuid()
        monkeypatch.setattr(os, "geteuid", lambda: me + 1)
        with pytest.raises(StateError, match=f"belongs to user {me}, and this is user {me + 1}; run as its owner"):
            Selector.open(soft, state=folder)
        assert everything(folder) == before

    def test_one_on_a_network_file_system_is_refused_with_the_reason(self, tmp_path, soft, monkeypatch):
        mounts = tmp_path / "mounts"
        mounts.write_text(f"/dev/vda / ext4 rw 0 0\nhost:/x {tmp_path}/far nfs4 rw 0 0\n")
        monkeypatch.setattr("selector.store._checks._MOUNTS", mounts)
        with pytest.raises(StateError, match=r"network file system \(nfs4\), where locks .* are not safe"):
            Selector.open(soft, state=tmp_path / "far" / "state")
        assert not (tmp_path / "far").exists()

    @pytest.mark.parametrize("newer", ["format", "fold"])
    def test_one_of_a_newer_version_is_refused_and_left_as_it_is(self, newer, folder, soft, everything, monkeypatch):
        with Selector.open(soft, state=folder) as selector:
            fill(selector)
            if newer == "fold":
                monkeypatch.setattr("selector._clients._core.FOLD_VERSION", 99)
        monkeypatch.undo()
        store = folder / "store.json"
        if newer == "format":
            store.write_text(store.read_text().replace('"format":1', '"format":99'))
        before = everything(folder)
        with pytest.raises(SchemaVersionError, match=r"99.*1; update the library"):
            Selector.open(soft, state=folder)
        assert everything(folder) == before

    def test_a_snapshot_of_an_older_fold_is_folded_anew(self, folder, soft, monkeypatch, differ):
        with Selector.open(soft, state=folder, clock=lambda: AT) as selector:
            fill(selector)
            beliefs = selector.beliefs()
            monkeypatch.setattr("selector._clients._core.FOLD_VERSION", 0)
        monkeypatch.undo()
        with Selector.open(soft, state=folder, clock=lambda: AT) as again:
            assert differ(again.beliefs(), beliefs) == []
            assert (again.status().n_outcomes, again.status().quarantined) == (12, 0)


def test_nothing_more_is_acknowledged_once_the_folder_is_deleted_and_the_reason_is_told(soft, folder):
    """What is written to a deleted file is written to nobody."""
    selector = Selector.open(soft, state=folder, seed=1)
    selector.record(selector.select(TASK), USED)
    shutil.rmtree(folder)
    refused, until = "", time.monotonic() + 10
    while not refused and time.monotonic() < until:
        try:
            selector.record(selector.select(TASK), USED)
        except StateError as error:
            refused = str(error)
        time.sleep(0.02)
    trouble = selector.status().trouble
    with pytest.raises(StateError):
        selector.close()
    selector.close()
    assert not folder.exists()
    assert "deleted" in refused
    assert "deleted" in trouble


class TestDamage:
    """What cannot be read is named and kept aside, and the rest is learnt."""

    def test_a_flipped_bit_in_a_journal_costs_the_outcome_that_it_hit(self, open_selector, folder, clock):
        selector = open_selector(clock=clock)
        fill(selector)
        die(selector)
        (journal,) = (folder / "journal").iterdir()
        flip(journal, journal.read_bytes().rindex(b'"score"') + 3)
        again = open_selector(clock=clock)
        status = again.status()
        assert (n_believed(again), status.n_outcomes, status.n_decisions, status.quarantined) == (11, 12, 12, 1)
        assert status.faults[0].startswith(f"journal/{journal.name}, byte")
        assert "checksum" in status.faults[0]
        assert {path.suffix for path in (folder / "quarantine").iterdir()} == {".bad", ".txt"}
        fill(again)
        assert n_believed(again) == 23

    def test_a_flipped_bit_in_a_sealed_file_changes_nothing_that_was_learnt(self, open_selector, folder, clock, differ):
        """The snapshot has it; the file is named."""
        selector = open_selector(clock=clock)
        fill(selector)
        beliefs = selector.beliefs()
        selector.close()
        (sealed,) = (folder / "log/outcomes").iterdir()
        flip(sealed, 99)
        again = open_selector(clock=clock)
        assert differ(again.beliefs(), beliefs) == []
        status = again.status()
        assert (status.n_outcomes, status.quarantined) == (12, 1)
        assert status.faults[0].startswith(f"log/outcomes/{sealed.name}, byte")

    def test_a_flipped_bit_in_a_sealed_file_costs_a_fold_from_the_log_that_file_alone(
        self, open_selector, folder, clock
    ):
        for _ in range(2):
            selector = open_selector(clock=clock)
            fill(selector)
            selector.close()
        first, _ = sorted((folder / "log/outcomes").iterdir())
        flip(first, 99)
        for path in folder.glob("posteriors.parquet*"):
            path.unlink()
        again = open_selector(clock=clock)
        status = again.status()
        assert (n_believed(again), status.n_decisions, status.n_outcomes, status.quarantined) == (12, 24, 12, 1)
        assert first.name in status.faults[0]

    @pytest.mark.parametrize("damage", ["flipped", "half-written", "empty", "noise"])
    @pytest.mark.parametrize("which", ["newest", "both"])
    def test_a_damaged_snapshot_is_named_and_beliefs_are_what_they_were(
        self, which, damage, open_selector, folder, clock, differ
    ):
        """The one before and the log give the same; so does the log alone."""
        for _ in range(2):
            selector = open_selector(clock=clock)
            fill(selector)
            beliefs = selector.beliefs()
            selector.close()
        names = ["posteriors.parquet", "posteriors.parquet.prev"][: 1 + (which == "both")]
        for name in names:
            data = (folder / name).read_bytes()
            broken = {"half-written": data[: len(data) // 2], "empty": b"", "noise": bytes(range(256)) * 9}
            (folder / name).write_bytes(broken.get(damage, data))
            if damage == "flipped":
                flip(folder / name, len(data) // 2)
        again = open_selector(clock=clock)
        status = again.status()
        assert differ(again.beliefs(), beliefs) == []
        assert (status.n_decisions, status.n_outcomes, status.n_judged, status.quarantined) == (24, 24, 24, len(names))
        assert [text.split(",")[0] for text in status.faults] == names
        again.close()
        assert open_selector(clock=clock).status().quarantined == 0

    def test_a_snapshot_that_was_not_finished_is_ignored(self, open_selector, folder, clock, differ):
        selector = open_selector(clock=clock)
        fill(selector)
        beliefs = selector.beliefs()
        selector.close()
        data = (folder / "posteriors.parquet").read_bytes()
        (folder / "posteriors.parquet.tmp").write_bytes(data[:100])
        again = open_selector(clock=clock)
        assert differ(again.beliefs(), beliefs) == []
        assert again.status().quarantined == 0
        again.close()
        assert not (folder / "posteriors.parquet.tmp").exists()
