"""What a comparison of policies found: rows, differences, the frontier, what drives them, and the answer in a line."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from selector.errors import DataError
from selector.replay.comparing._cases import usd_text
from selector.replay.estimates._result import LOGGING, Estimate, Evaluation, FrontierPoint, PolicyDifference
from selector.replay.estimates._verdict import Verdict

__all__ = ["ComparedPolicy", "Comparison", "Driver", "drivers_of", "value_text"]

_SCHEMA = "selector.replay/1"
_WORDS = ("higher", "lower")
_SAME_COST = 1.02  # up to which a policy costs no more


class ComparedPolicy(NamedTuple):
    """What one policy would have earned and spent per decision."""

    policy: str
    budget_usd: float | None
    """Mean dollars per decision that it was to keep to."""
    value: Estimate
    """Of what is compared: success or utility."""
    success: Estimate
    cost: Estimate

    @property
    def utilisation(self) -> float | None:
        """What it would have spent over its budget."""
        return None if self.budget_usd is None else self.cost.value / self.budget_usd

    @property
    def verdict(self) -> Verdict:
        """The worse one of value and cost."""
        order = ("none", "weak", "supported")
        return min(self.value.verdict, self.cost.verdict, key=lambda verdict: order.index(verdict.word))

    def as_dict(self) -> dict[str, Any]:
        """Return it as one flat row."""
        d = self.value.diagnostics
        found: dict[str, Any] = {"policy": self.policy, "budget_usd": self.budget_usd, "objective": self.value.outcome}
        for name, one in (("", self.value), ("success_", self.success), ("cost_usd_", self.cost)):
            found |= {f"{name}value": one.value, f"{name}se": one.se, f"{name}low": one.low, f"{name}high": one.high}
            found |= {f"{name}verdict": one.verdict.word, f"{name}reasons": list(one.verdict.reasons)}
        found |= {"utilisation": self.utilisation}
        found |= {"if_failed": self.value.if_failed, "if_succeeded": self.value.if_succeeded}
        names = ("n", "n_seen", "effective_n", "largest_weight", "uncovered", "mean_weight", "se_mean_weight")
        return found | {name: getattr(d, name) for name in names}


class Driver(NamedTuple):
    """What a task type adds to the difference of a policy from the logging policy."""

    policy: str
    outcome: str
    task_type: str
    share: float
    """Of the decisions."""
    difference: float
    """On a task of this type."""
    contribution: float
    """Share times difference; over the types they add up to the whole difference."""
    low: float
    """Of the contribution, its share taken as it is."""
    high: float
    p_holm: float
    conclusion: str
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Comparison:
    """What other policies would have earned and spent on logged decisions, beside what was done.

    Every policy is held against the same decisions. `answer` says it in a line; `rows` has the logging policy first.
    """

    rows: tuple[ComparedPolicy, ...]
    differences: tuple[PolicyDifference, ...]
    """From the logging policy: of the objective and of the cost, each corrected for how many are compared."""
    frontier: tuple[FrontierPoint, ...]
    drivers: tuple[Driver, ...]
    """By policy, and what moves it most first."""
    others: tuple[Estimate, ...]
    """The objective by other estimators, for comparison alone."""
    objective: str
    level: float
    price: float
    """What is taken off the utility per dollar: successes, or 1 where a success has a worth in dollars."""
    worth: Mapping[str, float]
    """Of a success, by task type; 1 unless given in dollars."""
    in_usd: bool
    """Whether utility is in dollars."""
    n: int
    """Decisions that are evaluated."""
    n_judged: int
    n_before: int
    """Decisions from which frozen policies learnt, which are not evaluated."""
    without_propensity: Mapping[str, int]
    """Decisions that are not evaluated, by why they were chosen."""
    span: tuple[datetime, datetime]
    """When the first and the last that are evaluated were made."""
    propensities: str
    """``logged`` or ``estimated``."""
    anytime: bool
    """Whether intervals of success hold at every number of decisions at once."""
    overlap: tuple[Mapping[str, Any], ...]
    """By task type and model, where propensities were estimated; see `selector.replay.overlap`."""
    notes: tuple[str, ...]
    """What is to be said beside the numbers."""
    evaluation: Evaluation = field(repr=False, compare=False)
    """All estimates, of every type and estimator."""

    def row(self, policy: str) -> ComparedPolicy:
        """Find a policy's row.

        Raises
        ------
        DataError
            There is none.
        """
        found = next((row for row in self.rows if row.policy == policy), None)
        if found is None:
            raise DataError(f"policy: there is no {policy!r}; there are {', '.join(row.policy for row in self.rows)}")
        return found

    def difference(self, policy: str, outcome: str | None = None) -> PolicyDifference:
        """Find a policy's difference from the logging policy, of the objective or of ``cost``."""
        wanted = outcome or self.objective
        self.row(policy)
        return next(each for each in self.differences if (each.policy, each.outcome) == (policy, wanted))

    @property
    def best(self) -> ComparedPolicy | None:
        """The policy that is spoken of first: of those that can be relied on, the best that costs no more.

        Where utility is compared, the best of all; where all that cost no more, or keep to their budget, are worse than
        what was done, likewise. None: of no policy can anything be said.
        """
        can = [row for row in self.rows if row.policy != LOGGING and row.verdict.word == "supported"]
        spent = self.rows[0].cost.value * _SAME_COST
        if self.objective == "success":
            kept = [r for r in can if r.cost.value <= max(spent, (r.budget_usd or 0.0) * _SAME_COST)]
            can = [r for r in kept if self.difference(r.policy).conclusion != "lower"] or can
        return max(can, key=lambda row: row.value.value, default=None)

    @property
    def answer(self) -> str:
        """Say in one line what came out; no number stands in it that cannot be relied on."""
        best, logged = self.best, self.rows[0]
        if best is None:
            return self._no_answer()
        verb = "would have succeeded" if self.objective == "success" else "would have been worth"
        value = best.value
        said = f"{best.policy} {verb} {self.shown(value.value)} {self.span_shown(value.low, value.high)}{self._unit}"
        said += f" at {usd_text(best.cost.value, 3)} USD"
        if logged.value.verdict.word != "supported":
            return f"{said}; what was done cannot be told as surely: {logged.value.verdict.reasons[0]}"
        was = f"as logged {self.shown(logged.value.value)} at {usd_text(logged.cost.value, 3)}"
        d = self.difference(best.policy)
        if d.verdict.word != "supported":
            return f"{said}; {was}; their difference is not to be relied on: {d.verdict.reasons[0]}"
        span = self.span_shown(d.low, d.high, signed=True)
        among = f" among {len(self.rows) - 1} compared" if d.conclusion not in _WORDS and d.low * d.high > 0 else ""
        return f"{said}; {was}: {self.shown(d.value, signed=True)} {span}, {d.conclusion}{among}"

    def shown(self, value: float, *, signed: bool = False) -> str:
        """Write a value of what is compared: a share, or dollars.

        Parameters
        ----------
        value
            Of the objective.
        signed
            Whether it is a difference.
        """
        if self.in_usd and math.isfinite(value):
            return ("-" if value < 0 else "+" if signed else "") + usd_text(abs(value), 3)
        return value_text(value, signed=signed)

    def span_shown(self, low: float, high: float, *, signed: bool = False) -> str:
        """Write an interval of what is compared."""
        return f"[{self.shown(low, signed=signed)}, {self.shown(high, signed=signed)}]"

    @property
    def _unit(self) -> str:
        return "" if self.objective == "success" else " USD net" if self.in_usd else " successes, less what it cost"

    def _no_answer(self) -> str:
        others = self.rows[1:]
        if not others:
            return "there is no other policy to compare with what was done; name one"
        row, n = others[0], len(others) - 1
        more = f" (nor of {n} other{'s' if n > 1 else ''})" if n else ""
        what = "" if row.verdict is row.value.verdict else "of its cost, "
        return f"the log cannot tell of {row.policy}{more}: {what}{row.verdict.reasons[0]}"

    def as_dict(self) -> dict[str, Any]:
        """Return all of it as plain values, as ``--json`` prints it."""
        names = ("objective", "level", "price", "n", "n_judged", "n_before", "propensities", "anytime", "in_usd")
        best = self.best
        return {
            "schema": _SCHEMA,
            "answer": self.answer,
            "supported": best is not None,
            "best": None if best is None else best.policy,
            **{name: getattr(self, name) for name in names},
            "worth": dict(self.worth),
            "without_propensity": dict(self.without_propensity),
            "first_at": self.span[0].isoformat(),
            "last_at": self.span[1].isoformat(),
            "rows": [row.as_dict() for row in self.rows],
            "differences": [_flat(each) for each in self.differences],
            "frontier": [_flat(each) for each in self.frontier],
            "drivers": [_flat(each) for each in self.drivers],
            "others": [_flat(each) for each in self.others],
            "overlap": [dict(each) for each in self.overlap],
            "notes": list(self.notes),
        }

    def write_parquet(self, path: str | os.PathLike[str]) -> None:
        """Write the rows, each with its difference from the logging policy, as a Parquet file.

        Raises
        ------
        OSError
            It cannot be written.
        """
        import pyarrow as pa
        import pyarrow.parquet as pq

        rows = []
        for row in self.rows:
            found = row.as_dict()
            for prefix, outcome in (("difference", self.objective), ("cost_difference", "cost")):
                d = None if row.policy == LOGGING else self.difference(row.policy, outcome)
                for name in ("value", "low", "high", "p_holm", "conclusion"):
                    found[f"{prefix}_{name}"] = None if d is None else getattr(d, name)
                found[f"{prefix}_verdict"] = None if d is None else d.verdict.word
            rows.append(found)
        pq.write_table(pa.Table.from_pylist(rows), path)


