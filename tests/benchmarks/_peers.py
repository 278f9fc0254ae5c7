"""The peers that the speed of a choice is compared with, each through its own code, in process and without network."""

import os
import statistics
import time
import warnings
from collections.abc import Callable, Mapping
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from typing import Any, NamedTuple, Protocol
from unittest.mock import patch

import numpy as np

PACKAGES = ("bayesian-router", "litellm", "numpy")
MALICIOUS = {"litellm": ("1.82.7", "1.82.8")}
N_FRESH = 150  # outcomes that LiteLLM's cap cannot drop any of
QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR"}


class Peer(Protocol):
    """What every peer can do: choose one of K models for one task type, and learn how it went."""

    name: str

    def select(self) -> int | str: ...

    def record(self, choice: Any, score: float) -> None: ...


class BareNumpy:
    """Thompson sampling and nothing else: K draws from a beta distribution, the largest wins, two arrays are updated.

    No names, no costs, no budget, no propensity, no log. It is a floor for many models only: one call of numpy on
    arrays has a fixed price, so that for a few models drawing one number at a time, as the others do, is quicker.
    """

    name = "bare numpy"

    def __init__(self, n_models: int, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._alpha = np.ones(n_models)
        self._beta = np.ones(n_models)

    def select(self) -> int:
        return int(np.argmax(self._rng.beta(self._alpha, self._beta)))

    def record(self, choice: int, score: float) -> None:
        self._alpha[choice] += score
        self._beta[choice] += 1.0 - score


class BayesianRouter:
    """The `Router` of bayesian-router with its defaults: `select`, then `update`, and `update_shadow` where it asks.

    A choice advances the circuit breakers, draws once per closed model with the global generator of numpy, compares
    the winner's mean with a floor, and one time in twenty names a second model to be tried in the shadow. An outcome
    goes through its composite reward (validity, latency, retries), feeds the breaker, and each 50th decays all models.
    Left out: the calls themselves; the shadow's call is given the score of the served one, and every latency is 450 ms.
    It has one bandit for all tasks, no costs and no budget. Three scores below .5 among a model's last five take that
    model out of the draw, which makes a choice cheaper; the scores of `block_us` never do.
    """

    name = "bayesian_router"

    def __init__(self, n_models: int) -> None:
        package = import_module("bayesian_router")
        self._router = package.Router({f"model-{k}": package.ModelConfig() for k in range(n_models)})
        self._shadow: str | None = None

    def select(self) -> str:
        chosen = self._router.select()
        self._shadow = chosen.shadow_model
        model: str = chosen.model
        return model

    def record(self, choice: str, score: float) -> None:
        self._router.update(choice, latency_ms=450.0, validity_score=score, retry_count=0)
        if self._shadow is not None:
            self._router.update_shadow(self._shadow, latency_ms=450.0, validity_score=score, retry_count=0)


class LiteLLMBandit:
    """The bandit inside LiteLLM's adaptive router: `pick_best` over the cells of one request type, and `apply_delta`.

    A choice draws once per model with the standard library's `betavariate` and adds the model's cost, normalised
    against the costs of all; an outcome replaces the frozen cell of the model. Left out: the HTTP proxy and the call,
    the hooks around it, the regular expressions that classify the prompt and that read a score out of the next
    message (the score is given here), the dictionaries `pick_model` builds for each choice, the lock, the session
    states and the queue that is flushed to Postgres. An update that would take a model's alpha and beta beyond 200
    together is dropped, and a drop is several times quicker than an update: time blocks of `N_FRESH`, each of a new
    one.
    """

    name = "litellm bandit"

    def __init__(self, n_models: int) -> None:
        refuse_malicious()
        with warnings.catch_warnings(), patch.dict(os.environ, QUIET):
            warnings.simplefilter("ignore")
            bandit = import_module("litellm.router_strategy.adaptive_router.bandit")
            types = import_module("litellm.types.router")
        prior = bandit.initial_cell(types.AdaptiveRouterPreferences(quality_tier=2), types.RequestType.GENERAL)
        self._pick: Callable[..., str] = bandit.pick_best
        self._apply = bandit.apply_delta
        self._cells = {f"model-{k}": prior for k in range(n_models)}
        self._costs = dict(zip(self._cells, np.geomspace(1e-7, 1e-5, n_models).tolist(), strict=True))

    def select(self) -> str:
        return self._pick(self._cells, self._costs)

    def record(self, choice: str, score: float) -> None:
        self._cells[choice] = self._apply(self._cells[choice], score, 1.0 - score)


PEERS: dict[str, Callable[[int], Peer]] = {
    BareNumpy.name: BareNumpy,
    BayesianRouter.name: BayesianRouter,
    LiteLLMBandit.name: LiteLLMBandit,
}
NEEDS = {BareNumpy.name: "numpy", BayesianRouter.name: "bayesian-router", LiteLLMBandit.name: "litellm"}


def available() -> dict[str, str]:
    """Say which of the peers' packages are installed, and in which version."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def refuse_malicious() -> None:
    """Stop before a release is imported that is known to be malicious."""
    for name, found in available().items():
        if found in MALICIOUS.get(name, ()):
            raise RuntimeError(f"{name} {found} is a malicious release: uninstall it and renew the secrets it saw")


class Block(NamedTuple):
    """What one block of calls took, in microseconds, the reading of the clock included."""

    select: float
    """Median of the choices."""
    record: float
    """Median of the outcomes."""
    select_mean: float
    """Mean of the choices, with what was put off to the first after a refresh."""
    record_mean: float
    """Mean of the outcomes, refreshes and redraws included."""


def block_us(peer: Peer, n: int) -> Block:
    """Time each call of `select` and `record` in turn.

    The scores lie between .5 and 1, so that no peer takes a model out of its draw.
    """
    clock = time.perf_counter_ns
    selects, records = [], []
    for score in np.random.default_rng(0).uniform(0.5, 1.0, n).tolist():
        begin = clock()
        choice = peer.select()
        middle = clock()
        peer.record(choice, score)
        end = clock()
        selects.append(middle - begin)
        records.append(end - middle)
    found = [measure(side) / 1e3 for measure in (statistics.median, statistics.fmean) for side in (selects, records)]
    return Block(*found)


def side_by_side(contenders: Mapping[str, Callable[[], Peer]], n_blocks: int = 7, n: int = 600) -> dict[str, Block]:
    """Give each contender one block after the other, in turns; give the medians over its blocks.

    Parameters
    ----------
    contenders
        What gives each for its next block: a new one, or one that goes on learning.
    n_blocks, n
        How many blocks of how many choices.
    """
    blocks: dict[str, list[Block]] = {name: [] for name in contenders}
    for _ in range(n_blocks):
        for name, give in contenders.items():
            blocks[name].append(block_us(give(), N_FRESH if name == LiteLLMBandit.name else n))
    return {
        name: Block(*(statistics.median(side) for side in zip(*found, strict=True))) for name, found in blocks.items()
    }
