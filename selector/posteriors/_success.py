"""How often a model succeeds on a task type: Beta posteriors over an additive, shrunken prior."""

from __future__ import annotations

import numpy as np

from selector.posteriors._evidence import EVERY, Cells, Evidence, Floats, Seeds

__all__ = ["Success"]

_PRIOR_STRENGTH = 8.0  # s0: pseudo-outcomes of the pooled prior in each cell
_POOL_WEIGHT = 2.0  # pseudo-outcomes of m0 in the model's overall mean
_TYPE_WEIGHT = 10.0  # pseudo-outcomes that hold a task type's difficulty at zero
_UNKNOWN_MEAN = 0.75  # the pool's mean before anything was seen
_KAPPA_MAX = 4.0
_KAPPA_FREEDOM = 20.0
_GRADED_RATIO = 0.3  # prior ratio of a graded score's variance to a binary one's


class Success:
    """Success posteriors of every (seed, task type, model), published by each refresh, off the hot path.

    With evidence n, reward sum S and square sum Q per cell, scores in [0, 1], and prior means m0::

        m_k  = (sum_x S_kx + 2 m0_k) / (sum_x n_kx + 2)            the model overall
        d_x  = sum_k (S_kx - n_kx m_k) / (sum_k n_kx + 10)         how hard the task type is
        P_kx = clip(m_k + d_x, .02, .98)
        alpha = s0 P + kappa S,   beta = s0 (1 - P) + kappa (n - S),   s0 = 8

    kappa matches the posterior's width to the scores' real variance: a score that is graded says more than a coin
    flip of the same mean. It is 1 while all scores are 0 or 1.

    Parameters
    ----------
    evidence
        Discounted (n, S, Q), shape (3, n_seeds, n_types, n_models).
    quality
        Prior mean per model in [0, 1]; nan: the pool's mean. Shape (n_models,).
    weight
        Pseudo-outcomes behind ``quality``, per model, >= 0.

    Attributes
    ----------
    prior, alpha, beta
        Shape (n_seeds, n_types, n_models).
    kappa
        Shape (n_seeds,), in [1, 4].
    strength
        s0: the prior's pseudo-outcomes in each cell of a model, shape (n_models,).
    n_repaired
        How many cells were not finite and fell back to their prior.

    Notes
    -----
    The pooled prior is estimated from the same outcomes that update the cells (empirical Bayes), so a cell's interval
    does not carry the uncertainty of the pool; with forgetting on, the posterior is a working posterior, not an exact
    one.

    References
    ----------
    .. [1] Agrawal, Goyal (2013). "Further optimal regret bounds for Thompson sampling." AISTATS.
       https://proceedings.mlr.press/v31/agrawal13a.html
    .. [2] Morris (1983). "Parametric empirical Bayes inference." JASA 78(381). https://doi.org/10.2307/2287098

    Examples
    --------
    >>> e = Evidence(3, (1, 1, 2), half_life=np.inf)
    >>> b = Success(e, np.array([0.9, np.nan]), np.array([0.0, 0.0]))
    >>> b.refresh(0.0)
    >>> b.mean[0, 0].round(2).tolist()
    [0.9, 0.75]
    """

    __slots__ = (
        "_weight",
        "alpha",
        "beta",
        "evidence",
        "kappa",
        "n_repaired",
        "prior",
        "quality",
        "strength",
    )

    def __init__(self, evidence: Evidence, quality: Floats, weight: Floats, now: float = 0.0) -> None:
        self.evidence, self.quality = evidence, quality
        self._weight = _POOL_WEIGHT + weight
        self.strength = _PRIOR_STRENGTH + weight
        seeds, types, models = evidence.shape
        self.kappa: Floats = np.ones(seeds)
        self.n_repaired = 0
        self.prior: Floats = np.empty((seeds, types, models))
        self.alpha: Floats = np.empty_like(self.prior)
        self.beta: Floats = np.empty_like(self.prior)
        self.refresh(now)

    @property
    def mean(self) -> Floats:
        """Posterior mean of every cell, shape (n_seeds, n_types, n_models)."""
        return self.alpha / (self.alpha + self.beta)

    def refresh(self, now: float, seeds: Seeds = EVERY) -> None:
        """Estimate the pooled priors and kappa anew and rebuild every cell of some seeds: O(n_types n_models) each."""
        n, total, square = np.maximum(self.evidence.now(now, seeds), 0.0)
        n_model, total_model = n.sum(1), total.sum(1)
        pool = (total.sum((1, 2)) + _POOL_WEIGHT * _UNKNOWN_MEAN) / (n.sum((1, 2)) + _POOL_WEIGHT)
        m0 = np.where(np.isnan(self.quality), pool[:, None], self.quality)
        model = (total_model + self._weight * m0) / (n_model + self._weight)
        hardness = (total - n * model[:, None]).sum(2) / (n.sum(2) + _TYPE_WEIGHT)
        prior = np.clip(model[:, None] + hardness[..., None], 0.02, 0.98)
        kappa = _kappa(n, total, square)
        alpha = self.strength * prior + kappa[:, None, None] * total
        beta = self.strength * (1 - prior) + kappa[:, None, None] * np.maximum(n - total, 0.0)
        self._publish(seeds, prior, kappa, alpha, beta)

    def n_published(self, cells: Cells) -> Floats:
        """Return the discounted outcomes behind some cells as of the last refresh, shape (n,)."""
        flat = cells.flat(self.evidence.shape)
        strength = self.alpha.reshape(-1)[flat] + self.beta.reshape(-1)[flat]
        return (strength - self.strength[cells.model]) / self.kappa[cells.seed]

    def grow(self, n_types: int, quality: Floats, weight: Floats, now: float) -> None:
        """Make room for more task types and models; the new cells are their priors."""
        self.evidence.grow(n_types, len(quality))
        self.quality, self._weight, self.strength = quality, _POOL_WEIGHT + weight, _PRIOR_STRENGTH + weight
        self.prior, self.alpha, self.beta = (np.empty(self.evidence.shape) for _ in range(3))
        self.refresh(now)

    def _publish(self, seeds: Seeds, prior: Floats, kappa: Floats, alpha: Floats, beta: Floats) -> None:
        broken = ~(np.isfinite(alpha) & np.isfinite(beta) & (alpha > 0) & (beta > 0))
        if broken.any():  # a broken cell falls back to its prior and never fails a decision
            self.n_repaired += int(broken.sum())
            prior = np.where(np.isfinite(prior), prior, _UNKNOWN_MEAN)
            kappa = np.where(np.isfinite(kappa), kappa, 1.0)
            alpha = np.where(broken, self.strength * prior, alpha)
            beta = np.where(broken, self.strength * (1 - prior), beta)
        self.prior[seeds], self.kappa[seeds], self.alpha[seeds], self.beta[seeds] = prior, kappa, alpha, beta


def _kappa(n: Floats, total: Floats, square: Floats) -> Floats:
    """Match the variance: how much more one graded score says than one coin flip of the same mean."""
    graded = (total - square).sum((1, 2)) > 1e-9 * (1 + n.sum((1, 2)))  # r = r^2 for scores of 0 and 1 alone
    seen = n > 1.5  # two outcomes, a little forgotten
    freedom = np.where(seen, n - 1, 0.0)
    safe = np.where(seen, n, 1.0)
    mean = np.clip(total / safe, 0.0, 1.0)
    binary = (freedom * mean * (1 - mean)).sum((1, 2))
    residual = np.where(seen, square - total * total / safe, 0.0).sum((1, 2))
    ratio = np.where(graded, _GRADED_RATIO, 1.0)
    kappa = np.clip((binary + 5) / (np.maximum(residual, 0.0) + 5 * ratio), 1.0, _KAPPA_MAX)
    return np.where(graded & (freedom.sum((1, 2)) >= _KAPPA_FREEDOM), kappa, 1.0)
