"""What a decider is made of."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from selector.policies import Exploration, MostSuccess, Objective, Policy, Thompson, usual_concentration
from selector.posteriors import Learning, Priors

__all__ = ["Setup"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """How to decide: everything but the outcomes.

    Parameters
    ----------
    priors
        What is believed before anything was seen; its shape says how many seeds and models there are.
    n_types
        How many task types.
    policy, objective
        What chooses, and what for.
    exploration
        Beyond what the policy does of itself; None: a floor of .02 where the policy explores, else none.
    learning
        How evidence ages.
    concentration
        Factor on alpha and beta when sampling, > 0; 1 is textbook Thompson sampling. None: 2 without a floor, else 4
        and a fifth of the number of models: the more models there are, the more of them look best by luck.
    n_rows
        Rows of posterior draws per task type, >= 32.
    worth_usd
        What a full success is worth per task type, shape (n_types,), for an objective that asks.
    usd_per_token
        Price of an output token per model, shape (n_models,); 1 where the belief is in dollars.
    fixed_usd
        Cost per call besides output tokens (input, fees) per (type, model), or a shape that broadcasts.
    serving
        Who may serve tasks of a type at all, shape (n_types, n_models); None: everybody.
    """

    priors: Priors
    n_types: int
    policy: Policy = field(default_factory=Thompson)
    objective: Objective = field(default_factory=MostSuccess)
    exploration: Exploration | None = None
    learning: Learning = field(default_factory=Learning)
    concentration: float | None = None
    n_rows: int = 256
    worth_usd: NDArray[np.float64] | None = None
    usd_per_token: NDArray[np.float64] | float = 1.0
    fixed_usd: NDArray[np.float64] | float = 0.0
    serving: NDArray[np.bool_] | None = None

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_seeds, n_types, n_models)."""
        seeds, models = self.priors.tokens.shape
        return seeds, self.n_types, models

    @property
    def explored(self) -> Exploration:
        """The exploration in force."""
        if self.exploration is not None:
            return self.exploration
        return Exploration() if self.policy.explores else Exploration(floor=0.0, burn_in=0.0)

    @property
    def sharpness(self) -> float:
        """The concentration in force."""
        if self.concentration is not None:
            return self.concentration
        return usual_concentration(self.shape[2], floor=self.explored.floor > 0)
