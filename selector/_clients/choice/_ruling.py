"""What rules and a type's own bar make of an offer: who is left, who is preferred, who is forced."""

from __future__ import annotations

import numpy as np

from selector.candidates import Screen
from selector.config import Config, Reference, rules_of
from selector.decision import Board, Odds
from selector.policies import MinSuccess
from selector.posteriors import Floats
from selector.records import Basis, Exclusion, Reason, Task
from selector.rules import Applied, Condition, Facts, Rule, Rules, Surroundings

__all__ = ["Ruled", "Ruling", "within_limits"]

_MODE = "mode"  # the name of the rule, and the experiment, that `mode: {share: ...}` is
_LIMITS = (Reason.BELOW_MIN_SUCCESS, Reason.TOO_SLOW)
Exclusions = tuple[Exclusion | None, ...]


class Ruled:
    """What holds for tasks of one offer for which the same rules fired.

    Attributes
    ----------
    applied
        What follows from the rules; None: there are none, and the type has a bar of its own.
    exclusions
        Why models may not serve, before the task's own wishes.
    may
        Who may, shape (n_models,).
    bonus
        Points of success that are added to what is drawn; None: none.
    explores
        Whether exploration is allowed; None: as the type says.
    forced
        The model that rules force, where it may serve; None: the policy chooses.
    is_quick
        Whether a plain task can be chosen for without care: no word on routes, and exploration is as usual.
    weights, rest
        With which probability each model is forced over all ids, and with which the policy chooses.
    """

    __slots__ = (
        "applied",
        "bonus",
        "exclusions",
        "explores",
        "forced",
        "is_quick",
        "may",
        "odds",
        "reason",
        "rest",
        "weights",
    )

    def __init__(self, applied: Applied | None, exclusions: Exclusions, bonus: Floats | None, board: Board) -> None:
        self.applied, self.exclusions, self.bonus = applied, exclusions, bonus
        self.may = np.array([each is None for each in exclusions])
        self.explores: bool | None = None if applied is None else applied.explore
        self.forced: int | None = None
        self.weights: Floats = np.zeros(len(exclusions))
        self.rest = 1.0
        self.odds: Odds = board.among(self.may, bonus)
        self.is_quick = self.explores is not False and bool(self.may.any()) and not _names_routes(applied)
        self.reason = Basis.ONLY_CANDIDATE if self.odds.may.sum() == 1 else Basis.POLICY

    def force(self, models: tuple[str, ...], on_trial: Exclusions) -> None:
        """Work out who is forced, and with which probability over all ids; who may not serve is not.

        Parameters
        ----------
        models
            Their names.
        on_trial
            Why models may not serve in an experiment: with the first match, no other rule counts there.
        """
        applied = self.applied
        if applied is None:
            return
        trials = {trial.model for trial in applied.trials}
        able = {True: _able(models, on_trial), False: _able(models, self.exclusions)}
        self.forced = _place(applied.model, able[applied.model in trials])
        if self.forced is not None:
            self.reason = Basis.RULE
        self.rest = 0.0
        for probability, reference in applied.mixture:
            place = _place(reference, able[reference in trials])
            if place is None:
                self.rest += probability
            else:
                self.weights[place] += probability

    def mixed(self, own: float, arm: int) -> float:
        """Return the probability of a model, given the policy's own."""
        return float(self.weights[arm]) + self.rest * own

    @property
    def facts(self) -> dict[str, object]:
        """What the log says of it."""
        applied = self.applied
        if applied is None:
            return {}
        found: dict[str, object] = {}
        names = [str(fired) for fired in applied.fired] or ([applied.by] if applied.by else [])
        if names:
            found["rules"] = names
        if applied.experiment is not None:
            found |= {"experiment": applied.experiment, "arm": str(applied.arm), "share": applied.share}
        return found

    @property
    def words(self) -> tuple[str, ...]:
        """What an explanation says of it."""
        applied = self.applied
        if applied is None:
            return ()
        fired = [f"rule {fired}" for fired in applied.fired]
        return (*fired, f"rules: {applied}")


