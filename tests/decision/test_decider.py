"""A decider keeps beliefs, draws, price and exploration in step, and each of its seeds to itself."""

from dataclasses import dataclass

import numpy as np
import pytest

from selector.budgets import PerRequest
from selector.decision import Decider, Setup
from selector.policies import Exploration, Fixed, MinSuccess, NoWorseThan, WorthUsd, policy_of
from selector.posteriors import Cells, Event, Learning, Priors
from selector.replay import Protocol, settings_of, simulate

COST = np.array([0.01, 0.05, 0.25])
RATE = np.array([[0.6, 0.8, 0.9], [0.3, 0.7, 0.75]])
WORDS = ("thompson", "top_two", "epsilon_greedy", "ucb1", "kl_ucb", "greedy", "uniform", "fixed:b")
STILL = Learning(half_life=np.inf, drift=False)


def setup(n_seeds=1, cost=COST, n_types=2, **parts):
    return Setup(
        **{
            "priors": Priors(tokens=np.tile(np.asarray(cost, float), (n_seeds, 1))),
            "n_types": n_types,
            "learning": STILL,
            "n_rows": 64,
            **parts,
        }
    )


def step(decider, rng, now, eligible=None, rate=RATE, cost=COST):
    """Decide one task of each seed, learn what came of it, and pay."""
    seeds, n_types, _ = decider.setup.shape
    types = rng.integers(n_types, size=seeds)
    arm = decider.choose(types, rng.random(seeds), eligible, now=now)
    ok = arm >= 0
    score, paid = (rng.random(seeds) < rate[types, arm]).astype(float), np.where(ok, cost[arm], 0.0)
    if ok.any():
        cells = Cells(np.flatnonzero(ok), types[ok], arm[ok])
        decider.observe(cells, at=now, now=now + 1, score=score[ok], tokens=paid[ok])
    if decider.pacer is not None:
        decider.pacer.settle(paid)
    return arm, paid


def run(decider, n, seed=0, start=0, **world):
    rng = np.random.default_rng(seed)
    return np.stack([step(decider, rng, now, **world)[0] for now in range(start, start + n)])


@dataclass
class Refreshes:
    """What was refreshed: after how many outcomes, which seeds, and whether wholly."""

    calls: list

    @classmethod
    def of(cls, decider, monkeypatch):
        calls, refresh = [], decider.refresh

        def noted(now, seeds=slice(None), *, whole=False):
            calls.append((decider.n_outcomes, seeds, whole))
            refresh(now, seeds, whole=whole)

        monkeypatch.setattr(decider, "refresh", noted)
        return cls(calls)


@pytest.mark.parametrize("word", WORDS)
def test_the_same_seed_makes_the_same_choices(word):
    decider, again = (
        Decider(setup(3, policy=policy_of(word, ("a", "b", "c"))), [1, 2, 3], PerRequest(0.08, 3)) for _ in range(2)
    )
    assert (run(decider, 300) == run(again, 300)).all()
    assert (decider.price == again.price).all()


def test_another_key_makes_other_choices():
    one, other = Decider(setup(), [1]), Decider(setup(), [2])
    assert (run(one, 300) != run(other, 300)).any()


@pytest.mark.parametrize("word", ["thompson", "top_two", "epsilon_greedy", "greedy"])
@pytest.mark.parametrize(("budget", "hard"), [(None, False), (0.006, False), (0.006, True)])
def test_a_seeds_choices_do_not_depend_on_the_seeds_beside_it(world, word, budget, hard):
    matrix = world(200, 4, 3)
    settings, _ = settings_of(word, matrix, None, budget=budget is not None)
    protocol = Protocol(measured=matrix, budget_usd=budget, hard=hard, passes=2)

    def replay(seeds):
        return simulate(lambda guess: settings.setup(guess, 3), protocol, seeds)[0]

    alone, together = replay([5]), replay([3, 5, 9])
    for a, b in zip(alone, together, strict=True):
        assert a.reward[0] == b.reward[1]
        assert a.cost_usd[0] == pytest.approx(b.cost_usd[1], rel=1e-12)
        assert (a.share[0] == b.share[1]).all()
    assert (together[0].share[0] != together[0].share[1]).any()


