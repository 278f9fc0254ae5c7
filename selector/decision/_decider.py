"""Choose, learn, refresh: the loop's arithmetic for every seed at once, without a clock, a ledger or a log."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from selector.budgets import Pacer
from selector.decision._columns import Columns
from selector.decision._setup import Setup
from selector.decision._uniform import split, take
from selector.policies import Allowance, PriceSolver, View, expected_cost, inverse_cdf, win_shares
from selector.posteriors import EVERY, Beliefs, Cells, Draws, Event, Floats, Ints, Seeds

__all__ = ["Decider"]

_MIX_MEMORY = 0.998  # the task types' mix is a moving average over some 500 decisions
_SOLVER_ROWS = 32
_REPAID = 150.0  # requests over which a call must be paid back to be chosen under a mean per request
_ONE = np.ones(())


class Decider:
    """Beliefs, draws, price and exploration of every seed, kept in step.

    A refresh pools anew, draws anew what moved, and solves the price; what it publishes is all that a choice looks at.
    There is one schedule: after each 8th outcome, beyond 1,000 after each 64th (and at once after a price, a prompt's
    new version or a new budget). Hence choices between two refreshes do not depend on each other, and may be made one
    by one or all at once.

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
    affordable
        What the policy chooses from under a budget, shape (n_seeds, n_types, n_models): models of which one call costs
        no more than 150 requests may, since others are never paid back; where the target is below what the cheapest
        cost, the cheapest alone.
    fixed_usd
        Cost per call besides output tokens, shape (n_types, n_models).
    below_cheapest
        Where the budget is below the cheapest models' cost, shape (n_seeds,).

    Examples
    --------
    >>> from selector.budgets import PerRequest
    >>> from selector.posteriors import Priors
    >>> decider = Decider(Setup(priors=Priors(tokens=np.array([[0.01, 0.05]])), n_types=1), [7], PerRequest(0.02, 1))
    >>> rng, task, counts = np.random.default_rng(0), np.zeros(1, int), [0, 0]
    >>> for now in range(500):                       # the small model succeeds half of the time, the large one always
    ...     arm = decider.choose(task, rng.random(1), now=now)
    ...     score = (rng.random(1) < np.array([0.5, 1.0])[arm]).astype(float)
    ...     cost = np.array([0.01, 0.05])[arm]
    ...     decider.pacer.settle(cost)
    ...     decider.observe(Cells(np.zeros(1, int), task, arm), at=now, now=now + 1, score=score, tokens=cost)
    ...     counts[arm[0]] += 1
    >>> counts, round(float(decider.price[0]))       # a quarter to the large one; one dollar more is worth 13 successes
    ([373, 127], 13)
    """

    def __init__(self, setup: Setup, keys: list[int], pacer: Pacer | None = None) -> None:
        seeds, types, _ = setup.shape
        self.setup, self.pacer = setup, pacer
        self.beliefs = Beliefs(setup.shape, setup.priors, setup.learning)
        self.allowance = Allowance(setup.explored, setup.shape)
        self.solver = PriceSolver(np.zeros(seeds))
        self.mix: Floats = np.full((seeds, types), 0.5)
        self.below_cheapest = np.zeros(seeds, bool)
        self.n_outcomes = 0
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

    def choose(
        self,
        types: Ints,
        u: Floats,
        eligible: NDArray[np.bool_] | None = None,
        *,
        now: float = 1.0,
        cost: Floats | None = None,
    ) -> Ints:
        """Choose a model for one task of each seed, or for several.

        Parameters
        ----------
        types
            Task types, shape (n_seeds,) or (n_tasks, n_seeds).
        u
            One uniform number per choice, in [0, 1): all its randomness. The same shape.
        eligible
            Which models may serve, the same shape and n_models; None: all.
        now
            How many decisions were made before.
        cost
            What these very tasks are expected to cost, the same shape and n_models; None: what their types do.

        Returns
        -------
        array
            Index of the chosen model, the same shape; -1 where none was eligible.
        """
        shape, policy = types.shape, self.setup.policy
        seeds = np.broadcast_to(self._seeds, shape).reshape(-1)
        types, (coin, v) = types.reshape(-1), split(u.reshape(-1))
        price, rest = self._price_of(seeds, v)
        may = self._may(seeds, types, eligible)
        np.add.at(self._arrived, (seeds, types), 1.0)
        costs = self.cost[seeds, types] if cost is None else cost.reshape(may.shape)
        view = self._view(seeds, types, costs, may, self._rows(seeds, types, v), now)
        view.price = price
        if policy.by_row:
            arm = self._best(view, v * self.setup.n_rows % 1.0)
        else:
            arm = inverse_cdf(policy.probabilities(view, self.setup.objective), rest)
        self._explore(seeds, types, may, coin, v, arm)
        if eligible is not None:
            arm[~may.any(-1)] = -1
        return arm.reshape(shape)

    def _may(self, seeds: Ints, types: Ints, eligible: NDArray[np.bool_] | None) -> NDArray[np.bool_]:
        """Return who may serve, shape (n, n_models): of the eligible the affordable, where any are."""
        may = self.affordable[seeds, types] if self.setup.policy.budgeted else self.serving[types]
        if eligible is None:
            return may
        given = eligible.reshape(may.shape)
        both = given & may
        return np.where(both.any(-1, keepdims=True), both, given)

    @property
    def until_refresh(self) -> int:
        """How many outcomes of each seed are learnt before the next refresh, at least 1."""
        period = 8 if self.n_outcomes < 1000 else 64
        return period - self.n_outcomes % period

    def observe(
        self, cells: Cells, *, at: Floats | float, now: float, score: Floats, tokens: Floats, n_outcomes: int = 1
    ) -> None:
        """Learn from outcomes in the order they came, and refresh when it is time.

        Parameters
        ----------
        cells
            Whose outcomes, n of them.
        at
            When each decision was made, shape (n,) or one time for all.
        now
            The present, in the same unit.
        score, tokens
            Shape (n,); nan where it is not known (yet).
        n_outcomes
            How many outcomes of each seed these are, at most `until_refresh`.
        """
        rang = self.beliefs.observe(cells, at=at, score=score, tokens=tokens)
        self._alarmed[cells.seed[rang]] = True
        judged = ~np.isnan(score)
        self.allowance.saw(cells.seed[judged], cells.model[judged])
        due = n_outcomes >= self.until_refresh
        self.n_outcomes += n_outcomes
        if due:
            self.refresh(now)

    def grow(self, setup: Setup, now: float) -> None:
        """Make room for task types that came later; what is known stays where it is.

        Parameters
        ----------
        setup
            The same models, policy and objective, and more task types, those there were first.
        now
            The present.
        """
        more = ((0, 0), (0, setup.n_types - self.setup.n_types))
        self.setup = setup
        self.beliefs.grow(setup.n_types, setup.priors, now)
        self._columns.grow(setup.n_types)
        self.allowance.grow(setup.n_types)
        self.mix, self._arrived = np.pad(self.mix, more, constant_values=0.5), np.pad(self._arrived, more)
        self._publish_nothing()
        self.refresh(now, whole=True)

    def charge(self, usd_per_token: Floats, fixed_usd: Floats, serving: NDArray[np.bool_]) -> None:
        """Take in what calls cost today and who may serve, as in the setup; the next refresh goes by them."""
        self._usd_per_token, self.fixed_usd = np.array(usd_per_token, float), np.array(fixed_usd, float)
        self.serving = serving

    def arrive(self, type_: int, n: float) -> None:
        """Count tasks of the first seed that were chosen for elsewhere, from what was published here."""
        self._arrived[0, type_] += n

    def apply(self, event: Event, now: float) -> None:
        """Take in an event that made old evidence count less."""
        self.beliefs.apply(event)
        self.refresh(now, np.array([event.seed]), whole=True)

    def reprice(self, model: int, factor: float, now: float) -> None:
        """Take in a price that changed: costs follow at once; a thin model that became cheaper burns in again.

        For models believed in dollars, the belief itself is multiplied; it was about the old price.
        """
        if np.ndim(self.setup.usd_per_token):
            self._usd_per_token[model] *= factor
            self.fixed_usd[:, model] *= factor
        else:
            self.beliefs.tokens.catalogue[:, model] *= factor
            self.beliefs.tokens.evidence.multiply(factor, field=1, model=model)
        if factor < 1:
            n = self.beliefs.success.evidence.now(now)[0].sum(1)[:, model]
            self.allowance.restart(model, n)
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
        self._fold_arrivals(seeds)
        setup = self.setup
        self.cost[seeds] = self.beliefs.tokens.mean[seeds] * self._usd_per_token + self.fixed_usd
        if self.pacer is not None:
            usual = (self.mix[seeds, :, None] * self.cost[seeds]).sum(1) / self.mix[seeds].sum(1, keepdims=True)
            least = np.where(self.serving.any(0), usual, np.inf).min(-1, keepdims=True)
            most = np.maximum(_REPAID * self.pacer.mean_usd[seeds, None], least)
            self._repayable[seeds] = self.affordable[seeds] = (usual <= most)[:, None] & self.serving
        if setup.policy.uses_draws:
            self.n_columns += self._columns.refresh(self.beliefs.success, self._seeds[seeds])
        if self.allowance.on:
            mean = None if self.pacer is None else self.pacer.mean_usd[seeds]
            n, fits = self.beliefs.n[seeds], self._repayable[seeds]
            self.allowance.publish(seeds, n, self.cost[seeds], fits, mean, self.until_refresh)
        if self.pacer is not None:
            self._solve(now, seeds, whole=whole)
        else:
            self.affordable[seeds] = self._repayable[seeds] = self.serving
            self._publish_price(seeds, PriceSolver(np.zeros_like(self.price[seeds])))

    def probabilities(self, types: Ints, eligible: NDArray[np.bool_] | None = None, now: float = 1.0) -> Floats:
        """Return e, what each model's probability is for a task of each seed now, shape (n_seeds, n_models).

        The counts of rows won cost O(rows x models), which is why `choose` does without them.
        """
        every = self._seeds
        may = self._may(every, types, eligible)
        p = self._policy_probabilities(types, may, now)
        if not self.allowance.on:
            return p
        q = self.allowance.q[every, types] * may
        total = q.sum(-1, keepdims=True)
        f = np.where(total > 0, self.allowance.f[every, types][:, None], 0.0)
        return (1 - f) * p + f * q / np.where(total > 0, total, 1.0)

    def _policy_probabilities(self, types: Ints, may: NDArray[np.bool_], now: float) -> Floats:
        """Return the policy's own probabilities over its two prices, shape (n_seeds, n_models).

        Where it chooses by row, the first rows are those of the lower price: every row is a choice of its own.
        """
        every, policy, objective = self._seeds, self.setup.policy, self.setup.objective
        low, high, share = self.solver.low, self.solver.high, self.solver.share
        theta = self._matrix(every, types)
        if not policy.by_row:
            view = self._view(every, types, self.cost[every, types], may, theta, now)
            view.price = low
            at_low = policy.probabilities(view, objective)
            view.price = high
            return share[:, None] * at_low + (1 - share[:, None]) * policy.probabilities(view, objective)
        rows = np.arange(self.setup.n_rows)
        seeds, types = np.broadcast_arrays(every[:, None], types[:, None] + 0 * rows)
        each = np.broadcast_to(may[:, None], (*seeds.shape, may.shape[1]))
        view = self._view(seeds, types, self.cost[seeds, types], each, theta[:, :, None], now)
        view.price = np.where(rows < share[:, None] * self.setup.n_rows, low[:, None], high[:, None])
        won: Floats = policy.probabilities(view, objective).mean(1)
        return won

    def _price_of(self, seeds: Ints, v: Floats) -> tuple[Floats, Floats]:
        """Return at which of the two prices each choice is made, by a uniform number, and the rest of the number."""
        cheap, rest = take(v, self.solver.share[seeds])
        return np.where(cheap, self.solver.low[seeds], self.solver.high[seeds]), rest

    def _rows(self, seeds: Ints, types: Ints, v: Floats) -> Floats:
        """Return the draws that choices look at, shape (n, R, K): one row where that is enough."""
        if not self.setup.policy.by_row:
            return self._matrix(seeds, types)
        row = (v * self.setup.n_rows).astype(np.intp)
        return self.draws.matrix[seeds, types, :, row][:, None]

    def _matrix(self, seeds: Ints, types: Ints) -> Floats:
        """Return all rows of draws of some task types, shape (n, R, K); nothing to speak of where no policy looks."""
        if not self.setup.policy.uses_draws:
            return np.zeros((len(types), 1, self.setup.shape[2]))
        return self.draws.matrix[seeds, types].swapaxes(1, 2)

    def _best(self, view: View, v: Floats) -> Ints:
        """Take the best arm of the view's one row; ties by a uniform number."""
        objective = self.setup.objective
        admitted = objective.screen(view)
        utility = np.where(admitted, objective.utility(view.draws, view)[:, 0], -np.inf)
        arm = utility.argmax(-1)
        best = np.take_along_axis(utility, arm[:, None], -1)
        tied = np.count_nonzero(utility == best) > len(arm)
        return inverse_cdf(win_shares(utility[:, None], admitted), v) if tied else arm

    def _explore(self, seeds: Ints, types: Ints, may: NDArray[np.bool_], coin: Floats, v: Floats, arm: Ints) -> None:
        """Put exploration's choice in place of the policy's where the coin falls below f, and note what it costs."""
        allowance = self.allowance
        if not allowance.on:
            return
        forced = np.flatnonzero(coin < allowance.f[seeds, types])
        if len(forced):
            q = allowance.q[seeds[forced], types[forced]] * may[forced]
            forced, q = forced[q.any(-1)], q[q.any(-1)]
            arm[forced] = inverse_cdf(q, v[forced])
            allowance.pay(seeds[forced], self.cost[seeds[forced], types[forced], arm[forced]])

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
        )

    def _solve(self, now: float, seeds: Seeds, *, whole: bool) -> None:
        weight, cost = self.mix[seeds] / self.mix[seeds].sum(1, keepdims=True), self.cost[seeds]
        start = (self.n_outcomes * 5) % (self.setup.n_rows - _SOLVER_ROWS + 1)
        theta = cost[..., None, :]
        if self.setup.policy.uses_draws:
            theta = self.draws.matrix[seeds, :, :, start : start + _SOLVER_ROWS].swapaxes(2, 3)
        view = self._view(seeds, EVERY, cost, self._repayable[seeds], theta, now)

        def spend(price: Floats) -> Floats:
            view.price = price[:, None]
            spent: Floats = (weight * expected_cost(self.setup.policy, view, self.setup.objective)).sum(1)
            return spent

        cheapest = self.cheapest_usd[seeds] * 1.0001
        target = self.target(seeds)
        assert target is not None  # noqa: S101 - there is a pacer
        self.below_cheapest[seeds] = below = target < cheapest
        only = self.serving & (cost <= self._least_usd()[seeds, :, None])
        self.affordable[seeds] = np.where(below[:, None, None], only, self._repayable[seeds])
        target = np.maximum(target, cheapest)
        worth = np.ones(cost.shape[1]) if self.setup.worth_usd is None else self.setup.worth_usd
        typical = np.maximum((weight * cost.mean(-1)).sum(1), 1e-12)
        scale = self.setup.objective.price_scale(typical, np.maximum((weight * worth).sum(1), 1e-12))
        solver = PriceSolver(self.solver.price[seeds])
        if not self.setup.objective.monotone:
            solver.scan(spend, target, scale)
        elif whole:
            solver.solve(spend, target, scale)
        else:
            lost = solver.follow(spend, target, scale)
            self._publish_price(seeds, solver)
            lost |= self._alarmed[seeds]
            self._alarmed[seeds] = False
            if np.count_nonzero(lost):
                self._solve(now, self._seeds[seeds][lost], whole=True)
            return
        self._publish_price(seeds, solver)

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
