"""How often each model would win if beliefs were sampled: many decisions at once, each belief drawn once."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from selector.config import PolicyConfig
from selector.errors import DataError
from selector.policies import usual_concentration

__all__ = ["Sampling", "Wins", "wins_of"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Codes = NDArray[np.uint64]
Singles = NDArray[np.float32]

_POOL = 1 << 16  # how many normal numbers a model has; each belief starts somewhere else among them
_DRAWN, _COMPARED = 4_000_000, 200_000  # draws that are kept, and utilities that are compared, at once
_LEAST = np.float32(1e-6)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How beliefs are sampled where choices are worked out again.

    Parameters
    ----------
    sharpness
        Factor on the strength of what is believed, > 0, a configuration's `concentration`; 1 is textbook Thompson
        sampling. None: as in the selector with a floor, 4 and a fifth of the number of models.
    floor
        Probability that is spread evenly over the eligible models, in [0, 1].
    n_draws
        How many draws a probability is counted from.
    seed
        Of the draws, at least 0.

    Raises
    ------
    DataError
        A number cannot be.

    Examples
    --------
    >>> Sampling(floor=0.02)
    Sampling(sharpness=None, floor=0.02, n_draws=256, seed=0)
    """

    sharpness: float | None = None
    floor: float = 0.0
    n_draws: int = field(default_factory=lambda: PolicyConfig().draws)
    seed: int = 0

    def __post_init__(self) -> None:
        if self.sharpness is not None and not 0 < self.sharpness < np.inf:
            raise DataError(f"sharpness: {self.sharpness} is not above 0; None is the selector's own, 1 is textbook")
        if not 0 <= self.floor <= 1:
            raise DataError(f"floor: {self.floor} is not in [0, 1]; the selector's own is .02")
        if not 1 <= self.n_draws <= _POOL:
            raise DataError(f"n_draws: {self.n_draws} is not in 1 to {_POOL}; the selector's own is 256")
        if self.seed < 0:
            raise DataError(f"seed: {self.seed} is below 0; give 0 or more")


