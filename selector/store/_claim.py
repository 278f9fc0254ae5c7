"""What the processes in a folder have agreed on: those that keep other hard budgets are not let in."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import orjson

from selector.errors import StateError
from selector.store._locks import held, hold, let_go

__all__ = ["CLAIM", "Claim", "living"]

CLAIM = "budgets-"


class Claim:
    """One process's word on which hard budgets the folder has: a shared lock that its death releases.

    What one process spends is counted on another's budget only if both know of it.

    Parameters
    ----------
    root
        The state folder.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     one, two = Claim(Path(folder)), Claim(Path(folder))
    ...     one.take("a", own=None)
    ...     two.take("a", own=None)
    ...     one.name, two.name
    ...     one.let_go(), two.let_go()
    ('a', 'a')
    (None, None)
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._fd: int | None = None
        self.name: str | None = None

    def take(self, name: str, *, own: str | None, beside: bool = False) -> None:
        """Say which hard budgets there are; to say so again changes nothing.

        Parameters
        ----------
        name
            Stands for the budgets, as part of a file's name.
        own
            The caller's own writer, which is in nobody's way.
        beside
            Whether others may say something else, as while a changed configuration is taken over by all.

        Raises
        ------
        StateError
            If another process says something else, or the folder cannot be written.
        """
        if self.name == name:
            return
        path = self._root / f"{CLAIM}{name}.lock"
        try:
            fd = hold(path, shared=True, wait=True)
        except OSError as error:
            raise StateError(
                f"{path} cannot be written: {error.strerror or error}; make room, or give write access"
            ) from error
        assert fd is not None  # noqa: S101 - it waited
        if not beside and self._others(path):
            let_go(fd)
            raise self._refused(own)
        self.let_go()
        self._fd, self.name = fd, name

    def let_go(self) -> None:
        """Give the claim back."""
        fd, self._fd, self.name = self._fd, None, None
        if fd is not None:
            let_go(fd)

    def after_fork(self) -> None:
        """Close the child's copy, and leave the claim with the parent."""
        fd, self._fd, self.name = self._fd, None, None
        if fd is not None:
            os.close(fd)

    def _others(self, own: Path) -> bool:
        mine = None if self.name is None else self._root / f"{CLAIM}{self.name}.lock"
        return any(held(path) for path in self._root.glob(f"{CLAIM}*.lock") if path not in {own, mine})

    def _refused(self, own: str | None) -> StateError:
        pids = sorted({pid for pid, writer in living(self._root) if writer != own})
        who = f"process {' and '.join(map(str, pids))}" if pids else "another process"
        return StateError(
            f"{self._root} is in use by {who} under other hard budgets than these, so that neither would count what "
            "the other spends; give both the same 'budgets', close that one, or give this one a state folder of its own"
        )


def living(root: Path) -> Iterator[tuple[int, str]]:
    """Say which processes write to a folder.

    Parameters
    ----------
    root
        The state folder.

    Yields
    ------
    tuple
        The process of a living writer, and the writer.
    """
    for path in sorted((root / "writers").glob("*.lock")):
        if held(path):
            with suppress(OSError, ValueError, KeyError, TypeError):
                yield int(orjson.loads(path.read_bytes())["pid"]), path.stem
