"""One choice laid out: every candidate with what is believed of it, what it costs, and how likely it is."""

from __future__ import annotations

import numpy as np

from selector.decision._decider import Decider
from selector.records import Candidate

__all__ = ["candidates"]


def candidates(decider: Decider, models: tuple[str, ...], type_: int, *, row: int = 0) -> tuple[Candidate, ...]:
    """Lay out what a decider of one seed would choose from for a task of a type, best drawn utility first.

    Parameters
    ----------
    decider
        Of one seed.
    models
        Names of its models.
    type_
        Index of the task type.
    row
        Which row of draws the shown utilities come from, in [0, n_rows).

    Returns
    -------
    tuple
        One candidate per model; intervals are the central 90 % of the posterior, not concentrated.

    Examples
    --------
    >>> from selector.decision import Setup
    >>> from selector.posteriors import Priors
    >>> decider = Decider(Setup(priors=Priors(tokens=np.array([[0.01, 0.05]])), n_types=1), [7])
    >>> c = candidates(decider, ("small", "large"), 0)[0]
    >>> round(c.mean, 2), [round(x, 2) for x in c.interval], c.n, c.prior_share
    (0.75, [0.48, 0.95], 0.0, 1.0)
    """
    from scipy.special import betaincinv

    success, setup = decider.beliefs.success, decider.setup
    alpha, beta = success.alpha[0, type_], success.beta[0, type_]
    low, high = betaincinv(alpha, beta, 0.05), betaincinv(alpha, beta, 0.95)
    probability = decider.probabilities(np.array([type_]))[0]
    theta = decider.draws.matrix[0, type_, :, row] if setup.policy.uses_draws else alpha / (alpha + beta)
    utility = theta - decider.price[0] * decider.cost[0, type_]
    found = [
        Candidate(
            model=name,
            route=name,
            mean=float(alpha[k] / (alpha[k] + beta[k])),
            interval=(float(low[k]), float(high[k])),
            n=float(decider.beliefs.n[0, type_, k]),
            prior_share=float(success.strength[k] / (alpha[k] + beta[k])),
            cost_usd=float(decider.cost[0, type_, k]),
            utility=float(utility[k]),
            probability=float(probability[k]),
        )
        for k, name in enumerate(models)
    ]
    return tuple(sorted(found, key=lambda c: -(c.utility or 0.0)))
