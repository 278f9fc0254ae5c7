"""Policies by their word in a configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from selector.errors import ConfigError, UnknownModelError, nearest
from selector.policies._base import Policy
from selector.policies._epsilon_greedy import EpsilonGreedy
from selector.policies._fixed import Fixed
from selector.policies._greedy import Greedy
from selector.policies._kl_ucb import KLUCB
from selector.policies._thompson import Thompson
from selector.policies._top_two import TopTwoThompson
from selector.policies._ucb1 import UCB1
from selector.policies._uniform import Uniform

__all__ = ["POLICIES", "policy_of"]

POLICIES: Mapping[str, Callable[..., Policy]] = {
    kind.name: kind for kind in (Thompson, TopTwoThompson, EpsilonGreedy, UCB1, KLUCB, Greedy, Uniform, Fixed)
}


def policy_of(word: str, models: tuple[str, ...] = (), **parameters: float) -> Policy:
    """Build a policy from its word; ``fixed:MODEL`` names the model.

    Examples
    --------
    >>> policy_of("epsilon_greedy", epsilon=0.2), policy_of("fixed:opus", models=("haiku", "opus"))
    (EpsilonGreedy(epsilon=0.2), Fixed(order=(1,)))
    """
    name, _, model = word.partition(":")
    name = name.replace("-", "_")
    if name not in POLICIES:
        raise ConfigError(f"unknown policy {word!r}{nearest(name, POLICIES)}", key="policy")
    if name == "fixed" and parameters:
        raise ConfigError(f"policy 'fixed' takes a model and nothing else, not {', '.join(parameters)}", key="policy")
    if name == "fixed":
        if model not in models:
            raise UnknownModelError.of(model, models, key="policy fixed:MODEL")
        return Fixed(models.index(model))
    if model:
        raise ConfigError(f"policy {name!r} takes no model, but {word!r} names one", key="policy")
    try:
        return POLICIES[name](**parameters)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{name}: {error}", key="policy") from error
