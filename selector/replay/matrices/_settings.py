"""How a simulated policy decides: from names and a configuration to a decider's setup."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from selector.config import Config
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
from selector.replay.matrices._table import Matrix

__all__ = ["Settings", "settings_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """Everything about a policy that does not depend on seeds; it can be sent to another process.

    Parameters
    ----------
    name
        As it is shown: the policy's word.
    policy, objective, learning
        What chooses, what for, and how evidence ages.
    floor
        Exploration's floor in [0, 1]; None: .02 where the policy explores.
    concentration
        Factor on posteriors when sampling; None: the setup's own.
    draws
        Rows of posterior draws per task type.
    quality, weight
        Priors per model, shape (n_models,).
    published
        Published figures in log-odds, nan where there are none, shape (n_types, n_models); None: none.
    task_types
        Their names, which say which are of one family; none: every type is its own.
    worth_usd
        What a full success is worth per task type, shape (n_types,); None where no objective asks.
    """

    name: str
    policy: Policy
    objective: Objective
    learning: Learning
    quality: NDArray[np.float64]
    weight: NDArray[np.float64]
    published: NDArray[np.float64] | None = None
    task_types: tuple[str, ...] = ()
    floor: float | None = None
    concentration: float | None = None
    draws: int = 64
    worth_usd: NDArray[np.float64] | None = None

    def setup(self, guess_usd: NDArray[np.float64], n_types: int) -> Setup:
        """Build the decider's setup for some seeds from their first guesses of each model's mean cost."""
        exploration = None
        if self.floor is not None:
            exploration = Exploration(floor=self.floor) if self.floor > 0 else Exploration(floor=0.0, burn_in=0.0)
        return Setup(
            priors=Priors(
                tokens=guess_usd,
                quality=self.quality,
                weight=self.weight,
                published=np.empty((0, 0)) if self.published is None else self.published,
                task_types=self.task_types,
            ),
            n_types=n_types,
            policy=self.policy,
            objective=self.objective,
            exploration=exploration,
            learning=self.learning,
            concentration=self.concentration,
            n_rows=self.draws,
            worth_usd=self.worth_usd,
        )


def settings_of(word: str, matrix: Matrix, config: Config | None, *, budget: bool) -> tuple[Settings, list[str]]:
    """Read a policy's settings from its word and a configuration.

    Parameters
    ----------
    word
        A policy's name, or ``fixed:MODEL``.
    matrix
        Whose models and task types the configuration speaks of.
    config
        None: every default.
    budget
        Whether there is one: without, the default objective is to be no worse than the dearest model.

    Returns
    -------
    tuple
        The settings, and notes that a reader of the results should see.
    """
    config = config or Config()
    _refuse_unsimulated(config, matrix)
    own, n = config.policy, len(matrix.models)
    same = word.partition(":")[0].replace("-", "_") == own.name
    parameters = {k: v for k in ("leader", "epsilon", "c") if same and (v := getattr(own, k)) is not None}
    objective, notes = _objective(config, matrix, budget=budget)
    base = Settings(
        name=word,
        policy=policy_of(word, matrix.models, **parameters),
        objective=objective,
        learning=_learning(config),
        quality=np.full(n, np.nan),
        weight=np.zeros(n),
        task_types=matrix.task_types,
        worth_usd=_worth(config, matrix) if isinstance(objective, WorthUsd) else None,
    )
    if same and "floor" in own.model_fields_set:
        base = replace(base, floor=own.floor)
    if same and "draws" in own.model_fields_set:
        base = replace(base, draws=max(own.draws, 32))
    if same and own.concentration is not None:
        base = replace(base, concentration=own.concentration)
    absent = [name for name, model in config.models.items() if model.prior is not None and name not in matrix.models]
    if absent:
        notes.append(f"priors without a model in the table are not used: {', '.join(absent)}")
    return _with_priors(base, config, matrix), notes


def _refuse_unsimulated(config: Config, matrix: Matrix) -> None:
    """Name what a table of outcomes does not have or cannot show, rather than ignore it."""
    for name, type_ in config.task_types.items():
        if name not in matrix.task_types:
            raise UnknownTaskTypeError.of(name, matrix.task_types, key="task_types")
        for key in type_.model_fields_set - {"worth_usd"}:
            raise ConfigError("cannot be simulated from a table of outcomes", key=f"task_types.{name}.{key}")
    if config.objective is not None and config.objective.usd_per_second is not None:
        raise ConfigError("cannot be simulated from a table of outcomes", key="objective.usd_per_second")
    for key in ("rules", "default_model"):
        if getattr(config, key):
            raise ConfigError("cannot be simulated from a table of outcomes; leave it out", key=key)
    if config.mode.name != "on":
        raise ConfigError("a simulation is on; leave it out", key="mode")


def _learning(config: Config) -> Learning:
    half_life = config.policy.half_life
    if half_life is None:
        return Learning(half_life=np.inf)
    if half_life.unit != "decisions":
        raise ConfigError(
            f"a table of outcomes has no clock, so {half_life} cannot be simulated; give it in decisions",
            key="policy.half_life",
        )
    return Learning(half_life=half_life.amount)


def _objective(config: Config, matrix: Matrix, *, budget: bool) -> tuple[Objective, list[str]]:
    wanted = config.objective
    if wanted is None:
        if budget:
            return MostSuccess(), []
        dearest = int(matrix.cost_usd.mean(0).argmax())
        note = f"no budget: the aim is to be at most .02 worse than {matrix.models[dearest]}, the dearest, for less"
        return NoWorseThan(dearest), [note]
    if wanted.min_success is not None:
        return MinSuccess(wanted.min_success, wanted.confidence), []
    if wanted.no_worse_than is not None:
        model = wanted.no_worse_than.model
        if model not in matrix.models:
            raise UnknownModelError.of(model, matrix.models, key="objective.no_worse_than.model")
        return NoWorseThan(matrix.models.index(model), wanted.no_worse_than.by, wanted.confidence), []
    return (WorthUsd(), []) if wanted.name == "worth_usd" else (MostSuccess(), [])


def _worth(config: Config, matrix: Matrix) -> NDArray[np.float64]:
    default = None if config.objective is None else config.objective.default_worth_usd
    worth = []
    for name in matrix.task_types:
        own = config.task_types[name].worth_usd if name in config.task_types else None
        if own is None and default is None:
            raise ConfigError(f"no worth for task type {name!r}: give it one, or a default_worth_usd", key="objective")
        worth.append(default if own is None else own)
    return np.array(worth, float)


def _with_priors(settings: Settings, config: Config, matrix: Matrix) -> Settings:
    quality, weight = settings.quality.copy(), settings.weight.copy()
    for k, name in enumerate(matrix.models):
        prior = config.models[name].prior if name in config.models else None
        if prior is not None:
            quality[k], weight[k] = prior.quality, prior.weight
    return replace(settings, quality=quality, weight=weight)
