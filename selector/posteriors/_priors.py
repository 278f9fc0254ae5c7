"""What is believed before anything was seen."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from selector.posteriors._evidence import Floats

__all__ = ["Priors"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Priors:
    """What is believed before anything was seen.

    Parameters
    ----------
    tokens
        Expected output tokens (dollars, where a model has no prices), > 0, shape (n_seeds, n_models).
    quality
        Expected success per model in [0, 1]; nan: the pool's mean. Shape (n_models,).
    weight
        Pseudo-outcomes behind ``quality``, >= 0, shape (n_models,).
    published
        Published figures of each model for the kind of work that a task type is, in log-odds, nan where there are
        none; only differences between models count. Shape (n_types, n_models), or one of no types: nothing published.
    learnt
        Pseudo-outcomes from elsewhere, which are never forgotten: how many, the sum of their scores and of the scores'
        squares, >= 0. Shape (3, n_types, n_models), or one of no types: none.
    learnt_tokens
        Answers from elsewhere, likewise never forgotten: how many, and their output tokens together (dollars, where a
        model has no prices), >= 0. Shape (2, n_types, n_models), or one of no types: none.
    task_types
        Their names, of which ``bbh/navigate`` and ``bbh/snarks`` are one family; none: every type is its own.

    Examples
    --------
    >>> priors = Priors(tokens=np.array([[500.0, 800.0]]), published=np.array([[1.0, np.nan]]))
    >>> priors.figures(2).tolist()  # a figure that there is nothing to compare with says nothing
    [[0.0, 0.0], [0.0, 0.0]]
    """

    tokens: Floats
    quality: Floats = field(default_factory=lambda: np.empty(0))
    weight: Floats = field(default_factory=lambda: np.empty(0))
    published: Floats = field(default_factory=lambda: np.empty((0, 0)))
    learnt: Floats = field(default_factory=lambda: np.empty((3, 0, 0)))
    learnt_tokens: Floats = field(default_factory=lambda: np.empty((2, 0, 0)))
    task_types: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        models = self.tokens.shape[1]
        if not self.quality.size:
            object.__setattr__(self, "quality", np.full(models, np.nan))
        if not self.weight.size:
            object.__setattr__(self, "weight", np.zeros(models))

    def figures(self, n_types: int) -> Floats:
        """Return what is published, each type's mean taken away, 0 where nothing is, shape (n_types, n_models)."""
        found = np.zeros((n_types, self.tokens.shape[1]))
        some = np.isfinite(self.published)
        n = some.sum(1, keepdims=True)
        mean = np.where(some, self.published, 0.0).sum(1, keepdims=True) / np.maximum(n, 1)
        found[: len(some), : some.shape[1]] = np.where(some & (n > 1), self.published - mean, 0.0)
        return found

    def outcomes(self, n_types: int) -> Floats:
        """Return the pseudo-outcomes from elsewhere, shape (3, n_types, n_models)."""
        found = np.zeros((3, n_types, self.tokens.shape[1]))
        found[:, : self.learnt.shape[1], : self.learnt.shape[2]] = self.learnt
        return found