@pytest.mark.parametrize("word", WORDS)
def test_an_ineligible_model_is_never_chosen_and_where_none_is_eligible_the_choice_is_minus_one(word):
    """400 decisions of 8 seeds with random eligible sets, one in eight of which is empty; exploration is on."""
    explored = Exploration(floor=0.3, burn_in=20.0, burn_in_rate=0.5)
    decider = Decider(setup(8, policy=policy_of(word, ("a", "b", "c")), exploration=explored), list(range(8)))
    rng = np.random.default_rng(4)
    for now in range(400):
        may = rng.random((8, 3)) < 0.5
        arm, _ = step(decider, rng, now, may)
        served = may.any(-1)
        assert (arm[~served] == -1).all()
        assert may[np.flatnonzero(served), arm[served]].all()


@pytest.mark.parametrize("objective", [MinSuccess(0.7), NoWorseThan(2), WorthUsd()], ids=lambda o: type(o).__name__)
def test_every_objective_keeps_to_the_eligible_models(objective):
    worth = np.array([1.0, 2.0]) if isinstance(objective, WorthUsd) else None
    decider = Decider(setup(4, objective=objective, worth_usd=worth), list(range(4)), PerRequest(0.08, 4))
    rng = np.random.default_rng(5)
    for now in range(200):
        may = rng.random((4, 3)) < 0.6
        arm, _ = step(decider, rng, now, may)
        assert (arm[~may.any(-1)] == -1).all()
        served = np.flatnonzero(may.any(-1))
        assert may[served, arm[served]].all()


@pytest.mark.parametrize("word", ["thompson", "epsilon_greedy", "uniform"])
def test_choices_come_as_often_as_the_probabilities_say(word):
    """20,000 uniform numbers on frozen beliefs; three z-tests at 5 sd: false alarms below 2e-6."""
    decider = Decider(setup(policy=policy_of(word)), [7])
    run(decider, 60)
    types, n = np.zeros(1, np.intp), 20_000
    p = decider.probabilities(types)[0]
    assert p.sum() == pytest.approx(1.0)
    rng, counts = np.random.default_rng(8), np.zeros(3)
    for u in rng.random((n, 1)):
        counts[decider.choose(types, u)[0]] += 1
    sd = np.sqrt(np.maximum(p * (1 - p), 1e-12) * n)
    assert (abs(counts - n * p) <= 5 * sd + 1).all()


def test_probabilities_are_a_distribution_over_the_eligible_models():
    decider = Decider(setup(3), [1, 2, 3], PerRequest(0.08, 3))
    run(decider, 100)
    may = np.array([[True, False, True], [False, True, False], [True, True, True]])
    p = decider.probabilities(np.array([0, 1, 0]), may)
    assert (p[~may] == 0).all()
    assert p.sum(-1) == pytest.approx(np.ones(3))
    assert p[1].tolist() == [0.0, 1.0, 0.0]


def test_it_refreshes_after_each_8th_outcome_and_beyond_1000_after_each_64th(monkeypatch):
    decider = Decider(setup(2), [1, 2], PerRequest(0.08, 2))
    seen = Refreshes.of(decider, monkeypatch)
    run(decider, 1_300)
    expected = [*range(8, 1_001, 8), *range(1_024, 1_301, 64)]
    assert [n for n, _, _ in seen.calls] == expected
    assert not any(whole for _, _, whole in seen.calls)


def test_a_task_that_nobody_serves_is_no_outcome():
    decider = Decider(setup(2), [1, 2])
    run(decider, 20, eligible=np.zeros((2, 3), bool))
    assert decider.n_outcomes == 0
    assert decider.beliefs.n.sum() == 0


@pytest.mark.parametrize("word", ["thompson", "greedy"])
def test_a_budget_below_the_cheapest_is_said_and_the_cheapest_of_each_type_serves(word):
    """From the 50th decision on, without exploration, 150 decisions of 3 seeds take the cheapest and nothing else."""
    quiet = Exploration(floor=0.0, burn_in=0.0)
    decider = Decider(setup(3, exploration=quiet, policy=policy_of(word)), [1, 2, 3], PerRequest(0.001, 3))
    arms = run(decider, 200)
    assert decider.below_cheapest.all()
    assert (arms[50:] == 0).all()


def test_a_budget_above_the_cheapest_is_not_called_below():
    decider = Decider(setup(3), [1, 2, 3], PerRequest(0.08, 3))
    run(decider, 200)
    assert not decider.below_cheapest.any()


def test_the_budget_is_met_on_average():
    """2,000 decisions of 6 seeds at .08, where .25 would buy more: between nine tenths and 103 % of it is spent."""
    decider, rng = Decider(setup(6), list(range(6)), PerRequest(0.08, 6)), np.random.default_rng(0)
    rate = np.array([[0.4, 0.6, 0.95], [0.1, 0.5, 0.9]])
    spent = np.mean([step(decider, rng, now, rate=rate)[1] for now in range(2_000)], axis=0)
    assert 0.9 < spent.mean() / 0.08 < 1.03
    assert (decider.price > 0).all()


