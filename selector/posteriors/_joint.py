"""Success of all models on all task types at once: what one cell saw says something of every other."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from selector.posteriors._evidence import Floats

__all__ = ["Joint", "logit", "sigmoid", "spread_of"]

_SWEEPS = 6  # of the alternating estimates
_UNKNOWN_MEAN = 0.75  # of a model of which nothing is known, on a task type of which nothing is known
_LEVEL_PRECISION = 0.28  # in squared log-odds: two outcomes behind that mean
_ABILITY = 0.78  # variances in squared log-odds before anything was seen: of models,
_EASE = 0.78  # of task types,
_FIT = 0.23  # and of what one model does better or worse on one type than both say
_HEARD = 10.0  # effects behind the first two of these variances; twice as many behind the third
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

        logit theta_kx = level + ability_k + ease_x + slope z_kx + fit_kx

    The effects are normal around zero; their variances are estimated from the same outcomes, with weight on what is
    usual. ``z`` are published figures of the models; their slope starts at .8 and is learnt like
    everything else, so that figures that do not predict stop counting. Abilities and slopes are estimated with the
    fits integrated out. A cell's variance is that of its ability and fit, given the ease of its type: what is common
    to all models of a type moves no choice.

    Parameters
    ----------
    n, mean
        Outcomes times kappa, >= 0, and their mean score in [0, 1], shape (n_seeds, n_types, n_models).
    center, weight
        Log-odds that a model's ability is expected to give it on a usual type, nan where not known; and how many
        outcomes are behind that, >= 0. Shape (n_models,).
    published
        z, shape (n_types, n_models); 0 where nothing is published, or on average.

    Attributes
    ----------
    eta, variance
        Believed log-odds and their variance, shape (n_seeds, n_types, n_models).
    base, base_variance
        The same without the cell's own fit: what its model's ability, its type's ease and published figures say of it.
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
    [[[0.92, 0.61], [0.77, 0.34]]]
    """

    n: Floats
    mean: Floats
    center: Floats
    weight: Floats
    published: Floats

    def __post_init__(self) -> None:
        seeds, types, models = self.n.shape
        self._known = ~np.isnan(self.center)
        self._seen = [_seen(self.n.sum(1)), _seen(self.n.sum(2)), _seen(self.n)]
        total, n = (self.n * self.mean).sum((1, 2)), self.n.sum((1, 2))
        self._level: Floats = logit((total + 2 * _UNKNOWN_MEAN) / (n + 2))
        self._ability: Floats = np.zeros((seeds, models))
        self._ease: Floats = np.zeros((seeds, types))
        self._fit: Floats = np.zeros(self.n.shape)
        self._at: Floats | None = None
        self.slope: Floats = np.full(seeds, _SLOPE if self.published.any() else 0.0)
        self._var = [np.full(seeds, first) for first in (_ABILITY, _EASE, _FIT)]
        for _ in range(_SWEEPS):
            self._sweep()
        self._finish()

    @property
    def eta(self) -> Floats:
        """Believed log-odds, shape (n_seeds, n_types, n_models)."""
        return self.base + self._fit

    def _sweep(self) -> None:
        """Estimate each kind of effect once, given the others, and the variances from all."""
        of_models, of_types, of_cells = self._var
        response, weight = self._working(of_cells)
        off = self.slope[:, None, None] * self.published
        free = response - off - self._ease[:, :, None]
        self._level = self._pool(free - self._ability[:, None], weight)
        free -= self._level[:, None, None]
        if self.published.any():
            self._regress(free + off, weight, of_models)
            new = self.slope[:, None, None] * self.published
            free += off - new
            off = new
        own = 1 / of_models[:, None] + np.where(self._known, self.weight * _UNKNOWN_MEAN * (1 - _UNKNOWN_MEAN), 0.0)
        center = np.where(self._known, self.center - self._level[:, None], 0.0)
        precision = own + weight.sum(1)
        self._ability = (own * center + (weight * free).sum(1)) / precision
        free += self._ease[:, :, None] - self._ability[:, None]
        eased = 1 / of_types[:, None] + weight.sum(2)
        self._ease = (weight * free).sum(2) / eased
        free -= self._ease[:, :, None]
        share = of_cells[:, None, None] * weight
        self._fit = share * free
        self._own, self._precision, self._eased, self._share = own, precision, eased, share
        self._vary(self._ability - center)

    def _working(self, of_cells: Floats) -> tuple[Floats, Floats]:
        """Return what the outcomes say in log-odds, and its weight once a cell's own fit is allowed for."""
        eta = self._level[:, None, None] + self._ability[:, None] + self._ease[:, :, None] + self._fit
        eta = np.clip(eta + self.slope[:, None, None] * self.published, -_FURTHEST, _FURTHEST)
        if self._at is not None:
            eta = 0.5 * (eta + self._at)  # whole steps may lead back and forth for ever
        self._at = eta
        p = sigmoid(eta)
        spread = spread_of(p)
        heard = self.n * spread
        return eta + (self.mean - p) / spread, heard / (1 + of_cells[:, None, None] * heard)

    def _pool(self, free: Floats, weight: Floats) -> Floats:
        usual = _LEVEL_PRECISION * float(logit(_UNKNOWN_MEAN))
        level: Floats = ((weight * free).sum((1, 2)) + usual) / (weight.sum((1, 2)) + _LEVEL_PRECISION)
        return level

    def _regress(self, free: Floats, weight: Floats, of_models: Floats) -> None:
        """Learn the slope from one point a model: its outcomes against its figures, abilities integrated out."""
        total = weight.sum(1)
        per = np.where(total > 0, total, 1.0)
        y, z = (weight * free).sum(1) / per, (weight * self.published).sum(1) / per
        counts = np.where(total > 0, 1 / (1 / per + of_models[:, None]), 0.0)
        self._slope_precision: Floats = (counts * z * z).sum(1) + _SLOPE_SD**-2
        self.slope = ((counts * z * y).sum(1) + _SLOPE * _SLOPE_SD**-2) / self._slope_precision

    def _vary(self, ability: Floats) -> None:
        """Estimate the variances from the effects of models, types and cells that have outcomes."""
        of_cells = self._var[2][:, None, None]
        around = 1 / self._precision[:, None] + 1 / self._eased[:, :, None]
        fit = self._fit**2 + of_cells * (1 - self._share) + self._share**2 * around
        self._var = [
            _mean_of(ability**2 + 1 / self._precision, self._seen[0], _HEARD, _ABILITY),
            _mean_of(self._ease**2 + 1 / self._eased, self._seen[1], _HEARD, _EASE),
            _mean_of(fit, self._seen[2], 2 * _HEARD, _FIT),
        ]

    def _finish(self) -> None:
        off = self.slope[:, None, None] * self.published
        self.base = self._level[:, None, None] + self._ability[:, None] + self._ease[:, :, None] + off
        left = (self._own / self._precision)[:, None]  # of what was expected of a model before its outcomes
        spared = 1 - self._share
        of_cells = self._var[2][:, None, None]
        shared = 1 / self._precision[:, None] + np.zeros_like(self.n)
        if self.published.any():
            shared += left**2 * self.published**2 / self._slope_precision[:, None, None]
        self.base_variance = of_cells + shared
        self.variance = of_cells * spared + spared**2 * shared
        self.lean = off * left * spared


def _seen(n: Floats) -> Floats:
    """Say how far an effect with so many outcomes counts as one that was seen, in [0, 1): without any, not at all."""
    share: Floats = n / (n + 1)
    return share


def _mean_of(squares: Floats, seen: Floats, heard: float, usual: float) -> Floats:
    """Return the mean square of what was seen of each seed, with so many of the usual one among them."""
    every = tuple(range(1, squares.ndim))
    mean: Floats = ((seen * squares).sum(every) + heard * usual) / (seen.sum(every) + heard)
    return mean
