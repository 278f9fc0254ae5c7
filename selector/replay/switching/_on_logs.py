"""Plans and gates of policies that are named by words, on a table of logged decisions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

import numpy as np

from selector.errors import ConfigError, DataError
from selector.replay.comparing._cases import Budget, Cases, cases_of
from selector.replay.comparing._policy_words import policy_of
from selector.replay.logs._arrays import arrays
from selector.replay.logs._overlap import estimate_propensities
from selector.replay.logs._point import row_at
from selector.replay.switching._floors import Goal
from selector.replay.switching._gate import Gate, gate
from selector.replay.switching._gate_checks import GateTerms
from selector.replay.switching._plan import EvidencePlan, plan_evidence

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = ["gate_log", "plan_log"]

_DAY_US = 86_400e6
_LEAST_SPAN = 1 / 24  # days


def plan_log(
    table: pa.Table,
    policies: Sequence[str] | None = None,
    *,
    budgets: Sequence[Budget] = (),
    per_day: float | None = None,
    goal: Goal | None = None,
) -> EvidencePlan:
    """Say what verdicts on policies of a log take, at the pace at which it came: `plan_evidence` by words.

    Parameters
    ----------
    table
        As `load` or `load_foreign` give it.
    policies
        Words, as of `compare`; None: every model that could have been chosen, always.
    budgets
        As of `compare`.
    per_day
        Decisions a day to come; None: as many as in the log, where that spans an hour or more.
    goal
        What is to be seen.

    Raises
    ------
    ConfigError
        A word is no policy, or a model of it not in the log.
    DataError
        There is nothing to plan from, or a value cannot be.
    """
    table = _with_propensities(table)
    log = arrays(table)
    each = [f"fixed:{log.models[place]}" for place in np.flatnonzero(log.may.any(axis=0)).tolist()]
    cases = cases_of(table, log, each if policies is None else policies, budgets)
    _check_named(cases)
    found = plan_evidence(
        cases.log, cases.targets, per_day=_per_day(table, log.n) if per_day is None else per_day, goal=goal
    )
    return replace(found, notes=cases.notes)


def gate_log(
    table: pa.Table,
    policy: str,
    *,
    at: datetime | str | float | None = None,
    budget: Budget | None = None,
    terms: GateTerms | None = None,
) -> Gate:
    """Say whether a policy may take the place of the one that a log is of: `gate` by a word, on a later window.

    Parameters
    ----------
    table
        As `load` or `load_foreign` give it.
    policy
        A word, as of `compare`.
    at
        A time (ISO 8601, a datetime with a zone, seconds since 1970): beliefs that stay as they are stay so from here,
        and only decisions from here on are evaluated. None: all are, or those after the policy stopped to learn.
    budget
        As of `compare`.
    terms
        On what terms a switch is allowed.

    Raises
    ------
    ConfigError
        The word is no policy, or a model of it not in the log.
    DataError
        There is nothing to judge by, or a value cannot be.

    Examples
    --------
    >>> import pyarrow as pa
    >>> from selector.replay import Columns, load_foreign
    >>> rng, n = np.random.default_rng(1), 6000
    >>> arm = rng.integers(2, size=n)                          # drawn with probability .5 each, and judged
    >>> rows = {"when": np.arange(n), "llm": np.array(["small", "large"])[arm], "p": np.full(n, 0.5)}
    >>> rows |= {"good": (rng.random(n) < np.array([0.6, 0.9])[arm]).astype(float), "usd": np.full(n, 0.001)}
    >>> which = Columns(at="when", model="llm", propensity="p", score="good", cost_usd="usd", default_task_type="chat")
    >>> table = load_foreign(pa.table(rows), which)
    >>> gate_log(table, "large").result, gate_log(table, "small").result
    ('pass', 'fail')
    """
    table = _with_propensities(table)
    log = arrays(table)
    word = policy_of(policy, log.models)
    if at is not None and word.is_frozen and word.at is None:
        when = at if isinstance(at, str) else None
        if when is None:
            raise DataError(f"at: {at!r}; for {word.name} write the time as text, such as 2026-03-10")
        word = policy_of(f"{word.kind}:{when}", log.models)
    cases = cases_of(table, log, [word.name], () if budget is None else (budget,))
    _check_named(cases)
    later, before = cases.log, cases.n_before
    if at is not None:
        row = max(row_at(table, at), before)
        later, before = log.take(slice(row, None)), row
    (name, target), *_ = cases.targets.items()
    found = gate(later, target, terms, policy=name)
    return replace(found, per_day=_per_day(table, log.n), n_before=before, notes=cases.notes)


def _with_propensities(table: pa.Table) -> pa.Table:
    """Estimate propensities where the log has none at all; nothing is then supported."""
    none = len(table) > 0 and table["propensity"].null_count == len(table)
    return estimate_propensities(table) if none else table


def _check_named(cases: Cases) -> None:
    if not cases.targets:
        raise ConfigError("the logging policy is what others are compared with; name another one", key="policy")


def _per_day(table: pa.Table, n: int) -> float:
    """Return how many decisions with a propensity came a day; nan where all came within an hour."""
    import pyarrow as pa

    at = table["at"].filter(table["propensity"].is_valid()).cast(pa.int64()).to_numpy()
    span = float(at.max() - at.min()) / _DAY_US
    return (n - 1) / span if span >= _LEAST_SPAN else math.nan
