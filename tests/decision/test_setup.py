"""What follows from how a decider is set up."""

import numpy as np
import pytest

from selector.decision import Setup
from selector.policies import Exploration, policy_of
from selector.posteriors import Priors

PRIORS = Priors(tokens=np.ones((4, 3)))


@pytest.mark.parametrize(("word", "floor", "sharpness"), [("thompson", 0.02, 4.6), ("top_two", 0.02, 4.6)])
def test_a_policy_that_explores_has_a_floor_and_draws_sharply(word, floor, sharpness):
    setup = Setup(priors=PRIORS, n_types=2, policy=policy_of(word))
    assert (setup.explored.floor, setup.sharpness) == (floor, sharpness)


@pytest.mark.parametrize("word", ["greedy", "uniform", "epsilon_greedy", "ucb1", "kl_ucb"])
def test_a_baseline_gets_no_floor_that_it_did_not_ask_for(word):
    setup = Setup(priors=PRIORS, n_types=2, policy=policy_of(word))
    assert (setup.explored.floor, setup.explored.burn_in, setup.sharpness) == (0.0, 0.0, 2.0)


def test_what_is_given_holds():
    setup = Setup(priors=PRIORS, n_types=2, exploration=Exploration(floor=0.1), concentration=1.0)
    assert (setup.explored.floor, setup.sharpness) == (0.1, 1.0)


def test_the_shape_is_seeds_types_models():
    assert Setup(priors=PRIORS, n_types=2).shape == (4, 2, 3)
