"""A policy is built from its word; a wrong word names the nearest right one."""

import pytest

from selector.errors import ConfigError, UnknownModelError
from selector.policies import POLICIES, EpsilonGreedy, Fixed, Policy, Thompson, TopTwoThompson, policy_of

MODELS = ("haiku", "opus", "qwen:7b")


def test_there_are_eight_policies_each_under_its_own_name():
    assert set(POLICIES) == {"thompson", "top_two", "epsilon_greedy", "ucb1", "kl_ucb", "greedy", "uniform", "fixed"}
    for name in set(POLICIES) - {"fixed"}:
        policy = policy_of(name)
        assert isinstance(policy, Policy)
        assert policy.name == name


def test_parameters_reach_the_policy_and_hyphens_are_underscores():
    assert policy_of("epsilon-greedy", epsilon=0.3) == EpsilonGreedy(0.3)
    assert policy_of("top_two", leader=0.7) == TopTwoThompson(0.7)
    assert policy_of("thompson") == Thompson()


def test_fixed_takes_the_model_by_name_even_one_with_a_colon():
    assert policy_of("fixed:opus", models=MODELS) == Fixed(1)
    assert policy_of("fixed:qwen:7b", models=MODELS) == Fixed(2)


@pytest.mark.parametrize(("typo", "meant"), [("thomson", "thompson"), ("gredy", "greedy"), ("kl-ucbb", "kl_ucb")])
def test_a_typo_names_the_nearest_policy(typo, meant):
    with pytest.raises(ConfigError, match=f"{typo}.*{meant}"):
        policy_of(typo)


def test_a_word_like_no_policy_is_answered_with_all_of_them():
    with pytest.raises(ConfigError, match="epsilon_greedy, fixed, greedy"):
        policy_of("x")


@pytest.mark.parametrize("word", ["fixed:opsu", "fixed:", "fixed"])
def test_fixed_with_an_unknown_model_is_an_unknown_model_error(word):
    with pytest.raises(UnknownModelError, match="opus"):
        policy_of(word, models=MODELS)


def test_another_policy_takes_no_model():
    with pytest.raises(ConfigError, match="takes no model"):
        policy_of("greedy:opus", models=MODELS)


@pytest.mark.parametrize(
    ("word", "parameters"),
    [
        ("epsilon_greedy", {"epsilon": 1.5}),
        ("epsilon_greedy", {"epsilon": float("nan")}),
        ("epsilon_greedy", {"epsilonn": 0.1}),
        ("top_two", {"leader": 0.0}),
        ("ucb1", {"c": -1.0}),
        ("kl_ucb", {"c": float("nan")}),
        ("thompson", {"epsilon": 0.1}),
        ("fixed:opus", {"epsilon": 0.1}),
    ],
)
def test_a_parameter_that_cannot_be_is_a_configuration_error_naming_the_policy(word, parameters):
    with pytest.raises(ConfigError, match=word.partition(":")[0]):
        policy_of(word, models=MODELS, **parameters)


def test_equal_policies_are_equal_and_hash_alike():
    assert TopTwoThompson(0.5) == TopTwoThompson(0.5) != TopTwoThompson(0.6)
    assert len({Fixed(0, 1), Fixed(0, 1), Fixed(1, 0)}) == 2
    assert Thompson() != TopTwoThompson()
