"""How often a model succeeds on a task type: Beta posteriors matched to a joint model of all cells."""

from __future__ import annotations

import numpy as np

from selector.posteriors._evidence import EVERY, Cells, Evidence, Floats, Seeds
from selector.posteriors._families import Families
from selector.posteriors._joint import Joint, logit, sigmoid, spread_of
from selector.posteriors._priors import Priors

__all__ = ["Success"]

_LEAST_STRENGTH = 2.0  # pseudo-outcomes behind any belief
_LOW, _HIGH = 0.01, 0.99  # between which a believed success lies
_KAPPA_MAX = 4.0
_KAPPA_FREEDOM = 20.0
_GRADED_RATIO = 0.3  # prior ratio of a graded score's variance to a binary one's


class Success:
    """Success posteriors of every (seed, task type, model), published by each refresh, off the hot path.

    With evidence n, reward sum S and square sum Q per cell, scores in [0, 1], a `Joint` model gives each cell a mean
    and a variance in log-odds; alpha and beta are those of the Beta distribution that has both::

        alpha = m s,   beta = (1 - m) s,   s = 1 / (variance m (1 - m)) - 1

    kappa matches the posterior's width to the scores' real variance: a score that is graded says more than a coin
    flip of the same mean. It is 1 while all scores are 0 or 1.

    Parameters
    ----------
    evidence
        Discounted (n, S, Q), shape (3, n_seeds, n_types, n_models).
    priors
        Before anything was seen.
    now
        The present, in the unit of the evidence.

    Attributes
    ----------
    prior, strength
        What other cells, published figures and priors say of a cell, as if its own outcomes had not been heard: the
        mean, and how many pseudo-outcomes it is worth. Shape (n_seeds, n_types, n_models).
    alpha, beta
        The same shape.
    n
        Discounted outcomes behind each cell as of the last refresh, the same shape.
    lean
        By how much published figures still move a cell's mean, the same shape.
    slope
        What published figures count, in log-odds of success per log-odds published, shape (n_seeds,).
    kappa
        Shape (n_seeds,), in [1, 4].
    n_repaired
        How many cells were not finite and fell back to their prior.

    Notes
    -----
    The joint model is estimated from the same outcomes that update the cells (empirical Bayes), so a cell's interval
    does not carry the uncertainty of the variances; with forgetting on, the posterior is a working posterior, not an
    exact one.

    References
    ----------
    .. [1] Agrawal, Goyal (2013). "Further optimal regret bounds for Thompson sampling." AISTATS.
       https://proceedings.mlr.press/v31/agrawal13a.html
    .. [2] Morris (1983). "Parametric empirical Bayes inference." JASA 78(381). https://doi.org/10.2307/2287098

    Examples
    --------
    >>> e = Evidence(3, (1, 1, 2), half_life=np.inf)
    >>> b = Success(e, Priors(tokens=np.ones((1, 2)), quality=np.array([0.9, np.nan])))
    >>> b.mean[0, 0].round(2).tolist()
    [0.9, 0.75]
    """

    __slots__ = (
        "_center",
        "_families",
        "_figures",
        "_outcomes",
        "alpha",
        "beta",
        "evidence",
        "kappa",
        "lean",
        "n",
        "n_repaired",
        "prior",
        "priors",
        "slope",
        "strength",
    )

    def __init__(self, evidence: Evidence, priors: Priors, now: float = 0.0) -> None:
        self.evidence, self.priors = evidence, priors
        seeds = evidence.shape[0]
        self.kappa: Floats = np.ones(seeds)
        self.slope: Floats = np.zeros(seeds)
        self.n_repaired = 0
        self._make_room()
        self.refresh(now)

    @property
    def mean(self) -> Floats:
        """Posterior mean of every cell, shape (n_seeds, n_types, n_models)."""
        return self.alpha / (self.alpha + self.beta)

    def refresh(self, now: float, seeds: Seeds = EVERY) -> None:
        """Fit the joint model and kappa anew and rebuild every cell of some seeds: O(n_types n_models) each."""
        own = self.evidence.now(now, seeds)
        broken = ~np.isfinite(own).all(0)
        if broken.any():  # a broken cell falls back to its prior and never fails a decision
            self.n_repaired += int(broken.sum())
            own = np.where(broken, 0.0, own)
        own = np.maximum(own, 0.0)
        n, total, square = own + self._outcomes[:, None]
        self.kappa[seeds] = kappa = _kappa(n, total, square)
        score = _share_of(total, n)
        of_one = kappa[:, None, None]
        joint = Joint(n * of_one, score, self._center, self.priors.weight, self._figures, self._families)
        mean, heard = _within(sigmoid(joint.eta)), own[0] * of_one
        strength = _strength(mean, joint.variance)
        before = joint.without(heard, _share_of(own[1], own[0]))
        self.prior[seeds] = _within(sigmoid(before))
        self.slope[seeds], self.n[seeds] = joint.slope, own[0]
        alpha, beta = mean * strength, (1 - mean) * strength
        self.alpha[seeds], self.beta[seeds] = alpha, beta
        self.strength[seeds] = np.maximum(alpha + beta - heard, 0.0)
        if self._figures.any():
            self.lean[seeds] = mean - _within(sigmoid(joint.eta - joint.lean))

    def n_published(self, cells: Cells) -> Floats:
        """Return the discounted outcomes behind some cells as of the last refresh, shape (n,)."""
        n: Floats = self.n.reshape(-1)[cells.flat(self.evidence.shape)]
        return n

    def grow(self, n_types: int, priors: Priors, now: float) -> None:
        """Make room for more task types and models; the new cells are their priors."""
        self.evidence.grow(n_types, priors.tokens.shape[1])
        self.priors = priors
        self._make_room()
        self.refresh(now)

    def _make_room(self) -> None:
        types = self.evidence.shape[1]
        self._figures, self._outcomes = self.priors.figures(types), self.priors.outcomes(types)
        self._families = Families.of(self.priors.task_types[:types])
        self._center: Floats = logit(self.priors.quality)
        self.n, self.prior, self.strength, self.alpha, self.beta, self.lean = np.zeros((6, *self.evidence.shape))


