"""Whatever a configuration depends on, watched: its file, the environment file, the variables of this process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Final

from selector.config._origin import named_file
from selector.config._origin_variables import PREFIX, fingerprint
from selector.config._watch import Watch, _seen
from selector.errors import SelectorError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from selector.config._schema import Config

_EVERY_S: Final = 1.0


class Sources:
    """The last good configuration of a file, of the variables over it, or of the environment alone.

    What is new is handed out only once it was loaded without an error; until then the last good one stays. A shell
    cannot change the variables of a running process: those that a program sets are seen within a second, and those of
    an environment file likewise. Variables alone may name another file: what lay here at the beginning stays the one to
    read, also while it is gone for a moment, or the program goes to another folder.

    Parameters
    ----------
    file
        The file; None: the environment alone.
    load
        Reads what is in force, and does whatever else may fail with a configuration.
    environ
        The environment, such as `os.environ`.
    follows
        Whether the environment says which file counts, as where no call named one.

    Raises
    ------
    ConfigError
        If the first one is wrong.

    Examples
    --------
    >>> from selector.config._origin import in_force
    >>> environ = {"OPENAI_API_KEY": "never kept"}
    >>> sources = Sources(None, lambda file: in_force(file, environ).config, environ)
    >>> environ["SELECTOR_MODE"] = "shadow"
    >>> sources.look(now=1.0).mode.name, sources.version
    ('shadow', 2)
    """

    def __init__(
        self,
        file: Path | None,
        load: Callable[[Path | None], Config],
        environ: Mapping[str, str],
        *,
        follows: bool = False,
    ) -> None:
        self._load, self._environ, self._follows = load, environ, follows
        self._folder = Path.cwd()
        file = None if file is None else self._folder / file
        self._here = file if not follows or not named_file(environ)[1] else named_file({}, self._folder)[0]
        self._next_s = float("-inf")
        self._around: tuple[object, ...] | None = self._sum(file)
        self._watch = None if file is None else Watch(file, load)
        self.config: Config = load(None) if self._watch is None else self._watch.config
        """The last good one."""
        self.file = file
        """Where it was read from; None: nowhere."""
        self.version = 1
        """How many were good."""
        self._problem: str | None = None

    @property
    def error(self) -> str | None:
        """What is wrong with the present one; None: it is the one in force."""
        return self._problem or (None if self._watch is None else self._watch.error)

    def look(self, now: float) -> Config | None:
        """Look whether there is something new; within a second of the last look this does nothing.

        Parameters
        ----------
        now
            The time in seconds, of any clock that is always the same one.

        Returns
        -------
        Config or None
            What holds from now on; None: nothing is new, or what is new is wrong, which `error` tells.
        """
        if now < self._next_s <= now + _EVERY_S:
            return None
        self._next_s = now + _EVERY_S
        named, by = named_file(self._environ, self._folder) if self._follows else (None, "")
        file = named if by else self._here
        around = self._sum(file)
        found = None
        if around != self._around:
            found = self._anew(file)
            self._around = None if self._problem else around  # what was wrong is tried again
        elif self._watch is not None:
            found = self._watch.look(now)
        if found is not None:
            self.config, self.version = found, self.version + 1
        return found

    def _anew(self, file: Path | None) -> Config | None:
        """Read again after a variable changed, or which file counts."""
        try:
            watch = None if file is None else Watch(file, self._load)
            found = self._load(None) if watch is None else watch.config
        except (SelectorError, OSError) as error:
            self._problem = str(error)
            return None
        self._watch, self.file, self._problem = watch, file, None
        return None if found == self.config else found

    def _sum(self, file: Path | None) -> tuple[object, ...]:
        """Sum up what is not watched otherwise: variables, and without a file that of the environment."""
        beside = self._environ.get(f"{PREFIX}ENV_FILE", "").strip()
        inner = _seen(Path(beside).expanduser()).digest if beside else b""
        keys = b"" if file is not None else repr(sorted(n for n in self._environ if n.endswith("_KEY"))).encode()
        return None if file is None else os.fspath(file), fingerprint(self._environ), inner, keys
