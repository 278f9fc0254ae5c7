"""A configuration that is edited takes effect in a running program once it is right; until then the last good does."""

import threading
import time

import pytest

from selector import Outcome, Selector, Task

HEAD = "models:\n"
SMALL = "  small: {usd_per_mtok_in: 1, usd_per_mtok_out: 2, max_output_tokens: 1000, context_tokens: 50000}\n"
LARGE = "  large: {usd_per_mtok_in: 3, usd_per_mtok_out: 15, max_output_tokens: 1000, context_tokens: 50000}\n"
HARD = "budgets: [{usd: 1, per: day}]\n"


class Clock:
    """A clock that a test sets."""

    def __init__(self):
        self.now = 1.7e9

    def __call__(self):
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "selector.yaml"
    path.write_text(HEAD + SMALL)
    return path


@pytest.fixture
def looks(clock):
    """Let a second pass, and look, as the background thread does."""

    def look(selector):
        for _ in range(2):  # a change is read a second time, to be sure that it held still
            clock.now += 2
            selector._reload.look()

    return look


def test_a_model_that_is_added_is_chosen_among_and_what_was_learnt_stays(file, tmp_path, clock, looks):
    with Selector.open(file, state=tmp_path / "state", seed=1, clock=clock) as selector:
        before = selector.select(Task("coding", input_tokens=10))
        for _ in range(20):
            selector.record(selector.select(Task("coding", input_tokens=10)), Outcome(output_tokens=70, score=1))
        digest = selector.status().config_digest
        file.write_text(HEAD + SMALL + LARGE)
        looks(selector)
        status = selector.status()
        assert (status.config_version, status.config_error, status.n_outcomes) == (2, None, 20)
        assert status.config_digest == selector.config.digest != digest
        decision = selector.select(Task("coding", input_tokens=10))
        assert {c.model: c.n for c in decision.candidates} == {"small": 20, "large": 0}
        selector.record(before, Outcome(output_tokens=70, score=0))
        selector.record(decision, Outcome(output_tokens=70, score=0))
        assert selector.status().n_outcomes == 22
        selector.flush()
        (event,) = (e for e in selector._core.state.events() if e["kind"] == "config")
        assert (event["digest"], event["version"]) == (status.config_digest, 2)
    with Selector.open(file, state=tmp_path / "state", seed=1, clock=clock) as after:
        assert (after.status().n_outcomes, after.status().n_decisions, after.status().n_orphans) == (22, 22, 0)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("models: [", "selector.yaml"),
        (HEAD + SMALL + "polcy: greedy\n", "polcy"),
        (HEAD + SMALL + "last_resort: nobody\n", "nobody"),
        (HEAD + SMALL + HARD, "opened again"),
        (HEAD + SMALL + "state: {durability: power}\n", "opened again"),
    ],
)
def test_what_is_wrong_is_told_and_the_last_good_one_stays(file, tmp_path, clock, looks, text, said, caplog):
    with Selector.open(file, state=tmp_path / "state", seed=1, clock=clock) as selector:
        digest = selector.status().config_digest
        file.write_text(text)
        looks(selector)
        status = selector.status()
        assert said in status.config_error
        assert (status.config_digest, status.config_version) == (digest, 1)
        assert selector.select(Task("coding")).model == "small"
        assert said in caplog.text
        file.write_text(HEAD + SMALL + LARGE)
        looks(selector)
        assert (selector.status().config_error, selector.status().config_version) == (None, 2)


def test_what_was_spent_and_is_held_is_taken_along(file, tmp_path, clock, looks):
    file.write_text(HEAD + SMALL + HARD)
    with Selector.open(file, state=tmp_path / "state", seed=1, clock=clock) as selector:
        selector.record(selector.select(Task("x", input_tokens=10)), Outcome(cost_usd=0.25))
        pending = selector.select(Task("x", input_tokens=10))
        ((_, before),) = selector._core.budget.accounts.values()
        file.write_text(HEAD + SMALL + LARGE + "budgets: [{usd: 2, per: day}]\n")
        looks(selector)
        ((_, after),) = selector._core.budget.accounts.values()
        assert (after.limit, after.spent, after.held) == (2 * 10**9, before.spent, before.held)
        selector.record(pending, Outcome(cost_usd=0.001))
        ((_, settled),) = selector._core.budget.accounts.values()
        assert (settled.spent, settled.held) == (251_000_000, 0)


def test_rules_that_are_edited_hold_for_the_next_task(file, tmp_path, clock, looks):
    file.write_text(HEAD + SMALL + LARGE)
    with Selector.open(file, state=tmp_path / "state", seed=1, clock=clock) as selector:
        file.write_text(HEAD + SMALL + LARGE + "rules: [{condition: priority == 0, model: large}]\n")
        looks(selector)
        assert {selector.select(Task("x", priority=0)).model for _ in range(20)} == {"large"}


def test_it_happens_by_itself_while_threads_choose_and_nothing_is_lost(file, tmp_path):
    """The file is written ten times while four threads choose and report."""
    with Selector.open(file, state=tmp_path / "state", seed=1) as selector:
        done, counts = threading.Event(), [0] * 4

        def work(thread):
            while not done.is_set():
                decision = selector.select(Task(f"type-{thread}", input_tokens=10))
                selector.record(decision, Outcome(output_tokens=50, score=1))
                counts[thread] += 1

        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for thread in threads:
            thread.start()
        versions, until = 1, time.monotonic() + 60
        while versions < 4 and time.monotonic() < until:
            file.write_text(HEAD + SMALL + LARGE * (versions % 2))
            while selector.status().config_version == versions and time.monotonic() < until:
                time.sleep(0.05)
            versions = selector.status().config_version
        done.set()
        for thread in threads:
            thread.join()
        status = selector.status()
        assert versions == 4
        assert (status.n_decisions, status.n_outcomes, status.config_error) == (sum(counts), sum(counts), None)
        assert sum(selector.beliefs()["n_outcomes"].to_pylist()) == sum(counts)


def test_what_was_given_as_a_mapping_is_not_looked_for(tmp_path):
    with Selector.open({"models": {"a": {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}}}, state=tmp_path) as selector:
        assert selector._reload is None
        assert selector.status().config_version == 1