def _share_of(total: Floats, n: Floats) -> Floats:
    share: Floats = np.minimum(np.maximum(total / np.where(n > 0, n, 1.0), 0.0), 1.0)
    return share


def _within(mean: Floats) -> Floats:
    within: Floats = np.minimum(np.maximum(mean, _LOW), _HIGH)
    return within


def _strength(mean: Floats, variance: Floats) -> Floats:
    """Return alpha + beta of a belief of some mean and some variance in log-odds."""
    strength: Floats = np.maximum(1 / (variance * spread_of(mean)) - 1, _LEAST_STRENGTH)
    return strength


def _kappa(n: Floats, total: Floats, square: Floats) -> Floats:
    """Match the variance: how much more one graded score says than one coin flip of the same mean."""
    graded = (total - square).sum((1, 2)) > 1e-9 * (1 + n.sum((1, 2)))  # r = r^2 for scores of 0 and 1 alone
    if not graded.any():
        return np.ones(len(n))
    seen = n > 1.5  # two outcomes, a little forgotten
    freedom = np.where(seen, n - 1, 0.0)
    safe = np.where(seen, n, 1.0)
    mean = _share_of(total, safe)
    binary = (freedom * mean * (1 - mean)).sum((1, 2))
    residual = np.where(seen, square - total * total / safe, 0.0).sum((1, 2))
    ratio = np.where(graded, _GRADED_RATIO, 1.0)
    kappa = np.clip((binary + 5) / (np.maximum(residual, 0.0) + 5 * ratio), 1.0, _KAPPA_MAX)
    return np.where(graded & (freedom.sum((1, 2)) >= _KAPPA_FREEDOM), kappa, 1.0)
