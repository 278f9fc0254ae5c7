"""What a person does to beliefs: to forget what was learnt of a model, and to take over what another folder learnt."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

from selector._clients._core import Core
from selector._clients._open import configured, engine_of, open_core, state_path, take_up
from selector._clients._randomness import Randomness
from selector._clients.learning._grants import SUMS, as_of
from selector._clients.learning._tables import FOLD_VERSION, beliefs_table
from selector.catalog import Catalog
from selector.config import Config
from selector.errors import ConfigError, StateError, UnknownModelError, UnknownTaskTypeError, nearest
from selector.store import State

__all__ = ["Forgotten", "TakenOver", "import_beliefs", "reset_beliefs"]

Clock = Callable[[], float]
_MARK = "store.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Forgotten:
    """What was forgotten of a model.

    Examples
    --------
    >>> Forgotten(model="opus", task_types=("coding",), n_outcomes=12).n_outcomes
    12
    """

    model: str
    """Its name now."""
    task_types: tuple[str, ...]
    """On which kinds of tasks there was evidence."""
    n_outcomes: int
    """How many judged outcomes no longer count."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TakenOver:
    """What was taken over from another folder.

    Examples
    --------
    >>> TakenOver(rows=({"model": "opus", "evidence": 6.0},), unmatched={"grok": "no model has this name"}).evidence
    6.0
    """

    rows: tuple[Mapping[str, Any], ...] = ()
    """Per model and task type: the evidence as it counts here, the model's name here (`model`) and there (`there`)."""
    unmatched: Mapping[str, str]
    """Models of the other folder that are none here, with the reason."""

    @property
    def evidence(self) -> float:
        """How many judged outcomes it counts for.

        Examples
        --------
        >>> TakenOver(unmatched={}).evidence
        0.0
        """
        return float(sum(row["evidence"] for row in self.rows))


def reset_beliefs(
    source: object,
    model: str,
    *,
    task_type: str | None = None,
    state: str | os.PathLike[str] | None = None,
    clock: Clock | None = None,
) -> Forgotten:
    """Forget what was learnt of a model: its successes, tokens and counts of outcomes so far.

    The log keeps everything, and the event that says so: the beliefs that a log is folded to are the same whoever
    folds it. Other processes of the folder hear of it. How routes fare, and what was spent, stays known.

    Parameters
    ----------
    source, state, clock
        As for `Selector.open`.
    model
        Its name, or its old one; also of one that is configured no longer.
    task_type
        Forget what was learnt on this kind of task alone.

    Returns
    -------
    Forgotten
        What no longer counts.

    Raises
    ------
    UnknownModelError
        If there is no such model.
    UnknownTaskTypeError
        If nothing is known of such tasks.
    StateError
        If there is no state, or it cannot be written.
    """
    with _opened(source, state, clock) as (core, _, _):
        return forget(core, model, task_type)


def forget(core: Core, model: str, task_type: str | None) -> Forgotten:
    """Forget what was learnt of a model, as `reset_beliefs` does."""
    mind = core.mind
    name = _name_of(model, mind.plan.catalog, mind.retired_models)
    types = {**mind.index, **dict.fromkeys(mind.retired_types)}
    if task_type is not None and task_type not in types:
        raise UnknownTaskTypeError.of(task_type, types, key="task_type")
    rows = [row for row in core.beliefs().to_pylist() if row["model"] == name]
    rows = [row for row in rows if task_type in {None, row["task_type"]} and _is_known(row)]
    with core.engine.lock:
        event: dict[str, Any] = {"kind": "audit", "what": "reset", "at": core.engine.clock()}
        event |= {"model": name, "keep": 0.0, **_dated(core, is_grant=False)}
        _append(core, event if task_type is None else event | {"task_type": task_type})
    n_outcomes = sum(int(row["n_outcomes"]) for row in rows)
    return Forgotten(model=name, task_types=tuple(row["task_type"] for row in rows), n_outcomes=n_outcomes)


