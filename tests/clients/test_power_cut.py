"""What a live selector has acknowledged when the power goes, and what it believes afterwards."""

import errno
import os
import threading
import time
from contextlib import suppress
from itertools import count
from pathlib import Path

import pytest

from selector import Outcome, Selector, Task
from selector.budgets import NANO
from selector.errors import BudgetExceededError, StateError
from selector.store import Files, Limits

CUTS = 8


class PowerCut(Files):
    """Knows which bytes and which names the disk has; `cut` takes everything else away, and brings back the rest."""

    def __init__(self, folder, attic):
        self.folder, self.attic = folder, attic
        self.synced, self.named, self.kept = {}, {}, {}
        self.down, self.lock = False, threading.Lock()

    def _powered(self):
        if self.down:
            raise OSError(errno.EIO, "no power")

    def write(self, fd, data):
        self._powered()
        return super().write(fd, data)

    def fdatasync(self, fd):
        self._powered()
        found = os.fstat(fd)
        super().fdatasync(fd)
        self._powered()
        with self.lock:
            self.synced[found.st_ino] = max(found.st_size, self.synced.get(found.st_ino, 0))

    def sync_folder(self, path):
        self._powered()
        super().sync_folder(path)
        with self.lock:
            found = {}
            for each in path.iterdir():
                try:
                    found[each.name] = each.stat().st_ino
                except FileNotFoundError:
                    continue
            self.named[path] = found

    def rename(self, source, target):
        self._powered()
        self._keep(target)
        super().rename(source, target)

    def unlink(self, path):
        self._powered()
        self._keep(path)
        super().unlink(path)

    def _keep(self, path):
        """Keep what loses its name: until its folder is synced, the disk has it under that name."""
        with self.lock:
            if path.exists() and self.named.get(path.parent, {}).get(path.name) == path.stat().st_ino:
                kept = self.attic / str(len(self.kept))
                os.link(path, kept)
                self.kept[path.stat().st_ino] = kept

    def cut(self):
        """Lose bytes beyond the last sync, and names that no sync of their folder saw; bring back those it saw.

        The ledger is SQLite's to sync, which this disk does not see: it keeps all of it.
        """
        for path in Path(self.folder).rglob("*"):
            if path.is_file() and path.suffix != ".lock" and not path.name.startswith("ledger."):
                inode = path.stat().st_ino
                if self.named.get(path.parent, {}).get(path.name) == inode:
                    os.truncate(path, min(path.stat().st_size, self.synced.get(inode, 0)))
                else:
                    path.unlink()
        for folder, names in self.named.items():
            for name, inode in names.items():
                if inode in self.kept and not (folder / name).exists():
                    os.link(self.kept[inode], folder / name)
                    os.truncate(folder / name, self.synced.get(inode, 0))


class Life:
    """A selector with threads that report and one that seals and sums up, until the power goes."""

    def __init__(self, config, folder, disk):
        self.disk = disk
        self.selector = Selector.open(config, state=folder, seed=1, clock=lambda: 1.7e9)
        self.chosen, self.acknowledged, self.tried = {}, {}, {}

    def _work(self, thread):
        for i in count():
            decision = self.selector.select(Task(("coding", "chat")[i % 2], input_tokens=100, max_output_tokens=1_000))
            self.chosen[decision.id] = decision.held_nano
            used = 1 + (7 * i + thread) % 900
            for kind, value, outcome in (
                ("usage", used, Outcome(output_tokens=used, latency_s=0.5)),
                ("judgement", i % 3 / 2, Outcome(score=i % 3 / 2, source="tests")),
            ):
                self.tried[decision.id, kind] = value
                self.selector.record(decision.id, outcome)
                self.acknowledged[decision.id, kind] = value

    def _keep_tidy(self, _):
        while True:
            self.selector._core.state.seal()
            self.selector._core.snapshot()
            time.sleep(0.01)

    def _until_the_end(self, work, thread):
        with suppress(StateError, BudgetExceededError):
            work(thread)

    def until_the_power_goes(self, n_acknowledged):
        works = [self._work, self._work, self._work, self._keep_tidy]
        threads = [threading.Thread(target=self._until_the_end, args=(w, i)) for i, w in enumerate(works)]
        for thread in threads:
            thread.start()
        while len(self.acknowledged) < n_acknowledged and any(thread.is_alive() for thread in threads[:3]):
            time.sleep(0.001)
        self.disk.down = True
        for thread in threads:
            thread.join()
        self.selector._keeper.stop()
        self.selector._closed = True
        self.selector._core.state.after_fork()  # lets go of every file, and writes nothing
        self.disk.cut()


