"""From a configuration and its catalog to how a decider is set up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from selector._clients.choice._tariff import Tariff
from selector._clients.choice._taught import Taught
from selector.candidates import Screen
from selector.catalog import Catalog, configured_kinds, published_scores
from selector.config import Config, PolicyConfig, Reference, settings_of
from selector.decision import Setup
from selector.errors import ConfigError, UnknownModelError, UnknownTaskTypeError
from selector.policies import (
    Exploration,
    MinSuccess,
    MostSuccess,
    NoWorseThan,
    Objective,
    Policy,
    WorthUsd,
    policy_of,
)
from selector.posteriors import Learning, Priors
from selector.store import LearntFile

__all__ = ["Plan"]

_USUAL_OUTPUT = 500.0  # output tokens of an answer before anything was seen
_UNKNOWN_USD = 0.01  # a call of which nobody knows the cost, where no other has a price either
_MOST_TYPES = 1_000
_DAY_S = 86_400.0

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Plan:
    """How one configuration decides, whatever was learnt.

    Parameters
    ----------
    config
        What the user wrote.
    catalog
        Its models.
    screen
        Who may serve which task type.
    learnt
        The user's own evaluations.
    """

    def __init__(self, config: Config, catalog: Catalog, screen: Screen, learnt: Sequence[LearntFile] = ()) -> None:
        self.config, self.catalog, self._screen, self._learnt = config, catalog, screen, learnt
        self._taught: Taught | None = None
        self.models = tuple(catalog.models)
        self.enabled = np.array([model.enabled for model in catalog])
        self.has_usd_budget = any(b.resource in {"usd", "usd_per_request"} for b in config.budgets)
        half_life = config.policy.half_life
        self.by_clock = half_life is not None and half_life.unit != "decisions"
        self.digest = config.digest
        self.baseline: int | None = None
        self.incumbent = self._incumbent()

    def _incumbent(self) -> int | None:
        """Find the model of today, which serves where the selector does not."""
        config = self.config
        if config.mode.name == "on":
            return None
        objective = config.objective
        named = None if objective is None or objective.no_worse_than is None else objective.no_worse_than.model
        named = named or config.default_model
        if named is None:
            raise ConfigError(
                f"{config.mode.name} needs the model of today; name it as objective: {{no_worse_than: {{model: ...}}}}",
                key="mode",
            )
        name = Reference.parse(named).name
        if name not in self.models:
            raise UnknownModelError.of(name, self.models, key="mode")
        return self.models.index(name)

    def served(self, tariff: Tariff) -> Bools:
        """Say who may serve at all, shape (n_models,): enabled, and of a known price where dollars are limited."""
        return self.enabled & tariff.limited if self.has_usd_budget else self.enabled

    def serving(self, types: Sequence[str], tariff: Tariff) -> Bools:
        """Say who may serve tasks of each type, shape (n_types, n_models)."""
        may = self.served(tariff)
        rows = [[exclusion is None for exclusion in self._screen.of_type(type_)] for type_ in types]
        return np.array(rows, bool).reshape(len(types), len(self.models)) & may

    def admit(self, type_: str, types: Sequence[str]) -> None:
        """Check that tasks of a type may be chosen for, beside those types that there are.

        Raises
        ------
        UnknownTaskTypeError
            If it has no worth and the objective asks for one.
        ConfigError
            If there are too many.
        """
        objective, own = self.config.objective, settings_of(self.config, type_)
        if objective is not None and objective.name == "worth_usd" and objective.default_worth_usd is None:
            worthy = [name for name, each in self.config.task_types.items() if each.worth_usd is not None]
            if own.worth_usd is None:
                raise UnknownTaskTypeError.of(type_, worthy, key="Task.type")
        if type_ not in types and len(types) >= _MOST_TYPES:
            raise ConfigError(
                f"Task.type {type_!r} would be number {len(types) + 1:,}; a type is a kind of task, such as 'coding', "
                "and what tells one task from another belongs into Task.id or Task.metadata"
            )

    def setup(self, types: Sequence[str], tariff: Tariff, usual_inputs: Floats | None = None) -> Setup:
        """Build the decider's setup for some task types at today's prices; None: no input was measured yet."""
        own, n = self.config.policy, len(self.models)
        usual = np.zeros(len(types)) if usual_inputs is None else usual_inputs
        return Setup(
            priors=self._priors(types, tariff, usual),
            n_types=len(types),
            policy=self._policy(own),
            objective=self._objective(tariff),
            exploration=_exploration(own),
            learning=self.aging,
            concentration=own.concentration,
            n_rows=max(own.draws, 32),
            worth_usd=self._worth(types),
            usd_per_token=tariff.usd_per_token,
            fixed_usd=np.broadcast_to(tariff.call_usd, (len(types), n)),
            serving=self.serving(types, tariff),
        )

    @property
    def is_taught(self) -> bool:
        """Whether there are evaluations of the user's own."""
        return bool(self._learnt)

    def learnt_tokens(self, types: Sequence[str], usual_inputs: Floats) -> Floats:
        """Return how many answers the user's own evaluations have, and their tokens, given how long inputs are."""
        return self._taught_of(types).tokens(usual_inputs)

    def _taught_of(self, types: Sequence[str]) -> Taught:
        if self._taught is None or self._taught.types != tuple(types):
            self._taught = Taught(self._learnt, list(self.catalog), types)
        return self._taught

    def _priors(self, types: Sequence[str], tariff: Tariff, usual_inputs: Floats) -> Priors:
        """Put together what is believed at first: of one's own word, from one's own evaluations, and as published."""
        models, n = list(self.catalog), len(self.models)
        quality, weight = np.full(n, np.nan), np.zeros(n)
        for k, model in enumerate(models):
            if model.prior is not None:
                quality[k], weight[k] = model.prior.quality, model.prior.weight
        published: Floats = np.empty((0, n))
        if self.config.priors == "published" and types:
            kinds = configured_kinds(self.config, types)
            published = published_scores(models, types, kinds=kinds).log_odds
        return Priors(
            tokens=self.guess(tariff)[None],
            quality=quality,
            weight=weight,
            published=published,
            learnt=self._taught_of(types).success,
            learnt_tokens=self.learnt_tokens(types, usual_inputs),
            task_types=tuple(types),
        )

    def guess(self, tariff: Tariff) -> Floats:
        """Guess each model's output tokens before anything was seen; dollars, where its price is not known.

        A model of unknown price is guessed high: the upper quartile of what the others cost.
        """
        priced = (_USUAL_OUTPUT * tariff.usd_per_token + tariff.call_usd)[tariff.known]
        dear = float(np.quantile(priced, 0.75)) if len(priced) else 0.0
        return np.where(tariff.known, _USUAL_OUTPUT, dear or _UNKNOWN_USD)

    def usual_usd(self, tariff: Tariff) -> float:
        """Return what a call is expected to cost before anything was seen: the middle of the models."""
        cost = self.guess(tariff) * tariff.usd_per_token + tariff.call_usd
        served = cost[self.served(tariff)]
        return max(float(np.median(served)) if len(served) else 0.0, 1e-6)

    @property
    def waiting_words(self) -> tuple[str, ...]:
        """What a second of waiting costs, where that counts."""
        objective = self.config.objective
        usd = None if objective is None else objective.usd_per_second
        return () if usd is None else (f"waiting: a second counts as {usd:g} USD, which no budget pays",)

    def _policy(self, own: PolicyConfig) -> Policy:
        if own.name == "fixed":
            model = (own.model or "").rpartition("@")[0] or (own.model or "")
            return policy_of(f"fixed:{model}", self.models)
        parameters = {key: value for key in ("leader", "epsilon", "c") if (value := getattr(own, key)) is not None}
        return policy_of(own.name, self.models, **parameters)

    def _objective(self, tariff: Tariff) -> Objective:
        wanted = self.config.objective
        if wanted is None or wanted.name == "most_success":
            if wanted is not None or self.has_usd_budget:
                return MostSuccess()
            cost = np.where(self.enabled, self.guess(tariff) * tariff.usd_per_token + tariff.call_usd, -np.inf)
            self.baseline = int(cost.argmax())
            return NoWorseThan(self.baseline)
        if wanted.min_success is not None:
            return MinSuccess(wanted.min_success, wanted.confidence)
        if wanted.no_worse_than is not None:
            name = wanted.no_worse_than.model
            if name not in self.models:
                raise UnknownModelError.of(name, self.models, key="objective.no_worse_than.model")
            self.baseline = self.models.index(name)
            return NoWorseThan(self.baseline, wanted.no_worse_than.by, wanted.confidence)
        return WorthUsd()

    def _worth(self, types: Sequence[str]) -> Floats | None:
        objective = self.config.objective
        if objective is None or objective.name != "worth_usd":
            return None
        default = objective.default_worth_usd or 0.0
        worth = [settings_of(self.config, name).worth_usd for name in types]
        return np.array([default if each is None else each for each in worth] or [0.0])

    @property
    def aging(self) -> Learning:
        """How evidence ages."""
        half_life = self.config.policy.half_life
        if half_life is None:
            return Learning(half_life=float(np.inf))
        return Learning(half_life=half_life.amount * (_DAY_S if self.by_clock else 1.0))


def _exploration(own: PolicyConfig) -> Exploration | None:
    if own.floor is None:
        return None
    return Exploration(floor=own.floor) if own.floor > 0 else Exploration(floor=0.0, burn_in=0.0)
