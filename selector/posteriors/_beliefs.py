"""Everything believed of all cells: success, tokens, counts, drift, and what made old evidence count less."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from selector.posteriors._drift import Cusum
from selector.posteriors._evidence import EVERY, Cells, Evidence, Floats, Ints, Seeds
from selector.posteriors._priors import Priors
from selector.posteriors._success import Success
from selector.posteriors._tokens import Tokens

__all__ = ["Beliefs", "Event", "Learning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Learning:
    """How evidence ages.

    Parameters
    ----------
    half_life
        After how many decisions (or seconds, in the unit of decision times) an outcome counts half; inf: never.
    drift
        Whether to listen for drift.
    drift_keep
        What share of a model's evidence an alarm leaves, in [0, 1].
    version_keep
        What share of a task type's evidence a new version of its prompt leaves, in [0, 1].
    """

    half_life: float = 7000.0
    drift: bool = True
    drift_keep: float = 0.05
    version_keep: float = 0.20


@dataclass(frozen=True, slots=True)
class Event:
    """Something that made all evidence from before it count less: written once, replayed, never recomputed."""

    kind: Literal["drift", "version", "reset"]
    """A model that changed, a task type whose prompt has a new version, or a model that is to be forgotten."""
    at: float
    """Decisions made up to this time count less."""
    index: int
    """The model (drift, reset) or the task type (version)."""
    keep: float
    """What share is left, in [0, 1]."""
    seed: int = 0
    """In which seed; a live selector has one."""
    type: int | None = None
    """The one task type on which a model is to be forgotten (reset); None: on all."""


class Beliefs:
    """Success and token beliefs of every (seed, task type, model), learnt from outcomes in any order.

    An outcome's weight depends on its decision's time and on the events after that time, so outcomes that come late,
    out of order or corrected leave the same beliefs as the straight run.

    Parameters
    ----------
    shape
        (n_seeds, n_types, n_models).
    priors
        Before anything was seen.
    learning
        How evidence ages.

    Attributes
    ----------
    n
        Judged outcomes per cell, undiscounted, shape (n_seeds, n_types, n_models).
    events
        What made old evidence count less, in the order it was raised.

    Examples
    --------
    >>> beliefs = Beliefs((1, 1, 2), Priors(tokens=np.array([[100.0, 300.0]])))
    >>> first = Cells(*np.zeros((3, 1), int))
    >>> for at in range(8):
    ...     _ = beliefs.observe(first, at=at, score=np.ones(1), tokens=np.full(1, 120.0))
    >>> beliefs.refresh(8.0)
    >>> beliefs.success.mean[0, 0].round(2).tolist(), beliefs.tokens.mean[0, 0].round().tolist()
    ([0.95, 0.94], [119.0, 305.0])
    """

    __slots__ = ("_changed", "_newest", "cusum", "events", "learning", "n", "success", "tokens")

    def __init__(self, shape: tuple[int, int, int], priors: Priors, learning: Learning = Learning()) -> None:
        seeds, _, models = shape
        self.learning = learning
        self.success = Success(Evidence(3, shape, learning.half_life), priors)
        self.tokens = Tokens(Evidence(2, shape, learning.half_life), priors.tokens, learnt=priors.learnt_tokens)
        self.cusum = Cusum(seeds, models)
        self.n: Floats = np.zeros(shape)
        self.events: list[Event] = []
        self._changed = -np.inf  # the time of the latest event of any seed
        self._newest = -np.inf  # the newest decision of which a judgement was heard

    @property
    def shape(self) -> tuple[int, int, int]:
        """(n_seeds, n_types, n_models)."""
        return self.success.evidence.shape

    def observe(self, cells: Cells, *, at: Floats | float, score: Floats, tokens: Floats) -> NDArray[np.bool_]:
        """Learn from outcomes, in the order they came; say for each whether its model's drift alarm rang.

        What is believed is published by the next `refresh`. An alarm becomes an event at once, as of the newest
        decision that was heard of by then.

        Parameters
        ----------
        cells
            Whose outcomes, n of them.
        at
            When each decision was made, shape (n,) or one time for all.
        score, tokens
            Shape (n,); nan where it is not known (yet).
        """
        times = np.broadcast_to(np.asarray(at, float), score.shape)
        judged, used = ~np.isnan(score), ~np.isnan(tokens)
        rang = np.zeros(len(score), bool)
        if np.count_nonzero(judged):
            rang[judged] = self._judge(_some(cells, judged), times[judged], score[judged])
        if np.count_nonzero(used):
            self._add_tokens(_some(cells, used), times[used], tokens[used], 1.0)
        return rang

    def correct(self, cells: Cells, *, at: Floats | float, score: Floats, tokens: Floats) -> None:
        """Take back what `observe` learnt from these very outcomes; what stays is as if they had never come.

        Drift sums are not taken back: an alarm is an event that happened.
        """
        times = np.broadcast_to(np.asarray(at, float), score.shape)
        judged, used = ~np.isnan(score), ~np.isnan(tokens)
        self._add_scores(_some(cells, judged), times[judged], score[judged], -1.0)
        self._add_tokens(_some(cells, used), times[used], tokens[used], -1.0)

    def add(self, cells: Cells, *, at: Floats | float, score: Floats, tokens: Floats) -> None:
        """Learn from outcomes without listening for drift: those that were heard of before, or by somebody else."""
        times = np.broadcast_to(np.asarray(at, float), score.shape)
        judged, used = ~np.isnan(score), ~np.isnan(tokens)
        if np.count_nonzero(judged):
            self._newest = max(self._newest, float(times[judged].max()))
        self._add_scores(_some(cells, judged), times[judged], score[judged], 1.0)
        self._add_tokens(_some(cells, used), times[used], tokens[used], 1.0)

    def grant(self, cells: Cells, sums: Floats, at: float) -> None:
        """Take over evidence that somebody else gathered, as of a time; sums of the other sign take it back.

        Parameters
        ----------
        cells
            Whose, n of them.
        sums
            Judged outcomes, their scores and the squares of these, usages, their tokens, and how many outcomes they
            count for, shape (6, n).
        at
            When it was gathered, as it were: what later events leave of it is what they leave of a decision's outcome.
        """
        times = np.full(sums.shape[1], float(at))
        self._newest = max(self._newest, float(at))
        self.success.evidence.add(cells, sums[:3], times, self._left(cells, times, "drift", "version", "reset"))
        self.tokens.evidence.add(cells, sums[3:5], times, self._left(cells, times, "version", "reset"))
        np.add.at(self.n.reshape(-1), cells.flat(self.shape), sums[5] * self._left(cells, times, "reset"))

    def remember(self, event: Event) -> None:
        """Take in an event of which the evidence that is there already was made to count less."""
        self.events.append(event)
        self._changed = max(self._changed, event.at)

    def apply(self, event: Event) -> None:
        """Make all evidence up to an event count less, now and when it comes late."""
        self.remember(event)
        if event.kind == "drift":
            self.success.evidence.keep(event.keep, seed=event.seed, model=event.index)
            return
        every = slice(None)
        model: int | slice = every if event.kind == "version" else event.index
        only = event.index if event.kind == "version" else event.type
        type_: int | slice = every if only is None else only
        for sums in (self.success.evidence, self.tokens.evidence):
            sums.keep(event.keep, seed=event.seed, model=model, type_=type_)
        if event.kind == "reset":
            self.n[event.seed, type_, model] *= event.keep
            self.cusum.sums[:, event.seed, model] = 0.0

    def refresh(self, now: float, seeds: Seeds = EVERY) -> None:
        """Pool anew and rebuild every cell of some seeds: off the hot path."""
        self.success.refresh(now, seeds)
        self.tokens.refresh(now, seeds)
        self.cusum.deaf[seeds] = False

    def grow(self, n_types: int, priors: Priors, now: float) -> None:
        """Make room for task types and models that came later."""
        seeds, types, models = self.shape
        self.success.grow(n_types, priors, now)
        self.tokens.grow(n_types, priors.tokens, now, priors.learnt_tokens)
        self.cusum.grow(priors.tokens.shape[1])
        larger = np.zeros((seeds, n_types, priors.tokens.shape[1]))
        larger[:, :types, :models] = self.n
        self.n = larger

    def _judge(self, cells: Cells, at: Floats, score: Floats) -> NDArray[np.bool_]:
        rang = np.zeros(len(score), bool)
        if self.learning.drift:
            success = self.success
            flat = cells.flat(self.shape)
            alpha, beta = success.alpha.reshape(-1)[flat], success.beta.reshape(-1)[flat]
            n, kappa = success.n_published(cells), success.kappa[cells.seed]
            rang = self.cusum.step(cells, score, alpha / (alpha + beta), n, kappa)
            newest = np.maximum(np.maximum.accumulate(at), self._newest)
            for i in np.flatnonzero(rang).tolist():
                keep = self.learning.drift_keep
                self.apply(Event("drift", float(newest[i]), int(cells.model[i]), keep, int(cells.seed[i])))
        self._newest = max(self._newest, float(at.max()))
        self._add_scores(cells, at, score, 1.0)
        return rang

    def _add_tokens(self, cells: Cells, at: Floats, tokens: Floats, sign: float) -> None:
        self.tokens.add(cells, tokens, at, sign * self._left(cells, at, "version", "reset"))

    def _add_scores(self, cells: Cells, at: Floats, score: Floats, sign: float) -> None:
        np.add.at(self.n.reshape(-1), cells.flat(self.shape), sign * self._left(cells, at, "reset"))
        scale = sign * self._left(cells, at, "drift", "version", "reset")
        values = np.ones((3, len(score)))
        values[1], values[2] = score, score * score
        self.success.evidence.add(cells, values, at, scale)

    def _left(self, cells: Cells, at: Floats, *kinds: str) -> Floats | float:
        """Say what later events of some kinds leave of outcomes of decisions made at ``at``."""
        if not len(at) or at.min() > self._changed:
            return 1.0
        left = np.ones(len(at))
        for event in (e for e in self.events if e.kind in kinds):
            index: Ints = cells.type if event.kind == "version" else cells.model
            meant = (cells.seed == event.seed) & (index == event.index) & (at <= event.at)
            left[meant if event.type is None else meant & (cells.type == event.type)] *= event.keep
        return left


def _some(cells: Cells, mask: NDArray[np.bool_]) -> Cells:
    return Cells(cells.seed[mask], cells.type[mask], cells.model[mask])
