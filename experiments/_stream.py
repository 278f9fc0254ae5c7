"""A stream of decisions over a matrix that may change on the way: prices, outcomes, and who serves."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from experiments._outcomes import default_settings
from selector.budgets import PerRequest
from selector.decision import Decider
from selector.errors import DataError
from selector.posteriors import Cells
from selector.replay import Matrix, Settings

__all__ = ["Stream", "Stretch", "prompts_in", "settings_with"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_GUESS_ERROR = 0.4  # log-standard-deviation of the first guess of each model's mean cost


class Stretch(NamedTuple):
    """What came of some decisions, seed by seed."""

    reward: Floats
    """Mean score, shape (n_seeds,)."""
    cost_usd: Floats
    """Mean cost, shape (n_seeds,)."""
    share: Floats
    """How often each model was chosen, shape (n_seeds, n_models)."""
    arm: Ints
    """What was chosen, shape (n_decisions, n_seeds)."""
    score: Floats
    """What it scored, the same shape."""


def prompts_in(matrix: Matrix, split: str) -> Ints:
    """Return which prompts are in a split."""
    if matrix.split is None:
        raise DataError(f"there is no column 'split', so no split {split!r}")
    return np.flatnonzero(matrix.split == split)


def settings_with(matrix: Matrix, half_life: float | None = None) -> Settings:
    """Return every default on, but for a half-life where one is given."""
    settings = default_settings(matrix)
    if half_life is None:
        return settings
    return replace(settings, learning=replace(settings.learning, half_life=half_life))


class Stream:
    """Many seeds on their way through one matrix, under a mean budget per request.

    The loop is that of a simulation: what is chosen between two refreshes is chosen at once, then learnt from. A
    seed's orders of prompts and its first guesses of costs are the same for every setting.

    Parameters
    ----------
    matrix
        Every model's outcome on every prompt.
    usd
        Per request; None: no budget.
    seeds
        Whole numbers.
    settings
        How to decide.
    """

    def __init__(self, matrix: Matrix, usd: float | None, seeds: list[int], settings: Settings) -> None:
        self._worlds = [np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,))) for seed in seeds]
        self._luck = [np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(1,))) for seed in seeds]
        keys = [np.random.SeedSequence(seed, spawn_key=(2,)).generate_state(4).tobytes() for seed in seeds]
        mean = np.maximum(matrix.cost_usd.mean(0), 1e-12)
        guess = mean * np.exp([world.normal(0, _GUESS_ERROR, len(mean)) for world in self._worlds])
        pacer = None if usd is None else PerRequest(usd, len(seeds))
        setup = settings.setup(guess, len(matrix.task_types))
        self.decider = Decider(setup, [int.from_bytes(key) for key in keys], pacer)
        self.matrix, self.now = matrix, 0
        self._score, self._cost = matrix.score, matrix.cost_usd

    def shuffled(self, prompts: Ints) -> Ints:
        """Return some prompts in an order of each seed's own, shape (n, n_seeds)."""
        return np.stack([world.permutation(prompts) for world in self._worlds], axis=1)

    def mixed(self, prompts: Ints) -> Ints:
        """Return each seed's own prompts in another order, shape (n, n_seeds)."""
        each = zip(self._worlds, prompts.T, strict=True)
        return np.stack([world.permutation(own) for world, own in each], axis=1)

    def show(self, score: Floats, cost_usd: Floats) -> None:
        """From here on these are the outcomes."""
        self._score, self._cost = score, cost_usd

    def reprice(self, model: int, factor: float) -> None:
        """Tell of a price that changed."""
        self.decider.reprice(model, factor, self.now)

    def serve(self, models: NDArray[np.bool_]) -> None:
        """From here on these models serve, shape (n_models,), as under another configuration; what is known stays."""
        self.decider.serving = np.broadcast_to(models, self.decider.serving.shape)
        self.decider.refresh(self.now, whole=True)

    def go(self, prompts: Ints, forced: Ints | None = None) -> Stretch:
        """Decide and learn, prompt after prompt.

        Parameters
        ----------
        prompts
            Which, shape (n, n_seeds).
        forced
            The model that a task goes to whatever is believed, outside the budget; -1: none. The same shape.
        """
        forced = np.full(prompts.shape, -1) if forced is None else forced
        n = len(prompts)
        arms, done = np.empty(prompts.shape, np.intp), 0
        while done < n:
            some = prompts[done : done + self.decider.until_refresh]
            u = np.stack([luck.random(len(some)) for luck in self._luck], axis=1)
            rule = forced[done : done + len(some)]
            arm = np.where(rule < 0, self.decider.choose(self.matrix.type[some], u, now=self.now), rule)
            arms[done : done + len(some)] = arm
            self._learn(some, arm, rule < 0)
            done += len(some)
        share = np.stack([(arms == k).mean(0) for k in range(len(self.matrix.models))], axis=1)
        score, cost = self._score[prompts, arms], self._cost[prompts, arms]
        return Stretch(score.mean(0), cost.mean(0), share, arms, score)

    def _learn(self, prompts: Ints, arm: Ints, paid: NDArray[np.bool_]) -> None:
        decider, n = self.decider, len(prompts)
        score, cost = self._score[prompts, arm], self._cost[prompts, arm]
        if decider.pacer is not None:
            for each in np.where(paid, cost, decider.pacer.mean_usd):  # a mean's cost changes no bank
                decider.pacer.settle(each)
        task, seed = (index.reshape(-1) for index in np.indices(prompts.shape))
        cells = Cells(seed, self.matrix.type[prompts].reshape(-1), arm.reshape(-1))
        at = self.now + task.astype(float)
        self.now += n
        decider.observe(cells, at=at, now=self.now, score=score.reshape(-1), tokens=cost.reshape(-1), n_outcomes=n)
