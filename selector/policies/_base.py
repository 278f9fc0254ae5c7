"""The one protocol of all policies, and how scores become probabilities."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from selector.policies._objective import MostSuccess, Objective, narrowed
from selector.policies._view import Bools, Floats, View

__all__ = ["Policy", "Scored", "inverse_cdf", "win_shares"]


@runtime_checkable
class Policy(Protocol):
    """Beliefs and costs in, one probability per arm out.

    A policy is a value: no state, no randomness of its own. Whoever uses it draws from the probabilities, so that the
    propensity in the log is the one that was really used.
    """

    name: str
    """Its word in a configuration."""
    explores: bool
    """Whether a floor of exploration is mixed in unless one is configured otherwise."""
    uses_draws: bool
    """Whether it looks at posterior draws; drawing costs time, so it is done only for those that look."""
    by_row: bool
    """Whether an arm's probability is the share of rows it wins, so that a choice may look at one row alone."""
    budgeted: bool
    """Whether it looks at the objective and the price; a baseline that does not is not screened by them either."""

    def probabilities(self, view: View, objective: Objective = ...) -> Floats:
        """Return each arm's probability, shape (..., K): non-negative, summing to one over the eligible arms.

        Where no arm is eligible all are zero.
        """

    def least(self, view: View) -> Floats:
        """Return the least probability that the policy promises every eligible arm, shape (...)."""


class Scored:
    """A policy that values rows of scores and gives each arm the share of rows it wins, ties shared equally.

    Subclasses say what the scores are, and may mix the shares with something else.
    """

    name = ""
    explores = False
    uses_draws = False
    by_row = False
    budgeted = True

    def scores(self, view: View) -> Floats:
        """Return what each arm's success is taken to be, shape (..., R, K)."""
        raise NotImplementedError

    def mix(self, shares: Floats, view: View) -> Floats:
        """Turn shares of rows won into probabilities."""
        del view
        return shares

    def least(self, view: View) -> Floats:
        """Promise nothing."""
        return np.zeros(view.eligible.shape[:-1])

    def probabilities(self, view: View, objective: Objective = MostSuccess()) -> Floats:  # noqa: B008 - frozen
        """Return each arm's probability, shape (..., K)."""
        seen = narrowed(objective, view) if self.budgeted else view
        return self.mix(win_shares(objective.utility(self.scores(seen), seen), seen.eligible), seen)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in vars(self).items())})"

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((type(self), *map(str, vars(self).items())))


def win_shares(utility: Floats, eligible: Bools) -> Floats:
    """Return the share of rows that each arm wins, ties shared equally; zero everywhere where no arm is eligible.

    Parameters
    ----------
    utility
        Shape (..., R, K).
    eligible
        Shape (..., K).

    Examples
    --------
    >>> win_shares(np.array([[1.0, 2.0, 2.0], [3.0, 0.0, 9.0]]), np.array([True, True, False])).tolist()
    [0.5, 0.5, 0.0]
    """
    masked = np.where(eligible[..., None, :], utility, -np.inf)
    wins = (masked == masked.max(-1, keepdims=True)) & eligible[..., None, :]
    shares: Floats = (wins / np.maximum(wins.sum(-1, keepdims=True), 1)).mean(-2)
    return shares


def inverse_cdf(probabilities: Floats, u: Floats) -> NDArray[np.intp]:
    """Return the arm that a uniform number falls on: never one of probability zero.

    Parameters
    ----------
    probabilities
        Shape (..., K), summing to one up to rounding.
    u
        In [0, 1), shape (...).

    Examples
    --------
    >>> inverse_cdf(np.array([[0.25, 0.0, 0.75]] * 3), np.array([0.0, 0.25, 0.9999999])).tolist()
    [0, 2, 2]
    """
    cumulated = probabilities.cumsum(-1)
    last = cumulated.shape[-1] - 1 - (probabilities[..., ::-1] > 0).argmax(-1)
    fallen = (cumulated <= (u * cumulated[..., -1])[..., None]).sum(-1)
    found: NDArray[np.intp] = np.minimum(fallen, last)
    return found