def import_beliefs(
    source: object,
    other: str | os.PathLike[str],
    *,
    weight: float = 0.5,
    names: Mapping[str, str] | None = None,
    state: str | os.PathLike[str] | None = None,
    clock: Clock | None = None,
) -> TakenOver:
    """Take over what another folder learnt, as evidence that counts less than one's own.

    A model is found by the name it has there: as a model's name here, its old name (`was`), or what a provider calls
    it (`id`). What is taken over ages from now on, and is written to the log once: every process, and every rebuild,
    counts the same.

    Parameters
    ----------
    source, state, clock
        As for `Selector.open`.
    other
        The other folder, of which nothing is changed.
    weight
        What one outcome there counts here, in (0, 1].
    names
        The name here of models that have another one there.

    Returns
    -------
    TakenOver
        What counts now, and which models were not found.

    Raises
    ------
    ConfigError
        If the weight or a name is wrong.
    StateError
        If the other folder is none, is this one, or was taken over before.
    """
    _check_weight(weight)
    there = Path(other)
    with _opened(source, state, clock, make=True) as (core, config, folder):
        _check_other(there, folder)
        rows, unpriced, stores = _learnt(there, config, core.engine.clock)
        found, unmatched = _matched(rows, core.mind.plan.catalog, dict(names or {}))
        _check_new(core, there, stores)
        taken = tuple(_weighed(row, float(weight)) for row in found)
        if taken:
            with core.engine.lock:
                said = {"kind": "audit", "what": "import", "at": core.engine.clock(), "weight": float(weight)}
                said |= {
                    "from": str(there),
                    "stores": sorted(stores),
                    "unpriced": sorted(unpriced),
                    "rows": list(taken),
                }
                _append(core, said | _dated(core, is_grant=True))
        return TakenOver(rows=taken, unmatched=unmatched)


@contextmanager
def _opened(
    source: object, state: str | os.PathLike[str] | None, clock: Clock | None, *, make: bool = False
) -> Iterator[tuple[Core, Config, Path]]:
    """Open a folder to write to it, having heard what others wrote."""
    config, file = configured(source, os.environ)
    folder = state_path(state, config, file, os.environ)
    if not make and not (folder / _MARK).exists():
        raise StateError(f"there is no state in {folder}; name the folder that decisions were written to")
    core = open_core(config, folder, Randomness(None), clock or time.time)  # noqa: TID251 - the default clock
    try:
        core.tick()
        yield core, config, folder
    finally:
        core.close()


def _dated(core: Core, *, is_grant: bool) -> dict[str, float]:
    """Say as of when it counts, by the number of decisions and by the clock.

    That is after all decisions so far and before the next one; what is reset, after all that was taken over; what is
    taken over, after all that was reset.
    """
    mind, present = core.mind, core.engine.now()
    if is_grant:
        last = max((event.at for event in mind.beliefs.events), default=-math.inf)
    else:
        last = max((as_of(mind, event) for event in core.fold.granted), default=-math.inf)
    if mind.plan.by_clock:
        at = max(present, math.nextafter(last, math.inf) if is_grant else last)
        return {"n": core.fold.next_n - 0.5, "as_of_s": at}
    at = (max(last, present - 1.0) + present) / 2 if is_grant else max(last, present - 0.5)
    return {"n": at, "as_of_s": core.engine.clock()}


def _append(core: Core, event: dict[str, Any]) -> None:
    """Write an event down, and take it in."""
    event["w"], event["s"] = core.state.append(event)
    core.fold.fold(event, heard=False)


def _name_of(model: str, catalog: Catalog, gone: Collection[str]) -> str:
    if model in catalog.models:
        return model
    found = [each.name for each in catalog if model in each.was]
    if not found and model not in gone:
        raise UnknownModelError.of(model, catalog.models, key="model")
    return found[0] if found else model


