"""Why a model was chosen: one word from a closed list."""

from __future__ import annotations

from enum import StrEnum

__all__ = ["Basis"]


class Basis(StrEnum):
    """Why a model was chosen: a closed list.

    Examples
    --------
    >>> Basis("exploration")
    <Basis.EXPLORATION: 'exploration'>
    """

    POLICY = "policy"
    """It had the best utility in the row of draws that was picked."""
    EXPLORATION = "exploration"
    """A small share of decisions tries what is little known."""
    BEST_BELIEVED = "best_believed"
    """The task is not to be explored with, and this is believed best."""
    ONLY_CANDIDATE = "only_candidate"
    """Nobody else may serve it."""
    RULE = "rule"
    """A rule forces it, or an experiment's share of the tasks gets it."""
    INCUMBENT = "incumbent"
    """The model of today: the selector is off, or only watches."""
    SESSION = "session"
    """Its session was decided before, and keeps its model: no choice was made, and none is to be judged."""
    LAST_RESORT = "last_resort"
    """No budget admits anything else."""
