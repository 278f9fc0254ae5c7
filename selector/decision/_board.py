"""What a refresh published of one task type, laid out so that one choice after another is read off it in no time."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from selector.decision._uniform import take
from selector.policies import View, inverse_cdf, win_shares
from selector.posteriors import Floats

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from selector.decision._decider import Decider

    Bools = NDArray[np.bool_]

__all__ = ["COIN", "Board", "Cost", "Odds", "propensities"]

COIN = 2.0**26
_BLOCK = 1_000_000  # utilities that are worked out at once


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
        "low",
        "may",
        "n",
        "n_low",
        "n_rows",
        "now",
        "prior_strength",
        "q",
        "rows",
        "serving",
        "setup",
        "share",
        "type",
        "worth",
    )

    def __init__(self, decider: Decider, type_: int, now: float = 1.0) -> None:
        setup, solver, success = decider.setup, decider.solver, decider.beliefs.success
        self.setup, self.type, self.now, self.n_rows = setup, type_, now, setup.n_rows
        self.rows: Floats = np.zeros((1, setup.shape[2]))
        if setup.policy.uses_draws:
            self.rows = decider.draws.matrix[0, type_].T.copy()
        self.cost: Floats = decider.cost[0, type_].copy()
        self.may: Bools = (decider.affordable[0, type_] if setup.policy.budgeted else decider.serving[type_]).copy()
        self.serving: Bools = decider.serving[type_].copy()
        self.low, self.high, self.share = float(solver.low[0]), float(solver.high[0]), float(solver.share[0])
        self.n_low = round(self.share * self.n_rows) if setup.policy.by_row else 0
        on = decider.allowance.on
        self.f = float(decider.allowance.f[0, type_]) if on else 0.0
        self.q: Floats = decider.allowance.q[0, type_].copy()
        self.alpha, self.beta = success.alpha[0, type_].copy(), success.beta[0, type_].copy()
        self.n: Floats = decider.beliefs.n[0, type_].copy()
        self.prior_strength: Floats = success.strength
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

    def among(self, eligible: Bools) -> Odds:
        """Return the odds among some models: of the eligible the affordable, where any are."""
        both = eligible & self.may
        return Odds(self, both if both.any() else eligible)

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
            return Odds(self, odds.may, cost.usd).choose(u)
        scaled = u * COIN
        whole = int(scaled)
        v = scaled - whole
        row = int(v * self.n_rows)
        if whole < odds.forced_below and odds.q is not None:
            return int(inverse_cdf(odds.q, np.asarray(v))), True, row
        lines = odds.lines
        if lines is None or lines.fixed_usd is not cost.fixed_usd:
            lines = odds.draw_lines(cost)
        utility = lines.net[row] - cost.amount * (lines.low if row < self.n_low else lines.high)
        arm = utility.argmax()
        if lines.may_tie and np.count_nonzero(utility == utility[arm]) > 1:
            shares = win_shares(utility[None], utility > -np.inf)
            arm = inverse_cdf(shares, np.asarray(v * self.n_rows % 1.0))
        return int(arm), False, row

    def slopes(self, odds: Odds) -> Floats:
        """Return what a dollar takes off the utility in each row, shape (n_rows,)."""
        assert odds.lines is not None  # noqa: S101 - asked before
        low, high = odds.lines.slopes
        return np.where(np.arange(self.n_rows) < self.n_low, low, high)

    def view(self, price: float, cost: Floats, may: Bools) -> View:
        """Show a policy all rows of draws at one price."""
        return View(
            belief=lambda: (self.alpha, self.beta),
            draws=self.rows,
            cost=cost,
            eligible=may,
            price=np.asarray(price),
            worth_usd=np.asarray(self.worth),
            n_decisions=self.now,
        )


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

    Attributes
    ----------
    winners
        The model that each row stands for, -1 where several tie; None before the first choice.
    """

    __slots__ = ("_likely", "_own", "board", "cost", "forced_below", "lines", "may", "q", "winners")

    def __init__(self, board: Board, may: Bools, cost: Floats | None = None) -> None:
        self.board, self.may = board, may
        self.cost = board.cost if cost is None else cost
        self._own: Floats | None = None
        self._likely: Floats | None = None
        self.winners: list[int] | None = None
        self.lines: _Lines | None = None
        q = board.q * may
        total = float(q.sum())
        self.q: Floats | None = q if total > 0 else None
        self.forced_below = board.f * COIN if total > 0 else 0.0

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
        view = board.view(board.shadow_price, self.cost, self.may)
        admitted = objective.screen(view)
        utility = objective.utility(board.mean[None], view)[0]
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
        view = board.view(board.high, self.cost, self.may)
        admitted = objective.screen(view)
        utility = np.empty(board.rows.shape)
        utility[n:] = objective.utility(board.rows[n:], view)
        if n:
            view.price = np.asarray(board.low)
            utility[:n] = objective.utility(board.rows[:n], view)
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
        return setup.policy.probabilities(board.view(price, self.cost, self.may), setup.objective)

    def _drawn(self, v: float) -> int:
        cheap, rest = take(np.asarray(v), np.asarray(self.board.share))
        p = self._at(self.board.low if cheap else self.board.high)
        return int(inverse_cdf(p, rest))


