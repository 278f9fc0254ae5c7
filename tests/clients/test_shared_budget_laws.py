"""Whatever processes do, in whatever order: no budget is exceeded, and the ledger says what the log says."""

import math
import os
import shutil
import tempfile
from pathlib import Path

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, consumes, initialize, invariant, rule

from selector import Outcome, Selector, Task
from selector.errors import BudgetExceededError
from selector.store import Ledger, Others, State
from selector.store._locks import let_go
from tests.clients.conftest import Clock

MODELS = {"small": {"usd_per_mtok_in": 0, "usd_per_mtok_out": 100, "context_tokens": 9_000, "max_output_tokens": 500}}
USERS = st.sampled_from(["ada", "bob"])
LIMITS = {"all": 400_000_000, "user\nada": 200_000_000, "user\nbob": 200_000_000, "rolls": 900_000_000}
CONFIG = {
    "models": MODELS,
    "hold_expires_s": 3_000,
    "budgets": [
        {"name": "all", "usd": 0.4, "per": "day"},
        {"name": "user", "usd": 0.2, "per": "total", "each": "metadata.user"},
        {"name": "rolls", "usd": 0.9, "per": "30h"},
    ],
}


def accounts(folder):
    """Read the ledger as nobody's process."""
    with Ledger.open(folder, lambda: "", Others(lambda _: True, lambda _: None)) as ledger:
        return ledger.accounts()


class Processes(RuleBasedStateMachine):
    """Three selectors of one folder, each as a process of its own: they choose, report, tick, close, and are killed."""

    decisions = Bundle("decisions")

    @initialize()
    def begin(self):
        self.folder = Path(tempfile.mkdtemp())
        self.clock = Clock(1.7e9)
        self.open = [self.opened() for _ in range(3)]
        self.n_overruns = 0

    def opened(self):
        selector = Selector.open(CONFIG, state=self.folder, seed=1, clock=self.clock)
        selector._core.share()
        selector._keeper.start = lambda: None  # time passes when a rule says so
        return selector

    def teardown(self):
        if hasattr(self, "folder"):
            for selector in self.open:
                selector.close()
            self.compare()
            shutil.rmtree(self.folder)

    @rule(target=decisions, place=st.integers(0, 2), user=USERS, tokens=st.integers(1, 500))
    def select(self, place, user, tokens):
        task = Task("coding", input_tokens=0, max_output_tokens=tokens, metadata={"user": user})
        try:
            return self.open[place].select(task).id, tokens
        except BudgetExceededError:
            return "", 0

    @rule(place=st.integers(0, 2), made=consumes(decisions), share=st.floats(0, 1))
    def record(self, place, made, share):
        if made[0]:
            self.open[place].record(made[0], Outcome(output_tokens=int(made[1] * share)))

    @rule(place=st.integers(0, 2))
    def tick(self, place):
        core = self.open[place]._core
        core.scribe.write()
        core.tick()
        core.tend(now=True)

    @rule(place=st.integers(0, 2))
    def close(self, place):
        self.open[place].close()
        self.open[place] = self.opened()

    @rule(place=st.integers(0, 2))
    def kill(self, place):
        """Let go of all that a dead process lets go of, and of nothing else."""
        state = self.open[place]._core.state
        life, state._life = state._life, None
        state._journal.close()
        state._claim.let_go()
        let_go(life)
        gate = self.open[place]._core.settling.gate
        gate._ledger.close()
        self.open[place]._closed = state._closed = True
        self.open[place] = self.opened()

    @rule(seconds=st.sampled_from([1, 600, 3_100, 40_000, -5_000]))
    def pass_time(self, seconds):
        self.clock.now += seconds

    @invariant()
    def nothing_is_exceeded(self):
        if not hasattr(self, "folder"):
            return
        for row in accounts(self.folder):
            if row.key != "rolls":
                assert row.spent + row.leased <= LIMITS[row.key], row

    def compare(self):
        """After everybody has ended, what is spent is what the log says: what was used, else what was held."""
        with State.open(self.folder, clock=self.clock, read_only=True) as state:
            events = list(state.events())
        used = {e["decision_id"]: e["nano"] for e in events if e["kind"] == "usage"}
        total = dict.fromkeys(LIMITS, 0)
        for event in events:
            if event["kind"] == "decision":
                cost = used.get(event["id"], event.get("held_nano", 0))
                for key in ("all", "rolls", *event["accounts"]):
                    total[key] += cost
        rows = accounts(self.folder)
        assert all(row.leased == 0 for row in rows)
        for key, cost in total.items():
            spent = sum(row.spent for row in rows if row.key == key)
            assert math.isclose(spent, cost, abs_tol=0.5), (key, spent, cost, rows)


TestProcesses = pytest.mark.slow(Processes.TestCase)
TestProcesses.settings = settings(
    max_examples=500 if os.environ.get("SELECTOR_SOAK") else 12,
    stateful_step_count=30,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],  # shrinking takes minutes
)
