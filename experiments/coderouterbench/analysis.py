"""One row a budget, and whether every floor is met."""

from __future__ import annotations

from experiments import _outcomes
from experiments._outcomes import Config
from experiments._sweep import Finding, Result

__all__ = ["analysis"]


def analysis(results: list[tuple[Config, Result]]) -> Finding:
    """Lay the rows out; every floor is to be met by mean + 2 standard errors."""
    return _outcomes.analysis("coderouterbench", results)
