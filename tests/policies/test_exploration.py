"""Exploration: one floor, one burn-in, and an allowance that is never overdrawn by more than one call."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.budgets import PerRequest
from selector.decision import Decider, Setup
from selector.policies import Allowance, Exploration, Greedy, Thompson
from selector.posteriors import Cells, Priors

EVERY, FIRST, ONE = slice(None), np.zeros(1, int), np.ones(1)

costs = st.lists(st.floats(1e-6, 10), min_size=1, max_size=6).map(np.array)


def publish(allowance, cost, mean_usd, fits=None):
    cost = np.asarray(cost, float)[None, None]
    fits = np.ones(cost.shape, bool) if fits is None else np.array(fits)[None, None]
    allowance.publish(EVERY, np.zeros(cost.shape), cost, fits, None if mean_usd is None else np.array([mean_usd]))
    return float(allowance.f[0, 0])


def allowance_of(rules, cost, mean_usd):
    allowance = Allowance(rules, (1, 1, len(cost)))
    publish(allowance, cost, mean_usd)
    return allowance


def test_half_of_q_is_uniform_and_half_favours_the_rarely_tried():
    """By hand: n of 9, 0 and 1 weigh 1/10, 1 and 1/2 of 8/5."""
    every = np.ones(3, bool)
    q = Exploration().weights(np.array([9.0, 0.0, 1.0]), np.ones(3), ~every, every)
    np.testing.assert_allclose(q, 1 / 6 + 0.5 * np.array([1 / 16, 10 / 16, 5 / 16]))


def test_q_of_a_burn_in_is_on_thin_arms_alone_and_favours_the_cheap():
    thin, every = np.array([True, True, False]), np.ones(3, bool)
    q = Exploration().weights(np.zeros(3), np.array([0.01, 0.04, 0.0001]), thin, every)
    np.testing.assert_allclose(q, [2 / 3, 1 / 3, 0.0])


@given(costs, st.data())
def test_q_is_a_probability_over_the_eligible_arms(cost, data):
    flags = st.lists(st.booleans(), min_size=len(cost), max_size=len(cost)).map(np.array)
    thin, eligible = data.draw(flags), data.draw(flags)
    n = np.array(data.draw(st.lists(st.floats(0, 1e6), min_size=len(cost), max_size=len(cost))))
    q = Exploration().weights(n, cost, thin, eligible)
    assert (q >= 0).all()
    assert (q[~eligible] == 0).all()
    assert q.sum() == pytest.approx(float(eligible.any()))
    burns = (thin & eligible).any()
    assert (q[eligible & (thin | ~burns)] > 0).all()


@given(costs, st.floats(1e-4, 1.0), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_f_never_exceeds_what_is_wanted_nor_what_the_balance_pays(cost, mean_usd, floor, seed):
    """Earned so far less paid so far is at least f times what a forced draw is expected to cost."""
    rules, rng = Exploration(floor=floor), np.random.default_rng(seed)
    allowance, balance = Allowance(rules, (1, 1, len(cost))), 0.0
    for _ in range(60):
        f, need = publish(allowance, cost, mean_usd), float((allowance.q[0, 0] * cost).sum())
        assert 0 <= f <= max(floor, rules.burn_in_rate)
        assert f * need <= max(balance, 0.0) + 1e-12 * mean_usd  # sums round
        n = int(rng.integers(1, 65))
        n_forced = int(rng.binomial(n, f))
        paid = cost[rng.choice(len(cost), n_forced, p=allowance.q[0, 0])] if n_forced else np.zeros(0)
        allowance.pay(np.zeros(len(paid), int), paid)
        allowance.fold(EVERY, n * ONE)
        balance += n * rules.share * mean_usd - paid.sum()


@given(costs, st.floats(1e-3, 1.0), st.integers(0, 2**32 - 1))
def test_forced_spend_is_at_most_its_share_of_the_target_plus_one_call(cost, mean_usd, seed):
    """Published after every decision, whatever the coin does: 2 % of what was to be spent, and one call."""
    allowance, rng = Allowance(Exploration(), (1, 1, len(cost))), np.random.default_rng(seed)
    spent = 0.0
    for t in range(200):
        if publish(allowance, cost, mean_usd) > rng.random() * 1e-3:  # a coin that nearly always forces
            paid = float(cost[rng.choice(len(cost), p=allowance.q[0, 0])])
            spent += paid
            allowance.pay(FIRST, np.array([paid]))
        allowance.fold(EVERY, ONE)
        assert spent <= 0.02 * mean_usd * (t + 1) + cost.max() + 1e-9


def test_no_more_than_a_hundred_decisions_worth_is_saved_up():
    allowance = allowance_of(Exploration(floor=1.0, burn_in=0), [1.0], mean_usd=0.1)
    allowance.fold(EVERY, 1000 * ONE)
    assert publish(allowance, [1.0], 0.1) == pytest.approx(100 * 0.02 * 0.1)


def test_a_burn_in_may_save_for_one_call_of_its_cheapest_model():
    """One call costs 5, a hundred decisions earn .2: without saving for it, the model would never be tried."""
    allowance = allowance_of(Exploration(burn_in_rate=1.0), [5.0, 20.0], mean_usd=0.1)
    allowance.fold(EVERY, 10_000 * ONE)
    f, need = publish(allowance, [5.0, 20.0], 0.1), float((allowance.q[0, 0] * [5.0, 20.0]).sum())
    assert f * need == pytest.approx(5.0)


def test_a_call_that_cannot_be_paid_is_not_explored():
    allowance = Allowance(Exploration(), (1, 1, 2))
    assert publish(allowance, [0.1, 31.0], None, fits=[True, False]) == 0.1
    assert allowance.q[0, 0].tolist() == [1.0, 0.0]
    assert publish(allowance, [0.1, 31.0], None, fits=[False, False]) == 0
    assert allowance.q[0, 0].tolist() == [0.0, 0.0]


def test_a_model_too_dear_ever_to_be_repaid_is_not_explored_under_a_budget():
    """Costs are .001, .01 and .1; at a tenth of the cheapest per request, one call of the dearest is a thousand."""
    decider = decider_of(Thompson(), None, PerRequest(0.0001, 1))
    assert decider.probabilities(np.array([0]))[0, 2] == 0
    assert decider_of(Thompson(), None).probabilities(np.array([0]))[0, 2] > 0


def test_what_costs_nothing_is_explored_whatever_the_balance():
    """A free model is never an expense of exploration: f is what is wanted from the first decision on."""
    allowance = Allowance(Exploration(burn_in=0), (1, 1, 2))
    assert publish(allowance, [0.0, 0.0], mean_usd=0.1) == pytest.approx(0.02)


def test_without_a_budget_nothing_limits_exploration():
    allowance = allowance_of(Exploration(), [5.0, 1e6], mean_usd=None)
    for _ in range(3):
        assert publish(allowance, [5.0, 1e6], None) == 0.1
        allowance.pay(FIRST, np.array([1e6]))
        allowance.fold(EVERY, ONE)


def test_what_was_explored_without_a_budget_is_not_owed_when_one_comes():
    """Nothing was earned and nothing is owed: after 100 decisions under the budget, f is what these earned."""
    allowance = allowance_of(Exploration(burn_in=0), [1.0], mean_usd=None)
    allowance.pay(np.zeros(20, int), np.ones(20))
    allowance.fold(EVERY, 1000 * ONE)
    assert publish(allowance, [1.0], mean_usd=0.005) == 0
    allowance.fold(EVERY, 100 * ONE)
    assert publish(allowance, [1.0], mean_usd=0.005) == pytest.approx(100 * 0.02 * 0.005)


def test_burn_in_ends_after_five_outcomes_of_every_model_and_starts_again_for_one_that_is_thin():
    cost = [0.2, 0.2]
    allowance = allowance_of(Exploration(), cost, mean_usd=None)
    for seen in range(5):
        assert publish(allowance, cost, None) == 0.1
        allowance.saw(FIRST, FIRST)
        publish(allowance, cost, None)
        assert (allowance.q[0, 0, 0] == 0) == (seen == 4)  # the first model has what it needs
    for _ in range(5):
        assert publish(allowance, cost, None) == 0.1
        allowance.saw(FIRST, FIRST + 1)
    assert publish(allowance, cost, None) == 0.02
    np.testing.assert_allclose(allowance.q[0, 0], [0.5, 0.5])
    allowance.restart(0, np.array([80.0]))  # enough is known of this one
    assert publish(allowance, cost, None) == 0.02
    allowance.restart(1, np.array([0.7]))
    assert publish(allowance, cost, None) == 0.1
    assert allowance.q[0, 0].tolist() == [0.0, 1.0]


def decider_of(policy, exploration, pacer=None, n_seeds=1):
    tokens = np.tile([0.001, 0.01, 0.1], (n_seeds, 1))
    return Decider(
        Setup(priors=Priors(tokens=tokens), n_types=2, policy=policy, exploration=exploration),
        list(range(n_seeds)),
        pacer,
    )


def test_a_zero_floor_turns_all_exploration_off_the_burn_in_too():
    decider = decider_of(Thompson(), Exploration(floor=0.0))
    shares = np.bincount(decider.draws.matrix[0, 1].argmax(0), minlength=3) / 256
    assert decider.probabilities(np.array([1]))[0].tolist() == shares.tolist()
    greedy = decider_of(Greedy(), Exploration(floor=0.0, burn_in=5))
    rng = np.random.default_rng(0)
    for t in range(40):  # only ever the first model has outcomes, all good
        greedy.observe(Cells(FIRST, FIRST, FIRST), at=t, now=t + 1.0, score=np.ones(1), tokens=np.full(1, 0.001))
    assert {int(greedy.choose(FIRST, rng.random(1), now=40.0)[0]) for _ in range(500)} == {0}


def test_policies_that_do_not_explore_have_no_floor_unless_one_is_asked_for():
    assert not decider_of(Greedy(), None).allowance.on
    assert decider_of(Thompson(), None).allowance.on
    assert decider_of(Greedy(), Exploration(floor=0.1)).allowance.on


@pytest.mark.parametrize("masked", [False, True], ids=["all", "some"])
def test_a_decider_forces_no_more_than_its_share_of_the_budget_and_one_period_before_it_knows(masked, monkeypatch):
    """50 seeds of 3,000 decisions: what is forced before the next refresh is owed after it; the mean owes one call."""
    periods, pay = [], Allowance.pay

    def count(self, seeds, cost):
        np.add.at(periods[-1], seeds, cost)
        pay(self, seeds, cost)

    monkeypatch.setattr(Allowance, "pay", count)
    mean_usd, rng, done = 0.015, np.random.default_rng(4), 0
    decider = decider_of(Thompson(), None, PerRequest(mean_usd, 50), n_seeds=50)
    while done < 3000:
        n = decider.until_refresh
        periods.append(np.zeros(50))
        types = rng.integers(2, size=(n, 50))
        may = None if not masked else np.where(rng.random((n, 50, 1)) < 0.5, [True, True, True], [False, True, True])
        learn(decider, types, decider.choose(types, rng.random((n, 50)), may, now=done), rng, done)
        done += n
    forced = np.sum(periods, axis=0)
    assert (forced - np.max(periods, axis=0) <= 0.02 * mean_usd * done).all()
    assert forced.mean() <= 0.02 * mean_usd * done + decider.cost.max()
    assert (forced > 0).mean() > 0.9  # and it does explore


def learn(decider, types, arm, rng, done):
    """Tell a decider what came of some choices, shape (n_tasks, n_seeds)."""
    n, n_seeds = arm.shape
    cost = np.array([0.001, 0.01, 0.1])[arm]
    for paid in cost:
        decider.pacer.settle(paid)
    decider.observe(
        Cells(np.tile(np.arange(n_seeds), n), types.ravel(), arm.ravel()),
        at=np.repeat(done + np.arange(n, dtype=float), n_seeds),
        now=float(done + n),
        score=(rng.random(arm.shape) < np.array([0.5, 0.7, 0.9])[arm]).astype(float).ravel(),
        tokens=cost.ravel(),
        n_outcomes=n,
    )
