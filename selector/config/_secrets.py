"""Where a key is found: a reference in the configuration, a value that is handed on and never shown."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING

from selector.config._env_file import read_env
from selector.errors import ConfigError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping

_OTHERS = 0o077
"""The rights of everybody but the owner."""
_MOST_BYTES = 1 << 20


def secret(reference: str, environ: Mapping[str, str], folder: Path, *, key: str | None = None) -> str:
    """Read the key that a configuration refers to.

    Parameters
    ----------
    reference
        ``env:NAME``, a variable; ``file:PATH``, a whole file but for the space around it; ``file:PATH#NAME``, from a
        file of ``NAME=VALUE`` lines, or, by dotted keys, from a JSON file.
    environ
        The environment that holds under the configuration, its `env_file` included.
    folder
        Where the configuration lies: paths are found from there; ``~`` is the user's own folder.
    key
        Which key of the configuration refers to it, such as ``providers.work.api_key``, for the error.

    Returns
    -------
    str
        The key itself, never to be printed.

    Raises
    ------
    ConfigError
        If it is not there, is empty, or lies in a file that others may read; it names the variable or the file and
        never what stands there.

    Examples
    --------
    >>> secret("env:WORK_KEY", {"WORK_KEY": "..."}, Path())
    '...'
    >>> secret("env:WORK_KEY", {}, Path(), key="providers.work.api_key")
    Traceback (most recent call last):
    selector.errors.ConfigError: providers.work.api_key: the variable WORK_KEY is not set; set it to the key
    """
    source, _, rest = reference.partition(":")
    if source == "env":
        return _of_variable(rest, environ, key)
    if source != "file":
        # The reference is not repeated: it may be the key itself.
        raise ConfigError("must be env:NAME or file:PATH#NAME", key=key)
    name, _, inner = rest.partition("#")
    path = folder / Path(name).expanduser()
    text = _text(path, key)
    found = _within(text, inner, path, key) if inner else text.strip()
    if not _is_sendable(found):
        where = f"{path}#{inner}" if inner else str(path)
        said = "is empty" if not found.strip() else "holds more than one line; name the key in it, as file:PATH#NAME"
        raise ConfigError(f"{where} {said}", key=key)
    return found


def _is_sendable(value: str) -> bool:
    return bool(value.strip()) and value.isprintable()


def _of_variable(name: str, environ: Mapping[str, str], key: str | None) -> str:
    value = environ.get(name)
    if value is None:
        raise ConfigError(f"the variable {name} is not set; set it to the key", key=key)
    if not value.strip():
        raise ConfigError(f"the variable {name} is set, but empty; set it to the key", key=key)
    if not _is_sendable(value.strip()):
        raise ConfigError(f"the variable {name} holds what no key can, such as a line break", key=key)
    return value.strip()


def _text(path: Path, key: str | None) -> str:
    problem, text = "", ""
    try:
        entry = path.stat()
        if os.name == "posix" and entry.st_mode & _OTHERS:
            problem = f"may be read by others; run: chmod 600 {path}"
        elif entry.st_size > _MOST_BYTES:
            problem = "is too large to be a file of keys"
        else:
            text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        problem = "is not there; it should hold the key"
    except UnicodeDecodeError:
        problem = "is not UTF-8 text"
    except (OSError, ValueError) as error:
        problem = f"cannot be read: {error.strerror if isinstance(error, OSError) else error}"
    if problem:
        raise ConfigError(f"{path} {problem}", key=key)
    return text


def _within(text: str, inner: str, path: Path, key: str | None) -> str:
    """Find one key of several: by dotted names in JSON, by its name in lines."""
    if not text.lstrip().startswith("{"):
        values = read_env(path)
        if inner not in values:
            raise ConfigError(f"{path} has no line {inner}=...{nearest(inner, values)}", key=key)
        return values[inner]
    found = _json(text, path, key)
    for part in inner.split("."):
        if not isinstance(found, dict) or part not in found:
            # The keys of a JSON file are not listed: nobody promises that they are no secrets.
            raise ConfigError(f"{path} has no key {inner}", key=key)
        found = found[part]
    if not isinstance(found, str):
        raise ConfigError(f"{path}#{inner} is no text", key=key)
    return found.strip()


def _json(text: str, path: Path, key: str | None) -> object:
    line = 0
    try:
        found: object = json.loads(text)
    except json.JSONDecodeError as error:
        line = error.lineno
    except RecursionError:
        line = 1
    if line:
        raise ConfigError("is no JSON", file=str(path), line=line, key=key)
    return found
