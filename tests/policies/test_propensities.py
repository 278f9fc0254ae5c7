"""What is chosen, and how often, is what the propensity says."""

import numpy as np
import pytest

from selector.budgets import PerRequest
from selector.decision import Decider, Setup
from selector.policies import (
    EpsilonGreedy,
    Exploration,
    Fixed,
    Greedy,
    MinSuccess,
    MostSuccess,
    Thompson,
    TopTwoThompson,
    Uniform,
    View,
    inverse_cdf,
    win_shares,
)
from selector.posteriors import Cells, Draws, Priors

ALARM = 1e-6  # how often each test here would fail if all were well


def quadrature(alpha, beta, shift, n=5000):
    """Return P(theta_k - shift_k is the largest) for independent Beta thetas: the integral of f_k prod F_j."""
    from scipy import stats
    from scipy.special import betainc

    x = (np.arange(n) + 0.5) / n
    found = []
    for k in range(len(alpha)):
        density = stats.beta.pdf(x, alpha[k], beta[k])
        for j in set(range(len(alpha))) - {k}:
            density = density * betainc(alpha[j], beta[j], np.clip(x - shift[k] + shift[j], 0, 1))
        found.append(density.mean())
    return np.array(found)


@pytest.mark.parametrize("price", [0.0, 0.7, 4.0])
def test_thompson_counts_agree_with_quadrature_on_a_fresh_matrix(price):
    """4 matrices of 2^16 rows with 5 arms: 20 Bernstein bounds per price, false alarms below 1e-6 together."""
    n_rows, n_checks, rng = 1 << 16, 20, np.random.default_rng(5)
    alpha, beta = rng.uniform(2, 60, (4, 5)), rng.uniform(2, 20, (4, 5))
    cost = rng.uniform(0, 0.2, (4, 5))
    draws = Draws([99], (1, 4, 5), n_rows=n_rows)
    types, arms = (index.ravel() for index in np.indices((4, 5)))
    draws.redraw(Cells(np.zeros(20, int), types, arms), alpha.ravel(), beta.ravel())
    view = View(
        belief=lambda: (alpha, beta),
        draws=draws.matrix[0].swapaxes(1, 2),
        cost=cost,
        eligible=np.ones((4, 5), bool),
        price=np.full(4, price),
    )
    exact = np.stack([quadrature(alpha[x], beta[x], price * cost[x]) for x in range(4)])
    np.testing.assert_allclose(exact.sum(1), 1, atol=1e-5)  # the oracle is sound
    log = np.log(2 * n_checks / ALARM)
    allowed = np.sqrt(2 * exact * (1 - exact) * log / n_rows) + log / (3 * n_rows) + 1e-5
    assert (abs(Thompson().probabilities(view) - exact) < allowed).all()


def test_quadrature_knows_two_uniform_arms_by_hand():
    """P(U - s > V) is (1 - s)^2 / 2 for two uniform numbers."""
    ones = np.ones(2)
    np.testing.assert_allclose(quadrature(ones, ones, np.array([0.2, 0.0])), [0.32, 0.68], atol=1e-5)


@pytest.mark.parametrize("leader", [0.3, 0.5, 1.0])
def test_top_two_is_what_redrawing_until_another_arm_wins_gives(leader):
    """200,000 simulated choices against the formula: chi-square, false alarm 1e-6."""
    rng = np.random.default_rng(8)
    view = View.of(
        alpha=[30.0, 28.0, 20.0, 12.0],
        beta=[10.0, 10.0, 10.0, 10.0],
        rng=rng,
        cost=[0.1, 0.05, 0.02, 0.0],
        price=1.5,
    )
    winner = (view.draws - 1.5 * view.cost).argmax(1)
    first = winner[rng.integers(len(winner), size=200_000)]
    chosen, redo = first.copy(), np.flatnonzero(rng.random(len(first)) >= leader)
    while len(redo):
        chosen[redo] = winner[rng.integers(len(winner), size=len(redo))]
        redo = redo[chosen[redo] == first[redo]]
    assert_frequencies(np.bincount(chosen, minlength=4), TopTwoThompson(leader).probabilities(view))


def test_top_two_of_an_arm_that_wins_every_row_is_that_arm():
    view = View.of(alpha=[900.0, 1.0], beta=[1.0, 900.0], rng=np.random.default_rng(0))
    assert TopTwoThompson(0.5).probabilities(view).tolist() == [1.0, 0.0]


def assert_frequencies(counts, p):
    """Chi-square with rare arms pooled; what has probability zero never happened."""
    from scipy import stats

    n = counts.sum()
    assert counts[p == 0].sum() == 0
    rare = (p > 0) & (n * p < 10)
    seen = np.append(counts[(p > 0) & ~rare], counts[rare].sum())
    expected = n * np.append(p[(p > 0) & ~rare], p[rare].sum())
    if expected[-1] < 10:  # too rare for chi-square: a Poisson bound
        assert seen[-1] <= stats.poisson.isf(ALARM, max(expected[-1], 1e-9))
        seen, expected = seen[:-1], expected[:-1] * (seen[:-1].sum() / expected[:-1].sum())
    if len(seen) > 1:
        assert stats.chi2.sf(((seen - expected) ** 2 / expected).sum(), len(seen) - 1) > ALARM


N_TWINS, N_TYPES, N_MODELS = 3000, 2, 4


