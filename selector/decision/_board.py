"""What a refresh published of one task type, laid out so that one choice after another is read off it in no time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from selector.decision._odds import COIN, Cost, Odds
from selector.policies import View, inverse_cdf, win_shares
from selector.posteriors import Floats

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from selector.decision._decider import Decider

    Bools = NDArray[np.bool_]

__all__ = ["Board"]


class Board:
    """What the first seed of a decider published of one task type: a copy, which no later refresh changes.

    Choices between two refreshes do not depend on each other, so each can be read off the board; what is chosen, and
    with which probability, is what `Decider.choose` and `Decider.probabilities` say.

    Parameters
    ----------
    decider
        Of which the first seed is read.
    type_
        Index of the task type.
    now
        How many decisions were made before.

    Examples
    --------
    >>> from selector.decision import Decider, Setup
    >>> from selector.posteriors import Priors
    >>> decider = Decider(Setup(priors=Priors(tokens=np.array([[0.01, 0.05]])), n_types=1), [7])
    >>> board = Board(decider, 0)
    >>> u, odds = np.random.default_rng(0).random(200), board.everyone
    >>> [odds.choose(x)[0] for x in u] == [int(decider.choose(np.zeros(1, int), u[i : i + 1])[0])
    ...                                             for i in range(200)]
    True
    >>> bool((board.everyone.probabilities == decider.probabilities(np.zeros(1, int))[0]).all())
    True
    """

    __slots__ = (
        "alpha",
        "beta",
        "cost",
        "f",
        "high",
        "lean",
        "low",
        "may",
        "n",
        "n_low",
        "n_rows",
        "now",
        "prices",
        "prior_strength",
        "q",
        "rows",
        "serving",
        "setup",
        "share",
        "toll",
        "type",
        "waited",
        "worth",
    )

    def __init__(self, decider: Decider, type_: int, now: float = 1.0) -> None:
        setup, solver, success = decider.setup, decider.solver, decider.beliefs.success
        self.setup, self.type, self.now, self.n_rows = setup, type_, now, setup.n_rows
        self.rows: Floats = np.zeros((1, setup.shape[2]))
        if setup.policy.uses_draws:
            self.rows = decider.draws.matrix[0, type_].T.copy()
        self.cost: Floats = decider.cost[0, type_].copy()
        self.toll: Floats | None = None if decider.toll is None else decider.toll[0, type_].copy()
        self.waited: Floats | None = None
        if decider.waiting is not None:
            worth = 1.0 if setup.objective.in_dollars else float(solver.price[0])
            self.waited = worth * decider.waiting[type_]
        self.prices = tuple(float(each.price[0]) for each in decider.limited)
        self.may: Bools = (decider.affordable[0, type_] if setup.policy.budgeted else decider.serving[type_]).copy()
        self.serving: Bools = decider.serving[type_].copy()
        self.low, self.high, self.share = float(solver.low[0]), float(solver.high[0]), float(solver.share[0])
        self.n_low = round(self.share * self.n_rows) if setup.policy.by_row else 0
        on = decider.allowance.on
        self.f = float(decider.allowance.f[0, type_]) if on else 0.0
        self.q: Floats = decider.allowance.q[0, type_].copy()
        self.alpha, self.beta = success.alpha[0, type_].copy(), success.beta[0, type_].copy()
        self.n: Floats = decider.beliefs.n[0, type_].copy()
        self.prior_strength: Floats = success.strength[0, type_].copy()
        self.lean: Floats = success.lean[0, type_].copy()
        self.worth = 1.0 if setup.worth_usd is None else float(setup.worth_usd[type_])

    @property
    def everyone(self) -> Odds:
        """The odds among all who may serve; keep them, for they remember what they worked out."""
        return Odds(self, self.may)

    @property
    def mean(self) -> Floats:
        """Believed success, shape (n_models,)."""
        mean: Floats = self.alpha / (self.alpha + self.beta)
        return mean

    @property
    def shadow_price(self) -> float:
        """What one more dollar is worth now, in the objective's unit: the mean of the two prices in use."""
        return self.share * self.low + (1 - self.share) * self.high

    def among(self, eligible: Bools, bonus: Floats | None = None) -> Odds:
        """Return the odds among some models: of the eligible the affordable, where any are.

        Parameters
        ----------
        eligible
            Who may serve, shape (n_models,).
        bonus
            Points of success that are added to what is drawn, shape (n_models,); None: none.
        """
        both = eligible & self.may
        return Odds(self, both if both.any() else eligible, bonus=bonus)

    def choose_at(self, u: float, cost: Cost, odds: Odds) -> tuple[int, bool, int]:
        """Read off a choice for a task whose cost is not its type's: `Odds.choose` without a table.

        Parameters
        ----------
        u
            One uniform number in [0, 1).
        cost
            What the task is expected to cost.
        odds
            Who may serve it.
        """
        if not self.setup.policy.by_row:
            return odds.at(cost).choose(u)
        scaled = u * COIN
        whole = int(scaled)
        v = scaled - whole
        row = int(v * self.n_rows)
        if whole < odds.forced_below and odds.q is not None:
            return int(inverse_cdf(odds.q, np.asarray(v))), True, row
        lines = odds.lines
        if lines is None or lines.fixed_usd is not cost.fixed_usd or lines.price_usd is not cost.price_usd:
            lines = odds.draw_lines(cost)
        utility = lines.net[row] - cost.amount * (lines.low if row < self.n_low else lines.high)
        arm = utility.argmax()
        if lines.may_tie and np.count_nonzero(utility == utility[arm]) > 1:
            shares = win_shares(utility[None], utility > -np.inf)
            arm = inverse_cdf(shares, np.asarray(v * self.n_rows % 1.0))
        return int(arm), False, row

    def _believed(self, bonus: Floats | None) -> tuple[Floats, Floats]:
        if bonus is None:
            return self.alpha, self.beta
        strength = self.alpha + self.beta
        mean = np.clip(self.mean + bonus, 1e-6, 1 - 1e-6)
        return strength * mean, strength * (1 - mean)

    def slopes(self, odds: Odds) -> Floats:
        """Return what a dollar takes off the utility in each row, shape (n_rows,)."""
        assert odds.lines is not None  # noqa: S101 - asked before
        low, high = odds.lines.slopes
        return np.where(np.arange(self.n_rows) < self.n_low, low, high)

    def view(
        self, price: float, cost: Floats, may: Bools, bonus: Floats | None = None, toll: Floats | None = None
    ) -> View:
        """Show a policy all rows of draws at one price; what is preferred is believed to succeed more often."""
        return View(
            belief=lambda: self._believed(bonus),
            draws=self.rows if bonus is None else self.rows + bonus,
            cost=cost,
            eligible=may,
            price=np.asarray(price),
            worth_usd=np.asarray(self.worth),
            n_decisions=self.now,
            toll=toll,
        )
