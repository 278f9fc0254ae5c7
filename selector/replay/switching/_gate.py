"""Whether one may switch: a policy shown to be no worse by more than a margin, per task type, and to save enough."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError
from selector.replay.estimates._evaluator import evaluate
from selector.replay.estimates._logged import LoggedArrays
from selector.replay.estimates._result import Evaluation
from selector.replay.intervals._normal import holm
from selector.replay.switching._gate_checks import Asked, GateCheck, GateTerms, saving_seen, settled, success_seen
from selector.replay.switching._paired import costs_of, gain_of, regrouped
from selector.replay.targets._simple import Target

__all__ = ["Gate", "gate"]

Floats = NDArray[np.float64]
Result = Literal["pass", "fail", "not_enough"]

_REST = "rest"
_NAME = "policy"


@dataclass(frozen=True, slots=True)
class Gate:
    """What the gate found."""

    policy: str
    terms: GateTerms
    n: int
    checks: tuple[GateCheck, ...]
    per_day: float = math.nan
    """Decisions a day in the log; nan: unknown."""
    n_before: int = 0
    """Decisions before the window, which are not evaluated."""
    notes: tuple[str, ...] = ()
    """What is to be said of the policy."""

    @property
    def result(self) -> Result:
        """``pass``: all that is required is shown; ``fail``: something is shown to be worse; else ``not_enough``."""
        if any(check.state == "refuted" for check in self.checks):
            return "fail"
        return "pass" if all(check.state == "shown" for check in self.checks if check.required) else "not_enough"

    @property
    def exit_code(self) -> int:
        """0 pass, 1 fail, 2 not enough evidence."""
        return ("pass", "fail", "not_enough").index(self.result)

    @property
    def missing(self) -> tuple[GateCheck, ...]:
        """What is required and neither shown nor refuted."""
        return tuple(check for check in self.checks if check.required and check.state == "open")

    def days(self, check: GateCheck) -> float:
        """Say how long what is missing of a check takes at the log's pace; nan where that is unknown."""
        return check.more / (self.per_day * check.share)

    def __str__(self) -> str:
        """Say it in one line."""
        terms, head = self.terms, {"pass": "PASS", "fail": "FAIL", "not_enough": "NOT ENOUGH EVIDENCE"}[self.result]
        if self.result == "fail":
            said = "; ".join(_said(check) for check in self.checks if check.state == "refuted")
        elif self.result == "not_enough":
            said = "not shown: " + ", ".join(_called(check) for check in self.missing)
        else:
            saved = (
                ""
                if terms.min_saving is None
                else f", and {_saves(terms.min_saving, 'saves at least', 'costs at most')}"
            )
            rest = next((check.task_type for check in self.checks if not check.required), None)
            several = sum(check.what == "success" for check in self.checks) > 1
            where = " in all and in every task type" if several else ""
            where += "" if rest is None else f" but {rest}, which is too rare to be asked"
            said = f"is not worse by {terms.success_margin:g} in success{where}{saved}"
        return f"{head}: {self.policy}: {said} ({self.n:,} decisions)"

    def as_dict(self) -> dict[str, Any]:
        """Return it as plain values."""
        names = ("success_margin", "min_saving", "alpha", "looks", "least_share", "power")
        checks = []
        for check in self.checks:
            flat = check._asdict() | {"verdict": check.verdict.word, "reasons": list(check.verdict.reasons)}
            checks.append(flat | {"types": list(check.types), "days": self.days(check)})
        return {
            "result": self.result,
            "exit_code": self.exit_code,
            "policy": self.policy,
            "terms": {name: getattr(self.terms, name) for name in names},
            "n_decisions": self.n,
            "n_before": self.n_before,
            "per_day": self.per_day,
            "checks": checks,
        }


