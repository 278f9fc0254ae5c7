"""The leases of one process: holds in memory, the next block, what goes back, and what a failing ledger leaves."""

import os
import threading

import numpy as np
import pytest

from selector.errors import StateError
from selector.store._leases import Leases
from selector.store._ledger import Ledger
from selector.store._ledger_terms import Lack, Others

WHOLE = 10_000


class Clock:
    def __init__(self):
        self.now = 100.0

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def ledger_of(tmp_path):
    opened = []

    def build(owner="ann"):
        ledger = Ledger.open(
            tmp_path,
            owner if callable(owner) else lambda: owner,
            Others(lambda _: True, lambda _: None),
            rng=np.random.default_rng(1),
        )
        opened.append(ledger)
        return ledger

    yield build
    for ledger in opened:
        ledger.close()


@pytest.fixture
def ledger(ledger_of):
    return ledger_of()


@pytest.fixture
def leases(ledger, clock):
    return Leases(ledger, clock)


def day_of(leases, window=0, **options):
    return leases.of("day", window, **{"limit": WHOLE, "most": WHOLE} | options)


def standing(ledger):
    return {(each.key, each.window): (each.spent, each.leased) for each in ledger.accounts()}


def test_holds_are_made_in_memory_while_the_block_lasts(leases, ledger, monkeypatch):
    day = day_of(leases)
    first = leases.reserve([(day, 20)])
    monkeypatch.setattr(ledger, "take", None)
    second = leases.reserve([(day, 30)])
    assert (leases.settle(first, [5]), leases.settle(second, [30])) == (1, 2)
    assert (day.free, day.held, day.settled) == (65, 0, 35)


def test_a_hold_out_of_what_is_here_never_asks_the_ledger(leases, ledger, monkeypatch):
    day, eve = day_of(leases), leases.of("user/eve", 0, limit=50, most=50)
    leases.reserve([(day, 20)])
    monkeypatch.setattr(ledger, "take", None)
    assert leases.hold([(day, 30), (eve, 1)]) is None
    assert (day.free, day.held) == (80, 20)
    hold = leases.hold([(day, 80), (eve, 0)])
    assert (day.free, day.held, eve.held) == (0, 100, 0)
    leases.settle(hold, [60, 0])
    assert (day.free, day.held, day.settled) == (20, 20, 60)


def test_a_hold_is_settled_or_released_once(leases):
    day = day_of(leases)
    one, two = leases.reserve([(day, 20)]), leases.reserve([(day, 30)])
    leases.release(one)
    leases.release(one)
    assert (leases.settle(one, [20]), leases.settle(two, [10]), leases.settle(two, [10])) == (0, 1, 0)
    leases.release(two)
    assert (day.free, day.held, day.settled) == (90, 0, 10)


def test_the_caller_may_number_settlements_by_its_journal(leases, ledger):
    day = day_of(leases)
    one, two = leases.reserve([(day, 20)]), leases.reserve([(day, 30)])
    assert (leases.settle(one, [5], seq=17), leases.settle(two, [5])) == (17, 18)
    leases.flush()
    assert [lease.seq for lease in ledger.leases()] == [18]


def test_of_several_budgets_all_are_held_or_none(leases):
    day, eve = day_of(leases), leases.of("user/eve", 0, limit=50, most=50)
    lack = leases.reserve([(day, 60), (eve, 60)])
    assert isinstance(lack, Lack)
    assert (lack.key, lack.need, lack.free) == ("user/eve", 60, 50)
    assert (day.held, eve.held) == (0, 0)
    assert not isinstance(leases.reserve([(day, 60), (eve, 40)]), Lack)
    assert (day.held, eve.held) == (60, 40)


def test_a_refusal_is_remembered_for_a_moment_and_gives_back_the_rest(leases, ledger, clock, monkeypatch):
    day = day_of(leases, limit=100)
    hold = leases.reserve([(day, 60)])
    leases.settle(hold, [10])
    assert leases.reserve([(day, 95)]).free == 90
    assert standing(ledger) == {("day", 0): (10, 0)}
    with monkeypatch.context() as patched:
        patched.setattr(ledger, "take", None)
        assert leases.reserve([(day, 91)]).need == 91
    ledger.adjust("day", 0, 50, configured=100)
    clock.now += 0.1
    assert not isinstance(leases.reserve([(day, 95)]), Lack)


def test_threads_share_a_block_and_never_hold_more_than_the_limit(leases):
    day, held, lock = day_of(leases, limit=1_000), [], threading.Lock()

    def work():
        while not isinstance(hold := leases.reserve([(day, 7)]), Lack):
            with lock:
                held.append(hold)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(held) == 1_000 // 7
    assert day.held == 7 * len(held)


def test_a_block_that_runs_low_is_refilled_without_a_call_waiting(ledger, clock):
    woken = []
    leases = Leases(ledger, clock, wake=lambda: woken.append(1))
    day = day_of(leases)
    for amount in (10, 60, 10):
        leases.settle(leases.reserve([(day, amount)]), [amount])
    assert woken == [1]
    leases.tend()
    assert (day.free, day.settled) == (20 + 100, 0)
    assert standing(ledger) == {("day", 0): (80, 120)}


