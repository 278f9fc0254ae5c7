"""A ledger never holds or books more than its limits, and loses nothing."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, invariant, precondition, rule

from selector.budgets import Account, MemoryLedger, Purse
from selector.errors import SelectorError

LIMITS = {"day": 100, "month": 250, "requests": 7}
AMOUNTS = st.dictionaries(st.sampled_from(sorted(LIMITS)), st.integers(0, 60))


class Books(RuleBasedStateMachine):
    """The ledger beside the simplest books that could be kept: lists of holds and bookings."""

    open_holds = Bundle("open_holds")

    def __init__(self):
        super().__init__()
        self.ledger = MemoryLedger(LIMITS)
        self.held, self.booked, self.overruns = {}, [], dict.fromkeys(LIMITS, 0)
        self.number = 0

    @rule(target=open_holds, amounts=AMOUNTS)
    def reserve(self, amounts):
        self.number += 1
        name = f"hold-{self.number}"
        lacking = {k: v - self.room(k) for k, v in amounts.items() if v}  # nothing always fits
        refused = self.ledger.reserve(name, amounts)
        if max(lacking.values(), default=0) > 0:
            assert lacking[refused] == max(lacking.values())
        else:
            assert refused is None
            self.held[name] = amounts
        return name

    @precondition(lambda self: self.held)
    @rule(name=consumes(open_holds), shares=st.fixed_dictionaries({k: st.floats(0, 1) for k in LIMITS}))
    def settle_within_the_hold(self, name, shares):
        if name in self.held:
            used = {k: int(v * shares[k]) for k, v in self.held.pop(name).items()}
            assert not self.ledger.settle(name, used)
            self.booked.append(used)

    @rule(name=consumes(open_holds), used=AMOUNTS)
    def settle_with_anything(self, name, used):
        if name not in self.held:
            with pytest.raises(SelectorError, match="is not held"):
                self.ledger.settle(name, used)
            return
        hold = self.held.pop(name)
        over = {k: v - hold.get(k, 0) for k, v in used.items() if v > hold.get(k, 0)}
        assert self.ledger.settle(name, used) == over
        for k, v in over.items():
            self.overruns[k] += v
        self.booked.append(used)

    @rule(name=consumes(open_holds))
    def release(self, name):
        if self.held.pop(name, None) is None:
            with pytest.raises(SelectorError, match="is not held"):
                self.ledger.release(name)
        else:
            self.ledger.release(name)

    @invariant()
    def nothing_is_lost(self):
        for name, limit in LIMITS.items():
            held = sum(hold.get(name, 0) for hold in self.held.values())
            assert self.ledger.account(name) == Account(limit, self.spent(name), held)

    @invariant()
    def the_limit_is_passed_by_overruns_alone(self):
        for name, limit in LIMITS.items():
            account = self.ledger.account(name)
            assert account.spent + account.held <= limit + self.overruns[name]

    def spent(self, name):
        return sum(used.get(name, 0) for used in self.booked)

    def room(self, name):
        return LIMITS[name] - self.spent(name) - sum(hold.get(name, 0) for hold in self.held.values())


TestBooks = Books.TestCase


@given(
    st.integers(0, 200), st.lists(st.tuples(st.integers(0, 80), st.floats(0, 1), st.sampled_from("srk")), max_size=60)
)
def test_spent_and_held_never_exceed_the_limit_where_costs_stay_within_holds(limit, calls):
    """Each call is settled, released or kept open."""
    ledger = MemoryLedger({"day": limit})
    for i, (amount, share, end) in enumerate(calls):
        if ledger.reserve(str(i), {"day": amount}) is None:
            if end == "s":
                assert ledger.settle(str(i), {"day": int(amount * share)}) == {}
            elif end == "r":
                ledger.release(str(i))
        account = ledger.account("day")
        assert 0 <= account.spent + account.held <= limit
        assert account.room == limit - account.spent - account.held >= 0


def test_an_overrun_is_booked_in_full_and_reported_by_how_much():
    ledger = MemoryLedger({"day": 100, "tokens": 10})
    ledger.reserve("a", {"day": 60, "tokens": 5})
    assert ledger.settle("a", {"day": 130, "tokens": 5}) == {"day": 70}
    assert ledger.account("day") == Account(limit=100, spent=130, held=0)
    assert ledger.reserve("b", {"day": 1}) == "day"


def test_what_was_used_of_a_budget_that_was_not_held_is_an_overrun():
    ledger = MemoryLedger({"day": 100, "tokens": 10})
    ledger.reserve("a", {"day": 60})
    assert ledger.settle("a", {"day": 60, "tokens": 4}) == {"tokens": 4}
    assert ledger.account("tokens").spent == 4


def test_a_hold_over_several_budgets_is_all_or_nothing():
    ledger = MemoryLedger({"day": 100, "month": 10})
    assert ledger.reserve("a", {"day": 50, "month": 11}) == "month"
    assert ledger.account("day").held == ledger.account("month").held == 0
    assert ledger.reserve("a", {"day": 50, "month": 10}) is None  # what was refused may be tried again


def test_of_several_budgets_that_refuse_the_one_that_lacks_most_is_named():
    ledger = MemoryLedger({"day": 10, "month": 30, "year": 90})
    assert ledger.reserve("a", {"day": 40, "month": 40, "year": 40}) == "day"
    assert ledger.reserve("a", {"day": 11, "month": 40, "year": 40}) == "month"


def test_a_hold_that_just_fits_is_held_and_one_more_is_not():
    ledger = MemoryLedger({"day": 100})
    assert ledger.reserve("a", {"day": 100}) is None
    assert ledger.reserve("b", {"day": 1}) == "day"


def test_a_hold_on_no_budget_is_held_and_ends():
    ledger = MemoryLedger({"day": 100})
    assert ledger.reserve("a", {}) is None
    ledger.release("a")
    with pytest.raises(SelectorError, match="'a' is not held"):
        ledger.release("a")


@pytest.mark.parametrize("end", [lambda x: x.settle("a", {"day": 1}), lambda x: x.release("a")])
@pytest.mark.parametrize("first", [lambda x: x.settle("a", {"day": 1}), lambda x: x.release("a")])
def test_a_hold_ends_once(first, end):
    ledger = MemoryLedger({"day": 100})
    ledger.reserve("a", {"day": 60})
    first(ledger)
    before = ledger.account("day")
    with pytest.raises(SelectorError, match="'a' is not held: it was settled or released before, or never reserved"):
        end(ledger)
    assert ledger.account("day") == before


def test_a_hold_is_not_reserved_twice():
    ledger = MemoryLedger({"day": 100})
    ledger.reserve("a", {"day": 60})
    with pytest.raises(SelectorError, match="'a' is already held; settle or release it first"):
        ledger.reserve("a", {"day": 1})
    assert ledger.account("day").held == 60


def test_an_unknown_budget_is_an_error_that_names_those_there_are_and_changes_nothing():
    ledger = MemoryLedger({"day": 100, "month": 300})
    for use in (lambda: ledger.account("dya"), lambda: ledger.reserve("a", {"day": 1, "dya": 1})):
        with pytest.raises(SelectorError, match=r"unknown budget 'dya'; there are \['day', 'month'\]"):
            use()
    assert ledger.account("day") == Account(100, 0, 0)


def test_settling_with_an_unknown_budget_changes_nothing_so_that_it_can_be_done_again():
    ledger = MemoryLedger({"day": 100})
    ledger.reserve("a", {"day": 60})
    with pytest.raises(SelectorError, match="unknown budget 'dya'"):
        ledger.settle("a", {"day": 5, "dya": 1})
    assert ledger.account("day") == Account(limit=100, spent=0, held=60)
    assert ledger.settle("a", {"day": 5}) == {}


def test_a_negative_hold_is_refused():
    ledger = MemoryLedger({"day": 100, "month": 5})
    with pytest.raises(SelectorError, match=r"cannot be negative.*'month': -3"):
        ledger.reserve("a", {"day": 10, "month": -3})
    assert ledger.account("day").held == 0


def test_a_negative_settlement_is_refused_since_it_would_make_room_out_of_nothing():
    ledger = MemoryLedger({"day": 100})
    ledger.reserve("a", {"day": 60})
    with pytest.raises(SelectorError, match=r"cannot be negative.*'day': -60"):
        ledger.settle("a", {"day": -60})
    assert ledger.account("day") == Account(limit=100, spent=0, held=60)


def test_changing_what_was_passed_in_does_not_change_a_hold():
    ledger = MemoryLedger({"day": 100})
    amounts = {"day": 60}
    ledger.reserve("a", amounts)
    amounts["day"] = 0
    ledger.release("a")
    assert ledger.account("day") == Account(limit=100, spent=0, held=0)


def test_32_threads_on_one_ledger_never_exceed_the_limit_and_lose_nothing():
    """12,800 tries to hold 1 to 9 of a limit that a third of them fit; every booking is counted twice over."""
    threads, tries, limit = 32, 400, 16_000
    ledger, start = MemoryLedger({"day": limit, "requests": 10**9}), Barrier(threads)

    def work(number):
        rng = np.random.default_rng(number)
        booked, calls, worst = 0, 0, 0
        start.wait()
        for i, amount in enumerate(rng.integers(1, 10, tries).tolist()):
            hold = f"{number}-{i}"
            if ledger.reserve(hold, {"day": amount, "requests": 1}) is None:
                account = ledger.account("day")
                worst = max(worst, account.spent + account.held)
                if i % 5 == 0:
                    ledger.release(hold)
                    continue
                used = int(rng.integers(0, amount + 1))
                assert ledger.settle(hold, {"day": used, "requests": 1}) == {}
                booked, calls = booked + used, calls + 1
        return booked, calls, worst

    with ThreadPoolExecutor(threads) as pool:
        booked, calls, worst = zip(*pool.map(work, range(threads)), strict=True)
    assert max(worst) <= limit
    assert ledger.account("day") == Account(limit, sum(booked), 0)
    assert ledger.account("requests").spent == sum(calls)
    assert sum(booked) > 0.9 * limit  # the limit was really reached for


@given(st.lists(st.integers(0, 50), min_size=1, max_size=40), st.integers(0, 300))
def test_a_purse_says_what_a_ledger_would(costs, limit):
    purse, ledger = Purse(np.array([limit])), MemoryLedger({"all": limit})
    for i, cost in enumerate(costs):
        fits = bool(purse.fits(np.array([cost]))[0, 0])
        assert fits == (ledger.reserve(str(i), {"all": cost}) is None)
        if fits:
            ledger.settle(str(i), {"all": cost})
            purse.book(np.array([cost]))
        assert purse.room[0] == ledger.account("all").room


def test_a_purse_takes_holds_per_seed_too():
    purse = Purse(np.array([100, 40]))
    assert purse.fits(np.array([[60, 120], [40, 41]])).tolist() == [[True, False], [True, False]]
