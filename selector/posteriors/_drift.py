"""Has a model changed: a two-sided CUSUM per model."""

from __future__ import annotations

import numpy as np

from selector.posteriors._evidence import Cells, Floats, Ints

__all__ = ["Cusum"]

_SIGNS = np.array([[1.0], [-1.0]])


class Cusum:
    """Sums of standardised surprises, one up and one down per (seed, model).

    Each judged outcome of a cell with at least 8 outcomes adds
    ``z = clip((r - M) / sd, -3, 3)`` with ``sd^2 = max(M (1 - M), .01) / kappa (1 + 8 / (n + 9))``, M and n of the
    cell before the update; the sums drift down by .35 an outcome and raise an alarm at 12.

    Parameters
    ----------
    n_seeds, n_models
        The shape of the sums.
    drift
        What each sum loses per outcome, in standard deviations.
    alarm
        The height at which it alarms.
    least
        Outcomes a cell needs before it is listened to.

    Attributes
    ----------
    sums
        One for better and one for worse than believed, shape (2, n_seeds, n_models).
    deaf
        Models whose alarm rang: not listened to until the belief that it withdrew is published anew, shape
        (n_seeds, n_models).

    Notes
    -----
    The false-alarm rate holds for outcomes that are independent given the cell; task types that mix an easy and a
    hard population alarm more often.

    References
    ----------
    .. [1] Page (1954). "Continuous inspection schemes." Biometrika 41. https://doi.org/10.2307/2333009

    Examples
    --------
    >>> cusum = Cusum(1, 1)
    >>> cell = Cells(*np.zeros((3, 1), int))
    >>> bad = [cusum.step(cell, np.zeros(1), np.full(1, 0.9), np.full(1, 50.0), np.ones(1))[0] for _ in range(6)]
    >>> bad.index(True)
    4
    """

    __slots__ = ("alarm", "deaf", "drift", "least", "sums")

    def __init__(
        self, n_seeds: int, n_models: int, *, drift: float = 0.35, alarm: float = 12.0, least: float = 8.0
    ) -> None:
        self.drift, self.alarm, self.least = drift, alarm, least
        self.sums: Floats = np.zeros((2, n_seeds, n_models))
        self.deaf = np.zeros((n_seeds, n_models), bool)

    def step(self, cells: Cells, score: Floats, mean: Floats, n: Floats, kappa: Floats) -> np.ndarray:
        """Listen to outcomes in the order given; say for each whether its model's alarm rang.

        Parameters
        ----------
        cells
            Whose outcomes, n of them.
        score, mean, n, kappa
            The score in [0, 1], and the belief it is held against: its mean, outcomes and width. Shape (n,).
        """
        sd = np.sqrt(np.maximum(mean * (1 - mean), 0.01) / kappa * (1 + 8 / (n + 9)))
        z = np.clip((score - mean) / sd, -3.0, 3.0)
        heard = np.flatnonzero(n >= self.least)
        rang = np.zeros(len(score), bool)
        if self.sums.shape[1] == 1:
            self._listen(heard.tolist(), cells.model.tolist(), z.tolist(), rang)
            return rang
        for turn in _turns(cells.seed[heard] * self.sums.shape[2] + cells.model[heard]):
            now = heard[turn]
            now = now[~self.deaf[cells.seed[now], cells.model[now]]]
            at = (slice(None), cells.seed[now], cells.model[now])
            sums = np.maximum(self.sums[at] + _SIGNS * z[now] - self.drift, 0.0)
            rang[now] = sums.max(0) > self.alarm
            self.sums[at] = np.where(rang[now], 0.0, sums)
            self.deaf[at[1:]] = rang[now]
        return rang

    def _listen(self, heard: list[int], models: list[int], z: list[float], rang: np.ndarray) -> None:
        """Listen to the outcomes of one seed, one after the other: for a few, quicker than turns of arrays."""
        up, down, deaf = self.sums[0, 0].tolist(), self.sums[1, 0].tolist(), self.deaf[0].tolist()
        for i in heard:
            k = models[i]
            if deaf[k]:
                continue
            better, worse = max(up[k] + z[i] - self.drift, 0.0), max(down[k] - z[i] - self.drift, 0.0)
            if better > self.alarm or worse > self.alarm:
                rang[i] = deaf[k] = True
                better = worse = 0.0
            up[k], down[k] = better, worse
        self.sums[0, 0], self.sums[1, 0], self.deaf[0] = up, down, deaf

    def grow(self, n_models: int) -> None:
        """Make room for more models."""
        more = n_models - self.sums.shape[2]
        self.sums = np.pad(self.sums, ((0, 0), (0, 0), (0, more)))
        self.deaf = np.pad(self.deaf, ((0, 0), (0, more)))


def _turns(keys: Ints) -> list[Ints]:
    """Cut outcomes into turns, in each of which every key occurs once at most, its first occurrences first."""
    if len(keys) < 2:
        return [np.arange(len(keys))] if len(keys) else []
    order = np.argsort(keys, kind="stable")
    first = np.flatnonzero(np.diff(keys[order], prepend=-1))
    turn = np.arange(len(keys)) - np.repeat(first, np.diff(first, append=len(keys)))
    by_turn = np.argsort(turn, kind="stable")
    return np.split(order[by_turn], np.cumsum(np.bincount(turn))[:-1])
