"""What is maximised: success, its worth in dollars, or thrift above a bar. Always linear in dollars."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar, Protocol

import numpy as np

from selector.policies._view import Bools, Floats, View

__all__ = ["MinSuccess", "MostSuccess", "NoWorseThan", "Objective", "WorthUsd"]


class Objective(Protocol):
    """Turns success and cost into one number per arm, and says which arms may be considered at all.

    A model's utility depends on that model alone: never on which rivals are present.
    """

    @property
    def in_dollars(self) -> bool:
        """Whether utility is in dollars, or in successes."""

    @property
    def monotone(self) -> bool:
        """Whether expected spend falls as the price rises, so that the price can be bisected."""

    def utility(self, theta: Floats, view: View) -> Floats:
        """Value draws (or means, or bounds) of success, shape (..., R, K), at the view's cost and price."""

    def screen(self, view: View) -> Bools:
        """Say which eligible arms the objective admits, shape (..., K)."""

    def price_scale(self, cost_usd: Floats, worth_usd: Floats) -> Floats:
        """Return a price that matters, given typical costs and worths, > 0, the same shape: where a search starts."""


@dataclass(frozen=True, slots=True)
class MostSuccess:
    """The most success for the budget: ``theta - price cost``, the default with a budget.

    The price is the budget's shadow price, in successes per dollar: this is the Lagrangian of maximising success
    under a limit on mean cost, which is why it is linear in dollars.

    Examples
    --------
    >>> view = View.of(alpha=[9.0, 6.0], beta=[1.0, 4.0], rng=np.random.default_rng(0), cost=[0.5, 0.1], price=1.0)
    >>> MostSuccess().utility(view.mean[None], view).round(2).tolist()
    [[0.4, 0.5]]
    """

    monotone: ClassVar[bool] = True
    in_dollars: ClassVar[bool] = False

    def utility(self, theta: Floats, view: View) -> Floats:
        """Return ``theta - price cost``."""
        return theta - view.paid(view.price)[..., None, :]

    def screen(self, view: View) -> Bools:
        """Admit all that are eligible."""
        return view.eligible

    def price_scale(self, cost_usd: Floats, worth_usd: Floats) -> Floats:
        """Return one success over a typical cost."""
        del worth_usd
        return 1.0 / cost_usd


@dataclass(frozen=True, slots=True)
class WorthUsd:
    """Net worth in dollars: ``worth theta - (1 + price) cost``; the price is dimensionless.

    Examples
    --------
    >>> view = View.of(alpha=[9.0, 6.0], beta=[1.0, 4.0], rng=np.random.default_rng(0), cost=[0.5, 0.1])
    >>> view.worth_usd = np.array(2.0)
    >>> WorthUsd().utility(view.mean[None], view).round(2).tolist()
    [[1.3, 1.1]]
    """

    monotone: ClassVar[bool] = True
    in_dollars: ClassVar[bool] = True

    def utility(self, theta: Floats, view: View) -> Floats:
        """Return ``worth theta - (1 + price) cost``."""
        paid = view.paid(1 + view.price)
        return view.worth_usd[..., None, None] * theta - paid[..., None, :]

    def screen(self, view: View) -> Bools:
        """Admit all that are eligible."""
        return view.eligible

    def price_scale(self, cost_usd: Floats, worth_usd: Floats) -> Floats:
        """Return how many typical costs a success is worth."""
        return worth_usd / cost_usd


@dataclass(frozen=True, slots=True)
class MinSuccess:
    """The cheapest arm that is believed to reach a bar; where none is, the one with the best mean.

    Arms are screened on the belief, ``P(theta >= bar) >= confidence``, not on draws: with many cheap arms, some draw
    is over the bar by luck.

    Parameters
    ----------
    bar
        In [0, 1].
    confidence
        In (0, 1).

    Examples
    --------
    >>> view = View.of(alpha=[90.0, 60.0], beta=[10.0, 40.0], rng=np.random.default_rng(0), cost=[0.5, 0.1])
    >>> MinSuccess(0.7).screen(view).tolist(), MinSuccess(0.5).screen(view).tolist()
    ([True, False], [True, True])
    >>> MinSuccess(0.95).screen(view).tolist()
    [True, False]
    """

    bar: float
    confidence: float = 0.5
    monotone: ClassVar[bool] = False
    in_dollars: ClassVar[bool] = True

    def utility(self, theta: Floats, view: View) -> Floats:
        """Return ``-(1 + price) cost``: among the admitted, thrift is all that counts."""
        paid = view.paid(1 + view.price)
        return np.broadcast_to(-paid[..., None, :], np.broadcast(theta, paid[..., None, :]).shape)

    def screen(self, view: View) -> Bools:
        """Admit the arms over the bar, else the best mean alone."""
        return _over(np.asarray(self.bar), self.confidence, view)

    def price_scale(self, cost_usd: Floats, worth_usd: Floats) -> Floats:
        """Return one: the price has no unit here, and moves no choice."""
        del worth_usd
        return np.ones_like(cost_usd)


@dataclass(frozen=True, slots=True)
class NoWorseThan:
    """The cheapest arm that is believed to be at most ``by`` worse than one arm: the default without a budget.

    Parameters
    ----------
    arm
        Index of the arm to compare with.
    by
        How much worse is accepted, in success, >= 0.
    confidence
        In (0, 1).

    Examples
    --------
    >>> view = View.of(alpha=[90.0, 89.0], beta=[10.0, 11.0], rng=np.random.default_rng(0), cost=[0.5, 0.1])
    >>> NoWorseThan(arm=0, by=0.02).screen(view).tolist(), NoWorseThan(arm=0, by=0.0).screen(view).tolist()
    ([True, True], [True, False])
    """

    arm: int
    by: float = 0.02
    confidence: float = 0.5
    monotone: ClassVar[bool] = False
    in_dollars: ClassVar[bool] = True

    def utility(self, theta: Floats, view: View) -> Floats:
        """Return ``-(1 + price) cost``."""
        return MinSuccess(0.0).utility(theta, view)

    def screen(self, view: View) -> Bools:
        """Admit the arms that reach the arm's mean less ``by``; the arm itself always, where it is eligible."""
        admitted = _over(view.mean[..., self.arm, None] - self.by, self.confidence, view)
        admitted[..., self.arm] = view.eligible[..., self.arm]
        return admitted

    def price_scale(self, cost_usd: Floats, worth_usd: Floats) -> Floats:
        """Return one: the price has no unit here, and moves no choice."""
        del worth_usd
        return np.ones_like(cost_usd)


def _over(bar: Floats, confidence: float, view: View) -> Bools:
    from scipy.special import betainc

    alpha, beta = view.belief()
    over = view.eligible & (betainc(alpha, beta, np.clip(bar, 0.0, 1.0)) <= 1 - confidence)
    mean = np.where(view.eligible, view.mean, -np.inf)
    best = view.eligible & (mean == mean.max(-1, keepdims=True))
    admitted: Bools = np.where(over.any(-1, keepdims=True), over, best)
    return admitted


def narrowed(objective: Objective, view: View) -> View:
    """Return the view with only the arms that the objective admits."""
    admitted = objective.screen(view)
    return view if admitted is view.eligible else replace(view, eligible=admitted)