def twins(policy=None, objective=None, *, pacer=None, exploration=None, n_learnt=40):
    """Build one decider many times over: as many seeds, all with the same key and the same outcomes."""
    tokens = np.tile([0.004, 0.01, 0.01, 0.05], (N_TWINS, 1))
    setup = Setup(
        priors=Priors(tokens=tokens),
        n_types=N_TYPES,
        policy=policy or Thompson(),
        objective=objective or MostSuccess(),
        exploration=exploration,
        n_rows=64,
        worth_usd=np.array([0.2, 1.0]),
    )
    decider = Decider(setup, [17] * N_TWINS, pacer)
    rng, seeds = np.random.default_rng(3), np.arange(N_TWINS)
    for t in range(n_learnt):
        x, k = t % N_TYPES, t % N_MODELS
        cells = Cells(seeds, np.full(N_TWINS, x), np.full(N_TWINS, k))
        score = np.full(N_TWINS, float(rng.random() < (0.6, 0.7, 0.75, 0.85)[k]))
        decider.choose(np.full(N_TWINS, x), np.full(N_TWINS, rng.random()), now=t)
        decider.observe(cells, at=t, now=t + 1.0, score=score, tokens=tokens[:, k] * rng.uniform(0.5, 1.5))
    decider.refresh(float(n_learnt), whole=True)
    return decider


def chosen(decider, eligible, n_times):
    """Count the choices of all twins from one state, so many times over."""
    rng, types = np.random.default_rng(29), np.ones(N_TWINS, int)
    may = None if eligible is None else np.tile(eligible, (N_TWINS, 1))
    p = decider.probabilities(types, may, now=50.0)
    assert (p == p[0]).all()  # twins they are
    counts = np.zeros(N_MODELS)
    for _ in range(n_times):
        counts += np.bincount(decider.choose(types, rng.random(N_TWINS), may, now=50.0), minlength=N_MODELS)
    return counts, p[0]


@pytest.mark.parametrize("eligible", [None, [True, False, True, True]], ids=["all", "some"])
@pytest.mark.parametrize(
    ("policy", "objective"),
    [
        (Thompson(), MostSuccess()),
        (Thompson(), MinSuccess(0.5)),  # arms 1 and 2 cost the same: ties are split
        (TopTwoThompson(), MostSuccess()),
        (EpsilonGreedy(0.2), MostSuccess()),
        (Uniform(), MostSuccess()),
        (Fixed(3, 2), MostSuccess()),
        (Greedy(), MostSuccess()),
    ],
    ids=str,
)
def test_choices_are_as_frequent_as_their_propensity_says(policy, objective, eligible):
    """60,000 choices with a floor of .05: chi-square, false alarm 1e-6 for each case."""
    decider = twins(policy, objective, exploration=Exploration(floor=0.05))
    counts, p = chosen(decider, eligible, 20)
    assert p.sum() == pytest.approx(1)
    assert_frequencies(counts, p)
    least = 0.05 * 0.5 / N_MODELS
    assert (p[np.array(eligible or [True] * N_MODELS)] >= least).all()


def test_choices_in_burn_in_are_as_frequent_as_their_propensity_says():
    """60,000 choices before any outcome: chi-square, false alarm 1e-6; f is the burn-in rate, cheap arms first."""
    decider = twins(n_learnt=0)
    counts, p = chosen(decider, None, 20)
    assert_frequencies(counts, p)
    thrift = np.array([0.004, 0.01, 0.01, 0.05]) ** -0.5
    assert (p >= 0.1 * thrift / thrift.sum() - 1e-12).all()


@pytest.mark.parametrize("eligible", [None, [True, True, False, True]], ids=["all", "some"])
def test_choices_under_a_budget_are_as_frequent_as_their_propensity_says(eligible):
    """60,000 choices with a price, and f as some balance would pay for it: chi-square, false alarm 1e-6."""
    decider = twins(pacer=PerRequest(0.012, N_TWINS))
    assert decider.price.min() > 0
    decider.allowance.f[:, 1] = 0.17
    assert_frequencies(*chosen(decider, eligible, 20))


def test_nobody_eligible_chooses_nobody():
    decider = twins(n_learnt=0)
    nobody = np.zeros((N_TWINS, N_MODELS), bool)
    types = np.zeros(N_TWINS, int)
    assert (decider.probabilities(types, nobody) == 0).all()
    assert (decider.choose(types, np.random.default_rng(0).random(N_TWINS), nobody) == -1).all()


def test_a_matrix_gives_each_arm_exactly_the_share_of_rows_it_wins():
    utility = np.array([[0.9, 0.1, 0.9], [0.2, 0.8, 0.1], [0.5, 0.4, 0.3], [0.1, 0.2, 0.3]])
    assert win_shares(utility, np.ones(3, bool)).tolist() == [0.375, 0.25, 0.375]
    assert win_shares(utility, np.array([False, True, True])).tolist() == [0.0, 0.5, 0.5]
    assert win_shares(utility, np.zeros(3, bool)).tolist() == [0.0, 0.0, 0.0]


def test_a_uniform_number_falls_on_each_arm_as_often_as_its_probability():
    """2^12 evenly spaced numbers: each arm's count is exact to one, and impossible arms get none."""
    p = np.array([0.0, 0.3, 0.0, 0.6, 0.1, 0.0])
    u = np.arange(1 << 12) / (1 << 12)
    counts = np.bincount(inverse_cdf(np.tile(p, (len(u), 1)), u), minlength=6)
    assert abs(counts - p * len(u)).max() <= 1
    assert counts[p == 0].tolist() == [0, 0, 0]
    assert inverse_cdf(p[None], np.array([np.nextafter(1.0, 0.0)])).tolist() == [4]
