"""Changes to the default: by its settings where these say it, else by other parts in place of its own while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np
from numpy.typing import NDArray

from selector.decision import Decider, Setup
from selector.errors import ConfigError, nearest
from selector.policies import PriceSolver
from selector.posteriors import Floats, Seeds
from selector.posteriors._joint import Joint, logit  # noqa: PLC2701 - what is taken out
from selector.replay import Protocol, references

__all__ = ["changed", "setup_with"]

_SETTINGS = ("concentration", "half_life", "drift", "floor", "burn_in")
_PARTS = ("pooling", "kappa", "price")
_UNKNOWN_MEAN, _UNKNOWN_WEIGHT = 0.75, 2.0  # what a cell on its own is believed before anything was seen
_MODEL_WEIGHT, _TYPE_WEIGHT, _PRIOR_STRENGTH = 2.0, 10.0, 8.0  # of additive shrinkage
_LEAST_SPREAD = 0.02


def setup_with(setup: Setup, change: Mapping[str, Any]) -> Setup:
    """Return a setup with what its own fields say of a change; the concentration stays unless it is what changes.

    Raises
    ------
    ConfigError
        There is nothing of that name to change.
    """
    for key in change:
        if key not in (known := (*_SETTINGS, *_PARTS)):
            raise ConfigError(f"nothing of this name can be changed{nearest(key, known)}", key=key)
    learning, explored = setup.learning, setup.explored
    if "half_life" in change:
        never = change["half_life"] == "never"
        learning = replace(learning, half_life=np.inf if never else float(change["half_life"]))
    learning = replace(learning, drift=change.get("drift", learning.drift))
    explored = replace(
        explored, floor=change.get("floor", explored.floor), burn_in=change.get("burn_in", explored.burn_in)
    )
    sharp = change.get("concentration", setup.sharpness)
    return replace(setup, learning=learning, exploration=explored, concentration=sharp)


@contextmanager
def changed(change: Mapping[str, Any], protocol: Protocol) -> Iterator[None]:
    """Put other parts in place of the default's own, for as long as the block runs."""
    with ExitStack() as stack:
        if "pooling" in change:
            stack.enter_context(patch("selector.posteriors._success.Joint", _POOLINGS[change["pooling"]]))
        if "kappa" in change:
            stack.enter_context(patch("selector.posteriors._success._kappa", _fixed_kappa(change["kappa"])))
        if "price" in change:
            stack.enter_context(patch("selector.replay.matrices._simulate.Decider", _priced(change, protocol)))
        yield


def _fixed_kappa(kappa: float) -> Any:  # noqa: ANN401 - in place of a private function
    def same(n: Floats, total: Floats, square: Floats) -> Floats:
        del total, square
        return np.full(len(n), float(kappa))

    return same


def _priced(change: Mapping[str, Any], protocol: Protocol) -> type[Decider]:
    """Return a decider whose price is solved on believed means, or stays what it is told."""
    price = change["price"]
    if price == "means":
        return _OnMeans
    told = _hindsight(protocol) if price == "hindsight" else float(price)
    return type("_Told", (_Told,), {"told": told})


class _OnMeans(Decider):
    """The price is solved as if the believed means were drawn, not what the policy draws."""

    def _case(self, now: float, seeds: Seeds) -> Any:  # noqa: ANN401 - what the solvers take
        case = super()._case(now, seeds)
        case.view.draws = self.beliefs.success.mean[seeds][..., None, :]
        return case


class _Told(Decider):
    """The price is what it is told, always."""

    told = 0.0

    def _solve_dollars(self, case: Any, seeds: Seeds, *, whole: bool) -> NDArray[np.bool_]:  # noqa: ANN401 - likewise
        lost = super()._solve_dollars(case, seeds, whole=whole)
        self._publish_price(seeds, PriceSolver(np.full_like(self.price[seeds], self.told)))
        return np.zeros_like(lost)


def _hindsight(protocol: Protocol) -> float:
    """Return what one more dollar would bring the per-type optimum: the price of who knows every outcome."""
    usd = protocol.budget_usd or 0.0
    around = [0.99 * usd, 1.01 * usd]
    found = [r for r in references(protocol.measured, list(around)) if r.name == "type_optimum"]
    low, high = (r.mean_reward for r in found)
    if low is None or high is None:  # below what the cheapest cost
        low, high = (r.mean_reward or 0.0 for r in references(protocol.measured, [1.01 * usd, 1.03 * usd])[2:7:4])
    return (high - low) / (0.02 * usd)


def _like_joint(mean: Floats, strength: Floats, prior: Floats) -> SimpleNamespace:
    """Return Beta beliefs as a joint model gives them: log-odds and their variance."""
    return SimpleNamespace(
        eta=logit(mean),
        variance=1 / ((strength + 1) * np.maximum(mean * (1 - mean), _LEAST_SPREAD)),
        without=lambda *_: logit(prior),
        lean=np.zeros(mean.shape),
        slope=np.zeros(len(mean)),
    )


def _apart(n: Floats, mean: Floats, *_: object) -> SimpleNamespace:
    """Believe every cell from its own outcomes alone, after two outcomes of .75."""
    strength = n + _UNKNOWN_WEIGHT
    own = (n * mean + _UNKNOWN_WEIGHT * _UNKNOWN_MEAN) / strength
    return _like_joint(own, strength, np.full(n.shape, _UNKNOWN_MEAN))


def _additive(n: Floats, mean: Floats, *_: object) -> SimpleNamespace:
    """Shrink each cell to its model's mean and its type's difficulty by eight pseudo-outcomes, as it used to be."""
    total = n * mean
    pool = (total.sum((1, 2)) + _MODEL_WEIGHT * _UNKNOWN_MEAN) / (n.sum((1, 2)) + _MODEL_WEIGHT)
    model = (total.sum(1) + _MODEL_WEIGHT * pool[:, None]) / (n.sum(1) + _MODEL_WEIGHT)
    hardness = (total - n * model[:, None]).sum(2) / (n.sum(2) + _TYPE_WEIGHT)
    prior = np.clip(model[:, None] + hardness[..., None], 0.02, 0.98)
    strength = n + _PRIOR_STRENGTH
    return _like_joint((total + _PRIOR_STRENGTH * prior) / strength, strength, prior)


def _one_pool(
    n: Floats, mean: Floats, center: Floats, weight: Floats, published: Floats, *_: object
) -> SimpleNamespace:
    """Believe of a model the same on all task types."""
    together = n.sum(1, keepdims=True)
    score = (n * mean).sum(1, keepdims=True) / np.where(together > 0, together, 1.0)
    one = Joint(together, score, center, weight, published.mean(0, keepdims=True))
    shared = {name: np.broadcast_to(getattr(one, name), n.shape) for name in ("eta", "variance", "lean")}
    return SimpleNamespace(slope=one.slope, without=lambda *_: np.broadcast_to(one.eta, n.shape), **shared)


_POOLINGS = {"none": _apart, "additive": _additive, "one": _one_pool}
