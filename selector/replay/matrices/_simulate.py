"""Replay a full matrix: what a policy would have earned, exactly, for many seeds at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.budgets import NANO, Horizon, Pacer, PerRequest, Purse
from selector.decision import Decider, Setup
from selector.posteriors import Cells
from selector.replay.matrices._table import Matrix

__all__ = ["PassResult", "Protocol", "simulate"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Protocol:
    """What is replayed and how it is measured.

    Parameters
    ----------
    measured
        The prompts that are measured.
    learnt
        Prompts that come first and are learnt from, unmeasured; None: none.
    passes
        How often the measured prompts are gone through, each time in a new random order, learning going on.
    budget_usd
        Mean per request; None: no budget.
    hard
        Whether the total (budget x decisions) is a hard cap, kept by holds.
    guess_error
        Log-standard-deviation of the first guess of each model's mean cost, as a price list would give it.
    """

    measured: Matrix
    learnt: Matrix | None = None
    passes: int = 1
    budget_usd: float | None = None
    hard: bool = False
    guess_error: float = 0.4


@dataclass(slots=True)
class PassResult:
    """What one pass earned, seed by seed."""

    reward: NDArray[np.float64]
    """Mean score, shape (n_seeds,)."""
    cost_usd: NDArray[np.float64]
    """Mean cost, shape (n_seeds,)."""
    share: NDArray[np.float64]
    """How often each model was chosen, shape (n_seeds, n_models)."""
    over_cap: NDArray[np.bool_]
    """Whether the total went over the cap, shape (n_seeds,)."""
    refused: NDArray[np.intp]
    """Decisions for which no model fitted, shape (n_seeds,); they score zero and cost nothing."""
    chosen: NDArray[np.float64]
    """Choices per (task type, model), summed over seeds."""


def simulate(
    setup: Callable[[NDArray[np.float64]], Setup],
    protocol: Protocol,
    seeds: list[int],
    tick: Callable[[int], None] = lambda _: None,
) -> tuple[list[PassResult], Decider]:
    """Replay one policy at one budget over all seeds at once.

    A seed's result does not depend on which other seeds run beside it. The order of prompts and the first cost
    guesses of a seed are the same for every policy, so that differences between policies are paired.

    Parameters
    ----------
    setup
        Builds the decider's setup from the first guess of costs, shape (n_seeds, n_models).
    protocol
        What is replayed.
    seeds
        Whole numbers.
    tick
        Called with the number of decisions made since the last call.

    Returns
    -------
    tuple
        One result per measured pass, and the decider as it ended.
    """
    worlds = [np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,))) for seed in seeds]
    choices = [np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,))) for seed in seeds]
    keys = [int.from_bytes(np.random.SeedSequence(seed, spawn_key=(2,)).generate_state(4).tobytes()) for seed in seeds]
    measured = protocol.measured
    mean = measured.cost_usd.mean(0)
    guess = np.stack([np.maximum(mean, 1e-12) * np.exp(w.normal(0, protocol.guess_error, len(mean))) for w in worlds])
    decider = Decider(setup(guess), keys)
    run = _Run(decider, choices, protocol, tick)
    if protocol.learnt is not None:
        run.once(protocol.learnt, worlds)
    return [run.once(measured, worlds) for _ in range(protocol.passes)], decider


class _Cap(NamedTuple):
    """A hard cap as it stands at some decision."""

    purse: Purse
    holds: NDArray[np.int64]
    """What a call of each model holds."""
    n_left: int
    """How many decisions there are from here on."""


@dataclass(slots=True)
class _Run:
    """One decider on its way through the prompts."""

    decider: Decider
    choices: list[np.random.Generator]
    protocol: Protocol
    tick: Callable[[int], None]
    now: int = 0

    def once(self, matrix: Matrix, worlds: list[np.random.Generator]) -> PassResult:
        """Go once through all prompts of a matrix, each seed in an order of its own."""
        n, n_seeds, n_models = matrix.n_prompts, len(worlds), len(matrix.models)
        order = np.stack([world.permutation(n) for world in worlds], axis=1)
        purse, holds = self._start(matrix, n_seeds)
        reward, spent = np.zeros(n_seeds), np.zeros(n_seeds)
        chosen = np.zeros((n_seeds, len(matrix.task_types), n_models))
        refused = np.zeros(n_seeds, np.intp)
        every, done = np.arange(n_seeds), 0
        while done < n:
            prompts = order[done : done + min(self.decider.until_refresh, self._most)]
            types = matrix.type[prompts]
            u = np.stack([rng.random(len(prompts)) for rng in self.choices], axis=1)
            if purse is None:
                arm = self.decider.choose(types, u, now=self.now)
            else:
                arm = self._one_by_one(matrix, prompts, u, _Cap(purse, holds, n - done))
            served = arm >= 0
            score = np.where(served, matrix.score[prompts, arm], 0.0)
            cost = np.where(served, matrix.cost_usd[prompts, arm], 0.0)
            self._learn(types, arm, score, cost)
            refused += (~served).sum(0)
            reward += score.sum(0)
            spent += cost.sum(0)
            np.add.at(chosen, (np.broadcast_to(every, types.shape), types, arm), served)
            done += len(prompts)
            self.tick(len(prompts) * n_seeds)
        budget = np.inf if self.protocol.budget_usd is None else self.protocol.budget_usd
        over = spent > budget * n if purse is None else purse.spent > purse.limit
        return PassResult(reward / n, spent / n, chosen.sum(1) / n, over, refused, chosen.sum(0))

    @property
    def _most(self) -> int:
        """How many choices of a seed are made at once: fewer where each looks at a whole matrix of draws."""
        policy = self.decider.setup.policy
        return 8 if policy.uses_draws and not policy.by_row else 64

    def _one_by_one(self, matrix: Matrix, prompts: Ints, u: Floats, cap: _Cap) -> Ints:
        """Choose in turn under a hard cap: what fits depends on what was spent just before."""
        arms = np.empty(prompts.shape, np.intp)
        for i, prompt in enumerate(prompts):
            may = self._lasting(matrix.type[prompt], cap, cap.n_left - i)
            arm = self.decider.choose(matrix.type[prompt], u[i], may, now=self.now + i)
            cost = np.where(arm >= 0, matrix.cost_usd[prompt, arm], 0.0)
            cap.purse.book(np.round(cost * NANO).astype(np.int64))
            arms[i] = arm
        return arms

    def _lasting(self, types: Ints, cap: _Cap, n_left: int) -> NDArray[np.bool_]:
        """Say who may serve: whose hold fits, and of these, where there are any, who leaves enough for the rest.

        Enough is what the cheapest models are expected to cost for all that is still to come. A cap that an early
        lottery ticket has eaten leaves tasks unserved, which costs more than any ticket wins.
        """
        fits = cap.purse.fits(cap.holds)
        decider = self.decider
        cost = decider.cost[np.arange(len(types)), types]
        spare = cap.purse.room / NANO - (n_left - 1) * decider.cheapest_usd
        lasting = fits & ((cost <= spare[:, None]) | (cost <= cost.min(-1, keepdims=True)))
        return np.where(lasting.any(-1, keepdims=True), lasting, fits)

    def _learn(self, types: Ints, arm: Ints, score: Floats, cost: Floats) -> None:
        """Tell the decider and the pacer what came of some choices, shape (n_tasks, n_seeds)."""
        decider = self.decider
        if decider.pacer is not None:
            for paid in cost:
                decider.pacer.settle(paid)
        served = arm >= 0
        task, seed = np.nonzero(served)
        at = self.now + task.astype(float)
        self.now += len(types)
        cells = Cells(seed, types[served], arm[served])
        decider.observe(cells, at=at, now=self.now, score=score[served], tokens=cost[served], n_outcomes=len(types))

    def _start(self, matrix: Matrix, n_seeds: int) -> tuple[Purse | None, NDArray[np.int64]]:
        protocol, n = self.protocol, matrix.n_prompts
        pacer: Pacer | None = None
        purse, holds = None, np.zeros(0, np.int64)
        if protocol.budget_usd is not None and protocol.hard:
            limit = np.full(n_seeds, int(protocol.budget_usd * n * NANO))
            purse, holds = Purse(limit), np.ceil(matrix.cost_usd.max(0) * NANO).astype(np.int64)
            pacer = Horizon(protocol.budget_usd * n, n, n_seeds)
        elif protocol.budget_usd is not None:
            pacer = PerRequest(protocol.budget_usd, n_seeds)
        self.decider.pacer = pacer
        self.decider.refresh(self.now, whole=True)
        return purse, holds
