"""Choose, learn, refresh: the loop's arithmetic for every seed at once, without a clock, a ledger or a log."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from selector.budgets import Pacer
from selector.decision._setup import Setup
from selector.policies import Allowance, PriceSolver, View, expected_cost, inverse_cdf, win_shares
from selector.posteriors import EVERY, Beliefs, Cells, Draws, Event, Floats, Ints, Seeds

__all__ = ["Decider"]

_MIX_MEMORY = 0.998  # the task types' mix is a moving average over some 500 decisions
_SOLVER_ROWS = 32
_MOVED = 1.0  # a column is drawn anew when its mean moved by this much of its draws' standard deviation
_GROWN = 0.02  # or its evidence grew by this share


_ONE = np.ones(())


class Decider:
    """Beliefs, draws, price and exploration of every seed, kept in step.

    `choose` is the hot path; `observe` learns and redraws what changed; `refresh` pools anew and solves the price, on
    a schedule: after each 8th outcome, beyond 1,000 after each 64th, and at once after an event.

    Parameters
    ----------
    setup
        How to decide.
    keys
        One 128-bit key per seed, for the draws.
    pacer
        What may be spent per request; None: no budget, and a price of zero.

    Attributes
    ----------
    price
        The shadow price of each seed, shape (n_seeds,).
    cost
        Expected cost now, USD, shape (n_seeds, n_types, n_models).
    below_cheapest
        Where the budget is below the cheapest models' cost, shape (n_seeds,).
    """

    def __init__(self, setup: Setup, keys: list[int], pacer: Pacer | None = None) -> None:
        seeds, types, models = setup.shape
        self.setup, self.pacer = setup, pacer
        self.beliefs = Beliefs(setup.shape, setup.priors, setup.learning)
        self.allowance = Allowance(setup.explored, setup.shape)
        self.solver = PriceSolver(np.zeros(seeds))
        self.mix: Floats = np.full((seeds, types), 0.5)
        self.below_cheapest = np.zeros(seeds, bool)
        self.n_outcomes = 0
        self.n_columns = 0
        self._seeds: Ints = np.arange(seeds)
        self._all = np.ones((seeds, models), bool)
        self._no_draws: Floats = np.zeros((seeds, 1, models))
        self.draws = Draws(keys, setup.shape, setup.n_rows)
        self._uses = np.zeros((seeds, types))
        self._drawn_mean: Floats = np.full(setup.shape, np.inf)
        self._drawn_strength: Floats = np.zeros(setup.shape)
        self.cost: Floats = np.empty(setup.shape)
        self.refresh(0.0, whole=True)

    @property
    def price(self) -> Floats:
        """The shadow price of each seed, shape (n_seeds,)."""
        return self.solver.price

    def target(self, seeds: Seeds = EVERY) -> Floats | None:
        """Return what the policy itself may spend per request: the pacer's target less what exploration costs."""
        if self.pacer is None:
            return None
        return self.pacer.target()[seeds] - self.allowance.forced_usd[seeds]

    def choose(self, types: Ints, u: Floats, eligible: NDArray[np.bool_] | None = None, now: float = 1.0) -> Ints:
        """Choose a model for one task of each seed.

        Parameters
        ----------
        types
            The task's type in each seed, shape (n_seeds,).
        u
            One uniform number per seed, in [0, 1): all the randomness of the choice.
        eligible
            Which models may serve, shape (n_seeds, n_models); None: all.
        now
            How many decisions were made before.

        Returns
        -------
        array
            Index of the chosen model, shape (n_seeds,); -1 where none was eligible.
        """
        every, policy = self._seeds, self.setup.policy
        cost = self.cost[every, types]
        may = self._all if eligible is None else eligible
        self.mix *= _MIX_MEMORY
        self.mix[every, types] += 1
        coin, v = _split(u)
        view = self._view(every, types, cost, may, self._rows(types, v), now)
        if policy.by_row:
            arm = self._best(view, v * self.setup.n_rows % 1.0)
            self._uses[every, types] += 1
        else:
            arm = inverse_cdf(policy.probabilities(view, self.setup.objective), v)
        self._explore(types, may, coin, v, arm)
        if eligible is not None:
            arm[~may.any(-1)] = -1
        return arm

    def observe(self, cells: Cells, *, at: Floats | float, now: float, score: Floats, tokens: Floats) -> None:
        """Learn from at most one outcome per seed, redraw what changed, and refresh when it is time."""
        rang = self.beliefs.observe(cells, at=at, now=now, score=score, tokens=tokens)
        self.allowance.saw(cells.seed, cells.model)
        self.n_outcomes += 1
        if np.count_nonzero(rang):
            self.refresh(now, cells.seed[rang], whole=True)
        if self.n_outcomes % (8 if self.n_outcomes <= 1000 else 64) == 0:
            self.refresh(now)

    def apply(self, event: Event, now: float) -> None:
        """Take in an event that made old evidence count less."""
        self.beliefs.apply(event)
        self.refresh(now, np.array([event.seed]), whole=True)

    def reprice(self, model: int, factor: float, now: float) -> None:
        """Take in a price that changed: costs follow at once, and a model that became cheaper burns in again.

        For models believed in dollars, the belief itself is multiplied; it was about the old price.
        """
        tokens = self.beliefs.tokens
        tokens.catalogue[:, model] *= factor
        tokens.evidence.multiply(factor, field=1, model=model)
        if factor < 1:
            self.allowance.restart(model)
        self.refresh(now, whole=True)

    def refresh(self, now: float, seeds: Seeds = EVERY, *, whole: bool = False) -> None:
        """Pool anew, draw what moved anew, and solve the price of some seeds.

        Parameters
        ----------
        now
            The present.
        seeds
            Which seeds.
        whole
            Whether to bisect the price from nothing: after a price, drift, model or window event.
        """
        self.beliefs.refresh(now, seeds)
        setup = self.setup
        self.cost[seeds] = self.beliefs.tokens.mean[seeds] * setup.usd_per_token + setup.fixed_usd
        if setup.policy.uses_draws:
            self._redraw_moved(seeds)
        if self.allowance.on:
            mean = None if self.pacer is None else self.pacer.mean_usd[seeds]
            self.allowance.publish(seeds, self.beliefs.n[seeds], self.cost[seeds], mean)
        if self.pacer is not None:
            self._solve(now, seeds, whole=whole)

    def probabilities(self, types: Ints, eligible: NDArray[np.bool_] | None = None, now: float = 1.0) -> Floats:
        """Return e, what each model's probability is for a task of each seed now, shape (n_seeds, n_models).

        The counts of rows won cost O(rows x models), which is why `choose` does without them.
        """
        every = self._seeds
        cost = self.cost[every, types]
        may = self._all if eligible is None else eligible
        theta = self.draws.matrix[every, types].swapaxes(1, 2) if self.setup.policy.uses_draws else self._no_draws
        p = self.setup.policy.probabilities(self._view(every, types, cost, may, theta, now), self.setup.objective)
        if not self.allowance.on:
            return p
        q = self.allowance.q[every, types] * may
        total = q.sum(-1, keepdims=True)
        f = np.where(total > 0, self.allowance.rate(types)[:, None], 0.0)
        return (1 - f) * p + f * q / np.where(total > 0, total, 1.0)

    def _rows(self, types: Ints, v: Floats) -> Floats:
        """Return the draws that a choice looks at, shape (n_seeds, R, K): one row where that is enough."""
        if not self.setup.policy.uses_draws:
            return self._no_draws
        if self.setup.policy.by_row:
            row = (v * self.setup.n_rows).astype(np.intp)
            return self.draws.matrix[self._seeds, types, :, row][:, None]
        return self.draws.matrix[self._seeds, types].swapaxes(1, 2)

    def _best(self, view: View, v: Floats) -> Ints:
        """Take the best arm of the view's one row; ties by a uniform number."""
        objective = self.setup.objective
        admitted = objective.screen(view)
        utility = objective.utility(view.draws, view)[:, 0]
        if admitted is not self._all:
            utility = np.where(admitted, utility, -np.inf)
        arm = utility.argmax(-1)
        ties = np.count_nonzero(utility == utility[self._seeds, arm][:, None])
        return arm if ties == len(arm) else inverse_cdf(win_shares(utility[:, None], admitted), v)

    def _explore(self, types: Ints, may: NDArray[np.bool_], coin: Floats, v: Floats, arm: Ints) -> None:
        """Put exploration's choice in place of the policy's where the coin falls below f, and pay for it."""
        allowance = self.allowance
        if not allowance.on:
            return
        forced = np.flatnonzero(coin < allowance.rate(types))
        paid = np.zeros(0)
        if len(forced):
            q = allowance.q[forced, types[forced]] * may[forced]
            forced, q = forced[q.any(-1)], q[q.any(-1)]
            arm[forced] = inverse_cdf(q, v[forced])
            paid = self.cost[forced, types[forced], arm[forced]]
        allowance.settle(forced, paid)

    def _view(
        self, seeds: Seeds, types: Seeds, cost: Floats, may: NDArray[np.bool_], theta: Floats, now: float
    ) -> View:
        success, worth = self.beliefs.success, self.setup.worth_usd
        price = self.price[seeds]
        return View(
            belief=lambda: (success.alpha[seeds, types], success.beta[seeds, types]),
            draws=theta,
            cost=cost,
            eligible=may,
            price=price[:, None] if cost.ndim == 3 else price,
            worth_usd=_ONE if worth is None else worth[types],
            n_decisions=now,
        )

    def _solve(self, now: float, seeds: Seeds, *, whole: bool) -> None:
        weight, cost = self.mix[seeds] / self.mix[seeds].sum(1, keepdims=True), self.cost[seeds]
        start = (self.n_outcomes * 5) % (self.setup.n_rows - _SOLVER_ROWS + 1)
        theta = (
            self.draws.matrix[seeds][..., start : start + _SOLVER_ROWS].swapaxes(2, 3)
            if self.setup.policy.uses_draws
            else cost[..., None, :]
        )
        view = self._view(seeds, EVERY, cost, np.ones(cost.shape, bool), theta, now)

        def spend(price: Floats) -> Floats:
            view.price = price[:, None]
            spent: Floats = (weight * expected_cost(self.setup.policy, view, self.setup.objective)).sum(1)
            return spent

        cheapest = (weight * cost.min(-1)).sum(1) * 1.0001
        target = self.target(seeds)
        assert target is not None  # noqa: S101 - there is a pacer
        self.below_cheapest[seeds] = target < cheapest
        target = np.maximum(target, cheapest)
        scale = 1.0 / np.maximum((weight * cost.mean(-1)).sum(1), 1e-12)
        solver = PriceSolver(self.solver.price[seeds])
        if not self.setup.objective.monotone:
            solver.scan(spend, target, scale)
        elif whole:
            solver.solve(spend, target, scale)
        else:
            lost = solver.follow(spend, target, scale)
            self.solver.price[seeds] = solver.price
            if lost.any():
                self._solve(now, self._seeds[seeds][lost], whole=True)
            return
        self.solver.price[seeds] = solver.price

    def _redraw_moved(self, seeds: Seeds) -> None:
        success, sharp = self.beliefs.success, self.setup.sharpness
        alpha, beta = success.alpha[seeds], success.beta[seeds]
        strength = alpha + beta
        mean = alpha / strength
        sd = np.sqrt(mean * (1 - mean) / (sharp * strength + 1))
        drawn = self._drawn_strength[seeds]
        grown = np.abs(strength - drawn) >= np.maximum(0.99 * success.kappa[seeds, None, None], _GROWN * drawn)
        stale = (
            grown
            | (np.abs(mean - self._drawn_mean[seeds]) > _MOVED * sd)
            | (self._uses[seeds] >= self.setup.n_rows)[..., None]
        )
        if stale.any():
            s, x, k = np.nonzero(stale)
            s = self._seeds[seeds][s]
            self._redraw(Cells(s, x, k))
            worn = self._uses[seeds] >= self.setup.n_rows
            self._uses[seeds] = np.where(worn, 0, self._uses[seeds])

    def _redraw(self, cells: Cells) -> None:
        success, sharp = self.beliefs.success, self.setup.sharpness
        alpha, beta = success.alpha[cells], success.beta[cells]
        self.draws.redraw(cells, sharp * alpha, sharp * beta)
        self._drawn_mean[cells] = alpha / (alpha + beta)
        self._drawn_strength[cells] = alpha + beta
        self.n_columns += len(alpha)


def _split(u: Floats) -> tuple[Floats, Floats]:
    """Split a uniform number's 53 binary digits into two uniform numbers: 26 for a coin, 27 for a row."""
    scaled = u * 2.0**26
    whole = np.floor(scaled)
    return whole * 2.0**-26, scaled - whole
