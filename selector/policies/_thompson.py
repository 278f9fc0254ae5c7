"""Thompson sampling: each arm as often as it is believed to be the best one."""

from __future__ import annotations

from selector.policies._base import Scored
from selector.policies._view import Floats, View

__all__ = ["Thompson", "usual_concentration"]


class Thompson(Scored):
    """Choose each arm as often as its posterior draw is the best one, dollars counted.

    The probability is the share of rows of a matrix of draws that an arm wins; a choice picks a row uniformly. Both
    have the same law as a fresh draw per choice, but here the propensity is the probability that was really used,
    which is what off-policy evaluation needs.

    Attributes
    ----------
    explores
        A floor of exploration is mixed in by default: without one, an arm that never wins a row has propensity zero.

    Examples
    --------
    >>> import numpy as np
    >>> view = View.of(alpha=[80.0, 50.0], beta=[20.0, 50.0], rng=np.random.default_rng(0), n_rows=4096)
    >>> Thompson().probabilities(view).round(2).tolist()
    [1.0, 0.0]
    >>> view.cost, view.price = np.array([0.30, 0.01]), np.array(1.0)
    >>> Thompson().probabilities(view).round(2).tolist()
    [0.57, 0.43]

    Notes
    -----
    Regret bounds for Thompson sampling assume stationary arms and exact posteriors; with forgetting, pooling and a
    budget on they do not formally apply.

    References
    ----------
    .. [1] Thompson (1933). "On the likelihood that one unknown probability exceeds another in view of the evidence of
       two samples." Biometrika 25. https://doi.org/10.2307/2332286
    .. [2] Agrawal, Goyal (2012). "Analysis of Thompson sampling for the multi-armed bandit problem." COLT.
       https://proceedings.mlr.press/v23/agrawal12.html
    """

    name = "thompson"
    explores = True
    uses_draws = True
    by_row = True

    def scores(self, view: View) -> Floats:
        """Return the draws."""
        return view.draws


def usual_concentration(n_models: int, *, floor: bool = True) -> float:
    """Return the factor on alpha and beta that is sampled with unless one is configured.

    The more models there are, the more of them look best by luck, and the more outcomes that luck costs before it is
    found out.

    Parameters
    ----------
    n_models
        How many there are to choose from.
    floor
        Whether a floor of exploration is mixed in; without one, more than 2 locks the best of ten models out in a
        quarter of cold starts.

    Examples
    --------
    >>> usual_concentration(3), usual_concentration(30), usual_concentration(30, floor=False)
    (4.6, 10.0, 2.0)
    """
    return 4.0 + 0.2 * n_models if floor else 2.0
