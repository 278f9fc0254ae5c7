"""Decisions written down: at once where a hard budget must know of them, else in the background, all together."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from selector._clients.choice._engine import Engine
from selector._clients.choice._offer import SURE, Offer
from selector._clients.learning._book import Entry
from selector._clients.telling import _log
from selector.decision import propensities
from selector.errors import StateError
from selector.records import Decision
from selector.store import State

__all__ = ["Scribe"]

_MOST_UNWRITTEN = 10_000
_PER_DECISION, _PER_SECOND, _MOST_CREDIT = 0.05, 0.2, 200.0  # lines that say what was on the table


class Scribe:
    """Writes down what was chosen.

    Parameters
    ----------
    state
        Where.
    engine
        Who chooses.
    prompts
        Whether prompts are written, too.

    Attributes
    ----------
    unwritten
        Decisions that wait to be written, or to be known by what follows from them, by id.
    untold
        Decisions that the log may never have: what is reported of them says what they were.
    n_unlogged
        Decisions that the disk did not take.
    """

    def __init__(self, state: State, engine: Engine, *, prompts: bool) -> None:
        self._state, self._engine, self._fold, self._prompts = state, engine, engine.fold, prompts
        self.at_once = engine.budget.is_hard
        self.unwritten = engine.unwritten
        self.untold: dict[str, Decision] = {}
        self.n_unlogged = 0
        self._laid_open: dict[str, str] = {}
        self._credit, self._explained_at, self._explained_n = _MOST_CREDIT, 0.0, 0
        if self.at_once:
            engine.made = self._write_at_once

    def made(self, id_: str) -> Decision | None:
        """Find a decision that was made here, and that is not known by its line yet."""
        return self.unwritten.get(id_) or self.untold.get(id_)

    @property
    def n_unheard(self) -> int:
        """How many decisions wait that neither the log nor an outcome in it tells of."""
        return 0 if self.at_once else sum(id_ not in self._fold.entries for id_ in self.unwritten)

    def write(self) -> None:
        """Write down the decisions that wait, each with its propensity."""
        lock = self._engine.lock
        with lock:
            waiting = list(self.unwritten.values())
        if not waiting or not (self._is_written() or len(waiting) > _MOST_UNWRITTEN):
            return
        likely = likelihoods(waiting)
        with lock:
            for decision, propensity in zip(waiting, likely, strict=True):
                if decision.id in self.unwritten and not self._write_one(decision, propensity):
                    break
            self._fold.trim()
        self._is_written()

    def become(self, engine: Engine) -> None:
        """Go on with what an engine knows now."""
        self._fold = engine.fold

    def after_fork(self) -> None:
        """Leave in a forked child what waits to its parent, who writes it; the child may be told what came of it."""
        fold = self._fold
        fold.n_decisions -= self.n_unheard
        for id_, decision in self.unwritten.items():
            if self.at_once:
                fold.entries.setdefault(id_, Entry.of(decision))
            elif id_ not in fold.entries:
                fold.flight.land(id_)
                self.untold[id_] = decision
        self.unwritten.clear()

    def _write_at_once(self, decision: Decision) -> None:
        """Write a decision before anybody acts on it; what only explains it may wait."""
        self._lay_open(decision)
        likely = _log.propensity(decision)
        if self._prompts or not _log.is_bare(decision):
            self._state.append(_log.decided(decision, propensity=likely, prompts=self._prompts))
        else:
            self._state.append_body(_log.plain(decision, likely))
        self.unwritten[decision.id] = decision

    def _lay_open(self, decision: Decision) -> Offer:
        """Name the decision with which what was on the table is written: this one, or an earlier one of its type."""
        offer = cast("Offer", decision.deal)
        if offer.logged is None:
            last = self._laid_open.get(offer.task_type)
            offer.logged = decision.id if last is None or self._may_explain(decision) else last
            self._laid_open[offer.task_type] = offer.logged
        return offer

    def _may_explain(self, decision: Decision) -> bool:
        """Tell whether what was on the table may be written: of one in twenty decisions, and every five seconds."""
        elapsed = max(0.0, decision.at_s - self._explained_at)
        earned = elapsed * _PER_SECOND + max(0, decision.n - self._explained_n) * _PER_DECISION
        self._explained_at, self._explained_n = decision.at_s, decision.n
        self._credit = min(self._credit + earned, _MOST_CREDIT)
        if self._credit < 1:
            return False
        self._credit -= 1
        return True

    def _is_written(self) -> bool:
        """Tell whether the disk takes what waits."""
        try:
            self._state.flush()
        except StateError:
            return False
        return True

    def _write_one(self, decision: Decision, propensity: float | None) -> bool:
        """Write what is left to write of a decision, or give it up where too many wait; tell whether to go on."""
        try:
            for event in self._rest(decision, propensity):
                self._state.buffer(event)
        except StateError:
            if len(self.unwritten) <= _MOST_UNWRITTEN:
                return False
            self.n_unlogged += 1
            self.untold[decision.id] = decision
        if decision.id not in self._fold.entries:
            self._fold.began(decision.id, Entry.of(decision))
        del self.unwritten[decision.id]
        return True

    def _rest(self, decision: Decision, propensity: float | None) -> Iterator[dict[str, Any]]:
        offer = self._lay_open(decision)
        if offer.logged == decision.id:
            yield _log.offered(offer, decision)
        if not self.at_once:
            yield _log.decided(decision, propensity=propensity, prompts=self._prompts)
        elif _log.propensity(decision) is None:
            yield {"kind": "explained", "at": decision.at_s, "decision_id": decision.id, "propensity": propensity}


def likelihoods(decisions: list[Decision]) -> list[float | None]:
    """Work out with which probability each decision chose its model, all of them together."""
    found: list[float | None] = [None] * len(decisions)
    places, odds, arms, costs = [], [], [], []
    for place, decision in enumerate(decisions):
        terms = cast("Offer", decision.deal).terms(decision)
        if terms.redrawn:
            continue
        if decision.reason in SURE or terms.cost is None:
            found[place] = cast("Offer", decision.deal).propensity(decision)
        else:
            places.append(place)
            odds.append(terms.odds)
            arms.append(decision.arm)
            costs.append(terms.cost.usd)
    for place, probability in zip(places, propensities(odds, arms, costs), strict=True):
        ruled = cast("Offer", decisions[place].deal).terms(decisions[place]).ruled
        found[place] = probability if ruled is None else ruled.mixed(probability, decisions[place].arm)
    return found
