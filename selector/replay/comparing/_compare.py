"""Comparing policies on a log: what each would have earned and spent, how sure that is, and against what was done."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from selector.errors import DataError, UnknownTaskTypeError, nearest
from selector.replay.comparing._cases import Budget, Case, Cases, cases_of
from selector.replay.comparing._comparison import ComparedPolicy, Comparison, drivers_of
from selector.replay.comparing._looks import Looks
from selector.replay.estimates._columns import ESTIMATORS
from selector.replay.estimates._evaluator import evaluate
from selector.replay.estimates._result import LOGGING, Evaluation
from selector.replay.estimates._verdict import LIMITS, Limits
from selector.replay.logs._arrays import arrays, left_out
from selector.replay.logs._overlap import estimate_propensities, overlap

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["CompareOptions", "Worth", "compare"]

Floats = NDArray[np.float64]
Worth = float | Mapping[str, float] | None
"""Dollars that a success is worth, on all tasks or by task type."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CompareOptions:
    """How policies are compared; the defaults are what one usually wants."""

    level: float = 0.95
    """Of the intervals."""
    anytime: bool = False
    """Whether intervals of success hold at every number of decisions at once: for a log that is looked at as it grows,
    until something shows. They are wider."""
    estimators: tuple[str, ...] = ()
    """Others than the doubly robust one, shown beside it and never instead: ``dm``, ``ips``, ``snips``, ``clipped_dr``,
    ``sn_dr``, ``aw_dr``."""
    failed: float | None = None
    """The reward of a decision that nobody answered and nobody judged; None: not known."""
    limits: Limits = LIMITS
    """What is asked of a supported estimate."""


def compare(
    table: pa.Table,
    policies: Sequence[str] | None = None,
    *,
    budgets: Sequence[Budget] = (),
    price: float | None = None,
    worth: Worth = None,
    options: CompareOptions | None = None,
) -> Comparison:
    """Say from logged decisions what other policies would have earned and spent.

    Doubly robust estimates, with a verdict each: a number that is not ``supported`` is no answer. See `evaluate` for
    what they rest on. Differences are from the logging policy on the same decisions, with Holm's correction for how
    many are compared. A log without propensities is given estimated ones, and then nothing is ``supported``.

    Parameters
    ----------
    table
        As `load` or `load_foreign` give it.
    policies
        Words: ``ours``, ``without:MODEL``, ``uniform``, ``fixed:MODEL``, ``frozen:TIME``, ``greedy:TIME``. The logging
        policy is always there. None: ours, uniform, and each model always.
    budgets
        Mean dollars per decision, or shares of what was spent, such as ``"50%"``: policies of ours are taken at each.
    price
        Successes per dollar: compares success less price times dollars.
    worth
        Dollars per success: compares worth times success less dollars.
    options
        How.

    Returns
    -------
    Comparison
        Its `answer` is the result in a line, its `rows` are the table.

    Raises
    ------
    ConfigError
        A word is no policy, or a model of it not in the log.
    DataError
        There is nothing to estimate from, or a value cannot be; it says which, and what to do.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from selector.replay import Columns, load_foreign
    >>> rng, n = np.random.default_rng(1), 3000
    >>> arm = rng.integers(2, size=n)                          # drawn with probability .5 each, and judged
    >>> rows = {"when": np.arange(n), "llm": np.array(["small", "large"])[arm], "p": np.full(n, 0.5)}
    >>> rows |= {"good": rng.random(n) < np.array([0.6, 0.9])[arm], "usd": np.array([0.001, 0.003])[arm]}
    >>> which = Columns(at="when", model="llm", propensity="p", score="good", cost_usd="usd", default_task_type="chat")
    >>> found = compare(load_foreign(pa.table(rows), which), ["large", "small"])
    >>> found.answer.partition(" at ")[0]
    'fixed:large would have succeeded .894 [.878, .910]'
    >>> [(row.policy, row.verdict.word, round(row.cost.value, 4)) for row in found.rows]
    [('logging', 'supported', 0.002), ('fixed:large', 'supported', 0.003), ('fixed:small', 'supported', 0.001)]
    """
    how = options or CompareOptions()
    _check(how, price, worth)
    none_logged = len(table) > 0 and table["propensity"].null_count == len(table)
    table = estimate_propensities(table) if none_logged else table
    log = arrays(table, failed=how.failed)
    cases = cases_of(table, log, policies, budgets)
    each, unit_price = _worths(worth, log.task_types), price or 0.0 if worth is None else 1.0
    found = evaluate(cases.log, cases.targets, worth=each, price=unit_price, limits=how.limits)
    found = replace(found, level=how.level)
    objective = "success" if price is None and worth is None else "utility"
    looks = Looks(found, cases, how.level) if how.anytime else None
    rows = [_row(found, case, objective, looks) for case in (None, *cases.cases)]
    outcomes = list(dict.fromkeys([objective, "success", "cost"]))
    differences = [d for outcome in outcomes for d in found.differences(outcome)]
    estimators = dict.fromkeys(("dm", *how.estimators) if not log.known_propensities else how.estimators)
    return Comparison(
        rows=tuple(rows),
        differences=tuple(differences if looks is None else map(looks.difference, differences)),
        frontier=tuple(found.frontier(objective)),
        drivers=drivers_of(found, [objective, "cost"]),
        others=tuple(found.estimate(row.policy, objective, name) for name in estimators for row in rows),
        objective=objective,
        level=how.level,
        price=unit_price,
        worth=dict(zip(log.task_types, each.tolist(), strict=True)),
        in_usd=worth is not None,
        n=cases.log.n,
        n_judged=int(np.count_nonzero(~np.isnan(cases.log.reward))),
        n_before=cases.n_before,
        without_propensity=left_out(table),
        span=_span(table, cases.n_before),
        propensities="logged" if log.known_propensities else "estimated",
        anytime=how.anytime,
        overlap=() if log.known_propensities else tuple(overlap(table).to_pylist()),
        notes=(*cases.notes, *_notes(cases, found, how)),
        evaluation=found,
    )


