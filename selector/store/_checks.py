"""What a folder must be before a state is kept in it: ours, local, and of a format we know."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import orjson

from selector.errors import SchemaVersionError, StateError
from selector.store._claim import CLAIM
from selector.store._files import Files, publish
from selector.store._tables import TABLES

__all__ = ["FORMAT", "file_system_of", "identity", "lay_out", "look_at", "network_file_system"]

FORMAT = 1

_FOLDERS = ("writers", "journal", "log", *(f"log/{name}" for name in TABLES), "quarantine")
_REMOTE = {"9p", "afs", "ceph", "cifs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb", "smb2", "smb3", "smbfs"}
_REMOTE_FUSE = {"ceph", "gcsfuse", "glusterfs", "goofys", "nfs", "rclone", "s3fs", "smbnetfs", "sshfs"}
_MOUNTS = Path("/proc/mounts")


def file_system_of(path: Path, mounts: str) -> str:
    r"""Name the type of the file system that a path lies on.

    Parameters
    ----------
    path
        An absolute path.
    mounts
        What the system says of its mounts, a line each.

    Returns
    -------
    str
        Its type; nothing where the mounts do not say.

    Examples
    --------
    >>> file_system_of(Path("/data/state"), "/dev/sda1 / ext4 rw 0 0\nhost:/x /data nfs4 rw 0 0\n")
    'nfs4'
    """
    best, kind = -1, ""
    for line in mounts.splitlines():
        fields = line.split()
        if len(fields) < 3:
            continue
        point = fields[1].replace("\\040", " ").replace("\\011", "\t").replace("\\134", "\\")
        if path.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), fields[2]
    return kind


def network_file_system(kind: str) -> bool:
    """Tell whether locks and appends of one host are only promises on a type of file system.

    Parameters
    ----------
    kind
        The type, as the system names it.

    Returns
    -------
    bool
        Whether it is served over a network.

    Examples
    --------
    >>> network_file_system("nfs4"), network_file_system("fuse.sshfs"), network_file_system("ext4")
    (True, True, False)
    """
    base, _, sub = kind.partition(".")
    return kind in _REMOTE or (base == "fuse" and sub in _REMOTE_FUSE)


def look_at(root: Path, *, read_only: bool) -> None:
    """Refuse what cannot hold a state, or holds one of another version, before one byte is changed.

    Parameters
    ----------
    root
        The folder, which need not be there unless it is only read.
    read_only
        Whether it is only read.

    Raises
    ------
    StateError
        If a state cannot be kept there.
    SchemaVersionError
        If it is of a newer format.
    """
    if root.exists() and not root.is_dir():
        raise StateError(f"the state must be a folder, and {root} is a file; name a folder, or move the file away")
    store = root / "store.json"
    if store.exists():
        _check_format(store)
    elif read_only:
        raise StateError(f"there is no state in {root}; name the folder that has store.json")
    if read_only:
        return
    if root.exists():
        owner = root.stat().st_uid
        if owner != os.geteuid():
            raise StateError(
                f"{root} belongs to user {owner}, and this is user {os.geteuid()}; run as its owner, name a folder of "
                "your own, or open it read-only"
            )
        known = {*_FOLDERS, "store.json.tmp"}
        strange = [name for path in root.iterdir() if (name := path.name) not in known and not name.startswith(CLAIM)]
        if strange and not store.exists():
            raise StateError(f"{root} has other things in it, such as {strange[0]!r}; name a new or an empty folder")
    kind = file_system_of(root, _MOUNTS.read_text(encoding="utf-8")) if _MOUNTS.exists() else ""
    if network_file_system(kind):
        raise StateError(
            f"{root} lies on a network file system ({kind}), where locks and appends of several hosts are not safe; "
            "name a folder on a local disk, and for many machines use Redis"
        )


def lay_out(root: Path, files: Files, clock: Callable[[], float]) -> str:
    """Make the folders and store.json where they are missing, whoever else does so at the same time.

    Parameters
    ----------
    root
        The folder, which `look_at` has passed.
    files
        Through which files are changed.
    clock
        The time in seconds.

    Returns
    -------
    str
        The identity of the store.

    Raises
    ------
    StateError
        If it cannot be written.
    """
    try:
        for path in reversed([root, *root.parents]):
            if not path.exists():
                path.mkdir(mode=0o700, exist_ok=True)
                path.chmod(0o700)
        fd = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            return _laid_out(root, files, clock)
        finally:
            fcntl.flock(fd, fcntl.LOCK_UN)
            os.close(fd)
    except OSError as error:
        raise StateError(
            f"the state in {root} cannot be written: {error.strerror or error}; give write access or make room, name "
            "another folder, or open it read-only"
        ) from error


def identity(root: Path) -> str:
    """Read the identity of the store.

    Parameters
    ----------
    root
        The folder, which `look_at` has passed.

    Returns
    -------
    str
        The identity that it was given when it was made.
    """
    return str(orjson.loads((root / "store.json").read_bytes())["store_id"])


def _laid_out(root: Path, files: Files, clock: Callable[[], float]) -> str:
    store = root / "store.json"
    if not store.exists():
        root.chmod(0o700)
    for name in _FOLDERS:
        folder = root / name
        if not folder.exists():
            folder.mkdir(mode=0o700)
            folder.chmod(0o700)
    if store.exists():
        _check_format(store)
        return identity(root)
    files.sync_folder(root / "log")
    with suppress(PermissionError):
        files.sync_folder(root.parent)
    created = datetime.fromtimestamp(clock(), UTC).isoformat(timespec="seconds")
    note = {"format": FORMAT, "store_id": uuid4().hex, "created": created}
    publish(files, store, orjson.dumps(note) + b"\n")
    return str(note["store_id"])


def _check_format(store: Path) -> None:
    try:
        note = orjson.loads(store.read_bytes())
        found = note["format"]
        known = isinstance(found, int) and found >= 1 and isinstance(note["store_id"], str)
    except (orjson.JSONDecodeError, KeyError, TypeError):
        known, found = False, None
    except PermissionError as error:
        raise StateError(f"{store} cannot be read: {error.strerror}; run as its owner") from error
    if isinstance(found, int) and found > FORMAT:
        raise SchemaVersionError(
            f"{store} is of format {found}, and this version reads format {FORMAT}; "
            "update the library: nothing was changed"
        )
    if not known:
        raise StateError(f"{store} is damaged; write format {FORMAT} and a store_id into it, or name another folder")
