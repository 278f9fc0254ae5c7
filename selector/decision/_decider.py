"""Choose, learn, refresh: the loop's arithmetic for every seed at once, without a clock, a ledger or a log."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from selector.decision._published import Published
from selector.decision._setup import Setup
from selector.decision._uniform import split, take
from selector.policies import View, inverse_cdf, win_shares
from selector.posteriors import Cells, Event, Floats, Ints

__all__ = ["Decider"]


class Decider(Published):
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
    >>> counts, round(float(decider.price[0]))       # a quarter to the large one; one dollar more is worth 11 successes
    ([370, 130], 11)
    """

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
        for each in self.limited:
            each.grow(setup.n_types)
        if self.waiting is not None:
            self.waiting = np.pad(self.waiting, (more[1], (0, 0)), "edge")
        if self.toll is not None:
            self.toll = np.pad(self.toll, ((0, 0), more[1], (0, 0)), "edge")
        self.mix, self._arrived = np.pad(self.mix, more, constant_values=0.5), np.pad(self._arrived, more)
        self._publish_nothing()
        self.refresh(now, whole=True)

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
            self.beliefs.tokens.reprice(model, factor)
        if factor < 1:
            n = self.beliefs.success.evidence.now(now)[0].sum(1)[:, model]
            self.allowance.restart(model, n)
        self.refresh(now, whole=True)

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
