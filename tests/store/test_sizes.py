"""Sealed files are small, and making them leaves other threads their turn."""

import numpy as np


def a_busy_day(writer, n):
    """Make decisions as they are written, with a usage and a judgement each, none of the numbers rounded."""
    rng = np.random.default_rng(5)
    at = 1.7e9 + np.cumsum(rng.exponential(0.1, n))
    for i in range(n):
        name, model, tokens = f"{writer}-{i:08x}", f"model-{rng.integers(12)}", rng.lognormal(7, 1, 3).astype(int)
        latency, cost = float(rng.lognormal(1, 0.6)), float(tokens @ [3e-6, 15e-6, 3e-7])
        decision = {"kind": "decision", "id": name, "at": float(at[i]), "n": i, "task_type": f"type-{rng.integers(6)}"}
        decision |= {"model": model, "provider": "work", "route": f"{model}@work", "reason": "sampled"}
        yield decision | {"propensity": float(rng.beta(3, 1)), "expected_cost_usd": cost * 1.1, "policy": "thompson"}
        usage = {"kind": "usage", "decision_id": name, "attempt": 1, "at": float(at[i]) + latency}
        usage |= dict(zip(("input_tokens", "output_tokens", "cache_read_tokens"), map(int, tokens), strict=True))
        yield usage | {"cost_usd": round(cost, 9), "latency_s": latency}
        judgement = {"kind": "judgement", "decision_id": name, "attempt": 1, "at": float(at[i]) + latency + 5}
        yield judgement | {"score": float(rng.random() < 0.8), "source": "tests"}


def test_a_million_decisions_with_a_usage_and_a_judgement_each_take_less_than_55_megabytes(open_state):
    state, n = open_state(), 10_000
    for event in a_busy_day(state.writer, n):
        state.buffer(event)
    before = list(state.events())
    state.seal(current=True)
    n_bytes = sum(path.stat().st_size for path in (state.path / "log").rglob("*.parquet"))
    assert n_bytes / n < 55
    assert list(state.events()) == before


def test_sealing_pauses_so_often_that_no_thread_waits_long_for_its_turn(open_state, monkeypatch):
    """Every 200 events twice, when they are read and when they are laid out, and after every column."""
    state, n, pauses = open_state(), 4_000, []
    for i in range(n):
        state.buffer({"kind": "usage", "i": i})
    monkeypatch.setattr("selector.store._segments.sleep", pauses.append)
    state.seal(current=True)
    assert len(pauses) >= 2 * n / 200
    assert sum(pauses) < 0.1