def test_what_is_idle_for_five_seconds_goes_back_and_holds_stay(leases, ledger, clock):
    day = day_of(leases)
    leases.settle(leases.reserve([(day, 30)]), [20])
    hold = leases.reserve([(day, 15)])
    leases.tend()
    clock.now += 4.9
    leases.tend()
    assert standing(ledger) == {("day", 0): (0, 100)}
    clock.now += 0.2
    leases.tend()
    assert standing(ledger) == {("day", 0): (20, 15)}
    leases.settle(hold, [1])
    leases.tend()
    assert standing(ledger) == {("day", 0): (21, 0)}
    assert not isinstance(leases.reserve([(day, 15)]), Lack)


def test_a_past_window_is_charged_late_and_its_rest_goes_back_at_once(leases, ledger):
    hold = leases.reserve([(day_of(leases, 1), 30)])
    leases.reserve([(day_of(leases, 2), 40)])
    leases.tend()
    assert standing(ledger) == {("day", 1): (0, 30), ("day", 2): (0, 100)}
    leases.settle(hold, [12])
    leases.tend()
    assert standing(ledger) == {("day", 1): (12, 0), ("day", 2): (0, 100)}


def test_an_overrun_is_booked_in_full_and_what_is_held_stays_covered(leases, ledger):
    day = day_of(leases)
    one, two = leases.reserve([(day, 60)]), leases.reserve([(day, 40)])
    leases.settle(one, [90])
    leases.flush()
    assert standing(ledger) == {("day", 0): (90, 10)}
    assert (day.free, day.held) == (-30, 40)
    leases.settle(leases.reserve([(day, 10)]), [10])
    leases.settle(two, [40])
    leases.close()
    assert standing(ledger) == {("day", 0): (140, 0)}


def test_spending_without_a_hold_is_told_all_the_same(leases, ledger):
    free_of_charge = leases.reserve([(day_of(leases), 0)])
    leases.settle(free_of_charge, [3])
    leases.close()
    assert standing(ledger) == {("day", 0): (3, 0)}


def test_closing_returns_the_rest_and_charges_calls_in_flight(leases, ledger):
    day = day_of(leases)
    leases.settle(leases.reserve([(day, 30)]), [20])
    hold = leases.reserve([(day, 15)])
    leases.close()
    leases.close()
    assert standing(ledger) == {("day", 0): (35, 0)}
    assert leases.settle(hold, [1]) == 0
    with pytest.raises(StateError, match="the budgets' ledger is closed"):
        leases.reserve([(day, 1)])


def test_a_failing_ledger_leaves_everything_as_it_was(leases, ledger, clock, monkeypatch):
    day = day_of(leases)
    leases.settle(leases.reserve([(day, 30)]), [20])

    def full(*_):
        raise StateError("the disk is full")

    clock.now += 10
    with monkeypatch.context() as patched:
        patched.setattr(ledger, "take", full)
        with pytest.raises(StateError, match="the disk is full"):
            leases.reserve([(day, 90)])
        leases.tend()
        clock.now += 10
        with pytest.raises(StateError, match="the disk is full"):
            leases.tend()
        assert (day.free, day.held, day.settled) == (80, 0, 20)
        assert not isinstance(leases.reserve([(day, 80)]), Lack)
    leases.flush()
    assert standing(ledger) == {("day", 0): (20, 80)}


@pytest.mark.parametrize("amounts", [(-1,), (3, 3)])
def test_odd_parts_are_refused(leases, amounts):
    day = day_of(leases)
    leases.reserve([(day, 10)])
    free = day.free
    with pytest.raises(StateError, match="each budget is to be held once"):
        leases.reserve([(day, amount * 100) for amount in amounts])
    assert (day.free, day.held) == (free, 10)


def test_odd_settlements_are_refused_and_the_hold_stays(leases):
    day = day_of(leases)
    hold = leases.reserve([(day, 10)])
    for used in ([-1], [1, 1]):
        with pytest.raises(StateError, match="as many amounts as are held"):
            leases.settle(hold, used)
    assert leases.settle(hold, [10]) == 1


def test_a_lease_that_nobody_has_is_forgotten(leases, clock):
    day = day_of(leases)
    leases.release(leases.reserve([(day, 10)]))
    leases.tend()
    for _ in range(2):
        clock.now += 10
        leases.tend()
    del day
    assert len(leases._all) == 0


def test_a_forked_child_has_no_lease_and_takes_its_own_under_its_own_name(ledger_of, clock):
    ledger = ledger_of(lambda: f"process-{os.getpid()}")
    leases = Leases(ledger, clock)
    day = day_of(leases)
    hold = leases.reserve([(day, 60)])
    parent, child = os.getpid(), os.fork()
    if child == 0:
        ok = (day.free, day.held) == (0, 0) and leases.settle(hold, [60]) == 0
        ok = ok and not isinstance(leases.reserve([(day, 25)]), Lack)
        owners = [lease.owner for lease in ledger.leases()]
        os._exit(0 if ok and sorted(owners) == sorted([f"process-{parent}", f"process-{os.getpid()}"]) else 1)
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0
    leases.settle(hold, [50])
    leases.close()
    assert standing(ledger) == {("day", 0): (50, 100)}
