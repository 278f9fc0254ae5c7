"""Every default on, then one changed at a time, at one budget of one matrix."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from experiments import _outcomes
from experiments._outcomes import default_settings, load, study_of
from experiments._sweep import Result
from selector.policies import TopTwoThompson
from selector.posteriors import Learning
from selector.replay import Settings

__all__ = ["VARIANTS", "Config", "run"]

VARIANTS: dict[str, Callable[[Settings], Settings]] = {
    "every default on": lambda s: s,
    "no floor, no burn-in": lambda s: replace(s, floor=0.0, concentration=4.0),
    "no forgetting": lambda s: replace(s, learning=Learning(half_life=np.inf)),
    "no drift detection": lambda s: replace(s, learning=Learning(drift=False)),
    "none of the three": lambda s: replace(
        s, floor=0.0, concentration=4.0, learning=Learning(half_life=np.inf, drift=False)
    ),
    "concentration 1 (textbook)": lambda s: replace(s, concentration=1.0),
    "concentration 2": lambda s: replace(s, concentration=2.0),
    "256 rows of draws": lambda s: replace(s, draws=256),
    "top-two": lambda s: replace(s, policy=TopTwoThompson()),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Config(_outcomes.Config):
    """One budget of one experiment."""

    name: str
    """The experiment's."""


def run(config: Config) -> Result:
    """Return the last pass of every variant, and what every default on earned more than each."""
    base = default_settings(load(config.file, config.models))
    study = study_of(config, [replace(change(base), name=label) for label, change in VARIANTS.items()])
    return {
        "rows": [row._asdict() for row in study.rows if row.pass_ == config.passes],
        "differences": [each._asdict() for each in study.differences if each.pass_ == config.passes],
    }
