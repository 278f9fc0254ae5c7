"""Whatever happens in whatever order, nothing is spent twice or over the limit, and nothing is held for ever."""

import os
import tempfile

import numpy as np
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from selector.store._leases import Leases
from selector.store._ledger import Ledger
from selector.store._ledger_terms import Known, Lack, Others

LIMITS = {"day": 600, "user": 2_000, "rolling": 800}
SPAN = 2  # windows that a rolling budget reaches back


class Process:
    """A process as far as the ledger can tell: a name, leases, a journal, and whether it lives."""

    def __init__(self, world, name):
        self.world, self.name, self.journal, self.window, self.lives = world, name, [], 5, True
        self.ledger = Ledger.open(
            world.folder.name,
            lambda: name,
            Others(lambda other: world.processes[other].lives, lambda row: world.processes[row.owner].known(row)),
            rng=np.random.default_rng(0),
            boot=world.boot,
        )
        self.leases = Leases(self.ledger, lambda: world.now)

    def parts(self, amounts):
        """Say what a call needs of each budget: one with an end, one without, one that rolls."""
        found = []
        for key, amount in amounts.items():
            window = 0 if key == "user" else self.window
            since = window - SPAN if key == "rolling" else None
            found.append((self.leases.of(key, window, limit=LIMITS[key], most=100, since=since), amount))
        return found

    def known(self, row):
        """Read the journal as whoever takes back a lease does."""
        if self.journal is None:
            return None
        settled, held = 0, {}
        for kind, call, places, number in self.journal:
            amount = places.get((row.key, row.window), 0)
            if kind == "hold":
                held[call] = amount
            else:
                held.pop(call, None)
                settled += amount if number > row.seq else 0
        return Known(settled, sum(held.values()))


class Call:
    """One call, and what it turns out to cost."""

    def __init__(self, process, hold, shares):
        self.process, self.hold = process, hold
        self.held = {(lease.key, lease.window): amount for lease, amount in hold.parts}
        self.costs = {
            place: amount * share // 4 for (place, amount), share in zip(self.held.items(), shares, strict=True)
        }
        self.used = list(self.costs.values())


ENDS = ["not", "not", "now", "before the hold is written", "losing its journal", "closing"]
WHO = st.integers(0, 5)
AMOUNTS = st.dictionaries(st.sampled_from(sorted(LIMITS)), st.integers(0, 60), min_size=1)
SHARES = st.lists(st.integers(0, 4), min_size=3, max_size=3)


