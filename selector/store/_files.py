"""Every operation that changes a file, in one small object, so that a test can let any of them fail."""

from __future__ import annotations

import errno
import os
from contextlib import suppress
from pathlib import Path

__all__ = ["Files", "draft", "publish"]

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_NEW = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC


class Files:
    """What the operating system does to files. Descriptors are never inherited by another program.

    Examples
    --------
    >>> import tempfile
    >>> files = Files()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     publish(files, Path(folder, "note"), b"whole or not at all")
    ...     Path(folder, "note").read_bytes()
    b'whole or not at all'
    """

    def open(self, path: Path, flags: int) -> int:
        """Open a file; one that is created has mode 0600 whatever the umask."""
        fd = os.open(path, flags | os.O_CLOEXEC, 0o600)
        if flags & os.O_CREAT:
            os.fchmod(fd, 0o600)
        return fd

    def close(self, fd: int) -> None:
        """Close a descriptor."""
        os.close(fd)

    def dup(self, fd: int) -> int:
        """Give a second descriptor of the same open file."""
        return os.dup(fd)

    def size(self, fd: int) -> int:
        """Tell how long the file is."""
        return os.fstat(fd).st_size

    def is_named(self, fd: int) -> bool:
        """Tell whether any folder still has the file."""
        return os.fstat(fd).st_nlink > 0

    def write(self, fd: int, data: bytes | memoryview) -> int:
        """Write at the end and tell how much was written: on a full disk, less, without any error."""
        return os.write(fd, data)

    def fdatasync(self, fd: int) -> None:
        """Wait until the file's bytes are on the disk."""
        os.fdatasync(fd)

    def sync_folder(self, path: Path) -> None:
        """Wait until a folder's names are on the disk."""
        fd = os.open(path, _FOLDER)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def ftruncate(self, fd: int, size: int) -> None:
        """Cut the file."""
        os.ftruncate(fd, size)

    def rename(self, source: Path, target: Path) -> None:
        """Give a file its final name, in the place of what had it."""
        source.rename(target)

    def unlink(self, path: Path) -> None:
        """Remove a file."""
        path.unlink()


def _written(files: Files, fd: int, data: memoryview) -> int:
    n = files.write(fd, data)
    if n == 0:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    return n


def draft(files: Files, path: Path, data: bytes) -> None:
    """Write a whole file under a name that nobody reads, durably; leave nothing behind where that fails."""
    fd = files.open(path, _NEW)
    try:
        rest = memoryview(data)
        while rest:
            rest = rest[_written(files, fd, rest) :]
        files.fdatasync(fd)
    except OSError:
        with suppress(OSError):
            files.unlink(path)
        raise
    finally:
        files.close(fd)


def publish(files: Files, path: Path, data: bytes) -> None:
    """Make a file visible whole or not at all, also after a power cut.

    Parameters
    ----------
    files
        Through which it is written.
    path
        Its final name.
    data
        Its content.
    """
    temporary = path.with_name(f"{path.name}.tmp")
    draft(files, temporary, data)
    files.rename(temporary, path)
    files.sync_folder(path.parent)
