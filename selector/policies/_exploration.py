"""Exploration that the budget allows: one floor, one burn-in, one allowance, never a second coin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from selector.policies._view import Bools, Floats

__all__ = ["Allowance", "Exploration"]

Ints = NDArray[np.intp]
Seeds = slice | Ints

_PER_SEED = ("_balance", "_cap", "_earned", "_paid", "forced_usd")
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

    What to explore (q) and how often (f) are published with each refresh; between two, they do not change.

    Parameters
    ----------
    rules
        The shares and rates.
    shape
        (n_seeds, n_types, n_models).

    Attributes
    ----------
    f, q
        How often, shape (n_seeds, n_types), and from what a forced draw chooses, shape (n_seeds, n_types, n_models).
    forced_usd
        Running mean of what forced draws cost per decision, to be left out of what the price may spend.

    Examples
    --------
    >>> allowance = Allowance(Exploration(burn_in=0), (1, 1, 2))
    >>> every, n, cost = slice(None), np.zeros((1, 1, 2)), np.array([[[0.1, 0.3]]])
    >>> for _ in range(3):                                           # 2 % of 0.1 a decision, against 0.2 a draw
    ...     allowance.publish(every, n, cost, fits=cost < 1, mean_usd=np.array([0.1]))
    ...     print(allowance.f.round(3).tolist())
    ...     allowance.fold(every, np.array([1.0]))
    [[0.0]]
    [[0.01]]
    [[0.02]]
    """

    __slots__ = ("_balance", "_cap", "_earned", "_limited", "_paid", "_seen", "f", "forced_usd", "q", "rules")

    def __init__(self, rules: Exploration, shape: tuple[int, int, int]) -> None:
        seeds, types, models = shape
        self.rules = rules
        self.q: Floats = np.full(shape, 1.0 / models)
        self.forced_usd: Floats = np.zeros(seeds)
        self.f: Floats = np.zeros((seeds, types))
        self._balance: Floats = np.zeros(seeds)
        self._cap: Floats = np.zeros(seeds)
        self._earned: Floats = np.zeros(seeds)
        self._limited = np.zeros(seeds, bool)
        self._paid: Floats = np.zeros(seeds)
        self._seen: Floats = np.zeros((seeds, models))

    @property
    def on(self) -> bool:
        """Whether anything is explored at all."""
        return self.rules.floor > 0

    def publish(
        self, seeds: Seeds, n: Floats, cost: Floats, fits: Bools, mean_usd: Floats | None = None, n_next: int = 1
    ) -> None:
        """Say anew what some seeds explore.

        Parameters
        ----------
        seeds
            Which.
        n
            Outcomes per cell, shape (..., n_types, n_models).
        cost
            Expected cost, USD, the same shape.
        fits
            Whose calls can be paid at all, the same shape.
        mean_usd
            What a decision may cost on average, shape (...); None: no budget, and no limit to exploration.
        n_next
            How many decisions are made until the next time. Where more than one of them would be forced, the balance is
            spread over them, so that together they are expected to cost no more than it.
        """
        rules, thin = self.rules, (self._seen[seeds] < self.rules.burn_in)[:, None]
        q = rules.weights(n, cost, thin, fits)
        burning = (thin & fits).any(-1)
        wanted = np.where(burning, max(rules.burn_in_rate, rules.floor), rules.floor)
        self.q[seeds], wanted = q, np.where(fits.any(-1), wanted, 0.0)
        if mean_usd is None:
            self.f[seeds], self._limited[seeds] = wanted, False
            return
        self._limited[seeds] = True
        earned = rules.share * mean_usd
        first = np.where(thin & fits, cost, np.inf).min((-2, -1))  # the cheapest call that a burn-in waits for
        self._earned[seeds] = earned
        self._cap[seeds] = np.maximum(100 * earned, np.where(np.isfinite(first), first, 0.0))
        balance = np.clip(self._balance[seeds], 0.0, self._cap[seeds])[:, None]
        need = (q * cost).sum(-1) * np.where(wanted * n_next > 1, n_next, 1)
        self.f[seeds] = np.where(need > 0, np.minimum(wanted, balance / np.where(need > 0, need, 1.0)), wanted)

    def pay(self, seeds: Ints, cost: Floats) -> None:
        """Take note of what forced draws are expected to cost, shape (n,)."""
        np.add.at(self._paid, seeds, cost)

    def fold(self, seeds: Seeds, n_decisions: Floats) -> None:
        """Let some seeds earn for the decisions made since, shape (...), and pay what was noted."""
        paid = np.where(self._limited[seeds], self._paid[seeds], 0.0)
        self._balance[seeds] = (
            np.minimum(self._balance[seeds] + self._earned[seeds] * n_decisions, self._cap[seeds]) - paid
        )
        kept = (1 - _FORGET) ** n_decisions
        self.forced_usd[seeds] = self.forced_usd[seeds] * kept + _FORGET * paid
        self._paid[seeds] = 0.0

    def saw(self, seeds: Ints, models: Ints) -> None:
        """Count an outcome of each of some seeds."""
        np.add.at(self._seen, (seeds, models), 1.0)

    def grow(self, n_types: int) -> None:
        """Make room for more task types, of which the next `publish` says what is explored."""
        seeds, types, models = self.q.shape
        more = ((0, 0), (0, n_types - types))
        self.q = np.concatenate([self.q, np.full((seeds, n_types - types, models), 1.0 / models)], axis=1)
        self.f = np.pad(self.f, more)

    def dump(self) -> dict[str, Any]:
        """Write down the balance and what was seen, for `load`."""
        own = {name: getattr(self, name).tolist() for name in _PER_SEED}
        return own | {"seen": self._seen.tolist()}

    def load(self, saved: dict[str, Any], models: list[tuple[int, int]]) -> None:
        """Take up the balance and what was seen; of models, pairs of (place then, place now)."""
        for name in _PER_SEED:
            getattr(self, name)[:] = saved[name]
        for then, now in models:
            self._seen[:, now] = np.array(saved["seen"])[:, then]

    def restart(self, model: int, n: Floats) -> None:
        """Send a model into burn-in again where little is left of what was known of it: n outcomes per seed."""
        self._seen[:, model] = np.minimum(self._seen[:, model], n)
