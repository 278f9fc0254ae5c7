"""How likely each model is, given what was published, and which one a uniform number stands for."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from selector.decision._uniform import take
from selector.policies import inverse_cdf, win_shares
from selector.posteriors import Floats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from selector.decision._board import Board

    Bools = NDArray[np.bool_]

__all__ = ["COIN", "Cost", "Odds", "Toll", "propensities"]

COIN = 2.0**26
_BLOCK = 1_000_000  # utilities that are worked out at once


class Odds:
    """How likely each of some models is, and which one a uniform number stands for.

    Parameters
    ----------
    board
        What was published.
    may
        Who may serve, shape (n_models,).
    cost
        What this very task is expected to cost; None: what its type does.
    bonus
        Points of success that are added to what is drawn, shape (n_models,); None: none.
    toll
        What this very task's use of other limited resources takes off the utility; None: what its type's does.

    Attributes
    ----------
    winners
        The model that each row stands for, -1 where several tie; None before the first choice.
    """

    __slots__ = (
        "_likely",
        "_own",
        "board",
        "bonus",
        "cost",
        "forced_below",
        "lines",
        "may",
        "q",
        "rows",
        "toll",
        "winners",
    )

    def __init__(
        self,
        board: Board,
        may: Bools,
        cost: Floats | None = None,
        bonus: Floats | None = None,
        toll: Floats | None = None,
    ) -> None:
        self.board, self.may, self.bonus = board, may, bonus
        self.toll = board.toll if toll is None else toll
        self.cost = board.cost if cost is None else cost
        self.rows: Floats = board.rows if bonus is None else board.rows + bonus
        self._own: Floats | None = None
        self._likely: Floats | None = None
        self.winners: list[int] | None = None
        self.lines: _Lines | None = None
        q = board.q * may
        total = float(q.sum())
        self.q: Floats | None = q if total > 0 else None
        self.forced_below = board.f * COIN if total > 0 else 0.0

    def at(self, cost: Floats | Cost) -> Odds:
        """Return the odds of a task whose cost is not its type's."""
        if isinstance(cost, Cost):
            return Odds(self.board, self.may, cost.usd, self.bonus, cost.taken)
        return Odds(self.board, self.may, cost, self.bonus)

    def choose(self, u: float) -> tuple[int, bool, int]:
        """Read a choice off: one uniform number in [0, 1) is all its randomness.

        Returns
        -------
        tuple
            The model's index, whether exploration forced it, and the row of draws.
        """
        scaled = u * COIN
        whole = int(scaled)
        v = scaled - whole
        board = self.board
        row = int(v * board.n_rows)
        if whole < self.forced_below and self.q is not None:
            return int(inverse_cdf(self.q, np.asarray(v))), True, row
        if not board.setup.policy.by_row:
            return self._drawn(v), False, row
        winners = self.winners
        if winners is None:
            winners = self.winners = self._won()
        arm = winners[row]
        return (arm if arm >= 0 else self._tied(row, v * board.n_rows % 1.0)), False, row

    @property
    def probabilities(self) -> Floats:
        """The probability of each model, shape (n_models,), exploration included."""
        if self._likely is None:
            p, f = self.own, self.forced_below / COIN
            self._likely = p if self.q is None or not f else (1 - f) * p + f * self.q / self.q.sum()
        return self._likely

    def with_exploration(self, own: float, arm: int) -> float:
        """Mix a policy's own probability of one model with that of exploration."""
        if self.q is None or not self.forced_below:
            return own
        f = self.forced_below / COIN
        return (1 - f) * own + f * float(self.q[arm] / self.q.sum())

    @property
    def own(self) -> Floats:
        """The policy's own probabilities, without exploration."""
        if self._own is None:
            board = self.board
            if board.setup.policy.by_row:
                self._own = self._shares()
            else:
                at_low, at_high = self._at(board.low), self._at(board.high)
                self._own = board.share * at_low + (1 - board.share) * at_high
        return self._own

    def draw_lines(self, cost: Cost) -> _Lines:
        """Prepare for choices of tasks whose cost grows from the same fixed costs at the same prices."""
        self.lines = _Lines(self.board, self, cost)
        return self.lines

    def best_mean(self) -> int:
        """Return the model of the best utility at its believed mean: the choice without exploration."""
        board, objective = self.board, self.board.setup.objective
        view = board.view(board.shadow_price, self.cost, self.may, toll=self.toll)
        admitted = objective.screen(view)
        mean = board.mean if self.bonus is None else board.mean + self.bonus
        utility = objective.utility(mean[None], view)[0]
        return int(np.where(admitted, utility, -np.inf).argmax())

    def utility(self, row: int) -> Floats:
        """Return what was compared in one row, shape (n_models,); -inf for models that could not be chosen."""
        return self._utility()[row] if self.board.setup.policy.by_row else np.where(self.may, self.board.mean, -np.inf)

    def admitted(self) -> Bools:
        """Say whom the objective admits of those who may serve."""
        board = self.board
        if not board.setup.policy.budgeted:
            return self.may
        return board.setup.objective.screen(board.view(board.high, self.cost, self.may))

    def _utility(self) -> Floats:
        """Return the utility of every row at the row's own price, shape (n_rows, n_models)."""
        board, objective, n = self.board, self.board.setup.objective, self.board.n_low
        view = board.view(board.high, self.cost, self.may, toll=self.toll)
        admitted = objective.screen(view)
        utility = np.empty(self.rows.shape)
        utility[n:] = objective.utility(self.rows[n:], view)
        if n:
            view.price = np.asarray(board.low)
            utility[:n] = objective.utility(self.rows[:n], view)
        return utility if admitted.all() else np.where(admitted, utility, -np.inf)

    def _won(self) -> list[int]:
        utility = self._utility()
        arm = utility.argmax(1)
        best = np.take_along_axis(utility, arm[:, None], 1)
        equal = utility == best
        if np.count_nonzero(equal) > len(arm):
            arm[equal.sum(1) > 1] = -1
        found: list[int] = arm.tolist()
        return found

    def _tied(self, row: int, rest: float) -> int:
        utility = self._utility()[row : row + 1]
        return int(inverse_cdf(win_shares(utility, utility[0] > -np.inf), np.asarray(rest)))

    def _shares(self) -> Floats:
        """Return how many rows each model wins: counted, unless some rows are tied or nobody may serve."""
        if self.winners is None:
            self.winners = self._won()
        if self.may.any() and min(self.winners) >= 0:
            return np.bincount(self.winners, minlength=len(self.may)) / len(self.winners)
        shares: Floats = win_shares(self._utility()[:, None], self.may[None]).mean(0)
        return shares

    def _at(self, price: float) -> Floats:
        board, setup = self.board, self.board.setup
        return setup.policy.probabilities(
            board.view(price, self.cost, self.may, self.bonus, self.toll), setup.objective
        )

    def _drawn(self, v: float) -> int:
        cheap, rest = take(np.asarray(v), np.asarray(self.board.share))
        p = self._at(self.board.low if cheap else self.board.high)
        return int(inverse_cdf(p, rest))