class Cost(NamedTuple):
    """What one task is expected to cost at each model: a fixed part, and a price times an amount."""

    fixed_usd: Floats
    """Shape (n_models,)."""
    price_usd: Floats
    """Shape (n_models,)."""
    amount: float
    """Such as its number of input tokens."""

    @property
    def usd(self) -> Floats:
        """The sum, shape (n_models,)."""
        return self.fixed_usd + self.amount * self.price_usd


class _Lines:
    """Utility as the straight line in dollars that it is: rows - slope x cost, with the fixed costs taken off."""

    __slots__ = ("fixed_usd", "high", "low", "may_tie", "net", "rows", "slopes")

    def __init__(self, board: Board, odds: Odds, cost: Cost) -> None:
        objective, n = board.setup.objective, len(board.cost)
        worth, free, dear = np.ones((1, n)), np.zeros(n), np.ones(n)
        weight = objective.utility(worth, board.view(board.high, free, odds.may))[0, 0]
        low, high = self.slopes = tuple(
            -float(objective.utility(0 * worth, board.view(price, dear, odds.may))[0, 0])
            for price in (board.low, board.high)
        )
        self.rows: Floats = np.where(odds.admitted(), weight * board.rows, -np.inf)
        slope = np.where(np.arange(len(board.rows)) < board.n_low, low, high)[:, None]
        self.fixed_usd = cost.fixed_usd
        self.net: Floats = self.rows - slope * cost.fixed_usd
        self.low, self.high = low * cost.price_usd, high * cost.price_usd
        self.may_tie = weight == 0 or board.setup.sharpness < 1


def propensities(odds: Sequence[Odds], arms: Sequence[int], costs: Sequence[Floats]) -> list[float]:
    """Return with which probability each of many choices by `Board.choose_at` took its model, exploration included.

    They are worked out together, whatever boards they were read off: a few large operations.

    Parameters
    ----------
    odds
        Who could serve each, n of them.
    arms
        The models that were chosen.
    costs
        What each task was expected to cost, shape (n_models,) each.
    """
    found = [0.0] * len(arms)
    together: dict[tuple[int, ...], list[int]] = {}
    for i, each in enumerate(odds):
        lines = each.lines
        if not each.board.setup.policy.by_row or lines is None or lines.may_tie:
            found[i] = float(Odds(each.board, each.may, costs[i]).probabilities[arms[i]])
        else:
            together.setdefault(lines.rows.shape, []).append(i)
    for (n_rows, n_models), places in together.items():
        block = max(1, _BLOCK // (n_rows * n_models))
        for start in range(0, len(places), block):
            some = places[start : start + block]
            slopes = [odds[i].board.slopes(odds[i]) for i in some]
            utility = np.stack([odds[i].lines.rows for i in some])  # type: ignore[union-attr]  # asked above
            utility -= np.stack(slopes)[:, :, None] * np.stack([costs[i] for i in some])[:, None, :]
            own = (utility.argmax(-1) == np.array([arms[i] for i in some])[:, None]).mean(1).tolist()
            for i, share in zip(some, own, strict=True):
                found[i] = odds[i].with_exploration(share, arms[i])
    return found
