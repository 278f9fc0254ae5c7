"""Many runs at once against a server that is unwell: nothing is lost, nothing counts twice, no budget is exceeded."""

import asyncio
import gc
import threading
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from selector import AsyncSelector, Selector, Task
from selector._clients import rebuild
from selector.errors import NoEligibleModelError, SelectorError
from selector.records import Usage
from selector.testing import FakeOpenAI, Fault, Reply

N = 1_000
USED = Usage(input_tokens=10, output_tokens=20)
PRICES = {"small": (1, 5), "large": (4, 20)}
MOST = 40
FAULTS = (Fault(500), Fault(429, message="slow down"), Fault("cut"), Fault("malformed_json"))


class Unwell:
    """A script that fails three calls in ten, and answers one in ten wrong; it counts what it said."""

    def __init__(self, seed, *, delay_s=0.0):
        self.said, self._rng, self._lock = Counter(), np.random.default_rng(seed), threading.Lock()
        self._delay_s = delay_s

    def __call__(self, body, _headers):
        with self._lock:
            u, which, delay = self._rng.random(), int(self._rng.integers(len(FAULTS))), float(self._rng.random())
            step = FAULTS[which] if u < 0.3 else "wrong" if u < 0.4 else "right"
            self.said[body["model"], step if isinstance(step, str) else step.failure.value] += 1
        return Reply(step, usage=USED, delay_s=delay * self._delay_s) if isinstance(step, str) else step


def cost(model, usage=USED):
    """Return what a call costs, in nano-dollars."""
    read, written = PRICES[model]
    return 1_000 * (read * (usage.input_tokens or 0) + written * (usage.output_tokens or 0))


def billed(server):
    return sum(cost(model, usage) for model, usage in server.billed_by_model.items())


def config_of(server, usd, *, breaker=100_000, **fallback):
    """Have two models at one server; it takes many failures to trip a breaker."""
    own = {"provider": "work", "max_output_tokens": MOST, "context_tokens": 10_000}
    at = {
        "kind": "openai",
        "base_url": server.base_url,
        "max_concurrent": 50,
        "breaker": {"failures": breaker, "open_s": 0.3},
    }
    return {
        "providers": {"work": at},
        "models": {
            name: {**own, "usd_per_mtok_in": read, "usd_per_mtok_out": written}
            for name, (read, written) in PRICES.items()
        },
        "budgets": [{"usd": usd, "per": "total"}],
        "fallback": {"max_attempts": 2, **fallback},
    }


def tasks(n=N):
    return [Task(("coding", "chat")[i % 2], prompt=f"task {i:05} of many") for i in range(n)]


def is_right(text):
    return text == "right"


def sockets():
    gc.collect()
    found = 0
    for path in Path("/proc/self/fd").iterdir():
        try:
            found += "socket:" in str(path.readlink())
        except OSError:
            continue
    return found


def waits_for(found, seconds=5.0):
    until = time.monotonic() + seconds
    while not found() and time.monotonic() < until:
        time.sleep(0.005)
    return found()


class Watcher:
    """Looks again and again at what a hard budget counts."""

    def __init__(self, selector):
        self._core = getattr(selector, "_selector", selector)._core
        self.till, self.most, self.n_looks, self.over = self._core.budget.hard[0], 0, 0, False

    def look(self):
        with self._core.engine.lock:
            self.most = max(self.most, self.till.spent + self.till.held)
        self.n_looks += 1

    async def watch(self):
        while not self.over:
            self.look()
            await asyncio.sleep(0.001)

    def watch_here(self):
        while not self.over:
            self.look()
            time.sleep(0.001)


def look_at_books(runs, log, server, script, status):
    """See that the caller, the log, the server and the status tell of the same calls, each once."""
    decided = [run for run in runs if run.decision is not None]
    assert len(log.decided) == len({run.id for run in decided}) == len(decided) == status.n_decisions
    tried = Counter(
        (each.model, "answer" if each.failure in {None, "invalid_answer"} else each.failure.value)
        for run in decided
        for each in run.attempts
    )
    told = Counter()
    for (model, word), n in script.said.items():
        told[model, "answer" if word in {"right", "wrong"} else word] += n
    assert tried == told
    assert len(set(log.keys)) == len(log.keys)
    kept = {}
    for event in log.events:
        if event["kind"] == "attempt":
            kept.setdefault(event["decision_id"], []).append((event["attempt"], event["route"], event["failure"]))
    assert kept == {
        run.id: [(each.number, each.route, each.failure and each.failure.value) for each in run.attempts]
        for run in decided
    }
    kinds = Counter(event["kind"] for event in log.reports)
    answers = sum(n for (_, word), n in told.items() if word == "answer")
    assert kinds["usage"] == kinds["judgement"] == answers == server.n_served
    assert kinds["attempt"] == len(server.requests) == sum(len(run.attempts) for run in decided)
    assert (status.n_outcomes, status.n_judged, status.n_pending) == (len(decided), n_taught(decided), 0)
    assert (status.n_doubled, status.n_orphans, status.n_overruns, status.quarantined) == (0, 0, 0, 0)


