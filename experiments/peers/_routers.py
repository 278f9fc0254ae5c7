"""Other open routers, each through its own code, in process: one choice, one outcome."""

from __future__ import annotations

import logging
import os
import random  # noqa: TID251 - LiteLLM draws from its global generator
import warnings
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Protocol
from unittest.mock import patch

import numpy as np

from selector.replay import Matrix

__all__ = ["NEEDS", "PEERS", "Peer", "is_installed"]

_QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_MODE": "PRODUCTION", "LITELLM_LOG": "ERROR"}
_LATENCY_MS = 450.0


class Peer(Protocol):
    """What each can do: choose a model for a task type, and learn how it went."""

    def select(self, type_: int) -> int:
        """Return the index of a model."""

    def record(self, type_: int, arm: int, score: float, cost_usd: float) -> None:
        """Learn from an outcome."""


class BayesianRouter:
    """The `Router` of bayesian-router with its defaults: one for all tasks, as it has no word for their type.

    It has no costs and no budget. What it would call in the shadow is not called, and so not learnt from.
    """

    n_routers = 1

    def __init__(self, matrix: Matrix, usd: float | None, seed: int) -> None:
        del usd
        package = import_module("bayesian_router")
        np.random.seed(seed)  # noqa: NPY002 - it draws from numpy's global generator
        names = {f"model-{k}": package.ModelConfig() for k in range(len(matrix.models))}
        n = self.n_routers or len(matrix.task_types)
        self._routers = [package.Router(dict(names)) for _ in range(n)]

    def select(self, type_: int) -> int:
        chosen: str = self._routers[type_ % len(self._routers)].select().model
        return int(chosen.removeprefix("model-"))

    def record(self, type_: int, arm: int, score: float, cost_usd: float) -> None:
        del cost_usd
        router = self._routers[type_ % len(self._routers)]
        router.update(f"model-{arm}", latency_ms=_LATENCY_MS, validity_score=score, retry_count=0)


class BayesianRouterPerType(BayesianRouter):
    """One `Router` of bayesian-router for each task type, as somebody who knows the types would have it."""

    n_routers = 0


class LiteLLMPerType:
    """The bandit inside LiteLLM's adaptive router, with cells of their own for each task type.

    Its own types are seven kinds of chat, read off the prompt; here it is told the task's. Each model's cost is its
    mean over the matrix. It has no budget; an outcome that takes a cell beyond 200 is dropped, as it does.
    """

    def __init__(self, matrix: Matrix, usd: float | None, seed: int) -> None:
        del usd
        random.seed(seed)
        with warnings.catch_warnings(), patch.dict(os.environ, _QUIET):
            warnings.simplefilter("ignore")
            bandit = import_module("litellm.router_strategy.adaptive_router.bandit")
            types = import_module("litellm.types.router")
        prior = bandit.initial_cell(types.AdaptiveRouterPreferences(quality_tier=2), types.RequestType.GENERAL)
        self._pick, self._apply = bandit.pick_best, bandit.apply_delta
        self._cells = [{str(k): prior for k in range(len(matrix.models))} for _ in matrix.task_types]
        self._costs = {str(k): float(cost) for k, cost in enumerate(matrix.cost_usd.mean(0))}

    def select(self, type_: int) -> int:
        return int(self._pick(self._cells[type_], self._costs))

    def record(self, type_: int, arm: int, score: float, cost_usd: float) -> None:
        del cost_usd
        cells = self._cells[type_]
        cells[str(arm)] = self._apply(cells[str(arm)], score, 1.0 - score)


class ParetoBandit:
    """The router of paretobandit with its budget pacer, told task types in place of an embedding of the prompt.

    Features are one number a type and a constant; its own settings for a start without priors and for a pacer (no
    fixed penalty on cost). Prices are the mean cost of a request per thousand tokens; the pacer is told what the
    request really cost.
    """

    def __init__(self, matrix: Matrix, usd: float | None, seed: int) -> None:
        logging.getLogger("pareto_bandit").setLevel(logging.ERROR)
        package = import_module("pareto_bandit")
        n_features, cold = len(matrix.task_types) + 1, import_module("pareto_bandit.config").BEST_K3_TABULA_RASA_HPARAMS
        features, pacing = import_module("pareto_bandit.feature_service"), import_module("pareto_bandit.budget_pacer")
        price = matrix.cost_usd.mean(0) * 1e3
        registry = {
            f"model-{k}": {"input_cost_per_m": float(usd_m), "output_cost_per_m": float(usd_m)}
            for k, usd_m in enumerate(price)
        }
        self._router: Any = package.BanditRouter.create(
            model_registry=registry,
            priors="none",
            feature_service=features.FeatureService.for_precomputed(dimension=n_features),
            bandit_seed=seed,
            alpha=cold["alpha"],
            forgetting_factor=cold["forgetting_factor"],
            cost_penalty=0.0,
            budget_pacer=None if usd is None else pacing.BudgetPacer(usd),
        )
        self._features = np.ones((n_features - 1, n_features))
        self._features[:, :-1] = np.eye(n_features - 1)
        self._log: Any = None

    def select(self, type_: int) -> int:
        chosen, self._log = self._router.route(self._features[type_])
        return int(str(chosen).removeprefix("model-"))

    def record(self, type_: int, arm: int, score: float, cost_usd: float) -> None:
        del type_, arm
        self._log.cost_usd = cost_usd
        self._router.process_feedback(self._log.request_id, score)


PEERS: dict[str, type[Any]] = {
    "bayesian_router": BayesianRouter,
    "bayesian_router_per_type": BayesianRouterPerType,
    "litellm_per_type": LiteLLMPerType,
    "paretobandit_types": ParetoBandit,
}
NEEDS = {
    "bayesian_router": ("bayesian_router", "bayesian-router==0.1.1"),
    "bayesian_router_per_type": ("bayesian_router", "bayesian-router==0.1.1"),
    "litellm_per_type": ("litellm", "litellm==1.106.2"),
    "paretobandit_types": ("pareto_bandit", "paretobandit==0.1.1"),
}


def is_installed(peer: str) -> bool:
    """Tell whether a peer's package is there."""
    return find_spec(NEEDS[peer][0]) is not None
