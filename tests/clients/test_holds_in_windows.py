"""Holds made in memory are of the window that the moment of their decision is in, whichever was leased before."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector import Outcome, Selector, Task
from selector.budgets import Till
from selector.config import BudgetConfig
from selector.store import Ledger, Others
from tests.clients.conftest import Clock

MODELS = {"small": {"usd_per_mtok_in": 0, "usd_per_mtok_out": 100, "context_tokens": 9_000, "max_output_tokens": 500}}
BUDGETS = [
    {"name": "day", "usd": 100, "per": "day"},
    {"name": "rolls", "usd": 100, "per": "30h"},
    {"name": "calls", "requests": 10_000, "per": "total"},
]
SLICE_S = 30 * 60.0  # a sixtieth of 30 hours
TASK = Task("coding", input_tokens=0)


@pytest.fixture
def clock():
    return Clock(1.7e9 // 86_400 * 86_400 - 3 * SLICE_S)


@pytest.fixture
def opened(folder, clock):
    """Open two selectors of one folder, as two processes would, whose time passes when the test says so."""
    selectors = [Selector.open({"models": MODELS, "budgets": BUDGETS}, state=folder, clock=clock) for _ in range(2)]
    for selector in selectors:
        selector._core.share()
        selector._keeper.start = lambda: None
    yield selectors
    for selector in selectors:
        selector.close()


def test_what_is_spent_is_told_of_the_window_of_its_decision(opened, folder, clock):
    """Over several days and slices, at their very edges too, with reports that come late."""
    rng, waiting, expected = np.random.default_rng(5), [], Counter()
    tills = [Till(BudgetConfig.model_validate(each), "UTC", clock.now) for each in BUDGETS]
    steps = [0.0, 1.0, 0.0004, SLICE_S - 1.0004, SLICE_S, 7 * SLICE_S]
    for _ in range(120):
        clock.now += float(rng.choice(steps))
        selector = opened[rng.integers(2)]
        waiting.append((selector, selector.select(TASK), clock.now))
        if rng.random() < 0.9:
            selector, decision, at = waiting.pop(rng.integers(len(waiting)))
            n = int(rng.integers(1, 500))
            selector.record(decision, Outcome(output_tokens=n))
            for till in tills:
                expected[till.label, till.place(at)[0]] += till.amount(100_000 * n, n)
    for selector in opened:
        selector._core.settling.gate._leases.flush()
    with Ledger.open(folder, lambda: "", Others(lambda _: True, lambda _: None)) as ledger:
        spent = {(each.key, each.window): each.spent for each in ledger.accounts() if each.spent}
    assert spent == dict(expected)
    assert len(spent) > 20


@given(
    st.sampled_from(
        [
            {"per": "day"},
            {"per": "30h"},
            {"per": "7m"},
            {"per": "total"},
            {"per": "total", "until": "2023-12-01T00:00:00Z"},
        ]
    ),
    st.floats(0, 3e6),
    st.floats(-1e5, 1e5),
)
def test_within_the_span_of_a_moment_the_place_is_the_same(window, passed, later):
    till = Till(BudgetConfig.model_validate({"usd": 1} | window), "UTC", 1.7e9)
    at = 1.7e9 + passed
    till.roll(at)
    begin, end = till.span(at)
    moments = [at + later, begin, np.nextafter(end, -np.inf)]
    inside = [moment for moment in moments if begin <= moment < end and np.isfinite(moment)]
    assert {till.place(moment) for moment in inside} <= {till.place(at)}
