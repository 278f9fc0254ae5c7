"""One choice laid out: every candidate with what is believed of it, what it costs, and how likely it is."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from selector.decision._odds import Odds
from selector.posteriors import Floats
from selector.records import Candidate

__all__ = ["candidates"]


def candidates(
    odds: Odds,
    models: Sequence[str],
    *,
    routes: Sequence[str] | None = None,
    tokens: Floats | None = None,
    probabilities: Floats | None = None,
    row: int = 0,
) -> tuple[Candidate, ...]:
    """Lay out those who may serve a task, best utility first.

    Parameters
    ----------
    odds
        Who may serve, and what was published of them.
    models
        Names of all models.
    routes
        The route of each; None: the models' names.
    tokens
        Expected output tokens of each; nan: believed in dollars. None: not shown.
    probabilities
        With which each is chosen, shape (n_models,); None: as the odds say.
    row
        Which row of draws the shown utilities come from, in [0, n_rows).

    Returns
    -------
    tuple
        One candidate per model that may serve; intervals are the central 90 % of the posterior, not concentrated.

    Examples
    --------
    >>> from selector.decision import Board, Decider, Setup
    >>> from selector.posteriors import Priors
    >>> decider = Decider(Setup(priors=Priors(tokens=np.array([[0.01, 0.05]])), n_types=1), [7])
    >>> c = candidates(Board(decider, 0).everyone, ("small", "large"))[0]
    >>> round(c.mean, 2), [round(x, 2) for x in c.interval], c.n, c.prior_share
    (0.75, [0.38, 0.98], 0.0, 1.0)
    """
    from scipy.special import betaincinv

    board = odds.board
    alpha, beta = board.alpha, board.beta
    low, high = betaincinv(alpha, beta, 0.05), betaincinv(alpha, beta, 0.95)
    likely = odds.probabilities if probabilities is None else probabilities
    utility = odds.utility(row)
    found = [
        Candidate(
            model=models[k],
            route=models[k] if routes is None else routes[k],
            mean=float(alpha[k] / (alpha[k] + beta[k])),
            interval=(float(low[k]), float(high[k])),
            n=float(board.n[k]),
            prior_share=float(board.prior_strength[k] / (alpha[k] + beta[k])),
            published=float(board.lean[k]),
            tokens=None if tokens is None or np.isnan(tokens[k]) else float(tokens[k]),
            cost_usd=float(odds.cost[k]),
            toll=0.0 if odds.toll is None else float(odds.toll[k]),
            utility=float(utility[k]) if np.isfinite(utility[k]) else None,
            probability=float(likely[k]),
        )
        for k in np.flatnonzero(odds.may).tolist()
    ]
    return tuple(sorted(found, key=lambda c: (-(c.utility if c.utility is not None else -np.inf), c.model)))
