"""Another configuration for a running selector: validated first, then taken over between two choices."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path

from selector._clients._core import Core
from selector._clients._open import engine_of
from selector._clients._randomness import Randomness
from selector._clients.choice._engine import Engine
from selector._clients.learning._tables import beliefs_table, restore, saved
from selector.config import Config, Sources, environment, in_force, without_file
from selector.errors import SelectorError
from selector.store import learnt_files

__all__ = ["Reload"]

_logger = logging.getLogger("selector")


class Reload:
    """Looks at a file and at the environment now and then, and lets a core go on under what they say.

    Decisions that were made before stay what they were; what was learnt and what is held is taken along.

    Parameters
    ----------
    core
        The running core.
    file
        The configuration's file; None: the environment alone.
    config
        What it was opened under.
    clock
        The time in seconds since 1970.
    follows
        Whether the environment says which file counts, as where no call named one.

    Attributes
    ----------
    error
        Why what is there now is not in force; None: it is.
    version
        How many configurations were in force so far.
    """

    def __init__(
        self, core: Core, file: Path | None, config: Config, clock: Callable[[], float], *, follows: bool = False
    ) -> None:
        self._core, self._config, self._clock = core, config, clock
        self._sources = Sources(file, self._checked, os.environ, follows=follows)
        self._refused: str | None = None
        self.version = 1

    @property
    def config(self) -> Config:
        """The configuration that is in force."""
        return self._config

    @property
    def file(self) -> Path | None:
        """Where the configuration was read from; None: nowhere."""
        return self._sources.file

    @property
    def error(self) -> str | None:
        """Why what is there now is not in force."""
        return self._sources.error or self._refused

    def look(self) -> None:
        """Look whether there is something new, and take that over."""
        before = self.error
        found = self._sources.look(self._clock())
        if found is not None and found != self._config:
            self._refused = self._take_over(found)
        elif found is not None:
            self._refused = None
        if self.error is not None and self.error != before:
            _logger.warning("the configuration is not taken over: %s", self.error)

    def _checked(self, path: Path | None) -> Config:
        """Read a configuration, and build all that may fail with it."""
        config = (without_file(os.environ) if path is None else in_force(path, os.environ)).config
        environment(config, path, os.environ)
        engine_of(config, Randomness(0), self._clock)
        return config

    def _take_over(self, config: Config) -> str | None:
        """Go on under another configuration; tell why not."""
        where = self.file or "the environment"
        if config.state != self._config.state:
            return f"{where}: state was changed, which takes effect when the selector is opened again"
        engine = engine_of(config, Randomness(None), self._clock, learnt_files(self._core.state.path))
        if engine.budget.is_hard != self._core.hard:
            return f"{where}: budgets became hard, or soft, which takes effect when the selector is opened again"
        self._core.scribe.write()
        try:
            with self._core.engine.lock:
                event = {"kind": "config", "at": self._clock(), "digest": config.digest, "version": self.version + 1}
                self._core.state.append(event)
                _hand_over(self._core, engine)
        except SelectorError as error:
            return str(error)
        self._config = config
        self.version += 1
        _logger.info("configuration %s is in force, version %d", config.digest, self.version)
        return None


def _hand_over(core: Core, engine: Engine) -> None:
    """Teach a new engine what the present one knows, and put it in its place; nobody chooses meanwhile."""
    old = core.engine
    now = old.now()
    core.learn_all()
    table = beliefs_table(old.mind, now, old.clock())
    restore(engine.mind, table, saved(old.mind, now))
    engine.budget.load(core.budget.dump(), old.clock())
    engine.roads.load(old.roads.dump(old.clock()), old.clock())
    engine.fold.take_over(core.fold)
    engine.budget.catch_up(engine.fold.entries.values(), old.clock())
    engine.budget.warn = core.budget.warn
    engine.budget.steer(old.clock(), engine.fold.flight.now)
    engine.mind.refresh(now, whole=True)
    old.become(engine)
    core.become(old)