def _check(how: CompareOptions, price: float | None, worth: Worth) -> None:
    for name in how.estimators:
        if name not in ESTIMATORS:
            raise DataError(f"estimator: there is no {name!r}{nearest(name, ESTIMATORS)}")
    if price is not None and worth is not None:
        raise DataError("price, worth: give successes per dollar or dollars per success, not both")
    if price is not None and not 0 <= price < float("inf"):
        raise DataError(f"price: {price} is no number of successes per dollar; it is at least 0")
    if not 0 < how.level < 1:
        raise DataError(f"level: {how.level} is not between 0 and 1; .95 is usual")
    if how.anytime and (price is not None or worth is not None):
        raise DataError("anytime: only success has the bounds that this needs; leave price and worth out")


def _worths(worth: Worth, task_types: Sequence[str]) -> Floats:
    """Give each task type the worth of a success on it."""
    if worth is None:
        return np.ones(len(task_types))
    by_type = worth if isinstance(worth, Mapping) else dict.fromkeys(task_types, worth)
    for name in by_type:
        if name not in task_types:
            raise UnknownTaskTypeError.of(name, task_types, key="worth")
    missing = [name for name in task_types if name not in by_type]
    if missing:
        raise DataError(f"worth: task type {missing[0]!r} has none; give dollars for each of {', '.join(task_types)}")
    for name, usd in by_type.items():
        if not 0 < usd < float("inf"):
            raise DataError(f"worth: {usd} for {name!r} is no number of dollars above 0")
    return np.array([by_type[name] for name in task_types], float)


def _row(found: Evaluation, case: Case | None, objective: str, looks: Looks | None) -> ComparedPolicy:
    name = LOGGING if case is None else case.name
    value, success = found.estimate(name, objective), found.estimate(name, "success")
    if looks is not None:
        value = success = looks.estimate(success)
    return ComparedPolicy(name, None if case is None else case.budget_usd, value, success, found.estimate(name, "cost"))


def _span(table: pa.Table, begin: int) -> tuple[datetime, datetime]:
    at = table.filter(table["propensity"].is_valid())["at"]
    first, last = (at[place].as_py() for place in (begin, len(at) - 1))
    return first, last


def _notes(cases: Cases, found: Evaluation, how: CompareOptions) -> list[str]:
    log, notes = cases.log, []
    unjudged = int(np.count_nonzero(np.isnan(log.reward)))
    if unjudged:
        notes.append(
            f"{unjudged:,} of {log.n:,} decisions were not judged: judged ones stand for them, each by how often its "
            "kind is judged, and an answer that would turn if all of them had failed, or succeeded, is weak"
        )
    costless = int(np.count_nonzero(np.isnan(log.cost_usd)))
    if costless:
        notes.append(f"of {costless:,} decisions the cost is not known: the others stand for them")
    if not found.known_propensities:
        notes.append(
            "nobody logged propensities: they were estimated from how often each model was chosen for a type, which is "
            "wrong where hard tasks went to other models; nothing here is supported, and what the predicted means "
            "alone say (dm) is model-based"
        )
    if how.anytime:
        notes.append(
            "intervals of success and of its differences hold at all numbers of decisions at once, so that one may "
            "look at any time; those of cost, and of task types, hold at one"
        )
    return notes
