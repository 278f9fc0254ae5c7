"""The log folded anew: to compare with what is believed, and to keep what an old log taught when it goes."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from selector._clients._core import Core
from selector._clients._open import configured, engine_of, state_path, take_up
from selector._clients._randomness import Randomness
from selector._clients.learning._tables import FOLD_VERSION, beliefs_table, saved
from selector.store import State, learnt_files

if TYPE_CHECKING:
    import pyarrow as pa

    from selector._clients.choice._engine import Engine
    from selector.config import Config

__all__ = ["Rebuilt", "drop_old", "rebuild"]

_EQUAL = 1e-9
_DERIVED = frozenset({"alpha", "beta"})
_NUMBERS = ("n_outcomes", "evidence", "score_sum", "score_square_sum", "usage_evidence", "token_sum", "alpha", "beta")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rebuilt:
    """What came of folding a log anew.

    Examples
    --------
    >>> Rebuilt(n_events=12, n_decisions=4, largest_difference=0.0, where="").is_equal
    True
    """

    n_events: int
    """Events in the log."""
    n_decisions: int
    """Decisions among them."""
    largest_difference: float
    """Between what is believed and what the log says, relative to the larger of them and 1."""
    where: str
    """The model, task type and number that differ most."""

    @property
    def is_equal(self) -> bool:
        """Whether they are the same but for rounding.

        Examples
        --------
        >>> Rebuilt(n_events=1, n_decisions=1, largest_difference=0.5, where="opus on coding: alpha").is_equal
        False
        """
        return self.largest_difference <= _EQUAL


def rebuild(
    source: object = None, *, state: str | os.PathLike[str] | None = None, clock: Callable[[], float] | None = None
) -> Rebuilt:
    """Fold a whole log anew, and compare with the beliefs as they are stored; nothing is written.

    Parameters
    ----------
    source, state, clock
        As for `Selector.open`.

    Returns
    -------
    Rebuilt
        How much they differ. Where they do, delete ``posteriors.parquet``: the next `Selector.open` folds the log anew.

    Raises
    ------
    StateError
        If there is no state, or it cannot be read.
    """
    config, file = configured(source, os.environ)
    folder = state_path(state, config, file, os.environ)
    now = clock or time.time  # noqa: TID251 - the default clock
    with State.open(folder, clock=now, read_only=True) as log:
        n_events = 0

        def counted() -> Iterator[dict[str, Any]]:
            nonlocal n_events
            for event in log.events(_base(log)):
                n_events += 1
                yield event

        anew = engine_of(config, Randomness(0), now, learnt_files(folder))
        take_up(log, anew, anew=counted)
    with State.open(folder, clock=now, read_only=True) as log:
        stored = engine_of(config, Randomness(0), now, learnt_files(folder))
        take_up(log, stored)
    difference, where = _compare(_table(stored), _table(anew))
    return Rebuilt(n_events=n_events, n_decisions=anew.fold.n_decisions, largest_difference=difference, where=where)


def drop_old(core: Core, config: Config) -> int:
    """Drop the log that is older than is to be kept; what it taught stays as ``base.parquet``.

    Parameters
    ----------
    core
        Whose log.
    config
        Says how long it is kept.

    Returns
    -------
    int
        How many parts were dropped.
    """
    state, keep = core.state, config.state.keep
    if keep is None:
        return 0
    before = core.engine.clock() - keep.total_seconds()
    ends = state.droppable(before)
    if not ends:
        return 0
    engine = engine_of(config, Randomness(0), core.engine.clock, learnt_files(state.path))
    old = _base(state)
    with State.open(state.path, clock=core.engine.clock, read_only=True) as log:
        take_up(log, engine, anew=lambda: _through(log.events(old), ends))
    now = engine.now()
    extra = {**saved(engine.mind, now), "budget": engine.budget.dump(), "fold": engine.fold.counted()}
    extra["open"] = engine.fold.flight.dump()
    table = beliefs_table(engine.mind, now, core.engine.clock())
    if not state.write_snapshot("base", table, old | ends, fold_version=FOLD_VERSION, extra=extra):
        return 0
    return state.drop(before, ends)


def _base(state: State) -> dict[str, tuple[int, int]]:
    base = state.read_snapshot("base", fold_version=FOLD_VERSION)
    return {} if base is None else dict(base.folded)


def _through(events: Iterator[dict[str, Any]], ends: Mapping[str, tuple[int, int]]) -> Iterator[dict[str, Any]]:
    for event in events:
        if event["s"] <= ends.get(event["w"], (0, 0))[1]:
            yield event


def _table(engine: Engine) -> pa.Table:
    engine.mind.learn(engine.now())
    return beliefs_table(engine.mind, engine.now(), 0.0)


def _compare(one: pa.Table, other: pa.Table) -> tuple[float, str]:
    """Find the largest difference between two tables of beliefs; a row that one lacks is a difference of 1."""
    rows = [{(r["model"], r["task_type"]): r for r in table.to_pylist()} for table in (one, other)]
    worst, where = 0.0, ""
    for key in sorted(rows[0].keys() | rows[1].keys()):
        a, b = (table.get(key) for table in rows)
        for name in _NUMBERS:
            x, y = (None if row is None else row[name] for row in (a, b))
            if name in _DERIVED and not (a and b):
                continue  # of a type that nothing was learnt of, one may have its prior, and the other no row
            if x is None and y is None:
                continue
            gap = math.inf if x is None or y is None else abs(x - y) / max(1.0, abs(x), abs(y))
            if gap > worst and not ((x or 0) == 0 and (y or 0) == 0):
                worst, where = gap, f"{key[0]} on {key[1]}: {name}"
    return worst, where
