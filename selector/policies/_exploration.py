"""Exploration that the budget allows: one floor, one burn-in, one allowance, never a second coin."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selector.policies._view import Bools, Floats

__all__ = ["Allowance", "Exploration"]

Ints = NDArray[np.intp]
Seeds = slice | Ints

_REPAID = 300.0  # a model of which one call costs more than so many decisions may is not explored: it is never repaid
_FORGET = 0.002  # of the running mean of what forced exploration costs


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploration:
    """How much is explored beyond what the policy does of itself.

    A choice is one draw from ``e = (1 - f) p + f q``: p the policy's probabilities, q half uniform and half
    proportional to 1 / (n + 1). Models with fewer than ``burn_in`` outcomes raise f and take q for themselves.

    Parameters
    ----------
    floor
        f in the long run, in [0, 1]; 0 turns exploration off, the burn-in too.
    burn_in
        Outcomes that each model gets at least, where they can be paid.
    burn_in_rate
        f while a model lacks them, in [0, 1].
    share
        What part of the spending target exploration may cost, in [0, 1].
    """

    floor: float = 0.02
    burn_in: float = 5.0
    burn_in_rate: float = 0.10
    share: float = 0.02

    def weights(self, n_cell: Floats, cost: Floats, thin: Bools, eligible: Bools) -> Floats:
        """Return q, shape (..., K): zero where not eligible.

        Parameters
        ----------
        n_cell
            Outcomes of each arm on this task type, >= 0, shape (..., K).
        cost
            Expected cost, USD, >= 0, shape (..., K).
        thin
            Arms in burn-in, shape (..., K).
        eligible
            Arms that may serve and whose cost fits, shape (..., K).

        Examples
        --------
        >>> every = np.ones(2, bool)
        >>> Exploration().weights(np.array([9.0, 0.0]), np.ones(2), ~every, every).round(2).tolist()
        [0.3, 0.7]
        """
        rare = eligible / (n_cell + 1)
        n = np.maximum(eligible.sum(-1, keepdims=True), 1)
        q: Floats = 0.5 * eligible / n + 0.5 * rare / np.maximum(rare.sum(-1, keepdims=True), 1e-300)
        thrift = np.where(thin & eligible, np.maximum(cost, 1e-12) ** -0.5, 0.0)
        burning = thrift.sum(-1, keepdims=True)
        return np.where(burning > 0, thrift / np.where(burning > 0, burning, 1.0), q)


class Allowance:
    """What exploration may cost: it earns a share of the target with each decision, and pays for each forced draw.

    What to explore (q) is published with each refresh; how often (f) follows the balance at once.

    Parameters
    ----------
    rules
        The shares and rates.
    shape
        (n_seeds, n_types, n_models).

    Attributes
    ----------
    q
        What a forced draw chooses from, shape (n_seeds, n_types, n_models).
    forced_usd
        Running mean of what forced draws cost per decision, to be left out of what the price may spend.

    Examples
    --------
    >>> allowance = Allowance(Exploration(burn_in=0), (1, 1, 2))
    >>> every, types = slice(None), np.array([0])
    >>> allowance.publish(every, np.zeros((1, 1, 2)), np.array([[[0.1, 0.3]]]), mean_usd=np.array([0.1]))
    >>> for _ in range(2):                                           # 2 % of 0.1 a decision, against 0.2 a draw
    ...     print(allowance.rate(types).round(3).tolist())
    ...     allowance.settle(np.zeros(0, int), np.zeros(0))
    [0.0]
    [0.01]
    """

    __slots__ = ("_balance", "_cap", "_earned", "_need", "_seen", "_wanted", "forced_usd", "q", "rules")

    def __init__(self, rules: Exploration, shape: tuple[int, int, int]) -> None:
        seeds, types, models = shape
        self.rules = rules
        self.q: Floats = np.full(shape, 1.0 / models)
        self.forced_usd: Floats = np.zeros(seeds)
        self._balance: Floats = np.zeros(seeds)
        self._cap: Floats = np.full(seeds, np.inf)
        self._earned: Floats = np.full(seeds, np.inf)
        self._need: Floats = np.ones((seeds, types))
        self._wanted: Floats = np.zeros((seeds, types))
        self._seen: Floats = np.zeros((seeds, models))

    @property
    def on(self) -> bool:
        """Whether anything is explored at all."""
        return self.rules.floor > 0

    def publish(self, seeds: Seeds, n: Floats, cost: Floats, mean_usd: Floats | None) -> None:
        """Say anew what some seeds explore.

        Parameters
        ----------
        seeds
            Which.
        n
            Outcomes per cell, shape (..., n_types, n_models).
        cost
            Expected cost, USD, the same shape.
        mean_usd
            What a decision may cost on average, shape (...); None: no budget, and no limit to exploration.
        """
        rules, thin = self.rules, (self._seen[seeds] < self.rules.burn_in)[:, None]
        fits = np.ones(cost.shape, bool) if mean_usd is None else cost <= _REPAID * mean_usd[:, None, None]
        q = rules.weights(n, cost, thin, fits)
        burning = (thin & fits).any(-1)
        wanted = np.where(burning, max(rules.burn_in_rate, rules.floor), rules.floor)
        self.q[seeds], self._wanted[seeds] = q, np.where(fits.any(-1), wanted, 0.0)
        self._need[seeds] = np.maximum((q * cost).sum(-1), 1e-300)
        if mean_usd is None:
            self._earned[seeds] = self._balance[seeds] = self._cap[seeds] = np.inf
            return
        earned = rules.share * mean_usd
        first = np.where(thin & fits, cost, np.inf).min((-2, -1))  # the cheapest call that a burn-in waits for
        self._earned[seeds] = earned
        self._cap[seeds] = np.maximum(100 * earned, np.where(np.isfinite(first), first, 0.0))
        self._balance[seeds] = np.minimum(self._balance[seeds], self._cap[seeds])

    def rate(self, types: Ints) -> Floats:
        """Return f for a task of each seed, shape (n_seeds,): as often as is wanted and as the balance pays."""
        every = np.arange(len(types))
        return np.minimum(self._wanted[every, types], np.maximum(self._balance, 0.0) / self._need[every, types])

    def settle(self, seeds: Ints, cost: Floats) -> None:
        """End one decision of every seed: some paid what a forced draw is expected to cost, shape (n,); all earn."""
        self.forced_usd *= 1 - _FORGET
        if len(seeds):
            self._balance[seeds] -= cost
            self.forced_usd[seeds] += _FORGET * cost
        self._balance = np.minimum(self._balance + self._earned, self._cap)

    def saw(self, seeds: Ints, models: Ints) -> None:
        """Count an outcome of each of some seeds."""
        self._seen[seeds, models] += 1

    def restart(self, model: int) -> None:
        """Send a model into burn-in again: a price made it affordable while little is known of it."""
        self._seen[:, model] = 0.0
