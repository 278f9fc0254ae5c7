"""An experiment by share as a verdict: is the treatment better, at what cost, and can the experiment be trusted."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from selector.errors import DataError
from selector.replay.logs._own_work import own_work
from selector.replay.trials._effects import AbEffect, AbMissing, Wanted, effects_of, missing_of, n_more
from selector.replay.trials._shares import SampleRatio, sample_ratio
from selector.replay.trials._units import Bools, Units, units_of

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["AbArm", "AbShare", "AbTest", "ab_test"]

_FEW = 30  # tasks of a side from which on a normal interval can be read


class AbArm(NamedTuple):
    """One side of an experiment."""

    n_tasks: int
    n_decisions: int
    judged: float
    """Which share of its tasks somebody judged."""
    success: float
    """Of the tasks that were judged; nan: none was."""
    cost_usd: float
    """On the mean."""
    models: dict[str, float]
    """Who was chosen, as shares of the decisions, the most frequent first."""


class AbShare(NamedTuple):
    """A time during which the share was the same."""

    share: float
    first_at: str
    last_at: str
    n_treatment: int
    n_control: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AbTest:
    """What an experiment by share shows.

    Examples
    --------
    >>> AbTest.__dataclass_fields__["effects"].type
    'tuple[AbEffect, ...]'
    """

    name: str
    """The experiment: the rule with the share."""
    arms: dict[str, AbArm]
    """``treatment`` and ``control``."""
    shares: tuple[AbShare, ...]
    """Which shares there were, and when."""
    effects: tuple[AbEffect, ...]
    """The differences, treatment less control: success, cost, and utility where a price is known."""
    sample_ratio: SampleRatio
    """Whether the sides are as large as configured."""
    missing: AbMissing
    """What was not judged, and what that can hide."""
    detect: float
    """Which difference in success is to be seen."""
    n_more: int | None
    """How many more decisions that takes, about; None: that cannot be said yet."""
    notes: tuple[str, ...]
    """What else is to be known of it."""

    @property
    def success(self) -> AbEffect:
        """The difference in success."""
        return self.effects[0]

    @property
    def verdict(self) -> str:
        """Say in a word what is shown of success: ``better``, ``worse``, ``open``, or ``broken``: not to be trusted."""
        if self.sample_ratio.alarm:
            return "broken"
        low, high = self.success.sequence
        return "better" if low > 0 else "worse" if high < 0 else "open"

    @property
    def conclusion(self) -> str:
        """Say what is shown."""
        success = self.success
        found = f"{success.value:+.3f}, {success.sequence.low:+.3f} to {success.sequence.high:+.3f} at any look"
        if self.verdict == "broken":
            return (
                f"not to be trusted: {self.sample_ratio.found:.1%} of the tasks got the treatment, and "
                f"{self.sample_ratio.expected:.1%} were to; find out which decisions are missing from the log before "
                "reading anything else"
            )
        if math.isnan(success.value):
            return "nothing can be said of success: it was judged on one side at most"
        said = f"the treatment is {self.verdict} ({found})"
        if self.verdict == "open":
            said = f"no difference in success is shown yet ({found})"
            if self.n_more == 0:
                said += f"; one of {self.detect:g} would likely have been seen"
            elif self.n_more is not None:
                said += f"; about {self.n_more:,} more decisions to detect {self.detect:g}"
        return f"{said}; {self._of_cost()}"

    def _of_cost(self) -> str:
        cost = next(each for each in self.effects if each.outcome == "cost")
        low, high = cost.sequence
        if not math.isfinite(low):
            return "too little is known of what it costs"
        much = f"{cost.value:+.3g} USD a task, {low:+.3g} to {high:+.3g}"
        return f"it costs {'more' if low > 0 else 'less'} ({much})" if low > 0 or high < 0 else f"cost open ({much})"

    def as_dict(self) -> dict[str, Any]:
        """Lay it out as JSON; what is not known is null."""
        data = asdict(self)
        data["arms"] = {side: arm._asdict() for side, arm in self.arms.items()}
        data["shares"] = [each._asdict() for each in self.shares]
        data["effects"] = [each.as_dict() for each in self.effects]
        data["sample_ratio"], data["missing"] = self.sample_ratio._asdict(), self.missing.as_dict()
        return {**data, "verdict": self.verdict, "conclusion": self.conclusion}


def ab_test(
    table: pa.Table,
    name: str,
    *,
    detect: float = 0.02,
    price: float | None = None,
    failed: float | None = None,
    level: float = 0.95,
) -> AbTest:
    """Judge an experiment by share: a rule with `share` that tries a model on a part of the tasks.

    Sides are compared as they were drawn: a task that was to get the treatment belongs to it whoever answered. A share
    is taken of the task's own id where it has one, so that its decisions are on one side together: they are one
    observation, the mean over them. Each share that there was is a stratum, since times differ too. Turns of a session
    that kept its model were not drawn: they are logged under no experiment, and are no part of it.

    Each difference has two intervals: a normal one, right for one look at a time that was fixed beforehand, and one
    that holds at every look at once, by which alone an experiment may be stopped early. That of success is exact for
    any number of tasks (`ConfidenceSequence`); costs have no bound, and theirs is right in the limit
    (`asymptotic_half_widths`). What nobody judged is left out, which is right where judging depends neither on the
    side nor on how it went; `missing` says what it could hide.

    Parameters
    ----------
    table
        As `load` gives it.
    name
        The rule's name; ``mode`` for the share of the configuration's mode, where the model of today is the treatment.
    detect
        The difference in success that is to be seen.
    price
        Successes that a dollar is worth; None: the mean of the shadow prices that the log has.
    failed
        The score of a decision that nobody answered and nobody judged; None: not known.
    level
        Of all intervals.

    Raises
    ------
    DataError
        If the experiment, or a side of it, is not in the log, or nothing of it was judged.

    Examples
    --------
    >>> import tempfile
    >>> from selector import Outcome, Selector, Task
    >>> from selector.replay import load
    >>> free = {"usd_per_mtok_in": 0, "usd_per_mtok_out": 0}
    >>> rule = {"name": "large-test", "condition": "true", "share": 0.5, "model": "large"}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with Selector.open({"models": {"small": free, "large": free}, "rules": [rule]}, state=folder, seed=1) as s:
    ...         for n in range(100):
    ...             decision = s.select(Task("chat", id=f"task-{n}"))
    ...             s.record(decision, Outcome(score=float(decision.model == "large"), source="tests"))
    ...     found = ab_test(load(folder), "large-test")
    >>> found.arms["treatment"].models, found.verdict, found.sample_ratio.alarm
    ({'large': 1.0}, 'better', False)
    """
    if not 0 < detect < 1:
        raise DataError(f"detect is {detect!r}; give the difference in success that is to be seen, such as .02")
    if not 0 < level < 1:
        raise DataError(f"level is {level!r}; it lies between 0 and 1; .95 is usual")
    units = units_of(table, name, failed=failed)
    if np.isnan(units.success).all():
        raise DataError(
            f"none of the {int(units.size.sum()):,} decisions of {name!r} was judged; report some with "
            'selector.record(id, Outcome(score=..., source="tests"))'
        )
    wish = Wanted(level=level, price=units.price if price is None else price)
    effects = effects_of(units, wish)
    ratio = sample_ratio(units.treated, units.share, units.n_elsewhere)
    missing = missing_of(units, wish)
    more = n_more(units, effects[0], detect, wish)
    notes = tuple(_notes(units, effects[0], ratio, missing))
    arms = {"treatment": _arm(table, name, units, treated=True), "control": _arm(table, name, units, treated=False)}
    return AbTest(
        name=name, arms=arms, shares=_shares(units), effects=effects, sample_ratio=ratio, missing=missing,
        detect=detect, n_more=more, notes=notes,
    )  # fmt: skip


def _arm(table: pa.Table, name: str, units: Units, *, treated: bool) -> AbArm:
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = units.treated == treated
    side = pc.and_(
        pc.equal(table["experiment"].cast(pa.string()), name),
        pc.equal(table["experiment_arm"].cast(pa.string()), "treatment" if treated else "control"),
    ).fill_null(False)  # noqa: FBT003 - what null becomes
    chosen = table.filter(pc.and_(side, pa.array(~own_work(table))))["model"].cast(pa.string())
    counts = sorted(pc.value_counts(chosen).to_pylist(), key=lambda each: (-each["counts"], each["values"]))
    return AbArm(
        n_tasks=int(rows.sum()),
        n_decisions=int(units.size[rows].sum()),
        judged=float((~np.isnan(units.success[rows])).mean()),
        success=_mean(units.success, rows),
        cost_usd=_mean(units.cost_usd, rows),
        models={each["values"]: each["counts"] / len(chosen) for each in counts},
    )


def _mean(values: np.ndarray[Any, np.dtype[np.float64]], rows: Bools) -> float:
    known = values[rows & ~np.isnan(values)]
    return float(known.mean()) if len(known) else math.nan


def _shares(units: Units) -> tuple[AbShare, ...]:
    found = []
    for value in units.shares():
        rows = units.share == value
        first, last = (datetime.fromtimestamp(float(at), UTC).isoformat() for at in _span(units.at_s[rows]))
        n_treated = int(units.treated[rows].sum())
        found.append(AbShare(value, first, last, n_treated, int(rows.sum()) - n_treated))
    return tuple(found)


def _span(at_s: np.ndarray[Any, np.dtype[np.float64]]) -> tuple[float, float]:
    return float(at_s.min()), float(at_s.max())


def _notes(units: Units, success: AbEffect, ratio: SampleRatio, missing: AbMissing) -> list[str]:
    notes = []
    n_repeated = int((units.size > 1).sum())
    if n_repeated:
        notes.append(
            f"{n_repeated:,} of {units.n:,} tasks have several decisions; these were drawn together and count as one"
        )
    n_moved = units.n - len(np.unique(units.unit))
    if n_moved:
        notes.append(
            f"{n_moved:,} tasks were drawn again when the share changed; they count under each share, and intervals "
            "take that for independent"
        )
    if len(units.shares()) > 1:
        notes.append("the share changed over time: each share is a stratum of its own, and none is compared across")
    if success.n_left_out:
        notes.append(f"{success.n_left_out:,} judged tasks are of a share without two judged tasks on each side")
    few = min(int((~np.isnan(units.success[units.treated == side])).sum()) for side in (True, False))
    if few < _FEW:
        notes.append(f"a side has {few} judged tasks; below {_FEW} the interval for one look says little")
    if ratio.is_bound:
        notes.append(
            f"{units.n_elsewhere:,} decisions of that time are logged under {', '.join(units.others)}, whose treatment "
            "they got; they may be missing from the control, and the check of the shares allows for any number of them"
        )
    if missing.alarm:
        notes.append(
            f"judged differently often: {missing.treatment:.1%} of the treatment, {missing.control:.1%} of the "
            f"control; if what is missing differs too, the difference lies anywhere from {missing.low:+.3f} to "
            f"{missing.high:+.3f}"
        )
    return notes
