"""From a source and a folder to a running core: what is configured, what was learnt before."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from selector._clients._core import Core
from selector._clients._randomness import Randomness
from selector._clients.choice._engine import Engine
from selector._clients.choice._plan import Plan
from selector._clients.choice._roads import Roads
from selector._clients.choice._tariff import Tariffs
from selector._clients.learning._fold import Fold
from selector._clients.learning._mind import Mind
from selector._clients.learning._tables import FOLD_VERSION, restore
from selector._clients.learning._withdrawals import is_of_beliefs
from selector._clients.money._budget import Budget
from selector.candidates import Screen
from selector.catalog import Catalog
from selector.config import Config, in_force
from selector.errors import ConfigError
from selector.store import LearntFile, Snapshot, State, learnt_files

__all__ = ["configured", "engine_of", "open_core", "state_path", "take_up"]

_RECENT = 10_000  # decisions that are at hand after opening; of older ones the log is asked
_LESSON = 10_000  # events after which they are learnt


def configured(source: object, environ: Mapping[str, str]) -> tuple[Config, Path | None]:
    """Read the configuration.

    Parameters
    ----------
    source
        A path, a mapping, a `Config`; None: what ``SELECTOR_CONFIG`` or ``ORCHESTRATOR_CONFIG`` names,
        ``selector.yaml`` of the current folder, else what the environment allows.
    environ
        The environment.

    Returns
    -------
    tuple
        The configuration, and the file that it was read from.
    """
    found = in_force(source, environ)
    return found.config, found.file


def state_path(state: object, config: Config, file: Path | None, environ: Mapping[str, str]) -> Path:
    """Find the state folder: as given, else ``SELECTOR_STATE``, else as configured, beside the file that says so."""
    if state is not None:
        if not isinstance(state, (str, os.PathLike)) or (isinstance(state, str) and not state.strip()):
            raise ConfigError(f"state must be the path of a folder, not {state!r}; leave it out for the default")
        return Path(state)
    if environ.get("SELECTOR_STATE"):
        return Path(environ["SELECTOR_STATE"])
    beside = Path() if file is None or "state" not in config.model_fields_set else file.parent
    return beside / Path(config.state.path).expanduser()


def open_core(
    config: Config, path: Path, randomness: Randomness, clock: Callable[[], float], *, read_only: bool = False
) -> Core:
    """Open a state folder under a configuration, and take up what was learnt there.

    Parameters
    ----------
    config
        How it decides.
    path
        The state folder.
    randomness
        Of choices and draws.
    clock
        The time in seconds since 1970.
    read_only
        Whether nothing may be written.
    """
    engine = engine_of(config, randomness, clock, learnt_files(path))
    with ExitStack() as undo:
        state = State.open(path, clock=clock, durability=config.state.durability, read_only=read_only)
        undo.callback(state.close)
        if not read_only:
            state.claim(engine.budget.agreed)
        take_up(state, engine)
        undo.pop_all()
    return Core(state, engine, prompts=config.state.log_prompts)


def engine_of(
    config: Config, randomness: Randomness, clock: Callable[[], float], learnt: Sequence[LearntFile] = ()
) -> Engine:
    """Build what chooses under a configuration, before it learnt anything from a log.

    Parameters
    ----------
    config, randomness, clock
        As for `open_core`.
    learnt
        The user's own evaluations, which are priors.
    """
    catalog = Catalog.of(config)
    roads = Roads(catalog, config, clock())
    screen = Screen.of(config, catalog, availability=roads)
    every = tuple(route for model in catalog for route in model.routes)
    tariffs = Tariffs(tuple(model.route for model in catalog), every)
    tariffs.fresh(clock())
    plan = Plan(config, catalog, screen, learnt)
    mind = Mind(plan, tariffs, randomness.key(), list(config.task_types))
    budget = Budget(config, catalog, clock(), plan.usual_usd(mind.tariff))
    fold = Fold(mind, budget, config.outcomes.rank, roads)
    mind.decider.pacer = budget.pace
    if budget.meters:
        mind.limit(budget.meters)
    return Engine(mind, budget, screen, fold, randomness.choices(), clock)


def take_up(state: State, engine: Engine, *, anew: Callable[[], Iterable[dict[str, Any]]] | None = None) -> None:
    """Learn what a log holds: from the last snapshot on, or from its beginning.

    Parameters
    ----------
    state
        The folder.
    engine
        That nothing was learnt by yet.
    anew
        Gives all events after those that were dropped: they are folded again, whatever snapshots say. None: only what
        comes after the last snapshot.
    """
    fold, mind, now = engine.fold, engine.mind, engine.clock()
    fold.find, fold.read = state.find, lambda: state.positions
    snapshot = None if anew else state.read_snapshot("posteriors", fold_version=FOLD_VERSION)
    whole = snapshot is None
    if snapshot is None:
        snapshot = state.read_snapshot("base", fold_version=FOLD_VERSION)
    folded: Mapping[str, tuple[int, int]] = {}
    if snapshot is not None:
        folded = snapshot.folded
        _restore(engine, snapshot, now)
    if not whole:
        _remember(fold, state.recent(_RECENT), folded)
    if snapshot is not None:
        fold.flight.load(snapshot.extra["open"])
    engine.budget.catch_up(fold.entries.values(), now)
    _fold_all(fold, anew or (lambda: state.events(folded)), engine.now, whole=whole)
    engine.budget.steer(now, fold.flight.now)
    mind.learn(engine.now())
    if whole:
        mind.count_tried()
    mind.refresh(engine.now(), whole=True)


def _restore(engine: Engine, snapshot: Snapshot, now: float) -> None:
    restore(engine.mind, snapshot.table, snapshot.extra)
    for name, value in snapshot.extra["fold"].items():
        setattr(engine.fold, name, set(value) if name == "told_of" else value)
    engine.budget.load(snapshot.extra["budget"], now)
    engine.roads.load(snapshot.extra.get("routes"), now)


def _fold_all(
    fold: Fold, events: Callable[[], Iterable[dict[str, Any]]], now: Callable[[], float], *, whole: bool
) -> None:
    """Fold events; of a whole log alarms first, for they are about others' outcomes too: then any order is right."""
    if whole:
        for event in events():
            if is_of_beliefs(event):
                fold.fold(event, heard=False)
    for n, event in enumerate(events(), 1):
        if not whole or not is_of_beliefs(event):
            fold.fold(event, heard=False)
        fold.mind.count(event["kind"])
        if n % _LESSON == 0:
            fold.mind.learn(now())
            fold.trim()
    fold.settle_early()


def _remember(fold: Fold, events: Iterable[dict[str, Any]], folded: Mapping[str, tuple[int, int]]) -> None:
    """Take in recent facts that are folded already."""
    fold.know_all(event for event in events if event["s"] <= folded.get(event["w"], (0, 0))[1])
