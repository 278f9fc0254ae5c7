"""Success of all models on all task types at once: what one cell saw says something of every other."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from selector.posteriors._evidence import Floats
from selector.posteriors._families import Families, Level

__all__ = ["Joint", "logit", "sigmoid", "spread_of"]

_sum: Callable[[Floats, int | tuple[int, ...]], Floats] = np.add.reduce  # as `.sum`, without the detour

_SWEEPS = 4  # of the alternating estimates
_UNKNOWN_MEAN = 0.75  # of a model of which nothing is known, on a task type of which nothing is known
_LEVEL_PRECISION = 0.28  # in squared log-odds: two outcomes behind that mean,
_USUAL = _LEVEL_PRECISION * math.log(_UNKNOWN_MEAN / (1 - _UNKNOWN_MEAN))  # which is this many log-odds
_ABILITY = 0.78  # variances in squared log-odds before anything was seen: of models,
_EASE = 0.78  # of task types,
_FIT = 0.23  # of what one model does better or worse on one type than both say,
_FAMILY = 0.02  # and on a family of types
_HEARD = 10.0  # effects behind the first two of these variances; twice as many behind the others
_SLOPE, _SLOPE_SD = 0.8, 1.2  # log-odds of success per log-odds published
_FURTHEST = 4.5  # log-odds beyond which an outcome is taken as no more surprising
_LEAST_SPREAD = 0.02  # of one outcome: p (1 - p) is taken to be at least this


def sigmoid(x: Floats) -> Floats:
    """Return the probability of log-odds."""
    p: Floats = 1.0 / (1.0 + np.exp(-x))
    return p


def logit(p: Floats | float) -> Floats:
    """Return the log-odds of a probability, which is taken to be within [.005, .995]."""
    p = np.clip(p, 0.005, 0.995)
    odds: Floats = np.log(p / (1 - p))
    return odds


def spread_of(p: Floats) -> Floats:
    """Return the variance of one outcome, which near 0 and 1 is taken to be no less than .02."""
    spread: Floats = np.maximum(p * (1 - p), _LEAST_SPREAD)
    return spread


@dataclass
class Joint:
    """A random-effects model of success in log-odds, fitted by alternating estimates to discounted sums.

    With n outcomes of mean y in the cell of model k and task type x, each worth kappa coin flips::

        logit theta_kx = level + ability_k + ease_x + slope z_kx + fit_kF + fit_kx

    The effects are normal around zero; their variances are estimated from the same outcomes, with weight on what is
    usual. ``F`` is the family of the type, and its family, where names are paths: a type without outcomes is
    believed to be like its family first. ``z`` are published figures of the models; their slope starts at .8 and is
    learnt like everything else, so that figures that do not predict stop counting. Abilities and slopes are estimated
    with the fits integrated out. A cell's variance is that of its ability and fits, given the ease of its type: what is
    common to all models of a type moves no choice.

    Parameters
    ----------
    n, mean
        Outcomes times kappa, >= 0, and their mean score in [0, 1], shape (n_seeds, n_types, n_models).
    center, weight
        Log-odds that a model's ability is expected to give it on a usual type, nan where not known; and how many
        outcomes are behind that, >= 0. Shape (n_models,).
    published
        z, shape (n_types, n_models); 0 where nothing is published, or on average.
    families
        Of the task types; none: every type is its own.

    Attributes
    ----------
    eta, variance
        Believed log-odds and their variance, shape (n_seeds, n_types, n_models).
    lean
        What published figures still move a cell's log-odds by, the same shape.
    slope
        Shape (n_seeds,).

    Notes
    -----
    The estimates are those of a linear mixed model on working responses (penalised quasi-likelihood), with the
    variances by expectation-maximisation, a fixed number of sweeps from a fixed start: the result is a function of the
    sums alone. Means lean towards the pool for cells near 0 or 1, and intervals take the variances as known.

    References
    ----------
    .. [1] Breslow, Clayton (1993). "Approximate inference in generalized linear mixed models." JASA 88(421).
       https://doi.org/10.2307/2290687
    .. [2] Henderson (1975). "Best linear unbiased estimation and prediction under a selection model." Biometrics 31.
       https://doi.org/10.2307/2529430

    Examples
    --------
    A model that does well on one type is expected to do well on another, and both are compared with a second model:

    >>> n = np.array([[[40.0, 40.0], [0.0, 20.0]]])
    >>> mean = np.array([[[0.95, 0.6], [0.0, 0.3]]])
    >>> joint = Joint(n, mean, np.full(2, np.nan), np.zeros(2), np.zeros((2, 2)))
    >>> sigmoid(joint.eta).round(2).tolist()
    [[[0.92, 0.61], [0.76, 0.34]]]
    """

    n: Floats
    mean: Floats
    center: Floats
    weight: Floats
    published: Floats
    families: Families = field(default_factory=Families)

    def __post_init__(self) -> None:
        seeds, types, models = self.n.shape
        self._known = ~np.isnan(self.center)
        self._center = np.where(self._known, self.center, 0.0)
        self._told = np.where(self._known, self.weight * _UNKNOWN_MEAN * (1 - _UNKNOWN_MEAN), 0.0)
        self._seen = [_Effects(_sum(self.n, 1)), _Effects(_sum(self.n, 2)), _Effects(self.n)]
        total, n = _sum(self.n * self.mean, (1, 2)), _sum(self.n, (1, 2))
        self._level: Floats = logit((total + 2 * _UNKNOWN_MEAN) / (n + 2))
        self._ability: Floats = np.zeros((seeds, models))
        self._above: Floats = self._ability[:, None]  # ability and what the families add to it
        self._branches: list[_Branch] = []
        self._ease: Floats = np.zeros((seeds, types))
        self._fit: Floats = np.zeros(self.n.shape)
        self._some = bool(self.published.any())
        self.slope: Floats = np.full(seeds, _SLOPE if self._some else 0.0)
        self._usual = [np.full(seeds, first) for first in (_ABILITY, _EASE, _FIT, _FAMILY)]
        self._var = self._usual
        at = self._within()
        for _ in range(_SWEEPS):
            self._sweep(at)
            at = 0.5 * (at + self._within())  # whole steps may lead back and forth for ever
        self._finish()

    def _within(self) -> Floats:
        """Return what is believed of each cell, as far as it moves the estimates."""
        eta = self._above + (self._level[:, None] + self._ease)[:, :, None] + self._fit
        if self._some:
            eta = eta + self.slope[:, None, None] * self.published
        self.eta: Floats = eta
        within: Floats = np.minimum(np.maximum(eta, -_FURTHEST), _FURTHEST)
        return within

    def _sweep(self, at: Floats) -> None:
        """Estimate each kind of effect once, given the others, and the variances from all."""
        p = sigmoid(at)
        spread = spread_of(p)
        heard = self.n * spread
        of_cells = self._var[2][:, None, None]
        weight = heard / (1 + of_cells * heard)  # of an outcome, once the cell's own fit is allowed for
        per_type, eased = _sum(weight, 2), self._ease[:, :, None]
        free = at + (self.mean - p) / spread - eased
        off: Floats | float = self.slope[:, None, None] * self.published if self._some else 0.0
        said = _sum(weight * (free - off - self._above), (1, 2))
        self._level = (said + _USUAL) / (_sum(per_type, 1) + _LEVEL_PRECISION)
        free -= self._level[:, None, None]
        if self._some:
            self._regress(free, weight)
            free -= self.slope[:, None, None] * self.published
        self._climb(weight, free)
        free += eased - self._above
        self._ease_precision = 1 / self._var[1][:, None] + per_type
        self._ease = _sum(weight * free, 2) / self._ease_precision
        self._share = of_cells * weight
        self._fit = self._share * (free - self._ease[:, :, None])
        self._vary()

    def _climb(self, weight: Floats, free: Floats) -> None:
        """Gather outcomes from types through families to models, and hand down what each of them adds."""
        total, gathered = weight * free, []
        for level in self.families.levels:
            weight, total = level.member @ weight, level.member @ total
            of_families = self._var[3][:, None, None] * level.several
            kept = 1 / (1 + of_families * weight)
            gathered.append((level, total, weight, of_families * kept))
            weight, total = weight * kept, total * kept
        self._own = 1 / self._var[0][:, None] + self._told
        self._expected = np.where(self._known, self._center - self._level[:, None], 0.0)
        self._precision = self._own + _sum(weight, 1)
        self._ability = (self._own * self._expected + _sum(total, 1)) / self._precision
        self._above, self._branches = self._ability[:, None], []
        for level, total, weight, gain in reversed(gathered):
            fit = gain * (total - weight * self._above)
            self._branches.append(_Branch(level, fit, gain * weight))
            self._above = (self._above + fit)[:, level.parent]

    def _regress(self, free: Floats, weight: Floats) -> None:
        """Learn the slope from one point a model: its outcomes against its figures, abilities integrated out."""
        total = _sum(weight, 1)
        per = np.where(total > 0, total, 1.0)
        y, z = _sum(weight * free, 1) / per, _sum(weight * self.published, 1) / per
        counts = np.where(total > 0, 1 / (1 / per + self._var[0][:, None]), 0.0)
        self._slope_precision: Floats = _sum(counts * z * z, 1) + _SLOPE_SD**-2
        self.slope = (_sum(counts * z * y, 1) + _SLOPE * _SLOPE_SD**-2) / self._slope_precision

    def _vary(self) -> None:
        """Estimate the variances from the effects of models, types, cells and families that have outcomes."""
        of_cells = self._var[2][:, None, None]
        of_ability, of_ease = 1 / self._precision, 1 / self._ease_precision
        fit, share = self._fit, self._share
        squares = [(self._ability - self._expected) ** 2 + of_ability, self._ease**2 + of_ease]
        squares.append(fit**2 + of_cells * (1 - share) + share**2 * (of_ability[:, None] + of_ease[:, :, None]))
        self._var = [
            self._seen[0].mean(squares[0], _HEARD, self._usual[0]),
            self._seen[1].mean(squares[1], _HEARD, self._usual[1]),
            self._seen[2].mean(squares[2], 2 * _HEARD, self._usual[2]),
            self._of_families(),
        ]

    def _of_families(self) -> Floats:
        """Estimate the variance of families by what was learnt of them, which is soon at rest where they are few."""
        if not self._branches:
            return self._usual[3]
        total, count = 2 * _HEARD * self._usual[3], np.full(len(self.n), 2 * _HEARD)
        for _, fit, share in self._branches:
            total = total + _sum(fit**2 + share**2 / self._precision[:, None], (1, 2))
            count = count + _sum(share, (1, 2))
        variance: Floats = total / count
        return variance

    def without(self, n: Floats, mean: Floats) -> Floats:
        """Return the log-odds that would be believed of each cell if some of its outcomes had not been heard.

        Parameters
        ----------
        n, mean
            Which of its own outcomes are left out, and their mean score, in the shape of all.
        """
        p = sigmoid(self.eta)
        precision = np.maximum(1 / self.variance - n * spread_of(p), 1 / self._vaguest)
        eta: Floats = self.eta - n * (mean - p) / precision
        return eta

    def _finish(self) -> None:
        """Say how sure it all is, and what figures have to do with it."""
        _, _, of_cells, of_families = (v[:, None, None] for v in self._var)
        shared = 1 / self._precision[:, None]
        left = (self._own / self._precision)[:, None]  # of what was expected of a model before its outcomes
        for level, _, share in self._branches:
            shared = (of_families * level.several * (1 - share) + (1 - share) ** 2 * shared)[:, level.parent]
            left = (left * (1 - share))[:, level.parent]
        if self._some:
            shared = shared + left**2 * self.published**2 / self._slope_precision[:, None, None]
        spared = 1 - self._share
        self.variance = of_cells * spared + spared**2 * shared
        self.lean = self.slope[:, None, None] * self.published * left * spared
        self._vaguest = of_cells + (1 / self._own)[:, None] + len(self._branches) * of_families


class _Branch(NamedTuple):
    """What the families of one level add to what is above them, and what share of their variance was learnt."""

    level: Level
    fit: Floats
    share: Floats


class _Effects:
    """Effects of one kind, each counted by how far it was seen: in [0, 1), without any outcomes not at all."""

    def __init__(self, n: Floats) -> None:
        self._share: Floats = n / (n + 1)
        self._axes = tuple(range(1, n.ndim))
        self._count: Floats = _sum(self._share, self._axes)

    def mean(self, squares: Floats, heard: float, usual: Floats) -> Floats:
        """Return the mean square of what was seen of each seed, with so many of the usual one among them."""
        mean: Floats = (_sum(self._share * squares, self._axes) + heard * usual) / (self._count + heard)
        return mean