@pytest.mark.parametrize("objective", [None, NoWorseThan(2), MinSuccess(0.5)])
def test_without_a_budget_the_price_is_zero(objective):
    decider = Decider(setup(2, **({} if objective is None else {"objective": objective})), [1, 2])
    run(decider, 200)
    assert decider.price.tolist() == [0.0, 0.0]
    assert decider.target() is None
    assert not decider.below_cheapest.any()


def test_an_ample_budget_costs_nothing_either():
    decider = Decider(setup(2), [1, 2], PerRequest(10.0, 2))
    run(decider, 200)
    assert decider.price == pytest.approx([0.0, 0.0])


@pytest.mark.parametrize("word", [*WORDS[:-1], "fixed:a"])
@pytest.mark.parametrize("budget", [None, 0.0, 0.001, 1.0])
def test_one_model_only_is_always_chosen(word, budget):
    pacer = None if budget is None else PerRequest(budget, 2)
    decider = Decider(setup(2, cost=[0.01], policy=policy_of(word, ("a",))), [1, 2], pacer)
    assert (run(decider, 120, rate=RATE[:, :1], cost=COST[:1]) == 0).all()
    assert np.isfinite(decider.price).all()


def test_a_model_that_costs_nothing_serves_under_a_budget_of_nothing():
    """A budget of nothing leaves the free model, and pays for no other."""
    decider = Decider(setup(2, cost=[1e-12, 0.05]), [1, 2], PerRequest(0.0, 2))
    arms = run(decider, 200, rate=RATE[:, :2], cost=np.array([0.0, 0.05]))
    assert (arms == 0).all()
    assert np.isfinite(decider.price).all()


def test_a_new_price_is_followed_at_once_by_cost_and_choice():
    decider = Decider(setup(8), list(range(8)), PerRequest(0.06, 8))
    run(decider, 400)
    before, price = decider.cost.copy(), decider.price.copy()
    decider.reprice(2, 0.1, 400)
    assert decider.cost[..., 2] == pytest.approx(0.1 * before[..., 2], rel=1e-9)
    assert decider.cost[..., :2] == pytest.approx(before[..., :2], rel=1e-9)
    assert (decider.price <= price).all()
    assert (decider.price < price).any()
    arms = run(decider, 200, seed=1, start=400, cost=np.array([0.01, 0.05, 0.025]))
    assert (arms[50:] == 2).mean() > 0.6


def test_a_price_that_rises_is_followed_at_once_too():
    decider = Decider(setup(2), [1, 2], PerRequest(0.06, 2))
    run(decider, 400)
    before, chosen = decider.cost.copy(), decider.probabilities(np.array([0, 0]))[:, 1]
    decider.reprice(1, 20.0, 400)
    assert decider.cost[..., 1] == pytest.approx(20 * before[..., 1], rel=1e-9)
    assert (decider.probabilities(np.array([0, 0]))[:, 1] < chosen).all()


def test_a_model_made_affordable_while_little_is_known_of_it_burns_in_again():
    """At 30 USD a call, 500 requests' worth, it is never tried; at 0.03 it is forced until there are 5 outcomes."""
    cost = np.array([0.01, 0.05, 30.0])
    explored = setup(4, cost=cost, policy=Fixed(0), exploration=Exploration())
    decider = Decider(explored, [1, 2, 3, 4], PerRequest(0.06, 4))
    arms = run(decider, 400, cost=cost)
    assert (arms != 2).all()
    decider.reprice(2, 0.001, 400)
    arms = run(decider, 600, seed=1, start=400, cost=np.array([0.01, 0.05, 0.03]))
    assert ((arms == 2).sum(0) >= 5).all()


def test_a_price_cut_restarts_the_burn_in_of_a_model_of_which_little_is_known_and_a_rise_does_not():
    decider = Decider(setup(2), [1, 2], PerRequest(10.0, 2))
    run(decider, 600)
    assert decider.allowance.f == pytest.approx(np.full((2, 2), 0.02))
    decider.reprice(0, 0.5, 600)
    assert decider.allowance.f == pytest.approx(np.full((2, 2), 0.02))  # it is well known
    for seed in range(2):
        decider.apply(Event("drift", 600.0, 0, 0.001, seed), 600)
    decider.reprice(0, 2.0, 600)
    assert decider.allowance.f == pytest.approx(np.full((2, 2), 0.02))
    decider.reprice(0, 0.5, 600)
    assert decider.allowance.f == pytest.approx(np.full((2, 2), 0.10))
    assert (decider.allowance.q[:, :, 0] == 1).all()