def gate(log: LoggedArrays, target: Target | Floats, terms: GateTerms | None = None, *, policy: str = _NAME) -> Gate:
    """Say whether a policy may take the logging policy's place.

    It passes if three things are shown: in every task type, and in all together, its success is not below the logging
    policy's by the margin or more, and it saves enough. Each is a one-sided test at `alpha` of the paired difference of
    doubly robust influence functions; the standard error is the larger of what was drawn and of what probabilities let
    expect. Passing states that all hold, so that its error is that of one test: this is an intersection-union test,
    which needs no correction for how many are made (Berger 1982, doi:10.1080/00401706.1982.10487790). Failing states
    that one of them is broken, so that these share `alpha` by Holm. The saving is tested without a ratio, by the cost
    less (1 - saving) times the logging policy's (Fieller 1954, doi:10.1111/j.2517-6161.1954.tb00159.x); its bounds are
    the savings that are just not rejected.

    Nothing counts that rests on a verdict that is not `supported`, nor a conclusion that would be another one if all
    that nobody judged had failed, or succeeded; of the saving, whose width is not a matter of successes, only what
    makes an interval unbelievable counts against it. Of the rarest types together (``rest``) it must not be shown that
    they are worse; that they are not is too much to ask, and how much they can matter is in the test of all.

    Where it stops: the decisions must not be those that the policy was chosen or fitted on, so give a later window. The
    error is that of one look; `looks` shares it among several (Bonferroni). Who looks without end needs confidence
    sequences (`confidence_sequence`).

    Parameters
    ----------
    log
        The later window.
    target
        The policy's probabilities, shape (n, n_models), or a function that says them.
    terms
        On what terms a switch is allowed.
    policy
        What it is called.

    Raises
    ------
    DataError
        The log, the policy or a number cannot be.

    Examples
    --------
    >>> rng, n = np.random.default_rng(0), 8000
    >>> arm, e = rng.integers(2, size=n), np.full((n, 2), 0.5)
    >>> log = LoggedArrays(
    ...     arm=arm, reward=(rng.random(n) < 0.8).astype(float), cost_usd=np.array([0.01, 0.03])[arm],
    ...     propensity=np.full(n, 0.5), probabilities=e, mean_reward=np.full((n, 2), 0.8),
    ...     mean_cost_usd=np.tile([0.01, 0.03], (n, 1)), type=np.zeros(n, int), models=("small", "large"),
    ...     task_types=("chat",))
    >>> from selector.replay import fixed_model
    >>> print(gate(log, fixed_model("small"), GateTerms(success_margin=0.02, min_saving=0.1), policy="small"))
    PASS: small: is not worse by 0.02 in success, and saves at least 10.0% of the cost (8,000 decisions)
    >>> print(gate(log.take(slice(500)), fixed_model("small"), GateTerms(success_margin=0.02), policy="small"))
    NOT ENOUGH EVIDENCE: small: not shown: success in all (500 decisions)
    """
    terms = _checked(terms or GateTerms())
    if terms.min_saving is not None and np.isnan(log.cost_usd).all():
        raise DataError(
            "cost_usd: nan in every row, so a saving cannot be shown; leave min_saving out, or report usage"
        )
    whole = evaluate(log, {_NAME: target}, limits=terms.limits)
    groups, rare = _groups(whole, terms.least_share)
    found = regrouped(whole, groups)
    wanted = [Asked("success", None, log.task_types, required=True)]
    if len(groups) > 1:
        wanted += [Asked("success", name, tuple(types), required=name != rare) for name, types in groups.items()]
    seen = [success_seen(gain_of(found, _NAME, each.task_type), terms.success_margin) for each in wanted]
    if terms.min_saving is not None:
        wanted.append(Asked("saving", None, log.task_types, required=True))
        seen.append(saving_seen(costs_of(found, _NAME), terms.min_saving, terms.one_sided))
    adjusted = holm(np.array([each.p_worse for each in seen])).tolist()
    checks = [settled(each, one, p, terms) for each, one, p in zip(wanted, seen, adjusted, strict=True)]
    return Gate(policy, terms, log.n, tuple(checks))


def _checked(terms: GateTerms) -> GateTerms:
    for name, low, high in (("success_margin", 0, 1), ("alpha", 0, 0.5), ("power", 0, 1)):
        value = getattr(terms, name)
        if not low < value < high:
            raise DataError(f"{name}: {value} is not between {low} and {high}; {getattr(GateTerms(), name)} is usual")
    if terms.min_saving is not None and not -math.inf < terms.min_saving < 1:
        raise DataError(f"min_saving: {terms.min_saving} is no share of the cost below 1; .1 is a tenth")
    if not 0 <= terms.least_share < 1:
        raise DataError(f"least_share: {terms.least_share} is no share of decisions from 0 to 1; .05 is usual")
    if terms.looks < 1:
        raise DataError(f"looks: {terms.looks} is below 1; say how often the gate will be looked at")
    return terms


def _groups(found: Evaluation, least_share: float) -> tuple[dict[str, Sequence[str]], str | None]:
    """Take the rarest task types that have no more than a share of all decisions together; say how they are called."""
    n = found.tallies[_NAME].moments.n
    order = [int(x) for x in np.argsort(n, kind="stable") if n[x]]
    upto = (np.cumsum(n[order]) / n.sum()).tolist()
    rare = sorted(x for x, share in zip(order, upto, strict=True) if share <= least_share)
    names = found.task_types
    groups: dict[str, Sequence[str]] = {names[x]: [names[x]] for x in sorted(set(order) - {*rare})}
    if not rare:
        return groups, None
    called = names[rare[0]] if len(rare) == 1 else _REST if _REST not in groups else f"{_REST} of the types"
    return groups | {called: [names[x] for x in rare]}, called


def _said(check: GateCheck) -> str:
    """Say what is refuted."""
    kind = "in all" if check.task_type is None else f"in {check.task_type}"
    if check.what == "saving":
        return f"it {_saves(check.value, 'saves', 'costs')}, and {_saves(check.least, 'must save', 'may cost')}"
    return (
        f"its success {kind} is {-check.value:.3f} lower, {-check.high:.3f} at least, and {-check.least:g} is allowed"
    )


def _saves(share: float, verb: str, otherwise: str) -> str:
    """Say how much of the cost is saved, or how much more is spent."""
    return f"{verb} {share:.1%} of the cost" if share >= 0 else f"{otherwise} {-share:.1%} more"


def _called(check: GateCheck) -> str:
    return "saving" if check.what == "saving" else f"success in {check.task_type or 'all'}"
