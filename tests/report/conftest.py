"""Logs written by hand, event by event."""

import numpy as np
import pytest

from selector.report import facts
from selector.store import Limits, State

BEGIN = 1_772_409_600.0  # 2026-03-02, a Monday, 00:00 UTC
DAY = 86_400.0


class Log:
    """A log that is written down line by line."""

    def __init__(self, folder):
        self.folder, self.events, self.n = folder, [], 0
        self.limits = Limits()

    def decide(self, model="small", task_type="coding", *, at=None, **fields):
        """Write a decision, and return its name."""
        id_ = f"d{self.n}"
        at = BEGIN + 3_600 * self.n if at is None else at
        event = {"kind": "decision", "id": id_, "n": self.n, "at": at, "task_type": task_type, "model": model}
        given = {name: value for name, value in fields.items() if name not in {"usd", "score", "source", "after_s"}}
        event |= {"route": model, "provider": f"{model}-inc", "reason": "policy", "policy": "thompson", **given}
        self.events.append(event)
        self.n += 1
        if "usd" in fields:
            self.use(id_, fields["usd"], at=at)
        if "score" in fields:
            self.judge(id_, fields["score"], fields.get("source", "tests"), at=at + fields.get("after_s", 60.0))
        return id_

    def use(self, id_, usd, *, at=BEGIN, attempt=1, **fields):
        """Write what an attempt used."""
        nano = round(usd * 1e9)
        self.events.append(
            {
                "kind": "usage",
                "decision_id": id_,
                "attempt": attempt,
                "at": at,
                "nano": nano,
                "latency_s": 2.0,
                **fields,
            }
        )

    def judge(self, id_, score, source="tests", *, at, attempt=1, **fields):
        """Write a judgement."""
        event = {"kind": "judgement", "decision_id": id_, "attempt": attempt, "at": at, "score": float(score)}
        self.events.append(event | {"source": source, **fields})

    def attempt(self, id_, attempt, model, failure=None):
        """Write an attempt."""
        event = {"kind": "attempt", "decision_id": id_, "attempt": attempt, "at": BEGIN, "model": model, "route": model}
        self.events.append(event | {"failure": failure, "selected_by": "chain"})

    def write(self):
        """Write all of it, and return the folder."""
        with State.open(self.folder, clock=lambda: BEGIN, limits=self.limits) as state:
            for event in self.events:
                state.append(event)
            state.seal()
        return self.folder

    def facts(self, **asked):
        """Write all of it, and gather its facts."""
        return facts(self.write(), **asked)


@pytest.fixture
def log(tmp_path):
    """Begin a log."""
    return Log(tmp_path / "state")


@pytest.fixture
def drawn(log):
    """Write decisions between two models, each with probability .5: small has .6 for .001 USD, large .9 for .003."""

    def write(n=600, **fields):
        rng = np.random.default_rng(7)
        for _ in range(n):
            large = rng.random() < 0.5
            good = rng.random() < (0.9 if large else 0.6)
            model, usd = ("large", 0.003) if large else ("small", 0.001)
            given = {"propensity": 0.5, "expected_cost_usd": usd, "score": float(good), **fields}
            log.decide(model, usd=usd, **given)
        return log

    return write
