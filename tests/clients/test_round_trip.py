"""Real outcomes come late, twice, in parts, over restarts and a kill: they teach what they teach in a straight run.

The crooked run chooses by its policy. The straight run makes the same choices with the same numbers, each forced by
the task's `only`, and hears of each at once and once. When an alarm for drift rings depends on when outcomes were
heard, and once it rang it is a fact of the log: the straight run does not listen, and is told of the other's alarms.
"""

import functools
import json
import os
import signal

import numpy as np
import pytest

from selector import Outcome, Selector, Task
from selector._clients.choice import _plan
from selector._clients.learning._rebuild import rebuild

N_TASKS = 1_000
STOPS = (350, 700, N_TASKS)  # where a life ends, and the next process goes on
KILLED = 1  # the life that is not let end
AFTER = 350  # words of its, after which it is killed

LIFE = """
import json, os, sys
import numpy as np
from selector import Outcome, Selector, Task

folder, config, world, first, last, waiting, seed = json.loads(sys.stdin.readline())
say = lambda *words: os.write(1, json.dumps(words).encode() + b"\\n")
rng = np.random.default_rng([seed, first])
due = [(first + int(rng.geometric(1 / 60)), *each) for each in waiting]

with Selector.open(config, state=folder, seed=seed + first, clock=lambda: 1.7e9) as selector:
    for begin in range(first, last, 16):
        fresh = []
        for task in range(begin, min(begin + 16, last)):
            type_, outcomes = world[task]
            decision = selector.select(Task(type_, input_tokens=max(o[1] for o in outcomes.values())))
            fresh.append((decision.id, decision.n, task, decision.model))
        selector.flush()
        for id_, n, task, model in fresh:
            say("chose", id_, n, task, model)
            for kind in ("usage", "judgement"):
                for _ in range(1 + (rng.random() < 0.3)):
                    due.append((task + int(rng.geometric(1 / 60)), id_, task, model, kind))
        due.sort()
        while due and (due[0][0] < begin + 16 or last == len(world) == begin + len(fresh)):
            _, id_, task, model, kind = due.pop(0)
            score, read, written, seconds = world[task][1][model]
            if kind == "usage":
                selector.record(id_, Outcome(input_tokens=read, output_tokens=written, latency_s=seconds))
            else:
                selector.record(id_, Outcome(score=score, source="tests"))
            say("told", id_, kind)
"""


@pytest.fixture
def world(shared_data):
    """Draw tasks, each with the outcome of every model: score, input and output tokens, seconds."""
    import pyarrow.parquet as pq

    rows = pq.read_table(shared_data / "coderouterbench.parquet").to_pylist()
    prompts = {}
    for row in rows:
        outcome = [row["score"], row["input_tokens"], row["output_tokens"], row["latency_s"]]
        if None not in outcome:
            prompts.setdefault((row["prompt_id"], row["task_type"]), {})[row["model"]] = outcome
    n_models = max(len(outcomes) for outcomes in prompts.values())
    whole = [[type_, outcomes] for (_, type_), outcomes in prompts.items() if len(outcomes) == n_models]
    order = np.random.default_rng(5).permutation(np.arange(N_TASKS) % len(whole))
    return [[whole[i][0], dict(whole[i][1])] for i in order.tolist()]


@pytest.fixture
def config(world):
    """Configure the models at prices from 0.2 to 10 dollars, an average to steer to, and forgetting."""
    names = sorted(world[0][1])
    rates = np.geomspace(0.2, 10, len(names)).round(2).tolist()
    models = {m: {"usd_per_mtok_in": r, "usd_per_mtok_out": 4 * r} for m, r in zip(names, rates, strict=True)}
    return {
        "models": models,
        "budgets": [{"usd_per_request": 0.01}],
        "policy": {"name": "thompson", "half_life": "800 decisions"},
    }