def value_text(value: float, *, signed: bool = False) -> str:
    """Write a share without its leading zero, as tables of shares do; a value above 1 with three digits.

    Examples
    --------
    >>> value_text(0.8123), value_text(-0.02, signed=True), value_text(1.0), value_text(12.345)
    ('.812', '-.020', '1.000', '12.3')
    """
    if math.isnan(value):
        return "unknown"
    text = f"{value:{'+' if signed else ''}.3f}" if abs(value) < 9.9995 else f"{value:{'+' if signed else ''}.3g}"
    return text.replace("0.", ".", 1) if abs(value) < 0.9995 else text


def _flat(record: Any) -> dict[str, Any]:  # noqa: ANN401 - a named tuple of any kind
    """Lay a record out, its verdict as a word with reasons, its diagnostics as fields."""
    found: dict[str, Any] = dict(record._asdict())
    verdict: Verdict = found.pop("verdict")
    found |= {} if "diagnostics" not in found else found.pop("diagnostics")._asdict()
    return found | {"verdict": verdict.word, "reasons": list(verdict.reasons)}


def drivers_of(evaluation: Evaluation, outcomes: Sequence[str]) -> tuple[Driver, ...]:
    """Say which task types make the differences, what moves most first."""
    found = [
        Driver(
            d.policy,
            d.outcome,
            d.task_type or "",
            d.share,
            d.value,
            d.share * d.value,
            d.share * d.low,
            d.share * d.high,
            d.p_holm,
            d.conclusion,
            d.verdict,
        )
        for outcome in outcomes
        for d in evaluation.differences(outcome, by_type=True)
    ]
    order = {name: place for place, name in enumerate(evaluation.policies)}
    found.sort(key=lambda d: (order[d.policy], outcomes.index(d.outcome), -abs(d.contribution)))
    return tuple(found)
