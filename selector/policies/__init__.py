"""Beliefs in, probabilities out: policies, what they maximise, what they explore, and the price of a dollar."""

from selector.policies._base import Policy, Scored, inverse_cdf, win_shares
from selector.policies._epsilon_greedy import EpsilonGreedy
from selector.policies._exploration import Allowance, Exploration
from selector.policies._fixed import Fixed
from selector.policies._greedy import Greedy
from selector.policies._kl_ucb import KLUCB
from selector.policies._names import POLICIES, policy_of
from selector.policies._objective import MinSuccess, MostSuccess, NoWorseThan, Objective, WorthUsd
from selector.policies._price import PriceSolver, expected_cost
from selector.policies._thompson import Thompson, usual_concentration
from selector.policies._top_two import TopTwoThompson
from selector.policies._ucb1 import UCB1
from selector.policies._uniform import Uniform
from selector.policies._view import View

__all__ = [
    "KLUCB",
    "POLICIES",
    "UCB1",
    "Allowance",
    "EpsilonGreedy",
    "Exploration",
    "Fixed",
    "Greedy",
    "MinSuccess",
    "MostSuccess",
    "NoWorseThan",
    "Objective",
    "Policy",
    "PriceSolver",
    "Scored",
    "Thompson",
    "TopTwoThompson",
    "Uniform",
    "View",
    "WorthUsd",
    "expected_cost",
    "inverse_cdf",
    "policy_of",
    "usual_concentration",
    "win_shares",
]