def value_of(event):
    return event["output_tokens"] if event["kind"] == "usage" else event["score"]


def reports_in(log):
    """Give what was reported by decision and kind, each once, from a log in which nothing is wrong but torn ends."""
    assert [fault for fault in log.faults if fault.kind != "torn"] == []
    assert len(log.keys) == len(set(log.keys))
    return {(event["decision_id"], event["kind"]): value_of(event) for event in log.reports}


@pytest.fixture
def lived(tmp_path, files_of_state):
    """Let selectors live on folders of their own until the power goes, each a little longer."""
    n = count()

    def live(config):
        folder, attic = tmp_path / f"state{next(n)}", tmp_path / f"attic{next(n)}"
        attic.mkdir()
        disk = PowerCut(folder, attic)
        files_of_state(files=disk, limits=Limits(n_events=40))
        life = Life(config, folder, disk)
        life.until_the_power_goes(25 * next(n))
        files_of_state(files=Files())
        return folder, life

    return live


def test_with_power_nothing_acknowledged_is_lost_and_beliefs_are_what_the_log_says(
    lived, soft, read_log, folded_anew, differ
):
    """Threads report while another seals and sums up; the disk keeps only what was synced."""
    config = soft | {"state": {"durability": "power"}}
    for _ in range(CUTS):
        folder, life = lived(config)
        log = read_log(folder)
        read = reports_in(log)
        assert {key: value for key, value in life.acknowledged.items() if read.get(key) != value} == {}
        assert read.items() <= life.tried.items()
        with Selector.open(config, state=folder, seed=2, clock=lambda: 1.7e9) as selector:
            status, beliefs = selector.status(), selector.beliefs()
        assert (status.n_outcomes, status.n_orphans, status.quarantined) == (len(log.reported), 0, 0)
        assert status.n_decisions == len(log.decided)
        assert differ(beliefs, folded_anew(folder, config, clock=lambda: 1.7e9)[0]) == []


def test_with_power_no_hold_that_was_given_is_forgotten(lived, hard, read_log):
    """What was held or spent before the cut is held or spent after it, to the nano-dollar."""
    config = hard({"usd": 0.05, "per": "day"}) | {"state": {"durability": "power"}}
    for _ in range(CUTS):
        folder, life = lived(config)
        log = read_log(folder)
        reports_in(log)
        held = {event["id"]: event["held_nano"] for event in log.decisions}
        assert life.chosen.items() <= held.items()
        cost = {event["decision_id"]: event["nano"] for event in log.reports if event["kind"] == "usage"}
        still_held = sum(nano for id_, nano in held.items() if id_ not in cost)
        with Selector.open(config, state=folder, seed=2, clock=lambda: 1.7e9) as selector:
            ((_, account),) = selector._core.budget.accounts.values()
            assert (account.spent, account.held) == (sum(cost.values()), still_held)
            assert account.spent + account.held <= 0.05 * NANO


def test_without_power_the_folder_stays_readable_and_nothing_torn_is_believed(lived, soft, read_log):
    """The last second may be gone; what is left is what was said, and the next process goes on from there."""
    n_lost = 0
    for _ in range(CUTS):
        folder, life = lived(soft)
        log = read_log(folder)
        read = reports_in(log)
        assert read.items() <= life.tried.items()
        n_lost += len(life.acknowledged.keys() - read.keys())
        with Selector.open(soft, state=folder, seed=2, clock=lambda: 1.7e9) as selector:
            status = selector.status()
            assert len(log.reported) <= status.n_outcomes <= len({id_ for id_, _ in life.tried})
            assert (status.n_orphans, status.quarantined) == (0, 0)
            selector.record(selector.select(Task("coding")), Outcome(score=1, source="tests"))
            assert selector.status().n_outcomes == status.n_outcomes + 1
    assert n_lost > 0
