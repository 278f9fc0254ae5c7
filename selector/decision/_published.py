"""What a refresh publishes: pooled beliefs, draws, costs, what may be explored, and the price of a dollar."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from selector.budgets import Pacer
from selector.decision._columns import Columns
from selector.decision._limited import Case, Limited
from selector.decision._setup import Setup
from selector.policies import Allowance, PriceSolver, View
from selector.posteriors import EVERY, Beliefs, Draws, Floats, Ints, Seeds

__all__ = ["Published"]

_MIX_MEMORY = 0.998  # the task types' mix is a moving average over some 500 decisions
_SOLVER_ROWS = 32
_REFRESHES = 16.0  # in what is left of a window, where its traffic is thin
_REPAID = 150.0  # requests over which a call must be paid back to be chosen under a mean per request
_SWEEPS = 3  # over all prices, where each is bisected given the others
_ONE = np.ones(())


class Published:
    """Everything that choices look at, brought up to date by `refresh` and changed by nothing else.

    Parameters
    ----------
    setup, keys, pacer
        As of a `Decider`.
    """

    def __init__(self, setup: Setup, keys: list[int], pacer: Pacer | None = None) -> None:
        seeds, types, _ = setup.shape
        self.setup, self.pacer = setup, pacer
        self.beliefs = Beliefs(setup.shape, setup.priors, setup.learning)
        self.allowance = Allowance(setup.explored, setup.shape)
        self.solver = PriceSolver(np.zeros(seeds))
        self.limited: tuple[Limited, ...] = ()
        self.toll: Floats | None = None
        self.waiting: Floats | None = None
        self.mix: Floats = np.full((seeds, types), 0.5)
        self.below_cheapest = np.zeros(seeds, bool)
        self.n_outcomes = 0
        self._period = 8
        self.n_columns = 0
        self._seeds: Ints = np.arange(seeds)
        self._alarmed = np.zeros(seeds, bool)
        self._arrived: Floats = np.zeros((seeds, types))
        self._columns = Columns(Draws(keys, setup.shape, setup.n_rows), setup.sharpness)
        self._publish_nothing()
        self.refresh(0.0, whole=True)

    def _publish_nothing(self) -> None:
        """Make room for what the next refresh publishes, and read from the setup what calls cost."""
        setup = self.setup
        _, types, models = setup.shape
        self._usd_per_token: Floats = np.array(np.broadcast_to(setup.usd_per_token, (models,)), float)
        self.fixed_usd: Floats = np.array(np.broadcast_to(setup.fixed_usd, (types, models)), float)
        self.serving = np.ones((types, models), bool) if setup.serving is None else setup.serving
        self.cost: Floats = np.empty(setup.shape)
        self.affordable = np.ones(setup.shape, bool)
        self._repayable = np.ones(setup.shape, bool)

    @property
    def price(self) -> Floats:
        """The shadow price of each seed, shape (n_seeds,)."""
        return self.solver.price

    @property
    def draws(self) -> Draws:
        """The matrices of posterior draws that choices are made from."""
        return self._columns.draws

    @property
    def cheapest_usd(self) -> Floats:
        """What a task is expected to cost where the cheapest model of its type serves, shape (n_seeds,)."""
        weight = self.mix / self.mix.sum(1, keepdims=True)
        cheapest: Floats = (weight * self._least_usd()).sum(1)
        return cheapest

    def _least_usd(self) -> Floats:
        """Return what the cheapest of those who may serve costs, shape (n_seeds, n_types); 0 where nobody may."""
        if self.serving.all():
            least: Floats = self.cost.min(-1)
            return least
        return np.where(self.serving.any(-1), np.where(self.serving, self.cost, np.inf).min(-1), 0.0)

    def target(self, seeds: Seeds = EVERY) -> Floats | None:
        """Return what the policy itself may spend per request: the pacer's target less what exploration costs."""
        if self.pacer is None:
            return None
        return self.pacer.target()[seeds] - self.allowance.forced_usd[seeds]

    @property
    def until_refresh(self) -> int:
        """How many outcomes of each seed are learnt before the next refresh, at least 1."""
        return self._period - self.n_outcomes % self._period

    def _set_period(self) -> None:
        """Refresh after each 8th outcome, beyond 1,000 after each 64th, or so that a short window sees 16 refreshes."""
        left = float(getattr(self.pacer, "n_left", math.inf))
        self._period = 8 if self.n_outcomes < 1000 else int(min(max(left / _REFRESHES, 8.0), 64.0)) // 8 * 8

    def charge(self, usd_per_token: Floats, fixed_usd: Floats, serving: NDArray[np.bool_]) -> None:
        """Take in what calls cost today and who may serve, as in the setup; the next refresh goes by them."""
        self._usd_per_token, self.fixed_usd = np.array(usd_per_token, float), np.array(fixed_usd, float)
        self.serving = serving

    def limit(self, *limited: Limited) -> None:
        """Take in what is limited beside the dollars of all work; the next refresh goes by it."""
        self.limited = limited
        self.toll = np.zeros(self.setup.shape) if limited or self.waiting is not None else None

    def wait(self, usd: Floats) -> None:
        """Take in what waiting for a call is worth, USD, shape (n_types, n_models); the next refresh goes by it.

        It is paid by whoever waits, not out of a budget. Where utility is in successes, a dollar of it counts what a
        dollar is worth at the last price.
        """
        self.waiting = usd
        if self.toll is None:
            self.toll = np.zeros(self.setup.shape)

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
        self._set_period()
        self.beliefs.refresh(now, seeds)
        self._fold_arrivals(seeds)
        setup = self.setup
        tokens = self.beliefs.tokens.mean[seeds]
        self.cost[seeds] = tokens * self._usd_per_token + self.fixed_usd
        for each in self.limited:
            each.measure(tokens, seeds)
        if self.pacer is not None:
            usual = (self.mix[seeds, :, None] * self.cost[seeds]).sum(1) / self.mix[seeds].sum(1, keepdims=True)
            least = np.where(self.serving.any(0), usual, np.inf).min(-1, keepdims=True)
            most = np.maximum(_REPAID * self.pacer.mean_usd[seeds, None], least)
            self._repayable[seeds] = self.affordable[seeds] = (usual <= most)[:, None] & self.serving
        elif self.limited:
            self._repayable[seeds] = self.affordable[seeds] = self.serving
        if setup.policy.uses_draws:
            self.n_columns += self._columns.refresh(self.beliefs.success, self._seeds[seeds])
        if self.allowance.on:
            mean = None if self.pacer is None else self.pacer.mean_usd[seeds]
            n, fits = self.beliefs.n[seeds], self._repayable[seeds]
            self.allowance.publish(seeds, n, self.cost[seeds], fits, mean, self.until_refresh)
            self._thin(seeds)
        if self.pacer is not None or self.limited:
            self._solve(now, seeds, whole=whole)
        else:
            self.affordable[seeds] = self._repayable[seeds] = self.serving
            if self.toll is not None:
                self.toll[seeds] = self._toll(seeds)
            self._publish_price(seeds, PriceSolver(np.zeros_like(self.price[seeds])))

    def _fold_arrivals(self, seeds: Seeds) -> None:
        """Take in which task types came since the last refresh: the mix, the matrices' wear, exploration's earnings."""
        arrived = self._arrived[seeds]
        n = arrived.sum(1)
        self.mix[seeds] = self.mix[seeds] * (_MIX_MEMORY**n)[:, None] + arrived
        self._columns.wear(seeds, arrived)
        self._arrived[seeds] = 0.0
        self.allowance.fold(seeds, n)

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
            price=price[:, None] if price.ndim < cost.ndim - 1 else price,
            worth_usd=_ONE if worth is None else worth[types],
            n_decisions=now,
            toll=None if self.toll is None else self.toll[seeds, types],
        )

    def _matrix(self, seeds: Ints, types: Ints) -> Floats:
        """Return all rows of draws of some task types, shape (n, R, K); nothing to speak of where no policy looks."""
        if not self.setup.policy.uses_draws:
            return np.zeros((len(types), 1, self.setup.shape[2]))
        return self.draws.matrix[seeds, types].swapaxes(1, 2)

    def _thin(self, seeds: Seeds) -> None:
        """Let exploration take no more of any limited resource than its part."""
        for each in self.limited:
            f, q = self.allowance.f[seeds], self.allowance.q[seeds]
            self.allowance.f[seeds], self.allowance.q[seeds] = each.thin(f, q, self._weight(seeds), seeds)

    def _weight(self, seeds: Seeds) -> Floats:
        """Return how common each task type is, shape (..., n_types)."""
        weight: Floats = self.mix[seeds] / self.mix[seeds].sum(1, keepdims=True)
        return weight

    def _solve(self, now: float, seeds: Seeds, *, whole: bool) -> None:
        """Solve the price of every resource given those of all others: once, or several times over."""
        case = self._case(now, seeds)
        for _ in range(_SWEEPS if whole and self.limited else 1):
            for each in self.limited:
                case.view.toll = self._toll(seeds, besides=each)
                target = each.pacer.target()[seeds]
                if self.allowance.on:
                    target = target - each.forced(self.allowance.f[seeds], self.allowance.q[seeds], case.weight, seeds)
                each.solve(case, target, seeds, whole=whole)
            if self.toll is not None:
                case.view.toll = self.toll[seeds] = self._toll(seeds)
            lost = self._solve_dollars(case, seeds, whole=whole)
        if np.count_nonzero(lost):
            self._solve(now, self._seeds[seeds][lost], whole=True)

    def _case(self, now: float, seeds: Seeds) -> Case:
        """Lay out some rows of draws for the solvers, at the prices as they are."""
        cost = self.cost[seeds]
        start = (self.n_outcomes * 5) % (self.setup.n_rows - _SOLVER_ROWS + 1)
        theta = cost[..., None, :]
        if self.setup.policy.uses_draws:
            theta = self.draws.matrix[seeds, :, :, start : start + _SOLVER_ROWS].swapaxes(2, 3)
        view = self._view(seeds, EVERY, cost, self._repayable[seeds], theta, now)
        own, dollars = self.solver, PriceSolver(self.solver.price[seeds])
        dollars.low, dollars.high, dollars.share = own.low[seeds], own.high[seeds], own.share[seeds]
        return Case(self.setup, view, self._weight(seeds), dollars)

    def _toll(self, seeds: Seeds, besides: Limited | None = None) -> Floats | None:
        """Return what limited resources and waiting take off the utility, but for one resource; None: nothing."""
        tolls = [each.toll(seeds) for each in self.limited if each is not besides]
        if self.waiting is not None:
            worth = 1.0 if self.setup.objective.in_dollars else self.price[seeds][..., None, None]
            tolls.append(np.broadcast_to(worth * self.waiting, self.cost[seeds].shape))
        return sum(tolls[1:], tolls[0]) if tolls else None

    def _solve_dollars(self, case: Case, seeds: Seeds, *, whole: bool) -> NDArray[np.bool_]:
        """Solve the price of a dollar; say of which seeds it is to be bisected."""
        target = self.target(seeds)
        if target is None:
            return np.zeros(len(case.weight), bool)
        cheapest = self.cheapest_usd[seeds] * 1.0001
        self.below_cheapest[seeds] = below = target < cheapest
        only = self.serving & (self.cost[seeds] <= self._least_usd()[seeds, :, None])
        self.affordable[seeds] = np.where(below[:, None, None], only, self._repayable[seeds])
        target, scale = np.maximum(target, cheapest), case.scale()
        solver = case.dollars
        lost = np.zeros(len(target), bool)
        if not self.setup.objective.monotone:
            solver.scan(case.spend, target, scale)
        elif whole:
            solver.solve(case.spend, target, scale)
        else:
            lost = solver.follow(case.spend, target, scale) | self._alarmed[seeds]
            self._alarmed[seeds] = False
        self._publish_price(seeds, solver)
        return lost

    def _publish_price(self, seeds: Seeds, solver: PriceSolver) -> None:
        """Take over the prices of some seeds; where rows are chosen, a whole number of rows has the lower one."""
        share = solver.share
        if self.setup.policy.by_row:
            share = np.round(share * self.setup.n_rows) / self.setup.n_rows
        own = self.solver
        own.price[seeds], own.low[seeds], own.high[seeds], own.share[seeds] = (
            solver.price,
            solver.low,
            solver.high,
            share,
        )
