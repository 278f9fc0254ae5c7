"""How a file is written: under a fitting name, over what is there only if that is wanted, and whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

from selector.cli._options import usage_error
from selector.errors import ConfigError

__all__ = ["check_output", "write_private"]


def check_output(path: Path, *, force: bool, what: str = "YAML", endings: tuple[str, ...] = (".yaml", ".yml")) -> None:
    """Refuse a place that a file is not written to.

    Parameters
    ----------
    path
        Where it would be written.
    force
        Whether what is there may be overwritten.
    what
        What is written.
    endings
        What its name may end in; the first one is proposed.

    Raises
    ------
    UsageError
        If its name ends in none of these.
    ConfigError
        If something is there.
    """
    if path.suffix.lower() not in endings:
        raise usage_error(f"--output {path}: what is written is {what}; name it {endings[0]}")
    if path.exists() and not force:
        raise ConfigError("is there already; give --force to overwrite it, or another --output", file=str(path))


def write_private(path: Path, text: str, *, force: bool) -> None:
    """Write a file that only its owner may read; what is there is replaced whole or not at all."""
    target = path.with_name(f".{path.name}.new") if force else path
    flags = os.O_WRONLY | os.O_CREAT | (os.O_TRUNC if force else os.O_EXCL)
    with os.fdopen(os.open(target, flags, 0o600), "w", encoding="utf-8") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
    if force:
        target.replace(path)