class Toll(NamedTuple):
    """What a task's use of limited resources takes off the utility of each model: a fixed part, and one per unit."""

    fixed: Floats
    """Shape (n_models,)."""
    each: Floats
    """For each unit of the amount that its cost grows with, shape (n_models,)."""


class Cost(NamedTuple):
    """What one task is expected to cost at each model: a fixed part, and a price times an amount."""

    fixed_usd: Floats
    """Shape (n_models,)."""
    price_usd: Floats
    """Shape (n_models,)."""
    amount: float
    """Such as its number of input tokens."""
    toll: Toll | None = None
    """What it takes of other limited resources, at their prices; None: as its type does, if anything."""

    @property
    def usd(self) -> Floats:
        """The sum, shape (n_models,)."""
        return self.fixed_usd + self.amount * self.price_usd

    @property
    def taken(self) -> Floats | None:
        """The toll in all, shape (n_models,)."""
        return None if self.toll is None else self.toll.fixed + self.amount * self.toll.each


class _Lines:
    """Utility as the straight line in dollars that it is: rows - slope x cost, with the fixed costs taken off."""

    __slots__ = ("fixed_usd", "high", "low", "may_tie", "net", "price_usd", "rows", "slopes")

    def __init__(self, board: Board, odds: Odds, cost: Cost) -> None:
        objective, n = board.setup.objective, len(board.cost)
        worth, free, dear = np.ones((1, n)), np.zeros(n), np.ones(n)
        weight = objective.utility(worth, board.view(board.high, free, odds.may))[0, 0]
        low, high = self.slopes = tuple(
            -float(objective.utility(0 * worth, board.view(price, dear, odds.may))[0, 0])
            for price in (board.low, board.high)
        )
        self.rows: Floats = np.where(odds.admitted(), weight * odds.rows, -np.inf)
        slope = np.where(np.arange(len(board.rows)) < board.n_low, low, high)[:, None]
        self.fixed_usd, self.price_usd = cost.fixed_usd, cost.price_usd
        self.net: Floats = self.rows - slope * cost.fixed_usd
        self.low, self.high = low * cost.price_usd, high * cost.price_usd
        if cost.toll is not None:
            self.net = self.net - cost.toll.fixed
            self.low, self.high = self.low + cost.toll.each, self.high + cost.toll.each
        elif board.toll is not None:
            self.net = self.net - board.toll
        self.may_tie = weight == 0 or board.setup.sharpness < 1


