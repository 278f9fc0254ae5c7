"""The ledger of leases: blocks, all or nothing, what becomes of a lease whose owner died, what a failing file says."""

import sqlite3
import stat

import numpy as np
import pytest

from selector.errors import SchemaVersionError, StateError
from selector.store._ledger import Ledger
from selector.store._ledger_terms import Entry, Known, Others, Want

WHOLE = 10_000


@pytest.fixture
def dead():
    """Who is dead, and what the journals of the dead say."""
    return {}


@pytest.fixture
def ledger_of(tmp_path, dead):
    opened = []

    def build(owner, **options):
        ledger = Ledger.open(
            tmp_path,
            lambda: owner,
            Others(lambda name: name not in dead, lambda row: dead[row.owner]),
            **{"rng": np.random.default_rng(1), "boot": "boot-1"} | options,
        )
        opened.append(ledger)
        return ledger

    yield build
    for ledger in opened:
        ledger.close()


def want(need, key="day", window=0, **options):
    return Want(key, window, need=need, **{"limit": WHOLE, "most": WHOLE} | options)


def standing(ledger):
    return {(each.key, each.window): (each.spent, each.leased) for each in ledger.accounts()}


@pytest.mark.parametrize(
    ("free", "need", "limit", "most", "block"),
    [
        (8_000, 10, 10_000, 1_000, 100),  # a hundredth of the limit
        (800, 10, 10_000, 1_000, 50),  # a sixteenth of what is free
        (8_000, 10, 10_000, 30, 30),  # what is soon spent
        (8_000, 400, 10_000, 30, 400),  # never less than the call
        (100, 0, 10_000, 30, 6),  # nothing needed now
        (-5, 0, 10_000, 30, 0),  # nothing left
    ],
)
def test_a_block_is_small_beside_what_is_free_the_limit_and_what_is_soon_spent(free, need, limit, most, block):
    assert Want("day", 0, limit=limit, need=need, most=most).block(free) == block


def test_every_budget_grants_or_none_does_and_the_tightest_is_named(ledger_of):
    ann = ledger_of("ann")
    taken = ann.take([want(60), want(60, "user/eve", limit=50), want(60, "user/bob", limit=30)])
    assert [(lack.key, lack.need, lack.free) for lack in taken.lacks] == [("user/eve", 60, 50), ("user/bob", 60, 30)]
    assert ann.leases() == []
    assert ann.take([want(60), want(60, "user/eve", limit=500)]).granted == {("day", 0): 100, ("user/eve", 0): 60}
    assert standing(ann) == {("day", 0): (0, 100), ("user/eve", 0): (0, 60)}


def test_what_is_told_is_spent_and_what_is_given_back_is_free(ledger_of):
    ann = ledger_of("ann")
    ann.take([want(100)])
    taken = ann.take([], [Entry("day", 0, settled=30, seq=4, back=50)])
    assert taken.excess == {("day", 0): 0}
    assert standing(ann) == {("day", 0): (30, 20)}
    (lease,) = ann.leases()
    assert (lease.granted, lease.folded, lease.seq) == (20, 30, 4)


def test_spending_beyond_the_lease_is_booked_in_full(ledger_of):
    ann = ledger_of("ann")
    ann.take([want(100)])
    assert ann.take([], [Entry("day", 0, settled=130, seq=1)]).excess == {("day", 0): 30}
    assert standing(ann) == {("day", 0): (130, 0)}
    assert ann.take([], [Entry("day", 0, settled=5, seq=2)]).excess == {("day", 0): 5}
    assert standing(ann) == {("day", 0): (135, 0)}


def test_what_is_too_little_for_each_of_two_is_enough_for_one(ledger_of):
    """The rest of a lease goes back with the refusal, so that it is nobody's and another may have it."""
    ann, bob = ledger_of("ann"), ledger_of("bob")
    ann.take([want(60, limit=100)])
    bob.take([want(40, limit=100)])
    taken = ann.take([want(30, limit=100, spare=60)])
    assert [(lack.need, lack.free) for lack in taken.lacks] == [(90, 60)]
    assert taken.granted == {("day", 0): -60}
    assert bob.take([want(50, limit=100, spare=40)]).lacks == ()
    assert standing(ann) == {("day", 0): (0, 90)}