def test_a_drift_alarm_has_the_price_of_its_own_seed_bisected_with_the_next_refresh(monkeypatch):
    """Seed 1's model 0 fails from its 60th outcome on; that of seeds 0 and 2 goes on as before."""
    decider = Decider(setup(3, n_types=1, policy=Fixed(0), learning=Learning()), [1, 2, 3], PerRequest(0.08, 3))
    bisected, solve, rang_at = [], decider._solve, None

    def noted(now, seeds, *, whole):
        if whole:
            bisected.append((decider.n_outcomes, seeds.tolist()))
        solve(now, seeds, whole=whole)

    monkeypatch.setattr(decider, "_solve", noted)
    cells = Cells(np.arange(3), np.zeros(3, np.intp), np.zeros(3, np.intp))
    rng = np.random.default_rng(3)
    for now in range(80):
        score = (rng.random(3) < 0.9).astype(float)
        score[1] *= now < 60
        decider.observe(cells, at=float(now), now=now + 1, score=score, tokens=np.full(3, 0.01))
        if now == 55:
            strength = decider.beliefs.success.alpha.copy()
        if decider.beliefs.events and rang_at is None:
            rang_at = decider.n_outcomes
    assert {(e.kind, e.seed, e.index) for e in decider.beliefs.events} == {("drift", 1, 0)}
    assert 60 < rang_at < 75
    assert (rang_at + -rang_at % 8, [1]) in bisected
    assert all(seeds == [1] for n, seeds in bisected if n > 56)
    after = decider.beliefs.success.alpha
    assert after[1, 0, 0] < 0.5 * strength[1, 0, 0]
    assert (after[[0, 2], 0, 0] > 0.9 * strength[[0, 2], 0, 0]).all()


def test_an_event_that_is_applied_refreshes_its_own_seed_wholly(monkeypatch):
    decider = Decider(setup(3), [1, 2, 3], PerRequest(0.08, 3))
    run(decider, 100)
    strength = decider.beliefs.success.alpha + decider.beliefs.success.beta
    seen = Refreshes.of(decider, monkeypatch)
    decider.apply(Event("version", 100.0, 1, 0.2, seed=2), 100.0)
    assert [(seeds.tolist(), whole) for _, seeds, whole in seen.calls] == [([2], True)]
    left = decider.beliefs.success.alpha + decider.beliefs.success.beta
    assert (left[2, 1] < strength[2, 1] + 1e-12).all()
    assert left[:2] == pytest.approx(strength[:2])


def test_what_was_learnt_late_or_early_leaves_the_same_beliefs():
    """Forty outcomes told in order of their decisions and backwards: the posteriors agree to 1e-9."""
    straight, late = (Decider(setup(learning=Learning(half_life=20.0, drift=False)), [1]) for _ in range(2))
    rng = np.random.default_rng(6)
    told = [(t, rng.integers(2, size=1), rng.integers(3, size=1), float(rng.random() < 0.7)) for t in range(40)]
    for decider, order in ((straight, told), (late, told[::-1])):
        for at, type_, arm, score in order:
            cells = Cells(np.zeros(1, np.intp), type_, arm)
            decider.observe(cells, at=float(at), now=40.0, score=np.full(1, score), tokens=COST[arm])
        decider.refresh(40.0, whole=True)
    assert straight.beliefs.success.alpha == pytest.approx(late.beliefs.success.alpha, rel=1e-9)
    assert straight.cost == pytest.approx(late.cost, rel=1e-9)


def test_the_better_model_is_found_within_the_budget():
    """No budget pressure and rates .9 against .5: the last half of 600 decisions takes the better one in over 90 %."""
    decider = Decider(setup(20, cost=[0.01, 0.01]), list(range(20)), PerRequest(1.0, 20))
    arms = run(decider, 600, rate=np.array([[0.5, 0.9], [0.5, 0.9]]), cost=np.array([0.01, 0.01]))
    assert (arms[300:] == 1).mean() > 0.9


def test_draws_are_redrawn_before_a_row_is_used_more_often_than_there_are_rows():
    """On frozen evidence the columns are still drawn anew after M uses, with the next refresh."""
    decider = Decider(setup(n_types=1), [1])
    before = decider.draws.matrix.copy()
    for u in np.random.default_rng(0).random((64, 1)):
        decider.choose(np.zeros(1, np.intp), u)
    decider.refresh(0.0)
    assert (decider.draws.matrix != before).all()