def _is_known(row: Mapping[str, Any]) -> bool:
    return bool(row["n_outcomes"] or row["evidence"] or row["usage_evidence"])


def _check_weight(weight: object) -> None:
    if isinstance(weight, bool) or not isinstance(weight, (int, float)) or not 0 < weight <= 1:
        raise ConfigError(f"weight must be a number above 0 and at most 1, not {weight!r}")


def _check_other(there: Path, here: Path) -> None:
    if not (there / _MARK).exists():
        raise StateError(f"there is no state in {there}; name the folder of another selector")
    if there.resolve() == here.resolve():
        raise StateError(f"{there} is this selector's own folder, whose evidence counts already")


def _store_id(there: Path) -> str:
    """Read what tells a folder from its copies' originals: the text of its mark."""
    return blake2b((there / _MARK).read_bytes(), digest_size=8).hexdigest()


def _check_new(core: Core, there: Path, stores: set[str]) -> None:
    """Refuse what would count twice: evidence of this folder, or of one that was taken over before."""
    if _store_id(core.state.path) in stores:
        raise StateError(f"{there} is a copy of this selector's own folder, or took it over: it would count twice")
    if any(stores.intersection(event["stores"]) for event in core.fold.granted):
        raise StateError(f"what {there} learnt was taken over before, or some of it was, and would count twice")


def _learnt(there: Path, config: Config, clock: Clock) -> tuple[list[dict[str, Any]], frozenset[str], set[str]]:
    """Fold a folder's log under our configuration.

    Give what counts now, which models are believed in dollars, and which folders it is of: itself, and those that it
    took over.
    """
    engine = engine_of(config, Randomness(0), clock)
    with State.open(there, clock=clock, read_only=True) as log:
        base = log.read_snapshot("base", fold_version=FOLD_VERSION)
        folded = {} if base is None else dict(base.folded)
        take_up(log, engine, anew=lambda: log.events(folded))
    engine.mind.learn(engine.now())
    rows = beliefs_table(engine.mind, engine.now(), clock()).to_pylist()
    stores = {_store_id(there)}.union(*(event["stores"] for event in engine.fold.granted))
    return [row for row in rows if _is_known(row)], engine.mind.unpriced, stores


def _matched(
    rows: list[dict[str, Any]], catalog: Catalog, names: dict[str, str]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Give each row the name that its model has here; tell which have none, and why."""
    models = dict.fromkeys(row["model"] for row in rows)
    for there, here in names.items():
        if here not in catalog.models:
            raise UnknownModelError.of(here, catalog.models, key=f"names.{there}")
        if there not in models:
            raise ConfigError(f"the other folder has no model {there!r}{nearest(there, models)}", key="names")
    found, unmatched = [], {}
    for row in rows:
        own, why = _own(row["model"], catalog, names)
        if own is None:
            unmatched[row["model"]] = why
        else:
            found.append({**row, "there": row["model"], "model": own})
    return found, unmatched


def _own(there: str, catalog: Catalog, names: Mapping[str, str]) -> tuple[str | None, str]:
    if there in names:
        return names[there], ""
    if there in catalog.models:
        return there, ""
    old = [model.name for model in catalog if there in model.was]
    ids = old or [model.name for model in catalog if there in {route.id for route in model.routes}]
    if len(ids) == 1:
        return ids[0], ""
    if ids:
        return None, f"may be {' or '.join(ids)}; say which"
    return None, "no model here has this name, was called so, or has this id"


def _weighed(row: Mapping[str, Any], weight: float) -> dict[str, Any]:
    """Let a row count less: for as many whole outcomes as its evidence is worth."""
    found: dict[str, Any] = {name: float(row[name]) * weight for name in SUMS}
    n = min(int(row["n_outcomes"]), round(found["evidence"]))
    return {"model": row["model"], "there": row["there"], "task_type": row["task_type"], **found, "n_outcomes": n}
