"""Replay a full matrix: what a policy would have earned, exactly, for many seeds at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from selector.budgets import NANO, Horizon, Pacer, PerRequest, Purse
from selector.decision import Decider, Setup
from selector.posteriors import Cells
from selector.replay._table import Matrix

__all__ = ["PassResult", "Protocol", "simulate"]

_BLOCK = 1024  # decisions whose uniform numbers are drawn at once: memory does not grow with the number of decisions


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
        order = np.stack([world.permutation(n) for world in worlds])
        purse, holds = self._start(matrix, n_seeds)
        reward, spent = np.zeros(n_seeds), np.zeros(n_seeds)
        chosen = np.zeros((n_seeds, len(matrix.task_types), n_models))
        refused = np.zeros(n_seeds, np.intp)
        every = np.arange(n_seeds)
        for start in range(0, n, _BLOCK):
            stop = min(start + _BLOCK, n)
            uniforms = np.stack([rng.random(stop - start) for rng in self.choices])
            for t in range(start, stop):
                prompt = order[:, t]
                types = matrix.type[prompt]
                fits = None if purse is None else purse.fits(holds)
                arm = self.decider.choose(types, uniforms[:, t - start], fits, now=self.now)
                score, cost = self._outcome(matrix, prompt, types, arm)
                served = arm >= 0
                refused += ~served
                reward += score
                spent += cost
                chosen[every, types, arm] += served
                if purse is not None:
                    purse.book(np.round(cost * NANO).astype(np.int64))
            self.tick((stop - start) * n_seeds)
        over = purse.spent > purse.limit if purse is not None else spent > (self.protocol.budget_usd or np.inf) * n
        return PassResult(reward / n, spent / n, chosen.sum(1) / n, over, refused, chosen.sum(0))

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

    def _outcome(
        self, matrix: Matrix, prompt: NDArray[np.intp], types: NDArray[np.intp], arm: NDArray[np.intp]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        decider, served = self.decider, arm >= 0
        score, cost = matrix.score[prompt, arm], matrix.cost_usd[prompt, arm]
        at, self.now = self.now, self.now + 1
        seeds = np.arange(len(arm))
        if np.count_nonzero(served) == len(arm):
            decider.observe(Cells(seeds, types, arm), at=at, now=self.now, score=score, tokens=cost)
        else:
            score, cost = np.where(served, score, 0.0), np.where(served, cost, 0.0)
            if served.any():
                cells = Cells(seeds[served], types[served], arm[served])
                decider.observe(cells, at=at, now=self.now, score=score[served], tokens=cost[served])
        if decider.pacer is not None:
            decider.pacer.settle(cost)
        return score, cost
