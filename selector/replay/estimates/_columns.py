"""What one decision adds to every estimator, as columns whose means, and ratios of means, are the estimates."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from selector.replay.estimates._logged import LoggedArrays

__all__ = [
    "ESTIMATORS",
    "N_COLUMNS",
    "OUTCOMES",
    "Layout",
    "Rates",
    "Term",
    "columns_of",
    "formula",
    "layout_of",
    "reward_columns",
    "weight_column",
]

Floats = NDArray[np.float64]

OUTCOMES = ("success", "cost")
ESTIMATORS = ("dm", "ips", "snips", "dr", "clipped_dr", "sn_dr", "aw_dr")
_OWN = ("dm", "ips", "weight", "dr", "clipped_dr", "h_dr")
_LOGGING = ("dm0", "ips0", "weight0", "dr0")
_BOUNDS = ("failed", "succeeded", "failed0", "succeeded0")
_NAMES = ("w", "h", *(f"{o}.{c}" for o in OUTCOMES for c in _OWN + _LOGGING), *(f"success.{c}" for c in _BOUNDS))
_PLACE = {name: i for i, name in enumerate(_NAMES)}
N_COLUMNS = len(_NAMES)
_TINY = 1e-300


class Rates(NamedTuple):
    """Probability that an outcome was seen, per type and arm; None: all of them were."""

    success: Floats | None
    cost: Floats | None


class Term(NamedTuple):
    """A column's mean, or its ratio to another's: an estimate is a sum of such terms."""

    above: int
    below: int | None = None
    """None: the mean alone."""
    sign: float = 1.0


class Layout(NamedTuple):
    """Which columns are added up, and where each of all columns is found among them: many are often the same."""

    kept: tuple[str, ...]
    place: tuple[int, ...]
    """Of each of the N_COLUMNS."""


def layout_of(rates: Rates, *, logging: bool) -> Layout:
    """Leave out columns that equal another one: where nothing is missing, and for the logging policy itself."""
    same: dict[str, str] = {}
    if rates.success is None:
        same |= {"success.failed": "success.dr", "success.succeeded": "success.dr", "success.weight": "w"}
        same |= {"success.failed0": "success.dr0", "success.succeeded0": "success.dr0"}
    if rates.cost is None:
        same["cost.weight"] = "w"
    if rates.success is None and rates.cost is None:
        same["cost.weight0"] = "success.weight0"
    if logging:
        for o in OUTCOMES:
            own = {"dm": "dm0", "ips": "ips0", "weight": "weight0", "dr": "dr0", "clipped_dr": "dr0", "h_dr": "dr0"}
            same |= {f"{o}.{name}": f"{o}.{equal}" for name, equal in own.items()}
        same |= {"success.failed": "success.failed0", "success.succeeded": "success.succeeded0", "h": "w"}
    kept = tuple(name for name in _NAMES if name not in same)

    def place(name: str) -> int:
        return kept.index(name) if name in kept else place(same[name])

    return Layout(kept, tuple(place(name) for name in _NAMES))


def formula(outcome: str, estimator: str, *, logging: bool = False) -> tuple[Term, ...]:
    """Return the columns of an estimator, or of its counterpart that values the logging policy itself.

    Examples
    --------
    >>> [len(formula("success", name)) for name in ("dr", "sn_dr")]
    [1, 3]
    """

    def place(name: str) -> int:
        return _PLACE[f"{outcome}.{name}{'0' if logging else ''}"]

    if logging and estimator in {"clipped_dr", "aw_dr"}:
        estimator = "dr"
    if estimator == "snips":
        return (Term(place("ips"), place("weight")),)
    if estimator == "sn_dr":
        dm, dr, weight = place("dm"), place("dr"), place("weight")
        return Term(dm), Term(dr, weight), Term(dm, weight, -1.0)
    if estimator == "aw_dr":
        return (Term(place("h_dr"), _PLACE["h"]),)
    return (Term(place(estimator)),)


def weight_column(outcome: str) -> int:
    """Return the column of the weights of what was seen of an outcome."""
    return _PLACE[f"{outcome}.weight"]


def reward_columns() -> list[int]:
    """Return the columns that are in units of success: a worth multiplies these."""
    return [i for name, i in _PLACE.items() if name.startswith("success.") and "weight" not in name]


def columns_of(log: LoggedArrays, target: Floats, rates: Rates, clip: float, kept: tuple[str, ...]) -> Floats:
    """Compute the columns of some decisions under one target policy.

    With w = pi(a)/e(a) of the chosen arm, M the logged means, m the probability that the outcome y was seen (else it
    counts as zero)::

        dm          sum_a pi(a) M(a)                          Direct method
        ips         w y/m                                     Horvitz, Thompson 1952
        snips       sum w y/m / sum w/m                       Swaminathan, Joachims 2015
        dr          dm + w (y - M)/m                          Dudik, Langford, Li 2011, arXiv:1103.4601
        clipped_dr  dm + min(w, clip) (y - M)/m
        sn_dr       dm + (sum w (y - M)/m) / (sum w/m)        self-normalised, for few and large weights
        aw_dr       sum h dr / sum h in each task type, averaged over decisions; h = (sum_a pi(a)^2/e(a))^-1/2,
                    StableVar: Hadad et al. 2021, doi:10.1073/pnas.2014602118; Zhan et al. 2021, arXiv:2106.02029

    Weights h that depend on the context must be normalised within it, else contexts where the logging policy agrees
    with the target count for more than their share: here the context is the task type.

    Returns
    -------
    array
        Shape (len(kept), n).
    """
    rows, e = np.arange(log.n), log.probabilities
    w = target[rows, log.arm] / log.propensity
    found = {"w": w}
    if "h" in kept:
        variance = np.einsum("ij,ij->i", target, target / np.maximum(e, _TINY))
        found["h"] = 1.0 / np.sqrt(np.maximum(variance, _TINY))
    parts = ((log.reward, log.mean_reward, rates.success), (log.cost_usd, log.mean_cost_usd, rates.cost))
    for outcome, (y, means, rate) in zip(OUTCOMES, parts, strict=True):
        predicted, weight0 = means[rows, log.arm], np.ones(log.n)
        if rate is not None:
            missing = np.isnan(y)
            often = np.maximum(rate[log.type, log.arm], _TINY)
            weight0, y = ~missing / often, np.where(missing, 0.0, y)  # noqa: PLW2901 - it counts as zero
        residual = (y - predicted) * weight0
        dm0 = np.einsum("ij,ij->i", e, means)
        each = {"dm0": dm0, "ips0": weight0 * y, "weight0": weight0, "dr0": dm0 + residual}
        if f"{outcome}.dr" in kept:
            dm = np.einsum("ij,ij->i", target, means)
            dr, clipped_dr = dm + w * residual, dm + np.minimum(w, clip) * residual
            each |= {"dm": dm, "ips": w * each["ips0"], "weight": w * weight0}
            each |= {"dr": dr, "clipped_dr": clipped_dr, "h_dr": found["h"] * dr}
        found |= {f"{outcome}.{name}": column for name, column in each.items()}
    if "success.failed0" in kept:
        _add_bounds(found, log)
    return np.stack([found[name] for name in kept])


def _add_bounds(found: dict[str, Floats], log: LoggedArrays) -> None:
    """Add what the doubly robust columns would be if all that nobody judged had failed, or had succeeded."""
    predicted = log.mean_reward[np.arange(log.n), log.arm]
    for name, y in (("failed", 0.0), ("succeeded", 1.0)):
        residual = np.where(np.isnan(log.reward), y, log.reward) - predicted
        found[f"success.{name}0"] = found["success.dm0"] + residual
        if "success.dm" in found:
            found[f"success.{name}"] = found["success.dm"] + found["w"] * residual
