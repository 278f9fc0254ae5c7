"""Every policy that ships keeps every law of policies; and the laws notice one that does not."""

import re

import numpy as np
import pytest

from selector.policies import (
    KLUCB,
    UCB1,
    EpsilonGreedy,
    Fixed,
    Greedy,
    Scored,
    Thompson,
    TopTwoThompson,
    Uniform,
)
from selector.testing import PolicyLaws


class TestThompson(PolicyLaws):
    def make_policy(self):
        return Thompson()


class TestTopTwo(PolicyLaws):
    def make_policy(self):
        return TopTwoThompson(0.6)


class TestTopTwoOfTheLeaderAlone(PolicyLaws):
    def make_policy(self):
        return TopTwoThompson(1.0)


class TestEpsilonGreedy(PolicyLaws):
    def make_policy(self):
        return EpsilonGreedy(0.2)


class TestUCB1(PolicyLaws):
    def make_policy(self):
        return UCB1()


class TestKLUCB(PolicyLaws):
    def make_policy(self):
        return KLUCB()


class TestGreedy(PolicyLaws):
    def make_policy(self):
        return Greedy()


class TestUniform(PolicyLaws):
    def make_policy(self):
        return Uniform()


class TestFixed(PolicyLaws):
    """A fixed policy names its arms by index: when arms move, so do the names."""

    least_arms = 2

    def make_policy(self):
        return Fixed(1, 0)

    def permuted(self, policy, order):
        place = np.argsort(order)
        return Fixed(*(int(place[arm]) for arm in policy.order))


class _Broken(Scored):
    """A uniform policy that can be broken in one place."""

    name = "broken"
    budgeted = False

    def __init__(self, way):
        self.way, self.calls = way, 0

    def probabilities(self, view, objective=None):
        del objective
        self.calls += 1
        p = view.eligible / view.eligible.sum(-1, keepdims=True).clip(min=1)
        if self.way == "negative":
            p = p + np.where(np.arange(p.shape[-1]) == 0, -0.5, 0.0)
        elif self.way == "excluded":
            p = np.full(p.shape, 1.0 / p.shape[-1])
        elif self.way == "first":
            p = view.eligible & (view.eligible.cumsum(-1) == 1)
        elif self.way == "state":
            p = p if self.calls % 2 else view.eligible & (view.eligible.cumsum(-1) == 1)
        elif self.way == "rivals":
            p = p * view.eligible.mean()
        elif self.way == "writes":
            view.cost *= 2.0
        elif self.way == "draws":
            p = _first_best(view.draws.mean(-2), view)
        elif self.way == "price":
            p = _first_best(-view.cost, view)
        return p.astype(float)

    def least(self, view):
        n = view.eligible.sum(-1).clip(min=1)
        return 0.9 / n if self.way in {"first", "promise"} else np.zeros(n.shape)


def _first_best(value, view):
    value = np.where(view.eligible, value, -np.inf)
    return view.eligible & (value == value.max(-1, keepdims=True))


@pytest.mark.parametrize(
    ("way", "law"),
    [
        ("negative", "test_no_probability_is_negative"),
        ("rivals", "test_probabilities_sum_to_one_over_the_eligible_arms"),
        ("excluded", "test_an_excluded_arm_is_never_chosen"),
        ("first", "test_it_keeps_the_least_probability_that_it_promises"),
        ("first", "test_arms_have_no_order"),
        ("state", "test_the_same_view_has_the_same_answer"),
        ("writes", "test_the_same_view_has_the_same_answer"),
        ("rivals", "test_many_choices_at_once_are_each_choice_by_itself"),
        ("draws", "test_draws_count_only_where_it_says_so"),
        ("price", "test_the_price_counts_only_where_it_says_so"),
    ],
)
def test_each_law_notices_a_policy_that_breaks_it(way, law):
    class Laws(PolicyLaws):
        def make_policy(self):
            return _Broken(way)

    with pytest.raises(AssertionError):
        getattr(Laws(), law)()


def test_check_runs_every_law():
    class Laws(PolicyLaws):
        def make_policy(self):
            return _Broken("fine")

    Laws().check()
    laws = [name for name in dir(PolicyLaws) if re.match("test_", name)]
    assert len(laws) == 11
    Laws.test_arms_have_no_order = lambda _: (_ for _ in ()).throw(AssertionError("no order"))
    with pytest.raises(AssertionError, match="no order"):
        Laws().check()
