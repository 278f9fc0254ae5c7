"""What a state folder says, read while other processes use it; nothing is written."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from selector._clients import Core, Randomness, Status, configured, open_core, state_path, status_of, told
from selector.catalog import Catalog
from selector.cli._options import Wanted
from selector.cli._output import complain
from selector.config import Config, named_file
from selector.errors import StateError
from selector.records import Decision, Task
from selector.store import State

__all__ = ["Reading", "now", "own_file", "places", "reading", "source_of", "state_folder"]

_logger = logging.getLogger("selector")


class Moment:
    """The time, or another that is put in its place."""

    def __init__(self) -> None:
        self.at_s: float | None = None

    def __call__(self) -> float:
        """Return seconds since 1970."""
        return now() if self.at_s is None else self.at_s


@dataclass(frozen=True, slots=True)
class Reading:
    """A state folder under a configuration, as it stands now."""

    config: Config
    file: Path | None
    """Where the configuration was read from; None: from the environment's keys."""
    folder: Path
    """The state folder, which need not be there yet."""
    core: Core
    moment: Moment
    """What rules take for the time."""

    @property
    def catalog(self) -> Catalog:
        """The models."""
        return self.core.mind.plan.catalog

    @property
    def types(self) -> list[str]:
        """The task types that are configured or came."""
        came = (entry.type for entry in self.core.fold.entries.values())
        return list(dict.fromkeys([*self.core.mind.index, *came]))

    @property
    def baseline(self) -> str | None:
        """The model that others are compared with, or None."""
        place = self.core.mind.plan.baseline
        return None if place is None else self.core.mind.plan.models[place]

    def beliefs(self) -> list[dict[str, Any]]:
        """List what is believed: a row per model and task type."""
        rows: list[dict[str, Any]] = self.core.beliefs().to_pylist()
        return rows

    def status(self) -> Status:
        """Take stock."""
        return status_of(self.core, None)

    def explain(self, id_: str) -> str:
        """Tell a decision from the log."""
        return told(self.core, id_)

    def events_of(self, id_: str) -> list[dict[str, Any]]:
        """Find the events of a decision."""
        return self.core.state.find(id_)

    def show_rules(self, at_s: float) -> None:
        """Let rules take another time for now; money and beliefs keep the real one."""
        self.core.engine.clock = now
        self.moment.at_s = at_s

    def preview(self, task: Task) -> Decision:
        """Choose for a task as it would be done now, and write nothing."""
        self.core.engine.made = lambda _decision: None
        self.core.engine.version = lambda _task, _now: None
        return self.core.engine.select(task)

    def chosen(self, model: str, task_type: str) -> tuple[int, int]:
        """Count the recent decisions of a type: those that chose a model, and all."""
        recent = [e for e in self.core.fold.entries.values() if e.type == task_type]
        return sum(e.attempts[0].model == model for e in recent), len(recent)

    def usual_tokens(self, task_type: str) -> int | None:
        """Return how long the inputs of recent tasks of a type were on average; None: nobody counted."""
        found = [e.input_tokens for e in self.core.fold.entries.values() if e.type == task_type]
        counted = [n for n in found if n is not None]
        return round(sum(counted) / len(counted)) if counted else None


@contextmanager
def reading(wanted: Wanted, *, source: Path | None = None, fresh: bool = False) -> Iterator[Reading]:
    """Read the state folder that is asked for, or what holds before the first decision where there is none yet.

    Parameters
    ----------
    wanted
        Which configuration and folder.
    source
        Another configuration file.
    fresh
        Whether to leave the state folder alone: what holds before the first decision.
    """
    config, file, folder = places(wanted, source)
    moment = Moment()
    if not fresh and (wanted.state is not None or (folder / "store.json").exists()):
        core = open_core(config, folder, Randomness(None), moment, read_only=True)
        try:
            yield Reading(config, file, folder, core, moment)
        finally:
            core.state.close()
        return
    if not (fresh or wanted.quiet):
        complain(f"note: there is no state folder {folder} yet; this is what holds before the first decision")
    with TemporaryDirectory(prefix="selector-") as empty:
        core = open_core(config, Path(empty), Randomness(None), moment)
        try:
            yield Reading(config, file, folder, core, moment)
        finally:
            core.state.close()


def places(wanted: Wanted, source: Path | None = None, *, calls: bool = False) -> tuple[Config, Path | None, Path]:
    """Read the configuration that is asked for; return it, its file, and the state folder, which need not be there.

    Parameters
    ----------
    wanted
        Which configuration and folder.
    source
        Another configuration file.
    calls
        Whether models are called under it; see `source_of`.
    """
    config, file = configured(source or source_of(wanted, calls=calls), os.environ)
    folder = state_path(wanted.state, config, file, os.environ)
    if wanted.verbose:
        complain(f"note: configuration {file or 'from the keys in the environment'}, state folder {folder}")
    return config, file, folder


def source_of(wanted: Wanted, *, calls: bool = False) -> Path | None:
    """Say which file is the configuration; None: the one that the environment names, or that lies here, or keys alone.

    What a person names comes first, then what lies where the person stands; only then the file in the state folder that
    is named, which suits what was decided there. Where models are called it is never taken: a folder of data must not
    say which programs are run, and where keys are sent.
    """
    own = own_file(wanted)
    if wanted.config is not None or own is None:
        return wanted.config
    counts, by = named_file(os.environ)
    if counts is None and not calls:
        return own
    if counts is None:
        said = (
            "%s is not used, since it says which programs are run and where keys are sent; give --config %s to use it"
        )
        _logger.warning(said, own, own)
    elif not by and not counts.samefile(own):
        _logger.warning("%s is used, and not %s of the state folder; --config %s takes that one", counts, own, own)
    return None


def own_file(wanted: Wanted) -> Path | None:
    """Find the configuration that lies in the state folder that is named; None: there is none."""
    folder = wanted.state or os.environ.get("SELECTOR_STATE", "").strip()
    return named_file({}, Path(folder))[0] if folder else None


def state_folder(wanted: Wanted) -> Path:
    """Find the state folder that is asked for.

    Raises
    ------
    StateError
        If there is none: nothing is made.
    """
    _, _, folder = places(wanted)
    if not (folder / "store.json").exists():
        raise StateError(f"there is no state in {folder}; name the folder that decisions were written to with --state")
    State.open(folder, clock=now, read_only=True).close()
    return folder


def now() -> float:
    """Return the time in seconds since 1970."""
    return time.time()  # noqa: TID251 - the command line is where the clock comes from