def test_a_rolling_window_counts_the_parts_that_it_reaches_back_to(ledger_of):
    ann = ledger_of("ann")
    for window in (10, 20, 30):
        ann.take([want(30, window=window, since=window - 20, limit=100)])
    assert ann.take([want(30, window=40, since=20, limit=100)]).lacks == ()
    assert [lack.free for lack in ann.take([want(30, window=41, since=20, limit=100)]).lacks] == [10]
    assert ann.take([want(30, window=51, since=31, limit=100)]).lacks == ()


def test_a_settlement_after_the_window_rolled_is_charged_to_the_window_of_the_call(ledger_of):
    ann = ledger_of("ann")
    ann.take([want(60, window=1)])
    ann.take([want(70, window=2)], [Entry("day", 1, settled=25, seq=1, back=75)])
    assert standing(ann) == {("day", 1): (25, 0), ("day", 2): (0, 100)}


def test_the_lease_of_a_living_process_is_never_taken_back(ledger_of):
    ledger_of("ann").take([want(WHOLE)])
    bob = ledger_of("bob")
    assert bob.reclaim() == []
    assert [lack.free for lack in bob.take([want(1)]).lacks] == [0]


def test_one_that_died_in_this_boot_is_charged_what_it_settled_and_held(ledger_of, dead):
    ledger_of("ann").take([want(WHOLE)], [])
    dead["ann"] = Known(settled=300, held=200)
    bob = ledger_of("bob")
    assert standing(bob) == {("day", 0): (500, 0)}
    assert bob.reclaim() == []
    assert standing(bob) == {("day", 0): (500, 0)}


def test_the_dead_are_looked_for_when_a_block_does_not_fit(ledger_of, dead):
    bob = ledger_of("bob")
    ledger_of("ann").take([want(WHOLE)])
    dead["ann"] = Known(settled=300, held=200)
    assert bob.take([want(9_000)]).granted == {("day", 0): 9_000}
    assert standing(bob) == {("day", 0): (500, 9_000)}


@pytest.mark.parametrize(("boot", "known"), [("boot-2", Known(1, 1)), ("boot-1", None), ("", Known(1, 1))])
def test_after_another_boot_or_without_its_journal_the_whole_lease_is_charged(ledger_of, dead, boot, known):
    ledger_of("ann", boot=boot if not boot else "boot-1").take([want(700)])
    dead["ann"] = known
    bob = ledger_of("bob", boot=boot)
    assert standing(bob) == {("day", 0): (700, 0)}


def test_a_lease_names_the_settlements_that_the_ledger_has(ledger_of):
    """One that is made anew starts where the process stands, so that nothing before it is charged again."""
    ann = ledger_of("ann")
    ann.take([want(100, seq=7)])
    assert [lease.seq for lease in ann.leases()] == [7]
    ann.take([], [Entry("day", 0, settled=60, seq=9, back=40)])
    assert ann.leases() == []
    ann.take([want(100, seq=11)])
    assert [lease.seq for lease in ann.leases()] == [11]


def test_a_limit_is_raised_and_lowered_and_what_is_spent_reset_by_hand(ledger_of):
    ann = ledger_of("ann")
    ann.take([want(100, limit=100)])
    assert ann.take([want(50, limit=100)]).lacks[0].free == 0
    assert ann.adjust("day", 0, 60, configured=100).free == 60
    assert ann.take([want(50, limit=100)]).lacks == ()
    assert ann.adjust("day", 0, -40, configured=100).free == -30
    assert [lack.free for lack in ann.take([want(1, limit=100)]).lacks] == [-30]
    ann.take([], [Entry("day", 0, settled=100, seq=1, back=50)])
    ann.correct([("day", 0, -100)])
    assert ann.accounts()[0].free == 120
    assert ann.adjust("new", 5, -10, configured=100).free == 90


def test_a_correction_changes_what_is_spent_and_no_lease(ledger_of):
    ann = ledger_of("ann")
    ann.take([want(100)], [])
    ann.take([], [Entry("day", 0, settled=50, seq=1)])
    ann.correct([("day", 0, -20), ("night", 3, 7)])
    assert standing(ann) == {("day", 0): (30, 50), ("night", 3): (7, 0)}
    ann.correct([("day", 0, -99)])
    assert standing(ann)["day", 0] == (0, 50)