def n_taught(runs):
    """Count the judgements that may teach: none of what follows a wrong answer, which sees the hard tasks."""
    found = 0
    for run in runs:
        for each in run.attempts:
            found += each.score is not None
            if each.failure is not None and not each.failure.of_route:
                break
    return found


def look_at_runs(runs):
    """See that each run is answered right, or is blocked and says why."""
    for run in runs:
        if run.status == "answered":
            assert run.text == "right"
            assert run.attempts[-1].score == 1
        else:
            assert isinstance(run.error, SelectorError)
            assert run.attempts or isinstance(run.error, NoEligibleModelError)
            assert all(each.failure is not None and each.detail for each in run.attempts)
            assert all(f"{each.route}: {each.failure}" in str(run.error) for each in run.attempts)
    return Counter(type(run.error).__name__ if run.error else "answered" for run in runs)


def look_at_money(watcher, server, usd):
    """See that what is spent is what was billed, that nothing is held, and that both never exceeded the limit."""
    assert watcher.n_looks > 10
    assert watcher.most <= round(usd * 1e9)
    assert watcher.till.held == 0
    assert watcher.till.spent == billed(server)


def look_at_state(config, folder, watcher, status):
    """See that the log folded anew says the same, and that whoever opens the folder next finds it so."""
    found = rebuild(config, state=folder)
    assert (found.is_equal, found.n_decisions) == (True, status.n_decisions)
    with Selector.open(config, state=folder) as again:
        till = again._core.budget.hard[0]
        assert (till.spent, till.held) == (watcher.till.spent, 0)
        mine = again.status()
        assert (mine.n_decisions, mine.n_outcomes, mine.n_judged) == (
            status.n_decisions,
            status.n_outcomes,
            status.n_judged,
        )


CROWDS = {
    "more is held than there is": (0.12, N, 1),
    "the budget is used up": (0.12, 40, 1),
    "retries": (1.0, N, 2),
}


@pytest.mark.parametrize(("usd", "concurrency", "retries"), CROWDS.values(), ids=list(CROWDS))
def test_a_thousand_async_runs_against_an_unwell_server(usd, concurrency, retries, folder, read_log):
    script = Unwell(seed=3)
    with FakeOpenAI(script) as server:
        config, before = config_of(server, usd, retries=retries - 1), sockets()

        async def main():
            async with AsyncSelector.open(config, state=folder, seed=1) as selector:
                watcher = Watcher(selector)
                watching = asyncio.ensure_future(watcher.watch())
                runs = await selector.run_many(tasks(), concurrency=concurrency, check=is_right)
                watcher.over = True
                await watching
                status = selector.status()
            return runs, watcher, status, asyncio.all_tasks() - {asyncio.current_task()}

        runs, watcher, status, left = asyncio.run(main())
        assert left == set()
        assert waits_for(lambda: server.n_connections == 0)
        assert sockets() == before
        ends = look_at_runs(runs)
        look_at_money(watcher, server, usd)
        look_at_books(runs, read_log(folder), server, script, status)
    look_at_state(config, folder, watcher, status)
    assert ends["answered"] > (N * 0.8 if usd == 1 else 100)
    if concurrency < N:  # each of those under way may hold twice what it takes
        assert watcher.till.spent > 0.7 * usd * 1e9
        assert ends["BudgetExceededError"] > 0


@pytest.mark.parametrize("usd", [1.0, 0.05], ids=["plenty", "used up"])
def test_hundreds_of_runs_in_threads_against_an_unwell_server(usd, folder, read_log):
    script, n = Unwell(seed=5), 300
    with FakeOpenAI(script) as server:
        config, before = config_of(server, usd, retries=0), (sockets(), set(threading.enumerate()))
        with Selector.open(config, state=folder, seed=1) as selector:
            watcher = Watcher(selector)
            watching = threading.Thread(target=watcher.watch_here)
            watching.start()
            runs = selector.run_many(tasks(n), concurrency=32, check=is_right)
            watcher.over = True
            watching.join()
            status = selector.status()
        assert waits_for(lambda: server.n_connections == 0)
        assert (sockets(), set(threading.enumerate())) == before
        ends = look_at_runs(runs)
        look_at_money(watcher, server, usd)
        look_at_books(runs, read_log(folder), server, script, status)
    look_at_state(config, folder, watcher, status)
    assert ends["answered"] > (0.8 * n if usd == 1 else 50)
    assert (ends["BudgetExceededError"] > 0) == (usd < 1)