def _rules_of(config: Config, incumbent: str | None) -> Rules | None:
    """Build the rules; under a share, one before all others gives the rest of the tasks to the model of today."""
    found = rules_of(config)
    if config.mode.share is not None and incumbent is not None:
        rest = Rule(
            name=_MODE, condition=Condition.of("true"), share=1 - config.mode.share, model=incumbent, reason="of today"
        )
        found = Rules([rest, *found.rules], found.match, found.default_model)
    return found if found.rules or found.default_model is not None else None


def _able(models: tuple[str, ...], exclusions: Exclusions) -> dict[str, int]:
    return {name: place for place, name in enumerate(models) if exclusions[place] is None}


def _place(reference: str | None, places: dict[str, int]) -> int | None:
    return None if reference is None else places.get(Reference.parse(reference).name)


def _names_routes(applied: Applied | None) -> bool:
    if applied is None:
        return False
    limits = [reference for limit in (*applied.only, *applied.forbid) for reference in limit.references]
    return any("@" in reference for reference in (*limits, applied.model or ""))


class Ruling:
    """The rules of a configuration, asked once per task.

    Parameters
    ----------
    config
        With the rules.
    screen, models
        Who may serve, and their names.
    incumbent
        The model of today, where the selector does not serve all tasks.
    around
        What conditions can read beside the task.
    """

    def __init__(
        self,
        config: Config,
        screen: Screen,
        models: tuple[str, ...],
        incumbent: int | None,
        around: Surroundings,
    ) -> None:
        self._rules = _rules_of(config, None if incumbent is None else models[incumbent])
        self.any = self._rules is not None
        self._around = around
        self._screen, self._models = screen, models
        self._confidence = 0.5 if config.objective is None else config.objective.confidence

    def apply(self, task: Task, unit_id: str) -> Applied | None:
        """Find out what follows for a task; None: nothing does."""
        if self._rules is None:
            return None
        found = self._rules.apply(Facts.of(task, self._around), task.id or unit_id)
        return found if found.fired or found.trials or found.model is not None else None

    def ruled(self, applied: Applied | None, board: Board, type_: str, bar: float | None, known: Exclusions) -> Ruled:
        """Work out what rules make of what was published of a task type.

        Parameters
        ----------
        applied
            What follows from them; None: nothing.
        board
            What was published.
        type_
            The task type.
        bar
            The type's own least success.
        known
            Why models may serve no task of the type.
        """
        exclusions, bonus = known, None
        if applied is not None:
            base = applied.otherwise or applied  # in a treatment: what holds where the policy would choose
            exclusions = self._excluded(type_, base, known)
            points = self._screen.preferences(base)
            bonus = points if points.any() else None
            bar = bar if base.min_success is None else base.min_success
        may = np.array([each is None for each in exclusions])
        if bar is not None and may.any():
            good = MinSuccess(bar, self._confidence).screen(board.view(board.high, board.cost, may, bonus))
            below = Exclusion(reason=Reason.BELOW_MIN_SUCCESS, detail=f"believed below {bar:g}")
            exclusions = tuple(
                below if each is None and not ok else each for each, ok in zip(exclusions, good.tolist(), strict=True)
            )
        found = Ruled(applied, exclusions, bonus, board)
        first = self._rules is not None and self._rules.match == "first"
        found.force(self._models, known if first else exclusions)
        return found

    def _excluded(self, type_: str, applied: Applied, known: Exclusions) -> Exclusions:
        found = self._screen.of_rules(type_, applied)
        return tuple(a if a is not None else b for a, b in zip(known, found, strict=True))


def within_limits(excluded: Exclusions, ruled: Ruled | None) -> Exclusions:
    """Exclude whoever is not believed good or quick enough, unless nobody else is left."""
    if ruled is None:
        return excluded
    found = [
        limit if why is None and limit is not None and limit.reason in _LIMITS else why
        for why, limit in zip(excluded, ruled.exclusions, strict=True)
    ]
    return tuple(found) if None in found else excluded
