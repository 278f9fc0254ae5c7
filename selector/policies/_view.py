"""What a policy sees of one choice, or of many at once: beliefs, draws, costs, the price of a dollar."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

__all__ = ["Bools", "Floats", "View"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


@dataclass(slots=True, kw_only=True)
class View:
    """What a policy sees. K arms, R rows of posterior draws, any leading axes ``...`` (choices, seeds, task types).

    Examples
    --------
    >>> view = View.of(alpha=np.array([8.0, 5.0]), beta=np.array([2.0, 5.0]), rng=np.random.default_rng(0))
    >>> view.mean.tolist(), view.draws.shape
    ([0.8, 0.5], (256, 2))
    """

    belief: Callable[[], tuple[Floats, Floats]]
    """Successes and failures believed, prior included, > 0, each of shape (..., K); read only by those who ask."""
    draws: Floats
    """Draws of each arm's success, in [0, 1]. Shape (..., R, K)."""
    cost: Floats
    """Expected cost now, USD, >= 0. Shape (..., K)."""
    eligible: Bools
    """Which arms may serve. Shape (..., K)."""
    price: Floats = field(default_factory=lambda: np.zeros(()))
    """The shadow price: what one more dollar is worth, in the objective's unit. Shape (...)."""
    worth_usd: Floats = field(default_factory=lambda: np.ones(()))
    """What a full success is worth, where the objective asks for it. Shape (...)."""
    n_decisions: float = 1.0
    """How many decisions were made before, for policies with a schedule."""
    toll: Floats | None = None
    """What an arm's use of other limited resources takes off its utility, in the objective's unit. Shape (..., K).

    None: nothing else is limited."""

    @classmethod
    def of(
        cls,
        *,
        alpha: Floats,
        beta: Floats,
        rng: np.random.Generator,
        cost: Floats | None = None,
        price: float = 0.0,
        n_rows: int = 256,
    ) -> View:
        """Build a view of one choice with fresh draws: for tests, examples and notebooks."""
        alpha, beta = np.asarray(alpha, float), np.asarray(beta, float)
        draws = rng.beta(alpha, beta, (n_rows, len(alpha)))
        free = np.zeros(len(alpha)) if cost is None else np.asarray(cost, float)
        eligible = np.ones(len(alpha), bool)
        return cls(
            belief=lambda: (alpha, beta), draws=draws, cost=free, eligible=eligible, price=np.asarray(price, float)
        )

    def paid(self, price: Floats) -> Floats:
        """Return what an arm's cost at a price and its toll take off its utility, shape (..., K)."""
        paid: Floats = price[..., None] * self.cost
        return paid if self.toll is None else paid + self.toll

    @property
    def mean(self) -> Floats:
        """Posterior mean of each arm's success, shape (..., K)."""
        alpha, beta = self.belief()
        return alpha / (alpha + beta)

    @property
    def n_believed(self) -> Floats:
        """Outcomes behind each arm's belief, the prior's pseudo-outcomes included, shape (..., K)."""
        alpha, beta = self.belief()
        return alpha + beta