class Crooked:
    """The run over several processes, as far as it was acknowledged."""

    def __init__(self, start, folder, config, world):
        self._start, self._folder, self._config, self._world = start, folder, config, world
        self.chosen, self.told = {}, []
        self._n_chosen = 0

    def run(self):
        first = 0
        for life, last in enumerate(STOPS):
            self._live(first, last, killed=life == KILLED)
            first = self._n_chosen

    def _live(self, first, last, *, killed):
        heard = set(self.told)
        waiting = [
            (id_, task, model, kind)
            for id_, (_, task, model) in self.chosen.items()
            for kind in ("usage", "judgement")
            if (id_, kind) not in heard
        ]
        process = self._start(LIFE)
        process.stdin.write(json.dumps([str(self._folder), self._config, self._world, first, last, waiting, 7]) + "\n")
        process.stdin.flush()
        for place, line in enumerate(process.stdout):
            if killed and place == AFTER:
                os.kill(process.pid, signal.SIGKILL)
            self._hear(*json.loads(line))
        assert process.wait() == (-signal.SIGKILL if killed else 0)

    def _hear(self, verb, id_, *rest):
        if verb == "told":
            self.told.append((id_, rest[0]))
        else:
            n, task, model = rest
            self.chosen[id_] = (n, task, model)
            self._n_chosen = task + 1


def outcome_of(world, task, model):
    score, read, written, seconds = world[task][1][model]
    return Outcome(input_tokens=read, output_tokens=written, latency_s=seconds, score=score, source="tests")


def straight(config, folder, world, chosen, alarms):
    """Make the same choices with the same numbers, and report each at once; give the beliefs and the status."""
    by_number = {n: (task, model) for n, task, model in chosen.values()}
    with Selector.open(config, state=folder, seed=1, clock=lambda: 1.7e9) as selector:
        for alarm in alarms:
            selector._core.fold.fold(alarm, heard=False)
        for n in range(max(by_number) + 1):
            task, model = by_number.get(n, (0, None))  # a number that died with its process
            decision = selector.select(Task(world[task][0], only=[model] if model else []))
            if model is not None:
                assert (decision.n, decision.model) == (n, model)
                selector.record(decision, outcome_of(world, task, model))
        return selector.beliefs(), selector.status()


@pytest.mark.slow
@pytest.mark.shared
@pytest.mark.parametrize("changes", [False, True])
def test_late_doubled_and_parted_outcomes_over_a_kill_teach_what_they_do_in_a_straight_run(
    tmp_path, monkeypatch, start, world, config, read_log, differ, changes
):
    """Twice: as the outcomes are, and with models that from a third of the way on give nothing right."""
    for _, outcomes in world[N_TASKS // 3 :] if changes else ():
        outcomes.update({model: [0.0, *rest] for model, (_, *rest) in outcomes.items()})
    crooked = Crooked(start, tmp_path / "crooked", config, world)
    crooked.run()
    assert len(crooked.chosen) == N_TASKS
    assert len(crooked.told) > 1.2 * len(set(crooked.told)) > 2 * N_TASKS
    assert len({model for _, _, model in crooked.chosen.values()}) > 3

    with Selector.open(config, state=tmp_path / "crooked", seed=1, clock=lambda: 1.7e9) as selector:
        beliefs, status = selector.beliefs(), selector.status()
    assert rebuild(config, state=tmp_path / "crooked", clock=lambda: 1.7e9).largest_difference <= 1e-9

    alarms = [event for event in read_log(tmp_path / "crooked").events if event["kind"] == "drift"]
    assert len(alarms) == status.drift_alarms
    assert alarms or not changes
    monkeypatch.setattr(_plan, "Learning", functools.partial(_plan.Learning, drift=False))
    expected, other = straight(config, tmp_path / "straight", world, crooked.chosen, alarms)
    assert status.n_outcomes == other.n_outcomes == N_TASKS
    assert differ(beliefs, expected) == []