def propensities(odds: Sequence[Odds], arms: Sequence[int], costs: Sequence[Floats | Cost]) -> list[float]:
    """Return with which probability each of many choices by `Board.choose_at` took its model, exploration included.

    They are worked out together, whatever boards they were read off: a few large operations.

    Parameters
    ----------
    odds
        Who could serve each, n of them.
    arms
        The models that were chosen.
    costs
        What each task was expected to cost, shape (n_models,) each, or as it grew with its length.
    """
    found = [0.0] * len(arms)
    together: dict[tuple[int, ...], list[int]] = {}
    for i, each in enumerate(odds):
        lines = each.lines
        if not each.board.setup.policy.by_row or lines is None or lines.may_tie:
            found[i] = float(each.at(costs[i]).probabilities[arms[i]])
        else:
            together.setdefault(lines.rows.shape, []).append(i)
    for (n_rows, n_models), places in together.items():
        block = max(1, _BLOCK // (n_rows * n_models))
        for start in range(0, len(places), block):
            some = places[start : start + block]
            slopes = [odds[i].board.slopes(odds[i]) for i in some]
            utility = np.stack([odds[i].lines.rows for i in some])  # type: ignore[union-attr]  # asked above
            utility -= np.stack(slopes)[:, :, None] * np.stack([_usd(costs[i]) for i in some])[:, None, :]
            tolls = [_toll(odds[i], costs[i]) for i in some]
            if any(toll is not None for toll in tolls):
                none = np.zeros(n_models)
                utility -= np.stack([none if toll is None else toll for toll in tolls])[:, None, :]
            own = (utility.argmax(-1) == np.array([arms[i] for i in some])[:, None]).mean(1).tolist()
            for i, share in zip(some, own, strict=True):
                found[i] = odds[i].with_exploration(share, arms[i])
    return found


def _usd(cost: Floats | Cost) -> Floats:
    return cost.usd if isinstance(cost, Cost) else cost


def _toll(odds: Odds, cost: Floats | Cost) -> Floats | None:
    own = cost.taken if isinstance(cost, Cost) else None
    return odds.toll if own is None else own