def test_old_windows_are_forgotten_unless_somebody_has_a_lease_of_them(ledger_of):
    ann = ledger_of("ann")
    for window in (0, 1, 2, 3):
        ann.take([want(10, window=window)])
        if window != 2:
            ann.take([], [Entry("day", window, settled=0, seq=0, back=100)])
    assert ann.forget(before=3) == 1
    assert [each.window for each in ann.accounts()] == [0, 2, 3]


def test_leaving_returns_what_is_unused_and_what_was_never_known(ledger_of):
    ann = ledger_of("ann")
    ann.take([want(100), want(50, "user")])
    ann.leave([Entry("day", 0, settled=30, seq=1)])
    assert standing(ann) == {("day", 0): (30, 0), ("user", 0): (0, 0)}
    assert ann.leases() == []


def ticking(step):
    """Make a clock of which each reading is later."""
    times = iter(np.arange(0.0, 1_000.0, step).tolist())
    return lambda: next(times)


def test_a_file_that_stays_locked_is_an_error_that_says_so(ledger_of, tmp_path):
    ann = ledger_of("ann", clock=ticking(0.5))
    ann.take([want(10)])
    other = sqlite3.connect(tmp_path / "ledger.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StateError, match="was locked by other processes for 2 s; try again"):
        ann.take([want(10)])
    other.execute("ROLLBACK")
    other.close()
    assert ann.take([want(10)]).lacks == ()


def test_a_full_disk_is_an_error_that_changes_nothing(ledger_of):
    ann = ledger_of("ann")
    ann.take([want(100)])
    ann._database._connection.execute("PRAGMA max_page_count=1")
    with pytest.raises(StateError, match=r"disk is full.*make room"):
        ann.take([want(1, f"user/{'x' * 500}{i}") for i in range(100)])
    assert standing(ann) == {("day", 0): (0, 100)}
    assert ann.take([want(1, f"user/{i}") for i in range(100)]).lacks == ()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("UPDATE budget SET spent = 0", "budget row 'day', 0 does not have its checksum"),
        ("UPDATE lease SET granted = 1", "lease row 'ann', 'day' does not have its checksum"),
        ("DELETE FROM lease", "the ledger's leases of 'day' are not what its account says"),
        ("DELETE FROM budget", "the ledger's leases of 'day' are not what its account says"),
    ],
)
def test_a_changed_row_is_found_and_never_believed(ledger_of, tmp_path, change, message):
    ann = ledger_of("ann")
    ann.take([want(100)])
    ann.take([], [Entry("day", 0, settled=50, seq=1)])
    ann.close()
    with sqlite3.connect(tmp_path / "ledger.sqlite") as other:
        other.execute(change)
    other.close()
    with pytest.raises(StateError, match=message):
        ledger_of("bob")


def test_a_newer_format_is_left_as_it_is(ledger_of, tmp_path):
    ledger_of("ann").close()
    path = tmp_path / "ledger.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version=9")
    other.close()
    before = path.read_bytes()
    with pytest.raises(SchemaVersionError, match="has format 9 and this version of selector writes format 1"):
        ledger_of("bob")
    assert path.read_bytes() == before


def test_what_is_no_database_or_cannot_be_opened_is_an_error_with_a_remedy(ledger_of, tmp_path):
    (tmp_path / "ledger.sqlite").write_bytes(b"not a database" * 500)
    with pytest.raises(StateError, match=r"is not a database.*move the file aside"):
        ledger_of("ann")
    (tmp_path / "ledger.sqlite").unlink()
    (tmp_path / "ledger.sqlite").mkdir()
    with pytest.raises(StateError, match=r"Is a directory; make room, or give write access"):
        ledger_of("ann")


def test_a_closed_ledger_says_so(ledger_of):
    ann = ledger_of("ann")
    ann.close()
    ann.close()
    with pytest.raises(StateError, match="is closed; open it again"):
        ann.accounts()


def test_the_file_and_what_sqlite_puts_beside_it_are_for_the_owner_alone(ledger_of, tmp_path):
    ledger_of("ann").take([want(1)])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert modes == dict.fromkeys(["ledger.sqlite", "ledger.sqlite-wal", "ledger.sqlite-shm"], 0o600)
