"""What is maximised: linear in dollars, a model's own, and screened by belief where there is a bar."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from selector.policies import Greedy, MinSuccess, MostSuccess, NoWorseThan, Thompson, View, WorthUsd
from selector.testing import random_view

OBJECTIVES = (MostSuccess(), WorthUsd(), MinSuccess(0.7), NoWorseThan(arm=0))

views = st.builds(
    lambda seed, n, share: random_view(np.random.default_rng(seed), n, share_eligible=share),
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 7),
    share=st.sampled_from([1.0, 0.6]),
)
objectives = st.sampled_from(OBJECTIVES)
money = st.floats(0, 100, allow_subnormal=False)


def view_of(alpha, beta, cost, *, price=0.0, eligible=None):
    view = View.of(alpha=alpha, beta=beta, rng=np.random.default_rng(0), cost=cost, price=price)
    return view if eligible is None else replace(view, eligible=np.array(eligible))


def test_utilities_by_hand():
    view = view_of([9.0, 6.0], [1.0, 4.0], [0.5, 0.1], price=1.5)
    view.worth_usd = np.array(2.0)
    mean = view.mean[None]
    np.testing.assert_allclose(MostSuccess().utility(mean, view), [[0.9 - 0.75, 0.6 - 0.15]])
    np.testing.assert_allclose(WorthUsd().utility(mean, view), [[1.8 - 1.25, 1.2 - 0.25]])
    np.testing.assert_allclose(MinSuccess(0.5).utility(mean, view), [[-1.25, -0.25]])
    np.testing.assert_allclose(NoWorseThan(0).utility(mean, view), [[-1.25, -0.25]])


@given(views, objectives, money, st.floats(0, 1))
def test_utilities_are_linear_in_dollars(view, objective, other, share):
    """Utility of a mixture of two costs is the mixture of the two utilities: no logarithm, no rescaling."""

    def utility(cost):
        return objective.utility(view.draws, replace(view, cost=cost))

    second = view.cost + other
    mixed = utility(share * view.cost + (1 - share) * second)
    expected = share * utility(view.cost) + (1 - share) * utility(second)
    largest = 1 + float((1 + view.price) * second.max()) + float(view.worth_usd)
    np.testing.assert_allclose(mixed, expected, rtol=0, atol=1e-12 * largest)


@given(views, objectives, st.integers(0, 2**32 - 1))
def test_adding_a_rival_never_changes_a_models_own_utility(view, objective, seed):
    rng = np.random.default_rng(seed)
    rival = random_view(rng, 1)
    (a, b), (c, d) = view.belief(), rival.belief()
    alpha, beta = np.append(a, c), np.append(b, d)
    more = replace(
        view,
        belief=lambda: (alpha, beta),
        draws=np.hstack((view.draws, rival.draws)),
        cost=np.append(view.cost, rival.cost),
        eligible=np.append(view.eligible, True),
    )
    alone, beside = objective.utility(view.draws, view), objective.utility(more.draws, more)
    assert (beside[:, :-1] == alone).all()


@given(views, objectives)
def test_only_eligible_arms_are_admitted_and_one_is_where_any_is_eligible(view, objective):
    admitted = objective.screen(view)
    assert admitted.shape == view.eligible.shape
    assert not (admitted & ~view.eligible).any()
    assert admitted.any() == view.eligible.any()


@given(views, objectives)
def test_a_screen_leaves_the_view_as_it_was(view, objective):
    before = view.eligible.copy()
    objective.screen(view)
    assert (view.eligible == before).all()


def test_min_success_screens_by_belief_and_not_by_draws():
    """P(theta >= .8) is .59 for Beta(82, 18), .10 for Beta(75, 25) and .45 for Beta(4, 1.2): one arm passes."""
    view = view_of([82.0, 75.0, 4.0], [18.0, 25.0, 1.2], [0.5, 0.1, 0.2])
    from scipy import stats

    passes = stats.beta.sf(0.8, *view.belief())
    assert (passes >= 0.5).tolist() == MinSuccess(0.8).screen(view).tolist()
    for confidence in (0.05, 0.3, 0.6, 0.9):
        over = passes >= confidence
        expected = over if over.any() else [True, False, False]
        assert MinSuccess(0.8, confidence).screen(view).tolist() == list(expected)
    view.draws = np.ones((8, 3))  # whatever the draws
    assert MinSuccess(0.8).screen(view).tolist() == (passes >= 0.5).tolist()


def test_min_success_takes_the_cheapest_that_passes():
    view = view_of([95.0, 90.0, 50.0], [5.0, 10.0, 50.0], [0.5, 0.1, 0.01])
    assert Thompson().probabilities(view, MinSuccess(0.85)).tolist() == [0.0, 1.0, 0.0]


def test_where_none_passes_the_best_mean_serves_whatever_it_costs():
    view = view_of([70.0, 60.0, 50.0], [30.0, 40.0, 50.0], [0.5, 0.1, 0.01])
    assert MinSuccess(0.9).screen(view).tolist() == [True, False, False]
    without = replace(view, eligible=np.array([False, True, True]))
    assert MinSuccess(0.9).screen(without).tolist() == [False, True, False]
    assert Greedy().probabilities(without, MinSuccess(0.9)).tolist() == [0.0, 1.0, 0.0]


@given(views, st.integers(0, 6), st.floats(0, 0.5), st.floats(0.01, 0.99))
def test_no_worse_than_admits_the_model_itself_wherever_it_is_eligible(view, arm, by, confidence):
    arm %= len(view.cost)
    admitted = NoWorseThan(arm=arm, by=by, confidence=confidence).screen(view)
    assert admitted[arm] == view.eligible[arm]


@given(views)
def test_no_worse_than_never_pays_more_than_the_model_itself_costs(view):
    """The model itself is among the admitted, and the cheapest of these serves."""
    if view.eligible[0]:
        p = Greedy().probabilities(view, NoWorseThan(arm=0, by=0.02))
        assert view.cost[p > 0].max() <= view.cost[0]


def test_no_worse_than_compares_with_the_model_even_where_it_may_not_serve():
    view = view_of([90.0, 89.0, 60.0], [10.0, 11.0, 40.0], [0.5, 0.1, 0.01], eligible=[False, True, True])
    assert NoWorseThan(arm=0, by=0.03).screen(view).tolist() == [False, True, False]


def test_accepting_more_admits_more():
    view = view_of([90.0, 87.0, 80.0], [10.0, 13.0, 20.0], [0.5, 0.1, 0.01])
    admitted = [NoWorseThan(arm=0, by=by).screen(view).sum() for by in (0.0, 0.05, 0.2)]
    assert admitted == [1, 2, 3]


@pytest.mark.parametrize(("objective", "monotone"), list(zip(OBJECTIVES, (True, True, False, False), strict=True)))
def test_spend_falls_with_the_price_unless_there_is_a_bar(objective, monotone):
    assert objective.monotone is monotone
