"""Policies with their budgets as targets, on the decisions that can be held against all of them alike."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from selector.errors import DataError
from selector.replay.comparing._policy_words import Policy, policy_of
from selector.replay.estimates._logged import LoggedArrays
from selector.replay.logs._point import row_at
from selector.replay.targets._for_budget import for_budget
from selector.replay.targets._frozen_beliefs import frozen_at, greedy_at
from selector.replay.targets._rethought import departure, ours
from selector.replay.targets._simple import Target, fixed_model, logging_policy, uniform

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["Budget", "Case", "Cases", "cases_of", "usd_text"]

Budget = float | str
"""Mean dollars per decision, or a share of what the log spent, such as ``50%``."""

_FAR = 0.1  # from the logged probabilities: beyond that, it was not this policy that chose
_SAMPLE = 4_000  # decisions on which that is looked at
_PRICE_PATH = (
    "price path held: at each decision a dollar is worth what it was worth then; a policy that had spent otherwise "
    "would have come to another price, and to other beliefs"
)
_BUDGET_PATH = (
    "a budget moves the price of every logged decision by one constant, at which the cost expected then is the budget"
)


class Case(NamedTuple):
    """A policy at a budget."""

    name: str
    policy: Policy
    budget_usd: float | None
    """Mean dollars per decision; None: as it is, without a budget of its own."""


class Cases(NamedTuple):
    """What is compared, and on which decisions."""

    cases: tuple[Case, ...]
    """Beside the logging policy."""
    targets: Mapping[str, Target]
    """Of each."""
    log: LoggedArrays
    """The decisions that are evaluated."""
    n_before: int
    """How many before these only taught a policy that then stays as it is."""
    notes: tuple[str, ...]
    """What is to be said of them."""


def usd_text(usd: float, digits: int = 6) -> str:
    """Write dollars without an exponent, to so many significant digits.

    Examples
    --------
    >>> usd_text(0.00005), usd_text(12.3456, 3)
    ('0.00005', '12.3')
    """
    return np.format_float_positional(usd, precision=digits, fractional=False, trim="-")


def cases_of(table: pa.Table, log: LoggedArrays, words: Sequence[str] | None, budgets: Sequence[Budget]) -> Cases:
    """Turn words into targets.

    Parameters
    ----------
    table
        The logged decisions.
    log
        The same as arrays.
    words
        Of policies; None: ours where beliefs were logged, uniform, and each model that could have been chosen.
    budgets
        At each of which the policies that heed one are taken; none: as they are.

    Returns
    -------
    Cases
        All that is needed to evaluate them.

    Raises
    ------
    ConfigError
        A word is none.
    DataError
        A budget or a time cannot be.
    """
    notes: list[str] = []
    policies = _usual(log, notes) if words is None else [policy_of(word, log.models) for word in words]
    policies = [each for each in dict.fromkeys(policies) if each.kind != "logging"]
    rows = {each: _row(table, log, each) for each in policies if each.is_frozen}
    begin = max(rows.values(), default=0)
    later = log.take(slice(begin, None)) if begin else log
    cases, targets = [], {}
    for case in _at_budgets(policies, budgets, later):
        cases.append(case)
        targets[case.name] = _target(case, log, later, rows.get(case.policy), notes)
    if budgets and not any(case.budget_usd for case in cases):
        raise DataError(f"budget: none of the policies heeds one; of {_words(policies)} each does what it does")
    notes += _said(cases, log, begin)
    return Cases(tuple(cases), targets, later, begin, tuple(dict.fromkeys(notes)))


def _words(policies: Sequence[Policy]) -> str:
    return ", ".join(policy.name for policy in policies) or "logging alone"


def _usual(log: LoggedArrays, notes: list[str]) -> list[Policy]:
    """Take what one usually wants to know of."""
    words = ["ours", "uniform"]
    if not _has_beliefs(log):
        words = ["uniform"]
        notes.append("ours is not among the policies: the log does not say what was believed")
    words += [f"fixed:{log.models[place]}" for place in np.flatnonzero(log.may.sum(axis=0))]
    return [policy_of(word, log.models) for word in words]


def _has_beliefs(log: LoggedArrays) -> bool:
    return log.strength is not None and bool(np.isfinite(log.strength).any())


def _row(table: pa.Table, log: LoggedArrays, policy: Policy) -> int:
    """Find the first decision after the time at which a policy stops to learn."""
    row = log.n // 2 if policy.at is None else row_at(table, policy.at)
    if not 0 < row < log.n:
        raise DataError(f"{policy.name}: there is no decision on one side of its time; freeze it within the log")
    return row


def _at_budgets(policies: Sequence[Policy], budgets: Sequence[Budget], log: LoggedArrays) -> Iterator[Case]:
    dollars = {_budget(each, log): each for each in budgets}
    for policy in policies:
        if not (policy.takes_budget and dollars):
            yield Case(policy.name, policy, None)
            continue
        for usd, said in dollars.items():
            what = f"{said.strip()}" if isinstance(said, str) and "%" in said else f"{usd_text(usd)} USD"
            yield Case(f"{policy.name} at {what}", policy, usd)


def _budget(value: Budget, log: LoggedArrays) -> float:
    """Read a budget as mean dollars per decision."""
    text = str(value).strip()
    try:
        amount = float(text.removesuffix("%"))
    except ValueError:
        amount = math.nan
    if not 0 < amount < math.inf:
        raise DataError(
            f"budget: {value!r} is not above 0; give mean dollars per decision, such as 0.002, or a share of what was "
            "spent, such as 50%"
        )
    if not text.endswith("%"):
        return amount
    known = log.cost_usd[~np.isnan(log.cost_usd)]
    if not known.sum() > 0:
        raise DataError(f"budget: {value} of what was spent is nothing, since the log has no cost; give dollars")
    return float(known.mean()) * amount / 100


def _target(case: Case, log: LoggedArrays, later: LoggedArrays, row: int | None, notes: list[str]) -> Target:
    policy, usd = case.policy, case.budget_usd
    if policy.kind == "uniform":
        return uniform
    if policy.kind == "fixed":
        return fixed_model(policy.models[0])
    if policy.is_frozen and row is not None:
        make = frozen_at if policy.kind == "frozen" else greedy_at
        made = make(log, row, budget_usd=usd)
        notes.append(f"{case.name}: a dollar is worth {made.price:.4g} successes, at every decision")
        return made
    if policy.kind in {"ours", "without"}:
        if usd is None:
            return ours(without=policy.models)
        fit = for_budget(later, usd, without=policy.models)
        if not fit.binds:
            notes.append(f"{case.name}: {fit}")
        return ours(without=policy.models, dearer=fit.dearer)
    return logging_policy


def _said(cases: Sequence[Case], log: LoggedArrays, begin: int) -> Iterator[str]:
    """Say what the numbers of these policies mean."""
    rethought = [case for case in cases if case.policy.kind in {"ours", "without"}]
    if any(case.budget_usd is None for case in rethought):
        yield _PRICE_PATH
    if any(case.budget_usd is not None for case in rethought):
        yield _BUDGET_PATH
    if rethought:
        far = departure(log.take(slice(None, None, -(-log.n // _SAMPLE))))
        if far > _FAR:
            yield (
                f"ours is not what chose: its probabilities are {far:.2f} from the logged ones (0 the same, 1 wholly "
                "others), as under another policy or objective"
            )
    if begin:
        names = ", ".join(case.name for case in cases if case.policy.is_frozen)
        yield (
            f"frozen in time: {names}; all policies are evaluated on the {log.n - begin:,} decisions after that, and "
            f"not on the {begin:,} before, from which it learnt"
        )