class Budgets(RuleBasedStateMachine):
    """Processes that hold, settle, release, crash in the middle of it, and come back under other names."""

    @initialize(n=st.integers(1, 3), is_exact=st.booleans())
    def begin(self, n, is_exact):
        """Let processes begin; in half of the runs nothing happens after which more is charged than was spent."""
        self.folder = tempfile.TemporaryDirectory()
        self.processes, self.now, self.boot = {}, 0.0, "boot-1"
        self.settled, self.flying, self.is_exact = {}, [], is_exact
        for _ in range(n):
            self.another()

    @rule(luck=st.integers(0, 2))
    def come(self, luck):
        if luck == 0:
            self.another()

    def another(self):
        name = f"p{len(self.processes)}"
        self.processes[name] = None
        self.processes[name] = Process(self, name)

    def living(self, who):
        """Pick a process that lives; start one where none does."""
        if not any(process.lives for process in self.processes.values()):
            self.another()
        found = [process for process in self.processes.values() if process.lives]
        return found[who % len(found)]

    def in_flight(self, which):
        """Pick a call of a process that lives, if there is one."""
        found = [call for call in self.flying if call.process.lives]
        return found[which % len(found)] if found else None

    @rule(who=WHO, needs=st.lists(st.tuples(AMOUNTS, SHARES, st.booleans()), min_size=1, max_size=6))
    def reserve(self, who, needs):
        """Let calls begin, of which some end at once."""
        process = self.living(who)
        for amounts, shares, ends in needs:
            hold = process.leases.reserve(process.parts(amounts))
            if not isinstance(hold, Lack):
                call = Call(process, hold, shares[: len(amounts)])
                process.journal.append(("hold", call, call.held, 0))
                self.flying.append(call)
                if ends:
                    self.settle_one(call)

    @rule(which=st.integers(0, 9))
    def settle(self, which):
        call = self.in_flight(which)
        if call is not None:
            self.settle_one(call)

    def settle_one(self, call):
        number = call.process.leases.settle(call.hold, call.used)
        assert call.process.leases.settle(call.hold, call.used) == 0
        call.process.journal.append(("settle", call, call.costs, number))
        self.flying.remove(call)
        for place, cost in call.costs.items():
            self.settled[place] = self.settled.get(place, 0) + cost

    @rule(which=st.integers(0, 9))
    def release(self, which):
        call = self.in_flight(which)
        if call is not None:
            call.costs = dict.fromkeys(call.costs, 0)
            call.process.journal.append(("settle", call, call.costs, 0))
            call.process.leases.release(call.hold)
            self.flying.remove(call)

    @rule(who=WHO, seconds=st.sampled_from([0.0, 1.0, 6.0]))
    def tend(self, who, seconds):
        self.now += seconds
        self.living(who).leases.tend()

    @rule(who=WHO)
    def flush(self, who):
        self.living(who).leases.flush()

    @rule(who=WHO, by=st.integers(-2, 3))
    def step_the_clock(self, who, by):
        process = self.living(who)
        process.window = max(process.window + by, 1)

    @rule(who=WHO)
    def reclaim(self, who):
        process = self.living(who)
        process.ledger.reclaim()
        assert process.ledger.reclaim() == []

    @rule(who=WHO, how=st.sampled_from(ENDS))
    def end(self, who, how):
        process = self.living(who)
        if how == "not":
            return
        if how == "before the hold is written":
            process.leases.reserve(process.parts({"day": 50}))
        elif how == "losing its journal" and not self.is_exact:
            process.journal = None
        elif how == "closing":
            process.leases.close()
        self.die(process)

    @rule(which=st.integers(0, 9), tells=st.booleans())
    def die_before_the_settlement_is_written(self, which, tells):
        call = None if self.is_exact else self.in_flight(which)
        if call is not None:
            call.process.leases.settle(call.hold, call.used)
            if tells:
                call.process.leases.flush()
            call.held = call.costs  # that is what it cost; nobody was told
            self.die(call.process)

    @rule(luck=st.integers(0, 3))
    def start_the_machine_again(self, luck):
        if luck == 0 and not self.is_exact:
            for process in self.processes.values():
                self.die(process)
            self.boot = f"boot-{len(self.processes)}"
            self.another()

    def die(self, process):
        process.lives = False
        process.ledger.close()

    @invariant()
    def nothing_is_over_its_limit_and_nothing_acknowledged_is_missing(self):
        ledger = self.living(0).ledger
        accounts = {(each.key, each.window): each for each in ledger.accounts()}
        leased = {}
        for lease in ledger.leases():
            leased[lease.key, lease.window] = leased.get((lease.key, lease.window), 0) + lease.granted
        assert {place: each.leased for place, each in accounts.items() if each.leased} == leased
        for (key, window), each in accounts.items():
            reach = range(window - SPAN, window + 1) if key == "rolling" else (window,)
            total = sum(accounts[key, at].spent + accounts[key, at].leased for at in reach if (key, at) in accounts)
            assert total <= LIMITS[key]
            assert min(each.spent, each.leased) >= 0
        truth = dict(self.settled)
        for call in self.flying:
            for place, amount in call.held.items():
                truth[place] = truth.get(place, 0) + amount
        for place, amount in truth.items():
            assert amount <= sum(accounts[place][4:]) if place in accounts else amount == 0

    def teardown(self):
        """When everybody has closed or died, nothing is leased, and every difference to the truth has a reason."""
        if not hasattr(self, "folder"):
            return
        charged = dict(self.settled)
        for process in self.processes.values():
            if process.lives:
                process.leases.close()
                self.die(process)
        for call in self.flying:
            for place, amount in call.held.items():
                charged[place] = charged.get(place, 0) + amount
        last = self.living(0)
        accounts = {(each.key, each.window): each for each in last.ledger.accounts()}
        assert last.ledger.leases() == []
        for place, each in accounts.items():
            assert each.leased == 0
            assert each.spent >= charged.get(place, 0)
            assert not self.is_exact or each.spent == charged.get(place, 0)
        last.ledger.close()
        self.folder.cleanup()


N_EXAMPLES = 2_000 if os.environ.get("SELECTOR_SOAK") else 120
TestBudgets = pytest.mark.slow(Budgets.TestCase)
TestBudgets.settings = settings(
    max_examples=N_EXAMPLES, stateful_step_count=50, deadline=None, suppress_health_check=list(HealthCheck)
)


def needs_of(rng):
    """Draw what a few calls need, as the machine's rule is given it."""
    return [
        (
            {key: int(rng.integers(0, 60)) for key in rng.permutation(sorted(LIMITS))[: rng.integers(1, 4)].tolist()},
            rng.integers(0, 5, 3).tolist(),
            bool(rng.random() < 0.5),
        )
        for _ in range(rng.integers(1, 5))
    ]


@pytest.mark.parametrize("seed", range(6))
def test_the_same_holds_on_long_walks_in_which_most_steps_are_calls(seed):
    rng = np.random.default_rng(seed)
    budgets = Budgets()
    budgets.begin(n=3, is_exact=seed % 2 == 0)
    who = lambda: int(rng.integers(0, 6))  # noqa: E731 - one draw
    steps = {
        lambda: budgets.reserve(who(), needs_of(rng)): 10,
        lambda: budgets.settle(who()): 8,
        lambda: budgets.release(who()): 1,
        lambda: budgets.tend(who(), float(rng.choice([0.0, 1.0, 6.0]))): 4,
        lambda: budgets.flush(who()): 1,
        lambda: budgets.step_the_clock(who(), int(rng.integers(-2, 4))): 2,
        lambda: budgets.reclaim(who()): 1,
        lambda: budgets.end(who(), str(rng.choice(ENDS))): 1,
        lambda: budgets.die_before_the_settlement_is_written(who(), bool(rng.random() < 0.5)): 0.5,
        lambda: budgets.start_the_machine_again(int(rng.integers(0, 4))): 0.3,
        lambda: budgets.come(0): 0.7,
    }
    weights = np.array(list(steps.values()))
    for step in rng.choice(len(steps), size=150, p=weights / weights.sum()):
        list(steps)[step]()
        budgets.nothing_is_over_its_limit_and_nothing_acknowledged_is_missing()
    budgets.teardown()
