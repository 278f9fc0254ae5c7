"""How many tokens a model uses on a task type: shrunken means, so that prices act at once and teach nothing false."""

from __future__ import annotations

import numpy as np

from selector.posteriors._evidence import EVERY, Cells, Evidence, Floats, Seeds

__all__ = ["Tokens", "output_token_equivalents", "shrunk_ratio"]

_CELL_WEIGHT = 3.0  # nu0: pseudo-outcomes of the model's pooled mean in each cell
_TYPE_WEIGHT = 10.0  # usual outcomes that hold a task type's factor at one
_MODEL_WEIGHT = 2.0  # pseudo-outcomes of the catalogue's value in the model's pooled mean


class Tokens:
    """Expected output tokens of every (seed, task type, model).

    The Gamma-Gamma posterior mean: with n outcomes of total N in a cell, ``(3 m f + N) / (3 + n)``. Here m is the
    model's mean over all types, itself shrunk by two pseudo-outcomes to the catalogue's value, and f how much more a
    task type takes than others, over all models: ``f_x = (sum_k N_kx + w) / (sum_k n_kx m_k + w)``, w being ten of its
    usual outcomes. A model without prices is believed in dollars instead: one dollar per token.

    Parameters
    ----------
    evidence
        Discounted (n, N), shape (2, n_seeds, n_types, n_models).
    catalogue
        Expected output tokens before anything was seen, > 0, shape (n_seeds, n_models).
    now
        The present, in the unit of the evidence.
    learnt
        Answers from elsewhere, which are never forgotten and count beside the evidence: how many, and their tokens
        together, shape (2, n_types, n_models) or smaller; None: none.

    Notes
    -----
    The mean is the arithmetic one, because the budget is on the mean; a log-normal's mean would be biased where the
    tail is not log-normal. Tails come from `lognormal_quantile`.

    Examples
    --------
    >>> e = Evidence(2, (1, 1, 1), half_life=np.inf)
    >>> tokens = Tokens(e, np.array([[100.0]]))
    >>> e.add(Cells(*np.zeros((3, 1), int)), np.array([[1.0], [200.0]]), at=0.0)
    >>> tokens.refresh(0.0)
    >>> tokens.mean[0, 0].round(1).tolist()     # m = (200 + 2 100) / 3; f = (200 + 10 m) / (11 m); (3 m f + 200) / 4
    [154.5]
    """

    __slots__ = ("catalogue", "evidence", "learnt", "mean")

    def __init__(self, evidence: Evidence, catalogue: Floats, now: float = 0.0, learnt: Floats | None = None) -> None:
        self.evidence, self.catalogue = evidence, catalogue
        self.mean: Floats = np.empty(evidence.shape)
        self.teach(learnt)
        self.refresh(now)

    def teach(self, learnt: Floats | None) -> None:
        """Take in what is known from elsewhere, in the place of what was; the next `refresh` counts it."""
        self.learnt: Floats | None = None
        if learnt is not None and learnt.any():
            self.learnt = np.zeros((2, *self.evidence.shape[1:]))
            self.learnt[:, : learnt.shape[1], : learnt.shape[2]] = learnt

    def refresh(self, now: float, seeds: Seeds = EVERY) -> None:
        """Compute every cell's mean anew."""
        n, total = own = np.maximum(self.evidence.now(now, seeds), 0.0)
        if self.learnt is not None:
            own += self.learnt[:, None]
        model = (total.sum(1) + _MODEL_WEIGHT * self.catalogue[seeds]) / (n.sum(1) + _MODEL_WEIGHT)
        expected, seen = (n * model[:, None]).sum(2), n.sum(2)
        usual = _TYPE_WEIGHT * np.divide(expected, seen, out=np.ones_like(seen), where=seen > 0)
        factor = (total.sum(2) + usual) / (expected + usual)
        self.mean[seeds] = (total + _CELL_WEIGHT * model[:, None] * factor[..., None]) / (n + _CELL_WEIGHT)

    def grow(self, n_types: int, catalogue: Floats, now: float, learnt: Floats | None = None) -> None:
        """Make room for more task types and models."""
        self.evidence.grow(n_types, catalogue.shape[1])
        self.catalogue, self.mean = catalogue, np.empty(self.evidence.shape)
        self.teach(learnt)
        self.refresh(now)

    def reprice(self, model: int, factor: float) -> None:
        """Multiply all that is believed of a model in dollars: it was about the old price."""
        self.catalogue[:, model] *= factor
        self.evidence.multiply(factor, field=1, model=model)
        if self.learnt is not None:
            self.learnt[1, :, model] *= factor

    def add(self, cells: Cells, tokens: Floats, at: Floats | float, scale: Floats | float = 1.0) -> None:
        """Add what outcomes used."""
        values = np.ones((2, len(tokens)))
        values[1] = tokens
        self.evidence.add(cells, values, at, scale)


def output_token_equivalents(cost_usd: Floats, input_usd: Floats, output_usd_per_token: Floats) -> Floats:
    """Turn dollars that came without tokens into output tokens: (cost - priced input) / output price.

    A provider's bill is a fact even where it names no tokens; in output-token equivalents it teaches the same belief.

    Parameters
    ----------
    cost_usd
        What was paid.
    input_usd
        What the known input costs at the prices of that day.
    output_usd_per_token
        The output price of that day; 0 gives 0 tokens.

    Examples
    --------
    >>> output_token_equivalents(np.array([0.02]), np.array([0.005]), np.array([15e-6])).round().tolist()
    [1000.0]
    """
    output = np.maximum(np.asarray(cost_usd, float) - input_usd, 0.0)
    priced = np.asarray(output_usd_per_token, float)
    found: Floats = np.divide(output, priced, out=np.zeros(np.broadcast(output, priced).shape), where=priced > 0)
    return found


def shrunk_ratio(observed: Floats, expected: Floats, weight: float) -> Floats:
    """Learn a ratio of sums, held at 1 by a weight in units of the expected sum.

    It serves where a number is expected and another is seen: a model's tokens per four characters, a route's dollars
    against its price list.

    Parameters
    ----------
    observed, expected
        Sums, >= 0.
    weight
        How much expected sum it takes to move half of the way from 1.

    Examples
    --------
    >>> shrunk_ratio(np.array([0.0, 130.0]), np.array([0.0, 100.0]), 100.0).tolist()
    [1.0, 1.15]
    """
    return (np.asarray(observed, float) + weight) / (np.asarray(expected, float) + weight)