def look_at_cancelled(log, ends, server, watcher):
    """See that the log says of a call that nobody waited for no more than that, and what was shown of its answer."""
    cancelled = [e for e in log.events if e["kind"] == "attempt" and e["failure"] == "cancelled"]
    calls = {(e["decision_id"], e["attempt"]) for e in cancelled}
    judged = [e for e in log.reports if e["kind"] == "judgement"]
    used = [e for e in log.reports if e["kind"] == "usage"]
    assert len(set(log.keys)) == len(log.keys)
    assert 0 < len(calls) <= ends["cancelled"]
    assert not calls & {(e["decision_id"], e["attempt"]) for e in judged}
    said = [e for e in used if not e.get("estimated")]
    assert not calls & {(e["decision_id"], e["attempt"]) for e in said}
    assert watcher.till.spent == sum(e["nano"] for e in used)
    assert 0 <= server.n_served - len(said) <= len(calls)  # an answer may come when nobody waits for it any longer


@pytest.mark.parametrize("way", ["run", "stream"])
def test_runs_that_are_cancelled_at_random_moments_leave_nothing_behind(way, folder, read_log):
    script, n, n_cancelled = Unwell(seed=7, delay_s=0.05), 400, 100
    rng = np.random.default_rng(1)
    with FakeOpenAI(script) as server:
        config, before = config_of(server, 1.0, retries=0), sockets()

        async def one(selector, task):
            if way == "run":
                return await selector.run(task, check=is_right)
            async with selector.stream(task, check=is_right) as stream:
                async for _ in stream:
                    pass
            return stream.run

        async def main():
            async with AsyncSelector.open(config, state=folder, seed=1) as selector:
                watcher = Watcher(selector)
                watching = asyncio.ensure_future(watcher.watch())
                runs = [asyncio.ensure_future(one(selector, task)) for task in tasks(n)]
                loop = asyncio.get_running_loop()
                for place in rng.choice(n, n_cancelled, replace=False):
                    loop.call_later(float(rng.uniform(0, 0.8)), runs[place].cancel)
                ended = await asyncio.gather(*runs, return_exceptions=True)
                watcher.over = True
                await watching
                status = selector.status()
            return ended, watcher, status, asyncio.all_tasks() - {asyncio.current_task()}

        ended, watcher, status, left = asyncio.run(main())
        assert left == set()
        assert waits_for(lambda: server.n_open == server.n_connections == 0)
        assert sockets() == before
        assert watcher.most <= 10**9
        assert watcher.till.held == 0
        ends = Counter(
            "cancelled" if isinstance(each, asyncio.CancelledError) else type(each).__name__ for each in ended
        )
        log = read_log(folder)
        look_at_cancelled(log, ends, server, watcher)
        assert (status.n_pending, status.n_doubled, status.n_orphans, status.n_overruns) == (0, 0, 0, 0)
        assert set(ends) <= {"cancelled", "Run", "AllAttemptsFailedError"}
    look_at_state(config, folder, watcher, status)
    assert ends["cancelled"] > 10
    assert ends["Run"] > n / 2


def test_where_breakers_trip_each_run_is_answered_or_says_why_and_what_was_passed_over_cost_nothing(folder, read_log):
    script = Unwell(seed=9)
    with FakeOpenAI(script) as server:
        config = config_of(server, 1.0, breaker=3, retries=0)

        async def main():
            async with AsyncSelector.open(config, state=folder, seed=1) as selector:
                runs = await selector.run_many(tasks(600), concurrency=50, check=is_right)
                return runs, Watcher(selector), selector.status()

        runs, watcher, status = asyncio.run(main())
        ends = look_at_runs(runs)
        assert (watcher.till.spent, watcher.till.held) == (billed(server), 0)
        decided = [run for run in runs if run.decision is not None]
        tried = [each for run in decided for each in run.attempts]
        called = [each for each in tried if not each.detail.startswith("not called")]
        assert len(called) == len(server.requests) == script.said.total()
        assert all(not each.usage.cost_usd for each in tried if each not in called)
        log = read_log(folder)
        assert len(log.decided) == len(decided) == status.n_decisions
        assert Counter(key[2] for key in set(log.keys))["attempt"] == len(tried)
    assert ends["answered"] > 50
    look_at_state(config, folder, watcher, status)
