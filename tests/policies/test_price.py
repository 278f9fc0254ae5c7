"""The shadow price: what is spent falls as it rises, and it is the smallest at which the target is met."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from selector.budgets import PerRequest
from selector.decision import Decider, Setup
from selector.policies import (
    KLUCB,
    UCB1,
    EpsilonGreedy,
    Greedy,
    MinSuccess,
    MostSuccess,
    NoWorseThan,
    PriceSolver,
    Thompson,
    TopTwoThompson,
    Uniform,
    WorthUsd,
    expected_cost,
)
from selector.posteriors import Cells, Priors
from selector.testing import random_view

views = st.builds(
    lambda seed, n, share: random_view(np.random.default_rng(seed), n, share_eligible=share),
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 7),
    share=st.sampled_from([1.0, 0.6, 0.0]),
)
linear = st.sampled_from([MostSuccess(), WorthUsd()])
positive = st.floats(1e-2, 1e2)


@given(views, st.sampled_from([MostSuccess(), WorthUsd(), MinSuccess(0.6), NoWorseThan(arm=0)]))
def test_expected_cost_is_the_cost_weighted_by_the_probabilities(view, objective):
    """The fast path of policies by row gives the same number as building every probability."""
    assume(view.eligible.any())
    for policy in (Thompson(), TopTwoThompson(), EpsilonGreedy(), Uniform()):
        slow = (policy.probabilities(view, objective) * view.cost).sum(-1)
        assert float(expected_cost(policy, view, objective)) == pytest.approx(float(slow), rel=1e-9, abs=1e-15)


def test_where_nothing_is_eligible_nothing_is_expected_to_be_spent():
    view = random_view(np.random.default_rng(0), 3, share_eligible=0.0)
    assert {float(expected_cost(policy, view, MostSuccess())) for policy in (Greedy(), Uniform(), Thompson())} == {0.0}


@given(views, linear, st.floats(0, 1e3), st.floats(1e-3, 10), st.sampled_from([Thompson(), Greedy(), UCB1(), KLUCB()]))
def test_expected_spend_never_rises_with_the_price_for_fixed_draws(view, objective, price, more, policy):
    typical = max(float(view.cost.mean()), 1e-9)
    low, high = price / typical, price * (1 + more) / typical + more
    spent = [float(expected_cost(policy, replace(view, price=np.asarray(p)), objective)) for p in (low, high)]
    assert spent[1] <= spent[0] * (1 + 1e-12)


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.95))
def test_solve_returns_the_smallest_price_that_meets_the_target(seed, share):
    """Among prices from a hundredth of the scale on, to a part in a thousand; draws make spend a staircase."""
    view = random_view(np.random.default_rng(seed), 5, share_eligible=1.0)
    dearest, cheapest = (_spend(view, price) for price in (0.0, 1e9 / max(view.cost.min(), 1e-9)))
    assume(dearest > cheapest * 1.01)
    target = cheapest + share * (dearest - cheapest)
    scale = 1 / view.cost.mean(keepdims=True)
    price = float(
        PriceSolver(np.zeros(1)).solve(lambda p: np.array([_spend(view, p[0])]), np.array([target]), scale)[0]
    )
    assert _spend(view, price) <= target
    if price > 0.01 * scale[0]:
        assert _spend(view, price * 0.999) > target


def _spend(view, price):
    return float(expected_cost(Thompson(), replace(view, price=np.asarray(price)), MostSuccess()))


def test_solve_finds_every_seeds_own_price():
    """Spend 2 / (1 + p / b) meets t at p = b (2 / t - 1): by hand, for seeds that differ."""
    b, target = np.array([1.0, 10.0, 0.3, 1.0]), np.array([0.5, 1.0, 0.02, 2.5])
    price = PriceSolver(np.zeros(4)).solve(lambda p: 2 / (1 + p / b), target, np.ones(4))
    np.testing.assert_allclose(price, [3.0, 10.0, 29.7, 0.0], rtol=1e-3)


def test_a_budget_that_needs_no_price_has_none():
    solver = PriceSolver(np.ones(1))
    assert solver.solve(lambda p: 1 / (1 + p), np.array([1.0]), np.ones(1)).tolist() == [0.0]


def test_a_target_that_no_price_meets_leaves_a_finite_price():
    price = PriceSolver(np.zeros(1)).solve(lambda p: 1 + 0 * p, np.array([0.5]), np.ones(1))
    assert np.isfinite(price).all()
    assert (price > 1e6).all()


@given(positive, st.floats(0.3, 3.0), st.floats(0.7, 1.4))
def test_follow_tracks_a_target_that_moves(b, power, moved):
    """From the right price, after a move of up to 40 %, ten steps are within 2 % of the new target."""

    def spend(price):
        return 2 / (1 + price / b) ** power

    old = 0.5
    start = b * ((2 / old) ** (1 / power) - 1)
    solver, scale, target = PriceSolver(np.array([start])), np.array([b]), np.array([old * moved])
    for _ in range(10):
        solver.follow(spend, target, scale)
    assert float(spend(solver.price)[0]) == pytest.approx(float(target[0]), rel=0.02)


def test_follow_says_where_it_lost_the_target_and_where_it_did_not():
    solver = PriceSolver(np.array([1.0, 1.0, 0.0]))
    lost = solver.follow(lambda p: 2 / (1 + p), np.array([0.01, 0.95, 5.0]), np.ones(3))
    assert lost.tolist() == [True, False, False]
    assert solver.price[2] == 0


def test_follow_lets_a_price_go_to_zero_when_there_is_money_enough():
    solver = PriceSolver(np.array([1.0]))
    for _ in range(60):
        solver.follow(lambda p: 2 / (1 + p), np.array([5.0]), np.ones(1))
    assert solver.price.tolist() == [0.0]


def test_scan_takes_the_smallest_price_of_its_grid_that_meets_the_target():
    """Spend that rises before it falls: 1 below a price of 2, then 3, and 0.2 from 50 on."""

    def spend(price):
        return np.where(price < 2, 1.0, np.where(price < 50, 3.0, 0.2))

    solver = PriceSolver(np.zeros(3))
    price = solver.scan(spend, np.array([1.5, 0.5, 0.1]), np.ones(3))
    assert price[0] == 0
    assert 50 <= price[1] < 50 * 1.6
    assert spend(price)[2] == pytest.approx(0.2)  # none meets it: the least spend
    assert (solver.price == price).all()


def _choices(objective, unit):
    """Replay 600 decisions with a budget, all dollars in a unit of their own."""
    cost = unit * np.array([[0.01, 0.1, 1.0]])
    setup = Setup(
        priors=Priors(tokens=cost), n_types=1, objective=objective, worth_usd=np.array([6.6 * unit]), n_rows=128
    )
    decider = Decider(setup, [1], PerRequest(0.4 * unit, 1))
    rng, types = np.random.default_rng(0), np.zeros(1, int)
    arms = []
    for t in range(600):
        arm = decider.choose(types, rng.random(1), now=t)
        paid = cost[0, arm]
        decider.pacer.settle(paid)
        score = (rng.random(1) < np.array([0.5, 0.75, 0.9])[arm]).astype(float)
        decider.observe(Cells(np.zeros(1, int), types, arm), at=t, now=t + 1.0, score=score, tokens=paid)
        arms.append(int(arm[0]))
    return arms


@pytest.mark.parametrize("objective", [MostSuccess(), WorthUsd(), MinSuccess(0.8)], ids=str)
def test_the_unit_of_money_changes_no_choice(objective):
    """Costs, worth and budget times 2^-10 or 2^-20 (exact in binary) lead to the very same choices."""
    dollars = _choices(objective, 1.0)
    for unit in (2.0**-10, 2.0**-20):
        assert _choices(objective, unit) == dollars
