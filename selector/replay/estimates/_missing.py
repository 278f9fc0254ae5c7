"""Outcomes that nobody judged, or that only a model judged: weighed by how often, and corrected by people's labels."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError
from selector.replay.estimates._logged import LoggedArrays

__all__ = ["JudgingRates", "human_corrected"]

Floats = NDArray[np.float64]
Ints = NDArray[np.intp]

_SMOOTHING = 5.0  # decisions' worth of the rate of the same arm over all types, and of the arms' over all arms


@dataclass(slots=True)
class JudgingRates:
    """How often success was judged, and cost was known, per task type and arm.

    A decision that was judged with probability m counts 1/m times, those that were not count by their predicted mean
    alone. That is right where, within a task type and arm, whether somebody judged does not depend on how it went; the
    bounds beside each estimate (all that is missing failed, all of it succeeded) need no such thing. Rates are
    estimated, and intervals take them as known, which is on the wide side (Hirano, Imbens, Ridder 2003,
    doi:10.1111/1468-0262.00442). A rate is shrunk by five decisions towards the arm's over all types, and that one
    towards the rate of all.

    Parameters
    ----------
    n, judged, costed
        Decisions, those with a reward, those with a cost, shape (n_types, n_models).

    Examples
    --------
    >>> n, judged = np.array([[10.0, 10.0]]), np.array([[10.0, 5.0]])
    >>> rates = JudgingRates(n=n, judged=judged, costed=n)
    >>> rates.of_success().round(3), rates.of_cost()
    (array([[0.972, 0.528]]), array([[1., 1.]]))
    """

    n: Floats
    judged: Floats
    costed: Floats

    @classmethod
    def counted(cls, chunks: Iterable[LoggedArrays]) -> JudgingRates:
        """Count a log, or all pieces of one.

        Raises
        ------
        DataError
            There is no piece.
        """
        rates: JudgingRates | None = None
        for chunk in chunks:
            if rates is None:
                shape = (len(chunk.task_types), len(chunk.models))
                rates = cls(np.zeros(shape), np.zeros(shape), np.zeros(shape))
            cell = chunk.type * len(chunk.models) + chunk.arm
            for count, rows in (
                (rates.n, None),
                (rates.judged, ~np.isnan(chunk.reward)),
                (rates.costed, ~np.isnan(chunk.cost_usd)),
            ):
                found = np.bincount(cell if rows is None else cell[rows], minlength=count.size)
                count[:] += found.reshape(count.shape)
        if rates is None:
            raise DataError("the log is empty: there is no decision to count")
        return rates

    def of_success(self) -> Floats:
        """Return the probability that success was judged, shape (n_types, n_models)."""
        return _smoothed(self.judged, self.n)

    def of_cost(self) -> Floats:
        """Return the probability that the cost was known, shape (n_types, n_models)."""
        return _smoothed(self.costed, self.n)


def _smoothed(seen: Floats, n: Floats) -> Floats:
    """Shrink each cell's rate to its arm's, and that to the rate of all; exactly 1 where nothing is missing."""
    overall = seen.sum() / max(n.sum(), 1.0)
    arm = (seen.sum(0) + _SMOOTHING * overall) / (n.sum(0) + _SMOOTHING)
    rate: Floats = (seen + _SMOOTHING * arm) / (n + _SMOOTHING)
    return rate


def human_corrected(log: LoggedArrays, human: Floats, probability: Floats | float | None = None) -> LoggedArrays:
    """Correct a judge's scores by a sample that people labelled (prediction-powered inference).

    Each reward f becomes f + (y - f)/p where it has a label y, p being the probability of being labelled. Its mean is
    that of people's labels however wrong the judge is, and what the correction does not know widens every interval,
    since it varies from row to row (Angelopoulos et al. 2023, doi:10.1126/science.adi6000). A row without the judge's
    score stays unjudged. Corrected scores may lie outside [0, 1], so that confidence sequences refuse them.

    Parameters
    ----------
    log
        Whose rewards are the judge's scores.
    human
        People's scores in [0, 1], nan where nobody labelled, shape (n,).
    probability
        With which a row was picked for labelling, in (0, 1]; None: estimated per task type and arm, smoothed.

    Raises
    ------
    DataError
        There is no label, or a value cannot be.

    Examples
    --------
    >>> wide = np.full((4, 2), 0.5)
    >>> log = LoggedArrays(
    ...     arm=np.zeros(4, int), reward=np.ones(4), cost_usd=np.zeros(4), propensity=np.full(4, 0.5),
    ...     probabilities=wide, mean_reward=wide, mean_cost_usd=wide, type=np.zeros(4, int),
    ...     models=("small", "large"), task_types=("chat",))
    >>> human_corrected(log, np.array([0.0, np.nan, 1.0, np.nan]), 0.5).reward       # the judge always says 1
    array([-1.,  1.,  1.,  1.])
    """
    human = np.asarray(human, np.float64)
    if human.shape != (log.n,):
        raise DataError(f"human: its shape is {human.shape}, and ({log.n},) is needed: one score, or nan, per decision")
    if ((human < 0) | (human > 1)).any():
        raise DataError(f"human: {human[(human < 0) | (human > 1)][0]} is not in [0, 1]; scale the labels first")
    scored = ~np.isnan(log.reward)
    labelled = scored & ~np.isnan(human)
    if not labelled.any():
        raise DataError("human: no decision has both the judge's score and a label; label a random sample of them")
    if probability is None:
        cells = (len(log.task_types), len(log.models))
        code = log.type * cells[1] + log.arm
        n, seen = (np.bincount(code[rows], minlength=cells[0] * cells[1]) for rows in (scored, labelled))
        p = _smoothed(seen.reshape(cells).astype(float), n.reshape(cells).astype(float))[log.type, log.arm]
    else:
        p = np.broadcast_to(np.asarray(probability, np.float64), (log.n,))
        if not ((p > 0) & (p <= 1)).all():
            raise DataError("probability: of being labelled, must be above 0 and at most 1 for every decision")
    off = np.where(labelled, human - log.reward, 0.0)
    return replace(log, reward=log.reward + off / np.where(labelled, p, 1.0), corrected=True)
