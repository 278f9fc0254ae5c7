"""A configuration that is edited while it is used: looked at when somebody asks, without a thread of its own."""

from __future__ import annotations

import os
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from selector.config._env_file import env_path
from selector.errors import SelectorError

if TYPE_CHECKING:
    from collections.abc import Callable

    from selector.config._schema import Config

    _Files = dict[Path, "_Seen"]
    Stamp = tuple[int, ...] | None

_EVERY_S: Final = 1.0


class _Seen(NamedTuple):
    """What a file was like."""

    stamp: Stamp
    """From the file's entry alone; None: there is no such file."""
    digest: bytes
    """Of its content, or why that cannot be read."""


class Watch:
    """The last good configuration of a file, and what is wrong with the present one.

    What is new is handed out only once it was loaded without an error, from a file that held still meanwhile. Until
    then the last good one stays. The environment file that the configuration names is watched with it.

    Parameters
    ----------
    path
        The file.
    load
        Reads it, and does whatever else may fail with a configuration, such as building a catalog of it and reading
        its environment: what it raises is told and keeps the last good one.

    Raises
    ------
    ConfigError
        If the first one is wrong, as `load` says: there is no last good one yet.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from selector.config import Config
    >>> with TemporaryDirectory() as folder:
    ...     file = Path(folder, "selector.yaml")
    ...     _ = file.write_text("models: {opus: }")
    ...     watch = Watch(file, Config.load)
    ...     _ = file.write_text("models: {opus: , haiku: }")
    ...     found = watch.look(now=1.0)
    >>> list(found.models), watch.version, watch.error
    (['opus', 'haiku'], 2, None)
    """

    __slots__ = ("_confirmed", "_good", "_load", "_next_s", "_seen", "config", "error", "path", "version")

    def __init__(self, path: str | os.PathLike[str], load: Callable[[Path], Config]) -> None:
        self.path, self._load = Path(path), load
        config, self._seen = self._read((self.path,))
        self._good = self._seen
        self._confirmed = False
        self._next_s = float("-inf")
        self.config: Config = config
        """The last good one."""
        self.version = 1
        """How many were good."""
        self.error: str | None = None
        """What is wrong with the present one, with file and line; None: it is the one in force."""

    def look(self, now: float) -> Config | None:
        """Look whether there is something new; within a second of the last look this does nothing.

        Parameters
        ----------
        now
            The time in seconds, of any clock that is always the same one.

        Returns
        -------
        Config or None
            What holds from now on, also where only the environment file changed; None: nothing is new, or what is new
            is wrong, which `error` tells.
        """
        if now < self._next_s <= now + _EVERY_S:  # a clock that was set back does not stop it
            return None
        self._next_s = now + _EVERY_S
        if self._confirmed and all(_stamp(file) == seen.stamp for file, seen in self._seen.items()):
            return None
        seen = {file: _seen(file) for file in self._seen}
        if all(seen[file].digest == self._seen[file].digest for file in seen):
            # Read again once after each change: two edits within one tick of the file system's clock look like one.
            self._seen, self._confirmed = seen, True
            return None
        return self._take(seen)

    def _take(self, seen: _Files) -> Config | None:
        found, problem = None, ""
        try:
            found, seen = self._read(tuple(seen))
        except (SelectorError, OSError) as error:
            problem = str(error)
        if any(_seen(file).digest != before.digest for file, before in seen.items()):
            return None  # it was written to meanwhile: what was read may be half of it, and is read again
        self._seen, self._confirmed, self.error = seen, False, problem or None
        if found is None or (found == self.config and _digests(seen) == _digests(self._good, seen)):
            return None
        self.config, self._good = found, seen
        self.version += 1
        return found

    def _read(self, files: tuple[Path, ...]) -> tuple[Config, _Files]:
        """Load, having looked at all files that matter before."""
        seen = {file: _seen(file) for file in files}
        found = self._load(self.path)
        beside = env_path(found, self.path)
        if beside is not None and beside not in seen:
            seen[beside] = _seen(beside)
            found = self._load(self.path)
        return found, {file: each for file, each in seen.items() if file in {self.path, beside}}


def _digests(files: _Files, of: _Files | None = None) -> list[bytes | None]:
    """Give what the files beside the configuration hold."""
    _, *beside = of or files
    return [files[file].digest if file in files else None for file in beside]


def _stamp(file: Path) -> Stamp:
    """Read a file's entry, which is cheap: any edit changes its times, its size or its place on the disk."""
    try:
        entry = file.stat()
    except OSError:
        return None
    return entry.st_mtime_ns, entry.st_ctime_ns, entry.st_size, entry.st_ino


def _seen(file: Path) -> _Seen:
    stamp = _stamp(file)
    try:
        return _Seen(stamp, blake2b(file.read_bytes(), digest_size=16).digest())
    except OSError as error:
        return _Seen(stamp, f"cannot be read: {error.errno}".encode())