class Wins:
    """Shares of posterior draws that each model wins, by success less what it costs.

    Draws depend on the seed, the model and the belief alone: the same belief has the same draws in whatever piece of a
    log, and with other models there or not, so that differences between policies carry little noise of their own. Every
    other belief has other ones, so that noise averages out over a log: a share of 256 draws is off by at most .03
    (one standard deviation), a mean over many beliefs by far less.

    A Beta draw is the share of one of two Gamma draws, and these are made of normal numbers by Wilson and Hilferty's
    cube [1]_, as in Marsaglia and Tsang's exact method without its rare rejections: means are right, standard
    deviations too large by .06 / a of themselves, where a is the concentrated alpha or beta (.2 % at 32).

    Parameters
    ----------
    n_models
        How many models.
    sampling
        How to draw.

    Examples
    --------
    >>> wins = Wins(2, Sampling(sharpness=1, n_draws=4096))
    >>> mean, strength, all_may = np.array([[0.8, 0.5]]), np.full((1, 2), 100.0), np.ones((1, 2), bool)
    >>> wins.shares(mean, strength, np.array([[0.30, 0.01]]), all_may).round(2)       # what each costs, in successes
    array([[0.56, 0.44]])

    References
    ----------
    .. [1] Wilson, Hilferty (1931). "The distribution of chi-square." https://doi.org/10.1073/pnas.17.12.684
    .. [2] Marsaglia, Tsang (2000). "A simple method for generating gamma variables."
       https://doi.org/10.1145/358407.358414
    """

    def __init__(self, n_models: int, sampling: Sampling) -> None:
        self.sampling = sampling
        self._sharpness = sampling.sharpness or usual_concentration(n_models)
        generator = np.random.Generator(np.random.Philox(key=sampling.seed))
        shape = (n_models, 2, _POOL + sampling.n_draws)
        self._normals = generator.standard_normal(shape, np.float32)
        self._logs = np.log(generator.random((2, shape[2]), np.float32) + np.float32(1e-9))

    def shares(self, mean: Floats, strength: Floats, paid: Floats, may: Bools) -> Floats:
        """Count how often each model is the best one.

        Parameters
        ----------
        mean, strength
            What is believed of each model's success, finite where it may, shape (n, n_models).
        paid
            What its cost takes off its success, the same shape.
        may
            Which models there are to choose from, at least one in each row, the same shape.

        Returns
        -------
        numpy.ndarray
            Shares that sum to one, shape (n, n_models).
        """
        n, n_models = mean.shape
        found = np.empty((n, n_models))
        step = max(1, _DRAWN // (n_models * self.sampling.n_draws))
        for start in range(0, n, step):
            rows = slice(start, start + step)
            found[rows] = self._some(mean[rows], strength[rows], paid[rows], may[rows])
        return found

    def _some(self, mean: Floats, strength: Floats, paid: Floats, may: Bools) -> Floats:
        """Count for decisions whose draws all fit in memory: each choice once, each belief drawn once."""
        least = np.where(may, paid, np.inf).min(1, keepdims=True)
        paid = np.where(may, paid - least, np.inf)
        codes = _coded(np.where(may, mean, 0.0), np.where(may, strength, 0.0))
        belief = _joined(codes)
        _, one, where = np.unique(_joined(_coded(paid, belief[:, None])), return_index=True, return_inverse=True)
        _, first, of = np.unique(belief[one], return_index=True, return_inverse=True)
        each = one[first]
        drawn = self._draws(mean[each], strength[each], codes[each], may[each])
        return self._counted(drawn, of, paid[one].astype(np.float32))[where]

    def _draws(self, mean: Floats, strength: Floats, codes: Codes, may: Bools) -> Singles:
        """Draw what is believed, shape (n_models, n, n_draws)."""
        n, n_models = mean.shape
        found = np.zeros((n_models, n, self.sampling.n_draws), np.float32)
        for k in range(n_models):
            rows = np.flatnonzero(may[:, k])
            start = (codes[rows, k] % _POOL).astype(np.intp)
            strong = self._sharpness * strength[rows, k]
            success = self._gammas(k, 0, strong * mean[rows, k], start)
            total = success + self._gammas(k, 1, strong * (1 - mean[rows, k]), start)
            found[k, rows] = success / np.maximum(total, _LEAST)
        return found

    def _gammas(self, k: int, side: int, shape: Floats, start: NDArray[np.intp]) -> Singles:
        """Draw from Gamma distributions, shape (n, n_draws)."""
        wide = np.lib.stride_tricks.sliding_window_view
        n_draws = self.sampling.n_draws
        shape = np.maximum(shape, 1e-3)
        d = np.where(shape < 1, shape + 1, shape) - 1 / 3
        cube: Singles = wide(self._normals[k, side], n_draws)[start]
        cube *= (1 / np.sqrt(9 * d)).astype(np.float32)[:, None]
        cube += np.float32(1)
        np.maximum(cube, _LEAST, out=cube)
        found: Singles = cube * cube
        found *= cube
        found *= d.astype(np.float32)[:, None]
        small = np.flatnonzero(shape < 1)
        if len(small):  # Gamma(a) = Gamma(a + 1) U^(1/a)
            logs = wide(self._logs[side], n_draws)[(start[small] + 977 * k) % _POOL]
            found[small] *= np.exp(logs / shape[small, None].astype(np.float32))
        return found

    def _counted(self, drawn: Singles, of: NDArray[np.intp], paid: Singles) -> Floats:
        """Count wins at what each decision pays, a few decisions at a time; a tie counts for each."""
        n_models, _, n_draws = drawn.shape
        won = np.empty(paid.shape)
        step = max(1, _COMPARED // (n_models * n_draws))
        for start in range(0, len(paid), step):
            rows = slice(start, start + step)
            utility = drawn[:, of[rows]]
            utility -= paid[rows].T[:, :, None]
            won[rows] = (utility == utility.max(0)).sum(-1).T
        shares: Floats = won / won.sum(1, keepdims=True)
        return shares


@lru_cache(maxsize=2)
def wins_of(n_models: int, sampling: Sampling) -> Wins:
    """Return what counts wins; the same again for the same sampling, since its random numbers take time to make.

    Examples
    --------
    >>> wins_of(2, Sampling()) is wins_of(2, Sampling())
    True
    """
    return Wins(n_models, sampling)


def _coded(*values: Floats | Codes) -> Codes:
    """Give each entry of some arrays, taken together, a number that stands for it."""
    codes = np.zeros(np.broadcast_shapes(*(each.shape for each in values)), np.uint64)
    for each in values:
        codes = _mixed(codes ^ each.view(np.uint64))
    return codes


def _joined(codes: Codes) -> Codes:
    """Give each row of numbers one that stands for it."""
    found = np.zeros(len(codes), np.uint64)
    for k in range(codes.shape[1]):
        found = _mixed(found ^ codes[:, k])
    return found


def _mixed(codes: Codes) -> Codes:
    """Spread numbers over all 64 bits, as the generator SplitMix does."""
    codes = codes + np.uint64(0x9E3779B97F4A7C15)
    codes = (codes ^ (codes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    codes = (codes ^ (codes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return codes ^ (codes >> np.uint64(31))
