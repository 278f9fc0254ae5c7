"""The claim on a whole folder: one process alone, or several that agree on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import orjson

from selector.errors import StateError
from selector.store._locks import held, hold, let_go

__all__ = ["CLAIM", "Claim", "living"]

CLAIM = "one.lock"


class Claim:
    """One process's claim on a folder: a lock that its death releases.

    Parameters
    ----------
    root
        The state folder.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     one, two = Claim(Path(folder)), Claim(Path(folder))
    ...     one.take(exclusive=False, own=None)
    ...     two.take(exclusive=False, own=None)
    ...     one.held, two.held
    ...     one.let_go(), two.let_go()
    (True, True)
    (None, None)
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._fd: int | None = None
        self._exclusive = False

    @property
    def held(self) -> bool:
        """Whether this process holds it."""
        return self._fd is not None

    def take(self, *, exclusive: bool, own: str | None) -> None:
        """Take the claim; to take again what is held already changes nothing.

        Parameters
        ----------
        exclusive
            Whether nobody else may have a claim.
        own
            The caller's own writer, which is in nobody's way.

        Raises
        ------
        StateError
            If another has a claim that forbids it, or this process has one of the other sort.
        """
        if self._fd is not None:
            if self._exclusive != exclusive:
                has = "alone" if self._exclusive else "with others"
                raise StateError(f"{self._root} is claimed {has} by this process already; close it and open it again")
            return
        try:
            fd = hold(self._root / CLAIM, shared=not exclusive)
        except OSError as error:
            raise StateError(
                f"{self._root / CLAIM} cannot be written: {error.strerror or error}; make room, or give write access"
            ) from error
        if fd is None:
            raise self._refused(exclusive=exclusive, own=own)
        self._fd, self._exclusive = fd, exclusive

    def let_go(self) -> None:
        """Give the claim back."""
        fd, self._fd = self._fd, None
        if fd is not None:
            let_go(fd)

    def after_fork(self) -> None:
        """Close the child's copy, and leave the claim with the parent."""
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)

    def _refused(self, *, exclusive: bool, own: str | None) -> StateError:
        pids = sorted({pid for pid, writer in living(self._root) if writer != own})
        who = f"process {' and '.join(map(str, pids))}" if pids else "another process"
        if exclusive:
            return StateError(
                f"{self._root} is in use by {who}, and a hard budget admits one process at a time; close that one, "
                "give this one a state folder of its own, or write 'hard: false' on the budget"
            )
        return StateError(
            f"{self._root} is in use by {who} alone, because of its hard budget; close that one, or give this one a "
            "state folder of its own"
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
